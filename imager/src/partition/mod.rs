//! Partition tables: what stands where on a disk, and what a restore must write to put it back.
//!
//! ```text
//! read_table ─┬─ gpt  UEFI 2.10 §5.3: header pair, entry arrays, CRCs
//!             └─ mbr  the four entries of sector 0 and the chain of extended boot records
//! ```
//!
//! Everything here comes from an untrusted disk: counts are bounded, sums are checked, and a table that contradicts itself
//! is [`Table::Damaged`], which makes the whole disk one raw area. Nothing is left out because it was not understood.

pub mod gpt;
pub mod mbr;
mod repaired;
mod scan;

pub use gpt::{Gpt, GptImage, relocate_backup};
pub use mbr::Mbr;
pub(crate) use repaired::RepairedDisk;
pub use scan::{detect_sector_size, read_table};

use serde::Serialize;
use std::{fmt, ops::Range};

/// What a disk's partition table says, checked, with every byte of the disk accounted for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// Logical sector size the table counts in.
    pub sector_size_bytes: u32,
    /// Length of the whole disk.
    pub disk_bytes: u64,
    /// The table itself.
    pub table: Table,
    /// The partitions in the order of their place on the disk. Without a table: one, number 0, the whole disk.
    pub partitions: Vec<Partition>,
    /// Every byte range that is in no partition, in order.
    pub gaps: Vec<Gap>,
    /// What is wrong or unusual, in words, for a person.
    pub warnings: Vec<Warning>,
}

/// The kind of table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "scheme", rename_all = "kebab-case")]
pub enum Table {
    /// No table: the disk is empty or one filesystem fills it.
    None,
    /// A master boot record, perhaps with logical partitions.
    Mbr(Mbr),
    /// A GUID partition table.
    Gpt(Gpt),
    /// There is a table but it cannot be trusted: the disk is one raw area.
    Damaged {
        /// Why, in words.
        reason: String,
    },
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// Its number as the operating systems count: entry number from 1, logical partitions from 5; 0 for the whole disk.
    pub number: u32,
    /// Where it is on the disk.
    pub bytes: Range<u64>,
    /// What the table says of it.
    pub kind: PartitionKind,
}

/// What a table says of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "in", rename_all = "kebab-case")]
pub enum PartitionKind {
    /// Not a partition: the whole disk.
    WholeDisk,
    /// An MBR entry.
    Mbr {
        /// Type byte (0x07, 0x83, 0xEF, …).
        type_code: u8,
        /// Marked active.
        active: bool,
        /// Inside the extended partition.
        logical: bool,
    },
    /// A GPT entry.
    Gpt {
        /// Type.
        type_guid: Guid,
        /// Identity of this partition.
        unique_guid: Guid,
        /// Attribute bits (UEFI 2.10 table 5-8).
        attributes: u64,
        /// Name, as UTF-16 on disk.
        name: String,
    },
}

impl PartitionKind {
    /// Whether this is a part of a dynamic disk, whose volumes only their database tells apart.
    #[must_use]
    pub fn is_dynamic(&self) -> bool {
        match self {
            Self::WholeDisk => false,
            Self::Mbr { type_code, .. } => *type_code == mbr::TYPE_DYNAMIC,
            Self::Gpt { type_guid, .. } => *type_guid == Guid::DYNAMIC_DATA,
        }
    }

    /// Whether this is a member of a Storage Spaces pool.
    #[must_use]
    pub fn is_storage_space(&self) -> bool {
        matches!(self, Self::Gpt { type_guid, .. } if *type_guid == Guid::STORAGE_SPACES)
    }

    /// Whether this is an EFI system partition.
    #[must_use]
    pub fn is_efi_system(&self) -> bool {
        match self {
            Self::WholeDisk => false,
            Self::Mbr { type_code, .. } => *type_code == 0xEF,
            Self::Gpt { type_guid, .. } => *type_guid == Guid::EFI_SYSTEM,
        }
    }
}

/// A byte range outside every partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Where.
    pub bytes: Range<u64>,
    /// What kind of place.
    pub place: GapPlace,
}

/// What kind of place a gap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapPlace {
    /// From sector 0 to the first partition: primary table, and boot code after an MBR. Kept raw.
    BeforeFirst,
    /// Between two partitions: extended boot records, boot code, a removed partition. Kept raw.
    Between,
    /// After the last partition: the backup GPT (rebuilt, not kept), else nothing a restored disk needs.
    AfterLast,
    /// After the last partition of a dynamic disk with an MBR: the database of its volumes (1 MiB). Kept raw.
    Database,
}

impl Gap {
    /// Whether a capture keeps the bytes of this gap. The end of the disk is not kept: its backup table is rebuilt.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.place != GapPlace::AfterLast
    }
}

/// Something wrong or unusual about a table that is nevertheless read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "warning", rename_all = "kebab-case")]
pub enum Warning {
    /// The primary GPT is damaged; the backup was used.
    PrimaryDamaged {
        /// What is wrong with the primary.
        reason: String,
    },
    /// The backup GPT is damaged or missing; the primary was used.
    BackupDamaged {
        /// What is wrong with the backup.
        reason: String,
    },
    /// The backup GPT is whole but not at the end of the disk (the disk was enlarged).
    BackupMisplaced {
        /// Sector where it is.
        found_lba: u64,
        /// Sector where it belongs.
        expected_lba: u64,
    },
    /// Primary and backup GPT are each whole but differ; the primary was used.
    CopiesDiffer,
    /// The MBR beside a GPT has entries of its own (hybrid). The GPT was used; sector 0 is kept as it is.
    HybridMbr,
    /// A GPT without a protective MBR.
    NoProtectiveMbr,
    /// A GPT header is left from earlier, but the MBR says something else; the MBR was used.
    StaleGpt,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrimaryDamaged { reason } => {
                write!(f, "the primary GPT is damaged ({reason}); the backup is used")
            }
            Self::BackupDamaged { reason } => {
                write!(f, "the backup GPT is damaged ({reason}); the primary is used")
            }
            Self::BackupMisplaced {
                found_lba,
                expected_lba,
            } => write!(
                f,
                "the backup GPT is at sector {found_lba}, not at the end of the disk (sector {expected_lba})"
            ),
            Self::CopiesDiffer => f.write_str("primary and backup GPT differ; the primary is used"),
            Self::HybridMbr => {
                f.write_str("the MBR beside the GPT has entries of its own (hybrid); the GPT is used")
            }
            Self::NoProtectiveMbr => f.write_str("the GPT has no protective MBR"),
            Self::StaleGpt => f.write_str("a GPT is left from earlier; the MBR is used"),
        }
    }
}

impl Layout {
    /// Byte ranges of the primary table: for a GPT sectors 0 and 1 and the entries, for an MBR sector 0 and every extended
    /// boot record. Writing zeros there makes the disk have no table.
    #[must_use]
    pub fn primary_table(&self) -> Vec<Range<u64>> {
        let sector = u64::from(self.sector_size_bytes);
        match &self.table {
            Table::None | Table::Damaged { .. } => Vec::new(),
            Table::Mbr(mbr) => {
                let mut ranges: Vec<Range<u64>> = std::iter::once(0..sector).collect();
                ranges.extend(mbr.extended_records.iter().map(|record| record.bytes.clone()));
                ranges
            }
            Table::Gpt(gpt) => gpt.primary_ranges(self.sector_size_bytes),
        }
    }

    /// Byte ranges of the backup table as it belongs on this disk: its last whole sectors. Empty unless the table is a GPT,
    /// or if something else stands there (the disk lost its end).
    #[must_use]
    pub fn backup_table(&self) -> Vec<Range<u64>> {
        match &self.table {
            Table::Gpt(gpt) => {
                let length = gpt.backup_bytes(self.sector_size_bytes);
                let end = self.disk_bytes - self.disk_bytes % u64::from(self.sector_size_bytes).max(1);
                let place = end.saturating_sub(length)..end;
                let is_taken = self
                    .partitions
                    .iter()
                    .map(|one| &one.bytes)
                    .any(|bytes| bytes.end > place.start)
                    || self.primary_table().iter().any(|range| range.end > place.start);
                std::iter::once(place).filter(|_| !is_taken).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Length of the smallest disk that holds all this: the last partition's end plus the backup table; a disk that has
    /// no room for that holds it nevertheless.
    #[must_use]
    pub fn smallest_disk_bytes(&self) -> u64 {
        let end = self
            .partitions
            .iter()
            .map(|partition| partition.bytes.end)
            .max()
            .unwrap_or(0);
        match &self.table {
            Table::None | Table::Damaged { .. } => self.disk_bytes,
            // The database of its volumes is at the end.
            Table::Mbr(_) if self.partitions.iter().any(|one| one.kind.is_dynamic()) => self.disk_bytes,
            Table::Mbr(mbr) => {
                let extended = mbr.extended.as_ref().map_or(0, |bytes| bytes.end);
                end.max(extended).max(u64::from(self.sector_size_bytes))
            }
            Table::Gpt(gpt) => {
                let tables = self
                    .primary_table()
                    .iter()
                    .map(|range| range.end)
                    .max()
                    .unwrap_or(0);
                end.max(tables)
                    .saturating_add(gpt.backup_bytes(self.sector_size_bytes))
                    .min(self.disk_bytes)
            }
        }
    }
}

/// A GUID as it stands on disk: the first three fields little-endian (UEFI 2.10 appendix A).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    /// No partition.
    pub const UNUSED: Self = Self([0; 16]);
    /// EFI system partition, C12A7328-F81F-11D2-BA4B-00A0C93EC93B.
    pub const EFI_SYSTEM: Self = Self([
        0x28, 0x73, 0x2A, 0xC1, 0x1F, 0xF8, 0xD2, 0x11, 0xBA, 0x4B, 0x00, 0xA0, 0xC9, 0x3E, 0xC9, 0x3B,
    ]);
    /// Data partition of a dynamic disk, AF9B60A0-1431-4F62-BC68-3311714A69AD.
    pub const DYNAMIC_DATA: Self = Self([
        0xA0, 0x60, 0x9B, 0xAF, 0x31, 0x14, 0x62, 0x4F, 0xBC, 0x68, 0x33, 0x11, 0x71, 0x4A, 0x69, 0xAD,
    ]);
    /// Member of a Storage Spaces pool, E75CAF8F-F680-4CEE-AFA3-B001E56EFC2D.
    pub const STORAGE_SPACES: Self = Self([
        0x8F, 0xAF, 0x5C, 0xE7, 0x80, 0xF6, 0xEE, 0x4C, 0xAF, 0xA3, 0xB0, 0x01, 0xE5, 0x6E, 0xFC, 0x2D,
    ]);
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let b = &self.0;
        for index in [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15] {
            if matches!(index, 5 | 7 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{:02X}", b[index])?;
        }
        Ok(())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Guid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
