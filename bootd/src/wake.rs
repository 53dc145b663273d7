//! Wake-on-LAN: the magic packet, and where to send it.
//!
//! ```text
//! FF ×6 │ MAC ×16 │ SecureOn password (0, 4 or 6)
//! ```
//!
//! An adapter looks for this run of bytes anywhere in a frame (AMD, Magic Packet Technology, 1995); UDP port 9 is custom.

use crate::network::interface_addresses;
use protocol::MacAddr;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    str::FromStr,
    time::Duration,
};

const PORT: u16 = 9;
/// How often each packet is sent, and the pause between: what a switch that just woke its port loses is not lost twice.
const TIMES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(60);

/// The password that some adapters want behind the magic packet. Kept out of logs.
#[derive(Clone, PartialEq, Eq)]
pub struct SecureOn(Vec<u8>);

/// The text is no SecureOn password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SecureOn password is written as a MAC address (6 bytes) or as an IPv4 address (4 bytes)")]
pub struct ParseSecureOnError;

impl FromStr for SecureOn {
    type Err = ParseSecureOnError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(six) = text.parse::<MacAddr>() {
            return Ok(Self(six.octets().to_vec()));
        }
        text.parse::<Ipv4Addr>()
            .map(|four| Self(four.octets().to_vec()))
            .map_err(|_| ParseSecureOnError)
    }
}

impl std::fmt::Debug for SecureOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecureOn(…)")
    }
}

/// The magic packet for an adapter.
#[must_use]
pub fn magic_packet(mac: MacAddr, password: Option<&SecureOn>) -> Vec<u8> {
    let mut packet = vec![0xff; 6];
    for _ in 0..16 {
        packet.extend(mac.octets());
    }
    if let Some(SecureOn(password)) = password {
        packet.extend(password);
    }
    packet
}

/// Sends the magic packet on an interface: to everybody on the wire, and to the broadcast address of each of its
/// networks; a few times, for nobody says that it arrived. Returns how many packets went out. Blocks for a moment.
///
/// # Errors
/// The kernel's answer: no such interface, or no address on it.
pub fn wake(interface: &str, mac: MacAddr, password: Option<&SecureOn>) -> io::Result<usize> {
    let addresses = interface_addresses(interface)?;
    if addresses.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            format!("interface {interface} has no IPv4 address to send from"),
        ));
    }
    let packet = magic_packet(mac, password);
    let mut sent = 0;
    for (address, directed) in addresses {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.bind_device(Some(interface.as_bytes()))?;
        socket.set_broadcast(true)?;
        socket.bind(&SocketAddrV4::new(address, 0).into())?;
        for time in 0..TIMES {
            if time > 0 {
                std::thread::sleep(PAUSE);
            }
            for target in [Some(Ipv4Addr::BROADCAST), directed].into_iter().flatten() {
                socket.send_to(&packet, &SocketAddrV4::new(target, PORT).into())?;
                sent += 1;
            }
        }
    }
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_magic_packet_is_six_ones_sixteen_addresses_and_the_password() {
        let mac: MacAddr = "52:54:00:ab:cd:ef".parse().unwrap();
        let packet = magic_packet(mac, None);
        assert_eq!(packet.len(), 102);
        assert_eq!(packet[..6], [0xff; 6]);
        assert!(packet[6..].chunks(6).all(|chunk| chunk == mac.octets()));
        let six: SecureOn = "01:02:03:04:05:06".parse().unwrap();
        assert_eq!(magic_packet(mac, Some(&six))[102..], [1, 2, 3, 4, 5, 6]);
        let four: SecureOn = "1.2.3.4".parse().unwrap();
        assert_eq!(magic_packet(mac, Some(&four))[102..], [1, 2, 3, 4]);
        assert_eq!("secret".parse::<SecureOn>(), Err(ParseSecureOnError));
        assert_eq!(format!("{six:?}"), "SecureOn(…)");
    }

    #[test]
    fn an_interface_that_does_not_exist_is_named() {
        let error = wake("no-such-if", MacAddr([2, 0, 0, 0, 0, 1]), None).unwrap_err();
        assert!(error.to_string().contains("no-such-if"));
    }
}
