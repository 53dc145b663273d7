//! Where one machine stands in a job: a state machine without clock, network or database.
//!
//! ```text
//!    ask, first sign of work         report done, last step
//! queued ───────────▶ running ───────────────────────────────▶ done
//!   ▲ │ ask: a person     │ report failed, or resumed too late
//!   │ │ must decide       ├──────────────────────────────────▶ failed ──▶ queued (a person's retry)
//!   │ ▼                   │ cancelled by a person
//!   waiting ◀─────────────┴──────────────────────────────────▶ cancelled
//! ```
//!
//! An answer to `ask` may reach nobody: the machine lost its power while its question was held. So a step is *given* by
//! `ask` and has *begun* with the agent's first sign of work on it: a call to the depot, progress or a report. A step that
//! was only given is given again as if for the first time.
//!
//! Rules that keep data:
//! - A step that writes starts once. It resumes by itself only on the same machine and disk, at most [`RESUME_WITHIN`]
//!   after the agent's last word; later it has failed and a person has to say what happens. If the clock was set back and
//!   the machine was started anew, nobody knows how long that was: it is later.
//! - Which start of the machine a step began in is told by the agent's session, never by times.
//! - It starts only when the agent's own facts are those of the machine that the job was made for.
//! - A final state stays, but for a person's retry of what failed. A report that comes late or twice changes nothing.

use crate::{identity::Identity, time::Time};
use protocol::{
    Problem,
    agent::Outcome,
    disk::{DiskChoice, DiskIdentity, choose_disk},
    job::{JobState, Step, StepResult},
    machine::MachineFacts,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

/// How long after the agent's last word a writing step still resumes by itself.
pub const RESUME_WITHIN: Duration = Duration::from_secs(2 * 60 * 60);

/// Where one machine stands in a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The state.
    pub state: JobState,
    /// The current step, from 0; the number of steps when all are behind it.
    pub step_index: u32,
    /// What identified the machine when the job was made, or when a person last spoke.
    pub frozen: Identity,
    /// Set while the current step is handed out and nobody has shown a sign of work on it.
    pub given: Option<Begun>,
    /// Set while the current step has begun and not ended.
    pub begun: Option<Begun>,
    /// The agent's last word on this job.
    pub contact_at: Time,
    /// Why it waits, failed or was cancelled.
    pub problem: Option<Problem>,
    /// It waits until a person speaks, whatever the machine's facts become.
    pub asks_person: bool,
    /// The disk that a person chose.
    pub chosen_disk: Option<DiskIdentity>,
    /// A person took it back while the agent worked.
    pub cancel_requested: bool,
    /// What the steps brought.
    pub results: Vec<StepResult>,
    /// When the first step began.
    pub started_at: Option<Time>,
    /// When it was over.
    pub ended_at: Option<Time>,
}

/// A step that has begun, or was handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// When.
    pub at: Time,
    /// On which disk, if it works on one.
    pub disk: Option<DiskIdentity>,
    /// In which session: each start of the machine brings one of its own. `None` for what began before that was kept.
    pub session: Option<Uuid>,
    /// Its agent has said that it writes from now on.
    pub writing: bool,
}

/// What a machine that asks shall do.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Run this step.
    Run {
        /// Its place.
        step_index: u32,
        /// The step, with its disk named.
        step: Step,
        /// It was begun before.
        resumed: bool,
    },
    /// Restart. The step counts as done: nobody reports after a restart.
    Reboot,
    /// Switch off. The step counts as done.
    PowerOff,
    /// Wait for a person.
    Wait,
    /// The job is over for this machine.
    Over,
}

/// A report that is none of this machine's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportRefused;

impl Standing {
    /// A machine that nobody has picked up yet.
    #[must_use]
    pub fn new(frozen: Identity, now: Time) -> Self {
        Self {
            state: JobState::Queued,
            step_index: 0,
            frozen,
            given: None,
            begun: None,
            contact_at: now,
            problem: None,
            asks_person: false,
            chosen_disk: None,
            cancel_requested: false,
            results: Vec::new(),
            started_at: None,
            ended_at: None,
        }
    }

    /// The machine's agent asks what to do, in the session given.
    pub fn ask(&mut self, steps: &[Step], facts: &MachineFacts, session: Uuid, now: Time) -> Next {
        if self.state.is_final() {
            return Next::Over;
        }
        let Some(step) = usize::try_from(self.step_index)
            .ok()
            .and_then(|index| steps.get(index))
        else {
            self.end(JobState::Done, None, now);
            return Next::Over;
        };
        let silence = now.elapsed_since(self.contact_at);
        self.contact_at = now;
        self.given = None;
        if self.cancel_requested {
            // The agent that was to stop is gone or has come back without its work.
            self.end(JobState::Cancelled, Some(cancelled()), now);
            return Next::Over;
        }
        if self.asks_person {
            return Next::Wait;
        }
        match (&self.begun, step) {
            // It is there: nobody has to wake it.
            (_, Step::Wake) => {
                self.woke(steps, StepResult::default(), now);
                self.ask(steps, facts, session, now)
            }
            (_, Step::Reboot) => self.pass(steps, Next::Reboot, now),
            (_, Step::PowerOff) => self.pass(steps, Next::PowerOff, now),
            (Some(begun), _) => {
                let begun = begun.clone();
                // Within one start of the machine nobody else had the disk, whatever became of the clock.
                let silence = silence.or((begun.session == Some(session)).then_some(Duration::ZERO));
                self.resume(step, &begun, facts, silence, now)
            }
            (None, _) => self.begin(step, facts, session, now),
        }
    }

    /// The agent shows a sign of work on a step: if that was given, it has begun now. Whether it was.
    pub fn start(&mut self, step_index: u32, now: Time) -> bool {
        if step_index != self.step_index {
            return false;
        }
        let Some(given) = self.given.take() else {
            return false;
        };
        self.state = JobState::Running;
        self.contact_at = now;
        self.begun = Some(Begun { at: now, ..given });
        self.started_at.get_or_insert(now);
        true
    }

    /// The agent says that from now on it writes. Whether it may.
    pub fn start_writing(&mut self, step_index: u32, now: Time) -> bool {
        if !self.may_go_on(step_index) {
            return false;
        }
        self.contact_at = now;
        if let Some(begun) = &mut self.begun {
            begun.writing = true;
        }
        true
    }

    /// The current step is in an agent's hands: given to it, or begun by it.
    #[must_use]
    pub fn is_in_hand(&self) -> bool {
        self.given.is_some() || (self.state == JobState::Running && self.begun.is_some())
    }

    /// The agent reports that a step ended. Harmless twice, and late.
    ///
    /// # Errors
    /// When the step lies ahead: no agent of ours reports that.
    pub fn report(
        &mut self,
        steps: &[Step],
        step_index: u32,
        outcome: Outcome,
        now: Time,
    ) -> Result<(), ReportRefused> {
        if step_index > self.step_index
            || usize::try_from(step_index).map_or(true, |index| index >= steps.len())
        {
            return Err(ReportRefused);
        }
        if self.state.is_final() || step_index < self.step_index {
            return Ok(());
        }
        self.start(step_index, now);
        if self.begun.is_none() {
            return Ok(());
        }
        self.contact_at = now;
        match outcome {
            Outcome::Done { result } => {
                self.results.push(result);
                self.advance(steps, now);
            }
            Outcome::NeedsPerson { problem } => {
                if self.cancel_requested {
                    self.end(JobState::Cancelled, Some(cancelled()), now);
                } else {
                    self.begun = None;
                    self.wait(problem, true);
                }
            }
            Outcome::Failed { problem, .. } => {
                let state = if self.cancel_requested {
                    JobState::Cancelled
                } else {
                    JobState::Failed
                };
                self.end(state, Some(problem), now);
            }
        }
        Ok(())
    }

    /// The appliance called the machine. Whether anything changed.
    pub fn woke(&mut self, steps: &[Step], result: StepResult, now: Time) -> bool {
        if !self.is_to_be_woken(steps) {
            return false;
        }
        // It has not begun: what comes after it still keeps to its hours, whenever the machine is switched on.
        self.results.push(result);
        self.advance(steps, now);
        true
    }

    /// Its current step is to be woken.
    #[must_use]
    pub fn is_to_be_woken(&self, steps: &[Step]) -> bool {
        let step = usize::try_from(self.step_index)
            .ok()
            .and_then(|index| steps.get(index));
        !self.state.is_final() && step == Some(&Step::Wake)
    }

    /// A step that was about to be handed out cannot end well: it has failed before the machine knew of it. Whether anything
    /// changed.
    pub fn refuse(&mut self, step_index: u32, problem: Problem, now: Time) -> bool {
        if self.state.is_final() || step_index != self.step_index {
            return false;
        }
        self.end(JobState::Failed, Some(problem), now);
        true
    }

    /// The agent says how far it is. Whether it shall go on.
    #[must_use]
    pub fn may_go_on(&self, step_index: u32) -> bool {
        self.state == JobState::Running
            && self.step_index == step_index
            && self.begun.is_some()
            && !self.cancel_requested
    }

    /// A person takes it back. A running step is asked to stop; whatever has not begun is over at once.
    pub fn cancel(&mut self, now: Time) {
        if self.state.is_final() {
            return;
        }
        if self.begun.is_some() {
            self.cancel_requested = true;
        } else {
            self.end(JobState::Cancelled, Some(cancelled()), now);
        }
    }

    /// A person's word to try again what failed or waits for one. `frozen` is the machine as it is now: the person's word
    /// goes for that. Whether anything changed.
    pub fn retry(&mut self, frozen: Identity, now: Time) -> bool {
        if self.state != JobState::Failed && self.state != JobState::Waiting {
            return false;
        }
        self.requeue(frozen, now);
        true
    }

    /// A person chooses the disk. Whether it was still open to choose.
    pub fn choose_disk(&mut self, disk: DiskIdentity, frozen: Identity, now: Time) -> bool {
        if self.begun.is_some() || !matches!(self.state, JobState::Queued | JobState::Waiting) {
            return false;
        }
        self.chosen_disk = Some(disk);
        self.requeue(frozen, now);
        true
    }

    /// Time has passed: a begun step whose agent has been silent for too long. Whether anything changed.
    pub fn tick(&mut self, steps: &[Step], now: Time) -> bool {
        if self.state != JobState::Running || now.since(self.contact_at) <= RESUME_WITHIN {
            return false;
        }
        let writes = usize::try_from(self.step_index)
            .ok()
            .and_then(|index| steps.get(index))
            .is_some_and(Step::writes);
        match (&self.begun, self.cancel_requested) {
            (Some(_), true) => self.end(JobState::Cancelled, Some(cancelled()), now),
            (Some(_), false) if writes => self.end(JobState::Failed, Some(silent()), now),
            // Nothing is half-written: it is done again when the machine comes back.
            _ => {
                self.begun = None;
                self.state = JobState::Queued;
            }
        }
        true
    }

    fn begin(&mut self, step: &Step, facts: &MachineFacts, session: Uuid, now: Time) -> Next {
        let mut step = step.clone();
        let mut target = None;
        if let Step::Capture { disk, .. } | Step::Restore { disk, .. } = &mut step {
            match choose_disk(&facts.disks, self.chosen_disk.as_ref().or(disk.as_ref())) {
                DiskChoice::Chosen(found) => {
                    // A disk that is not even the same as itself cannot be named; it is then the only candidate.
                    let nameable = found.identity.is_same_disk(&found.identity);
                    *disk = nameable.then(|| found.identity.clone());
                    target = Some(found.identity.clone());
                }
                DiskChoice::Ambiguous(found) => return self.wait(several_disks(found.len()), false),
                DiskChoice::Missing => {
                    return self.wait(no_disk(disk.is_some() || self.chosen_disk.is_some()), false);
                }
            }
        }
        if step.writes()
            && let Some(target) = &target
        {
            let differences = self.frozen.differences(&Identity::of(facts), target);
            if !differences.is_empty() {
                return self.wait(machine_changed(&differences), false);
            }
        }
        if self.state == JobState::Waiting {
            self.state = JobState::Queued;
        }
        self.problem = None;
        self.given = Some(Begun {
            at: now,
            disk: target,
            session: Some(session),
            writing: false,
        });
        Next::Run {
            step_index: self.step_index,
            step,
            resumed: false,
        }
    }

    fn resume(
        &mut self,
        step: &Step,
        begun: &Begun,
        facts: &MachineFacts,
        silence: Option<Duration>,
        now: Time,
    ) -> Next {
        let mut step = step.clone();
        if let (Step::Capture { disk, .. } | Step::Restore { disk, .. }, Some(target)) =
            (&mut step, &begun.disk)
        {
            let named = target.is_same_disk(target).then(|| target.clone());
            let still_there = match choose_disk(&facts.disks, named.as_ref()) {
                DiskChoice::Chosen(found) => named.is_some() || found.identity == *target,
                _ => false,
            };
            if !still_there {
                self.end(JobState::Failed, Some(disk_gone()), now);
                return Next::Over;
            }
            *disk = named;
        }
        if step.writes() {
            let too_late = match silence {
                Some(silence) => (silence > RESUME_WITHIN).then(silent),
                None => Some(clock_set_back()),
            };
            if too_late.is_some() {
                self.end(JobState::Failed, too_late, now);
                return Next::Over;
            }
            let unchanged = begun
                .disk
                .as_ref()
                .is_some_and(|disk| self.frozen.differences(&Identity::of(facts), disk).is_empty());
            if !unchanged {
                self.end(JobState::Failed, Some(machine_changed(&["machine"])), now);
                return Next::Over;
            }
        }
        self.state = JobState::Running;
        Next::Run {
            step_index: self.step_index,
            step,
            resumed: true,
        }
    }

    /// A step that is done by being told.
    fn pass(&mut self, steps: &[Step], next: Next, now: Time) -> Next {
        // As with a machine that was woken: going down is no beginning of what comes after it.
        self.results.push(StepResult::default());
        self.advance(steps, now);
        if !self.state.is_final() {
            // The machine goes down: whoever picks it up next comes from a new boot.
            self.state = JobState::Queued;
        }
        next
    }

    fn advance(&mut self, steps: &[Step], now: Time) {
        self.step_index += 1;
        self.given = None;
        self.begun = None;
        self.problem = None;
        self.chosen_disk = None;
        let left = steps
            .get(usize::try_from(self.step_index).unwrap_or(usize::MAX)..)
            .unwrap_or_default();
        let only_leaving = left
            .iter()
            .all(|step| matches!(step, Step::Reboot | Step::PowerOff));
        match (left.is_empty(), self.cancel_requested) {
            // What was asked to stop has ended well: the work is done, and nobody wants it to go on.
            (true, _) => self.end(JobState::Done, None, now),
            (false, true) if only_leaving => self.end(JobState::Done, None, now),
            (false, true) => self.end(JobState::Cancelled, Some(cancelled()), now),
            (false, false) => {}
        }
    }

    fn wait(&mut self, problem: Problem, asks_person: bool) -> Next {
        self.state = JobState::Waiting;
        self.problem = Some(problem);
        self.asks_person = asks_person;
        Next::Wait
    }

    fn requeue(&mut self, frozen: Identity, now: Time) {
        self.state = JobState::Queued;
        self.frozen = frozen;
        self.given = None;
        self.begun = None;
        self.problem = None;
        self.asks_person = false;
        self.ended_at = None;
        self.contact_at = now;
    }

    fn end(&mut self, state: JobState, problem: Option<Problem>, now: Time) {
        self.state = state;
        self.problem = problem;
        self.given = None;
        self.begun = None;
        self.asks_person = false;
        self.cancel_requested = false;
        self.ended_at = Some(now);
    }
}

fn cancelled() -> Problem {
    Problem::new("cancelled", "a person took the job back", "")
}

fn silent() -> Problem {
    too_late("the machine was silent for more than two hours while its disk was being written")
}

fn clock_set_back() -> Problem {
    too_late(
        "the machine was started anew while its disk was being written, and the appliance's clock was set back: nobody can \
         tell for how long the machine was silent",
    )
}

fn too_late(title: &str) -> Problem {
    Problem::new(
        "resume-too-late",
        title,
        "look at the machine; when it is still the right one with the right disk, try again",
    )
}

fn disk_gone() -> Problem {
    Problem::new(
        "disk-gone",
        "the disk that was being worked on is no longer in the machine",
        "put the disk back, or try again with the disk that is there now",
    )
}

fn several_disks(count: usize) -> Problem {
    Problem::new(
        Problem::DISK_AMBIGUOUS,
        format!("{count} disks could be meant and none was named"),
        "choose one of them",
    )
}

fn no_disk(named: bool) -> Problem {
    match named {
        true => Problem::new(
            Problem::DISK_MISSING,
            "the disk that was named is not in the machine",
            "put it back, or choose one of the disks that are there",
        ),
        false => Problem::new(
            Problem::DISK_MISSING,
            "the machine shows no internal disk",
            "check its cables and the storage mode of its firmware (AHCI, not RAID), or choose a USB disk by name",
        ),
    }
}

fn machine_changed(differences: &[&'static str]) -> Problem {
    Problem::new(
        "machine-changed",
        format!(
            "this is not the machine as the job knew it: {}",
            differences.join(", ")
        ),
        "when it is the right machine, try again or choose its disk; nothing was written",
    )
}

#[cfg(test)]
mod tests;
