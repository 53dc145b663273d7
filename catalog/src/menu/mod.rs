//! Boot menus: what each place, group and machine decides, and what comes of it for one machine.
//!
//! ```text
//! organisation ─▶ authority ─▶ site ─▶ room ─▶ groups (by name) ─▶ machine
//! ```
//!
//! Further to the right wins, setting by setting. Entries add up: one with the key of an entry from above takes its place,
//! or withdraws it. Each setting and entry says where it comes from.

mod choice;
mod store;

pub(crate) use choice::{SessionEntry, is_locked, plan_of, task_of};
pub use store::{EntryWish, MenuWish};
pub(crate) use store::{load_level, load_levels};

use crate::setting::{Language, Settings};
use protocol::{
    MachineId, PlaceId,
    menu::{
        EntryAction, EntryKey, Hotkey, Keyboard, LoaderConsole, Menu, MenuEntry, MenuLanguage, SerialLine,
        WakeDefault,
    },
};
use serde::{Deserialize, Serialize};

/// Who decides something of a menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MenuOwner {
    /// A place or a group.
    Place(PlaceId),
    /// A machine.
    Machine(MachineId),
}

/// What an owner decides; what is `None` comes from above.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MenuSettings {
    /// The heading.
    pub title: Option<String>,
    /// What is chosen when nobody chooses.
    pub default: Option<EntryKey>,
    /// Seconds until then; 0: the menu is not drawn at all.
    pub timeout_seconds: Option<u16>,
    /// It waits for a person, for as long as it takes.
    pub waits: Option<bool>,
    /// Nothing is drawn unless somebody presses Esc within the timeout.
    pub hidden: Option<bool>,
    /// What is chosen instead on a machine that Wake-on-LAN woke.
    pub wake_default: Option<EntryKey>,
    /// Seconds until then.
    pub wake_timeout_seconds: Option<u16>,
    /// Language of the machine's screen.
    pub language: Option<MenuLanguage>,
    /// Layout of its keyboard.
    pub keyboard: Option<Keyboard>,
    /// Its serial line.
    pub serial: Option<SerialLine>,
}

/// An entry as an owner decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelEntry {
    /// The entry.
    pub entry: MenuEntry,
    /// The argon2id hash of its password, if it wants one.
    pub(crate) password: Option<String>,
    /// The entry of this key from above is not shown here.
    pub withdrawn: bool,
}

/// What one owner decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MenuLevel {
    /// Its settings.
    pub settings: MenuSettings,
    /// Its entries, in order.
    pub entries: Vec<LevelEntry>,
}

/// A value and who decided it; nobody: Amorce itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<T> {
    /// The value.
    pub value: T,
    /// Who decided it.
    pub from: Option<MenuOwner>,
}

/// What comes of all levels for one machine or place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveMenu {
    /// The heading.
    pub title: Said<String>,
    /// What is chosen when nobody chooses.
    pub default: Said<EntryKey>,
    /// Seconds until then.
    pub timeout_seconds: Said<u16>,
    /// It waits for a person.
    pub waits: Said<bool>,
    /// Nothing is drawn unless somebody presses Esc.
    pub hidden: Said<bool>,
    /// What is chosen on a machine that was woken, if that is something else.
    pub wake_default: Option<Said<EntryKey>>,
    /// Seconds until then.
    pub wake_timeout_seconds: Said<u16>,
    /// Language of the machine's screen.
    pub language: Said<MenuLanguage>,
    /// Layout of its keyboard.
    pub keyboard: Said<Keyboard>,
    /// Its serial line.
    pub serial: Option<Said<SerialLine>>,
    /// The entries, in order; none: there is no menu.
    pub entries: Vec<Said<MenuEntry>>,
    passwords: Vec<(EntryKey, String)>,
}

/// Seconds that a menu stands if nobody says how long.
const TIMEOUT_SECONDS: u16 = 10;
/// The same on a machine that was woken: nobody is there.
const WAKE_TIMEOUT_SECONDS: u16 = 3;

/// Adds up what the levels decide, the one that wins last.
pub(crate) fn resolve<'a>(
    levels: impl IntoIterator<Item = (MenuOwner, &'a MenuLevel)>,
    settings: &Settings,
) -> EffectiveMenu {
    let site_language = match settings.language {
        Language::Fr => MenuLanguage::Fr,
        Language::En => MenuLanguage::En,
    };
    let mut title = built_in("Amorce".to_owned());
    let mut default = None;
    let mut timeout_seconds = built_in(TIMEOUT_SECONDS);
    let mut waits = built_in(false);
    let mut hidden = built_in(false);
    let mut wake_default = None;
    let mut wake_timeout_seconds = built_in(WAKE_TIMEOUT_SECONDS);
    let mut language = built_in(site_language);
    let mut keyboard = None;
    let mut serial = None;
    let mut entries: Vec<Said<MenuEntry>> = Vec::new();
    let mut passwords: Vec<(EntryKey, String)> = Vec::new();
    for (owner, level) in levels {
        let decided = &level.settings;
        say(&mut title, owner, decided.title.as_ref());
        say(&mut timeout_seconds, owner, decided.timeout_seconds.as_ref());
        // Whoever says how long does not want what is above to wait for ever.
        let waiting = decided.waits.or(decided.timeout_seconds.map(|_| false));
        say(&mut waits, owner, waiting.as_ref());
        say(&mut hidden, owner, decided.hidden.as_ref());
        say(
            &mut wake_timeout_seconds,
            owner,
            decided.wake_timeout_seconds.as_ref(),
        );
        say(&mut language, owner, decided.language.as_ref());
        say_option(&mut default, owner, decided.default.as_ref());
        say_option(&mut wake_default, owner, decided.wake_default.as_ref());
        say_option(&mut keyboard, owner, decided.keyboard.as_ref());
        say_option(&mut serial, owner, decided.serial.as_ref());
        for entry in &level.entries {
            let key = &entry.entry.key;
            passwords.retain(|(known, _)| known != key);
            let place = entries.iter().position(|known| known.value.key == *key);
            if entry.withdrawn {
                entries.retain(|known| known.value.key != *key);
                continue;
            }
            if let Some(hash) = &entry.password {
                passwords.push((key.clone(), hash.clone()));
            }
            let said = Said {
                value: entry.entry.clone(),
                from: Some(owner),
            };
            match place {
                Some(place) => entries[place] = said,
                None => entries.push(said),
            }
        }
    }
    let language_value = language.value;
    let starts_disk =
        |entry: &Said<MenuEntry>| entry.value.action == EntryAction::LocalDisk && !entry.value.locked;
    if !entries.is_empty() && !entries.iter().any(starts_disk) {
        entries.insert(0, built_in(local_disk(&entries, language_value)));
    }
    let disk = entries.iter().find(|entry| starts_disk(entry));
    let disk_key = disk.map_or_else(EntryKey::local_disk, |entry| entry.value.key.clone());
    let is_there = |said: &Said<EntryKey>| entries.iter().any(|entry| entry.value.key == said.value);
    // Somebody above may have made a job of an entry since it became a default: it would come at each boot.
    let makes_no_job = |said: &Said<EntryKey>| {
        let named = entries.iter().find(|entry| entry.value.key == said.value);
        named.is_some_and(|entry| !matches!(entry.value.action, EntryAction::Job { .. }))
    };
    EffectiveMenu {
        title,
        default: default.filter(makes_no_job).unwrap_or_else(|| built_in(disk_key)),
        timeout_seconds,
        waits,
        hidden,
        wake_default: wake_default.filter(is_there),
        wake_timeout_seconds,
        language,
        keyboard: keyboard.unwrap_or_else(|| built_in(keyboard_of(language_value))),
        serial,
        entries,
        passwords,
    }
}

impl EffectiveMenu {
    /// Whether there is anything to choose.
    #[must_use]
    pub fn is_there(&self) -> bool {
        !self.entries.is_empty()
    }

    /// The entry of this key.
    #[must_use]
    pub fn entry(&self, key: &EntryKey) -> Option<&MenuEntry> {
        self.entries
            .iter()
            .map(|entry| &entry.value)
            .find(|entry| entry.key == *key)
    }

    /// How loaders and agent speak.
    #[must_use]
    pub fn console(&self) -> LoaderConsole {
        LoaderConsole {
            language: self.language.value,
            keyboard: self.keyboard.value,
            serial: self.serial.as_ref().map(|said| said.value),
        }
    }

    /// The menu as loaders draw it. A machine that we woke has its other default at once; on any other the loader asks the
    /// firmware.
    #[must_use]
    pub fn menu(&self, woken: bool) -> Menu {
        let wake = self.wake_default.as_ref().map(|said| WakeDefault {
            default: said.value.clone(),
            timeout_seconds: self.wake_timeout_seconds.value,
        });
        let timeout_seconds = (!self.waits.value).then_some(self.timeout_seconds.value);
        let (default, timeout_seconds, wake) = match wake {
            Some(wake) if woken => (wake.default, Some(wake.timeout_seconds), None),
            wake => (self.default.value.clone(), timeout_seconds, wake),
        };
        Menu {
            title: self.title.value.clone(),
            entries: self.entries.iter().map(|entry| entry.value.clone()).collect(),
            default,
            timeout_seconds,
            hidden: self.hidden.value,
            wake,
            console: self.console(),
        }
    }

    pub(crate) fn password(&self, key: &EntryKey) -> Option<&str> {
        self.passwords
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, hash)| hash.as_str())
    }
}

fn built_in<T>(value: T) -> Said<T> {
    Said { value, from: None }
}

fn say<T: Clone>(said: &mut Said<T>, owner: MenuOwner, value: Option<&T>) {
    if let Some(value) = value {
        *said = Said {
            value: value.clone(),
            from: Some(owner),
        };
    }
}

fn say_option<T: Clone>(said: &mut Option<Said<T>>, owner: MenuOwner, value: Option<&T>) {
    if let Some(value) = value {
        *said = Some(Said {
            value: value.clone(),
            from: Some(owner),
        });
    }
}

fn keyboard_of(language: MenuLanguage) -> Keyboard {
    match language {
        MenuLanguage::Fr => Keyboard::Fr,
        MenuLanguage::En => Keyboard::Us,
    }
}

/// The entry that every menu has.
fn local_disk(others: &[Said<MenuEntry>], language: MenuLanguage) -> MenuEntry {
    let mut key = EntryKey::local_disk();
    // Somebody may have given the name to something else.
    let mut number = 2;
    while others.iter().any(|other| other.value.key == key) {
        if let Ok(next) = format!("{}-{number}", EntryKey::local_disk()).parse() {
            key = next;
        }
        number += 1;
    }
    let label = match language {
        MenuLanguage::Fr => "Démarrer le disque de cette machine",
        MenuLanguage::En => "Start this machine's own disk",
    };
    MenuEntry {
        key,
        label: label.to_owned(),
        action: EntryAction::LocalDisk,
        locked: false,
        hotkey: None::<Hotkey>,
    }
}
