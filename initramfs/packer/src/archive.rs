//! The initrd's archive: cpio "newc" (Linux `Documentation/driver-api/early-userspace/buffer-format.rst`).
//!
//! Entries stand in the order of their paths, belong to root, have time 0 and consecutive inode numbers: the same input
//! gives the same bytes. Several archives may follow one another, each at a multiple of four bytes.

use crate::error::{Error, Result};
use std::{collections::BTreeMap, io::Write, path::Path};

/// An archive being gathered.
#[derive(Debug, Default)]
pub struct Archive {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
enum Entry {
    Folder,
    File { mode: u32, bytes: Vec<u8> },
    Link { target: String },
}

impl Archive {
    /// Adds a folder and those that it is in.
    pub fn add_folder(&mut self, path: &str) {
        let mut end = 0;
        for part in path.split('/') {
            end += part.len();
            self.entries
                .entry(path[..end].to_owned())
                .or_insert(Entry::Folder);
            end += 1;
        }
    }

    /// Adds a file and the folders that it is in. `mode` are its permission bits.
    pub fn add_file(&mut self, path: &str, mode: u32, bytes: Vec<u8>) {
        self.add_parent(path);
        self.entries.insert(path.to_owned(), Entry::File { mode, bytes });
    }

    /// Adds a symbolic link and the folders that it is in.
    pub fn add_link(&mut self, path: &str, target: &str) {
        self.add_parent(path);
        self.entries.insert(
            path.to_owned(),
            Entry::Link {
                target: target.to_owned(),
            },
        );
    }

    fn add_parent(&mut self, path: &str) {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.add_folder(folder);
        }
    }

    /// Writes the archive.
    ///
    /// # Errors
    /// A file of 4 GiB or more, which the format cannot hold.
    pub fn finish(self) -> Result<Vec<u8>> {
        let mut output = Vec::new();
        for (index, (path, entry)) in self.entries.iter().enumerate() {
            let (mode, bytes): (u32, &[u8]) = match entry {
                Entry::Folder => (FOLDER | 0o755, &[]),
                Entry::File { mode, bytes } => (FILE | mode, bytes),
                Entry::Link { target } => (LINK | 0o777, target.as_bytes()),
            };
            let too_large = |_| Error::Name {
                path: path.into(),
                reason: "an archive holds files below 4 GiB only",
            };
            let length = u32::try_from(bytes.len()).map_err(too_large)?;
            let number = u32::try_from(index + 1).map_err(too_large)?;
            let links = if matches!(entry, Entry::Folder) { 2 } else { 1 };
            let mut writer = cpio::newc::Builder::new(path)
                .ino(number)
                .mode(mode)
                .nlink(links)
                .write(output, length);
            let write = writer.write_all(bytes).and_then(|()| writer.finish());
            output = write.map_err(Error::file("pack", Path::new(path)))?;
        }
        cpio::newc::trailer(output).map_err(Error::file("end", Path::new("the archive")))
    }
}

const FILE: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;

/// Appends zeros up to a multiple of four, where the kernel looks for a next archive.
pub fn align(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_every_folder_before_its_files_and_the_same_bytes_each_time() {
        let pack = |swap: bool| {
            let mut archive = Archive::default();
            let mut add: Vec<(&str, &[u8])> = vec![("lib/modules/a.ko", b"module"), ("init", b"program!!")];
            if swap {
                add.reverse();
            }
            for (path, bytes) in add {
                archive.add_file(path, 0o644, bytes.to_vec());
            }
            archive.add_link("sbin/modprobe", "/init");
            archive.finish().unwrap()
        };
        let bytes = pack(false);
        assert_eq!(bytes, pack(true));
        let mut names = Vec::new();
        let mut rest = bytes.as_slice();
        loop {
            let reader = cpio::newc::Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                break;
            }
            names.push(reader.entry().name().to_owned());
            assert_eq!(reader.entry().mtime(), 0);
            rest = reader.finish().unwrap();
        }
        assert_eq!(
            names,
            [
                "init",
                "lib",
                "lib/modules",
                "lib/modules/a.ko",
                "sbin",
                "sbin/modprobe"
            ]
        );
    }
}
