//! An opened block device or image file: what a source and a target have in common.

use crate::{
    device,
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
};
use std::{
    fs::File,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// A file that is a disk: either a device of the kernel, or bytes in a regular file.
pub(crate) struct Medium {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    pub(crate) sector_size: u32,
    pub(crate) regular: bool,
}

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
        }
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
        self.file.read_exact_at(buffer, offset).map_err(|error| {
            Error::caused(
                ErrorKind::Read,
                format!(
                    "reading {} bytes at offset {offset} of {}",
                    buffer.len(),
                    self.path.display()
                ),
                error,
            )
            .with_remedy("the medium may be failing: look at its SMART values and the kernel's messages")
        })
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
