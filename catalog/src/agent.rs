//! The agent's side of the catalog: boot tokens, sessions, tasks, progress, reports.
//!
//! ```text
//! boot_token(mac) ──▶ hello: the token is used up, the machine identified, one session per machine begins
//!                        ▼
//!   next_task ──▶ start_step ──▶ start_writing ──▶ report ──▶ next_task …
//!
//! a session is bound to one machine and one job; the report that ends the job brings a new key
//! ```

mod expiry;
mod progress;
mod report;
mod task;
mod token;
mod writing;

pub(crate) use report::leave_half_written;
pub use task::HeldTask;

use crate::{
    Catalog,
    error::{Error, ErrorKind, Result},
    job::{Standing, parse_id},
    memory::KeyKind,
    menu::SessionEntry,
    secret::{self, SecretHash},
    time::Time,
};
use protocol::{JobId, MachineId, MasterName, job::Step, menu::EntryKey};
use rusqlite::{Connection, OptionalExtension};
use std::sync::PoisonError;
use uuid::Uuid;

/// What an agent is told when it was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Its key from now on.
    pub session_key: String,
    /// Its record.
    pub machine: MachineId,
    /// The name that a person gave it.
    pub name: Option<String>,
    /// What a technician should know.
    pub warnings: Vec<String>,
    /// The entry of the menu that led here, unless its password is still wanted.
    pub entry: Option<EntryKey>,
}

/// An agent that proved which session it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentSession {
    /// The session.
    pub id: Uuid,
    /// Its machine.
    pub machine: MachineId,
    /// It showed the key that was valid before its job ended: good only to repeat the report that ended it.
    pub repeats: bool,
}

/// What a session may do in the depot at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DepotRight {
    /// Nothing.
    #[default]
    Nothing,
    /// Read this version and no other: a restore is running.
    Read {
        /// The master.
        master: MasterName,
        /// Its version.
        version: u32,
    },
    /// Ask for what is lacking, and send it: a capture is running.
    Upload {
        /// The master that gets a new version.
        master: MasterName,
        /// The job, which names the upload.
        job: JobId,
    },
}

impl DepotRight {
    /// The right that goes with a step in the agent's hands.
    pub(crate) fn of(standing: &Standing, job: JobId, steps: &[Step]) -> Self {
        if !standing.is_in_hand() {
            return Self::Nothing;
        }
        match usize::try_from(standing.step_index)
            .ok()
            .and_then(|index| steps.get(index))
        {
            Some(Step::Restore { master, .. }) => match master.version {
                Some(version) => Self::Read {
                    master: master.name.clone(),
                    version,
                },
                None => Self::Nothing,
            },
            Some(Step::Capture { master, .. }) => Self::Upload {
                master: master.clone(),
                job,
            },
            _ => Self::Nothing,
        }
    }
}

/// A session as memory holds it.
#[derive(Clone, Debug)]
pub(crate) struct SessionMemory {
    pub(crate) id: Uuid,
    pub(crate) key: SecretHash,
    pub(crate) previous_key: Option<SecretHash>,
    pub(crate) job: Option<JobId>,
    pub(crate) previous_job: Option<JobId>,
    pub(crate) leaving: Option<Leaving>,
    pub(crate) last_seen_at: Time,
    /// The step of `job` that is in the agent's hands.
    pub(crate) step_index: Option<u32>,
    /// It was given and shows no sign of work yet.
    pub(crate) is_given: bool,
    pub(crate) cancel_requested: bool,
    pub(crate) right: DepotRight,
    /// The entry of the menu that led here.
    pub(crate) entry: Option<SessionEntry>,
    /// It was told once to leave: a second question is held open, because somebody keeps the machine there.
    pub(crate) told_to_leave: bool,
}

/// How a machine leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    Reboot,
    PowerOff,
}

impl Leaving {
    fn text(self) -> &'static str {
        match self {
            Self::Reboot => "reboot",
            Self::PowerOff => "power-off",
        }
    }
}

impl Catalog {
    /// Which session shows this key. From memory; notes that it was heard of.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`] for a key that is none, or no longer.
    pub fn authenticate(&self, key: &str) -> Result<AgentSession> {
        let now = self.now();
        let mut memory = self.0.memory.write().unwrap_or_else(PoisonError::into_inner);
        let found = memory
            .by_key(&secret::hash(key))
            .map(|(machine, kind, session)| AgentSession {
                id: session.id,
                machine,
                repeats: kind == KeyKind::Previous,
            });
        let session = found.ok_or_else(no_session)?;
        if let Some(memory) = memory.session_mut(session.machine) {
            memory.last_seen_at = now;
        }
        Ok(session)
    }

    /// What a session may do in the depot at this moment. From memory.
    #[must_use]
    pub fn depot_right(&self, session: &AgentSession) -> DepotRight {
        let memory = self.memory();
        match memory.session(session.machine) {
            Some(found) if found.id == session.id && !session.repeats => found.right.clone(),
            _ => DepotRight::Nothing,
        }
    }
}

pub(crate) fn no_session() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "no-session",
        "this key opens no session",
        "restart the machine from the network to get a new one",
    )
}

pub(crate) fn load_session(connection: &Connection, machine: MachineId) -> Result<Option<SessionMemory>> {
    type Row = (
        String,
        SecretHash,
        Option<SecretHash>,
        Option<String>,
        Option<String>,
        Option<String>,
        i64,
        Option<String>,
        bool,
    );
    let found: Option<Row> = connection
        .prepare_cached(
            "SELECT id, key, previous_key, job, previous_job, leaving, last_seen_at, entry, entry_locked FROM session
             WHERE machine = ?1",
        )?
        .query_row([machine.to_string()], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
                row.get(7)?,
                row.get(8)?,
            ))
        })
        .optional()?;
    let Some((id, key, previous_key, job, previous_job, leaving, last_seen_at, entry, locked)) = found else {
        return Ok(None);
    };
    Ok(Some(SessionMemory {
        id: parse_id(&id)?,
        key,
        previous_key,
        job: job.as_deref().map(parse_id).transpose()?,
        previous_job: previous_job.as_deref().map(parse_id).transpose()?,
        leaving: match leaving.as_deref() {
            Some("reboot") => Some(Leaving::Reboot),
            Some(_) => Some(Leaving::PowerOff),
            None => None,
        },
        last_seen_at: Time(last_seen_at),
        step_index: None,
        is_given: false,
        cancel_requested: false,
        right: DepotRight::Nothing,
        entry: entry
            .and_then(|key| key.parse().ok())
            .map(|key| SessionEntry { key, locked }),
        told_to_leave: false,
    }))
}
