//! A table that somebody sends, as lines of texts. It comes from a stranger's program: bounded in every direction.

use crate::{
    error::{Error, Result},
    table::{Separator, cp1252_character, without_guard},
};
use calamine::{DataRef, Reader, Xlsx};
use std::io::{Cursor, Read};

/// Largest file.
pub(crate) const FILE_MAX_LEN: usize = 8 << 20;
/// Lines of a table.
const ROWS_MAX: usize = 20_000;
/// Columns of a table.
const COLUMNS_MAX: usize = 64;
/// Characters of a cell.
const CELL_MAX: usize = 2000;
/// What a spreadsheet may be when it is unpacked.
const UNPACKED_MAX_LEN: u64 = 64 << 20;
/// Files in a spreadsheet's archive.
const ENTRIES_MAX: usize = 1000;

/// How texts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// Windows-1252, which older spreadsheets write in Western Europe.
    Cp1252,
}

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// Lines of texts.
    Csv,
    /// A workbook (ECMA-376); its first sheet counts.
    Xlsx,
}

/// A file with a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportFile {
    /// What kind.
    pub kind: FileKind,
    /// Its content.
    pub bytes: Vec<u8>,
    /// What stands between the cells of a line; guessed from the first line if not said.
    pub separator: Option<Separator>,
    /// How its texts are written; if not said, UTF-8 if it is that, else Windows-1252.
    pub encoding: Option<Encoding>,
}

/// A table as it was read.
#[derive(Debug)]
pub(super) struct Table {
    /// What stands over the columns.
    pub(super) headers: Vec<String>,
    /// Lines with something in them, each with its number in the file, from 1.
    pub(super) rows: Vec<(u64, Vec<String>)>,
    /// How it was written, of a CSV file.
    pub(super) encoding: Option<Encoding>,
}

impl ImportFile {
    pub(super) fn read(&self) -> Result<Table> {
        if self.bytes.len() > FILE_MAX_LEN {
            return Err(Error::invalid(
                format!("the file is larger than {FILE_MAX_LEN} bytes"),
                "import it in parts",
            ));
        }
        let mut rows = Rows::default();
        let encoding = match self.kind {
            FileKind::Csv => Some(self.read_csv(&mut rows)?),
            FileKind::Xlsx => {
                read_workbook(&self.bytes, &mut rows)?;
                None
            }
        };
        let mut rows = rows.0.into_iter();
        let (_, headers) = rows.next().ok_or_else(|| {
            Error::invalid(
                "the table is empty",
                "send a table whose first line names its columns",
            )
        })?;
        Ok(Table {
            headers,
            rows: rows.collect(),
            encoding,
        })
    }

    fn read_csv(&self, rows: &mut Rows) -> Result<Encoding> {
        let (text, encoding) = decode(&self.bytes, self.encoding)?;
        // Spreadsheets write a first line `sep=;` to tell others their separator.
        let (told, table, skipped) = match text.split_once('\n') {
            Some((first, rest)) if first.trim_end().len() == 5 && first.starts_with("sep=") => {
                (first.as_bytes().get(4).copied(), rest, 1)
            }
            _ => (None, text.as_str(), 0),
        };
        let separator = self
            .separator
            .map(Separator::byte)
            .or(told.filter(|byte| matches!(byte, b',' | b';' | b'\t')))
            .unwrap_or_else(|| guess_separator(table));
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .from_reader(table.as_bytes());
        let mut record = csv::StringRecord::new();
        let mut lines = Lines::of(table.as_bytes());
        loop {
            let more = reader.read_record(&mut record).map_err(|error| {
                Error::invalid(
                    format!("the table cannot be read: {error}"),
                    "save it as CSV once more",
                )
            })?;
            if !more {
                return Ok(encoding);
            }
            let line = lines.line_of(record.position().map_or(0, csv::Position::byte));
            rows.push(line + skipped, record.iter().map(str::to_owned).collect())?;
        }
    }
}

/// Counts lines as an editor shows them: the reader's own count is of line feeds behind it, and it steps over empty lines.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            line: 1,
        }
    }

    /// The line of the first text at or behind a place; places rise.
    fn line_of(&mut self, byte: u64) -> u64 {
        let from = usize::try_from(byte).unwrap_or(usize::MAX);
        while let Some(&byte) = self.bytes.get(self.at) {
            if self.at >= from && byte != b'\n' && byte != b'\r' {
                break;
            }
            self.line += u64::from(byte == b'\n');
            self.at += 1;
        }
        self.line
    }
}

/// Lines that were read so far.
#[derive(Default)]
struct Rows(Vec<(u64, Vec<String>)>);

impl Rows {
    fn push(&mut self, line: u64, mut cells: Vec<String>) -> Result<()> {
        for cell in &mut cells {
            let trimmed = without_guard(cell.trim()).trim();
            if trimmed.chars().count() > CELL_MAX {
                return Err(Error::invalid(
                    format!("line {line} has a cell of more than {CELL_MAX} characters"),
                    "check the separator and the quotes",
                ));
            }
            *cell = trimmed.to_owned();
        }
        while cells.last().is_some_and(String::is_empty) {
            cells.pop();
        }
        if cells.is_empty() {
            return Ok(());
        }
        if cells.len() > COLUMNS_MAX || self.0.len() > ROWS_MAX {
            return Err(Error::invalid(
                format!(
                    "a table has at most {ROWS_MAX} lines and {COLUMNS_MAX} columns; line {line} is beyond that"
                ),
                "import it in parts, with the columns that count",
            ));
        }
        self.0.push((line, cells));
        Ok(())
    }
}

fn decode(bytes: &[u8], said: Option<Encoding>) -> Result<(String, Encoding)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match (said, std::str::from_utf8(bytes)) {
        (None | Some(Encoding::Utf8), Ok(text)) => Ok((text.to_owned(), Encoding::Utf8)),
        (Some(Encoding::Utf8), Err(error)) => {
            let line = bytes[..error.valid_up_to()]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            Err(Error::invalid(
                format!("line {} is not UTF-8", line + 1),
                "say that it is Windows-1252, or save it as UTF-8",
            ))
        }
        (None | Some(Encoding::Cp1252), _) => Ok((
            bytes.iter().map(|byte| cp1252_character(*byte)).collect(),
            Encoding::Cp1252,
        )),
    }
}

/// What stands most often in the first line, outside quotes.
fn guess_separator(table: &str) -> u8 {
    let mut counts = [(b';', 0), (b',', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in table.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if !quoted => {
                for (separator, count) in &mut counts {
                    *count += u32::from(*separator == byte);
                }
            }
            _ => {}
        }
    }
    // The last of equals wins, and a table of one column has none.
    let (separator, count) = counts
        .into_iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .unwrap_or((b',', 0));
    if count == 0 { b',' } else { separator }
}

fn read_workbook(bytes: &[u8], rows: &mut Rows) -> Result<()> {
    check_unpacked(bytes)?;
    // A reader of somebody else's format: should it give up loudly, only this import ends.
    let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read_first_sheet(bytes, rows)));
    read.unwrap_or_else(|_| Err(no_workbook("it cannot be understood")))
}

/// Unpacks everything once into nothing: what an archive says of its sizes may be a lie.
fn check_unpacked(bytes: &[u8]) -> Result<()> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(no_workbook)?;
    if archive.len() > ENTRIES_MAX {
        return Err(no_workbook("it holds too many files"));
    }
    let mut left = UNPACKED_MAX_LEN;
    for place in 0..archive.len() {
        let entry = archive.by_index(place).map_err(no_workbook)?;
        let unpacked = std::io::copy(&mut entry.take(left + 1), &mut std::io::sink()).map_err(no_workbook)?;
        left = left
            .checked_sub(unpacked)
            .ok_or_else(|| no_workbook("it is too large when it is unpacked"))?;
    }
    Ok(())
}

fn read_first_sheet(bytes: &[u8], rows: &mut Rows) -> Result<()> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(no_workbook)?;
    let name = workbook
        .sheet_names()
        .first()
        .cloned()
        .ok_or_else(|| no_workbook("it has no sheet"))?;
    // Cell by cell: a sheet that says it has a million columns must not be laid out.
    let mut cells = workbook.worksheet_cells_reader(&name).map_err(no_workbook)?;
    let mut line: (u32, Vec<String>) = (0, Vec::new());
    while let Some(cell) = cells.next_cell().map_err(no_workbook)? {
        let (row, column) = cell.get_position();
        let text = text_of(cell.get_value());
        if text.is_empty() {
            continue;
        }
        if row != line.0 {
            rows.push(u64::from(line.0) + 1, std::mem::take(&mut line.1))?;
            line.0 = row;
        }
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        if column >= COLUMNS_MAX {
            return Err(no_workbook(format!("it has more than {COLUMNS_MAX} columns")));
        }
        if line.1.len() <= column {
            line.1.resize(column + 1, String::new());
        }
        line.1[column] = text;
    }
    rows.push(u64::from(line.0) + 1, line.1)
}

/// A cell as a person sees it.
fn text_of(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        // Serial numbers of digits only are numbers for a spreadsheet.
        DataRef::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        DataRef::Float(number) => number.to_string(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Bool(yes) => yes.to_string(),
        other => format!("{other:?}"),
    }
}

fn no_workbook(why: impl std::fmt::Display) -> Error {
    Error::invalid(
        format!("the file is no usable workbook: {why}"),
        "save it as .xlsx once more, or as CSV",
    )
}

#[cfg(test)]
mod tests;
