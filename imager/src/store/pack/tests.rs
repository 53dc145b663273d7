use super::*;
use crate::{frame::Encoder, store::memory::ForgetfulStorage, synthetic::noise};
use proptest::prelude::*;

fn pack_of(frames: u64) -> (PackId, Vec<u8>, Vec<FrameRecord>) {
    let id = PackId([7; 16]);
    let mut bytes = header(id, 1234);
    let mut encoder = Encoder::new(Some(1)).unwrap();
    let mut records = Vec::new();
    for number in 0..frames {
        let plain = noise(number, 3000);
        let chunks = vec![
            (ChunkId(*blake3::hash(&plain[..1000]).as_bytes()), 1000),
            (ChunkId(*blake3::hash(&plain[1000..]).as_bytes()), 2000),
        ];
        let frame = encoder.encode(&chunks, &plain).unwrap().into_bytes();
        records.push(FrameRecord {
            offset: bytes.len() as u64,
            len: u32::try_from(frame.len()).unwrap(),
            chunks,
        });
        bytes.extend_from_slice(&frame);
    }
    let end = bytes.len() as u64;
    bytes.extend_from_slice(&footer(&records, end));
    (id, bytes, records)
}

fn read(id: PackId, bytes: &[u8]) -> Result<Contents> {
    let storage = ForgetfulStorage::default();
    storage.put(&id.sealed_name(), bytes).unwrap();
    read_contents(&storage, &id.sealed_name())
}

#[test]
fn a_pack_tells_what_it_holds_with_and_without_its_table() {
    let (id, bytes, records) = pack_of(5);
    let contents = read(id, &bytes).unwrap();
    assert_eq!(
        (contents.id, contents.created_unix_ms, contents.table_damage),
        (id, 1234, None)
    );
    assert_eq!(contents.frames, records);
    let end = usize::try_from(contents.frames_end).unwrap();
    let without = read(id, &bytes[..end]).unwrap();
    assert!(without.table_damage.is_some());
    assert_eq!(without.frames, records);
    let cut_off = read(id, &bytes[..end - 1]).unwrap();
    assert_eq!(cut_off.frames, records[..4]);
}

#[test]
fn frames_behind_a_damaged_one_are_found() {
    let (id, mut bytes, records) = pack_of(4);
    let end = bytes.len();
    bytes[end - 1] ^= 1;
    let second = usize::try_from(records[1].offset).unwrap();
    bytes[second + 5] ^= 0xFF;
    let contents = read(id, &bytes).unwrap();
    assert_eq!(
        contents.frames,
        [records[0].clone(), records[2].clone(), records[3].clone()]
    );
}

#[test]
fn a_pack_under_another_name_is_refused() {
    let (_, bytes, _) = pack_of(1);
    assert!(
        read(PackId([8; 16]), &bytes)
            .unwrap_err()
            .to_string()
            .contains("another pack")
    );
}

#[test]
fn another_version_is_refused_by_its_number() {
    let (id, mut bytes, _) = pack_of(1);
    bytes[8] = 2;
    let error = read(id, &bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Version);
    assert!(error.to_string().contains("version 2"));
}

proptest! {
    #[test]
    fn any_bytes_are_a_pack_or_an_error(noise in prop::collection::vec(any::<u8>(), 0..600)) {
        let id = PackId([7; 16]);
        let _ = read(id, &noise);
        let mut with_head = header(id, 0);
        with_head.extend_from_slice(&noise);
        let _ = read(id, &with_head);
    }

    #[test]
    fn a_pack_with_one_byte_changed_never_names_frames_that_are_not_there(
        position in any::<prop::sample::Index>(), flip in 1u8..,
    ) {
        let (id, mut bytes, records) = pack_of(3);
        let position = position.index(bytes.len());
        bytes[position] ^= flip;
        if let Ok(contents) = read(id, &bytes) {
            for frame in contents.frames {
                prop_assert!(records.contains(&frame));
            }
        }
    }
}
