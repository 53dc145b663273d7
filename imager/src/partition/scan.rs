//! Which table a disk has, and where everything of the disk belongs.

use super::{Gap, GapPlace, Layout, Partition, PartitionKind, Table, Warning, gpt, mbr};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{self, Kind},
};

/// Reads the partition table of a disk whose logical sectors have the size given (512 or 4096 bytes).
///
/// A table that cannot be trusted is no error: the layout then has one partition, the whole disk, and says why.
///
/// # Errors
/// `SectorSize` for a size no table has; `Read` if sector 0 cannot be read.
pub fn read_table(disk: &dyn ReadAt, sector_size_bytes: u32) -> Result<Layout> {
    if !matches!(sector_size_bytes, 512 | 1024 | 2048 | 4096) {
        return Err(Error::new(
            ErrorKind::SectorSize,
            format!("sectors of {sector_size_bytes} bytes are not known"),
        ));
    }
    let mut scan = Scan {
        disk,
        sector_size_bytes,
        sector_zero: Vec::new(),
        warnings: Vec::new(),
    };
    if disk.len() < u64::from(sector_size_bytes) {
        return Ok(scan.whole_disk(Table::None));
    }
    scan.sector_zero = vec![0; sector_size_bytes as usize];
    disk.read_exact_at(&mut scan.sector_zero, 0)?;
    Ok(scan.read())
}

/// The sector size that a disk image's GPT was written for, by where its header is; `None` if there is no GPT.
#[must_use]
pub fn detect_sector_size(disk: &dyn ReadAt) -> Option<u32> {
    [512u32, 4096].into_iter().find(|size| {
        let mut signature = [0; 8];
        disk.read_exact_at(&mut signature, u64::from(*size)).is_ok() && &signature == b"EFI PART"
    })
}

struct Scan<'a> {
    disk: &'a dyn ReadAt,
    sector_size_bytes: u32,
    sector_zero: Vec<u8>,
    warnings: Vec<Warning>,
}

impl Scan<'_> {
    fn read(mut self) -> Layout {
        // Boot flags other than 0x00 and 0x80 are boot code or a filesystem's text, not a table: kernels go by that too.
        let entries = mbr::entries(&self.sector_zero)
            .filter(|entries| entries.iter().all(|entry| entry.flag & 0x7F == 0));
        let used: Vec<mbr::Entry> = entries
            .into_iter()
            .flatten()
            .filter(|entry: &mbr::Entry| entry.is_used())
            .collect();
        let protective = used.iter().any(|entry| entry.type_code == mbr::TYPE_PROTECTIVE);
        let others = used
            .iter()
            .filter(|entry| entry.type_code != mbr::TYPE_PROTECTIVE)
            .count();
        match entries {
            Some(_) if protective => self.read_gpt(others > 0),
            Some(entries) if others > 0 => {
                // FAT tools write one entry from sector 0 over everything: then the filesystem is the disk.
                if used.iter().all(|entry| entry.first == 0) && self.has_filesystem() {
                    return self.whole_disk(Table::None);
                }
                self.note_stale_gpt();
                match mbr::read(self.disk, self.sector_size_bytes, &self.sector_zero, entries) {
                    Ok((found, partitions)) => self.finish(Table::Mbr(found), partitions),
                    Err(reason) => self.whole_disk(Table::Damaged { reason }),
                }
            }
            _ if self.has_filesystem() => {
                self.note_stale_gpt();
                self.whole_disk(Table::None)
            }
            _ => match gpt::read_header(self.disk, self.sector_size_bytes, 1) {
                Ok(_) => {
                    self.warnings.push(Warning::NoProtectiveMbr);
                    self.read_gpt(false)
                }
                Err(_) => self.whole_disk(Table::None),
            },
        }
    }

    fn read_gpt(mut self, hybrid: bool) -> Layout {
        let last_lba = (self.disk.len() / u64::from(self.sector_size_bytes)).saturating_sub(1);
        let read = |lba| gpt::read_header(self.disk, self.sector_size_bytes, lba);
        let mut found = match read(1) {
            Ok(primary) => {
                let mut backup_lba = primary.other_lba;
                let mut backup = read(backup_lba);
                if backup.is_err() && backup_lba != last_lba {
                    backup_lba = last_lba;
                    backup = read(last_lba).or(backup);
                }
                match backup {
                    Err(reason) => self.warnings.push(Warning::BackupDamaged { reason }),
                    Ok(backup) => {
                        if backup_lba != last_lba {
                            let (found_lba, expected_lba) = (backup_lba, last_lba);
                            self.warnings.push(Warning::BackupMisplaced {
                                found_lba,
                                expected_lba,
                            });
                        }
                        if !primary.gpt.says_the_same(&backup.gpt) {
                            self.warnings.push(Warning::CopiesDiffer);
                        }
                    }
                }
                primary.gpt
            }
            Err(reason) => match read(last_lba) {
                Ok(backup) => {
                    self.warnings.push(Warning::PrimaryDamaged { reason });
                    backup.gpt
                }
                Err(backup_reason) => {
                    let reason = self.explain_missing_gpt(&reason, &backup_reason);
                    return self.whole_disk(Table::Damaged { reason });
                }
            },
        };
        if hybrid {
            self.warnings.push(Warning::HybridMbr);
        }
        found.sector_zero.clone_from(&self.sector_zero);
        let partitions = found.partitions(self.sector_size_bytes);
        if let Err(reason) = self.check_gpt(&found, &partitions) {
            return self.whole_disk(Table::Damaged { reason });
        }
        self.finish(Table::Gpt(found), partitions)
    }

    fn check_gpt(&self, found: &gpt::Gpt, partitions: &[Partition]) -> Result<(), String> {
        let tables = found.primary_ranges(self.sector_size_bytes);
        for Partition { number, bytes, .. } in partitions {
            if bytes.is_empty() || bytes.end > self.disk.len() {
                return Err(format!("partition {number} does not lie within the disk"));
            }
            if tables
                .iter()
                .any(|table| table.start < bytes.end && bytes.start < table.end)
            {
                return Err(format!("partition {number} lies over the partition table"));
            }
        }
        Ok(())
    }

    fn explain_missing_gpt(&self, primary: &str, backup: &str) -> String {
        match detect_sector_size(self.disk) {
            Some(other) if other != self.sector_size_bytes => format!(
                "the GPT was written for sectors of {other} bytes, this disk has {}",
                self.sector_size_bytes
            ),
            _ => format!("both GPT copies are damaged (primary: {primary}; backup: {backup})"),
        }
    }

    fn has_filesystem(&self) -> bool {
        !matches!(
            filesystem::identify(self.disk, 0..self.disk.len()),
            Kind::Unknown | Kind::IntelRaidMember
        )
    }

    fn note_stale_gpt(&mut self) {
        let last_lba = (self.disk.len() / u64::from(self.sector_size_bytes)).saturating_sub(1);
        let stale = [1, last_lba]
            .iter()
            .any(|lba| gpt::read_header(self.disk, self.sector_size_bytes, *lba).is_ok());
        if stale {
            self.warnings.push(Warning::StaleGpt);
        }
    }

    /// Orders the partitions, refuses overlaps, and names every byte outside them.
    fn finish(self, table: Table, mut partitions: Vec<Partition>) -> Layout {
        partitions.sort_by_key(|partition| (partition.bytes.start, partition.number));
        for pair in partitions.windows(2) {
            if pair[1].bytes.start < pair[0].bytes.end {
                let reason = format!("partitions {} and {} overlap", pair[0].number, pair[1].number);
                return self.whole_disk(Table::Damaged { reason });
            }
        }
        let records = match &table {
            Table::Mbr(found) => found.extended_records.as_slice(),
            _ => &[],
        };
        for record in records {
            let inside = |partition: &&Partition| {
                partition.bytes.start < record.bytes.end && record.bytes.start < partition.bytes.end
            };
            if let Some(partition) = partitions.iter().find(inside) {
                let reason = format!("partition {} lies over an extended boot record", partition.number);
                return self.whole_disk(Table::Damaged { reason });
            }
        }
        // What an extended boot record needs must not fall into the unkept end of the disk.
        let last_kept = records.iter().map(|record| record.bytes.end).max().unwrap_or(0);
        let mut gaps = Vec::new();
        let mut at = 0;
        for partition in &partitions {
            if at < partition.bytes.start {
                let place = if at == 0 {
                    GapPlace::BeforeFirst
                } else {
                    GapPlace::Between
                };
                gaps.push(Gap {
                    bytes: at..partition.bytes.start,
                    place,
                });
            }
            at = partition.bytes.end;
        }
        let head_end = self.table_end(&table).max(last_kept);
        if at < head_end {
            let place = if at == 0 {
                GapPlace::BeforeFirst
            } else {
                GapPlace::Between
            };
            gaps.push(Gap {
                bytes: at..head_end,
                place,
            });
            at = head_end;
        }
        if at < self.disk.len() {
            let is_dynamic =
                matches!(table, Table::Mbr(_)) && partitions.iter().any(|one| one.kind.is_dynamic());
            gaps.push(Gap {
                bytes: at..self.disk.len(),
                place: if is_dynamic {
                    GapPlace::Database
                } else {
                    GapPlace::AfterLast
                },
            });
        }
        Layout {
            sector_size_bytes: self.sector_size_bytes,
            disk_bytes: self.disk.len(),
            table,
            partitions,
            gaps,
            warnings: self.warnings,
        }
    }

    /// End of the primary table, so that a table without partitions is kept as well.
    fn table_end(&self, table: &Table) -> u64 {
        match table {
            Table::None | Table::Damaged { .. } => 0,
            Table::Mbr(_) => u64::from(self.sector_size_bytes),
            Table::Gpt(found) => found
                .primary_ranges(self.sector_size_bytes)
                .iter()
                .map(|range| range.end)
                .max()
                .unwrap_or(0),
        }
    }

    fn whole_disk(self, table: Table) -> Layout {
        let disk_bytes = self.disk.len();
        let bytes = 0..disk_bytes;
        let whole = Partition {
            number: 0,
            bytes,
            kind: PartitionKind::WholeDisk,
        };
        Layout {
            sector_size_bytes: self.sector_size_bytes,
            disk_bytes,
            table,
            partitions: if disk_bytes > 0 { vec![whole] } else { Vec::new() },
            gaps: Vec::new(),
            warnings: self.warnings,
        }
    }
}
