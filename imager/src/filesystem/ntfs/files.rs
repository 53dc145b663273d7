//! Where the files of NTFS lie: every record of the MFT once, from front to back; all streams of a file, for CompactOS keeps
//! contents in one that has a name. Last the log, which is long and is nothing to be cut finely, if there are files at all.

use super::{
    record::{Record, TYPE_DATA},
    table::{Table, read_stream},
};
use crate::{
    disk::ReadAt,
    error::Result,
    filesystem::{FileExtent, FileExtents, Volume},
};
use std::{
    cell::Cell,
    ops::{ControlFlow, Range},
};

/// Records before this one are the filesystem's own.
const FIRST_FILE: u64 = 24;
/// The record of `$LogFile`.
const LOG_FILE: u64 = 2;
/// Records read in one go.
const BATCH_BYTES: usize = 256 << 10;

/// The files of one NTFS volume.
pub(super) struct NtfsFiles {
    pub place: Range<u64>,
    pub table: Table,
}

impl FileExtents for NtfsFiles {
    fn walk(&self, disk: &dyn ReadAt, visit: &mut dyn FnMut(FileExtent) -> ControlFlow<()>) -> Result<()> {
        let volume = Volume::new(disk, self.place.clone());
        let record_bytes = self.table.boot.record_bytes;
        let per_batch = (BATCH_BYTES / record_bytes).max(1) as u64;
        let mut number = 0;
        let any = Cell::new(false);
        let mut log = None;
        let mut visit = |extent| {
            any.set(true);
            visit(extent)
        };
        while number < self.table.record_count {
            let count = per_batch.min(self.table.record_count - number);
            let length = usize::try_from(count).unwrap_or(0) * record_bytes;
            let offset = number * record_bytes as u64;
            // What cannot be read costs these files' hints only.
            if let Ok(batch) = read_stream(&volume, &self.table.boot, self.table.runs(), offset, length) {
                for (bytes, own) in batch.chunks_exact(record_bytes).zip(number..) {
                    if own == LOG_FILE {
                        log = Some(bytes.to_vec());
                    }
                    if own >= FIRST_FILE && self.visit_record(own, bytes, &mut visit).is_break() {
                        return Ok(());
                    }
                }
            }
            number += count;
        }
        if let (true, Some(bytes)) = (any.get(), log) {
            let _ = self.visit_record(LOG_FILE, &bytes, &mut visit);
        }
        Ok(())
    }
}

impl NtfsFiles {
    fn visit_record(
        &self,
        number: u64,
        bytes: &[u8],
        visit: &mut dyn FnMut(FileExtent) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Ok(record) = Record::parse(bytes.to_vec(), b"FILE") else {
            return ControlFlow::Continue(());
        };
        if !record.is_in_use() {
            return ControlFlow::Continue(());
        }
        let file = if record.base() == 0 { number } else { record.base() };
        let data = record.attributes().filter(|one| one.kind() == TYPE_DATA);
        let boot = &self.table.boot;
        for attribute in data.filter(super::record::Attribute::is_outside) {
            for run in attribute.runs(boot).unwrap_or_default() {
                visit(FileExtent {
                    file,
                    logical_offset: run.logical.saturating_mul(boot.cluster_bytes),
                    disk_offset: self.place.start + run.physical * boot.cluster_bytes,
                    length_bytes: run.count * boot.cluster_bytes,
                })?;
            }
        }
        ControlFlow::Continue(())
    }
}
