//! Where each chunk lies: made from the packs alone.

use super::pack::{Contents, FrameRecord, PackId};
use protocol::ChunkId;
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
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

/// Chunk → place, in memory.
///
/// A chunk is known by the first half of its id: 128 bits of BLAKE3, so that two never meet by chance; whoever reads the
/// chunk checks the whole id.
#[derive(Default)]
pub struct Index {
    packs: Vec<Option<IndexedPack>>,
    chunks: HashMap<[u8; 16], Location, BuildHasherDefault<IdHasher>>,
}

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
pub fn key(id: &ChunkId) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&id.0[..16]);
    key
}

impl Index {
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

    /// Adds a frame behind the others of a pack.
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
                self.chunks.entry(key(id)).or_insert(Location { pack, frame });
            }
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
        self.chunks.get(&key(id)).copied()
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

    /// Number of different chunks.
    #[must_use]
    pub fn chunk_count(&self) -> u64 {
        self.chunks.len() as u64
    }

    /// Forgets where these chunks lie, if it is in this frame.
    pub fn forget_frame(&mut self, place: Location, chunks: &[(ChunkId, u32)]) {
        for (id, _) in chunks {
            if self.find(id) == Some(place) {
                self.chunks.remove(&key(id));
            }
        }
    }

    /// Says that a chunk lies here, wherever it was known to lie before.
    pub fn move_chunk(&mut self, id: &ChunkId, place: Location) {
        self.chunks.insert(key(id), place);
    }

    /// Forgets a pack and every chunk that is known to lie in it.
    pub fn remove_pack(&mut self, number: u32) {
        if let Some(slot) = self.packs.get_mut(number as usize) {
            *slot = None;
        }
        self.chunks.retain(|_, place| place.pack != number);
    }
}
