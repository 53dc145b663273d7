//! Machines from somebody's table: a purchase list, another tool's export, our own.
//!
//! Every line registers a machine or changes a record that is there; which record is meant is told by one column, the key.
//! A rehearsal does all of it and takes it back, so what it says is what would happen. A line that cannot be used is named
//! with its number and what to do; then nothing at all is done, unless the person said to leave such lines out.

mod column;
mod read;
mod row;

pub use column::{Column, Field};
pub use read::{Encoding, FileKind, ImportFile};

use super::{HistoryKind, MachineRow, edited_part, history, load_machine, naming::named, save_edited, store};
use crate::{
    Catalog,
    change::{Subject, Writing},
    error::{Error, Result},
    people::Actor,
};
use protocol::MachineId;
use row::{Cells, Findings};
use rusqlite::Connection;
use std::collections::{BTreeMap, HashMap};

/// Lines of an outcome that tell what was done; lines that were refused are all told.
const TOLD_MAX: usize = 500;

/// A table of machines, and how it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The file.
    pub file: ImportFile,
    /// What columns are, by what stands over them; others are guessed. None: it is not used.
    pub columns: BTreeMap<String, Option<Field>>,
    /// What tells which record a line is about; without it, the first there is of id, UUID, MAC, serial number and name.
    pub key: Option<Field>,
    /// Only say what would happen.
    pub rehearse: bool,
    /// Leave lines out that cannot be used, instead of doing nothing.
    pub leave_out_refused: bool,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowAction {
    /// It registers a machine.
    Create,
    /// It changes a record.
    Update,
    /// The record says so already.
    Keep,
    /// It cannot be used.
    Refuse,
}

/// A line and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowOutcome {
    /// Its number in the file, from 1.
    pub line: u64,
    /// What became of it.
    pub action: RowAction,
    /// The record, if there is one. Of a rehearsal, only one that was there before.
    pub machine: Option<MachineId>,
    /// What the machine is called then.
    pub label: String,
    /// Why it cannot be used.
    pub problems: Vec<RowProblem>,
}

/// Why a line cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowProblem {
    /// What stands over the column that it is about.
    pub column: Option<String>,
    /// What is wrong.
    pub title: String,
    /// What to do.
    pub remedy: String,
}

/// What became of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportOutcome {
    /// What its columns were taken for.
    pub columns: Vec<Column>,
    /// What told which record a line is about.
    pub key: Field,
    /// How its texts were written, of a CSV file.
    pub encoding: Option<Encoding>,
    /// Lines that register a machine.
    pub created: u64,
    /// Lines that change a record.
    pub updated: u64,
    /// Lines that say what is known.
    pub kept: u64,
    /// Lines that cannot be used.
    pub refused: u64,
    /// Those that cannot be used, and the first 500 others.
    pub rows: Vec<RowOutcome>,
    /// Whether it was done.
    pub applied: bool,
}

impl Catalog {
    /// Imports machines, or says what an import would do. Whether it was done stands in the outcome.
    ///
    /// # Errors
    /// When the file is no table, or its columns do not say enough.
    pub fn import_machines(&self, import: &Import, actor: &Actor) -> Result<ImportOutcome> {
        let table = import.file.read()?;
        let columns = column::assign(&table.headers, &import.columns)?;
        let key = choose_key(&columns, import.key)?;
        let mut outcome = ImportOutcome {
            columns,
            key,
            encoding: table.encoding,
            created: 0,
            updated: 0,
            kept: 0,
            refused: 0,
            rows: Vec::new(),
            applied: false,
        };
        self.write_if(|writing| {
            let mut seen: HashMap<String, u64> = HashMap::new();
            for (line, texts) in &table.rows {
                let mut findings = Findings::default();
                let cells = Cells::read(&outcome.columns, texts, &mut findings);
                let row = take(writing, *line, &cells, key, &mut seen, findings, actor)?;
                outcome.add(row);
            }
            outcome.applied = !import.rehearse && (outcome.refused == 0 || import.leave_out_refused);
            let done = outcome.applied;
            if !done {
                outcome.forget_new_ids();
            }
            Ok((outcome, done))
        })
    }
}

impl ImportOutcome {
    fn add(&mut self, row: RowOutcome) {
        let count = match row.action {
            RowAction::Create => &mut self.created,
            RowAction::Update => &mut self.updated,
            RowAction::Keep => &mut self.kept,
            RowAction::Refuse => &mut self.refused,
        };
        *count += 1;
        if row.action == RowAction::Refuse || self.rows.len() < TOLD_MAX {
            self.rows.push(row);
        }
    }

    /// Records that were taken back are named to nobody.
    fn forget_new_ids(&mut self) {
        for row in &mut self.rows {
            row.machine.take_if(|_| row.action == RowAction::Create);
        }
    }
}

fn choose_key(columns: &[Column], said: Option<Field>) -> Result<Field> {
    let has = |field: Field| columns.iter().any(|column| column.field == Some(field));
    let usual = [
        Field::Id,
        Field::Uuid,
        Field::Macs,
        Field::BoardSerial,
        Field::Serial,
        Field::Name,
    ];
    match said {
        Some(key) if !key.is_key() => Err(Error::invalid(
            format!("records cannot be told apart by {}", key.text()),
            "use id, name, macs, uuid, serial or board_serial",
        )),
        Some(key) if !has(key) => Err(Error::invalid(
            format!(
                "no column is {}, by which records shall be told apart",
                key.text()
            ),
            "say which column it is, or use another key",
        )),
        Some(key) => Ok(key),
        None => usual.into_iter().find(|field| has(*field)).ok_or_else(|| {
            Error::invalid(
                "no column tells which machine a line is about",
                "say which column is the name, the MAC address, the UUID or the serial number",
            )
        }),
    }
}

/// Does what one line says. A line that cannot be used changes nothing.
fn take(
    writing: &mut Writing<'_>,
    line: u64,
    cells: &Cells,
    key: Field,
    seen: &mut HashMap<String, u64>,
    mut findings: Findings,
    actor: &Actor,
) -> Result<RowOutcome> {
    let refuse = |label: String, machine, findings: Findings| RowOutcome {
        line,
        action: RowAction::Refuse,
        machine,
        label,
        problems: findings.0,
    };
    let label = cells.label();
    let keys = cells.keys(key);
    if findings.0.is_empty() && keys.is_empty() {
        let key = key.text();
        findings.add(
            key,
            "this cell is the key and is empty",
            "fill it in, or leave the line out",
        );
    }
    for key_text in &keys {
        if let Some(earlier) = seen.insert(key_text.clone(), line) {
            let title = format!("line {earlier} is about the same machine");
            findings.add(key.text(), title, "keep one of the two lines");
        }
    }
    if !findings.0.is_empty() {
        return Ok(refuse(label, None, findings));
    }
    let found = row::find(writing.transaction, key, &keys)?;
    if found.len() > 1 {
        let title = format!("{} records have this {}", found.len(), key.text());
        findings.add(key.text(), title, "use another key, or merge the records");
        return Ok(refuse(label, None, findings));
    }
    let known = match found.first() {
        Some(id) => load_machine(writing.transaction, *id)?,
        None => None,
    };
    let is_new = known.is_none();
    if is_new && key == Field::Id {
        findings.add(
            "id",
            "no record has this id",
            "use another key to register new machines",
        );
        return Ok(refuse(label, None, findings));
    }
    let mut machine = known
        .clone()
        .unwrap_or_else(|| MachineRow::new(MachineId::new(), writing.now));
    cells.apply(&mut machine, &mut findings);
    check_others(writing.transaction, &machine, cells, &mut findings)?;
    if !findings.0.is_empty() {
        return Ok(refuse(label, known.map(|known| known.id), findings));
    }
    let action = match &known {
        None => RowAction::Create,
        Some(known) if *known == machine => RowAction::Keep,
        Some(_) => RowAction::Update,
    };
    match known {
        None => register(writing, &machine, actor)?,
        Some(known) if action == RowAction::Update => {
            let before = edited_part(&known);
            save_edited(writing, &mut machine, before, actor)?;
        }
        Some(_) => {}
    }
    Ok(RowOutcome {
        line,
        action,
        machine: Some(machine.id),
        label: machine.label(),
        problems: Vec::new(),
    })
}

fn register(writing: &mut Writing<'_>, machine: &MachineRow, actor: &Actor) -> Result<()> {
    let id = machine.id;
    store(writing.transaction, machine)?;
    let after = edited_part(machine);
    history::append(writing, id, Some(actor), HistoryKind::Registered, &after)?;
    writing.audit(actor, "create", "machine", id, None, Some(after))?;
    writing.changed(Subject::Machine { id });
    Ok(())
}

/// A name is one machine's, and what identifies a machine stands in one record.
fn check_others(
    connection: &Connection,
    machine: &MachineRow,
    cells: &Cells,
    findings: &mut Findings,
) -> Result<()> {
    if let Some(name) = &cells.name
        && named(connection, name, machine.id)?.is_some()
    {
        findings.add("name", "another machine has this name", "choose another name");
    }
    if machine.inventoried_at.is_some() {
        return Ok(());
    }
    for field in [Field::Macs, Field::Uuid, Field::BoardSerial] {
        let others = row::find(connection, field, &cells.keys(field))?;
        if let Some(other) = others.into_iter().find(|other| *other != machine.id) {
            let other = load_machine(connection, other)?.map_or_else(String::new, |other| other.label());
            findings.add(
                field.text(),
                format!("it belongs to the machine \u{201c}{other}\u{201d}"),
                format!("use {} as the key to change that one", field.text()),
            );
        }
    }
    Ok(())
}
