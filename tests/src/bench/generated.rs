//! A disk of very many small files, so of very many different chunks: a FAT32 whose clusters are single sectors, each
//! file of one sector.
//!
//! | sectors | hold |
//! | --- | --- |
//! | 32 | boot sector, FSInfo, at sector 6 the boot sector again |
//! | one FAT | each file a chain of one, each directory a chain in a row |
//! | clusters | the root directory, then each directory followed by its files |
//!
//! Source: Microsoft FAT specification, sections 3 to 6.

use anyhow::{Context, Result, ensure};
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

const SECTOR: u32 = 512;
const RESERVED: u32 = 32;
/// Files of a directory: with its own two entries below the 65 536 that one may have.
const FILES: u32 = 60_000;
const ENTRY: u32 = 32;
const END_OF_CHAIN: u32 = 0x0FFF_FFFF;
const ROOT: u32 = 2;

/// Writes such a disk. The same number of files gives the same bytes.
///
/// # Errors
/// So many files are no FAT32, or the file cannot be written.
pub fn write(path: &Path, files: u32) -> Result<()> {
    let layout = Layout::new(files)?;
    let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    let mut disk = BufWriter::with_capacity(1 << 20, file);
    let boot = layout.boot_sector();
    disk.write_all(&boot)?;
    let mut information = [0; SECTOR as usize];
    information[..4].copy_from_slice(b"RRaA");
    information[484..488].copy_from_slice(b"rrAa");
    // No cluster is free; where to look for one is not known.
    information[492..496].fill(0xFF);
    information[510..].copy_from_slice(&[0x55, 0xAA]);
    disk.write_all(&information)?;
    disk.write_all(&[0; 4 * SECTOR as usize])?;
    disk.write_all(&boot)?;
    disk.write_all(&[0; (RESERVED - 7) as usize * SECTOR as usize])?;
    layout.write_fat(&mut disk)?;
    layout.write_clusters(&mut disk)?;
    disk.into_inner()
        .map_err(|error| error.into_error())
        .and_then(|file| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}

/// What a file holds: different from every other, and yet easy to compress.
fn content(number: u32) -> [u8; SECTOR as usize] {
    let line = format!("this is file {number:08} of the generated disk\n");
    let mut bytes = [0; SECTOR as usize];
    for (byte, letter) in bytes.iter_mut().zip(line.bytes().cycle()) {
        *byte = letter;
    }
    bytes
}

struct Layout {
    files: u32,
    directories: u32,
    clusters: u32,
}

impl Layout {
    fn new(files: u32) -> Result<Self> {
        let directories = files.div_ceil(FILES);
        let mut layout = Self {
            files,
            directories,
            clusters: 0,
        };
        layout.clusters = layout.root_clusters()
            + (0..directories)
                .map(|directory| layout.directory_clusters(directory) + layout.files_of(directory))
                .sum::<u32>();
        ensure!(
            (65_525..0x0FFF_FFF5).contains(&layout.clusters),
            "{files} files are no FAT32 of clusters of one sector"
        );
        Ok(layout)
    }

    fn files_of(&self, directory: u32) -> u32 {
        FILES.min(self.files - directory * FILES)
    }

    fn root_clusters(&self) -> u32 {
        clusters_of(self.directories)
    }

    fn directory_clusters(&self, directory: u32) -> u32 {
        clusters_of(self.files_of(directory) + 2)
    }

    fn fat_sectors(&self) -> u32 {
        ((self.clusters + 2) * 4).div_ceil(SECTOR)
    }

    fn boot_sector(&self) -> [u8; SECTOR as usize] {
        let mut sector = [0; SECTOR as usize];
        let mut put = |at: usize, bytes: &[u8]| sector[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &[0xEB, 0x58, 0x90]);
        put(3, b"AMORCE  ");
        put(0x0B, &512u16.to_le_bytes());
        put(0x0D, &[1, 32, 0, 1]);
        put(0x15, &[0xF8]);
        put(0x18, &[63, 0, 255, 0]);
        put(
            0x20,
            &(RESERVED + self.fat_sectors() + self.clusters).to_le_bytes(),
        );
        put(0x24, &self.fat_sectors().to_le_bytes());
        put(0x2C, &ROOT.to_le_bytes());
        put(0x30, &[1, 0, 6, 0]);
        put(0x42, &[0x29, 1, 2, 3, 4]);
        put(0x47, b"NO NAME    FAT32   ");
        put(510, &[0x55, 0xAA]);
        sector
    }

    fn write_fat(&self, disk: &mut impl Write) -> Result<()> {
        let mut written = 2;
        disk.write_all(&0x0FFF_FFF8u32.to_le_bytes())?;
        disk.write_all(&END_OF_CHAIN.to_le_bytes())?;
        let mut chain = |disk: &mut dyn Write, length: u32| -> Result<()> {
            for step in 1..=length {
                let next = if step == length { END_OF_CHAIN } else { written + 1 };
                disk.write_all(&next.to_le_bytes())?;
                written += 1;
            }
            Ok(())
        };
        chain(disk, self.root_clusters())?;
        for directory in 0..self.directories {
            chain(disk, self.directory_clusters(directory))?;
            for _ in 0..self.files_of(directory) {
                chain(disk, 1)?;
            }
        }
        let rest = self.fat_sectors() * SECTOR - written * 4;
        disk.write_all(&vec![0; rest as usize])?;
        Ok(())
    }

    fn write_clusters(&self, disk: &mut impl Write) -> Result<()> {
        let mut first = ROOT + self.root_clusters();
        let mut entries = Vec::new();
        for directory in 0..self.directories {
            entries.extend_from_slice(&entry(&format!("D{directory:07}"), 0x10, first, 0));
            first += self.directory_clusters(directory) + self.files_of(directory);
        }
        write_directory(disk, &mut entries)?;
        let mut first = ROOT + self.root_clusters();
        for directory in 0..self.directories {
            let files = self.files_of(directory);
            let behind = first + self.directory_clusters(directory);
            entries.extend_from_slice(&entry(".", 0x10, first, 0));
            entries.extend_from_slice(&entry("..", 0x10, 0, 0));
            for file in 0..files {
                let number = directory * FILES + file;
                entries.extend_from_slice(&entry(&format!("{number:08}"), 0x20, behind + file, SECTOR));
            }
            write_directory(disk, &mut entries)?;
            for file in 0..files {
                disk.write_all(&content(directory * FILES + file))?;
            }
            first = behind + files;
        }
        Ok(())
    }
}

fn clusters_of(entries: u32) -> u32 {
    (entries * ENTRY).div_ceil(SECTOR)
}

fn entry(name: &str, attributes: u8, cluster: u32, length: u32) -> [u8; ENTRY as usize] {
    let mut entry = [0; ENTRY as usize];
    entry[..11].fill(b' ');
    entry[..name.len()].copy_from_slice(name.as_bytes());
    entry[11] = attributes;
    let [low, lower, high, higher] = cluster.to_le_bytes();
    entry[20..22].copy_from_slice(&[high, higher]);
    entry[26..28].copy_from_slice(&[low, lower]);
    entry[28..].copy_from_slice(&length.to_le_bytes());
    entry
}

fn write_directory(disk: &mut impl Write, entries: &mut Vec<u8>) -> Result<()> {
    entries.resize(entries.len().next_multiple_of(SECTOR as usize), 0);
    disk.write_all(entries)?;
    entries.clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{command, run};

    #[test]
    fn the_generated_disk_is_a_sound_filesystem() {
        let folder = tempfile::tempdir().unwrap();
        let disk = folder.path().join("disk.img");
        write(&disk, 65_000).unwrap();
        run(command(["fsck.fat", "-n"]).arg(&disk)).unwrap();
        let listed = run(command(["mdir", "-b", "-i"]).arg(&disk).arg("::/D0000001")).unwrap();
        assert_eq!(listed.lines().count(), 5_000);
        assert!(write(&disk, 10).is_err());
    }
}
