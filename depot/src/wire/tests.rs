use super::{
    stream::{Item, Reader},
    *,
};
use proptest::prelude::*;
use protocol::Problem;

fn ids(count: usize) -> Vec<ChunkId> {
    (0..count)
        .map(|number| ChunkId(*blake3::hash(&number.to_le_bytes()).as_bytes()))
        .collect()
}

fn read_all(reader: &mut Reader, bytes: &[u8], piece_len: usize) -> Result<Vec<Item>, WireError> {
    let mut items = Vec::new();
    for piece in bytes.chunks(piece_len) {
        reader.push(piece);
        while let Some(item) = reader.next_item()? {
            items.push(item);
        }
    }
    Ok(items)
}

#[test]
fn a_list_of_ids_is_bounded_and_whole() {
    let list = ids(3);
    assert_eq!(decode_ids(&encode_ids(&list)).unwrap(), list);
    assert!(decode_ids(&[]).unwrap().is_empty());
    assert!(decode_ids(&[0; 33]).is_err());
    assert!(decode_ids(&vec![0; (MAX_IDS + 1) * 32]).is_err());
    assert_eq!(decode_ids(&vec![0; MAX_IDS * 32]).unwrap().len(), MAX_IDS);
}

#[test]
fn a_bitmap_answers_for_exactly_the_chunks_asked_about() {
    assert_eq!(encode_bitmap(&[true, false, true]), [0b101]);
    assert!(decode_bitmap(&[0b101], 2).is_err(), "a surplus bit");
    assert!(decode_bitmap(&[0], 9).is_err() && decode_bitmap(&[0, 0], 8).is_err());
    assert!(decode_bitmap(&[], 0).unwrap().is_empty());
}

#[test]
fn every_call_is_found_again_by_its_own_path() {
    let segment = Call::Segment(SegmentId([0xab; 32]));
    for call in [
        Call::Lacking,
        Call::PutFrames,
        Call::PutSegment,
        Call::Commit,
        Call::Root,
        segment,
        Call::Fetch,
        Call::FetchLen,
    ] {
        let path = call.path();
        let tail = path.strip_prefix(BASE).unwrap();
        assert_eq!(Call::parse(call.method(), tail), Some(call));
    }
    for (method, path) in [
        ("GET", "lacking"),
        ("DELETE", "root"),
        ("GET", "segments/../root"),
        ("GET", "segments/"),
        ("POST", "root"),
        ("GET", ""),
    ] {
        assert_eq!(Call::parse(method, path), None, "{method} {path}");
    }
}

#[test]
fn a_stream_that_breaks_off_says_why() {
    let problem = Problem::new("pack-damaged", "pack 7 is damaged", "restore it from a copy");
    let items = read_all(&mut Reader::default(), &stream::broken(&problem), 3).unwrap();
    assert_eq!(items, [Item::Broken(problem)]);
}

#[test]
fn a_stream_promises_no_more_than_one_frame_of_memory() {
    let mut reader = Reader::default();
    let too_long = u32::try_from(MAX_FRAME_LEN + 1).unwrap();
    reader.push(&too_long.to_le_bytes());
    assert!(reader.next_item().is_err());
    let mut reader = Reader::default();
    reader.push(&[&stream::BROKEN[..], &u32::MAX.to_le_bytes()].concat());
    assert!(reader.next_item().is_err());
}

#[test]
fn bytes_after_the_end_of_a_stream_are_refused() {
    let mut reader = Reader::default();
    reader.push(&[0, 0, 0, 0, 9]);
    assert_eq!(reader.next_item().unwrap(), Some(Item::End));
    assert!(reader.next_item().is_err());
}

proptest! {
    #[test]
    fn bitmaps_come_back_as_they_were(lacking in proptest::collection::vec(any::<bool>(), 0..200)) {
        prop_assert_eq!(decode_bitmap(&encode_bitmap(&lacking), lacking.len()).unwrap(), lacking);
    }

    #[test]
    fn frames_come_back_as_they_were_in_any_pieces(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 0..20),
        piece_len in 1usize..700,
    ) {
        let mut list = Vec::new();
        for frame in &frames {
            list.extend_from_slice(&frame_head(frame.len()));
            list.extend_from_slice(frame);
        }
        prop_assert_eq!(split_frames(&list).unwrap(), frames.iter().map(Vec::as_slice).collect::<Vec<_>>());
        list.extend_from_slice(&stream::END);
        let mut expected: Vec<Item> =
            frames.into_iter().map(|frame| Item::Frame(bytes::Bytes::from(frame))).collect();
        expected.push(Item::End);
        prop_assert_eq!(read_all(&mut Reader::default(), &list, piece_len).unwrap(), expected);
    }

    #[test]
    fn requests_come_back_as_they_were(count in 1usize..50, segment in any::<[u8; 32]>()) {
        let wanted = ids(count);
        let body = FetchRequest::encode(SegmentId(segment), &wanted);
        let expected = FetchRequest { segment: SegmentId(segment), wanted };
        prop_assert_eq!(FetchRequest::decode(&body).unwrap(), expected);
    }

    #[test]
    fn no_bytes_make_a_reader_panic_or_loop(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        piece_len in 1usize..64,
        text in ".{0,90}",
    ) {
        let _ = decode_ids(&bytes);
        let _ = decode_bitmap(&bytes, bytes.len());
        let _ = FetchRequest::decode(&bytes);
        let _ = split_frames(&bytes);
        let _ = read_all(&mut Reader::default(), &bytes, piece_len);
        let short = [&[u8::try_from(piece_len).unwrap(), 0, 0, 0], bytes.as_slice()].concat();
        let _ = split_frames(&short);
        let _ = read_all(&mut Reader::default(), &short, piece_len);
        let _ = Call::parse("GET", &text);
        let _ = Call::parse("GET", &format!("segments/{text}"));
    }
}
