//! What became of a record: found, registered, other hardware, edited, merged, split.

use super::{Page, load_machine};
use crate::{
    Catalog,
    change::Writing,
    error::{Error, Result},
    identity::Identity,
    people::Actor,
    time::Time,
};
use protocol::{MachineId, disk::DiskIdentity, machine::MachineFacts};
use rusqlite::params;
use serde::Serialize;

/// Rows that are kept of a machine. Its own facts are hearsay: it must not fill the disk with changes of them.
const KEPT: i64 = 200;

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HistoryKind {
    /// An agent came from a machine that had no record.
    Discovered,
    /// A person registered it.
    Registered,
    /// Its agent found something else than before: a list of `what`, `before`, `after`.
    Changed,
    /// A person changed it: `before`, `after`.
    Edited,
    /// Another record became part of it: `from`, `label`.
    Merged,
    /// It became two: `into` or `from`, `macs`.
    Split,
}

/// Something that happened to a record.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    /// Its number.
    pub seq: i64,
    /// When.
    pub at: Time,
    /// Who, if it was a person.
    pub actor: Option<String>,
    /// What.
    pub kind: HistoryKind,
    /// More of it, by kind.
    pub details: serde_json::Value,
}

/// One thing that an agent found otherwise than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    what: &'static str,
    before: String,
    after: String,
}

impl HistoryKind {
    const ALL: [Self; 6] = [
        Self::Discovered,
        Self::Registered,
        Self::Changed,
        Self::Edited,
        Self::Merged,
        Self::Split,
    ];

    /// As it is written.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Discovered => "discovered",
            Self::Registered => "registered",
            Self::Changed => "changed",
            Self::Edited => "edited",
            Self::Merged => "merged",
            Self::Split => "split",
        }
    }
}

impl Catalog {
    /// What became of a record, newest first: up to `limit` rows before the one with the number `before`.
    ///
    /// # Errors
    /// When there is no such machine, or the catalog cannot be read.
    pub fn machine_history(
        &self,
        id: MachineId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Page<HistoryRow>> {
        self.0.database.read(|transaction| {
            if load_machine(transaction, id)?.is_none() {
                return Err(Error::not_found("such machine"));
            }
            let total = transaction.query_row(
                "SELECT count(*) FROM machine_history WHERE machine = ?1",
                [id.to_string()],
                |row| crate::job::count_of(row, 0),
            )?;
            let mut statement = transaction.prepare_cached(
                "SELECT seq, at, actor, kind, details FROM machine_history
                 WHERE machine = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
            )?;
            let mut rows = statement.query(params![
                id.to_string(),
                before.unwrap_or(i64::MAX),
                i64::from(limit) + 1
            ])?;
            let mut items = Vec::new();
            while let Some(row) = rows.next()? {
                let kind: String = row.get(3)?;
                // A kind of a newer program is left out rather than named wrongly.
                let Some(kind) = HistoryKind::ALL.into_iter().find(|known| known.text() == kind) else {
                    continue;
                };
                items.push(HistoryRow {
                    seq: row.get(0)?,
                    at: Time(row.get(1)?),
                    actor: row.get(2)?,
                    kind,
                    details: serde_json::from_str(&row.get::<_, String>(4)?)?,
                });
            }
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let more = items.len() > limit;
            items.truncate(limit);
            Ok(Page { items, more, total })
        })
    }
}

/// Notes what happened to a record.
pub(crate) fn append(
    writing: &Writing<'_>,
    machine: MachineId,
    actor: Option<&Actor>,
    kind: HistoryKind,
    details: &serde_json::Value,
) -> Result<()> {
    let connection = writing.transaction;
    let machine = machine.to_string();
    connection
        .prepare_cached(
            "INSERT INTO machine_history (machine, at, actor, kind, details) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            machine,
            writing.now.0,
            actor.map(|actor| &actor.name),
            kind.text(),
            details.to_string()
        ])?;
    connection
        .prepare_cached(
            "DELETE FROM machine_history WHERE machine = ?1 AND seq <=
             (SELECT seq FROM machine_history WHERE machine = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute(params![machine, KEPT])?;
    Ok(())
}

/// What an agent found otherwise than before. Nothing at the first inventory of a registered machine: what a person wrote
/// down was no finding.
pub(crate) fn differences(before: &MachineFacts, after: &MachineFacts) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |what, before: String, after: String| {
        if before != after {
            found.push(Difference { what, before, after });
        }
    };
    let number = |number: u64| number.to_string();
    let uuid = |facts: &MachineFacts| facts.smbios.uuid.map(|uuid| uuid.to_string()).unwrap_or_default();
    let (old, new) = (&before.smbios, &after.smbios);
    compare("uuid", uuid(before), uuid(after));
    compare("manufacturer", old.manufacturer.clone(), new.manufacturer.clone());
    compare("product", old.product.clone(), new.product.clone());
    compare("serial", old.serial.clone(), new.serial.clone());
    compare("board-serial", old.board_serial.clone(), new.board_serial.clone());
    compare("bios", old.bios.clone(), new.bios.clone());
    compare("cpu", before.cpu.clone(), after.cpu.clone());
    compare("memory", number(before.memory.0), number(after.memory.0));
    let firmware = super::list::firmware_text;
    compare(
        "firmware",
        firmware(before.firmware).to_owned(),
        firmware(after.firmware).to_owned(),
    );
    compare("adapters", adapters(before), adapters(after));
    compare("disks", disks(before), disks(after));
    found
}

/// The machine's own adapters, in one line.
fn adapters(facts: &MachineFacts) -> String {
    let mut macs: Vec<String> = Identity::of(facts).macs.iter().map(ToString::to_string).collect();
    macs.sort();
    macs.join(" ")
}

/// The machine's disks, in one line.
fn disks(facts: &MachineFacts) -> String {
    let name = |disk: &DiskIdentity| {
        let texts = [&disk.model, &disk.serial].into_iter().flatten();
        let mut words: Vec<String> = texts.cloned().collect();
        words.push(disk.size.0.to_string());
        words.join(" ")
    };
    let mut names: Vec<String> = Identity::of(facts).disks.iter().map(name).collect();
    names.sort();
    names.join("; ")
}
