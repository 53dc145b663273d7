//! Disks, targets and chances for tests.

use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    signature::SecretKey,
    store::{Store, folder::lock, memory::ForgetfulStorage},
    target::{
        Target,
        pages::{Blocks, Pages},
    },
};
use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

pub(crate) const SECTOR: u64 = 512;

/// Numbers that look random and are the same at every run.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

/// Bytes that look random and do not compress.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new()
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// A disk with a GPT whose partitions go from one sector to before another, 128 entries, both copies.
pub(crate) fn gpt_disk(size: u64, partitions: &[(u64, u64)], fill: impl Fn(usize, &mut [u8])) -> Vec<u8> {
    let mut disk = vec![0u8; usize::try_from(size).unwrap()];
    let sectors = size / SECTOR;
    for (number, (first, end)) in partitions.iter().enumerate() {
        let bytes = usize::try_from(first * SECTOR).unwrap()..usize::try_from(end * SECTOR).unwrap();
        fill(number, &mut disk[bytes]);
    }
    let mut entries = vec![0u8; 128 * 128];
    for (number, (first, end)) in partitions.iter().enumerate() {
        let entry = &mut entries[number * 128..(number + 1) * 128];
        entry[..16].copy_from_slice(&[
            0xAF, 0x3D, 0xC6, 0x0F, 0x83, 0x84, 0x72, 0x47, 0x8E, 0x79, 0x3D, 0x69, 0xD8, 0x47, 0x7D, 0xE4,
        ]);
        entry[16] = u8::try_from(number).unwrap() + 1;
        entry[32..40].copy_from_slice(&first.to_le_bytes());
        entry[40..48].copy_from_slice(&(end - 1).to_le_bytes());
    }
    let header = |own: u64, other: u64, entries_at: u64| {
        let mut header = [0u8; 92];
        header[..8].copy_from_slice(b"EFI PART");
        header[8..12].copy_from_slice(&0x0001_0000u32.to_le_bytes());
        header[12..16].copy_from_slice(&92u32.to_le_bytes());
        header[24..32].copy_from_slice(&own.to_le_bytes());
        header[32..40].copy_from_slice(&other.to_le_bytes());
        header[40..48].copy_from_slice(&34u64.to_le_bytes());
        header[48..56].copy_from_slice(&(sectors - 34).to_le_bytes());
        header[56] = 0x77;
        header[72..80].copy_from_slice(&entries_at.to_le_bytes());
        header[80..84].copy_from_slice(&128u32.to_le_bytes());
        header[84..88].copy_from_slice(&128u32.to_le_bytes());
        header[88..92].copy_from_slice(&crc32fast::hash(&entries).to_le_bytes());
        let crc = crc32fast::hash(&header);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        header
    };
    let at = |lba: u64| usize::try_from(lba * SECTOR).unwrap();
    disk[446..462].copy_from_slice(&[0, 0, 2, 0, 0xEE, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0, 0, 0, 0, 0]);
    disk[458..462].copy_from_slice(&u32::try_from(sectors - 1).unwrap().to_le_bytes());
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    disk[512..604].copy_from_slice(&header(1, sectors - 1, 2));
    disk[1024..1024 + entries.len()].copy_from_slice(&entries);
    disk[at(sectors - 33)..at(sectors - 1)].copy_from_slice(&entries);
    disk[at(sectors - 1)..at(sectors - 1) + 92].copy_from_slice(&header(sectors - 1, 1, sectors - 33));
    disk
}

/// A disk in memory of which some sectors cannot be read.
pub(crate) struct FailingDisk {
    bytes: Vec<u8>,
    bad: Vec<Range<u64>>,
    /// So often a small read of a bad sector fails; then it reads.
    failures: u32,
    failed: Mutex<std::collections::HashMap<u64, u32>>,
    reads: std::sync::atomic::AtomicU64,
}

impl FailingDisk {
    pub(crate) fn new(bytes: Vec<u8>, bad: impl IntoIterator<Item = Range<u64>>) -> Self {
        Self {
            bytes,
            bad: bad.into_iter().collect(),
            failures: u32::MAX,
            failed: Mutex::default(),
            reads: std::sync::atomic::AtomicU64::new(0),
        }
    }

    /// Each bad sector reads when it was asked for by itself so often.
    pub(crate) fn that_reads_after(self, failures: u32) -> Self {
        Self { failures, ..self }
    }

    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl ReadAt for FailingDisk {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.reads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let end = offset + buffer.len() as u64;
        if self.bad.iter().any(|bad| bad.start < end && offset < bad.end) {
            let mut failed = lock(&self.failed);
            let count = failed.entry(offset).or_default();
            if buffer.len() as u64 > SECTOR || *count < self.failures {
                *count += u32::from(buffer.len() as u64 == SECTOR);
                return Err(Error::new(
                    ErrorKind::Read,
                    format!("reading {} bytes at offset {offset}", buffer.len()),
                ));
            }
        }
        self.bytes.read_exact_at(buffer, offset)
    }
}

/// A store in memory, with the storage below it.
pub(crate) fn memory_store() -> (Store, ForgetfulStorage) {
    let storage = ForgetfulStorage::default();
    let key = SecretKey::generate().unwrap();
    Store::init_storage(&storage, &key).unwrap();
    (
        Store::with_storage(Box::new(storage.clone()), Some(key)).unwrap(),
        storage,
    )
}

/// A disk in memory that writes down everything that is done to it and whose power can be cut. Clones share it.
#[derive(Clone)]
pub(crate) struct RecordingDisk {
    state: Arc<Mutex<Recording>>,
    size: u64,
    pub(crate) sector_size: u32,
}

struct Recording {
    bytes: Vec<u8>,
    /// What the medium has for certain.
    durable: Vec<u8>,
    /// Writes since the last flush.
    volatile: Vec<(u64, Vec<u8>)>,
    writes: u64,
    power_until: Option<u64>,
    /// Every byte that was ever written.
    touched: Vec<bool>,
    /// Reads answer with this bit flipped, as a lying medium does.
    liar: Option<usize>,
}

impl RecordingDisk {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let size = bytes.len() as u64;
        let touched = vec![false; bytes.len()];
        let recording = Recording {
            durable: bytes.clone(),
            bytes,
            volatile: Vec::new(),
            writes: 0,
            power_until: None,
            touched,
            liar: None,
        };
        Self {
            state: Arc::new(Mutex::new(recording)),
            size,
            sector_size: 512,
        }
    }

    pub(crate) fn cut_power_after(&self, writes: u64) {
        let mut state = lock(&self.state);
        state.power_until = Some(state.writes + writes);
    }

    pub(crate) fn lie_at(&self, position: usize) {
        lock(&self.state).liar = Some(position);
    }

    pub(crate) fn writes(&self) -> u64 {
        lock(&self.state).writes
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        lock(&self.state).bytes.clone()
    }

    pub(crate) fn touched(&self) -> Vec<bool> {
        lock(&self.state).touched.clone()
    }

    /// The disk after the power came back: what was flushed, and of the rest any part, down to half a write.
    pub(crate) fn after_power_cut(&self, chance: &mut Chance) -> Self {
        let state = lock(&self.state);
        let mut bytes = state.durable.clone();
        for (offset, data) in &state.volatile {
            let at = usize::try_from(*offset).unwrap();
            // Sectors are written whole, in any order.
            let keep = chance.below(4);
            for (number, sector) in data.chunks(512).enumerate() {
                let kept = match keep {
                    0 => false,
                    1 => true,
                    _ => chance.below(2) == 0,
                };
                if kept {
                    bytes[at + number * 512..at + number * 512 + sector.len()].copy_from_slice(sector);
                }
            }
        }
        Self::new(bytes)
    }

    fn change(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut state = lock(&self.state);
        if offset
            .checked_add(bytes.len() as u64)
            .is_none_or(|end| end > self.size)
        {
            return Err(Error::new(ErrorKind::Write, "behind the end"));
        }
        if state.power_until.is_some_and(|until| state.writes >= until) {
            return Err(Error::new(ErrorKind::Write, "the power is off"));
        }
        state.writes += 1;
        let range = usize::try_from(offset).unwrap()..usize::try_from(offset).unwrap() + bytes.len();
        state.bytes[range.clone()].copy_from_slice(bytes);
        state.touched[range].fill(true);
        state.volatile.push((offset, bytes.to_vec()));
        Ok(())
    }
}

impl ReadAt for RecordingDisk {
    fn len(&self) -> u64 {
        self.size
    }
    fn sector_size(&self) -> u32 {
        self.sector_size
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let state = lock(&self.state);
        state.bytes.read_exact_at(buffer, offset)?;
        if let Some(liar) = state.liar {
            let at = usize::try_from(offset).unwrap();
            if (at..at + buffer.len()).contains(&liar) {
                buffer[liar - at] ^= 1;
            }
        }
        Ok(())
    }
}

impl Target for RecordingDisk {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.change(offset, bytes)
    }
    fn zero_range(&self, range: Range<u64>) -> Result<()> {
        if range.end > self.size {
            return Err(Error::new(ErrorKind::Write, "behind the end"));
        }
        self.change(
            range.start,
            &vec![0; usize::try_from(range.end - range.start).unwrap()],
        )
    }
    fn discard_range(&self, _range: Range<u64>) {}
    fn flush(&self) -> Result<()> {
        let mut state = lock(&self.state);
        if state.power_until.is_some_and(|until| state.writes >= until) {
            return Err(Error::new(ErrorKind::Write, "the power is off"));
        }
        state.writes += 1;
        state.durable = state.bytes.clone();
        state.volatile.clear();
        Ok(())
    }
    fn forget(&self) -> Result<()> {
        Ok(())
    }
}

/// A disk that is written past the page cache, as real ones are: in whole blocks, by one who owns whole pages.
pub(crate) struct PagedDisk {
    disk: RecordingDisk,
    pages: Pages,
    block: u64,
}

impl PagedDisk {
    pub(crate) fn new(disk: RecordingDisk, block: u64) -> Self {
        Self {
            disk,
            pages: Pages::default(),
            block,
        }
    }
}

impl ReadAt for PagedDisk {
    fn len(&self) -> u64 {
        self.disk.size
    }
    fn sector_size(&self) -> u32 {
        self.disk.sector_size
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.disk.read_exact_at(buffer, offset)
    }
}

impl Target for PagedDisk {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.pages.write(self, bytes, offset)
    }
    fn zero_range(&self, range: Range<u64>) -> Result<()> {
        self.pages.zero(self, range)
    }
    fn discard_range(&self, _range: Range<u64>) {}
    fn flush(&self) -> Result<()> {
        self.pages.write_out(self)?;
        self.disk.flush()
    }
    fn forget(&self) -> Result<()> {
        Ok(())
    }
}

impl Blocks for PagedDisk {
    fn len(&self) -> u64 {
        self.disk.size
    }
    fn block_len(&self) -> u64 {
        self.block
    }
    fn write_blocks(&self, bytes: &[u8], offset: u64) -> Result<()> {
        assert!(offset.is_multiple_of(self.block) && (bytes.len() as u64).is_multiple_of(self.block));
        self.disk.change(offset, bytes)
    }
    fn read_blocks(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.disk.read_exact_at(buffer, offset)
    }
    fn zero_blocks(&self, range: Range<u64>) -> Result<()> {
        self.disk.zero_range(range)
    }
    fn write_end(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.disk.change(offset, bytes)
    }
}
