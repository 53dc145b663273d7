//! Disk images: sparse files that a machine takes for a disk.

use crate::process::{command, run};
use anyhow::{Context, Result};
use std::{
    fs::File,
    io::Read,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// An image with the serial number that the machine sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    path: PathBuf,
    serial: String,
}

impl Disk {
    /// A blank one in `folder`.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn blank(folder: &Path, serial: &str, size: u64) -> Result<Self> {
        let path = folder.join(format!("{serial}.img"));
        let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        file.set_len(size)
            .with_context(|| format!("cannot give {} its size", path.display()))?;
        Ok(Self {
            path,
            serial: serial.to_owned(),
        })
    }

    /// A copy of the image `original` in `folder`.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn copy(folder: &Path, serial: &str, original: &Path) -> Result<Self> {
        let path = folder.join(format!("{serial}.img"));
        run(command(["cp", "--reflink=auto", "--sparse=always"])
            .arg(original)
            .arg(&path))?;
        Ok(Self {
            path,
            serial: serial.to_owned(),
        })
    }

    /// Where the image is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its serial number.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// BLAKE3 of every byte, to see that nothing has changed.
    ///
    /// # Errors
    /// The image cannot be read.
    pub fn digest(&self) -> Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update_reader(File::open(&self.path)?)
            .with_context(|| format!("cannot read {}", self.path.display()))?;
        Ok(hasher.finalize())
    }

    /// Whether nothing was ever written to it but zeros.
    ///
    /// # Errors
    /// The image cannot be read.
    pub fn is_blank(&self) -> Result<bool> {
        let mut file =
            File::open(&self.path).with_context(|| format!("cannot read {}", self.path.display()))?;
        let mut block = vec![0u8; 1 << 20];
        loop {
            let length = file.read(&mut block)?;
            if length == 0 {
                return Ok(true);
            }
            if block[..length].iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
        }
    }

    /// Writes `bytes` at `offset`, as somebody with a screwdriver could.
    ///
    /// # Errors
    /// The image cannot be written.
    pub fn scribble(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let file = File::options().write(true).open(&self.path)?;
        file.write_all_at(bytes, offset)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_disk_is_blank_until_somebody_scribbles_on_it() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::blank(folder.path(), "B1", 3 << 20).unwrap();
        let before = disk.digest().unwrap();
        assert!(disk.is_blank().unwrap());
        disk.scribble((3 << 20) - 1, b"x").unwrap();
        assert!(!disk.is_blank().unwrap());
        assert_ne!(disk.digest().unwrap(), before);
    }
}
