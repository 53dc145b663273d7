//! What is read from: a disk, a partition, an image file, or bytes in a test. Nothing here can write.

use crate::{
    error::{Error, ErrorKind, Result},
    medium::Medium,
};
use std::{
    fs::OpenOptions,
    ops::Range,
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

/// Something of fixed length that is read at any offset, by several threads at once.
pub trait ReadAt: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Whether it has no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills the buffer from `offset` on.
    ///
    /// # Errors
    /// [`ErrorKind::Read`] naming the range, also when it reaches behind the end.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()>;

    /// The same, asking the medium itself where there is a cache before it: a cache reads whole pages, and fails for all of
    /// one where a single sector is bad. Slower, for what did not read at once.
    ///
    /// # Errors
    /// As [`ReadAt::read_exact_at`].
    fn reread_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.read_exact_at(buffer, offset)
    }

    /// Logical sector size in bytes.
    fn sector_size(&self) -> u32 {
        512
    }

    /// The next range at or behind `offset` that may hold something else than zeros, if there is one: what lies before
    /// it is a hole, known to read as zeros.
    fn next_data(&self, offset: u64) -> Option<Range<u64>> {
        (offset < self.len()).then(|| offset..self.len())
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn len(&self) -> u64 {
        (**self).len()
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        (**self).read_exact_at(buffer, offset)
    }
    fn reread_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        (**self).reread_exact_at(buffer, offset)
    }
    fn sector_size(&self) -> u32 {
        (**self).sector_size()
    }
    fn next_data(&self, offset: u64) -> Option<Range<u64>> {
        (**self).next_data(offset)
    }
}

impl ReadAt for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..start.checked_add(buffer.len())?))
            .ok_or_else(|| behind_the_end(buffer.len(), offset, <[u8]>::len(self) as u64))?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.as_slice().read_exact_at(buffer, offset)
    }
}

/// A range of something larger: a partition of a disk.
pub struct Window<'a> {
    whole: &'a dyn ReadAt,
    range: Range<u64>,
}

impl<'a> Window<'a> {
    /// The bytes `range` of `whole`, cut to what `whole` has.
    #[must_use]
    pub fn new(whole: &'a dyn ReadAt, range: Range<u64>) -> Self {
        let end = range.end.min(whole.len());
        Self {
            whole,
            range: range.start.min(end)..end,
        }
    }
}

impl ReadAt for Window<'_> {
    fn len(&self) -> u64 {
        self.range.end - self.range.start
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        if offset
            .checked_add(buffer.len() as u64)
            .is_none_or(|end| end > self.len())
        {
            return Err(behind_the_end(buffer.len(), offset, self.len()));
        }
        self.whole.read_exact_at(buffer, self.range.start + offset)
    }
    fn sector_size(&self) -> u32 {
        self.whole.sector_size()
    }
}

/// A disk, a partition or an image file, opened for reading only.
pub struct SourceDisk {
    medium: Medium,
}

impl SourceDisk {
    /// Opens a block device or a regular file. A block device must not be mounted or held: what changes while it is
    /// read makes a torn copy.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] for a device in use, else whatever opening it met.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, nix::fcntl::OFlag::O_EXCL.bits())
    }

    /// Opens it even when it is in use, to look at it: what is read may change meanwhile.
    ///
    /// # Errors
    /// Whatever opening it met.
    pub fn open_to_look(path: &Path) -> Result<Self> {
        Self::open_with(path, 0)
    }

    fn open_with(path: &Path, device_flags: i32) -> Result<Self> {
        let failed = |error| Error::io(format!("opening {}", path.display()), error);
        let kind = std::fs::metadata(path).map_err(failed)?.file_type();
        let flags =
            nix::fcntl::OFlag::O_CLOEXEC.bits() | if kind.is_block_device() { device_flags } else { 0 };
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)
            .map_err(|error| {
                let error = failed(error);
                if error.kind() == ErrorKind::Busy {
                    return error.with_remedy("it is mounted or held; unmount it and everything on it first");
                }
                error
            })?;
        let medium = if kind.is_block_device() {
            let mut medium = Medium::device(file, path)?;
            medium.read_past_cache();
            medium
        } else if kind.is_file() {
            let size = file.metadata().map_err(failed)?.len();
            Medium::image(file, path, size, 512)
        } else {
            return Err(Medium::refused(path));
        };
        Ok(Self { medium })
    }

    /// Takes another logical sector size for an image file of a disk that has it.
    #[must_use]
    pub fn with_sector_size(mut self, sector_size: u32) -> Self {
        if self.medium.regular {
            self.medium.sector_size = sector_size;
        }
        self
    }

    /// Where it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.medium.path
    }
}

impl ReadAt for SourceDisk {
    fn len(&self) -> u64 {
        self.medium.len()
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.medium.read_exact_at(buffer, offset)
    }
    fn reread_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.medium.reread_exact_at(buffer, offset)
    }
    fn sector_size(&self) -> u32 {
        self.medium.sector_size()
    }
    fn next_data(&self, offset: u64) -> Option<Range<u64>> {
        self.medium.next_data(offset)
    }
}

fn behind_the_end(wanted: usize, offset: u64, length: u64) -> Error {
    Error::new(
        ErrorKind::Read,
        format!("reading {wanted} bytes at offset {offset} reaches behind the end at {length}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, os::unix::fs::FileExt};

    #[test]
    fn holes_of_an_image_file_are_known_without_reading() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(8 << 20).unwrap();
        file.as_file().write_all_at(&[1; 4096], 4 << 20).unwrap();
        file.flush().unwrap();
        let disk = SourceDisk::open(file.path()).unwrap();
        let data = disk.next_data(0).unwrap();
        assert!(data.start <= 4 << 20 && data.end >= (4 << 20) + 4096);
        if data.start > 0 {
            // Filesystems without holes call everything data; then there is nothing behind.
            assert_eq!(disk.next_data(data.end), None);
        }
    }

    #[test]
    fn a_window_ends_where_its_range_ends() {
        let bytes = vec![7u8; 100];
        let window = Window::new(&bytes, 10..60);
        assert_eq!(window.len(), 50);
        assert!(window.read_exact_at(&mut [0; 10], 41).is_err());
        assert!(window.read_exact_at(&mut [0; 10], 40).is_ok());
        assert!(window.read_exact_at(&mut [0; 1], u64::MAX).is_err());
    }
}
