//! Menus in the database: one per place, group or machine.

use super::{EffectiveMenu, LevelEntry, MenuLevel, MenuOwner, MenuSettings, resolve};
use crate::{
    Catalog,
    change::{Subject, Writing},
    error::{Error, Result},
    people::{self, Actor},
};
use protocol::{
    MachineId,
    job::Step,
    menu::{EntryAction, EntryKey, Hotkey, MenuEntry},
};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Most entries that one owner decides.
const ENTRIES_MAX: usize = 40;
/// Longest heading and label, in characters: what a screen of 80 columns shows.
const TEXT_MAX: usize = 60;
/// Longest timeout: an hour.
const TIMEOUT_MAX: u16 = 3600;

/// What somebody wishes an owner's menu to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuWish {
    /// The settings.
    pub settings: MenuSettings,
    /// The entries, in order.
    pub entries: Vec<EntryWish>,
}

/// One of them.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryWish {
    /// The entry. `locked` without a new password keeps the one that it had.
    pub entry: MenuEntry,
    /// Its new password.
    pub password: Option<String>,
    /// The entry of this key from above is not shown here.
    pub withdrawn: bool,
}

impl std::fmt::Debug for EntryWish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the password.
        f.debug_struct("EntryWish")
            .field("entry", &self.entry)
            .field("withdrawn", &self.withdrawn)
            .finish_non_exhaustive()
    }
}

impl Catalog {
    /// What an owner decides itself.
    ///
    /// # Errors
    /// When there is no such owner, or the catalog cannot be read.
    pub fn menu_level(&self, owner: MenuOwner) -> Result<MenuLevel> {
        self.0.database.read(|transaction| {
            check_owner(transaction, owner)?;
            Ok(load_level(transaction, owner)?.unwrap_or_default())
        })
    }

    /// What comes of all levels for an owner. From memory.
    #[must_use]
    pub fn effective_menu(&self, owner: MenuOwner) -> EffectiveMenu {
        let memory = self.memory();
        match owner {
            MenuOwner::Place(place) => resolve(memory.levels_of_place(place), &memory.settings),
            MenuOwner::Machine(machine) => memory.menu_of(machine),
        }
    }

    /// Replaces what an owner decides.
    ///
    /// # Errors
    /// When there is no such owner, or the wish cannot be meant.
    pub fn put_menu(&self, owner: MenuOwner, wish: MenuWish, actor: &Actor) -> Result<MenuLevel> {
        check_settings(&wish.settings)?;
        if wish.entries.len() > ENTRIES_MAX {
            return Err(Error::invalid(
                format!("a menu has at most {ENTRIES_MAX} entries of one owner"),
                "take some away",
            ));
        }
        let mut keys = BTreeSet::new();
        for wished in &wish.entries {
            check_entry(wished)?;
            if !keys.insert(wished.entry.key.clone()) {
                return Err(Error::invalid(
                    format!("two entries have the key {}", wished.entry.key),
                    "give each entry a key of its own",
                ));
            }
        }
        // Before the transaction: hashing takes its time.
        let hashes = wish
            .entries
            .iter()
            .filter_map(|wished| Some((wished.entry.key.clone(), wished.password.as_deref()?)))
            .map(|(key, password)| Ok((key, people::hash_entry_password(password)?)))
            .collect::<Result<HashMap<EntryKey, String>>>()?;
        self.write(|writing| {
            let connection = writing.transaction;
            check_owner(connection, owner)?;
            let before = load_level(connection, owner)?.unwrap_or_default();
            let mut entries = Vec::with_capacity(wish.entries.len());
            for wished in &wish.entries {
                entries.push(kept_or_new(wished, &before, &hashes)?);
            }
            let level = MenuLevel {
                settings: wish.settings.clone(),
                entries,
            };
            save_level(connection, owner, &level)?;
            writing.audit(
                actor,
                "edit",
                "menu",
                owner_text(owner),
                Some(audited(&before)?),
                Some(audited(&level)?),
            )?;
            note(writing, owner);
            check_default(connection, owner, &level)?;
            Ok(level)
        })
    }
}

fn note(writing: &mut Writing<'_>, owner: MenuOwner) {
    match owner {
        MenuOwner::Machine(id) => writing.changed(Subject::Machine { id }),
        MenuOwner::Place(_) => {
            writing.places_changed();
            writing.changed(Subject::Settings);
        }
    }
}

/// The password that an entry has from now on.
fn kept_or_new(
    wished: &EntryWish,
    before: &MenuLevel,
    hashes: &HashMap<EntryKey, String>,
) -> Result<LevelEntry> {
    let key = &wished.entry.key;
    let known = before
        .entries
        .iter()
        .find(|known| known.entry.key == *key)
        .and_then(|known| known.password.clone());
    let password = hashes.get(key).cloned().or(known).filter(|_| wished.entry.locked);
    if wished.entry.locked && password.is_none() && !wished.withdrawn {
        return Err(Error::invalid(
            format!("the entry {key} wants a password and has none"),
            "give it one",
        ));
    }
    Ok(LevelEntry {
        entry: wished.entry.clone(),
        password,
        withdrawn: wished.withdrawn,
    })
}

fn check_settings(settings: &MenuSettings) -> Result<()> {
    if let Some(title) = &settings.title {
        check_text("a heading", title)?;
    }
    let seconds = [settings.timeout_seconds, settings.wake_timeout_seconds];
    if seconds.into_iter().flatten().any(|seconds| seconds > TIMEOUT_MAX) {
        return Err(Error::invalid(
            format!("a menu stands at most {TIMEOUT_MAX} seconds"),
            "let it wait for a person instead",
        ));
    }
    if settings.serial.is_some_and(|serial| !serial.is_possible()) {
        return Err(Error::invalid(
            "there is no such serial line",
            "name port 0 to 3 and 9600, 19200, 38400, 57600 or 115200 bits per second",
        ));
    }
    Ok(())
}

fn check_entry(wished: &EntryWish) -> Result<()> {
    let MenuEntry {
        key,
        label,
        action,
        locked,
        ..
    } = &wished.entry;
    check_text("a label", label)?;
    let EntryAction::Job { steps } = action else {
        return Ok(());
    };
    if steps.is_empty() || steps.len() > 20 {
        return Err(Error::invalid(
            format!("the job of the entry {key} has 1 to 20 steps"),
            "add a step",
        ));
    }
    // Anybody on the boot network can choose in any machine's name: what they capture would be restored elsewhere.
    if steps.iter().any(|step| matches!(step, Step::Capture { .. })) && !locked {
        return Err(Error::invalid(
            format!("the entry {key} captures and wants no password"),
            "give it a password",
        ));
    }
    Ok(())
}

fn check_text(what: &str, text: &str) -> Result<()> {
    let count = text.chars().count();
    if (1..=TEXT_MAX).contains(&count) && !text.chars().any(char::is_control) && text.trim() == text {
        return Ok(());
    }
    Err(Error::invalid(
        format!("{what} has 1 to {TEXT_MAX} characters and no control character"),
        "shorten it",
    ))
}

/// A default that makes a job would make it at each boot, for ever.
fn check_default(connection: &Connection, owner: MenuOwner, level: &MenuLevel) -> Result<()> {
    let Some(default) = &level.settings.default else {
        return Ok(());
    };
    let mut found = None;
    for (_, level) in load_levels(connection, owner)? {
        let entry = level.entries.iter().find(|entry| entry.entry.key == *default);
        found = entry.map(|entry| entry.entry.action.clone()).or(found);
    }
    match found {
        Some(EntryAction::Job { .. }) => Err(Error::invalid(
            format!("the entry {default} makes a job: as the default it would make one at each boot"),
            "make it the default for Wake-on-LAN, or create a job instead",
        )),
        Some(_) => Ok(()),
        None if *default == EntryKey::local_disk() => Ok(()),
        None => Err(Error::invalid(
            format!("there is no entry {default}"),
            "name one of the entries as the default",
        )),
    }
}

fn check_owner(connection: &Connection, owner: MenuOwner) -> Result<()> {
    let (sql, id, what) = match owner {
        MenuOwner::Place(id) => ("SELECT 1 FROM entity WHERE id = ?1", id.to_string(), "such place"),
        MenuOwner::Machine(id) => (
            "SELECT 1 FROM machine WHERE id = ?1",
            id.to_string(),
            "such machine",
        ),
    };
    let found: Option<i64> = connection.query_row(sql, [id], |row| row.get(0)).optional()?;
    found.map(drop).ok_or_else(|| Error::not_found(what))
}

fn owner_text(owner: MenuOwner) -> String {
    match owner {
        MenuOwner::Place(id) => id.to_string(),
        MenuOwner::Machine(id) => id.to_string(),
    }
}

/// A level as the audit keeps it: that there is a password, not which.
fn audited(level: &MenuLevel) -> Result<serde_json::Value> {
    let entries: Vec<_> = level
        .entries
        .iter()
        .map(|entry| serde_json::json!({ "entry": entry.entry, "withdrawn": entry.withdrawn }))
        .collect();
    Ok(serde_json::json!({ "settings": serde_json::to_value(&level.settings)?, "entries": entries }))
}

fn columns(owner: MenuOwner) -> (&'static str, String) {
    match owner {
        MenuOwner::Place(id) => ("entity", id.to_string()),
        MenuOwner::Machine(id) => ("machine", id.to_string()),
    }
}

fn save_level(connection: &Connection, owner: MenuOwner, level: &MenuLevel) -> Result<()> {
    let (column, id) = columns(owner);
    connection.execute(&format!("DELETE FROM menu WHERE {column} = ?1"), [&id])?;
    if *level == MenuLevel::default() {
        return Ok(());
    }
    let menu = Uuid::now_v7().to_string();
    connection.execute(
        &format!("INSERT INTO menu (id, {column}, settings) VALUES (?1, ?2, ?3)"),
        params![menu, id, serde_json::to_string(&level.settings)?],
    )?;
    for (position, entry) in (0_i64..).zip(&level.entries) {
        let MenuEntry {
            key,
            label,
            action,
            hotkey,
            ..
        } = &entry.entry;
        connection.execute(
            "INSERT INTO menu_entry (menu, position, key, label, action, hotkey, password, withdrawn)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                menu,
                position,
                key.as_str(),
                label,
                serde_json::to_string(action)?,
                hotkey.as_ref().map(Hotkey::as_str),
                entry.password,
                entry.withdrawn
            ],
        )?;
    }
    Ok(())
}

/// What an owner decides, if it decides anything.
pub(crate) fn load_level(connection: &Connection, owner: MenuOwner) -> Result<Option<MenuLevel>> {
    let (column, id) = columns(owner);
    let found: Option<(String, String)> = connection
        .prepare_cached(&format!("SELECT id, settings FROM menu WHERE {column} = ?1"))?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((menu, settings)) = found else {
        return Ok(None);
    };
    let mut statement = connection.prepare_cached(
        "SELECT key, label, action, hotkey, password, withdrawn FROM menu_entry WHERE menu = ?1 ORDER BY position",
    )?;
    let mut rows = statement.query([menu])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let password: Option<String> = row.get(4)?;
        let hotkey: Option<String> = row.get(3)?;
        // An entry that a newer program wrote and this one does not understand is not shown.
        let (Ok(key), Ok(action)) = (
            row.get::<_, String>(0)?.parse(),
            serde_json::from_str(&row.get::<_, String>(2)?),
        ) else {
            continue;
        };
        entries.push(LevelEntry {
            entry: MenuEntry {
                key,
                label: row.get(1)?,
                action,
                locked: password.is_some(),
                hotkey: hotkey.and_then(|key| key.parse().ok()),
            },
            password,
            withdrawn: row.get(5)?,
        });
    }
    Ok(Some(MenuLevel {
        settings: serde_json::from_str(&settings)?,
        entries,
    }))
}

/// What everybody decides who has a say for an owner, itself last.
pub(crate) fn load_levels(connection: &Connection, owner: MenuOwner) -> Result<Vec<(MenuOwner, MenuLevel)>> {
    let mut owners: Vec<MenuOwner> = match owner {
        MenuOwner::Place(place) => crate::place::line_of(connection, Some(place))?,
        MenuOwner::Machine(machine) => owners_of(connection, machine)?,
    };
    owners.dedup();
    let mut levels = Vec::new();
    for owner in owners {
        if let Some(level) = load_level(connection, owner)? {
            levels.push((owner, level));
        }
    }
    Ok(levels)
}

fn owners_of(connection: &Connection, machine: MachineId) -> Result<Vec<MenuOwner>> {
    let (place, groups) = crate::place::places_of(connection, machine)?;
    let mut owners = crate::place::line_of(connection, place)?;
    owners.extend(groups.into_iter().map(MenuOwner::Place));
    owners.push(MenuOwner::Machine(machine));
    Ok(owners)
}
