use super::*;
use crate::exchange::ManifestSource;
use crate::{
    Unwatched,
    restore::{RestoreOptions, restore},
    synthetic::{RecordingDisk, gpt_disk, memory_store, noise},
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

#[test]
fn a_read_error_of_the_source_names_the_range_and_makes_no_version() {
    struct Failing(Vec<u8>);
    impl ReadAt for Failing {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }
        fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
            if offset + buffer.len() as u64 > 20 << 20 {
                return Err(Error::new(
                    ErrorKind::Read,
                    format!("reading {} bytes at offset {offset}", buffer.len()),
                ));
            }
            self.0.read_exact_at(buffer, offset)
        }
    }
    let (store, _) = memory_store();
    let error = capture(&Failing(noise(1, 30 << 20)), &store, &options(), &Unwatched).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Read);
    assert!(error.chain().contains("at offset"), "{}", error.chain());
    assert_eq!(store.stats().unwrap().masters, 0);
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
