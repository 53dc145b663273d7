//! Machines' records.

mod bound;
mod delete;
mod export;
mod history;
mod import;
mod join;
mod list;
mod naming;

pub(crate) use bound::{bound, bound_facts};
pub use export::MachineTable;
pub use history::{HistoryKind, HistoryRow};
pub use import::{
    Column, Encoding, Field, FileKind, Import, ImportFile, ImportOutcome, RowAction, RowOutcome, RowProblem,
};
pub use list::{MachineCursor, MachineFilter, MachineOrder, MachinePage, MachineTrait};
pub use naming::{NameProposal, NamingWish};

use crate::{
    Catalog,
    change::{Subject, Writing},
    error::{Error, ErrorKind, Result},
    identity::{Candidate, Identified, Identity, identify},
    memory::KnownMachine,
    people::Actor,
    time::Time,
};
use list::sort_name;
pub(crate) use list::{count, firmware_text};
use protocol::{
    JobId, MachineId,
    job::JobState,
    mac::MacAddr,
    machine::{MachineFacts, is_placeholder_serial},
};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use uuid::Uuid;

/// A machine's record.
#[derive(Clone, Debug, PartialEq)]
pub struct MachineRow {
    /// Its id.
    pub id: MachineId,
    /// The name that a person gave it.
    pub name: Option<String>,
    /// What a person wrote about it.
    pub note: String,
    /// What the agent found last; what a person registered, until then.
    pub facts: MachineFacts,
    /// What a person should know of the record.
    pub warnings: Vec<String>,
    /// It is banned.
    pub quarantined: bool,
    /// As far as is known, nothing on its disks boots.
    pub nothing_bootable: bool,
    /// When the record was made.
    pub first_seen_at: Time,
    /// The agent's last sign; when the record was made, until there is one.
    pub last_seen_at: Time,
    /// The agent's last inventory; none for a machine that was registered and not seen.
    pub inventoried_at: Option<Time>,
    /// Rises whenever a person changes the record.
    pub revision: i64,
    /// The oldest job that is not over.
    pub job: Option<OpenJob>,
}

/// A job that a machine is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenJob {
    /// The job.
    pub id: JobId,
    /// Its title.
    pub title: String,
    /// Where the machine stands.
    pub state: JobState,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Whether there is more behind it.
    pub more: bool,
    /// How many there are on all pages.
    pub total: u64,
}

/// What a person changes of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineEdit {
    /// The new name; empty takes it away.
    pub name: Option<String>,
    /// The new note.
    pub note: Option<String>,
    /// Banned or not.
    pub quarantined: Option<bool>,
}

impl MachineRow {
    /// What to call it: its name, else what its firmware and its adapter say.
    #[must_use]
    pub fn label(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let smbios = &self.facts.smbios;
        let mac = Identity::of(&self.facts).macs.first().copied().or(self
            .facts
            .nics
            .first()
            .map(|nic| nic.mac));
        let parts = [
            smbios.manufacturer.trim(),
            smbios.product.trim(),
            &mac.map_or_else(String::new, |mac| mac.to_string()),
        ]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
        if parts.is_empty() {
            self.id.to_string()
        } else {
            parts
        }
    }
}

impl Catalog {
    /// One machine.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn machine(&self, id: MachineId) -> Result<Option<MachineRow>> {
        self.0.database.read(|transaction| load_machine(transaction, id))
    }

    /// Whether a machine's agent is connected: it has been heard of within two minutes. From memory.
    #[must_use]
    pub fn is_connected(&self, id: MachineId) -> bool {
        let now = self.now();
        self.memory()
            .session(id)
            .is_some_and(|session| now.since(session.last_seen_at).as_secs() < 120)
    }

    /// Names a machine, writes a note, bans it, or lets it in again. `expected`: the revision that the person saw, if they
    /// told it.
    ///
    /// # Errors
    /// When there is no such machine, name or note cannot be used, or somebody else changed the record since.
    pub fn edit_machine(
        &self,
        id: MachineId,
        edit: &MachineEdit,
        expected: Option<i64>,
        actor: &Actor,
    ) -> Result<MachineRow> {
        let name = edit.name.as_deref().map(check_name).transpose()?;
        let note = edit.note.as_deref().map(check_note).transpose()?;
        self.write(|writing| {
            let mut machine =
                load_machine(writing.transaction, id)?.ok_or_else(|| Error::not_found("such machine"))?;
            check_revision(&machine, expected)?;
            let before = edited_part(&machine);
            if let Some(name) = name {
                machine.name = (!name.is_empty()).then(|| name.to_owned());
            }
            if let Some(note) = note {
                note.clone_into(&mut machine.note);
            }
            machine.quarantined = edit.quarantined.unwrap_or(machine.quarantined);
            save_edited(writing, &mut machine, before, actor)?;
            Ok(machine)
        })
    }
}

/// What a person may change of a record, for the audit. Of a machine that no agent has seen, also what a person registered.
fn edited_part(machine: &MachineRow) -> serde_json::Value {
    let mut part =
        serde_json::json!({ "name": machine.name, "note": machine.note, "quarantined": machine.quarantined });
    if machine.inventoried_at.is_none() {
        let smbios = &machine.facts.smbios;
        part["registered"] = serde_json::json!({
            "macs": machine.facts.nics.iter().map(|nic| nic.mac.to_string()).collect::<Vec<_>>(),
            "uuid": smbios.uuid,
            "serial": smbios.serial,
            "board_serial": smbios.board_serial,
            "manufacturer": smbios.manufacturer,
            "product": smbios.product,
        });
    }
    part
}

/// Writes what a person changed of a record, with history, audit and event.
fn save_edited(
    writing: &mut Writing<'_>,
    machine: &mut MachineRow,
    before: serde_json::Value,
    actor: &Actor,
) -> Result<()> {
    let id = machine.id;
    machine.revision += 1;
    store(writing.transaction, machine)?;
    if machine.quarantined {
        writing
            .transaction
            .execute("DELETE FROM session WHERE machine = ?1", [id.to_string()])?;
    }
    let after = edited_part(machine);
    let details = serde_json::json!({ "before": before, "after": after });
    history::append(writing, id, Some(actor), HistoryKind::Edited, &details)?;
    writing.audit(actor, "edit", "machine", id, Some(before), Some(after))?;
    writing.changed(Subject::Machine { id });
    Ok(())
}

fn check_revision(machine: &MachineRow, expected: Option<i64>) -> Result<()> {
    if expected.is_none_or(|expected| expected == machine.revision) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Outdated,
        "changed-meanwhile",
        format!("somebody else changed {} meanwhile", machine.label()),
        "look at it as it is now, then decide again",
    ))
}

/// A name that a machine may have, trimmed; empty for none.
fn check_name(name: &str) -> Result<&str> {
    let name = name.trim();
    if name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "a name has at most 100 characters and no control character",
            "shorten it",
        ));
    }
    Ok(name)
}

/// A note that a machine may have, trimmed.
fn check_note(note: &str) -> Result<&str> {
    let note = note.trim();
    if note.chars().count() > 500 || note.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Error::invalid(
            "a note has at most 500 characters and no control character but line ends",
            "shorten it",
        ));
    }
    Ok(note)
}

/// What leads from boot facts to a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signs {
    pub(crate) uuid: Option<Uuid>,
    pub(crate) macs: Vec<MacAddr>,
}

/// What decides a machine's boot, without its jobs, and what leads to its record.
pub(crate) fn load_signs(connection: &Connection, id: MachineId) -> Result<Option<(KnownMachine, Signs)>> {
    let found = connection
        .prepare_cached(
            "SELECT quarantined, nothing_bootable, inventoried_at IS NULL, uuid FROM machine WHERE id = ?1",
        )?
        .query_row([id.to_string()], |row| {
            let known = KnownMachine {
                quarantined: row.get(0)?,
                nothing_bootable: row.get(1)?,
                awaits_inventory: row.get(2)?,
                ..KnownMachine::default()
            };
            Ok((known, row.get::<_, Option<String>>(3)?))
        })
        .optional()?;
    let Some((known, uuid)) = found else {
        return Ok(None);
    };
    let mut statement = connection.prepare_cached("SELECT mac FROM nic WHERE machine = ?1 AND usb = 0")?;
    let macs = statement
        .query_map([id.to_string()], |row| row.get::<_, String>(0))?
        .filter_map(|mac| mac.ok()?.parse().ok())
        .collect();
    let uuid = uuid.and_then(|uuid| uuid.parse().ok());
    Ok(Some((known, Signs { uuid, macs })))
}

/// Finds or makes the record of a machine and gives it the agent's facts. What a person should know comes with it.
pub(crate) fn admit(writing: &mut Writing<'_>, facts: &MachineFacts) -> Result<(MachineId, Vec<String>)> {
    let (connection, now) = (writing.transaction, writing.now);
    let identity = Identity::of(facts);
    let candidates = candidates(connection, &identity)?;
    let (id, warning) = match identify(&identity, &candidates) {
        Identified::Known(id) => (id, None),
        Identified::New => match registered_with_serial(connection, facts)? {
            Some(id) => (id, None),
            None => (MachineId::new(), None),
        },
        Identified::Conflict(warning) => (MachineId::new(), Some(warning)),
    };
    let known = load_machine(connection, id)?;
    let (kind, details) = match &known {
        None => (HistoryKind::Discovered, serde_json::json!({})),
        Some(known) => (
            HistoryKind::Changed,
            serde_json::to_value(history::differences(&known.facts, facts))?,
        ),
    };
    let mut machine = known.unwrap_or_else(|| MachineRow::new(id, now));
    machine.warnings.extend(warning);
    machine.facts = facts.clone();
    machine.nothing_bootable = !facts.disks.iter().any(|disk| disk.bootable);
    machine.last_seen_at = now;
    machine.inventoried_at = Some(now);
    store(connection, &machine)?;
    if kind == HistoryKind::Discovered || details.as_array().is_some_and(|changes| !changes.is_empty()) {
        history::append(writing, id, None, kind, &details)?;
    }
    Ok((id, machine.warnings))
}

impl MachineRow {
    /// A record of which nothing is known.
    fn new(id: MachineId, now: Time) -> Self {
        Self {
            id,
            name: None,
            note: String::new(),
            facts: MachineFacts::default(),
            warnings: Vec::new(),
            quarantined: false,
            nothing_bootable: false,
            first_seen_at: now,
            last_seen_at: now,
            inventoried_at: None,
            revision: 1,
            job: None,
        }
    }
}

/// Writes a record as it is, and everything that it is found by.
fn store(connection: &Connection, machine: &MachineRow) -> Result<()> {
    let identity = Identity::of(&machine.facts);
    let id = machine.id.to_string();
    let serial = machine.facts.smbios.serial.trim();
    connection
        .prepare_cached(
            "INSERT INTO machine (id, name, note, uuid, board_serial, serial, firmware, warnings, search, sort_name,
                 quarantined, nothing_bootable, first_seen_at, last_seen_at, inventoried_at, revision)
             VALUES (:id, :name, :note, :uuid, :board, :serial, :firmware, :warnings, :search, :sort_name,
                 :quarantined, :nothing_bootable, :first_seen_at, :last_seen_at, :inventoried_at, :revision)
             ON CONFLICT (id) DO UPDATE SET name = :name, note = :note, uuid = :uuid, board_serial = :board,
                 serial = :serial, firmware = :firmware, warnings = :warnings, search = :search,
                 sort_name = :sort_name, quarantined = :quarantined, nothing_bootable = :nothing_bootable,
                 last_seen_at = :last_seen_at, inventoried_at = :inventoried_at, revision = :revision",
        )?
        .execute(named_params! {
            ":id": id,
            ":name": machine.name,
            ":note": machine.note,
            ":uuid": identity.uuid.map(|uuid| uuid.to_string()),
            ":board": identity.board_serial,
            ":serial": (!serial.is_empty()).then_some(serial),
            ":firmware": machine.inventoried_at.map(|_| firmware_text(machine.facts.firmware)),
            ":warnings": serde_json::to_string(&machine.warnings)?,
            ":search": search_text(machine),
            ":sort_name": sort_name(&machine.label()),
            ":quarantined": machine.quarantined,
            ":nothing_bootable": machine.nothing_bootable,
            ":first_seen_at": machine.first_seen_at.0,
            ":last_seen_at": machine.last_seen_at.0,
            ":inventoried_at": machine.inventoried_at.map(|time| time.0),
            ":revision": machine.revision,
        })?;
    connection
        .prepare_cached(
            "INSERT INTO machine_facts (machine, facts) VALUES (?1, ?2)
             ON CONFLICT (machine) DO UPDATE SET facts = excluded.facts WHERE facts <> excluded.facts",
        )?
        .execute(params![id, serde_json::to_string(&machine.facts)?])?;
    connection
        .prepare_cached("DELETE FROM nic WHERE machine = ?1")?
        .execute([&id])?;
    for nic in &machine.facts.nics {
        connection
            .prepare_cached("INSERT OR IGNORE INTO nic (machine, mac, usb) VALUES (?1, ?2, ?3)")?
            .execute(params![id, nic.mac.to_string(), nic.usb || !nic.mac.is_unicast()])?;
    }
    Ok(())
}

/// The record that a person registered with this machine's serial number, if it is the only one with it and no agent has
/// seen its machine: then there is nothing that could be another's.
fn registered_with_serial(connection: &Connection, facts: &MachineFacts) -> Result<Option<MachineId>> {
    let serial = facts.smbios.serial.trim();
    if is_placeholder_serial(serial) {
        return Ok(None);
    }
    let mut statement = connection
        .prepare_cached("SELECT id, inventoried_at IS NULL FROM machine WHERE serial = ?1 LIMIT 2")?;
    let found = statement
        .query_map([serial], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    match found.as_slice() {
        [(id, true)] => Ok(Some(crate::job::parse_id(id)?)),
        _ => Ok(None),
    }
}

pub(crate) fn set_nothing_bootable(connection: &Connection, id: MachineId, nothing: bool) -> Result<()> {
    connection.execute(
        "UPDATE machine SET nothing_bootable = ?2 WHERE id = ?1",
        params![id.to_string(), nothing],
    )?;
    Ok(())
}

fn candidates(connection: &Connection, identity: &Identity) -> Result<Vec<Candidate>> {
    let mut ids = std::collections::BTreeSet::new();
    let mut collect = |sql: &str, value: &str| -> Result<()> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([value])?;
        while let Some(row) = rows.next()? {
            ids.insert(row.get::<_, String>(0)?);
        }
        Ok(())
    };
    if let Some(uuid) = identity.uuid {
        collect(
            "SELECT id FROM machine WHERE uuid = ?1 LIMIT 20",
            &uuid.to_string(),
        )?;
    }
    if let Some(serial) = &identity.board_serial {
        collect("SELECT id FROM machine WHERE board_serial = ?1 LIMIT 20", serial)?;
    }
    for mac in &identity.macs {
        collect(
            "SELECT machine FROM nic WHERE mac = ?1 AND usb = 0 LIMIT 20",
            &mac.to_string(),
        )?;
    }
    let mut candidates = Vec::with_capacity(ids.len());
    for id in ids {
        let Ok(id) = id.parse() else { continue };
        if let Some(machine) = load_machine(connection, id)? {
            candidates.push(Candidate {
                id,
                identity: Identity::of(&machine.facts),
            });
        }
    }
    Ok(candidates)
}

/// The record and, of its open jobs, the one that is worked on or else the oldest.
const SELECT: &str = "
    SELECT m.id, m.name, f.facts, m.warnings, m.quarantined, m.nothing_bootable, m.first_seen_at, m.last_seen_at,
           j.id, j.title, jm.state, m.note, m.inventoried_at, m.revision
    FROM machine m
    JOIN machine_facts f ON f.machine = m.id
    LEFT JOIN job_machine jm ON jm.machine = m.id AND jm.job = (
        SELECT job FROM job_machine WHERE machine = m.id AND state IN ('queued', 'waiting', 'running')
        ORDER BY state <> 'running', job LIMIT 1)
    LEFT JOIN job j ON j.id = jm.job";

pub(crate) fn load_machine(connection: &Connection, id: MachineId) -> Result<Option<MachineRow>> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE m.id = ?1"))?;
    let mut rows = statement.query([id.to_string()])?;
    rows.next()?.map(machine_of).transpose()
}

fn machine_of(row: &Row<'_>) -> Result<MachineRow> {
    let job = match (
        row.get::<_, Option<String>>(8)?,
        row.get::<_, Option<String>>(10)?,
    ) {
        (Some(id), Some(state)) => Some(OpenJob {
            id: crate::job::parse_id(&id)?,
            title: row.get(9)?,
            state: crate::job::parse_state(&state)?,
        }),
        _ => None,
    };
    Ok(MachineRow {
        id: crate::job::parse_id(&row.get::<_, String>(0)?)?,
        name: row.get(1)?,
        facts: serde_json::from_str(&row.get::<_, String>(2)?)?,
        warnings: serde_json::from_str(&row.get::<_, String>(3)?)?,
        quarantined: row.get(4)?,
        nothing_bootable: row.get(5)?,
        first_seen_at: Time(row.get(6)?),
        last_seen_at: Time(row.get(7)?),
        note: row.get(11)?,
        inventoried_at: row.get::<_, Option<i64>>(12)?.map(Time),
        revision: row.get(13)?,
        job,
    })
}

/// Everything a person may look for, in lower case.
fn search_text(machine: &MachineRow) -> String {
    let smbios = &machine.facts.smbios;
    let mut words = vec![
        machine.name.clone().unwrap_or_default(),
        machine.id.to_string(),
        machine.note.clone(),
        smbios.manufacturer.clone(),
        smbios.product.clone(),
        smbios.serial.clone(),
        smbios.board_serial.clone(),
        smbios.bios.clone(),
        machine.facts.cpu.clone(),
        smbios.uuid.map(|uuid| uuid.to_string()).unwrap_or_default(),
    ];
    words.extend(machine.facts.nics.iter().map(|nic| nic.mac.to_string()));
    for disk in &machine.facts.disks {
        words.extend(
            [disk.identity.serial.clone(), disk.identity.model.clone()]
                .into_iter()
                .flatten(),
        );
    }
    words.retain(|word| !word.trim().is_empty());
    words.join("\n").to_lowercase()
}
