//! Allocation groups: what is free in each, and where its inodes are.
//!
//! ```text
//! A group begins with four sectors: superblock, free space (AGF), inodes (AGI), reserve for the trees (AGFL).
//! big-endian (Linux fs/xfs/libxfs/xfs_format.h)
//! AGF, sector 1                            AGI, sector 2
//! offset size  meaning                     offset size  meaning
//!      0    4  "XAGF"                           0    4  "XAGI"
//!      4    4  version, 1                       4    4  version, 1
//!      8    4  group                            8    4  group
//!     12    4  blocks of the group             12    4  blocks of the group
//!     16    4  root of free space by block     20    4  root of the inodes
//!     28    4  its levels                      24    4  its levels
//!     52    4  free blocks in the tree        296   16  v5: UUID
//!     64   16  v5: UUID                       312    4  v5: CRC-32C, little-endian
//!    216    4  v5: CRC-32C, little-endian
//! ```
//! What the tree of free space names is free; nothing else is: the blocks in the reserve stay used.

use super::{
    Superblock,
    superblock::has_checksum,
    tree::{FREE_BY_BLOCK, Root},
};
use crate::filesystem::{Ranges, RangesBuilder, Volume, volume::field};
use std::ops::ControlFlow;

/// The used bytes of a filesystem.
pub(super) struct Used {
    /// In bytes of the partition.
    pub ranges: Ranges,
    /// Groups that were left used because something contradicted itself, and the first reason.
    pub doubtful_groups: u64,
    pub doubt: Option<String>,
}

/// Which of a group's headers.
struct Header {
    sector: u64,
    magic: &'static [u8; 4],
    uuid_at: usize,
    checksum_at: usize,
}

const FREE_SPACE: Header = Header {
    sector: 1,
    magic: b"XAGF",
    uuid_at: 64,
    checksum_at: 216,
};

const INODES: Header = Header {
    sector: 2,
    magic: b"XAGI",
    uuid_at: 296,
    checksum_at: 312,
};

/// Reads what every group says is free; all else is used.
pub(super) fn read_used(volume: &Volume<'_>, superblock: &Superblock) -> Used {
    let mut builder = RangesBuilder::default();
    let (mut doubtful_groups, mut doubt) = (0, None);
    for group in 0..superblock.group_count {
        let start = group * superblock.group_blocks * superblock.block_bytes;
        let end = start + superblock.group_length(group) * superblock.block_bytes;
        if let Err(reason) = push_used(volume, superblock, group, &mut builder) {
            doubtful_groups += 1;
            doubt.get_or_insert(format!("group {group}: {reason}"));
            builder.push(start..end);
        }
    }
    builder.push(superblock.total_bytes()..volume.len());
    Used {
        ranges: builder.finish(),
        doubtful_groups,
        doubt,
    }
}

/// Adds what is not free of a group, in order. After an error what was added does not count.
fn push_used(
    volume: &Volume<'_>,
    superblock: &Superblock,
    group: u64,
    builder: &mut RangesBuilder,
) -> Result<(), String> {
    let header = read_header(volume, superblock, group, &FREE_SPACE)?;
    let block_bytes = superblock.block_bytes;
    let start = group * superblock.group_blocks * block_bytes;
    let own_blocks = (4 * superblock.sector_bytes).div_ceil(block_bytes);
    let length = superblock.group_length(group);
    let root = Root {
        group,
        block: u64::from(field::be32(&header, 16)),
        levels: field::be32(&header, 28),
    };
    let (mut behind, mut free) = (0, 0);
    let _ = FREE_BY_BLOCK.walk(volume, superblock, root, &mut |entry| {
        let (first, count) = (u64::from(field::be32(entry, 0)), u64::from(field::be32(entry, 4)));
        if first < behind.max(own_blocks) || count == 0 || first + count > length {
            return Err("free space out of order or outside its group".into());
        }
        builder.push(start + behind * block_bytes..start + first * block_bytes);
        behind = first + count;
        free += count;
        Ok(ControlFlow::Continue(()))
    })?;
    builder.push(start + behind * block_bytes..start + length * block_bytes);
    let counted = u64::from(field::be32(&header, 52));
    if free != counted {
        return Err(format!("{free} free blocks in the tree, {counted} counted"));
    }
    Ok(())
}

/// Where the tree of a group's inodes begins.
pub(super) fn inode_root(volume: &Volume<'_>, superblock: &Superblock, group: u64) -> Result<Root, String> {
    let header = read_header(volume, superblock, group, &INODES)?;
    Ok(Root {
        group,
        block: u64::from(field::be32(&header, 20)),
        levels: field::be32(&header, 24),
    })
}

fn read_header(
    volume: &Volume<'_>,
    superblock: &Superblock,
    group: u64,
    which: &Header,
) -> Result<Vec<u8>, String> {
    let start = group * superblock.group_blocks * superblock.block_bytes;
    let length = usize::try_from(superblock.sector_bytes).map_err(|_| "sector size")?;
    let bytes = volume.read(start + which.sector * superblock.sector_bytes, length)?;
    let is_own = bytes.starts_with(which.magic)
        && field::be32(&bytes, 4) == 1
        && u64::from(field::be32(&bytes, 8)) == group
        && u64::from(field::be32(&bytes, 12)) == superblock.group_length(group);
    if !is_own {
        return Err("a header is not what it should be".into());
    }
    let is_right = bytes.get(which.uuid_at..which.uuid_at + 16) == Some(&superblock.metadata_uuid)
        && has_checksum(&bytes, which.checksum_at);
    if superblock.is_version_5 && !is_right {
        return Err("a header's checksum is wrong".into());
    }
    Ok(bytes)
}
