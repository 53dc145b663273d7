//! What options mean. Each reader answers none when the option is absent or not of its shape; the others stay readable.

use super::{
    Packet, code,
    options::{SubOptions, text_of},
};
use std::net::Ipv4Addr;
use uuid::Uuid;

/// What kind of message a packet is (option 53, RFC 2132 §9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// 1: a client looks for servers.
    Discover,
    /// 2: a server offers.
    Offer,
    /// 3: a client takes an offer, renews, or asks a boot server.
    Request,
    /// 4: a client refuses an address.
    Decline,
    /// 5: a server agrees.
    Acknowledge,
    /// 6: a server refuses.
    Refuse,
    /// 7: a client gives its address back.
    Release,
    /// 8: a client that has an address asks for the rest.
    Inform,
    /// Another number.
    Other(u8),
}

impl MessageType {
    /// From the number on the wire.
    #[must_use]
    pub fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Discover,
            2 => Self::Offer,
            3 => Self::Request,
            4 => Self::Decline,
            5 => Self::Acknowledge,
            6 => Self::Refuse,
            7 => Self::Release,
            8 => Self::Inform,
            other => Self::Other(other),
        }
    }

    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Discover => 1,
            Self::Offer => 2,
            Self::Request => 3,
            Self::Decline => 4,
            Self::Acknowledge => 5,
            Self::Refuse => 6,
            Self::Release => 7,
            Self::Inform => 8,
            Self::Other(other) => other,
        }
    }
}

/// The network interface that a boot ROM offers (option 94, RFC 4578 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkInterface {
    /// 1 = UNDI.
    pub kind: u8,
    /// Version before the point.
    pub major: u8,
    /// Version after the point.
    pub minor: u8,
}

impl Packet {
    /// Option 53.
    #[must_use]
    pub fn message_type(&self) -> Option<MessageType> {
        let [number] = self.options.fixed(code::MESSAGE_TYPE)?;
        Some(MessageType::from_number(number))
    }

    /// Option 54.
    #[must_use]
    pub fn server_identifier(&self) -> Option<Ipv4Addr> {
        self.address(code::SERVER_IDENTIFIER)
    }

    /// Option 57.
    #[must_use]
    pub fn max_message_size(&self) -> Option<u16> {
        self.options.fixed(code::MAX_MESSAGE_SIZE).map(u16::from_be_bytes)
    }

    /// Option 60.
    #[must_use]
    pub fn vendor_class(&self) -> Option<String> {
        self.options.text(code::VENDOR_CLASS)
    }

    /// Option 61.
    #[must_use]
    pub fn client_identifier(&self) -> Option<Vec<u8>> {
        self.options.get(code::CLIENT_IDENTIFIER)
    }

    /// The name of the TFTP server: option 66, else the `sname` header.
    #[must_use]
    pub fn boot_server_name(&self) -> Option<String> {
        self.options
            .text(code::TFTP_SERVER_NAME)
            .or_else(|| text_of(&self.server_name))
    }

    /// The boot file: option 67, else the `file` header.
    #[must_use]
    pub fn boot_file(&self) -> Option<String> {
        self.options
            .text(code::BOOT_FILE_NAME)
            .or_else(|| text_of(&self.file))
    }

    /// Option 77: the classes, if the lengths of RFC 3004 fit exactly; otherwise the whole as one, as iPXE sends it.
    #[must_use]
    pub fn user_classes(&self) -> Vec<Vec<u8>> {
        let Some(value) = self.options.get(code::USER_CLASS) else {
            return Vec::new();
        };
        length_prefixed(&value).unwrap_or_else(|| vec![value])
    }

    /// Option 82, whole; a server gives it back as it came.
    #[must_use]
    pub fn relay_agent_information(&self) -> Option<Vec<u8>> {
        self.options.get(code::RELAY_AGENT_INFORMATION)
    }

    /// Option 93: the architectures in the client's order, without an odd last byte. Some ROMs lack the option and say
    /// it in text only (`PXEClient:Arch:00007…`, decimal); then that is read.
    #[must_use]
    pub fn client_architectures(&self) -> Vec<u16> {
        if let Some(value) = self.options.get(code::CLIENT_ARCHITECTURE) {
            return value
                .chunks_exact(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect();
        }
        self.vendor_class()
            .as_deref()
            .and_then(architecture_in_text)
            .into_iter()
            .collect()
    }

    /// Option 94.
    #[must_use]
    pub fn network_interface(&self) -> Option<NetworkInterface> {
        let [kind, major, minor] = self.options.fixed(code::CLIENT_NETWORK_INTERFACE)?;
        Some(NetworkInterface { kind, major, minor })
    }

    /// Option 97: type 0 and the SMBIOS UUID, whose first three fields are little-endian (SMBIOS §7.2.1).
    #[must_use]
    pub fn client_uuid(&self) -> Option<Uuid> {
        let value: [u8; 17] = self.options.fixed(code::CLIENT_UUID)?;
        let (kind, octets) = value.split_first()?;
        let octets: [u8; 16] = octets.try_into().ok()?;
        (*kind == 0).then(|| Uuid::from_bytes_le(octets))
    }

    /// Option 43.
    #[must_use]
    pub fn vendor_options(&self) -> Option<SubOptions> {
        self.options
            .get(code::VENDOR_OPTIONS)
            .map(|value| SubOptions::parse(&value))
    }

    /// Option 175.
    #[must_use]
    pub fn ipxe_options(&self) -> Option<SubOptions> {
        self.options
            .get(code::IPXE)
            .map(|value| SubOptions::parse(&value))
    }

    /// An option that is one IPv4 address.
    #[must_use]
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        self.options.fixed::<4>(code).map(Ipv4Addr::from)
    }

    /// An option that is a list of IPv4 addresses, without odd last bytes.
    #[must_use]
    pub fn addresses(&self, code: u8) -> Vec<Ipv4Addr> {
        let value = self.options.get(code).unwrap_or_default();
        value
            .as_chunks::<4>()
            .0
            .iter()
            .copied()
            .map(Ipv4Addr::from)
            .collect()
    }

    /// An option that is one 32-bit number.
    #[must_use]
    pub fn number(&self, code: u8) -> Option<u32> {
        self.options.fixed(code).map(u32::from_be_bytes)
    }
}

/// RFC 3004 §4: each class is a length and as many bytes; none unless they fill the value exactly.
fn length_prefixed(value: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut classes = Vec::new();
    let mut rest = value;
    while let [len, after @ ..] = rest {
        let (class, after) = after.split_at_checked(usize::from(*len))?;
        // A class has at least one byte (RFC 3004 §4).
        if class.is_empty() {
            return None;
        }
        classes.push(class.to_vec());
        rest = after;
    }
    Some(classes)
}

fn architecture_in_text(class: &str) -> Option<u16> {
    class
        .split(':')
        .skip_while(|word| *word != "Arch")
        .nth(1)?
        .parse()
        .ok()
}
