//! A disk seen with its GUID partition table whole: what of the table is damaged or misplaced is shown as it should be.
//!
//! A master keeps the table like this, so that every disk restored from it has both copies, and a disk of another size can
//! get its own. The disk itself is only read.

use super::{GptImage, Layout, Table, Warning};
use crate::{disk::ReadAt, error::Result};
use std::ops::Range;

/// A disk and the bytes that are shown instead of its own.
pub(crate) struct RepairedDisk<'a> {
    disk: &'a dyn ReadAt,
    /// Where each piece begins, in order, without overlap.
    pieces: Vec<(u64, Vec<u8>)>,
}

impl<'a> RepairedDisk<'a> {
    /// The disk with its table whole; `None` if there is nothing to repair, or no way to.
    pub(crate) fn new(disk: &'a dyn ReadAt, layout: &Layout) -> Option<Self> {
        let Table::Gpt(gpt) = &layout.table else {
            return None;
        };
        let is_hurt = layout.warnings.iter().any(|warning| {
            matches!(
                warning,
                Warning::PrimaryDamaged { .. }
                    | Warning::BackupDamaged { .. }
                    | Warning::BackupMisplaced { .. }
                    | Warning::CopiesDiffer
            )
        });
        let backup_table = layout.backup_table();
        let backup_range = backup_table.first().filter(|_| is_hurt)?;
        let GptImage {
            primary,
            backup,
            backup_offset,
        } = gpt.image(layout.sector_size_bytes, layout.disk_bytes).ok()?;
        if *backup_range != (backup_offset..backup_offset + backup.len() as u64) {
            return None;
        }
        let mut pieces = Vec::new();
        for range in layout.primary_table() {
            let bytes = primary.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)?;
            pieces.push((range.start, bytes.to_vec()));
        }
        pieces.push((backup_offset, backup));
        Some(Self { disk, pieces })
    }

    /// Lays the pieces over what was read.
    fn repair(&self, buffer: &mut [u8], offset: u64) {
        let end = offset + buffer.len() as u64;
        for (range, bytes) in self.ranges() {
            let (from, to) = (range.start.max(offset), range.end.min(end));
            if from < to {
                // Both differences are at most the length of a slice.
                let (at, taken) = ((from - offset) as usize, (from - range.start) as usize);
                let length = (to - from) as usize;
                buffer[at..at + length].copy_from_slice(&bytes[taken..taken + length]);
            }
        }
    }

    fn ranges(&self) -> impl Iterator<Item = (Range<u64>, &[u8])> {
        self.pieces
            .iter()
            .map(|(start, bytes)| (*start..start + bytes.len() as u64, bytes.as_slice()))
    }
}

impl ReadAt for RepairedDisk<'_> {
    fn len(&self) -> u64 {
        self.disk.len()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.disk.read_exact_at(buffer, offset)?;
        self.repair(buffer, offset);
        Ok(())
    }

    fn reread_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.disk.reread_exact_at(buffer, offset)?;
        self.repair(buffer, offset);
        Ok(())
    }

    fn sector_size(&self) -> u32 {
        self.disk.sector_size()
    }

    fn next_data(&self, offset: u64) -> Option<Range<u64>> {
        let data = self.disk.next_data(offset);
        let piece = self
            .ranges()
            .map(|(range, _)| range.start.max(offset)..range.end)
            .find(|range| !range.is_empty());
        match (data, piece) {
            (Some(data), Some(piece)) if piece.start < data.start => Some(piece),
            (Some(data), _) => Some(data),
            (None, piece) => piece,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Unwatched,
        capture::{CaptureOptions, capture},
        partition::read_table,
        restore::{RestoreOptions, restore},
        synthetic::{RecordingDisk, gpt_disk, memory_store, noise},
    };

    const SECTORS: u64 = 6000;

    fn disk() -> Vec<u8> {
        gpt_disk(SECTORS * 512, &[(2048, 4096)], |_, part| {
            let length = part.len();
            part.copy_from_slice(&noise(1, length));
        })
    }

    /// Captures a disk, restores it to a size, and gives what stands there.
    fn round_trip(source: &[u8], sectors: u64) -> Vec<u8> {
        let (store, _) = memory_store();
        capture(
            &source,
            &store,
            &CaptureOptions::new("m".parse().unwrap()),
            &Unwatched,
        )
        .unwrap();
        let target = RecordingDisk::new(vec![0xEE; usize::try_from(sectors * 512).unwrap()]);
        let options = RestoreOptions::new("m".parse().unwrap(), store.public_key());
        restore(&store, &target, &options, &Unwatched).unwrap();
        target.bytes()
    }

    fn hurt(sector: u64) -> Vec<u8> {
        let mut hurt = disk();
        let at = usize::try_from(sector * 512).unwrap();
        hurt[at..at + 512].copy_from_slice(&noise(sector, 512));
        hurt
    }

    #[test]
    fn a_damaged_table_is_whole_again_on_a_restored_disk_of_any_size() {
        let mut enlarged = disk();
        enlarged.resize(enlarged.len() + (1 << 20), 0);
        let sources = [
            hurt(1),           // primary header
            hurt(2),           // primary entries
            hurt(SECTORS - 1), // backup header
            hurt(SECTORS - 33),
            enlarged,
        ];
        for (number, source) in sources.iter().enumerate() {
            for sectors in [source.len() as u64 / 512, SECTORS + 5000, SECTORS - 500] {
                let restored = round_trip(source, sectors);
                let layout = read_table(&restored, 512).unwrap();
                assert!(
                    layout.warnings.is_empty(),
                    "{number}, {sectors}: {:?}",
                    layout.warnings
                );
                assert_eq!(layout.partitions[0].bytes, 2048 * 512..4096 * 512);
                assert!(restored[2048 * 512..4096 * 512] == disk()[2048 * 512..4096 * 512]);
            }
        }
    }

    #[test]
    fn a_disk_kept_raw_keeps_its_damage() {
        let source = hurt(1);
        let (store, _) = memory_store();
        let options = CaptureOptions {
            as_raw: true,
            ..CaptureOptions::new("m".parse().unwrap())
        };
        capture(&source, &store, &options, &Unwatched).unwrap();
        let target = RecordingDisk::new(vec![0; source.len()]);
        let options = RestoreOptions::new("m".parse().unwrap(), store.public_key());
        restore(&store, &target, &options, &Unwatched).unwrap();
        assert!(target.bytes() == source);
    }

    #[test]
    fn an_image_that_ends_in_the_middle_of_a_sector_keeps_its_whole_backup_table() {
        let mut odd = disk();
        odd.extend_from_slice(&[7; 100]);
        let restored = round_trip(&odd, SECTORS);
        assert!(read_table(&restored, 512).unwrap().warnings.is_empty());
        let (store, _) = memory_store();
        capture(
            &odd,
            &store,
            &CaptureOptions::new("m".parse().unwrap()),
            &Unwatched,
        )
        .unwrap();
        let target = RecordingDisk::new(vec![0xEE; odd.len()]);
        let options = RestoreOptions::new("m".parse().unwrap(), store.public_key());
        restore(&store, &target, &options, &Unwatched).unwrap();
        let length = disk().len();
        assert!(target.bytes()[length - 33 * 512..length] == disk()[length - 33 * 512..]);
    }

    #[test]
    fn a_disk_whose_last_partition_reaches_into_the_place_of_the_backup_is_captured() {
        let mut cut = disk();
        cut.truncate(4096 * 512);
        let restored = round_trip(&cut, 4096);
        assert!(restored == cut);
        let larger = read_table(&round_trip(&cut, 5000), 512).unwrap();
        assert!(larger.warnings.is_empty(), "{:?}", larger.warnings);
    }
}
