//! Firmware variables through efivarfs (Linux `Documentation/filesystems/efivarfs.rst`).
//!
//! ```text
//! file NAME-8be4df61-93ca-11d2-aa0d-00e098032b8c (EFI_GLOBAL_VARIABLE, UEFI 2.10 §3.3)
//! 0  4  attributes (§8.2): 1 non-volatile, 2 boot services, 4 run time
//! 4  …  value
//! ```
//!
//! The kernel marks most variables immutable, because firmware has died of deleted ones; the mark is lifted for the one
//! that is written.

use std::{
    fs::{self, File},
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

/// Non-volatile, for boot services and at run time: what boot entries need.
pub const ATTRIBUTES: u32 = 7;

const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// FS_IMMUTABLE_FL in `include/uapi/linux/fs.h`.
const IMMUTABLE: nix::libc::c_long = 0x10;

/// The global variables of a firmware.
#[derive(Clone, Debug)]
pub struct Variables {
    folder: PathBuf,
}

/// One variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its attributes.
    pub attributes: u32,
    /// Its value.
    pub data: Vec<u8>,
}

impl Variables {
    /// Those of this machine.
    #[must_use]
    pub fn system() -> Self {
        Self {
            folder: "/sys/firmware/efi/efivars".into(),
        }
    }

    /// Those in a folder, for tests.
    #[cfg(test)]
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Reads a variable.
    ///
    /// # Errors
    /// It is not there, or too short to be one.
    pub fn read(&self, name: &str) -> io::Result<Variable> {
        let bytes = fs::read(self.path(name))?;
        let (attributes, data) = bytes.split_first_chunk::<4>().ok_or(io::ErrorKind::InvalidData)?;
        Ok(Variable {
            attributes: u32::from_le_bytes(*attributes),
            data: data.to_vec(),
        })
    }

    /// Writes a variable and reads it back.
    ///
    /// # Errors
    /// The firmware refuses: often because its memory is full.
    pub fn write(&self, name: &str, data: &[u8]) -> io::Result<()> {
        let path = self.path(name);
        if path.exists() {
            lift_immutable(&path)?;
        }
        // One write: the firmware takes a variable as a whole.
        let mut bytes = ATTRIBUTES.to_le_bytes().to_vec();
        bytes.extend_from_slice(data);
        fs::write(&path, &bytes)?;
        if self.read(name)?.data == data {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the firmware kept something else",
            ))
        }
    }

    /// Names of all `BootXXXX` variables, in order.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn boot_entries(&self) -> io::Result<Vec<u16>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_prefix("Boot")?.strip_suffix(GLOBAL)?.strip_suffix('-'));
            if let Some(number) = number.filter(|digits| digits.len() == 4)
                && let Ok(number) = u16::from_str_radix(number, 16)
            {
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}-{GLOBAL}"))
    }
}

#[expect(unsafe_code, reason = "nix has no call for file flags")]
fn lift_immutable(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    let mut flags: nix::libc::c_long = 0;
    // SAFETY: the request reads one long, which lives until the call returns.
    if unsafe {
        nix::libc::ioctl(
            file.as_raw_fd(),
            nix::libc::FS_IOC_GETFLAGS,
            std::ptr::from_mut(&mut flags),
        )
    } < 0
    {
        // A filesystem without such flags has none to lift.
        return Ok(());
    }
    if flags & IMMUTABLE == 0 {
        return Ok(());
    }
    flags &= !IMMUTABLE;
    // SAFETY: the request writes one long, which lives until the call returns.
    if unsafe {
        nix::libc::ioctl(
            file.as_raw_fd(),
            nix::libc::FS_IOC_SETFLAGS,
            std::ptr::from_ref(&flags),
        )
    } < 0
    {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
