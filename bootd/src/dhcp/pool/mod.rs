//! Addresses of our own, for networks without a DHCP server: packet and time in, reply and what to keep out. Pure.
//!
//! | packet (RFC 2131 §4.3) | answer |
//! | --- | --- |
//! | DISCOVER | OFFER: the reserved address, else the one it has or had, else the one it asks for, else one nobody had, else the one that was given back longest ago; silence if there is none |
//! | REQUEST naming us (SELECTING) | ACK, or a refusal if that address is not for it |
//! | REQUEST naming another server | silence; our offer is taken back |
//! | REQUEST for an address it remembers (INIT-REBOOT), from an address it has (RENEWING, REBINDING) | ACK if it is its own; if nobody has it, ACK where we are the only server, else silence; if it is another's or of another network, a refusal where we are the only server, else silence |
//! | DECLINE | none; nobody gets that address for an hour |
//! | RELEASE | none; the same machine gets it again if it can |
//! | INFORM | ACK with the options and no address |
//!
//! A firmware gets the boot file with its address, in the same offer: no proxy is needed, and none could be ignored.
//! Where an offered address answers to somebody else the caller says so ([`Pool::note_user`]), and asks again.
//! Nothing is given before the caller has kept it ([`Answer::keep`]). Memory is bounded by the ranges.

mod lease;
mod opening;
mod reply;
mod server;
mod subnet;

pub use lease::{Client, Lease, Moment, ParseClientError};
pub(crate) use opening::{covers, listen_on, open};
pub use reply::BootAnswer;
pub(crate) use server::{Desk, Question};
pub use subnet::{
    MAX_RANGE, MAX_RESERVATIONS, Network, ParseNetworkError, PoolError, Reservation, Subnet, Who, check,
};

use super::engine::Reply;
use lease::{Entry, Standing, host_name};
use protocol::{
    MacAddr,
    dhcp::{MessageType, Operation, Packet, code},
};
use std::{collections::BTreeMap, fmt, net::Ipv4Addr, time::Duration};

/// How long an offer is held: firmware collects offers for some seconds, and repeats itself for a minute.
const OFFER_HELD: Duration = Duration::from_secs(60);
/// How long an address that somebody else uses is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(60 * 60);

/// The pools of an appliance.
#[derive(Clone, Debug)]
pub struct Pool {
    subnets: Vec<Subnet>,
    /// Addresses that were offered or given, also long ago.
    entries: BTreeMap<Ipv4Addr, Entry>,
    /// Addresses that somebody uses without having asked us, by whom if that is known, and until when they are left alone.
    strangers: BTreeMap<Ipv4Addr, (Option<MacAddr>, Moment)>,
    own: Vec<Ipv4Addr>,
}

/// What comes of a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What to send; if [`Answer::keep`] is something, only when that is kept.
    pub reply: Option<Reply>,
    /// What to keep.
    pub keep: Option<Lease>,
    /// The address of which nobody knows yet whether somebody uses it.
    pub probe: Option<Ipv4Addr>,
    /// What to tell.
    pub told: Option<Told>,
}

/// What happened to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was offered.
    Offered(Ipv4Addr),
    /// It was given.
    Given(Ipv4Addr),
    /// Its holder goes on using it.
    Renewed(Ipv4Addr),
    /// It was asked for and refused.
    Refused(Ipv4Addr),
    /// Its holder found that another machine uses it.
    Declined(Ipv4Addr),
    /// It was given back.
    Released(Ipv4Addr),
    /// The machine took the offer of another DHCP server.
    Elsewhere(Ipv4Addr),
    /// Every address is in use.
    Full(Network),
}

/// What an address is for somebody who would like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// It has it, had it, or was offered it.
    Own,
    /// Nobody has it.
    Free,
    /// It is another's, or nobody's to give.
    Taken,
}

impl Pool {
    /// Pools with what was given before. `own` are the appliance's addresses: they are never given.
    ///
    /// # Errors
    /// See [`check`].
    pub fn new(
        subnets: Vec<Subnet>,
        own: Vec<Ipv4Addr>,
        leases: impl IntoIterator<Item = Lease>,
        now: Moment,
    ) -> Result<Self, PoolError> {
        check(&subnets)?;
        let mut pool = Self {
            subnets,
            entries: BTreeMap::new(),
            strangers: BTreeMap::new(),
            own,
        };
        for lease in leases {
            let Some(subnet) = pool
                .subnet_of(lease.address)
                .filter(|subnet| pool.may_give(subnet, lease.address))
            else {
                continue;
            };
            // By a clock that was ahead when it was given, it would never end.
            let until = lease.expires.min(now.plus(subnet.lease));
            let entry = Entry {
                client: lease.client,
                standing: Standing::Bound,
                until,
                host_name: lease.host_name,
            };
            pool.entries.insert(lease.address, entry);
        }
        Ok(pool)
    }

    /// Whether a packet that came in by the interface where our address is `server` comes from a network of ours.
    #[must_use]
    pub fn serves(&self, packet: &Packet, server: Ipv4Addr) -> bool {
        self.subnet_for(packet, server).is_some()
    }

    /// Answers a client's packet. None if its network is not ours, or it is no question about addresses.
    ///
    /// `boot` is what a firmware is told to load.
    pub fn take(
        &mut self,
        packet: &Packet,
        server: Ipv4Addr,
        boot: Option<&BootAnswer>,
        now: Moment,
    ) -> Option<Answer> {
        if packet.operation != Operation::Request || packet.relay == server {
            return None;
        }
        let kind = packet.message_type()?;
        let subnet = self.subnet_for(packet, server)?.clone();
        let Some(client) = Client::of(packet) else {
            return Some(Answer::default());
        };
        let visit = reply::Visit {
            packet,
            server,
            subnet: &subnet,
            boot,
        };
        Some(match kind {
            MessageType::Discover => self.offer(&visit, client, now),
            MessageType::Request => self.request(&visit, client, now),
            MessageType::Decline => self.decline(packet, &client, server, now),
            MessageType::Release => self.release(packet, &client, now),
            MessageType::Inform => Answer {
                // Without an address there is nowhere to answer to.
                reply: subnet
                    .network
                    .has_host(packet.client_address)
                    .then(|| visit.inform()),
                ..Answer::default()
            },
            _ => return None,
        })
    }

    /// Somebody on the network was heard to use an address. It matters if it is not the machine that has it from us.
    pub fn note_user(&mut self, address: Ipv4Addr, mac: Option<MacAddr>, now: Moment) {
        if self
            .subnet_of(address)
            .is_some_and(|subnet| self.may_give(subnet, address))
        {
            self.strangers.insert(address, (mac, now.plus(LEFT_ALONE)));
        }
    }

    /// Whether an address is used by somebody else than this machine, as far as was heard.
    #[must_use]
    pub fn is_used_by_another(&self, address: Ipv4Addr, client: &Client, now: Moment) -> bool {
        self.strangers
            .get(&address)
            .is_some_and(|(mac, until)| now < *until && (mac.is_none() || client.mac() != *mac))
    }

    fn offer(&mut self, visit: &reply::Visit<'_>, client: Client, now: Moment) -> Answer {
        let Some(address) = self.choose(visit, &client, now) else {
            return Answer {
                told: Some(Told::Full(visit.subnet.network)),
                ..Answer::default()
            };
        };
        let known = self.entries.get(&address).filter(|entry| entry.client == client);
        let holds = known.is_some_and(|entry| entry.standing == Standing::Bound && entry.holds(now));
        if !holds {
            let entry = Entry {
                client,
                standing: Standing::Offered,
                until: now.plus(OFFER_HELD),
                host_name: host_name(visit.packet),
            };
            self.entries.insert(address, entry);
        }
        Answer {
            reply: Some(visit.give(MessageType::Offer, address)),
            keep: None,
            probe: (!holds).then_some(address),
            told: Some(Told::Offered(address)),
        }
    }

    fn request(&mut self, visit: &reply::Visit<'_>, client: Client, now: Moment) -> Answer {
        let packet = visit.packet;
        let requested = packet.address(code::REQUESTED_ADDRESS);
        if let Some(chosen) = packet
            .server_identifier()
            .filter(|chosen| *chosen != visit.server)
        {
            self.entries
                .retain(|_, entry| entry.client != client || entry.standing == Standing::Bound);
            return Answer {
                told: Some(Told::Elsewhere(chosen)),
                ..Answer::default()
            };
        }
        let selects = packet.server_identifier().is_some();
        let renews = !packet.client_address.is_unspecified();
        let asked = if renews {
            Some(packet.client_address)
        } else {
            requested
        };
        let Some(address) = asked.filter(|address| !address.is_unspecified()) else {
            return Answer::default();
        };
        let may_have = match self.claim(visit.subnet, packet, &client, address, now) {
            Claim::Own => true,
            // What was offered before a restart, or given by an appliance that lost its memory.
            Claim::Free => selects || visit.subnet.authoritative,
            Claim::Taken => false,
        };
        if may_have {
            let told = if renews {
                Told::Renewed(address)
            } else {
                Told::Given(address)
            };
            let entry = Entry {
                client,
                standing: Standing::Bound,
                until: now.plus(visit.subnet.lease),
                host_name: host_name(packet),
            };
            let keep = Some(entry.lease(address));
            self.entries.insert(address, entry);
            return Answer {
                reply: Some(visit.give(MessageType::Acknowledge, address)),
                keep,
                probe: None,
                told: Some(told),
            };
        }
        // Of an address that is nobody's nothing is known here: another server may know it.
        let knows = self.claim(visit.subnet, packet, &client, address, now) == Claim::Taken;
        if visit.subnet.authoritative && (knows || selects) {
            return Answer {
                reply: Some(visit.refuse()),
                told: Some(Told::Refused(address)),
                ..Answer::default()
            };
        }
        Answer::default()
    }

    fn decline(&mut self, packet: &Packet, client: &Client, server: Ipv4Addr, now: Moment) -> Answer {
        let address = packet.address(code::REQUESTED_ADDRESS);
        let Some(address) = address.filter(|address| self.is_of(*address, client)) else {
            return Answer::default();
        };
        if packet.server_identifier().is_some_and(|chosen| chosen != server) {
            return Answer::default();
        }
        let keep = self.take_back(address, now);
        self.strangers.insert(address, (None, now.plus(LEFT_ALONE)));
        Answer {
            keep,
            told: Some(Told::Declined(address)),
            ..Answer::default()
        }
    }

    fn release(&mut self, packet: &Packet, client: &Client, now: Moment) -> Answer {
        let address = packet.client_address;
        if !self.is_of(address, client) {
            return Answer::default();
        }
        Answer {
            keep: self.take_back(address, now),
            told: Some(Told::Released(address)),
            ..Answer::default()
        }
    }

    fn is_of(&self, address: Ipv4Addr, client: &Client) -> bool {
        self.entries
            .get(&address)
            .is_some_and(|entry| entry.client == *client)
    }

    /// Ends a lease; what to keep of it.
    fn take_back(&mut self, address: Ipv4Addr, now: Moment) -> Option<Lease> {
        let entry = self.entries.get_mut(&address)?;
        entry.until = entry.until.min(now);
        (entry.standing == Standing::Bound).then(|| entry.lease(address))
    }

    /// The address to offer.
    fn choose(&self, visit: &reply::Visit<'_>, client: &Client, now: Moment) -> Option<Ipv4Addr> {
        let (subnet, packet) = (visit.subnet, visit.packet);
        let claim = |address| self.claim(subnet, packet, client, address, now);
        let is_good = |address: &Ipv4Addr| claim(*address) != Claim::Taken;
        if let Some(reserved) = subnet.reserved_for(packet).filter(is_good) {
            return Some(reserved);
        }
        let in_subnet = || {
            self.entries
                .iter()
                .filter(|(address, _)| subnet.network.contains(**address))
        };
        // Of several that it had, the one that it had last.
        let own = in_subnet()
            .filter(|(address, entry)| entry.client == *client && is_good(address))
            .max_by_key(|(_, entry)| entry.until);
        if let Some((address, _)) = own {
            return Some(*address);
        }
        let requested = packet.address(code::REQUESTED_ADDRESS);
        if let Some(requested) = requested.filter(|address| claim(*address) == Claim::Free) {
            return Some(requested);
        }
        let (first, last) = (u32::from(subnet.first), u32::from(subnet.last));
        let len = last - first + 1;
        let start = client.hash() % len;
        let fresh = (0..len)
            .map(|step| Ipv4Addr::from(first + (start + step) % len))
            .find(|address| !self.entries.contains_key(address) && is_good(address));
        fresh.or_else(|| {
            in_subnet()
                .filter(|(address, _)| subnet.ranges_over(**address) && is_good(address))
                .min_by_key(|(_, entry)| entry.until)
                .map(|(address, _)| *address)
        })
    }

    /// What an address is for the sender of a packet.
    fn claim(
        &self,
        subnet: &Subnet,
        packet: &Packet,
        client: &Client,
        address: Ipv4Addr,
        now: Moment,
    ) -> Claim {
        if !subnet.network.contains(address) || !self.may_give(subnet, address) {
            return Claim::Taken;
        }
        let is_reserved_for_it = subnet.reserved_for(packet) == Some(address);
        let entry = self.entries.get(&address);
        let is_its = entry.is_some_and(|entry| entry.client == *client);
        let holds = entry.is_some_and(|entry| entry.holds(now));
        // Its own system does not tell the UUID by which its firmware got a reserved address.
        let has_it = is_its && holds;
        // Who has an address keeps it: a stranger that takes it must not take it away.
        let is_bound = has_it && entry.is_some_and(|entry| entry.standing == Standing::Bound);
        if !is_its && holds || !is_bound && self.is_used_by_another(address, client, now) {
            return Claim::Taken;
        }
        match subnet.reserves(address) {
            true if is_reserved_for_it || has_it => Claim::Own,
            true => Claim::Taken,
            false if is_its => Claim::Own,
            false => Claim::Free,
        }
    }

    /// Whether an address of a network may be given to anybody at all.
    fn may_give(&self, subnet: &Subnet, address: Ipv4Addr) -> bool {
        (subnet.ranges_over(address) || subnet.reserves(address))
            && Some(address) != subnet.router
            && !self.own.contains(&address)
    }

    fn subnet_of(&self, address: Ipv4Addr) -> Option<&Subnet> {
        self.subnets
            .iter()
            .find(|subnet| subnet.network.contains(address))
    }

    /// The network that a packet comes from: its relay's, else that of the interface it came in by. A machine behind a
    /// relay renews without it, from the address that it has.
    fn subnet_for(&self, packet: &Packet, server: Ipv4Addr) -> Option<&Subnet> {
        if !packet.relay.is_unspecified() {
            return self.subnet_of(packet.relay);
        }
        let client = Client::of(packet);
        let here = packet.client_address;
        let holds = client.is_some_and(|client| self.is_of(here, &client));
        let own = if holds { self.subnet_of(here) } else { None };
        own.or_else(|| self.subnet_of(server))
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offered(address) => write!(f, "was offered the address {address}"),
            Self::Given(address) => write!(f, "was given the address {address}"),
            Self::Renewed(address) => write!(f, "keeps the address {address}"),
            Self::Refused(address) => {
                write!(
                    f,
                    "asked for the address {address}, which is not for it here, and was refused"
                )
            }
            Self::Declined(address) => write!(
                f,
                "says that another machine uses {address}; nobody gets that address for an hour"
            ),
            Self::Released(address) => write!(f, "gave the address {address} back"),
            Self::Elsewhere(server) => write!(
                f,
                "took an address from the DHCP server {server}; two servers on one network give addresses by chance, switch one off"
            ),
            Self::Full(network) => write!(
                f,
                "got no address: every address of the pool of {network} is in use; make its range larger or its leases shorter"
            ),
        }
    }
}

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
