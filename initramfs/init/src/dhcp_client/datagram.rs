//! UDP in IPv4 in bytes, for an adapter that has no address yet.
//!
//! ```text
//! IPv4 header (RFC 791 §3.1)                  UDP header (RFC 768)
//!  0  1  0x45: version 4, 20 bytes             0  2  source port
//!  2  2  total length                          2  2  destination port
//!  8  1  time to live                          4  2  length, header included
//!  9  1  17: UDP                               6  2  checksum over a pseudo header, this header and the data; 0: none
//! 10  2  checksum of this header
//! 12  4  source address
//! 16  4  destination address
//! ```

use protocol::dhcp::{CLIENT_PORT, SERVER_PORT};
use std::net::Ipv4Addr;

const IP_LEN: usize = 20;
const UDP_LEN: usize = 8;
const UDP: u8 = 17;

/// A client's broadcast around this data, or nothing if it is too long for one packet.
pub fn encode(data: &[u8]) -> Option<Vec<u8>> {
    let udp_len = u16::try_from(UDP_LEN + data.len()).ok()?;
    let total_len = u16::try_from(IP_LEN + UDP_LEN + data.len()).ok()?;
    let mut packet = vec![0u8; IP_LEN];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&total_len.to_be_bytes());
    packet[8] = 64;
    packet[9] = UDP;
    packet[16..20].copy_from_slice(&Ipv4Addr::BROADCAST.octets());
    let sum = checksum(&[&packet]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());

    packet.extend_from_slice(&CLIENT_PORT.to_be_bytes());
    packet.extend_from_slice(&SERVER_PORT.to_be_bytes());
    packet.extend_from_slice(&udp_len.to_be_bytes());
    packet.extend_from_slice(&[0, 0]);
    packet.extend_from_slice(data);
    let sum = udp_checksum(&packet[12..20], &packet[IP_LEN..], udp_len);
    // Zero would mean "none".
    let sum = if sum == 0 { 0xffff } else { sum };
    packet[IP_LEN + 6..IP_LEN + 8].copy_from_slice(&sum.to_be_bytes());
    Some(packet)
}

/// The data of a packet to a DHCP client, or nothing if it is anything else or damaged.
pub fn decode(packet: &[u8]) -> Option<&[u8]> {
    let header_len = usize::from(*packet.first()? & 0x0f) * 4;
    if packet[0] >> 4 != 4 || header_len < IP_LEN {
        return None;
    }
    let header = packet.get(..header_len)?;
    let total_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff;
    if header[9] != UDP || fragment != 0 || checksum(&[header]) != 0 {
        return None;
    }
    // Ethernet pads short frames: what counts is the length in the header.
    let datagram = packet.get(header_len..total_len)?;
    let udp_len = u16::from_be_bytes([*datagram.get(4)?, *datagram.get(5)?]);
    let datagram = datagram
        .get(..usize::from(udp_len))
        .filter(|datagram| datagram.len() >= UDP_LEN)?;
    let port = |at: usize| u16::from_be_bytes([datagram[at], datagram[at + 1]]);
    if port(0) != SERVER_PORT || port(2) != CLIENT_PORT {
        return None;
    }
    let has_checksum = datagram[6..8] != [0, 0];
    if has_checksum && udp_checksum(&header[12..20], datagram, udp_len) != 0 {
        // A virtual machine's own host leaves the sum to hardware that is not there: it holds the pseudo header's only.
        let partial = !checksum(&[&header[12..20], &[0, UDP], &udp_len.to_be_bytes()]);
        if u16::from_be_bytes([datagram[6], datagram[7]]) != partial {
            return None;
        }
    }
    Some(&datagram[UDP_LEN..])
}

/// Over addresses, protocol, length and the datagram.
fn udp_checksum(addresses: &[u8], datagram: &[u8], udp_len: u16) -> u16 {
    checksum(&[addresses, &[0, UDP], &udp_len.to_be_bytes(), datagram])
}

/// The internet checksum (RFC 1071) over parts of even length; only the last may be odd.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u64;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same datagram as if a server had sent it.
    fn as_reply(mut packet: Vec<u8>) -> Vec<u8> {
        packet[IP_LEN..IP_LEN + 4].copy_from_slice(&[0, 67, 0, 68]);
        packet
    }

    #[test]
    fn what_a_server_sends_is_read_with_padding_and_without_checksum() {
        let mut packet = as_reply(encode(b"hello").unwrap());
        assert_eq!(
            decode(&packet),
            Some(&b"hello"[..]),
            "exchanging the ports leaves the sum as it is"
        );
        packet.extend_from_slice(&[0; 20]);
        assert_eq!(decode(&packet), Some(&b"hello"[..]));
        packet[IP_LEN + 6..IP_LEN + 8].copy_from_slice(&[0, 0]);
        assert_eq!(decode(&packet), Some(&b"hello"[..]));
    }

    #[test]
    fn a_sum_left_to_hardware_is_taken_a_wrong_one_is_not() {
        let mut packet = as_reply(encode(b"hello").unwrap());
        let udp_len = 13u16;
        let partial = !checksum(&[&packet[12..20], &[0, UDP], &udp_len.to_be_bytes()]);
        packet[IP_LEN + 6..IP_LEN + 8].copy_from_slice(&partial.to_be_bytes());
        assert_eq!(decode(&packet), Some(&b"hello"[..]));
        packet[IP_LEN + 7] ^= 1;
        assert_eq!(decode(&packet), None);
    }

    #[test]
    fn our_own_broadcast_is_not_for_us() {
        assert_eq!(decode(&encode(b"hello").unwrap()), None);
        assert!(encode(&[0; 70_000]).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = decode(&bytes);
            let mut packet = as_reply(encode(b"hello").unwrap());
            for (at, byte) in bytes.iter().enumerate().take(packet.len()) {
                packet[at] = *byte;
            }
            let _ = decode(&packet);
        }

        #[test]
        fn any_data_comes_back(data in proptest::collection::vec(any::<u8>(), 0..1400)) {
            let packet = as_reply(encode(&data).unwrap());
            prop_assert_eq!(decode(&packet), Some(data.as_slice()));
        }
    }
}
