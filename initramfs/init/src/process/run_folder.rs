//! `/run/amorce`: what outlives the agent but not the machine. In memory, readable by root only.

use std::{
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// The folder.
pub const FOLDER: &str = "/run/amorce";

/// Makes the folder.
///
/// # Errors
/// It cannot be made.
pub fn create() -> io::Result<()> {
    std::fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(FOLDER)
}

/// Where a file of this name is.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

/// Writes a file so that a reader sees all of it or the one before.
///
/// # Errors
/// It cannot be written.
pub fn write(name: &str, content: &[u8]) -> io::Result<()> {
    write_into(Path::new(FOLDER), name, content)
}

fn write_into(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!("{name}.new"));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(content)?;
    std::fs::rename(&temporary, folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_kept_can_be_read_by_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        write_into(folder.path(), "session", b"key").unwrap();
        write_into(folder.path(), "session", b"another").unwrap();
        let file = folder.path().join("session");
        assert_eq!(std::fs::read(&file).unwrap(), b"another");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
