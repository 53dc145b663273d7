//! Chunks: from the logical addresses that trees use to places on the device.
//!
//! ```text
//! Chunk item, little-endian, key (256, 228, logical address) (Linux include/uapi/linux/btrfs_tree.h)
//! offset size  meaning
//!      0    8  length
//!     24    8  kind: 1 data, 2 system, 4 metadata; 0x20 every byte twice; 0x1D8 and above: RAID
//!     44    2  stripes
//!     48   32  of each stripe: device u64, place on it u64, UUID of the device
//! ```

use super::Superblock;
use crate::filesystem::{Ranges, RangesBuilder, volume::field};
use std::ops::Range;

const KIND_SYSTEM: u64 = 2;
const KIND_TWICE: u64 = 0x20;
const KINDS_KNOWN: u64 = 1 | KIND_SYSTEM | 4 | KIND_TWICE;
const CHUNK_TYPE: u8 = 228;
/// Most chunks that are believed: 1 PiB of chunks of 1 GiB.
const CHUNKS_MAX: usize = 1 << 20;

/// A piece of the logical address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub logical: u64,
    pub length: u64,
    is_system: bool,
    /// Where its copies begin on the device: one, or two.
    copies: [Option<u64>; 2],
}

/// All chunks, in order of their logical address.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunks(Vec<Chunk>);

impl Chunk {
    /// Parses a chunk item.
    pub(super) fn parse(superblock: &Superblock, logical: u64, item: &[u8]) -> Result<Self, String> {
        let (length, kind) = (field::le64(item, 0), field::le64(item, 24));
        if kind & !KINDS_KNOWN != 0 {
            return Err(format!(
                "a chunk is a RAID or of a kind that is not known ({kind:#x})"
            ));
        }
        let count = if kind & KIND_TWICE != 0 { 2 } else { 1 };
        if usize::from(field::le16(item, 44)) != count || item.len() < 48 + 32 * count {
            return Err("a chunk has more or fewer stripes than its kind".into());
        }
        if length == 0 || length % superblock.sector_bytes != 0 || logical.checked_add(length).is_none() {
            return Err(format!("a chunk of {length} bytes at {logical}"));
        }
        let mut copies = [None; 2];
        for (index, copy) in copies.iter_mut().enumerate().take(count) {
            let stripe = 48 + 32 * index;
            let place = field::le64(item, stripe + 8);
            if field::le64(item, stripe) != superblock.device_id {
                return Err("a chunk lies on another device".into());
            }
            if place
                .checked_add(length)
                .is_none_or(|end| end > superblock.device_bytes)
            {
                return Err("a chunk lies outside its device".into());
            }
            *copy = Some(place);
        }
        Ok(Self {
            logical,
            length,
            is_system: kind & KIND_SYSTEM != 0,
            copies,
        })
    }

    fn end(&self) -> u64 {
        self.logical + self.length
    }

    fn copies(&self) -> impl Iterator<Item = u64> + '_ {
        self.copies.iter().copied().flatten()
    }
}

impl Chunks {
    /// The system chunks that the superblock carries, so that the chunk tree can be read: key (17 bytes), item, …
    pub(super) fn of_superblock(superblock: &Superblock) -> Result<Self, String> {
        let mut chunks = Self::default();
        let mut rest = superblock.system_chunks.as_slice();
        while !rest.is_empty() {
            let stripes = usize::from(field::le16(rest, 17 + 44));
            let item = rest
                .get(17..17 + 48 + 32 * stripes)
                .ok_or("the system chunks are cut short")?;
            if rest[8] != CHUNK_TYPE {
                return Err("something else among the system chunks".into());
            }
            chunks.insert(Chunk::parse(superblock, field::le64(rest, 9), item)?)?;
            rest = &rest[17 + item.len()..];
        }
        Ok(chunks)
    }

    /// Adds a chunk; chunks must not overlap.
    pub(super) fn insert(&mut self, chunk: Chunk) -> Result<(), String> {
        let index = self.0.partition_point(|own| own.logical < chunk.logical);
        let before = index.checked_sub(1).and_then(|before| self.0.get(before));
        let overlaps = before.is_some_and(|own| own.end() > chunk.logical)
            || self.0.get(index).is_some_and(|own| own.logical < chunk.end());
        if overlaps {
            return Err("two chunks overlap".into());
        }
        if self.0.len() >= CHUNKS_MAX {
            return Err("more chunks than this reader follows".into());
        }
        self.0.insert(index, chunk);
        Ok(())
    }

    /// Where each copy of a logical range lies on the device; nothing if not all of it is in one chunk.
    pub(super) fn places(&self, range: &Range<u64>) -> impl Iterator<Item = u64> + '_ {
        let index = self.0.partition_point(|own| own.end() <= range.start);
        let chunk = self
            .0
            .get(index)
            .filter(|own| own.logical <= range.start && range.end <= own.end());
        let start = range.start;
        chunk
            .into_iter()
            .flat_map(move |chunk| chunk.copies().map(move |place| place + (start - chunk.logical)))
    }

    /// Every copy of what lies at these logical addresses, and all of the system chunks: in bytes of the device.
    pub(super) fn on_device(&self, used: &Ranges) -> Ranges {
        let mut places = Vec::with_capacity(used.as_slice().len() * 2);
        let ranges = used.as_slice();
        for chunk in &self.0 {
            let mut push = |range: Range<u64>| {
                for place in chunk.copies() {
                    let start = place + (range.start - chunk.logical);
                    places.push(start..start + (range.end - range.start));
                }
            };
            if chunk.is_system {
                push(chunk.logical..chunk.end());
                continue;
            }
            let first = ranges.partition_point(|own| own.end <= chunk.logical);
            for own in ranges[first..].iter().take_while(|own| own.start < chunk.end()) {
                push(own.start.max(chunk.logical)..own.end.min(chunk.end()));
            }
        }
        places.sort_unstable_by_key(|range| range.start);
        let mut builder = RangesBuilder::default();
        for place in places {
            builder.push(place);
        }
        builder.finish()
    }
}
