//! Parts of files as block devices, and file systems that the machine itself mounts for a while.

use crate::process::{command, run};
use anyhow::{Context, Result};
use std::path::Path;

/// A part of a file as a block device; detached when dropped.
pub struct Loop {
    path: String,
}

impl Loop {
    /// Attaches `length` bytes of `file` from `offset` on.
    ///
    /// # Errors
    /// There is no loop device to be had.
    pub fn attach(file: &Path, offset: u64, length: u64, read_only: bool) -> Result<Self> {
        let mut losetup = command(["losetup", "--find", "--show"]);
        if read_only {
            losetup.arg("--read-only");
        }
        losetup
            .arg("--offset")
            .arg(offset.to_string())
            .arg("--sizelimit")
            .arg(length.to_string())
            .arg(file);
        Ok(Self {
            path: run(&mut losetup)?.trim().to_owned(),
        })
    }

    /// The device.
    pub fn path(&self) -> &Path {
        Path::new(&self.path)
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        if let Err(error) = run(&mut command(["losetup", "--detach", &self.path])) {
            eprintln!("lab: {error:#}");
        }
    }
}

/// What a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// Mounted by the kernel.
    Ext4,
    /// Mounted by ntfs-3g.
    Ntfs,
}

/// A mounted file system in a folder of its own; unmounted when dropped.
pub struct Mounted {
    folder: tempfile::TempDir,
    // Detached after the file system is unmounted.
    _device: Loop,
}

impl Mounted {
    /// Mounts `length` bytes of `file` from `offset` on.
    ///
    /// # Errors
    /// It cannot be mounted.
    pub fn mount(what: FileSystem, file: &Path, offset: u64, length: u64, read_only: bool) -> Result<Self> {
        let device = Loop::attach(file, offset, length, read_only)?;
        let folder = tempfile::tempdir().context("cannot make a folder to mount on")?;
        let access = if read_only { "ro" } else { "rw" };
        let mut mount = match what {
            FileSystem::Ext4 => command(["mount", "-t", "ext4", "-o", &format!("{access},noatime")]),
            // big_writes: without it every 4 KiB are a question to the process that serves them.
            FileSystem::Ntfs => command(["ntfs-3g", "-o", &format!("{access},noatime,big_writes")]),
        };
        run(mount.arg(device.path()).arg(folder.path()))?;
        Ok(Self {
            folder,
            _device: device,
        })
    }

    /// Where its files are.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = run(command(["umount"]).arg(self.folder.path())) {
            eprintln!("lab: {error:#}");
        }
    }
}
