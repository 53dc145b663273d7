//! Machines.

use crate::state::Control;
use catalog::{Identity, MachineRow};
use protocol::{JobId, MachineId, job::JobState, mac::MacAddr, machine::MachineFacts};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A machine that the appliance has seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Machine {
    /// Its record.
    pub id: MachineId,
    /// The name that a person gave it.
    pub name: Option<String>,
    /// What to call it: its name, else what its firmware and its adapter say.
    pub label: String,
    /// Addresses of its own adapters (not of USB ones, which pass from machine to machine).
    pub macs: Vec<MacAddr>,
    /// What the agent found at its last visit. A disk's `contents` come with `GET /machines/{id}` only.
    pub facts: MachineFacts,
    /// What a person should know: an identity shared with another record, for instance.
    pub warnings: Vec<String>,
    /// It is banned: it boots its own disk and gets no session.
    pub quarantined: bool,
    /// As far as is known, nothing on its disks boots.
    pub nothing_bootable: bool,
    /// Its agent is connected and waits for work, or works.
    pub connected: bool,
    /// The first visit of its agent.
    #[schema(format = DateTime)]
    pub first_seen_at: String,
    /// The last sign of its agent.
    #[schema(format = DateTime)]
    pub last_seen_at: String,
    /// The oldest job that is not over.
    pub job: Option<MachineJob>,
}

/// The job a machine is in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MachineJob {
    /// The job.
    pub id: JobId,
    /// Its title.
    pub title: String,
    /// Where this machine stands in it.
    pub state: JobState,
}

/// A page of machines, newest record first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MachinePage {
    /// The machines.
    pub items: Vec<Machine>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
    /// How many there are on all pages.
    pub total: u64,
}

/// What a person may change of a machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MachineChange {
    /// The new name; empty takes the name away. At most 100 characters.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub name: Option<String>,
    /// Bans the machine, or lets it in again.
    #[serde(default)]
    pub quarantined: Option<bool>,
}

impl Machine {
    /// Everything that is known of it.
    pub(crate) fn whole(control: &Control, row: MachineRow) -> Self {
        Self {
            id: row.id,
            label: row.label(),
            name: row.name,
            macs: Identity::of(&row.facts).macs,
            facts: row.facts,
            warnings: row.warnings,
            quarantined: row.quarantined,
            nothing_bootable: row.nothing_bootable,
            connected: control.catalog().is_connected(row.id),
            first_seen_at: row.first_seen_at.to_string(),
            last_seen_at: row.last_seen_at.to_string(),
            job: row.job.map(|job| MachineJob {
                id: job.id,
                title: job.title,
                state: job.state,
            }),
        }
    }

    /// The same without what lies on its disks, which may take a megabyte.
    pub(crate) fn brief(control: &Control, row: MachineRow) -> Self {
        let mut machine = Self::whole(control, row);
        machine
            .facts
            .disks
            .iter_mut()
            .for_each(|disk| disk.contents = None);
        machine
    }
}
