//! Which disk: what identifies one, and how a job's wish meets what a machine has.

use crate::unit::ByteLen;
use serde::{Deserialize, Serialize};

/// What tells one disk from another. All text is as the kernel reports it, trimmed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DiskIdentity {
    /// World Wide Name, EUI-64 or NGUID (`/sys/block/*/wwid` and friends).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wwn: Option<String>,
    /// Serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Model name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Path on the bus, stable over reboots: `pci-0000:00:1f.2-ata-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus_path: Option<String>,
    /// Size of the whole disk.
    pub size: ByteLen,
}

impl DiskIdentity {
    /// Whether `other` is this very disk: by WWN if both have one, else by serial, else by model + size + bus path.
    #[must_use]
    pub fn is_same_disk(&self, other: &Self) -> bool {
        fn both<'a>(a: &'a Option<String>, b: &'a Option<String>) -> Option<(&'a str, &'a str)> {
            a.as_deref()
                .zip(b.as_deref())
                .filter(|(a, b)| !a.is_empty() && !b.is_empty())
        }
        if let Some((ours, theirs)) = both(&self.wwn, &other.wwn) {
            return ours == theirs && self.size == other.size;
        }
        if let Some((ours, theirs)) = both(&self.serial, &other.serial) {
            return ours == theirs && self.size == other.size;
        }
        self.model == other.model
            && self.size == other.size
            && both(&self.bus_path, &other.bus_path).is_some_and(|(ours, theirs)| ours == theirs)
    }
}

/// A disk as the agent found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DiskFacts {
    /// The kernel's name at this boot (`sda`, `nvme0n1`): for people to read, never to choose by.
    pub name: String,
    /// What identifies it.
    pub identity: DiskIdentity,
    /// Logical sector size in bytes (512 or 4096).
    pub sector_size: u32,
    /// Attached by USB.
    pub usb: bool,
    /// Removable medium (card readers, sticks).
    pub removable: bool,
    /// An eMMC boot area or replay-protected block, not user data.
    pub boot_area: bool,
    /// The kernel refuses writes to it.
    pub read_only: bool,
    /// Mounted, swapped to, or held by another device.
    pub in_use: bool,
    /// Whether it looks as if the firmware could boot from it: a loader on an ESP, or boot code in an MBR.
    pub bootable: bool,
    /// What is on it, as `imager inspect --json` prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<String>,
}

impl DiskFacts {
    /// An internal disk with sectors of 512 bytes that may be written, whose contents nobody has looked at.
    #[must_use]
    pub fn internal(name: impl Into<String>, identity: DiskIdentity) -> Self {
        Self {
            name: name.into(),
            identity,
            sector_size: 512,
            usb: false,
            removable: false,
            boot_area: false,
            read_only: false,
            in_use: false,
            bootable: false,
            contents: None,
        }
    }

    /// Whether it may be taken without being named. USB, removable and eMMC boot areas never are.
    #[must_use]
    pub fn is_candidate(&self) -> bool {
        !self.usb && !self.removable && !self.boot_area
    }
}

/// How a job's wish met the machine's disks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskChoice<'a> {
    /// Exactly this one.
    Chosen(&'a DiskFacts),
    /// None was named and several could be meant: a person has to choose.
    Ambiguous(Vec<&'a DiskFacts>),
    /// The one named is not there, or there is none at all.
    Missing,
}

/// Chooses the disk for a job. A named disk must be there; without a name there must be exactly one candidate.
#[must_use]
pub fn choose_disk<'a>(disks: &'a [DiskFacts], named: Option<&DiskIdentity>) -> DiskChoice<'a> {
    let found: Vec<&DiskFacts> = match named {
        Some(identity) => disks
            .iter()
            .filter(|disk| identity.is_same_disk(&disk.identity))
            .collect(),
        None => disks.iter().filter(|disk| disk.is_candidate()).collect(),
    };
    match found.as_slice() {
        [] => DiskChoice::Missing,
        [one] => DiskChoice::Chosen(one),
        _ => DiskChoice::Ambiguous(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(name: &str, serial: &str) -> DiskFacts {
        let identity = DiskIdentity {
            serial: Some(serial.into()),
            size: ByteLen(1 << 30),
            ..Default::default()
        };
        DiskFacts::internal(name, identity)
    }

    #[test]
    fn several_candidates_and_none_named_is_a_question_for_a_person() {
        let disks = [disk("sda", "1"), disk("sdb", "2")];
        assert!(matches!(choose_disk(&disks, None), DiskChoice::Ambiguous(list) if list.len() == 2));
    }

    #[test]
    fn a_named_disk_is_found_under_any_kernel_name() {
        let disks = [disk("sdb", "2"), disk("sda", "1")];
        let named = disk("nvme9n1", "1").identity;
        assert!(
            matches!(choose_disk(&disks, Some(&named)), DiskChoice::Chosen(found) if found.name == "sda")
        );
    }

    #[test]
    fn a_usb_disk_is_taken_only_when_named() {
        let mut usb = disk("sdb", "2");
        usb.usb = true;
        let disks = [disk("sda", "1"), usb.clone()];
        assert!(matches!(choose_disk(&disks, None), DiskChoice::Chosen(found) if found.name == "sda"));
        assert!(
            matches!(choose_disk(&disks, Some(&usb.identity)), DiskChoice::Chosen(found) if found.name == "sdb")
        );
    }

    #[test]
    fn disks_without_serial_are_the_same_only_with_model_size_and_bus_path() {
        let mut left = disk("sda", "").identity;
        left.serial = None;
        left.model = Some("QEMU".into());
        assert!(
            !left.is_same_disk(&left.clone()),
            "without a bus path nothing tells two alike disks apart"
        );
        left.bus_path = Some("pci-0000:00:05.0".into());
        assert!(left.is_same_disk(&left.clone()));
    }
}
