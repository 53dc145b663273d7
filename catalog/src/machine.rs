//! Machines' records.

mod bound;

pub(crate) use bound::{bound, bound_facts};

use crate::{
    Catalog,
    change::Subject,
    error::{Error, Result},
    identity::{Candidate, Identified, Identity, identify},
    people::Actor,
    time::Time,
};
use protocol::{JobId, MachineId, job::JobState, mac::MacAddr, machine::MachineFacts};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use uuid::Uuid;

/// A machine's record.
#[derive(Clone, Debug, PartialEq)]
pub struct MachineRow {
    /// Its id.
    pub id: MachineId,
    /// The name that a person gave it.
    pub name: Option<String>,
    /// What the agent found last.
    pub facts: MachineFacts,
    /// What a person should know of the record.
    pub warnings: Vec<String>,
    /// It is banned.
    pub quarantined: bool,
    /// As far as is known, nothing on its disks boots.
    pub nothing_bootable: bool,
    /// The agent's first visit.
    pub first_seen_at: Time,
    /// The agent's last sign.
    pub last_seen_at: Time,
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

/// Which machines.
#[derive(Clone, Debug, Default)]
pub struct MachineFilter {
    /// Those behind this one.
    pub after: Option<MachineId>,
    /// At most this many.
    pub limit: u32,
    /// Those in which this text is found.
    pub text: Option<String>,
}

/// What a person changes of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineEdit {
    /// The new name; empty takes it away.
    pub name: Option<String>,
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

    /// Machines, newest record first.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn machines(&self, filter: &MachineFilter) -> Result<Page<MachineRow>> {
        let pattern = filter
            .text
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(contains);
        let after = filter.after.map(|id| id.to_string());
        self.0.database.read(|transaction| {
            let total = transaction.query_row(
                "SELECT count(*) FROM machine WHERE :pattern IS NULL OR search LIKE :pattern ESCAPE '\\'",
                named_params! { ":pattern": pattern },
                |row| crate::job::count_of(row, 0),
            )?;
            let mut statement = transaction.prepare_cached(&format!(
                "{SELECT} WHERE (:pattern IS NULL OR search LIKE :pattern ESCAPE '\\') AND (:after IS NULL OR m.id < :after)
                 ORDER BY m.id DESC LIMIT :limit"
            ))?;
            let mut rows = statement.query(named_params! {
                ":pattern": pattern, ":after": after, ":limit": i64::from(filter.limit) + 1
            })?;
            let mut items = Vec::new();
            while let Some(row) = rows.next()? {
                items.push(machine_of(row)?);
            }
            let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
            let more = items.len() > limit;
            items.truncate(limit);
            Ok(Page { items, more, total })
        })
    }

    /// Whether a machine's agent is connected: it has been heard of within two minutes. From memory.
    #[must_use]
    pub fn is_connected(&self, id: MachineId) -> bool {
        let now = self.now();
        self.memory()
            .session(id)
            .is_some_and(|session| now.since(session.last_seen_at).as_secs() < 120)
    }

    /// Names a machine, bans it, or lets it in again.
    ///
    /// # Errors
    /// When there is no such machine, or the name cannot be used.
    pub fn edit_machine(&self, id: MachineId, edit: &MachineEdit, actor: &Actor) -> Result<MachineRow> {
        let name = edit.name.as_deref().map(str::trim);
        if let Some(name) = name
            && (name.chars().count() > 100 || name.chars().any(char::is_control))
        {
            return Err(Error::invalid(
                "a name has at most 100 characters and no control character",
                "shorten it",
            ));
        }
        self.write(|writing| {
            let connection = writing.transaction;
            let mut machine =
                load_machine(connection, id)?.ok_or_else(|| Error::not_found("such machine"))?;
            let before = serde_json::json!({ "name": machine.name, "quarantined": machine.quarantined });
            if let Some(name) = name {
                machine.name = (!name.is_empty()).then(|| name.to_owned());
            }
            machine.quarantined = edit.quarantined.unwrap_or(machine.quarantined);
            connection.execute(
                "UPDATE machine SET name = ?2, quarantined = ?3, search = ?4 WHERE id = ?1",
                params![
                    id.to_string(),
                    machine.name,
                    machine.quarantined,
                    search_text(&machine)
                ],
            )?;
            if machine.quarantined {
                connection.execute("DELETE FROM session WHERE machine = ?1", [id.to_string()])?;
            }
            let after = serde_json::json!({ "name": machine.name, "quarantined": machine.quarantined });
            writing.audit(actor, "edit", "machine", id, Some(before), Some(after))?;
            writing.changed(Subject::Machine { id });
            Ok(machine)
        })
    }
}

/// What leads from boot facts to a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signs {
    pub(crate) uuid: Option<Uuid>,
    pub(crate) macs: Vec<MacAddr>,
}

pub(crate) fn load_signs(connection: &Connection, id: MachineId) -> Result<Option<(bool, bool, Signs)>> {
    let found = connection
        .prepare_cached("SELECT quarantined, nothing_bootable, uuid FROM machine WHERE id = ?1")?
        .query_row([id.to_string()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?))
        })
        .optional()?;
    let Some((quarantined, nothing_bootable, uuid)) = found else {
        return Ok(None);
    };
    let mut statement = connection.prepare_cached("SELECT mac FROM nic WHERE machine = ?1 AND usb = 0")?;
    let macs = statement
        .query_map([id.to_string()], |row| row.get::<_, String>(0))?
        .filter_map(|mac| mac.ok()?.parse().ok())
        .collect();
    let uuid = uuid.and_then(|uuid| uuid.parse().ok());
    Ok(Some((quarantined, nothing_bootable, Signs { uuid, macs })))
}

/// Finds or makes the record of a machine and gives it the agent's facts. What a person should know comes with it.
pub(crate) fn admit(
    connection: &Connection,
    facts: &MachineFacts,
    now: Time,
) -> Result<(MachineId, Vec<String>)> {
    let identity = Identity::of(facts);
    let candidates = candidates(connection, &identity)?;
    let (id, warning) = match identify(&identity, &candidates) {
        Identified::Known(id) => (id, None),
        Identified::New => (MachineId::new(), None),
        Identified::Conflict(warning) => (MachineId::new(), Some(warning)),
    };
    let mut machine = load_machine(connection, id)?.unwrap_or(MachineRow {
        id,
        name: None,
        facts: MachineFacts::default(),
        warnings: warning.into_iter().collect(),
        quarantined: false,
        nothing_bootable: false,
        first_seen_at: now,
        last_seen_at: now,
        job: None,
    });
    machine.facts = facts.clone();
    machine.nothing_bootable = !facts.disks.iter().any(|disk| disk.bootable);
    connection.execute(
        "INSERT INTO machine (id, uuid, board_serial, facts, warnings, search, nothing_bootable, first_seen_at, last_seen_at)
         VALUES (:id, :uuid, :board, :facts, :warnings, :search, :nothing_bootable, :now, :now)
         ON CONFLICT (id) DO UPDATE SET uuid = :uuid, board_serial = :board, facts = :facts, search = :search,
             nothing_bootable = :nothing_bootable, last_seen_at = :now",
        named_params! {
            ":id": id.to_string(),
            ":uuid": identity.uuid.map(|uuid| uuid.to_string()),
            ":board": identity.board_serial,
            ":facts": serde_json::to_string(facts)?,
            ":warnings": serde_json::to_string(&machine.warnings)?,
            ":search": search_text(&machine),
            ":nothing_bootable": machine.nothing_bootable,
            ":now": now.0,
        },
    )?;
    connection.execute("DELETE FROM nic WHERE machine = ?1", [id.to_string()])?;
    for nic in &facts.nics {
        connection.execute(
            "INSERT OR IGNORE INTO nic (machine, mac, usb) VALUES (?1, ?2, ?3)",
            params![
                id.to_string(),
                nic.mac.to_string(),
                nic.usb || !nic.mac.is_unicast()
            ],
        )?;
    }
    Ok((id, machine.warnings))
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
    SELECT m.id, m.name, m.facts, m.warnings, m.quarantined, m.nothing_bootable, m.first_seen_at, m.last_seen_at,
           j.id, j.title, jm.state
    FROM machine m
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
        job,
    })
}

/// Everything a person may look for, in lower case.
fn search_text(machine: &MachineRow) -> String {
    let smbios = &machine.facts.smbios;
    let mut words = vec![
        machine.name.clone().unwrap_or_default(),
        machine.id.to_string(),
        smbios.manufacturer.clone(),
        smbios.product.clone(),
        smbios.serial.clone(),
        smbios.board_serial.clone(),
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

/// The pattern for a text somewhere; the text itself has no wildcards.
fn contains(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.to_lowercase().chars().take(200) {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
