use super::*;
use crate::{ChunkId, unit::ByteOffset};
use proptest::prelude::*;

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        (1..=u64::from(MAX_CHUNK_LEN), any::<[u8; 32]>()).prop_map(|(length_bytes, id)| Entry {
            length_bytes,
            kind: EntryKind::Data(ChunkId(id))
        }),
        (1u64..1 << 40).prop_map(|length_bytes| Entry {
            length_bytes,
            kind: EntryKind::Zero
        }),
        (1u64..1 << 40).prop_map(|length_bytes| Entry {
            length_bytes,
            kind: EntryKind::Discard
        }),
        (1u64..1 << 40).prop_map(|length_bytes| Entry {
            length_bytes,
            kind: EntryKind::Keep
        }),
        (1u64..1 << 40).prop_map(|length_bytes| Entry {
            length_bytes,
            kind: EntryKind::Unreadable
        }),
    ]
}

proptest! {
    #[test]
    fn a_segment_survives_its_own_encoding(start in 0u64..1 << 50, entries in prop::collection::vec(entry(), 1..50)) {
        let segment = Segment { start: ByteOffset(start), entries };
        prop_assert_eq!(Segment::decode(&segment.encode()).unwrap(), segment);
    }

    #[test]
    fn any_bytes_are_a_segment_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Segment::decode(&bytes);
        let mut with_head = b"AMRCSEGM\x01\0\0\0".to_vec();
        with_head.extend_from_slice(&bytes);
        let _ = Segment::decode(&with_head);
        with_head[8] = 2;
        let _ = Segment::decode(&with_head);
    }

    #[test]
    fn a_segment_with_one_byte_changed_is_another_segment_or_an_error(
        entries in prop::collection::vec(entry(), 1..8), position in any::<prop::sample::Index>(), flip in 1u8..,
    ) {
        let segment = Segment { start: ByteOffset(0), entries };
        let mut bytes = segment.encode();
        let position = position.index(bytes.len());
        bytes[position] ^= flip;
        if let Ok(other) = Segment::decode(&bytes) {
            // The two reserved bytes have no meaning yet.
            prop_assert!(other != segment || (10..12).contains(&position));
        }
    }

    #[test]
    fn any_bytes_are_a_signed_root_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = SignedRoot::decode(&bytes);
        let mut with_head = b"AMRCROOT\x01\0\0\0".to_vec();
        with_head.extend_from_slice(&bytes);
        let _ = SignedRoot::decode(&with_head);
    }

    #[test]
    fn a_signed_root_survives_its_own_encoding(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let root = SignedRoot { public_key: [7; 32], signature: [9; 64], body };
        prop_assert_eq!(SignedRoot::decode(&root.encode()).unwrap(), root);
    }
}

#[test]
fn another_version_is_refused_by_its_number() {
    let mut bytes = Segment {
        start: ByteOffset(0),
        entries: vec![Entry {
            length_bytes: 1,
            kind: EntryKind::Zero,
        }],
    }
    .encode();
    bytes[8] = 9;
    assert_eq!(
        Segment::decode(&bytes).unwrap_err().to_string(),
        "manifest segment has format version 9, this program reads version 2"
    );
}

#[test]
fn a_segment_is_of_the_second_version_only_if_something_could_not_be_read() {
    let encode = |kind| {
        let entries = vec![Entry {
            length_bytes: 512,
            kind,
        }];
        Segment {
            start: ByteOffset(0),
            entries,
        }
        .encode()
    };
    assert_eq!(encode(EntryKind::Zero)[8], 1);
    let mut bytes = encode(EntryKind::Unreadable);
    assert_eq!(bytes[8], 2);
    bytes[8] = 1;
    let error = Segment::decode(&bytes).unwrap_err().to_string();
    assert_eq!(error, "manifest segment is damaged: an entry has an unknown kind");
}

#[test]
fn a_declared_number_of_entries_allocates_nothing_that_is_not_there() {
    let mut bytes = b"AMRCSEGM\x01\0\0\0".to_vec();
    bytes.extend_from_slice(&16384u32.to_le_bytes());
    bytes.extend_from_slice(&[0; 16]);
    assert!(Segment::decode(&bytes).is_err());
}
