//! Filesystems: what of a partition is used, and where its files lie.
//!
//! ```text
//! identify ── which filesystem (magic numbers)
//! map ─┬─ mapped   used ranges = the truth, fail-safe: all is used until proven free
//!      │           files       = hints where to cut; a mistake costs dedup, never data
//!      ├─ refused  a capture would not be what the user wants; says what to do
//!      └─ raw      every byte is kept; says why
//! ```
//!
//! All byte ranges in this module's results are in bytes **of the disk**, not of the partition. Nothing is written or
//! mounted, nothing here trusts what it reads, and nothing fails: what cannot be read or understood is raw, with the reason.

mod bitlocker;
mod bits;
pub mod btrfs;
mod checksum;
pub mod exfat;
pub mod ext4;
pub mod fat;
mod identify;
mod luks;
mod lvm;
pub mod ntfs;
mod ranges;
mod swap;
mod tree;
mod volume;
pub mod xfs;

pub(crate) use identify::array_at_the_end;
pub use identify::identify;
pub use ranges::{Ranges, RangesBuilder};
pub use tree::{DirectoryEntry, FileTree, Metadata, NodeId, NodeKind, find, open_tree, open_tree_among};
pub use volume::Volume;

use crate::{disk::ReadAt, error::Result};
use serde::Serialize;
use std::{
    fmt,
    ops::{ControlFlow, Range},
};

/// What stands on a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// ext2, ext3 or ext4.
    Ext,
    /// FAT with 12-bit entries.
    Fat12,
    /// FAT with 16-bit entries.
    Fat16,
    /// FAT with 28-bit entries.
    Fat32,
    /// Linux swap space.
    Swap,
    /// NTFS.
    Ntfs,
    /// exFAT.
    Exfat,
    /// XFS.
    Xfs,
    /// btrfs.
    Btrfs,
    /// F2FS.
    F2fs,
    /// ReFS.
    Refs,
    /// APFS.
    Apfs,
    /// HFS+ or HFSX.
    HfsPlus,
    /// A LUKS container.
    Luks,
    /// A BitLocker volume.
    BitLocker,
    /// An LVM2 physical volume.
    Lvm2,
    /// A member of a Linux md array.
    MdMember,
    /// A member of an Intel (IMSM) array.
    IntelRaidMember,
    /// A member of a Storage Spaces pool.
    StorageSpaces,
    /// A part of a dynamic disk (Windows' logical disk manager).
    DynamicDisk,
    /// Nothing that is known.
    Unknown,
    /// The marks of more than one kind: not to be trusted.
    Ambiguous,
}

impl Kind {
    /// The name people use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ext => "ext2/3/4",
            Self::Fat12 => "FAT12",
            Self::Fat16 => "FAT16",
            Self::Fat32 => "FAT32",
            Self::Swap => "swap",
            Self::Ntfs => "NTFS",
            Self::Exfat => "exFAT",
            Self::Xfs => "XFS",
            Self::Btrfs => "btrfs",
            Self::F2fs => "F2FS",
            Self::Refs => "ReFS",
            Self::Apfs => "APFS",
            Self::HfsPlus => "HFS+",
            Self::Luks => "LUKS",
            Self::BitLocker => "BitLocker",
            Self::Lvm2 => "LVM2 physical volume",
            Self::MdMember => "md RAID member",
            Self::IntelRaidMember => "Intel RAID member",
            Self::StorageSpaces => "Storage Spaces member",
            Self::DynamicDisk => "dynamic disk",
            Self::Unknown => "unknown",
            Self::Ambiguous => "ambiguous",
        }
    }

    /// Whether its bytes look random, so that trying to compress them is in vain.
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        matches!(self, Self::Luks | Self::BitLocker)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is known of one partition's contents.
pub struct Mapping {
    /// Which filesystem.
    pub kind: Kind,
    /// Its label, if it has one.
    pub label: Option<String>,
    /// Its UUID or serial number as the system's tools print it.
    pub uuid: Option<String>,
    /// Allocation unit.
    pub block_size_bytes: u32,
    /// What a person should know: not cleanly unmounted, journal replayed virtually, …
    pub notes: Vec<String>,
    /// One of three.
    pub outcome: Outcome,
}

/// The three outcomes of mapping a partition; there is no fourth.
pub enum Outcome {
    /// The used map is known.
    Mapped(Mapped),
    /// A capture is refused before it begins.
    Refused {
        /// What was found.
        reason: String,
        /// What the user does about it.
        remedy: String,
    },
    /// Every byte is used.
    Raw {
        /// Why.
        reason: String,
    },
}

/// A partition whose used bytes are known.
pub struct Mapped {
    /// Bytes that must be captured: the truth. Sorted, disjoint, in bytes of the disk.
    pub used: Ranges,
    /// Bytes that need not be read but **must be restored as zeros**, never as what the target held (the body of a clean
    /// journal). Disjoint from `used`. Every other byte of the partition is free.
    pub zeroed: Ranges,
    /// Where files lie, as hints for cutting.
    pub files: Box<dyn FileExtents>,
}

/// A run of a file's bytes that lies in one piece on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileExtent {
    /// Tells files of one filesystem apart; nothing more (inode number, first cluster).
    pub file: u64,
    /// Where the run begins in the file.
    pub logical_offset: u64,
    /// Where the run begins on the disk.
    pub disk_offset: u64,
    /// Its length.
    pub length_bytes: u64,
}

/// Where the files of a filesystem lie: hints. They may be incomplete, overlap, or be wrong; they are always inside the
/// partition.
pub trait FileExtents: Send + Sync {
    /// Visits the extents of regular files, those of one file together and in file order, until `visit` breaks. Uses
    /// bounded memory: nothing is collected.
    ///
    /// # Errors
    /// A read error of the disk. What was visited before stays usable.
    fn walk(&self, disk: &dyn ReadAt, visit: &mut dyn FnMut(FileExtent) -> ControlFlow<()>) -> Result<()>;
}

/// A filesystem (or container) without extents to tell.
pub(crate) struct NoFiles;

impl FileExtents for NoFiles {
    fn walk(&self, _: &dyn ReadAt, _: &mut dyn FnMut(FileExtent) -> ControlFlow<()>) -> Result<()> {
        Ok(())
    }
}

/// What a person asks for beyond the usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Leave a hibernated Windows (or its fast startup) out: its volumes are then kept as after a power cut.
    pub drop_hibernation: bool,
}

/// Finds out what stands on the bytes `partition` of `disk` and what of it is used.
#[must_use]
pub fn map(disk: &dyn ReadAt, partition: Range<u64>) -> Mapping {
    map_among(disk, partition, &[], Wishes::default())
}

/// The same for a partition beside `others` on the disk: a volume group may have a part in each.
#[must_use]
pub fn map_among(disk: &dyn ReadAt, partition: Range<u64>, others: &[Range<u64>], wishes: Wishes) -> Mapping {
    let volume = Volume::new(disk, partition);
    match identify::identify_volume(&volume) {
        Kind::Lvm2 => lvm::map(disk, &volume, others, wishes),
        kind => map_kind(kind, &volume, wishes),
    }
}

/// The same within a logical volume, where no further physical volume is looked into.
fn map_inside(disk: &dyn ReadAt, bytes: Range<u64>, wishes: Wishes) -> Mapping {
    let volume = Volume::new(disk, bytes);
    map_kind(identify::identify_volume(&volume), &volume, wishes)
}

fn map_kind(kind: Kind, volume: &Volume<'_>, wishes: Wishes) -> Mapping {
    match kind {
        Kind::Ext => ext4::map(volume),
        Kind::Fat12 | Kind::Fat16 | Kind::Fat32 => fat::map(volume),
        Kind::Ntfs => ntfs::map(volume, wishes),
        Kind::Xfs => xfs::map(volume),
        Kind::Btrfs => btrfs::map(volume),
        Kind::Exfat => exfat::map(volume),
        Kind::Swap => swap::map(volume),
        Kind::BitLocker => bitlocker::map(volume),
        Kind::Luks => luks::map(volume),
        other => identify::map_without_reader(other),
    }
}

impl Mapping {
    /// A partition of which every byte is kept.
    #[must_use]
    pub fn raw(kind: Kind, reason: impl Into<String>) -> Self {
        Self {
            kind,
            label: None,
            uuid: None,
            block_size_bytes: 4096,
            notes: Vec::new(),
            outcome: Outcome::Raw {
                reason: reason.into(),
            },
        }
    }

    /// A filesystem whose superblock is understood: what `read` maps, or every byte with the reason. What `read` notes is
    /// kept either way.
    pub(crate) fn described(
        kind: Kind,
        label: Option<String>,
        uuid: Option<String>,
        block_size_bytes: u32,
        read: impl FnOnce(&mut Vec<String>) -> std::result::Result<Mapped, String>,
    ) -> Self {
        let mut notes = Vec::new();
        let outcome = match read(&mut notes) {
            Ok(mapped) => Outcome::Mapped(mapped),
            Err(reason) => Outcome::Raw { reason },
        };
        Self {
            kind,
            label,
            uuid,
            block_size_bytes,
            notes,
            outcome,
        }
    }

    /// A part of an array or of a dynamic disk, refused.
    pub(crate) fn member(kind: Kind) -> Self {
        Self {
            outcome: identify::refuse_member(kind),
            ..Self::raw(kind, "")
        }
    }

    /// The used ranges within `partition`, whatever the outcome: raw and refused mean all of it.
    #[must_use]
    pub fn used(&self, partition: Range<u64>) -> Ranges {
        match &self.outcome {
            Outcome::Mapped(mapped) => mapped.used.clone(),
            Outcome::Refused { .. } | Outcome::Raw { .. } => Ranges::from_one(partition),
        }
    }
}
