use super::*;
use crate::exchange::ManifestSource;
use crate::{
    Unwatched,
    restore::{RestoreOptions, restore},
    synthetic::{FailingDisk, RecordingDisk, gpt_disk, memory_store, noise},
};
use proptest::prelude::*;
use protocol::{
    MasterRef,
    manifest::{EntryKind, Segment},
};
use std::sync::atomic::{AtomicU64, Ordering};

fn options() -> CaptureOptions {
    CaptureOptions::new("master".parse().unwrap())
}

/// Some parts, each of zeros, noise, repetition or text.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let part = (0u8..4, any::<u64>(), 1usize..600_000).prop_map(|(kind, seed, length)| match kind {
        0 => vec![0; length],
        1 => noise(seed, length),
        2 => noise(seed % 3, 65_536).into_iter().cycle().take(length).collect(),
        _ => format!("line {seed}\n")
            .into_bytes()
            .into_iter()
            .cycle()
            .take(length)
            .collect(),
    });
    prop::collection::vec(part, 1..6).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_captured_is_restored(bytes in content(), with_table in any::<bool>(), raw in any::<bool>(), level in -5i32..4) {
        let disk = if with_table {
            let sectors = bytes.len() as u64 / 512 + 1;
            gpt_disk((2048 + sectors + 100) * 512, &[(2048, 2048 + sectors)], |_, part| part[..bytes.len()].copy_from_slice(&bytes))
        } else {
            bytes
        };
        let (store, _) = memory_store();
        let captured =
            capture(&disk, &store, &CaptureOptions { as_raw: raw, level: Some(level), workers: 3, ..options() }, &Unwatched).unwrap();
        prop_assert_eq!(captured.counts.bytes_disk, disk.len() as u64);
        let target = RecordingDisk::new(vec![0; disk.len()]);
        let options = RestoreOptions::new(MasterRef { name: "master".parse().unwrap(), version: None }, store.public_key());
        restore(&store, &target, &options, &Unwatched).unwrap();
        prop_assert!(target.bytes() == disk);
        let again = capture(&target.bytes(), &store, &CaptureOptions { as_raw: raw, ..super::tests::options() }, &Unwatched).unwrap();
        prop_assert_eq!(again.counts.bytes_new, 0);
    }
}

#[test]
fn a_manifest_covers_the_disk_and_is_signed() {
    let disk = gpt_disk(4 << 20, &[(2048, 6000)], |_, bytes| bytes.fill(7));
    let (store, _) = memory_store();
    let captured = capture(&disk, &store, &options(), &Unwatched).unwrap();
    let root = store.public_key().open(&captured.signed).unwrap();
    assert_eq!(root, captured.root);
    assert_eq!(root.disk_size.get(), 4 << 20);
    assert!(!root.primary_table.is_empty() && !root.backup_table.is_empty());
    let mut next = 0;
    for reference in &root.segments {
        let segment = Segment::decode(&store.segment(reference.id).unwrap()).unwrap();
        assert_eq!(segment.start.get(), next);
        next += segment.covered().unwrap();
    }
    assert_eq!(next, 4 << 20);
}

#[test]
fn what_lies_behind_the_last_partition_is_not_kept_unless_asked_for() {
    let mut disk = gpt_disk(8 << 20, &[(2048, 4096)], |_, bytes| bytes.fill(7));
    disk[6 << 20..7 << 20].copy_from_slice(&noise(1, 1 << 20));
    let (store, _) = memory_store();
    let mapped = capture(&disk, &store, &options(), &Unwatched).unwrap();
    assert!(mapped.counts.bytes_read < 3 << 20, "{:?}", mapped.counts);
    let raw = capture(
        &disk,
        &store,
        &CaptureOptions {
            as_raw: true,
            ..options()
        },
        &Unwatched,
    )
    .unwrap();
    assert!(raw.counts.bytes_new >= 1 << 20, "{:?}", raw.counts);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn of_a_disk_with_bad_sectors_everything_else_is_kept(
        bytes in content(), bad in prop::collection::btree_set(0usize..40_000, 0..12), with_table in any::<bool>(), raw in any::<bool>(),
    ) {
        let sectors = bytes.len() as u64 / 512 + 1;
        let disk = if with_table {
            gpt_disk((2048 + sectors + 100) * 512, &[(2048, 2048 + sectors)], |_, part| part[..bytes.len()].copy_from_slice(&bytes))
        } else {
            let mut disk = bytes;
            disk.resize(usize::try_from(sectors).unwrap() * 512, 1);
            disk
        };
        // Not in the tables: those are looked at, and without them the disk is another one.
        let (first, end) = if with_table { (2048, 2048 + sectors) } else { (64, sectors) };
        let bad: Vec<u64> = bad.into_iter().map(|at| first + at as u64).filter(|at| *at < end).collect();
        let source = FailingDisk::new(disk.clone(), bad.iter().map(|sector| sector * 512..(sector + 1) * 512));
        let (store, _) = memory_store();
        let options = CaptureOptions { as_raw: raw, workers: 2, ..options() };
        let first_try = capture(&source, &store, &options, &Unwatched);
        let lost: Vec<(u64, u64)> = match &first_try {
            Ok(captured) => { prop_assert!(captured.root.unreadable.is_none()); Vec::new() }
            Err(error) => {
                prop_assert_eq!(error.kind(), ErrorKind::Unreadable);
                prop_assert_eq!(store.stats().unwrap().masters, 0);
                error.unreadable().unwrap().ranges.iter().map(|range| (range.start, range.end())).collect()
            }
        };
        let covered: u64 = lost.iter().map(|(start, end)| (end - start) / 512).sum();
        prop_assert_eq!(covered, bad.len() as u64, "all of it was read, and nothing else is called lost");
        prop_assert!(bad.iter().all(|sector| lost.iter().any(|(start, end)| (*start..*end).contains(&(sector * 512)))));
        let captured = capture(&source, &store, &CaptureOptions { keep_unreadable: true, ..options }, &Unwatched).unwrap();
        prop_assert!(captured.counts.bytes_new == 0 || first_try.is_ok() || bad.is_empty(), "{:?}", captured.counts);
        prop_assert_eq!(captured.root.unreadable.is_some(), !bad.is_empty());
        let target = RecordingDisk::new(vec![0xEE; disk.len()]);
        let restoring = RestoreOptions::new(MasterRef { name: "master".parse().unwrap(), version: None }, store.public_key());
        let restored = restore(&store, &target, &restoring, &Unwatched).unwrap();
        prop_assert_eq!(restored.notes.iter().any(|note| note.contains("could not be read")), !bad.is_empty());
        let there = target.bytes();
        for (number, sector) in disk.chunks(512).enumerate() {
            let found = &there[number * 512..(number + 1) * 512];
            let number = number as u64;
            // Behind the last partition, and in the gap before it, nothing is kept unless it is asked for.
            if bad.contains(&number) {
                prop_assert!(found.iter().all(|byte| *byte == 0));
            } else if raw || (first..end).contains(&number) || !with_table {
                prop_assert!(found == sector, "sector {}", number);
            }
        }
    }
}

#[test]
fn good_parts_are_stored_before_bad_ones_are_gone_back_to() {
    struct Phases(std::sync::Mutex<Vec<Phase>>);
    impl Progress for Phases {
        fn report(&self, phase: Phase, _done: u64, _total: u64) {
            self.0.lock().unwrap().push(phase);
        }
    }
    // More places than are left for later.
    let disk = noise(2, 48 << 20);
    let bad = (0..12u64).map(|number| {
        let start = number * (4 << 20) + 5000;
        start..start + 1
    });
    let source = FailingDisk::new(disk, bad);
    let (store, _) = memory_store();
    let phases = Phases(std::sync::Mutex::default());
    let error = capture(&source, &store, &options(), &phases).unwrap_err();
    assert_eq!(error.unreadable().unwrap().range_count, 12);
    let phases = phases.0.into_inner().unwrap();
    let first = phases.iter().position(|phase| *phase == Phase::Rescuing).unwrap();
    assert!(phases[first..].iter().all(|phase| *phase == Phase::Rescuing));
    assert!(
        phases[..first]
            .iter()
            .filter(|phase| **phase == Phase::Capturing)
            .count()
            >= 12
    );
}

#[test]
fn cancelling_makes_no_version_and_what_was_sent_is_not_sent_again() {
    struct Impatient(AtomicU64);
    impl Progress for Impatient {
        fn report(&self, _phase: Phase, _done: u64, _total: u64) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn cancelled(&self) -> bool {
            self.0.load(Ordering::Relaxed) > 6
        }
    }
    let disk = noise(1, 60 << 20);
    let (store, _) = memory_store();
    let error = capture(&disk, &store, &options(), &Impatient(AtomicU64::new(0))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(store.stats().unwrap().masters, 0);
    let sent = store.stats().unwrap().bytes_stored;
    let captured = capture(&disk, &store, &options(), &Unwatched).unwrap();
    assert!(
        captured.counts.bytes_new <= (60 << 20) - sent * 9 / 10,
        "{sent} then {:?}",
        captured.counts
    );
}

#[test]
fn a_chunk_that_occurs_often_is_sent_once() {
    let disk: Vec<u8> = noise(1, 4 << 20).into_iter().cycle().take(64 << 20).collect();
    let (store, _) = memory_store();
    let captured = capture(&disk, &store, &options(), &Unwatched).unwrap();
    // The first MiB is the head, which is cut off by itself.
    assert!(captured.counts.bytes_new < 5 << 20, "{:?}", captured.counts);
    let root = captured.root;
    let kinds: Vec<EntryKind> = root
        .segments
        .iter()
        .flat_map(|reference| {
            Segment::decode(&store.segment(reference.id).unwrap())
                .unwrap()
                .entries
        })
        .map(|entry| entry.kind)
        .collect();
    assert!(kinds.iter().all(|kind| matches!(kind, EntryKind::Data(_))));
}
