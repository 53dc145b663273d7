//! A network and its clients, for tests.

use super::{Client, Moment, Pool, Subnet, Who};
use protocol::{
    MacAddr,
    dhcp::{MessageType, Packet, code},
};
use std::{net::Ipv4Addr, time::Duration};

pub(in crate::dhcp) const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
pub(in crate::dhcp) const NOW: Moment = Moment(1_700_000_000);
pub(in crate::dhcp) const LEASE: Duration = Duration::from_secs(3600);

/// Four addresses, .10 to .13.
pub(in crate::dhcp) fn subnet() -> Subnet {
    Subnet {
        network: "192.0.2.0/24".parse().unwrap(),
        first: host(10),
        last: host(13),
        router: Some(host(1)),
        name_servers: vec![host(1), host(3)],
        domain: Some("school.example".into()),
        lease: LEASE,
        authoritative: true,
        reservations: Vec::new(),
    }
}

pub(in crate::dhcp) fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, last)
}

pub(in crate::dhcp) fn pool(subnet: Subnet) -> Pool {
    Pool::new(vec![subnet], vec![SERVER], [], NOW).unwrap()
}

pub(in crate::dhcp) fn mac(number: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, number])
}

pub(in crate::dhcp) fn client(number: u8) -> Client {
    Client::Mac(mac(number))
}

pub(in crate::dhcp) fn who(number: u8) -> Who {
    Who::Mac(mac(number))
}

/// A client's packet without more than its kind.
pub(in crate::dhcp) fn packet(number: u8, kind: MessageType) -> Packet {
    Packet::request(mac(number), 7).with(code::MESSAGE_TYPE, &[kind.number()])
}

pub(in crate::dhcp) fn discover(number: u8) -> Packet {
    packet(number, MessageType::Discover)
}

/// SELECTING.
pub(in crate::dhcp) fn select(number: u8, address: Ipv4Addr) -> Packet {
    reboot(number, address).with(code::SERVER_IDENTIFIER, &SERVER.octets())
}

/// INIT-REBOOT.
pub(in crate::dhcp) fn reboot(number: u8, address: Ipv4Addr) -> Packet {
    packet(number, MessageType::Request).with(code::REQUESTED_ADDRESS, &address.octets())
}

/// RENEWING or REBINDING.
pub(in crate::dhcp) fn renew(number: u8, address: Ipv4Addr) -> Packet {
    let mut packet = packet(number, MessageType::Request);
    packet.client_address = address;
    packet
}
