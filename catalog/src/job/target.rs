//! What a job is made for, and the machines that this means at its creation: they are frozen then.

use crate::{
    error::{Error, ErrorKind, Result},
    place::{Places, within},
    scope::{Condition, Scope, Scoped},
    time::Time,
};
use protocol::{JobId, MachineId, PlaceId};
use rusqlite::{Connection, params_from_iter, types::Value};
use serde::{Deserialize, Serialize};

/// What a job is made for, but for machines that are named one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Target {
    /// Every machine in a place and in all that lies in it; in a group: its members.
    Place {
        /// Which.
        place: PlaceId,
    },
    /// The machines that failed in a job.
    FailedOf {
        /// Which.
        job: JobId,
    },
}

impl Target {
    /// The job whose failed machines are tried again.
    #[must_use]
    pub fn retry_of(&self) -> Option<JobId> {
        match self {
            Self::FailedOf { job } => Some(*job),
            Self::Place { .. } => None,
        }
    }

    /// The machines that it means now, of those that somebody may see.
    pub(super) fn machines(
        &self,
        connection: &Connection,
        scope: &Scope,
        now: Time,
    ) -> Result<Vec<MachineId>> {
        let mut condition = Condition::within(scope, Scoped::Machines);
        match self {
            Self::Place { place } => {
                let places = Places::load(connection)?;
                if places.get(*place).is_none() {
                    return Err(Error::not_found("such place or group"));
                }
                within(&mut condition, &places, *place, now, 0);
            }
            Self::FailedOf { job } => {
                let is_there: bool = connection.query_row(
                    "SELECT EXISTS (SELECT 1 FROM job WHERE id = ?1)",
                    [job.to_string()],
                    |row| row.get(0),
                )?;
                if !is_there {
                    return Err(Error::not_found("such job"));
                }
                condition.and(
                    "m.id IN (SELECT machine FROM job_machine WHERE job = ? AND state = 'failed')",
                    [Value::from(job.to_string())],
                );
            }
        }
        let mut statement = connection.prepare(&format!(
            "SELECT m.id FROM machine m WHERE {} ORDER BY m.sort_name, m.id",
            condition.sql()
        ))?;
        let rows = statement.query_map(params_from_iter(condition.values()), |row| {
            row.get::<_, String>(0)
        })?;
        rows.map(|id| super::parse_id(&id?)).collect()
    }
}

/// The selection is not what somebody saw.
pub(super) fn selection_changed(seen: u64, now: usize) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "selection-changed",
        format!("{seen} machines were seen, and now it would be {now}"),
        "look at the selection as it is now, then decide again",
    )
}
