//! A sorted run of the index: places of chunks in the order of their keys, in a file without a name that is mapped into
//! memory.
//!
//! | record | size | meaning |
//! | --- | --- | --- |
//! | 0 | 16 | key: the first half of the chunk's id |
//! | 16 | 4 | number of the pack, little-endian; all ones: the chunk is forgotten |
//! | 20 | 4 | number of the frame in the pack, little-endian |
//!
//! Keys are hashes, so they are spread evenly: a table of where each group of leading bits begins (4 bytes for about 64
//! records, in memory) leads to the one page that is looked at. A Bloom filter of 10 bits a record, in memory too, spares
//! 99 of 100 looks for what is not there.

use super::{Key, Location};
use memmap2::{Advice, Mmap};
use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

pub(super) const RECORD_LEN: usize = 24;
/// Records that one entry of the table stands for, about.
const GROUP: usize = 64;

/// Sorted places of chunks, each key once.
pub(super) struct Run {
    records: Mmap,
    /// Where the records begin whose leading bits are the position in this table; one more at its end.
    starts: Vec<u32>,
    bits: u32,
    filter: Vec<u64>,
}

/// Bits of the filter for each record.
const FILTER_BITS: usize = 10;

impl Run {
    /// Writes places, at most `most` of them, that come in the order of their keys, to a file in this folder.
    ///
    /// # Errors
    /// The folder cannot be written to, or is full.
    pub(super) fn write(
        folder: &Path,
        most: usize,
        places: impl Iterator<Item = (Key, Location)>,
    ) -> io::Result<Self> {
        let mut guide = Guide::new(most);
        let file = nameless(folder)?;
        let mut writer = BufWriter::with_capacity(256 << 10, &file);
        for (key, place) in places {
            writer.write_all(&record(&key, place))?;
            guide.add(&key)?;
        }
        writer.flush()?;
        drop(writer);
        #[expect(
            unsafe_code,
            reason = "mapping a file is the only way to search it without loading it"
        )]
        // SAFETY: the file has no name and this is the only handle of it, so nobody changes or shortens it.
        let records = unsafe { Mmap::map(&file) }?;
        Ok(Self::with(records, guide))
    }

    /// A run of so many records in a longer file, each of which is shown once.
    ///
    /// # Errors
    /// It cannot be mapped, is shorter, or is not in order.
    pub(super) fn read(
        file: &File,
        start: u64,
        count: usize,
        mut show: impl FnMut(&[u8]),
    ) -> io::Result<Self> {
        #[expect(
            unsafe_code,
            reason = "mapping a file is the only way to search it without loading it"
        )]
        // SAFETY: the file is only ever replaced by another one under its name, never changed or shortened.
        let records = unsafe {
            memmap2::MmapOptions::new()
                .offset(start)
                .len(count * RECORD_LEN)
                .map(file)
        }?;
        let _ = records.advise(Advice::Sequential);
        let mut guide = Guide::new(count);
        let mut last: Option<Key> = None;
        for stretch in records.chunks(RECORD_LEN * 4096) {
            show(stretch);
            for record in stretch.as_chunks::<RECORD_LEN>().0 {
                let key: Key = *record.first_chunk().unwrap_or(&[0; 16]);
                if last.is_some_and(|last| last >= key) {
                    return Err(io::Error::other("records out of order"));
                }
                last = Some(key);
                guide.add(&key)?;
            }
        }
        Ok(Self::with(records, guide))
    }

    fn with(records: Mmap, guide: Guide) -> Self {
        // Neighbours in the order of hashes have nothing in common: reading ahead would only push others out.
        let _ = records.advise(Advice::Random);
        let Guide {
            mut starts,
            bits,
            filter,
            ..
        } = guide;
        // Groups without records begin where the one before them ends.
        for position in 1..starts.len() {
            starts[position] = starts[position].max(starts[position - 1]);
        }
        Self {
            records,
            starts,
            bits,
            filter,
        }
    }

    /// Says that all of it will be read in its order.
    pub(super) fn will_be_read(&self) {
        // Advice only.
        let _ = self.records.advise(Advice::Sequential);
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.records.len() / RECORD_LEN
    }

    /// The record at a position.
    pub(super) fn get(&self, position: usize) -> Option<(Key, Location)> {
        let record = self
            .records
            .get(position * RECORD_LEN..(position + 1) * RECORD_LEN)?;
        let word = |at: usize| u32::from_le_bytes(*record[at..].first_chunk().unwrap_or(&[0; 4]));
        Some((
            *record.first_chunk()?,
            Location {
                pack: word(16),
                frame: word(20),
            },
        ))
    }

    /// Where a chunk lies.
    pub(super) fn find(&self, key: &Key) -> Option<Location> {
        if filter_bits(key, self.filter.len()).any(|(word, bit)| self.filter[word] & bit == 0) {
            return None;
        }
        let group = group(key, self.bits);
        let mut low = *self.starts.get(group)? as usize;
        let mut high = *self.starts.get(group + 1)? as usize;
        while low < high {
            let middle = low.midpoint(high);
            let (found, place) = self.get(middle)?;
            match found.cmp(key) {
                std::cmp::Ordering::Equal => return Some(place),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

/// What leads to records, as they come.
struct Guide {
    starts: Vec<u32>,
    bits: u32,
    filter: Vec<u64>,
    count: u32,
}

impl Guide {
    fn new(most: usize) -> Self {
        let bits = (most / GROUP).max(1).ilog2().min(24);
        Self {
            starts: vec![0; (1 << bits) + 1],
            bits,
            filter: vec![0; (most * FILTER_BITS).div_ceil(64).max(1)],
            count: 0,
        }
    }

    fn add(&mut self, key: &Key) -> io::Result<()> {
        self.count = self
            .count
            .checked_add(1)
            .ok_or_else(|| io::Error::other("more chunks than an index holds"))?;
        self.starts[group(key, self.bits) + 1] = self.count;
        for (word, bit) in filter_bits(key, self.filter.len()) {
            self.filter[word] |= bit;
        }
        Ok(())
    }
}

/// A record's bytes.
pub(super) fn record(key: &Key, place: Location) -> [u8; RECORD_LEN] {
    let mut record = [0; RECORD_LEN];
    record[..16].copy_from_slice(key);
    record[16..20].copy_from_slice(&place.pack.to_le_bytes());
    record[20..].copy_from_slice(&place.frame.to_le_bytes());
    record
}

/// Merges sorted sources into one; of equal keys the one of the last source stays.
pub(super) fn merge<'a>(runs: &'a [Run]) -> impl Iterator<Item = (Key, Location)> + 'a {
    let mut positions = vec![0; runs.len()];
    std::iter::from_fn(move || {
        let mut least: Option<(Key, Location)> = None;
        for (run, position) in runs.iter().zip(&positions) {
            if let Some(here) = run.get(*position)
                && least.is_none_or(|(key, _)| here.0 <= key)
            {
                least = Some(here);
            }
        }
        let (key, place) = least?;
        for (run, position) in runs.iter().zip(&mut positions) {
            if run.get(*position).is_some_and(|(other, _)| other == key) {
                *position += 1;
            }
        }
        Some((key, place))
    })
}

/// Which bits of a filter of so many words stand for a key, as word and bit: the key is a hash already.
fn filter_bits(key: &Key, words: usize) -> impl Iterator<Item = (usize, u64)> + use<> {
    let (parts, _) = key.as_chunks::<4>();
    let parts: [[u8; 4]; 4] = parts.try_into().unwrap_or_default();
    parts.into_iter().map(move |part| {
        let bit = (u64::from(u32::from_le_bytes(part)) * (words as u64 * 64)) >> 32;
        (usize::try_from(bit / 64).unwrap_or(0), 1 << (bit % 64))
    })
}

/// The leading bits of a key.
fn group(key: &Key, bits: u32) -> usize {
    let leading = u32::from_be_bytes(*key.first_chunk().unwrap_or(&[0; 4]));
    // A shift by all 32 bits is none.
    leading.checked_shr(32 - bits).unwrap_or(0) as usize
}

/// A file without a name: it is gone when it is closed, however the process ends.
pub(super) fn nameless(folder: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    let unnamed = options
        .clone()
        .custom_flags(nix::fcntl::OFlag::O_TMPFILE.bits())
        .open(folder);
    unnamed.or_else(|_| {
        // Not every filesystem makes such files (open(2)).
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(io::Error::other)?;
        let path = folder.join(format!(".index-{:016x}", u64::from_le_bytes(name)));
        let file = options.create_new(true).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(file)
    })
}
