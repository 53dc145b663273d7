//! What is written to: a disk, a partition or an image file.

pub(crate) mod pages;

use crate::{
    aligned::AlignedBuffer,
    device,
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    medium::Medium,
};
use nix::fcntl::{FallocateFlags, OFlag, PosixFadviseAdvice, fallocate, posix_fadvise};
use pages::{Blocks, Pages};
use std::{
    fs::{File, OpenOptions},
    ops::Range,
    os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt},
    path::Path,
};

/// Something that a master is put on, written at any offset by several threads at once.
///
/// Between two flushes nothing is written twice with different bytes, and what was written may be read as it was before:
/// only a flush ends that.
pub trait Target: ReadAt {
    /// Writes all bytes from `offset` on.
    ///
    /// # Errors
    /// [`ErrorKind::Write`] naming the range, also when it reaches behind the end.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()>;

    /// Makes a range read as zeros.
    ///
    /// # Errors
    /// [`ErrorKind::Write`] naming the range.
    fn zero_range(&self, range: Range<u64>) -> Result<()>;

    /// Says that a range has no meaning any more. It may do nothing, and what is read there afterwards is not defined.
    fn discard_range(&self, range: Range<u64>);

    /// When this returns, everything written before it survives a power cut.
    ///
    /// # Errors
    /// The medium did not take it.
    fn flush(&self) -> Result<()>;

    /// Drops what memory keeps of the target, as far as it can, so that reading asks the medium. After [`Target::flush`].
    ///
    /// # Errors
    /// The system refused.
    fn forget(&self) -> Result<()>;
}

/// No page of a block device's cache is larger; a multiple of every sector size.
const PAGE: u64 = 64 << 10;
/// Zeros written in one go.
const ZEROS_LEN: u64 = 1 << 20;

/// A block device or an image file, opened for a restore. It is written past the page cache where that can be
/// (docs/adr/0015-past-the-page-cache.md).
pub struct TargetDisk {
    medium: Medium,
    /// Who writes past the page cache, and what that has to be aligned to.
    past_cache: Option<(Pages, u64)>,
}

impl Drop for TargetDisk {
    fn drop(&mut self) {
        // A child that another thread is just starting holds a copy of every descriptor until it runs its program; the
        // lock must not outlive us in it.
        if self.medium.regular {
            let _ = self.medium.file.unlock();
        }
    }
}

impl TargetDisk {
    /// Opens a block device, or an image file that is made if it is not there.
    ///
    /// A new or empty file gets the size and the sector size given, which are the master's; another file keeps its size.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if it is mounted, held by another device, attached to a loop device or locked;
    /// [`ErrorKind::Refused`] if it is read-only or no such thing.
    pub fn open(path: &Path, disk_size: u64, sector_size: u32) -> Result<Self> {
        let failed = |error| Error::io(format!("opening {}", path.display()), error);
        let busy = |why: &str| {
            Error::new(ErrorKind::Busy, format!("{} is {why}", path.display()))
                .with_remedy("unmount it and everything on it, or choose another target")
        };
        let read_only = || {
            Error::new(
                ErrorKind::Refused,
                format!("{} cannot be written to", path.display()),
            )
            .with_remedy("take its write protection away, or choose another target")
        };
        let kind = std::fs::metadata(path).ok().map(|metadata| metadata.file_type());
        let is_device = kind.is_some_and(|kind| kind.is_block_device());
        if kind.is_some_and(|kind| !kind.is_block_device() && !kind.is_file()) {
            return Err(Medium::refused(path));
        }
        // On a block device O_EXCL without O_CREAT means: not if it, or a part of it, is mounted or held.
        let flags = OFlag::O_CLOEXEC.bits() | if is_device { OFlag::O_EXCL.bits() } else { 0 };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(!is_device)
            .truncate(false)
            .custom_flags(flags)
            .open(path)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::ResourceBusy => busy("mounted or held"),
                std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => {
                    read_only().with_source(error)
                }
                _ => failed(error),
            })?;
        if is_device {
            if device::is_read_only(&file, path)? {
                return Err(read_only());
            }
            return Ok(Self::new(Medium::device(file, path)?));
        }
        if loop_device_of(path).is_some() {
            return Err(busy("attached to a loop device"));
        }
        if file.try_lock().is_err() {
            return Err(busy("locked by another program"));
        }
        let mut size = file.metadata().map_err(failed)?.len();
        if size == 0 {
            file.set_len(disk_size).map_err(failed)?;
            size = disk_size;
            if kind.is_none() {
                // Its name, too, must survive a power cut; a folder that cannot be opened has no way to say so.
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) {
                    folder.sync_all().map_err(failed)?;
                }
            }
        }
        Ok(Self::new(Medium::image(file, path, size, sector_size)))
    }

    fn new(mut medium: Medium) -> Self {
        let past_cache = medium.write_past_cache().map(|block| (Pages::default(), block));
        Self { medium, past_cache }
    }

    /// Makes a range of a file a hole, if its filesystem can.
    fn punch(&self, range: &Range<u64>) -> bool {
        match (i64::try_from(range.start), i64::try_from(range.end - range.start)) {
            (Ok(start), Ok(length)) => fallocate(
                &self.medium.file,
                FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE,
                start,
                length,
            )
            .is_ok(),
            _ => false,
        }
    }

    fn write_cached(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.medium
            .file
            .write_all_at(bytes, offset)
            .map_err(|error| self.write_failed(&(offset..offset.saturating_add(bytes.len() as u64)), error))
    }

    /// Zeroes a range of a block device: whole pages by the device, what is left at both ends through the page cache.
    ///
    /// The device zeroes beside the page cache. Another thread that writes the other half of a page at that moment may
    /// have read the old bytes into it, and they would come back when the page is written out.
    fn zero_device(&self, range: Range<u64>) -> Result<()> {
        let inner = whole_pages(&range);
        if inner.is_empty() || device::zero_out(&self.medium.file, inner.clone()).is_err() {
            return self.write_zeros(range);
        }
        self.write_zeros(range.start..inner.start)?;
        self.write_zeros(inner.end..range.end)
    }

    fn write_zeros(&self, range: Range<u64>) -> Result<()> {
        let length = (range.end - range.start).min(ZEROS_LEN);
        let zeros = vec![0u8; usize::try_from(length).unwrap_or(0)];
        let mut offset = range.start;
        while offset < range.end {
            let length = usize::try_from(range.end - offset)
                .unwrap_or(usize::MAX)
                .min(zeros.len());
            self.write_all_at(&zeros[..length], offset)?;
            offset += length as u64;
        }
        Ok(())
    }

    fn write_failed(&self, range: &Range<u64>, error: std::io::Error) -> Error {
        Error::caused(
            ErrorKind::Write,
            format!(
                "writing {} bytes at offset {} of {}",
                range.end - range.start,
                range.start,
                self.medium.path.display()
            ),
            error,
        )
        .with_remedy("run the restore again when the cause is gone; it resumes with what lacks")
    }
}

impl ReadAt for TargetDisk {
    fn len(&self) -> u64 {
        self.medium.len()
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.medium.read_exact_at(buffer, offset)
    }
    fn sector_size(&self) -> u32 {
        self.medium.sector_size()
    }
    fn next_data(&self, offset: u64) -> Option<Range<u64>> {
        self.medium.next_data(offset)
    }
}

impl Target for TargetDisk {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let range = offset..offset.saturating_add(bytes.len() as u64);
        if range.end > self.medium.size {
            return Err(self.write_failed(&range, std::io::Error::other("it reaches behind the end")));
        }
        match &self.past_cache {
            Some((pages, _)) => pages.write(self, bytes, offset),
            None => self.write_cached(bytes, offset),
        }
    }

    fn zero_range(&self, range: Range<u64>) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        if range.end > self.medium.size {
            return Err(self.write_failed(&range, std::io::Error::other("it reaches behind the end")));
        }
        if let Some((pages, _)) = &self.past_cache {
            return pages.zero(self, range);
        }
        if !self.medium.regular {
            return self.zero_device(range);
        }
        if self.punch(&range) {
            return Ok(());
        }
        self.write_zeros(range)
    }

    fn discard_range(&self, range: Range<u64>) {
        let sector = u64::from(self.medium.sector_size);
        if !self.medium.regular && range.end <= self.medium.size && is_aligned(&range, sector) {
            // A medium that does not know discarding loses nothing by it.
            let _ = device::discard(&self.medium.file, range);
        }
    }

    fn flush(&self) -> Result<()> {
        if let Some((pages, _)) = &self.past_cache {
            pages.write_out(self)?;
            if pages.is_lost() {
                return Err(Error::new(
                    ErrorKind::Write,
                    format!(
                        "not everything could be written to {}",
                        self.medium.path.display()
                    ),
                )
                .with_remedy("run the restore again when the cause is gone; it resumes with what lacks"));
            }
        }
        self.medium.file.sync_all().map_err(|error| {
            Error::caused(
                ErrorKind::Write,
                format!("flushing {}", self.medium.path.display()),
                error,
            )
            .with_remedy("the medium may be failing: look at its SMART values and the kernel's messages")
        })
    }

    fn forget(&self) -> Result<()> {
        let failed = |error: std::io::Error| {
            Error::io(
                format!("dropping the cache of {}", self.medium.path.display()),
                error,
            )
        };
        if !self.medium.regular {
            device::flush_buffers(&self.medium.file).map_err(failed)?;
        }
        posix_fadvise(&self.medium.file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)
            .map_err(|error| failed(error.into()))
    }
}

impl Blocks for TargetDisk {
    fn len(&self) -> u64 {
        self.medium.size
    }

    fn block_len(&self) -> u64 {
        self.past_cache.as_ref().map_or(pages::PAGE, |(_, block)| *block)
    }

    fn write_blocks(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let uncached = self.medium.uncached().unwrap_or(&self.medium.file);
        match uncached.write_all_at(bytes, offset) {
            // It wants more than it says. These blocks are in the cache then, and never written in both ways.
            Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
                self.write_cached(bytes, offset)
            }
            Err(error) => Err(self.write_failed(&(offset..offset.saturating_add(bytes.len() as u64)), error)),
            Ok(()) => Ok(()),
        }
    }

    fn read_blocks(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.medium.reread_exact_at(buffer, offset)
    }

    fn zero_blocks(&self, range: Range<u64>) -> Result<()> {
        let is_done = match self.medium.regular {
            true => self.punch(&range),
            false => device::zero_out(&self.medium.file, range.clone()).is_ok(),
        };
        if is_done {
            return Ok(());
        }
        let mut zeros = AlignedBuffer::default();
        let zeros = zeros.at_least(usize::try_from((range.end - range.start).min(ZEROS_LEN)).unwrap_or(0));
        let mut offset = range.start;
        while offset < range.end {
            let length = zeros
                .len()
                .min(usize::try_from(range.end - offset).unwrap_or(usize::MAX));
            self.write_blocks(&zeros[..length], offset)?;
            offset += length as u64;
        }
        Ok(())
    }

    fn write_end(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.write_cached(bytes, offset)
    }
}

/// The pages that lie wholly in a range; empty if there is none.
fn whole_pages(range: &Range<u64>) -> Range<u64> {
    let start = range.start.checked_next_multiple_of(PAGE).unwrap_or(u64::MAX);
    start..(range.end - range.end % PAGE)
}

fn is_aligned(range: &Range<u64>, sector: u64) -> bool {
    range.start.is_multiple_of(sector) && range.end.is_multiple_of(sector)
}

/// The loop device that a file is attached to, if there is one.
fn loop_device_of(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    for entry in std::fs::read_dir("/sys/block").ok()?.flatten() {
        let backing = entry.path().join("loop/backing_file");
        if std::fs::read_to_string(backing).is_ok_and(|text| Path::new(text.trim_end()) == path) {
            return entry.file_name().into_string().ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_pages_are_zeroed_beside_the_cache() {
        assert_eq!(whole_pages(&(512..4 * PAGE + 512)), PAGE..4 * PAGE);
        assert_eq!(whole_pages(&(0..PAGE)), 0..PAGE);
        assert!(whole_pages(&(512..PAGE + 512)).is_empty());
        assert!(whole_pages(&(u64::MAX - 10..u64::MAX)).is_empty());
    }

    #[test]
    fn the_lock_on_an_image_ends_with_its_owner_also_while_a_child_is_being_started() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        let target = TargetDisk::open(&path, 1 << 20, 512).unwrap();
        assert!(TargetDisk::open(&path, 1 << 20, 512).is_err(), "two write to it");
        let inherited = target.medium.file.try_clone().unwrap();
        drop(target);
        TargetDisk::open(&path, 1 << 20, 512).unwrap();
        drop(inherited);
    }

    /// Disjoint pieces of any length, as a restore writes them: what several threads make of a file beneath which there
    /// is a disk, and nothing that was in the cache before comes back.
    #[test]
    fn a_file_on_a_disk_has_what_several_threads_wrote_to_it() {
        // Beside the program that runs: there a disk is more likely than where temporary files are.
        let beside = std::env::current_exe().unwrap();
        let folder = tempfile::tempdir_in(beside.parent().unwrap()).unwrap();
        let path = folder.path().join("target");
        let size = (3 << 20) + 777usize;
        std::fs::write(&path, vec![7; size]).unwrap();
        let target = TargetDisk::open(&path, 0, 512).unwrap();
        let mut old = AlignedBuffer::default();
        target.read_exact_at(old.at_least(size), 0).unwrap();
        let expected: Vec<u8> = (0..size).map(|at| (at / 1000 % 251) as u8).collect();
        let lengths = [512, 1024, 300_000, 3000, 70_000, 4096, 100_000, 5000];
        let pieces: Vec<std::ops::Range<usize>> = lengths
            .iter()
            .cycle()
            .scan(0, |at, length| {
                let start = *at;
                *at = (start + length).min(size);
                (start < size).then_some(start..*at)
            })
            .collect();
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (pieces, expected, target) = (&pieces, &expected, &target);
                scope.spawn(move || {
                    for piece in pieces.iter().skip(thread).step_by(3) {
                        // Somebody reads through the cache meanwhile.
                        let _ = std::fs::read(&target.medium.path);
                        target
                            .write_all_at(&expected[piece.clone()], piece.start as u64)
                            .unwrap();
                    }
                });
            }
        });
        target.flush().unwrap();
        assert!(std::fs::read(&path).unwrap() == expected);
        target.forget().unwrap();
        let there = old.at_least(size);
        target.read_exact_at(there, 0).unwrap();
        assert!(there == expected);
        let zeros = 300..1_500_001u64;
        target.zero_range(zeros.clone()).unwrap();
        target.flush().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert!((0..size).all(|at| bytes[at]
            == if zeros.contains(&(at as u64)) {
                0
            } else {
                expected[at]
            }));
    }

    #[test]
    fn zeroing_touches_nothing_beside_its_range() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("target");
        std::fs::write(&path, vec![7; 300_000]).unwrap();
        let target = TargetDisk::open(&path, 0, 512).unwrap();
        target.zero_range(512..200_000).unwrap();
        target.zero_range(250_000..250_001).unwrap();
        target.flush().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let zero = |at: usize| (512..200_000).contains(&at) || at == 250_000;
        assert!(
            bytes
                .iter()
                .enumerate()
                .all(|(at, byte)| (*byte == 0) == zero(at))
        );
    }
}
