//! Machines.

use crate::state::Control;
use catalog::{Identity, MachineRow};
use protocol::{JobId, MachineId, job::JobState, mac::MacAddr, machine::MachineFacts};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A machine that the appliance has seen, or that a person registered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Machine {
    /// Its record.
    pub id: MachineId,
    /// The name that a person gave it.
    pub name: Option<String>,
    /// What a person wrote about it.
    pub note: String,
    /// What to call it: its name, else what its firmware and its adapter say.
    pub label: String,
    /// Addresses of its own adapters (not of USB ones, which pass from machine to machine).
    pub macs: Vec<MacAddr>,
    /// What the agent found at its last visit; what a person registered, until then. A disk's `contents` come with `GET /machines/{id}` only.
    pub facts: MachineFacts,
    /// What a person should know: an identity shared with another record, for instance.
    pub warnings: Vec<String>,
    /// It is banned: it boots its own disk and gets no session.
    pub quarantined: bool,
    /// As far as is known, nothing on its disks boots.
    pub nothing_bootable: bool,
    /// Its agent is connected and waits for work, or works.
    pub connected: bool,
    /// When the record was made: at the first visit of its agent, or when a person registered it.
    #[schema(format = DateTime)]
    pub first_seen_at: String,
    /// The last sign of its agent; null as long as no agent has seen it.
    #[schema(format = DateTime)]
    pub last_seen_at: Option<String>,
    /// The last inventory; null as long as no agent has seen it.
    #[schema(format = DateTime)]
    pub inventoried_at: Option<String>,
    /// Rises when a person changes the record. Its `ETag` is the same in quotes.
    pub revision: i64,
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

/// A page of machines.
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
    /// The new note, at most 500 characters.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub note: Option<String>,
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
            last_seen_at: row.inventoried_at.map(|_| row.last_seen_at.to_string()),
            inventoried_at: row.inventoried_at.map(|time| time.to_string()),
            revision: row.revision,
            note: row.note,
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

/// How a machine's last boots went, the latest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MachineBoots {
    /// The boots.
    pub items: Vec<MachineBoot>,
}

/// One boot of a machine, as the boot services saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MachineBoot {
    /// The adapter it booted from.
    pub mac: MacAddr,
    /// Its first packet.
    #[schema(format = DateTime)]
    pub begun_at: String,
    /// What happened, in order.
    pub entries: Vec<MachineBootEntry>,
    /// Where it stopped and what is likely, if it stopped.
    pub diagnosis: Option<String>,
}

/// One thing that happened at a boot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MachineBootEntry {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// The address that the machine spoke from, if it had one.
    #[schema(value_type = Option<String>)]
    pub address: Option<std::net::Ipv4Addr>,
    /// In words.
    pub text: String,
}

/// How to wake a machine.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WakeRequest {
    /// The password that some adapters want, written as a MAC or an IPv4 address.
    #[serde(default)]
    pub secure_on: Option<String>,
}

impl std::fmt::Debug for WakeRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WakeRequest(…)")
    }
}

/// What was sent to wake a machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WakeSent {
    /// Magic packets, on all interfaces together.
    pub packets: usize,
}

impl MachineBoots {
    pub(crate) fn of(control: &Control, row: &MachineRow) -> Self {
        let now = control.catalog().now();
        let boots = control.catalog().boots(&Identity::of(&row.facts).macs);
        let items = boots
            .into_iter()
            .map(|(mac, boot)| MachineBoot {
                mac,
                begun_at: boot.begun_at.to_string(),
                diagnosis: boot.diagnosis(now).map(str::to_owned),
                entries: boot
                    .entries
                    .into_iter()
                    .map(|entry| MachineBootEntry {
                        at: entry.at.to_string(),
                        address: entry.address,
                        text: entry.text,
                    })
                    .collect(),
            })
            .collect();
        Self { items }
    }
}
