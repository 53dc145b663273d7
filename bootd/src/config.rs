//! What the boot services need to know before they start.

use crate::{dhcp::pool, error::ServeError};
use protocol::{cmdline::CaFingerprint, dhcp};
use std::{net::SocketAddr, path::PathBuf};

/// Configuration of the boot services.
#[derive(Clone, Debug)]
pub struct Config {
    /// Names of the interfaces that machines boot from. DHCP and TFTP answer on these only.
    pub interfaces: Vec<String>,
    /// Where boot files and scripts are served by plain HTTP, on every interface that has this address.
    pub http: SocketAddr,
    /// Port of the agent API; the address is the one that the machine asked.
    pub agent_port: u16,
    /// The pin of the appliance's CA that agents are given.
    pub ca: CaFingerprint,
    /// The boot folder: vmlinuz, initrd.img, shimx64.efi, grubx64.efi, undionly.kpxe.
    pub boot_folder: PathBuf,
    /// More words for the agent's kernel, `nomodeset` for instance.
    pub extra_kernel_words: Vec<String>,
    /// Networks in which the appliance gives addresses itself; none where the site has a DHCP server.
    pub pools: Vec<pool::Subnet>,
    /// UDP ports; not the usual ones only in tests.
    pub ports: Ports,
}

/// UDP ports of the boot services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Where DHCP requests come in.
    pub dhcp: u16,
    /// Where DHCP clients without an address hear the answer.
    pub dhcp_client: u16,
    /// Where boot servers are asked.
    pub boot_server: u16,
    /// Where TFTP requests come in.
    pub tftp: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            dhcp: dhcp::SERVER_PORT,
            dhcp_client: dhcp::CLIENT_PORT,
            boot_server: dhcp::BOOT_SERVER_PORT,
            tftp: 69,
        }
    }
}

impl Config {
    /// Refuses what would end up in a boot script as something other than a word.
    pub(crate) fn check(&self) -> Result<(), ServeError> {
        if self.interfaces.is_empty() {
            return Err(ServeError::NoInterface);
        }
        pool::check(&self.pools)?;
        match self.extra_kernel_words.iter().find(|word| !is_kernel_word(word)) {
            Some(word) => Err(ServeError::KernelWord {
                word: word.escape_debug().to_string(),
            }),
            None => Ok(()),
        }
    }
}

/// Only what neither iPXE nor grub gives a meaning of its own: no blank, quote, `$`, `;`, `|`, `&`, `{`, `#`.
fn is_kernel_word(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.,=:/@%+-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_word_cannot_be_a_script() {
        for word in ["nomodeset", "console=ttyS0,115200n8", "video=1024x768@60"] {
            assert!(is_kernel_word(word), "{word}");
        }
        for word in ["", "a b", "a;reboot", "${net0/mac}", "a\nb", "a&&b", "\"", "é"] {
            assert!(!is_kernel_word(word), "{word}");
        }
    }
}
