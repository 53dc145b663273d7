//! What an agent shall do next.

use super::{AgentSession, Leaving, SessionMemory, load_session, no_session, report::leave_half_written};
use crate::{
    Catalog,
    change::Writing,
    error::Result,
    job::{Next, Standing, due_jobs, load_job, load_job_machine, load_standing, note, save_standing},
    machine::load_machine,
    memory::KnownMachine,
    menu::{EffectiveMenu, task_of},
};
use protocol::{
    JobId, Problem,
    agent::{Assignment, Task},
    machine::MachineFacts,
};
use rusqlite::params;
use std::sync::PoisonError;

/// A task, and whether it is worth holding the question open until something changes.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldTask {
    /// The task.
    pub task: Task,
    /// It says nothing new: answer when something changed, or when the agent's patience ends.
    pub hold: bool,
    /// It waits for its turn and is among the next: ask again when any machine's work ends.
    pub near_turn: bool,
}

impl Catalog {
    /// What an agent shall do next. A step that is given begins with the agent's first sign of work on it
    /// ([`Catalog::start_step`]): this answer may reach nobody.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unauthenticated`] when the session has ended.
    pub fn next_task(&self, session: &AgentSession) -> Result<HeldTask> {
        if session.repeats {
            return Err(no_session());
        }
        {
            let memory = self.memory();
            let found = memory
                .session(session.machine)
                .filter(|found| found.id == session.id);
            let found = found.ok_or_else(no_session)?;
            let known = memory.machine(session.machine).ok_or_else(no_session)?;
            if found.leaving.is_some() || (found.job.is_none() && !memory.has_due_job(known, self.now())) {
                let task = idle(found, known, &memory.menu_of(session.machine));
                drop(memory);
                self.note_told(session, &task.task);
                return Ok(task);
            }
        }
        let decided = self.write(|writing| {
            let found = load_session(writing.transaction, session.machine)?;
            let found = found
                .filter(|found| found.id == session.id)
                .ok_or_else(no_session)?;
            if found.leaving.is_some() {
                return Ok(None);
            }
            decide(self, writing, session, found)
        })?;
        let task = match decided {
            Some(task) => task,
            None => {
                let memory = self.memory();
                let found = memory.session(session.machine).ok_or_else(no_session)?;
                let known = memory.machine(session.machine).ok_or_else(no_session)?;
                idle(found, known, &memory.menu_of(session.machine))
            }
        };
        self.note_told(session, &task.task);
        Ok(task)
    }

    /// Takes back a step that [`Catalog::next_task`] gave, because it cannot end well: it has failed, and whatever is next is
    /// the next answer. The agent was told nothing, so its key stays.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unauthenticated`] when the session has ended.
    pub fn refuse_step(
        &self,
        session: &AgentSession,
        assignment: &Assignment,
        problem: Problem,
    ) -> Result<()> {
        let (job, machine) = (assignment.job, session.machine);
        self.write(|writing| {
            load_session(writing.transaction, machine)?
                .filter(|found| found.id == session.id && found.job == Some(job))
                .ok_or_else(no_session)?;
            let Some(row) = load_job_machine(writing.transaction, job, machine)? else {
                return Ok(());
            };
            let mut standing = row.standing;
            let begun = standing.begun.clone();
            if standing.refuse(assignment.step_index, problem.clone(), writing.now) {
                save_standing(writing.transaction, job, machine, &standing, writing.now)?;
                note(writing, job, machine);
                if assignment.step.writes() {
                    leave_half_written(writing, machine, begun.as_ref())?;
                }
            }
            Ok(())
        })
    }

    /// Whether a step was given to this session and shows no sign of work yet. From memory.
    #[must_use]
    pub fn has_given_step(&self, session: &AgentSession) -> bool {
        self.memory()
            .session(session.machine)
            .is_some_and(|found| found.id == session.id && !session.repeats && found.is_given)
    }

    /// The agent's first sign of work on the step that it was given: it has begun when this returns. Nothing may be served
    /// for that step before. Without effect if none was given.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unauthenticated`] when the session has ended.
    pub fn start_step(&self, session: &AgentSession) -> Result<()> {
        if !self.has_given_step(session) {
            return Ok(());
        }
        self.write(|writing| {
            let found = load_session(writing.transaction, session.machine)?;
            let found = found
                .filter(|found| found.id == session.id)
                .ok_or_else(no_session)?;
            let Some(job) = found.job else { return Ok(()) };
            let Some(mut standing) = load_standing(writing.transaction, job, session.machine)? else {
                return Ok(());
            };
            if standing.start(standing.step_index, writing.now) {
                save_standing(writing.transaction, job, session.machine, &standing, writing.now)?;
                note(writing, job, session.machine);
            }
            Ok(())
        })
    }

    fn note_told(&self, session: &AgentSession, task: &Task) {
        let mut memory = self.0.memory.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = memory
            .session_mut(session.machine)
            .filter(|found| found.id == session.id)
        {
            found.told_to_leave = matches!(task, Task::LocalBoot | Task::Reboot | Task::PowerOff);
        }
    }
}

impl Catalog {
    /// Somebody asked for the machine's own disk on the agent's screen: its next boot, within minutes, goes there, whatever
    /// waits for it. A firmware that cannot be told where to start next would bring it back to the agent.
    pub fn leave_for_disk(&self, session: &AgentSession) {
        let now = self.now();
        let mut memory = self.0.memory.write().unwrap_or_else(PoisonError::into_inner);
        memory.leave(session.machine, now);
    }
}

/// What a machine does for which there is no job.
fn idle(session: &SessionMemory, known: &KnownMachine, menu: &EffectiveMenu) -> HeldTask {
    let chosen = session.entry.as_ref().filter(|_| session.leaving.is_none());
    if let Some(task) = chosen.and_then(|entry| task_of(entry, menu)) {
        let hold = matches!(task, Task::Wait { .. }) || session.told_to_leave;
        return HeldTask {
            task,
            hold,
            near_turn: false,
        };
    }
    let (task, hold) = match session.leaving {
        Some(Leaving::Reboot) => (Task::Reboot, session.told_to_leave),
        Some(Leaving::PowerOff) => (Task::PowerOff, session.told_to_leave),
        None if known.nothing_bootable => (
            Task::Wait {
                why: Problem::new(
                    "nothing-bootable",
                    "no disk of this machine boots; waiting for a job",
                    "make a job for this machine on the page",
                ),
            },
            true,
        ),
        None => (Task::LocalBoot, session.told_to_leave),
    };
    HeldTask {
        task,
        hold,
        near_turn: false,
    }
}

/// Asks the session's job, then the next one, until one has something to do. `None`: there is no job.
fn decide(
    catalog: &Catalog,
    writing: &mut Writing<'_>,
    session: &AgentSession,
    found: SessionMemory,
) -> Result<Option<HeldTask>> {
    let machine = session.machine;
    let facts = load_machine(writing.transaction, machine)?
        .map(|record| record.facts)
        .unwrap_or_default();
    let mut bound = found.job;
    loop {
        let next_job = match bound {
            Some(job) => Some(job),
            None => due_jobs(writing.transaction, machine, writing.now)?
                .first()
                .copied(),
        };
        let Some(job) = next_job else {
            bind(writing, session, None, None)?;
            return Ok(None);
        };
        let (Some(row), Some(mut standing)) = (
            load_job(writing.transaction, job)?,
            load_standing(writing.transaction, job, machine)?,
        ) else {
            bind(writing, session, None, None)?;
            bound = None;
            continue;
        };
        // A window may have closed since the session was bound to it.
        if standing.started_at.is_none()
            && !standing.state.is_final()
            && !due_jobs(writing.transaction, machine, writing.now)?.contains(&job)
        {
            bind(writing, session, None, None)?;
            bound = None;
            continue;
        }
        if let Some((wait, near_turn)) =
            catalog.wait_for_turn((job, machine), &standing, &row.steps, writing.now)
        {
            bind(writing, session, Some(job), None)?;
            return Ok(Some(HeldTask {
                task: Task::Wait { why: wait.problem },
                hold: true,
                near_turn,
            }));
        }
        let before = standing.clone();
        let next = standing.ask(&row.steps, &facts, session.id, writing.now);
        save_if_changed(writing, session, job, &before, &standing)?;
        let leaving = match next {
            Next::Run {
                step_index,
                step,
                resumed,
            } => {
                bind(writing, session, Some(job), None)?;
                let title = row.title;
                let begun = before.begun.as_ref();
                let assignment = Assignment {
                    job,
                    title,
                    step_index,
                    resumed,
                    from_earlier_boot: begun.is_some_and(|begun| begun.session != Some(session.id)),
                    has_written: begun.is_some_and(|begun| begun.writing),
                    step,
                };
                return Ok(Some(HeldTask {
                    task: Task::Run(assignment),
                    hold: false,
                    near_turn: false,
                }));
            }
            Next::Wait => {
                bind(writing, session, Some(job), None)?;
                let why = standing.problem.clone().unwrap_or_else(|| {
                    Problem::new(
                        "waiting-for-person",
                        "the job waits for a person",
                        "look at the job on the page",
                    )
                });
                return Ok(Some(HeldTask {
                    task: Task::Wait { why },
                    hold: true,
                    near_turn: false,
                }));
            }
            Next::Over => {
                bound = None;
                continue;
            }
            Next::Reboot => Leaving::Reboot,
            Next::PowerOff => Leaving::PowerOff,
        };
        bind(writing, session, None, Some(leaving))?;
        let task = match leaving {
            Leaving::Reboot => Task::Reboot,
            Leaving::PowerOff => Task::PowerOff,
        };
        return Ok(Some(HeldTask {
            task,
            hold: false,
            near_turn: false,
        }));
    }
}

fn bind(
    writing: &mut Writing<'_>,
    session: &AgentSession,
    job: Option<JobId>,
    leaving: Option<Leaving>,
) -> Result<()> {
    let job = job.map(|job| job.to_string());
    let changed = writing.transaction.execute(
        "UPDATE session SET job = ?2, leaving = ?3 WHERE id = ?1 AND (job IS NOT ?2 OR leaving IS NOT ?3)",
        params![session.id.to_string(), job, leaving.map(Leaving::text)],
    )?;
    if changed > 0 {
        writing.touched(session.machine);
    }
    Ok(())
}

/// A machine that waits asks twice a minute: that alone is no news.
fn save_if_changed(
    writing: &mut Writing<'_>,
    session: &AgentSession,
    job: JobId,
    before: &Standing,
    after: &Standing,
) -> Result<()> {
    let same = Standing {
        contact_at: before.contact_at,
        ..after.clone()
    } == *before;
    if !same || after.begun.is_some() {
        save_standing(writing.transaction, job, session.machine, after, writing.now)?;
    }
    if !same {
        note(writing, job, session.machine);
    }
    Ok(())
}

/// Whether, with one disk being overwritten, the others still boot something.
pub(super) fn boots_without(facts: &MachineFacts, target: Option<&protocol::disk::DiskIdentity>) -> bool {
    facts
        .disks
        .iter()
        .any(|disk| disk.bootable && target.is_none_or(|target| disk.identity != *target))
}
