mod hostile;

use super::*;
use crate::{
    Unwatched,
    capture::{CaptureOptions, capture},
    exchange::{ChunkSource, ManifestSource},
    frame::{EncodedFrame, Encoder},
    signature::SecretKey,
    store::Store,
    synthetic::{Chance, PagedDisk, RecordingDisk, gpt_disk, memory_store, noise},
};
use proptest::prelude::*;
use protocol::{
    ByteLen, ByteOffset, ChunkId, MasterName,
    manifest::{Entry, EntryKind, PartitionNote, PartitionState, Segment, SegmentId, SegmentRef, SignedRoot},
};
use std::collections::HashMap;

const SIZE: u64 = 8 << 20;
const PARTITIONS: [(u64, u64); 2] = [(2048, 8192), (8192, 15000)];

fn name() -> MasterName {
    "master".parse().unwrap()
}

fn captured(disk: &[u8]) -> Store {
    let (store, _) = memory_store();
    capture(&disk, &store, &CaptureOptions::new(name()), &Unwatched).unwrap();
    store
}

fn newest(store: &Store) -> RestoreOptions {
    RestoreOptions::new(
        MasterRef {
            name: name(),
            version: None,
        },
        store.public_key(),
    )
}

fn put_back(store: &Store, target: &dyn Target) -> Result<Restored> {
    restore(store, target, &newest(store), &Unwatched)
}

fn master_disk() -> Vec<u8> {
    gpt_disk(SIZE, &PARTITIONS, |number, bytes| {
        let length = bytes.len();
        bytes.copy_from_slice(&noise(number as u64, length));
        // Something that is free of content, and something that occurs twice.
        bytes[length / 2..length / 2 + 300_000].fill(0);
        let twice = bytes[..200 * 1024].to_vec();
        bytes[length - 200 * 1024..].copy_from_slice(&twice);
    })
}

fn other_disk() -> Vec<u8> {
    gpt_disk(SIZE, &[(2048, 4096), (6000, 16000)], |number, bytes| {
        let length = bytes.len();
        bytes.copy_from_slice(&noise(77 + number as u64, length));
    })
}

/// The master's partitions with everything in them some blocks further on.
fn shifted_disk() -> Vec<u8> {
    let mut disk = master_disk();
    for (first, end) in PARTITIONS {
        let bytes = &mut disk[usize::try_from(first * 512).unwrap()..usize::try_from(end * 512).unwrap()];
        bytes.rotate_right(10 * 4096);
    }
    disk
}

/// Everything that has to be there: from the first byte to the end of the last partition, and the tables.
fn is_whole(disk: &[u8], master: &[u8]) -> bool {
    let tables = usize::try_from(15000 * 512u64).unwrap();
    let backup = disk.len() - 33 * 512;
    disk[..tables] == master[..tables] && disk[backup..] == master[backup..]
}

/// Whether any firmware or system would take the disk for one with partitions.
fn has_partitions(disk: &[u8]) -> bool {
    let layout = crate::partition::read_table(&disk, 512).unwrap();
    let backup = disk[disk.len() - 512..].starts_with(b"EFI PART");
    matches!(
        layout.table,
        crate::partition::Table::Gpt(_) | crate::partition::Table::Mbr(_)
    ) || backup
}

#[test]
fn a_blank_disk_becomes_the_master() {
    let master = master_disk();
    let store = captured(&master);
    let target = RecordingDisk::new(vec![0; master.len()]);
    let restored = put_back(&store, &target).unwrap();
    assert!(is_whole(&target.bytes(), &master));
    assert_eq!(restored.counts.bytes_disk, SIZE);
    assert!(restored.counts.bytes_written < SIZE);
}

#[test]
fn nothing_differs_nothing_written() {
    let master = master_disk();
    let store = captured(&master);
    let target = RecordingDisk::new(master.clone());
    let restored = put_back(&store, &target).unwrap();
    assert_eq!(
        (
            target.writes(),
            restored.counts.bytes_written,
            restored.counts.bytes_new
        ),
        (0, 0, 0)
    );
}

/// Counts how often it is told that a restore has compared, and may forbid the rest.
struct Gate<'a> {
    target: &'a RecordingDisk,
    forbids: bool,
    told: AtomicU64,
}

impl Progress for Gate<'_> {
    fn report(&self, phase: Phase, _done: u64, _total: u64) {
        let has_compared = self.told.load(Ordering::Relaxed) > 0;
        assert_eq!(has_compared, phase != Phase::Comparing, "{phase:?}");
    }

    fn compared(&self) -> Result<()> {
        assert_eq!(self.target.writes(), 0);
        self.told.fetch_add(1, Ordering::Relaxed);
        match self.forbids {
            true => Err(Error::new(ErrorKind::Cancelled, "no")),
            false => Ok(()),
        }
    }
}

#[test]
fn whoever_watches_is_told_once_before_the_first_write_and_may_forbid_it() {
    let master = master_disk();
    let store = captured(&master);
    for content in [other_disk(), vec![0; master.len()], master.clone()] {
        for forbids in [true, false] {
            let target = RecordingDisk::new(content.clone());
            let gate = Gate {
                target: &target,
                forbids,
                told: AtomicU64::new(0),
            };
            let outcome = restore(&store, &target, &newest(&store), &gate);
            assert_eq!(gate.told.load(Ordering::Relaxed), 1);
            assert_eq!(outcome.is_err(), forbids);
            assert!(is_whole(&target.bytes(), &master) || forbids && target.bytes() == content);
        }
    }
}

#[test]
fn only_what_differs_is_fetched_and_written() {
    let master = master_disk();
    let store = captured(&master);
    let mut drifted = master.clone();
    drifted[5 << 20] ^= 1;
    let target = RecordingDisk::new(drifted);
    let restored = put_back(&store, &target).unwrap();
    assert!(is_whole(&target.bytes(), &master));
    // The chunk that differs, the head of its partition, and the tables.
    assert!(restored.counts.bytes_written < 3 << 20, "{:?}", restored.counts);
    let touched = target.touched();
    assert!(!touched[2 << 20], "the other partition's body is left alone");
    assert!(!touched[1 << 20], "the other partition's head is left alone");
}

#[test]
fn what_only_moved_on_the_disk_is_copied_there_and_not_fetched() {
    struct Told(std::sync::Mutex<Option<Estimate>>);
    impl Progress for Told {
        fn report(&self, _phase: Phase, _done: u64, _total: u64) {}
        fn estimate(&self, estimate: &Estimate) {
            *self.0.lock().unwrap() = Some(*estimate);
        }
    }
    let master = master_disk();
    let store = captured(&master);
    let target = RecordingDisk::new(shifted_disk());
    let told = Told(std::sync::Mutex::new(None));
    let restored = restore(&store, &target, &newest(&store), &told).unwrap();
    assert!(is_whole(&target.bytes(), &master));
    let (counts, estimate) = (restored.counts, told.0.into_inner().unwrap().unwrap());
    assert!(
        counts.bytes_copied > counts.bytes_new && counts.bytes_copied > 2 << 20,
        "{counts:?}"
    );
    assert_eq!(estimate, restored.estimate);
    assert_eq!(estimate.bytes_copied, counts.bytes_copied);
    // What was told before the first write, but for the partition tables.
    let tables = 64 << 10;
    assert!(
        counts.bytes_written - estimate.bytes_written <= tables,
        "{estimate:?} {counts:?}"
    );
    assert!(
        counts.bytes_new - estimate.bytes_new <= tables,
        "{estimate:?} {counts:?}"
    );
    let fetched = estimate.bytes_fetched.unwrap();
    assert!(counts.bytes_stored >= fetched && counts.bytes_stored - fetched <= 3 << 20);
}

#[test]
fn garbage_in_zero_ranges_is_zeroed() {
    let master = master_disk();
    let store = captured(&master);
    let target = RecordingDisk::new(vec![0xAA; master.len()]);
    put_back(&store, &target).unwrap();
    assert!(is_whole(&target.bytes(), &master));
}

#[test]
fn power_cut_at_any_write_never_leaves_half_a_system_and_the_next_run_ends_right() {
    cut_power_at_any_write(0..4, |store, disk| put_back(store, disk));
}

#[test]
fn a_power_cut_past_the_page_cache_never_leaves_half_a_system_either() {
    // Another system on it, where what is written has to be read first; the same table with other content.
    for (state, block) in [(0, 4096), (2, 512)] {
        cut_power_at_any_write(state..state + 1, |store, disk| {
            put_back(store, &PagedDisk::new(disk.clone(), block))
        });
    }
}

fn cut_power_at_any_write(
    states: Range<usize>,
    put_back: impl Fn(&Store, &RecordingDisk) -> Result<Restored>,
) {
    let master = master_disk();
    let store = captured(&master);
    let old_states = [
        other_disk(),
        vec![0; master.len()],
        {
            // The same table as the master's, other content: the most dangerous one.
            let mut drifted = master.clone();
            for position in [1 << 20, 3 << 20, 5 << 20, 7 << 20] {
                drifted[position..position + 4096].fill(0x11);
            }
            drifted
        },
        shifted_disk(),
    ];
    for (number, old) in old_states
        .iter()
        .enumerate()
        .filter(|(number, _)| states.contains(number))
    {
        let whole = RecordingDisk::new(old.clone());
        put_back(&store, &whole).unwrap();
        let writes = whole.writes();
        assert!(writes > 5);
        for cut in 0..writes {
            let target = RecordingDisk::new(old.clone());
            target.cut_power_after(cut);
            assert!(
                put_back(&store, &target).is_err(),
                "the power was cut after {cut} of {writes} writes"
            );
            for seed in 0..2 {
                let mut chance = Chance::new(cut * 8 + seed);
                let after = target.after_power_cut(&mut chance);
                let bytes = after.bytes();
                if has_partitions(&bytes) {
                    let untouched = bytes == *old;
                    let only_tables_touched =
                        bytes[34 * 512..bytes.len() - 33 * 512] == old[34 * 512..old.len() - 33 * 512];
                    let content_is_whole = bytes[34 * 512..15000 * 512] == master[34 * 512..15000 * 512];
                    assert!(
                        untouched || only_tables_touched || content_is_whole,
                        "old state {number}, cut {cut}, seed {seed}: the disk has a table and half a system"
                    );
                }
                put_back(&store, &after).unwrap();
                assert!(
                    is_whole(&after.bytes(), &master),
                    "old state {number}, cut {cut}, seed {seed}"
                );
            }
        }
    }
}

#[test]
fn a_boot_record_is_there_only_when_every_extended_boot_record_is() {
    // A primary partition, and an extended one with a logical one in it.
    let mut master = vec![0u8; 4 << 20];
    let length = master.len();
    master[(1 << 20)..length].copy_from_slice(&noise(3, length - (1 << 20)));
    let mut record = |sector: usize, entries: &[(u8, u32, u32)]| {
        let bytes = &mut master[sector * 512..][..512];
        bytes.fill(0);
        for (index, (kind, first, count)) in entries.iter().enumerate() {
            let entry = &mut bytes[446 + 16 * index..][..16];
            entry[4] = *kind;
            entry[8..12].copy_from_slice(&first.to_le_bytes());
            entry[12..].copy_from_slice(&count.to_le_bytes());
        }
        bytes[510..].copy_from_slice(&[0x55, 0xAA]);
    };
    record(0, &[(0x83, 2048, 2048), (0x05, 4096, 4000)]);
    record(4096, &[(0x83, 64, 2000)]);
    let store = captured(&master);
    let whole = RecordingDisk::new(vec![0; master.len()]);
    put_back(&store, &whole).unwrap();
    for cut in 0..whole.writes() {
        let target = RecordingDisk::new(vec![0; master.len()]);
        target.cut_power_after(cut);
        put_back(&store, &target).unwrap_err();
        for seed in 0..6 {
            let bytes = target.after_power_cut(&mut Chance::new(cut * 8 + seed)).bytes();
            assert!(
                bytes[510] == 0 || bytes[4096 * 512..4097 * 512] == master[4096 * 512..4097 * 512],
                "cut {cut}, seed {seed}"
            );
        }
    }
}

#[test]
fn a_second_run_fetches_only_what_lacks() {
    let master = master_disk();
    let store = captured(&master);
    let target = RecordingDisk::new(vec![0; master.len()]);
    let first = put_back(&store, &target).unwrap();
    let cut = RecordingDisk::new(vec![0; master.len()]);
    cut.cut_power_after(target.writes() / 2);
    put_back(&store, &cut).unwrap_err();
    let half = RecordingDisk::new(cut.bytes());
    let second = put_back(&store, &half).unwrap();
    assert!(
        second.counts.bytes_new < first.counts.bytes_new * 9 / 10,
        "{:?} then {:?}",
        first.counts,
        second.counts
    );
}

#[test]
fn a_larger_disk_gets_its_backup_table_at_its_real_end() {
    let master = master_disk();
    let store = captured(&master);
    let larger = SIZE + (3 << 20) + 512;
    let target = RecordingDisk::new(vec![0x5A; usize::try_from(larger).unwrap()]);
    let restored = put_back(&store, &target).unwrap();
    assert!(
        restored.notes.iter().any(|note| note.contains("larger")),
        "{:?}",
        restored.notes
    );
    let bytes = target.bytes();
    let layout = crate::partition::read_table(&bytes, 512).unwrap();
    assert!(layout.warnings.is_empty(), "{:?}", layout.warnings);
    assert_eq!(layout.partitions.len(), 2);
    assert!(bytes[bytes.len() - 512..].starts_with(b"EFI PART"));
    assert_eq!(bytes[2048 * 512..15000 * 512], master[2048 * 512..15000 * 512]);
    let writes = target.writes();
    let again = put_back(&store, &target).unwrap();
    assert_eq!(
        (target.writes(), again.counts.bytes_written),
        (writes, 0),
        "a second run finds nothing to do"
    );
}

#[test]
fn a_smaller_disk_that_holds_the_partitions_and_the_table_is_accepted_and_one_sector_less_is_refused() {
    let master = master_disk();
    let store = captured(&master);
    let needed = (15000 + 33) * 512usize;
    let target = RecordingDisk::new(vec![0; needed]);
    put_back(&store, &target).unwrap();
    let layout = crate::partition::read_table(&target.bytes(), 512).unwrap();
    assert!(layout.warnings.is_empty(), "{:?}", layout.warnings);
    let target = RecordingDisk::new(vec![0; needed - 512]);
    let error = put_back(&store, &target).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooSmall);
    assert!(
        error.to_string().contains(&needed.to_string())
            && error.to_string().contains(&(needed - 512).to_string())
    );
    assert_eq!(target.writes(), 0);
}

#[test]
fn another_sector_size_is_refused_before_the_first_write() {
    let store = captured(&master_disk());
    let mut target = RecordingDisk::new(vec![0; 8 << 20]);
    target.sector_size = 4096;
    assert_eq!(
        put_back(&store, &target).unwrap_err().kind(),
        ErrorKind::SectorSize
    );
    assert_eq!(target.writes(), 0);
}

#[test]
fn a_medium_that_lies_is_found_out_and_boots_nothing() {
    let master = master_disk();
    let store = captured(&master);
    for position in [6 << 20, (2048 * 512) + 17, 600] {
        let target = RecordingDisk::new(vec![0; master.len()]);
        target.lie_at(position);
        let error = put_back(&store, &target).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadBack, "{position}");
        assert!(!has_partitions(&target.bytes()), "{position}");
    }
}

#[test]
fn another_stores_signature_is_refused_before_the_first_write() {
    let store = captured(&master_disk());
    let target = RecordingDisk::new(vec![0; 8 << 20]);
    let mut options = newest(&store);
    options.key = SecretKey::generate().unwrap().public();
    assert_eq!(
        restore(&store, &target, &options, &Unwatched).unwrap_err().kind(),
        ErrorKind::Signature
    );
    assert_eq!(target.writes(), 0);
}

#[test]
fn cancelling_stops_and_the_next_run_ends_right() {
    struct Impatient(AtomicU64);
    impl Progress for Impatient {
        fn report(&self, phase: Phase, _done: u64, _total: u64) {
            if phase == Phase::Writing {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        fn cancelled(&self) -> bool {
            self.0.load(Ordering::Relaxed) > 1
        }
    }
    let master = master_disk();
    let store = captured(&master);
    let target = RecordingDisk::new(other_disk());
    let error = restore(&store, &target, &newest(&store), &Impatient(AtomicU64::new(0))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(!has_partitions(&target.bytes()));
    put_back(&store, &target).unwrap();
    assert!(is_whole(&target.bytes(), &master));
}
