//! Whose turn it is, and why a machine in a job waits: told from what is true at the moment, never written down.

use super::{
    row::{JobMachineRow, JobRow, open_jobs, parse_id},
    rules::RulesInForce,
    schedule::{Calendar, Due, Obstacle, Schedule},
    standing::Standing,
};
use crate::{
    Catalog,
    agent::{DepotRight, SessionMemory},
    error::Result,
    memory::{KnownMachine, Memory},
    time::Time,
};
use protocol::{
    JobId, MachineId, Problem,
    job::{JobState, Step},
};
use rusqlite::Connection;
use std::{sync::PoisonError, time::Duration};

/// A machine that waits for its turn asks twice a minute.
const STANDS_IN_LINE: Duration = Duration::from_secs(75);
/// What was handed out and shows no sign of work was handed to nobody.
const PICKS_UP: Duration = Duration::from_secs(60);
/// A machine at work that was silent for so long takes nobody's turn any more. It goes on when it comes back.
const AT_WORK: Duration = Duration::from_secs(5 * 60);

/// Since when a machine stands in line, and when it was last there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InLine {
    since: Time,
    seen_at: Time,
}

/// Why a machine in a job waits.
#[derive(Clone, Debug, PartialEq)]
pub struct JobWait {
    /// The reason as a stable code, in words, and what to do about it.
    pub problem: Problem,
    /// When it ends, where that is known.
    pub until: Option<Time>,
    /// How many machines, or jobs of the same machine, come first.
    pub ahead: Option<u64>,
    /// The job of the same machine that comes first.
    pub behind: Option<JobId>,
}

impl JobWait {
    fn new(code: &str, title: impl Into<String>, remedy: &str) -> Self {
        Self {
            problem: Problem::new(code, title, remedy),
            until: None,
            ahead: None,
            behind: None,
        }
    }
}

/// The jobs of a machine that may begin or go on now, the one that is worked on first, then the oldest.
pub(crate) fn due_jobs(connection: &Connection, machine: MachineId, now: Time) -> Result<Vec<JobId>> {
    let held = held_jobs(connection, machine)?;
    let mut jobs = open_jobs(connection, machine)?;
    if !held.is_empty() {
        let calendar = RulesInForce::load(connection)?.calendar;
        jobs.retain(|job| is_due(&held, *job, &calendar, now));
    }
    Ok(jobs)
}

/// The schedules of a machine's jobs that have not begun.
pub(crate) fn held_jobs(connection: &Connection, machine: MachineId) -> Result<Vec<(JobId, Schedule)>> {
    let mut statement = connection.prepare_cached(
        "SELECT jm.job, j.schedule FROM job_machine jm JOIN job j ON j.id = jm.job
         WHERE jm.machine = ?1 AND jm.state IN ('queued', 'waiting', 'running') AND jm.started_at IS NULL",
    )?;
    let mut rows = statement.query([machine.to_string()])?;
    let mut held = Vec::new();
    while let Some(row) = rows.next()? {
        let schedule = match row.get::<_, Option<String>>(1)? {
            Some(text) => serde_json::from_str(&text)?,
            None => Schedule::default(),
        };
        held.push((parse_id(&row.get::<_, String>(0)?)?, schedule));
    }
    Ok(held)
}

fn is_due(held: &[(JobId, Schedule)], job: JobId, calendar: &Calendar, now: Time) -> bool {
    let schedule = held.iter().find(|(held, _)| *held == job);
    schedule.is_none_or(|(_, schedule)| schedule.due(calendar, now) == Due::Now)
}

impl Memory {
    /// Whether a machine has a job that may begin or go on now.
    pub(crate) fn has_due_job(&self, known: &KnownMachine, now: Time) -> bool {
        let mut jobs = known.open_jobs.iter();
        jobs.any(|job| is_due(&known.held, *job, &self.rules.calendar, now))
    }

    /// Machines that are being captured or restored, but for one.
    fn at_work(&self, but: MachineId, now: Time) -> usize {
        let works = |session: &SessionMemory| {
            let patience = if session.is_given { PICKS_UP } else { AT_WORK };
            session.right != DepotRight::Nothing && now.since(session.last_seen_at) < patience
        };
        self.sessions()
            .filter(|(machine, session)| **machine != but && works(session))
            .count()
    }

    /// Machines that stand in line before this one.
    fn ahead(&self, key: (JobId, MachineId), now: Time) -> usize {
        let place = |(key, line): (&(JobId, MachineId), &InLine)| (line.since, *key);
        let Some(mine) = self.line.get(&key).map(|line| place((&key, line))) else {
            return self.line.len();
        };
        let there = self
            .line
            .iter()
            .filter(|(_, line)| now.since(line.seen_at) < STANDS_IN_LINE);
        there.map(place).filter(|place| *place < mine).count()
    }
}

impl Catalog {
    /// Whether a machine has to wait for its turn before its step is handed out, and whether it is among the next.
    pub(crate) fn wait_for_turn(
        &self,
        (job, machine): (JobId, MachineId),
        standing: &Standing,
        steps: &[Step],
        now: Time,
    ) -> Option<(JobWait, bool)> {
        let step = usize::try_from(standing.step_index)
            .ok()
            .and_then(|index| steps.get(index));
        let moves_data = matches!(step, Some(Step::Capture { .. } | Step::Restore { .. }));
        // Whoever has begun keeps its turn; who has to ask a person does not take one.
        let wants =
            moves_data && standing.begun.is_none() && !standing.asks_person && !standing.state.is_final();
        let mut memory = self.0.memory.write().unwrap_or_else(PoisonError::into_inner);
        let key = (job, machine);
        memory
            .line
            .retain(|_, line| now.since(line.seen_at) < STANDS_IN_LINE);
        let Some(max) = memory.rules.rules.running_max.filter(|_| wants) else {
            memory.line.remove(&key);
            return None;
        };
        let line = memory.line.entry(key).or_insert(InLine {
            since: now,
            seen_at: now,
        });
        line.seen_at = now;
        let (working, ahead) = (memory.at_work(machine, now), memory.ahead(key, now));
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        if working + ahead < max {
            memory.line.remove(&key);
            return None;
        }
        Some((turn(max, working, ahead), ahead < max))
    }

    /// Why a machine in a job waits; `None` when it does not.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn job_wait(&self, job: &JobRow, row: &JobMachineRow) -> Result<Option<JobWait>> {
        let standing = &row.standing;
        if !matches!(standing.state, JobState::Queued | JobState::Waiting) || standing.begun.is_some() {
            return Ok(None);
        }
        if let Some(problem) = &standing.problem {
            let problem = problem.clone();
            return Ok(Some(JobWait {
                problem,
                ..JobWait::new("", "", "")
            }));
        }
        let now = self.now();
        let memory = self.memory();
        if standing.started_at.is_none()
            && let Due::Later { why, until } = job.schedule.due(&memory.rules.calendar, now)
        {
            return Ok(Some(JobWait { until, ..later(why) }));
        }
        let Some(known) = memory.machine(row.machine) else {
            return Ok(None);
        };
        if known.quarantined {
            return Ok(Some(JobWait::new(
                "quarantined",
                "the machine is banned from the appliance",
                "let it in again, or take the job back",
            )));
        }
        let due = |other: &&JobId| is_due(&known.held, **other, &memory.rules.calendar, now);
        let before: Vec<JobId> = known
            .open_jobs
            .iter()
            .take_while(|other| **other != job.id)
            .filter(due)
            .copied()
            .collect();
        if let Some(first) = before.first() {
            let title = format!("{} other job(s) of this machine come first", before.len());
            return Ok(Some(JobWait {
                ahead: u64::try_from(before.len()).ok(),
                behind: Some(*first),
                ..JobWait::new("job-ahead", title, "wait for them, or take them back")
            }));
        }
        let step = usize::try_from(standing.step_index)
            .ok()
            .and_then(|index| job.steps.get(index));
        let key = (job.id, row.machine);
        let is_there = memory
            .session(row.machine)
            .is_some_and(|session| now.since(session.last_seen_at) < STANDS_IN_LINE);
        Ok(Some(match (is_there, step) {
            (true, _) if memory.line.contains_key(&key) => {
                let max = memory
                    .rules
                    .rules
                    .running_max
                    .and_then(|max| usize::try_from(max).ok());
                turn(
                    max.unwrap_or(usize::MAX),
                    memory.at_work(row.machine, now),
                    memory.ahead(key, now),
                )
            }
            (true, _) => JobWait::new(
                "about-to-begin",
                "the machine's agent is about to pick it up",
                "wait some seconds",
            ),
            (false, Some(Step::Wake)) => JobWait::new(
                "about-to-wake",
                "the machine is woken within seconds",
                "wait some seconds",
            ),
            (false, _) => JobWait::new(
                "machine-absent",
                "the machine has not started from the network since",
                "wake it, or switch it on and let it start from the network",
            ),
        }))
    }
}

fn turn(max: usize, working: usize, ahead: usize) -> JobWait {
    let title = format!(
        "{working} machine(s) are being worked on, of {max} at the same time, and {ahead} wait(s) before this one"
    );
    JobWait {
        ahead: u64::try_from(ahead).ok(),
        ..JobWait::new("turn", title, "wait, or raise the site's limit")
    }
}

fn later(why: Obstacle) -> JobWait {
    match why {
        Obstacle::NotBefore => JobWait::new("not-before", "the job begins later", "wait for its moment"),
        Obstacle::OutsideWindows => JobWait::new(
            "outside-windows",
            "none of the job's windows is open",
            "wait for the next one",
        ),
        Obstacle::Blackout(title) => JobWait::new(
            "blackout",
            format!("no job begins now: {title}"),
            "wait for the end of it, or make a job that goes through it",
        ),
    }
}
