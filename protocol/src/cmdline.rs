//! The words on the kernel command line that tell the agent where it belongs.
//!
//! ```text
//! amorce.agent=192.0.2.1:8443 amorce.ca=<64 hex> amorce.token=<text> amorce.mac=52:54:00:ab:cd:ef
//! ```
//!
//! | word | meaning |
//! | --- | --- |
//! | `amorce.agent` | address and port of the agent API (TLS) |
//! | `amorce.ca` | SHA-256 of the appliance's CA certificate (DER), the pin |
//! | `amorce.token` | the boot token, exchanged once at `/agent/v1/hello` |
//! | `amorce.mac` | the adapter that booted |

use crate::mac::MacAddr;
use std::{fmt, net::SocketAddr};

/// SHA-256 of the appliance's CA certificate in DER form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CaFingerprint(pub [u8; 32]);

impl fmt::Display for CaFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CaFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for CaFingerprint {
    type Err = CommandLineError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Same shape as a chunk id: 32 octets in hexadecimal.
        text.parse::<crate::ChunkId>()
            .map(|id| Self(id.0))
            .map_err(|_| CommandLineError::Malformed("amorce.ca"))
    }
}

/// What the boot loader told the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentCommandLine {
    /// Where the agent API listens.
    pub agent: SocketAddr,
    /// The pin of the appliance's CA.
    pub ca: CaFingerprint,
    /// The boot token.
    pub token: String,
    /// The adapter that booted, if the loader knew.
    pub mac: Option<MacAddr>,
}

/// The command line lacks a word or a word is malformed.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CommandLineError {
    /// A word that must be there is not.
    #[error("the kernel command line has no {0}; was this kernel started by hand?")]
    Missing(&'static str),
    /// A word's value does not parse.
    #[error("the kernel command line's {0} is malformed")]
    Malformed(&'static str),
}

/// Longest token that is accepted; the appliance's have 43 characters.
const TOKEN_MAX_LEN: usize = 128;

impl AgentCommandLine {
    /// Finds our words among the kernel's own.
    ///
    /// # Errors
    /// A word that is missing or malformed, by name.
    pub fn parse(text: &str) -> Result<Self, CommandLineError> {
        let find = |key: &'static str| {
            text.split_ascii_whitespace()
                .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
        };
        let need = |key: &'static str| find(key).ok_or(CommandLineError::Missing(key));
        let agent = need("amorce.agent")?
            .parse()
            .map_err(|_| CommandLineError::Malformed("amorce.agent"))?;
        let ca = need("amorce.ca")?.parse()?;
        let token = need("amorce.token")?;
        let token_characters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if token.is_empty() || token.len() > TOKEN_MAX_LEN || !token.chars().all(token_characters) {
            return Err(CommandLineError::Malformed("amorce.token"));
        }
        let mac = match find("amorce.mac") {
            Some(text) => Some(
                text.parse()
                    .map_err(|_| CommandLineError::Malformed("amorce.mac"))?,
            ),
            None => None,
        };
        Ok(Self {
            agent,
            ca,
            token: token.to_owned(),
            mac,
        })
    }
}

impl fmt::Display for AgentCommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "amorce.agent={} amorce.ca={} amorce.token={}",
            self.agent, self.ca, self.token
        )?;
        match self.mac {
            Some(mac) => write!(f, " amorce.mac={mac}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_the_loader_writes_the_agent_reads() {
        let line = AgentCommandLine {
            agent: "192.0.2.1:8443".parse().unwrap(),
            ca: CaFingerprint([0xab; 32]),
            token: "abc-DEF_123".into(),
            mac: Some("52:54:00:00:00:01".parse().unwrap()),
        };
        assert_eq!(
            AgentCommandLine::parse(&format!("quiet console=ttyS0 {line} panic=10")),
            Ok(line)
        );
    }

    #[test]
    fn a_missing_word_is_named() {
        assert_eq!(
            AgentCommandLine::parse("quiet"),
            Err(CommandLineError::Missing("amorce.agent"))
        );
    }

    proptest! {
        #[test]
        fn any_command_line_is_survived(text in ".{0,400}") {
            let _ = AgentCommandLine::parse(&text);
        }
    }
}
