//! Writing a manifest: entries come in the order of the disk and leave as segments. What could not be read at once comes
//! at the end: the segments in which it lies wait for it.

use crate::{
    error::{Error, ErrorKind, Result},
    exchange::ChunkSink,
};
use protocol::{
    ByteLen, ByteOffset,
    manifest::{Entry, EntryKind, Segment, SegmentRef},
};
use std::collections::{BTreeMap, BTreeSet};

/// Entries of a full segment: 320 KiB, which bounds what a restore holds and what one request asks about.
const ENTRIES: usize = 8192;

/// Collects entries and puts each segment as soon as it is full.
pub(crate) struct ManifestWriter<'a> {
    sink: &'a dyn ChunkSink,
    /// Nothing is merged across these.
    borders: &'a [u64],
    start: u64,
    next: u64,
    entries: Vec<Entry>,
    segments: Vec<Written>,
    /// Where ranges begin that are supplied later.
    postponed: BTreeSet<u64>,
    supplied: BTreeMap<u64, Entry>,
    pub(crate) chunks: u64,
    pub(crate) bytes_data: u64,
}

/// A segment that is full.
enum Written {
    Put(SegmentRef),
    /// It waits for what is supplied later.
    Waiting(Segment),
}

impl<'a> ManifestWriter<'a> {
    pub(crate) fn new(sink: &'a dyn ChunkSink, borders: &'a [u64]) -> Self {
        Self::beginning_at(0, sink, borders)
    }

    fn beginning_at(start: u64, sink: &'a dyn ChunkSink, borders: &'a [u64]) -> Self {
        Self {
            sink,
            borders,
            start,
            next: start,
            entries: Vec::new(),
            segments: Vec::new(),
            postponed: BTreeSet::new(),
            supplied: BTreeMap::new(),
            chunks: 0,
            bytes_data: 0,
        }
    }

    /// Adds what follows at `offset`; ranges without content that touch become one.
    pub(crate) fn push(&mut self, offset: u64, length_bytes: u64, kind: EntryKind) -> Result<()> {
        let entry = Entry { length_bytes, kind };
        self.go_on(offset, length_bytes)?;
        self.count(entry);
        let is_border = self.borders.binary_search(&offset).is_ok();
        let last_is_postponed = self
            .entries
            .last()
            .is_some_and(|last| self.postponed.contains(&(offset - last.length_bytes)));
        if !matches!(kind, EntryKind::Data(_))
            && !is_border
            && !last_is_postponed
            && let Some(last) = self.entries.last_mut().filter(|last| last.kind == kind)
        {
            last.length_bytes += length_bytes;
            return Ok(());
        }
        self.add(offset, entry)
    }

    /// Leaves room for what follows at `offset`: [`ManifestWriter::supply`] says later what is there.
    pub(crate) fn postpone(&mut self, offset: u64, length_bytes: u64) -> Result<()> {
        self.go_on(offset, length_bytes)?;
        self.add(
            offset,
            Entry {
                length_bytes,
                kind: EntryKind::Unreadable,
            },
        )?;
        self.postponed.insert(offset);
        Ok(())
    }

    /// Says what is at `offset`, within a range that was postponed.
    pub(crate) fn supply(&mut self, offset: u64, length_bytes: u64, kind: EntryKind) {
        let entry = Entry { length_bytes, kind };
        self.count(entry);
        self.supplied.insert(offset, entry);
    }

    /// Puts the last segment, and those that waited, and gives all of them.
    pub(crate) fn finish(mut self) -> Result<(Vec<SegmentRef>, u64, u64)> {
        let end = self.next;
        self.flush(end)?;
        let mut segments = Vec::with_capacity(self.segments.len());
        for written in std::mem::take(&mut self.segments) {
            match written {
                Written::Put(reference) => segments.push(reference),
                Written::Waiting(segment) => segments.extend(self.put_supplied(&segment)?),
            }
        }
        Ok((segments, self.chunks, self.bytes_data))
    }

    /// Puts a segment with what was supplied for it; there may be more entries now than one segment takes.
    fn put_supplied(&self, segment: &Segment) -> Result<Vec<SegmentRef>> {
        let mut whole = Self::beginning_at(segment.start.get(), self.sink, self.borders);
        for (offset, entry) in segment.ranges() {
            let end = offset + entry.length_bytes;
            if self.postponed.contains(&offset) {
                for (offset, entry) in self.supplied.range(offset..end) {
                    whole.push(*offset, entry.length_bytes, entry.kind)?;
                }
            } else {
                whole.push(offset, entry.length_bytes, entry.kind)?;
            }
            if whole.next != end {
                return Err(lost_its_place(end, whole.next));
            }
        }
        whole.finish().map(|(segments, _, _)| segments)
    }

    fn go_on(&mut self, offset: u64, length_bytes: u64) -> Result<()> {
        if offset != self.next || length_bytes == 0 {
            return Err(lost_its_place(self.next, offset));
        }
        self.next += length_bytes;
        Ok(())
    }

    fn count(&mut self, entry: Entry) {
        if let EntryKind::Data(_) = entry.kind {
            self.chunks += 1;
            self.bytes_data += entry.length_bytes;
        }
    }

    fn add(&mut self, offset: u64, entry: Entry) -> Result<()> {
        if self.entries.len() >= ENTRIES {
            self.flush(offset)?;
        }
        self.entries.push(entry);
        Ok(())
    }

    fn flush(&mut self, end: u64) -> Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let segment = Segment {
            start: ByteOffset(self.start),
            entries: std::mem::take(&mut self.entries),
        };
        let waits = self.postponed.range(self.start..end).next().is_some();
        self.segments.push(if waits {
            Written::Waiting(segment)
        } else {
            Written::Put(SegmentRef {
                id: self.sink.put_segment(&segment.encode())?,
                covers: ByteLen(end - self.start),
            })
        });
        self.start = end;
        Ok(())
    }
}

fn lost_its_place(expected: u64, found: u64) -> Error {
    Error::new(
        ErrorKind::Damaged,
        format!("the capture lost its place: expected offset {expected}, got {found}"),
    )
}
