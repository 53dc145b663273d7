//! Folders and files of a FAT filesystem.
//!
//! ```text
//! Directory entry, 32 bytes (see `directory`), and what only names need:
//!     12    1  0x08 = the base of the short name is in lower case, 0x10 = its extension
//!     14    4  made: time, date · 22  4  changed: time, date
//!              time: seconds/2 (5 bits), minutes (6), hours (5) · date: day (5), month (4), years since 1980 (7)
//!
//! Part of a long name: stands before its entry, last part first
//! offset size  meaning
//!      0    1  number of the part from 1; 0x40 = the last one
//!      1   10  5 UTF-16 units · 14  12  6 units · 28  4  2 units; 0 ends the name, 0xFFFF fills up
//!     11    1  0x0F
//!     13    1  checksum of the short name
//! ```
//! Source: Microsoft FAT specification, sections 6 and 7. A node is named by the place of its short entry.

use super::{Boot, Width};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{
        Volume,
        tree::{
            DirectoryEntry, FileRun, FileTree, Metadata, NodeId, NodeKind, RUNS_MAX, RunFile, damaged, not_a,
        },
        volume::field,
    },
};
use std::ops::ControlFlow;

/// No entry names the root: its node is a place where no entry can be.
const ROOT: NodeId = NodeId(0);
const ATTRIBUTE_LABEL: u8 = 0x08;
const ATTRIBUTE_FOLDER: u8 = 0x10;
const ATTRIBUTE_LONG: u8 = 0x0F;
/// Most bytes of one folder: 65536 entries, as the specification says, and some.
const FOLDER_BYTES_MAX: u64 = 4 << 20;

/// The upper half of code page 437, in which short names are written unless a system was set up otherwise.
const CODE_PAGE_437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The folders and files of one FAT filesystem.
struct FatTree<'a> {
    volume: Volume<'a>,
    boot: Boot,
}

/// Opens the tree; the error says in words why it cannot be.
pub(in crate::filesystem) fn open_tree(
    volume: Volume<'_>,
) -> std::result::Result<Box<dyn FileTree + '_>, String> {
    let boot = Boot::read(&volume)?;
    Ok(Box::new(FatTree { volume, boot }))
}

impl FatTree<'_> {
    fn entry(&self, node: NodeId) -> Result<[u8; 32]> {
        let mut entry = [0; 32];
        self.volume.read_into(node.0, &mut entry).map_err(damaged)?;
        if matches!(entry[0], 0 | 0xE5) || entry[11] & ATTRIBUTE_LABEL != 0 {
            return Err(Error::new(ErrorKind::Missing, "there is nothing of that name"));
        }
        Ok(entry)
    }

    fn first_cluster(&self, entry: &[u8]) -> u32 {
        let high = if self.boot.width == Width::Fat32 {
            u32::from(field::le16(entry, 20))
        } else {
            0
        };
        high << 16 | u32::from(field::le16(entry, 26))
    }

    /// The places of a folder's clusters, or of the fixed root: offset in the partition and length.
    fn folder_pieces(&self, folder: NodeId) -> Result<Vec<(u64, u64)>> {
        let first = if folder == ROOT {
            if self.boot.width != Width::Fat32 {
                return Ok(vec![(self.boot.root_start, self.boot.root_bytes)]);
            }
            self.boot.root_cluster
        } else {
            let entry = self.entry(folder)?;
            if entry[11] & ATTRIBUTE_FOLDER == 0 {
                return Err(not_a("folder"));
            }
            self.first_cluster(&entry)
        };
        let mut pieces = Vec::new();
        let mut next = Some(first).filter(|first| self.boot.has_cluster(*first));
        let mut bytes = 0;
        while let Some(cluster) = next {
            pieces.push((
                self.boot.cluster_offset(u64::from(cluster)),
                self.boot.cluster_bytes,
            ));
            bytes += self.boot.cluster_bytes;
            if bytes > FOLDER_BYTES_MAX.max(self.boot.cluster_bytes) {
                return Err(damaged("a folder without an end"));
            }
            next = self.boot.next_cluster(&self.volume, cluster).map_err(damaged)?;
        }
        Ok(pieces)
    }
}

impl FileTree for FatTree<'_> {
    fn root(&self) -> NodeId {
        ROOT
    }

    fn metadata(&self, node: NodeId) -> Result<Metadata> {
        let folder = Metadata::BARE_FOLDER;
        if node == ROOT {
            return Ok(folder);
        }
        let entry = self.entry(node)?;
        let dates = Metadata {
            modified_unix_ms: unix_ms(field::le16(&entry, 24), field::le16(&entry, 22)),
            created_unix_ms: unix_ms(field::le16(&entry, 16), field::le16(&entry, 14)),
            ..folder
        };
        if entry[11] & ATTRIBUTE_FOLDER != 0 {
            return Ok(dates);
        }
        Ok(Metadata {
            kind: NodeKind::File,
            length_bytes: u64::from(field::le32(&entry, 28)),
            ..dates
        })
    }

    fn list(&self, folder: NodeId, visit: &mut dyn FnMut(DirectoryEntry) -> ControlFlow<()>) -> Result<()> {
        let mut long = LongName::default();
        for (start, length) in self.folder_pieces(folder)? {
            let bytes = self
                .volume
                .read(start, usize::try_from(length).unwrap_or(usize::MAX))
                .map_err(damaged)?;
            for (entry, at) in bytes.chunks_exact(32).zip((start..).step_by(32)) {
                match entry[0] {
                    0x00 => return Ok(()),
                    0xE5 => {
                        long = LongName::default();
                        continue;
                    }
                    _ => {}
                }
                if entry[11] & 0x3F == ATTRIBUTE_LONG {
                    long.take(entry);
                    continue;
                }
                let long = std::mem::take(&mut long);
                if entry[11] & ATTRIBUTE_LABEL != 0 || entry[0] == b'.' {
                    continue;
                }
                let name = long.finish(entry).unwrap_or_else(|| short_name(entry));
                let found = DirectoryEntry {
                    name: name.into_bytes(),
                    node: NodeId(at),
                };
                if visit(found).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>> {
        if file == ROOT {
            return Err(not_a("file"));
        }
        let entry = self.entry(file)?;
        if entry[11] & ATTRIBUTE_FOLDER != 0 {
            return Err(not_a("file"));
        }
        let length = u64::from(field::le32(&entry, 28));
        let place = self.volume.place().start;
        let mut runs: Vec<FileRun> = Vec::new();
        let (mut logical, mut next) = (0, Some(self.first_cluster(&entry)));
        while logical < length {
            let Some(cluster) = next.filter(|cluster| self.boot.has_cluster(*cluster)) else {
                return Err(damaged("a file whose clusters end before it does"));
            };
            let physical = place + self.boot.cluster_offset(u64::from(cluster));
            match runs.last_mut() {
                Some(run) if run.physical + run.length == physical => run.length += self.boot.cluster_bytes,
                _ => runs.push(FileRun {
                    logical,
                    physical,
                    length: self.boot.cluster_bytes,
                }),
            }
            if runs.len() > RUNS_MAX {
                return Err(damaged("a file in too many pieces"));
            }
            logical += self.boot.cluster_bytes;
            next = if logical < length {
                self.boot.next_cluster(&self.volume, cluster).map_err(damaged)?
            } else {
                None
            };
        }
        Ok(Box::new(RunFile::new(self.volume.disk(), runs, length)))
    }

    fn link_target(&self, _: NodeId) -> Result<Vec<u8>> {
        Err(not_a("link"))
    }

    fn is_same_name(&self, one: &[u8], other: &[u8]) -> bool {
        is_same_ignoring_case(one, other)
    }
}

/// Compares names of filesystems that ignore case.
pub(in crate::filesystem) fn is_same_ignoring_case(one: &[u8], other: &[u8]) -> bool {
    one == other
        || String::from_utf8_lossy(one).to_lowercase() == String::from_utf8_lossy(other).to_lowercase()
}

/// The parts of a long name that came so far.
#[derive(Default)]
struct LongName {
    units: Vec<u16>,
    next: u8,
    checksum: u8,
}

impl LongName {
    fn take(&mut self, entry: &[u8]) {
        let number = entry[0] & 0x3F;
        if entry[0] & 0x40 != 0 {
            *self = Self {
                units: Vec::new(),
                next: number,
                checksum: entry[13],
            };
        }
        if number == 0 || number > 20 || number != self.next || entry[13] != self.checksum {
            *self = Self::default();
            return;
        }
        self.next -= 1;
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain([28, 30]);
        let mut units: Vec<u16> = places.map(|at| field::le16(entry, at)).collect();
        units.append(&mut self.units);
        self.units = units;
    }

    /// The name, if all its parts belong to this entry.
    fn finish(self, entry: &[u8]) -> Option<String> {
        let sum = entry[..11]
            .iter()
            .fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        if self.units.is_empty() || self.next != 0 || sum != self.checksum {
            return None;
        }
        let end = self
            .units
            .iter()
            .position(|unit| *unit == 0)
            .unwrap_or(self.units.len());
        let name = String::from_utf16_lossy(&self.units[..end]);
        (!name.is_empty()).then_some(name)
    }
}

fn short_name(entry: &[u8]) -> String {
    let part = |bytes: &[u8], lower: bool| -> String {
        let end = bytes
            .iter()
            .rposition(|byte| *byte != b' ')
            .map_or(0, |at| at + 1);
        bytes[..end]
            .iter()
            .map(|byte| match byte {
                0x80.. => CODE_PAGE_437
                    .chars()
                    .nth(usize::from(byte & 0x7F))
                    .unwrap_or('\u{FFFD}'),
                _ if lower => char::from(byte.to_ascii_lowercase()),
                _ => char::from(*byte),
            })
            .collect()
    };
    let mut base = entry[..8].to_vec();
    // 0xE5 would mean deleted; 0x05 stands for it.
    if base[0] == 0x05 {
        base[0] = 0xE5;
    }
    let (base, extension) = (
        part(&base, entry[12] & 0x08 != 0),
        part(&entry[8..11], entry[12] & 0x10 != 0),
    );
    if extension.is_empty() {
        base
    } else {
        format!("{base}.{extension}")
    }
}

pub(in crate::filesystem) fn unix_ms(date: u16, time: u16) -> Option<i64> {
    let (year, month, day) = (
        1980 + i64::from(date >> 9),
        i64::from(date >> 5 & 15),
        i64::from(date & 31),
    );
    if !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    // Days since 1970 of a date in the Gregorian calendar, years counted from March.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 719_469;
    let (hours, minutes, seconds) = (
        i64::from(time >> 11),
        i64::from(time >> 5 & 63),
        i64::from(time & 31) * 2,
    );
    Some((days * 86_400 + hours * 3600 + minutes * 60 + seconds) * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // 2024-02-29 12:34:56
        let date = (2024 - 1980) << 9 | 2 << 5 | 29;
        let time = 12 << 11 | 34 << 5 | 28;
        assert_eq!(unix_ms(date, time), Some(1_709_210_096_000));
        assert_eq!(unix_ms(1 << 5 | 1, 0), Some(315_532_800_000));
        assert_eq!(unix_ms(0, 0), None);
    }

    #[test]
    fn short_names_keep_their_case_marks_and_code_page() {
        let mut entry = *b"README  TXT\x20\x18...................";
        assert_eq!(short_name(&entry), "readme.txt");
        entry[12] = 0;
        entry[1] = 0x8E;
        assert_eq!(short_name(&entry), "RÄADME.TXT");
    }
}
