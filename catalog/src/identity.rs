//! Which machine: what identifies one, which record it belongs to, and whether it is still the one a job was made for.
//!
//! | sign | identifies when |
//! | --- | --- |
//! | SMBIOS UUID, board serial | no known placeholder, and it stands in exactly one record |
//! | MAC | not of a USB adapter, and it stands in exactly one record |
//!
//! A record with all the same signs wins, then the stronger sign; signs that contradict each other make a new record and a
//! warning, because a second record is mended by a person in a minute and a wrong machine's overwritten disk never.

use protocol::{MachineId, disk::DiskIdentity, mac::MacAddr, machine::MachineFacts};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Everything about a machine that tells it from others. Only signs that can identify are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// SMBIOS UUID.
    pub uuid: Option<Uuid>,
    /// Serial number of the board.
    pub board_serial: Option<String>,
    /// Addresses of adapters that are not attached by USB.
    pub macs: Vec<MacAddr>,
    /// Its disks.
    pub disks: Vec<DiskIdentity>,
}

/// A record that shares a sign with the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The record.
    pub id: MachineId,
    /// What identifies it.
    pub identity: Identity,
}

/// Which record a machine belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identified {
    /// This one.
    Known(MachineId),
    /// None yet.
    New,
    /// None: its signs contradict what is known. The warning says how.
    Conflict(String),
}

impl Identity {
    /// What identifies the machine that these facts describe.
    #[must_use]
    pub fn of(facts: &MachineFacts) -> Self {
        Self {
            uuid: facts.smbios.identifying_uuid(),
            board_serial: facts.smbios.identifying_board_serial().map(str::to_owned),
            macs: facts
                .nics
                .iter()
                .filter(|nic| !nic.usb && nic.mac.is_unicast())
                .map(|nic| nic.mac)
                .collect(),
            disks: facts
                .disks
                .iter()
                .filter(|disk| !disk.boot_area)
                .map(|disk| disk.identity.clone())
                .collect(),
        }
    }

    fn shares_mac(&self, other: &Self) -> bool {
        self.macs.iter().any(|mac| other.macs.contains(mac))
    }

    fn shares_disk(&self, other: &Self) -> bool {
        self.disks.iter().any(|disk| other.has_disk(disk))
    }

    fn has_disk(&self, disk: &DiskIdentity) -> bool {
        self.disks.iter().any(|own| own.is_same_disk(disk))
    }

    /// UUID, board and adapters are the same, so neither can be told from the other but by its disks.
    fn same_signs(&self, other: &Self) -> bool {
        let all_in = |some: &[MacAddr], others: &[MacAddr]| some.iter().all(|mac| others.contains(mac));
        self.uuid == other.uuid
            && self.board_serial == other.board_serial
            && all_in(&self.macs, &other.macs)
            && all_in(&other.macs, &self.macs)
    }

    fn same_uuid(&self, other: &Self) -> bool {
        self.uuid.is_some() && self.uuid == other.uuid
    }

    fn same_board(&self, other: &Self) -> bool {
        self.board_serial.is_some() && self.board_serial == other.board_serial
    }

    /// Both have the sign, and it differs.
    fn other_uuid(&self, other: &Self) -> bool {
        self.uuid.is_some() && other.uuid.is_some() && self.uuid != other.uuid
    }

    fn other_board(&self, other: &Self) -> bool {
        self.board_serial.is_some() && other.board_serial.is_some() && self.board_serial != other.board_serial
    }

    fn other_adapters(&self, other: &Self) -> bool {
        !self.macs.is_empty() && !other.macs.is_empty() && !self.shares_mac(other)
    }

    /// What about a machine is no longer as it was when a job was made for it. Only an empty answer lets a writing step
    /// start on `target` without a person's word.
    #[must_use]
    pub fn differences(&self, now: &Self, target: &DiskIdentity) -> Vec<&'static str> {
        let mut differences = Vec::new();
        if self.uuid.is_none() && self.board_serial.is_none() && self.macs.is_empty() {
            differences.push("nothing that identifies it");
        }
        if self.uuid != now.uuid {
            differences.push("UUID");
        }
        if self.board_serial != now.board_serial {
            differences.push("board serial number");
        }
        if !self.macs.is_empty() && !self.shares_mac(now) {
            differences.push("network adapters");
        }
        if !self.has_disk(target) {
            differences.push("disk");
        }
        differences
    }
}

/// Finds the record of a machine among those that share a UUID, a board serial or a MAC with it.
#[must_use]
pub fn identify(machine: &Identity, candidates: &[Candidate]) -> Identified {
    if let Some(id) = find_equal(machine, candidates) {
        return Identified::Known(id);
    }
    let by_uuid = only(candidates, |known| known.same_uuid(machine));
    let by_board = only(candidates, |known| known.same_board(machine));
    let by_mac = only(candidates, |known| known.shares_mac(machine));
    match (by_uuid, by_board) {
        (Some(one), Some(other)) if one.id != other.id => Identified::Conflict(format!(
            "its UUID belongs to machine {}, its board serial number to machine {}",
            one.id, other.id
        )),
        (Some(known), _) | (None, Some(known)) => accept_strong(machine, known),
        (None, None) => match by_mac {
            Some(known) => accept_weak(machine, known),
            None => Identified::New,
        },
    }
}

/// The record that was made of this machine when its signs contradicted others: without it each boot would make one more.
/// Of several, the one that has seen a disk of the machine, else the oldest.
fn find_equal(machine: &Identity, candidates: &[Candidate]) -> Option<MachineId> {
    let equal = || {
        candidates
            .iter()
            .filter(|candidate| candidate.identity.same_signs(machine))
    };
    let with_disk = equal().find(|candidate| candidate.identity.shares_disk(machine));
    let oldest = || equal().min_by_key(|candidate| candidate.id);
    with_disk.or_else(oldest).map(|candidate| candidate.id)
}

/// The one record with the sign; none if several have it, because then it identifies nobody.
fn only(candidates: &[Candidate], has_sign: impl Fn(&Identity) -> bool) -> Option<&Candidate> {
    let mut found = candidates
        .iter()
        .filter(|candidate| has_sign(&candidate.identity));
    found.next().filter(|_| found.next().is_none())
}

/// A UUID or board serial leads here. Vendors ship whole series with one UUID, so the rest must not speak against it.
fn accept_strong(machine: &Identity, known: &Candidate) -> Identified {
    let record = &known.identity;
    let shares_hardware = record.shares_mac(machine) || record.shares_disk(machine);
    let contradicts = record.other_uuid(machine) || record.other_board(machine);
    let all_replaced =
        record.other_adapters(machine) && !record.disks.is_empty() && !machine.disks.is_empty();
    if !shares_hardware && contradicts {
        return conflict(
            known,
            "UUID or board serial number is shared, the other one differs, and no adapter or disk is common",
        );
    }
    if !shares_hardware && all_replaced {
        return conflict(
            known,
            "UUID or board serial number is shared, but all adapters and all disks differ",
        );
    }
    Identified::Known(known.id)
}

/// Only an adapter leads here: it may have been moved, so a different UUID or board speaks against it.
fn accept_weak(machine: &Identity, known: &Candidate) -> Identified {
    if known.identity.other_uuid(machine) || known.identity.other_board(machine) {
        return conflict(
            known,
            "a network adapter is shared, but UUID or board serial number differ",
        );
    }
    Identified::Known(known.id)
}

fn conflict(known: &Candidate, how: &str) -> Identified {
    Identified::Conflict(format!(
        "it looks like machine {}, and yet it is not: {how}",
        known.id
    ))
}

#[cfg(test)]
mod tests;
