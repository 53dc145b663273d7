//! Jobs: an intent, its typed steps, and how far one machine has come.

use crate::{
    disk::DiskIdentity,
    id::{MasterName, MasterRef},
    unit::ByteLen,
};
use serde::{Deserialize, Serialize};

/// One step of a job. Steps run in order on each machine; profile steps are appended to this list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Step {
    /// Look at the machine and report; nothing is written.
    Inspect,
    /// Read a disk and keep it as a new version of a master. The source disk is never written.
    Capture {
        /// The disk to read; without it there must be exactly one candidate.
        #[serde(default)]
        disk: Option<DiskIdentity>,
        /// The master that gets a new version.
        master: MasterName,
        /// Every byte of the disk is kept, whatever is on it: free space, what would be refused.
        #[serde(default)]
        as_raw: bool,
        /// A hibernated Windows, or changes that only its log holds, are no reason to refuse: its session is left out, as
        /// after a power cut.
        #[serde(default)]
        drop_hibernation: bool,
        /// What of the disk cannot be read becomes zeros in the master, which says so, instead of failing the step.
        #[serde(default)]
        keep_unreadable: bool,
    },
    /// Put a master on a disk.
    Restore {
        /// The disk to write; without it there must be exactly one candidate.
        #[serde(default)]
        disk: Option<DiskIdentity>,
        /// What to put there. The version is frozen when the job is created.
        master: MasterRef,
        /// How the written disk is checked.
        #[serde(default)]
        read_back: ReadBack,
    },
    /// The appliance wakes the machine by its adapters. Done when the call was sent, or when the machine is there already.
    Wake,
    /// Restart the machine.
    Reboot,
    /// Switch the machine off.
    PowerOff,
}

impl Step {
    /// Whether this step writes to a disk of the machine: such a step starts only once.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self, Self::Restore { .. })
    }
}

/// How a written disk is checked against the master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ReadBack {
    /// Everything that was written is read again from the medium and compared.
    #[default]
    Full,
    /// A sample is.
    Sample,
    /// Nothing is.
    Off,
}

/// Where one machine stands in a job. `failed` is never `cancelled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Nobody has picked it up: the machine has not booted from us since.
    Queued,
    /// Something has to happen first; `why` says what: a choice of disk, a person's word.
    Waiting,
    /// The agent works on it.
    Running,
    /// Every step ended well.
    Done,
    /// A step failed; the problem says why.
    Failed,
    /// A person took it back.
    Cancelled,
}

impl JobState {
    /// Whether nothing will happen any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// How far a running step has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Progress {
    /// What is being done, as a code the page translates: `reading`, `rescuing`, `sending`, `comparing`, `fetching`,
    /// `writing`, `checking`.
    pub phase: String,
    /// Bytes of this step that are behind us.
    pub bytes_done: ByteLen,
    /// Bytes of this step in all, as far as known.
    pub bytes_total: ByteLen,
    /// Rate over the last seconds.
    pub bytes_per_second: u64,
    /// Estimate of what is left, in seconds.
    pub seconds_left: Option<u64>,
    /// Of a restore, once it has compared: what it will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<RestoreEstimate>,
}

/// What a restore is going to do: "4.1 GB of 31 GB will be written, 1.2 GB over the wire".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RestoreEstimate {
    /// Bytes that the master's filesystems use.
    pub bytes_used: u64,
    /// Bytes that will be written.
    pub bytes_written: u64,
    /// Of these, bytes that the disk holds elsewhere already.
    pub bytes_copied: u64,
    /// Bytes that come over the wire, as far as the depot can tell before it sends them.
    pub bytes_fetched: u64,
}

/// What a step brought, as counted by the engine. All in bytes unless named otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct StepResult {
    /// The master's version that was made or restored.
    pub version: Option<u32>,
    /// Size of the disk.
    pub bytes_disk: u64,
    /// Bytes the filesystems use.
    pub bytes_used: u64,
    /// Bytes read from the disk.
    pub bytes_read: u64,
    /// Plain bytes that the depot lacked.
    pub bytes_new: u64,
    /// Bytes they took in the depot after compression.
    pub bytes_stored: u64,
    /// Bytes that came or went over the wire.
    pub bytes_sent: u64,
    /// Bytes written to the disk.
    pub bytes_written: u64,
    /// Bytes of memory that the agent had used at most when the step ended.
    pub bytes_memory: u64,
    /// Chunks in all.
    pub chunks: u64,
    /// Chunks that the depot lacked.
    pub chunks_new: u64,
    /// Wall time.
    pub seconds: f64,
    /// What a person should know about the result: "backup table moved to the end of the larger disk".
    pub notes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_of_before_its_options_has_none_of_them() {
        let step = Step::Capture {
            disk: None,
            master: "m".parse().unwrap(),
            as_raw: false,
            drop_hibernation: false,
            keep_unreadable: false,
        };
        assert_eq!(
            serde_json::from_str::<Step>(r#"{"kind":"capture","master":"m"}"#).unwrap(),
            step
        );
        let asked = r#"{"kind":"capture","disk":null,"master":"m","as_raw":true,"drop_hibernation":true,"keep_unreadable":true}"#;
        let parsed: Step = serde_json::from_str(asked).unwrap();
        assert_ne!(parsed, step);
        assert_eq!(serde_json::to_string(&parsed).unwrap(), asked);
    }
}
