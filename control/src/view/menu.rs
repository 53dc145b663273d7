//! Boot menus.

use catalog::{
    EffectiveMenu, EntryWish, LevelEntry, MenuLevel, MenuOwner, MenuSettings as Settings, MenuWish, Said,
};
use protocol::{
    MachineId, PlaceId,
    menu::{EntryAction, EntryKey, Hotkey, Keyboard, MenuEntry as Entry, MenuLanguage, SerialLine},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a place, a group or a machine decides of the boot menu. What it leaves out comes from above.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MenuSettings {
    /// The heading.
    #[schema(max_length = 60)]
    pub title: Option<String>,
    /// The key of the entry that is chosen when nobody chooses.
    pub default: Option<EntryKey>,
    /// Seconds until then; 0: the menu is not drawn at all.
    #[schema(maximum = 3600)]
    pub timeout_seconds: Option<u16>,
    /// It waits for a person, for as long as it takes.
    pub waits: Option<bool>,
    /// Nothing is drawn unless somebody presses Esc within the timeout.
    pub hidden: Option<bool>,
    /// The key of the entry that is chosen instead on a machine that Wake-on-LAN woke.
    pub wake_default: Option<EntryKey>,
    /// Seconds until then.
    #[schema(maximum = 3600)]
    pub wake_timeout_seconds: Option<u16>,
    /// Language of the machine's screen.
    pub language: Option<MenuLanguage>,
    /// Layout of its keyboard, for what is typed in the agent.
    pub keyboard: Option<Keyboard>,
    /// Its serial line.
    pub serial: Option<SerialLine>,
}

/// An entry of a menu, as its owner decides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MenuEntry {
    /// Its name in scripts: one with the key of an entry from above takes its place.
    pub key: EntryKey,
    /// What a person reads. Loaders show it without accents.
    #[schema(min_length = 1, max_length = 60)]
    pub label: String,
    /// What it does.
    pub action: EntryAction,
    /// The key on the keyboard that chooses it.
    #[serde(default)]
    pub hotkey: Option<Hotkey>,
    /// It wants a password, which is typed in our agent.
    #[serde(default)]
    pub locked: bool,
    /// Its new password, 6 to 64 characters; without it, it keeps the one that it has. Never shown.
    #[serde(default, skip_serializing)]
    #[schema(write_only)]
    pub password: Option<String>,
    /// The entry of this key from above is not shown here.
    #[serde(default)]
    pub withdrawn: bool,
}

impl std::fmt::Debug for MenuEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the password.
        f.debug_struct("MenuEntry")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// What an owner decides of the boot menu.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// Its settings.
    #[serde(default)]
    pub settings: MenuSettings,
    /// Its entries, in order.
    #[serde(default)]
    #[schema(max_items = 40)]
    pub entries: Vec<MenuEntry>,
}

/// Who decided something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum MenuOrigin {
    /// Amorce itself: nobody decided otherwise.
    BuiltIn,
    /// A place or a group.
    Place {
        /// Which.
        id: PlaceId,
    },
    /// A machine.
    Machine {
        /// Which.
        id: MachineId,
    },
}

/// What comes of all that is decided: what loaders draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WholeMenu {
    /// What is decided here.
    pub own: Menu,
    /// The settings that hold, and which of them were decided where.
    pub settings: MenuSettings,
    /// Where the settings come from.
    pub origins: Vec<SettingOrigin>,
    /// The entries that are shown, in order; none: the machine boots without a menu.
    pub entries: Vec<ShownEntry>,
}

/// Where one setting comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingOrigin {
    /// The setting, as it is called in `settings`.
    pub setting: String,
    /// Who decided it.
    pub origin: MenuOrigin,
}

/// An entry that is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownEntry {
    /// The entry.
    pub entry: MenuEntry,
    /// Who decided it.
    pub origin: MenuOrigin,
}

impl WholeMenu {
    pub(crate) fn new(own: &MenuLevel, whole: EffectiveMenu) -> Self {
        let mut origins = Vec::new();
        let mut note = |setting: &str, from: Option<MenuOwner>| {
            origins.push(SettingOrigin {
                setting: setting.to_owned(),
                origin: origin(from),
            });
        };
        note("title", whole.title.from);
        note("default", whole.default.from);
        note("timeout_seconds", whole.timeout_seconds.from);
        note("waits", whole.waits.from);
        note("hidden", whole.hidden.from);
        if let Some(said) = &whole.wake_default {
            note("wake_default", said.from);
        }
        note("wake_timeout_seconds", whole.wake_timeout_seconds.from);
        note("language", whole.language.from);
        note("keyboard", whole.keyboard.from);
        if let Some(said) = &whole.serial {
            note("serial", said.from);
        }
        Self {
            own: Menu::of(own),
            settings: MenuSettings {
                title: Some(whole.title.value),
                default: Some(whole.default.value),
                timeout_seconds: Some(whole.timeout_seconds.value),
                waits: Some(whole.waits.value),
                hidden: Some(whole.hidden.value),
                wake_default: whole.wake_default.map(|said| said.value),
                wake_timeout_seconds: Some(whole.wake_timeout_seconds.value),
                language: Some(whole.language.value),
                keyboard: Some(whole.keyboard.value),
                serial: whole.serial.map(|said| said.value),
            },
            origins,
            entries: whole.entries.into_iter().map(ShownEntry::of).collect(),
        }
    }
}

impl ShownEntry {
    fn of(said: Said<Entry>) -> Self {
        Self {
            origin: origin(said.from),
            entry: MenuEntry::of(said.value, false),
        }
    }
}

impl Menu {
    fn of(level: &MenuLevel) -> Self {
        let settings = level.settings.clone();
        let entry = |entry: &LevelEntry| MenuEntry::of(entry.entry.clone(), entry.withdrawn);
        Self {
            settings: settings.into(),
            entries: level.entries.iter().map(entry).collect(),
        }
    }

    pub(crate) fn wish(self) -> MenuWish {
        MenuWish {
            settings: self.settings.into(),
            entries: self.entries.into_iter().map(MenuEntry::wish).collect(),
        }
    }
}

impl MenuEntry {
    fn of(entry: Entry, withdrawn: bool) -> Self {
        Self {
            key: entry.key,
            label: entry.label,
            action: entry.action,
            hotkey: entry.hotkey,
            locked: entry.locked,
            password: None,
            withdrawn,
        }
    }

    fn wish(self) -> EntryWish {
        EntryWish {
            entry: Entry {
                key: self.key,
                label: self.label,
                action: self.action,
                locked: self.locked,
                hotkey: self.hotkey,
            },
            password: self.password,
            withdrawn: self.withdrawn,
        }
    }
}

fn origin(from: Option<MenuOwner>) -> MenuOrigin {
    match from {
        None => MenuOrigin::BuiltIn,
        Some(MenuOwner::Place(id)) => MenuOrigin::Place { id },
        Some(MenuOwner::Machine(id)) => MenuOrigin::Machine { id },
    }
}

impl From<Settings> for MenuSettings {
    fn from(settings: Settings) -> Self {
        Self {
            title: settings.title,
            default: settings.default,
            timeout_seconds: settings.timeout_seconds,
            waits: settings.waits,
            hidden: settings.hidden,
            wake_default: settings.wake_default,
            wake_timeout_seconds: settings.wake_timeout_seconds,
            language: settings.language,
            keyboard: settings.keyboard,
            serial: settings.serial,
        }
    }
}

impl From<MenuSettings> for Settings {
    fn from(settings: MenuSettings) -> Self {
        Self {
            title: settings.title,
            default: settings.default,
            timeout_seconds: settings.timeout_seconds,
            waits: settings.waits,
            hidden: settings.hidden,
            wake_default: settings.wake_default,
            wake_timeout_seconds: settings.wake_timeout_seconds,
            language: settings.language,
            keyboard: settings.keyboard,
            serial: settings.serial,
        }
    }
}
