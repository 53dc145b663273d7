//! The machinery of a capture.
//!
//! ```text
//! reader ──units──▶ workers (zero test, cut, hash) ──results──▶ coordinator (in order: manifest, "do you lack it?")
//!    ▲                 ▲ │                                         │
//!    │                 └─┼──────────────frames to encode───────────┘
//!    │                   └──frames──▶ senders ──▶ sink
//!    └─────────────buffers, when the last frame that is made of them is encoded
//! ```
//!
//! Memory is bounded by the buffers: the reader waits for an empty one. Everything else that queues up holds a buffer, or
//! is a frame of at most 1 MiB in a bounded queue. The queue of results is not bounded by itself, so a worker never waits
//! for the coordinator while the coordinator waits for a worker. A frame in the making never holds a buffer from one unit
//! to the next, so the reader always gets one again.
//!
//! Bytes are copied only where a frame is made of more than one run of a buffer: [`Content`]. The sink may block (a disk
//! that syncs, a network): senders wait for it, not the workers, of which there is one per core.

use super::{
    arena::{Arena, Content, Lease},
    cut::{self, Piece},
    manifest::ManifestWriter,
    plan::{How, Plan, Span},
    reader::{Reader, Unit},
};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    exchange::ChunkSink,
    frame::{EncodedFrame, Encoder},
    progress::Progress,
    store::folder::lock,
};
use crossbeam_channel::{Receiver, Sender, bounded, select_biased, unbounded};
use protocol::{ChunkId, manifest::EntryKind, manifest::SegmentRef};
use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

/// What a pipeline brought.
pub(crate) struct Outcome {
    pub(crate) segments: Vec<SegmentRef>,
    pub(crate) chunks: u64,
    pub(crate) bytes_data: u64,
    pub(crate) bytes_read: u64,
    pub(crate) bytes_new: u64,
    pub(crate) bytes_stored: u64,
    pub(crate) chunks_new: u64,
    /// What of the disk could not be read, in order and disjoint.
    pub(crate) unreadable: Vec<Range<u64>>,
}

/// Settings of a pipeline.
pub(crate) struct Settings {
    pub(crate) workers: usize,
    pub(crate) level: Option<i32>,
}

/// A piece of a unit after hashing.
struct Found {
    offset: u64,
    length: u64,
    /// What it is; nothing if that is said later.
    kind: Option<EntryKind>,
    /// Where its bytes are in the unit's buffer.
    at: usize,
}

/// A unit after hashing.
struct Hashed {
    number: u64,
    found: Vec<Found>,
    buffer: Arc<Lease>,
    is_late: bool,
}

/// Asks the sink about this many chunks at a time, or as many as are ready.
const ASK_CHUNKS: usize = 2048;
/// Threads that wait for the sink.
const SENDERS: usize = 2;
/// Most buffers, however many workers there are: 128 MiB.
const BUFFERS_MAX: usize = 32;

/// Runs a plan.
pub(crate) fn run(
    disk: &dyn ReadAt,
    plan: &Plan,
    sink: &dyn ChunkSink,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Outcome> {
    let state = State::default();
    let arena = Arena::new((settings.workers * 2 + 6).min(BUFFERS_MAX));
    let (unit_sender, units) = bounded::<Unit>(settings.workers + 2);
    let (job_sender, jobs) = bounded::<Content>(settings.workers * 2);
    let (result_sender, results) = unbounded::<Hashed>();
    let (frame_sender, frames) = bounded::<EncodedFrame>(SENDERS);
    let (done_sender, done) = unbounded::<Vec<ChunkId>>();
    thread::scope(|scope| {
        let state = &state;
        scope.spawn(move || {
            state.guard(|| Reader::new(disk, plan, &arena, &unit_sender, state, progress).run())
        });
        for _ in 0..settings.workers {
            let (units, jobs) = (units.clone(), jobs.clone());
            let (results, frames) = (result_sender.clone(), frame_sender.clone());
            scope.spawn(move || {
                state.guard(|| work(&units, &jobs, results, &frames, settings.level, state));
            });
        }
        for _ in 0..SENDERS {
            let (frames, done) = (frames.clone(), done_sender.clone());
            scope.spawn(move || send(&frames, &done, sink, state));
        }
        drop((units, jobs, frames, result_sender, frame_sender, done_sender));
        let manifest = ManifestWriter::new(sink, &plan.borders);
        let coordinator = Coordinator {
            sink,
            manifest,
            jobs: job_sender,
            done,
            state,
            open: Content::default(),
            sent: HashSet::new(),
        };
        coordinator.run(&results)
    })
}

/// What all threads share.
#[derive(Default)]
pub(super) struct State {
    stop: AtomicBool,
    error: Mutex<Option<Error>>,
    pub(super) unreadable: Mutex<Vec<Range<u64>>>,
    pub(super) bytes_read: AtomicU64,
    bytes_new: AtomicU64,
    bytes_stored: AtomicU64,
    chunks_new: AtomicU64,
}

impl State {
    /// Runs a thread's work; its error stops everybody, and the first one counts.
    fn guard(&self, work: impl FnOnce() -> Result<()>) {
        if let Err(error) = work() {
            self.fail(error);
        }
    }

    fn fail(&self, error: Error) {
        lock(&self.error).get_or_insert(error);
        self.stop.store(true, Ordering::Release);
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// Hashes units and encodes frames, frames first: they hold the memory that others wait for.
fn work(
    units: &Receiver<Unit>,
    jobs: &Receiver<Content>,
    results: Sender<Hashed>,
    frames: &Sender<EncodedFrame>,
    level: Option<i32>,
    state: &State,
) -> Result<()> {
    let mut encoder = Encoder::new(level)?;
    // Given up when there are no more units: so the coordinator knows that it has all results.
    let mut results = Some(results);
    let nothing = crossbeam_channel::never();
    loop {
        let units = if results.is_some() { units } else { &nothing };
        select_biased! {
            recv(jobs) -> job => match job {
                Ok(job) if !state.stopped() => {
                    // An error here must not end the loop: somebody has to go on emptying the queues.
                    state.guard(|| {
                        let frame = encoder.encode(job.chunks(), job.bytes())?;
                        drop(job);
                        state.bytes_stored.fetch_add(frame.as_bytes().len() as u64, Ordering::Relaxed);
                        // Senders live as long as a worker does.
                        let _ = frames.send(frame);
                        Ok(())
                    });
                }
                Ok(_) => {}
                // The coordinator has everything.
                Err(_) => return Ok(()),
            },
            recv(units) -> unit => match unit {
                Ok(unit) => {
                    let hashed = if state.stopped() {
                        Hashed {
                            number: unit.number,
                            found: Vec::new(),
                            buffer: Arc::new(unit.buffer),
                            is_late: unit.is_late,
                        }
                    } else {
                        hash(unit)
                    };
                    if let Some(results) = &results {
                        let _ = results.send(hashed);
                    }
                }
                Err(_) => results = None,
            },
        }
    }
}

/// Hands frames to the sink, which may take its time.
fn send(frames: &Receiver<EncodedFrame>, done: &Sender<Vec<ChunkId>>, sink: &dyn ChunkSink, state: &State) {
    for frame in frames {
        // After an error the queue is still emptied: somebody waits for room in it.
        if !state.stopped() {
            let ids = frame.chunks().iter().map(|(id, _)| *id).collect();
            state.guard(|| sink.put_frame(frame));
            let _ = done.send(ids);
        }
    }
}

fn hash(unit: Unit) -> Hashed {
    let mut found = Vec::with_capacity(unit.spans.len());
    let mut at = 0;
    for span in &unit.spans {
        let length = usize::try_from(span.read_len()).unwrap_or(0);
        let bytes = &unit.buffer.bytes()[at..at + length];
        let without_bytes = |kind| Found {
            offset: span.offset,
            length: span.length,
            kind,
            at,
        };
        match span.how {
            How::Free => found.push(without_bytes(Some(EntryKind::Discard))),
            How::Zeros => found.push(without_bytes(Some(EntryKind::Zero))),
            How::Later => found.push(without_bytes(None)),
            How::Whole | How::Content => {
                for (part, is_readable) in parts(span, &unit.unreadable) {
                    hash_part(span, bytes, at, part, is_readable, &mut found);
                }
            }
        }
        at += length;
    }
    Hashed {
        number: unit.number,
        found,
        buffer: Arc::new(unit.buffer),
        is_late: unit.is_late,
    }
}

/// The parts of a span that could be read and those that could not, in order; `unreadable` is sorted.
fn parts(span: &Span, unreadable: &[Range<u64>]) -> Vec<(Range<usize>, bool)> {
    let index = |offset: u64| usize::try_from(offset - span.offset).unwrap_or(0);
    let end = span.offset + span.length;
    let mut parts = Vec::with_capacity(1);
    let mut next = span.offset;
    let first = unreadable.partition_point(|range| range.end <= span.offset);
    for range in unreadable[first..].iter().take_while(|range| range.start < end) {
        let (start, stop) = (range.start.max(next), range.end.min(end));
        if next < start {
            parts.push((index(next)..index(start), true));
        }
        parts.push((index(start)..index(stop), false));
        next = stop;
    }
    if next < end {
        parts.push((index(next)..index(end), true));
    }
    parts
}

/// Cuts and hashes a part of a span whose bytes are at `at` in the unit's buffer.
fn hash_part(
    span: &Span,
    bytes: &[u8],
    at: usize,
    part: Range<usize>,
    is_readable: bool,
    found: &mut Vec<Found>,
) {
    let piece = |range: Range<usize>, kind| Found {
        offset: span.offset + range.start as u64,
        length: range.len() as u64,
        kind: Some(kind),
        at: at + range.start,
    };
    let chunk = |range: Range<usize>| {
        let id = ChunkId(*blake3::hash(&bytes[range.clone()]).as_bytes());
        piece(range, EntryKind::Data(id))
    };
    let start = part.start;
    if !is_readable {
        found.push(piece(part, EntryKind::Unreadable));
    } else if span.how == How::Content {
        found.extend(cut::cut(&bytes[part]).into_iter().map(|cut| match cut {
            Piece::Chunk(range) => chunk(start + range.start..start + range.end),
            Piece::Zeros(range) => piece(start + range.start..start + range.end, EntryKind::Zero),
        }));
    } else if cut::is_zero(&bytes[part.clone()]) {
        found.push(piece(part, EntryKind::Zero));
    } else {
        found.push(chunk(part));
    }
}

/// Puts everything in order again, asks what is lacking, and makes frames of it.
struct Coordinator<'a> {
    sink: &'a dyn ChunkSink,
    manifest: ManifestWriter<'a>,
    jobs: Sender<Content>,
    done: Receiver<Vec<ChunkId>>,
    state: &'a State,
    open: Content,
    /// Chunks on their way to the sink: asked about again, it would still say that it lacks them.
    sent: HashSet<ChunkId>,
}

impl Coordinator<'_> {
    fn run(mut self, results: &Receiver<Hashed>) -> Result<Outcome> {
        let mut early: BTreeMap<u64, Hashed> = BTreeMap::new();
        let mut next = 0;
        let mut batch: Vec<Hashed> = Vec::new();
        let mut batch_chunks = 0;
        while let Ok(hashed) = results.recv() {
            early.insert(hashed.number, hashed);
            while let Some(hashed) = early.remove(&next) {
                next += 1;
                batch_chunks += hashed.found.len();
                batch.push(hashed);
            }
            // Few round trips when the sink is slow, no waiting when it is quick.
            if batch_chunks >= ASK_CHUNKS || batch.len() >= 2 || results.is_empty() {
                batch_chunks = 0;
                if !self.state.stopped()
                    && let Err(error) = self.settle(&batch)
                {
                    self.state.fail(error);
                }
                batch.clear();
            }
        }
        if !self.state.stopped()
            && let Err(error) = self.send_frame()
        {
            self.state.fail(error);
        }
        self.finish()
    }

    /// Ends: workers stop when the queue of jobs closes, and the last frames are in when they have stopped.
    fn finish(self) -> Result<Outcome> {
        drop(self.jobs);
        while self.done.recv().is_ok() {}
        if let Some(error) = lock(&self.state.error).take() {
            return Err(error);
        }
        let (segments, chunks, bytes_data) = self.manifest.finish()?;
        let unreadable = std::mem::take(&mut *lock(&self.state.unreadable));
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Ok(Outcome {
            segments,
            chunks,
            bytes_data,
            bytes_read: count(&self.state.bytes_read),
            bytes_new: count(&self.state.bytes_new),
            bytes_stored: count(&self.state.bytes_stored),
            chunks_new: count(&self.state.chunks_new),
            unreadable,
        })
    }

    fn settle(&mut self, batch: &[Hashed]) -> Result<()> {
        // Before asking, never between asking and sending: what arrives meanwhile must still count as sent.
        while let Ok(ids) = self.done.try_recv() {
            for id in ids {
                self.sent.remove(&id);
            }
        }
        let ids: Vec<ChunkId> = batch
            .iter()
            .flat_map(|hashed| &hashed.found)
            .filter_map(|found| match found.kind {
                Some(EntryKind::Data(id)) => Some(id),
                _ => None,
            })
            .collect();
        let lacking = if ids.is_empty() {
            Vec::new()
        } else {
            self.sink.lacking(&ids)?
        };
        if lacking.len() != ids.len() {
            return Err(Error::new(
                ErrorKind::Damaged,
                "the store answered about other chunks than it was asked about",
            ));
        }
        let mut lacking = lacking.into_iter();
        for hashed in batch {
            for found in &hashed.found {
                match found.kind {
                    None => self.manifest.postpone(found.offset, found.length)?,
                    Some(kind) if hashed.is_late => self.manifest.supply(found.offset, found.length, kind),
                    Some(kind) => self.manifest.push(found.offset, found.length, kind)?,
                }
                let Some(EntryKind::Data(id)) = found.kind else {
                    continue;
                };
                if lacking.next() == Some(true) && self.sent.insert(id) {
                    let length = usize::try_from(found.length).unwrap_or(0);
                    self.add(id, &hashed.buffer, found.at..found.at + length)?;
                }
            }
            self.open.keep();
        }
        Ok(())
    }

    fn add(&mut self, id: ChunkId, buffer: &Arc<Lease>, range: Range<usize>) -> Result<()> {
        let length = range.len();
        if !self.open.has_room(length) {
            self.send_frame()?;
        }
        self.open.push(id, buffer, range);
        self.state.bytes_new.fetch_add(length as u64, Ordering::Relaxed);
        self.state.chunks_new.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn send_frame(&mut self) -> Result<()> {
        let job = std::mem::take(&mut self.open);
        if job.chunks().is_empty() {
            return Ok(());
        }
        self.jobs.send(job).map_err(|_| {
            Error::new(
                ErrorKind::Io,
                "the workers of the capture ended before their work",
            )
        })
    }
}
