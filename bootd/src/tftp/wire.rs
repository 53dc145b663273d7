//! The TFTP wire format (RFC 1350 §5, RFC 2347 options, RFC 2348 blksize, RFC 2349 timeout and tsize, RFC 7440
//! windowsize).
//!
//! ```text
//! read request     00 01 │ file NUL │ mode NUL │ { option NUL │ value NUL }*
//! write request    00 02 │ as above; refused
//! data             00 03 │ block number (2) │ bytes, fewer than the block length = the last
//! acknowledgement  00 04 │ block number (2)
//! error            00 05 │ code (2) │ text NUL
//! options granted  00 06 │ { option NUL │ value NUL }*
//! ```
//!
//! Numbers are big-endian. The block number counts from 1 and rolls over from 65535 to 0.

/// Error codes (RFC 1350 §5, RFC 2347 §3).
pub mod error_code {
    /// Not defined; the text says it.
    pub const UNDEFINED: u16 = 0;
    /// No such file.
    pub const NOT_FOUND: u16 = 1;
    /// Not allowed.
    pub const ACCESS: u16 = 2;
    /// Not a packet that makes sense here.
    pub const ILLEGAL: u16 = 4;
    /// The client does not like the options, or only wanted to know the length.
    pub const OPTIONS: u16 = 8;
}

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientPacket {
    /// Wants a file.
    Read(ReadRequest),
    /// Wants to write a file.
    Write,
    /// Has everything up to this block.
    Acknowledge(u16),
    /// Gives up.
    Error {
        /// See [`error_code`].
        code: u16,
        /// Its words, cut and escaped.
        text: String,
    },
}

/// A read request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// The name as it was sent; what is no UTF-8 is replaced.
    pub file: String,
    /// Whether the mode is `octet`. `netascii` would change the bytes.
    pub octet: bool,
    /// The options.
    pub options: AskedOptions,
}

/// Options that a client asked for, as far as we know them and their values make sense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AskedOptions {
    /// Bytes of a block, 8 to 65464.
    pub block_len: Option<u16>,
    /// Wants to know the length of the file.
    pub transfer_size: bool,
    /// Seconds before we send again, 1 to 255.
    pub timeout_seconds: Option<u8>,
    /// Blocks sent before an acknowledgement, 1 to 65535.
    pub window: Option<u16>,
}

/// Options that we grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GrantedOptions {
    /// Bytes of a block.
    pub block_len: Option<u16>,
    /// Length of the file.
    pub transfer_size: Option<u64>,
    /// Seconds before we send again.
    pub timeout_seconds: Option<u8>,
    /// Blocks sent before an acknowledgement.
    pub window: Option<u16>,
}

/// The bytes are no packet that a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no TFTP packet of a client")]
pub struct NotTftp;

/// A request has at most as many bytes as one Ethernet frame carries; RFC 2347 §2 says 512.
const REQUEST_MAX_LEN: usize = 1500;
const TEXT_MAX_CHARACTERS: usize = 120;

impl ClientPacket {
    /// Reads a packet.
    ///
    /// # Errors
    /// [`NotTftp`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NotTftp> {
        match bytes {
            [0, 1, rest @ ..] => read_request(rest).map(Self::Read),
            [0, 2, ..] => Ok(Self::Write),
            [0, 4, high, low, ..] => Ok(Self::Acknowledge(u16::from_be_bytes([*high, *low]))),
            [0, 5, high, low, text @ ..] => {
                let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                let text = String::from_utf8_lossy(text);
                Ok(Self::Error {
                    code: u16::from_be_bytes([*high, *low]),
                    text: text
                        .chars()
                        .take(TEXT_MAX_CHARACTERS)
                        .flat_map(char::escape_debug)
                        .collect(),
                })
            }
            _ => Err(NotTftp),
        }
    }
}

fn read_request(bytes: &[u8]) -> Result<ReadRequest, NotTftp> {
    if bytes.len() > REQUEST_MAX_LEN {
        return Err(NotTftp);
    }
    // Every word ends with a NUL; a tail without one is dropped.
    let mut words: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
    words.pop();
    let (Some(file), Some(mode)) = (words.first(), words.get(1)) else {
        return Err(NotTftp);
    };
    // Old boot ROMs read a name that was not ended by NUL up to DHCP's end mark.
    let file = file.strip_suffix(&[0xff]).unwrap_or(file);
    if file.is_empty() {
        return Err(NotTftp);
    }
    let mut options = AskedOptions::default();
    let (pairs, _) = words[2..].as_chunks::<2>();
    for [name, value] in pairs {
        options.take(name, value);
    }
    Ok(ReadRequest {
        file: String::from_utf8_lossy(file).into_owned(),
        octet: mode.eq_ignore_ascii_case(b"octet"),
        options,
    })
}

impl AskedOptions {
    fn take(&mut self, name: &[u8], value: &[u8]) {
        let number = || str::from_utf8(value).ok()?.parse::<u64>().ok();
        let within = |low: u64, high: u64| number().filter(|number| (low..=high).contains(number));
        if name.eq_ignore_ascii_case(b"blksize") {
            // RFC 2348: a longer block may be answered by a shorter one.
            self.block_len = within(8, u64::MAX).map(|len| u16::try_from(len.min(65464)).unwrap_or(65464));
        } else if name.eq_ignore_ascii_case(b"tsize") {
            self.transfer_size = true;
        } else if name.eq_ignore_ascii_case(b"timeout") {
            self.timeout_seconds = within(1, 255).and_then(|seconds| u8::try_from(seconds).ok());
        } else if name.eq_ignore_ascii_case(b"windowsize") {
            self.window = within(1, 65535).and_then(|blocks| u16::try_from(blocks).ok());
        }
    }
}

impl GrantedOptions {
    /// Whether nothing is granted: then data comes at once.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The packet.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0, 6];
        let mut add = |name: &str, value: Option<u64>| {
            if let Some(value) = value {
                bytes.extend(format!("{name}\0{value}\0").into_bytes());
            }
        };
        add("tsize", self.transfer_size);
        add("blksize", self.block_len.map(u64::from));
        add("timeout", self.timeout_seconds.map(u64::from));
        add("windowsize", self.window.map(u64::from));
        bytes
    }
}

/// The four bytes before the data of a block.
#[must_use]
pub fn data_header(block: u16) -> [u8; 4] {
    let [high, low] = block.to_be_bytes();
    [0, 3, high, low]
}

/// An error packet.
#[must_use]
pub fn error(code: u16, text: &str) -> Vec<u8> {
    let mut bytes = vec![0, 5];
    bytes.extend(code.to_be_bytes());
    bytes.extend(text.bytes().filter(|byte| *byte != 0));
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> ReadRequest {
        match ClientPacket::parse(bytes) {
            Ok(ClientPacket::Read(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn requests_of_real_firmware_are_read() {
        // EDK2's probe and the transfer after it, iPXE, shim; as seen on the wire.
        let probe = read(b"\0\x01ipxe.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0");
        assert_eq!((probe.file.as_str(), probe.octet), ("ipxe.efi", true));
        assert_eq!(
            probe.options,
            AskedOptions {
                block_len: Some(1468),
                transfer_size: true,
                timeout_seconds: None,
                window: Some(4)
            }
        );
        let transfer = read(b"\0\x01ipxe.efi\0octet\0blksize\x001468\0windowsize\x004\0");
        assert!(!transfer.options.transfer_size);
        let ipxe = read(b"\0\x01undionly.kpxe\0octet\0blksize\x001432\0tsize\x000\0");
        assert_eq!((ipxe.options.block_len, ipxe.options.window), (Some(1432), None));
        let shim = read(b"\0\x01/grubx64.efi\0octet\0");
        assert_eq!(shim.options, AskedOptions::default());
    }

    #[test]
    fn odd_names_values_and_modes_do_no_harm() {
        assert_eq!(read(b"\0\x01name\xff\0OCTET\0").file, "name");
        assert!(!read(b"\0\x01name\0netascii\0").octet);
        let options = |tail: &[u8]| read(&[b"\0\x01n\0octet\0", tail].concat()).options;
        assert_eq!(options(b"blksize\x007\0").block_len, None);
        assert_eq!(options(b"blksize\x0099999999\0").block_len, Some(65464));
        assert_eq!(options(b"BLKSIZE\x00512\0").block_len, Some(512));
        assert_eq!(
            options(b"blksize\x00-1\0windowsize\x000\0timeout\x00256\0"),
            AskedOptions::default()
        );
        assert_eq!(options(b"unknown\x001\0windowsize\x0016\0").window, Some(16));
        assert_eq!(options(b"windowsize\x0016"), AskedOptions::default(), "not ended");
        for bytes in [
            &b""[..],
            b"\0",
            b"\0\x01",
            b"\0\x01\0octet\0",
            b"\0\x01name\0",
            b"\0\x03\0\x01data",
            b"\0\x07",
        ] {
            assert_eq!(ClientPacket::parse(bytes), Err(NotTftp), "{bytes:?}");
        }
        let long = [&b"\0\x01"[..], &[b'a'; 1600], b"\0octet\0"].concat();
        assert_eq!(ClientPacket::parse(&long), Err(NotTftp));
    }

    #[test]
    fn only_what_is_granted_is_said() {
        let granted = GrantedOptions {
            block_len: Some(1468),
            transfer_size: Some(70),
            ..Default::default()
        };
        assert_eq!(granted.encode(), b"\0\x06tsize\x0070\0blksize\x001468\0");
        assert!(GrantedOptions::default().is_empty());
        assert_eq!(error(1, "no such\0 file"), b"\0\x05\0\x01no such file\0");
        assert_eq!(data_header(0x1234), [0, 3, 0x12, 0x34]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(mut bytes in prop::collection::vec(any::<u8>(), 0..200), operation in 0u8..8) {
            if bytes.len() > 1 {
                bytes[0] = 0;
                bytes[1] = operation;
            }
            let _ = ClientPacket::parse(&bytes);
        }
    }
}
