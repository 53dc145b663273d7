//! From block bitmaps to used ranges.
//!
//! ```text
//! used = block 0 up to the superblock
//!      ∪ every group's superblock and descriptors, primary or backup
//!      ∪ every group's bitmaps and inode table, wherever they lie
//!      ∪ set bits of each block bitmap: one per cluster, least significant first
//!      ∪ what follows the filesystem in its partition
//! ```
//! A bitmap that was never written (BLOCK_UNINIT) adds nothing. A descriptor or bitmap that contradicts its checksum, or a
//! bitmap that contradicts its descriptor's count, leaves its whole group used.

use super::{Reader, group};
use crate::filesystem::{Ranges, RangesBuilder};
use std::ops::Range;

/// The used blocks of one view of a filesystem.
pub(super) struct UsedBlocks {
    /// In bytes of the partition.
    pub used: Ranges,
    /// Groups that were left used because something contradicted itself.
    pub doubtful_groups: u64,
}

/// How much a contradiction counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Leaves the group used: this view must be consistent.
    Checked,
    /// Is to be expected: a view from before its journal is replayed. It only adds what it says.
    BeforeReplay,
}

impl Reader<'_> {
    /// Reads every group's bitmap as this view shows it.
    pub(super) fn used_blocks(&self, trust: Trust) -> UsedBlocks {
        let superblock = &self.superblock;
        let block_bytes = superblock.block_bytes;
        let mut bitmaps = RangesBuilder::default();
        let mut own: Vec<Range<u64>> = std::iter::once(0..superblock.own_block() + 1).collect();
        let mut never_written = Vec::new();
        let mut doubtful_groups = 0;
        for group in 0..superblock.group_count {
            push_merged(&mut own, group::base_blocks(superblock, group));
            let whole = superblock.group_start(group)..superblock.group_end(group);
            match self.read_bitmap(group, trust, &mut own) {
                Ok(Some(bitmap)) => self.push_bits(group, &bitmap, &mut bitmaps),
                Ok(None) => push_merged(&mut never_written, whole),
                Err(_) if trust == Trust::BeforeReplay => {}
                Err(_) => {
                    doubtful_groups += 1;
                    bitmaps.push(whole.start * block_bytes..whole.end * block_bytes);
                }
            }
        }
        // A doubtful descriptor may have kept its blocks in a group whose bitmap was never written.
        if doubtful_groups > 0 {
            own.append(&mut never_written);
        }
        let mut own: Vec<Range<u64>> = own
            .into_iter()
            .map(|blocks| blocks.start * block_bytes..blocks.end * block_bytes)
            .collect();
        own.push(superblock.total_bytes()..self.volume.len());
        UsedBlocks {
            used: bitmaps.finish().union(&Ranges::from_unsorted(own)),
            doubtful_groups,
        }
    }

    /// The bitmap of a group, `None` if it was never written; notes the group's own blocks.
    fn read_bitmap(
        &self,
        group: u64,
        trust: Trust,
        own: &mut Vec<Range<u64>>,
    ) -> Result<Option<Vec<u8>>, String> {
        let superblock = &self.superblock;
        let descriptor = self.descriptor(group)?;
        let places = descriptor
            .own_blocks(superblock)
            .ok_or("a descriptor names blocks outside the filesystem")?;
        for place in places {
            push_merged(own, place);
        }
        if trust == Trust::Checked && !descriptor.checksum_ok {
            return Err("a descriptor's checksum is wrong".into());
        }
        let group_clusters = self.clusters_of(group);
        if descriptor.is_block_uninit() {
            return Ok(None);
        }
        let bitmap = self.read_block(descriptor.block_bitmap)?;
        if trust == Trust::Checked {
            if !descriptor.matches_bitmap(superblock, &bitmap) {
                return Err("a bitmap's checksum is wrong".into());
            }
            let free = count_free(&bitmap, group_clusters);
            if free != descriptor.free_clusters {
                return Err(format!(
                    "a bitmap has {free} free clusters, its descriptor {}",
                    descriptor.free_clusters
                ));
            }
        }
        Ok(Some(bitmap))
    }

    fn clusters_of(&self, group: u64) -> u64 {
        let blocks = self.superblock.group_end(group) - self.superblock.group_start(group);
        blocks.div_ceil(self.superblock.cluster_blocks)
    }

    /// Adds the set bits, in bytes of the partition.
    fn push_bits(&self, group: u64, bitmap: &[u8], builder: &mut RangesBuilder) {
        let superblock = &self.superblock;
        let (start, end) = (superblock.group_start(group), superblock.group_end(group));
        let clusters = self.clusters_of(group);
        for run in set_runs(bitmap, clusters) {
            let first = start + run.start * superblock.cluster_blocks;
            let last = (start + run.end * superblock.cluster_blocks).min(end);
            builder.push(first * superblock.block_bytes..last * superblock.block_bytes);
        }
    }
}

/// Adds a range to a list, growing the last one if it touches: neighbouring groups keep their bitmaps side by side.
fn push_merged(list: &mut Vec<Range<u64>>, range: Range<u64>) {
    match list.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ if range.is_empty() => {}
        _ => list.push(range),
    }
}

fn count_free(bitmap: &[u8], bits: u64) -> u64 {
    let whole = usize::try_from(bits / 8).unwrap_or(usize::MAX).min(bitmap.len());
    let mut set: u64 = bitmap[..whole]
        .iter()
        .map(|byte| u64::from(byte.count_ones()))
        .sum();
    if let Some(last) = bitmap.get(whole) {
        let mask = (1u16 << (bits % 8)) - 1;
        set += u64::from((u16::from(*last) & mask).count_ones());
    }
    bits.saturating_sub(set)
}

/// Runs of set bits among the first `bits`; bits beyond the bitmap count as set.
fn set_runs(bitmap: &[u8], bits: u64) -> impl Iterator<Item = Range<u64>> {
    let word = move |index: u64| -> u64 {
        let start = usize::try_from(index).unwrap_or(usize::MAX).saturating_mul(8);
        let mut bytes = [0xFF; 8];
        let available = bitmap.get(start..).unwrap_or_default();
        let length = available.len().min(8);
        bytes[..length].copy_from_slice(&available[..length]);
        u64::from_le_bytes(bytes)
    };
    // The first position from `at` on where the bit differs from `skip`.
    let find = move |mut at: u64, skip_set: bool| -> u64 {
        while at < bits {
            let word = if skip_set { !word(at / 64) } else { word(at / 64) };
            // Shifting brings zeros in: they never stop the search.
            let current = word >> (at % 64);
            if current != 0 {
                return (at + u64::from(current.trailing_zeros())).min(bits);
            }
            at = (at / 64 + 1) * 64;
        }
        bits
    };
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = find(at, false);
        if start >= bits {
            return None;
        }
        let end = find(start, true);
        at = end;
        Some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_are_exactly_the_set_bits(bitmap in proptest::collection::vec(prop_oneof![Just(0u8), Just(255), any::<u8>()], 0..40), bits in 0u64..320) {
            let mut found = vec![false; usize::try_from(bits).unwrap()];
            for run in set_runs(&bitmap, bits) {
                for bit in run {
                    found[usize::try_from(bit).unwrap()] = true;
                }
            }
            let is_set = |bit: usize| bitmap.get(bit / 8).is_none_or(|byte| byte >> (bit % 8) & 1 == 1);
            for (bit, found) in found.iter().enumerate() {
                prop_assert_eq!(*found, is_set(bit));
            }
            if bitmap.len() as u64 * 8 >= bits {
                let free = found.iter().filter(|found| !**found).count() as u64;
                prop_assert_eq!(count_free(&bitmap, bits), free);
            }
        }
    }
}
