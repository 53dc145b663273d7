//! The messages of a DHCP client (RFC 2131 §4.4) and what it learns from the answers. When to send them is the
//! caller's business.

use super::{MessageType, Packet, code};
use crate::mac::MacAddr;
use std::net::Ipv4Addr;
use uuid::Uuid;

/// Codes that our client would like to know.
const WANTED: [u8; 9] = [
    code::SUBNET_MASK,
    code::ROUTERS,
    code::NAME_SERVERS,
    code::DOMAIN_NAME,
    code::INTERFACE_MTU,
    code::BROADCAST_ADDRESS,
    code::LEASE_SECONDS,
    code::RENEWAL_SECONDS,
    code::REBINDING_SECONDS,
];
/// What fits an Ethernet frame.
const MAX_MESSAGE_SIZE: u16 = 1472;

/// Who a client says it is, the same in each of its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The adapter.
    pub mac: MacAddr,
    /// The SMBIOS UUID. Firmware sends it too: a server that keys leases by it gives the agent the same address.
    pub uuid: Option<Uuid>,
    /// Vendor class; one that does not begin with `PXEClient` gets no boot offers.
    pub vendor_class: &'static str,
}

/// What a server granted (an OFFER or an ACK).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Our address.
    pub address: Ipv4Addr,
    /// Length of the network prefix in bits; 24 if the server sent no mask or one with holes.
    pub prefix_bits: u8,
    /// Default router.
    pub router: Option<Ipv4Addr>,
    /// DNS servers.
    pub name_servers: Vec<Ipv4Addr>,
    /// Who granted it.
    pub server: Ipv4Addr,
    /// Longest IP packet, if the server knows.
    pub mtu: Option<u16>,
    /// How long it holds, in seconds; `u32::MAX` is for ever.
    pub lease_seconds: u32,
    /// When to renew, in seconds; half of the lease if the server does not say.
    pub renewal_seconds: u32,
}

impl ClientIdentity {
    /// DISCOVER: who can give me an address?
    ///
    /// `seconds` counts from the first try: some relays and servers wait for it to grow.
    #[must_use]
    pub fn discover(&self, transaction: u32, seconds: u16) -> Packet {
        let mut packet = self.message(MessageType::Discover, transaction, seconds);
        // Without an address our stack cannot receive a unicast answer.
        packet.set_broadcast(true);
        packet
    }

    /// REQUEST that takes an offer (RFC 2131 §4.3.2, SELECTING).
    #[must_use]
    pub fn select(&self, offer: &Lease, transaction: u32, seconds: u16) -> Packet {
        let mut packet = self
            .message(MessageType::Request, transaction, seconds)
            .with(code::REQUESTED_ADDRESS, &offer.address.octets())
            .with(code::SERVER_IDENTIFIER, &offer.server.octets());
        packet.set_broadcast(true);
        packet
    }

    /// REQUEST that prolongs a lease (RENEWING when sent to the server, REBINDING when broadcast).
    #[must_use]
    pub fn renew(&self, lease: &Lease, transaction: u32) -> Packet {
        let mut packet = self.message(MessageType::Request, transaction, 0);
        packet.client_address = lease.address;
        packet
    }

    fn message(&self, kind: MessageType, transaction: u32, seconds: u16) -> Packet {
        let mut packet = Packet::request(self.mac, transaction)
            .with(code::MESSAGE_TYPE, &[kind.number()])
            .with(code::VENDOR_CLASS, self.vendor_class.as_bytes())
            .with(code::MAX_MESSAGE_SIZE, &MAX_MESSAGE_SIZE.to_be_bytes())
            .with(code::PARAMETER_REQUEST, &WANTED);
        packet.seconds = seconds;
        if let Some(uuid) = self.uuid {
            let mut value = vec![0];
            value.extend(uuid.to_bytes_le());
            packet.options.push(code::CLIENT_UUID, &value);
        }
        packet
    }
}

impl Lease {
    /// Reads what an OFFER or ACK grants. None if it grants nothing: a proxy's offer without an address, a refusal, or
    /// a packet of another kind. The caller compares the transaction number and [`Packet::mac`] first.
    #[must_use]
    pub fn read(packet: &Packet) -> Option<Self> {
        if !matches!(
            packet.message_type()?,
            MessageType::Offer | MessageType::Acknowledge
        ) {
            return None;
        }
        let address = packet.your_address;
        if address.is_unspecified()
            || address.is_broadcast()
            || address.is_multicast()
            || address.is_loopback()
        {
            return None;
        }
        let mask = packet.number(code::SUBNET_MASK).unwrap_or(0xffff_ff00);
        let prefix_bits = if mask.leading_ones() + mask.trailing_zeros() == 32 && mask != 0 {
            u8::try_from(mask.leading_ones()).unwrap_or(24)
        } else {
            24
        };
        let lease_seconds = packet.number(code::LEASE_SECONDS).unwrap_or(3600);
        Some(Self {
            address,
            prefix_bits,
            router: packet
                .addresses(code::ROUTERS)
                .first()
                .copied()
                .filter(|router| !router.is_unspecified()),
            name_servers: packet.addresses(code::NAME_SERVERS),
            server: packet.server_identifier()?,
            mtu: packet
                .options
                .fixed(code::INTERFACE_MTU)
                .map(u16::from_be_bytes)
                .filter(|mtu| *mtu >= 576),
            lease_seconds,
            renewal_seconds: packet
                .number(code::RENEWAL_SECONDS)
                .filter(|seconds| *seconds < lease_seconds)
                .unwrap_or(lease_seconds / 2),
        })
    }
}
