//! What garbage collection must never take, and what no lie gets past a commit.

use super::*;
use crate::frame::Encoder;
use protocol::manifest::{Entry, EntryKind};

/// Everything is past its grace, but others use the store.
const PAST: CollectOptions = CollectOptions {
    grace: Duration::from_nanos(1),
    keep_deleted: false,
};
const LONG: CollectOptions = CollectOptions {
    grace: Duration::from_secs(3600),
    keep_deleted: false,
};

fn chunk(bytes: &[u8]) -> (ChunkId, u32) {
    (
        ChunkId(*blake3::hash(bytes).as_bytes()),
        u32::try_from(bytes.len()).unwrap(),
    )
}

fn frame(parts: &[&[u8]]) -> EncodedFrame {
    let table: Vec<(ChunkId, u32)> = parts.iter().map(|part| chunk(part)).collect();
    Encoder::new(None)
        .unwrap()
        .encode(&table, &parts.concat())
        .unwrap()
}

#[test]
fn a_versions_number_is_never_given_again_not_even_when_everything_of_it_is_gone() {
    let (storage, key) = known_store();
    let store = reopen(&storage, &key).unwrap();
    let disk = noise(1, 100_000);
    for version in 1..=3 {
        assert_eq!(keep(&store, "a", &disk).unwrap().root.version, version);
    }
    for version in [1, 3, 2] {
        store.delete(&name("a"), version).unwrap();
        assert_eq!(
            store
                .collect_garbage(AT_ONCE, &Unwatched)
                .unwrap()
                .masters_removed,
            1
        );
    }
    assert!(store.masters().unwrap().is_empty());
    drop(store);
    let store = reopen(&storage, &key).unwrap();
    assert_eq!(keep(&store, "a", &disk).unwrap().root.version, 4);
    assert_eq!(keep(&store, "b", &disk).unwrap().root.version, 1);
    assert_eq!(
        storage.list("spent/").unwrap().len(),
        1,
        "the highest says everything"
    );
}

#[test]
fn a_deleted_master_can_be_taken_back_and_read_to_its_end_for_the_time_of_grace() {
    let (storage, key) = known_store();
    let store = reopen(&storage, &key).unwrap();
    let disk = noise(1, 40 << 20);
    keep(&store, "a", &disk).unwrap();
    store.delete(&name("a"), 1).unwrap();
    // A restore that runs asks for what its right names.
    assert!(store.root_of_running(&name("a"), 1).is_ok());
    assert_eq!(
        store.root_of_running(&name("a"), 2).unwrap_err().kind(),
        ErrorKind::Missing
    );
    let collected = store.collect_garbage(LONG, &Unwatched).unwrap();
    assert_eq!(
        (
            collected.masters_removed,
            collected.segments_removed,
            collected.packs_removed
        ),
        (0, 0, 0)
    );
    drop(store);
    // Another process does not know when that was: it takes the time from its own beginning.
    let store = reopen(&storage, &key).unwrap();
    assert_eq!(
        store.collect_garbage(LONG, &Unwatched).unwrap().masters_removed,
        0
    );
    store.undelete(&name("a"), 1).unwrap();
    assert_eq!(put_back(&store, "a", disk.len()).unwrap(), disk);
    store.delete(&name("a"), 1).unwrap();
    let collected = store.collect_garbage(PAST, &Unwatched).unwrap();
    assert_eq!((collected.masters_removed, collected.segments_removed), (1, 1));
    assert!(
        collected.bytes_after < collected.bytes_before / 2,
        "{collected:?}"
    );
}

#[test]
fn what_a_running_capture_sent_or_was_told_of_stays_although_no_master_needs_it_yet() {
    let (storage, key) = known_store();
    let store = reopen(&storage, &key).unwrap();
    // A pack that was begun long ago and is finished now.
    let parts: Vec<Vec<u8>> = (0..40).map(|number| noise(number, 1 << 20)).collect();
    for part in &parts {
        store.put_frame(frame(&[part])).unwrap();
    }
    assert!(!storage.list("packs/").unwrap().is_empty());
    let segment = Segment {
        start: protocol::ByteOffset(0),
        entries: vec![Entry {
            length_bytes: 1 << 20,
            kind: EntryKind::Data(chunk(&parts[0]).0),
        }],
    };
    store.put_segment(&segment.encode()).unwrap();
    let collected = store.collect_garbage(LONG, &Unwatched).unwrap();
    assert_eq!((collected.packs_removed, collected.segments_removed), (0, 0));
    let collected = store.collect_garbage(PAST, &Unwatched).unwrap();
    assert!(
        collected.packs_removed > 0 && collected.segments_removed == 1,
        "{collected:?}"
    );
}

#[test]
fn garbage_that_is_collected_under_a_restore_does_not_disturb_it() {
    let (store, _) = memory_store();
    let (dead, alive) = (noise(1, 34 << 20), noise(2, 3 << 20));
    let mut both = dead.clone();
    both.extend_from_slice(&alive);
    keep(&store, "both", &both).unwrap();
    let root = keep(&store, "alive", &alive).unwrap().root;
    store.delete(&name("both"), 1).unwrap();
    let segment = root.segments[0].id;
    let wanted: Vec<ChunkId> = Segment::decode(&store.segment(segment).unwrap())
        .unwrap()
        .entries
        .iter()
        .filter_map(|entry| match entry.kind {
            EntryKind::Data(id) => Some(id),
            _ => None,
        })
        .collect();
    let mut delivered = std::collections::HashSet::new();
    let mut collected = None;
    store
        .fetch(segment, &wanted, &mut |frame| {
            delivered.extend(frame.chunks().iter().map(|(id, _)| *id));
            if collected.is_none() {
                collected = Some(store.collect_garbage(AT_ONCE, &Unwatched)?);
            }
            Ok(())
        })
        .unwrap();
    assert!(
        collected.unwrap().packs_rewritten > 0,
        "what lives lay in the way"
    );
    assert!(wanted.iter().all(|id| delivered.contains(id)));
}

#[test]
fn a_chunk_that_was_stored_twice_is_stored_once_when_garbage_was_collected() {
    let (storage, key) = known_store();
    let store = reopen(&storage, &key).unwrap();
    let disk = noise(1, 3 << 20);
    keep(&store, "a", &disk).unwrap();
    // As of two captures at once, neither of which knew of the other: the same chunks again, with one that is new.
    let segment = Segment::decode(
        &store
            .segment(store.master(&"a".parse().unwrap()).unwrap().segments[0].id)
            .unwrap(),
    );
    let segment = segment.unwrap();
    for (number, (offset, entry)) in (0u64..).zip(segment.ranges()) {
        let at = usize::try_from(offset).unwrap();
        let part = &disk[at..at + usize::try_from(entry.length_bytes).unwrap()];
        store
            .put_frame(frame(&[part, &noise(100 + number, 100)]))
            .unwrap();
    }
    let before = store.stats().unwrap().bytes_stored;
    assert!(before > 6 << 20);
    let collected = store.collect_garbage(AT_ONCE, &Unwatched).unwrap();
    assert!(collected.bytes_after < 7 << 19, "{collected:?}");
    assert_eq!(put_back(&store, "a", disk.len()).unwrap(), disk);
    drop(store);
    assert!(reopen(&storage, &key).unwrap().verify(&Unwatched).unwrap().ok);
}

#[test]
fn a_manifest_that_says_another_length_than_its_chunk_has_is_not_committed() {
    let (store, _) = memory_store();
    let mut root = keep(&store, "a", &noise(1, 1 << 20)).unwrap().root;
    let mut segment = Segment::decode(&store.segment(root.segments[0].id).unwrap()).unwrap();
    assert!(segment.entries.len() > 1);
    // The disk is as long as before: one entry has what the other lost.
    segment.entries[0].length_bytes += 1;
    segment.entries[1].length_bytes -= 1;
    root.segments[0].id = store.put_segment(&segment.encode()).unwrap();
    let error = store.commit(root).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.chain().contains("says that chunk"), "{}", error.chain());
    assert_eq!(store.stats().unwrap().masters, 1);
}

#[test]
fn power_cut_at_any_write_of_a_deletion_and_a_collection_loses_no_kept_master() {
    let (storage, key) = known_store();
    let store = reopen(&storage, &key).unwrap();
    let (kept, given_up) = (noise(1, 1 << 20), noise(2, 2 << 20));
    let mut both = given_up.clone();
    both.extend_from_slice(&kept);
    keep(&store, "both", &both).unwrap();
    keep(&store, "kept", &kept).unwrap();
    drop(store);
    let copy = |seed: u64| {
        let mut chance = Chance::new(seed);
        storage.after_power_cut(|limit| chance.below(limit))
    };
    let work = |storage: &ForgetfulStorage| -> Result<Collected> {
        let store = reopen(storage, &key)?;
        store.delete(&name("both"), 1)?;
        store.collect_garbage(AT_ONCE, &Unwatched)
    };
    let measured = copy(0);
    let begun = measured.operations();
    assert!(work(&measured).unwrap().packs_rewritten > 0);
    let operations = measured.operations() - begun;
    assert!(operations > 10, "{operations}");
    for cut in 0..operations {
        let running = copy(cut);
        running.cut_power_after(cut);
        let _ = work(&running);
        let mut chance = Chance::new(cut * 37 + 5);
        let restarted = running.after_power_cut(|limit| chance.below(limit));
        let store = reopen(&restarted, &key).unwrap();
        let report = store.verify(&Unwatched).unwrap();
        assert!(
            report.ok,
            "cut after {cut}: {:?} {:?}",
            report.damaged, report.masters
        );
        assert_eq!(
            put_back(&store, "kept", kept.len()).unwrap(),
            kept,
            "cut after {cut}"
        );
        // Whatever became of the deleted one: its number is not given again.
        assert_eq!(
            keep(&store, "both", &kept).unwrap().root.version,
            2,
            "cut after {cut}"
        );
    }
}
