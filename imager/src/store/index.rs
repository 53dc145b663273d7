//! Where each chunk lies: made from the packs alone.
//!
//! ```text
//! recent   a table in memory, of bounded size: what was added last
//! runs     sorted files, mapped into memory (`run`); each at least twice as long as the next
//! around   the packs in which something was found last (`neighbours`)
//! ```
//!
//! When the table is full it becomes a run, and runs that are no longer twice as long as the next are merged. So memory
//! is bounded however many chunks there are, a chunk is looked for in a few places, and each record is written a few
//! times. The newest record of a chunk counts. The files have no name: nothing is left behind. What is known of finished
//! packs is saved beside them now and then, and mapped when the store is opened again (`saved`).

mod neighbours;
mod run;
mod saved;

use super::pack::{Contents, FrameRecord, PackId};
use neighbours::Neighbours;
use protocol::ChunkId;
use run::Run;
pub(super) use saved::Saved;
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    path::PathBuf,
};

/// A place in a store: which pack, which frame of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// Number of the pack in the index.
    pub pack: u32,
    /// Number of the frame in the pack.
    pub frame: u32,
}

/// A pack as the index knows it.
#[derive(Debug)]
pub struct IndexedPack {
    /// Its id.
    pub id: PackId,
    /// Whether it is finished.
    pub sealed: bool,
    /// When it was begun.
    pub created_unix_ms: u64,
    /// Offset and length of each frame.
    pub frames: Vec<(u32, u32)>,
    /// Bytes of all its frames.
    pub bytes: u64,
}

/// Chunk → place.
///
/// A chunk is known by the first half of its id: 128 bits of BLAKE3, so that two never meet by chance; whoever reads the
/// chunk checks the whole id.
pub struct Index {
    packs: Vec<Option<IndexedPack>>,
    recent: HashMap<Key, Location, BuildHasherDefault<IdHasher>>,
    /// The longest and oldest first.
    runs: Vec<Run>,
    neighbours: Neighbours,
    /// Where runs are written.
    folder: PathBuf,
    /// How many records `recent` holds before it becomes a run.
    recent_max: usize,
}

/// The half of an id that the index goes by.
pub type Key = [u8; 16];

/// What `recent` holds: about 13 MB.
const RECENT_MAX: usize = 400_000;
/// The record of a chunk that is known to lie nowhere any more, whatever older records say.
const FORGOTTEN: Location = Location {
    pack: u32::MAX,
    frame: u32::MAX,
};

/// Ids are hashes already.
#[derive(Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*first);
        }
    }
    fn write_usize(&mut self, _length: usize) {}
}

/// The half of an id that the index goes by.
#[must_use]
pub fn key(id: &ChunkId) -> Key {
    let mut key = [0; 16];
    key.copy_from_slice(&id.0[..16]);
    key
}

impl Default for Index {
    fn default() -> Self {
        Self::new(std::env::temp_dir())
    }
}

impl Index {
    /// An empty index that keeps in this folder what it does not hold in memory.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self {
            packs: Vec::new(),
            recent: HashMap::default(),
            runs: Vec::new(),
            neighbours: Neighbours::default(),
            folder,
            recent_max: RECENT_MAX,
        }
    }

    /// Adds a pack. Frames for which `usable` says no are counted but never found.
    pub fn add_pack(
        &mut self,
        contents: &Contents,
        sealed: bool,
        usable: impl Fn(&FrameRecord) -> bool,
    ) -> u32 {
        let number = self.add_empty_pack(contents.id, contents.created_unix_ms, sealed);
        for frame in &contents.frames {
            self.add_frame(number, frame, usable(frame));
        }
        number
    }

    /// Adds a pack without frames.
    pub fn add_empty_pack(&mut self, id: PackId, created_unix_ms: u64, sealed: bool) -> u32 {
        let number = u32::try_from(self.packs.len()).unwrap_or(u32::MAX);
        self.packs.push(Some(IndexedPack {
            id,
            sealed,
            created_unix_ms,
            frames: Vec::new(),
            bytes: 0,
        }));
        number
    }

    /// Adds a frame behind the others of a pack. A chunk that is known to lie elsewhere stays there.
    pub fn add_frame(&mut self, pack: u32, record: &FrameRecord, usable: bool) {
        let Some(Some(entry)) = self.packs.get_mut(pack as usize) else {
            return;
        };
        let frame = u32::try_from(entry.frames.len()).unwrap_or(u32::MAX);
        entry
            .frames
            .push((u32::try_from(record.offset).unwrap_or(u32::MAX), record.len));
        entry.bytes += u64::from(record.len);
        if usable {
            for (id, _) in &record.chunks {
                if self.find(id).is_none() {
                    self.recent.insert(key(id), Location { pack, frame });
                }
            }
            self.spill();
        }
    }

    /// Marks a pack as finished.
    pub fn seal(&mut self, pack: u32) {
        if let Some(Some(entry)) = self.packs.get_mut(pack as usize) {
            entry.sealed = true;
        }
    }

    /// Where a chunk lies.
    #[must_use]
    pub fn find(&self, id: &ChunkId) -> Option<Location> {
        let key = key(id);
        if let Some(place) = self.recent.get(&key) {
            return self.is_alive(*place).then_some(*place);
        }
        if self.runs.is_empty() {
            return None;
        }
        if let Some(place) = self.neighbours.find(&key).filter(|place| self.is_alive(*place)) {
            return Some(place);
        }
        let place = self.runs.iter().rev().find_map(|run| run.find(&key))?;
        if !self.is_alive(place) {
            return None;
        }
        self.neighbours.load(place.pack);
        Some(place)
    }

    /// A pack by its number.
    #[must_use]
    pub fn pack(&self, number: u32) -> Option<&IndexedPack> {
        self.packs.get(number as usize)?.as_ref()
    }

    /// All packs with their numbers.
    pub fn packs(&self) -> impl Iterator<Item = (u32, &IndexedPack)> {
        self.packs
            .iter()
            .zip(0u32..)
            .filter_map(|(pack, number)| Some((number, pack.as_ref()?)))
    }

    /// At least as many as there are different chunks; nothing is counted for it.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.recent.len() + self.runs.iter().map(Run::len).sum::<usize>()
    }

    /// Number of different chunks. All of them are counted.
    #[must_use]
    pub fn chunk_count(&self) -> u64 {
        let recent = self.recent.values().filter(|place| self.is_alive(**place));
        let older = run::merge(&self.runs)
            .filter(|(key, place)| self.is_alive(*place) && !self.recent.contains_key(key));
        (recent.count() + older.count()) as u64
    }

    /// Forgets where these chunks lie, if it is in this frame.
    pub fn forget_frame(&mut self, place: Location, chunks: &[(ChunkId, u32)]) {
        for (id, _) in chunks {
            if self.find(id) == Some(place) {
                self.recent.insert(key(id), FORGOTTEN);
            }
        }
        self.neighbours.forget(place.pack);
    }

    /// Says that a chunk lies here, wherever it was known to lie before.
    pub fn move_chunk(&mut self, id: &ChunkId, place: Location) {
        if let Some(before) = self.find(id).filter(|before| *before != place) {
            self.neighbours.forget(before.pack);
        }
        self.recent.insert(key(id), place);
    }

    /// Forgets a pack and every chunk that is known to lie in it.
    pub fn remove_pack(&mut self, number: u32) {
        if let Some(slot) = self.packs.get_mut(number as usize) {
            *slot = None;
        }
    }

    /// Numbers of packs are given once, so what lies in a pack that is gone is known to be gone.
    fn is_alive(&self, place: Location) -> bool {
        self.pack(place.pack).is_some()
    }

    /// Writes what is in memory to a run if it is too much. Without room for that it stays in memory, which is where the
    /// next attempt finds it.
    fn spill(&mut self) {
        if self.recent.len() >= self.recent_max {
            self.spill_all();
        }
    }

    fn spill_all(&mut self) {
        if self.recent.is_empty() {
            return;
        }
        let mut places: Vec<(Key, Location)> =
            self.recent.iter().map(|(key, place)| (*key, *place)).collect();
        places.sort_unstable_by_key(|(key, _)| *key);
        let Ok(run) = Run::write(&self.folder, places.len(), places.iter().copied()) else {
            self.recent_max = self.recent_max.saturating_mul(2);
            return;
        };
        self.recent.clear();
        // Without them everything is found all the same.
        if self.neighbours.write(&self.folder, &mut places).is_err() {
            self.neighbours = Neighbours::default();
        }
        drop(places);
        self.runs.push(run);
        while let [.., longer, shorter] = self.runs.as_slice() {
            if longer.len() >= 2 * shorter.len() {
                break;
            }
            let begin = self.runs.len() - 2;
            let pair = &self.runs[begin..];
            // With nothing older below them, what is gone need not be remembered as gone.
            pair.iter().for_each(Run::will_be_read);
            let places = run::merge(pair).filter(|(_, place)| begin > 0 || self.is_alive(*place));
            let Ok(merged) = Run::write(&self.folder, longer.len() + shorter.len(), places) else {
                // They are as good as one, only slower.
                break;
            };
            self.runs.truncate(begin);
            self.runs.push(merged);
        }
    }
}

#[cfg(test)]
mod tests;
