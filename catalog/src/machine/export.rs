//! Machines as a table of texts (CSV, RFC 4180): what a spreadsheet shows, and what an import takes back.

use super::{MachineFilter, MachineOrder, MachinePage, MachineRow};
use crate::{
    Catalog,
    error::Result,
    identity::Identity,
    table::{Separator, write_line},
};
use std::borrow::Cow;

/// The columns, by the names that an import knows.
pub(crate) const COLUMNS: [&str; 20] = [
    "id",
    "name",
    "note",
    "macs",
    "uuid",
    "serial",
    "board_serial",
    "manufacturer",
    "product",
    "cpu",
    "cpu_count",
    "memory_bytes",
    "firmware",
    "disks",
    "quarantined",
    "nothing_bootable",
    "warnings",
    "first_seen_at",
    "last_seen_at",
    "inventoried_at",
];
/// Machines that are read at once.
const ROWS: u32 = 200;

/// A table of machines, read piece by piece: nothing is held open in between, and memory holds one piece.
#[derive(Debug)]
pub struct MachineTable {
    catalog: Catalog,
    filter: MachineFilter,
    page: Option<MachinePage>,
    separator: Separator,
    begun: bool,
}

impl Catalog {
    /// The machines that a filter finds as a table, by name.
    #[must_use]
    pub fn export_machines(&self, filter: MachineFilter, separator: Separator) -> MachineTable {
        MachineTable {
            catalog: self.clone(),
            filter,
            page: Some(MachinePage {
                order: MachineOrder::Name,
                after: None,
                limit: ROWS,
            }),
            separator,
            begun: false,
        }
    }
}

impl MachineTable {
    /// The next lines of the table; the first piece begins with the header. None behind the last one.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn piece(&mut self) -> Result<Option<String>> {
        let Some(page) = self.page.take() else {
            return Ok(None);
        };
        let mut text = String::new();
        if !std::mem::replace(&mut self.begun, true) {
            write_line(&mut text, COLUMNS.map(Cow::Borrowed), self.separator);
        }
        let (found, next) = self.catalog.machines(&self.filter, &page)?;
        for row in &found.items {
            write_line(&mut text, cells(row).map(Cow::Owned), self.separator);
        }
        self.page = next.map(|next| MachinePage {
            after: Some(next),
            ..page
        });
        Ok(Some(text))
    }
}

fn cells(row: &MachineRow) -> [String; COLUMNS.len()] {
    let smbios = &row.facts.smbios;
    let identity = Identity::of(&row.facts);
    let join = |words: Vec<String>| words.join(" ");
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let disks: Vec<String> = identity
        .disks
        .iter()
        .map(|disk| {
            let texts = [&disk.model, &disk.serial].into_iter().flatten();
            let words: Vec<String> = texts.cloned().chain([disk.size.0.to_string()]).collect();
            join(words)
        })
        .collect();
    [
        row.id.to_string(),
        row.name.clone().unwrap_or_default(),
        row.note.clone(),
        join(identity.macs.iter().map(ToString::to_string).collect()),
        smbios.uuid.map(|uuid| uuid.to_string()).unwrap_or_default(),
        smbios.serial.clone(),
        smbios.board_serial.clone(),
        smbios.manufacturer.clone(),
        smbios.product.clone(),
        row.facts.cpu.clone(),
        row.facts.cpu_count.to_string(),
        row.facts.memory.0.to_string(),
        row.inventoried_at
            .map(|_| super::list::firmware_text(row.facts.firmware).to_owned())
            .unwrap_or_default(),
        disks.join("; "),
        yes(row.quarantined),
        yes(row.nothing_bootable),
        row.warnings.join("; "),
        row.first_seen_at.to_string(),
        row.inventoried_at
            .map(|_| row.last_seen_at.to_string())
            .unwrap_or_default(),
        row.inventoried_at
            .map(|time| time.to_string())
            .unwrap_or_default(),
    ]
}
