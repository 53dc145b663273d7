//! What a store and a manifest are made of, and a restore of a hostile one.

use imager::{
    Unwatched,
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    exchange::{ChunkSource, ManifestSource, PackStorage},
    frame::{EncodedFrame, Encoder, HEADER_LEN, Header},
    restore::{RestoreOptions, restore as put_back},
    signature::{PublicKey, SecretKey},
    store::pack::{self, PackId},
    target::Target,
};
use protocol::{
    ChunkId, MasterRef,
    job::ReadBack,
    manifest::{Root, Segment, SegmentId, SegmentRef, SignedRoot},
};
use std::{
    collections::HashMap,
    ops::Range,
    sync::{Mutex, OnceLock},
};

/// A frame as it is, and with its checksum put right: behind it lies what is worth reaching.
pub fn frame(data: &[u8]) {
    one_frame(data);
    let mut mended = data.to_vec();
    if let Some(table) = Header::len_with_table(data).filter(|end| *end <= data.len()) {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&mended[..20]);
        hasher.update(&mended[HEADER_LEN..table]);
        let checksum = hasher.finalize();
        mended[20..24].copy_from_slice(&checksum.to_le_bytes());
        one_frame(&mended);
    }
}

fn one_frame(data: &[u8]) {
    if let Ok(header) = Header::parse(data) {
        let sum: u64 = header.chunks.iter().map(|(_, len)| u64::from(*len)).sum();
        assert_eq!(sum, u64::from(header.plain_len));
    }
    let Ok(frame) = EncodedFrame::parse(data.to_vec()) else {
        return;
    };
    if let Ok(decoded) = frame.decode() {
        for (id, bytes) in decoded.iter() {
            assert_eq!(blake3::hash(bytes).as_bytes(), &id.0);
        }
    }
}

/// One object.
struct OneObject<'a>(&'a [u8]);

fn refused<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Refused, "this storage is only read"))
}

impl PackStorage for OneObject<'_> {
    fn get_range(&self, _: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        usize::try_from(offset)
            .ok()
            .and_then(|start| self.0.get(start..start.checked_add(len)?))
            .map(<[u8]>::to_vec)
            .ok_or_else(|| Error::new(ErrorKind::Damaged, "it is cut off"))
    }
    fn len(&self, _: &str) -> Result<Option<u64>> {
        Ok(Some(self.0.len() as u64))
    }
    fn put(&self, _: &str, _: &[u8]) -> Result<()> {
        refused()
    }
    fn list(&self, _: &str) -> Result<Vec<String>> {
        refused()
    }
    fn delete(&self, _: &str) -> Result<()> {
        refused()
    }
    fn commit(&self) -> Result<()> {
        refused()
    }
    fn append(&self, _: &str, _: &[u8]) -> Result<()> {
        refused()
    }
    fn seal(&self, _: &str, _: &str) -> Result<()> {
        refused()
    }
    fn truncate(&self, _: &str, _: u64) -> Result<()> {
        refused()
    }
}

/// A pack under the name it claims, as it is and with its table's hash put right.
pub fn pack(data: &[u8]) {
    let Some(id) = data.get(24..40).and_then(|id| id.try_into().ok()) else {
        return;
    };
    let name = PackId(id).sealed_name();
    one_pack(data, &name);
    let mut mended = data.to_vec();
    if let Some(tail) = data.len().checked_sub(64)
        && let Some(table) = data[tail..].first_chunk::<8>()
        && let Ok(table) = usize::try_from(u64::from_le_bytes(*table))
        && table <= tail
    {
        mended[data.len() - 8..].copy_from_slice(b"AMRCPEND");
        let mut hasher = blake3::Hasher::new();
        hasher.update(&mended[table..tail + 24]);
        let hash = hasher.finalize();
        mended[tail + 24..tail + 56].copy_from_slice(hash.as_bytes());
        one_pack(&mended, &name);
    }
}

fn one_pack(data: &[u8], name: &str) {
    let storage = OneObject(data);
    let Ok(contents) = pack::read_contents(&storage, name) else {
        return;
    };
    for record in &contents.frames {
        assert!(
            record.offset + u64::from(record.len) <= data.len() as u64,
            "{record:?}"
        );
        let _ = pack::read_frame(&storage, name, record.offset, record.len);
    }
}

/// A manifest segment: what was read is written the same.
pub fn segment(data: &[u8]) {
    if let Ok(segment) = Segment::decode(data) {
        assert_eq!(
            segment.ranges().map(|(_, entry)| entry.length_bytes).sum::<u64>(),
            segment.covered().expect("it was checked")
        );
        assert_eq!(
            Segment::decode(&segment.encode()).expect("what was read can be written"),
            segment
        );
    }
}

/// A signed root, and the text in it.
pub fn root(data: &[u8]) {
    let body = match SignedRoot::decode(data) {
        Ok(signed) => {
            let _ = key_pair().public().open(&signed);
            signed.body
        }
        Err(_) => data.to_vec(),
    };
    if let Ok(root) = serde_json::from_slice::<Root>(&body) {
        let _ = root.check();
    }
}

/// Keys as text.
pub fn key(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = SecretKey::from_pem(text);
        if let Ok(key) = text.parse::<PublicKey>() {
            assert_eq!(
                key.to_string()
                    .parse::<PublicKey>()
                    .expect("what was written is read"),
                key
            );
        }
    }
}

fn key_pair() -> &'static SecretKey {
    static KEY: OnceLock<SecretKey> = OnceLock::new();
    KEY.get_or_init(|| SecretKey::generate().expect("the system has random numbers"))
}

/// Longest disk that a hostile manifest is put on.
const DISK_MAX: u64 = 1 << 20;

/// Chunks that the source of a hostile manifest has: whatever their bytes, these lengths.
pub fn known_chunks() -> Vec<Vec<u8>> {
    [1usize, 512, 4096, 65536]
        .map(|length| vec![length.to_le_bytes()[1] | 1; length])
        .into()
}

/// A hostile manifest: `length (4) root's JSON length (4) segment …`, signed by a key that the restore trusts, with its
/// segments' true hashes. Nothing may be written outside of the target.
pub fn restore(data: &[u8]) {
    let mut parts = Vec::new();
    let mut rest = data;
    while let Some((len, behind)) = rest.split_first_chunk::<4>() {
        let len = usize::try_from(u32::from_le_bytes(*len)).unwrap_or(usize::MAX);
        let (part, after) = behind.split_at(len.min(behind.len()));
        parts.push(part);
        rest = after;
    }
    let Some((root, segments)) = parts.split_first() else {
        return;
    };
    let Ok(mut root) = serde_json::from_slice::<Root>(root) else {
        return;
    };
    if root.disk_size.get() > DISK_MAX {
        return;
    }
    let mut source = HostileSource::default();
    root.segments.clear();
    for bytes in segments {
        let id = SegmentId(*blake3::hash(bytes).as_bytes());
        let covers = Segment::decode(bytes)
            .ok()
            .and_then(|segment| segment.covered())
            .unwrap_or(1);
        root.segments.push(SegmentRef {
            id,
            covers: protocol::ByteLen(covers),
        });
        source.segments.insert(id, bytes.to_vec());
    }
    let Ok(signed) = key_pair().sign(&root) else {
        return;
    };
    source.root = Some(signed);
    let size = root.disk_size.get() + u64::from(data.len() as u32 % 3) * 4096;
    let target = WatchedTarget {
        bytes: Mutex::new(vec![0x5A; usize::try_from(size).unwrap_or(0)]),
        sector_size: root.sector_size,
    };
    let options = RestoreOptions {
        read_back: ReadBack::Full,
        workers: 1,
        ..RestoreOptions::new(
            MasterRef {
                name: root.name.clone(),
                version: None,
            },
            key_pair().public(),
        )
    };
    let _ = put_back(&source, &target, &options, &Unwatched);
}

#[derive(Default)]
struct HostileSource {
    root: Option<SignedRoot>,
    segments: HashMap<SegmentId, Vec<u8>>,
}

impl ManifestSource for HostileSource {
    fn root(&self, _: &MasterRef) -> Result<SignedRoot> {
        self.root
            .clone()
            .ok_or_else(|| Error::new(ErrorKind::Missing, "there is no root"))
    }
    fn segment(&self, id: SegmentId) -> Result<Vec<u8>> {
        let bytes = self.segments.get(&id).cloned();
        bytes.ok_or_else(|| Error::new(ErrorKind::Missing, "there is no such segment"))
    }
}

impl ChunkSource for HostileSource {
    fn fetch(
        &self,
        _: SegmentId,
        wanted: &[ChunkId],
        deliver: &mut dyn FnMut(EncodedFrame) -> Result<()>,
    ) -> Result<()> {
        let mut encoder = Encoder::new(None)?;
        for chunk in known_chunks() {
            let id = ChunkId(*blake3::hash(&chunk).as_bytes());
            if wanted.contains(&id) {
                deliver(encoder.encode(&[(id, u32::try_from(chunk.len()).unwrap_or(0))], &chunk)?)?;
            }
        }
        Ok(())
    }
}

/// A target on which every attempt to leave it is a bug of the engine.
struct WatchedTarget {
    bytes: Mutex<Vec<u8>>,
    sector_size: u32,
}

impl WatchedTarget {
    fn part(&self, range: Range<u64>) -> Range<usize> {
        assert!(
            range.start <= range.end && range.end <= self.len(),
            "{range:?} is outside of the target"
        );
        let at = |position: u64| usize::try_from(position).expect("within memory");
        at(range.start)..at(range.end)
    }
}

impl ReadAt for WatchedTarget {
    fn len(&self) -> u64 {
        self.bytes.lock().expect("nobody panics with it").len() as u64
    }
    fn sector_size(&self) -> u32 {
        self.sector_size
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let part = self.part(offset..offset + buffer.len() as u64);
        buffer.copy_from_slice(&self.bytes.lock().expect("nobody panics with it")[part]);
        Ok(())
    }
}

impl Target for WatchedTarget {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let part = self.part(offset..offset + bytes.len() as u64);
        self.bytes.lock().expect("nobody panics with it")[part].copy_from_slice(bytes);
        Ok(())
    }
    fn zero_range(&self, range: Range<u64>) -> Result<()> {
        let part = self.part(range);
        self.bytes.lock().expect("nobody panics with it")[part].fill(0);
        Ok(())
    }
    fn discard_range(&self, range: Range<u64>) {
        let part = self.part(range);
        self.bytes.lock().expect("nobody panics with it")[part].fill(0xDD);
    }
    fn flush(&self) -> Result<()> {
        Ok(())
    }
    fn forget(&self) -> Result<()> {
        Ok(())
    }
}
