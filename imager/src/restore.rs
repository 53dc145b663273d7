//! Putting a master on a disk.

use crate::{error::Result, exchange::MasterSource, progress::Progress, signature::PublicKey, target::Target};
use protocol::{MasterRef, job::ReadBack, manifest::Root};
use serde::Serialize;

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
        Self { master, key, read_back: ReadBack::Full, workers: 0 }
    }
}

/// What a restore did.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The head of the manifest that was restored.
    pub root: Root,
    /// What it took.
    pub counts: RestoreCounts,
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
    /// Plain bytes that were fetched.
    pub bytes_new: u64,
    /// Bytes of the frames that were fetched.
    pub bytes_stored: u64,
    /// Bytes written, zeros included.
    pub bytes_written: u64,
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
    let _ = (source, target, options, progress);
    Err(crate::Error::new(crate::ErrorKind::Refused, "being built"))
}
