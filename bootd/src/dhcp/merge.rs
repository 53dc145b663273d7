//! One complete offer out of two: the address of the network's own DHCP server, and our boot file.
//!
//! A machine that boots by a proxy keeps two offers, and not everything that it loads looks at the second: Debian's
//! signed grub takes its server from the first alone and asks the DHCP server for its configuration; some firmware
//! ignores proxies altogether (docs/protocols/boot.md has what was measured). So we ask the DHCP server for an address in
//! the machine's name, as a relay on its network would, and offer that address together with our file:
//!
//! ```text
//! machine            appliance                 DHCP server
//!   │ ── DISCOVER ─────┬──────────────────────────→ │   everybody hears it
//!   │ ←─ OFFER, no address (as a proxy) ─┤          │
//!   │                  │ ── DISCOVER, giaddr = us ─→ │
//!   │ ←────────────────────────────── OFFER ─────── │   the machine may take either
//!   │                  │ ←───────────── OFFER ───── │
//!   │ ←─ OFFER, that address, our file ──┤          │
//!   │ ── REQUEST, server = us ─────────→ │          │
//!   │                  │ ── REQUEST, giaddr = us ──→ │
//!   │                  │ ←─────────────── ACK ───── │
//!   │ ←─ ACK, that address, our file ────┤          │
//! ```
//!
//! The lease is the DHCP server's own, kept under the machine's own hardware address. If it does not answer relays, the
//! machine still has its offers as before. A refusal is not passed on: the machine asks again by itself.

use super::engine::BootFile;
use protocol::{
    MacAddr,
    dhcp::{MessageType, Operation, Packet, SubOptions, code},
};
use std::{
    collections::HashMap,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

/// Machines remembered at one time, and for how long.
const CAPACITY: usize = 1024;
const MEMORY: Duration = Duration::from_secs(60);
/// What a DHCP server says that is ours to say.
const OURS: [u8; 7] = [
    code::VENDOR_OPTIONS,
    code::SERVER_IDENTIFIER,
    code::MESSAGE_TYPE,
    code::VENDOR_CLASS,
    code::TFTP_SERVER_NAME,
    code::BOOT_FILE_NAME,
    code::RELAY_AGENT_INFORMATION,
];

/// The machines that are being asked for.
#[derive(Debug, Default)]
pub struct Merger {
    machines: HashMap<MacAddr, Machine>,
}

#[derive(Debug)]
struct Machine {
    transaction: u32,
    file: BootFile,
    /// Our address on the machine's network.
    server: Ipv4Addr,
    /// Who offered which address.
    offered: Option<(Ipv4Addr, Ipv4Addr)>,
    asked_at: Instant,
}

/// A complete offer or acknowledgement for a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// To be broadcast to the machine.
    pub packet: Packet,
    /// The machine.
    pub mac: MacAddr,
    /// Whose address it is.
    pub dhcp_server: Ipv4Addr,
}

impl Merger {
    /// A machine was offered this file on the network where our address is `server`. Returns what to broadcast to DHCP
    /// servers.
    pub fn discover(
        &mut self,
        packet: &Packet,
        server: Ipv4Addr,
        file: &BootFile,
        now: Instant,
    ) -> Option<Packet> {
        let mac = packet.mac()?;
        if self.machines.len() >= CAPACITY {
            self.machines
                .retain(|_, machine| now.duration_since(machine.asked_at) < MEMORY);
        }
        if self.machines.len() >= CAPACITY && !self.machines.contains_key(&mac) {
            return None;
        }
        let machine = Machine {
            transaction: packet.transaction,
            file: file.clone(),
            server,
            offered: None,
            asked_at: now,
        };
        self.machines.insert(mac, machine);
        Some(relayed(packet, server))
    }

    /// A machine took an offer. If it was ours, returns what to broadcast to DHCP servers.
    #[must_use]
    pub fn request(&self, packet: &Packet, server: Ipv4Addr) -> Option<Packet> {
        if packet.message_type() != Some(MessageType::Request) || packet.server_identifier() != Some(server) {
            return None;
        }
        let machine = self.of(packet)?;
        let (dhcp_server, address) = machine.offered?;
        if packet.address(code::REQUESTED_ADDRESS) != Some(address) {
            return None;
        }
        let mut request = relayed(packet, server);
        request
            .options
            .replace(code::SERVER_IDENTIFIER, &dhcp_server.octets());
        Some(request)
    }

    /// A DHCP server answered us. If it is about a machine that we asked for, returns what to tell the machine.
    pub fn reply(&mut self, packet: &Packet, server: Ipv4Addr) -> Option<Merged> {
        if packet.operation != Operation::Reply
            || packet.relay != server
            || packet.your_address.is_unspecified()
        {
            return None;
        }
        let dhcp_server = packet.server_identifier()?;
        let mac = packet.mac()?;
        let machine = self.machines.get_mut(&mac)?;
        if machine.transaction != packet.transaction || machine.server != server {
            return None;
        }
        match (packet.message_type()?, machine.offered) {
            // The first to offer is taken.
            (MessageType::Offer, None) => machine.offered = Some((dhcp_server, packet.your_address)),
            (MessageType::Acknowledge, Some(offered)) if offered == (dhcp_server, packet.your_address) => {}
            _ => return None,
        }
        Some(Merged {
            packet: merge(packet, machine),
            mac,
            dhcp_server,
        })
    }

    fn of(&self, packet: &Packet) -> Option<&Machine> {
        self.machines
            .get(&packet.mac()?)
            .filter(|machine| machine.transaction == packet.transaction)
    }
}

/// The machine's packet as a relay on its network forwards it (RFC 1542 §4.1.1).
fn relayed(packet: &Packet, server: Ipv4Addr) -> Packet {
    let mut relayed = packet.clone();
    relayed.relay = server;
    relayed.hops = relayed.hops.saturating_add(1);
    relayed
}

fn merge(packet: &Packet, machine: &Machine) -> Packet {
    let server = machine.server;
    let mut merged = Packet::reply_to(packet);
    merged.relay = Ipv4Addr::UNSPECIFIED;
    merged.your_address = packet.your_address;
    merged.next_server = server;
    merged.set_broadcast(true);
    // An address as text fits 64 bytes.
    let _ = merged.set_server_name(&server.to_string());
    let kind = packet.message_type().unwrap_or(MessageType::Offer);
    merged.options.push(code::MESSAGE_TYPE, &[kind.number()]);
    merged.options.push(code::SERVER_IDENTIFIER, &server.octets());
    for option in packet
        .options
        .iter()
        .filter(|option| !OURS.contains(&option.code()))
    {
        merged.options.push(option.code(), option.data());
    }
    merged
        .options
        .push(code::VENDOR_CLASS, super::engine::PXE_CLIENT.as_bytes());
    let control =
        SubOptions::default().with(super::engine::DISCOVERY_CONTROL, &[super::engine::USE_THE_FILE]);
    merged.options.push(code::VENDOR_OPTIONS, &control.encode());
    if !merged.set_file(&machine.file.name) {
        merged
            .options
            .push(code::BOOT_FILE_NAME, machine.file.name.as_bytes());
    }
    merged
}

#[cfg(test)]
mod tests;
