//! btrfs on one device.
//!
//! ```text
//! superblock ── features; system chunks              several devices, RAID, zoned, unknown bits → raw
//! chunk tree ── logical address → one or two places on the device
//! extent tree ─ every extent, data and metadata, however many snapshots share it: what it names is used
//! log tree ──── what was synced since: its nodes, and the extents they name, are used too
//! subvolumes ── where files lie (hints)
//! ```
//! Sources: Linux `include/uapi/linux/btrfs_tree.h`, `fs/btrfs/disk-io.c`, `fs/btrfs/tree-log.c`.
//!
//! Committed trees are never written over, so a filesystem that was cut off is mapped like one that was unmounted.

mod chunk;
mod files;
mod folders;
mod hash;
mod lzo;
mod packed;
mod superblock;
mod tree;
mod used;

use super::{Kind, Mapped, Mapping, Ranges, Volume, volume::field};
use chunk::Chunks;
use files::BtrfsFiles;
pub(super) use folders::open_tree;
use superblock::Superblock;
use tree::Reader;

/// Maps a btrfs filesystem.
pub(super) fn map(volume: &Volume<'_>) -> Mapping {
    let superblock = volume
        .read(superblock::OFFSET, superblock::LENGTH)
        .and_then(|bytes| Superblock::parse(&bytes));
    let superblock = match superblock {
        Ok(superblock) => superblock,
        Err(reason) => return Mapping::raw(Kind::Btrfs, reason),
    };
    let (label, uuid) = (superblock.label.clone(), field::uuid(&superblock.uuid));
    let block_size_bytes = u32::try_from(superblock.sector_bytes).unwrap_or(4096);
    Mapping::described(Kind::Btrfs, label, uuid, block_size_bytes, |notes| {
        map_checked(volume, superblock, notes)
    })
}

fn map_checked(
    volume: &Volume<'_>,
    superblock: Superblock,
    notes: &mut Vec<String>,
) -> Result<Mapped, String> {
    if superblock.device_bytes > volume.len() {
        return Err(format!(
            "the filesystem has {} bytes but its partition only {}",
            superblock.device_bytes,
            volume.len()
        ));
    }
    let chunks = used::read_chunks(volume, &superblock)?;
    let reader = Reader {
        volume,
        superblock: &superblock,
        chunks: &chunks,
    };
    let roots = used::read_roots(&reader)?;
    let used = used::read_used(&reader, &roots)?;
    if superblock.log_root.is_some() {
        notes.push("it was not unmounted cleanly: its log is kept as it is, with all that it names".into());
    }
    let place = volume.place();
    Ok(Mapped {
        used: used.shifted(place.start),
        zeroed: Ranges::new(),
        files: Box::new(BtrfsFiles {
            place,
            superblock,
            chunks,
            subvolumes: roots.subvolumes,
        }),
    })
}
