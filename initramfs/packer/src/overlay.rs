//! The second archive of an initrd: firmware files that an admin dropped beside it.
//!
//! ```text
//! initrd.img = base (a zstd frame) · zeros to a multiple of 4 · overlay (a zstd frame), if there are files
//! ```
//!
//! The kernel unpacks archives that follow one another as one tree (`Documentation/driver-api/early-userspace/
//! buffer-format.rst`), so the base is never packed again on the appliance.

use crate::{
    archive::{Archive, align},
    boot_files::{BootFiles, replace},
    error::{Error, Result, read_bounded},
    initrd::compress,
    module::{folder_entries, unpack},
    name,
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
};

/// Folder of dropped files within the folder of boot files, laid out as `/lib/firmware`.
pub const FIRMWARE_FOLDER: &str = "firmware";

/// Dropped files are small; more would not fit into a small machine's memory.
const OVERLAY_MAX_LEN: u64 = 64 << 20;
const DEPTH_MAX: usize = 8;
/// Packed at every start of the appliance and with every change: quick, and firmware hardly compresses.
const LEVEL: i32 = 3;

/// Takes up the firmware files in `firmware/` of a folder of boot files: rewrites the end of its `initrd.img` and its
/// index if they differ from what is in it. Says whether it did.
///
/// # Errors
/// The folder has no sound index or initrd, or a dropped file cannot be packed.
pub fn refresh_firmware(folder: &Path) -> Result<bool> {
    let mut index = BootFiles::read(folder)?;
    let path = folder.join(name::INITRD);
    let mut bytes = read_bounded(&path, 2 * OVERLAY_MAX_LEN)?;
    let old = blake3::hash(&bytes);
    let base_len = usize::try_from(index.initrd_base.bytes).unwrap_or(usize::MAX);
    if bytes.len() < base_len || blake3::hash(&bytes[..base_len]).to_string() != index.initrd_base.blake3 {
        return Err(Error::Name {
            path,
            reason: "its base differs from boot-files.json; build it again with `amorce boot-files build`",
        });
    }
    bytes.truncate(base_len);
    append(folder, &mut bytes)?;
    if blake3::hash(&bytes) == old {
        return Ok(false);
    }
    index.record(name::INITRD, &bytes);
    // The index last: between the two writes `check` says that the initrd differs, and the next start repairs it.
    replace(&path, &bytes)?;
    index.write(folder)?;
    Ok(true)
}

/// Appends the overlay, if there are dropped files.
pub(crate) fn append(folder: &Path, initrd: &mut Vec<u8>) -> Result<()> {
    let dropped = folder.join(FIRMWARE_FOLDER);
    if !dropped.is_dir() {
        return Ok(());
    }
    let mut gathering = Gathering {
        archive: Archive::default(),
        bytes: 0,
        files: 0,
    };
    gathering.add(&dropped, "lib/firmware", 0)?;
    if gathering.files > 0 {
        let plain = gathering.archive.finish()?;
        align(initrd);
        initrd.extend_from_slice(&compress(&plain, LEVEL).map_err(Error::file("compress", &dropped))?);
    }
    Ok(())
}

/// A number that changes with the names, sizes and times of the dropped files: cheap enough to be asked for every few
/// seconds. What cannot be read is left to [`refresh_firmware`] to name.
#[must_use]
pub fn firmware_mark(folder: &Path) -> u64 {
    fn add(folder: &Path, depth: usize, mark: &mut DefaultHasher) {
        for path in folder_entries(folder).unwrap_or_default() {
            let Ok(kind) = std::fs::symlink_metadata(&path) else {
                continue;
            };
            path.hash(mark);
            if kind.is_dir() && depth < DEPTH_MAX {
                add(&path, depth + 1, mark);
            } else {
                (kind.len(), kind.modified().ok()).hash(mark);
            }
        }
    }
    let mut mark = DefaultHasher::new();
    add(&folder.join(FIRMWARE_FOLDER), 0, &mut mark);
    mark.finish()
}

struct Gathering {
    archive: Archive,
    bytes: u64,
    files: usize,
}

impl Gathering {
    fn add(&mut self, folder: &Path, inside: &str, depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(Error::Name {
                path: folder.to_owned(),
                reason: "folders are nested too deep",
            });
        }
        for path in folder_entries(folder)? {
            let file_name = path.file_name().and_then(|name| name.to_str());
            let Some(file_name) = file_name.filter(|name| !name.chars().any(char::is_control)) else {
                return Err(Error::Name {
                    path,
                    reason: "its name is no plain text",
                });
            };
            // A link would let a dropped name carry any file of the appliance to every machine.
            let kind = std::fs::symlink_metadata(&path)
                .map_err(Error::file("look at", &path))?
                .file_type();
            if kind.is_dir() {
                self.add(&path, &format!("{inside}/{file_name}"), depth + 1)?;
            } else if kind.is_file() {
                let stem = file_name
                    .strip_suffix(".xz")
                    .or_else(|| file_name.strip_suffix(".zst"))
                    .unwrap_or(file_name);
                let bytes = unpack(&path, read_bounded(&path, OVERLAY_MAX_LEN)?)?;
                self.bytes = self
                    .bytes
                    .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                if self.bytes > OVERLAY_MAX_LEN {
                    return Err(Error::TooLarge {
                        path: folder.to_owned(),
                        bytes: self.bytes,
                        limit: OVERLAY_MAX_LEN,
                    });
                }
                self.archive.add_file(&format!("{inside}/{stem}"), 0o644, bytes);
                self.files += 1;
            } else {
                return Err(Error::Name {
                    path,
                    reason: "it is neither a file nor a folder; copy the file itself",
                });
            }
        }
        Ok(())
    }
}
