//! What people wrote about masters, and what needs one. Which masters there are is the store's to say.

use crate::{
    Catalog,
    change::Subject,
    error::{Error, ErrorKind, Result},
    people::Actor,
};
use protocol::{JobId, MasterName, job::Step, menu::EntryAction};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::HashMap;

/// What people wrote about a master.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MasterNote {
    /// What people call it; empty for its name.
    pub label: String,
    /// What it is for.
    pub description: String,
    /// It is offered to whoever makes menus.
    pub in_menu: bool,
    /// None of its versions is deleted.
    pub protected: bool,
    /// Rises with each change; 0 while nobody wrote anything.
    pub revision: i64,
}

/// What changes of it; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MasterEdit {
    /// See [`MasterNote::label`].
    pub label: Option<String>,
    /// See [`MasterNote::description`].
    pub description: Option<String>,
    /// See [`MasterNote::in_menu`].
    pub in_menu: Option<bool>,
    /// See [`MasterNote::protected`].
    pub protected: Option<bool>,
}

/// Something that needs a version of a master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterUse {
    /// A job that is not over restores it.
    Job {
        /// Which.
        id: JobId,
        /// What it is called.
        title: String,
    },
    /// An entry of a boot menu restores it.
    MenuEntry {
        /// Where the entry is decided: a place, a group or a machine, by its id.
        owner: String,
        /// What the entry says.
        label: String,
    },
}

const SELECT: &str = "SELECT name, label, description, in_menu, protected, revision FROM master";

impl Catalog {
    /// What people wrote about masters, by their names.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn master_notes(&self) -> Result<HashMap<String, MasterNote>> {
        self.0.database.read(|transaction| {
            let mut statement = transaction.prepare_cached(SELECT)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, note_of(row)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Writes something about a master. `expected`: the revision that the person saw, if they told it.
    ///
    /// # Errors
    /// When a text cannot be used, or somebody else wrote something since.
    pub fn edit_master(
        &self,
        name: &MasterName,
        edit: &MasterEdit,
        expected: Option<i64>,
        actor: &Actor,
    ) -> Result<MasterNote> {
        self.write(|writing| {
            let before = load(writing.transaction, name)?;
            if expected.is_some_and(|expected| expected != before.revision) {
                return Err(Error::new(
                    ErrorKind::Outdated,
                    "changed-meanwhile",
                    format!("somebody else changed {name} meanwhile"),
                    "look at it as it is now, then decide again",
                ));
            }
            let text = |new: &Option<String>, old: &String, max| match new {
                Some(text) => checked(text, max),
                None => Ok(old.clone()),
            };
            let after = MasterNote {
                label: text(&edit.label, &before.label, 100)?,
                description: text(&edit.description, &before.description, 2000)?,
                in_menu: edit.in_menu.unwrap_or(before.in_menu),
                protected: edit.protected.unwrap_or(before.protected),
                revision: before.revision + 1,
            };
            writing.transaction.execute(
                "INSERT OR REPLACE INTO master (name, label, description, in_menu, protected, revision)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    name.to_string(),
                    after.label,
                    after.description,
                    after.in_menu,
                    after.protected,
                    after.revision
                ],
            )?;
            let (old, new) = (audited(&before), audited(&after));
            writing.audit(actor, "edit", "master", name, Some(old), Some(new))?;
            writing.changed(Subject::Master { name: name.clone() });
            Ok(after)
        })
    }

    /// Notes what somebody did to a version of a master: it was cloned, put into production, taken back from the trash.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn note_master(
        &self,
        name: &MasterName,
        version: u32,
        verb: &str,
        details: Option<serde_json::Value>,
        actor: &Actor,
    ) -> Result<()> {
        self.write(|writing| {
            writing.audit(
                actor,
                verb,
                "master",
                format!("{name}@{version}"),
                None,
                details.clone(),
            )?;
            writing.changed(Subject::Master { name: name.clone() });
            Ok(())
        })
    }

    /// What needs a version: jobs that are not over, and entries of menus. An entry that names no version needs the last one
    /// that is left.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn master_uses(&self, name: &MasterName, version: u32, is_last: bool) -> Result<Vec<MasterUse>> {
        let needs = |steps: &[Step]| {
            steps.iter().any(|step| match step {
                Step::Restore { master, .. } => {
                    master.name == *name && master.version.map_or(is_last, |named| named == version)
                }
                _ => false,
            })
        };
        self.0.database.read(|transaction| {
            let mut uses = Vec::new();
            let mut statement = transaction.prepare_cached(
                "SELECT id, title, steps FROM job WHERE EXISTS (SELECT 1 FROM job_machine jm WHERE jm.job = job.id
                 AND jm.state IN ('queued', 'waiting', 'running'))",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                if needs(&serde_json::from_str::<Vec<Step>>(&row.get::<_, String>(2)?)?) {
                    let id = crate::job::parse_id(&row.get::<_, String>(0)?)?;
                    uses.push(MasterUse::Job { id, title: row.get(1)? });
                }
            }
            let mut statement = transaction.prepare_cached(
                "SELECT coalesce(m.entity, m.machine), e.label, e.action FROM menu_entry e JOIN menu m ON m.id = e.menu
                 WHERE e.withdrawn = 0 ORDER BY 1, e.position",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                // An entry that a newer program wrote and this one does not understand starts nothing here.
                if let Ok(EntryAction::Job { steps }) = serde_json::from_str(&row.get::<_, String>(2)?)
                    && needs(&steps)
                {
                    uses.push(MasterUse::MenuEntry {
                        owner: row.get(0)?,
                        label: row.get(1)?,
                    });
                }
            }
            Ok(uses)
        })
    }

    /// Refuses to give up a version that something needs, or that is protected.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`], naming what needs it.
    pub fn check_unused(&self, name: &MasterName, version: u32, is_last: bool) -> Result<()> {
        let is_protected = self
            .0
            .database
            .read(|transaction| Ok(load(transaction, name)?.protected))?;
        if is_protected {
            return Err(Error::new(
                ErrorKind::Conflict,
                "master-protected",
                format!("{name} is protected: none of its versions is deleted"),
                "take its protection away first",
            ));
        }
        let uses = self.master_uses(name, version, is_last)?;
        let Some(first) = uses.first() else {
            return Ok(());
        };
        let what = match first {
            MasterUse::Job { title, .. } => format!("the job \u{201c}{title}\u{201d}"),
            MasterUse::MenuEntry { label, .. } => format!("the menu entry \u{201c}{label}\u{201d}"),
        };
        let more = match uses.len() {
            1 => String::new(),
            all => format!(" and {} more", all - 1),
        };
        Err(Error::new(
            ErrorKind::Conflict,
            "master-in-use",
            format!("{name}@{version} is needed by {what}{more}"),
            "cancel the job or wait until it is over; let the menu entry name another version",
        ))
    }
}

fn load(connection: &Connection, name: &MasterName) -> Result<MasterNote> {
    let found = connection
        .prepare_cached(&format!("{SELECT} WHERE name = ?1"))?
        .query_row([name.to_string()], note_of)
        .optional()?;
    Ok(found.unwrap_or_default())
}

fn note_of(row: &Row<'_>) -> rusqlite::Result<MasterNote> {
    Ok(MasterNote {
        label: row.get(1)?,
        description: row.get(2)?,
        in_menu: row.get(3)?,
        protected: row.get(4)?,
        revision: row.get(5)?,
    })
}

fn audited(note: &MasterNote) -> serde_json::Value {
    serde_json::json!({
        "label": note.label, "description": note.description, "in_menu": note.in_menu, "protected": note.protected,
    })
}

fn checked(text: &str, max: usize) -> Result<String> {
    let text = text.trim();
    if text.chars().count() > max || text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Error::invalid(
            format!("this text has at most {max} characters and no control character but line ends"),
            "shorten it",
        ));
    }
    Ok(text.to_owned())
}
