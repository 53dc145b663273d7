//! Partition tables and filesystems.

use crate::sparse::SparseDisk;
use imager::{
    disk::ReadAt,
    filesystem::{self, Outcome, Ranges},
    inspect, partition,
};
use std::ops::{ControlFlow, Range};

/// A walk over files ends after this many extents: a loop in the input may be as long as it likes, our patience is not.
const EXTENTS_MAX: usize = 200_000;
/// Files and folders that are looked at.
const NODES_MAX: usize = 200;

/// A whole disk: its table, and what is in its gaps and partitions.
pub fn partitions(data: &[u8]) {
    let Some((sector, data)) = data.split_first() else {
        return;
    };
    let sector_size = if sector & 1 == 0 { 512 } else { 4096 };
    let Some(disk) = SparseDisk::new(data, sector_size) else {
        return;
    };
    let _ = partition::detect_sector_size(&disk);
    if let Ok(layout) = partition::read_table(&disk, sector_size) {
        let mut tables = layout.primary_table();
        tables.extend(layout.backup_table());
        assert!(tables.iter().all(|range| range.start <= range.end), "{tables:?}");
        let _ = layout.smallest_disk_bytes();
    }
    let _ = inspect::inspect(&disk);
}

/// One filesystem, from the first byte of the disk to its last.
pub fn filesystem(data: &[u8]) {
    let Some(disk) = SparseDisk::new(data, 512) else {
        return;
    };
    let whole = 0..disk.len();
    let mapping = filesystem::map(&disk, whole.clone());
    if let Outcome::Mapped(mapped) = &mapping.outcome {
        assert_inside(&mapped.used, &whole);
        assert_inside(&mapped.zeroed, &whole);
        assert!(
            mapped.used.intersection(&mapped.zeroed).iter().next().is_none(),
            "something is used and zeros at once"
        );
        let mut seen = 0;
        let _ = mapped.files.walk(&disk, &mut |extent| {
            let end = extent.disk_offset.checked_add(extent.length_bytes);
            assert!(end.is_some_and(|end| end <= whole.end), "{extent:?} is outside");
            seen += 1;
            if seen < EXTENTS_MAX {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
    }
    look_around(&disk, whole);
}

/// Lists folders and reads the beginnings of files, as many as a person would.
fn look_around(disk: &dyn ReadAt, whole: Range<u64>) {
    let Ok(tree) = filesystem::open_tree(disk, whole) else {
        return;
    };
    let (mut waiting, mut left) = (vec![tree.root()], NODES_MAX);
    while let Some(node) = waiting.pop() {
        let Ok(metadata) = tree.metadata(node) else {
            continue;
        };
        let _ = tree.link_target(node);
        if let Ok(file) = tree.open(node) {
            let length = usize::try_from(file.len().min(5000)).expect("it is short");
            let _ = file.read_exact_at(&mut vec![0; length], 0);
            let _ = file.next_data(metadata.length_bytes / 2);
        }
        let _ = tree.list(node, &mut |entry| {
            waiting.push(entry.node);
            left = left.saturating_sub(1);
            match left {
                0 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        });
        if left == 0 {
            return;
        }
    }
}

fn assert_inside(ranges: &Ranges, whole: &Range<u64>) {
    let mut next = whole.start;
    for range in ranges.iter() {
        assert!(
            range.start >= next && range.start < range.end && range.end <= whole.end,
            "{range:?}"
        );
        next = range.end;
    }
}
