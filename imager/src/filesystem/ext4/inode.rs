//! Inodes, and which blocks a file has.
//!
//! ```text
//! Inode, little-endian (Linux Documentation/filesystems/ext4/inodes.rst)
//! offset size  meaning
//!   0x00    2  mode; upper four bits 8 = regular file
//!   0x04    4  length, lower half; upper half at 0x6C
//!   0x1A    2  links
//!   0x20    4  flags: 0x80000 EXTENTS, 0x10000000 INLINE_DATA
//!   0x28   60  block map: an extent node, or 12 blocks and three trees of blocks
//!   0x02    2  owner, 0x18  2  group; upper halves at 0x78 and 0x7A
//!   0x10    4  last change, seconds since 1970, signed
//!   0x80    2  bytes of the fields from here on
//!   0x88    4  last change: bits 0-1 above the seconds' 32, bits 2-31 nanoseconds; 0x90 · 0x94 the same when it was made
//!
//! Extent node (ifork.rst): header of 12 bytes, then entries of 12 bytes
//!   header  0xF30A · entries u16 · room u16 · depth u16 · generation u32
//!   leaf    logical u32 · length u16 (> 32768: unwritten) · upper 16 bits · lower 32 bits of the block
//!   index   logical u32 · lower 32 bits · upper 16 bits of the next node's block · unused u16
//! ```

use super::Reader;
use crate::filesystem::{NodeKind, volume::field};
use std::ops::ControlFlow;

const FLAG_EXTENTS: u32 = 0x8_0000;
const FLAG_INLINE_DATA: u32 = 0x1000_0000;
const EXTENT_MAGIC: u16 = 0xF30A;
const EXTENT_DEPTH_MAX: u16 = 5;

/// What is needed of an inode.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub is_regular: bool,
    pub links: u16,
    pub length_bytes: u64,
    flags: u32,
    map: [u8; 60],
}

/// Blocks of a file that lie in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockRun {
    pub logical: u64,
    pub physical: u64,
    pub count: u64,
    /// Allocated but never written: reads as zeros.
    pub unwritten: bool,
}

/// How many tree blocks may still be read: a hostile tree could name the same block again and again.
#[derive(Debug)]
pub(super) struct Budget(pub u64);

impl Budget {
    fn spend(&mut self) -> Result<(), String> {
        self.0 = self.0.checked_sub(1).ok_or("more tree blocks than can be")?;
        Ok(())
    }
}

type Visit<'a> = &'a mut dyn FnMut(BlockRun) -> ControlFlow<()>;
type Flow = Result<ControlFlow<()>, String>;

/// All bytes of an inode.
pub(super) struct RawInode(Vec<u8>);

impl RawInode {
    /// The inode, `None` if the bytes are too few.
    pub(super) fn parse(&self) -> Option<Inode> {
        Inode::parse(&self.0)
    }

    pub(super) fn mode(&self) -> u16 {
        field::le16(&self.0, 0)
    }

    pub(super) fn kind(&self) -> NodeKind {
        match self.mode() >> 12 {
            0x4 => NodeKind::Folder,
            0x8 => NodeKind::File,
            0xA => NodeKind::Link,
            _ => NodeKind::Special,
        }
    }

    /// Owner and group.
    pub(super) fn owner(&self) -> (u32, u32) {
        let join =
            |low, high| u32::from(field::le16(&self.0, high)) << 16 | u32::from(field::le16(&self.0, low));
        (join(0x02, 0x78), join(0x18, 0x7A))
    }

    /// Bytes of the fields behind the first 128.
    fn extra(&self) -> usize {
        if self.0.len() > 128 {
            usize::from(field::le16(&self.0, 0x80)).min(self.0.len() - 128)
        } else {
            0
        }
    }

    /// Whether the inode has its fields up to `end`.
    pub(super) fn has_extra(&self, end: usize) -> bool {
        128 + self.extra() >= end
    }

    /// A time in milliseconds since 1970, from its seconds and the field that extends them.
    pub(super) fn time(&self, seconds_at: usize, more_at: usize) -> i64 {
        let seconds = i64::from(field::le32(&self.0, seconds_at).cast_signed());
        if !self.has_extra(more_at + 4) {
            return seconds * 1000;
        }
        let more = field::le32(&self.0, more_at);
        (seconds + (i64::from(more & 3) << 32)) * 1000 + i64::from(more >> 2) / 1_000_000
    }

    /// The two parts of inline data.
    pub(super) fn inline_data(&self) -> Result<(Vec<u8>, Vec<u8>), String> {
        let first = self.0.get(0x28..0x64).ok_or("an inode cut short")?;
        Ok((first.to_vec(), super::tree::inline_rest(&self.0, self.extra())?))
    }
}

impl Inode {
    pub(super) fn is_inline(&self) -> bool {
        self.flags & FLAG_INLINE_DATA != 0
    }

    pub(super) fn flags(&self) -> u32 {
        self.flags
    }

    pub(super) fn map(&self) -> &[u8; 60] {
        &self.map
    }

    /// Parses an inode; `None` if the bytes are too few.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let map = bytes.get(0x28..0x64)?.try_into().ok()?;
        let mode = field::le16(bytes, 0);
        Some(Self {
            is_regular: mode & 0xF000 == 0x8000,
            links: field::le16(bytes, 0x1A),
            length_bytes: u64::from(field::le32(bytes, 0x6C)) << 32 | u64::from(field::le32(bytes, 0x04)),
            flags: field::le32(bytes, 0x20),
            map,
        })
    }
}

impl Reader<'_> {
    /// Reads an inode by its number.
    pub(super) fn inode(&self, number: u64) -> Result<Inode, String> {
        self.raw_inode(number)?
            .parse()
            .ok_or_else(|| format!("inode {number} beyond its block"))
    }

    /// Reads all bytes of an inode by its number.
    pub(super) fn raw_inode(&self, number: u64) -> Result<RawInode, String> {
        let superblock = &self.superblock;
        let index = number.checked_sub(1).ok_or("inode 0")?;
        let group = index / superblock.inodes_per_group;
        if group >= superblock.group_count {
            return Err(format!("inode {number} does not exist"));
        }
        let table = self.descriptor(group)?.inode_table;
        let offset = index % superblock.inodes_per_group * superblock.inode_bytes;
        let block = table
            .checked_add(offset / superblock.block_bytes)
            .ok_or("inode table beyond the disk")?;
        let bytes = self.read_block(block)?;
        let start = usize::try_from(offset % superblock.block_bytes).unwrap_or(usize::MAX);
        let length = usize::try_from(superblock.inode_bytes).unwrap_or(usize::MAX);
        start
            .checked_add(length)
            .and_then(|end| bytes.get(start..end))
            .map(|bytes| RawInode(bytes.to_vec()))
            .ok_or_else(|| format!("inode {number} beyond its block"))
    }

    /// Visits the blocks of a file in file order. Runs that name blocks outside the filesystem are an error.
    pub(super) fn walk_blocks(&self, inode: &Inode, budget: &mut Budget, visit: Visit<'_>) -> Flow {
        if inode.flags & FLAG_INLINE_DATA != 0 {
            return Ok(ControlFlow::Continue(()));
        }
        if inode.flags & FLAG_EXTENTS != 0 {
            return self.walk_extents(&inode.map, None, budget, visit);
        }
        let mut walk = IndirectWalk {
            reader: self,
            budget,
            visit,
            run: None,
            logical: 0,
            end: 0,
        };
        walk.end = inode.length_bytes.div_ceil(self.superblock.block_bytes);
        walk.walk(&inode.map)
    }

    fn walk_extents(&self, node: &[u8], depth: Option<u16>, budget: &mut Budget, visit: Visit<'_>) -> Flow {
        let (magic, entries, own_depth) = (field::le16(node, 0), field::le16(node, 2), field::le16(node, 6));
        let fits = 12 + 12 * usize::from(entries) <= node.len();
        if magic != EXTENT_MAGIC
            || !fits
            || own_depth > EXTENT_DEPTH_MAX
            || depth.is_some_and(|d| d != own_depth)
        {
            return Err("a damaged extent node".into());
        }
        for entry in node[12..].chunks_exact(12).take(usize::from(entries)) {
            if own_depth > 0 {
                let block = u64::from(field::le16(entry, 8)) << 32 | u64::from(field::le32(entry, 4));
                budget.spend()?;
                if !self.superblock.has_blocks(block, 1) {
                    return Err("an extent node outside the filesystem".into());
                }
                let child = self.read_block(block)?;
                if self
                    .walk_extents(&child, Some(own_depth - 1), budget, visit)?
                    .is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
                continue;
            }
            let length = u64::from(field::le16(entry, 4));
            let unwritten = length > 32768;
            let run = BlockRun {
                logical: u64::from(field::le32(entry, 0)),
                physical: u64::from(field::le16(entry, 6)) << 32 | u64::from(field::le32(entry, 8)),
                count: if unwritten { length - 32768 } else { length },
                unwritten,
            };
            if !self.superblock.has_blocks(run.physical, run.count) {
                return Err("an extent outside the filesystem".into());
            }
            if run.count > 0 && visit(run).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Walks the block map of ext2 and ext3: 12 blocks, then trees one, two and three levels deep.
struct IndirectWalk<'a, 'b> {
    reader: &'a Reader<'a>,
    budget: &'b mut Budget,
    visit: Visit<'b>,
    run: Option<BlockRun>,
    logical: u64,
    /// Blocks of the file; the walk ends there.
    end: u64,
}

impl IndirectWalk<'_, '_> {
    fn walk(&mut self, map: &[u8; 60]) -> Flow {
        for index in 0..15 {
            let level = u32::try_from(index).unwrap_or(0).saturating_sub(11);
            if self
                .step(u64::from(field::le32(map, 4 * index)), level)?
                .is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        match self.run.take() {
            Some(run) => Ok((self.visit)(run)),
            None => Ok(ControlFlow::Continue(())),
        }
    }

    fn step(&mut self, block: u64, level: u32) -> Flow {
        if self.logical >= self.end {
            return Ok(ControlFlow::Continue(()));
        }
        let pointers = self.reader.superblock.block_bytes / 4;
        if block == 0 {
            self.logical = self.logical.saturating_add(pointers.saturating_pow(level));
            return Ok(ControlFlow::Continue(()));
        }
        if !self.reader.superblock.has_blocks(block, 1) {
            return Err("a file's block outside the filesystem".into());
        }
        if level == 0 {
            let logical = self.logical;
            self.logical += 1;
            match &mut self.run {
                Some(run) if run.physical + run.count == block && run.logical + run.count == logical => {
                    run.count += 1
                }
                run => {
                    let begun = BlockRun {
                        logical,
                        physical: block,
                        count: 1,
                        unwritten: false,
                    };
                    if let Some(done) = run.replace(begun) {
                        return Ok((self.visit)(done));
                    }
                }
            }
            return Ok(ControlFlow::Continue(()));
        }
        self.budget.spend()?;
        let table = self.reader.read_block(block)?;
        for pointer in table.chunks_exact(4) {
            if self
                .step(u64::from(field::le32(pointer, 0)), level - 1)?
                .is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
