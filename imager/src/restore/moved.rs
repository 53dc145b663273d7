//! Content that the target holds already, only elsewhere: found by the cutter of a capture, and copied there.
//!
//! ```text
//! needed chunks ─┬─ of the manifest's entries that are right: the same chunk elsewhere
//!                └─ of the target as a capture would cut it: hashed, where the comparison found nothing right
//!   → order: a chunk is copied before its old place is written to; where that goes round in a circle, one is fetched
//!   → read, hash again, write
//! ```
//!
//! Nothing here decides what is right: a chunk that does not have its hash when it is copied is fetched like any other.

use super::{
    Run,
    manifest::{Placed, Role},
};
use crate::{
    aligned::AlignedBuffer,
    capture::{
        cut::{self, Piece},
        plan::{How, Plan, Span, UNIT_LEN},
    },
    confine::confined,
    disk::ReadAt,
    error::Result,
    filesystem::{Outcome, Wishes},
    inspect,
    partition::Table,
    progress::Phase,
    store::folder::lock,
};
use protocol::{
    ChunkId,
    manifest::{EntryKind, MAX_CHUNK_LEN},
};
use std::{
    collections::HashMap,
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// Places that are remembered: some 50 MiB. What is beyond is fetched.
const PLACES_MAX: usize = 1 << 18;
/// The search ends when so much was read …
const PATIENCE: u64 = 1 << 30;
/// … and less than one part in so many of it was of use.
const USE_MIN: u64 = 64;
/// No chunk is longer.
const LENGTH_MAX: u64 = MAX_CHUNK_LEN as u64;

/// What is copied on the target, in an order in which nothing is overwritten that is still wanted.
#[derive(Default)]
pub(super) struct Moves(Vec<Move>);

struct Move {
    id: ChunkId,
    from: u64,
    length: u64,
    to: Vec<(usize, Placed)>,
}

type Places = HashMap<ChunkId, Vec<(usize, Placed)>>;

impl Run<'_> {
    /// Finds what can be copied instead of fetched, and marks it as moved.
    pub(super) fn find_moved(&self) -> Result<Moves> {
        // A blank disk is not worth a look.
        if self.target.next_data(0).is_none() {
            return Ok(Moves::default());
        }
        let (wanted, right) = self.wanted_and_right()?;
        if wanted.is_empty() {
            return Ok(Moves::default());
        }
        let mut sources = self.duplicates(&wanted)?;
        self.search(&wanted, &right, &mut sources)?;
        let moves = order(wanted, &sources);
        for (segment, place) in moves.0.iter().flat_map(|one| &one.to) {
            self.moved.set(*segment, place.index);
        }
        Ok(moves)
    }

    /// The chunks that are needed in the body of the disk, and the ranges that the comparison found right.
    fn wanted_and_right(&self) -> Result<(Places, Vec<Range<u64>>)> {
        let mut wanted = Places::new();
        let mut count = 0;
        let mut right: Vec<Range<u64>> = Vec::new();
        for segment in 0..self.entries.segment_count() {
            self.progress.check_cancelled()?;
            for entry in self.entries.segment(segment)? {
                if entry.role != Role::Body {
                    continue;
                }
                let end = entry.offset.saturating_add(entry.length);
                match (entry.kind, self.needed.get(segment, entry.index)) {
                    (EntryKind::Data(id), true) => {
                        count += 1;
                        if count <= PLACES_MAX {
                            // Most have one place, and a vector that grows by itself begins with four.
                            wanted
                                .entry(id)
                                .or_insert_with(|| Vec::with_capacity(1))
                                .push((segment, entry));
                        }
                    }
                    (EntryKind::Data(_) | EntryKind::Zero, false) => match right.last_mut() {
                        Some(last) if last.end == entry.offset => last.end = end,
                        _ => right.push(entry.offset..end),
                    },
                    _ => {}
                }
            }
        }
        Ok((wanted, right))
    }

    /// Needed chunks that the manifest has at another place, too, where the target has it right.
    fn duplicates(&self, wanted: &Places) -> Result<HashMap<ChunkId, u64>> {
        let mut sources = HashMap::new();
        for segment in 0..self.entries.segment_count() {
            for entry in self.entries.segment(segment)? {
                if let EntryKind::Data(id) = entry.kind
                    && entry.role == Role::Body
                    && !self.needed.get(segment, entry.index)
                    && wanted.contains_key(&id)
                {
                    sources.insert(id, entry.offset);
                }
            }
        }
        Ok(sources)
    }

    /// Cuts the target as a capture would, and looks for what is needed. A target that no filesystem or table of ours
    /// is on, or that cannot be read, has nothing to offer.
    fn search(
        &self,
        wanted: &Places,
        right: &[Range<u64>],
        sources: &mut HashMap<ChunkId, u64>,
    ) -> Result<()> {
        let target: &dyn ReadAt = self.target;
        // What is on the target is as little to be trusted as what a capture reads.
        let looked = confined(|| {
            let examined = inspect::examine(target, Wishes::default()).ok()?;
            let known = matches!(examined.layout.table, Table::Gpt(_) | Table::Mbr(_))
                || examined
                    .mappings
                    .iter()
                    .any(|mapping| matches!(mapping.outcome, Outcome::Mapped(_)));
            known.then(|| Plan::new(target, &examined, false).ok())?
        });
        let Some(plan) = looked.ok().and_then(|looked| looked.value) else {
            return Ok(());
        };
        let total = plan.bytes_used;
        let spans = Mutex::new(plan.spans());
        let found = Mutex::new(std::mem::take(sources));
        let (read, of_use) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..self.workers {
                scope.spawn(|| {
                    let mut buffer = AlignedBuffer::default();
                    loop {
                        let so_far = read.load(Ordering::Relaxed);
                        let useless = so_far > PATIENCE && of_use.load(Ordering::Relaxed) < so_far / USE_MIN;
                        if useless || self.progress.cancelled() {
                            return;
                        }
                        let batch = self.next_batch(&spans, right);
                        if batch.is_empty() {
                            return;
                        }
                        for span in batch {
                            let buffer = buffer.at_least(usize::try_from(span.length).unwrap_or(0));
                            if target.read_exact_at(buffer, span.offset).is_err() {
                                continue;
                            }
                            read.fetch_add(span.length, Ordering::Relaxed);
                            for piece in pieces(span.how, buffer) {
                                let id = ChunkId(*blake3::hash(&buffer[piece.clone()]).as_bytes());
                                if wanted.contains_key(&id) {
                                    of_use.fetch_add(piece.len() as u64, Ordering::Relaxed);
                                    lock(&found).entry(id).or_insert(span.offset + piece.start as u64);
                                }
                            }
                        }
                        self.progress
                            .report(Phase::Comparing, read.load(Ordering::Relaxed), total);
                    }
                });
            }
        });
        self.progress.check_cancelled()?;
        self.counters
            .bytes_read
            .fetch_add(read.into_inner(), Ordering::Relaxed);
        *sources = found
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(())
    }

    /// The next spans that are worth reading, up to 4 MiB.
    fn next_batch(&self, spans: &Mutex<impl Iterator<Item = Span>>, right: &[Range<u64>]) -> Vec<Span> {
        let mut spans = lock(spans);
        let mut batch = Vec::new();
        let mut length = 0;
        for span in spans.by_ref() {
            let end = span.offset.saturating_add(span.length);
            if !matches!(span.how, How::Whole | How::Content)
                || span.length > UNIT_LEN as u64
                || covers(right, span.offset, end)
                || self
                    .target
                    .next_data(span.offset)
                    .is_none_or(|data| data.start >= end)
            {
                continue;
            }
            length += span.length;
            batch.push(span);
            if length >= UNIT_LEN as u64 {
                break;
            }
        }
        batch
    }

    /// Copies what was found, after tables and heads are gone. What is not there any more is left to be fetched.
    pub(super) fn copy_moved(&self, moves: &Moves) -> Result<()> {
        let mut buffer = AlignedBuffer::default();
        for one in &moves.0 {
            self.progress.check_cancelled()?;
            let buffer = buffer.at_least(usize::try_from(one.length).unwrap_or(0));
            let is_there = self.target.read_exact_at(buffer, one.from).is_ok()
                && blake3::hash(buffer).as_bytes() == &one.id.0;
            self.counters.bytes_read.fetch_add(one.length, Ordering::Relaxed);
            for (segment, place) in &one.to {
                if !is_there {
                    self.moved.clear(*segment, place.index);
                    continue;
                }
                self.target.write_all_at(buffer, place.offset)?;
                self.counters
                    .bytes_copied
                    .fetch_add(place.length, Ordering::Relaxed);
                self.count_written(place.length);
            }
        }
        Ok(())
    }
}

/// The chunks that a capture would make of a span.
fn pieces(how: How, bytes: &[u8]) -> Vec<Range<usize>> {
    match how {
        How::Whole => std::iter::once(0..bytes.len()).collect(),
        How::Content => cut::cut(bytes)
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Chunk(range) => Some(range),
                Piece::Zeros(_) => None,
            })
            .collect(),
        How::Zeros | How::Free | How::Later => Vec::new(),
    }
}

/// Whether one of the ranges, sorted and disjoint, holds the whole of another one.
fn covers(ranges: &[Range<u64>], start: u64, end: u64) -> bool {
    let first = ranges.partition_point(|range| range.end <= start);
    ranges
        .get(first)
        .is_some_and(|range| range.start <= start && end <= range.end)
}

/// Puts moves into an order in which no source is overwritten before it was read. Moves that wait for each other in a
/// circle lose one of theirs, which is fetched instead.
fn order(wanted: Places, sources: &HashMap<ChunkId, u64>) -> Moves {
    let mut moves: Vec<Option<Move>> = wanted
        .into_iter()
        .filter_map(|(id, to)| {
            let from = *sources.get(&id)?;
            let length = to.first()?.1.length;
            // One id has one length; a manifest that says otherwise is found out when the chunk is fetched.
            let fits = length <= LENGTH_MAX && to.iter().all(|(_, place)| place.length == length);
            fits.then_some(Some(Move { id, from, length, to }))
        })
        .collect();
    moves.sort_unstable_by_key(|one| one.as_ref().map(|one| one.from));
    let starts: Vec<u64> = moves.iter().flatten().map(|one| one.from).collect();
    // For each move, how many others have to be read before it writes, and who waits for it to be read.
    let mut waits_for = vec![0u32; moves.len()];
    let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); moves.len()];
    for (number, one) in moves.iter().enumerate() {
        for (_, place) in one.iter().flat_map(|one| &one.to) {
            let end = place.offset.saturating_add(place.length);
            let first = starts.partition_point(|start| start.saturating_add(LENGTH_MAX) <= place.offset);
            for other in (first..starts.len()).take_while(|other| starts[*other] < end) {
                let overlaps = moves[other]
                    .as_ref()
                    .is_some_and(|other| other.from.saturating_add(other.length) > place.offset);
                if other != number && overlaps {
                    waits_for[number] += 1;
                    waiting[other].push(number);
                }
            }
        }
    }
    let mut ready: Vec<usize> = (0..moves.len())
        .rev()
        .filter(|one| waits_for[*one] == 0)
        .collect();
    let mut ordered = Vec::with_capacity(moves.len());
    let mut next = 0;
    loop {
        let number = match ready.pop() {
            Some(number) => {
                ordered.extend(moves[number].take());
                number
            }
            None => {
                // Everybody left waits for somebody: the first of them gives up.
                while next < moves.len() && moves[next].is_none() {
                    next += 1;
                }
                if next == moves.len() {
                    return Moves(ordered);
                }
                moves[next] = None;
                next
            }
        };
        for other in std::mem::take(&mut waiting[number]) {
            waits_for[other] -= 1;
            if waits_for[other] == 0 && moves[other].is_some() {
                ready.push(other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(offset: u64, length: u64) -> Placed {
        Placed {
            index: 0,
            offset,
            length,
            kind: EntryKind::Zero,
            role: Role::Body,
        }
    }

    fn id(number: usize) -> ChunkId {
        ChunkId(*blake3::hash(&number.to_le_bytes()).as_bytes())
    }

    /// Runs moves of one cell each on a row of cells that hold their own number.
    fn play(wanted: &[(usize, usize)], cells: usize) -> (Vec<usize>, usize) {
        let mut places = Places::new();
        for (from, to) in wanted {
            places
                .entry(id(*from))
                .or_default()
                .push((0, place(*to as u64, 1)));
        }
        let sources = (0..cells).map(|cell| (id(cell), cell as u64)).collect();
        let moves = order(places, &sources);
        let mut row: Vec<usize> = (0..cells).collect();
        let mut done = 0;
        for one in &moves.0 {
            let content = row[usize::try_from(one.from).unwrap()];
            assert_eq!(id(content), one.id, "a source was overwritten before it was read");
            for (_, place) in &one.to {
                row[usize::try_from(place.offset).unwrap()] = content;
                done += 1;
            }
        }
        (row, done)
    }

    #[test]
    fn everything_shifted_by_one_is_copied_from_its_end() {
        let wanted: Vec<(usize, usize)> = (0..99).map(|cell| (cell, cell + 1)).collect();
        let (row, done) = play(&wanted, 100);
        assert_eq!(done, 99);
        assert!((1..100).all(|cell| row[cell] == cell - 1));
    }

    #[test]
    fn of_a_circle_one_is_left_to_be_fetched() {
        assert_eq!(play(&[(0, 1), (1, 2), (2, 0), (3, 4)], 5).1, 3);
    }

    proptest! {
        #[test]
        fn no_source_is_overwritten_before_it_is_read(
            wanted in prop::collection::btree_map(0usize..40, 0usize..40, 0..40),
        ) {
            // Each cell is written at most once; what it gets is anything.
            let wanted: Vec<(usize, usize)> = wanted.into_iter().map(|(to, from)| (from, to)).collect();
            let (row, done) = play(&wanted, 40);
            prop_assert!(done <= wanted.len());
            prop_assert!((0..40).all(|cell| row[cell] == cell || wanted.contains(&(row[cell], cell))));
        }
    }
}
