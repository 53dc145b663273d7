//! A master made by hand: the engine's own captures are tested in `round_trip`.

use imager::{
    exchange::ChunkSink,
    frame::{EncodedFrame, Encoder},
};
use protocol::{
    ByteLen, ByteOffset, ChunkId, MasterRef,
    manifest::{Entry, EntryKind, Root, Segment, SegmentId, SegmentRef, SignedRoot, TableKind},
};
use std::collections::HashMap;

pub struct Master {
    pub plain: HashMap<ChunkId, Vec<u8>>,
    pub ids: Vec<ChunkId>,
    pub frames: Vec<EncodedFrame>,
    pub segments: Vec<Vec<u8>>,
    pub root: Root,
}

/// Chunks of noise in frames of four and segments of sixteen.
const CHUNKS_PER_FRAME: usize = 4;
const CHUNKS_PER_SEGMENT: usize = 16;

impl Master {
    /// `count` chunks of `len` bytes that follow from the seed.
    pub fn new(name: &str, seed: u64, count: usize, len: usize) -> Self {
        let chunks = (0..count).map(|number| noise(seed, number, len)).collect();
        Self::of_chunks(name, chunks, CHUNKS_PER_FRAME)
    }

    pub fn of_chunks(name: &str, chunks: Vec<Vec<u8>>, chunks_per_frame: usize) -> Self {
        let ids: Vec<ChunkId> = chunks
            .iter()
            .map(|chunk| ChunkId(*blake3::hash(chunk).as_bytes()))
            .collect();
        let mut encoder = Encoder::new(Some(1)).unwrap();
        let numbered: Vec<(ChunkId, &Vec<u8>)> = ids.iter().copied().zip(&chunks).collect();
        let frames = numbered
            .chunks(chunks_per_frame)
            .map(|group| {
                let table: Vec<(ChunkId, u32)> = group
                    .iter()
                    .map(|(id, chunk)| (*id, u32::try_from(chunk.len()).unwrap()))
                    .collect();
                encoder
                    .encode(
                        &table,
                        &group
                            .iter()
                            .flat_map(|(_, chunk)| chunk.to_vec())
                            .collect::<Vec<u8>>(),
                    )
                    .unwrap()
            })
            .collect();
        let mut start = 0;
        let mut segments = Vec::new();
        let mut segment_refs = Vec::new();
        for group in numbered.chunks(CHUNKS_PER_SEGMENT) {
            let entries: Vec<Entry> = group
                .iter()
                .map(|(id, chunk)| Entry {
                    length_bytes: chunk.len() as u64,
                    kind: EntryKind::Data(*id),
                })
                .collect();
            let segment = Segment {
                start: ByteOffset(start),
                entries,
            };
            let covers = segment.covered().unwrap();
            start += covers;
            let bytes = segment.encode();
            segment_refs.push(SegmentRef {
                id: segment_id(&bytes),
                covers: ByteLen(covers),
            });
            segments.push(bytes);
        }
        let root = Root {
            name: name.parse().unwrap(),
            version: 0,
            created_unix_ms: 0,
            created_by: "depot's tests".into(),
            disk_size: ByteLen(start),
            sector_size: 512,
            table: TableKind::None,
            primary_table: vec![],
            backup_table: vec![],
            smallest_target: ByteLen(start),
            partitions: vec![],
            bytes_used: ByteLen(start),
            chunks: ids.len() as u64,
            bytes_data: ByteLen(start),
            notes: vec![],
            unreadable: None,
            segments: segment_refs,
        };
        let plain = ids.iter().copied().zip(chunks).collect();
        Self {
            plain,
            ids,
            frames,
            segments,
            root,
        }
    }

    /// Sends everything and commits.
    pub fn put(&self, sink: &dyn ChunkSink) -> imager::Result<SignedRoot> {
        for frame in &self.frames {
            sink.put_frame(frame.clone())?;
        }
        for segment in &self.segments {
            sink.put_segment(segment)?;
        }
        sink.commit(self.root.clone())
    }

    /// Chunks of one segment.
    pub fn segment(&self, place: usize) -> (SegmentId, Vec<ChunkId>) {
        let ids = self.ids.chunks(CHUNKS_PER_SEGMENT).nth(place).unwrap().to_vec();
        (self.root.segments[place].id, ids)
    }

    /// Notes the chunks of a delivered frame, each of which must have the right bytes.
    pub fn check(&self, frame: &EncodedFrame, delivered: &mut HashMap<ChunkId, usize>) {
        for (id, bytes) in frame.decode().unwrap().iter() {
            assert_eq!(self.plain.get(&id).map(Vec::as_slice), Some(bytes), "chunk {id}");
            *delivered.entry(id).or_default() += 1;
        }
    }
}

pub fn segment_id(bytes: &[u8]) -> SegmentId {
    SegmentId(*blake3::hash(bytes).as_bytes())
}

/// The version of a master that a root was committed as.
pub fn version(signed: &SignedRoot) -> MasterRef {
    let root: Root = serde_json::from_slice(&signed.body).unwrap();
    MasterRef {
        name: root.name,
        version: Some(root.version),
    }
}

/// Bytes that do not compress and that differ for each seed and number.
pub fn noise(seed: u64, number: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(&(number as u64).to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}
