//! What can go wrong while boot files are packed or checked.

use std::path::{Path, PathBuf};

/// Our result.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure, what was attempted and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was attempted, as a verb: "read".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder is not an unpacked kernel package.
    #[error(
        "{} is no unpacked kernel package: it has no {what}; unpack a linux-image package there with `dpkg -x`",
        folder.display()
    )]
    NoKernel {
        /// The folder.
        folder: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// A kernel module is no ELF file that we understand.
    #[error("{} is not a kernel module: {reason}", path.display())]
    Module {
        /// The module's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An input is larger than any of its kind.
    #[error("{} has {bytes} bytes, more than the {limit} that are accepted", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The finished initrd is over its budget.
    #[error(
        "the initrd would have {bytes} bytes, more than its budget of {budget}; give fewer firmware folders"
    )]
    OverBudget {
        /// Its length.
        bytes: u64,
        /// The budget.
        budget: u64,
    },
    /// `boot-files.json` cannot be understood.
    #[error("{} is not an index of boot files; build it again with `amorce boot-files build`", path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// `boot-files.json` is of another version.
    #[error(
        "{} has format {found}, this program reads format {expected}; build it again with `amorce boot-files build`",
        path.display()
    )]
    IndexFormat {
        /// The index.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// Ours.
        expected: u32,
    },
    /// A name cannot stand in an archive.
    #[error("{} cannot be packed: {reason}", path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
}

impl Error {
    /// For `map_err`: what was attempted with which path.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}

/// Reads a whole file of bounded length.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let bytes = std::fs::metadata(path)
        .map_err(Error::file("look at", path))?
        .len();
    if bytes > limit {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            bytes,
            limit,
        });
    }
    std::fs::read(path).map_err(Error::file("read", path))
}
