//! A menu in the words of the templates: what of it this loader can show, and how long it stands.

use super::text::loader_text;
use crate::event::Loader;
use protocol::menu::{BootFileName, EntryAction, EntryKey, Menu, MenuEntry, MenuLanguage};
use serde::Serialize;

/// The memory test for BIOS and for UEFI, in the boot folder.
pub(crate) const MEMORY_TEST_BIOS: &str = "memtest.bin";
pub(crate) const MEMORY_TEST_UEFI: &str = "memtest.efi";
/// What starts Windows' own images, in the boot folder if an admin put it there.
pub(crate) const WIMBOOT: &str = "wimboot";
/// What [`EntryAction::Windows`] needs in its folder.
pub(crate) const WINDOWS_FILES: [&str; 3] = ["bcd", "boot.sdi", "boot.wim"];

/// What the templates draw.
#[derive(Serialize)]
pub(crate) struct DrawnMenu {
    title: String,
    default: EntryKey,
    /// Milliseconds, at least one; none: it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_seconds: Option<u16>,
    hidden: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    wake: Option<DrawnWake>,
    entries: Vec<DrawnEntry>,
    press_escape: &'static str,
}

#[derive(Serialize)]
struct DrawnWake {
    default: EntryKey,
    timeout_ms: u32,
    timeout_seconds: u16,
}

#[derive(Serialize)]
struct DrawnEntry {
    key: EntryKey,
    label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hotkey: Option<String>,
    /// It is not drawn where the firmware would refuse to start it.
    unsigned: bool,
}

/// Whether a loader can show an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    /// Always.
    Shown,
    /// Unless Secure Boot is on.
    Unsigned,
    /// Never.
    Hidden,
}

impl DrawnMenu {
    /// What a loader draws; `has` tells which files are in the boot folder.
    pub(crate) fn new(menu: &Menu, loader: Loader, has: &dyn Fn(&str) -> bool) -> Self {
        let words = words(menu.console.language);
        let mut entries = Vec::with_capacity(menu.entries.len());
        for entry in &menu.entries {
            let visibility = visibility(entry, loader, has);
            if visibility == Visibility::Hidden {
                continue;
            }
            let mut label = loader_text(&entry.label);
            if entry.locked {
                label.push_str(words.locked);
            }
            entries.push(DrawnEntry {
                key: entry.key.clone(),
                label,
                hotkey: entry.hotkey.as_ref().map(ToString::to_string),
                unsigned: visibility == Visibility::Unsigned,
            });
        }
        // Where the default cannot be shown, the disk is the default: there is always one.
        let is_sure = |key: &EntryKey| entries.iter().any(|entry| entry.key == *key && !entry.unsigned);
        let disk = menu
            .entries
            .iter()
            .find(|entry| entry.action == EntryAction::LocalDisk && !entry.locked)
            .map_or_else(EntryKey::local_disk, |entry| entry.key.clone());
        let default = if is_sure(&menu.default) {
            menu.default.clone()
        } else {
            disk
        };
        let timeout_seconds = menu.timeout_seconds;
        Self {
            title: loader_text(&menu.title),
            timeout_ms: timeout_seconds.map(milliseconds),
            timeout_seconds,
            hidden: menu.hidden && timeout_seconds.is_some(),
            wake: menu
                .wake
                .as_ref()
                .filter(|wake| is_sure(&wake.default))
                .map(|wake| DrawnWake {
                    default: wake.default.clone(),
                    timeout_ms: milliseconds(wake.timeout_seconds),
                    timeout_seconds: wake.timeout_seconds,
                }),
            default,
            entries,
            press_escape: words.press_escape,
        }
    }
}

/// Zero would mean to wait for ever.
fn milliseconds(seconds: u16) -> u32 {
    (u32::from(seconds) * 1000).max(1)
}

/// Whether a loader can show an entry. What wants a password is our agent's affair first, so any loader can.
pub(crate) fn visibility(entry: &MenuEntry, loader: Loader, has: &dyn Fn(&str) -> bool) -> Visibility {
    use Visibility::{Hidden, Shown, Unsigned};
    let is_grub = loader != Loader::Ipxe;
    let if_there = |there: bool, unsigned: bool| match (there, unsigned && is_grub) {
        (false, _) => Hidden,
        (true, true) => Unsigned,
        (true, false) => Shown,
    };
    match &entry.action {
        EntryAction::LocalDisk | EntryAction::Agent | EntryAction::Job { .. } => Shown,
        EntryAction::MemoryTest if is_grub => if_there(has(MEMORY_TEST_UEFI), true),
        EntryAction::MemoryTest => if_there(has(MEMORY_TEST_BIOS), false),
        EntryAction::Kernel {
            kernel,
            initrd,
            unsigned,
            ..
        } => if_there(
            has(kernel.as_str()) && initrd.iter().all(|file| has(file.as_str())),
            *unsigned,
        ),
        EntryAction::Program { file, unsigned } => {
            if_there(is_for_efi(file) == is_grub && has(file.as_str()), *unsigned)
        }
        EntryAction::DiskImage { file } => if_there(!is_grub && has(file.as_str()), false),
        EntryAction::Windows { folder } => {
            let all = WINDOWS_FILES.iter().all(|file| has(&format!("{folder}/{file}")));
            if_there(!is_grub && has(WIMBOOT) && all, false)
        }
        EntryAction::OtherServer { file, .. } => if_there(is_for_efi(file) == is_grub, false),
    }
}

fn is_for_efi(file: &BootFileName) -> bool {
    file.as_str().to_ascii_lowercase().ends_with(".efi")
}

/// Our own words in a menu: ASCII, and no script by themselves.
struct MenuWords {
    press_escape: &'static str,
    locked: &'static str,
}

fn words(language: MenuLanguage) -> MenuWords {
    match language {
        MenuLanguage::Fr => MenuWords {
            press_escape: "Echap: afficher le menu",
            locked: " (mot de passe)",
        },
        MenuLanguage::En => MenuWords {
            press_escape: "Esc: show the menu",
            locked: " (password)",
        },
    }
}
