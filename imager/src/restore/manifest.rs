//! The manifest as a restore walks it: segment by segment, never whole; one bit per entry says what has to be done.

use crate::{
    error::{Error, ErrorKind, Result},
    exchange::{ManifestSource, fetch_segment},
    store::folder::lock,
};
use protocol::manifest::{ByteRange, Entry, EntryKind, Root, Segment, SegmentId};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// When an entry is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// With the partition tables, from memory.
    Table,
    /// At the head of a partition, when everything else is there.
    Head,
    /// First.
    Body,
}

/// What a restore needs to know of every entry.
pub(super) struct Entries<'a> {
    source: &'a dyn ManifestSource,
    pub(super) root: &'a Root,
    /// Offset of each segment.
    starts: Vec<u64>,
    tables: Vec<ByteRange>,
    heads: Vec<ByteRange>,
    /// Segments that were fetched and checked, as long as there is room: a restore walks them several times.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    segments: HashMap<usize, Arc<Segment>>,
    bytes: usize,
}

/// Bytes of segments that are kept: those of a disk with about half a million chunks.
const KEPT_MAX: usize = 24 << 20;

/// An entry with everything that concerns it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) index: usize,
    pub(super) offset: u64,
    pub(super) length: u64,
    /// What it is after the restore: what could not be read at the capture is zeros.
    pub(super) kind: EntryKind,
    pub(super) role: Role,
}

impl<'a> Entries<'a> {
    pub(super) fn new(source: &'a dyn ManifestSource, root: &'a Root) -> Self {
        let mut next = 0u64;
        let starts = root
            .segments
            .iter()
            .map(|segment| {
                let start = next;
                next = next.saturating_add(segment.covers.get());
                start
            })
            .collect();
        let mut tables: Vec<ByteRange> = root
            .primary_table
            .iter()
            .chain(&root.backup_table)
            .copied()
            .collect();
        tables.sort_unstable_by_key(|range| range.start);
        let mut heads: Vec<ByteRange> = root.heads().collect();
        heads.sort_unstable_by_key(|range| range.start);
        Self {
            source,
            root,
            starts,
            tables,
            heads,
            kept: Mutex::default(),
        }
    }

    pub(super) fn segment_count(&self) -> usize {
        self.root.segments.len()
    }

    pub(super) fn segment_id(&self, number: usize) -> SegmentId {
        self.root.segments[number].id
    }

    /// Gets a segment, checks that it is the one that the root names, and places its entries.
    pub(super) fn segment(&self, number: usize) -> Result<Vec<Placed>> {
        let reference = self.root.segments[number];
        let damaged = |why: &str| {
            Error::new(
                ErrorKind::Damaged,
                format!("manifest segment {}: {why}", reference.id),
            )
        };
        let kept = lock(&self.kept).segments.get(&number).map(Arc::clone);
        let segment = match kept {
            Some(segment) => segment,
            None => {
                let segment = Arc::new(fetch_segment(self.source, &reference, self.starts[number])?);
                let bytes = segment.entries.len() * size_of::<Entry>();
                let mut kept = lock(&self.kept);
                if kept.bytes + bytes <= KEPT_MAX {
                    kept.bytes += bytes;
                    kept.segments.insert(number, Arc::clone(&segment));
                }
                segment
            }
        };
        segment
            .ranges()
            .enumerate()
            .map(|(index, (offset, entry))| {
                let length = entry.length_bytes;
                let kind = match entry.kind {
                    // Never what the target held.
                    EntryKind::Unreadable => EntryKind::Zero,
                    kind => kind,
                };
                let role = self
                    .role(offset, length, kind)
                    .ok_or_else(|| damaged("an entry crosses the border of a partition table"))?;
                Ok(Placed {
                    index,
                    offset,
                    length,
                    kind,
                    role,
                })
            })
            .collect()
    }

    /// Whether any of the ranges, sorted and disjoint, lies in a segment.
    pub(super) fn touches(&self, number: usize, ranges: &[ByteRange]) -> bool {
        let (start, length) = (self.starts[number], self.root.segments[number].covers.get());
        let first = ranges.partition_point(|range| range.end() <= start);
        ranges
            .get(first)
            .is_some_and(|range| range.overlaps(start, length))
    }

    /// The role of a range; `None` if it is partly table and partly not, and is written.
    fn role(&self, offset: u64, length: u64, kind: EntryKind) -> Option<Role> {
        let written = matches!(kind, EntryKind::Data(_) | EntryKind::Zero);
        let touching = |ranges: &[ByteRange]| {
            let first = ranges.partition_point(|range| range.end() <= offset);
            ranges
                .get(first)
                .copied()
                .filter(|range| range.overlaps(offset, length))
        };
        match touching(&self.tables) {
            Some(table) if table.start <= offset && offset.saturating_add(length) <= table.end() => {
                return Some(Role::Table);
            }
            Some(_) if written => return None,
            _ => {}
        }
        Some(if written && touching(&self.heads).is_some() {
            Role::Head
        } else {
            Role::Body
        })
    }
}

/// One bit per entry of every segment.
pub(super) struct Marks(Vec<std::sync::OnceLock<Vec<AtomicU64>>>);

impl Marks {
    pub(super) fn new(segments: usize) -> Self {
        Self((0..segments).map(|_| std::sync::OnceLock::new()).collect())
    }

    pub(super) fn set(&self, segment: usize, entry: usize) {
        let words = self.0[segment].get_or_init(|| {
            (0..Segment::MAX_ENTRIES.div_ceil(64))
                .map(|_| AtomicU64::new(0))
                .collect()
        });
        words[entry / 64].fetch_or(1 << (entry % 64), Ordering::Relaxed);
    }

    pub(super) fn clear(&self, segment: usize, entry: usize) {
        if let Some(words) = self.0[segment].get() {
            words[entry / 64].fetch_and(!(1 << (entry % 64)), Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self, segment: usize, entry: usize) -> bool {
        self.0[segment]
            .get()
            .is_some_and(|words| words[entry / 64].load(Ordering::Relaxed) >> (entry % 64) & 1 == 1)
    }

    /// Whether any entry of a segment is marked.
    pub(super) fn any(&self, segment: usize) -> bool {
        self.0[segment]
            .get()
            .is_some_and(|words| words.iter().any(|word| word.load(Ordering::Relaxed) != 0))
    }
}
