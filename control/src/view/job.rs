//! Jobs.

use super::{JobSchedule, JobTarget};
use crate::state::Control;
use catalog::{JobMachineRow, JobRow, Scope};
use protocol::{
    JobId, MachineId, Problem,
    disk::{DiskFacts, DiskIdentity},
    job::{JobState, Progress, Step, StepResult},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A job: an intent over a frozen selection of machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// The job.
    pub id: JobId,
    /// What it is called.
    pub title: String,
    /// Its steps, in order, as frozen at creation: versions are named, and the last step is explicit.
    pub steps: Vec<Step>,
    /// The state in one word: the first that applies of `running`, `waiting`, `queued`, `failed`, `cancelled`, `done`.
    pub state: JobState,
    /// How many machines stand where.
    pub counts: JobCounts,
    /// When it was created.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Who created it.
    pub created_by: String,
    /// When it may begin.
    pub schedule: JobSchedule,
    /// What it was made for; none: machines that were named.
    pub target: Option<JobTarget>,
    /// The job whose failed machines it tries again.
    pub retry_of: Option<JobId>,
}

/// How many machines of a job stand in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobCounts {
    /// Of the selection in all.
    pub total: u64,
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

/// A job with one row per machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobDetail {
    /// The job.
    pub job: Job,
    /// Its machines.
    pub machines: Vec<JobMachine>,
}

/// One machine in a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobMachine {
    /// The job.
    pub job: JobId,
    /// The machine.
    pub machine: MachineId,
    /// What to call the machine.
    pub machine_label: String,
    /// Where it stands.
    pub state: JobState,
    /// The step it stands at, from 0; the number of steps when all are behind it.
    pub step_index: u32,
    /// How far the running step has come.
    pub progress: Option<Progress>,
    /// Why it failed, was cancelled or waits for a person, in words and with the remedy.
    pub problem: Option<Problem>,
    /// Why it does not run at this moment, while it is `queued` or `waiting`.
    pub wait: Option<JobWait>,
    /// When a person has to choose a disk: the disks.
    pub choice: Option<Choice>,
    /// The disk the running step works on, or that a person chose.
    pub disk: Option<DiskIdentity>,
    /// A person took it back and the agent has not stopped yet.
    pub cancel_requested: bool,
    /// What the steps brought, in order.
    pub results: Vec<StepResult>,
    /// Whether a failure left evidence (`…/evidence`).
    pub has_evidence: bool,
    /// When the first step began.
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    /// When it was over.
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
}

/// Why a machine in a job waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobWait {
    /// The reason: `not-before`, `outside-windows`, `blackout`, `job-ahead`, `turn`, `quarantined`, `machine-absent`,
    /// `about-to-wake`, `about-to-begin`, or what a person has to decide; in words and with the remedy.
    pub problem: Problem,
    /// When it ends, where that is known.
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// How many machines, or jobs of the same machine, come first.
    pub ahead: Option<u64>,
    /// The job of the same machine that comes first.
    pub behind: Option<JobId>,
}

impl From<catalog::JobWait> for JobWait {
    fn from(wait: catalog::JobWait) -> Self {
        Self {
            problem: wait.problem,
            until: wait.until.map(|time| time.to_string()),
            ahead: wait.ahead,
            behind: wait.behind,
        }
    }
}

/// What became of a machine in a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobJournal {
    /// The lines, the first first.
    pub items: Vec<JobEvent>,
}

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobEvent {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// `created`, `given`, `begun`, `writing`, `step-done`, `disk-chosen`, `cancel-requested`, `waiting`, `queued`, `done`,
    /// `failed` or `cancelled`.
    pub kind: String,
    /// The step that it is about, from 0.
    pub step_index: Option<u32>,
    /// Why it waits, failed or was cancelled.
    pub problem: Option<Problem>,
    /// The disk that was handed out or chosen.
    pub disk: Option<DiskIdentity>,
}

impl From<catalog::JobEvent> for JobEvent {
    fn from(event: catalog::JobEvent) -> Self {
        // Details were written by this program or an older one: what it does not know is left out.
        let part = |name: &str| event.details.get(name).cloned().unwrap_or_default();
        Self {
            at: event.at.to_string(),
            step_index: part("step_index")
                .as_u64()
                .and_then(|index| u32::try_from(index).ok()),
            problem: serde_json::from_value(part("problem")).ok(),
            disk: serde_json::from_value(part("disk")).ok(),
            kind: event.kind,
        }
    }
}

/// What a person has to choose from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Choice {
    /// The disks that the agent found.
    pub disks: Vec<DiskFacts>,
}

/// A page of jobs, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobPage {
    /// The jobs.
    pub items: Vec<Job>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
    /// How many there are on all pages.
    pub total: u64,
}

/// A job to create.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewJob {
    /// What to call it; without it, the appliance writes one from the steps.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub title: Option<String>,
    /// The machines, at most 1000; empty with a `target`. The selection is frozen.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub machines: Vec<MachineId>,
    /// What it is for, instead of machines that are named. The machines that this means now are frozen.
    #[serde(default)]
    pub target: Option<JobTarget>,
    /// How many machines the person saw. When it would be another number the answer is 409 `selection-changed`. A `target`
    /// needs it, but for a preflight.
    #[serde(default)]
    pub count: Option<u64>,
    /// When it may begin; without it, at once, but not in a blackout of the site.
    #[serde(default)]
    pub schedule: Option<JobSchedule>,
    /// Codes of the preflight's remarks of weight `stop` that the person accepts. With this, also empty, any other such
    /// remark is answered with 409 `preflight-stops`; without it the job is made all the same.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub accept: Option<Vec<String>>,
    /// The steps, in order, at most 20. A restore of `NAME` means the newest version at this moment. When the last step is
    /// neither `reboot` nor `power-off`, a job that restores gets a `reboot`; any other lets the machine go to its disk.
    #[schema(min_items = 1, max_items = 20)]
    pub steps: Vec<Step>,
}

/// Which machines of a job shall try again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryRequest {
    /// These; without it, every machine that failed. A machine that waits for a person is retried only when named here.
    #[serde(default)]
    pub machines: Option<Vec<MachineId>>,
}

/// The disk that a person chose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskRequest {
    /// One of the disks shown in `choice`.
    pub disk: DiskIdentity,
}

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        let counts = row.counts;
        Self {
            id: row.id,
            title: row.title,
            steps: row.steps,
            state: counts.state(),
            counts: JobCounts {
                total: counts.total(),
                queued: counts.queued,
                waiting: counts.waiting,
                running: counts.running,
                done: counts.done,
                failed: counts.failed,
                cancelled: counts.cancelled,
            },
            created_at: row.created_at.to_string(),
            created_by: row.created_by,
            schedule: row.schedule.into(),
            target: row.target.map(Into::into),
            retry_of: row.retry_of,
        }
    }
}

impl TryFrom<NewJob> for catalog::JobWish {
    type Error = catalog::Error;

    fn try_from(new: NewJob) -> catalog::Result<Self> {
        Ok(Self {
            // Nowhere, until whoever calls says where.
            scope: Scope::Nothing,
            title: new.title,
            machines: new.machines,
            target: new.target.map(Into::into),
            count: new.count,
            steps: new.steps,
            schedule: new
                .schedule
                .map(TryInto::try_into)
                .transpose()?
                .unwrap_or_default(),
            accept: new.accept,
        })
    }
}

impl JobDetail {
    /// A job with its machines that may be seen.
    pub(crate) fn find(control: &Control, id: JobId, scope: &Scope) -> catalog::Result<Option<Self>> {
        let Some(job) = control.catalog().job(id, scope)? else {
            return Ok(None);
        };
        let rows = control.catalog().job_machines(id, scope)?;
        let machines = rows
            .into_iter()
            .map(|row| JobMachine::of(control, row, &job))
            .collect::<catalog::Result<_>>()?;
        Ok(Some(Self {
            job: job.into(),
            machines,
        }))
    }
}

impl JobMachine {
    /// One machine in a job.
    pub(crate) fn find(control: &Control, job: JobId, machine: MachineId) -> catalog::Result<Option<Self>> {
        let Some(found) = control.catalog().job(job, &Scope::Everything)? else {
            return Ok(None);
        };
        let row = control.catalog().job_machine(job, machine)?;
        row.map(|row| Self::of(control, row, &found)).transpose()
    }

    fn of(control: &Control, row: JobMachineRow, job: &JobRow) -> catalog::Result<Self> {
        let wait = control.catalog().job_wait(job, &row)?;
        let machine = control.catalog().machine(row.machine)?;
        let standing = row.standing;
        let step = usize::try_from(standing.step_index)
            .ok()
            .and_then(|index| job.steps.get(index));
        let needs_disk = matches!(step, Some(Step::Capture { .. } | Step::Restore { .. }));
        let choice = match &machine {
            Some(machine) if standing.state == JobState::Waiting && needs_disk => {
                let mut disks = machine.facts.disks.clone();
                disks.iter_mut().for_each(|disk| disk.contents = None);
                Some(Choice { disks })
            }
            _ => None,
        };
        Ok(Self {
            job: row.job,
            machine: row.machine,
            machine_label: machine.map_or_else(|| row.machine.to_string(), |machine| machine.label()),
            state: standing.state,
            step_index: standing.step_index,
            progress: row.progress,
            problem: standing.problem,
            wait: wait.map(Into::into),
            choice,
            disk: standing
                .begun
                .and_then(|begun| begun.disk)
                .or(standing.chosen_disk),
            cancel_requested: standing.cancel_requested,
            results: standing.results,
            has_evidence: row.has_evidence,
            started_at: standing.started_at.map(|time| time.to_string()),
            ended_at: standing.ended_at.map(|time| time.to_string()),
        })
    }
}
