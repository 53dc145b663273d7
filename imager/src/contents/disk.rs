//! A master's disk image, read at any offset without putting it anywhere.

use super::cache::FrameCache;
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    exchange::{MasterSource, fetch_segment},
    signature::PublicKey,
    store::folder::lock,
};
use protocol::{
    ChunkId, MasterRef,
    manifest::{EntryKind, Root},
};
use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
    sync::{Arc, Mutex},
};

/// Segments kept decoded: each at most 16384 entries.
const SEGMENTS_KEPT: usize = 8;
/// Bytes of one read for which frames are asked together.
const BATCH_BYTES: u64 = 4 << 20;

/// The disk image of one version of a master, for reading only.
///
/// What the master says nothing of (free space, what a restore leaves alone) reads as zeros, and
/// [`ReadAt::next_data`] knows it for a hole. What could not be read when it was captured cannot be read here either,
/// though a restore makes zeros of it: whoever copies a file must learn that a part of it is missing. Every chunk is
/// checked against its id; a few decoded frames and manifest segments are kept in memory (32 MiB and 8 MiB at most).
/// Cheap to make; nothing is fetched before it is read.
pub struct MasterDisk<'a> {
    source: &'a dyn MasterSource,
    root: Root,
    starts: Vec<u64>,
    segments: Mutex<VecDeque<(usize, Arc<Vec<Piece>>)>>,
    frames: Mutex<FrameCache>,
}

/// An entry of the manifest in its place.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: u64,
    length: u64,
    holds: Holds,
}

/// What a piece reads as.
#[derive(Clone, Copy, Debug)]
enum Holds {
    Chunk(ChunkId),
    Zeros,
    /// An error, as on the disk that was captured.
    Nothing,
}

impl Piece {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.length)
    }
}

/// Where bytes of a chunk go in the reader's buffer.
struct Placement {
    buffer: Range<usize>,
    inside: usize,
}

impl<'a> MasterDisk<'a> {
    /// Opens a master's version (the newest if none is named), whose root `key` must have signed.
    ///
    /// # Errors
    /// The master does not exist, its root is damaged or signed by somebody else.
    pub fn open(source: &'a dyn MasterSource, master: &MasterRef, key: &PublicKey) -> Result<Self> {
        let root = key.open(&source.root(master)?)?;
        if root.name != master.name || master.version.is_some_and(|version| version != root.version) {
            return Err(Error::new(
                ErrorKind::Signature,
                format!(
                    "asked for {master}, the manifest given is of {}@{}",
                    root.name, root.version
                ),
            ));
        }
        Ok(Self::new(source, root))
    }

    /// The disk that a checked root describes.
    #[must_use]
    pub fn new(source: &'a dyn MasterSource, root: Root) -> Self {
        let starts = root
            .segments
            .iter()
            .scan(0u64, |next, segment| {
                let start = *next;
                *next = next.saturating_add(segment.covers.get());
                Some(start)
            })
            .collect();
        Self {
            source,
            root,
            starts,
            segments: Mutex::default(),
            frames: Mutex::default(),
        }
    }

    /// The head of its manifest.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The number of the segment that holds a byte.
    fn segment_at(&self, offset: u64) -> usize {
        self.starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1)
    }

    fn segment(&self, number: usize) -> Result<Arc<Vec<Piece>>> {
        {
            let mut kept = lock(&self.segments);
            if let Some(at) = kept.iter().position(|(own, _)| *own == number)
                && let Some(found) = kept.remove(at)
            {
                let pieces = Arc::clone(&found.1);
                kept.push_back(found);
                return Ok(pieces);
            }
        }
        let beyond = || Error::new(ErrorKind::Damaged, "the manifest ends before its disk");
        let (reference, start) = self
            .root
            .segments
            .get(number)
            .zip(self.starts.get(number))
            .ok_or_else(beyond)?;
        let segment = fetch_segment(self.source, reference, *start)?;
        let pieces: Vec<Piece> = segment
            .ranges()
            .map(|(start, entry)| Piece {
                start,
                length: entry.length_bytes,
                holds: match entry.kind {
                    EntryKind::Data(id) => Holds::Chunk(id),
                    EntryKind::Zero | EntryKind::Discard | EntryKind::Keep => Holds::Zeros,
                    EntryKind::Unreadable => Holds::Nothing,
                },
            })
            .collect();
        let pieces = Arc::new(pieces);
        let mut kept = lock(&self.segments);
        kept.push_back((number, Arc::clone(&pieces)));
        if kept.len() > SEGMENTS_KEPT {
            kept.pop_front();
        }
        Ok(pieces)
    }

    /// Fills a buffer that lies in one segment.
    fn read_in_segment(&self, number: usize, buffer: &mut [u8], offset: u64) -> Result<()> {
        let pieces = self.segment(number)?;
        let end = offset + buffer.len() as u64;
        let first = pieces.partition_point(|piece| piece.end() <= offset);
        let mut lacking: HashMap<ChunkId, Vec<Placement>> = HashMap::new();
        let mut covered = offset;
        {
            let frames = lock(&self.frames);
            for piece in pieces[first..].iter().take_while(|piece| piece.start < end) {
                let (from, to) = (piece.start.max(offset), piece.end().min(end));
                let placement = Placement {
                    buffer: index(from - offset)..index(to - offset),
                    inside: index(from - piece.start),
                };
                covered = to;
                let id = match piece.holds {
                    Holds::Chunk(id) => id,
                    Holds::Zeros => {
                        buffer[placement.buffer].fill(0);
                        continue;
                    }
                    Holds::Nothing => {
                        return Err(Error::new(
                            ErrorKind::Read,
                            format!(
                                "{} bytes at offset {} could not be read when the disk was captured",
                                piece.length, piece.start
                            ),
                        ));
                    }
                };
                match frames.get(&id) {
                    Some(chunk) => placement.fill(buffer, chunk, &id)?,
                    None => lacking.entry(id).or_default().push(placement),
                }
            }
        }
        if covered < end {
            return Err(Error::new(
                ErrorKind::Damaged,
                "the manifest says nothing of a range of its disk",
            ));
        }
        if lacking.is_empty() {
            return Ok(());
        }
        let mut wanted: Vec<ChunkId> = lacking.keys().copied().collect();
        wanted.sort_unstable();
        self.source
            .fetch(self.root.segments[number].id, &wanted, &mut |frame| {
                let frame = frame.decode()?;
                for (id, chunk) in frame.iter() {
                    for placement in lacking.remove(&id).unwrap_or_default() {
                        placement.fill(buffer, chunk, &id)?;
                    }
                }
                lock(&self.frames).put(frame);
                Ok(())
            })?;
        match lacking.keys().next() {
            None => Ok(()),
            Some(id) => Err(Error::new(
                ErrorKind::Missing,
                format!("chunk {id} was asked for and did not come"),
            )),
        }
    }
}

impl Placement {
    fn fill(&self, buffer: &mut [u8], chunk: &[u8], id: &ChunkId) -> Result<()> {
        let bytes = self.inside..self.inside + self.buffer.len();
        let bytes = chunk.get(bytes).ok_or_else(|| {
            Error::new(
                ErrorKind::Damaged,
                format!("chunk {id} is shorter than the manifest says"),
            )
        })?;
        buffer[self.buffer.clone()].copy_from_slice(bytes);
        Ok(())
    }
}

impl ReadAt for MasterDisk<'_> {
    fn len(&self) -> u64 {
        self.root.disk_size.get()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let length = buffer.len() as u64;
        if offset.checked_add(length).is_none_or(|end| end > self.len()) {
            return Err(Error::new(
                ErrorKind::Read,
                format!(
                    "reading {length} bytes at offset {offset} reaches behind the end at {}",
                    self.len()
                ),
            ));
        }
        let (mut rest, mut at) = (buffer, offset);
        while !rest.is_empty() {
            let number = self.segment_at(at);
            let segment_end = self.starts.get(number + 1).copied().unwrap_or(self.len());
            let length = (rest.len() as u64)
                .min(segment_end.saturating_sub(at))
                .min(BATCH_BYTES);
            if length == 0 {
                return Err(Error::new(
                    ErrorKind::Damaged,
                    "the manifest ends before its disk",
                ));
            }
            let (piece, tail) = rest.split_at_mut(index(length));
            self.read_in_segment(number, piece, at).map_err(|error| {
                let message = format!(
                    "reading {length} bytes at offset {at} of {}@{}",
                    self.root.name, self.root.version
                );
                Error::new(error.kind(), message).with_source(error)
            })?;
            rest = tail;
            at += length;
        }
        Ok(())
    }

    fn sector_size(&self) -> u32 {
        self.root.sector_size
    }

    fn next_data(&self, offset: u64) -> Option<Range<u64>> {
        let mut found: Option<Range<u64>> = None;
        let mut number = self.segment_at(offset);
        while number < self.starts.len() {
            // A manifest that cannot be read is not a hole: whoever reads there learns why.
            let Ok(pieces) = self.segment(number) else {
                let start = offset.max(self.starts[number]);
                return found.or_else(|| (start < self.len()).then(|| start..self.len()));
            };
            let first = pieces.partition_point(|piece| piece.end() <= offset);
            for piece in &pieces[first.min(pieces.len())..] {
                let is_hole = matches!(piece.holds, Holds::Zeros);
                match &mut found {
                    Some(range) if !is_hole => range.end = piece.end(),
                    Some(_) => return found,
                    None if is_hole => {}
                    None => found = Some(piece.start.max(offset)..piece.end()),
                }
            }
            number += 1;
        }
        found
    }
}

/// Lengths that were compared with a buffer's fit an index.
fn index(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Unwatched,
        capture::{CaptureOptions, capture},
        synthetic::{Chance, gpt_disk, memory_store, noise},
    };

    const SIZE: u64 = 8 << 20;

    fn disk() -> Vec<u8> {
        gpt_disk(SIZE, &[(2048, 8192), (8192, 15000)], |number, bytes| {
            let length = bytes.len();
            bytes.copy_from_slice(&noise(number as u64, length));
            bytes[length / 2..length / 2 + 700_000].fill(0);
        })
    }

    #[test]
    fn any_range_of_the_master_reads_as_the_disk_did() {
        let original = disk();
        let (store, _) = memory_store();
        capture(
            &original,
            &store,
            &CaptureOptions::new("m".parse().unwrap()),
            &Unwatched,
        )
        .unwrap();
        let view = MasterDisk::open(&store, &"m".parse().unwrap(), &store.public_key()).unwrap();
        assert_eq!(view.len(), SIZE);
        // The end of the last partition; the gap behind it is not kept but for its table.
        let end = 15000 * 512;
        let mut chance = Chance::new(7);
        for _ in 0..300 {
            let start = chance.below(end);
            let length = chance.below((end - start).min(3 << 20));
            let mut buffer = vec![0xAA; length];
            view.read_exact_at(&mut buffer, start as u64).unwrap();
            assert_eq!(buffer, original[start..start + length]);
        }
        assert!(view.read_exact_at(&mut [0; 2], SIZE - 1).is_err());
        assert!(view.read_exact_at(&mut [0; 2], u64::MAX).is_err());
    }

    #[test]
    fn holes_are_known_without_reading_and_are_zeros() {
        let original = disk();
        let (store, _) = memory_store();
        capture(
            &original,
            &store,
            &CaptureOptions::new("m".parse().unwrap()),
            &Unwatched,
        )
        .unwrap();
        let view = MasterDisk::open(&store, &"m@1".parse().unwrap(), &store.public_key()).unwrap();
        let (mut at, mut holes) = (0, 0u64);
        while at < view.len() {
            let data = view.next_data(at).unwrap_or(view.len()..view.len());
            assert!(data.start >= at);
            let mut hole = vec![1; index(data.start - at)];
            view.read_exact_at(&mut hole, at).unwrap();
            assert!(hole.iter().all(|byte| *byte == 0));
            holes += data.start - at;
            at = data.end.max(at + 1);
        }
        assert!(holes > 1_200_000, "{holes}");
    }

    #[test]
    fn somebody_elses_signature_is_refused() {
        let (store, _) = memory_store();
        let (other, _) = memory_store();
        capture(
            &disk(),
            &store,
            &CaptureOptions::new("m".parse().unwrap()),
            &Unwatched,
        )
        .unwrap();
        let error = MasterDisk::open(&store, &"m".parse().unwrap(), &other.public_key())
            .err()
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::Signature);
    }
}
