//! Jobs as rows.

use super::{journal, schedule::Schedule, standing::Standing, target::Target};
use crate::{
    error::{Error, ErrorKind, Result},
    scope::{Condition, Scope, Scoped},
    time::Time,
};
use protocol::{
    JobId, MachineId,
    job::{JobState, Progress, Step},
};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params_from_iter, types::Value};
use serde::{Serialize, de::DeserializeOwned};

/// A job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRow {
    /// Its id.
    pub id: JobId,
    /// What it is called.
    pub title: String,
    /// Its steps, frozen.
    pub steps: Vec<Step>,
    /// When it was created.
    pub created_at: Time,
    /// Who created it.
    pub created_by: String,
    /// When it may begin.
    pub schedule: Schedule,
    /// What it was made for; none: machines that were named.
    pub target: Option<Target>,
    /// The job whose failed machines it tries again.
    pub retry_of: Option<JobId>,
    /// How many machines stand where.
    pub counts: JobCounts,
}

/// How many machines of a job stand in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobCounts {
    /// Not picked up.
    pub queued: u64,
    /// Waiting for something.
    pub waiting: u64,
    /// Being worked on.
    pub running: u64,
    /// Ended well.
    pub done: u64,
    /// Ended badly.
    pub failed: u64,
    /// Taken back.
    pub cancelled: u64,
}

impl JobCounts {
    /// How many machines the job has.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.queued + self.waiting + self.running + self.done + self.failed + self.cancelled
    }

    /// The job in one word: what happens now, else the worst that happened.
    #[must_use]
    pub fn state(&self) -> JobState {
        let in_order = [
            (self.running, JobState::Running),
            (self.waiting, JobState::Waiting),
            (self.queued, JobState::Queued),
            (self.failed, JobState::Failed),
            (self.cancelled, JobState::Cancelled),
        ];
        in_order
            .into_iter()
            .find(|(count, _)| *count > 0)
            .map_or(JobState::Done, |(_, state)| state)
    }

    pub(super) fn add(&mut self, state: JobState, count: u64) {
        match state {
            JobState::Queued => self.queued += count,
            JobState::Waiting => self.waiting += count,
            JobState::Running => self.running += count,
            JobState::Done => self.done += count,
            JobState::Failed => self.failed += count,
            JobState::Cancelled => self.cancelled += count,
        }
    }
}

/// Which jobs.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Which of them the one who asks may see: those with a machine that they may see.
    pub scope: Scope,
    /// Those behind this one.
    pub after: Option<JobId>,
    /// At most this many.
    pub limit: u32,
    /// Those with a machine in this state.
    pub state: Option<JobState>,
    /// Those that this machine is in.
    pub machine: Option<MachineId>,
    /// Those of these people; none: everybody's.
    pub created_by: Option<Vec<String>>,
}

/// One machine in a job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobMachineRow {
    /// The job.
    pub job: JobId,
    /// The machine.
    pub machine: MachineId,
    /// Where it stands.
    pub standing: Standing,
    /// How far the running step has come.
    pub progress: Option<Progress>,
    /// Whether a failure left evidence.
    pub has_evidence: bool,
}

pub(crate) fn parse_id<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| damaged_row("an id"))
}

/// A count, which SQLite writes as a signed number.
pub(crate) fn count_of(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column)
        .map(|count| u64::try_from(count).unwrap_or(0))
}

pub(crate) fn parse_state(text: &str) -> Result<JobState> {
    Ok(serde_json::from_value(serde_json::Value::from(text))?)
}

pub(crate) fn state_text(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Waiting => "waiting",
        JobState::Running => "running",
        JobState::Done => "done",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
    }
}

fn damaged_row(what: &str) -> Error {
    Error::new(
        ErrorKind::Database,
        "catalog-damaged",
        format!("{what} in the catalog does not parse"),
        "stop the appliance, keep catalog.sqlite aside, and put a backup in its place",
    )
}

/// Open jobs of a machine: the one that is worked on first, then the oldest.
pub(crate) fn open_jobs(connection: &Connection, machine: MachineId) -> Result<Vec<JobId>> {
    let mut statement = connection.prepare_cached(
        "SELECT job FROM job_machine WHERE machine = ?1 AND state IN ('queued', 'waiting', 'running')
         ORDER BY state <> 'running', job",
    )?;
    let rows = statement.query_map([machine.to_string()], |row| row.get::<_, String>(0))?;
    rows.map(|id| parse_id(&id?)).collect()
}

pub(super) const SELECT: &str = "
    SELECT job, machine, state, step_index, frozen, begun_at, begun_disk, contact_at, problem, asks_person, chosen_disk,
           cancel_requested, results, progress, started_at, ended_at, given_at, given_disk, given_session, begun_session,
           writing, EXISTS (SELECT 1 FROM evidence e WHERE e.job = jm.job AND e.machine = jm.machine)
    FROM job_machine jm";

pub(super) fn job_machine_of(row: &Row<'_>) -> Result<JobMachineRow> {
    let begun = |at, disk, session| -> Result<Option<super::Begun>> {
        Ok(match row.get::<_, Option<i64>>(at)? {
            Some(at) => Some(super::Begun {
                at: Time(at),
                disk: optional_json(row, disk)?,
                session: row
                    .get::<_, Option<String>>(session)?
                    .as_deref()
                    .map(parse_id)
                    .transpose()?,
                writing: row.get(20)?,
            }),
            None => None,
        })
    };
    Ok(JobMachineRow {
        job: parse_id(&row.get::<_, String>(0)?)?,
        machine: parse_id(&row.get::<_, String>(1)?)?,
        standing: Standing {
            state: parse_state(&row.get::<_, String>(2)?)?,
            step_index: row.get(3)?,
            frozen: serde_json::from_str(&row.get::<_, String>(4)?)?,
            given: begun(16, 17, 18)?,
            begun: begun(5, 6, 19)?,
            contact_at: Time(row.get(7)?),
            problem: optional_json(row, 8)?,
            asks_person: row.get(9)?,
            chosen_disk: optional_json(row, 10)?,
            cancel_requested: row.get(11)?,
            results: serde_json::from_str(&row.get::<_, String>(12)?)?,
            started_at: row.get::<_, Option<i64>>(14)?.map(Time),
            ended_at: row.get::<_, Option<i64>>(15)?.map(Time),
        },
        progress: optional_json(row, 13)?,
        has_evidence: row.get(21)?,
    })
}

pub(crate) fn load_standing(
    connection: &Connection,
    job: JobId,
    machine: MachineId,
) -> Result<Option<Standing>> {
    Ok(load_job_machine(connection, job, machine)?.map(|row| row.standing))
}

pub(crate) fn load_job_machine(
    connection: &Connection,
    job: JobId,
    machine: MachineId,
) -> Result<Option<JobMachineRow>> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE job = ?1 AND machine = ?2"))?;
    let mut rows = statement.query([job.to_string(), machine.to_string()])?;
    rows.next()?.map(job_machine_of).transpose()
}

/// Writes where a machine stands, and its journal. Progress is kept only while a step runs.
pub(crate) fn save_standing(
    connection: &Connection,
    job: JobId,
    machine: MachineId,
    standing: &Standing,
    now: Time,
) -> Result<()> {
    let before = load_standing(connection, job, machine)?;
    connection.execute(
        "INSERT INTO job_machine (job, machine, state, step_index, frozen, begun_at, begun_disk, contact_at, problem,
             asks_person, chosen_disk, cancel_requested, results, started_at, ended_at, given_at, given_disk,
             given_session, begun_session, writing)
         VALUES (:job, :machine, :state, :step_index, :frozen, :begun_at, :begun_disk, :contact_at, :problem,
             :asks_person, :chosen_disk, :cancel_requested, :results, :started_at, :ended_at, :given_at, :given_disk,
             :given_session, :begun_session, :writing)
         ON CONFLICT (job, machine) DO UPDATE SET state = :state, step_index = :step_index, frozen = :frozen,
             begun_at = :begun_at, begun_disk = :begun_disk, contact_at = :contact_at, problem = :problem,
             asks_person = :asks_person, chosen_disk = :chosen_disk, cancel_requested = :cancel_requested,
             results = :results, started_at = :started_at, ended_at = :ended_at,
             given_at = :given_at, given_disk = :given_disk, given_session = :given_session,
             begun_session = :begun_session, writing = :writing,
             progress = iif(:begun_at IS NULL, NULL, progress)",
        named_params! {
            ":job": job.to_string(),
            ":machine": machine.to_string(),
            ":state": state_text(standing.state),
            ":step_index": standing.step_index,
            ":frozen": serde_json::to_string(&standing.frozen)?,
            ":begun_at": standing.begun.as_ref().map(|begun| begun.at.0),
            ":begun_disk": json_text(standing.begun.as_ref().and_then(|begun| begun.disk.as_ref()))?,
            ":given_at": standing.given.as_ref().map(|given| given.at.0),
            ":given_disk": json_text(standing.given.as_ref().and_then(|given| given.disk.as_ref()))?,
            ":given_session": session_text(standing.given.as_ref()),
            ":begun_session": session_text(standing.begun.as_ref()),
            ":writing": standing.begun.as_ref().is_some_and(|begun| begun.writing),
            ":contact_at": standing.contact_at.0,
            ":problem": json_text(standing.problem.as_ref())?,
            ":asks_person": standing.asks_person,
            ":chosen_disk": json_text(standing.chosen_disk.as_ref())?,
            ":cancel_requested": standing.cancel_requested,
            ":results": serde_json::to_string(&standing.results)?,
            ":started_at": standing.started_at.map(|time| time.0),
            ":ended_at": standing.ended_at.map(|time| time.0),
        },
    )?;
    journal::append(connection, (job, machine), before.as_ref(), standing, now)
}

/// When a job may begin.
pub(crate) fn load_schedule(connection: &Connection, id: JobId) -> Result<Schedule> {
    let text: Option<Option<String>> = connection
        .prepare_cached("SELECT schedule FROM job WHERE id = ?1")?
        .query_row([id.to_string()], |row| row.get(0))
        .optional()?;
    Ok(match text.flatten() {
        Some(text) => serde_json::from_str(&text)?,
        None => Schedule::default(),
    })
}

pub(crate) fn load_job(connection: &Connection, id: JobId) -> Result<Option<JobRow>> {
    load_job_within(connection, id, &Scope::Everything)
}

/// The same, counting only the machines that may be seen.
pub(super) fn load_job_within(connection: &Connection, id: JobId, scope: &Scope) -> Result<Option<JobRow>> {
    let found = connection
        .prepare_cached(
            "SELECT title, steps, created_at, created_by, target, retry_of FROM job WHERE id = ?1",
        )?
        .query_row([id.to_string()], |row| {
            Ok((
                row.get(0)?,
                row.get::<_, String>(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get::<_, Option<String>>(4)?,
                row.get::<_, Option<String>>(5)?,
            ))
        })
        .optional()?;
    let Some((title, steps, created_at, created_by, target, retry_of)) = found else {
        return Ok(None);
    };
    let mut counts = JobCounts::default();
    let mut condition = Condition::within(scope, Scoped::JobMachines);
    condition.and("jm.job = ?", [Value::from(id.to_string())]);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT jm.state, count(*) FROM job_machine jm WHERE {} GROUP BY jm.state",
        condition.sql()
    ))?;
    let mut rows = statement.query(params_from_iter(condition.values()))?;
    while let Some(row) = rows.next()? {
        counts.add(parse_state(&row.get::<_, String>(0)?)?, count_of(row, 1)?);
    }
    Ok(Some(JobRow {
        id,
        title,
        steps: serde_json::from_str(&steps)?,
        created_at: Time(created_at),
        created_by,
        schedule: load_schedule(connection, id)?,
        target: target.map(|text| serde_json::from_str(&text)).transpose()?,
        retry_of: retry_of.as_deref().map(parse_id).transpose()?,
        counts,
    }))
}

fn session_text(begun: Option<&super::Begun>) -> Option<String> {
    begun?.session.map(|session| session.to_string())
}

fn json_text<T: Serialize>(value: Option<&T>) -> Result<Option<String>> {
    Ok(value.map(serde_json::to_string).transpose()?)
}

fn optional_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}
