//! FAT12, FAT16 and FAT32.
//!
//! ```text
//! reserved sectors │ FAT 1 │ FAT 2 │ root directory (12/16 only) │ clusters 2, 3, … │ rest
//!        used         used    used            used                by the FAT          used
//!
//! FAT entry, little-endian: 12, 16 or 32 bits, of the 32 only the lower 28 count
//!   0                     free
//!   0xFF7 0xFFF7 0x0FFFFFF7   bad: nothing is stored there
//!   anything else         used
//! ```
//! Source: Microsoft FAT specification (2005), sections 3 to 6. A cluster is free only if every copy of the FAT says so.

mod boot;
mod directory;
mod tree;

use super::{Kind, Mapped, Mapping, Outcome, Ranges, RangesBuilder, Volume, volume::field};
use boot::{Boot, Width};
use directory::FatFiles;
pub(super) use tree::{is_same_ignoring_case, open_tree, unix_ms};

/// How much of a FAT is looked at in one go; a whole number of entries of every width.
const PIECE_BYTES: u64 = 96 << 10;

/// Whether a FAT stands there, and which.
pub(super) fn identify(volume: &Volume<'_>) -> Option<Kind> {
    let boot = Boot::read(volume).ok()?;
    // A boot sector with a real partition table in it starts a disk, not a filesystem: a layout left from earlier.
    (!boot.has_partition_table).then(|| boot.kind())
}

/// Maps a FAT filesystem.
pub(super) fn map(volume: &Volume<'_>) -> Mapping {
    let boot = match Boot::read(volume) {
        Ok(boot) => boot,
        Err(reason) => return Mapping::raw(Kind::Unknown, reason),
    };
    let mut notes = Vec::new();
    if boot.total_bytes > volume.len() {
        let reason = format!(
            "the filesystem has {} bytes but its partition only {}",
            boot.total_bytes,
            volume.len()
        );
        return Mapping::raw(boot.kind(), reason);
    }
    let used = match read_used(volume, &boot, &mut notes) {
        Ok(used) => used,
        Err(reason) => return Mapping::raw(boot.kind(), format!("the FAT cannot be read: {reason}")),
    };
    Mapping {
        kind: boot.kind(),
        label: boot.label.clone(),
        uuid: Some(format!("{:04X}-{:04X}", boot.serial >> 16, boot.serial & 0xFFFF)),
        block_size_bytes: u32::try_from(boot.cluster_bytes).unwrap_or(4096),
        notes,
        outcome: Outcome::Mapped(Mapped {
            used: used.shifted(volume.place().start),
            zeroed: Ranges::new(),
            files: Box::new(FatFiles {
                place: volume.place(),
                boot,
            }),
        }),
    }
}

fn read_used(volume: &Volume<'_>, boot: &Boot, notes: &mut Vec<String>) -> Result<Ranges, String> {
    note_state(volume, boot, notes)?;
    let mut builder = RangesBuilder::default();
    builder.push(0..boot.data_start);
    let entries_end = u64::from(boot.cluster_count) + 2;
    let (bits, mask) = (boot.width.bits(), boot.width.mask());
    let entries_per_piece = PIECE_BYTES * 8 / bits;
    let mut copies_differ = false;
    let mut bad_clusters = 0u64;
    let mut pieces = vec![Vec::new(); usize::from(boot.fat_count)];
    for piece_start in (0..entries_end).step_by(usize::try_from(entries_per_piece).unwrap_or(1)) {
        let piece_end = entries_end.min(piece_start + entries_per_piece);
        let offset = piece_start * bits / 8;
        let length = usize::try_from((piece_end * bits).div_ceil(8) - offset).unwrap_or(usize::MAX);
        for (copy, piece) in (0u64..).zip(&mut pieces) {
            piece.resize(length, 0);
            volume.read_into(boot.fat_start + copy * boot.fat_bytes + offset, piece)?;
        }
        copies_differ |= pieces.windows(2).any(|pair| pair[0] != pair[1]);
        for cluster in piece_start.max(2)..piece_end {
            let index = usize::try_from(cluster - piece_start).unwrap_or(usize::MAX);
            let value = |piece: &Vec<u8>| boot.width.entry(piece, index);
            let is_used = pieces
                .iter()
                .map(value)
                .any(|value| value != 0 && value != (mask & 0x0FFF_FFF7));
            if is_used {
                let start = boot.cluster_offset(cluster);
                builder.push(start..start + boot.cluster_bytes);
            } else if pieces.iter().map(value).any(|value| value != 0) {
                bad_clusters += 1;
            }
        }
    }
    // The slack after the last cluster, and whatever stands behind the filesystem, was not proven free.
    builder.push(boot.cluster_offset(entries_end)..volume.len());
    if copies_differ {
        notes.push("the copies of the FAT differ; a cluster is free only if all say so".into());
    }
    if bad_clusters > 0 {
        notes.push(format!("{bad_clusters} clusters are marked bad and are left out"));
    }
    Ok(builder.finish())
}

/// Notes what the flags in FAT[1], the backup boot sector and FSInfo say.
fn note_state(volume: &Volume<'_>, boot: &Boot, notes: &mut Vec<String>) -> Result<(), String> {
    let head = volume.read(boot.fat_start, 8)?;
    let (clean, no_errors) = match boot.width {
        Width::Fat12 => (true, true),
        Width::Fat16 => (
            field::le16(&head, 2) & 0x8000 != 0,
            field::le16(&head, 2) & 0x4000 != 0,
        ),
        Width::Fat32 => (
            field::le32(&head, 4) & 0x0800_0000 != 0,
            field::le32(&head, 4) & 0x0400_0000 != 0,
        ),
    };
    // Linux keeps its own mark in the boot sector: bit 0 of the byte at 0x25 (12/16) or 0x41 (32).
    if !clean || boot.dirty {
        notes.push("was not unmounted cleanly".into());
    }
    if !no_errors {
        notes.push("the last system to use it met disk errors".into());
    }
    if let Some(offset) = boot.backup_boot_offset {
        let backup = volume.read(offset, 512)?;
        let primary = volume.read(0, 512)?;
        // The dirty mark may differ; the layout must not.
        if backup[11..64] != primary[11..64] {
            notes.push("the backup boot sector differs from the first".into());
        }
    }
    if let Some(offset) = boot.information_offset {
        let information = volume.read(offset, 512)?;
        if field::le32(&information, 0) != 0x4161_5252 || field::le32(&information, 484) != 0x6141_7272 {
            notes.push("the FSInfo sector is damaged".into());
        }
    }
    Ok(())
}
