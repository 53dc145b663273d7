//! A copy of the catalog while it is in use: one file, whole and checked, or none.

use super::{check, open_to_look, refuse};
use crate::error::{Error, ErrorKind, Result};
use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};
use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long it is tried to get at the catalog.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// A copy that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackUp {
    /// Its size.
    pub bytes: u64,
    /// The schema's version.
    pub version: u64,
}

/// Copies the catalog's file at `catalog` to a new file at `target`, as it was at one moment. Whoever writes the catalog
/// goes on meanwhile. The copy appears under its name when it is complete, checked and durable.
///
/// # Errors
/// When the catalog cannot be read, there is a file at `target`, or the copy cannot be written.
pub fn back_up(catalog: &Path, target: &Path) -> Result<BackUp> {
    if target.try_exists().unwrap_or(true) {
        return Err(Error::new(
            ErrorKind::Conflict,
            "file-exists",
            format!("{} is there already", target.display()),
            "name a file that is not there",
        ));
    }
    let source = open_to_look(catalog)?;
    let part = PartFile::create(target)?;
    let mut copy = Connection::open(&part.0)?;
    copy_all(&source, &mut copy)?;
    // One file, without a log beside it.
    copy.pragma_update(None, "journal_mode", "delete")?;
    check(&copy, &part.0)?;
    let version: i64 = copy.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    copy.close().map_err(|(_, error)| refuse(&part.0, error))?;
    let bytes = part.finish(target)?;
    Ok(BackUp {
        bytes,
        version: u64::try_from(version).unwrap_or(0),
    })
}

/// All pages in one step: it reads from one moment, and a write beside it does not make it begin again.
fn copy_all(source: &Connection, copy: &mut Connection) -> Result<()> {
    let backup = Backup::new(source, copy)?;
    let begun = Instant::now();
    loop {
        match backup.step(-1)? {
            StepResult::Done => return Ok(()),
            _ if begun.elapsed() > PATIENCE => {
                return Err(Error::new(
                    ErrorKind::Storage,
                    "catalog-unavailable",
                    "the catalog is locked by another program",
                    "end what has catalog.sqlite open, then try again",
                ));
            }
            _ => std::thread::sleep(PAUSE),
        }
    }
}

/// A file that is taken away again unless it is finished.
struct PartFile(PathBuf);

impl PartFile {
    fn create(target: &Path) -> Result<Self> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let path = target.with_file_name(name);
        // What an earlier one left that was killed.
        let _ = fs::remove_file(&path);
        // It holds password hashes.
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        made.map_err(|error| cannot_write(&path, error))?;
        Ok(Self(path))
    }

    fn finish(self, target: &Path) -> Result<u64> {
        let finish = || -> std::io::Result<u64> {
            let file = File::open(&self.0)?;
            file.sync_all()?;
            fs::rename(&self.0, target)?;
            let folder = match target.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            File::open(folder)?.sync_all()?;
            Ok(file.metadata()?.len())
        };
        finish().map_err(|error| cannot_write(target, error))
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // Not there any more when it was finished.
        let _ = fs::remove_file(&self.0);
    }
}

fn cannot_write(path: &Path, error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Storage,
        "backup-not-written",
        format!("{} cannot be written", path.display()),
        "check the folder, its owner and the room on its disk",
    )
    .because(error)
}
