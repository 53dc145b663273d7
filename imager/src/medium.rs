//! An opened block device or image file: what a source and a target have in common.

use crate::{
    aligned::{ALIGNMENT, AlignedBuffer},
    device,
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
};
use nix::sys::statfs::FsType;
use std::{
    fs::{File, OpenOptions},
    ops::Range,
    os::{
        fd::AsRawFd,
        unix::fs::{FileExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// A file that is a disk: either a device of the kernel, or bytes in a regular file.
pub(crate) struct Medium {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    pub(crate) sector_size: u32,
    pub(crate) regular: bool,
    /// The same, opened past the page cache, when it was first needed; `None` if that cannot be.
    uncached: OnceLock<Option<File>>,
    /// Whether long reads go past the cache.
    reads_past_cache: bool,
}

/// Shorter reads go through the cache: what reads structures comes back to the same pages.
const UNCACHED_MIN: usize = 256 << 10;

impl Medium {
    /// An opened block device.
    ///
    /// # Errors
    /// The kernel does not tell its size.
    pub(crate) fn device(file: File, path: &Path) -> Result<Self> {
        let size = device::size(&file, path)?;
        let sector_size = device::sector_size(&file, path)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            size,
            sector_size,
            regular: false,
            uncached: OnceLock::new(),
            reads_past_cache: false,
        })
    }

    /// An opened regular file of that size, taken for a disk with such sectors.
    pub(crate) fn image(file: File, path: &Path, size: u64, sector_size: u32) -> Self {
        Self {
            file,
            path: path.to_owned(),
            size,
            sector_size,
            regular: true,
            uncached: OnceLock::new(),
            reads_past_cache: false,
        }
    }

    /// The medium past the page cache. What is open already is opened once more, whatever its path names by now.
    fn open_past_cache(&self, writable: bool) -> Option<File> {
        OpenOptions::new()
            .read(true)
            .write(writable)
            .custom_flags((nix::fcntl::OFlag::O_DIRECT | nix::fcntl::OFlag::O_CLOEXEC).bits())
            .open(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
            .ok()
    }

    /// The medium past the page cache, if it is or can be opened so.
    pub(crate) fn uncached(&self) -> Option<&File> {
        self.uncached.get_or_init(|| self.open_past_cache(false)).as_ref()
    }

    /// Lets long reads of a device go past the page cache from now on, which would take more time for them than hashing does
    /// (docs/adr/0015-past-the-page-cache.md). Opens what that needs now: who reads may not be allowed to.
    pub(crate) fn read_past_cache(&mut self) {
        self.reads_past_cache = !self.regular && self.uncached().is_some();
    }

    /// Opens the medium for reads and writes past the page cache, if that saves anything. Tells what these have to be
    /// aligned to.
    pub(crate) fn write_past_cache(&mut self) -> Option<u64> {
        if self.regular && is_in_memory(&self.file) {
            return None;
        }
        let file = self.open_past_cache(true)?;
        // What a file's filesystem takes is its blocks, whatever sectors the disk in it is said to have.
        let block = if self.regular {
            ALIGNMENT
        } else {
            self.sector_size as usize
        };
        if !ALIGNMENT.is_multiple_of(block) || self.size < ALIGNMENT as u64 {
            return None;
        }
        let is_refused = file
            .read_exact_at(AlignedBuffer::default().at_least(block), 0)
            .is_err_and(|error| error.kind() == std::io::ErrorKind::InvalidInput);
        if is_refused {
            return None;
        }
        self.uncached = OnceLock::from(Some(file));
        self.reads_past_cache = true;
        Some(block as u64)
    }

    /// The medium past the page cache for a read that is long and aligned, if that was prepared.
    fn uncached_for(&self, buffer: &[u8], offset: u64) -> Option<&File> {
        let sector = self.sector_size as usize;
        let fits = self.reads_past_cache
            && buffer.len() >= UNCACHED_MIN
            && buffer.len().is_multiple_of(sector)
            && buffer.as_ptr().addr().is_multiple_of(sector)
            && offset.is_multiple_of(u64::from(self.sector_size));
        self.uncached.get().filter(|_| fits)?.as_ref()
    }

    fn read_failed(&self, length: usize, offset: u64, error: std::io::Error) -> Error {
        Error::caused(
            ErrorKind::Read,
            format!(
                "reading {length} bytes at offset {offset} of {}",
                self.path.display()
            ),
            error,
        )
        .with_remedy("the medium may be failing: look at its SMART values and the kernel's messages")
    }

    /// What was opened is no disk and cannot stand for one.
    pub(crate) fn refused(path: &Path) -> Error {
        Error::new(
            ErrorKind::Refused,
            format!("{} is neither a block device nor a regular file", path.display()),
        )
    }
}

impl ReadAt for Medium {
    fn len(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        if let Some(uncached) = self.uncached_for(buffer, offset) {
            match uncached.read_exact_at(buffer, offset) {
                Ok(()) => return Ok(()),
                // A device that wants more alignment than its sectors have.
                Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {}
                Err(error) => return Err(self.read_failed(buffer.len(), offset, error)),
            }
        }
        self.file
            .read_exact_at(buffer, offset)
            .map_err(|error| self.read_failed(buffer.len(), offset, error))
    }

    fn reread_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let sector = u64::from(self.sector_size);
        let is_aligned = offset.is_multiple_of(sector) && (buffer.len() as u64).is_multiple_of(sector);
        let Some(uncached) = self.uncached().filter(|_| is_aligned) else {
            return self.read_exact_at(buffer, offset);
        };
        let mut aligned = AlignedBuffer::default();
        let aligned = aligned.at_least(buffer.len());
        match uncached.read_exact_at(aligned, offset) {
            Ok(()) => {
                buffer.copy_from_slice(aligned);
                Ok(())
            }
            // A file on a filesystem with larger blocks than the sectors of the disk in it.
            Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
                self.read_exact_at(buffer, offset)
            }
            Err(error) => Err(self.read_failed(buffer.len(), offset, error)),
        }
    }

    fn sector_size(&self) -> u32 {
        self.sector_size
    }

    fn next_data(&self, offset: u64) -> Option<Range<u64>> {
        if !self.regular {
            return (offset < self.size).then_some(offset..self.size);
        }
        device::next_data(&self.file, offset, self.size)
    }
}

/// Whether a file lies in memory, where there is nothing behind the page cache.
fn is_in_memory(file: &File) -> bool {
    // linux/magic.h
    const RAMFS_MAGIC: FsType = FsType(0x8584_58F6);
    nix::sys::statfs::fstatfs(file)
        .is_ok_and(|found| [nix::sys::statfs::TMPFS_MAGIC, RAMFS_MAGIC].contains(&found.filesystem_type()))
}
