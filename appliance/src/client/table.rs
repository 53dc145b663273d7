//! What people read in a terminal: columns, and texts without anything that a terminal would obey.

use serde_json::Value;
use std::fmt::Write;

/// Longest text in a cell.
const CELL_MAX: usize = 60;

/// Rows under headings, columns as wide as they must be.
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(headings: &[&'static str]) -> Self {
        Self {
            headings: headings.to_vec(),
            rows: Vec::new(),
        }
    }

    /// One more row; as many cells as there are headings.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().map(|cell| shortened(&plain(&cell)));
        self.rows.push(cells.collect());
    }

    /// The whole, ending in a new line; without rows, what is said instead.
    pub fn render(&self, none: &str) -> String {
        if self.rows.is_empty() {
            return format!("{none}\n");
        }
        let width = |column: usize| {
            let cells = self
                .rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(String::as_str);
            let heading = self.headings[column];
            cells
                .chain([heading])
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.headings.len()).map(width).collect();
        let mut text = line(&widths, self.headings.iter().copied());
        for row in &self.rows {
            text.push_str(&line(&widths, row.iter().map(String::as_str)));
        }
        text
    }
}

fn line<'a>(widths: &[usize], cells: impl Iterator<Item = &'a str>) -> String {
    let mut line = String::new();
    for (cell, width) in cells.zip(widths) {
        let _ = write!(line, "{cell:width$}  ");
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(CELL_MAX) {
        None => text.to_owned(),
        Some(_) => text.chars().take(CELL_MAX - 1).chain(['…']).collect(),
    }
}

/// A text without control characters and without those that turn the direction of writing: names and serial numbers come from
/// the network, and a terminal obeys what is hidden in them.
pub fn plain(text: &str) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| if is_odd(c) { '\u{fffd}' } else { c })
        .collect()
}

/// The text at a place of an answer; `-` where there is none.
pub fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "-".to_owned(),
        Some(Value::String(text)) => plain(text),
        Some(other) => plain(&other.to_string()),
    }
}

/// The number at a place of an answer.
pub fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// A length as people say it, in powers of ten as disks are sold.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    // Tens of the unit, in whole numbers: what is shown is never rounded up to a unit that is not there.
    let mut unit = 0;
    let mut tenths = count / 100;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A moment of an answer in the time zone of whoever reads it.
pub fn moment(value: &Value, pointer: &str) -> String {
    let Some(text) = value.pointer(pointer).and_then(Value::as_str) else {
        return "-".to_owned();
    };
    match text.parse::<jiff::Timestamp>() {
        Ok(moment) => moment
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%Y-%m-%d %H:%M")
            .to_string(),
        Err(_) => plain(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn columns_stand_below_each_other_whatever_letters_are_in_them() {
        let mut table = Table::new(&["NAME", "ROOM"]);
        table.row(["é".to_owned(), "B12".to_owned()]);
        table.row(["longer".to_owned(), "C1".to_owned()]);
        assert_eq!(table.render("none"), "NAME    ROOM\né       B12\nlonger  C1\n");
    }

    #[test]
    fn lengths_are_said_in_three_or_four_digits() {
        for (count, said) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_999, "999.9 kB"),
            (1_000_000, "1.0 MB"),
            (500_107_862_016, "500.1 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(count), said);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_a_terminal_obeys_leaves_a_table(cell in any::<String>()) {
            let mut table = Table::new(&["NAME"]);
            table.row([cell]);
            let text = table.render("none");
            prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
            prop_assert_eq!(text.matches('\n').count(), 2);
        }
    }
}
