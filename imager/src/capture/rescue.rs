//! Reading a medium that fails in places: in smaller and smaller pieces, down to the sector, and a few times more.
//!
//! ```text
//! a run of up to 4 MiB that failed → 64 KiB → 4 KiB → sectors → the sectors that are left, twice more
//! ```
//!
//! Small reads ask the medium itself: the page cache would fail eight sectors for one. A medium that is gone fails
//! everywhere; so now and then something is read again that was read before.

use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    progress::Progress,
};
use std::ops::Range;

/// Pieces tried one after the other, before sectors.
const STEPS: [u64; 2] = [64 << 10, 4 << 10];
/// How often each sector is tried again.
const TRIES_AGAIN: u32 = 2;
/// Sectors tried again in all of a capture: each may take a failing disk seconds.
const TRIED_AGAIN_MAX: u64 = 8192;
/// So many reads may fail one after the other before it is asked whether the medium still answers.
const FAILURES_IN_A_ROW: u32 = 16;

/// Reads from a medium that may fail.
pub(super) struct Rescuer<'a> {
    disk: &'a dyn ReadAt,
    progress: &'a dyn Progress,
    sector: u64,
    /// Where something was read last.
    answered: u64,
    failures_in_a_row: u32,
    tries_left: u64,
}

/// A way to read.
type Read = fn(&dyn ReadAt, &mut [u8], u64) -> Result<()>;

impl<'a> Rescuer<'a> {
    pub(super) fn new(disk: &'a dyn ReadAt, progress: &'a dyn Progress) -> Self {
        Self {
            disk,
            progress,
            sector: u64::from(disk.sector_size().max(512)),
            answered: 0,
            failures_in_a_row: 0,
            tries_left: TRIED_AGAIN_MAX,
        }
    }

    /// Fills the buffer in one go; whether that could be done.
    ///
    /// # Errors
    /// The medium answers no more, or something else than the medium failed.
    pub(super) fn read(&mut self, buffer: &mut [u8], offset: u64) -> Result<bool> {
        self.attempt(
            |disk, buffer, offset| disk.read_exact_at(buffer, offset),
            buffer,
            offset,
        )
    }

    /// Fills the buffer as far as it can be read, and the rest with zeros. Gives the ranges of the disk that stay
    /// unreadable, in order.
    ///
    /// # Errors
    /// The medium answers no more, or [`ErrorKind::Cancelled`].
    pub(super) fn rescue(&mut self, buffer: &mut [u8], offset: u64) -> Result<Vec<Range<u64>>> {
        let mut bad: Vec<Range<u64>> = std::iter::once(offset..offset + buffer.len() as u64).collect();
        let sector = self.sector;
        for step in STEPS.into_iter().filter(|step| *step > sector).chain([sector]) {
            bad = self.read_pieces(buffer, offset, &bad, step)?;
        }
        for _ in 0..TRIES_AGAIN {
            let sectors = bad
                .iter()
                .map(|range| (range.end - range.start).div_ceil(sector))
                .sum();
            let Some(left) = self.tries_left.checked_sub(sectors) else {
                break;
            };
            self.tries_left = left;
            bad = self.read_pieces(buffer, offset, &bad, sector)?;
        }
        for range in &bad {
            buffer[index(range.start - offset)..index(range.end - offset)].fill(0);
        }
        Ok(bad)
    }

    /// Tries ranges in pieces that end at multiples of `step`; gives what failed.
    fn read_pieces(
        &mut self,
        buffer: &mut [u8],
        offset: u64,
        ranges: &[Range<u64>],
        step: u64,
    ) -> Result<Vec<Range<u64>>> {
        let mut bad: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            let mut start = range.start;
            while start < range.end {
                self.progress.check_cancelled()?;
                let end = range.end.min((start / step + 1).saturating_mul(step));
                let piece = &mut buffer[index(start - offset)..index(end - offset)];
                let read: Read = |disk, buffer, offset| disk.reread_exact_at(buffer, offset);
                if !self.attempt(read, piece, start)? {
                    match bad.last_mut().filter(|last| last.end == start) {
                        Some(last) => last.end = end,
                        None => bad.push(start..end),
                    }
                }
                start = end;
            }
        }
        Ok(bad)
    }

    fn attempt(&mut self, read: Read, buffer: &mut [u8], offset: u64) -> Result<bool> {
        match read(self.disk, buffer, offset) {
            Ok(()) => {
                self.answered = offset;
                self.failures_in_a_row = 0;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::Read => {
                self.failures_in_a_row += 1;
                if self.failures_in_a_row.is_multiple_of(FAILURES_IN_A_ROW) && !self.is_there() {
                    return Err(Error::new(
                        ErrorKind::Read,
                        format!(
                            "the source answers no more: {} reads failed one after the other, and what was read before \
                             at offset {} cannot be read any more",
                            self.failures_in_a_row, self.answered
                        ),
                    )
                    .with_remedy(
                        "look whether the disk is still plugged in and has power, and at the kernel's messages; then \
                         capture again: what was stored is not stored again",
                    )
                    .with_source(error));
                }
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether something that was read before can still be read.
    fn is_there(&self) -> bool {
        let mut sector = vec![0; index(self.sector)];
        [self.answered / self.sector * self.sector, 0]
            .into_iter()
            .any(|offset| self.disk.reread_exact_at(&mut sector, offset).is_ok())
    }
}

/// Differences within a buffer, and lengths of sectors.
fn index(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{progress::Unwatched, synthetic::FailingDisk, synthetic::noise};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn everything_that_can_be_read_is_read_and_nothing_else_is_lost(
            sectors in prop::collection::btree_set(1u64..4000, 0..40), start in 0u64..3000, length in 1usize..1000,
        ) {
            let bytes = noise(3, 4001 * 512);
            let bad: Vec<u64> = sectors.into_iter().collect();
            let disk = FailingDisk::new(bytes.clone(), bad.iter().map(|sector| sector * 512..(sector + 1) * 512));
            let length = length.min(index(4000 - start));
            let mut buffer = vec![0xAA; length * 512];
            let mut rescuer = Rescuer::new(&disk, &Unwatched);
            let lost = rescuer.rescue(&mut buffer, start * 512).unwrap();
            let inside = |sector: &&u64| (start..start + length as u64).contains(*sector);
            prop_assert_eq!(
                lost.iter().map(|range| (range.end - range.start) / 512).sum::<u64>(),
                bad.iter().filter(inside).count() as u64
            );
            for number in 0..length {
                let sector = start + number as u64;
                let there = &buffer[number * 512..(number + 1) * 512];
                let is_lost = lost.iter().any(|range| range.contains(&(sector * 512)));
                prop_assert_eq!(is_lost, bad.contains(&sector));
                let original = &bytes[index(sector * 512)..index(sector * 512) + 512];
                let is_right = if is_lost { there == [0; 512] } else { there == original };
                prop_assert!(is_right);
            }
        }
    }

    #[test]
    fn a_sector_that_reads_at_the_third_try_is_not_lost() {
        let bytes = noise(4, 1 << 20);
        let disk = FailingDisk::new(bytes.clone(), [4096..4608, 9216..9728]).that_reads_after(2);
        let mut buffer = vec![0; 64 << 10];
        let lost = Rescuer::new(&disk, &Unwatched).rescue(&mut buffer, 0).unwrap();
        assert_eq!(lost, []);
        assert!(buffer == bytes[..64 << 10]);
    }

    #[test]
    fn a_medium_that_is_gone_is_not_tried_sector_by_sector() {
        let disk = FailingDisk::new(noise(5, 8 << 20), std::iter::once(0..8 << 20));
        let error = Rescuer::new(&disk, &Unwatched)
            .rescue(&mut vec![0; 4 << 20], 1 << 20)
            .unwrap_err();
        assert!(error.message().contains("answers no more"), "{error}");
        assert!(disk.reads() < 40, "{}", disk.reads());
    }
}
