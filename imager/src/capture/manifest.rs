//! Writing a manifest: entries come in the order of the disk and leave as segments.

use crate::{
    error::{Error, ErrorKind, Result},
    exchange::ChunkSink,
};
use protocol::{
    ByteLen, ByteOffset,
    manifest::{Entry, EntryKind, Segment, SegmentRef},
};

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
    segments: Vec<SegmentRef>,
    pub(crate) chunks: u64,
    pub(crate) bytes_data: u64,
}

impl<'a> ManifestWriter<'a> {
    pub(crate) fn new(sink: &'a dyn ChunkSink, borders: &'a [u64]) -> Self {
        Self {
            sink,
            borders,
            start: 0,
            next: 0,
            entries: Vec::new(),
            segments: Vec::new(),
            chunks: 0,
            bytes_data: 0,
        }
    }

    /// Adds what follows at `offset`; zeros and free ranges that touch become one.
    pub(crate) fn push(&mut self, offset: u64, length_bytes: u64, kind: EntryKind) -> Result<()> {
        if offset != self.next || length_bytes == 0 {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!(
                    "the capture lost its place: expected offset {}, got {offset}",
                    self.next
                ),
            ));
        }
        self.next += length_bytes;
        if let EntryKind::Data(_) = kind {
            self.chunks += 1;
            self.bytes_data += length_bytes;
        } else if let (Err(_), Some(last)) = (
            self.borders.binary_search(&offset),
            self.entries.last_mut().filter(|last| last.kind == kind),
        ) {
            last.length_bytes += length_bytes;
            return Ok(());
        }
        if self.entries.len() >= ENTRIES {
            self.flush(offset)?;
        }
        self.entries.push(Entry { length_bytes, kind });
        Ok(())
    }

    /// Puts the last segment and gives all of them.
    pub(crate) fn finish(mut self) -> Result<(Vec<SegmentRef>, u64, u64)> {
        let end = self.next;
        self.flush(end)?;
        Ok((self.segments, self.chunks, self.bytes_data))
    }

    fn flush(&mut self, end: u64) -> Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let segment = Segment {
            start: ByteOffset(self.start),
            entries: std::mem::take(&mut self.entries),
        };
        let id = self.sink.put_segment(&segment.encode())?;
        self.segments.push(SegmentRef {
            id,
            covers: ByteLen(end - self.start),
        });
        self.start = end;
        Ok(())
    }
}
