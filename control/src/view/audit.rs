//! The audit.

use catalog::AuditRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page of the audit, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// What was done.
    pub items: Vec<AuditEntry>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
    /// How much there is on all pages; at least so much if `counted_all` is false.
    pub total: u64,
    /// Whether all was counted: a filter that finds more than 10,000 is not counted to its end.
    pub counted_all: bool,
}

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its number, from 1 without a gap.
    pub seq: i64,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who.
    pub actor: String,
    /// From where.
    pub peer: Option<String>,
    /// Did what: `create`, `edit`, `delete`, `run`, …
    pub verb: String,
    /// To what kind of thing: `machine`, `job`, `master`, `person`, `setting`, …
    pub object: String,
    /// Which one.
    pub object_id: String,
    /// As it was; null if there was nothing.
    #[schema(value_type = Option<Object>)]
    pub before: Option<serde_json::Value>,
    /// As it was then; null if it was taken away.
    #[schema(value_type = Option<Object>)]
    pub after: Option<serde_json::Value>,
}

impl From<AuditRow> for AuditEntry {
    fn from(row: AuditRow) -> Self {
        let (before, after) = (row.before_value(), row.after_value());
        Self {
            seq: row.seq,
            at: row.at.to_string(),
            actor: row.actor,
            peer: row.peer,
            verb: row.verb,
            object: row.object,
            object_id: row.object_id,
            before,
            after,
        }
    }
}
