use super::*;
use proptest::prelude::*;

fn id(number: u16) -> ChunkId {
    ChunkId(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

fn small_index(recent_max: usize) -> Index {
    Index {
        recent_max,
        ..Index::default()
    }
}

fn record(offset: u64, chunks: &[u16]) -> FrameRecord {
    FrameRecord {
        offset,
        len: 10,
        chunks: chunks.iter().map(|number| (id(*number), 1)).collect(),
    }
}

#[derive(Clone, Debug)]
enum Step {
    AddPack,
    AddFrame { pack: u8, chunks: Vec<u16> },
    Forget { pack: u8, frame: u8, chunks: Vec<u16> },
    Move { pack: u8, chunk: u16 },
    RemovePack { pack: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let chunks = || prop::collection::vec(0u16..200, 1..20);
    prop_oneof![
        1 => Just(Step::AddPack),
        6 => (0u8..6, chunks()).prop_map(|(pack, chunks)| Step::AddFrame { pack, chunks }),
        2 => (0u8..6, 0u8..4, chunks()).prop_map(|(pack, frame, chunks)| Step::Forget { pack, frame, chunks }),
        2 => (0u8..6, 0u16..200).prop_map(|(pack, chunk)| Step::Move { pack, chunk }),
        1 => (0u8..6).prop_map(|pack| Step::RemovePack { pack }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_on_disk_is_found_as_if_it_were_in_memory(steps in prop::collection::vec(step(), 1..60)) {
        let mut small = small_index(16);
        let mut large = small_index(usize::MAX);
        for step in steps {
            for index in [&mut small, &mut large] {
                match &step {
                    Step::AddPack => {
                        index.add_empty_pack(PackId([1; 16]), 0, false);
                    }
                    Step::AddFrame { pack, chunks } => index.add_frame(u32::from(*pack), &record(40, chunks), true),
                    Step::Forget { pack, frame, chunks } => {
                        let place = Location { pack: u32::from(*pack), frame: u32::from(*frame) };
                        index.forget_frame(place, &record(40, chunks).chunks);
                    }
                    Step::Move { pack, chunk } if index.pack(u32::from(*pack)).is_some() => {
                        index.move_chunk(&id(*chunk), Location { pack: u32::from(*pack), frame: 0 });
                    }
                    Step::Move { .. } => {}
                    Step::RemovePack { pack } => index.remove_pack(u32::from(*pack)),
                }
            }
            for number in 0..200 {
                prop_assert_eq!(small.find(&id(number)), large.find(&id(number)));
            }
            prop_assert_eq!(small.chunk_count(), large.chunk_count());
        }
        prop_assert!(large.runs.is_empty());
    }
}

#[test]
fn runs_stay_few_and_memory_stays_bounded() {
    let mut index = small_index(100);
    let pack = index.add_empty_pack(PackId([1; 16]), 0, false);
    for first in (0..u16::MAX - 50).step_by(50) {
        let chunks: Vec<u16> = (first..first + 50).collect();
        index.add_frame(pack, &record(40, &chunks), true);
        assert!(index.recent.len() < 150);
    }
    assert!(index.runs.len() <= 10, "{} runs", index.runs.len());
    assert_eq!(index.chunk_count(), u64::from((u16::MAX - 50).div_ceil(50)) * 50);
    assert_eq!(index.find(&id(u16::MAX - 1)), None);
    assert!(index.find(&id(0)).is_some());
}

#[test]
fn an_index_that_cannot_write_keeps_everything_in_memory() {
    let mut index = Index {
        folder: PathBuf::from("/proc/nowhere"),
        ..small_index(10)
    };
    let pack = index.add_empty_pack(PackId([1; 16]), 0, false);
    for first in (0..1000).step_by(10) {
        let chunks: Vec<u16> = (first..first + 10).collect();
        index.add_frame(pack, &record(40, &chunks), true);
    }
    assert!(index.runs.is_empty());
    assert_eq!(index.chunk_count(), 1000);
    assert!((0..1000).all(|number| index.find(&id(number)).is_some()));
}
