//! What is done to machines' records: imports, names, merging and splitting, and what became of them.

use catalog::{HistoryRow, ImportOutcome, NameProposal, RowAction};
use protocol::{MachineId, mac::MacAddr};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A table of machines, and how it is meant.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MachineImport {
    /// The file, in Base64 (RFC 4648 §4), at most 8 MiB.
    pub content: String,
    /// What kind of file.
    #[serde(default)]
    pub kind: ImportKind,
    /// What stands between the cells of a line; guessed if not said.
    #[serde(default)]
    pub separator: Option<TableSeparator>,
    /// How its texts are written; if not said, UTF-8 if it is that, else Windows-1252.
    #[serde(default)]
    pub encoding: Option<ImportEncoding>,
    /// What columns are; those that are not named here are guessed by what stands over them.
    #[serde(default)]
    #[schema(max_items = 64)]
    pub columns: Vec<ImportColumn>,
    /// What tells which record a line is about; without it, the first there is of id, UUID, MAC, board serial number, serial
    /// number and name.
    #[serde(default)]
    pub key: Option<ImportField>,
    /// Only say what would happen.
    #[serde(default)]
    pub rehearse: bool,
    /// Leave lines out that cannot be used, instead of doing nothing.
    #[serde(default)]
    pub leave_out_refused: bool,
}

/// What kind of file a table comes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImportKind {
    /// Lines of texts.
    #[default]
    Csv,
    /// A workbook; its first sheet counts.
    Xlsx,
}

/// What stands between the cells of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TableSeparator {
    /// `,`
    #[default]
    Comma,
    /// `;`
    Semicolon,
}

/// How texts of a table are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum ImportEncoding {
    /// UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
    /// Windows-1252.
    #[serde(rename = "windows-1252")]
    Cp1252,
}

/// Something that an import can tell of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportField {
    /// The record's id, as an export wrote it.
    Id,
    /// Its name.
    Name,
    /// Its note.
    Note,
    /// Addresses of its own adapters.
    Macs,
    /// Its SMBIOS UUID.
    Uuid,
    /// Its serial number.
    Serial,
    /// Its board's serial number.
    BoardSerial,
    /// Who made it.
    Manufacturer,
    /// Its product name.
    Product,
    /// Whether it is banned.
    Quarantined,
}

/// What became of a table, or would.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct MachineImportOutcome {
    /// Whether it was done.
    pub applied: bool,
    /// What its columns were taken for.
    pub columns: Vec<ImportColumn>,
    /// What told which record a line is about.
    pub key: ImportField,
    /// How its texts were written, of a CSV file.
    pub encoding: Option<ImportEncoding>,
    /// Lines that register a machine.
    pub created: u64,
    /// Lines that change a record.
    pub updated: u64,
    /// Lines that say what is known.
    pub kept: u64,
    /// Lines that cannot be used.
    pub refused: u64,
    /// Lines that cannot be used, and the first 500 others.
    pub rows: Vec<ImportRow>,
}

/// A column of an imported table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportColumn {
    /// What stands over it.
    pub header: String,
    /// What it is; null: it is not used.
    #[serde(default)]
    pub field: Option<ImportField>,
}

/// A line of an imported table.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ImportRow {
    /// Its number in the file, from 1.
    pub line: u64,
    /// What became of it.
    pub action: ImportAction,
    /// The record, if there is one.
    pub machine: Option<MachineId>,
    /// What the machine is called then.
    pub label: String,
    /// Why it cannot be used.
    pub problems: Vec<ImportProblem>,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImportAction {
    /// It registers a machine.
    Create,
    /// It changes a record.
    Update,
    /// The record says so already.
    Keep,
    /// It cannot be used.
    Refuse,
}

/// Why a line cannot be used.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ImportProblem {
    /// The column that it is about.
    pub column: Option<String>,
    /// What is wrong.
    pub title: String,
    /// What to do.
    pub remedy: String,
}

/// How machines shall be named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Naming {
    /// Which, in the order in which they are numbered.
    #[schema(min_items = 1, max_items = 1000)]
    pub machines: Vec<MachineId>,
    /// What their names are made by: text with `{n}`, `{nn}`, `{nnn}` or `{nnnn}` for the number, `{serial}`, `{mac}`, `{product}`.
    #[schema(max_length = 100)]
    pub pattern: String,
    /// The first one's number.
    #[serde(default = "one")]
    pub start: u32,
    /// Only say which names they would get.
    #[serde(default)]
    pub rehearse: bool,
}

fn one() -> u32 {
    1
}

/// The names that machines got, or would get.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NamingOutcome {
    /// One for each machine, in their order.
    pub items: Vec<ProposedName>,
}

/// A name that a machine got, or would get.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProposedName {
    /// The machine.
    pub machine: MachineId,
    /// What it was called.
    pub label: String,
    /// The name.
    pub name: String,
    /// Why it cannot have it.
    pub problem: Option<String>,
}

/// A record that is the same machine as another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeRequest {
    /// The record that goes; its jobs and its history come to the other.
    pub other: MachineId,
}

/// A record that is two machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitRequest {
    /// The adapters of the machine that gets a record of its own.
    #[schema(min_items = 1, max_items = 64)]
    pub macs: Vec<MacAddr>,
}

/// A page of what became of a record, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistoryPage {
    /// What happened.
    pub items: Vec<HistoryEntry>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
    /// How much there is on all pages.
    pub total: u64,
}

/// Something that happened to a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistoryEntry {
    /// Its number.
    pub seq: i64,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who, if it was a person.
    pub actor: Option<String>,
    /// `discovered`, `registered`, `changed` (its agent found something else), `edited`, `merged` or `split`.
    pub kind: String,
    /// More of it: of `changed` a list of `what`, `before`, `after`; of `edited` an object with `before` and `after`; of
    /// `merged` an object with `from` and `label`; of `split` one with `into` or `from`, and `macs`.
    #[schema(value_type = Object)]
    pub details: serde_json::Value,
}

impl From<HistoryRow> for HistoryEntry {
    fn from(row: HistoryRow) -> Self {
        Self {
            seq: row.seq,
            at: row.at.to_string(),
            actor: row.actor,
            kind: row.kind.text().to_owned(),
            details: row.details,
        }
    }
}

impl From<NameProposal> for ProposedName {
    fn from(proposal: NameProposal) -> Self {
        Self {
            machine: proposal.machine,
            label: proposal.label,
            name: proposal.name,
            problem: proposal.problem,
        }
    }
}

impl From<TableSeparator> for catalog::Separator {
    fn from(separator: TableSeparator) -> Self {
        match separator {
            TableSeparator::Comma => Self::Comma,
            TableSeparator::Semicolon => Self::Semicolon,
        }
    }
}

impl From<ImportEncoding> for catalog::Encoding {
    fn from(encoding: ImportEncoding) -> Self {
        match encoding {
            ImportEncoding::Utf8 => Self::Utf8,
            ImportEncoding::Cp1252 => Self::Cp1252,
        }
    }
}

impl From<catalog::Encoding> for ImportEncoding {
    fn from(encoding: catalog::Encoding) -> Self {
        match encoding {
            catalog::Encoding::Utf8 => Self::Utf8,
            catalog::Encoding::Cp1252 => Self::Cp1252,
        }
    }
}

/// The two lists of fields, each beside the other.
const FIELDS: [(ImportField, catalog::Field); 10] = [
    (ImportField::Id, catalog::Field::Id),
    (ImportField::Name, catalog::Field::Name),
    (ImportField::Note, catalog::Field::Note),
    (ImportField::Macs, catalog::Field::Macs),
    (ImportField::Uuid, catalog::Field::Uuid),
    (ImportField::Serial, catalog::Field::Serial),
    (ImportField::BoardSerial, catalog::Field::BoardSerial),
    (ImportField::Manufacturer, catalog::Field::Manufacturer),
    (ImportField::Product, catalog::Field::Product),
    (ImportField::Quarantined, catalog::Field::Quarantined),
];

impl From<ImportField> for catalog::Field {
    fn from(field: ImportField) -> Self {
        let found = FIELDS.iter().find(|(shown, _)| *shown == field);
        found.map_or(Self::Name, |(_, inner)| *inner)
    }
}

impl From<catalog::Field> for ImportField {
    fn from(field: catalog::Field) -> Self {
        let found = FIELDS.iter().find(|(_, inner)| *inner == field);
        found.map_or(Self::Name, |(shown, _)| *shown)
    }
}

impl From<ImportOutcome> for MachineImportOutcome {
    fn from(outcome: ImportOutcome) -> Self {
        let columns = outcome.columns.into_iter().map(|column| ImportColumn {
            header: column.header,
            field: column.field.map(Into::into),
        });
        let rows = outcome.rows.into_iter().map(|row| ImportRow {
            line: row.line,
            action: match row.action {
                RowAction::Create => ImportAction::Create,
                RowAction::Update => ImportAction::Update,
                RowAction::Keep => ImportAction::Keep,
                RowAction::Refuse => ImportAction::Refuse,
            },
            machine: row.machine,
            label: row.label,
            problems: row
                .problems
                .into_iter()
                .map(|problem| ImportProblem {
                    column: problem.column,
                    title: problem.title,
                    remedy: problem.remedy,
                })
                .collect(),
        });
        Self {
            applied: outcome.applied,
            columns: columns.collect(),
            key: outcome.key.into(),
            encoding: outcome.encoding.map(Into::into),
            created: outcome.created,
            updated: outcome.updated,
            kept: outcome.kept,
            refused: outcome.refused,
            rows: rows.collect(),
        }
    }
}
