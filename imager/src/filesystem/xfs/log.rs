//! Whether the log has anything left to be replayed.
//!
//! ```text
//! The log is a ring of blocks of 512 bytes. The first word of each is the number of the round (cycle) it was written in;
//! a record's first block has its magic number there, and the cycle behind it.
//!
//! cycle  7 7 7 7 7 7 7 7 6 6 6 6 6      the head is where the older cycle begins
//!                  └ the last record: after a clean unmount it says only that
//!
//! Record header, big-endian (Linux fs/xfs/libxfs/xfs_log_format.h, struct xlog_rec_header)
//! offset size  meaning
//!      0    4  FE ED BA BE
//!      4    4  cycle
//!      8    4  version, 2: may have several header blocks
//!     12    4  length of what follows the header
//!     40    4  operations in it
//!    320    4  size of the log's buffers: one header block for every 32 KiB
//!
//! Operation header, at the beginning of what follows
//!      9    1  flags: 0x20 the filesystem was unmounted
//! ```
//! Source: Linux `fs/xfs/xfs_log_recover.c`, `xlog_find_head` and `xlog_check_unmount_rec`.

use super::Superblock;
use crate::filesystem::{Volume, volume::field};

const BLOCK_BYTES: u64 = 512;
const MAGIC: u32 = 0xFEED_BABE;
const UNMOUNTED: u8 = 0x20;
/// The longest record with its headers is shorter.
const RECORD_BLOCKS_MAX: u64 = 1024;
/// Writes that may have overtaken each other: eight buffers of 256 KiB.
const OVERTAKING_BLOCKS_MAX: u64 = 4096;

struct Log<'a> {
    volume: &'a Volume<'a>,
    start: u64,
    blocks: u64,
}

/// Whether the filesystem was unmounted cleanly; the error says why that is not certain.
pub(super) fn is_clean(volume: &Volume<'_>, superblock: &Superblock) -> Result<bool, String> {
    let count = superblock.log_bytes / superblock.block_bytes;
    let start = superblock
        .place(superblock.log_start_block, count)
        .ok_or("its log is outside of it")?;
    let log = Log {
        volume,
        start,
        blocks: superblock.log_bytes / BLOCK_BYTES,
    };
    let head = log.head()?;
    for back in 1..=RECORD_BLOCKS_MAX.min(log.blocks) {
        let place = (head + log.blocks - back) % log.blocks;
        let block = log.block(place)?;
        if field::be32(&block, 0) == MAGIC {
            return log.says_unmounted(place, &block, head);
        }
    }
    Err("its log has no record before its end".into())
}

impl Log<'_> {
    fn block(&self, number: u64) -> Result<[u8; 512], String> {
        let mut block = [0; 512];
        self.volume
            .read_into(self.start + number % self.blocks * BLOCK_BYTES, &mut block)?;
        Ok(block)
    }

    fn cycle(&self, number: u64) -> Result<u32, String> {
        let block = self.block(number)?;
        let first = field::be32(&block, 0);
        Ok(if first == MAGIC {
            field::be32(&block, 4)
        } else {
            first
        })
    }

    /// The block that will be written next, as a number up to and including that of all blocks.
    fn head(&self) -> Result<u64, String> {
        let (newest, oldest) = (self.cycle(0)?, self.cycle(self.blocks - 1)?);
        if newest == 0 {
            return Err("its log was never written".into());
        }
        if newest == oldest {
            return Ok(self.blocks);
        }
        if oldest != 0 && oldest != newest - 1 {
            return Err(format!("its log begins in cycle {newest} and ends in {oldest}"));
        }
        let (mut new, mut old) = (0, self.blocks - 1);
        while old - new > 1 {
            let middle = new + (old - new) / 2;
            match self.cycle(middle)? {
                cycle if cycle == newest => new = middle,
                cycle if cycle == oldest => old = middle,
                cycle => return Err(format!("its log has cycle {cycle} between {newest} and {oldest}")),
            }
        }
        // What was written out of order before a crash would lie behind.
        for block in old..self.blocks.min(old + OVERTAKING_BLOCKS_MAX) {
            if self.cycle(block)? != oldest {
                return Err("its log has a hole".into());
            }
        }
        Ok(old)
    }

    /// Whether the record whose header this is ends the log and says that the filesystem was unmounted.
    fn says_unmounted(&self, place: u64, header: &[u8], head: u64) -> Result<bool, String> {
        let (version, length) = (field::be32(header, 8), u64::from(field::be32(header, 12)));
        let buffer_bytes = u64::from(field::be32(header, 320));
        let header_blocks = if version & 2 != 0 && buffer_bytes > 32 << 10 {
            buffer_bytes.div_ceil(32 << 10)
        } else {
            1
        };
        let behind = (place + header_blocks + length.div_ceil(BLOCK_BYTES)) % self.blocks;
        if behind != head % self.blocks || field::be32(header, 40) != 1 {
            return Ok(false);
        }
        let operation = self.block(place + header_blocks)?;
        Ok(operation[9] & UNMOUNTED != 0)
    }
}
