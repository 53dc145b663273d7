//! Boot sector of a FAT filesystem.
//!
//! ```text
//! little-endian (Microsoft FAT specification, section 3)
//! offset size  meaning
//!   0x00    3  jump: EB xx 90 or E9 xx xx
//!   0x0B    2  bytes per sector: 512, 1024, 2048, 4096
//!   0x0D    1  sectors per cluster: a power of two
//!   0x0E    2  reserved sectors
//!   0x10    1  number of FATs
//!   0x11    2  entries in the root directory, 0 on FAT32
//!   0x13    2  sectors, or 0: see 0x20
//!   0x15    1  media
//!   0x16    2  sectors per FAT, or 0: see 0x24
//!   0x20    4  sectors
//!          FAT12/16                        FAT32
//!   0x25    1  flags of the last system    0x24    4  sectors per FAT
//!   0x27    4  serial number               0x2C    4  first cluster of the root directory
//!   0x2B   11  label                       0x30    2  sector of FSInfo
//!                                          0x32    2  sector of the backup boot sector
//!                                          0x41    1  flags of the last system
//!                                          0x43    4  serial number
//!                                          0x47   11  label
//!    510    2  55 AA
//! ```
//! Which of the three it is follows from the number of clusters alone: fewer than 4085 is FAT12, fewer than 65525 FAT16.

use crate::filesystem::{Kind, Volume, volume::field};

/// Width of a FAT entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Fat12,
    Fat16,
    Fat32,
}

impl Width {
    /// Bits an entry takes.
    pub(super) fn bits(self) -> u64 {
        match self {
            Self::Fat12 => 12,
            Self::Fat16 => 16,
            Self::Fat32 => 32,
        }
    }

    /// Bits of an entry that count.
    pub(super) fn mask(self) -> u32 {
        match self {
            Self::Fat12 => 0xFFF,
            Self::Fat16 => 0xFFFF,
            Self::Fat32 => 0x0FFF_FFFF,
        }
    }

    /// Entry `index` of a piece of FAT that begins at an even entry.
    pub(super) fn entry(self, piece: &[u8], index: usize) -> u32 {
        match self {
            Self::Fat12 => {
                let pair = field::le16(piece, index + index / 2);
                let last = piece.len() == index + index / 2 + 1;
                let pair = if last {
                    u16::from(piece[index + index / 2])
                } else {
                    pair
                };
                u32::from(if index.is_multiple_of(2) {
                    pair & 0xFFF
                } else {
                    pair >> 4
                })
            }
            Self::Fat16 => u32::from(field::le16(piece, 2 * index)),
            Self::Fat32 => field::le32(piece, 4 * index) & self.mask(),
        }
    }
}

/// Where everything lies, in bytes of the partition. Sums of these cannot overflow: the fields they come from are at most
/// 32 bits of sectors of at most 4096 bytes.
#[derive(Clone, Debug)]
pub(super) struct Boot {
    pub width: Width,
    pub total_bytes: u64,
    pub cluster_bytes: u64,
    pub cluster_count: u32,
    pub fat_start: u64,
    pub fat_bytes: u64,
    pub fat_count: u8,
    /// Root directory of FAT12/16.
    pub root_start: u64,
    pub root_bytes: u64,
    /// Root directory of FAT32.
    pub root_cluster: u32,
    pub data_start: u64,
    pub backup_boot_offset: Option<u64>,
    pub information_offset: Option<u64>,
    pub dirty: bool,
    /// There is a table of partitions in the boot sector, none of which begins at its sector 0.
    pub has_partition_table: bool,
    pub serial: u32,
    pub label: Option<String>,
}

impl Boot {
    /// Reads the boot sector; the error says, in words, why it is none.
    pub(super) fn read(volume: &Volume<'_>) -> Result<Self, String> {
        let sector = volume.read(0, 512)?;
        let jump = sector[0] == 0xE9 || sector[0] == 0xEB;
        if !jump && sector[510..512] != [0x55, 0xAA] {
            return Err("no boot sector".into());
        }
        let sector_bytes = u64::from(field::le16(&sector, 0x0B));
        let sectors_per_cluster = u64::from(sector[0x0D]);
        let reserved = u64::from(field::le16(&sector, 0x0E));
        let fat_count = sector[0x10];
        let media = sector[0x15];
        let plausible = matches!(sector_bytes, 512 | 1024 | 2048 | 4096)
            && sectors_per_cluster.is_power_of_two()
            && reserved > 0
            && (1..=4).contains(&fat_count)
            && (media == 0xF0 || media >= 0xF8);
        if !plausible {
            return Err("no FAT boot sector".into());
        }
        let or_wide = |narrow: usize, wide: usize| match field::le16(&sector, narrow) {
            0 => u64::from(field::le32(&sector, wide)),
            narrow => u64::from(narrow),
        };
        let root_bytes = u64::from(field::le16(&sector, 0x11)) * 32;
        let root_sectors = root_bytes.div_ceil(sector_bytes);
        let total_sectors = or_wide(0x13, 0x20);
        let fat_sectors = or_wide(0x16, 0x24);
        let data_sector = reserved + u64::from(fat_count) * fat_sectors + root_sectors;
        let data_sectors = total_sectors
            .checked_sub(data_sector)
            .ok_or("the FAT does not fit its filesystem")?;
        let clusters = data_sectors / sectors_per_cluster;
        let cluster_count = u32::try_from(clusters).map_err(|_| "more clusters than a FAT counts")?;
        let width = match cluster_count {
            0 => return Err("no clusters".into()),
            1..4085 => Width::Fat12,
            4085..65525 => Width::Fat16,
            65525..0x0FFF_FFF5 => Width::Fat32,
            _ => return Err("more clusters than a FAT counts".into()),
        };
        let fat_bytes = fat_sectors * sector_bytes;
        if (u64::from(cluster_count) + 2) * width.bits() > fat_bytes * 8 {
            return Err("the FAT is too short for its clusters".into());
        }
        let wide = width == Width::Fat32;
        if wide != (root_bytes == 0) {
            return Err("the root directory does not fit the kind of FAT".into());
        }
        let place_in_reserved = |at: usize| {
            let sector_number = u64::from(field::le16(&sector, at));
            (wide && sector_number > 0 && sector_number < reserved).then_some(sector_number * sector_bytes)
        };
        let base = if wide { 0x41 } else { 0x25 };
        let has_extended = matches!(sector[base + 1], 0x28 | 0x29);
        let label =
            field::text(&sector[base + 6..base + 17]).filter(|label| has_extended && label != "NO NAME");
        Ok(Self {
            width,
            total_bytes: total_sectors * sector_bytes,
            cluster_bytes: sectors_per_cluster * sector_bytes,
            cluster_count,
            fat_start: reserved * sector_bytes,
            fat_bytes,
            fat_count,
            root_start: (reserved + u64::from(fat_count) * fat_sectors) * sector_bytes,
            root_bytes,
            root_cluster: if wide { field::le32(&sector, 0x2C) } else { 0 },
            data_start: data_sector * sector_bytes,
            backup_boot_offset: place_in_reserved(0x32),
            information_offset: place_in_reserved(0x30),
            dirty: sector[base] & 1 != 0,
            has_partition_table: has_partition_table(&sector),
            serial: if has_extended {
                field::le32(&sector, base + 2)
            } else {
                0
            },
            label,
        })
    }

    /// Which kind.
    pub(super) fn kind(&self) -> Kind {
        match self.width {
            Width::Fat12 => Kind::Fat12,
            Width::Fat16 => Kind::Fat16,
            Width::Fat32 => Kind::Fat32,
        }
    }

    /// Where a cluster begins, in bytes of the partition. The first is cluster 2.
    pub(super) fn cluster_offset(&self, cluster: u64) -> u64 {
        self.data_start + cluster.saturating_sub(2) * self.cluster_bytes
    }

    /// The cluster after this one in its chain, or `None` at the end or at nonsense.
    pub(super) fn next_cluster(&self, volume: &Volume<'_>, cluster: u32) -> Result<Option<u32>, String> {
        let cluster = u64::from(cluster);
        let value = match self.width {
            Width::Fat12 => {
                let bytes = volume.read(self.fat_start + cluster / 2 * 3, 3)?;
                self.width
                    .entry(&bytes, usize::try_from(cluster % 2).unwrap_or(0))
            }
            Width::Fat16 => u32::from(field::le16(&volume.read(self.fat_start + cluster * 2, 2)?, 0)),
            Width::Fat32 => {
                field::le32(&volume.read(self.fat_start + cluster * 4, 4)?, 0) & self.width.mask()
            }
        };
        Ok(Some(value).filter(|value| self.has_cluster(*value)))
    }

    /// Whether a cluster number names a cluster that exists.
    pub(super) fn has_cluster(&self, cluster: u32) -> bool {
        cluster >= 2 && u64::from(cluster) < u64::from(self.cluster_count) + 2
    }
}

/// Whether the four entries at 446 look like partitions: flags 0x00 or 0x80 in all, and one used that begins behind
/// sector 0. FAT tools fill in an entry from sector 0; most leave all four zero.
fn has_partition_table(sector: &[u8]) -> bool {
    let entries = || sector[446..510].chunks_exact(16);
    sector[510..512] == [0x55, 0xAA]
        && entries().all(|entry| entry[0] & 0x7F == 0)
        && entries().any(|entry| entry[4] != 0 && field::le32(entry, 8) > 0 && field::le32(entry, 12) > 0)
}
