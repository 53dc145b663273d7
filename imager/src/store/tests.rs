mod damage;
mod promises;

use super::*;
use crate::{
    Unwatched,
    capture::{CaptureOptions, Captured, capture},
    error::Error,
    restore::{RestoreOptions, restore},
    signature::SecretKey,
    synthetic::{Chance, RecordingDisk, memory_store, noise},
};
use memory::ForgetfulStorage;
use protocol::MasterName;
use std::time::Duration;

fn name(text: &str) -> MasterName {
    text.parse().unwrap()
}

fn keep(store: &Store, master: &str, disk: &[u8]) -> Result<Captured> {
    capture(
        &disk,
        store,
        &CaptureOptions {
            level: Some(1),
            ..CaptureOptions::new(name(master))
        },
        &Unwatched,
    )
}

fn put_back(store: &Store, master: &str, size: usize) -> Result<Vec<u8>> {
    let target = RecordingDisk::new(vec![0xEE; size]);
    let options = RestoreOptions::new(master.parse().unwrap(), store.public_key());
    restore(store, &target, &options, &Unwatched)?;
    Ok(target.bytes())
}

const AT_ONCE: CollectOptions = CollectOptions {
    grace: Duration::ZERO,
    keep_deleted: false,
};

/// A store whose key is known, so that it can be opened again.
fn known_store() -> (ForgetfulStorage, String) {
    let storage = ForgetfulStorage::default();
    let key = SecretKey::generate().unwrap();
    Store::init_storage(&storage, &key).unwrap();
    (storage, key.to_pem().unwrap())
}

fn reopen(storage: &ForgetfulStorage, key: &str) -> Result<Store> {
    Store::with_storage(Box::new(storage.clone()), Some(SecretKey::from_pem(key).unwrap()))
}

#[test]
fn versions_count_from_one_and_deleted_numbers_are_not_given_again() {
    let (store, _) = memory_store();
    let disk = noise(1, 300_000);
    assert_eq!(keep(&store, "a", &disk).unwrap().root.version, 1);
    assert_eq!(keep(&store, "a", &disk).unwrap().root.version, 2);
    store.delete(&name("a"), 2).unwrap();
    assert_eq!(keep(&store, "a", &disk).unwrap().root.version, 3);
    assert_eq!(keep(&store, "b", &disk).unwrap().root.version, 1);
}

#[test]
fn known_content_is_not_stored_again() {
    let (store, _) = memory_store();
    let disk = noise(1, 5 << 20);
    let first = keep(&store, "a", &disk).unwrap().counts;
    let second = keep(&store, "b", &disk).unwrap().counts;
    assert_eq!(first.bytes_new, 5 << 20);
    assert_eq!(
        (second.bytes_new, second.chunks_new, second.bytes_stored),
        (0, 0, 0)
    );
}

#[test]
fn a_deleted_master_can_be_taken_back_until_garbage_is_collected() {
    let (store, _) = memory_store();
    let disk = noise(1, 1 << 20);
    keep(&store, "a", &disk).unwrap();
    store.delete(&name("a"), 1).unwrap();
    let error = put_back(&store, "a@1", disk.len()).unwrap_err();
    assert!(error.chain().contains("--undo"), "{}", error.chain());
    store.undelete(&name("a"), 1).unwrap();
    assert_eq!(put_back(&store, "a", disk.len()).unwrap(), disk);
    store.delete(&name("a"), 1).unwrap();
    let collected = store.collect_garbage(AT_ONCE, &Unwatched).unwrap();
    assert_eq!((collected.masters_removed, collected.bytes_after), (1, 0));
    assert_eq!(
        store.undelete(&name("a"), 1).unwrap_err().kind(),
        ErrorKind::Missing
    );
}

#[test]
fn collecting_garbage_keeps_what_lives_and_rewrites_what_is_mostly_dead() {
    let (storage, key) = known_store();
    let store = reopen(&storage, &key).unwrap();
    let small = noise(2, 400_000);
    let mut large = noise(1, 3 << 20);
    large.extend_from_slice(&small);
    keep(&store, "large", &large).unwrap();
    keep(&store, "small", &small).unwrap();
    store.delete(&name("large"), 1).unwrap();
    let collected = store.collect_garbage(AT_ONCE, &Unwatched).unwrap();
    assert!(
        collected.bytes_after < collected.bytes_before / 2,
        "{collected:?}"
    );
    assert_eq!(put_back(&store, "small", small.len()).unwrap(), small);
    drop(store);
    let store = reopen(&storage, &key).unwrap();
    assert!(store.verify(&Unwatched).unwrap().ok);
    assert_eq!(put_back(&store, "small", small.len()).unwrap(), small);
}

#[test]
fn what_somebody_was_told_is_there_stays_for_the_time_of_grace() {
    let (store, _) = memory_store();
    let disk = noise(1, 1 << 20);
    keep(&store, "a", &disk).unwrap();
    store.delete(&name("a"), 1).unwrap();
    let grace = CollectOptions {
        grace: Duration::from_secs(3600),
        keep_deleted: false,
    };
    let collected = store.collect_garbage(grace, &Unwatched).unwrap();
    assert_eq!(collected.packs_removed, 0);
    assert_eq!(keep(&store, "a", &disk).unwrap().counts.bytes_new, 0);
}

#[test]
fn the_index_is_made_from_the_packs_alone() {
    let (storage, key) = known_store();
    let store = reopen(&storage, &key).unwrap();
    // More than one pack.
    let disk = noise(1, 40 << 20);
    keep(&store, "a", &disk).unwrap();
    let stats = store.stats().unwrap();
    assert!(stats.packs >= 2, "{stats:?}");
    drop(store);
    let store = reopen(&storage, &key).unwrap();
    assert_eq!(store.stats().unwrap(), stats);
    // And without the table at its end a pack still gives all its frames.
    let sealed = storage.list("packs/").unwrap().remove(0);
    let length = usize::try_from(storage.len(&sealed).unwrap().unwrap()).unwrap();
    storage.damage(&sealed, length - 3);
    drop(store);
    let store = reopen(&storage, &key).unwrap();
    assert_eq!(store.stats().unwrap().chunks, stats.chunks);
    assert!(store.warnings()[0].contains(&sealed), "{:?}", store.warnings());
    assert_eq!(put_back(&store, "a", disk.len()).unwrap(), disk);
}

#[test]
fn power_cut_at_any_write_of_a_capture_leaves_finished_masters_whole_and_the_next_capture_works() {
    let (storage, key) = known_store();
    let before = noise(1, 700_000);
    let mut after = before.clone();
    after.extend_from_slice(&noise(2, 35 << 20));
    let store = reopen(&storage, &key).unwrap();
    keep(&store, "before", &before).unwrap();
    drop(store);
    let copy = |seed: u64| {
        let mut chance = Chance::new(seed);
        storage.after_power_cut(|limit| chance.below(limit))
    };
    let measured = copy(0);
    let begun = measured.operations();
    keep(&reopen(&measured, &key).unwrap(), "after", &after).unwrap();
    let operations = measured.operations() - begun;
    assert!(operations > 40);
    for cut in 0..operations {
        let running = copy(cut);
        running.cut_power_after(cut);
        let answer = reopen(&running, &key).and_then(|store| keep(&store, "after", &after));
        // The last operation is the sync of a root that is already there: the answer is lost, not the master.
        assert!(
            answer.is_err() || cut + 1 >= operations,
            "cut after {cut} of {operations}"
        );
        let mut chance = Chance::new(cut * 31);
        let restarted = running.after_power_cut(|limit| chance.below(limit));
        let store = reopen(&restarted, &key).unwrap();
        let report = store.verify(&Unwatched).unwrap();
        assert!(
            report.ok,
            "cut after {cut}: {:?} {:?}",
            report.damaged, report.masters
        );
        assert_eq!(
            put_back(&store, "before", before.len()).unwrap(),
            before,
            "cut after {cut}"
        );
        if cut % 8 == 0 {
            keep(&store, "after", &after).unwrap();
            assert_eq!(
                put_back(&store, "after", after.len()).unwrap(),
                after,
                "cut after {cut}"
            );
        }
    }
}

#[test]
fn a_full_store_fails_with_its_reason_and_keeps_what_it_had() {
    let (storage, key) = known_store();
    let store = reopen(&storage, &key).unwrap();
    let before = noise(1, 700_000);
    keep(&store, "before", &before).unwrap();
    for room in [0, 10_000, 2_000_000, 4_100_000] {
        storage.leave_room(Some(room));
        let error = keep(&store, "after", &noise(room + 5, 4 << 20)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Full, "{}", error.chain());
        storage.leave_room(None);
        assert_eq!(put_back(&store, "before", before.len()).unwrap(), before);
        assert!(store.verify(&Unwatched).unwrap().ok);
    }
    let after = noise(6, 4 << 20);
    keep(&store, "after", &after).unwrap();
    assert_eq!(put_back(&store, "after", after.len()).unwrap(), after);
    drop(store);
    assert!(reopen(&storage, &key).unwrap().verify(&Unwatched).unwrap().ok);
}

#[test]
fn a_saved_index_spares_reading_the_packs_and_one_that_does_not_fit_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let index = path.join("index");
    let disk = noise(1, 40 << 20);
    keep(&Store::init(&path).unwrap(), "a", &disk).unwrap();
    assert!(!index.exists());
    drop(Store::open(&path, Access::Write).unwrap());
    let saved = std::fs::read(&index).unwrap();
    // The pack's own table is damaged: who reads it, notices.
    let store = Store::open(&path, Access::Read).unwrap();
    let pack = path.join(store.storage().list("packs/").unwrap().remove(0));
    drop(store);
    let mut bytes = std::fs::read(&pack).unwrap();
    let position = bytes.len() - 100;
    bytes[position] ^= 1;
    std::fs::write(&pack, &bytes).unwrap();
    let reads_packs = || {
        let store = Store::open(&path, Access::Read).unwrap();
        assert_eq!(put_back(&store, "a", disk.len()).unwrap(), disk);
        !store.warnings().is_empty()
    };
    assert!(!reads_packs());
    let mut positions: Vec<usize> = (0..24).chain(32..200).collect();
    positions.extend((200..saved.len()).step_by(997));
    for position in positions.into_iter().step_by(29) {
        let mut damaged = saved.clone();
        damaged[position] ^= 0x20;
        std::fs::write(&index, damaged).unwrap();
        assert!(reads_packs(), "byte {position} is not checked");
    }
    for length in [0, 10, 96, saved.len() - 24, saved.len() - 1] {
        std::fs::write(&index, &saved[..length]).unwrap();
        assert!(reads_packs(), "cut off after {length}");
    }
    std::fs::write(&index, &saved).unwrap();
    assert!(!reads_packs());
    // A frame that is known to be damaged since, or a pack that is gone, makes it old.
    std::fs::create_dir_all(path.join("damaged")).unwrap();
    let mark = path.join("damaged").join("0-0");
    std::fs::write(&mark, "").unwrap();
    assert!(reads_packs());
    std::fs::remove_file(&mark).unwrap();
    let store = Store::open(&path, Access::Write).unwrap();
    let other = noise(2, 40 << 20);
    keep(&store, "b", &other).unwrap();
    store.delete(&"a".parse().unwrap(), 1).unwrap();
    store.collect_garbage(AT_ONCE, &Unwatched).unwrap();
    drop(store);
    for access in [Access::Read, Access::Write, Access::Read] {
        let store = Store::open(&path, access).unwrap();
        assert_eq!(put_back(&store, "b", other.len()).unwrap(), other);
        assert!(store.verify(&Unwatched).unwrap().ok);
    }
}

#[test]
fn a_folder_has_one_writer_and_its_key_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::init(&path).unwrap();
    assert_eq!(
        std::fs::metadata(path.join("key.pem"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o600
    );
    let busy = Store::open(&path, Access::Write).err().unwrap();
    assert_eq!(busy.kind(), ErrorKind::Busy);
    assert!(busy.remedy().unwrap().contains("amorce serve"));
    let reader = Store::open(&path, Access::Read).unwrap();
    assert_eq!(reader.public_key(), store.public_key());
    assert_eq!(reader.put_segment(b"").unwrap_err().kind(), ErrorKind::Refused);
    // While somebody reads, nothing is taken away from under him.
    assert_eq!(
        store.collect_garbage(AT_ONCE, &Unwatched).unwrap_err().kind(),
        ErrorKind::Busy
    );
    drop(reader);
    store.collect_garbage(AT_ONCE, &Unwatched).unwrap();
    drop(Store::open(&path, Access::Read).unwrap());
    assert_eq!(Store::init(&path).err().unwrap().kind(), ErrorKind::Refused);
    drop(store);
    Store::open(&path, Access::Write).unwrap();
}

#[test]
fn an_older_or_newer_store_is_refused_by_its_version() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::init(folder.path()).unwrap());
    let description = folder.path().join("store.json");
    let text = std::fs::read_to_string(&description)
        .unwrap()
        .replace("\"version\": 1", "\"version\": 7");
    std::fs::write(&description, text).unwrap();
    let error: Error = Store::open(folder.path(), Access::Read).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Version);
    assert!(error.to_string().contains("version 7"));
}

#[test]
fn a_reader_that_opened_before_a_pack_was_finished_still_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::init(&path).unwrap();
    let disk = noise(1, 1 << 20);
    keep(&store, "a", &disk).unwrap();
    let reader = Store::open(&path, Access::Read).unwrap();
    keep(&store, "b", &noise(2, 40 << 20)).unwrap();
    assert!(!store.storage().list("packs/").unwrap().is_empty());
    assert_eq!(put_back(&reader, "a", disk.len()).unwrap(), disk);
}

#[test]
fn an_unfinished_pack_whose_own_header_is_damaged_still_gives_its_frames() {
    let (storage, key) = known_store();
    let store = reopen(&storage, &key).unwrap();
    let disk = noise(1, 3 << 20);
    keep(&store, "a", &disk).unwrap();
    drop(store);
    storage.damage(&storage.list("open/").unwrap().remove(0), 3);
    let store = reopen(&storage, &key).unwrap();
    assert_eq!(put_back(&store, "a", disk.len()).unwrap(), disk);
    assert!(store.verify(&Unwatched).unwrap().ok);
}

/// Something happens to the storage while it is used.
struct Meddled {
    storage: ForgetfulStorage,
    /// Every unfinished pack is finished right after the finished ones were listed.
    finishes: bool,
    /// Nothing as long as a frame can be read.
    unreadable: bool,
}

impl PackStorage for Meddled {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.storage.put(name, bytes)
    }
    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        if self.unreadable && len > 100_000 {
            return Err(Error::new(ErrorKind::Io, "the medium does not answer"));
        }
        self.storage.get_range(name, offset, len)
    }
    fn len(&self, name: &str) -> Result<Option<u64>> {
        self.storage.len(name)
    }
    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let names = self.storage.list(prefix);
        if self.finishes && prefix == "packs/" {
            for open in self.storage.list("open/")? {
                self.storage
                    .seal(&open, &PackId::from_name(&open).unwrap().sealed_name())?;
            }
        }
        names
    }
    fn delete(&self, name: &str) -> Result<()> {
        self.storage.delete(name)
    }
    fn commit(&self) -> Result<()> {
        self.storage.commit()
    }
    fn append(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.storage.append(name, bytes)
    }
    fn seal(&self, unfinished: &str, name: &str) -> Result<()> {
        self.storage.seal(unfinished, name)
    }
    fn truncate(&self, unfinished: &str, len: u64) -> Result<()> {
        self.storage.truncate(unfinished, len)
    }
}

#[test]
fn a_pack_that_is_finished_while_a_reader_opens_is_not_overlooked() {
    let (storage, key) = known_store();
    let disk = noise(1, 1 << 20);
    keep(&reopen(&storage, &key).unwrap(), "a", &disk).unwrap();
    let meddled = Meddled {
        storage,
        finishes: true,
        unreadable: false,
    };
    let reader = Store::with_storage(Box::new(meddled), None).unwrap();
    assert_eq!(put_back(&reader, "a", disk.len()).unwrap(), disk);
}

#[test]
fn what_cannot_be_read_for_a_moment_is_not_thrown_away() {
    let (storage, key) = known_store();
    let disk = noise(1, 1 << 20);
    keep(&reopen(&storage, &key).unwrap(), "a", &disk).unwrap();
    let meddled = Meddled {
        storage: storage.clone(),
        finishes: false,
        unreadable: true,
    };
    let store = Store::with_storage(Box::new(meddled), Some(SecretKey::from_pem(&key).unwrap())).unwrap();
    assert!(
        store.warnings()[0].contains("does not answer"),
        "{:?}",
        store.warnings()
    );
    drop(store);
    let store = reopen(&storage, &key).unwrap();
    assert_eq!(put_back(&store, "a", disk.len()).unwrap(), disk);
}

#[test]
fn healed_damage_leaves_with_the_garbage_and_damage_that_a_master_needs_stays() {
    let (storage, key) = known_store();
    let store = reopen(&storage, &key).unwrap();
    let disk = noise(1, 3 << 20);
    keep(&store, "a", &disk).unwrap();
    storage.damage(&storage.list("open/").unwrap().remove(0), 200_000);
    assert!(!store.verify(&Unwatched).unwrap().ok);
    let collected = store.collect_garbage(AT_ONCE, &Unwatched).unwrap();
    assert_eq!(collected.packs_removed, 0);
    assert!(
        collected.notes[0].contains("capture the same content again"),
        "{collected:?}"
    );
    keep(&store, "b", &disk).unwrap();
    assert!(!store.verify(&Unwatched).unwrap().ok);
    store.collect_garbage(AT_ONCE, &Unwatched).unwrap();
    let report = store.verify(&Unwatched).unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!(put_back(&store, "a", disk.len()).unwrap(), disk);
}

#[test]
fn on_a_full_storage_garbage_is_still_collected() {
    let (storage, key) = known_store();
    let store = reopen(&storage, &key).unwrap();
    // More than one pack, and a master that lives at the end of the last.
    keep(&store, "dead", &noise(1, 40 << 20)).unwrap();
    let small = noise(2, 400_000);
    keep(&store, "small", &small).unwrap();
    store.delete(&name("dead"), 1).unwrap();
    storage.leave_room(Some(10));
    let collected = store.collect_garbage(AT_ONCE, &Unwatched).unwrap();
    assert!(
        collected.bytes_after < collected.bytes_before / 2,
        "{collected:?}"
    );
    assert!(collected.notes[0].contains("no room"), "{collected:?}");
    storage.leave_room(None);
    let collected = store.collect_garbage(AT_ONCE, &Unwatched).unwrap();
    assert!(collected.bytes_after < 500_000, "{collected:?}");
    assert_eq!(put_back(&store, "small", small.len()).unwrap(), small);
}

#[test]
fn a_manifest_that_cannot_be_read_stops_the_collection_before_anything_is_removed() {
    let (storage, key) = known_store();
    let store = reopen(&storage, &key).unwrap();
    let disk = noise(1, 300_000);
    keep(&store, "a", &disk).unwrap();
    store.delete(&name("a"), 1).unwrap();
    keep(&store, "b", &noise(2, 300_000)).unwrap();
    storage.damage(&storage.list("masters/").unwrap().remove(0), 200);
    let error = store.collect_garbage(AT_ONCE, &Unwatched).unwrap_err();
    assert!(error.remedy().unwrap().contains("imager delete"), "{error:?}");
    store.undelete(&name("a"), 1).unwrap();
    assert_eq!(put_back(&store, "a", disk.len()).unwrap(), disk);
    // And the way out that the remedy names is one.
    store.delete(&name("b"), 1).unwrap();
    store.collect_garbage(AT_ONCE, &Unwatched).unwrap();
}
