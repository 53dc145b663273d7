//! Looking into the audit: filters, search by words, pages by key, and the same as a file.

use super::AuditRow;
use crate::{
    Catalog,
    error::Result,
    scope::{Condition, Scope, Scoped},
    table::{Separator, write_line},
    time::Time,
};
use rusqlite::{Connection, Row, params_from_iter, types::Value};
use std::borrow::Cow;

/// Words of a search that count.
const WORDS_MAX: usize = 10;
/// The shortest beginning of a word that finds the word: the index has beginnings of this length.
const PREFIX_MIN: usize = 3;
/// How far rows that are found by words are counted.
const COUNTED: u64 = 10_000;
/// Rows that are read at once for a file.
const ROWS: u32 = 1000;

/// Which rows of the audit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Which of them the one who asks may see.
    pub scope: Scope,
    /// At this moment or later.
    pub from: Option<Time>,
    /// Before this moment.
    pub to: Option<Time>,
    /// By this person.
    pub actor: Option<String>,
    /// To this kind of thing.
    pub object: Option<String>,
    /// To this thing.
    pub object_id: Option<String>,
    /// This was done.
    pub verb: Option<String>,
    /// Each of these words is found, or a word that begins with it.
    pub text: Option<String>,
}

/// A page of the audit, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditPage {
    /// The rows.
    pub items: Vec<AuditRow>,
    /// Whether there is more behind it.
    pub more: bool,
    /// How many there are on all pages; at least so many if `counted_all` is not set.
    pub total: u64,
    /// All were counted.
    pub counted_all: bool,
}

/// How the audit is written to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditFormat {
    /// Lines of texts.
    Csv(Separator),
    /// A JSON array with an object per row.
    Json,
}

/// Rows of the audit as a file, read piece by piece: nothing is held open in between, and memory holds one piece.
#[derive(Debug)]
pub struct AuditText {
    catalog: Catalog,
    filter: AuditFilter,
    format: AuditFormat,
    before: Option<i64>,
    begun: bool,
    ended: bool,
}

impl Catalog {
    /// Rows of the audit, newest first: up to `limit` before the one with the number `before`.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn audit(&self, filter: &AuditFilter, before: Option<i64>, limit: u32) -> Result<AuditPage> {
        let question = Question::of(filter);
        self.0.database.read(|transaction| {
            let (total, counted_all) = question.count(transaction, filter)?;
            let mut items = question.rows(transaction, before, limit)?;
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let more = items.len() > limit;
            items.truncate(limit);
            Ok(AuditPage {
                items,
                more,
                total,
                counted_all,
            })
        })
    }

    /// The rows that a filter finds as a file, newest first.
    #[must_use]
    pub fn export_audit(&self, filter: AuditFilter, format: AuditFormat) -> AuditText {
        AuditText {
            catalog: self.clone(),
            filter,
            format,
            before: None,
            begun: false,
            ended: false,
        }
    }
}

impl AuditText {
    /// The next piece of the file. None behind the last one.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn piece(&mut self) -> Result<Option<String>> {
        if self.ended {
            return Ok(None);
        }
        let question = Question::of(&self.filter);
        let mut rows = self
            .catalog
            .0
            .database
            .read(|transaction| question.rows(transaction, self.before, ROWS))?;
        let is_last = rows.len() <= ROWS as usize;
        rows.truncate(ROWS as usize);
        self.before = rows.last().map(|row| row.seq).or(self.before);
        self.ended = is_last;
        let begins = !std::mem::replace(&mut self.begun, true);
        let mut text = String::new();
        match self.format {
            AuditFormat::Csv(separator) => {
                if begins {
                    write_line(&mut text, CSV_COLUMNS.map(Cow::Borrowed), separator);
                }
                for row in &rows {
                    write_line(&mut text, csv_cells(row), separator);
                }
            }
            AuditFormat::Json => {
                for (place, row) in rows.iter().enumerate() {
                    text.push_str(if begins && place == 0 { "[\n" } else { ",\n" });
                    text.push_str(&json_of(row).to_string());
                }
                match (is_last, begins && rows.is_empty()) {
                    (_, true) => text.push_str("[]\n"),
                    (true, false) => text.push_str("\n]\n"),
                    (false, false) => {}
                }
            }
        }
        Ok(Some(text))
    }
}

const CSV_COLUMNS: [&str; 9] = [
    "seq",
    "at",
    "actor",
    "peer",
    "verb",
    "object",
    "object_id",
    "before",
    "after",
];

fn csv_cells(row: &AuditRow) -> [Cow<'_, str>; 9] {
    let optional = |text: &'_ Option<String>| Cow::Owned(text.clone().unwrap_or_default());
    [
        row.seq.to_string().into(),
        row.at.to_string().into(),
        row.actor.as_str().into(),
        optional(&row.peer),
        row.verb.as_str().into(),
        row.object.as_str().into(),
        row.object_id.as_str().into(),
        optional(&row.before),
        optional(&row.after),
    ]
}

fn json_of(row: &AuditRow) -> serde_json::Value {
    serde_json::json!({
        "seq": row.seq,
        "at": row.at.to_string(),
        "actor": row.actor,
        "peer": row.peer,
        "verb": row.verb,
        "object": row.object,
        "object_id": row.object_id,
        "before": row.before_value(),
        "after": row.after_value(),
    })
}

/// A filter as it is put to the database.
struct Question {
    condition: Condition,
    /// What the index of words is asked, if there are words.
    words: Option<String>,
}

impl Question {
    fn of(filter: &AuditFilter) -> Self {
        let mut condition = Condition::within(&filter.scope, Scoped::Audit);
        let texts = [
            ("a.actor = ?", &filter.actor),
            ("a.object = ?", &filter.object),
            ("a.object_id = ?", &filter.object_id),
            ("a.verb = ?", &filter.verb),
        ];
        for (clause, text) in texts {
            if let Some(text) = text {
                condition.and(clause, [Value::from(text.clone())]);
            }
        }
        if let Some(from) = filter.from {
            condition.and("a.at >= ?", [Value::from(from.0)]);
        }
        if let Some(to) = filter.to {
            condition.and("a.at < ?", [Value::from(to.0)]);
        }
        let text = filter
            .text
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty());
        Self {
            words: text.map(|text| words_of(text, filter)),
            condition,
        }
    }

    /// The tables in the order in which they are walked: with words, the index of words leads.
    fn source(&self) -> (&'static str, &'static str, Vec<Value>) {
        match &self.words {
            Some(words) => (
                "audit_text CROSS JOIN audit a ON a.seq = audit_text.rowid",
                "audit_text MATCH ? AND ",
                vec![Value::from(words.clone())],
            ),
            None => ("audit a", "", Vec::new()),
        }
    }

    fn rows(&self, connection: &Connection, before: Option<i64>, limit: u32) -> Result<Vec<AuditRow>> {
        let (source, leading, values) = self.source();
        let key = if self.words.is_some() {
            "audit_text.rowid"
        } else {
            "a.seq"
        };
        let sql = format!(
            "SELECT a.seq, a.at, a.actor, a.peer, a.verb, a.object, a.object_id, a.before, a.after, a.place FROM {source}
             WHERE {leading}{key} < ? AND {} ORDER BY {key} DESC LIMIT {}",
            self.condition.sql(),
            u64::from(limit) + 1
        );
        let before = Value::from(before.unwrap_or(i64::MAX));
        let values = values.iter().chain([&before]).chain(self.condition.values());
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut items = Vec::new();
        while let Some(row) = rows.next()? {
            items.push(row_of(row)?);
        }
        Ok(items)
    }

    fn count(&self, connection: &Connection, filter: &AuditFilter) -> Result<(u64, bool)> {
        if *filter
            == (AuditFilter {
                scope: Scope::Everything,
                ..AuditFilter::default()
            })
        {
            // Nothing is ever taken out, so the last number is the count.
            let last = connection.query_row("SELECT coalesce(max(seq), 0) FROM audit", [], |row| {
                crate::job::count_of(row, 0)
            })?;
            return Ok((last, true));
        }
        let (source, leading, values) = self.source();
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {leading}{} LIMIT {})",
            self.condition.sql(),
            COUNTED + 1
        );
        let values = values.iter().chain(self.condition.values());
        let mut statement = connection.prepare_cached(&sql)?;
        let count = statement.query_row(params_from_iter(values), |row| crate::job::count_of(row, 0))?;
        Ok((count.min(COUNTED), count <= COUNTED))
    }
}

/// Of the columns of the table in their order, without the hash.
pub(super) fn row_of(row: &Row<'_>) -> Result<AuditRow> {
    Ok(AuditRow {
        seq: row.get(0)?,
        at: Time(row.get(1)?),
        actor: row.get(2)?,
        peer: row.get(3)?,
        verb: row.get(4)?,
        object: row.get(5)?,
        object_id: row.get(6)?,
        before: row.get(7)?,
        after: row.get(8)?,
        place: row.get(9)?,
    })
}

/// What the index of words is asked (FTS5, "Full-text Query Syntax"). Every word stands in quotes, so none of it is taken for
/// an operator. The module and the person narrow it here already: their words are in the index too.
fn words_of(text: &str, filter: &AuditFilter) -> String {
    let quoted = |word: &str| format!("\"{}\"", word.replace('"', "\"\""));
    let mut parts = Vec::new();
    for word in text.split_whitespace().take(WORDS_MAX) {
        let letters = word.chars().filter(|c| c.is_alphanumeric()).count();
        if letters == 0 {
            continue;
        }
        let star = if letters >= PREFIX_MIN { " *" } else { "" };
        parts.push(format!("{}{star}", quoted(word)));
    }
    if parts.is_empty() {
        // No row has a word without a letter.
        return "\"\"".to_owned();
    }
    for (column, value) in [
        ("actor", &filter.actor),
        ("object", &filter.object),
        ("verb", &filter.verb),
    ] {
        if let Some(value) = value
            .as_deref()
            .filter(|value| value.chars().any(char::is_alphanumeric))
        {
            parts.push(format!("({column} : {})", quoted(value)));
        }
    }
    parts.join(" AND ")
}
