//! Tables of texts as spreadsheets read them: CSV (RFC 4180).
//!
//! Lines end with CR LF; a cell with a separator, a quote or a line end stands in quotes, and quotes in it are doubled.

use std::borrow::Cow;

/// What stands between the cells of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Separator {
    /// `,`
    #[default]
    Comma,
    /// `;`, which spreadsheets of many languages want.
    Semicolon,
}

impl Separator {
    /// The character.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
        }
    }
}

/// Writes one line, ended by CR LF. A cell that a spreadsheet would take for a formula gets an apostrophe before it, which
/// [`without_guard`] takes away again: names and serial numbers come from the network.
pub(crate) fn write_line<'a>(
    text: &mut String,
    cells: impl IntoIterator<Item = Cow<'a, str>>,
    separator: Separator,
) {
    let separator = char::from(separator.byte());
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            text.push(separator);
        }
        let guarded = if needs_guard(&cell) {
            Cow::Owned(format!("'{cell}"))
        } else {
            cell
        };
        // A mark of UTF-8 at the beginning of a file would be taken for one.
        if guarded.contains(['"', ',', ';', '\r', '\n', '\t', '\u{feff}']) || guarded.trim() != guarded {
            text.push('"');
            text.push_str(&guarded.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(&guarded);
        }
    }
    text.push_str("\r\n");
}

fn needs_guard(cell: &str) -> bool {
    // A text that begins like a guarded one is guarded too, or it would lose its own apostrophe.
    cell.trim_start_matches('\'')
        .starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// A cell as it was before it was written.
pub(crate) fn without_guard(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(inner) if needs_guard(inner) => inner,
        _ => cell,
    }
}

/// Windows-1252 where it differs from ISO 8859-1, 0x80 to 0x9f, as browsers read it (WHATWG Encoding, index windows-1252).
const HIGH: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}',
    '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}',
    '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}',
    '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

/// A character of Windows-1252.
pub(crate) fn cp1252_character(byte: u8) -> char {
    match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

/// A text in Windows-1252; what that does not have becomes a question mark.
#[must_use]
pub fn to_cp1252(text: &str) -> Vec<u8> {
    let byte_of = |c: char| match u8::try_from(c) {
        Ok(byte) if !(0x80..=0x9f).contains(&byte) => byte,
        _ => HIGH
            .iter()
            .position(|high| *high == c)
            .and_then(|place| u8::try_from(0x80 + place).ok())
            .unwrap_or(b'?'),
    };
    text.chars().map(byte_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_spreadsheet_takes_for_a_formula_is_guarded() {
        let mut text = String::new();
        write_line(
            &mut text,
            ["=1+1".into(), "a;b".into(), "plain".into()],
            Separator::Semicolon,
        );
        assert_eq!(text, "'=1+1;\"a;b\";plain\r\n");
    }

    #[test]
    fn windows_1252_is_written_as_it_is_read() {
        for byte in 0..=255 {
            assert_eq!(to_cp1252(&cp1252_character(byte).to_string()), [byte]);
        }
        assert_eq!(to_cp1252("\u{20ac} \u{e9} \u{4e00}"), b"\x80 \xe9 ?");
    }

    proptest! {
        #[test]
        fn a_written_line_is_read_back(cells in prop::collection::vec(".{0,20}", 1..6), semicolon: bool) {
            let separator = if semicolon { Separator::Semicolon } else { Separator::Comma };
            let mut text = String::new();
            write_line(&mut text, cells.iter().map(|cell| cell.as_str().into()), separator);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).delimiter(separator.byte()).from_reader(text.as_bytes());
            let record = reader.records().next();
            let read: Vec<String> = record.map_or_else(|| vec![String::new()], |record| record.unwrap().iter().map(|cell| without_guard(cell).to_owned()).collect());
            prop_assert_eq!(read, cells);
        }
    }
}
