//! Reading the target: to find what differs before writing, and to check what was written.

use super::{
    Differences, Run,
    manifest::{Placed, Role},
};
use crate::{
    aligned::AlignedBuffer,
    capture::cut::is_zero,
    error::{Error, ErrorKind, Result},
    progress::Phase,
    store::folder::lock,
};
use crossbeam_channel::bounded;
use protocol::{
    job::ReadBack,
    manifest::{ByteRange, EntryKind},
};
use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// Most bytes that are read in one go.
const READ_LEN: u64 = 4 << 20;

/// Entries that follow each other on the target and are read in one go.
struct Stretch {
    segment: usize,
    entries: Vec<Placed>,
}

impl Run<'_> {
    /// Compares the target with the manifest and marks what has to be written.
    pub(super) fn compare(&self) -> Result<Differences> {
        let size = self.target.len();
        let root = self.entries.root;
        let anything = AtomicBool::new(false);
        let tables = AtomicBool::new(false);
        let partitions: Vec<AtomicBool> = root.partitions.iter().map(|_| AtomicBool::new(false)).collect();
        let mut table_entries = Vec::new();
        self.read_entries(
            Phase::Comparing,
            &|_| true,
            &mut |segment, entry| {
                if entry.role == Role::Table {
                    if table_entries.len() >= TABLE_ENTRIES_MAX {
                        return Err(Error::new(
                            ErrorKind::Damaged,
                            "the manifest has too many entries in its tables",
                        ));
                    }
                    table_entries.push((segment, *entry));
                    // On a disk of another size the table is made anew; then it is compared when it is made.
                    return Ok(size == root.disk_size.get());
                }
                if entry.offset.saturating_add(entry.length) > size {
                    return Err(Error::new(
                        ErrorKind::TooSmall,
                        format!(
                            "the target has {size} bytes, the master has something at {}",
                            entry.offset.saturating_add(entry.length)
                        ),
                    )
                    .with_remedy("choose a larger disk"));
                }
                Ok(true)
            },
            &|segment, entry, same| {
                if same {
                    return Ok(());
                }
                if entry.role == Role::Table {
                    tables.store(true, Ordering::Relaxed);
                    return Ok(());
                }
                anything.store(true, Ordering::Relaxed);
                self.needed.set(segment, entry.index);
                self.counters
                    .bytes_needed
                    .fetch_add(entry.length, Ordering::Relaxed);
                for (partition, differs) in root.partitions.iter().zip(&partitions) {
                    let range = ByteRange {
                        start: partition.start,
                        length: partition.length,
                    };
                    if range.overlaps(entry.offset, entry.length) {
                        differs.store(true, Ordering::Relaxed);
                    }
                }
                Ok(())
            },
        )?;
        table_entries.sort_unstable_by_key(|(_, entry)| entry.offset);
        Ok(Differences {
            anything: anything.into_inner(),
            tables: tables.into_inner(),
            partitions: partitions.into_iter().map(AtomicBool::into_inner).collect(),
            table_entries,
        })
    }

    /// Reads what was written back from the medium and compares it.
    pub(super) fn read_back(&self, role: Role, wiped: &[ByteRange], how: ReadBack) -> Result<()> {
        if how == ReadBack::Off {
            return Ok(());
        }
        self.target.forget()?;
        self.read_entries(
            Phase::Checking,
            &|segment| self.is_any_needed(segment, wiped),
            &mut |segment, entry| {
                Ok(entry.role == role
                    && self.is_needed(segment, entry, wiped)
                    && (how == ReadBack::Full || is_sampled(entry.offset)))
            },
            &|_, entry, same| {
                if same {
                    return Ok(());
                }
                Err(Error::new(
                    ErrorKind::ReadBack,
                    format!(
                        "{} bytes at offset {} of the target read back differently",
                        entry.length, entry.offset
                    ),
                )
                .with_remedy("the medium is failing, or is not what it claims to be: replace it"))
            },
        )
    }

    /// Reads the entries that `choose` wants, by several threads, and says of each whether the target has it.
    fn read_entries(
        &self,
        phase: Phase,
        choose_segment: &dyn Fn(usize) -> bool,
        choose: &mut dyn FnMut(usize, &Placed) -> Result<bool>,
        found: &(dyn Fn(usize, &Placed, bool) -> Result<()> + Sync),
    ) -> Result<()> {
        let failed: Mutex<Option<Error>> = Mutex::new(None);
        let stop = AtomicBool::new(false);
        let done = AtomicU64::new(0);
        let total = self.entries.root.disk_size.get();
        let (sender, stretches) = bounded::<Stretch>(self.workers * 2);
        let fail = |error: Error| {
            lock(&failed).get_or_insert(error);
            stop.store(true, Ordering::Release);
        };
        std::thread::scope(|scope| {
            for _ in 0..self.workers {
                let stretches = stretches.clone();
                let (fail, stop, done) = (&fail, &stop, &done);
                scope.spawn(move || {
                    let mut buffer = AlignedBuffer::default();
                    for stretch in stretches {
                        if stop.load(Ordering::Acquire) {
                            continue;
                        }
                        match self.read_stretch(&stretch, phase, &mut buffer, found) {
                            Ok(()) => {
                                let end = stretch
                                    .entries
                                    .last()
                                    .map_or(0, |entry| entry.offset + entry.length);
                                let end = done.fetch_max(end, Ordering::Relaxed).max(end);
                                self.progress.report(phase, end, total);
                            }
                            Err(error) => fail(error),
                        }
                    }
                });
            }
            drop(stretches);
            let mut send = || -> Result<()> {
                for segment in (0..self.entries.segment_count()).filter(|segment| choose_segment(*segment)) {
                    if stop.load(Ordering::Acquire) {
                        break;
                    }
                    self.progress.check_cancelled()?;
                    let mut stretch = Stretch {
                        segment,
                        entries: Vec::new(),
                    };
                    let mut length = 0;
                    for entry in self.entries.segment(segment)? {
                        let written = matches!(entry.kind, EntryKind::Data(_) | EntryKind::Zero);
                        if !written || !choose(segment, &entry)? {
                            continue;
                        }
                        let follows = stretch
                            .entries
                            .last()
                            .is_none_or(|last| last.offset + last.length == entry.offset);
                        let weight = if matches!(entry.kind, EntryKind::Data(_)) {
                            entry.length
                        } else {
                            0
                        };
                        if !follows || length + weight > READ_LEN {
                            let full = std::mem::replace(
                                &mut stretch,
                                Stretch {
                                    segment,
                                    entries: Vec::new(),
                                },
                            );
                            // The workers take it, or they are gone because one of them failed.
                            let _ = sender.send(full);
                            length = 0;
                        }
                        length += weight;
                        stretch.entries.push(entry);
                    }
                    if !stretch.entries.is_empty() {
                        let _ = sender.send(stretch);
                    }
                }
                Ok(())
            };
            if let Err(error) = send() {
                fail(error);
            }
            drop(sender);
        });
        failed
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .map_or(Ok(()), Err)
    }

    fn read_stretch(
        &self,
        stretch: &Stretch,
        phase: Phase,
        buffer: &mut AlignedBuffer,
        found: &(dyn Fn(usize, &Placed, bool) -> Result<()> + Sync),
    ) -> Result<()> {
        // A sector that cannot be read differs: most disks find another one for it once it is written, and reading back
        // tells of those that do not.
        let differs = |error: &Error| phase == Phase::Comparing && error.kind() == ErrorKind::Read;
        let mut at = 0;
        while let Some(entry) = stretch.entries.get(at) {
            let EntryKind::Data(_) = entry.kind else {
                let same = match self.is_zero_on_target(entry) {
                    Err(error) if differs(&error) => false,
                    answer => answer?,
                };
                found(stretch.segment, entry, same)?;
                at += 1;
                continue;
            };
            let count = stretch.entries[at..]
                .iter()
                .take_while(|entry| matches!(entry.kind, EntryKind::Data(_)))
                .count();
            let run = &stretch.entries[at..at + count];
            at += count;
            let start = entry.offset;
            let length: u64 = run.iter().map(|entry| entry.length).sum();
            // A hole has nothing in it, and no chunk is nothing: it differs without reading.
            if self
                .target
                .next_data(start)
                .is_none_or(|data| data.start >= start + length)
            {
                run.iter()
                    .try_for_each(|entry| found(stretch.segment, entry, false))?;
                continue;
            }
            let buffer = buffer.at_least(usize::try_from(length).unwrap_or(0));
            match self.target.read_exact_at(buffer, start) {
                Err(error) if differs(&error) => {
                    run.iter()
                        .try_for_each(|entry| found(stretch.segment, entry, false))?;
                    continue;
                }
                answer => answer?,
            }
            self.counters.bytes_read.fetch_add(length, Ordering::Relaxed);
            let mut rest = &*buffer;
            for entry in run {
                let (bytes, after) = rest.split_at(usize::try_from(entry.length).unwrap_or(0));
                rest = after;
                let same =
                    matches!(entry.kind, EntryKind::Data(id) if blake3::hash(bytes).as_bytes() == &id.0);
                found(stretch.segment, entry, same)?;
            }
        }
        Ok(())
    }

    /// Whether a range of the target reads as zeros.
    fn is_zero_on_target(&self, entry: &Placed) -> Result<bool> {
        let end = entry.offset.saturating_add(entry.length);
        let mut offset = entry.offset;
        let mut buffer = AlignedBuffer::default();
        let mut wanted_most = 64 << 10;
        while let Some(data) = self.target.next_data(offset).filter(|data| data.start < end) {
            offset = offset.max(data.start);
            let data_end = data.end.min(end);
            while offset < data_end {
                // Read small first: what is not zero mostly shows at once.
                let wanted = (data_end - offset).min(std::mem::replace(&mut wanted_most, READ_LEN));
                let buffer = buffer.at_least(usize::try_from(wanted).unwrap_or(0));
                self.target.read_exact_at(buffer, offset)?;
                self.counters.bytes_read.fetch_add(wanted, Ordering::Relaxed);
                if !is_zero(buffer) {
                    return Ok(false);
                }
                offset += wanted;
                self.progress.check_cancelled()?;
            }
            if offset >= end {
                break;
            }
        }
        Ok(true)
    }
}

/// More entries than any table of 4 MiB has, cut as a capture cuts it.
const TABLE_ENTRIES_MAX: usize = 1 << 16;

/// One in sixteen, spread without a pattern, the same at every run.
fn is_sampled(offset: u64) -> bool {
    blake3::hash(&offset.to_le_bytes()).as_bytes()[0] < 16
}
