//! Reading a disk into a master.

use crate::{disk::ReadAt, error::Result, exchange::ChunkSink, progress::Progress};
use protocol::{MasterName, manifest::SignedRoot, manifest::Root};
use serde::Serialize;

/// What a capture is asked for.
#[derive(Clone, Debug)]
pub struct CaptureOptions {
    /// The master that gets a new version.
    pub name: MasterName,
    /// zstd level of new chunks; `None` keeps them raw.
    pub level: Option<i32>,
    /// Keep every byte, whatever filesystems are there.
    pub as_raw: bool,
    /// Threads that hash and compress; 0 means one per core.
    pub workers: usize,
}

impl CaptureOptions {
    /// The defaults for a master.
    #[must_use]
    pub fn new(name: MasterName) -> Self {
        Self { name, level: Some(DEFAULT_LEVEL), as_raw: false, workers: 0 }
    }
}

/// zstd level of new chunks when none is asked for.
pub const DEFAULT_LEVEL: i32 = 3;

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
/// A filesystem that must not be captured as it is ([`crate::ErrorKind::Refused`], before anything is sent), a read error
/// of the source naming the range, whatever the sink meets, or [`crate::ErrorKind::Cancelled`]. No version is made then;
/// what was sent stays in the store until its garbage is collected, so the next capture does not send it again.
pub fn capture(
    source: &dyn ReadAt,
    sink: &dyn ChunkSink,
    options: &CaptureOptions,
    progress: &dyn Progress,
) -> Result<Captured> {
    let _ = (source, sink, options, progress);
    Err(crate::Error::new(crate::ErrorKind::Refused, "being built"))
}
