//! What is on a disk: its table, its partitions, what in them is used, and whether it looks as if it could boot.

use crate::{
    confine::confined,
    disk::ReadAt,
    error::Result,
    filesystem::{self, Kind, Mapping, Outcome, Wishes},
    partition::{self, Layout, Partition, PartitionKind, Table},
};
use protocol::manifest::{PartitionNote, PartitionState, TableKind};
use serde::Serialize;

/// What is on a disk, as `imager inspect --json` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// Bytes of the whole disk.
    pub bytes_disk: u64,
    /// Logical sector size in bytes.
    pub sector_size: u32,
    /// How it is divided.
    pub table: TableKind,
    /// Bytes of the smallest disk that holds all this.
    pub bytes_smallest_target: u64,
    /// Bytes that filesystems use, or that are kept whole where none is understood.
    pub bytes_used: u64,
    /// Bytes that a capture would leave out: free in their filesystem, restored as zeros, or behind the last partition.
    pub bytes_left_out: u64,
    /// Whether it looks as if the firmware could boot from it.
    pub bootable: bool,
    /// The partitions, in the order of the disk.
    pub partitions: Vec<PartitionInspection>,
    /// What is wrong or unusual, in words.
    pub warnings: Vec<String>,
}

/// What is in one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionInspection {
    /// Number in the table, from 1; 0 for the bare disk.
    pub number: u32,
    /// First byte on the disk.
    pub start: u64,
    /// Bytes.
    pub length: u64,
    /// Type as the table gives it: a GUID, or `0x83`.
    pub kind: String,
    /// Name in the table.
    pub label: String,
    /// Whether it is an EFI system partition.
    pub efi_system: bool,
    /// What stands on it, by the name people use.
    pub filesystem: String,
    /// The filesystem's own label.
    pub filesystem_label: Option<String>,
    /// The filesystem's UUID or serial number.
    pub filesystem_uuid: Option<String>,
    /// How a capture would read it.
    #[serde(flatten)]
    pub state: ReadingState,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// How a capture would read a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum ReadingState {
    /// Only what the filesystem uses.
    Mapped {
        /// Bytes it uses.
        used: u64,
        /// Bytes that need not be read and are restored as zeros: page files, a clean journal's body.
        zeroed: u64,
        /// Bytes that are free and left out.
        free: u64,
    },
    /// Not at all, before somebody acts.
    Refused {
        /// What was found.
        reason: String,
        /// What to do about it.
        remedy: String,
        /// What a capture may be asked for to go ahead all the same: `--as raw`, `--drop-hibernation`.
        options: Vec<&'static str>,
    },
    /// Whole.
    Raw {
        /// Why.
        reason: String,
    },
}

/// A disk's layout with the used map of each partition, in the same order.
pub struct Examined {
    /// Table, partitions, gaps.
    pub layout: Layout,
    /// What is in each partition.
    pub mappings: Vec<Mapping>,
}

/// Looks at a disk, a partition or an image. Nothing is written, and the readers of its structures run confined.
///
/// # Errors
/// The first sector cannot be read. Everything else that is wrong is part of the answer.
pub fn inspect(disk: &dyn ReadAt) -> Result<Inspection> {
    let looked = confined(|| examine(disk, Wishes::default()).map(|examined| examined.inspection(disk)))?;
    let mut inspection = looked.value?;
    if let Some(reason) = looked.unconfined {
        inspection.warnings.push(format!(
            "the disk was looked at with all privileges: this kernel cannot take them away ({reason})"
        ));
    }
    Ok(inspection)
}

/// Looks at a disk and keeps the used maps, for a capture.
///
/// # Errors
/// The first sector cannot be read.
pub fn examine(disk: &dyn ReadAt, wishes: Wishes) -> Result<Examined> {
    let layout = partition::read_table(disk, disk.sector_size())?;
    let array = array_around(disk, &layout);
    let places: Vec<_> = layout.partitions.iter().map(|one| one.bytes.clone()).collect();
    let map = |one: &Partition| {
        let mapping = match &layout.table {
            // What an older format left in the first sectors must not decide what of such a disk is kept.
            Table::Damaged { reason } => Mapping::raw(Kind::Unknown, reason.clone()),
            _ if one.kind.is_dynamic() => Mapping::member(Kind::DynamicDisk),
            _ if one.kind.is_storage_space() => Mapping::member(Kind::StorageSpaces),
            _ => filesystem::map_among(disk, one.bytes.clone(), &places, wishes),
        };
        match array {
            Some(kind) => Mapping {
                outcome: Mapping::member(kind).outcome,
                ..mapping
            },
            None => mapping,
        }
    };
    let mappings = layout.partitions.iter().map(map).collect();
    Ok(Examined { layout, mappings })
}

/// The array that the whole disk is a member of, if its mark stands behind the last partition.
fn array_around(disk: &dyn ReadAt, layout: &Layout) -> Option<Kind> {
    let end = layout
        .partitions
        .iter()
        .map(|one| one.bytes.end)
        .max()
        .unwrap_or(0);
    let is_behind = matches!(layout.table, Table::Damaged { .. }) || end < layout.disk_bytes;
    filesystem::array_at_the_end(disk).filter(|_| is_behind)
}

impl Examined {
    /// The kind of table, as a manifest names it.
    #[must_use]
    pub fn table_kind(&self) -> TableKind {
        match self.layout.table {
            Table::Gpt(_) => TableKind::Gpt,
            Table::Mbr(_) => TableKind::Mbr,
            Table::None | Table::Damaged { .. } => TableKind::None,
        }
    }

    /// Everything in words and figures.
    #[must_use]
    pub fn inspection(&self, disk: &dyn ReadAt) -> Inspection {
        let partitions: Vec<_> = self
            .layout
            .partitions
            .iter()
            .zip(&self.mappings)
            .map(|(one, mapping)| self.describe(disk, one, mapping))
            .collect();
        let mut warnings: Vec<String> = self.layout.warnings.iter().map(ToString::to_string).collect();
        if let Table::Damaged { reason } = &self.layout.table {
            warnings.push(format!(
                "the partition table is damaged: {reason}; the disk is kept whole"
            ));
        }
        let unkept = self.layout.gaps.iter().filter(|gap| !gap.is_kept());
        let behind: u64 = unkept.map(|gap| gap.bytes.end - gap.bytes.start).sum();
        let backup: u64 = self
            .layout
            .backup_table()
            .iter()
            .map(|range| range.end - range.start)
            .sum();
        let inside = partitions.iter().map(|one| match one.state {
            ReadingState::Mapped { zeroed, free, .. } => zeroed + free,
            _ => 0,
        });
        Inspection {
            bytes_left_out: inside.sum::<u64>() + behind.saturating_sub(backup),
            bytes_disk: self.layout.disk_bytes,
            sector_size: self.layout.sector_size_bytes,
            table: self.table_kind(),
            bytes_smallest_target: self.layout.smallest_disk_bytes(),
            bytes_used: self
                .layout
                .partitions
                .iter()
                .zip(&self.mappings)
                .map(|(one, mapping)| mapping.used(one.bytes.clone()).total_bytes())
                .sum(),
            bootable: self.is_bootable(disk),
            partitions,
            warnings,
        }
    }

    fn describe(&self, disk: &dyn ReadAt, one: &Partition, mapping: &Mapping) -> PartitionInspection {
        let (kind, label) = kind_and_label(&one.kind);
        let length = one.bytes.end - one.bytes.start;
        let state = match &mapping.outcome {
            Outcome::Mapped(mapped) => {
                let (used, zeroed) = (mapped.used.total_bytes(), mapped.zeroed.total_bytes());
                let free = length.saturating_sub(used).saturating_sub(zeroed);
                ReadingState::Mapped { used, zeroed, free }
            }
            Outcome::Refused { reason, remedy } => ReadingState::Refused {
                reason: reason.clone(),
                remedy: remedy.clone(),
                options: self.options(disk, one, mapping.kind),
            },
            Outcome::Raw { reason } => ReadingState::Raw {
                reason: reason.clone(),
            },
        };
        PartitionInspection {
            number: one.number,
            start: one.bytes.start,
            length,
            kind,
            label,
            efi_system: one.kind.is_efi_system(),
            filesystem: mapping.kind.name().to_owned(),
            filesystem_label: mapping.label.clone(),
            filesystem_uuid: mapping.uuid.clone(),
            state,
            notes: mapping.notes.clone(),
        }
    }

    /// What would let a capture of a refused partition go ahead: found out by asking again.
    fn options(&self, disk: &dyn ReadAt, one: &Partition, kind: Kind) -> Vec<&'static str> {
        let mut options = vec!["--as raw"];
        if matches!(kind, Kind::Ntfs | Kind::Lvm2) {
            let places: Vec<_> = self
                .layout
                .partitions
                .iter()
                .map(|one| one.bytes.clone())
                .collect();
            let wishes = Wishes {
                drop_hibernation: true,
            };
            let again = filesystem::map_among(disk, one.bytes.clone(), &places, wishes);
            if !matches!(again.outcome, Outcome::Refused { .. }) {
                options.push("--drop-hibernation");
            }
        }
        options
    }

    /// Whether it looks as if the firmware could boot from the disk: an EFI system partition with files on it, or boot
    /// code in sector 0 and a partition to boot.
    fn is_bootable(&self, disk: &dyn ReadAt) -> bool {
        let with_loader = self
            .layout
            .partitions
            .iter()
            .zip(&self.mappings)
            .any(|(one, mapping)| {
                one.kind.is_efi_system()
                    && matches!(mapping.kind, Kind::Fat12 | Kind::Fat16 | Kind::Fat32)
                    && match &mapping.outcome {
                        Outcome::Mapped(mapped) => {
                            mapped.used.total_bytes() > 0 && has_files(disk, &*mapped.files)
                        }
                        _ => false,
                    }
            });
        if with_loader {
            return true;
        }
        let mut sector = [0u8; 512];
        let has_code = disk.read_exact_at(&mut sector, 0).is_ok()
            && sector[510..] == [0x55, 0xAA]
            && sector[..440].iter().any(|byte| *byte != 0);
        has_code
            && match self.layout.table {
                Table::Mbr(_) => {
                    self
                    .layout
                    .partitions
                    .iter()
                    .any(|one| matches!(one.kind, PartitionKind::Mbr { active: true, .. }))
                    // GRUB needs no active partition; it lies in the gap before the first.
                    || sector.windows(4).any(|four| four == b"GRUB")
                }
                Table::Gpt(_) => sector.windows(4).any(|four| four == b"GRUB"),
                _ => false,
            }
    }
}

fn has_files(disk: &dyn ReadAt, files: &dyn filesystem::FileExtents) -> bool {
    let mut found = false;
    let walked = files.walk(disk, &mut |_| {
        found = true;
        std::ops::ControlFlow::Break(())
    });
    walked.is_ok() && found
}

/// What a manifest says of a partition; with `raw_because`, that it was kept whole.
pub(crate) fn note(one: &Partition, mapping: &Mapping, raw_because: Option<&str>) -> PartitionNote {
    let (kind, label) = kind_and_label(&one.kind);
    let length = one.bytes.end - one.bytes.start;
    PartitionNote {
        number: one.number,
        start: one.bytes.start,
        length,
        head: protocol::ByteLen(length.min(HEAD_LEN)),
        kind,
        label,
        filesystem: (mapping.kind != Kind::Unknown).then(|| mapping.kind.name().to_owned()),
        state: match (&mapping.outcome, raw_because) {
            (_, Some(reason)) => PartitionState::Raw {
                reason: reason.to_owned(),
            },
            (Outcome::Mapped(mapped), None) => PartitionState::Mapped {
                used: protocol::ByteLen(mapped.used.total_bytes()),
            },
            (Outcome::Raw { reason } | Outcome::Refused { reason, .. }, None) => PartitionState::Raw {
                reason: reason.clone(),
            },
        },
    }
}

/// Bytes at the start of a partition without which nothing recognises or boots it.
pub(crate) const HEAD_LEN: u64 = 1 << 20;

fn kind_and_label(kind: &PartitionKind) -> (String, String) {
    match kind {
        PartitionKind::WholeDisk => ("whole disk".to_owned(), String::new()),
        PartitionKind::Mbr { type_code, .. } => (format!("0x{type_code:02X}"), String::new()),
        PartitionKind::Gpt { type_guid, name, .. } => (type_guid.to_string(), name.clone()),
    }
}
