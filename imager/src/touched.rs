//! Which files lie on given ranges of a disk: what a damaged chunk or an unreadable sector means to a person.

use crate::{
    disk::ReadAt,
    error::Result,
    filesystem::{FileTree, NodeId, NodeKind, open_tree_among},
    progress::Progress,
};
use std::{
    collections::HashSet,
    ops::{ControlFlow, Range},
    sync::atomic::{AtomicBool, Ordering},
};

/// Files that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TouchedFiles {
    /// Their paths, as many as were asked for: `2:/etc/fstab` is on partition 2.
    pub files: Vec<String>,
    /// How many there are.
    pub count: u64,
    /// Partitions whose files cannot be told, and why.
    pub notes: Vec<String>,
}

/// Names the files on a disk that have a byte in one of the ranges, at most `limit` of them. What cannot be read of the disk
/// counts as touched: a folder that is gone hides its files. Only metadata is read.
///
/// # Errors
/// [`crate::ErrorKind::Cancelled`]; nothing else stops it.
pub fn files_touching(
    disk: &dyn ReadAt,
    partitions: &[(u32, Range<u64>)],
    ranges: &[Range<u64>],
    limit: usize,
    progress: &dyn Progress,
) -> Result<TouchedFiles> {
    let mut ranges = ranges.to_vec();
    ranges.sort_unstable_by_key(|range| range.start);
    let probe = Probe {
        disk,
        ranges: &ranges,
        probing: AtomicBool::new(false),
        hit: AtomicBool::new(false),
    };
    let places: Vec<Range<u64>> = partitions.iter().map(|(_, place)| place.clone()).collect();
    let mut found = TouchedFiles::default();
    for (number, partition) in partitions {
        if !probe.overlaps(partition) {
            continue;
        }
        match open_tree_among(&probe, partition.clone(), &places) {
            Ok(tree) => Walk {
                tree: &*tree,
                probe: &probe,
                prefix: format!("{number}:"),
                limit,
                found: &mut found,
                progress,
            }
            .run()?,
            Err(error) => found.notes.push(format!(
                "partition {number}: its files cannot be told: {}",
                error.message()
            )),
        }
    }
    Ok(found)
}

/// The disk as trees see it: while probing, its bytes do not matter, only where they lie.
struct Probe<'a> {
    disk: &'a dyn ReadAt,
    /// Sorted.
    ranges: &'a [Range<u64>],
    probing: AtomicBool,
    hit: AtomicBool,
}

impl Probe<'_> {
    fn overlaps(&self, wanted: &Range<u64>) -> bool {
        self.ranges
            .iter()
            .skip_while(|range| range.end <= wanted.start)
            .take_while(|range| range.start < wanted.end)
            .next()
            .is_some()
    }
}

impl ReadAt for Probe<'_> {
    fn len(&self) -> u64 {
        self.disk.len()
    }
    fn sector_size(&self) -> u32 {
        self.disk.sector_size()
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        if !self.probing.load(Ordering::Relaxed) {
            return self.disk.read_exact_at(buffer, offset);
        }
        buffer.fill(0);
        if self.overlaps(&(offset..offset.saturating_add(buffer.len() as u64))) {
            self.hit.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Bytes of a file that are looked at in one go.
const STRIDE: u64 = 1 << 20;

struct Walk<'a> {
    tree: &'a dyn FileTree,
    probe: &'a Probe<'a>,
    prefix: String,
    limit: usize,
    found: &'a mut TouchedFiles,
    progress: &'a dyn Progress,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<()> {
        let mut seen = HashSet::from([self.tree.root()]);
        let mut folders = vec![(self.tree.root(), String::new())];
        while let Some((folder, path)) = folders.pop() {
            self.progress.check_cancelled()?;
            let mut entries = Vec::new();
            let listed = self.tree.list(folder, &mut |entry| {
                entries.push(entry);
                ControlFlow::Continue(())
            });
            if listed.is_err() {
                self.add(format!("{path}/"));
            }
            for entry in entries {
                let path = format!("{path}/{}", String::from_utf8_lossy(&entry.name).escape_debug());
                match self.tree.metadata(entry.node).map(|metadata| metadata.kind) {
                    Ok(NodeKind::Folder) if seen.insert(entry.node) => folders.push((entry.node, path)),
                    Ok(NodeKind::File) if self.is_touched(entry.node) => self.add(path),
                    Ok(_) => {}
                    Err(_) => self.add(path),
                }
            }
        }
        Ok(())
    }

    fn is_touched(&self, file: NodeId) -> bool {
        let Ok(contents) = self.tree.open(file) else {
            return true;
        };
        self.probe.hit.store(false, Ordering::Relaxed);
        self.probe.probing.store(true, Ordering::Relaxed);
        let mut buffer = Vec::new();
        let mut offset = 0;
        while let Some(data) = contents.next_data(offset) {
            offset = offset.max(data.start);
            while offset < data.end && !self.probe.hit.load(Ordering::Relaxed) {
                let length = (data.end - offset).min(STRIDE);
                buffer.resize(usize::try_from(length).unwrap_or(0), 0);
                // What is packed does not unpack while probing; where it lies was seen all the same.
                let _ = contents.read_exact_at(&mut buffer, offset);
                offset += length;
            }
            if self.probe.hit.load(Ordering::Relaxed) || data.end <= data.start {
                break;
            }
        }
        self.probe.probing.store(false, Ordering::Relaxed);
        self.probe.hit.load(Ordering::Relaxed)
    }

    fn add(&mut self, path: String) {
        self.found.count += 1;
        if self.found.files.len() < self.limit {
            self.found.files.push(format!("{}{path}", self.prefix));
        }
    }
}
