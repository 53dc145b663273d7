//! What must not vanish under somebody who is at work: the leases of running captures and restores.
//!
//! Nobody asks for a lease and nobody can forget to give it back: whoever is told of something has it for the time of grace.
//! The times are kept in memory only. A store that was opened a moment ago does not know who was told what by the process
//! before it, so everything in it counts as promised at the opening.

use super::folder::lock;
use protocol::manifest::SegmentId;
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// When somebody last relied on what.
pub(super) struct Promises {
    opened: Instant,
    /// Packs that somebody was told hold what he has, or that he just wrote to.
    packs: Mutex<HashMap<u32, Instant>>,
    /// Segments that were put and may not be committed yet.
    segments: Mutex<Times<SegmentId>>,
    /// Objects of deleted roots: a restore may still run, and they can be taken back.
    deleted: Mutex<Times<String>>,
}

type Times<K> = HashMap<K, Instant>;

impl Promises {
    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            packs: Mutex::default(),
            segments: Mutex::default(),
            deleted: Mutex::default(),
        }
    }

    pub(super) fn keep_packs(&self, packs: impl IntoIterator<Item = u32>) {
        let now = Instant::now();
        lock(&self.packs).extend(packs.into_iter().map(|pack| (pack, now)));
    }

    /// While the answer lives, no segment is swept.
    pub(super) fn keep_segment(&self, id: SegmentId) -> MutexGuard<'_, Times<SegmentId>> {
        let mut segments = lock(&self.segments);
        segments.insert(id, Instant::now());
        segments
    }

    /// While the answer lives, no segment is put.
    pub(super) fn segments(&self) -> MutexGuard<'_, Times<SegmentId>> {
        lock(&self.segments)
    }

    pub(super) fn note_deletion(&self, object: &str) {
        lock(&self.deleted).insert(object.to_owned(), Instant::now());
    }

    pub(super) fn is_pack_free(&self, pack: u32, grace: Duration) -> bool {
        self.is_past(&lock(&self.packs), &pack, grace)
    }

    pub(super) fn is_segment_free(
        &self,
        segments: &Times<SegmentId>,
        id: SegmentId,
        grace: Duration,
    ) -> bool {
        self.is_past(segments, &id, grace)
    }

    pub(super) fn is_deletion_final(&self, object: &String, grace: Duration) -> bool {
        self.is_past(&lock(&self.deleted), object, grace)
    }

    fn is_past<K: Hash + Eq>(&self, times: &Times<K>, key: &K, grace: Duration) -> bool {
        grace.is_zero() || times.get(key).unwrap_or(&self.opened).elapsed() > grace
    }
}
