//! XFS, versions 4 and 5.
//!
//! ```text
//! superblock ── features, geometry                    what is not known → raw
//! log ───────── the last thing in it is an unmount    anything else → raw
//! groups ────── what the tree of free space names is free, all else used: the log, headers, trees, inodes, files
//! inodes ────── where files lie (hints)
//! ```
//! Sources: Linux `fs/xfs/libxfs/xfs_format.h`, `fs/xfs/libxfs/xfs_log_format.h`, `fs/xfs/xfs_log_recover.c`.
//!
//! The log is kept whole, clean or not: its cycle numbers are part of what metadata is checked against.

mod files;
mod folders;
mod group;
mod inode;
mod log;
mod superblock;
mod tree;

use super::{Kind, Mapped, Mapping, Ranges, Volume, volume::field};
use files::XfsFiles;
pub(super) use folders::open_tree;
use superblock::{SECTOR_MAX, Superblock};

/// Maps an XFS filesystem.
pub(super) fn map(volume: &Volume<'_>) -> Mapping {
    let length = usize::try_from(SECTOR_MAX.min(volume.len())).unwrap_or(0);
    let superblock = volume.read(0, length).and_then(|bytes| Superblock::parse(&bytes));
    let superblock = match superblock {
        Ok(superblock) => superblock,
        Err(reason) => return Mapping::raw(Kind::Xfs, reason),
    };
    let (label, uuid) = (superblock.label.clone(), field::uuid(&superblock.uuid));
    let block_size_bytes = u32::try_from(superblock.block_bytes).unwrap_or(4096);
    Mapping::described(Kind::Xfs, label, uuid, block_size_bytes, |notes| {
        map_checked(volume, superblock, notes)
    })
}

fn map_checked(
    volume: &Volume<'_>,
    superblock: Superblock,
    notes: &mut Vec<String>,
) -> Result<Mapped, String> {
    if superblock.total_bytes() > volume.len() {
        return Err(format!(
            "the filesystem has {} bytes but its partition only {}",
            superblock.total_bytes(),
            volume.len()
        ));
    }
    if !log::is_clean(volume, &superblock)? {
        return Err(
            "it was not unmounted cleanly and its log is waiting to be replayed: mount and unmount it once to have it \
             mapped"
                .into(),
        );
    }
    let used = group::read_used(volume, &superblock);
    if let Some(doubt) = used.doubt {
        notes.push(format!(
            "{} of {} allocation groups contradict themselves and are kept whole ({doubt})",
            used.doubtful_groups, superblock.group_count
        ));
    }
    let place = volume.place();
    Ok(Mapped {
        used: used.ranges.shifted(place.start),
        zeroed: Ranges::new(),
        files: Box::new(XfsFiles { place, superblock }),
    })
}
