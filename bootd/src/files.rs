//! The boot folder: opens plain files inside it and nothing else.
//!
//! The kernel itself refuses to leave the folder or to follow a symbolic link (`openat2` with `RESOLVE_BENEATH` and
//! `RESOLVE_NO_SYMLINKS`), so no check of ours can be outwitted by a name.

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    libc,
    sys::sendfile::sendfile,
};
use std::{
    fs::{self, File},
    io,
    os::{
        fd::BorrowedFd,
        unix::fs::{FileExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    time::SystemTime,
};

/// The boot folder.
#[derive(Clone, Debug)]
pub struct BootFolder {
    path: PathBuf,
}

/// A name that machines ask for, taken apart: no empty part, no `.` and `..`, only `A-Z a-z 0-9 . _ + : -`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedName(Vec<String>);

/// An open boot file.
#[derive(Debug)]
pub struct BootFile {
    file: File,
    len: u64,
    modified: SystemTime,
}

impl AskedName {
    /// Longest name that is looked at.
    const MAX_LEN: usize = 255;

    /// Takes a name apart. Windows separators, several separators and a leading one are what firmware sends.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if name.len() > Self::MAX_LEN {
            return None;
        }
        let parts: Vec<String> = name
            .split(['/', '\\'])
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        let good = |part: &String| {
            part != "."
                && part != ".."
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._+:-".contains(&byte))
        };
        (!parts.is_empty() && parts.iter().all(good)).then_some(Self(parts))
    }

    /// Its parts.
    #[must_use]
    pub fn parts(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }

    /// The rest of the name below these first parts.
    #[must_use]
    pub fn below(&self, first: &[&str]) -> Option<Self> {
        let parts = self.parts();
        let rest = parts.strip_prefix(first)?;
        (!rest.is_empty()).then(|| Self(rest.iter().map(|part| (*part).to_owned()).collect()))
    }
}

impl BootFolder {
    /// Names the folder; see [`BootFolder::check`].
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the folder can be read.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn check(&self) -> io::Result<()> {
        fs::read_dir(&self.path).map(drop)
    }

    /// Opens a file. The folder is looked up each time, so it may be replaced as a whole while we run.
    ///
    /// # Errors
    /// `NotFound` for what is not there or no plain file; the kernel's answer otherwise.
    pub fn open(&self, name: &AskedName) -> io::Result<BootFile> {
        let folder = fs::OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_DIRECTORY | libc::O_CLOEXEC)
            .open(&self.path)?;
        // Non-blocking: a pipe in the folder must not stop us.
        let how = OpenHow::new()
            .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
            .resolve(
                ResolveFlag::RESOLVE_BENEATH
                    | ResolveFlag::RESOLVE_NO_SYMLINKS
                    | ResolveFlag::RESOLVE_NO_MAGICLINKS,
            );
        let file = File::from(openat2(&folder, name.0.join("/").as_str(), how)?);
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(BootFile {
            len: metadata.len(),
            modified: metadata.modified()?,
            file,
        })
    }

    /// Whether a file is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        AskedName::parse(name).is_some_and(|name| self.open(&name).is_ok())
    }
}

impl BootFile {
    /// Its length in bytes when it was opened.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// When it was last changed.
    #[must_use]
    pub fn modified(&self) -> SystemTime {
        self.modified
    }

    /// Reads exactly this many bytes. Blocks on the disk.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file became shorter meanwhile.
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    /// Has the kernel send up to this many bytes from here to a socket. Blocks on the disk.
    ///
    /// # Errors
    /// The kernel's answer; nothing was sent.
    pub fn send(&self, socket: BorrowedFd<'_>, offset: u64, len: usize) -> Result<usize, Errno> {
        let mut offset = i64::try_from(offset).map_err(|_| Errno::EOVERFLOW)?;
        sendfile(socket, &self.file, Some(&mut offset), len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;

    fn folder() -> (tempfile::TempDir, BootFolder) {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("boot");
        fs::create_dir_all(inner.join("firmware")).unwrap();
        fs::write(outer.path().join("secret"), "secret").unwrap();
        fs::write(inner.join("vmlinuz"), "kernel").unwrap();
        fs::write(inner.join("firmware/nic.fw"), "firmware").unwrap();
        symlink(outer.path().join("secret"), inner.join("link")).unwrap();
        symlink("vmlinuz", inner.join("inner-link")).unwrap();
        symlink("..", inner.join("up")).unwrap();
        nix::unistd::mkfifo(&inner.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        (outer, BootFolder::new(inner))
    }

    fn read(folder: &BootFolder, name: &str) -> Option<String> {
        let file = folder.open(&AskedName::parse(name)?).ok()?;
        let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        Some(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn files_are_found_under_every_spelling_that_firmware_uses() {
        let (_outer, folder) = folder();
        for name in ["vmlinuz", "/vmlinuz", "//vmlinuz", "\\vmlinuz"] {
            assert_eq!(read(&folder, name).as_deref(), Some("kernel"), "{name}");
        }
        assert_eq!(read(&folder, "firmware\\nic.fw").as_deref(), Some("firmware"));
    }

    #[test]
    fn nothing_outside_and_nothing_but_files_is_opened() {
        let (_outer, folder) = folder();
        for name in [
            "../secret",
            "..\\secret",
            "/../secret",
            "firmware/../../secret",
            "link",
            "inner-link",
            "up/secret",
            "pipe",
            "firmware",
            ".",
            "",
            "/",
            "vmlinuz\0",
            "vmlinuz\n",
            "%2e%2e/secret",
            "absent",
        ] {
            assert_eq!(read(&folder, name), None, "{name:?}");
        }
    }

    #[test]
    fn a_folder_that_was_replaced_is_seen() {
        let (outer, folder) = folder();
        fs::rename(outer.path().join("boot"), outer.path().join("old")).unwrap();
        assert!(folder.check().is_err());
        fs::create_dir(outer.path().join("boot")).unwrap();
        fs::write(outer.path().join("boot/vmlinuz"), "newer").unwrap();
        assert_eq!(read(&folder, "vmlinuz").as_deref(), Some("newer"));
    }

    proptest! {
        #[test]
        fn no_name_leaves_the_folder(name in "(\\.\\.|[a-z]{1,3}|secret|up|link|/|\\\\|\\.){0,9}") {
            let (_outer, folder) = folder();
            prop_assert_ne!(read(&folder, &name), Some("secret".to_owned()));
        }
    }
}
