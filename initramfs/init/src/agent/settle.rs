//! A restore that was begun and had compared before the machine's last start: what became of it, only the disk can tell.
//!
//! The engine zeroes both partition tables before it writes anything else, and puts the start of the first back last of all:
//!
//! | the master | where its table starts, the disk | differs | so |
//! | --- | --- | --- | --- |
//! | has a table | is zero | | it was cut in the middle: it goes on |
//! | | is not | nothing | it had ended and its report was lost: it is done |
//! | | | something | it had ended and somebody has used the disk since: a person decides |
//! | has none that can be trusted | | nothing | it had ended and its report was lost: it is done |
//! | | | something | it was cut, or it had ended and the disk was used: nobody can tell, a person decides |

use imager::{
    Error, ErrorKind, Result,
    disk::ReadAt,
    exchange::MasterSource,
    progress::{Phase, Progress},
    restore::{RestoreOptions, Restored, restore},
    target::Target,
};
use protocol::manifest::{Root, TableKind};
use std::{
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
};

/// What became of a restore.
#[derive(Debug)]
pub enum Settled {
    /// It was cut in the middle.
    Cut,
    /// It had ended: the disk holds the master. Nothing was written.
    Ended(Box<Restored>),
    /// The disk is neither the master nor surely what a cut leaves: it may have been used since. Nothing was written.
    Unclear,
}

/// Finds out, without writing.
///
/// # Errors
/// What reading the disk or the manifest meets, and what would refuse the restore itself.
pub fn settle(
    source: &dyn MasterSource,
    target: &dyn Target,
    options: &RestoreOptions,
    progress: &dyn Progress,
) -> Result<Settled> {
    let master = options.key.open(&source.root(&options.master)?)?;
    if lacks_start_of_table(&master, target)? {
        return Ok(Settled::Cut);
    }
    let untouched = Untouched {
        target,
        differs: AtomicBool::new(false),
    };
    match restore(source, &untouched, options, &OnlyCompared(progress)) {
        Ok(restored) => Ok(Settled::Ended(Box::new(restored))),
        Err(_) if untouched.differs.load(Ordering::Relaxed) => Ok(Settled::Unclear),
        Err(error) => Err(error),
    }
}

/// Whether what is written last of all is still as it was zeroed first of all. A table that can be trusted is not zero there.
fn lacks_start_of_table(master: &Root, target: &dyn Target) -> Result<bool> {
    let start = master
        .primary_table
        .first()
        .filter(|range| master.table != TableKind::None && range.end() <= target.len());
    let Some(range) = start else {
        return Ok(false);
    };
    // Checked with the root: a table is at most 4 MiB.
    let mut there = vec![0; usize::try_from(range.length).unwrap_or(0)];
    target.read_exact_at(&mut there, range.start)?;
    Ok(there.iter().all(|byte| *byte == 0))
}

/// Whoever watches is not told what would be written: nothing will be.
struct OnlyCompared<'a>(&'a dyn Progress);

impl Progress for OnlyCompared<'_> {
    fn report(&self, phase: Phase, done: u64, total: u64) {
        self.0.report(phase, done, total);
    }
    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

/// A target that lets itself be compared and refuses the first write.
struct Untouched<'a> {
    target: &'a dyn Target,
    differs: AtomicBool,
}

impl Untouched<'_> {
    fn refuse(&self) -> Result<()> {
        self.differs.store(true, Ordering::Relaxed);
        Err(Error::new(ErrorKind::Refused, "the disk is only compared"))
    }
}

impl ReadAt for Untouched<'_> {
    fn len(&self) -> u64 {
        self.target.len()
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.target.read_exact_at(buffer, offset)
    }
    fn sector_size(&self) -> u32 {
        self.target.sector_size()
    }
    fn next_data(&self, offset: u64) -> Option<Range<u64>> {
        self.target.next_data(offset)
    }
}

impl Target for Untouched<'_> {
    fn write_all_at(&self, _bytes: &[u8], _offset: u64) -> Result<()> {
        self.refuse()
    }
    fn zero_range(&self, _range: Range<u64>) -> Result<()> {
        self.refuse()
    }
    fn discard_range(&self, _range: Range<u64>) {}
    fn flush(&self) -> Result<()> {
        Ok(())
    }
    fn forget(&self) -> Result<()> {
        self.target.forget()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imager::{
        Unwatched,
        capture::{CaptureOptions, capture},
        partition::{Table, read_table},
        store::Store,
        target::TargetDisk,
    };
    use protocol::MasterRef;

    /// A disk of 4 MiB with an MBR and one partition of nothing known.
    fn disk() -> Vec<u8> {
        let mut disk: Vec<u8> = (0..4u32 << 20).map(|place| (place / 4096 % 251) as u8).collect();
        disk[..1 << 20].fill(0);
        let entry = &mut disk[446..462];
        entry[4] = 0x83;
        entry[8..12].copy_from_slice(&2048u32.to_le_bytes());
        entry[12..16].copy_from_slice(&6144u32.to_le_bytes());
        disk[510..512].copy_from_slice(&[0x55, 0xAA]);
        disk
    }

    /// A store with `master` as its first master, and a way to settle a restore of it that left `content` on a disk.
    struct Case {
        folder: tempfile::TempDir,
        store: Store,
        options: RestoreOptions,
    }

    impl Case {
        fn of(master: &[u8]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::init(&folder.path().join("store")).unwrap();
            let options = CaptureOptions::new("m".parse().unwrap());
            capture(&master, &store, &options, &Unwatched).unwrap();
            let name: MasterRef = "m@1".parse().unwrap();
            let options = RestoreOptions::new(name, store.public_key());
            Self {
                folder,
                store,
                options,
            }
        }

        fn settled(&self, content: &[u8]) -> Settled {
            let path = self.folder.path().join("disk");
            std::fs::write(&path, content).unwrap();
            let target = TargetDisk::open(&path, content.len() as u64, 512).unwrap();
            let settled = settle(&self.store, &target, &self.options, &Unwatched).unwrap();
            assert!(std::fs::read(&path).unwrap() == content, "it was written to");
            settled
        }
    }

    fn has_ended(settled: &Settled) -> bool {
        matches!(settled, Settled::Ended(restored) if restored.counts.bytes_written == 0)
    }

    #[test]
    fn a_disk_that_somebody_used_after_its_restore_is_not_written_again() {
        let master = disk();
        let case = Case::of(&master);
        assert!(has_ended(&case.settled(&master)), "only its report was lost");
        let mut used = master.clone();
        used[3 << 20] ^= 1;
        assert!(matches!(case.settled(&used), Settled::Unclear));
        let mut damaged = used.clone();
        // An extended partition that leads nowhere: a table is there, and it cannot be trusted.
        damaged[450] = 0x05;
        assert!(matches!(
            read_table(&&damaged[..], 512).unwrap().table,
            Table::Damaged { .. }
        ));
        assert!(
            matches!(case.settled(&damaged), Settled::Unclear),
            "no cut leaves a damaged table"
        );
        let mut formatted = used.clone();
        formatted[..512].fill(0);
        formatted[3..11].copy_from_slice(b"MSDOS5.0");
        assert!(
            matches!(case.settled(&formatted), Settled::Unclear),
            "no cut leaves anything where the table starts"
        );
        used[..512].fill(0);
        assert!(
            matches!(case.settled(&used), Settled::Cut),
            "the table goes first and comes last"
        );
    }

    #[test]
    fn a_master_without_a_table_is_not_written_over_a_disk_that_may_have_been_used() {
        let mut bare = disk();
        bare[..512].fill(0);
        let mut damaged = disk();
        damaged[450] = 0x05;
        for master in [bare, damaged] {
            let case = Case::of(&master);
            assert!(has_ended(&case.settled(&master)), "only its report was lost");
            let mut used = master.clone();
            used[3 << 20] ^= 1;
            assert!(matches!(case.settled(&used), Settled::Unclear));
        }
    }
}
