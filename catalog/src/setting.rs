//! What the site decided.

use crate::{
    Catalog,
    change::Subject,
    error::{Error, ErrorKind, Result},
    people::Actor,
};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

/// What the site decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What happens to a machine that nobody has seen before.
    pub unknown_machines: UnknownMachines,
    /// Language of the machines' screens and of the page before log-in.
    pub language: Language,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            unknown_machines: UnknownMachines::Inventory,
            language: Language::Fr,
        }
    }
}

impl Settings {
    /// What tells these settings from others: a few characters of a hash.
    #[must_use]
    pub fn tag(&self) -> String {
        // A structure of plain words always has a text.
        let text = serde_json::to_vec(self).unwrap_or_default();
        blake3::hash(&text).to_hex().chars().take(16).collect()
    }
}

/// What happens to a machine that nobody has seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownMachines {
    /// It is inventoried once, then boots its own disk.
    Inventory,
    /// It boots its own disk.
    Ignore,
}

/// A language that Amorce speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// French.
    Fr,
    /// English.
    En,
}

impl Language {
    /// Its code (ISO 639-1).
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Fr => "fr",
            Self::En => "en",
        }
    }
}

impl Catalog {
    /// The site's settings, from memory.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.memory().settings
    }

    /// Changes the site's settings. `expected`: the tag of those that the person saw, if they told it.
    ///
    /// # Errors
    /// When somebody else changed them since, or the catalog cannot be written.
    pub fn put_settings(
        &self,
        settings: Settings,
        expected: Option<&str>,
        actor: &Actor,
    ) -> Result<Settings> {
        self.write(|writing| {
            let before = load(writing.transaction)?;
            if expected.is_some_and(|expected| expected != before.tag()) {
                return Err(Error::new(
                    ErrorKind::Outdated,
                    "changed-meanwhile",
                    "somebody else changed the settings meanwhile",
                    "look at them as they are now, then decide again",
                ));
            }
            store(writing.transaction, SITE, &serde_json::to_string(&settings)?)?;
            writing.audit(
                actor,
                "edit",
                "setting",
                SITE,
                Some(serde_json::to_value(before)?),
                Some(serde_json::to_value(settings)?),
            )?;
            writing.changed(Subject::Settings);
            Ok(settings)
        })
    }
}

const SITE: &str = "site";

pub(crate) fn load(connection: &Connection) -> Result<Settings> {
    Ok(match get(connection, SITE)? {
        Some(text) => serde_json::from_str(&text)?,
        None => Settings::default(),
    })
}

pub(crate) fn get(connection: &Connection, name: &str) -> Result<Option<String>> {
    Ok(connection
        .query_row("SELECT value FROM setting WHERE name = ?1", [name], |row| {
            row.get(0)
        })
        .optional()?)
}

pub(crate) fn store(connection: &Connection, name: &str, value: &str) -> Result<()> {
    connection.execute(
        "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        params![name, value],
    )?;
    Ok(())
}

pub(crate) fn remove(connection: &Connection, name: &str) -> Result<()> {
    connection.execute("DELETE FROM setting WHERE name = ?1", [name])?;
    Ok(())
}
