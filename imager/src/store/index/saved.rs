//! The index of the finished packs as it is kept beside them, so that opening a store with very many chunks need not read
//! every pack's table again. It is nothing but a shortcut: whoever finds it missing, damaged or older than something that
//! was taken away makes the index from the packs.
//!
//! | offset | size | meaning |
//! | --- | --- | --- |
//! | 0 | 8 | `AMORCEIX` |
//! | 8 | 4 | version, 1, little-endian as all numbers here |
//! | 12 | 4 | number of packs |
//! | 16 | 8 | number of records |
//! | 24 | 8 | zero |
//! | 32 | 32 | BLAKE3 hash of the names of the marks `damaged/…` that were taken into account, each with a line feed |
//! | 64 | 32 | BLAKE3 hash of everything behind this |
//! | 96 | | the packs: id (16), time of creation in ms (8), length of the pack (8), number of frames (4), then offset and length (4, 4) of each |
//! | | 24 each | the records, as in [`super::run`]; a pack's number is its position here |
//!
//! A pack that is not named is read as ever; if one that is named is gone or has another length, the file counts as missing.

use super::{Index, IndexedPack, Location, PackId, run, run::Run};
use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Read, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

const MAGIC: &[u8; 8] = b"AMORCEIX";
const VERSION: u32 = 1;
const HEADER_LEN: usize = 96;
/// No store has more packs: 128 TB of them.
const PACKS_MAX: u32 = 1 << 22;

/// What the file holds, checked.
pub(in crate::store) struct Saved {
    packs: Vec<IndexedPack>,
    run: Run,
}

impl Saved {
    /// Reads the file; `None` if it is not there or not to be used. `length_of` tells how long a finished pack is.
    pub(in crate::store) fn read(
        path: &Path,
        marks: [u8; 32],
        length_of: impl Fn(PackId) -> Option<u64>,
    ) -> Option<Self> {
        let file = File::open(path).ok()?;
        let mut header = [0; HEADER_LEN];
        file.read_exact_at(&mut header, 0).ok()?;
        let is_ours = &header[..8] == MAGIC && word(&header, 8) == VERSION && header[32..64] == marks;
        let (packs, records) = (word(&header, 12), long(&header, 16));
        let records = usize::try_from(records)
            .ok()
            .filter(|_| is_ours && packs <= PACKS_MAX)?;
        let hash: [u8; 32] = *header[64..].first_chunk()?;
        let mut body = Hashing {
            inner: io::BufReader::with_capacity(256 << 10, &file),
            hasher: blake3::Hasher::new(),
            position: HEADER_LEN as u64,
        };
        io::Seek::seek(&mut body.inner, io::SeekFrom::Start(HEADER_LEN as u64)).ok()?;
        let packs: Vec<IndexedPack> = (0..packs)
            .map(|_| {
                body.pack()
                    .filter(|(pack, length)| length_of(pack.id) == Some(*length))
            })
            .map(|pack| Some(pack?.0))
            .collect::<Option<_>>()?;
        let start = body.position;
        let expected = start.checked_add((records as u64).checked_mul(run::RECORD_LEN as u64)?)?;
        if file.metadata().ok()?.len() != expected {
            return None;
        }
        let run = Run::read(&file, start, records, |bytes| {
            body.hasher.update(bytes);
        })
        .ok()?;
        let is_whole = body.hasher.finalize() == blake3::Hash::from(hash);
        is_whole.then_some(Self { packs, run })
    }

    /// The packs in it.
    pub(in crate::store) fn packs(&self) -> impl Iterator<Item = PackId> {
        self.packs.iter().map(|pack| pack.id)
    }

    /// How many chunks it knows.
    pub(in crate::store) fn len(&self) -> usize {
        self.run.len()
    }
}

impl Index {
    /// Takes over what was saved; the index is empty yet.
    pub(in crate::store) fn adopt(&mut self, saved: Saved) {
        self.packs = saved.packs.into_iter().map(Some).collect();
        self.runs = vec![saved.run];
    }

    /// Saves what is known of finished packs.
    ///
    /// # Errors
    /// It cannot be written there; what was there before may be gone.
    pub(in crate::store) fn save(
        &mut self,
        path: &Path,
        marks: [u8; 32],
        length_of: impl Fn(PackId) -> Option<u64>,
    ) -> io::Result<()> {
        self.spill_all();
        if !self.recent.is_empty() {
            return Err(io::Error::other("there is no room for it"));
        }
        let new = path.with_extension("new");
        let _ = fs::remove_file(&new);
        let written = self
            .write_saved(&new, marks, length_of)
            .and_then(|()| fs::rename(&new, path));
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written
    }

    fn write_saved(
        &self,
        path: &Path,
        marks: [u8; 32],
        length_of: impl Fn(PackId) -> Option<u64>,
    ) -> io::Result<()> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let mut body = Hashing {
            inner: BufWriter::with_capacity(256 << 10, &file),
            hasher: blake3::Hasher::new(),
            position: 0,
        };
        body.inner.write_all(&[0; HEADER_LEN])?;
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        for (number, pack) in self.packs().filter(|(_, pack)| pack.sealed) {
            let Some(length) = length_of(pack.id) else {
                continue;
            };
            numbers.insert(number, u32::try_from(numbers.len()).map_err(io::Error::other)?);
            body.write(&pack.id.0)?;
            body.write(&pack.created_unix_ms.to_le_bytes())?;
            body.write(&length.to_le_bytes())?;
            body.write(
                &u32::try_from(pack.frames.len())
                    .map_err(io::Error::other)?
                    .to_le_bytes(),
            )?;
            for (offset, len) in &pack.frames {
                body.write(&offset.to_le_bytes())?;
                body.write(&len.to_le_bytes())?;
            }
        }
        let mut records = 0u64;
        for (key, place) in run::merge(&self.runs) {
            if let Some(number) = numbers.get(&place.pack).filter(|_| self.is_alive(place)) {
                let place = Location {
                    pack: *number,
                    ..place
                };
                body.write(&run::record(&key, place))?;
                records += 1;
            }
        }
        body.inner.flush()?;
        let hash = body.hasher.finalize();
        drop(body);
        let mut header = [0; HEADER_LEN];
        header[..8].copy_from_slice(MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[12..16].copy_from_slice(
            &u32::try_from(numbers.len())
                .map_err(io::Error::other)?
                .to_le_bytes(),
        );
        header[16..24].copy_from_slice(&records.to_le_bytes());
        header[32..64].copy_from_slice(&marks);
        header[64..].copy_from_slice(hash.as_bytes());
        file.write_all_at(&header, 0)?;
        file.sync_data()
    }
}

/// Reads or writes, and hashes what goes by.
struct Hashing<T> {
    inner: T,
    hasher: blake3::Hasher,
    position: u64,
}

impl<T: Write> Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.inner.write_all(bytes)
    }
}

impl<T: Read> Hashing<T> {
    fn read<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes).ok()?;
        self.hasher.update(&bytes);
        self.position += N as u64;
        Some(bytes)
    }

    fn pack(&mut self) -> Option<(IndexedPack, u64)> {
        let id = PackId(self.read()?);
        let created_unix_ms = u64::from_le_bytes(self.read()?);
        let length = u64::from_le_bytes(self.read()?);
        let count = u32::from_le_bytes(self.read()?);
        // Read one by one: a wrong number meets the end of the file, not the end of memory.
        let mut frames = Vec::new();
        for _ in 0..count {
            frames.push((u32::from_le_bytes(self.read()?), u32::from_le_bytes(self.read()?)));
        }
        let bytes = frames.iter().map(|(_, len)| u64::from(*len)).sum();
        let pack = IndexedPack {
            id,
            sealed: true,
            created_unix_ms,
            frames,
            bytes,
        };
        Some((pack, length))
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().unwrap_or(&[0; 4]))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().unwrap_or(&[0; 8]))
}
