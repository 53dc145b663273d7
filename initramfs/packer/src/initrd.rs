//! The initrd: init, modules, their table, firmware and perhaps a shell.

use crate::{
    archive::Archive,
    error::{Error, Result, read_bounded},
    module::{Library, Selection, select, unpack},
};
use protocol::module_table::MODULE_TABLE_PATH;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Bytes that a finished initrd may have: what TFTP brings in a few seconds and the smallest machines hold twice.
pub const INITRD_BUDGET: u64 = 32 << 20;

/// Bytes that a program or a firmware file may have.
const FILE_MAX_LEN: u64 = 64 << 20;

/// Mount points and folders that the kernel, init or the shell expect.
const FOLDERS: &[&str] = &[
    "bin",
    "dev",
    "etc",
    "lib/firmware",
    "proc",
    "root",
    "run",
    "sbin",
    "sys",
    "tmp",
];

/// What an initrd is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The unpacked kernel package.
    pub kernel: &'a Path,
    /// Our init.
    pub init: &'a Path,
    /// A static busybox, if the site's technicians shall have a shell.
    pub shell: Option<&'a Path>,
    /// Folders laid out as `/lib/firmware`; the first that has a file wins.
    pub firmware: &'a [PathBuf],
    /// zstd's level.
    pub level: i32,
}

/// A finished initrd.
#[derive(Debug)]
pub struct Initrd {
    /// Its bytes: one zstd frame around one archive.
    pub bytes: Vec<u8>,
    /// Bytes of the archive before compression: what it takes of the machine's memory.
    pub bytes_unpacked: u64,
    /// The kernel's release.
    pub kernel_release: String,
    /// How many modules are in it.
    pub modules: usize,
    /// Firmware files that are in it.
    pub firmware: BTreeSet<String>,
    /// Firmware files that its modules may ask for and no folder has.
    pub missing_firmware: BTreeSet<String>,
}

/// Packs an initrd.
///
/// # Errors
/// A part cannot be read, or the result is over [`INITRD_BUDGET`].
pub fn pack(parts: Parts<'_>) -> Result<Initrd> {
    let Selection { table, modules, .. } = {
        let library = Library::open(parts.kernel)?;
        select(&library)?
    };
    let mut archive = Archive::default();
    for folder in FOLDERS {
        archive.add_folder(folder);
    }
    archive.add_file("init", 0o755, read_bounded(parts.init, FILE_MAX_LEN)?);
    // The kernel asks for modules by this name: for PHYs, checksums, character sets.
    archive.add_link("sbin/modprobe", "/init");
    if let Some(shell) = parts.shell {
        archive.add_file("bin/busybox", 0o755, read_bounded(shell, FILE_MAX_LEN)?);
        archive.add_link("bin/sh", "busybox");
    }
    archive.add_file(
        MODULE_TABLE_PATH.trim_start_matches('/'),
        0o644,
        table.to_string().into_bytes(),
    );

    let wanted: BTreeSet<&str> = table
        .modules
        .iter()
        .flat_map(|module| &module.firmware)
        .map(String::as_str)
        .collect();
    let (mut firmware, mut missing_firmware) = (BTreeSet::new(), BTreeSet::new());
    for name in wanted {
        match find_firmware(parts.firmware, name)? {
            Some(bytes) => {
                archive.add_file(&format!("lib/firmware/{name}"), 0o644, bytes);
                firmware.insert(name.to_owned());
            }
            None => {
                missing_firmware.insert(name.to_owned());
            }
        }
    }
    let count = modules.len();
    for module in modules {
        archive.add_file(
            &format!("lib/modules/{}/{}", table.kernel_release, module.path),
            0o644,
            module.bytes,
        );
    }
    let plain = archive.finish()?;
    let bytes = compress(&plain, parts.level).map_err(Error::file("compress", Path::new("initrd.img")))?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > INITRD_BUDGET {
        return Err(Error::OverBudget {
            bytes: length,
            budget: INITRD_BUDGET,
        });
    }
    Ok(Initrd {
        bytes,
        bytes_unpacked: u64::try_from(plain.len()).unwrap_or(u64::MAX),
        kernel_release: table.kernel_release,
        modules: count,
        firmware,
        missing_firmware,
    })
}

/// One frame with its length and checksum, so that the kernel notices a damaged transfer.
pub fn compress(plain: &[u8], level: i32) -> std::io::Result<Vec<u8>> {
    use std::io::Write;
    let mut encoder = zstd::Encoder::new(Vec::new(), level)?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(u64::try_from(plain.len()).ok())?;
    encoder.write_all(plain)?;
    encoder.finish()
}

/// A firmware file by name, as it is or as distributions compress it. Names come from modules and stay below the folder.
fn find_firmware(folders: &[PathBuf], name: &str) -> Result<Option<Vec<u8>>> {
    for folder in folders {
        for suffix in ["", ".xz", ".zst"] {
            let path = folder.join(format!("{name}{suffix}"));
            if path.is_file() {
                return unpack(&path, read_bounded(&path, FILE_MAX_LEN)?).map(Some);
            }
        }
    }
    Ok(None)
}
