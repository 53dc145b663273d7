//! One line of a table: what its cells mean, and what they change of a record.

use super::{Column, Field, RowProblem};
use crate::{
    error::Result,
    identity::Identity,
    machine::{MachineRow, check_name, check_note},
};
use protocol::{
    MachineId,
    mac::MacAddr,
    machine::{NicFacts, is_placeholder_serial, is_placeholder_uuid},
};
use rusqlite::Connection;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Longest manufacturer, product name or serial number.
const TEXT_MAX: usize = 100;
/// Adapters of a machine.
const MACS_MAX: usize = 16;

/// Why a line cannot be used.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<RowProblem>);

impl Findings {
    pub(super) fn add(&mut self, column: &str, title: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(RowProblem {
            column: Some(column.to_owned()),
            title: title.into(),
            remedy: remedy.into(),
        });
    }
}

/// What a line says; an empty cell says nothing.
#[derive(Debug, Default)]
pub(super) struct Cells {
    pub(super) name: Option<String>,
    id: Option<MachineId>,
    note: Option<String>,
    macs: Vec<MacAddr>,
    uuid: Option<Uuid>,
    serial: Option<String>,
    board_serial: Option<String>,
    manufacturer: Option<String>,
    product: Option<String>,
    quarantined: Option<bool>,
}

impl Cells {
    pub(super) fn read(columns: &[Column], texts: &[String], findings: &mut Findings) -> Self {
        let mut cells = Self::default();
        for (column, text) in columns.iter().zip(texts) {
            let Some(field) = column.field.filter(|_| !text.is_empty()) else {
                continue;
            };
            if let Err((title, remedy)) = cells.set(field, text) {
                findings.add(&column.header, title, remedy);
            }
        }
        cells
    }

    fn set(&mut self, field: Field, text: &str) -> std::result::Result<(), (String, &'static str)> {
        let plain = |what: &str| match text.chars().count() <= TEXT_MAX && !text.chars().any(char::is_control)
        {
            true => Ok(Some(text.to_owned())),
            false => Err((
                format!("a {what} has at most {TEXT_MAX} characters and no control character"),
                "check the columns",
            )),
        };
        let serial = |what: &str| match is_placeholder_serial(text) {
            true => Err((
                format!("\u{201c}{text}\u{201d} is no {what} but what vendors leave in"),
                "leave the cell empty",
            )),
            false => plain(what),
        };
        match field {
            Field::Id => {
                let id = text.parse().map_err(|_| {
                    (
                        "this is no id of a record".to_owned(),
                        "take it from an export, or do not use this column",
                    )
                })?;
                self.id = Some(id);
            }
            Field::Name => {
                let name = check_name(text).map_err(|error| (error.to_string(), "shorten it"))?;
                self.name = Some(name.to_owned());
            }
            Field::Note => {
                let note = check_note(text).map_err(|error| (error.to_string(), "shorten it"))?;
                self.note = Some(note.to_owned());
            }
            Field::Macs => self.macs = macs_of(text)?,
            Field::Uuid => {
                let uuid = text.parse().ok().filter(|uuid| !is_placeholder_uuid(uuid));
                self.uuid = Some(uuid.ok_or_else(|| {
                    (
                        "this is no UUID of one machine".to_owned(),
                        "write it as 4c4c4544-0042-3510-8054-b7c04f4e3632, or leave the cell empty",
                    )
                })?);
            }
            Field::Serial => self.serial = serial("serial number")?,
            Field::BoardSerial => self.board_serial = serial("board serial number")?,
            Field::Manufacturer => self.manufacturer = plain("manufacturer")?,
            Field::Product => self.product = plain("product name")?,
            Field::Quarantined => {
                self.quarantined = Some(match text.to_lowercase().as_str() {
                    "yes" | "oui" | "true" | "vrai" | "1" | "x" => true,
                    "no" | "non" | "false" | "faux" | "0" => false,
                    _ => {
                        return Err((
                            format!("\u{201c}{text}\u{201d} is neither yes nor no"),
                            "write yes or no",
                        ));
                    }
                });
            }
        }
        Ok(())
    }

    /// What to call the machine in an outcome.
    pub(super) fn label(&self) -> String {
        let mac = self.macs.first().map(ToString::to_string);
        self.name
            .clone()
            .or_else(|| self.serial.clone())
            .or(mac)
            .or_else(|| self.uuid.map(|uuid| uuid.to_string()))
            .unwrap_or_default()
    }

    /// What the line says of a field that records can be told apart by.
    pub(super) fn keys(&self, field: Field) -> Vec<String> {
        match field {
            Field::Macs => self.macs.iter().map(ToString::to_string).collect(),
            Field::Id => self.id.iter().map(ToString::to_string).collect(),
            Field::Uuid => self.uuid.iter().map(ToString::to_string).collect(),
            Field::Name => self.name.iter().map(|name| name.to_lowercase()).collect(),
            Field::Serial => self.serial.iter().cloned().collect(),
            Field::BoardSerial => self.board_serial.iter().cloned().collect(),
            Field::Note | Field::Manufacturer | Field::Product | Field::Quarantined => Vec::new(),
        }
    }

    /// Makes a record say what the line says. What an agent found is not changed by a table: a line that says otherwise is
    /// about another machine.
    pub(super) fn apply(&self, machine: &mut MachineRow, findings: &mut Findings) {
        if let Some(name) = &self.name {
            machine.name = Some(name.clone());
        }
        if let Some(note) = &self.note {
            machine.note.clone_from(note);
        }
        machine.quarantined = self.quarantined.unwrap_or(machine.quarantined);
        if machine.inventoried_at.is_some() {
            self.compare(machine, findings);
        } else {
            self.register(machine, findings);
        }
    }

    fn compare(&self, machine: &MachineRow, findings: &mut Findings) {
        let identity = Identity::of(&machine.facts);
        let smbios = &machine.facts.smbios;
        let mut differs = |field: Field, found: String| {
            findings.add(
                field.text(),
                format!("the machine itself says {found}"),
                "correct the line, or split the record if it is two machines",
            );
        };
        if !self.macs.iter().all(|mac| identity.macs.contains(mac)) {
            let found: Vec<String> = identity.macs.iter().map(ToString::to_string).collect();
            differs(Field::Macs, found.join(" "));
        }
        if let (Some(said), Some(found)) = (self.uuid, smbios.uuid)
            && said != found
        {
            differs(Field::Uuid, found.to_string());
        }
        for (field, said, found) in [
            (Field::Serial, &self.serial, smbios.serial.trim()),
            (Field::BoardSerial, &self.board_serial, smbios.board_serial.trim()),
        ] {
            if said
                .as_deref()
                .is_some_and(|said| !found.is_empty() && said != found)
            {
                differs(field, found.to_owned());
            }
        }
    }

    fn register(&self, machine: &mut MachineRow, findings: &mut Findings) {
        let facts = &mut machine.facts;
        if !self.macs.is_empty() {
            facts.nics = self.macs.iter().map(|mac| registered_nic(*mac)).collect();
        }
        let smbios = &mut facts.smbios;
        smbios.uuid = self.uuid.or(smbios.uuid);
        for (said, known) in [
            (&self.serial, &mut smbios.serial),
            (&self.board_serial, &mut smbios.board_serial),
            (&self.manufacturer, &mut smbios.manufacturer),
            (&self.product, &mut smbios.product),
        ] {
            if let Some(said) = said {
                known.clone_from(said);
            }
        }
        let is_found_by_something = smbios.uuid.is_some()
            || !smbios.serial.is_empty()
            || !smbios.board_serial.is_empty()
            || !facts.nics.is_empty();
        if !is_found_by_something {
            findings.0.push(RowProblem {
                column: None,
                title: "nothing on this line would tell the machine when it boots".to_owned(),
                remedy: "give its MAC address, its UUID or its serial number".to_owned(),
            });
        }
    }
}

fn registered_nic(mac: MacAddr) -> NicFacts {
    NicFacts {
        name: String::new(),
        mac,
        driver: String::new(),
        usb: false,
        link: false,
        booted: false,
    }
}

/// Addresses as people write them: with colons, dashes, dots or nothing inside; several with blanks, commas or bars between.
fn macs_of(text: &str) -> std::result::Result<Vec<MacAddr>, (String, &'static str)> {
    let mut macs = BTreeSet::new();
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|' | '/')) {
        if word.is_empty() {
            continue;
        }
        let digits: String = word.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
        let mac = digits.parse().ok().filter(|mac: &MacAddr| mac.is_unicast());
        macs.insert(mac.ok_or_else(|| {
            (
                format!("\u{201c}{word}\u{201d} is no MAC address of one adapter"),
                "write it as aa:bb:cc:dd:ee:ff",
            )
        })?);
    }
    if macs.len() > MACS_MAX {
        return Err((
            format!("a machine has at most {MACS_MAX} adapters"),
            "check the columns",
        ));
    }
    Ok(macs.into_iter().collect())
}

/// The records that have one of these.
pub(super) fn find(connection: &Connection, field: Field, keys: &[String]) -> Result<Vec<MachineId>> {
    let sql = match field {
        Field::Id => "SELECT id FROM machine WHERE id = ?1",
        Field::Name => "SELECT id FROM machine WHERE name = ?1 COLLATE NOCASE LIMIT 3",
        Field::Macs => "SELECT machine FROM nic WHERE mac = ?1 AND usb = 0 LIMIT 3",
        Field::Uuid => "SELECT id FROM machine WHERE uuid = ?1 LIMIT 3",
        Field::Serial => "SELECT id FROM machine WHERE serial = ?1 LIMIT 3",
        Field::BoardSerial => "SELECT id FROM machine WHERE board_serial = ?1 LIMIT 3",
        Field::Note | Field::Manufacturer | Field::Product | Field::Quarantined => return Ok(Vec::new()),
    };
    let mut found = BTreeSet::new();
    let mut statement = connection.prepare_cached(sql)?;
    for key in keys {
        let mut rows = statement.query([key])?;
        while let Some(row) = rows.next()? {
            found.insert(crate::job::parse_id::<MachineId>(&row.get::<_, String>(0)?)?);
        }
    }
    Ok(found.into_iter().collect())
}
