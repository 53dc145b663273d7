//! Partition tables: kept in memory, compared whole, written last. On a disk of another size the GPT is made anew.

use super::{Differences, Run, manifest::Placed, write::with_verify};
use crate::{
    error::{Error, ErrorKind, Result},
    partition,
    progress::Phase,
};
use protocol::{
    ChunkId,
    job::ReadBack,
    manifest::{ByteRange, EntryKind, TableKind},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::Ordering,
};

/// The tables as they have to be on this target.
#[derive(Default)]
pub(super) struct TableImage {
    /// Whether the target has others.
    pub(super) differ: bool,
    pub(super) notes: Vec<String>,
    primary: Vec<(u64, Vec<u8>)>,
    backup: Vec<(u64, Vec<u8>)>,
}

impl TableImage {
    /// Fetches the master's tables if they will be needed, and fits them to the target.
    pub(super) fn make(run: &Run<'_>, differences: &Differences) -> Result<Self> {
        let root = run.entries.root;
        let size = run.target.len();
        let same_size = size == root.disk_size.get();
        let has_table = !root.primary_table.is_empty();
        if !has_table || same_size && !differences.tables && !differences.anything {
            return Ok(Self::default());
        }
        let chunks = fetch(run, &differences.table_entries)?;
        let mut image = Self {
            differ: differences.tables,
            ..Self::default()
        };
        let primary = assemble(&root.primary_table, &differences.table_entries, &chunks)?;
        if same_size || root.table != TableKind::Gpt {
            image.primary = primary;
            if same_size {
                image.backup = assemble(&root.backup_table, &differences.table_entries, &chunks)?;
            }
        } else {
            image.fit_gpt(run, &primary)?;
        }
        if !same_size {
            let (word, end) = if size > root.disk_size.get() {
                ("larger", "room behind them is free")
            } else {
                ("smaller", "they fit")
            };
            let moved = if root.table == TableKind::Gpt {
                "the backup partition table was put at its end; "
            } else {
                ""
            };
            image.notes.push(format!(
                "the target is {word} ({size} bytes, the master's disk has {}): {moved}the partitions keep their size, {end}",
                root.disk_size
            ));
            image.differ = image.differs_from(run)?;
        }
        Ok(image)
    }

    /// Writes backup, then primary (its first sectors last), each durable before the next, and reads them back.
    pub(super) fn write(&self, run: &Run<'_>, read_back: ReadBack) -> Result<()> {
        // Sector 0 is what a firmware starts from: it comes when everything it points to is durable.
        let (first, rest) = self.primary.split_at(self.primary.len().min(1));
        for ranges in [&self.backup, rest, first] {
            for (offset, bytes) in ranges {
                run.target.write_all_at(bytes, *offset)?;
                run.counters
                    .bytes_written
                    .fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
            run.target.flush()?;
        }
        if read_back == ReadBack::Off {
            return Ok(());
        }
        run.progress.report(Phase::Checking, 0, 0);
        run.target.forget()?;
        if self.differs_from(run)? {
            // It must not be taken for a whole disk.
            for (offset, bytes) in self.primary.iter().chain(&self.backup) {
                run.target.zero_range(*offset..*offset + bytes.len() as u64)?;
            }
            run.target.flush()?;
            return Err(
                Error::new(ErrorKind::ReadBack, "the partition table reads back differently")
                    .with_remedy("the medium is failing, or is not what it claims to be: replace it"),
            );
        }
        Ok(())
    }

    fn differs_from(&self, run: &Run<'_>) -> Result<bool> {
        for (offset, bytes) in self.primary.iter().chain(&self.backup) {
            let mut there = vec![0; bytes.len()];
            run.target.read_exact_at(&mut there, *offset)?;
            run.counters
                .bytes_read
                .fetch_add(bytes.len() as u64, Ordering::Relaxed);
            if &there != bytes {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn fit_gpt(&mut self, run: &Run<'_>, primary: &[(u64, Vec<u8>)]) -> Result<()> {
        let root = run.entries.root;
        // Sector 0, header and entries at their places; the table's ranges were checked to be short.
        let length = primary
            .iter()
            .map(|(offset, bytes)| offset + bytes.len() as u64)
            .max()
            .unwrap_or(0);
        if length > 64 << 20 {
            return Err(Error::new(
                ErrorKind::Damaged,
                "the manifest's partition table lies too far from the start",
            ));
        }
        let mut whole = vec![0; usize::try_from(length).unwrap_or(0)];
        for (offset, bytes) in primary {
            let at = usize::try_from(*offset).unwrap_or(0);
            whole[at..at + bytes.len()].copy_from_slice(bytes);
        }
        let fitted =
            partition::relocate_backup(&whole, root.sector_size, run.target.len()).map_err(|error| {
                if error.kind() == ErrorKind::Damaged {
                    return Error::new(
                        ErrorKind::Refused,
                        format!("the table cannot be fitted to another size: {}", error.chain()),
                    )
                    .with_remedy("choose a disk of the same size, or repair the table and capture again");
                }
                error
            })?;
        self.primary = primary
            .iter()
            .map(|(offset, bytes)| {
                let at = usize::try_from(*offset).unwrap_or(0);
                (
                    *offset,
                    fitted
                        .primary
                        .get(at..at + bytes.len())
                        .map_or_else(|| bytes.clone(), <[u8]>::to_vec),
                )
            })
            .collect();
        self.backup = vec![(fitted.backup_offset, fitted.backup)];
        Ok(())
    }
}

/// Gets the chunks of the tables.
fn fetch(run: &Run<'_>, entries: &[(usize, Placed)]) -> Result<HashMap<ChunkId, Vec<u8>>> {
    let mut wanted: BTreeMap<usize, Vec<ChunkId>> = BTreeMap::new();
    for (segment, entry) in entries {
        if let EntryKind::Data(id) = entry.kind {
            let ids = wanted.entry(*segment).or_default();
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    let mut chunks = HashMap::new();
    for (segment, ids) in wanted {
        run.source
            .fetch(run.entries.segment_id(segment), &ids, &mut |frame| {
                run.counters
                    .bytes_stored
                    .fetch_add(frame.as_bytes().len() as u64, Ordering::Relaxed);
                for (id, bytes) in frame
                    .decode()
                    .map_err(with_verify)?
                    .iter()
                    .filter(|(id, _)| ids.contains(id))
                {
                    if chunks.insert(id, bytes.to_vec()).is_none() {
                        run.counters
                            .bytes_new
                            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
                        run.counters.chunks_new.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Ok(())
            })?;
    }
    Ok(chunks)
}

/// Puts chunks where they belong in the ranges of a table; what the manifest does not name there is zero.
fn assemble(
    ranges: &[ByteRange],
    entries: &[(usize, Placed)],
    chunks: &HashMap<ChunkId, Vec<u8>>,
) -> Result<Vec<(u64, Vec<u8>)>> {
    let mut image = Vec::with_capacity(ranges.len());
    for range in ranges {
        // Checked with the root: a table is at most 4 MiB.
        let mut bytes = vec![0; usize::try_from(range.length).unwrap_or(0)];
        for (_, entry) in entries
            .iter()
            .filter(|(_, entry)| range.overlaps(entry.offset, entry.length))
        {
            let EntryKind::Data(id) = entry.kind else { continue };
            let chunk = chunks.get(&id).ok_or_else(|| {
                Error::new(
                    ErrorKind::Missing,
                    format!("the source did not deliver chunk {id}"),
                )
            })?;
            let place = entry
                .offset
                .checked_sub(range.start)
                .and_then(|at| usize::try_from(at).ok())
                .and_then(|at| bytes.get_mut(at..at.checked_add(chunk.len())?))
                .filter(|_| chunk.len() as u64 == entry.length)
                .ok_or_else(|| {
                    Error::new(
                        ErrorKind::Damaged,
                        format!("chunk {id} is not as long as its entry"),
                    )
                })?;
            place.copy_from_slice(chunk);
        }
        image.push((range.start, bytes));
    }
    Ok(image)
}
