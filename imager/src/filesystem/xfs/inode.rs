//! Inodes, and which blocks a file has.
//!
//! ```text
//! Inode, big-endian (Linux fs/xfs/libxfs/xfs_format.h, struct xfs_dinode)
//! offset size  meaning
//!      0    2  "IN"
//!      2    2  mode; upper four bits 8 = regular file
//!      4    1  version: 2, or 3 in a filesystem of version 5
//!      5    1  where its data is: 1 in the inode, 2 extents, 3 tree
//!     16    4  links
//!     24    8  extents, if flag NREXT64
//!      8    8  owner u32, group u32
//!     40    8  last change: seconds i32, nanoseconds u32; if flag BIGTIME: nanoseconds u64 since 1901-12-13 20:45:52
//!     56    8  length in bytes
//!     76    4  extents
//!     82    1  where the attributes begin, in units of 8 bytes from the fork; 0: nowhere
//!    100    4  version 3: CRC-32C, little-endian
//!    120    8  version 3: flags: 0x8 BIGTIME, 0x10 NREXT64
//!    144    8  version 3: made, as the last change
//!    152    8  version 3: own number
//! 100/176      data fork
//!
//! Extent, 16 bytes, bits counted from the most significant
//!      0       1 = allocated, never written
//!   1-54       block of the file
//!  55-106      block
//! 107-127      count
//!
//! Root of a tree in the fork: level u16, entries u16, keys u64, and behind the room for all keys: blocks u64
//! Block of a tree, long form: kind "BMAP" "BMA3" 0, level u16 4, entries u16 6, neighbours 8;
//!   version 5: own place 24, owner 56, CRC-32C 64; from 24 or 72 on as in the root, leaves have extents
//! ```

use super::{Superblock, superblock::has_checksum};
use crate::filesystem::{Volume, volume::field};
use std::ops::ControlFlow;

const FLAG_BIG_TIME: u64 = 0x8;
/// Seconds from the beginning of big time to 1970.
const BIG_TIME_SECONDS: i64 = 1 << 31;
const FLAG_MANY_EXTENTS: u64 = 0x10;
const LEVELS_MAX: u16 = 12;

/// What is needed of an inode.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub number: u64,
    pub is_regular: bool,
    pub links: u32,
    pub mode: u16,
    pub owner: (u32, u32),
    pub length_bytes: u64,
    pub modified_unix_ms: i64,
    pub created_unix_ms: Option<i64>,
    format: u8,
    extents: u64,
    fork: Vec<u8>,
}

/// Blocks of a file that lie in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockRun {
    pub logical: u64,
    /// In bytes of the partition.
    pub place: u64,
    pub count: u64,
    /// Allocated but never written: reads as zeros.
    pub unwritten: bool,
}

/// How many tree blocks may still be read.
pub(super) struct Budget(pub u64);

type Flow = Result<ControlFlow<()>, String>;
type Visit<'a> = &'a mut dyn FnMut(BlockRun) -> ControlFlow<()>;

impl Inode {
    /// Parses an inode; `None` if it is none, or damaged.
    pub(super) fn parse(superblock: &Superblock, number: u64, bytes: &[u8]) -> Option<Self> {
        let version = *bytes.get(4)?;
        let start = if version == 3 { 176 } else { 100 };
        let is_right = !superblock.is_version_5
            || version == 3 && field::be64(bytes, 152) == number && has_checksum(bytes, 100);
        if !bytes.starts_with(b"IN") || !is_right {
            return None;
        }
        let big_time = version == 3 && field::be64(bytes, 120) & FLAG_BIG_TIME != 0;
        let time = |at: usize| {
            let whole = field::be64(bytes, at);
            if big_time {
                return i64::try_from(whole / 1_000_000).unwrap_or(i64::MAX) - BIG_TIME_SECONDS * 1000;
            }
            let seconds = i64::from(field::be32(bytes, at).cast_signed());
            seconds * 1000 + i64::from(field::be32(bytes, at + 4) / 1_000_000)
        };
        let many = version == 3 && field::be64(bytes, 120) & FLAG_MANY_EXTENTS != 0;
        let end = match bytes[82] {
            0 => bytes.len(),
            units => start + 8 * usize::from(units),
        };
        Some(Self {
            number,
            is_regular: field::be16(bytes, 2) & 0xF000 == 0x8000,
            links: field::be32(bytes, 16),
            mode: field::be16(bytes, 2),
            owner: (field::be32(bytes, 8), field::be32(bytes, 12)),
            length_bytes: field::be64(bytes, 56),
            modified_unix_ms: time(40),
            created_unix_ms: (version == 3).then(|| time(144)),
            format: bytes[5],
            extents: if many {
                field::be64(bytes, 24)
            } else {
                u64::from(field::be32(bytes, 76))
            },
            fork: bytes.get(start..end)?.to_vec(),
        })
    }

    /// What is kept in the inode itself, if it is.
    pub(super) fn own_data(&self) -> Option<&[u8]> {
        (self.format == 1).then_some(self.fork.as_slice())
    }

    /// Visits its blocks in file order. A run that names blocks outside the filesystem is an error.
    pub(super) fn walk_blocks(
        &self,
        volume: &Volume<'_>,
        superblock: &Superblock,
        budget: &mut Budget,
        visit: Visit<'_>,
    ) -> Flow {
        let mut walk = Walk {
            volume,
            superblock,
            owner: self.number,
            budget,
            visit,
        };
        match self.format {
            2 => {
                let extents = usize::try_from(self.extents).unwrap_or(usize::MAX);
                walk.leaf(&self.fork, extents)
            }
            3 => {
                let (level, entries) = (field::be16(&self.fork, 0), field::be16(&self.fork, 2));
                if level == 0 || level > LEVELS_MAX {
                    return Err(format!("an extent tree of {level} levels"));
                }
                walk.node(self.fork.get(4..).unwrap_or_default(), entries, level)
            }
            _ => Ok(ControlFlow::Continue(())),
        }
    }
}

struct Walk<'a, 'b> {
    volume: &'a Volume<'a>,
    superblock: &'a Superblock,
    owner: u64,
    budget: &'b mut Budget,
    visit: Visit<'b>,
}

impl Walk<'_, '_> {
    fn leaf(&mut self, bytes: &[u8], entries: usize) -> Flow {
        if entries > bytes.len() / 16 {
            return Err("more extents than there is room for".into());
        }
        for entry in bytes.chunks_exact(16).take(entries) {
            let (high, low) = (field::be64(entry, 0), field::be64(entry, 8));
            let count = low & 0x1F_FFFF;
            let block = (high & 0x1FF) << 43 | low >> 21;
            let place = self
                .superblock
                .place(block, count)
                .ok_or("an extent outside the filesystem")?;
            let run = BlockRun {
                logical: high >> 9 & ((1 << 54) - 1),
                place,
                count,
                unwritten: high >> 63 == 1,
            };
            if (self.visit)(run).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn node(&mut self, body: &[u8], entries: u16, level: u16) -> Flow {
        let (room, entries) = (body.len() / 16, usize::from(entries));
        if entries > room {
            return Err("more entries than there is room for".into());
        }
        for index in 0..entries {
            let block = field::be64(body, 8 * (room + index));
            if self.child(block, level - 1)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn child(&mut self, block: u64, level: u16) -> Flow {
        self.budget.0 = self
            .budget
            .0
            .checked_sub(1)
            .ok_or("more tree blocks than can be")?;
        let superblock = self.superblock;
        let place = superblock
            .place(block, 1)
            .ok_or("a tree block outside the filesystem")?;
        let length = usize::try_from(superblock.block_bytes).map_err(|_| "block size")?;
        let bytes = self.volume.read(place, length)?;
        let (magic, head): (&[u8], usize) = if superblock.is_version_5 {
            (b"BMA3", 72)
        } else {
            (b"BMAP", 24)
        };
        let is_own = field::be64(&bytes, 56) == self.owner && has_checksum(&bytes, 64);
        let is_right = bytes.starts_with(magic) && field::be16(&bytes, 4) == level;
        if !is_right || superblock.is_version_5 && !is_own {
            return Err("a damaged tree block".into());
        }
        let entries = field::be16(&bytes, 6);
        match level {
            0 => self.leaf(&bytes[head..], usize::from(entries)),
            _ => self.node(&bytes[head..], entries, level),
        }
    }
}
