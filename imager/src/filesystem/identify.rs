//! Which filesystem or container stands on a partition, by its magic numbers.
//!
//! ```text
//! offset  bytes                        kind
//!      0  "XFSB"                       XFS
//!      0  "LUKS" BA BE                 LUKS (both versions)
//!      0  FC 4E 2B A9                  md 1.1; at 4096 md 1.2; at the end md 1.0 and 0.90
//!      3  "NTFS    " "EXFAT   " "-FVE-FS-" "ReFS"   by the OEM field of the boot sector
//!     32  "NXSB"                       APFS
//!    512·n, n < 4  "LABELONE" … "LVM2 001"          LVM2
//!   1024  "H+" "HX"                    HFS+
//!   1024  10 20 F5 F2                  F2FS
//!   1080  53 EF                        ext2/3/4
//!  65600  "_BHRfS_M"                   btrfs
//!  page−10  "SWAPSPACE2", "SWAP-SPACE", or a hibernation's signature   swap, page = 4 … 64 KiB
//!  last 1 KiB … 64 KiB  "Intel Raid ISM Cfg Sig. "  Intel RAID
//! ```

use super::{Kind, Mapping, Outcome, Volume, fat, ntfs, swap, volume::field};
use crate::disk::ReadAt;
use std::ops::Range;

/// Finds out what stands on the bytes `partition` of `disk`. What cannot be read is [`Kind::Unknown`].
#[must_use]
pub fn identify(disk: &dyn ReadAt, partition: Range<u64>) -> Kind {
    identify_volume(&Volume::new(disk, partition))
}

pub(super) fn identify_volume(volume: &Volume<'_>) -> Kind {
    let kinds = candidates(volume);
    match kinds.as_slice() {
        [] => Kind::Unknown,
        [one] => *one,
        // A container's or array's mark stands above what shines through from inside of it.
        several => several
            .iter()
            .copied()
            .find(|kind| is_container(*kind))
            .unwrap_or(Kind::Ambiguous),
    }
}

/// What becomes of a kind without a reader: whole, or, where one disk alone is not what anybody wants, nothing before
/// somebody says so.
pub(super) fn map_without_reader(kind: Kind) -> Mapping {
    let reason = match kind {
        Kind::Unknown => "no filesystem that is known".into(),
        Kind::Ambiguous => "the marks of more than one filesystem are on it".into(),
        Kind::Lvm2 => "a physical volume inside of a logical volume".into(),
        Kind::MdMember | Kind::IntelRaidMember | Kind::StorageSpaces | Kind::DynamicDisk => {
            return Mapping::member(kind);
        }
        other => format!("{other} is recognised, but its used map is not read"),
    };
    Mapping::raw(kind, reason)
}

/// Refuses what may be one part of several: its filesystem may lie across several disks.
pub(super) fn refuse_member(kind: Kind) -> Outcome {
    let (reason, remedy) = match kind {
        Kind::MdMember => (
            "it is a member of a Linux software RAID, and its filesystem may lie across several disks",
            "capture the assembled array, or make the master on a single disk; if no array is left, remove the mark \
             (mdadm --zero-superblock)",
        ),
        Kind::IntelRaidMember => (
            "it is a member of an Intel RAID, and its filesystem may lie across several disks",
            "capture the assembled volume, or make the master on a single disk; if no array is left, reset the disk to \
             non-RAID in the firmware's setup",
        ),
        Kind::StorageSpaces => (
            "it is a member of a Storage Spaces pool, and its filesystem may lie across several disks",
            "make the master on a disk outside of any pool",
        ),
        _ => (
            "it is a dynamic disk, whose volumes may lie across several disks",
            "make the master on a basic disk",
        ),
    };
    Outcome::Refused {
        reason: reason.into(),
        remedy: remedy.into(),
    }
}

/// Whether the end of a whole disk says that it is a member of an array, whatever table shines through from inside.
pub(crate) fn array_at_the_end(disk: &dyn ReadAt) -> Option<Kind> {
    let volume = Volume::new(disk, 0..disk.len());
    if is_intel_member(&volume) {
        return Some(Kind::IntelRaidMember);
    }
    is_md_member(&volume).then_some(Kind::MdMember)
}

fn is_container(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Luks
            | Kind::BitLocker
            | Kind::MdMember
            | Kind::IntelRaidMember
            | Kind::Lvm2
            | Kind::StorageSpaces
            | Kind::DynamicDisk
    )
}

fn candidates(volume: &Volume<'_>) -> Vec<Kind> {
    let at = |offset: u64, magic: &[u8]| volume.read(offset, magic.len()).is_ok_and(|bytes| bytes == magic);
    let mut kinds = Vec::new();
    let mut note = |found: bool, kind: Kind| {
        if found && !kinds.contains(&kind) {
            kinds.push(kind);
        }
    };

    note(at(0, b"XFSB"), Kind::Xfs);
    note(at(0, b"LUKS\xBA\xBE"), Kind::Luks);
    note(at(0, b"SPACEDB "), Kind::StorageSpaces);
    note(at(3, b"NTFS    ") && at(510, b"\x55\xAA"), Kind::Ntfs);
    note(at(3, b"EXFAT   "), Kind::Exfat);
    note(at(3, b"-FVE-FS-"), Kind::BitLocker);
    // BitLocker To Go wears a FAT boot sector; its identity is this GUID.
    let to_go = b"\x3B\xD6\x67\x49\x29\x2E\xD8\x4A\x83\x99\xF6\xA3\x39\xE3\xD0\x01";
    note(at(3, b"MSWIN4.1") && at(0x1A8, to_go), Kind::BitLocker);
    note(at(3, b"ReFS\0"), Kind::Refs);
    note(at(32, b"NXSB"), Kind::Apfs);
    note(at(1024, b"H+\0\x04") || at(1024, b"HX\0\x05"), Kind::HfsPlus);
    note(at(1024, b"\x10\x20\xF5\xF2"), Kind::F2fs);
    note(at(1024 + 0x38, b"\x53\xEF"), Kind::Ext);
    note(at(65536 + 0x40, b"_BHRfS_M"), Kind::Btrfs);
    let lvm = (0..4).any(|sector| at(512 * sector, b"LABELONE") && at(512 * sector + 24, b"LVM2 001"));
    note(lvm, Kind::Lvm2);
    note(is_md_member(volume), Kind::MdMember);
    note(is_intel_member(volume), Kind::IntelRaidMember);
    note(swap::find_signature(volume).is_some(), Kind::Swap);
    if let Some(kind) = fat::identify(volume).filter(|_| !kinds.contains(&Kind::BitLocker)) {
        kinds.push(kind);
    }
    // A volume whose boot sector is damaged is known by its backup, the last sector.
    if kinds.is_empty() && ntfs::has_backup(volume) {
        kinds.push(Kind::Ntfs);
    }
    kinds
}

/// The anchor of Intel's metadata stands two sectors before the end, of 512 or 4096 bytes.
fn is_intel_member(volume: &Volume<'_>) -> bool {
    let mark = b"Intel Raid ISM Cfg Sig. ";
    [1024, 2048, 8192].into_iter().any(|distance| {
        let offset = volume.len().checked_sub(distance);
        offset.is_some_and(|offset| volume.read(offset, mark.len()).is_ok_and(|bytes| bytes == mark))
    })
}

/// md superblocks: little-endian 0xA92B4EFC at the start (1.1), at 4096 (1.2), 8–12 KiB before the end on a 4 KiB border
/// (1.0), or 64–128 KiB before the end on a 64 KiB border (0.90).
fn is_md_member(volume: &Volume<'_>) -> bool {
    const MAGIC: u32 = 0xA92B_4EFC;
    let magic_at = |offset: u64, version: u32| {
        volume
            .read(offset, 8)
            .is_ok_and(|bytes| field::le32(&bytes, 0) == MAGIC && field::le32(&bytes, 4) == version)
    };
    let length = volume.len();
    magic_at(0, 1)
        || magic_at(4096, 1)
        || length
            .checked_sub(8192)
            .is_some_and(|end| magic_at(end & !4095, 1))
        || (length & !65535)
            .checked_sub(65536)
            .is_some_and(|end| magic_at(end, 0))
}
