//! A large disk in a short input. All integers are little-endian.
//!
//! | offset | size | meaning |
//! | --- | --- | --- |
//! | 0 | 8 | length of the disk in bytes, cut to 2^45 |
//! | 8 | … | blocks: number of the block (4), its bytes (1024); the last may be cut off |
//!
//! Blocks that do not occur are zeros; of two with the same number the later counts.

use imager::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
};
use std::{collections::BTreeMap, ops::Range};

const BLOCK: usize = 1024;
const LONGEST: u64 = 1 << 45;

/// A disk made of an input.
pub struct SparseDisk<'a> {
    len: u64,
    sector_size: u32,
    blocks: BTreeMap<u32, &'a [u8]>,
}

impl<'a> SparseDisk<'a> {
    /// The disk that an input describes; `None` if it is too short for that.
    pub fn new(input: &'a [u8], sector_size: u32) -> Option<Self> {
        let (len, rest) = input.split_first_chunk::<8>()?;
        let blocks = rest
            .chunks(4 + BLOCK)
            .filter_map(|record| {
                let (number, bytes) = record.split_first_chunk::<4>()?;
                Some((u32::from_le_bytes(*number), bytes))
            })
            .collect();
        Some(Self {
            len: u64::from_le_bytes(*len) % LONGEST,
            sector_size,
            blocks,
        })
    }

    /// The input that describes these bytes.
    pub fn encode(image: &[u8]) -> Vec<u8> {
        let mut input = (image.len() as u64).to_le_bytes().to_vec();
        for (number, block) in (0u32..).zip(image.chunks(BLOCK)) {
            if block.iter().any(|byte| *byte != 0) {
                input.extend_from_slice(&number.to_le_bytes());
                input.extend_from_slice(block);
            }
        }
        input
    }
}

impl ReadAt for SparseDisk<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn sector_size(&self) -> u32 {
        self.sector_size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let end = offset
            .checked_add(buffer.len() as u64)
            .filter(|end| *end <= self.len);
        let Some(end) = end else {
            return Err(Error::new(ErrorKind::Read, "behind the end of the disk"));
        };
        buffer.fill(0);
        if buffer.is_empty() {
            return Ok(());
        }
        let block = |position: u64| u32::try_from(position / BLOCK as u64);
        let Ok(first) = block(offset) else { return Ok(()) };
        for (number, bytes) in self.blocks.range(first..=block(end - 1).unwrap_or(u32::MAX)) {
            let start = u64::from(*number) * BLOCK as u64;
            let from = start.max(offset);
            let to = (start + bytes.len() as u64).min(end);
            if from < to {
                let at =
                    |position: u64, base: u64| usize::try_from(position - base).expect("within a buffer");
                buffer[at(from, offset)..at(to, offset)]
                    .copy_from_slice(&bytes[at(from, start)..at(to, start)]);
            }
        }
        Ok(())
    }

    fn next_data(&self, offset: u64) -> Option<Range<u64>> {
        (offset < self.len).then_some(offset..self.len)
    }
}
