//! Boot sector of NTFS.
//!
//! ```text
//! little-endian
//! offset size  meaning
//!   0x03    8  "NTFS    "
//!   0x0B    2  bytes per sector
//!   0x0D    1  sectors per cluster; above 0x80: 2^(256 − n)
//!   0x0E    2  0
//!   0x1C    4  sectors before the partition (boot code needs it)
//!   0x28    8  sectors of the volume; the partition has one more, for the backup of this sector
//!   0x30    8  first cluster of $MFT
//!   0x38    8  first cluster of $MFTMirr
//!   0x40    1  MFT record: clusters, or as a negative number 2^(−n) bytes
//!   0x48    8  serial number
//!    510    2  55 AA
//! ```
//! Source: ntfs-3g `include/ntfs-3g/layout.h` (NTFS_BOOT_SECTOR), Linux `fs/ntfs3/ntfs.h`.

use crate::filesystem::{Volume, volume::field};

/// Where everything lies, in bytes of the partition.
#[derive(Clone, Debug)]
pub(super) struct Boot {
    pub cluster_bytes: u64,
    pub cluster_count: u64,
    pub mft_cluster: u64,
    pub record_bytes: usize,
    pub serial: u64,
    /// Where the last sector of the volume ends.
    end: u64,
}

impl Boot {
    /// Reads the boot sector; the error says, in words, why the volume cannot be mapped.
    pub(super) fn read(volume: &Volume<'_>) -> Result<Self, String> {
        Self::parse(&volume.read(0, 512)?, volume)
    }

    /// Reads its copy in the last sector of the partition.
    pub(super) fn read_backup(volume: &Volume<'_>) -> Option<Self> {
        [512u64, 4096].into_iter().find_map(|sector_bytes| {
            let offset = volume
                .len()
                .checked_sub(sector_bytes)
                .filter(|offset| *offset > 0)?;
            let boot = Self::parse(&volume.read(offset, 512).ok()?, volume).ok()?;
            // The volume ends where its copy stands, else it is one that an older, larger volume left.
            (boot.end == offset).then_some(boot)
        })
    }

    fn parse(sector: &[u8], volume: &Volume<'_>) -> Result<Self, String> {
        if &sector[3..11] != b"NTFS    " || sector[510..512] != [0x55, 0xAA] {
            return Err("no NTFS boot sector".into());
        }
        let sector_bytes = u64::from(field::le16(sector, 0x0B));
        if !matches!(sector_bytes, 512 | 1024 | 2048 | 4096) {
            return Err(format!("sectors of {sector_bytes} bytes"));
        }
        let sectors_per_cluster = match sector[0x0D] {
            narrow @ 1..=0x80 => u64::from(narrow),
            wide => 1u64.checked_shl(256 - u32::from(wide)).unwrap_or(0),
        };
        let cluster_bytes = sector_bytes.saturating_mul(sectors_per_cluster);
        if !cluster_bytes.is_power_of_two() || cluster_bytes > 2 << 20 {
            return Err(format!("clusters of {cluster_bytes} bytes"));
        }
        let record_bytes = match sector[0x40].cast_signed() {
            clusters @ 1.. => u64::from(clusters.unsigned_abs()) * cluster_bytes,
            power => 1u64.checked_shl(u32::from(power.unsigned_abs())).unwrap_or(0),
        };
        if !record_bytes.is_power_of_two() || !(512..=65536).contains(&record_bytes) {
            return Err(format!("MFT records of {record_bytes} bytes"));
        }
        let total_bytes = field::le64(sector, 0x28)
            .checked_mul(sector_bytes)
            .filter(|total| *total <= volume.len())
            .ok_or("the filesystem is larger than its partition")?;
        let cluster_count = total_bytes / cluster_bytes;
        let mft_cluster = field::le64(sector, 0x30);
        if cluster_count == 0 || mft_cluster == 0 || mft_cluster >= cluster_count {
            return Err("the MFT is not inside the volume".into());
        }
        Ok(Self {
            cluster_bytes,
            cluster_count,
            mft_cluster,
            record_bytes: usize::try_from(record_bytes).map_err(|_| "record size")?,
            serial: field::le64(sector, 0x48),
            end: total_bytes,
        })
    }
}
