//! The partition table of a saved disk, put together again.
//!
//! ```text
//! -pt.sf: one line for each partition:  /dev/sda1 : start=  2048, size=  204800, type=83, bootable
//!         before them "label: gpt"; the oldest have "Id=83" and no label
//!
//! Extended boot record, one sector before each logical partition
//! offset size  meaning
//!    446   16  the logical partition; its start counts from this sector
//!    462   16  type 5: the next record; its start counts from the extended partition's
//!    510    2  55 AA
//! ```

use crate::{
    error::{Error, ErrorKind, Result},
    partition::relocate_backup,
};

const SECTOR: usize = 512;
const PARTITIONS_MAX: usize = 256;

/// What `sfdisk -d` printed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub is_gpt: bool,
    pub partitions: Vec<Listed>,
}

/// One partition of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// `sda1`.
    pub name: String,
    pub start_sector: u64,
    pub sectors: u64,
    pub type_code: u8,
    pub is_extended: bool,
}

impl Listed {
    fn end(&self) -> u64 {
        self.start_sector.saturating_add(self.sectors)
    }
}

impl Table {
    pub(super) fn extended(&self) -> Option<&Listed> {
        self.partitions.iter().find(|one| one.is_extended)
    }
}

/// What Clonezilla keeps of an MBR.
pub(super) struct MbrParts {
    pub sector_zero: Vec<u8>,
    /// What stood between it and the first partition.
    pub behind: Vec<u8>,
    /// The first sector of the extended partition; empty if there is none.
    pub extended: Vec<u8>,
}

/// Size of a disk and the bytes of its tables with their places.
pub(super) type Tables = (u64, Vec<(u64, Vec<u8>)>);

/// Reads the lines of a table.
pub(super) fn parse(text: &str) -> Result<Table> {
    let mut table = Table::default();
    for line in text.lines() {
        if let Some(label) = line.strip_prefix("label:") {
            table.is_gpt = label.trim() == "gpt";
        }
        if line
            .strip_prefix("sector-size:")
            .is_some_and(|size| size.trim() != "512")
        {
            return Err(Error::new(
                ErrorKind::Refused,
                "a disk whose sectors are not of 512 bytes cannot be moved in this way",
            )
            .with_remedy("restore it with Clonezilla, then capture the disk"));
        }
        let Some((name, fields)) = line.strip_prefix("/dev/").and_then(|line| line.split_once(':')) else {
            continue;
        };
        let value = |key: &str| {
            fields
                .split(',')
                .filter_map(|field| field.split_once('='))
                .find(|(own, _)| own.trim().eq_ignore_ascii_case(key))
                .map(|(_, value)| value.trim())
        };
        let number = |key: &str| value(key).and_then(|value| value.parse::<u64>().ok());
        let (Some(start_sector), Some(sectors)) = (number("start"), number("size")) else {
            return Err(damaged("a line of the table has no start or size"));
        };
        if sectors == 0 {
            continue;
        }
        let type_code = value("type")
            .or_else(|| value("Id"))
            .and_then(|code| u8::from_str_radix(code, 16).ok())
            .unwrap_or(0);
        if start_sector > i64::MAX.unsigned_abs() / 1024 || sectors > i64::MAX.unsigned_abs() / 1024 {
            return Err(damaged("a partition beyond any disk"));
        }
        table.partitions.push(Listed {
            // As Clonezilla writes names of devices in folders of their own.
            name: name.trim().replace('/', "-"),
            start_sector,
            sectors,
            type_code,
            is_extended: !table.is_gpt && matches!(type_code, 0x05 | 0x0F | 0x85),
        });
        if table.partitions.len() > PARTITIONS_MAX {
            return Err(damaged("more partitions than can be"));
        }
    }
    Ok(table)
}

/// The size of the disk as parted printed it, in sectors.
pub(super) fn stated_sectors(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("Disk /dev/"))?;
    line.rsplit(':').next()?.trim().strip_suffix('s')?.parse().ok()
}

/// Both copies of a GPT, from the first sectors.
pub(super) fn gpt(first: &[u8]) -> Result<Tables> {
    let alternate = first
        .get(SECTOR + 0x20..SECTOR + 0x28)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u64::from_le_bytes);
    let disk_bytes = alternate
        .and_then(|last| last.checked_add(1)?.checked_mul(SECTOR as u64))
        .filter(|bytes| *bytes < 1 << 60)
        .ok_or_else(|| damaged("the first copy of the GPT is cut short"))?;
    let image = relocate_backup(first, 512, disk_bytes)?;
    Ok((
        disk_bytes,
        vec![(0, image.primary), (image.backup_offset, image.backup)],
    ))
}

/// An MBR with its extended boot records. `stated` is the disk's size in sectors, if it is known.
pub(super) fn mbr(table: &Table, parts: MbrParts, stated: Option<u64>) -> Result<Tables> {
    if parts.sector_zero.len() != SECTOR || parts.sector_zero[510..] != [0x55, 0xAA] {
        return Err(damaged("sector 0 is no MBR"));
    }
    let end = table.partitions.iter().map(Listed::end).max().unwrap_or(1);
    let sectors = stated.unwrap_or(end).max(end).min(i64::MAX.unsigned_abs() / 1024);
    let mut tables = vec![(0, parts.sector_zero)];
    let first = table.partitions.iter().map(|one| one.start_sector).min();
    let room = first.unwrap_or(1).saturating_sub(1).saturating_mul(SECTOR as u64);
    let mut behind = parts.behind;
    behind.truncate(usize::try_from(room).unwrap_or(usize::MAX));
    tables.push((SECTOR as u64, behind));
    if let Some(extended) = table.extended() {
        records(table, extended, &parts.extended, &mut tables)?;
    }
    Ok((sectors * SECTOR as u64, tables))
}

/// The chain of extended boot records: the first where the extended partition begins, each other one in the sector behind
/// the logical partition that lies before its own.
fn records(table: &Table, extended: &Listed, code: &[u8], tables: &mut Vec<(u64, Vec<u8>)>) -> Result<()> {
    let inside = |one: &&Listed| {
        !one.is_extended && one.start_sector > extended.start_sector && one.end() <= extended.end()
    };
    let logical: Vec<&Listed> = table.partitions.iter().filter(inside).collect();
    let mut places = Vec::new();
    for (index, one) in logical.iter().enumerate() {
        let before = logical.iter().map(|other| other.end());
        let place = match index {
            0 => extended.start_sector,
            _ => before
                .filter(|end| *end <= one.start_sector)
                .max()
                .unwrap_or(extended.start_sector + 1),
        };
        if place >= one.start_sector {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("there is no sector for the boot record before {}", one.name),
            )
            .with_remedy("restore it with Clonezilla, then capture the disk"));
        }
        places.push(place);
    }
    if logical.is_empty() {
        tables.push((extended.start_sector * SECTOR as u64, code.to_vec()));
    }
    for (index, (one, place)) in logical.iter().zip(&places).enumerate() {
        let mut sector = vec![0; SECTOR];
        if index == 0 && code.len() == SECTOR {
            sector[..446].copy_from_slice(&code[..446]);
        }
        sector[446..462].copy_from_slice(&entry(one.type_code, one.start_sector - place, one.sectors)?);
        if let (Some(next), Some(next_place)) = (logical.get(index + 1), places.get(index + 1)) {
            let distance = next_place
                .checked_sub(extended.start_sector)
                .ok_or_else(|| damaged("a logical partition outside of the extended one"))?;
            sector[462..478].copy_from_slice(&entry(0x05, distance, next.end() - next_place)?);
        }
        sector[510..].copy_from_slice(&[0x55, 0xAA]);
        tables.push((place * SECTOR as u64, sector));
    }
    Ok(())
}

fn entry(type_code: u8, start: u64, sectors: u64) -> Result<[u8; 16]> {
    let narrow = |value: u64| {
        u32::try_from(value)
            .map(u32::to_le_bytes)
            .map_err(|_| damaged("a partition beyond what an MBR can say"))
    };
    let mut entry = [0; 16];
    // "See the numbers of sectors": no cylinders.
    entry[1..4].copy_from_slice(&[0xFE, 0xFF, 0xFF]);
    entry[4] = type_code;
    entry[5..8].copy_from_slice(&[0xFE, 0xFF, 0xFF]);
    entry[8..12].copy_from_slice(&narrow(start)?);
    entry[12..16].copy_from_slice(&narrow(sectors)?);
    Ok(entry)
}

fn damaged(why: &str) -> Error {
    Error::new(
        ErrorKind::Damaged,
        format!("the image's partition table is damaged: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn old_and_new_dumps_are_read() {
        let new = parse(
            "label: gpt\nlabel-id: 1\ndevice: /dev/nvme0n1\nunit: sectors\nsector-size: 512\n\n\
             /dev/nvme0n1p1 : start=        2048, size=      204800, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\n",
        )
        .unwrap();
        assert!(new.is_gpt);
        assert_eq!(
            (new.partitions[0].name.as_str(), new.partitions[0].start_sector),
            ("nvme0n1p1", 2048)
        );
        let old = parse(
            "# partition table of /dev/sda\nunit: sectors\n\n/dev/sda1 : start=       63, size=  1000, Id= 7, bootable\n\
             /dev/sda2 : start=     2000, size=  9000, Id= f\n/dev/sda3 : start=        0, size=        0, Id= 0\n",
        )
        .unwrap();
        assert_eq!(old.partitions.len(), 2);
        assert_eq!(old.extended().unwrap().name, "sda2");
        assert_eq!(
            stated_sectors("Model: x\nDisk /dev/sda: 41943040s\n"),
            Some(41_943_040)
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_table_panic(text in "(/dev/sda[0-9] : (start|size)=[0-9 ]{1,22}, (size|Id)=[0-9a-f]{1,20}(, type=[5f])?\n){0,6}") {
            if let Ok(table) = parse(&text) {
                let mut sector_zero = vec![0; 512];
                sector_zero[510..].copy_from_slice(&[0x55, 0xAA]);
                let _ = mbr(&table, MbrParts { sector_zero, behind: vec![1; 9000], extended: Vec::new() }, None);
            }
        }
    }
}
