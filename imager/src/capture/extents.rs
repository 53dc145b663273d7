//! Where the files of a partition lie, kept small: a disk may hold many millions.
//!
//! Extents are gathered as a filesystem's walk brings them, sorted in runs, and kept as differences: 5 bytes for a small
//! file. Whoever reads them merges the runs, in the order of the disk, once.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Files are cut at multiples of this, counted in the file.
pub(super) const FILE_CUT: u64 = 128 << 10;
/// Most bytes kept of one partition: about 13 million small files. What is beyond is cut as metadata is.
const BYTES_MAX: usize = 64 << 20;
/// Extents that are sorted at a time: 6 MB.
const RUN_LEN: usize = 256 << 10;

/// A run of a file on the disk. Of its place in the file only what decides about cuts is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Extent {
    pub(super) disk: u64,
    /// Its place in the file, counted from the last multiple of [`FILE_CUT`].
    pub(super) phase: u64,
    pub(super) length: u64,
}

impl Extent {
    /// The first byte behind it.
    pub(super) fn end(&self) -> u64 {
        self.disk.saturating_add(self.length)
    }
}

/// Extents in the order of the disk.
#[derive(Default)]
pub(super) struct Extents {
    runs: Vec<Vec<u8>>,
    unsorted: Vec<Extent>,
    bytes: usize,
}

impl Extents {
    /// Adds one, in any order. Says whether there is room for more.
    pub(super) fn push(&mut self, disk: u64, length: u64, logical: u64) -> bool {
        self.unsorted.push(Extent {
            disk,
            phase: logical % FILE_CUT,
            length,
        });
        if self.unsorted.len() >= RUN_LEN {
            self.sort_run();
        }
        self.bytes < BYTES_MAX
    }

    /// To be called behind the last one.
    pub(super) fn finish(&mut self) {
        self.sort_run();
        self.unsorted = Vec::new();
    }

    fn sort_run(&mut self) {
        self.unsorted.sort_unstable();
        let mut run = Vec::with_capacity(self.unsorted.len() * 5);
        let mut last = 0;
        for extent in self.unsorted.drain(..) {
            put(&mut run, extent.disk - last);
            put(&mut run, extent.phase);
            put(&mut run, extent.length);
            last = extent.disk;
        }
        run.shrink_to_fit();
        self.bytes += run.len();
        self.runs.push(run);
    }

    /// Reads them in order.
    pub(super) fn walk(&self) -> Walk<'_> {
        let mut walk = Walk {
            runs: self.runs.iter().map(|run| (run.as_slice(), 0)).collect(),
            heads: BinaryHeap::with_capacity(self.runs.len()),
            last: None,
            next: None,
        };
        for number in 0..walk.runs.len() {
            walk.refill(number);
        }
        walk.next = walk.pull();
        walk
    }
}

/// Goes through extents together with somebody who goes through the disk.
pub(super) struct Walk<'a> {
    /// What is left of each run, and where its last extent began.
    runs: Vec<(&'a [u8], u64)>,
    /// The first extent that is left of each run.
    heads: BinaryHeap<Reverse<(Extent, usize)>>,
    last: Option<Extent>,
    next: Option<Extent>,
}

impl Walk<'_> {
    /// The last extent that begins at `position` or before it, and the first one behind it. Positions must not go back.
    pub(super) fn around(&mut self, position: u64) -> (Option<Extent>, Option<Extent>) {
        while self.next.is_some_and(|next| next.disk <= position) {
            self.last = self.next;
            self.next = self.pull();
        }
        (self.last, self.next)
    }

    fn pull(&mut self) -> Option<Extent> {
        let Reverse((extent, number)) = self.heads.pop()?;
        self.refill(number);
        Some(extent)
    }

    fn refill(&mut self, number: usize) {
        let (rest, last) = &mut self.runs[number];
        if rest.is_empty() {
            return;
        }
        let disk = *last + take(rest);
        let phase = take(rest);
        let length = take(rest);
        *last = disk;
        self.heads.push(Reverse((Extent { disk, phase, length }, number)));
    }
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(0x80 | u8::try_from(value & 0x7f).unwrap_or(0));
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap_or(0));
}

/// Reads what [`put`] wrote; nobody else wrote it.
fn take(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    let mut shift = 0;
    while let Some((byte, rest)) = bytes.split_first() {
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn extents_come_back_in_the_order_of_the_disk(
            list in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>()), 0..50),
            run_lengths in prop::collection::vec(1usize..10, 0..6),
        ) {
            let mut extents = Extents::default();
            let mut borders = run_lengths.iter().scan(0, |sum, length| { *sum += length; Some(*sum) }).peekable();
            for (number, (disk, length, logical)) in list.iter().enumerate() {
                prop_assert!(extents.push(*disk, *length, *logical));
                if borders.next_if(|border| *border == number + 1).is_some() {
                    extents.sort_run();
                }
            }
            extents.finish();
            let mut sorted: Vec<Extent> = list
                .iter()
                .map(|(disk, length, logical)| Extent { disk: *disk, phase: logical % FILE_CUT, length: *length })
                .collect();
            sorted.sort();
            let mut walk = extents.walk();
            for (number, extent) in sorted.iter().enumerate() {
                let (last, next) = walk.around(extent.disk);
                let behind = sorted.iter().position(|other| other.disk > extent.disk);
                prop_assert_eq!(last, sorted[number..].iter().take_while(|other| other.disk == extent.disk).last().copied());
                prop_assert_eq!(next, behind.map(|behind| sorted[behind]));
            }
        }
    }

    #[test]
    fn a_small_file_costs_five_bytes() {
        let mut extents = Extents::default();
        for number in 0..10_000 {
            extents.push(number * 4096, 4096, 0);
        }
        extents.finish();
        assert!(extents.bytes <= 5 * 10_000, "{}", extents.bytes);
    }
}
