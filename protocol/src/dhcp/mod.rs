//! The DHCP wire format (RFC 2131 §2, RFC 2132, RFC 3396), shared by the boot services and the agent's DHCP client.
//!
//! ```text
//! offset  bytes  field
//!      0      1  op        1 = from a client, 2 = from a server
//!      1      1  htype     hardware type, 1 = Ethernet
//!      2      1  hlen      used bytes of chaddr, at most 16
//!      3      1  hops      counted up by relays
//!      4      4  xid       the client's transaction number
//!      8      2  secs      seconds since the client began
//!     10      2  flags     bit 15: answer by broadcast
//!     12      4  ciaddr    the client's address, if it has one
//!     16      4  yiaddr    the address given to the client
//!     20      4  siaddr    the next server: where the boot file is
//!     24      4  giaddr    the relay's address, if one forwarded the packet
//!     28     16  chaddr    hardware address, padded with zeros
//!     44     64  sname     server name, ended by NUL if shorter
//!    108    128  file      boot file name, ended by NUL if shorter
//!    236      4  magic     63 82 53 63
//!    240      …  options   code, length, data; 0 = pad (no length), 255 = end; see [`OptionList`]
//! ```
//!
//! Numbers are big-endian. A packet is padded to at least 300 bytes: relays and old boot ROMs drop shorter ones.
//! Reading never fails because of one option: an option is bytes until somebody asks for its meaning.

mod client;
pub mod code;
mod options;
mod typed;

pub use client::{ClientIdentity, Lease};
pub use options::{OptionList, RawOption, SubOptions};
pub use typed::{MessageType, NetworkInterface};

use crate::mac::MacAddr;
use std::net::Ipv4Addr;

/// UDP port of servers, and of proxies beside them.
pub const SERVER_PORT: u16 = 67;
/// UDP port of clients.
pub const CLIENT_PORT: u16 = 68;
/// UDP port of boot servers (PXE 2.1 §2.2.1 "ProxyDHCP service on port 4011", BINL).
pub const BOOT_SERVER_PORT: u16 = 4011;

/// The shortest packet that is sent.
pub const MIN_LEN: usize = 300;
/// Where options begin, and the shortest packet that is read.
const OPTIONS_OFFSET: usize = 240;
const MAGIC: [u8; 4] = [0x63, 0x82, 0x53, 0x63];
const FLAG_BROADCAST: u16 = 0x8000;
const ETHERNET: u8 = 1;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// 1: from a client.
    Request,
    /// 2: from a server.
    Reply,
}

/// One DHCP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Which way it goes.
    pub operation: Operation,
    /// Hardware type, 1 = Ethernet.
    pub hardware_type: u8,
    /// Used bytes of `chaddr`; at most 16 in a packet that was read, cut to 16 in one that is written.
    pub hardware_len: u8,
    /// How many relays it passed.
    pub hops: u8,
    /// The client's transaction number.
    pub transaction: u32,
    /// Seconds since the client began.
    pub seconds: u16,
    /// Flags; see [`Packet::wants_broadcast`].
    pub flags: u16,
    /// `ciaddr`.
    pub client_address: Ipv4Addr,
    /// `yiaddr`.
    pub your_address: Ipv4Addr,
    /// `siaddr`.
    pub next_server: Ipv4Addr,
    /// `giaddr`.
    pub relay: Ipv4Addr,
    /// `chaddr`, whole; EDK2 can put its 16-byte GUID here.
    pub hardware_address: [u8; 16],
    /// `sname`, whole.
    pub server_name: [u8; 64],
    /// `file`, whole; [`Packet::boot_file`] reads the name in it or in option 67.
    pub file: [u8; 128],
    /// The options.
    pub options: OptionList,
}

/// Why bytes are no DHCP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Shorter than the fixed header.
    #[error("a DHCP packet has at least 240 bytes, this one has {0}")]
    TooShort(usize),
    /// Neither a request nor a reply.
    #[error("{0} is no DHCP operation")]
    Operation(u8),
    /// The hardware address would not fit its field.
    #[error("a DHCP hardware address has at most 16 bytes, this one claims {0}")]
    HardwareLen(u8),
    /// Plain BOOTP or something else.
    #[error("the DHCP magic cookie is missing")]
    Magic,
}

impl Packet {
    /// An empty packet from a client with this adapter.
    #[must_use]
    pub fn request(mac: MacAddr, transaction: u32) -> Self {
        let mut hardware_address = [0; 16];
        hardware_address[..6].copy_from_slice(&mac.octets());
        Self {
            operation: Operation::Request,
            hardware_type: ETHERNET,
            hardware_len: 6,
            hops: 0,
            transaction,
            seconds: 0,
            flags: 0,
            client_address: Ipv4Addr::UNSPECIFIED,
            your_address: Ipv4Addr::UNSPECIFIED,
            next_server: Ipv4Addr::UNSPECIFIED,
            relay: Ipv4Addr::UNSPECIFIED,
            hardware_address,
            server_name: [0; 64],
            file: [0; 128],
            options: OptionList::default(),
        }
    }

    /// An empty reply to this request: transaction, flags, relay and hardware address copied (RFC 2131 table 3).
    #[must_use]
    pub fn reply_to(request: &Self) -> Self {
        Self {
            operation: Operation::Reply,
            hops: 0,
            seconds: 0,
            client_address: Ipv4Addr::UNSPECIFIED,
            your_address: Ipv4Addr::UNSPECIFIED,
            next_server: Ipv4Addr::UNSPECIFIED,
            server_name: [0; 64],
            file: [0; 128],
            options: OptionList::default(),
            ..request.clone()
        }
    }

    /// Adds an option; see [`OptionList::push`].
    #[must_use]
    pub fn with(mut self, code: u8, data: &[u8]) -> Self {
        self.options.push(code, data);
        self
    }

    /// Sets or clears "answer by broadcast".
    pub fn set_broadcast(&mut self, broadcast: bool) {
        self.flags = if broadcast {
            self.flags | FLAG_BROADCAST
        } else {
            self.flags & !FLAG_BROADCAST
        };
    }

    /// Whether the sender wants the answer by broadcast.
    #[must_use]
    pub fn wants_broadcast(&self) -> bool {
        self.flags & FLAG_BROADCAST != 0
    }

    /// The sender's Ethernet address; none if the field holds something else.
    #[must_use]
    pub fn mac(&self) -> Option<MacAddr> {
        if self.hardware_type != ETHERNET || self.hardware_len != 6 {
            return None;
        }
        self.hardware_address.first_chunk().copied().map(MacAddr)
    }

    /// The used part of `chaddr`.
    #[must_use]
    pub fn hardware(&self) -> &[u8] {
        &self.hardware_address[..usize::from(self.hardware_len).min(16)]
    }

    /// Puts a name into the `file` header, ended by NUL. False if it does not fit: then only option 67 can carry it.
    #[must_use]
    pub fn set_file(&mut self, name: &str) -> bool {
        put_text(&mut self.file, name)
    }

    /// Puts a name into the `sname` header, ended by NUL. False if it does not fit.
    #[must_use]
    pub fn set_server_name(&mut self, name: &str) -> bool {
        put_text(&mut self.server_name, name)
    }

    /// Reads a packet.
    ///
    /// Options hidden in `sname` and `file` (option 52, RFC 2132 §9.3) are moved to the end of the list and the fields
    /// cleared, so that whoever reads the packet finds everything in one place.
    ///
    /// # Errors
    /// [`ParseError`], for what cannot be a DHCP packet at all. A bad option is no error: see [`OptionList::truncated`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let (Some(header), Some(options)) = (bytes.get(..OPTIONS_OFFSET), bytes.get(OPTIONS_OFFSET..)) else {
            return Err(ParseError::TooShort(bytes.len()));
        };
        let operation = match header[0] {
            1 => Operation::Request,
            2 => Operation::Reply,
            other => return Err(ParseError::Operation(other)),
        };
        if usize::from(header[2]) > 16 {
            return Err(ParseError::HardwareLen(header[2]));
        }
        if header[236..] != MAGIC {
            return Err(ParseError::Magic);
        }
        let mut packet = Self {
            operation,
            hardware_type: header[1],
            hardware_len: header[2],
            hops: header[3],
            transaction: u32::from_be_bytes(take(header, 4)),
            seconds: u16::from_be_bytes(take(header, 8)),
            flags: u16::from_be_bytes(take(header, 10)),
            client_address: take::<4>(header, 12).into(),
            your_address: take::<4>(header, 16).into(),
            next_server: take::<4>(header, 20).into(),
            relay: take::<4>(header, 24).into(),
            hardware_address: take(header, 28),
            server_name: take(header, 44),
            file: take(header, 108),
            options: OptionList::parse(options),
        };
        // RFC 3396 §5: the option field first, then file, then sname.
        let overload = packet.options.take_overload();
        if overload & 1 != 0 {
            packet.options.append(OptionList::parse(&packet.file));
            packet.file = [0; 128];
        }
        if overload & 2 != 0 {
            packet.options.append(OptionList::parse(&packet.server_name));
            packet.server_name = [0; 64];
        }
        Ok(packet)
    }

    /// The packet's bytes: options in their order, an end mark, padded to [`MIN_LEN`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(MIN_LEN);
        bytes.push(match self.operation {
            Operation::Request => 1,
            Operation::Reply => 2,
        });
        bytes.extend([self.hardware_type, self.hardware_len.min(16), self.hops]);
        bytes.extend(self.transaction.to_be_bytes());
        bytes.extend(self.seconds.to_be_bytes());
        bytes.extend(self.flags.to_be_bytes());
        for address in [
            self.client_address,
            self.your_address,
            self.next_server,
            self.relay,
        ] {
            bytes.extend(address.octets());
        }
        bytes.extend(self.hardware_address);
        bytes.extend(self.server_name);
        bytes.extend(self.file);
        bytes.extend(MAGIC);
        self.options.write(&mut bytes);
        bytes.push(code::END);
        if bytes.len() < MIN_LEN {
            bytes.resize(MIN_LEN, code::PAD);
        }
        bytes
    }
}

/// A field of the fixed header, whose bounds the caller checked once for all.
fn take<const N: usize>(header: &[u8], offset: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&header[offset..offset + N]);
    field
}

fn put_text<const N: usize>(field: &mut [u8; N], text: &str) -> bool {
    // One byte stays for the NUL: old ROMs read on without it.
    if text.len() >= N {
        return false;
    }
    *field = [0; N];
    field[..text.len()].copy_from_slice(text.as_bytes());
    true
}

#[cfg(test)]
mod tests;
