//! Reading a disk into a master.

mod arena;
pub mod cut;
mod extents;
mod manifest;
mod pipeline;
pub(crate) mod plan;
mod reader;
mod rescue;
mod unreadable;

use crate::{
    confine::confined,
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    exchange::ChunkSink,
    filesystem::Wishes,
    inspect,
    partition::RepairedDisk,
    progress::{Phase, Progress},
};
use protocol::{
    ByteLen, MasterName,
    manifest::{Root, SignedRoot},
};
use serde::Serialize;
use std::time::Instant;
pub use unreadable::note as note_unreadable;

/// What a capture is asked for.
#[derive(Clone, Debug)]
pub struct CaptureOptions {
    /// The master that gets a new version.
    pub name: MasterName,
    /// zstd level of new chunks; `None` keeps them raw.
    pub level: Option<i32>,
    /// Keep every byte, whatever filesystems are there.
    pub as_raw: bool,
    /// Leave a hibernated Windows out, as if its power had been cut.
    pub drop_hibernation: bool,
    /// Keep a master of a disk that cannot be read everywhere: the ranges become zeros and are named in the manifest.
    pub keep_unreadable: bool,
    /// Threads that hash and compress; 0 means one per core.
    pub workers: usize,
}

impl CaptureOptions {
    /// The defaults for a master.
    #[must_use]
    pub fn new(name: MasterName) -> Self {
        Self {
            name,
            level: Some(DEFAULT_LEVEL),
            as_raw: false,
            drop_hibernation: false,
            keep_unreadable: false,
            workers: 0,
        }
    }
}

/// zstd level of new chunks when none is asked for: docs/adr/0011-frames-of-neighbours.md says why.
pub const DEFAULT_LEVEL: i32 = 1;

/// A master's version that was made.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Its head, as signed.
    pub root: Root,
    /// The head with its signature.
    pub signed: SignedRoot,
    /// What it took.
    pub counts: CaptureCounts,
}

/// What a capture took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CaptureCounts {
    /// Size of the disk.
    pub bytes_disk: u64,
    /// Bytes that filesystems use, or that are kept whole.
    pub bytes_used: u64,
    /// Bytes read from the disk.
    pub bytes_read: u64,
    /// Plain bytes that the store lacked.
    pub bytes_new: u64,
    /// Bytes that they took as frames.
    pub bytes_stored: u64,
    /// Chunks in all, each occurrence counted.
    pub chunks: u64,
    /// Chunks that the store lacked.
    pub chunks_new: u64,
    /// Wall time.
    pub seconds: f64,
}

/// Reads a disk, a partition or an image and keeps it as a new version of a master. The source is only read.
///
/// # Errors
/// A filesystem that must not be captured as it is ([`crate::ErrorKind::Refused`], before anything is sent); ranges of the
/// source that cannot be read ([`crate::ErrorKind::Unreadable`], when everything else was, unless they are to be kept);
/// whatever the sink meets, or [`crate::ErrorKind::Cancelled`]. No version is made then; what was sent stays in the store
/// until its garbage is collected, so the next capture does not send it again.
pub fn capture(
    source: &dyn ReadAt,
    sink: &dyn ChunkSink,
    options: &CaptureOptions,
    progress: &dyn Progress,
) -> Result<Captured> {
    let begun = Instant::now();
    let size = source.len();
    if size == 0 {
        return Err(Error::new(ErrorKind::Refused, "the source is empty")
            .with_remedy("name a disk, a partition or an image"));
    }
    if !matches!(source.sector_size(), 512 | 4096) {
        return Err(Error::new(
            ErrorKind::SectorSize,
            format!("the source has sectors of {} bytes", source.sector_size()),
        )
        .with_remedy("only disks with sectors of 512 or 4096 bytes can be captured"));
    }
    progress.report(Phase::Inspecting, 0, size);
    let wishes = Wishes {
        drop_hibernation: options.drop_hibernation,
    };
    // Everything that reads the source's structures, the walk over its files included.
    let (examined, mut plan) = confined(|| {
        let examined = inspect::examine(source, wishes)?;
        let plan = plan::Plan::new(source, &examined, options.as_raw)?;
        Ok::<_, Error>((examined, plan))
    })?
    .value?;
    let repaired = if options.as_raw {
        None
    } else {
        RepairedDisk::new(source, &examined.layout)
    };
    if repaired.is_some() {
        plan.notes
            .push("the master holds the partition table whole, both copies".to_owned());
    }
    let source = repaired.as_ref().map_or(source, |disk| disk as &dyn ReadAt);
    let workers = worker_count(options.workers);
    let settings = pipeline::Settings {
        workers,
        level: options.level,
    };
    let outcome = pipeline::run(source, &plan, sink, &settings, progress)?;
    progress.check_cancelled()?;
    let mut unreadable = None;
    if !outcome.unreadable.is_empty() {
        let found = unreadable::describe(source, &examined.layout, &outcome.unreadable, progress)?;
        if !options.keep_unreadable {
            return Err(unreadable::refuse(found));
        }
        plan.notes.push(note_unreadable(&found));
        unreadable = Some(found);
    }
    let table = examined.table_kind();
    let root = Root {
        name: options.name.clone(),
        version: 0,
        created_unix_ms: 0,
        created_by: concat!("amorce ", env!("CARGO_PKG_VERSION")).to_owned(),
        disk_size: ByteLen(size),
        sector_size: examined.layout.sector_size_bytes,
        table,
        primary_table: plan.primary_table,
        backup_table: plan.backup_table,
        smallest_target: ByteLen(plan.smallest_target),
        partitions: plan.partitions,
        bytes_used: ByteLen(plan.bytes_used),
        chunks: outcome.chunks,
        bytes_data: ByteLen(outcome.bytes_data),
        notes: plan.notes,
        unreadable,
        segments: outcome.segments,
    };
    let mut committed = root.clone();
    let signed = sink.commit(root)?;
    // The signature is checked at every restore; here only what the store added is wanted.
    if let Ok(root) = serde_json::from_slice::<Root>(&signed.body) {
        committed = root;
    }
    Ok(Captured {
        signed,
        counts: CaptureCounts {
            bytes_disk: size,
            bytes_used: committed.bytes_used.get(),
            bytes_read: outcome.bytes_read,
            bytes_new: outcome.bytes_new,
            bytes_stored: outcome.bytes_stored,
            chunks: outcome.chunks,
            chunks_new: outcome.chunks_new,
            seconds: begun.elapsed().as_secs_f64(),
        },
        root: committed,
    })
}

/// How many threads work when so many were asked for; 0 means one per core.
pub(crate) fn worker_count(wanted: usize) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    if wanted == 0 { cores() } else { wanted }.clamp(1, 64)
}

#[cfg(test)]
mod tests;
