//! The journal (jbd2) of ext3 and ext4: what replaying it would write.
//!
//! ```text
//! all big-endian (Linux Documentation/filesystems/ext4/journal.rst, fs/jbd2/recovery.c)
//! every block of the journal's own: 0  0xC03B3998 · 4  type · 8  sequence
//!   type 1 descriptor, 2 commit, 3 and 4 superblock, 5 revocation
//! superblock (block 0)                            tag in a descriptor
//!   0x0C  block size                                v3   block u32 · flags u32 · upper half u32 · checksum u32
//!   0x10  blocks of the journal                     else block u32 · checksum u16 · flags u16
//!   0x14  first block of the log                         [· upper half u32 with 64BIT] [· 2 bytes with v2]
//!   0x18  first sequence to replay                  flags 1 escaped, 2 same UUID, 4 deleted, 8 last
//!   0x1C  block to begin at, 0 = nothing to replay  without "same UUID" 16 bytes of UUID follow
//!   0x20  error of the last use                   revocation: 12  length in bytes · 16  blocks, u32 or u64
//!   0x24  compatible features                     commit: 16  checksum
//!   0x28  incompatible features: 1 REVOKE, 2 64BIT, 4 ASYNC_COMMIT, 8 CSUM_V2, 16 CSUM_V3, 32 FAST_COMMIT
//!   0x30  UUID
//!   0x50  checksum type, 4 = CRC-32C
//!   0xFC  checksum
//!
//! The log is a ring: descriptor, one block per tag, descriptor …, revocations …, commit; then the next sequence. A
//! transaction counts once its commit block is there. A block's newest copy counts, unless revoked in the same or a later
//! transaction.
//! ```
//! Anything that is not exactly so in the part that counts is an error, and the partition is kept raw.

use super::{
    Reader,
    checksum::crc32c,
    inode::{BlockRun, Budget},
};
use crate::filesystem::{Ranges, volume::field};
use std::{collections::HashMap, ops::ControlFlow};

/// Begins every block of the journal's own.
pub(super) const MAGIC: u32 = 0xC03B_3998;

const TYPE_DESCRIPTOR: u32 = 1;
const TYPE_COMMIT: u32 = 2;
const TYPE_SUPERBLOCK_V1: u32 = 3;
const TYPE_SUPERBLOCK_V2: u32 = 4;
const TYPE_REVOKE: u32 = 5;

const INCOMPAT_64BIT: u32 = 2;
const INCOMPAT_ASYNC_COMMIT: u32 = 4;
const INCOMPAT_CSUM_V2: u32 = 8;
const INCOMPAT_CSUM_V3: u32 = 16;
/// REVOKE, 64BIT, CSUM_V2, CSUM_V3. With ASYNC_COMMIT a commit block alone proves nothing; fast commits are not read.
const INCOMPAT_KNOWN: u32 = 1 | 2 | 8 | 16;

const TAG_ESCAPED: u32 = 1;
const TAG_SAME_UUID: u32 = 2;
const TAG_DELETED: u32 = 4;
const TAG_LAST: u32 = 8;

/// Most pieces a journal may be in.
const RUNS_MAX: usize = 1 << 16;
/// Most blocks of a journal: 16 GiB of 4 KiB blocks.
const BLOCKS_MAX: u32 = 1 << 22;

/// The state of a journal.
pub(super) enum Journal {
    /// Nothing to replay.
    Clean {
        /// Everything but its superblock, in bytes of the partition.
        body: Ranges,
    },
    /// Waiting to be replayed.
    Dirty {
        /// What the replay would write.
        overlay: Overlay,
        /// Committed transactions.
        transactions: u32,
    },
}

/// Blocks of the filesystem whose newest copy is in the journal.
#[derive(Debug, Default)]
pub(super) struct Overlay(HashMap<u64, Copy>);

/// Where the newest copy of a block is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copy {
    /// Block of the filesystem, inside the journal.
    pub journal_block: u64,
    /// Its first four bytes are the journal's magic, stored as zeros.
    pub is_escaped: bool,
    sequence: u32,
}

impl Overlay {
    /// The copy of a block, if the journal has one.
    pub(super) fn get(&self, block: u64) -> Option<Copy> {
        self.0.get(&block).copied()
    }

    /// How many blocks the journal holds.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Reads the journal that lies in the filesystem itself.
pub(super) fn read(reader: &Reader<'_>) -> Result<Journal, String> {
    let runs = locate(reader)?;
    let first = runs.first().ok_or("the journal has no blocks")?;
    let bytes = reader.read_block(first.physical)?;
    let header = Header::parse(&bytes, reader, &runs)?;
    if header.start == 0 {
        return Ok(Journal::Clean {
            body: body(reader, &runs),
        });
    }
    let mut log = Log {
        reader,
        runs,
        header,
        overlay: HashMap::new(),
        revoked: HashMap::new(),
    };
    let transactions = log.scan()?;
    log.revoke();
    Ok(Journal::Dirty {
        overlay: Overlay(log.overlay),
        transactions,
    })
}

/// Where the journal's blocks are, in its own order and without holes.
fn locate(reader: &Reader<'_>) -> Result<Vec<BlockRun>, String> {
    let inode = reader.inode(reader.superblock.journal_inode)?;
    if !inode.is_regular || inode.links == 0 {
        return Err("the journal's inode is no regular file".into());
    }
    let mut runs: Vec<BlockRun> = Vec::new();
    let mut broken = false;
    let flow = reader.walk_blocks(&inode, &mut Budget(RUNS_MAX as u64), &mut |run| {
        let expected = runs.last().map_or(0, |last| last.logical + last.count);
        broken = run.logical != expected || run.unwritten || runs.len() >= RUNS_MAX;
        runs.push(run);
        if broken {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    if broken || flow.is_break() {
        return Err("the journal has holes".into());
    }
    Ok(runs)
}

/// Everything but the first block.
fn body(reader: &Reader<'_>, runs: &[BlockRun]) -> Ranges {
    let block_bytes = reader.superblock.block_bytes;
    let ranges = runs.iter().map(|run| {
        let skipped = u64::from(run.logical == 0);
        (run.physical + skipped) * block_bytes..(run.physical + run.count) * block_bytes
    });
    Ranges::from_unsorted(ranges.collect())
}

/// The journal's superblock.
struct Header {
    block_count: u32,
    first: u32,
    sequence: u32,
    start: u32,
    incompat: u32,
    seed: u32,
}

impl Header {
    fn parse(bytes: &[u8], reader: &Reader<'_>, runs: &[BlockRun]) -> Result<Self, String> {
        let kind = field::be32(bytes, 4);
        if field::be32(bytes, 0) != MAGIC || !matches!(kind, TYPE_SUPERBLOCK_V1 | TYPE_SUPERBLOCK_V2) {
            return Err("the journal has no superblock".into());
        }
        if u64::from(field::be32(bytes, 0x0C)) != reader.superblock.block_bytes {
            return Err("the journal has another block size".into());
        }
        let has_features = kind == TYPE_SUPERBLOCK_V2;
        let incompat = if has_features { field::be32(bytes, 0x28) } else { 0 };
        let header = Self {
            block_count: field::be32(bytes, 0x10),
            first: field::be32(bytes, 0x14),
            sequence: field::be32(bytes, 0x18),
            start: field::be32(bytes, 0x1C),
            incompat,
            seed: crc32c(!0, &bytes[0x30..0x40]),
        };
        if header.has_checksums() {
            let mut counted = bytes[..1024].to_vec();
            counted[0xFC..0x100].fill(0);
            if bytes[0x50] != 4 || crc32c(!0, &counted) != field::be32(bytes, 0xFC) {
                return Err("the checksum of the journal's superblock is wrong".into());
            }
        }
        let mapped: u64 = runs.iter().map(|run| run.count).sum();
        if u64::from(header.block_count) > mapped
            || header.block_count > BLOCKS_MAX
            || header.first == 0
            || header.first >= header.block_count
        {
            return Err("the journal's superblock contradicts its file".into());
        }
        if header.start != 0 {
            if header.start < header.first || header.start >= header.block_count {
                return Err("the journal begins outside itself".into());
            }
            let unknown = incompat & !INCOMPAT_KNOWN;
            if incompat & INCOMPAT_ASYNC_COMMIT != 0 || unknown != 0 {
                return Err(format!("journal feature bits {unknown:#x} are not known"));
            }
            if field::be32(bytes, 0x20) != 0 {
                return Err("the journal notes an error".into());
            }
        }
        Ok(header)
    }

    fn has_checksums(&self) -> bool {
        self.incompat & (INCOMPAT_CSUM_V2 | INCOMPAT_CSUM_V3) != 0
    }

    fn tag_bytes(&self) -> usize {
        if self.incompat & INCOMPAT_CSUM_V3 != 0 {
            return 16;
        }
        let checksum = if self.incompat & INCOMPAT_CSUM_V2 != 0 {
            2
        } else {
            0
        };
        let high = if self.incompat & INCOMPAT_64BIT != 0 { 4 } else { 0 };
        8 + checksum + high
    }
}

struct Log<'a, 'b> {
    reader: &'a Reader<'b>,
    runs: Vec<BlockRun>,
    header: Header,
    overlay: HashMap<u64, Copy>,
    /// Block and the newest transaction that revoked it.
    revoked: HashMap<u64, u32>,
}

/// What one transaction holds, before its commit block is seen.
#[derive(Default)]
struct Transaction {
    copies: Vec<(u64, Copy)>,
    revoked: Vec<u64>,
}

impl Log<'_, '_> {
    /// Follows the ring and takes in every committed transaction; returns how many.
    fn scan(&mut self) -> Result<u32, String> {
        let mut sequence = self.header.sequence;
        let mut at = self.header.start;
        let mut blocks_left = self.header.block_count - self.header.first;
        let mut transactions = 0;
        let mut current = Transaction::default();
        while blocks_left > 0 {
            let bytes = self.read(at)?;
            if field::be32(&bytes, 0) != MAGIC || field::be32(&bytes, 8) != sequence {
                break;
            }
            blocks_left -= 1;
            at = self.after(at);
            match field::be32(&bytes, 4) {
                TYPE_DESCRIPTOR => {
                    self.check_tail(&bytes)?;
                    let copies = self.read_tags(&bytes, sequence, &mut at, &mut blocks_left)?;
                    let Some(mut copies) = copies else { break };
                    current.copies.append(&mut copies);
                }
                TYPE_REVOKE => {
                    self.check_tail(&bytes)?;
                    self.read_revocations(&bytes, &mut current.revoked)?;
                }
                TYPE_COMMIT => {
                    self.check_commit(&bytes)?;
                    self.take(std::mem::take(&mut current), sequence)?;
                    transactions += 1;
                    sequence = sequence.wrapping_add(1);
                }
                _ => break,
            }
        }
        Ok(transactions)
    }

    /// The copies a descriptor names, whose blocks follow it; `None` if the ring is too short for them.
    fn read_tags(
        &self,
        bytes: &[u8],
        sequence: u32,
        at: &mut u32,
        blocks_left: &mut u32,
    ) -> Result<Option<Vec<(u64, Copy)>>, String> {
        let (length, v3) = (
            self.header.tag_bytes(),
            self.header.incompat & INCOMPAT_CSUM_V3 != 0,
        );
        let end = bytes.len() - if self.header.has_checksums() { 4 } else { 0 };
        let mut copies = Vec::new();
        let mut offset = 12;
        while offset + length <= end {
            let tag = &bytes[offset..offset + length];
            let flags = if v3 {
                field::be32(tag, 4)
            } else {
                u32::from(field::be16(tag, 6))
            };
            let high = if self.header.incompat & INCOMPAT_64BIT != 0 {
                u64::from(field::be32(tag, 8)) << 32
            } else {
                0
            };
            let block = high | u64::from(field::be32(tag, 0));
            if *blocks_left == 0 {
                return Ok(None);
            }
            if flags & TAG_DELETED == 0 {
                let journal_block = self.place(*at)?;
                let copy = Copy {
                    journal_block,
                    is_escaped: flags & TAG_ESCAPED != 0,
                    sequence,
                };
                if self.header.has_checksums() {
                    let stored = if v3 {
                        field::be32(tag, 12)
                    } else {
                        u32::from(field::be16(tag, 4))
                    };
                    copies.push((block, copy, Some(stored)));
                } else {
                    copies.push((block, copy, None));
                }
            }
            *at = self.after(*at);
            *blocks_left -= 1;
            offset += length + if flags & TAG_SAME_UUID == 0 { 16 } else { 0 };
            if flags & TAG_LAST != 0 {
                break;
            }
        }
        self.check_copies(copies, v3)
    }

    /// Checks the copies' checksums. In a transaction that was never committed they may well be wrong: that is only found
    /// out later, so a wrong one ends the log if no commit follows, which the caller sees as `None`.
    fn check_copies(
        &self,
        copies: Vec<(u64, Copy, Option<u32>)>,
        v3: bool,
    ) -> Result<Option<Vec<(u64, Copy)>>, String> {
        let mut checked = Vec::with_capacity(copies.len());
        for (block, copy, stored) in copies {
            if let Some(stored) = stored {
                let offset = copy.journal_block * self.reader.superblock.block_bytes;
                let length = usize::try_from(self.reader.superblock.block_bytes).unwrap_or(0);
                let bytes = self.reader.volume.read(offset, length)?;
                let sum = crc32c(crc32c(self.header.seed, &copy.sequence.to_be_bytes()), &bytes);
                let sum = if v3 { sum } else { sum & 0xFFFF };
                if sum != stored {
                    return if self.has_commit_after(copy.sequence)? {
                        Err(format!("a committed copy of block {block} has a wrong checksum"))
                    } else {
                        Ok(None)
                    };
                }
            }
            checked.push((block, copy));
        }
        Ok(Some(checked))
    }

    /// Whether a commit block of a transaction is anywhere in the ring.
    fn has_commit_after(&self, sequence: u32) -> Result<bool, String> {
        for block in self.header.first..self.header.block_count {
            let bytes = self.read(block)?;
            let is_commit = field::be32(&bytes, 0) == MAGIC && field::be32(&bytes, 4) == TYPE_COMMIT;
            if is_commit && field::be32(&bytes, 8) == sequence {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read_revocations(&self, bytes: &[u8], revoked: &mut Vec<u64>) -> Result<(), String> {
        let wide = self.header.incompat & INCOMPAT_64BIT != 0;
        let length = usize::try_from(field::be32(bytes, 12)).unwrap_or(usize::MAX);
        let room = bytes.len() - if self.header.has_checksums() { 4 } else { 0 };
        if !(16..=room).contains(&length) {
            return Err("a damaged revocation block".into());
        }
        revoked.extend(
            bytes[16..length]
                .chunks_exact(if wide { 8 } else { 4 })
                .map(|entry| {
                    if wide {
                        u64::from(field::be32(entry, 0)) << 32 | u64::from(field::be32(entry, 4))
                    } else {
                        u64::from(field::be32(entry, 0))
                    }
                }),
        );
        Ok(())
    }

    fn take(&mut self, transaction: Transaction, sequence: u32) -> Result<(), String> {
        for (block, copy) in transaction.copies {
            if !self.reader.superblock.has_blocks(block, 1) && block != 0 {
                return Err(format!("a copy of block {block}, which does not exist"));
            }
            self.overlay.insert(block, copy);
        }
        for block in transaction.revoked {
            self.revoked.insert(block, sequence);
        }
        Ok(())
    }

    /// Drops the copies that were revoked in the same or a later transaction. Sequences wrap around.
    fn revoke(&mut self) {
        let revoked = std::mem::take(&mut self.revoked);
        self.overlay.retain(|block, copy| {
            revoked
                .get(block)
                .is_none_or(|sequence| copy.sequence.wrapping_sub(*sequence).cast_signed() > 0)
        });
    }

    fn check_tail(&self, bytes: &[u8]) -> Result<(), String> {
        if !self.header.has_checksums() {
            return Ok(());
        }
        let end = bytes.len() - 4;
        let sum = crc32c(crc32c(self.header.seed, &bytes[..end]), &[0; 4]);
        if sum == field::be32(bytes, end) {
            Ok(())
        } else {
            Err("a block of the journal has a wrong checksum".into())
        }
    }

    fn check_commit(&self, bytes: &[u8]) -> Result<(), String> {
        if !self.header.has_checksums() {
            return Ok(());
        }
        let sum = crc32c(
            crc32c(crc32c(self.header.seed, &bytes[..16]), &[0; 4]),
            &bytes[20..],
        );
        if sum == field::be32(bytes, 16) {
            Ok(())
        } else {
            Err("a commit block has a wrong checksum".into())
        }
    }

    fn after(&self, block: u32) -> u32 {
        if block + 1 >= self.header.block_count {
            self.header.first
        } else {
            block + 1
        }
    }

    fn read(&self, block: u32) -> Result<Vec<u8>, String> {
        self.reader.read_block(self.place(block)?)
    }

    /// Block of the filesystem where a block of the journal is.
    fn place(&self, block: u32) -> Result<u64, String> {
        let block = u64::from(block);
        let index = self.runs.partition_point(|run| run.logical + run.count <= block);
        let run = self.runs.get(index).ok_or("a block beyond the journal")?;
        Ok(run.physical + (block - run.logical))
    }
}
