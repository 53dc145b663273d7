//! What of a disk is read, and where it is cut: from the used maps and the files' extents.
//!
//! ```text
//! regions   every byte of the disk once, in order: keep (by content) · mapped (by files) · zeros · free
//! spans     regions cut at files, at file-logical multiples of 128 KiB, at heads and tables
//! units     spans to be read together, up to 4 MiB
//! ```

use super::extents::{Extent, Extents, FILE_CUT, Walk};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{Kind, Mapping, Outcome, Ranges},
    inspect::{self, Examined},
    partition::Table,
};
use protocol::manifest::{ByteRange, PartitionNote};
use std::{ops::ControlFlow, ops::Range};

/// Most bytes read for one unit of work.
pub(crate) const UNIT_LEN: usize = 4 << 20;
/// What is used but belongs to no file is cut at multiples of this, counted in the partition: a record of an MFT, four
/// inodes. A system that runs changes a few of them everywhere, and whatever shares a chunk with them is stored again.
const METADATA_CUT: u64 = 1 << 10;
/// So much of a run of such bytes is cut so finely. A longer one is hardly metadata.
const METADATA_FINE: u64 = 64 << 20;
/// Cuts of the rest, of filesystems whose metadata is trees of long blocks or a long log, and where the files could not be
/// told from it.
const METADATA_CUT_COARSE: u64 = 16 << 10;

/// What is read of a disk.
pub(crate) struct Plan {
    regions: Vec<Region>,
    /// Of each partition that is cut at files, where they lie.
    extents: Vec<Extents>,
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

#[derive(Clone, Copy)]
enum Treatment {
    /// Kept; cut by content, counted from this offset on.
    Content,
    /// Kept; cut at files.
    Files {
        partition_start: u64,
        /// What belongs to no file is cut finely.
        fine: bool,
        /// Which of the plan's extents are those of the partition.
        extents: usize,
    },
    /// Not read; zeros after a restore.
    Zeros,
    /// Not read; anything after a restore.
    Free,
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
    /// It did not read at once and is gone back to at the end.
    Later,
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
        let mut extents = Vec::new();
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
                .with_remedy(format!("{remedy}; or keep every byte as it is")));
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
                add_partition(disk, &one.bytes, mapping, &mut regions, &mut extents);
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
            extents,
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
            walks: self.extents.iter().map(Extents::walk).collect(),
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

fn add_partition(
    disk: &dyn ReadAt,
    bytes: &Range<u64>,
    mapping: &Mapping,
    regions: &mut Vec<Region>,
    extents: &mut Vec<Extents>,
) {
    let Outcome::Mapped(mapped) = &mapping.outcome else {
        regions.push(Region {
            bytes: bytes.clone(),
            treatment: Treatment::Content,
        });
        return;
    };
    let mut files = Extents::default();
    // What follows a file's last byte in its last block belongs to nobody else: it stays with the file.
    let block = u64::from(mapping.block_size_bytes.max(1));
    // Hints only: what cannot be walked is cut as metadata is.
    let mut is_full = false;
    let walked = mapped.files.walk(disk, &mut |extent| {
        let length = extent
            .length_bytes
            .checked_next_multiple_of(block)
            .unwrap_or(extent.length_bytes);
        if files.push(extent.disk_offset, length, extent.logical_offset) {
            ControlFlow::Continue(())
        } else {
            is_full = true;
            ControlFlow::Break(())
        }
    });
    files.finish();
    let whole = Ranges::from_one(bytes.clone());
    let used = mapped.used.intersection(&whole);
    let zeroed = mapped.zeroed.intersection(&whole).difference(&used);
    let free = whole.difference(&used).difference(&zeroed);
    let as_files = Treatment::Files {
        partition_start: bytes.start,
        fine: walked.is_ok()
            && !is_full
            && matches!(
                mapping.kind,
                Kind::Ext | Kind::Ntfs | Kind::Fat12 | Kind::Fat16 | Kind::Fat32 | Kind::Exfat
            ),
        extents: extents.len(),
    };
    extents.push(files);
    for (ranges, treatment) in [
        (used, as_files),
        (zeroed, Treatment::Zeros),
        (free, Treatment::Free),
    ] {
        regions.extend(ranges.iter().map(|range| Region {
            bytes: range.clone(),
            treatment,
        }));
    }
}

/// Walks a plan.
pub(crate) struct Spans<'a> {
    plan: &'a Plan,
    region: usize,
    /// Next byte of the disk.
    position: u64,
    /// As far as the extents of each partition matter no more.
    walks: Vec<Walk<'a>>,
}

impl Iterator for Spans<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
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
                fine,
                extents,
            } => {
                let around = self.walks.get_mut(*extents).map(|walk| walk.around(start));
                let around = around.unwrap_or_default();
                let run = region.bytes.start.max(around.0.map_or(0, |last| last.end()));
                let multiple = if *fine && start.saturating_sub(run) < METADATA_FINE {
                    METADATA_CUT
                } else {
                    METADATA_CUT_COARSE
                };
                let into = start.saturating_sub(*partition_start);
                let metadata_end = partition_start + (into / multiple + 1) * multiple;
                end = end.min(next_file_cut(around, start, metadata_end));
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

/// Where the span that begins at `start` ends because of the files there: the last extent that begins at it or before,
/// and the first behind it. Outside of files it ends at `metadata_end`.
fn next_file_cut((last, next): (Option<Extent>, Option<Extent>), start: u64, metadata_end: u64) -> u64 {
    let next = next.map_or(u64::MAX, |next| next.disk);
    if let Some(extent) = last {
        let end = extent.end();
        if start < end {
            let logical = extent.phase.saturating_add(start - extent.disk);
            let cut = start.saturating_add(FILE_CUT - logical % FILE_CUT);
            return end.min(cut).min(next);
        }
    }
    next.min(metadata_end)
}

#[cfg(test)]
mod tests;
