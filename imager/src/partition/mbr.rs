//! Master boot record and the chain of extended boot records.
//!
//! ```text
//! Sector 0 (UEFI 2.10 §5.2.1, table 5-1)          Entry (table 5-2)
//! offset size  meaning                            offset size  meaning
//!      0  440  boot code                               0    1  0x80 active, else 0x00
//!    440    4  disk signature                          1    3  first sector as cylinder/head/sector, ignored
//!    444    2  unknown                                 4    1  type; 0 = unused
//!    446   64  four entries                            5    3  last sector likewise, ignored
//!    510    2  0x55 0xAA                               8    4  first sector, little-endian
//!                                                     12    4  number of sectors
//!
//! Extended partition: an entry of type 0x05, 0x0F or 0x85. It begins with an extended boot record, laid out like sector 0:
//!   entry 1  a logical partition; first sector counts from this record
//!   entry 2  the next record; first sector counts from the start of the extended partition; unused = end of the chain
//! ```
//!
//! Sectors are the disk's logical sectors, also where they have 4096 bytes.

use super::{Partition, PartitionKind};
use crate::disk::ReadAt;
use serde::Serialize;
use std::ops::Range;

/// Offset of the four entries.
pub(super) const ENTRIES_OFFSET: usize = 446;
/// Type of the entry that protects a GPT.
pub(super) const TYPE_PROTECTIVE: u8 = 0xEE;
/// Type of the entries of a dynamic disk.
pub(super) const TYPE_DYNAMIC: u8 = 0x42;
/// Most extended boot records followed.
const RECORDS_MAX: usize = 256;

/// A master boot record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mbr {
    /// Disk signature, which Windows knows the disk by.
    pub disk_signature: u32,
    /// The extended partition.
    pub extended: Option<Range<u64>>,
    /// The extended boot records in the order of the chain.
    pub extended_records: Vec<ExtendedRecord>,
}

/// One extended boot record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExtendedRecord {
    /// The sector it stands in.
    pub bytes: Range<u64>,
}

/// One of four entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// First byte: 0x80, 0x00 or garbage.
    pub flag: u8,
    /// Type.
    pub type_code: u8,
    /// First sector.
    pub first: u64,
    /// Number of sectors.
    pub count: u64,
}

impl Entry {
    /// Whether it describes a partition.
    pub(super) fn is_used(self) -> bool {
        self.type_code != 0 && self.count != 0
    }

    fn is_extended(self) -> bool {
        matches!(self.type_code, 0x05 | 0x0F | 0x85)
    }

    fn bytes(self, base_sector: u64, sector: u64) -> Option<Range<u64>> {
        let first = base_sector.checked_add(self.first)?;
        let end = first.checked_add(self.count)?;
        Some(first.checked_mul(sector)?..end.checked_mul(sector)?)
    }
}

/// The four entries of a sector that ends as a boot record does.
pub(super) fn entries(sector: &[u8]) -> Option<[Entry; 4]> {
    if sector.get(510..512)? != [0x55, 0xAA] {
        return None;
    }
    let entry = |index: usize| {
        let bytes = &sector[ENTRIES_OFFSET + 16 * index..][..16];
        let number = |at: usize| {
            u64::from(u32::from_le_bytes([
                bytes[at],
                bytes[at + 1],
                bytes[at + 2],
                bytes[at + 3],
            ]))
        };
        Entry {
            flag: bytes[0],
            type_code: bytes[4],
            first: number(8),
            count: number(12),
        }
    };
    Some([entry(0), entry(1), entry(2), entry(3)])
}

/// The partitions of an MBR, primary and logical; the error says what is wrong, in words.
pub(super) fn read(
    disk: &dyn ReadAt,
    sector_size_bytes: u32,
    sector_zero: &[u8],
    found: [Entry; 4],
) -> Result<(Mbr, Vec<Partition>), String> {
    let sector = u64::from(sector_size_bytes);
    let signature = [
        sector_zero[440],
        sector_zero[441],
        sector_zero[442],
        sector_zero[443],
    ];
    let mut mbr = Mbr {
        disk_signature: u32::from_le_bytes(signature),
        extended: None,
        extended_records: Vec::new(),
    };
    let mut partitions = Vec::new();
    for (entry, number) in found.into_iter().zip(1u32..).filter(|(entry, _)| entry.is_used()) {
        let bytes = entry
            .bytes(0, sector)
            .ok_or_else(|| format!("partition {number} is beyond any disk"))?;
        if entry.first == 0 || bytes.end > disk.len() {
            return Err(format!("partition {number} does not lie within the disk"));
        }
        if !entry.is_extended() {
            partitions.push(partition(number, bytes, entry, false));
        } else if mbr.extended.replace(bytes).is_some() {
            return Err("two extended partitions".into());
        }
    }
    if let Some(extended) = mbr.extended.clone() {
        read_chain(disk, sector, &extended, &mut mbr, &mut partitions)?;
    }
    Ok((mbr, partitions))
}

fn read_chain(
    disk: &dyn ReadAt,
    sector: u64,
    extended: &Range<u64>,
    mbr: &mut Mbr,
    partitions: &mut Vec<Partition>,
) -> Result<(), String> {
    let base = extended.start / sector;
    let mut at = base;
    let mut number = 5;
    loop {
        let record = at
            .checked_mul(sector)
            .and_then(|start| Some(start..start.checked_add(sector)?));
        let record = record
            .filter(|record| extended.start <= record.start && record.end <= extended.end)
            .ok_or("an extended boot record is outside the extended partition")?;
        if mbr.extended_records.iter().any(|seen| seen.bytes == record) {
            return Err("the extended boot records run in a circle".into());
        }
        if mbr.extended_records.len() >= RECORDS_MAX {
            return Err(format!("more than {RECORDS_MAX} extended boot records"));
        }
        let mut bytes = vec![0; usize::try_from(sector).map_err(|_| "sector size")?];
        disk.read_exact_at(&mut bytes, record.start)
            .map_err(|error| format!("reading an extended boot record failed: {}", error.chain()))?;
        let Some(found) = entries(&bytes) else {
            // A freshly made, empty extended partition has no record yet.
            return if mbr.extended_records.is_empty() && bytes.iter().all(|byte| *byte == 0) {
                Ok(())
            } else {
                Err(format!("no extended boot record at sector {at}"))
            };
        };
        mbr.extended_records.push(ExtendedRecord { bytes: record });
        let mut next = None;
        for entry in found.into_iter().filter(|entry| entry.is_used()) {
            if entry.is_extended() {
                if next.replace(entry.first).is_some() {
                    return Err("an extended boot record names two successors".into());
                }
                continue;
            }
            let bytes = entry
                .bytes(at, sector)
                .filter(|bytes| entry.first > 0 && extended.start <= bytes.start && bytes.end <= extended.end)
                .ok_or_else(|| format!("logical partition {number} is outside the extended partition"))?;
            partitions.push(partition(number, bytes, entry, true));
            number += 1;
        }
        match next {
            Some(next) => {
                at = base
                    .checked_add(next)
                    .ok_or("an extended boot record is beyond any disk")?
            }
            None => return Ok(()),
        }
    }
}

fn partition(number: u32, bytes: Range<u64>, entry: Entry, logical: bool) -> Partition {
    let kind = PartitionKind::Mbr {
        type_code: entry.type_code,
        active: entry.flag == 0x80,
        logical,
    };
    Partition { number, bytes, kind }
}
