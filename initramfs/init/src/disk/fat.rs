//! Looks up names on a FAT filesystem: whether an ESP has a loader, and which.
//!
//! ```text
//! boot sector (Microsoft FAT specification 1.03, section 3)         directory entry, 32 bytes (section 6)
//! 0x0b  2  bytes per sector                                          0  11  short name, padded with spaces
//! 0x0d  1  sectors per cluster                                      11   1  attributes: 8 label, 16 folder, 15 long name
//! 0x0e  2  sectors before the first FAT                             20   2  first cluster, high half
//! 0x10  1  number of FATs                                           26   2  first cluster, low half
//! 0x11  2  entries of the root folder (0 on FAT32)                  long name (section 7): 13 UTF-16 units at 1, 14 and
//! 0x16  2  sectors of a FAT (0 on FAT32)                            28, in entries before the short one, last part
//! 0x24  4  the same on FAT32                                        first; order in byte 0, bit 6 marks the last part
//! 0x2c  4  first cluster of the root folder on FAT32
//! ```
//!
//! Only ever reads; loops and nonsense end a search, they do not prolong it. The type of FAT follows from the number of
//! clusters alone.

use imager::disk::ReadAt;

/// A FAT filesystem.
pub struct FatVolume<'a> {
    volume: &'a dyn ReadAt,
    width: Width,
    fat_start: u64,
    cluster_len: u64,
    clusters: u32,
    data_start: u64,
    root: Root,
}

/// Something in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its long name, or its short one.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    first_cluster: u32,
}

#[derive(Clone, Copy)]
enum Width {
    Twelve,
    Sixteen,
    ThirtyTwo,
}

#[derive(Clone, Copy)]
enum Root {
    Range { start: u64, len: u64 },
    Cluster(u32),
}

/// A folder of an ESP has a few entries; more bytes than this are not read.
const FOLDER_MAX_LEN: u64 = 1 << 20;
const ENTRY_LEN: usize = 32;

impl<'a> FatVolume<'a> {
    /// Reads the boot sector; `None` if it is none.
    #[must_use]
    pub fn open(volume: &'a dyn ReadAt) -> Option<Self> {
        let mut sector = [0u8; 512];
        volume.read_exact_at(&mut sector, 0).ok()?;
        let two = |at: usize| u64::from(u16::from_le_bytes([sector[at], sector[at + 1]]));
        let four =
            |at: usize| u32::from_le_bytes([sector[at], sector[at + 1], sector[at + 2], sector[at + 3]]);
        let sector_len = two(0x0b);
        let sectors_per_cluster = u64::from(sector[0x0d]);
        if sector[510..] != [0x55, 0xaa]
            || !matches!(sector_len, 512 | 1024 | 2048 | 4096)
            || !sectors_per_cluster.is_power_of_two()
        {
            return None;
        }
        let fat_sectors = if two(0x16) != 0 {
            two(0x16)
        } else {
            u64::from(four(0x24))
        };
        let total = if two(0x13) != 0 {
            two(0x13)
        } else {
            u64::from(four(0x20))
        };
        let root_len = two(0x11) * 32;
        let root_sectors = root_len.div_ceil(sector_len);
        // All factors have at most 32 bits: none of these overflows.
        let root_start = two(0x0e) + u64::from(sector[0x10]) * fat_sectors;
        let data_sectors = total.checked_sub(root_start + root_sectors)?;
        let clusters = u32::try_from(data_sectors / sectors_per_cluster).ok()?;
        let width = match clusters {
            0..4085 => Width::Twelve,
            4085..65525 => Width::Sixteen,
            _ => Width::ThirtyTwo,
        };
        let root = match width {
            Width::ThirtyTwo => Root::Cluster(four(0x2c)),
            _ => Root::Range {
                start: root_start * sector_len,
                len: root_len,
            },
        };
        Some(Self {
            volume,
            width,
            fat_start: two(0x0e) * sector_len,
            cluster_len: sectors_per_cluster * sector_len,
            clusters,
            data_start: (root_start + root_sectors) * sector_len,
            root,
        })
    }

    /// What is in a folder, named by its way from the root, in any case of letters. `None` if there is none.
    #[must_use]
    pub fn list(&self, way: &[&str]) -> Option<Vec<Entry>> {
        let mut entries = parse_folder(&self.read_root());
        for name in way {
            let folder = entries
                .into_iter()
                .find(|entry| entry.is_folder && entry.name.eq_ignore_ascii_case(name))?;
            entries = parse_folder(&self.read_chain(folder.first_cluster));
        }
        Some(entries)
    }

    /// Whether there is a file of this name in this folder.
    #[must_use]
    pub fn has_file(&self, way: &[&str], name: &str) -> bool {
        self.list(way).is_some_and(|entries| {
            entries
                .iter()
                .any(|entry| !entry.is_folder && entry.name.eq_ignore_ascii_case(name))
        })
    }

    fn read_root(&self) -> Vec<u8> {
        match self.root {
            Root::Cluster(first) => self.read_chain(first),
            Root::Range { start, len } => {
                let mut bytes = vec![0u8; usize::try_from(len.min(FOLDER_MAX_LEN)).unwrap_or(0)];
                if self.volume.read_exact_at(&mut bytes, start).is_err() {
                    bytes.clear();
                }
                bytes
            }
        }
    }

    fn read_chain(&self, first: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut cluster = first;
        let length = usize::try_from(self.cluster_len).unwrap_or(0);
        while cluster >= 2 && u64::from(cluster) < u64::from(self.clusters) + 2 {
            let mut piece = vec![0u8; length];
            let start = self.data_start + u64::from(cluster - 2) * self.cluster_len;
            if self.volume.read_exact_at(&mut piece, start).is_err() {
                break;
            }
            bytes.extend_from_slice(&piece);
            // Also the end of a chain that is a circle.
            if bytes.len() as u64 >= FOLDER_MAX_LEN {
                break;
            }
            let Some(next) = self.next(cluster) else { break };
            cluster = next;
        }
        bytes
    }

    fn next(&self, cluster: u32) -> Option<u32> {
        let cluster = u64::from(cluster);
        let read = |at: u64, len: usize| {
            let mut entry = [0u8; 4];
            self.volume
                .read_exact_at(&mut entry[..len], self.fat_start + at)
                .ok()?;
            Some(u32::from_le_bytes(entry))
        };
        match self.width {
            Width::Twelve => {
                let pair = read(cluster + cluster / 2, 2)?;
                Some(if cluster % 2 == 0 { pair & 0xfff } else { pair >> 4 })
            }
            Width::Sixteen => read(cluster * 2, 2),
            Width::ThirtyTwo => Some(read(cluster * 4, 4)? & 0x0fff_ffff),
        }
    }
}

fn parse_folder(bytes: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut long: Vec<u16> = Vec::new();
    for raw in bytes.chunks_exact(ENTRY_LEN) {
        match (raw[0], raw[11]) {
            (0, _) => break,
            (0xe5, _) => long.clear(),
            (order, 0x0f) => {
                if order & 0x40 != 0 {
                    long.clear();
                }
                let part = [1..11, 14..26, 28..32]
                    .into_iter()
                    .flat_map(|range| raw[range].chunks_exact(2));
                let mut units: Vec<u16> = part.map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
                units.truncate(units.iter().position(|unit| *unit == 0).unwrap_or(units.len()));
                units.append(&mut long);
                long = units;
            }
            (_, attributes) => {
                let name = if long.is_empty() {
                    short_name(raw)
                } else {
                    String::from_utf16_lossy(&long)
                };
                long.clear();
                if attributes & 8 == 0 && name != "." && name != ".." {
                    let half = |at: usize| u32::from(u16::from_le_bytes([raw[at], raw[at + 1]]));
                    let first_cluster = half(20) << 16 | half(26);
                    entries.push(Entry {
                        name,
                        is_folder: attributes & 16 != 0,
                        first_cluster,
                    });
                }
            }
        }
    }
    entries
}

fn short_name(raw: &[u8]) -> String {
    let text = |range: std::ops::Range<usize>| String::from_utf8_lossy(&raw[range]).trim_end().to_owned();
    let (stem, extension) = (text(0..8), text(8..11));
    if extension.is_empty() {
        stem
    } else {
        format!("{stem}.{extension}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    /// An image made by mkfs.fat and filled by mtools: independent witnesses of the format.
    fn image(kind: &str, sectors: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("esp");
        let run = |program: &str, arguments: &[&str]| {
            let output = Command::new(program)
                .args(arguments)
                .output()
                .unwrap_or_else(|error| panic!("{program}: {error}"));
            assert!(
                output.status.success(),
                "{program}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        };
        let target = path.to_str().unwrap();
        run("mkfs.fat", &["-F", kind, "-C", target, sectors]);
        run(
            "mmd",
            &[
                "-i",
                target,
                "::/EFI",
                "::/EFI/BOOT",
                "::/EFI/a folder with a long name",
            ],
        );
        let file = folder.path().join("file");
        std::fs::write(&file, b"loader").unwrap();
        let file = file.to_str().unwrap();
        run("mcopy", &["-i", target, file, "::/EFI/BOOT/BOOTX64.EFI"]);
        // More entries than one cluster holds.
        for number in 0..40 {
            run(
                "mcopy",
                &[
                    "-i",
                    target,
                    file,
                    &format!("::/EFI/a folder with a long name/loader number {number}.efi"),
                ],
            );
        }
        std::fs::read(&path).unwrap()
    }

    #[test]
    fn names_are_found_on_every_width_of_fat() {
        for (kind, kibibytes) in [("12", "2048"), ("16", "20480"), ("32", "68000")] {
            let bytes = image(kind, kibibytes);
            let volume = FatVolume::open(&bytes).unwrap();
            assert!(volume.has_file(&["efi", "boot"], "bootx64.efi"), "FAT{kind}");
            assert!(!volume.has_file(&["efi"], "bootx64.efi"));
            let many = volume.list(&["EFI", "a folder with a long name"]).unwrap();
            assert_eq!(many.len(), 40, "FAT{kind}");
            assert!(many.iter().any(|entry| entry.name == "loader number 39.efi"));
            assert!(volume.list(&["nowhere"]).is_none());
        }
    }

    #[test]
    fn a_chain_that_is_a_circle_ends() {
        let mut bytes = image("16", "20480");
        // Every cluster's successor is cluster 2.
        let fat = 512 * usize::from(u16::from_le_bytes([bytes[14], bytes[15]]));
        for entry in bytes[fat..fat + 2000].chunks_exact_mut(2) {
            entry.copy_from_slice(&[2, 0]);
        }
        let volume = FatVolume::open(&bytes).unwrap();
        let _ = volume.list(&["EFI", "BOOT"]);
    }

    proptest! {
        #[test]
        fn any_boot_sector_and_any_folder_are_survived(mut bytes in proptest::collection::vec(any::<u8>(), 4096), power in 0u8..8) {
            let _ = parse_folder(&bytes);
            bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
            bytes[0x0b..0x0d].copy_from_slice(&512u16.to_le_bytes());
            bytes[0x0d] = 1 << power;
            if let Some(volume) = FatVolume::open(&bytes) {
                let _ = volume.list(&["EFI", "BOOT"]);
            }
        }
    }
}
