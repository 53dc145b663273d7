//! What lies together is looked for together: a capture that sees a disk again, a commit that checks it and a restore all
//! ask in the order in which the chunks were once stored. So when a chunk was found in a pack on disk, that pack's other
//! chunks are brought into memory, and the next questions are answered from there (the idea is Data Domain's: Zhu, Li,
//! Patterson, "Avoiding the Disk Bottleneck in the Data Domain Deduplication File System", FAST 2008).
//!
//! | record of the file | size | meaning |
//! | --- | --- | --- |
//! | 0 | 16 | key |
//! | 16 | 4 | number of the frame in the pack, little-endian |
//!
//! The records of a pack that were written at one time are a stretch, sorted by their keys.

use super::{Key, Location, run};
use crate::store::folder::lock;
use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufWriter, Write},
    os::unix::fs::FileExt,
    path::Path,
    sync::Mutex,
};

const RECORD_LEN: usize = 20;
/// Stretches in memory.
const LOADED_MAX: usize = 16;
/// Bytes of them.
const LOADED_BYTES_MAX: usize = 24 << 20;

/// The records of some packs, on disk and of late in memory.
#[derive(Default)]
pub(super) struct Neighbours {
    file: Option<File>,
    length: u64,
    /// Of each pack, where its stretches lie: offset and number of records.
    stretches: Vec<Vec<(u64, usize)>>,
    loaded: Mutex<VecDeque<Loaded>>,
}

struct Loaded {
    pack: u32,
    records: Vec<u8>,
}

impl Neighbours {
    /// Writes places, which are put in order for that.
    ///
    /// # Errors
    /// The folder cannot be written to, or is full: then they are not known here.
    pub(super) fn write(&mut self, folder: &Path, places: &mut [(Key, Location)]) -> io::Result<()> {
        places.sort_unstable_by_key(|(key, place)| (place.pack, *key));
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(run::nameless(folder)?),
        };
        let mut writer = BufWriter::with_capacity(256 << 10, &*file);
        for (key, place) in &*places {
            writer.write_all(key)?;
            writer.write_all(&place.frame.to_le_bytes())?;
        }
        writer.flush()?;
        drop(writer);
        for stretch in places.chunk_by(|(_, one), (_, next)| one.pack == next.pack) {
            let pack = stretch[0].1.pack as usize;
            // What is forgotten lies in no pack.
            if pack != u32::MAX as usize {
                if self.stretches.len() <= pack {
                    self.stretches.resize_with(pack + 1, Vec::new);
                }
                self.stretches[pack].push((self.length, stretch.len()));
            }
            self.length += (stretch.len() * RECORD_LEN) as u64;
        }
        Ok(())
    }

    /// A chunk that lies where others lay that were found of late.
    pub(super) fn find(&self, key: &Key) -> Option<Location> {
        let mut loaded = lock(&self.loaded);
        let (position, place) = loaded
            .iter()
            .enumerate()
            .find_map(|(position, one)| Some((position, one.find(key)?)))?;
        if position > 0
            && let Some(one) = loaded.remove(position)
        {
            loaded.push_front(one);
        }
        Some(place)
    }

    /// Brings a pack's stretches into memory. What cannot be read is looked for elsewhere.
    pub(super) fn load(&self, pack: u32) {
        let (Some(file), Some(stretches)) = (&self.file, self.stretches.get(pack as usize)) else {
            return;
        };
        let mut loaded = lock(&self.loaded);
        if loaded.iter().any(|one| one.pack == pack) {
            return;
        }
        for (offset, count) in stretches.iter().rev().take(LOADED_MAX) {
            let mut records = vec![0; count * RECORD_LEN];
            if file.read_exact_at(&mut records, *offset).is_ok() {
                loaded.push_front(Loaded { pack, records });
            }
        }
        while loaded.len() > LOADED_MAX
            || loaded.len() > 1
                && loaded.iter().map(|one| one.records.len()).sum::<usize>() > LOADED_BYTES_MAX
        {
            loaded.pop_back();
        }
    }

    /// To be called when a chunk of a pack is known to lie somewhere else from now on, or nowhere.
    pub(super) fn forget(&mut self, pack: u32) {
        if let Some(stretches) = self.stretches.get_mut(pack as usize) {
            stretches.clear();
        }
        lock(&self.loaded).retain(|one| one.pack != pack);
    }
}

impl Loaded {
    fn find(&self, key: &Key) -> Option<Location> {
        let (records, _) = self.records.as_chunks::<RECORD_LEN>();
        let position = records.binary_search_by(|record| record[..16].cmp(key)).ok()?;
        let frame = records[position].last_chunk::<4>()?;
        Some(Location {
            pack: self.pack,
            frame: u32::from_le_bytes(*frame),
        })
    }
}
