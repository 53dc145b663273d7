//! What is known of a machine that boots, and what it shall do.
//!
//! One plan, many renderings: DHCP, TFTP, HTTP, iPXE and grub all render the same [`BootPlan`], so "do not boot" is the
//! same everywhere. DHCP facts only choose what is booted; nothing is written to a disk on their word.

use crate::{mac::MacAddr, machine::Firmware};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use uuid::Uuid;

/// What a boot protocol shows of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootFacts {
    /// The adapter that asks.
    pub mac: MacAddr,
    /// The SMBIOS UUID from DHCP option 97 or from iPXE's `${uuid}`, if sent.
    pub uuid: Option<Uuid>,
    /// The kind of firmware that asks, if it says so.
    pub architecture: Option<ClientArchitecture>,
    /// Our address on the interface that the question came in by: what every answer names as the server.
    pub server: Ipv4Addr,
}

/// Client system architecture (DHCP option 93; IANA "Processor Architecture Types", RFC 4578 §2.1 with its erratum).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientArchitecture {
    /// 0: x86 BIOS.
    X86Bios,
    /// 6: 32-bit UEFI.
    Ia32Uefi,
    /// 7, and 9 which firmware sends for the same thing: x64 UEFI.
    X64Uefi,
    /// 11: arm64 UEFI.
    Arm64Uefi,
    /// 16: x64 UEFI HTTP Boot.
    X64UefiHttp,
    /// 19: arm64 UEFI HTTP Boot.
    Arm64UefiHttp,
    /// Any other, by its number.
    Other(u16),
}

impl ClientArchitecture {
    /// From the number on the wire.
    #[must_use]
    pub fn from_number(number: u16) -> Self {
        match number {
            0 => Self::X86Bios,
            6 => Self::Ia32Uefi,
            7 | 9 => Self::X64Uefi,
            11 => Self::Arm64Uefi,
            16 => Self::X64UefiHttp,
            19 => Self::Arm64UefiHttp,
            other => Self::Other(other),
        }
    }

    /// The firmware that boots this way, as far as the number tells (it never tells of Secure Boot).
    #[must_use]
    pub fn firmware(self) -> Firmware {
        match self {
            Self::X86Bios => Firmware::Bios,
            _ => Firmware::Uefi,
        }
    }
}

/// What a machine shall do at this boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "action")]
pub enum BootPlan {
    /// Start the operating system on its own disk.
    LocalDisk {
        /// Why, for the transcript and the machine's screen.
        reason: LocalReason,
    },
    /// Start our agent.
    Agent {
        /// Why, for the transcript and the machine's screen.
        reason: AgentReason,
    },
}

/// Why a machine boots its own disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocalReason {
    /// It is known and nothing waits for it.
    NoJob,
    /// The site does not boot unknown machines.
    UnknownIgnored,
    /// It is banned.
    Quarantined,
    /// Our agent does not run on its processor.
    NotImaged,
    /// The catalog cannot answer: never stand between a user and the desktop.
    CatalogUnavailable,
}

/// Why a machine boots our agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentReason {
    /// Nobody has seen it before: it is inventoried once.
    Unknown,
    /// A job waits for it.
    Job,
    /// Its last inventory found no disk to boot from.
    NothingBootable,
}
