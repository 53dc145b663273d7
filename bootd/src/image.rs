//! A disk image made for one machine at one boot, for UEFI HTTP Boot: the firmware loads it into memory and starts the
//! loader on it as from a disk (UEFI 2.10 §24.7.3.2), so the signed chain works there as it does by TFTP.
//!
//! ```text
//! sector 0              boot sector (FAT16; Microsoft, FAT specification 1.03)
//! 1                     first allocation table: one u16 per cluster, 2 of them reserved, ffff = end of a chain
//! 1 + n                 second allocation table, the same
//! 1 + 2 n               root directory: 512 entries of 32 bytes
//! 1 + 2 n + 32          clusters, counted from 2; each file and folder lies in one piece
//!
//! entry: name (8, padded with blanks), extension (3), attributes (1: 10 hex = folder, 20 hex = file), …,
//!        first cluster (u16 at 26), length in bytes (u32 at 28)
//! ```
//!
//! Nothing is copied: the image is a list of stretches, and what lies in a boot file is read from it when it is asked for.

use crate::files::BootFile;
use std::{io, sync::Arc};

const SECTOR: u64 = 512;
const ROOT_ENTRIES: u16 = 512;
const ENTRY_LEN: usize = 32;
/// A FAT with fewer clusters would be read as FAT12, one with more as FAT32.
const MIN_CLUSTERS: u64 = 4085 + 16;
const MAX_CLUSTERS: u64 = 65_524;
const SMALLEST_CLUSTER: u64 = 2048;
const LARGEST_CLUSTER: u64 = 32 * 1024;
const END_OF_CHAIN: u16 = 0xffff;
const MEDIA: u8 = 0xf8;
const FOLDER: u8 = 0x10;
const FILE: u8 = 0x20;

/// The image.
#[derive(Debug)]
pub(crate) struct DiskImage {
    /// In order and without overlap; what lies between them is zero.
    stretches: Vec<Stretch>,
    len: u64,
}

#[derive(Debug)]
struct Stretch {
    offset: u64,
    source: Source,
}

/// What is in a file of the image.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A boot file.
    File(Arc<BootFile>),
}

impl Source {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) => file.len(),
        }
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::Bytes(bytes) => {
                let start = usize::try_from(offset).map_err(io::Error::other)?;
                let part = start
                    .checked_add(buffer.len())
                    .and_then(|end| bytes.get(start..end))
                    .ok_or(io::ErrorKind::UnexpectedEof)?;
                buffer.copy_from_slice(part);
                Ok(())
            }
            Self::File(file) => file.read_exact_at(buffer, offset),
        }
    }
}

/// A file of the image: its path, in capitals, each part as 8.3, and its content.
pub(crate) type Placed = (&'static str, Source);

/// A folder while the image is laid out.
struct Folder {
    path: &'static str,
    parent: Option<usize>,
    cluster: u16,
    entries: Vec<[u8; ENTRY_LEN]>,
}

impl DiskImage {
    /// Lays out an image that holds these files.
    ///
    /// # Errors
    /// They do not fit the largest FAT16.
    pub(crate) fn new(files: Vec<Placed>) -> io::Result<Self> {
        let total: u64 = files.iter().map(|(_, source)| source.len()).sum();
        let room = total.saturating_add(files.len() as u64 * 2 * LARGEST_CLUSTER);
        let mut cluster = SMALLEST_CLUSTER;
        while room / cluster > MAX_CLUSTERS {
            cluster *= 2;
            if cluster > LARGEST_CLUSTER {
                return Err(io::Error::other("the boot files are larger than an image can be"));
            }
        }
        let folders = folders_of(&files);
        let mut layout = Layout {
            cluster,
            table: vec![0xff00 | u16::from(MEDIA), END_OF_CHAIN],
            placed: Vec::new(),
            folders,
        };
        layout.place_folders()?;
        for (path, source) in files {
            layout.place_file(path, source)?;
        }
        layout.finish()
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Reads from it; blocks on the disk.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset
            .checked_add(buffer.len() as u64)
            .filter(|end| *end <= self.len)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.fill(0);
        let first = self
            .stretches
            .partition_point(|stretch| stretch.offset + stretch.source.len() <= offset);
        for stretch in self.stretches.iter().skip(first) {
            if stretch.offset >= end {
                break;
            }
            let from = stretch.offset.max(offset);
            let to = (stretch.offset + stretch.source.len()).min(end);
            let place = |at: u64| usize::try_from(at - offset).map_err(io::Error::other);
            let part = buffer
                .get_mut(place(from)?..place(to)?)
                .ok_or(io::ErrorKind::UnexpectedEof)?;
            stretch.source.read_exact_at(part, from - stretch.offset)?;
        }
        Ok(())
    }
}

struct Layout {
    cluster: u64,
    table: Vec<u16>,
    /// First cluster and content.
    placed: Vec<(u16, Source)>,
    folders: Vec<Folder>,
}

impl Layout {
    /// Takes the next clusters for a content of this length; 0 for an empty one.
    fn take(&mut self, len: u64) -> io::Result<u16> {
        let count = len.div_ceil(self.cluster);
        let first = self.table.len() as u64;
        let end = first + count;
        if end > MAX_CLUSTERS {
            return Err(io::Error::other("the boot files are larger than an image can be"));
        }
        for next in first + 1..end {
            self.table.push(u16::try_from(next).map_err(io::Error::other)?);
        }
        if count == 0 {
            return Ok(0);
        }
        self.table.push(END_OF_CHAIN);
        u16::try_from(first).map_err(io::Error::other)
    }

    fn place_folders(&mut self) -> io::Result<()> {
        // The root, at place 0, has its own stretch.
        for place in 1..self.folders.len() {
            let cluster = self.take(self.cluster)?;
            let parent = self.folders[place].parent.unwrap_or(0);
            let name = last_part(self.folders[place].path);
            let parent_cluster = self.folders[parent].cluster;
            self.folders[place].cluster = cluster;
            self.folders[place].entries = vec![
                entry(*b".          ", FOLDER, cluster, 0),
                entry(*b"..         ", FOLDER, parent_cluster, 0),
            ];
            self.folders[parent]
                .entries
                .push(entry(short_name(name), FOLDER, cluster, 0));
        }
        Ok(())
    }

    fn place_file(&mut self, path: &'static str, source: Source) -> io::Result<()> {
        let cluster = self.take(source.len())?;
        let len = u32::try_from(source.len()).map_err(io::Error::other)?;
        let folder = parent_of(path);
        let file = entry(short_name(last_part(path)), FILE, cluster, len);
        if let Some(folder) = self.folders.iter_mut().find(|one| one.path == folder) {
            folder.entries.push(file);
        }
        if cluster != 0 {
            self.placed.push((cluster, source));
        }
        Ok(())
    }

    fn finish(self) -> io::Result<DiskImage> {
        // The table's first two entries stand for no cluster.
        let clusters = (self.table.len() as u64 - 2).max(MIN_CLUSTERS);
        let table_sectors = ((clusters + 2) * 2).div_ceil(SECTOR);
        let root = SECTOR * (1 + 2 * table_sectors);
        let data = root + u64::from(ROOT_ENTRIES) * ENTRY_LEN as u64;
        let len = data + clusters * self.cluster;
        let table: Vec<u8> = self.table.iter().flat_map(|next| next.to_le_bytes()).collect();
        let mut stretches = vec![
            Stretch {
                offset: 0,
                source: Source::Bytes(boot_sector(self.cluster, table_sectors, len / SECTOR)?),
            },
            Stretch {
                offset: SECTOR,
                source: Source::Bytes(table.clone()),
            },
            Stretch {
                offset: SECTOR * (1 + table_sectors),
                source: Source::Bytes(table),
            },
        ];
        let at = |cluster: u16| data + (u64::from(cluster) - 2) * self.cluster;
        for (place, folder) in self.folders.iter().enumerate() {
            stretches.push(Stretch {
                offset: if place == 0 { root } else { at(folder.cluster) },
                source: Source::Bytes(folder.entries.concat()),
            });
        }
        for (cluster, source) in self.placed {
            stretches.push(Stretch {
                offset: at(cluster),
                source,
            });
        }
        stretches.sort_by_key(|stretch| stretch.offset);
        Ok(DiskImage { stretches, len })
    }
}

/// Every folder above a file, parents first; the root is the empty path.
fn folders_of(files: &[Placed]) -> Vec<Folder> {
    let mut folders = vec![Folder {
        path: "",
        parent: None,
        cluster: 0,
        entries: Vec::new(),
    }];
    for (path, _) in files {
        for (end, _) in path.match_indices('/') {
            let Some(above) = path.get(..end) else { continue };
            if folders.iter().any(|folder| folder.path == above) {
                continue;
            }
            let parent = folders.iter().position(|folder| folder.path == parent_of(above));
            folders.push(Folder {
                path: above,
                parent,
                cluster: 0,
                entries: Vec::new(),
            });
        }
    }
    folders
}

fn parent_of(path: &'static str) -> &'static str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}

fn last_part(path: &'static str) -> &'static str {
    path.rsplit_once('/').map_or(path, |(_, last)| last)
}

fn short_name(name: &str) -> [u8; 11] {
    let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
    let mut short = [b' '; 11];
    for (place, byte) in stem.bytes().take(8).enumerate() {
        short[place] = byte;
    }
    for (place, byte) in extension.bytes().take(3).enumerate() {
        short[8 + place] = byte;
    }
    short
}

fn entry(name: [u8; 11], attributes: u8, cluster: u16, len: u32) -> [u8; ENTRY_LEN] {
    /// 1 January 1980, the first day that FAT knows.
    const DAY: u16 = 1 << 5 | 1;
    let mut entry = [0; ENTRY_LEN];
    entry[..11].copy_from_slice(&name);
    entry[11] = attributes;
    for place in [16, 18, 24] {
        entry[place..place + 2].copy_from_slice(&DAY.to_le_bytes());
    }
    entry[26..28].copy_from_slice(&cluster.to_le_bytes());
    entry[28..].copy_from_slice(&len.to_le_bytes());
    entry
}

fn boot_sector(cluster: u64, table_sectors: u64, sectors: u64) -> io::Result<Vec<u8>> {
    let mut sector = vec![0; 512];
    let mut put = |place: usize, bytes: &[u8]| sector[place..place + bytes.len()].copy_from_slice(bytes);
    let number = |value: u64| u16::try_from(value).map_err(io::Error::other);
    put(0, &[0xeb, 0x3c, 0x90]);
    put(3, b"AMORCE  ");
    put(11, &number(SECTOR)?.to_le_bytes());
    put(13, &[u8::try_from(cluster / SECTOR).map_err(io::Error::other)?]);
    // One reserved sector, two tables.
    put(14, &[1, 0, 2]);
    put(17, &ROOT_ENTRIES.to_le_bytes());
    put(21, &[MEDIA]);
    put(22, &number(table_sectors)?.to_le_bytes());
    // Geometry, for firmware that insists: 32 sectors a track, 64 heads.
    put(24, &[32, 0, 64, 0]);
    match u16::try_from(sectors) {
        Ok(sectors) => put(19, &sectors.to_le_bytes()),
        Err(_) => put(
            32,
            &u32::try_from(sectors).map_err(io::Error::other)?.to_le_bytes(),
        ),
    }
    put(36, &[0x80, 0, 0x29]);
    put(39, b"AMRC");
    put(43, b"NO NAME    FAT16   ");
    put(510, &[0x55, 0xaa]);
    Ok(sector)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{fs, process::Command};

    fn whole(image: &DiskImage) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(image.len()).unwrap()];
        image.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    fn example() -> DiskImage {
        let loader: Vec<u8> = (0..100_000u32).map(|number| number.to_le_bytes()[0]).collect();
        DiskImage::new(vec![
            ("EFI/BOOT/BOOTX64.EFI", Source::Bytes(loader)),
            ("EFI/BOOT/GRUBX64.EFI", Source::Bytes(vec![7; 4096])),
            ("GRUB/GRUB.CFG", Source::Bytes(b"echo hello\n".to_vec())),
            ("EMPTY", Source::Bytes(Vec::new())),
        ])
        .unwrap()
    }

    #[test]
    fn other_programs_find_the_image_sound_and_every_file_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        fs::write(&path, whole(&example())).unwrap();
        let check = Command::new("fsck.fat").arg("-n").arg(&path).output().unwrap();
        let text = String::from_utf8_lossy(&check.stdout).into_owned();
        assert!(check.status.success(), "{text}");
        assert!(text.contains("7 files"), "{text}");
        let read = |name: &str| {
            let output = Command::new("mtype")
                .arg("-i")
                .arg(&path)
                .arg(name)
                .output()
                .unwrap();
            assert!(output.status.success(), "{name}");
            output.stdout
        };
        assert_eq!(read("::/grub/grub.cfg"), b"echo hello\n");
        assert_eq!(read("::/EFI/BOOT/GRUBX64.EFI"), [7; 4096]);
        assert_eq!(read("::/EFI/BOOT/BOOTX64.EFI").len(), 100_000);
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let huge = (0..20).map(|_| ("A", Source::Bytes(vec![0; 128 << 20])));
        assert!(DiskImage::new(huge.collect()).is_err());
    }

    proptest! {
        #[test]
        fn any_part_is_the_same_as_in_the_whole(offset in 0u64..9_000_000, len in 0usize..70_000) {
            let image = example();
            let bytes = whole(&image);
            let mut part = vec![1; len];
            match image.read_exact_at(&mut part, offset) {
                Ok(()) => {
                    let start = usize::try_from(offset).unwrap();
                    prop_assert_eq!(&part, &bytes[start..start + len]);
                }
                Err(_) => prop_assert!(offset + len as u64 > image.len()),
            }
        }
    }
}
