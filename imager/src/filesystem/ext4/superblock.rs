//! Superblock of ext2, ext3 and ext4.
//!
//! ```text
//! 1024 bytes at byte 1024, little-endian (Linux Documentation/filesystems/ext4/super.rst)
//! offset size  meaning                              offset size  meaning
//!   0x00    4  inodes                                 0x68   16  UUID
//!   0x04    4  blocks, lower half                     0x78   16  label
//!   0x14    4  first data block (1 for 1 KiB blocks)  0xCE    2  reserved descriptor blocks
//!   0x18    4  block size = 1024 << n                 0xD0   16  UUID of the journal
//!   0x1C    4  cluster size = 1024 << n               0xE0    4  inode of the journal
//!   0x20    4  blocks per group                       0xE4    4  device of an external journal
//!   0x24    4  clusters per group                     0xFE    2  descriptor size (64BIT)
//!   0x28    4  inodes per group                      0x104    4  first meta block group
//!   0x38    2  0xEF53                                0x150    4  blocks, upper half
//!   0x3A    2  state: 1 clean, 2 errors              0x175    1  checksum type: 1 CRC-32C
//!   0x4C    4  revision                              0x24C    8  groups with a backup (SPARSE_SUPER2)
//!   0x54    4  first inode that is not reserved      0x270    4  checksum seed (CSUM_SEED)
//!   0x58    2  inode size                            0x3FC    4  CRC-32C of all before
//!   0x5C    4  compatible features
//!   0x60    4  incompatible features
//!   0x64    4  features incompatible for writing
//! ```

use super::checksum::crc32c;
use crate::filesystem::volume::field;

/// Where the superblock is.
pub(super) const OFFSET: u64 = 1024;
/// Its length.
pub(super) const LENGTH: usize = 1024;

/// Most block groups that are believed: 256 TiB of groups of 128 MiB.
const GROUPS_MAX: u64 = 1 << 21;

pub(super) const COMPAT_HAS_JOURNAL: u32 = 0x4;
pub(super) const COMPAT_SPARSE_SUPER2: u32 = 0x200;
pub(super) const COMPAT_FAST_COMMIT: u32 = 0x400;
pub(super) const INCOMPAT_RECOVER: u32 = 0x4;
pub(super) const INCOMPAT_META_BG: u32 = 0x10;
pub(super) const INCOMPAT_64BIT: u32 = 0x80;
pub(super) const INCOMPAT_CSUM_SEED: u32 = 0x2000;
pub(super) const RO_COMPAT_SPARSE_SUPER: u32 = 0x1;
pub(super) const RO_COMPAT_GDT_CSUM: u32 = 0x10;
pub(super) const RO_COMPAT_BIGALLOC: u32 = 0x200;
pub(super) const RO_COMPAT_METADATA_CSUM: u32 = 0x400;

/// FILETYPE, RECOVER, META_BG, EXTENTS, 64BIT, MMP, FLEX_BG, EA_INODE, CSUM_SEED, LARGEDIR, INLINE_DATA, ENCRYPT, CASEFOLD:
/// none of the others says anything that this reader knows.
const INCOMPAT_KNOWN: u32 =
    0x2 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000 | 0x8000 | 0x1_0000 | 0x2_0000;
/// SPARSE_SUPER, LARGE_FILE, BTREE_DIR, HUGE_FILE, GDT_CSUM, DIR_NLINK, EXTRA_ISIZE, QUOTA, BIGALLOC, METADATA_CSUM, READONLY,
/// PROJECT, VERITY, ORPHAN_PRESENT.
const RO_COMPAT_KNOWN: u32 =
    0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x100 | 0x200 | 0x400 | 0x1000 | 0x2000 | 0x8000 | 0x1_0000;
/// LAZY_BG, EXCLUDE_INODE and EXCLUDE_BITMAP: experiments whose bitmaps mean something else.
const COMPAT_UNKNOWN: u32 = 0x40 | 0x80 | 0x100;

/// A checked superblock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Superblock {
    pub block_count: u64,
    pub first_data_block: u64,
    pub block_bytes: u64,
    /// Blocks per cluster; 1 without BIGALLOC.
    pub cluster_blocks: u64,
    pub blocks_per_group: u64,
    pub clusters_per_group: u64,
    pub group_count: u64,
    pub inodes_per_group: u64,
    pub inode_bytes: u64,
    pub first_inode: u64,
    pub descriptor_bytes: usize,
    pub reserved_descriptor_blocks: u64,
    pub first_meta_group: u64,
    pub backup_groups: [u32; 2],
    pub compat: u32,
    pub incompat: u32,
    pub ro_compat: u32,
    pub state: u16,
    pub uuid: [u8; 16],
    pub label: Option<String>,
    pub journal_inode: u64,
    pub checksum_seed: u32,
}

impl Superblock {
    /// Parses and checks it; the error says in words why the filesystem cannot be mapped.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() != LENGTH || field::le16(bytes, 0x38) != 0xEF53 {
            return Err("no superblock".into());
        }
        let dynamic = field::le32(bytes, 0x4C) >= 1;
        let feature = |at| if dynamic { field::le32(bytes, at) } else { 0 };
        let (compat, incompat, ro_compat) = (feature(0x5C), feature(0x60), feature(0x64));
        check_features(compat, incompat, ro_compat)?;
        if ro_compat & RO_COMPAT_METADATA_CSUM != 0 {
            if bytes[0x175] != 1 {
                return Err(format!("checksum type {} is not known", bytes[0x175]));
            }
            if crc32c(!0, &bytes[..0x3FC]) != field::le32(bytes, 0x3FC) {
                return Err("the superblock's checksum is wrong".into());
            }
        }
        let uuid: [u8; 16] = bytes[0x68..0x78].try_into().map_err(|_| "no UUID")?;

        let block_shift = field::le32(bytes, 0x18);
        if block_shift > 6 {
            return Err(format!("block size 1024 << {block_shift}"));
        }
        let block_bytes = 1024u64 << block_shift;
        let bigalloc = ro_compat & RO_COMPAT_BIGALLOC != 0;
        let cluster_shift = if bigalloc {
            field::le32(bytes, 0x1C)
        } else {
            block_shift
        };
        if cluster_shift < block_shift || cluster_shift > 20 {
            return Err(format!("cluster size 1024 << {cluster_shift}"));
        }
        let cluster_blocks = 1u64 << (cluster_shift - block_shift);
        let blocks_per_group = u64::from(field::le32(bytes, 0x20));
        let clusters_per_group = if bigalloc {
            u64::from(field::le32(bytes, 0x24))
        } else {
            blocks_per_group
        };
        if clusters_per_group.checked_mul(cluster_blocks) != Some(blocks_per_group)
            || clusters_per_group == 0
            || clusters_per_group % 8 != 0
            || clusters_per_group > 8 * block_bytes
        {
            return Err(format!(
                "{clusters_per_group} clusters and {blocks_per_group} blocks in a group"
            ));
        }
        let high = if incompat & INCOMPAT_64BIT != 0 {
            u64::from(field::le32(bytes, 0x150)) << 32
        } else {
            0
        };
        let block_count = high | u64::from(field::le32(bytes, 0x04));
        let first_data_block = u64::from(field::le32(bytes, 0x14));
        if first_data_block > 1
            || block_count <= first_data_block
            || (block_bytes > 1024 && first_data_block != 0)
        {
            return Err(format!("{block_count} blocks from block {first_data_block}"));
        }
        if block_count.checked_mul(block_bytes).is_none() {
            return Err(format!("{block_count} blocks are more than a disk can have"));
        }
        let group_count = (block_count - first_data_block).div_ceil(blocks_per_group);
        if group_count > GROUPS_MAX {
            return Err(format!(
                "{group_count} block groups are more than this reader follows"
            ));
        }
        let inodes_per_group = u64::from(field::le32(bytes, 0x28));
        let inode_bytes = if dynamic {
            u64::from(field::le16(bytes, 0x58))
        } else {
            128
        };
        if inodes_per_group == 0 || inodes_per_group > 8 * block_bytes {
            return Err(format!("{inodes_per_group} inodes in a group"));
        }
        if inode_bytes < 128 || inode_bytes > block_bytes || !inode_bytes.is_power_of_two() {
            return Err(format!("inodes of {inode_bytes} bytes"));
        }
        let descriptor_bytes = if incompat & INCOMPAT_64BIT != 0 {
            usize::from(field::le16(bytes, 0xFE))
        } else {
            32
        };
        if !(32..=1024).contains(&descriptor_bytes) || !descriptor_bytes.is_power_of_two() {
            return Err(format!("descriptors of {descriptor_bytes} bytes"));
        }
        let seeded = incompat & INCOMPAT_CSUM_SEED != 0;
        Ok(Self {
            block_count,
            first_data_block,
            block_bytes,
            cluster_blocks,
            blocks_per_group,
            clusters_per_group,
            group_count,
            inodes_per_group,
            inode_bytes,
            first_inode: if dynamic {
                u64::from(field::le32(bytes, 0x54))
            } else {
                11
            },
            descriptor_bytes,
            reserved_descriptor_blocks: u64::from(field::le16(bytes, 0xCE)),
            first_meta_group: u64::from(field::le32(bytes, 0x104)),
            backup_groups: [field::le32(bytes, 0x24C), field::le32(bytes, 0x250)],
            compat,
            incompat,
            ro_compat,
            state: field::le16(bytes, 0x3A),
            uuid,
            label: field::text(&bytes[0x78..0x88]),
            journal_inode: u64::from(field::le32(bytes, 0xE0)),
            checksum_seed: if seeded {
                field::le32(bytes, 0x270)
            } else {
                crc32c(!0, &uuid)
            },
        })
    }

    /// Whether descriptors carry a checksum, and with it flags that mean something.
    pub(super) fn has_descriptor_checksums(&self) -> bool {
        self.ro_compat & (RO_COMPAT_GDT_CSUM | RO_COMPAT_METADATA_CSUM) != 0
    }

    /// Whether metadata blocks carry a CRC-32C.
    pub(super) fn has_metadata_checksums(&self) -> bool {
        self.ro_compat & RO_COMPAT_METADATA_CSUM != 0
    }

    /// Whether the geometry is the same: what may not change while a journal is waiting to be replayed.
    pub(super) fn has_geometry_of(&self, other: &Self) -> bool {
        let geometry = |own: &Self| {
            (
                (
                    own.block_count,
                    own.first_data_block,
                    own.block_bytes,
                    own.cluster_blocks,
                ),
                (
                    own.blocks_per_group,
                    own.inodes_per_group,
                    own.inode_bytes,
                    own.descriptor_bytes,
                ),
                (
                    own.reserved_descriptor_blocks,
                    own.first_meta_group,
                    own.backup_groups,
                ),
                (
                    own.incompat | INCOMPAT_RECOVER,
                    own.ro_compat & RO_COMPAT_BIGALLOC,
                ),
            )
        };
        geometry(self) == geometry(other)
    }

    /// Length of the filesystem.
    pub(super) fn total_bytes(&self) -> u64 {
        self.block_count.saturating_mul(self.block_bytes)
    }

    /// The block that holds the superblock.
    pub(super) fn own_block(&self) -> u64 {
        OFFSET / self.block_bytes
    }

    /// First block of a group.
    pub(super) fn group_start(&self, group: u64) -> u64 {
        self.first_data_block + group * self.blocks_per_group
    }

    /// The block behind a group; the last one may be short.
    pub(super) fn group_end(&self, group: u64) -> u64 {
        (self.group_start(group) + self.blocks_per_group).min(self.block_count)
    }

    /// Whether a block number names a block of this filesystem.
    pub(super) fn has_blocks(&self, first: u64, count: u64) -> bool {
        first >= self.first_data_block.max(self.own_block())
            && first
                .checked_add(count)
                .is_some_and(|end| end <= self.block_count)
    }
}

fn check_features(compat: u32, incompat: u32, ro_compat: u32) -> Result<(), String> {
    if incompat & 0x8 != 0 {
        return Err("it is the external journal of another filesystem".into());
    }
    let unknown_incompat = incompat & !INCOMPAT_KNOWN;
    if unknown_incompat != 0 {
        return Err(format!(
            "incompatible feature bits {unknown_incompat:#x} are not known"
        ));
    }
    let unknown_ro_compat = ro_compat & !RO_COMPAT_KNOWN;
    if unknown_ro_compat != 0 {
        return Err(format!(
            "feature bits {unknown_ro_compat:#x} (incompatible for writing) are not known"
        ));
    }
    let unknown_compat = compat & COMPAT_UNKNOWN;
    if unknown_compat != 0 {
        return Err(format!(
            "feature bits {unknown_compat:#x} change what the bitmaps mean"
        ));
    }
    Ok(())
}
