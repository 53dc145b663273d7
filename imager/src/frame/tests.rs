use super::*;
use proptest::prelude::*;

fn frame_of(chunks: &[Vec<u8>], level: Option<i32>) -> EncodedFrame {
    let table: Vec<_> = chunks
        .iter()
        .map(|bytes| {
            (
                ChunkId(*blake3::hash(bytes).as_bytes()),
                u32::try_from(bytes.len()).unwrap(),
            )
        })
        .collect();
    Encoder::new(level)
        .unwrap()
        .encode(&table, &chunks.concat())
        .unwrap()
}

fn chunk() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 1..2000),
        (any::<u8>(), 1usize..20000).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

proptest! {
    #[test]
    fn what_goes_into_a_frame_comes_out(
        chunks in prop::collection::vec(chunk(), 1..12), level in prop_oneof![Just(None), (-5i32..4).prop_map(Some)],
    ) {
        let frame = EncodedFrame::parse(frame_of(&chunks, level).into_bytes()).unwrap();
        prop_assert!(!frame.is_verified());
        let decoded = frame.decode().unwrap();
        let plain: Vec<Vec<u8>> = decoded.iter().map(|(_, bytes)| bytes.to_vec()).collect();
        prop_assert_eq!(plain, chunks);
    }

    #[test]
    fn a_frame_with_one_byte_changed_is_refused(
        chunks in prop::collection::vec(chunk(), 1..4), position in any::<prop::sample::Index>(), flip in 1u8..,
    ) {
        let mut bytes = frame_of(&chunks, Some(1)).into_bytes();
        let position = position.index(bytes.len());
        bytes[position] ^= flip;
        if let Ok(decoded) = EncodedFrame::parse(bytes).and_then(|frame| frame.decode()) {
            // Some bits of a zstd frame do not change what it decodes to; then the chunks are still the right ones.
            prop_assert!(decoded.iter().map(|(_, bytes)| bytes.to_vec()).eq(chunks));
        }
    }

    #[test]
    fn any_bytes_are_a_frame_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = EncodedFrame::parse(bytes.clone());
        let mut with_head = b"AFRM\x01\x01\0\0\x01\0\0\0".to_vec();
        with_head.extend_from_slice(&bytes);
        let _ = EncodedFrame::parse(with_head);
    }
}

#[test]
fn what_does_not_shrink_is_kept_as_it_is() {
    let mut noise = vec![0u8; 100_000];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    let frame = frame_of(&[noise], Some(3));
    assert!(!frame.header().compressed);
    assert_eq!(frame.header().payload_len, 100_000);
}

#[test]
fn a_payload_that_expands_beyond_what_it_declares_is_refused() {
    let big = vec![0u8; 900_000];
    let payload = zstd::bulk::compress(&big, 1).unwrap();
    let mut small = frame_of(&[vec![0u8; 1000]], Some(1)).into_bytes();
    small.truncate(HEADER_LEN + ENTRY_LEN);
    small[16..20].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
    let sum = checksum(&small[..20], &small[HEADER_LEN..]);
    small[20..24].copy_from_slice(&sum.to_le_bytes());
    small.extend_from_slice(&payload);
    let frame = EncodedFrame::parse(small).unwrap();
    assert_eq!(frame.decode().err().unwrap().kind(), ErrorKind::Damaged);
}

#[test]
fn a_wrong_id_is_named() {
    let mut encoder = Encoder::new(Some(1)).unwrap();
    let frame = encoder.encode(&[(ChunkId([1; 32]), 4)], b"text").unwrap();
    let frame = EncodedFrame::parse(frame.into_bytes()).unwrap();
    assert!(
        frame
            .decode()
            .err()
            .unwrap()
            .to_string()
            .contains(&ChunkId([1; 32]).to_string())
    );
}
