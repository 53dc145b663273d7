//! The audit: who did what, when, from where, and how the thing was before and after. Rows are only ever appended; each
//! carries the BLAKE3 hash of its own text and of the hash before it, so a row taken out or changed later is found.

mod list;

pub use list::{AuditFilter, AuditFormat, AuditPage, AuditText};

use crate::{
    Catalog, database,
    error::{Error, ErrorKind, Result},
    people::Actor,
    time::Time,
};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use std::path::Path;

/// One row of the audit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditRow {
    /// Its number, from 1 without a gap. The hash is of everything else: it tells the order by itself.
    #[serde(skip)]
    pub seq: i64,
    /// When.
    pub at: Time,
    /// Who.
    pub actor: String,
    /// From where.
    pub peer: Option<String>,
    /// Did what: `create`, `edit`, `delete`, `run`, …
    pub verb: String,
    /// To what kind of thing.
    pub object: String,
    /// Which one.
    pub object_id: String,
    /// As it was.
    pub before: Option<String>,
    /// As it is.
    pub after: Option<String>,
    /// The place it was in. Not in the hash of rows from before places were written down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

#[allow(clippy::too_many_arguments, reason = "they are the columns of the row")]
pub(crate) fn append(
    connection: &Connection,
    now: Time,
    actor: &Actor,
    verb: &str,
    object: &str,
    object_id: &str,
    before: Option<serde_json::Value>,
    after: Option<serde_json::Value>,
) -> Result<()> {
    let previous: Option<Vec<u8>> = connection
        .prepare_cached("SELECT hash FROM audit ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let row = AuditRow {
        seq: 0,
        at: now,
        actor: actor.name.clone(),
        peer: actor.peer.clone(),
        verb: verb.to_owned(),
        object: object.to_owned(),
        object_id: object_id.to_owned(),
        before: before.map(|value| value.to_string()),
        after: after.map(|value| value.to_string()),
        place: place_of(connection, object, object_id)?,
    };
    let hash = chain(&previous.unwrap_or_default(), &row)?;
    connection
        .prepare_cached(
            "INSERT INTO audit (at, actor, peer, verb, object, object_id, before, after, hash, place)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            row.at.0,
            row.actor,
            row.peer,
            row.verb,
            row.object,
            row.object_id,
            row.before,
            row.after,
            hash.as_slice(),
            row.place
        ])?;
    let seq = connection.last_insert_rowid();
    let words = [
        Some(&row.object_id),
        row.peer.as_ref(),
        row.before.as_ref(),
        row.after.as_ref(),
    ];
    let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
    connection
        .prepare_cached(
            "INSERT INTO audit_text (rowid, actor, object, verb, text) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![seq, row.actor, row.object, row.verb, words.join(" ")])?;
    Ok(())
}

/// The place that a thing is in. A job is where all of its machines are: in the lowest place that they share. None for what
/// is in no place, and for what is gone already.
fn place_of(connection: &Connection, object: &str, object_id: &str) -> Result<Option<String>> {
    let sql = match object {
        // A menu is named by its owner.
        "machine" | "menu" => {
            "SELECT coalesce((SELECT place FROM machine WHERE id = ?1), (SELECT id FROM entity WHERE id = ?1))"
        }
        "place" => "SELECT (SELECT id FROM entity WHERE id = ?1)",
        "job" => {
            "WITH RECURSIVE
                 part (id) AS (SELECT DISTINCT m.place FROM job_machine jm JOIN machine m ON m.id = jm.machine WHERE jm.job = ?1),
                 above (part, id, depth) AS (SELECT id, id, 0 FROM part
                     UNION SELECT above.part, e.parent, above.depth + 1 FROM above JOIN entity e ON e.id = above.id
                     WHERE e.parent IS NOT NULL)
             SELECT (SELECT id FROM above GROUP BY id HAVING count(DISTINCT part) = (SELECT count(*) FROM part)
                 ORDER BY min(depth) LIMIT 1)"
        }
        _ => return Ok(None),
    };
    Ok(connection
        .prepare_cached(sql)?
        .query_row([object_id], |row| row.get(0))?)
}

impl AuditRow {
    /// As the thing was, as JSON.
    #[must_use]
    pub fn before_value(&self) -> Option<serde_json::Value> {
        value_of(self.before.as_deref())
    }

    /// As the thing is, as JSON.
    #[must_use]
    pub fn after_value(&self) -> Option<serde_json::Value> {
        value_of(self.after.as_deref())
    }
}

/// Text that is no JSON any more is shown as it stands: somebody changed it.
fn value_of(text: Option<&str>) -> Option<serde_json::Value> {
    text.map(|text| serde_json::from_str(text).unwrap_or_else(|_| text.into()))
}

fn chain(previous: &[u8], row: &AuditRow) -> Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous);
    hasher.update(&serde_json::to_vec(row)?);
    Ok(*hasher.finalize().as_bytes())
}

/// An audit whose chain holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditChain {
    /// Rows.
    pub rows: u64,
    /// The last row's hash, in hexadecimal: written down elsewhere, it shows later that nobody made the chain anew.
    pub head: String,
}

/// Checks the audit in the catalog's file at `path`, beside whatever program uses it.
///
/// # Errors
/// [`ErrorKind::Database`] at the first row that does not follow from the one before it; when the file cannot be read.
pub fn verify_audit_of(path: &Path) -> Result<AuditChain> {
    let mut connection = database::open_to_look(path)?;
    let transaction = connection.transaction()?;
    verify(&transaction)
}

impl Catalog {
    /// Checks the chain of the whole audit. How many rows it has.
    ///
    /// # Errors
    /// [`ErrorKind::Database`] at the first row that does not follow from the one before it.
    pub fn verify_audit(&self) -> Result<u64> {
        self.0.database.read(|transaction| Ok(verify(transaction)?.rows))
    }
}

fn verify(connection: &Connection) -> Result<AuditChain> {
    let mut statement = connection.prepare(
        "SELECT seq, at, actor, peer, verb, object, object_id, before, after, place, hash FROM audit ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    let (mut previous, mut count) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let read = list::row_of(row)?;
        if read.seq != count + 1 {
            return Err(broken(format!(
                "the audit's row {} is missing; the next one there is row {} of {}",
                count + 1,
                read.seq,
                read.at
            )));
        }
        let hash: Vec<u8> = row.get(10)?;
        if hash != chain(&previous, &read)? {
            return Err(broken(format!(
                "the audit's row {} ({}, {} {} {} by {}) does not follow from the row before it",
                read.seq, read.at, read.verb, read.object, read.object_id, read.actor
            )));
        }
        previous = hash;
        count += 1;
    }
    // The database remembers the highest number it gave: rows cut off at the end are missed too.
    let given: i64 = connection.query_row(
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0)",
        [],
        |row| row.get(0),
    )?;
    if given != count {
        return Err(broken(format!(
            "the audit ends with row {count}, but {given} were written"
        )));
    }
    Ok(AuditChain {
        rows: u64::try_from(count).unwrap_or(0),
        head: previous.iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}

fn broken(message: String) -> Error {
    Error::new(
        ErrorKind::Database,
        "audit-broken",
        message,
        "somebody changed the file itself: keep it, and compare it with a backup",
    )
}
