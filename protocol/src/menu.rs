//! The menu that a machine shows at boot, as the loaders draw it.
//!
//! One [`Menu`], two renderings: grub (also under Secure Boot) and iPXE. Nothing secret is in it: an entry that wants a
//! password says only that it does, and choosing one asks the appliance what it means.

use crate::{id::ParseIdError, job::Step};
use serde::{Deserialize, Serialize};
use std::{fmt, net::Ipv4Addr, str::FromStr};

/// What a machine offers to the person in front of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Menu {
    /// Its heading.
    pub title: String,
    /// What can be chosen, in order. One of them always starts the machine's own disk.
    pub entries: Vec<MenuEntry>,
    /// What is chosen when nobody chooses.
    pub default: EntryKey,
    /// Seconds until then; none: it waits for a person.
    pub timeout_seconds: Option<u16>,
    /// Nothing is drawn unless somebody presses Esc within the timeout.
    pub hidden: bool,
    /// What is chosen instead when the firmware says that a magic packet woke the machine (SMBIOS type 1, wake-up type 5),
    /// after so many seconds.
    pub wake: Option<WakeDefault>,
    /// How the loaders speak.
    pub console: LoaderConsole,
}

/// Another default for a machine that was woken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WakeDefault {
    /// What is chosen.
    pub default: EntryKey,
    /// After so many seconds.
    pub timeout_seconds: u16,
}

/// One line of a menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuEntry {
    /// Its name in scripts, unique in its menu.
    pub key: EntryKey,
    /// What a person reads.
    pub label: String,
    /// What it does.
    pub action: EntryAction,
    /// It wants a password, which is typed in our agent and checked by the appliance.
    pub locked: bool,
    /// The key on the keyboard that chooses it.
    pub hotkey: Option<Hotkey>,
}

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum EntryAction {
    /// Starts the machine's own disk.
    LocalDisk,
    /// Starts our agent, which takes the inventory and waits for orders.
    Agent,
    /// Makes a job for this machine and runs it: restore, capture, inspect.
    Job {
        /// Its steps.
        steps: Vec<Step>,
    },
    /// Starts the memory test that is in the boot folder: `memtest.bin` under BIOS, `memtest.efi` under UEFI.
    MemoryTest,
    /// Starts a kernel of the boot folder.
    Kernel {
        /// The kernel.
        kernel: BootFileName,
        /// What it unpacks, in order.
        #[serde(default)]
        initrd: Vec<BootFileName>,
        /// Its command line.
        #[serde(default)]
        words: KernelWords,
        /// No key of the machines' firmware has signed it: it is hidden under Secure Boot.
        #[serde(default)]
        unsigned: bool,
    },
    /// Starts a program of the boot folder: one for EFI if its name ends in `.efi`, else one for BIOS.
    Program {
        /// The program.
        file: BootFileName,
        /// No key of the machines' firmware has signed it: it is hidden under Secure Boot.
        #[serde(default)]
        unsigned: bool,
    },
    /// Starts a disk image (ISO) of the boot folder; by iPXE only.
    DiskImage {
        /// The image.
        file: BootFileName,
    },
    /// Starts Windows' own setup or rescue system by `wimboot`, which an admin put into the boot folder; by iPXE only.
    Windows {
        /// The folder in the boot folder that holds `bcd`, `boot.sdi` and `boot.wim`.
        folder: BootFileName,
    },
    /// Starts the loader of another boot server.
    OtherServer {
        /// Its address.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        server: Ipv4Addr,
        /// Its boot file, by TFTP.
        file: BootFileName,
    },
}

/// How loaders and the agent speak with whoever sits there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoaderConsole {
    /// Language of our own words.
    pub language: MenuLanguage,
    /// How passwords are typed in our agent.
    pub keyboard: Keyboard,
    /// A serial line that shows everything too.
    pub serial: Option<SerialLine>,
}

/// A language of the loaders' own words. They show ASCII only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MenuLanguage {
    /// French.
    #[default]
    Fr,
    /// English.
    En,
}

/// A keyboard's layout. Loaders and the kernel read every keyboard as if it were American; our agent does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Keyboard {
    /// American, QWERTY.
    #[default]
    Us,
    /// French, AZERTY.
    Fr,
}

/// A serial line of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SerialLine {
    /// Its number: 0 is COM1, `ttyS0`.
    #[cfg_attr(feature = "schema", schema(maximum = 3))]
    pub port: u8,
    /// Bits per second.
    pub speed: u32,
}

impl SerialLine {
    /// Whether there are such lines.
    #[must_use]
    pub fn is_possible(self) -> bool {
        self.port <= 3 && [9_600, 19_200, 38_400, 57_600, 115_200].contains(&self.speed)
    }
}

impl Menu {
    /// The entry of this name.
    #[must_use]
    pub fn entry(&self, key: &EntryKey) -> Option<&MenuEntry> {
        self.entries.iter().find(|entry| entry.key == *key)
    }
}

/// Text that is put into scripts as it stands, so every character of it is harmless to grub and to iPXE.
macro_rules! plain_text {
    ($(#[$doc:meta])* $name:ident, $check:ident, $wrong:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// As text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if $check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(ParseIdError($wrong))
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

plain_text!(
    /// The name of an entry in scripts and addresses: 1 to 32 of `a-z 0-9 -`, the first of them no `-`.
    EntryKey,
    is_entry_key,
    "an entry's key has 1 to 32 small letters, digits and dashes, and does not begin with a dash"
);

plain_text!(
    /// A file in the boot folder: at most 120 of `A-Z a-z 0-9 . _ + -`, with `/` between folders; no part begins with a dot.
    BootFileName,
    is_boot_file_name,
    "a boot file's name has at most 120 letters, digits and . _ + - with / between folders, and no part begins with a dot"
);

plain_text!(
    /// Words of a kernel's command line: at most 400 of `A-Z a-z 0-9 . _ , : = / @ + % ~ -` and blanks.
    #[derive(Default)]
    KernelWords,
    is_kernel_words,
    "a kernel's words have at most 400 letters, digits and . _ , : = / @ + % ~ - with blanks between them"
);

impl EntryKey {
    /// The key of the entry that every menu has.
    #[must_use]
    pub fn local_disk() -> Self {
        Self("local-disk".to_owned())
    }
}

plain_text!(
    /// A key that chooses an entry: one of `a-z 0-9`.
    Hotkey,
    is_hotkey,
    "a hotkey is one small letter or digit"
);

fn is_entry_key(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && !text.starts_with('-')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_boot_file_name(text: &str) -> bool {
    let good = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
    };
    text.len() <= 120 && text.split('/').all(good)
}

fn is_kernel_words(text: &str) -> bool {
    text.len() <= 400
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b" ._,:=/@+%~-".contains(&byte))
}

fn is_hotkey(text: &str) -> bool {
    text.len() == 1
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_could_mean_something_to_a_loader_are_refused() {
        for text in ["", "-a", "A", "a b", "a.b", "é", "a;b", "${x}", &"a".repeat(33)] {
            assert!(text.parse::<EntryKey>().is_err(), "{text:?}");
        }
        for text in ["", "/", "a//b", "../a", "a/.b", "-a", "a b", "a$b", "a\\b", "a:b"] {
            assert!(text.parse::<BootFileName>().is_err(), "{text:?}");
        }
        for text in ["a;b", "a|b", "a\nb", "a\"", "$a", "{", "#", "a*"] {
            assert!(text.parse::<KernelWords>().is_err(), "{text:?}");
        }
        assert!("tools/gparted-1.6.0.iso".parse::<BootFileName>().is_ok());
        assert!("console=ttyS0,115200n8 quiet".parse::<KernelWords>().is_ok());
    }

    #[test]
    fn an_entry_is_read_as_it_is_written() {
        let action = EntryAction::Kernel {
            kernel: "rescue/vmlinuz".parse().unwrap(),
            initrd: vec!["rescue/initrd.img".parse().unwrap()],
            words: "quiet".parse().unwrap(),
            unsigned: true,
        };
        let text = serde_json::to_string(&action).unwrap();
        assert_eq!(serde_json::from_str::<EntryAction>(&text).unwrap(), action);
        assert!(serde_json::from_str::<EntryAction>(r#"{"kind":"kernel","kernel":"../vmlinuz"}"#).is_err());
        assert_eq!(
            serde_json::from_str::<EntryAction>(r#"{"kind":"local-disk"}"#).unwrap(),
            EntryAction::LocalDisk
        );
    }

    proptest! {
        #[test]
        fn whatever_passes_is_harmless_in_a_script(text in ".{0,140}") {
            let harmless = |text: &str| text.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || b" ._,:=/@+%~-".contains(&byte)
            });
            for passed in [
                text.parse::<EntryKey>().map(String::from),
                text.parse::<BootFileName>().map(String::from),
                text.parse::<KernelWords>().map(String::from),
                text.parse::<Hotkey>().map(String::from),
            ].into_iter().flatten() {
                prop_assert!(harmless(&passed));
            }
        }
    }
}
