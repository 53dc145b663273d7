//! A UDP port that another program of this computer holds: heard from the wire beside it, answered from in its name.
//!
//! A DHCP server on the same computer has port 67. Two sockets could share it, but the kernel would hand each packet that
//! is meant for one of us to either. So packets are taken from the wire as they come in, by a filter in the kernel that
//! passes only UDP to this port on this interface; answers carry headers of our own making. Needs `CAP_NET_RAW`.
//!
//! ```text
//! IPv4 header: version and words (1) … protocol (1 at 9) … source (4 at 12) destination (4 at 16) options (4 n)
//! UDP header:  source port (2) destination port (2) length with header (2) checksum (2)
//! ```

use super::{Datagram, interface_addresses};
use nix::libc;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
};
use tokio::net::UdpSocket;

const ETHERTYPE_IPV4: u16 = 0x0800;
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;
const IP_HEADER: usize = 20;
/// Longest packet that is taken from the wire.
const BUFFER_LEN: usize = 9216;

/// See the module.
#[derive(Debug)]
pub(super) struct BesideSocket {
    /// A packet socket: of tokio's sockets the one whose `recv` is only that.
    wire: UdpSocket,
    answers: Socket,
    interface: String,
    port: u16,
}

impl BesideSocket {
    pub(super) fn open(interface: &str, index: u32, port: u16) -> io::Result<Self> {
        let protocol = Protocol::from(i32::from(ETHERTYPE_IPV4.to_be()));
        let wire = Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol))?;
        wire.attach_filter(&filter(index, port))?;
        wire.set_nonblocking(true)?;
        let answers = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(libc::IPPROTO_RAW)))?;
        answers.bind_device(Some(interface.as_bytes()))?;
        answers.set_broadcast(true)?;
        answers.set_nonblocking(true)?;
        Ok(Self {
            wire: UdpSocket::from_std(wire.into())?,
            answers,
            interface: interface.to_owned(),
            port,
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Waits for a datagram that is meant for us or for everybody.
    pub(super) async fn receive(&self, buffer: &mut [u8]) -> io::Result<Datagram> {
        let mut packet = [0; BUFFER_LEN];
        loop {
            let len = self.wire.recv(&mut packet).await?;
            let Some((source, to, payload)) = parse(&packet[..len], self.port) else {
                continue;
            };
            let addresses = interface_addresses(&self.interface)?;
            let is_ours = |own: &(Ipv4Addr, Option<Ipv4Addr>)| own.0 == to;
            let is_everybodys = to.is_broadcast() || addresses.iter().any(|own| own.1 == Some(to));
            let local = addresses
                .iter()
                .find(|own| is_ours(own))
                .or(addresses.first().filter(|_| is_everybodys));
            if let Some((local, _)) = local {
                let len = payload.len().min(buffer.len());
                buffer[..len].copy_from_slice(&payload[..len]);
                return Ok(Datagram {
                    source,
                    local: *local,
                    len,
                });
            }
        }
    }

    /// Sends a datagram from this port.
    pub(super) fn send(&self, bytes: &[u8], from: Ipv4Addr, to: SocketAddrV4) -> io::Result<()> {
        let packet = compose(bytes, SocketAddrV4::new(from, self.port), to)?;
        self.answers.send_to(&packet, &to.into()).map(drop)
    }
}

/// Only whole UDP packets to this port that came in by this interface. Jumps count from the next instruction.
fn filter(index: u32, port: u16) -> [SockFilter; 11] {
    /// `SKF_AD_OFF + SKF_AD_IFINDEX`: where the kernel shows the interface.
    const INTERFACE: u32 = 0xffff_f008;
    const LOAD_WORD: u16 = 0x20;
    const LOAD_HALF: u16 = 0x28;
    const LOAD_BYTE: u16 = 0x30;
    const LOAD_HALF_BEHIND_HEADER: u16 = 0x48;
    const MEASURE_HEADER: u16 = 0xb1;
    const IF_EQUAL: u16 = 0x15;
    const IF_ANY_BIT: u16 = 0x45;
    const RETURN: u16 = 0x06;
    [
        SockFilter::new(LOAD_WORD, 0, 0, INTERFACE),
        SockFilter::new(IF_EQUAL, 0, 8, index),
        SockFilter::new(LOAD_BYTE, 0, 0, 9),
        SockFilter::new(IF_EQUAL, 0, 6, u32::from(UDP)),
        SockFilter::new(LOAD_HALF, 0, 0, 6),
        // A later piece of a packet that was cut.
        SockFilter::new(IF_ANY_BIT, 4, 0, 0x1fff),
        SockFilter::new(MEASURE_HEADER, 0, 0, 0),
        SockFilter::new(LOAD_HALF_BEHIND_HEADER, 0, 0, 2),
        SockFilter::new(IF_EQUAL, 0, 1, u32::from(port)),
        SockFilter::new(RETURN, 0, 0, 0xffff),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// Source, destination and content of a UDP packet to this port.
fn parse(packet: &[u8], port: u16) -> Option<(SocketAddrV4, Ipv4Addr, &[u8])> {
    let first = *packet.first()?;
    if first >> 4 != 4 || packet.get(9) != Some(&UDP) {
        return None;
    }
    let header_len = usize::from(first & 0x0f) * 4;
    if header_len < IP_HEADER {
        return None;
    }
    let address = |at: usize| {
        let octets: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
        Some(Ipv4Addr::from(octets))
    };
    let number = |at: usize| {
        let pair: [u8; 2] = packet.get(at..at + 2)?.try_into().ok()?;
        Some(u16::from_be_bytes(pair))
    };
    let len = usize::from(number(header_len + 4)?);
    let payload = packet.get(header_len + UDP_HEADER..header_len.checked_add(len)?)?;
    if number(header_len + 2)? != port {
        return None;
    }
    let source = SocketAddrV4::new(address(12)?, number(header_len)?);
    Some((source, address(16)?, payload))
}

/// A UDP packet with its headers. The kernel fills in what it knows better: length, identification, IP checksum.
fn compose(bytes: &[u8], from: SocketAddrV4, to: SocketAddrV4) -> io::Result<Vec<u8>> {
    let too_long = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let udp_len = u16::try_from(UDP_HEADER + bytes.len()).map_err(too_long)?;
    let total = u16::try_from(IP_HEADER + UDP_HEADER + bytes.len()).map_err(too_long)?;
    let mut packet = Vec::with_capacity(usize::from(total));
    packet.extend([0x45, 0]);
    packet.extend(total.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, UDP, 0, 0]);
    packet.extend(from.ip().octets());
    packet.extend(to.ip().octets());
    let udp = packet.len();
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend(udp_len.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(bytes);
    // RFC 768: over addresses, protocol, length and the whole datagram; 0 stands for "none".
    let mut sum = u32::from(UDP) + u32::from(udp_len);
    for pair in packet[12..].chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = match !u16::try_from(sum).unwrap_or(0) {
        0 => 0xffff,
        other => other,
    };
    packet[udp + 6..udp + 8].copy_from_slice(&checksum.to_be_bytes());
    Ok(packet)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_packet_is_composed_byte_by_byte_as_the_rfcs_say() {
        let from = "192.0.2.1:67".parse().unwrap();
        let to = "255.255.255.255:68".parse().unwrap();
        let packet = compose(b"abc", from, to).unwrap();
        assert_eq!(
            packet,
            [
                0x45, 0, 0, 31, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 255, 255, 255, 255, 0, 67, 0, 68, 0,
                11, 0x78, 0xed, b'a', b'b', b'c'
            ]
        );
    }

    proptest! {
        #[test]
        fn what_is_composed_is_read_again(bytes in prop::collection::vec(any::<u8>(), 0..600), source: [u8; 4], to: [u8; 4]) {
            let from = SocketAddrV4::new(source.into(), 68);
            let packet = compose(&bytes, from, SocketAddrV4::new(to.into(), 67)).unwrap();
            prop_assert_eq!(parse(&packet, 67), Some((from, to.into(), &bytes[..])));
            prop_assert_eq!(parse(&packet, 68), None);
        }

        #[test]
        fn any_packet_is_survived(packet in prop::collection::vec(any::<u8>(), 0..80), first in 0x40u8..0x50) {
            let mut packet = packet;
            if packet.len() > 9 {
                packet[0] = first;
                packet[9] = UDP;
            }
            let _ = parse(&packet, 67);
        }
    }
}
