//! A disk some weeks later: files replaced by other content of the same kind, as updates do.

use crate::{
    attachment::{FileSystem, Mounted},
    desktop::DesktopMaster,
};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Replaces files that hold about `share` of the bytes of all files on both partitions of the image, chosen by the seed;
/// tells the bytes replaced.
///
/// # Errors
/// A file system cannot be mounted or written.
pub fn replace(image: &Path, master: &DesktopMaster, seed: u64, share: f64) -> Result<u64> {
    let mut replaced = 0;
    for (what, place) in [
        (FileSystem::Ext4, master.linux),
        (FileSystem::Ntfs, master.windows),
    ] {
        let mounted = Mounted::mount(what, image, place.offset, place.length, false)?;
        let mut files = Vec::new();
        list(mounted.path(), mounted.path(), &mut files)?;
        let wanted = files.iter().map(|(_, length)| *length).sum::<u64>() as f64 * share;
        // In an order that only the seed decides.
        files.sort_by_cached_key(|(path, _)| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&seed.to_le_bytes());
            hasher.update(path.to_string_lossy().as_bytes());
            *hasher.finalize().as_bytes()
        });
        let mut here = 0;
        for (path, length) in files {
            if here as f64 >= wanted {
                break;
            }
            // One huge file must not be all that changes.
            if length as f64 > wanted / 4.0 {
                continue;
            }
            replace_file(&mounted.path().join(path), seed)?;
            here += length;
        }
        ensure!(here > 0, "no file could be replaced");
        replaced += here;
    }
    Ok(replaced)
}

/// Other bytes that compress as well as the old ones, under the old name but in other blocks.
fn replace_file(path: &Path, seed: u64) -> Result<()> {
    let failed = || format!("cannot replace {}", path.display());
    let shift = (seed % 255) as u8 + 1;
    let mut bytes = fs::read(path).with_context(failed)?;
    bytes.iter_mut().for_each(|byte| *byte = byte.wrapping_add(shift));
    let draft = path.with_extension("replaced");
    fs::write(&draft, bytes)
        .and_then(|()| fs::rename(&draft, path))
        .with_context(failed)
}

/// Regular files with their lengths, below a folder.
pub fn list(top: &Path, folder: &Path, files: &mut Vec<(PathBuf, u64)>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            list(top, &entry.path(), files)?;
        } else if metadata.is_file() && metadata.len() > 0 {
            files.push((entry.path().strip_prefix(top)?.to_owned(), metadata.len()));
        }
    }
    Ok(())
}
