//! The audit: who did what, when, from where, and how the thing was before and after. Rows are only ever appended; each
//! carries the BLAKE3 hash of its own text and of the hash before it, so a row taken out or changed later is found.

use crate::{
    Catalog,
    error::{Error, ErrorKind, Result},
    people::Actor,
    time::Time,
};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

/// One row of the audit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditRow {
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
        .query_row("SELECT hash FROM audit ORDER BY seq DESC LIMIT 1", [], |row| {
            row.get(0)
        })
        .optional()?;
    let row = AuditRow {
        at: now,
        actor: actor.name.clone(),
        peer: actor.peer.clone(),
        verb: verb.to_owned(),
        object: object.to_owned(),
        object_id: object_id.to_owned(),
        before: before.map(|value| value.to_string()),
        after: after.map(|value| value.to_string()),
    };
    let hash = chain(&previous.unwrap_or_default(), &row)?;
    connection.execute(
        "INSERT INTO audit (at, actor, peer, verb, object, object_id, before, after, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            row.at.0,
            row.actor,
            row.peer,
            row.verb,
            row.object,
            row.object_id,
            row.before,
            row.after,
            hash.as_slice()
        ],
    )?;
    Ok(())
}

fn chain(previous: &[u8], row: &AuditRow) -> Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous);
    hasher.update(&serde_json::to_vec(row)?);
    Ok(*hasher.finalize().as_bytes())
}

impl Catalog {
    /// Checks the chain of the whole audit. How many rows it has.
    ///
    /// # Errors
    /// [`ErrorKind::Database`] at the first row that does not follow from the one before it.
    pub fn verify_audit(&self) -> Result<u64> {
        self.0.database.read(|transaction| {
            let mut statement = transaction.prepare(
                "SELECT seq, at, actor, peer, verb, object, object_id, before, after, hash FROM audit ORDER BY seq",
            )?;
            let mut rows = statement.query([])?;
            let (mut previous, mut count) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                let read = AuditRow {
                    at: Time(row.get(1)?),
                    actor: row.get(2)?,
                    peer: row.get(3)?,
                    verb: row.get(4)?,
                    object: row.get(5)?,
                    object_id: row.get(6)?,
                    before: row.get(7)?,
                    after: row.get(8)?,
                };
                let hash: Vec<u8> = row.get(9)?;
                if hash != chain(&previous, &read)? {
                    let seq: i64 = row.get(0)?;
                    return Err(Error::new(
                        ErrorKind::Database,
                        "audit-broken",
                        format!("the audit's row {seq} does not follow from the row before it"),
                        "compare it with a backup",
                    ));
                }
                previous = hash;
                count += 1;
            }
            Ok(count)
        })
    }
}
