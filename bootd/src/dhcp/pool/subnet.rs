//! What an admin decides about addresses: networks, ranges, reservations.

use protocol::{MacAddr, dhcp::Packet};
use std::{fmt, net::Ipv4Addr, str::FromStr, time::Duration};
use uuid::Uuid;

/// Addresses that one network's range may have: a small pool, of which everything stays in memory.
pub const MAX_RANGE: u32 = 4096;
/// Reservations that one network may have.
pub const MAX_RESERVATIONS: usize = 4096;
const SHORTEST_LEASE: Duration = Duration::from_secs(120);
const LONGEST_LEASE: Duration = Duration::from_secs(60 * 60 * 24 * 90);

/// An IPv4 network, written `192.0.2.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: Ipv4Addr,
    prefix_bits: u8,
}

/// A network in which we give addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The network.
    pub network: Network,
    /// The first address that is given to whoever asks.
    pub first: Ipv4Addr,
    /// The last one.
    pub last: Ipv4Addr,
    /// The default router, if machines shall leave their network.
    pub router: Option<Ipv4Addr>,
    /// DNS servers.
    pub name_servers: Vec<Ipv4Addr>,
    /// DNS domain.
    pub domain: Option<String>,
    /// How long an address may be used without asking again.
    pub lease: Duration,
    /// Whether nobody else gives addresses there: who asks for an address of another network is refused, and who asks
    /// for one that we know nothing of may have it.
    pub authoritative: bool,
    /// Addresses that are kept for one machine each.
    pub reservations: Vec<Reservation>,
}

/// An address that is kept for one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// For whom.
    pub who: Who,
    /// The address, inside or outside of the range.
    pub address: Ipv4Addr,
}

/// How a reservation knows its machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// By its adapter.
    Mac(MacAddr),
    /// By its SMBIOS UUID, which firmware and our agent send (option 97), whatever adapter it boots from.
    Uuid(Uuid),
    /// By what it calls itself (option 61).
    Identifier(Vec<u8>),
}

/// Why addresses cannot be given like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address pool of {network} cannot be used: {why}")]
pub struct PoolError {
    network: Network,
    why: String,
}

/// The text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a network; write it as 192.0.2.0/24, with no bits set behind the prefix")]
pub struct ParseNetworkError;

impl Network {
    /// A network of 4 to 2^24 addresses.
    ///
    /// # Errors
    /// A prefix of another length, or bits set behind it.
    pub fn new(address: Ipv4Addr, prefix_bits: u8) -> Result<Self, ParseNetworkError> {
        let network = Self { address, prefix_bits };
        let good = (8..=30).contains(&prefix_bits) && u32::from(address) & !u32::from(network.mask()) == 0;
        good.then_some(network).ok_or(ParseNetworkError)
    }

    /// Its mask.
    #[must_use]
    pub fn mask(self) -> Ipv4Addr {
        Ipv4Addr::from(
            u32::MAX
                .checked_shl(32 - u32::from(self.prefix_bits))
                .unwrap_or(0),
        )
    }

    /// Its broadcast address.
    #[must_use]
    pub fn broadcast(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address) | !u32::from(self.mask()))
    }

    /// Whether an address belongs to it.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & u32::from(self.mask()) == u32::from(self.address)
    }

    /// Whether a machine in it can have this address.
    #[must_use]
    pub fn has_host(self, address: Ipv4Addr) -> bool {
        self.contains(address) && address != self.address && address != self.broadcast()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

impl FromStr for Network {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, bits) = text.split_once('/').ok_or(ParseNetworkError)?;
        let address = address.parse().map_err(|_| ParseNetworkError)?;
        Self::new(address, bits.parse().map_err(|_| ParseNetworkError)?)
    }
}

impl Who {
    /// Whether this packet is of that machine.
    pub(super) fn sent(&self, packet: &Packet) -> bool {
        match self {
            Self::Mac(mac) => packet.mac() == Some(*mac),
            Self::Uuid(uuid) => packet.client_uuid() == Some(*uuid),
            Self::Identifier(identifier) => packet.client_identifier().as_ref() == Some(identifier),
        }
    }
}

impl Subnet {
    /// Whether an address may be given to whoever asks.
    #[must_use]
    pub fn ranges_over(&self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }

    /// The address that is kept for the sender of a packet. A machine's own UUID counts more than an adapter, which may
    /// be carried from one machine to the next.
    #[must_use]
    pub fn reserved_for(&self, packet: &Packet) -> Option<Ipv4Addr> {
        let mut found: Vec<&Reservation> = self
            .reservations
            .iter()
            .filter(|reservation| reservation.who.sent(packet))
            .collect();
        found.sort_by_key(|reservation| matches!(reservation.who, Who::Mac(_)));
        found.first().map(|reservation| reservation.address)
    }

    /// Whether an address is kept for somebody.
    #[must_use]
    pub fn reserves(&self, address: Ipv4Addr) -> bool {
        self.reservations
            .iter()
            .any(|reservation| reservation.address == address)
    }

    fn check(&self) -> Result<(), String> {
        for (name, address) in [("first", self.first), ("last", self.last)] {
            if !self.network.has_host(address) {
                return Err(format!(
                    "its {name} address {address} is not one of that network's machines"
                ));
            }
        }
        let count = u32::from(self.last).checked_sub(u32::from(self.first));
        match count {
            None => {
                return Err(format!(
                    "its range ends at {} before it begins at {}",
                    self.last, self.first
                ));
            }
            Some(count) if count >= MAX_RANGE => {
                return Err(format!(
                    "its range has more than {MAX_RANGE} addresses; take fewer"
                ));
            }
            Some(_) => {}
        }
        if let Some(router) = self.router.filter(|router| !self.network.has_host(*router)) {
            return Err(format!("its router {router} is not in that network"));
        }
        if self.name_servers.len() > 8 {
            return Err("it names more than 8 DNS servers".into());
        }
        if !(SHORTEST_LEASE..=LONGEST_LEASE).contains(&self.lease) {
            return Err(format!(
                "a lease of {} s is too short or too long; take two minutes to ninety days",
                self.lease.as_secs()
            ));
        }
        if let Some(domain) = self.domain.as_ref().filter(|domain| !is_domain(domain)) {
            return Err(format!("{domain:?} is no DNS domain"));
        }
        if self.reservations.len() > MAX_RESERVATIONS {
            return Err(format!("it has more than {MAX_RESERVATIONS} reservations"));
        }
        for (place, one) in self.reservations.iter().enumerate() {
            let address = one.address;
            if !self.network.has_host(address) {
                return Err(format!("the reserved address {address} is not in that network"));
            }
            if Some(address) == self.router {
                return Err(format!("the reserved address {address} is the router's"));
            }
            for other in &self.reservations[place + 1..] {
                if other.address == address {
                    return Err(format!("the address {address} is reserved twice"));
                }
                if other.who == one.who {
                    return Err(format!(
                        "one machine has both {address} and {} reserved",
                        other.address
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Whether addresses can be given like this.
///
/// # Errors
/// What cannot be, with the network's name.
pub fn check(subnets: &[Subnet]) -> Result<(), PoolError> {
    for (place, subnet) in subnets.iter().enumerate() {
        let failed = |why| PoolError {
            network: subnet.network,
            why,
        };
        subnet.check().map_err(failed)?;
        let overlapping = subnets[place + 1..].iter().find(|other| {
            subnet.network.contains(other.network.address) || other.network.contains(subnet.network.address)
        });
        if let Some(other) = overlapping {
            return Err(failed(format!("it overlaps with that of {}", other.network)));
        }
    }
    Ok(())
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= 200 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dhcp::pool::testing::subnet;
    use proptest::prelude::*;

    #[test]
    fn a_network_is_written_with_its_prefix_and_nothing_behind_it() {
        let network: Network = "192.0.2.128/25".parse().unwrap();
        assert_eq!(network.mask(), Ipv4Addr::new(255, 255, 255, 128));
        assert_eq!(network.broadcast(), Ipv4Addr::new(192, 0, 2, 255));
        assert_eq!(network.to_string(), "192.0.2.128/25");
        assert!(network.has_host(Ipv4Addr::new(192, 0, 2, 129)));
        for address in [127, 128, 255] {
            assert!(!network.has_host(Ipv4Addr::new(192, 0, 2, address)), "{address}");
        }
        for text in [
            "192.0.2.1/24",
            "192.0.2.0",
            "192.0.2.0/31",
            "10.0.0.0/7",
            "a/24",
            "192.0.2.0/-1",
            "/",
        ] {
            assert_eq!(text.parse::<Network>(), Err(ParseNetworkError), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_given_is_refused_in_words() {
        let good = subnet();
        assert_eq!(check(std::slice::from_ref(&good)), Ok(()));
        let reserved = |address: [u8; 4], last: u8| Reservation {
            who: Who::Mac(MacAddr([2, 0, 0, 0, 0, last])),
            address: address.into(),
        };
        let bad = [
            (
                Subnet {
                    first: [192, 0, 2, 0].into(),
                    ..good.clone()
                },
                "first address 192.0.2.0 is not one",
            ),
            (
                Subnet {
                    last: [192, 0, 3, 1].into(),
                    ..good.clone()
                },
                "last address 192.0.3.1 is not one",
            ),
            (
                Subnet {
                    first: good.last,
                    last: good.first,
                    ..good.clone()
                },
                "before it begins",
            ),
            (
                Subnet {
                    network: "10.0.0.0/8".parse().unwrap(),
                    first: [10, 0, 0, 1].into(),
                    last: [10, 0, 16, 1].into(),
                    router: None,
                    ..good.clone()
                },
                "more than 4096 addresses",
            ),
            (
                Subnet {
                    router: Some([192, 0, 3, 1].into()),
                    ..good.clone()
                },
                "router 192.0.3.1",
            ),
            (
                Subnet {
                    lease: Duration::from_secs(10),
                    ..good.clone()
                },
                "10 s is too short",
            ),
            (
                Subnet {
                    domain: Some("two words".into()),
                    ..good.clone()
                },
                "\"two words\" is no DNS domain",
            ),
            (
                Subnet {
                    reservations: vec![reserved([192, 0, 3, 9], 1)],
                    ..good.clone()
                },
                "192.0.3.9 is not in that network",
            ),
            (
                Subnet {
                    reservations: vec![reserved([192, 0, 2, 9], 1), reserved([192, 0, 2, 9], 2)],
                    ..good.clone()
                },
                "reserved twice",
            ),
            (
                Subnet {
                    reservations: vec![reserved([192, 0, 2, 8], 1), reserved([192, 0, 2, 9], 1)],
                    ..good.clone()
                },
                "one machine has both",
            ),
        ];
        for (subnet, words) in bad {
            let error = check(&[subnet]).unwrap_err().to_string();
            assert!(error.contains(words), "{error} does not say {words:?}");
        }
        let error = check(&[good.clone(), good]).unwrap_err().to_string();
        assert!(error.contains("overlaps with that of 192.0.2.0/24"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_a_network_or_refused(text in "[0-9./]{0,20}") {
            if let Ok(network) = text.parse::<Network>() {
                prop_assert!(network.contains(network.broadcast()));
                prop_assert_eq!(network.to_string().parse(), Ok(network));
            }
        }
    }
}
