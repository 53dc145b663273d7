//! GUID partition table.
//!
//! ```text
//! Sector 0         protective MBR        last sector        backup header
//! sector 1         primary header        before it          backup entries (16 KiB: 32 sectors of 512, 4 of 4096)
//! sector 2 …       primary entries
//!
//! Header, little-endian (UEFI 2.10 §5.3.2, table 5-5)
//! offset size  meaning
//!      0    8  "EFI PART"
//!      8    4  revision, 0x00010000
//!     12    4  header size H, 92 ≤ H ≤ sector
//!     16    4  CRC-32 of the first H bytes with this field zero
//!     20    4  reserved
//!     24    8  sector of this header
//!     32    8  sector of the other header
//!     40    8  first usable sector
//!     48    8  last usable sector
//!     56   16  disk GUID
//!     72    8  first sector of this header's entries
//!     80    4  number of entries
//!     84    4  size of an entry, 128 · 2ⁿ
//!     88    4  CRC-32 of all entries
//!
//! Entry (UEFI 2.10 §5.3.3, table 5-6)
//!      0   16  type GUID, zero = unused
//!     16   16  unique GUID
//!     32    8  first sector
//!     40    8  last sector, inclusive
//!     48    8  attributes
//!     56   72  name, UTF-16LE, ended by zero
//! ```

use super::{Guid, Partition, PartitionKind};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
};
use serde::Serialize;
use std::ops::Range;

/// Most bytes of entries that are believed: 8192 entries of 128 bytes. The usual is 16 KiB.
const ENTRIES_BYTES_MAX: u64 = 1 << 20;
/// Least header size.
const HEADER_BYTES_MIN: usize = 92;
/// Least size of an entry.
const ENTRY_BYTES_MIN: u32 = 128;
/// Sector of the primary header.
const PRIMARY_LBA: u64 = 1;

/// A GUID partition table that passed its checks: one good header with its entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gpt {
    /// Identity of the disk.
    pub disk_guid: Guid,
    /// First sector that partitions may use.
    pub first_usable_lba: u64,
    /// Last sector that partitions may use.
    pub last_usable_lba: u64,
    /// Number of entries, used or not.
    pub entry_count: u32,
    /// Size of one entry.
    pub entry_bytes: u32,
    /// First sector of the primary's entries; 2 if only the backup was readable.
    pub primary_entries_lba: u64,
    /// The header that was believed, as it is on disk (its header size only).
    #[serde(skip)]
    header: Vec<u8>,
    /// All entries as they are on disk.
    #[serde(skip)]
    entries: Vec<u8>,
    /// Sector 0 as it is on disk.
    #[serde(skip)]
    pub(super) sector_zero: Vec<u8>,
}

/// The bytes of a header pair for a disk of a certain size, ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GptImage {
    /// From byte 0: sector 0, primary header, and everything to the end of the primary's entries.
    pub primary: Vec<u8>,
    /// Backup entries and backup header.
    pub backup: Vec<u8>,
    /// Where `backup` is written; it ends at the disk's end.
    pub backup_offset: u64,
}

/// Makes the header pair for a disk of another size out of the first bytes of the captured disk.
///
/// `primary` holds at least sector 0, the header and its entries; bytes between them are kept. Backup location, last
/// usable sector, the size in the protective MBR and every CRC are set anew. Partitions keep their places.
///
/// # Errors
/// `Damaged` if the bytes hold no whole primary table, `TooSmall` if partitions and backup table do not fit.
pub fn relocate_backup(primary: &[u8], sector_size_bytes: u32, disk_bytes: u64) -> Result<GptImage> {
    let header = read_header(&primary, sector_size_bytes, PRIMARY_LBA)
        .map_err(|reason| Error::new(ErrorKind::Damaged, format!("primary GPT: {reason}")))?;
    let sector = usize::try_from(sector_size_bytes)
        .map_err(|_| Error::new(ErrorKind::SectorSize, "sector size does not fit in memory"))?;
    let mut gpt = header.gpt;
    gpt.sector_zero = primary.get(..sector).unwrap_or_default().to_vec();
    let mut image = gpt.image(sector_size_bytes, disk_bytes)?;
    // Whatever lies between header and entries belongs to nobody, yet is kept as it was.
    let entries_start = usize::try_from(gpt.primary_entries_lba)
        .unwrap_or(usize::MAX)
        .saturating_mul(sector);
    let between = 2 * sector..entries_start.min(image.primary.len()).min(primary.len());
    if let (Some(to), Some(from)) = (image.primary.get_mut(between.clone()), primary.get(between)) {
        to.copy_from_slice(from);
    }
    Ok(image)
}

impl Gpt {
    /// The header pair for a disk of the size given, from whichever copy was believed.
    ///
    /// # Errors
    /// `TooSmall` if the partitions and both tables do not fit.
    pub fn image(&self, sector_size_bytes: u32, disk_bytes: u64) -> Result<GptImage> {
        let sector = u64::from(sector_size_bytes);
        let sectors = disk_bytes / sector.max(1);
        let entry_sectors = self.entry_sectors(sector_size_bytes);
        let last_used = self
            .partitions(sector_size_bytes)
            .iter()
            .map(|partition| partition.bytes.end)
            .max()
            .unwrap_or(0);
        let needed = last_used
            .max(
                self.primary_entries_lba
                    .saturating_add(entry_sectors)
                    .saturating_mul(sector),
            )
            .saturating_add(self.backup_bytes(sector_size_bytes));
        let usable_disk_bytes = sectors.saturating_mul(sector);
        if usable_disk_bytes < needed {
            return Err(Error::new(
                ErrorKind::TooSmall,
                format!(
                    "the partitions and their table need {needed} bytes, the disk has {usable_disk_bytes}"
                ),
            )
            .with_remedy("use a disk of at least that size"));
        }
        let backup_lba = sectors - 1;
        let backup_entries_lba = backup_lba - entry_sectors;
        let last_usable_lba = backup_entries_lba - 1;

        let overflow = || Error::new(ErrorKind::Damaged, "partition table does not fit in memory");
        let sector_length = usize::try_from(sector).map_err(|_| overflow())?;
        let entries_length = usize::try_from(entry_sectors.saturating_mul(sector)).map_err(|_| overflow())?;
        let entries_at =
            usize::try_from(self.primary_entries_lba.saturating_mul(sector)).map_err(|_| overflow())?;

        let mut primary = vec![0; entries_at.checked_add(entries_length).ok_or_else(overflow)?];
        self.copy_protective_mbr(&mut primary, sector_length, sectors);
        let header = self.header_for(PRIMARY_LBA, backup_lba, self.primary_entries_lba, last_usable_lba);
        primary[sector_length..sector_length + header.len()].copy_from_slice(&header);
        primary[entries_at..entries_at + self.entries.len()].copy_from_slice(&self.entries);

        let mut backup = vec![0; entries_length + sector_length];
        backup[..self.entries.len()].copy_from_slice(&self.entries);
        let header = self.header_for(backup_lba, PRIMARY_LBA, backup_entries_lba, last_usable_lba);
        backup[entries_length..entries_length + header.len()].copy_from_slice(&header);
        Ok(GptImage {
            primary,
            backup,
            backup_offset: backup_entries_lba * sector,
        })
    }

    /// Ranges of the primary table: sectors 0 and 1, and the entries.
    pub(super) fn primary_ranges(&self, sector_size_bytes: u32) -> Vec<Range<u64>> {
        let sector = u64::from(sector_size_bytes);
        let start = self.primary_entries_lba.saturating_mul(sector);
        let end = start.saturating_add(self.entry_sectors(sector_size_bytes).saturating_mul(sector));
        if start == 2 * sector {
            std::iter::once(0..end).collect()
        } else {
            vec![0..2 * sector, start..end]
        }
    }

    /// Length of the backup table: entries in whole sectors, and one sector of header.
    pub(super) fn backup_bytes(&self, sector_size_bytes: u32) -> u64 {
        self.entry_sectors(sector_size_bytes)
            .saturating_add(1)
            .saturating_mul(u64::from(sector_size_bytes))
    }

    /// The used entries, in entry order.
    pub(super) fn partitions(&self, sector_size_bytes: u32) -> Vec<Partition> {
        let sector = u64::from(sector_size_bytes);
        let size = usize::try_from(self.entry_bytes).unwrap_or(usize::MAX).max(1);
        self.entries
            .chunks_exact(size)
            .zip(1u32..)
            .filter_map(|(entry, number)| {
                let type_guid = guid_at(entry, 0);
                if type_guid == Guid::UNUSED {
                    return None;
                }
                let first = u64_at(entry, 32).saturating_mul(sector);
                let end = u64_at(entry, 40).saturating_add(1).saturating_mul(sector);
                Some(Partition {
                    number,
                    bytes: first..end,
                    kind: PartitionKind::Gpt {
                        type_guid,
                        unique_guid: guid_at(entry, 16),
                        attributes: u64_at(entry, 48),
                        name: name_at(entry),
                    },
                })
            })
            .collect()
    }

    /// Whether both copies say the same of the disk and its partitions.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        self.disk_guid == other.disk_guid
            && self.first_usable_lba == other.first_usable_lba
            && self.last_usable_lba == other.last_usable_lba
            && self.entry_bytes == other.entry_bytes
            && self.entries == other.entries
    }

    fn entry_sectors(&self, sector_size_bytes: u32) -> u64 {
        (self.entries.len() as u64).div_ceil(u64::from(sector_size_bytes).max(1))
    }

    fn header_for(&self, own_lba: u64, other_lba: u64, entries_lba: u64, last_usable_lba: u64) -> Vec<u8> {
        let mut header = self.header.clone();
        header[24..32].copy_from_slice(&own_lba.to_le_bytes());
        header[32..40].copy_from_slice(&other_lba.to_le_bytes());
        header[48..56].copy_from_slice(&last_usable_lba.to_le_bytes());
        header[72..80].copy_from_slice(&entries_lba.to_le_bytes());
        header[88..92].copy_from_slice(&crc32fast::hash(&self.entries).to_le_bytes());
        header[16..20].fill(0);
        let crc = crc32fast::hash(&header);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        header
    }

    /// Sector 0 with the protective entry's length set for the new disk: the whole disk, or all ones beyond 2³² sectors
    /// (UEFI 2.10 §5.2.3). A hybrid table's other entries stay.
    fn copy_protective_mbr(&self, primary: &mut [u8], sector_length: usize, sectors: u64) {
        let length = self.sector_zero.len().min(sector_length);
        primary[..length].copy_from_slice(&self.sector_zero[..length]);
        let whole_disk = u32::try_from(sectors - 1).unwrap_or(u32::MAX);
        let entries = (0..4).map(|index| super::mbr::ENTRIES_OFFSET + 16 * index);
        for at in entries {
            if primary[at + 4] != super::mbr::TYPE_PROTECTIVE {
                continue;
            }
            let start = u32_at(primary, at + 8);
            if start == 1 && u32_at(primary, at + 12) != u32::MAX {
                primary[at + 12..at + 16].copy_from_slice(&whole_disk.to_le_bytes());
            }
        }
    }
}

/// A header that passed its checks.
pub(super) struct FoundHeader {
    /// The table.
    pub gpt: Gpt,
    /// Where the header says the other one is.
    pub other_lba: u64,
}

/// Reads and checks the header at a sector and its entries; the error says what is wrong, in words.
pub(super) fn read_header(
    disk: &dyn ReadAt,
    sector_size_bytes: u32,
    lba: u64,
) -> Result<FoundHeader, String> {
    let sector = u64::from(sector_size_bytes);
    let sectors = disk.len() / sector.max(1);
    if lba >= sectors {
        return Err(format!("sector {lba} is beyond the end of the disk"));
    }
    let mut bytes = vec![0; usize::try_from(sector).map_err(|_| "sector size")?];
    disk.read_exact_at(&mut bytes, lba * sector)
        .map_err(|error| format!("reading it failed: {}", error.chain()))?;
    if &bytes[..8] != b"EFI PART" {
        return Err("no signature".into());
    }
    let header_bytes = usize::try_from(u32_at(&bytes, 12)).unwrap_or(usize::MAX);
    if header_bytes < HEADER_BYTES_MIN || header_bytes > bytes.len() {
        return Err(format!("header size {header_bytes}"));
    }
    let mut header = bytes[..header_bytes].to_vec();
    let crc = u32_at(&header, 16);
    header[16..20].fill(0);
    if crc32fast::hash(&header) != crc {
        return Err("header checksum".into());
    }
    header[16..20].copy_from_slice(&crc.to_le_bytes());
    if u64_at(&header, 24) != lba {
        return Err(format!(
            "header of sector {} found at sector {lba}",
            u64_at(&header, 24)
        ));
    }
    let entry_count = u32_at(&header, 80);
    let entry_bytes = u32_at(&header, 84);
    if entry_bytes < ENTRY_BYTES_MIN || !entry_bytes.is_power_of_two() {
        return Err(format!("entry size {entry_bytes}"));
    }
    let entries_length = u64::from(entry_count) * u64::from(entry_bytes);
    if entries_length == 0 || entries_length > ENTRIES_BYTES_MAX {
        return Err(format!("{entry_count} entries of {entry_bytes} bytes"));
    }
    let entries_lba = u64_at(&header, 72);
    let entries_end_lba = entries_lba
        .checked_add(entries_length.div_ceil(sector))
        .ok_or("entries' place")?;
    if entries_lba < 2 || entries_end_lba > sectors {
        return Err(format!("entries at sector {entries_lba}"));
    }
    if lba == PRIMARY_LBA && entries_lba.saturating_mul(sector) > ENTRIES_BYTES_MAX {
        return Err(format!("entries far from the header, at sector {entries_lba}"));
    }
    let mut entries = vec![0; usize::try_from(entries_length).map_err(|_| "entries' length")?];
    disk.read_exact_at(&mut entries, entries_lba * sector)
        .map_err(|error| format!("reading the entries failed: {}", error.chain()))?;
    if crc32fast::hash(&entries) != u32_at(&header, 88) {
        return Err("checksum of the entries".into());
    }
    let other_lba = u64_at(&header, 32);
    let gpt = Gpt {
        disk_guid: guid_at(&header, 56),
        first_usable_lba: u64_at(&header, 40),
        last_usable_lba: u64_at(&header, 48),
        entry_count,
        entry_bytes,
        primary_entries_lba: if lba == PRIMARY_LBA { entries_lba } else { 2 },
        header,
        entries,
        sector_zero: Vec::new(),
    };
    Ok(FoundHeader { gpt, other_lba })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(field)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(field)
}

fn guid_at(bytes: &[u8], at: usize) -> Guid {
    let mut field = [0; 16];
    field.copy_from_slice(&bytes[at..at + 16]);
    Guid(field)
}

fn name_at(entry: &[u8]) -> String {
    let units = entry[56..128]
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(units.take_while(|unit| *unit != 0))
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}
