//! What of a disk is read, and where it is cut: from the used maps and the files' extents.
//!
//! ```text
//! regions   every byte of the disk once, in order: keep (by content) · mapped (by files) · zeros · free
//! spans     regions cut at files, at file-logical multiples of 256 KiB, at heads and tables
//! units     spans to be read together, up to 4 MiB
//! ```

use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{Mapping, Outcome, Ranges},
    inspect::{self, Examined},
    partition::Table,
};
use protocol::manifest::{ByteRange, PartitionNote};
use std::{collections::VecDeque, ops::ControlFlow, ops::Range};

/// Most bytes read for one unit of work.
pub(crate) const UNIT_LEN: usize = 4 << 20;
/// Files are cut at multiples of this, counted in the file.
const FILE_CUT: u64 = 256 << 10;
/// What is used but belongs to no file is cut at multiples of this, counted in the partition.
const METADATA_CUT: u64 = 64 << 10;
/// Extents remembered per partition: 64 MiB. What is beyond is cut by its content.
const EXTENTS_MAX: usize = (64 << 20) / size_of::<Extent>();

/// What is read of a disk.
pub(crate) struct Plan {
    regions: Vec<Region>,
    /// Places where a cut must be: what is written at different times must not share a chunk.
    pub(crate) borders: Vec<u64>,
    pub(crate) partitions: Vec<PartitionNote>,
    pub(crate) primary_table: Vec<ByteRange>,
    pub(crate) backup_table: Vec<ByteRange>,
    pub(crate) smallest_target: u64,
    /// Bytes that are kept, before zeros are left out.
    pub(crate) bytes_used: u64,
    pub(crate) notes: Vec<String>,
}

struct Region {
    bytes: Range<u64>,
    treatment: Treatment,
}

enum Treatment {
    /// Kept; cut by content, counted from this offset on.
    Content,
    /// Kept; cut at files. Index of the partition's extents.
    Files {
        partition_start: u64,
        extents: std::sync::Arc<Vec<Extent>>,
    },
    /// Not read; zeros after a restore.
    Zeros,
    /// Not read; anything after a restore.
    Free,
}

/// A run of a file on the disk.
#[derive(Clone, Copy)]
struct Extent {
    disk: u64,
    length: u64,
    logical: u64,
}

/// A range that is treated in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) how: How,
}

/// What is done with a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It is one chunk.
    Whole,
    /// It is cut by its content.
    Content,
    /// It is not read.
    Zeros,
    /// It is not read.
    Free,
}

impl Plan {
    /// Plans a capture. With `as_raw` every byte is kept.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] for a filesystem that must not be captured as it is.
    pub(crate) fn new(disk: &dyn ReadAt, examined: &Examined, as_raw: bool) -> Result<Self> {
        let layout = &examined.layout;
        let raw_because = as_raw.then_some("asked for");
        let mut notes: Vec<String> = layout.warnings.iter().map(ToString::to_string).collect();
        if let Table::Damaged { reason } = &layout.table {
            notes.push(format!(
                "the partition table is damaged ({reason}); the disk is kept whole"
            ));
        }
        let mut regions = Vec::new();
        let mut partitions = Vec::new();
        for (one, mapping) in layout.partitions.iter().zip(&examined.mappings) {
            if let (Outcome::Refused { reason, remedy }, false) = (&mapping.outcome, as_raw) {
                return Err(Error::new(
                    ErrorKind::Refused,
                    format!(
                        "partition {} ({}) cannot be captured: {reason}",
                        one.number, mapping.kind
                    ),
                )
                .with_remedy(format!("{remedy}; or keep every byte as it is with `--as raw`")));
            }
            notes.extend(
                mapping
                    .notes
                    .iter()
                    .map(|note| format!("partition {}: {note}", one.number)),
            );
            partitions.push(inspect::note(one, mapping, raw_because));
            if as_raw {
                regions.push(Region {
                    bytes: one.bytes.clone(),
                    treatment: Treatment::Content,
                });
            } else {
                add_partition(disk, &one.bytes, mapping, &mut regions);
            }
        }
        let primary = layout.primary_table();
        let backup = layout.backup_table();
        for gap in &layout.gaps {
            let kept = if as_raw || gap.is_kept() {
                Ranges::from_one(gap.bytes.clone())
            } else {
                Ranges::from_unsorted(backup.clone()).intersection(&Ranges::from_one(gap.bytes.clone()))
            };
            let free = Ranges::from_one(gap.bytes.clone()).difference(&kept);
            regions.extend(kept.iter().map(|bytes| Region {
                bytes: bytes.clone(),
                treatment: Treatment::Content,
            }));
            regions.extend(free.iter().map(|bytes| Region {
                bytes: bytes.clone(),
                treatment: Treatment::Free,
            }));
        }
        regions.retain(|region| !region.bytes.is_empty());
        regions.sort_by_key(|region| region.bytes.start);
        let regions = without_holes(regions, layout.disk_bytes);
        let mut borders: Vec<u64> = primary
            .iter()
            .chain(&backup)
            .flat_map(|range| [range.start, range.end])
            .collect();
        borders.extend(
            partitions
                .iter()
                .flat_map(|one: &PartitionNote| [one.start, one.start + one.head.get()]),
        );
        borders.sort_unstable();
        borders.dedup();
        let bytes_used = regions
            .iter()
            .filter(|region| matches!(region.treatment, Treatment::Content | Treatment::Files { .. }))
            .map(|region| region.bytes.end - region.bytes.start)
            .sum();
        let byte_range = |range: &Range<u64>| ByteRange {
            start: range.start,
            length: range.end - range.start,
        };
        Ok(Self {
            regions,
            borders,
            partitions,
            primary_table: primary.iter().map(byte_range).collect(),
            backup_table: backup.iter().map(byte_range).collect(),
            smallest_target: if as_raw {
                layout.disk_bytes
            } else {
                layout.smallest_disk_bytes()
            },
            bytes_used,
            notes,
        })
    }

    /// The spans of the whole disk, in order.
    pub(crate) fn spans(&self) -> Spans<'_> {
        Spans {
            plan: self,
            region: 0,
            position: 0,
            extent: 0,
            ready: VecDeque::new(),
        }
    }
}

/// Makes sure that every byte of the disk is in exactly one region, whatever the layout said: a byte that nobody claims
/// is kept, of two that overlap the first wins.
fn without_holes(regions: Vec<Region>, disk_bytes: u64) -> Vec<Region> {
    let mut whole: Vec<Region> = Vec::with_capacity(regions.len());
    let mut next = 0;
    for mut region in regions {
        region.bytes.start = region.bytes.start.max(next);
        region.bytes.end = region.bytes.end.min(disk_bytes);
        if region.bytes.start >= region.bytes.end {
            continue;
        }
        if region.bytes.start > next {
            whole.push(Region {
                bytes: next..region.bytes.start,
                treatment: Treatment::Content,
            });
        }
        next = region.bytes.end;
        whole.push(region);
    }
    if next < disk_bytes {
        whole.push(Region {
            bytes: next..disk_bytes,
            treatment: Treatment::Content,
        });
    }
    whole
}

fn add_partition(disk: &dyn ReadAt, bytes: &Range<u64>, mapping: &Mapping, regions: &mut Vec<Region>) {
    let Outcome::Mapped(mapped) = &mapping.outcome else {
        regions.push(Region {
            bytes: bytes.clone(),
            treatment: Treatment::Content,
        });
        return;
    };
    let mut extents = Vec::new();
    // What follows a file's last byte in its last block belongs to nobody else: it stays with the file.
    let block = u64::from(mapping.block_size_bytes.max(1));
    // Hints only: what cannot be walked is cut as metadata is.
    let _ = mapped.files.walk(disk, &mut |extent| {
        extents.push(Extent {
            disk: extent.disk_offset,
            length: extent
                .length_bytes
                .checked_next_multiple_of(block)
                .unwrap_or(extent.length_bytes),
            logical: extent.logical_offset,
        });
        if extents.len() < EXTENTS_MAX {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    extents.sort_unstable_by_key(|extent| (extent.disk, extent.logical));
    let extents = std::sync::Arc::new(extents);
    let whole = Ranges::from_one(bytes.clone());
    let used = mapped.used.intersection(&whole);
    let zeroed = mapped.zeroed.intersection(&whole).difference(&used);
    let free = whole.difference(&used).difference(&zeroed);
    regions.extend(used.iter().map(|range| Region {
        bytes: range.clone(),
        treatment: Treatment::Files {
            partition_start: bytes.start,
            extents: std::sync::Arc::clone(&extents),
        },
    }));
    regions.extend(zeroed.iter().map(|range| Region {
        bytes: range.clone(),
        treatment: Treatment::Zeros,
    }));
    regions.extend(free.iter().map(|range| Region {
        bytes: range.clone(),
        treatment: Treatment::Free,
    }));
}

/// Walks a plan.
pub(crate) struct Spans<'a> {
    plan: &'a Plan,
    region: usize,
    /// Next byte of the disk.
    position: u64,
    /// First extent of the region's list that may still matter.
    extent: usize,
    ready: VecDeque<Span>,
}

impl Iterator for Spans<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        if let Some(span) = self.ready.pop_front() {
            return Some(span);
        }
        let region = self.plan.regions.get(self.region)?;
        let start = self.position.max(region.bytes.start);
        let mut end = region.bytes.end;
        let border = self.plan.borders.partition_point(|border| *border <= start);
        if let Some(border) = self.plan.borders.get(border) {
            end = end.min(*border);
        }
        let how = match &region.treatment {
            Treatment::Zeros => How::Zeros,
            Treatment::Free => How::Free,
            Treatment::Content => {
                // Units begin at multiples counted from the region's start, so that equal partitions are cut equally.
                let into = start - region.bytes.start;
                end = end.min(region.bytes.start + (into / UNIT_LEN as u64 + 1) * UNIT_LEN as u64);
                How::Content
            }
            Treatment::Files {
                partition_start,
                extents,
            } => {
                end = end.min(next_file_cut(extents, &mut self.extent, start, *partition_start));
                How::Whole
            }
        };
        self.position = end;
        if end >= region.bytes.end {
            self.region += 1;
        }
        Some(Span {
            offset: start,
            length: end - start,
            how,
        })
    }
}

/// Where the span that begins at `start` ends because of the files there.
fn next_file_cut(extents: &[Extent], cursor: &mut usize, start: u64, partition_start: u64) -> u64 {
    // Another partition has another list: then the cursor is from elsewhere.
    if extents.get(*cursor).is_none_or(|extent| extent.disk > start) {
        *cursor = extents
            .partition_point(|extent| extent.disk <= start)
            .saturating_sub(1);
    }
    while extents.get(*cursor + 1).is_some_and(|next| next.disk <= start) {
        *cursor += 1;
    }
    let next_extent = match extents.get(*cursor) {
        Some(extent) if extent.disk <= start && start < extent.disk.saturating_add(extent.length) => {
            let extent_end = extent.disk + extent.length;
            let logical = extent.logical.saturating_add(start - extent.disk);
            let cut = start.saturating_add(FILE_CUT - logical % FILE_CUT);
            let next = extents.get(*cursor + 1).map_or(u64::MAX, |next| next.disk);
            return extent_end.min(cut).min(next);
        }
        Some(extent) if extent.disk > start => extent.disk,
        _ => extents.get(*cursor + 1).map_or(u64::MAX, |next| next.disk),
    };
    let into = start.saturating_sub(partition_start);
    next_extent.min(partition_start + (into / METADATA_CUT + 1) * METADATA_CUT)
}

#[cfg(test)]
mod tests;
