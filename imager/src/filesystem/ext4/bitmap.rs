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
use crate::filesystem::{
    Ranges, RangesBuilder,
    bits::{count_free, set_runs},
};
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
            .map(|blocks| self.whole_clusters(blocks))
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

    /// What is allocated when these blocks are: clusters, not blocks. With clusters the first data block is 0.
    fn whole_clusters(&self, blocks: Range<u64>) -> Range<u64> {
        let cluster = self.superblock.cluster_blocks;
        let end = blocks
            .end
            .next_multiple_of(cluster)
            .min(self.superblock.block_count);
        blocks.start - blocks.start % cluster..end.max(blocks.end)
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
