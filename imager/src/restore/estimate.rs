//! What a restore is going to do, before it does it.

use super::{Run, manifest::Role};
use crate::error::Result;
use protocol::{
    ChunkId,
    manifest::{ByteRange, EntryKind},
};
use serde::Serialize;
use std::collections::HashSet;

/// How much will be written, copied and fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Bytes that the master's filesystems use.
    pub bytes_used: u64,
    /// Bytes that will be written to the target, without its partition tables.
    pub bytes_written: u64,
    /// Of these, bytes that the target holds elsewhere already.
    pub bytes_copied: u64,
    /// Plain bytes that will be fetched.
    pub bytes_new: u64,
    /// Bytes that come over the wire for them, compressed as they are stored; `None` if the source does not tell.
    pub bytes_fetched: Option<u64>,
}

impl Run<'_> {
    /// Adds up what will have to be done once the ranges given are wiped.
    pub(super) fn estimate(&self, wiped: &[ByteRange]) -> Result<Estimate> {
        let mut estimate = Estimate {
            bytes_used: self.entries.root.bytes_used.get(),
            bytes_fetched: Some(0),
            ..Estimate::default()
        };
        for segment in 0..self.entries.segment_count() {
            if !self.is_any_needed(segment, wiped) {
                continue;
            }
            self.progress.check_cancelled()?;
            // Heads and bodies are fetched one after the other.
            let mut wanted: [(Vec<ChunkId>, HashSet<ChunkId>); 2] = Default::default();
            for entry in self.entries.segment(segment)? {
                if entry.role == Role::Table || !self.is_needed(segment, &entry, wiped) {
                    continue;
                }
                estimate.bytes_written += entry.length;
                let EntryKind::Data(id) = entry.kind else { continue };
                if self.moved.get(segment, entry.index) {
                    estimate.bytes_copied += entry.length;
                    continue;
                }
                let (ids, seen) = &mut wanted[usize::from(entry.role == Role::Head)];
                if seen.insert(id) {
                    estimate.bytes_new += entry.length;
                    ids.push(id);
                }
            }
            for (ids, _) in &wanted {
                if ids.is_empty() {
                    continue;
                }
                let stored = self.source.stored_len(self.entries.segment_id(segment), ids)?;
                estimate.bytes_fetched = estimate
                    .bytes_fetched
                    .zip(stored)
                    .map(|(sum, stored)| sum + stored);
            }
        }
        Ok(estimate)
    }
}
