//! Putting a master on a disk.
//!
//! ```text
//! check the signature → refuse what cannot work → compare (read and hash the target where the manifest has something)
//!   nothing differs: done, nothing written
//! look for content that only moved on the target → estimate → tell whoever watches that writing begins
//! zero both tables → flush → zero the heads of the partitions that will be written → flush
//!   → copy what moved → fetch, verify, write the rest → flush → read back
//!   → heads → flush → backup table → flush → primary table → flush → read back
//! ```
//!
//! So at every instant either nothing but tables and heads was touched, or no table is valid, or everything is there: a
//! power cut never leaves a disk that boots half a system. The next run finds by comparing what is already right.

mod compare;
mod estimate;
mod manifest;
mod moved;
mod table;
mod write;

use crate::{
    capture::{note_unreadable, worker_count},
    error::{Error, ErrorKind, Result},
    exchange::MasterSource,
    progress::{Phase, Progress},
    signature::PublicKey,
    target::Target,
};
pub use estimate::Estimate;
use manifest::{Entries, Marks, Role};
use moved::Moves;
use protocol::{
    MasterRef,
    job::ReadBack,
    manifest::{ByteRange, Root, TableKind},
};
use serde::Serialize;
use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};
use table::TableImage;

/// What a restore is asked for.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// The master, and its version if not the newest.
    pub master: MasterRef,
    /// The key that must have signed the manifest.
    pub key: PublicKey,
    /// How what was written is checked.
    pub read_back: ReadBack,
    /// Threads that compare, decompress and write; 0 means one per core.
    pub workers: usize,
}

impl RestoreOptions {
    /// The defaults for a master signed by `key`.
    #[must_use]
    pub fn new(master: MasterRef, key: PublicKey) -> Self {
        Self {
            master,
            key,
            read_back: ReadBack::Full,
            workers: 0,
        }
    }
}

/// What a restore did.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The head of the manifest that was restored.
    pub root: Root,
    /// What it took.
    pub counts: RestoreCounts,
    /// What was expected before the first write.
    pub estimate: Estimate,
    /// What a person should know: "the disk is larger; its backup table was put at its end".
    pub notes: Vec<String>,
}

/// What a restore took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RestoreCounts {
    /// Size of the master's disk.
    pub bytes_disk: u64,
    /// Bytes that its filesystems use.
    pub bytes_used: u64,
    /// Bytes read from the target to compare and to check.
    pub bytes_read: u64,
    /// Plain bytes that were fetched and used.
    pub bytes_new: u64,
    /// Bytes of the frames that were fetched.
    pub bytes_stored: u64,
    /// Bytes written, zeros included.
    pub bytes_written: u64,
    /// Of these, bytes that the target held elsewhere already.
    pub bytes_copied: u64,
    /// Chunks in all.
    pub chunks: u64,
    /// Chunks that the target lacked.
    pub chunks_new: u64,
    /// Wall time.
    pub seconds: f64,
}

/// Puts a master on a target, writing only what differs.
///
/// # Errors
/// A wrong signature; a target that is too small or has another sector size (before the first write); what the source
/// or the target meets; [`crate::ErrorKind::ReadBack`] naming the range; [`crate::ErrorKind::Cancelled`]. After an error
/// in the middle the target has no valid partition table, and the next run resumes with what lacks.
pub fn restore(
    source: &dyn MasterSource,
    target: &dyn Target,
    options: &RestoreOptions,
    progress: &dyn Progress,
) -> Result<Restored> {
    let begun = Instant::now();
    let root = options.key.open(&source.root(&options.master)?)?;
    if root.name != options.master.name
        || options
            .master
            .version
            .is_some_and(|version| version != root.version)
    {
        return Err(Error::new(
            ErrorKind::Signature,
            format!(
                "asked for {}, the manifest given is of {}@{}",
                options.master, root.name, root.version
            ),
        ));
    }
    check_target(&root, target)?;
    let run = Run {
        source,
        target,
        entries: Entries::new(source, &root),
        needed: Marks::new(root.segments.len()),
        moved: Marks::new(root.segments.len()),
        workers: worker_count(options.workers),
        progress,
        counters: Counters::default(),
    };
    let mut notes = Vec::new();
    if let Some(unreadable) = &root.unreadable {
        notes.push(note_unreadable(unreadable));
    }
    let mut estimate = Estimate {
        bytes_used: root.bytes_used.get(),
        ..Estimate::default()
    };
    let differences = run.compare()?;
    let tables = TableImage::make(&run, &differences)?;
    notes.extend(tables.notes.iter().cloned());
    if differences.anything || tables.differ {
        let moves = if differences.anything {
            run.find_moved()?
        } else {
            Moves::default()
        };
        let (of_tables, heads) = run.to_wipe(&root, &differences);
        let wiped = joined(of_tables.iter().chain(&heads));
        estimate = run.estimate(&wiped)?;
        progress.estimate(&estimate);
        progress.compared()?;
        run.invalidate(&of_tables, &heads)?;
        run.copy_moved(&moves)?;
        drop(moves);
        run.write(Role::Body, &wiped)?;
        progress.report(Phase::Flushing, 0, 0);
        target.flush()?;
        run.read_back(Role::Body, &wiped, options.read_back)?;
        run.write(Role::Head, &wiped)?;
        target.flush()?;
        run.read_back(Role::Head, &wiped, options.read_back)?;
        tables.write(&run, options.read_back)?;
    } else {
        progress.compared()?;
        notes.push("the target already held the master; nothing was written".to_owned());
    }
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let counters = &run.counters;
    let counts = RestoreCounts {
        bytes_disk: root.disk_size.get(),
        bytes_used: root.bytes_used.get(),
        bytes_read: count(&counters.bytes_read),
        bytes_new: count(&counters.bytes_new),
        bytes_stored: count(&counters.bytes_stored),
        bytes_written: count(&counters.bytes_written),
        bytes_copied: count(&counters.bytes_copied),
        chunks: root.chunks,
        chunks_new: count(&counters.chunks_new),
        seconds: begun.elapsed().as_secs_f64(),
    };
    drop(run);
    Ok(Restored {
        root,
        counts,
        estimate,
        notes,
    })
}

/// A restore that is under way.
struct Run<'a> {
    source: &'a dyn MasterSource,
    target: &'a dyn Target,
    entries: Entries<'a>,
    /// What has to be written.
    needed: Marks,
    /// Of that, what is copied on the target and not fetched.
    moved: Marks,
    workers: usize,
    progress: &'a dyn Progress,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    bytes_read: AtomicU64,
    bytes_new: AtomicU64,
    bytes_stored: AtomicU64,
    bytes_written: AtomicU64,
    bytes_copied: AtomicU64,
    chunks_new: AtomicU64,
    /// Bytes that have to be written.
    bytes_needed: AtomicU64,
}

/// What comparing found.
struct Differences {
    /// Something outside of the tables differs.
    anything: bool,
    /// Something in the tables differs.
    tables: bool,
    /// For each partition of the root, whether something in it differs.
    partitions: Vec<bool>,
    /// Table entries, in order: their places and what is there.
    table_entries: Vec<(usize, manifest::Placed)>,
}

/// Refuses what cannot work, before anything is written.
fn check_target(root: &Root, target: &dyn Target) -> Result<()> {
    let name = format!("{}@{}", root.name, root.version);
    if target.sector_size() != root.sector_size {
        return Err(Error::new(
            ErrorKind::SectorSize,
            format!(
                "the target has sectors of {} bytes, {name} was captured from a disk with {}",
                target.sector_size(),
                root.sector_size
            ),
        )
        .with_remedy("choose a disk with the same sector size, or capture a master on such a disk"));
    }
    let needed = match root.table {
        TableKind::None => root.disk_size,
        _ => root.smallest_target,
    };
    if target.len() < needed.get() {
        return Err(Error::new(
            ErrorKind::TooSmall,
            format!(
                "the target has {} bytes, {name} needs {}: its partitions and their table end there",
                target.len(),
                needed
            ),
        )
        .with_remedy("choose a larger disk, or a master with smaller partitions"));
    }
    Ok(())
}

impl Run<'_> {
    /// What is zeroed so that the target boots nothing: both tables, and the heads of the partitions that will be
    /// written. Whatever the manifest has there must be written, even if it was right before.
    fn to_wipe(&self, root: &Root, differences: &Differences) -> (Vec<ByteRange>, Vec<ByteRange>) {
        let size = self.target.len();
        let sector = u64::from(root.sector_size);
        let end = size - size % sector.max(1);
        let mut tables = vec![
            // Protective MBR and primary header of whatever was there, and its backup header.
            0..(2 * sector).min(size),
            (end.saturating_sub(sector))..end,
        ];
        tables.extend(
            root.primary_table
                .iter()
                .map(|range| range.start..range.end().min(size)),
        );
        if size >= root.disk_size.get() {
            tables.extend(root.backup_table.iter().map(|range| range.start..range.end()));
        }
        let heads = root
            .partitions
            .iter()
            .zip(&differences.partitions)
            .filter(|(partition, differs)| **differs && partition.head.get() > 0)
            .map(|(partition, _)| {
                partition.start..partition.start.saturating_add(partition.head.get()).min(size)
            });
        let ranges = |list: Vec<Range<u64>>| {
            list.into_iter()
                .filter(|range| range.start < range.end)
                .map(|range| ByteRange {
                    start: range.start,
                    length: range.end - range.start,
                })
                .collect()
        };
        (ranges(tables), ranges(heads.collect()))
    }

    /// Makes the target boot nothing.
    fn invalidate(&self, tables: &[ByteRange], heads: &[ByteRange]) -> Result<()> {
        let needed = self.counters.bytes_needed.load(Ordering::Relaxed);
        self.progress.report(Phase::Writing, 0, needed);
        for ranges in [tables, heads] {
            for range in ranges {
                self.target.zero_range(range.start..range.end())?;
            }
            self.target.flush()?;
        }
        Ok(())
    }

    /// Whether anything in a segment has to be written: if not, it is not even fetched again.
    fn is_any_needed(&self, segment: usize, wiped: &[ByteRange]) -> bool {
        self.needed.any(segment) || self.entries.touches(segment, wiped)
    }

    /// Whether an entry has to be written: it differs, or we zeroed a part of it.
    fn is_needed(&self, segment: usize, entry: &manifest::Placed, wiped: &[ByteRange]) -> bool {
        let written = matches!(
            entry.kind,
            protocol::manifest::EntryKind::Data(_) | protocol::manifest::EntryKind::Zero
        );
        written && (self.needed.get(segment, entry.index) || is_wiped(entry, wiped))
    }
}

/// One list without overlaps: it is searched for every entry.
fn joined<'a>(ranges: impl Iterator<Item = &'a ByteRange>) -> Vec<ByteRange> {
    let mut sorted: Vec<ByteRange> = ranges.copied().collect();
    sorted.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<ByteRange> = Vec::new();
    for range in sorted {
        match joined.last_mut() {
            Some(last) if range.start <= last.end() => {
                last.length = last.end().max(range.end()) - last.start;
            }
            _ => joined.push(range),
        }
    }
    joined
}

fn is_wiped(entry: &manifest::Placed, wiped: &[ByteRange]) -> bool {
    let first = wiped.partition_point(|range| range.end() <= entry.offset);
    // Zeros that were zeroed are what they should be.
    matches!(entry.kind, protocol::manifest::EntryKind::Data(_))
        && wiped
            .get(first)
            .is_some_and(|range| range.overlaps(entry.offset, entry.length))
}

#[cfg(test)]
mod tests;
