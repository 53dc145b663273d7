//! Who uses which address on an interface's network, asked and heard by ARP (RFC 826, RFC 5227).
//!
//! ```text
//! offset  bytes  field
//!      0      6  Ethernet destination, broadcast in a probe
//!      6      6  Ethernet source
//!     12      2  0x0806
//!     14      2  hardware type, 1 = Ethernet
//!     16      2  protocol type, 0x0800 = IPv4
//!     18      1  length of a hardware address, 6
//!     19      1  length of a protocol address, 4
//!     20      2  operation: 1 asks, 2 answers
//!     22      6  the sender's hardware address
//!     28      4  the sender's address; 0 in a probe, so that nobody believes that we use it
//!     32      6  the target's hardware address
//!     38      4  the target's address
//! ```

use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{LinkAddr, bind},
};
use protocol::MacAddr;
use socket2::{Domain, Protocol, Socket, Type};
use std::{io, net::Ipv4Addr, os::fd::AsRawFd};
use tokio::net::UdpSocket;

const ETHERTYPE_ARP: u16 = 0x0806;
const FRAME_LEN: usize = 42;
/// Ethernet, IPv4, and the lengths of their addresses.
const KIND: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// An ear on an interface's network. Needs `CAP_NET_RAW`.
#[derive(Debug)]
pub(crate) struct Neighbours {
    /// A packet socket: of tokio's sockets the one whose `send` and `recv` are only that.
    wire: UdpSocket,
    mac: MacAddr,
}

impl Neighbours {
    pub(crate) fn open(interface: &str) -> io::Result<Self> {
        let link = link_of(interface)?;
        let mac = link.addr().map(MacAddr).filter(|mac| mac.is_unicast());
        let mac = mac.ok_or_else(|| io::Error::other("it is no Ethernet"))?;
        let protocol = Protocol::from(i32::from(ETHERTYPE_ARP.to_be()));
        let wire = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
        // The protocol stays the socket's own: the interface's entry names none.
        bind(wire.as_raw_fd(), &link)?;
        wire.set_nonblocking(true)?;
        Ok(Self {
            wire: UdpSocket::from_std(wire.into())?,
            mac,
        })
    }

    /// Asks who uses an address; [`Neighbours::hear`] has the answer.
    pub(crate) async fn probe(&self, address: Ipv4Addr) -> io::Result<()> {
        self.wire.send(&compose_probe(self.mac, address)).await.map(drop)
    }

    /// Waits until somebody is heard to use an address.
    pub(crate) async fn hear(&self) -> io::Result<(Ipv4Addr, MacAddr)> {
        let mut frame = [0; 128];
        loop {
            let len = self.wire.recv(&mut frame).await?;
            if let Some((address, mac)) = parse(&frame[..len])
                && mac != self.mac
            {
                return Ok((address, mac));
            }
        }
    }
}

fn link_of(interface: &str) -> io::Result<LinkAddr> {
    getifaddrs()?
        .filter(|entry| entry.interface_name == interface)
        .find_map(|entry| entry.address?.as_link_addr().copied())
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn compose_probe(own: MacAddr, address: Ipv4Addr) -> [u8; FRAME_LEN] {
    let mut frame = [0; FRAME_LEN];
    frame[..6].fill(0xff);
    frame[6..12].copy_from_slice(&own.0);
    frame[12..14].copy_from_slice(&ETHERTYPE_ARP.to_be_bytes());
    frame[14..20].copy_from_slice(&KIND);
    frame[21] = 1;
    frame[22..28].copy_from_slice(&own.0);
    frame[38..].copy_from_slice(&address.octets());
    frame
}

/// Who sends an ARP frame, if it says which address is its own.
fn parse(frame: &[u8]) -> Option<(Ipv4Addr, MacAddr)> {
    let frame: &[u8; FRAME_LEN] = frame.first_chunk()?;
    let is_arp = frame[12..14] == ETHERTYPE_ARP.to_be_bytes() && frame[14..20] == KIND;
    let speaks = matches!(frame[20..22], [0, 1 | 2]);
    let mac = MacAddr(*frame[22..].first_chunk()?);
    let address = Ipv4Addr::from(*frame[28..].first_chunk::<4>()?);
    (is_arp && speaks && mac.is_unicast() && !address.is_unspecified()).then_some((address, mac))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OWN: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    #[test]
    fn a_probe_is_composed_byte_by_byte_as_the_rfcs_say_and_claims_nothing() {
        let frame = compose_probe(OWN, Ipv4Addr::new(192, 0, 2, 9));
        assert_eq!(
            frame,
            [
                255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0,
                1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 9
            ]
        );
        assert_eq!(parse(&frame), None);
    }

    #[test]
    fn questions_and_answers_tell_whose_address_it_is() {
        let mut frame = compose_probe(OWN, Ipv4Addr::new(192, 0, 2, 9));
        frame[28..32].copy_from_slice(&[192, 0, 2, 7]);
        let user = Some((Ipv4Addr::new(192, 0, 2, 7), OWN));
        assert_eq!(parse(&frame), user);
        frame[21] = 2;
        assert_eq!(
            parse(&[&frame[..], &[0; 18]].concat()),
            user,
            "padded to 60 bytes"
        );
        for (place, byte) in [(13, 0), (15, 6), (18, 8), (21, 3), (22, 3)] {
            let mut other = frame;
            other[place] = byte;
            assert_eq!(parse(&other), None, "byte {place} = {byte}");
        }
    }

    proptest! {
        #[test]
        fn any_frame_is_survived(frame in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&frame);
        }
    }
}
