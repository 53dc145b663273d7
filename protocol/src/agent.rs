//! Messages between the agent on a netbooted machine and the appliance, under `/agent/v1` (JSON over pinned TLS).
//!
//! | call | body → answer | meaning |
//! | --- | --- | --- |
//! | `POST /hello` | [`Hello`] → [`HelloReply`] | exchanges the boot token, once, for a session key |
//! | `GET /task?wait_seconds=N` | → [`Task`] | what to do next; held open up to N ≤ 30 s while there is nothing |
//! | `POST /entry/password` | [`EntryPassword`] → `null` | the password of the menu's entry that led here; 403: wrong, 429: wait |
//! | `POST /progress` | [`ProgressReport`] → [`ProgressReply`] | how far the running step has come, at most twice a second |
//! | `POST /local-boot` | `null` → `null` | somebody asked for the machine's own disk on its screen: the next boot, within minutes, goes there |
//! | `POST /writing` | [`WritingMark`] → [`ProgressReply`] | a restore has compared; kept before it is answered, and answered before the first write |
//! | `POST /report` | [`StepReport`] → [`ReportReply`] | the step ended; sent again until answered, harmless twice |
//! | `/depot/…` | see the `depot` crate | chunks, frames, segments of the session's own job |
//!
//! Every call but `/hello` carries `Authorization: Bearer <session key>`. Errors are [`crate::Problem`] documents
//! (`application/problem+json`): 401 = no or unknown key, 403 = not yours, 409 `agent-too-old` = reboot for a new agent,
//! 409 [`Problem::AGENT_AT_WORK`] = say hello again in some seconds, with the same token.

use crate::{
    id::{JobId, MachineId},
    job::{Progress, Step, StepResult},
    mac::MacAddr,
    machine::MachineFacts,
    menu::Keyboard,
    problem::Problem,
};
use serde::{Deserialize, Serialize};

/// Version of this protocol. The appliance tells an older agent to reboot.
pub const AGENT_PROTOCOL: u32 = 2;

/// The first words of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// [`AGENT_PROTOCOL`] of the agent.
    pub protocol: u32,
    /// The agent's build version.
    pub version: String,
    /// The boot token from the kernel command line.
    pub token: String,
    /// The adapter that booted.
    pub mac: Option<MacAddr>,
    /// What the agent found on the machine.
    pub facts: MachineFacts,
}

/// The machine was recognised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HelloReply {
    /// Secret that stands for this machine from now on; survives a restart of the appliance.
    pub session_key: String,
    /// The machine's record.
    pub machine: MachineId,
    /// Its name, if a person gave it one.
    pub name: Option<String>,
    /// The appliance's clock, milliseconds since 1970 UTC: machines have dead clock batteries.
    pub unix_time_ms: u64,
    /// Language of the machine's screen (`fr`, `en`).
    pub language: String,
    /// Ed25519 public key of the depot, 64 hexadecimal digits: what manifests must be signed with.
    pub depot_key: String,
    /// What a technician should know before anything starts.
    pub warnings: Vec<String>,
}

/// What the agent shall do now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "task")]
pub enum Task {
    /// Nothing yet; ask again. `why` is shown on the screen, in its language if it knows the code.
    Wait {
        /// Why it waits, and what a person can do about it.
        why: Problem,
    },
    /// Ask the person for the password of the menu's entry that led here, send it by `POST /entry/password`, and ask again.
    AskPassword {
        /// The entry, as the person read it.
        label: String,
        /// How their keyboard is laid out.
        keyboard: Keyboard,
    },
    /// Run a step.
    Run(Assignment),
    /// Leave for the machine's own disk: restart, and the boot services will let it pass.
    LocalBoot,
    /// Restart the machine.
    Reboot,
    /// Switch it off.
    PowerOff,
}

/// What a person typed. Shown nowhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPassword {
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for EntryPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EntryPassword(…)")
    }
}

/// One step of one job, for this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The job.
    pub job: JobId,
    /// Its name, as the page shows it.
    pub title: String,
    /// Place of the step in the job's list, from 0.
    pub step_index: u32,
    /// Whether this step was begun before and now resumes.
    pub resumed: bool,
    /// It was begun before the machine's last start: somebody may have used the disk since.
    #[serde(default)]
    pub from_earlier_boot: bool,
    /// Its agent has posted a [`WritingMark`]: only the disk can tell how far it came since.
    #[serde(default)]
    pub has_written: bool,
    /// What to do.
    pub step: Step,
}

/// How far the running step has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProgressReport {
    /// The job.
    pub job: JobId,
    /// Its step.
    pub step_index: u32,
    /// How far.
    pub progress: Progress,
}

/// A restore has compared its disk with the master. What follows writes, or there was nothing to write and it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WritingMark {
    /// The job.
    pub job: JobId,
    /// Its step.
    pub step_index: u32,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressReply {
    /// A person took the job back: stop at the next safe point and report.
    pub cancelled: bool,
}

/// A step ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// The job.
    pub job: JobId,
    /// Its step.
    pub step_index: u32,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// Well.
    Done {
        /// What it brought.
        result: StepResult,
    },
    /// It cannot start before a person chooses or acts: several disks and none named, for instance.
    NeedsPerson {
        /// What is asked of the person.
        problem: Problem,
    },
    /// Badly.
    Failed {
        /// What happened and what to do.
        problem: Problem,
        /// What helps to understand it.
        evidence: Evidence,
    },
}

/// What helps to understand a failure; kept with the job. Each text is cut to [`Evidence::MAX_LEN`] by whoever sends it
/// and again by whoever receives it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Evidence {
    /// The agent's own log.
    pub log: String,
    /// The kernel's messages.
    pub dmesg: String,
    /// SMART health of the disks, as far as the kernel lets us ask.
    pub smart: String,
    /// What stood on the machine's screen.
    pub screen: String,
}

impl Evidence {
    /// Bytes of each text that are kept; the end is kept, the beginning cut.
    pub const MAX_LEN: usize = 128 * 1024;
}

/// What follows a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportReply {
    /// The key to use from now on: a session is bound to one job, so when that job has ended a new key replaces it.
    pub session_key: Option<String>,
}
