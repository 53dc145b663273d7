//! What is damaged or lies is named, and the rest works.

use super::*;

#[test]
fn damage_is_named_the_rest_works_and_the_same_content_heals() {
    let (storage, key) = known_store();
    let store = reopen(&storage, &key).unwrap();
    let (hurt, fine) = (noise(1, 2 << 20), noise(2, 2 << 20));
    keep(&store, "hurt", &hurt).unwrap();
    keep(&store, "fine", &fine).unwrap();
    let pack = storage.list("open/").unwrap().remove(0);
    // In the payload of the first frame.
    storage.damage(&pack, 200_000);
    let report = store.verify(&Unwatched).unwrap();
    assert!(!report.ok);
    assert_eq!(report.damaged.len(), 1);
    assert_eq!(report.damaged[0].object, pack);
    assert!(!report.damaged[0].chunks.is_empty());
    let touched: Vec<&str> = report.masters.iter().map(|master| master.name.as_str()).collect();
    assert_eq!(touched, ["hurt"]);
    assert_eq!(put_back(&store, "fine", fine.len()).unwrap(), fine);
    let error = put_back(&store, "hurt", hurt.len()).unwrap_err();
    assert!(
        error.chain().contains("chunk") && error.chain().contains("verify"),
        "{}",
        error.chain()
    );
    // The mark outlives the process.
    storage.commit().unwrap();
    let healed = keep(&store, "again", &hurt).unwrap().counts;
    assert!(healed.bytes_new > 0 && healed.bytes_new < 2 << 20, "{healed:?}");
    assert_eq!(put_back(&store, "hurt", hurt.len()).unwrap(), hurt);
    drop(store);
    let store = reopen(&storage, &key).unwrap();
    assert_eq!(put_back(&store, "hurt", hurt.len()).unwrap(), hurt);
}

#[test]
fn a_frame_whose_header_is_damaged_is_named_when_a_restore_meets_it() {
    let (storage, key) = known_store();
    let store = reopen(&storage, &key).unwrap();
    let disk = noise(1, 1 << 20);
    keep(&store, "a", &disk).unwrap();
    let pack = storage.list("open/").unwrap().remove(0);
    // In the header of the first frame: it cannot even be parsed.
    storage.damage(&pack, pack::HEADER_LEN + 9);
    let error = put_back(&store, "a", disk.len()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{}", error.chain());
    assert!(error.chain().contains(&pack), "{}", error.chain());
}

#[test]
fn a_damaged_or_lost_segment_or_root_is_named_and_the_others_work() {
    let (storage, key) = known_store();
    let store = reopen(&storage, &key).unwrap();
    let (one, two) = (noise(1, 1 << 20), noise(2, 1 << 20));
    keep(&store, "one", &one).unwrap();
    let segment = storage.list("segments/").unwrap().remove(0);
    keep(&store, "two", &two).unwrap();
    storage.damage(&segment, 40);
    let report = store.verify(&Unwatched).unwrap();
    assert_eq!(report.masters.len(), 1);
    assert!(
        report.masters[0].name == "one" && report.masters[0].reasons[0].contains(&segment),
        "{report:?}"
    );
    assert_eq!(put_back(&store, "two", two.len()).unwrap(), two);
    assert!(
        put_back(&store, "one", one.len())
            .unwrap_err()
            .chain()
            .contains(&segment)
    );
    // Garbage is not collected while it is not known what a master needs.
    assert!(store.collect_garbage(AT_ONCE, &Unwatched).is_err());
    // The same content heals it.
    keep(&store, "one", &one).unwrap();
    assert_eq!(put_back(&store, "one@1", one.len()).unwrap(), one);
    storage.lose(&segment);
    assert!(
        put_back(&store, "one", one.len())
            .unwrap_err()
            .chain()
            .contains("lacks the manifest segment")
    );
    let root = store
        .masters()
        .unwrap()
        .into_iter()
        .find(|version| version.name == "two")
        .unwrap()
        .object;
    storage.damage(&root, 200);
    let versions = store.masters().unwrap();
    assert!(versions.iter().any(
        |version| matches!(version.state, MasterVersionState::Damaged { .. }) && version.object == root
    ));
    assert!(
        put_back(&store, "two", two.len())
            .unwrap_err()
            .chain()
            .contains(&root)
    );
}

#[test]
fn a_root_that_is_not_signed_by_the_stores_key_is_refused() {
    let (store, storage) = memory_store();
    let (other, other_storage) = memory_store();
    let disk = noise(1, 100_000);
    keep(&other, "a", &disk).unwrap();
    keep(&store, "b", &disk).unwrap();
    let root = other_storage.list("masters/").unwrap().remove(0);
    let length = usize::try_from(other_storage.len(&root).unwrap().unwrap()).unwrap();
    storage
        .put(&root, &other_storage.get_range(&root, 0, length).unwrap())
        .unwrap();
    let error = put_back(&store, "a", disk.len()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Signature, "{}", error.chain());
}

#[test]
fn a_commit_that_names_what_is_not_there_is_refused() {
    let (store, _) = memory_store();
    let (other, _) = memory_store();
    let disk = noise(1, 100_000);
    let mut root = keep(&other, "a", &disk).unwrap().root;
    assert_eq!(store.commit(root.clone()).unwrap_err().kind(), ErrorKind::Missing);
    let segment = other.segment(root.segments[0].id).unwrap();
    store.put_segment(&segment).unwrap();
    let error = store.commit(root.clone()).unwrap_err();
    assert!(error.chain().contains("lacks chunk"), "{}", error.chain());
    root.disk_size.0 += 1;
    assert_eq!(other.commit(root).unwrap_err().kind(), ErrorKind::Damaged);
    assert_eq!(store.stats().unwrap().masters, 0);
}

#[test]
fn a_frame_that_lies_is_not_taken() {
    let (store, _) = memory_store();
    let mut encoder = crate::frame::Encoder::new(None).unwrap();
    let frame = encoder.encode(&[(ChunkId([1; 32]), 4)], b"text").unwrap();
    let frame = EncodedFrame::parse(frame.into_bytes()).unwrap();
    assert_eq!(store.put_frame(frame).unwrap_err().kind(), ErrorKind::Damaged);
    assert!(!store.has_chunk(&ChunkId([1; 32])));
}
