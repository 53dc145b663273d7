//! What is known of a machine that boots, and what it shall do.
//!
//! One plan, many renderings: DHCP, TFTP, HTTP, iPXE and grub all render the same [`BootPlan`], so "do not boot" is the
//! same everywhere. DHCP facts only choose what is booted; nothing is written to a disk on their word.

use crate::{
    mac::MacAddr,
    machine::Firmware,
    menu::{Menu, MenuEntry},
};
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
    /// Show a menu.
    Menu {
        /// What is on it.
        menu: Menu,
    },
    /// Start what a menu's entry names: a kernel, a program, another server's loader.
    Start {
        /// The entry.
        entry: MenuEntry,
    },
}

/// How a loader hands the machine to its own disk. Firmware differs in which of them works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocalWay {
    /// iPXE ends with a failure: BIOS goes on to its next boot device.
    Exit,
    /// iPXE starts the first disk (0x80) itself.
    FirstDisk,
    /// grub starts the loader that it finds on a disk.
    Loader,
    /// grub ends: UEFI goes on to its next entry, or opens its setup.
    NextEntry,
}

impl LocalWay {
    /// The ways of a firmware; the first works on most.
    #[must_use]
    pub fn of(firmware: Firmware) -> &'static [Self] {
        match firmware {
            Firmware::Bios => &[Self::Exit, Self::FirstDisk],
            Firmware::Uefi | Firmware::UefiSecureBoot => &[Self::Loader, Self::NextEntry],
        }
    }

    /// The way to try when this one did not lead to the disk.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Exit => Self::FirstDisk,
            Self::FirstDisk => Self::Exit,
            Self::Loader => Self::NextEntry,
            Self::NextEntry => Self::Loader,
        }
    }

    /// In words: "sent to its disk by …".
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Exit => "iPXE's exit",
            Self::FirstDisk => "iPXE's sanboot of disk 0x80",
            Self::Loader => "the loader that grub finds on it",
            Self::NextEntry => "the firmware's next entry",
        }
    }
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
    /// It was chosen in the menu.
    Chosen,
    /// Somebody asked for it on the screen of our agent, moments ago.
    Asked,
    /// What was chosen is not in the machine's menu, or no longer.
    NoSuchEntry,
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
    /// It was chosen in the menu, or is the menu's default.
    Chosen,
    /// What was chosen wants a password, which is typed in the agent.
    Password,
}
