//! Ethernet addresses.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A 48-bit Ethernet address (IEEE 802 MAC-48), written `aa:bb:cc:dd:ee:ff`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// Whether this address can name one machine: not zero, not broadcast, not a group address.
    #[must_use]
    pub fn is_unicast(self) -> bool {
        self.0 != [0; 6] && self.0[0] & 1 == 0
    }

    /// The six octets.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The text is not six hexadecimal octets.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("not a MAC address; write it as aa:bb:cc:dd:ee:ff")]
pub struct ParseMacError;

impl FromStr for MacAddr {
    type Err = ParseMacError;

    /// Accepts `:` or `-` between the octets, as firmware labels, iPXE and Windows write them, or no separator at all.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: Vec<u8> = match text.len() {
            12 => text.bytes().collect(),
            17 => {
                let separator = text.as_bytes()[2];
                if separator != b':' && separator != b'-' {
                    return Err(ParseMacError);
                }
                if !text.bytes().skip(2).step_by(3).all(|byte| byte == separator) {
                    return Err(ParseMacError);
                }
                text.bytes()
                    .enumerate()
                    .filter(|(i, _)| i % 3 != 2)
                    .map(|(_, byte)| byte)
                    .collect()
            }
            _ => return Err(ParseMacError),
        };
        let mut octets = [0u8; 6];
        for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
            let nibble = |byte: u8| char::from(byte).to_digit(16).ok_or(ParseMacError);
            *octet = u8::try_from(nibble(pair[0])? * 16 + nibble(pair[1])?).map_err(|_| ParseMacError)?;
        }
        Ok(Self(octets))
    }
}

impl TryFrom<String> for MacAddr {
    type Error = ParseMacError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> Self {
        mac.to_string()
    }
}

#[cfg(feature = "schema")]
impl utoipa::PartialSchema for MacAddr {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        String::schema()
    }
}
#[cfg(feature = "schema")]
impl utoipa::ToSchema for MacAddr {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_in_every_common_spelling_and_written_in_one() {
        for text in ["52:54:00:ab:CD:ef", "52-54-00-ab-cd-ef", "525400abcdef"] {
            assert_eq!(text.parse::<MacAddr>().unwrap().to_string(), "52:54:00:ab:cd:ef");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "52:54:00:ab:cd",
            "52:54-00:ab:cd:ef",
            "52:54:00:ab:cd:eg",
            "é2:54:00:ab:cd:e",
            "+25400abcdef",
        ] {
            assert!(text.parse::<MacAddr>().is_err(), "{text}");
        }
    }
}
