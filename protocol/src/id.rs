//! Names of things: chunks, machines, jobs, masters.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// The BLAKE3-256 hash of a chunk's plain bytes: the chunk's only name. Written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChunkId(pub [u8; 32]);

impl ChunkId {
    /// Length of the binary form.
    pub const LEN: usize = 32;
}

/// Text that does not name what it should.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct ParseIdError(pub &'static str);

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ChunkId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: ParseIdError = ParseIdError("not a chunk id; it has 64 hexadecimal digits");
        let bytes = text.as_bytes();
        if bytes.len() != 64 {
            return Err(WRONG);
        }
        let mut id = [0u8; 32];
        for (octet, pair) in id.iter_mut().zip(bytes.chunks_exact(2)) {
            let nibble = |byte: u8| char::from(byte).to_digit(16).ok_or(WRONG);
            *octet = u8::try_from(nibble(pair[0])? * 16 + nibble(pair[1])?).map_err(|_| WRONG)?;
        }
        Ok(Self(id))
    }
}

impl TryFrom<String> for ChunkId {
    type Error = ParseIdError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ChunkId> for String {
    fn from(id: ChunkId) -> Self {
        id.to_string()
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new one, ordered by time (UUID version 7), so that sites can make them without asking each other.
            #[must_use]
            #[allow(clippy::new_without_default, reason = "a default would be a new identity at each call")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id!(
    /// One machine's record in the catalog, whatever NIC it boots from.
    MachineId
);
uuid_id!(
    /// One job: an intent over a frozen selection of machines.
    JobId
);
uuid_id!(
    /// One place or group of machines: the organisation, a site, a room.
    PlaceId
);

/// The name of a master: 1 to 100 characters, no control character, no `/`, `\` or `@`, no dot in front.
///
/// `@` separates name and version in a [`MasterRef`]; the rest keeps a name usable as a file name anywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(try_from = "String", into = "String")]
pub struct MasterName(String);

impl MasterName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MasterName {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let count = text.chars().count();
        if count == 0 || count > 100 {
            return Err(ParseIdError("a master's name has 1 to 100 characters"));
        }
        if text.trim() != text || text.starts_with('.') {
            return Err(ParseIdError(
                "a master's name begins and ends with a visible character and not with a dot",
            ));
        }
        if text
            .chars()
            .any(|c| c.is_control() || matches!(c, '/' | '\\' | '@'))
        {
            return Err(ParseIdError(
                "a master's name has no control character and none of / \\ @",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for MasterName {
    type Error = ParseIdError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MasterName> for String {
    fn from(name: MasterName) -> Self {
        name.0
    }
}

impl fmt::Display for MasterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A master and, if given, one of its versions (integers from 1), written `NAME` or `NAME@VERSION`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MasterRef {
    /// The master's name.
    pub name: MasterName,
    /// The version; without it, the newest.
    pub version: Option<u32>,
}

impl fmt::Display for MasterRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "{}@{version}", self.name),
            None => self.name.fmt(f),
        }
    }
}

impl FromStr for MasterRef {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.rsplit_once('@') {
            None => Ok(Self {
                name: text.parse()?,
                version: None,
            }),
            Some((name, version)) => {
                let version: u32 = version
                    .parse()
                    .map_err(|_| ParseIdError("a version is a whole number from 1"))?;
                if version == 0 {
                    return Err(ParseIdError("a version is a whole number from 1"));
                }
                Ok(Self {
                    name: name.parse()?,
                    version: Some(version),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_name_cannot_leave_its_folder() {
        for text in ["", ".", "..", "../x", "a/b", "a\\b", "a@1", "a\0b", " a", "a\n"] {
            assert!(text.parse::<MasterName>().is_err(), "{text:?}");
        }
        assert_eq!(
            "Salle 12 – été".parse::<MasterName>().unwrap().as_str(),
            "Salle 12 – été"
        );
    }

    #[test]
    fn a_reference_names_a_version_or_the_newest() {
        assert_eq!("debian@3".parse::<MasterRef>().unwrap().version, Some(3));
        assert_eq!("debian".parse::<MasterRef>().unwrap().version, None);
        assert!("debian@0".parse::<MasterRef>().is_err());
        assert!("debian@x".parse::<MasterRef>().is_err());
    }
}
