//! Fetching, verifying and writing what differs.
//!
//! ```text
//! fetchers (segment by segment: zeros at once, chunks asked for) ──frames──▶ workers (decode, check every id, write)
//! ```
//!
//! What is wanted of a segment is forgotten as soon as its last frame was written: however many chunks a master has,
//! memory holds the places of a few segments only.

use super::{
    Run,
    manifest::{Marks, Role},
};
use crate::{
    error::{Error, ErrorKind, Result},
    frame::EncodedFrame,
    progress::Phase,
    store::folder::lock,
};
use crossbeam_channel::{Sender, bounded};
use protocol::{
    ChunkId,
    manifest::{ByteRange, EntryKind},
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// Segments that are fetched at the same time: the next one is asked for while the last frames of one arrive.
const FETCHERS: usize = 2;
/// Free ranges shorter than this are not worth a discard.
const DISCARD_MIN: u64 = 1 << 20;

/// What is wanted of one segment. Whoever is done with it last, fetcher or worker, sees whether everything came.
struct Wanted {
    /// Where each chunk goes, in the order of ids.
    places: Vec<(ChunkId, Place)>,
    /// Which of the places were written.
    written: Marks,
    /// The source says that it delivered everything.
    delivered: AtomicBool,
}

/// Where a chunk goes.
#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    length: u64,
}

impl Wanted {
    fn new(mut places: Vec<(ChunkId, Place)>) -> Self {
        places.sort_unstable_by_key(|(id, place)| (beginning(id), *id, place.offset));
        Self {
            places,
            written: Marks::new(1),
            delivered: AtomicBool::new(false),
        }
    }

    /// Every chunk once, in the order of their first places.
    fn ids(&self) -> Vec<ChunkId> {
        let mut firsts: Vec<&(ChunkId, Place)> = self
            .places
            .chunk_by(|(one, _), (next, _)| one == next)
            .filter_map(<[_]>::first)
            .collect();
        firsts.sort_unstable_by_key(|(_, place)| place.offset);
        firsts.into_iter().map(|(id, _)| *id).collect()
    }

    /// The places of a chunk; with the number of the first.
    fn places_of(&self, id: &ChunkId) -> (usize, &[(ChunkId, Place)]) {
        let key = (beginning(id), *id);
        let first = self
            .places
            .partition_point(|(other, _)| (beginning(other), *other) < key);
        let count = self.places[first..]
            .iter()
            .take_while(|(other, _)| other == id)
            .count();
        (first, &self.places[first..first + count])
    }

    /// Lets go of it. The last one to do so checks that the source delivered every chunk that it says it delivered.
    fn release(wanted: Arc<Self>) -> Result<()> {
        let Some(wanted) = Arc::into_inner(wanted).filter(|wanted| wanted.delivered.load(Ordering::Acquire))
        else {
            return Ok(());
        };
        match (0..)
            .zip(&wanted.places)
            .find(|(number, _)| !wanted.written.get(0, *number))
        {
            None => Ok(()),
            Some((_, (id, _))) => Err(Error::new(
                ErrorKind::Missing,
                format!("the source did not deliver chunk {id}"),
            )
            .with_remedy("check the store with `imager verify`")),
        }
    }
}

/// The first bytes of an id, in the same order as ids: they differ nearly always, and one word is compared sooner than 32
/// bytes.
fn beginning(id: &ChunkId) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&id.0[..8]);
    u64::from_be_bytes(first)
}

impl Run<'_> {
    /// Writes every entry of a role that has to be written.
    pub(super) fn write(&self, role: Role, wiped: &[ByteRange]) -> Result<()> {
        let failed: Mutex<Option<Error>> = Mutex::new(None);
        let stop = AtomicBool::new(false);
        let next = AtomicUsize::new(0);
        let (sender, frames) = bounded::<(Arc<Wanted>, EncodedFrame)>(self.workers * 2);
        let fail = |error: Error| {
            lock(&failed).get_or_insert(error);
            stop.store(true, Ordering::Release);
        };
        std::thread::scope(|scope| {
            for _ in 0..self.workers {
                let frames = frames.clone();
                let (fail, stop) = (&fail, &stop);
                scope.spawn(move || {
                    let mut buffer = Vec::new();
                    for (wanted, frame) in frames {
                        if stop.load(Ordering::Acquire) {
                            continue;
                        }
                        let written = self.write_frame(&wanted, &frame, &mut buffer);
                        drop(frame);
                        if let Err(error) = written.and_then(|()| Wanted::release(wanted)) {
                            fail(error);
                        }
                    }
                });
            }
            drop(frames);
            for _ in 0..FETCHERS.min(self.entries.segment_count()) {
                let sender = sender.clone();
                let (fail, stop, next) = (&fail, &stop, &next);
                scope.spawn(move || {
                    loop {
                        let segment = next.fetch_add(1, Ordering::Relaxed);
                        if segment >= self.entries.segment_count() || stop.load(Ordering::Acquire) {
                            return;
                        }
                        if let Err(error) = self.fetch_segment(segment, role, wiped, &sender, stop) {
                            fail(error);
                        }
                    }
                });
            }
            drop(sender);
        });
        failed
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .map_or(Ok(()), Err)
    }

    /// Zeroes what must be zero in a segment, and asks for the chunks that are needed there.
    fn fetch_segment(
        &self,
        segment: usize,
        role: Role,
        wiped: &[ByteRange],
        frames: &Sender<(Arc<Wanted>, EncodedFrame)>,
        stop: &AtomicBool,
    ) -> Result<()> {
        if !self.is_any_needed(segment, wiped) {
            return Ok(());
        }
        let size = self.target.len();
        let mut places = Vec::new();
        for entry in self.entries.segment(segment)? {
            if entry.role != role {
                continue;
            }
            if entry.kind == EntryKind::Discard && entry.length >= DISCARD_MIN && entry.offset < size {
                self.target
                    .discard_range(entry.offset..size.min(entry.offset.saturating_add(entry.length)));
            }
            if !self.is_needed(segment, &entry, wiped) || self.moved.get(segment, entry.index) {
                continue;
            }
            match entry.kind {
                EntryKind::Data(id) => places.push((
                    id,
                    Place {
                        offset: entry.offset,
                        length: entry.length,
                    },
                )),
                EntryKind::Zero | EntryKind::Unreadable => {
                    self.progress.check_cancelled()?;
                    self.target
                        .zero_range(entry.offset..entry.offset.saturating_add(entry.length))?;
                    self.count_written(entry.length);
                }
                EntryKind::Discard | EntryKind::Keep => {}
            }
        }
        if places.is_empty() {
            return Ok(());
        }
        let wanted = Arc::new(Wanted::new(places));
        self.source
            .fetch(self.entries.segment_id(segment), &wanted.ids(), &mut |frame| {
                self.progress.check_cancelled()?;
                if stop.load(Ordering::Acquire) {
                    return Err(Error::new(
                        ErrorKind::Cancelled,
                        "another part of the restore failed",
                    ));
                }
                self.counters
                    .bytes_stored
                    .fetch_add(frame.as_bytes().len() as u64, Ordering::Relaxed);
                // The workers live as long as there is a sender.
                let _ = frames.send((Arc::clone(&wanted), frame));
                Ok(())
            })?;
        wanted.delivered.store(true, Ordering::Release);
        Wanted::release(wanted)
    }

    /// Checks every chunk of a frame and writes those that are wanted; what touches is written in one go.
    fn write_frame(&self, wanted: &Wanted, frame: &EncodedFrame, buffer: &mut Vec<u8>) -> Result<()> {
        let decoded = frame.decode_into(std::mem::take(buffer)).map_err(with_verify)?;
        let mut run: Option<(u64, std::ops::Range<usize>)> = None;
        let mut at = 0usize;
        for (id, bytes) in decoded.iter() {
            let here = at..at + bytes.len();
            at = here.end;
            let (first, places) = wanted.places_of(&id);
            if places.is_empty() {
                continue;
            }
            self.counters
                .bytes_new
                .fetch_add(bytes.len() as u64, Ordering::Relaxed);
            self.counters.chunks_new.fetch_add(1, Ordering::Relaxed);
            for (number, (_, place)) in places.iter().enumerate() {
                if place.length != bytes.len() as u64 {
                    return Err(Error::new(
                        ErrorKind::Damaged,
                        format!("chunk {id} is not as long as its entry"),
                    ));
                }
                wanted.written.set(0, first + number);
                match &mut run {
                    Some((offset, range))
                        if number == 0
                            && range.end == here.start
                            && *offset + (range.end - range.start) as u64 == place.offset =>
                    {
                        range.end = here.end;
                    }
                    _ => {
                        if let Some((offset, range)) = run.replace((place.offset, here.clone())) {
                            self.write_run(offset, &decoded.plain()[range])?;
                        }
                    }
                }
            }
        }
        if let Some((offset, range)) = run {
            self.write_run(offset, &decoded.plain()[range])?;
        }
        *buffer = decoded.into_plain();
        Ok(())
    }

    fn write_run(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.target.write_all_at(bytes, offset)?;
        self.count_written(bytes.len() as u64);
        Ok(())
    }

    pub(super) fn count_written(&self, bytes: u64) {
        let done = self.counters.bytes_written.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let total = self.counters.bytes_needed.load(Ordering::Relaxed).max(done);
        self.progress.report(Phase::Writing, done, total);
    }
}

/// What helps against damage that only shows when a frame is decoded.
pub(super) fn with_verify(error: Error) -> Error {
    if error.kind() == ErrorKind::Damaged && error.remedy().is_none() {
        return error.with_remedy(
            "`imager verify` names what is damaged and every master that needs it; a capture that sees the same content \
             heals it",
        );
    }
    error
}
