//! What is written to: a disk, a partition or an image file.

use crate::{
    device,
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    medium::Medium,
};
use nix::fcntl::{FallocateFlags, OFlag, PosixFadviseAdvice, fallocate, posix_fadvise};
use std::{
    fs::{File, OpenOptions},
    ops::Range,
    os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt},
    path::Path,
};

/// Something that a master is put on, written at any offset by several threads at once.
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

/// A block device or an image file, opened for a restore.
pub struct TargetDisk {
    medium: Medium,
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
            return Ok(Self {
                medium: Medium::device(file, path)?,
            });
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
        Ok(Self {
            medium: Medium::image(file, path, size, sector_size),
        })
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
        self.medium
            .file
            .write_all_at(bytes, offset)
            .map_err(|error| self.write_failed(&range, error))
    }

    fn zero_range(&self, range: Range<u64>) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        if range.end > self.medium.size {
            return Err(self.write_failed(&range, std::io::Error::other("it reaches behind the end")));
        }
        if !self.medium.regular {
            return self.zero_device(range);
        }
        let quick = match (i64::try_from(range.start), i64::try_from(range.end - range.start)) {
            (Ok(start), Ok(length)) => fallocate(
                &self.medium.file,
                FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE,
                start,
                length,
            )
            .is_ok(),
            _ => false,
        };
        if quick {
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

    #[test]
    fn zeroing_touches_nothing_beside_its_range() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("target");
        std::fs::write(&path, vec![7; 300_000]).unwrap();
        let target = TargetDisk::open(&path, 0, 512).unwrap();
        target.zero_range(512..200_000).unwrap();
        target.write_zeros(250_000..250_001).unwrap();
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
