//! Block group descriptors, and where a group keeps its own blocks.
//!
//! ```text
//! Descriptor, 32 or more bytes, little-endian (Linux Documentation/filesystems/ext4/group_descr.rst)
//! offset size  meaning                          upper half at (descriptors of 64 bytes)
//!   0x00    4  block of the block bitmap        0x20
//!   0x04    4  block of the inode bitmap        0x24
//!   0x08    4  first block of the inode table   0x28
//!   0x0C    2  free clusters                    0x2C
//!   0x12    2  flags: 1 INODE_UNINIT, 2 BLOCK_UNINIT, 4 INODE_ZEROED
//!   0x18    2  checksum of the block bitmap     0x38
//!   0x1C    2  unused inodes at the end of the table   0x32
//!   0x1E    2  checksum of this descriptor
//!
//! The descriptors follow the superblock. With META_BG those of groups ≥ first meta group · descriptors per block stand,
//! one block of them, in the first, the second and the last group of each meta group.
//! ```

use super::{
    Reader,
    checksum::{crc16, crc32c},
    superblock::{COMPAT_SPARSE_SUPER2, INCOMPAT_META_BG, RO_COMPAT_SPARSE_SUPER, Superblock},
};
use crate::filesystem::volume::field;
use std::ops::Range;

const FLAG_INODE_UNINIT: u16 = 1;
const FLAG_BLOCK_UNINIT: u16 = 2;
const CHECKSUM_OFFSET: usize = 0x1E;

/// One block group's descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Descriptor {
    pub block_bitmap: u64,
    pub inode_bitmap: u64,
    pub inode_table: u64,
    pub free_clusters: u64,
    pub unused_inodes: u64,
    /// All 32 bits, or the lower 16 in a small descriptor.
    pub bitmap_checksum: u32,
    pub checksum_ok: bool,
    flags: u16,
    has_wide_checksum: bool,
}

impl Descriptor {
    fn parse(superblock: &Superblock, group: u64, bytes: &[u8]) -> Self {
        let wide = bytes.len() >= 64;
        let number = |low: usize, high: usize| {
            let upper = if wide {
                u64::from(field::le32(bytes, high)) << 32
            } else {
                0
            };
            upper | u64::from(field::le32(bytes, low))
        };
        let short = |low: usize, high: usize| {
            let upper = if wide {
                u32::from(field::le16(bytes, high)) << 16
            } else {
                0
            };
            upper | u32::from(field::le16(bytes, low))
        };
        let flags = if superblock.has_descriptor_checksums() {
            field::le16(bytes, 0x12)
        } else {
            0
        };
        Self {
            block_bitmap: number(0x00, 0x20),
            inode_bitmap: number(0x04, 0x24),
            inode_table: number(0x08, 0x28),
            free_clusters: u64::from(short(0x0C, 0x2C)),
            unused_inodes: if flags == 0 && !superblock.has_descriptor_checksums() {
                0
            } else {
                u64::from(short(0x1C, 0x32))
            },
            bitmap_checksum: short(0x18, 0x38),
            checksum_ok: checksum_is_right(superblock, group, bytes),
            flags,
            has_wide_checksum: wide,
        }
    }

    /// The block bitmap was never written: only the group's own blocks are used.
    pub(super) fn is_block_uninit(&self) -> bool {
        self.flags & FLAG_BLOCK_UNINIT != 0
    }

    /// No inode of the group was ever used.
    pub(super) fn is_inode_uninit(&self) -> bool {
        self.flags & FLAG_INODE_UNINIT != 0
    }

    /// Whether a bitmap has the checksum that stands here.
    pub(super) fn matches_bitmap(&self, superblock: &Superblock, bitmap: &[u8]) -> bool {
        if !superblock.has_metadata_checksums() {
            return true;
        }
        let length = usize::try_from(superblock.clusters_per_group / 8).unwrap_or(usize::MAX);
        let Some(counted) = bitmap.get(..length) else {
            return false;
        };
        let checksum = crc32c(superblock.checksum_seed, counted);
        if self.has_wide_checksum {
            checksum == self.bitmap_checksum
        } else {
            checksum & 0xFFFF == self.bitmap_checksum
        }
    }

    /// Bitmaps and inode table, as far as they lie in the filesystem; `None` if one does not.
    pub(super) fn own_blocks(&self, superblock: &Superblock) -> Option<[Range<u64>; 3]> {
        let table_blocks =
            (superblock.inodes_per_group * superblock.inode_bytes).div_ceil(superblock.block_bytes);
        let places = [
            (self.block_bitmap, 1),
            (self.inode_bitmap, 1),
            (self.inode_table, table_blocks),
        ];
        let inside = places
            .iter()
            .all(|(first, count)| *first > 0 && superblock.has_blocks(*first, *count));
        inside.then(|| places.map(|(first, count)| first..first + count))
    }
}

impl Reader<'_> {
    /// Reads the descriptor of a group.
    pub(super) fn descriptor(&self, group: u64) -> Result<Descriptor, String> {
        let superblock = &self.superblock;
        let per_block = descriptors_per_block(superblock);
        let block = self.read_block(descriptor_block(superblock, group / per_block))?;
        let start = usize::try_from(group % per_block).unwrap_or(0) * superblock.descriptor_bytes;
        let bytes = block
            .get(start..start + superblock.descriptor_bytes)
            .ok_or("a descriptor beyond its block")?;
        Ok(Descriptor::parse(superblock, group, bytes))
    }
}

/// The blocks at the beginning of a group that hold superblock and descriptors, primary or backup, with those reserved for
/// growing.
pub(super) fn base_blocks(superblock: &Superblock, group: u64) -> Range<u64> {
    let start = if group == 0 {
        superblock.own_block()
    } else {
        superblock.group_start(group)
    };
    let has_backup = has_superblock(superblock, group);
    let meta = superblock.incompat & INCOMPAT_META_BG != 0;
    let per_block = descriptors_per_block(superblock);
    let meta_group = group / per_block;
    let mut count = u64::from(has_backup);
    if !meta || meta_group < superblock.first_meta_group {
        if has_backup {
            let all = superblock.group_count.div_ceil(per_block);
            let own = if meta {
                superblock.first_meta_group.min(all)
            } else {
                all
            };
            count += own + superblock.reserved_descriptor_blocks;
        }
    } else if group % per_block <= 1 || group % per_block == per_block - 1 {
        count += 1;
    }
    let end = superblock.group_end(group);
    start.min(end)..start.saturating_add(count).min(end)
}

fn descriptors_per_block(superblock: &Superblock) -> u64 {
    (superblock.block_bytes / superblock.descriptor_bytes as u64).max(1)
}

/// Where block `index` of the descriptors is.
fn descriptor_block(superblock: &Superblock, index: u64) -> u64 {
    if superblock.incompat & INCOMPAT_META_BG == 0 || index < superblock.first_meta_group {
        return superblock.own_block() + 1 + index;
    }
    let group = descriptors_per_block(superblock) * index;
    let mut after = u64::from(has_superblock(superblock, group));
    if superblock.block_bytes == 1024 && group == 0 && superblock.first_data_block == 0 {
        after += 1;
    }
    superblock.group_start(group) + after
}

fn has_superblock(superblock: &Superblock, group: u64) -> bool {
    let power_of = |base: u64| {
        let mut power = base;
        while power < group {
            power *= base;
        }
        power == group
    };
    if group == 0 {
        true
    } else if superblock.compat & COMPAT_SPARSE_SUPER2 != 0 {
        superblock
            .backup_groups
            .iter()
            .any(|backup| u64::from(*backup) == group)
    } else if group == 1 || superblock.ro_compat & RO_COMPAT_SPARSE_SUPER == 0 {
        true
    } else {
        power_of(3) || power_of(5) || power_of(7)
    }
}

fn checksum_is_right(superblock: &Superblock, group: u64, bytes: &[u8]) -> bool {
    let stored = field::le16(bytes, CHECKSUM_OFFSET);
    let number = u32::try_from(group).unwrap_or(u32::MAX).to_le_bytes();
    let (before, after) = (&bytes[..CHECKSUM_OFFSET], &bytes[CHECKSUM_OFFSET + 2..]);
    if superblock.has_metadata_checksums() {
        let mut crc = crc32c(crc32c(superblock.checksum_seed, &number), before);
        crc = crc32c(crc32c(crc, &[0, 0]), after);
        crc & 0xFFFF == u32::from(stored)
    } else if superblock.has_descriptor_checksums() {
        let crc = crc16(crc16(crc16(!0, &superblock.uuid), &number), before);
        crc16(crc, after) == stored
    } else {
        true
    }
}
