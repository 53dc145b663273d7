//! The packets that a client gets about addresses (RFC 2131 table 3).

use super::Subnet;
use crate::dhcp::{
    engine::{BootFile, Destination, Reply, give_back, reply_packet},
    shape::Shape,
};
use protocol::dhcp::{CLIENT_PORT, MessageType, Packet, SERVER_PORT, code};
use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

/// What a firmware is told to load, together with its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootAnswer {
    /// The file.
    pub file: BootFile,
    /// How the offer is made up.
    pub shape: Shape,
}

/// A client's packet, where it came in, and what its network is like.
pub(super) struct Visit<'a> {
    pub(super) packet: &'a Packet,
    pub(super) server: Ipv4Addr,
    pub(super) subnet: &'a Subnet,
    pub(super) boot: Option<&'a BootAnswer>,
}

impl Visit<'_> {
    /// An offer, or what was offered.
    pub(super) fn give(&self, kind: MessageType, address: Ipv4Addr) -> Reply {
        let mut reply = self.begin(kind);
        reply.your_address = address;
        reply.client_address = if kind == MessageType::Acknowledge {
            self.packet.client_address
        } else {
            Ipv4Addr::UNSPECIFIED
        };
        let seconds = self.lease_seconds();
        for (code, value) in [
            (code::LEASE_SECONDS, seconds),
            (code::RENEWAL_SECONDS, seconds / 2),
            (code::REBINDING_SECONDS, seconds / 8 * 7),
        ] {
            reply.options.push(code, &value.to_be_bytes());
        }
        self.add_network(&mut reply);
        self.close(reply)
    }

    /// What a client that has an address otherwise would like to know.
    pub(super) fn inform(&self) -> Reply {
        let mut reply = self.begin(MessageType::Acknowledge);
        reply.client_address = self.packet.client_address;
        self.add_network(&mut reply);
        let mut reply = self.close(reply);
        // §4.3.5: to the address, whatever the client says of broadcasts and relays.
        reply.destination = Destination::Unicast(SocketAddrV4::new(self.packet.client_address, CLIENT_PORT));
        reply
    }

    /// A refusal.
    pub(super) fn refuse(&self) -> Reply {
        let mut reply = Packet::reply_to(self.packet)
            .with(code::MESSAGE_TYPE, &[MessageType::Refuse.number()])
            .with(code::SERVER_IDENTIFIER, &self.server.octets())
            .with(code::MESSAGE, b"this address is not for this machine here");
        // The machine must not use its address any more, so nothing can be sent to it there (§4.3.2).
        reply.set_broadcast(true);
        let mut reply = self.close(reply);
        if self.packet.relay.is_unspecified() {
            reply.destination = Destination::Broadcast;
        }
        reply
    }

    /// A reply to a firmware has its boot file in it.
    fn begin(&self, kind: MessageType) -> Packet {
        match self.boot {
            Some(boot) => {
                let shape = Shape {
                    direct: boot.shape.direct || boot.shape.complete,
                    complete: true,
                };
                let mut reply = reply_packet(self.packet, self.server, kind, &boot.file, shape);
                // As the machine asked: an offer with an address can be sent to it.
                reply.flags = self.packet.flags;
                reply
            }
            None => Packet::reply_to(self.packet)
                .with(code::MESSAGE_TYPE, &[kind.number()])
                .with(code::SERVER_IDENTIFIER, &self.server.octets()),
        }
    }

    fn add_network(&self, reply: &mut Packet) {
        let subnet = self.subnet;
        reply
            .options
            .push(code::SUBNET_MASK, &subnet.network.mask().octets());
        if let Some(router) = subnet.router {
            reply.options.push(code::ROUTERS, &router.octets());
        }
        if !subnet.name_servers.is_empty() {
            let servers: Vec<u8> = subnet.name_servers.iter().flat_map(Ipv4Addr::octets).collect();
            reply.options.push(code::NAME_SERVERS, &servers);
        }
        if let Some(domain) = &subnet.domain {
            reply.options.push(code::DOMAIN_NAME, domain.as_bytes());
        }
        reply
            .options
            .push(code::BROADCAST_ADDRESS, &subnet.network.broadcast().octets());
    }

    fn close(&self, mut reply: Packet) -> Reply {
        // RFC 6842 §3: given back as it came.
        if let Some(identifier) = self.packet.client_identifier() {
            reply.options.push(code::CLIENT_IDENTIFIER, &identifier);
        }
        give_back(self.packet, &mut reply);
        Reply {
            packet: reply,
            destination: self.destination(),
        }
    }

    /// §4.1: to the relay; else to the address that the client has; else to everybody, as a client without an address
    /// has no ARP entry that the kernel could send to.
    fn destination(&self) -> Destination {
        if !self.packet.relay.is_unspecified() {
            Destination::Unicast(SocketAddrV4::new(self.packet.relay, SERVER_PORT))
        } else if self.packet.client_address.is_unspecified() {
            Destination::Broadcast
        } else {
            Destination::Unicast(SocketAddrV4::new(self.packet.client_address, CLIENT_PORT))
        }
    }

    /// As long as the site says, or shorter if the client asks for that.
    fn lease_seconds(&self) -> u32 {
        const SHORTEST: Duration = Duration::from_secs(120);
        let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX - 1);
        let longest = seconds(self.subnet.lease);
        let asked = self.packet.number(code::LEASE_SECONDS).unwrap_or(longest);
        asked.clamp(seconds(SHORTEST).min(longest), longest)
    }
}
