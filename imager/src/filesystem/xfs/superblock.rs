//! Superblock of XFS, and the geometry that follows from it.
//!
//! ```text
//! big-endian, at the beginning of every allocation group (Linux fs/xfs/libxfs/xfs_format.h, struct xfs_dsb)
//! offset size  meaning                                offset size  meaning
//!      0    4  "XFSB"                                    120    1  log2 of the block size
//!      4    4  block size                                121    1  log2 of the sector size
//!      8    8  blocks                                    122    1  log2 of the inode size
//!     16    8  blocks of the realtime section            124    1  log2 of blocks in a group, rounded up
//!     24    8  extents of the realtime section           126    1  1 while mkfs is at work
//!     32   16  UUID                                      200    4  features of version 4, continued
//!     48    8  first block of the log, 0: elsewhere      192    1  log2 of blocks in a directory block
//!     56    8  inode of the root directory               208    4  v5: compatible features
//!                                                        212    4  v5: features incompatible for writing
//!     84    4  blocks in a group                         216    4  v5: incompatible features
//!     88    4  groups                                    220    4  v5: incompatible features of the log
//!     96    4  blocks of the log                         224    4  v5: CRC-32C of the sector, little-endian
//!    100    2  version 4 or 5, and features of 4         248   16  v5: UUID in metadata, if META_UUID
//!    102    2  sector size
//!    104    2  inode size
//!    108   12  label
//! ```

use crate::filesystem::{
    checksum::{agrees, crc32c},
    volume::field,
};

/// Most bytes that the superblock's sector can have.
pub(super) const SECTOR_MAX: u64 = 32 << 10;
/// Most allocation groups that are believed: 1 PiB of groups of 1 GiB.
const GROUPS_MAX: u64 = 1 << 20;
const CHECKSUM_OFFSET: usize = 224;

/// ATTR, NLINK, QUOTA, ALIGN, DALIGN, LOGV2, SECTOR, EXTFLG, DIRV2, BORG, MOREBITS.
const VERSION_KNOWN: u16 =
    0x000F | 0x10 | 0x20 | 0x40 | 0x80 | 0x100 | 0x400 | 0x800 | 0x1000 | 0x2000 | 0x4000 | 0x8000;
const VERSION_DIRECTORIES_2: u16 = 0x2000;
const VERSION_IGNORES_CASE: u16 = 0x4000;
const VERSION_MORE: u16 = 0x8000;
/// LAZYSBCOUNT, ATTR2, PARENT, PROJID32, CRC, FTYPE.
const FEATURES2_KNOWN: u32 = 0x2 | 0x8 | 0x10 | 0x80 | 0x100 | 0x200;
const FEATURES2_FTYPE: u32 = 0x200;
/// FTYPE, SPINODES, META_UUID, BIGTIME, NREXT64, EXCHRANGE, PARENT. NEEDSREPAIR, METADIR and ZONED are not among them.
const INCOMPAT_KNOWN: u32 = 0x1 | 0x2 | 0x4 | 0x8 | 0x20 | 0x40 | 0x80;
const INCOMPAT_FTYPE: u32 = 0x1;
const INCOMPAT_SPARSE_INODES: u32 = 0x2;
const INCOMPAT_META_UUID: u32 = 0x4;
const INCOMPAT_NEEDS_REPAIR: u32 = 0x10;
/// FINOBT, RMAPBT, REFLINK, INOBTCNT.
const RO_COMPAT_KNOWN: u32 = 0x1 | 0x2 | 0x4 | 0x8;
/// XATTRS.
const LOG_INCOMPAT_KNOWN: u32 = 0x1;

/// A checked superblock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Superblock {
    pub block_bytes: u64,
    pub sector_bytes: u64,
    pub block_count: u64,
    pub group_blocks: u64,
    pub group_count: u64,
    /// Bits of a block number that count blocks within a group.
    pub group_shift: u32,
    pub inode_bytes: u64,
    pub is_version_5: bool,
    pub has_sparse_inodes: bool,
    /// Directory entries carry the kind of what they name.
    pub has_file_types: bool,
    /// Names of ASCII that differ in case only are one name.
    pub ignores_case: bool,
    pub root_inode: u64,
    pub directory_block_bytes: u64,
    pub log_start_block: u64,
    pub log_bytes: u64,
    /// As people know it.
    pub uuid: [u8; 16],
    /// As metadata carries it.
    pub metadata_uuid: [u8; 16],
    pub label: Option<String>,
}

impl Superblock {
    /// Parses and checks it; the error says in words why the filesystem cannot be mapped. The bytes are those of at least
    /// the sector it stands in.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() < 512 || !bytes.starts_with(b"XFSB") {
            return Err("no superblock".into());
        }
        let version = field::be16(bytes, 100);
        let is_version_5 = match version & 0xF {
            4 => false,
            5 => true,
            other => return Err(format!("version {other} is not known")),
        };
        let sector_bytes = u64::from(field::be16(bytes, 102));
        let block_bytes = u64::from(field::be32(bytes, 4));
        let inode_bytes = u64::from(field::be16(bytes, 104));
        let power = |value: u64, shift: u8, least: u64, most: u64| {
            value.is_power_of_two()
                && (least..=most).contains(&value)
                && value.trailing_zeros() == u32::from(shift)
        };
        if !power(sector_bytes, bytes[121], 512, SECTOR_MAX)
            || !power(block_bytes, bytes[120], sector_bytes.max(512), 64 << 10)
            || !power(inode_bytes, bytes[122], 256, block_bytes.min(2048))
        {
            return Err(format!(
                "sectors of {sector_bytes}, blocks of {block_bytes} and inodes of {inode_bytes} bytes"
            ));
        }
        if is_version_5 {
            let sector = usize::try_from(sector_bytes).unwrap_or(usize::MAX);
            let sector = bytes.get(..sector).ok_or("the superblock is cut short")?;
            if !has_checksum(sector, CHECKSUM_OFFSET) {
                return Err("the superblock's checksum is wrong".into());
            }
        }
        let features = Features::read(bytes, is_version_5, version);
        features.check()?;
        if field::be64(bytes, 16) != 0 || field::be64(bytes, 24) != 0 {
            return Err("it has a realtime section on another device".into());
        }
        if bytes[126] != 0 {
            return Err("it was never completely made".into());
        }
        let block_count = field::be64(bytes, 8);
        let group_blocks = u64::from(field::be32(bytes, 84));
        let group_count = u64::from(field::be32(bytes, 88));
        let group_shift = u32::from(bytes[124]);
        let whole_groups = group_count.saturating_sub(1) * group_blocks;
        if group_count == 0
            || group_count > GROUPS_MAX
            || group_blocks * block_bytes < 4 * sector_bytes.max(block_bytes)
            || group_shift > 31
            || group_blocks > 1 << group_shift
            || block_count <= whole_groups
            || block_count - whole_groups > group_blocks
            || block_count.checked_mul(block_bytes).is_none()
        {
            return Err(format!(
                "{block_count} blocks in {group_count} groups of {group_blocks}"
            ));
        }
        let log_start_block = field::be64(bytes, 48);
        if log_start_block == 0 {
            return Err("its log is on another device".into());
        }
        let directory_shift = bytes[192];
        if directory_shift > 7 || block_bytes << directory_shift > 64 << 10 {
            return Err(format!(
                "directory blocks of {block_bytes} << {directory_shift} bytes"
            ));
        }
        let uuid_at = |at: usize| -> Result<[u8; 16], String> {
            let bytes = bytes.get(at..at + 16).ok_or("no UUID")?;
            bytes.try_into().map_err(|_| "no UUID".into())
        };
        let own_metadata_uuid = is_version_5 && features.incompat & INCOMPAT_META_UUID != 0;
        Ok(Self {
            block_bytes,
            sector_bytes,
            block_count,
            group_blocks,
            group_count,
            group_shift,
            inode_bytes,
            is_version_5,
            has_sparse_inodes: features.incompat & INCOMPAT_SPARSE_INODES != 0,
            has_file_types: features.incompat & INCOMPAT_FTYPE != 0
                || features.features2 & FEATURES2_FTYPE != 0,
            ignores_case: version & VERSION_IGNORES_CASE != 0,
            root_inode: field::be64(bytes, 56),
            directory_block_bytes: block_bytes << directory_shift,
            log_start_block,
            log_bytes: u64::from(field::be32(bytes, 96)) * block_bytes,
            uuid: uuid_at(32)?,
            metadata_uuid: uuid_at(if own_metadata_uuid { 248 } else { 32 })?,
            label: field::text(&bytes[108..120]),
        })
    }

    /// Length of the filesystem.
    pub(super) fn total_bytes(&self) -> u64 {
        self.block_count.saturating_mul(self.block_bytes)
    }

    /// Blocks of a group; the last one may be short.
    pub(super) fn group_length(&self, group: u64) -> u64 {
        self.group_blocks
            .min(self.block_count.saturating_sub(group * self.group_blocks))
    }

    /// Where an inode lies, in bytes of the partition; `None` if there can be no such inode.
    pub(super) fn inode_place(&self, number: u64) -> Option<u64> {
        let per_block = self.block_bytes / self.inode_bytes;
        let bits = self.group_shift + per_block.trailing_zeros();
        let (group, in_group) = (number >> bits, number & ((1 << bits) - 1));
        let block = self.place_in_group(group, in_group / per_block)?;
        Some(block + in_group % per_block * self.inode_bytes)
    }

    /// The number of an inode of a group.
    pub(super) fn inode_number(&self, group: u64, in_group: u64) -> u64 {
        let per_block = self.block_bytes / self.inode_bytes;
        group << (self.group_shift + per_block.trailing_zeros()) | in_group
    }

    /// Where a block of a group lies, in bytes of the partition; `None` if there is no such block.
    pub(super) fn place_in_group(&self, group: u64, block: u64) -> Option<u64> {
        let exists = group < self.group_count && block < self.group_length(group);
        exists.then(|| (group * self.group_blocks + block) * self.block_bytes)
    }

    /// Where `count` blocks from a block number of the whole filesystem lie, in bytes of the partition; `None` if not all
    /// of them exist in one group.
    pub(super) fn place(&self, block: u64, count: u64) -> Option<u64> {
        let (group, first) = (block >> self.group_shift, block & ((1 << self.group_shift) - 1));
        let last = first.checked_add(count.checked_sub(1)?)?;
        self.place_in_group(group, last)?;
        self.place_in_group(group, first)
    }
}

/// Feature bits of both versions.
struct Features {
    version: u16,
    features2: u32,
    ro_compat: u32,
    incompat: u32,
    log_incompat: u32,
}

impl Features {
    fn read(bytes: &[u8], is_version_5: bool, version: u16) -> Self {
        let more = version & VERSION_MORE != 0;
        let of_5 = |at| if is_version_5 { field::be32(bytes, at) } else { 0 };
        Self {
            version,
            features2: if more { field::be32(bytes, 200) } else { 0 },
            ro_compat: of_5(212),
            incompat: of_5(216),
            log_incompat: of_5(220),
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.incompat & INCOMPAT_NEEDS_REPAIR != 0 {
            return Err("it is marked as in need of repair: run xfs_repair to have it mapped".into());
        }
        if self.version & VERSION_DIRECTORIES_2 == 0 {
            return Err("its directories are of version 1".into());
        }
        let unknown = [
            ("version bits", u32::from(self.version & !VERSION_KNOWN)),
            ("feature bits", self.features2 & !FEATURES2_KNOWN),
            ("incompatible feature bits", self.incompat & !INCOMPAT_KNOWN),
            (
                "feature bits (incompatible for writing)",
                self.ro_compat & !RO_COMPAT_KNOWN,
            ),
            ("feature bits of the log", self.log_incompat & !LOG_INCOMPAT_KNOWN),
        ];
        match unknown.into_iter().find(|(_, bits)| *bits != 0) {
            Some((name, bits)) => Err(format!("{name} {bits:#x} are not known")),
            None => Ok(()),
        }
    }
}

/// Whether a structure carries its CRC-32C, little-endian, at `at`, counted with that field as zero.
pub(super) fn has_checksum(bytes: &[u8], at: usize) -> bool {
    let (Some(before), Some(after)) = (bytes.get(..at), bytes.get(at + 4..)) else {
        return false;
    };
    let crc = crc32c(crc32c(crc32c(!0, before), &[0; 4]), after);
    agrees(!crc, field::le32(bytes, at))
}
