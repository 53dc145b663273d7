//! Who has which address, and since when: the pool's memory.

use protocol::{MacAddr, dhcp::Packet};
use std::{fmt, fmt::Write, net::Ipv4Addr, str::FromStr, time::Duration};

/// A moment, in seconds since 1970 UTC: leases outlive the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

/// Who holds an address.
///
/// The adapter's address comes before what the client calls itself (RFC 2131 §4.2 has it the other way round): a machine
/// that boots is its ROM, iPXE, our agent and its own system in turn, each with another identifier or none, and shall not
/// use up four addresses of a small pool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Client {
    /// An Ethernet adapter.
    Mac(MacAddr),
    /// Something else that calls itself so (option 61).
    Identifier(Vec<u8>),
}

/// An address that was given, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: Ipv4Addr,
    /// Who has it.
    pub client: Client,
    /// What that machine calls itself (option 12), without control characters; may be empty.
    pub host_name: String,
    /// Until when. In the past for one that was given back: the same machine gets it again if it can.
    pub expires: Moment,
}

/// The text names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the holder of an address; it is a MAC address, or id: and hexadecimal digits")]
pub struct ParseClientError;

/// What became of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Offered; taken back when it is not asked for.
    Offered,
    /// Given.
    Bound,
}

/// An address that somebody was offered or given.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) client: Client,
    pub(super) standing: Standing,
    pub(super) until: Moment,
    pub(super) host_name: String,
}

impl Moment {
    /// This much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_secs()))
    }

    /// By the computer's clock.
    #[must_use]
    pub fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self(since.map_or(0, |since| since.as_secs()))
    }
}

impl Client {
    /// The sender of a packet; none if it says nothing of itself.
    #[must_use]
    pub fn of(packet: &Packet) -> Option<Self> {
        let mac = packet.mac().filter(|mac| mac.is_unicast()).map(Self::Mac);
        let identifier = || packet.client_identifier().filter(|bytes| !bytes.is_empty());
        mac.or_else(|| {
            identifier().map(|mut bytes| {
                bytes.truncate(255);
                Self::Identifier(bytes)
            })
        })
    }

    /// Its adapter, if that is what it is known by.
    #[must_use]
    pub fn mac(&self) -> Option<MacAddr> {
        match self {
            Self::Mac(mac) => Some(*mac),
            Self::Identifier(_) => None,
        }
    }

    /// Where in the range to begin to look: always the same for the same machine, so that it mostly gets the address that
    /// it had, even if the appliance forgot everything (FNV-1a, 32 bits).
    pub(super) fn hash(&self) -> u32 {
        let bytes = match self {
            Self::Mac(mac) => &mac.0[..],
            Self::Identifier(bytes) => bytes,
        };
        bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        })
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mac(mac) => mac.fmt(f),
            Self::Identifier(bytes) => {
                f.write_str("id:")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl FromStr for Client {
    type Err = ParseClientError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(digits) = text.strip_prefix("id:") else {
            return text.parse().map(Self::Mac).map_err(|_| ParseClientError);
        };
        let digits: Option<Vec<u8>> = digits
            .chars()
            .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let digits = digits.filter(|digits| !digits.is_empty() && digits.len().is_multiple_of(2));
        let digits = digits.ok_or(ParseClientError)?;
        Ok(Self::Identifier(
            digits
                .chunks_exact(2)
                .map(|pair| pair[0] << 4 | pair[1])
                .collect(),
        ))
    }
}

impl Entry {
    /// Whether the address is its client's now.
    pub(super) fn holds(&self, now: Moment) -> bool {
        now < self.until
    }

    pub(super) fn lease(&self, address: Ipv4Addr) -> Lease {
        Lease {
            address,
            client: self.client.clone(),
            host_name: self.host_name.clone(),
            expires: self.until,
        }
    }
}

/// What a machine calls itself, fit for a line.
pub(super) fn host_name(packet: &Packet) -> String {
    let mut name = String::new();
    for character in packet
        .options
        .text(protocol::dhcp::code::HOST_NAME)
        .unwrap_or_default()
        .chars()
        .take(63)
    {
        if !character.is_control() {
            let _ = name.write_char(character);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_holder_is_read_as_it_was_written(bytes in prop::collection::vec(any::<u8>(), 1..40), mac: [u8; 6]) {
            for client in [Client::Identifier(bytes.clone()), Client::Mac(MacAddr(mac))] {
                prop_assert_eq!(client.to_string().parse(), Ok(client));
            }
        }

        #[test]
        fn any_text_is_a_holder_or_refused(text in "(id:)?[0-9a-fé:]{0,20}") {
            let _ = text.parse::<Client>();
        }
    }
}
