//! Sources that lie, keep back or send twice.

use super::*;

/// A source whose words are not to be trusted.
struct HostileSource {
    root: SignedRoot,
    segments: HashMap<SegmentId, Vec<u8>>,
    frames: Vec<EncodedFrame>,
}

impl ManifestSource for HostileSource {
    fn root(&self, _: &MasterRef) -> Result<SignedRoot> {
        Ok(self.root.clone())
    }
    fn segment(&self, id: SegmentId) -> Result<Vec<u8>> {
        self.segments
            .get(&id)
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::Missing, "no such segment"))
    }
}

impl ChunkSource for HostileSource {
    fn fetch(
        &self,
        _: SegmentId,
        _: &[ChunkId],
        deliver: &mut dyn FnMut(EncodedFrame) -> Result<()>,
    ) -> Result<()> {
        self.frames.iter().cloned().try_for_each(deliver)
    }
}

/// A store that delivers frames in its own way.
struct Courier<'a> {
    store: &'a Store,
    /// Number of a frame that is kept back.
    kept_back: Option<usize>,
    /// How often each of the others is delivered.
    times: usize,
    frames: std::sync::atomic::AtomicUsize,
}

impl ManifestSource for Courier<'_> {
    fn root(&self, master: &MasterRef) -> Result<SignedRoot> {
        self.store.root(master)
    }
    fn segment(&self, id: SegmentId) -> Result<Vec<u8>> {
        self.store.segment(id)
    }
}

impl ChunkSource for Courier<'_> {
    fn fetch(
        &self,
        segment: SegmentId,
        wanted: &[ChunkId],
        deliver: &mut dyn FnMut(EncodedFrame) -> Result<()>,
    ) -> Result<()> {
        self.store.fetch(segment, wanted, &mut |frame| {
            let number = self.frames.fetch_add(1, Ordering::Relaxed);
            if self.kept_back == Some(number) {
                return Ok(());
            }
            (0..self.times).try_for_each(|_| deliver(frame.clone()))
        })
    }
}

#[test]
fn a_chunk_that_the_source_keeps_back_is_missed_and_one_that_comes_twice_does_no_harm() {
    let master = master_disk();
    let store = captured(&master);
    let from = |kept_back, times, target: &RecordingDisk| {
        let courier = Courier {
            store: &store,
            kept_back,
            times,
            frames: Default::default(),
        };
        let outcome = restore(&courier, target, &newest(&store), &Unwatched);
        (outcome, courier.frames.into_inner())
    };
    let target = RecordingDisk::new(other_disk());
    let (restored, frames) = from(None, 2, &target);
    restored.unwrap();
    assert!(is_whole(&target.bytes(), &master));
    for number in [0, frames / 2, frames - 1] {
        let target = RecordingDisk::new(other_disk());
        let error = from(Some(number), 1, &target).0.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Missing, "{}", error.chain());
        // What the tables need is fetched before anything is written.
        assert!(target.bytes() == other_disk() || !has_partitions(&target.bytes()));
    }
}

fn any_entry() -> impl Strategy<Value = (u64, u8)> {
    (
        prop_oneof![4 => 1u64..20_000, 1 => 1u64..1 << 22, 1 => any::<u64>().prop_map(|value| value >> 9)],
        0u8..7,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_signed_a_restore_ends_without_panic_and_keeps_to_the_target(
        entries in prop::collection::vec(any_entry(), 1..12),
        primary in prop::collection::vec((0u64..1 << 21, 1u64..70_000), 0..3),
        backup in prop::collection::vec((0u64..1 << 21, 1u64..70_000), 0..2),
        partitions in prop::collection::vec((0u64..1 << 21, 0u64..1 << 21, 0u64..1 << 21), 0..3),
        smallest in 0u64..1 << 21,
        kind in 0u8..3,
        target_size in prop_oneof![Just(None), (1usize..2 << 20).prop_map(Some)],
    ) {
        let content = noise(9, 4096);
        let id = ChunkId(*blake3::hash(&content).as_bytes());
        let frame = Encoder::new(Some(1)).unwrap().encode(&[(id, 4096)], &content).unwrap();
        let entries: Vec<Entry> = entries.into_iter().map(|(length_bytes, kind)| {
            let kind = match kind {
                0 | 1 => EntryKind::Data(id),
                2 => EntryKind::Data(ChunkId([3; 32])),
                3 => EntryKind::Zero,
                4 => EntryKind::Discard,
                5 => EntryKind::Unreadable,
                _ => EntryKind::Keep,
            };
            let length_bytes = match kind {
                EntryKind::Data(_) => if length_bytes % 3 == 0 { length_bytes % (1 << 20) + 1 } else { 4096 },
                _ => length_bytes,
            };
            Entry { length_bytes, kind }
        }).collect();
        let segment = Segment { start: ByteOffset(0), entries };
        let Some(covered) = segment.covered() else { return Ok(()) };
        let bytes = segment.encode();
        let segment_id = SegmentId(*blake3::hash(&bytes).as_bytes());
        let ranges = |list: Vec<(u64, u64)>| list.into_iter().map(|(start, length)| ByteRange { start, length }).collect();
        let root = Root {
            name: name(), version: 1, created_unix_ms: 0, created_by: String::new(),
            disk_size: ByteLen(covered), sector_size: 512,
            table: [TableKind::Gpt, TableKind::Mbr, TableKind::None][usize::from(kind)],
            primary_table: ranges(primary), backup_table: ranges(backup),
            smallest_target: ByteLen(smallest.min(covered)),
            partitions: partitions.into_iter().map(|(start, length, head)| PartitionNote {
                number: 1, start, length, head: ByteLen(head), kind: String::new(), label: String::new(), filesystem: None,
                state: PartitionState::Raw { reason: String::new() },
            }).collect(),
            bytes_used: ByteLen(0), chunks: 0, bytes_data: ByteLen(0), notes: Vec::new(), unreadable: None,
            segments: vec![SegmentRef { id: segment_id, covers: ByteLen(covered) }],
        };
        let key = SecretKey::generate().unwrap();
        let Ok(signed) = key.sign(&root) else { return Ok(()) };
        let source = HostileSource { root: signed, segments: HashMap::from([(segment_id, bytes)]), frames: vec![frame] };
        let size = match target_size {
            Some(size) => size,
            None if covered < 8 << 20 => usize::try_from(covered).unwrap(),
            None => 1 << 20,
        };
        let target = RecordingDisk::new(vec![1; size]);
        let options = RestoreOptions::new(MasterRef { name: name(), version: None }, key.public());
        let _ = restore(&source, &target, &options, &Unwatched);
    }
}
