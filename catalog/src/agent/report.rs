//! The end of a step. A report is repeated until it is answered: the second one finds its work done and says the same.

use super::{AgentSession, SessionMemory, load_session, no_session, task::boots_without};
use crate::{
    Catalog,
    change::{Subject, Writing},
    error::{Error, ErrorKind, Result},
    job::{Begun, Standing, due_jobs, load_job, load_job_machine, note, save_evidence, save_standing},
    machine::{bound, load_machine, set_nothing_bootable},
    secret,
};
use protocol::{
    JobId, MachineId, Problem,
    agent::{Outcome, ReportReply, StepReport},
    job::Step,
};
use rusqlite::params;

impl Catalog {
    /// A step ended.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`] when the session has ended, [`ErrorKind::Forbidden`] for a job that is not the
    /// session's, [`ErrorKind::Conflict`] for a step that lies ahead.
    pub fn report(&self, session: &AgentSession, report: StepReport) -> Result<ReportReply> {
        let StepReport {
            job,
            step_index,
            outcome,
        } = report;
        let outcome = bound_outcome(outcome);
        let machine = session.machine;
        self.write(|writing| {
            let connection = writing.transaction;
            let found = load_session(connection, machine)?.filter(|found| found.id == session.id);
            let found = found.ok_or_else(no_session)?;
            let row = load_job_machine(connection, job, machine)?.ok_or_else(not_yours)?;
            let mut standing = row.standing;
            let is_bound = found.job == Some(job) && !session.repeats;
            let repeats = found.previous_job == Some(job);
            if !is_bound && !repeats && (session.repeats || !standing.state.is_final()) {
                return Err(not_yours());
            }
            let steps = load_job(connection, job)?
                .map(|job| job.steps)
                .unwrap_or_default();
            let before = standing.clone();
            standing
                .report(&steps, step_index, outcome.clone(), writing.now)
                .map_err(|_| step_ahead(step_index))?;
            if standing != before {
                save_standing(connection, job, machine, &standing, writing.now)?;
                note(writing, job, machine);
                let step = usize::try_from(step_index)
                    .ok()
                    .and_then(|index| steps.get(index));
                take_effects(writing, (job, machine), &before, step, &outcome)?;
            }
            let ends_here = standing.state.is_final() && (is_bound || session.repeats);
            let session_key = if ends_here {
                Some(rotate(writing, session, &found, job)?)
            } else {
                None
            };
            Ok(ReportReply { session_key })
        })
    }
}

/// What a report means beyond its job.
fn take_effects(
    writing: &mut Writing<'_>,
    (job, machine): (JobId, MachineId),
    before: &Standing,
    step: Option<&Step>,
    outcome: &Outcome,
) -> Result<()> {
    let connection = writing.transaction;
    match (outcome, step) {
        (Outcome::Done { .. }, Some(Step::Restore { .. })) => {
            set_nothing_bootable(connection, machine, false)?
        }
        (Outcome::Done { .. }, Some(Step::Capture { master, .. })) => {
            writing.changed(Subject::Master { name: master.clone() });
        }
        (Outcome::Failed { evidence, .. }, _) => {
            save_evidence(connection, job, machine, evidence, writing.now)?;
            if step.is_some_and(Step::writes) {
                leave_half_written(writing, machine, before.begun.as_ref())?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// A disk that was being written boots nothing: the machine waits in our agent instead of at its firmware's prompt. Before
/// the agent has said that it writes, the disk is as it was.
pub(crate) fn leave_half_written(
    writing: &Writing<'_>,
    machine: MachineId,
    begun: Option<&Begun>,
) -> Result<()> {
    let Some(begun) = begun.filter(|begun| begun.writing) else {
        return Ok(());
    };
    let facts = load_machine(writing.transaction, machine)?
        .map(|record| record.facts)
        .unwrap_or_default();
    if !boots_without(&facts, begun.disk.as_ref()) {
        set_nothing_bootable(writing.transaction, machine, true)?;
    }
    Ok(())
}

/// The session's job is over: a new key for what comes next. The old one only repeats this report.
fn rotate(
    writing: &mut Writing<'_>,
    session: &AgentSession,
    found: &SessionMemory,
    job: JobId,
) -> Result<String> {
    let key = secret::new_secret()?;
    let shown = if session.repeats {
        found.previous_key.unwrap_or(found.key)
    } else {
        found.key
    };
    let next = due_jobs(writing.transaction, session.machine, writing.now)?
        .first()
        .map(|job| job.to_string());
    writing.transaction.execute(
        "UPDATE session SET key = ?2, previous_key = ?3, previous_job = ?4, job = ?5 WHERE id = ?1",
        params![
            session.id.to_string(),
            secret::hash(&key).as_slice(),
            shown.as_slice(),
            job.to_string(),
            next
        ],
    )?;
    writing.touched(session.machine);
    Ok(key)
}

/// Words of an agent, cut to what a row can hold.
fn bound_outcome(outcome: Outcome) -> Outcome {
    let bound_problem = |mut problem: Problem| {
        problem.code = problem
            .code
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .take(64)
            .collect::<String>()
            .to_ascii_lowercase();
        bound(&mut problem.title, 1000);
        bound(&mut problem.remedy, 1000);
        problem
    };
    match outcome {
        Outcome::Done { mut result } => {
            result.notes.truncate(50);
            result.notes.iter_mut().for_each(|note| bound(note, 1000));
            if !result.seconds.is_finite() {
                result.seconds = 0.0;
            }
            Outcome::Done { result }
        }
        Outcome::NeedsPerson { problem } => Outcome::NeedsPerson {
            problem: bound_problem(problem),
        },
        Outcome::Failed { problem, evidence } => Outcome::Failed {
            problem: bound_problem(problem),
            evidence,
        },
    }
}

fn not_yours() -> Error {
    Error::new(
        ErrorKind::Forbidden,
        "not-your-job",
        "this session is not bound to that job",
        "ask for a task, or restart the machine from the network",
    )
}

fn step_ahead(step_index: u32) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "step-ahead",
        format!("step {step_index} has not been given to this machine"),
        "ask for a task",
    )
}
