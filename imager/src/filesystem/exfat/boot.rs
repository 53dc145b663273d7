//! Boot region of exFAT.
//!
//! ```text
//! little-endian (Microsoft exFAT file system specification, section 3.1)
//! offset size  meaning
//!      0    3  EB 76 90
//!      3    8  "EXFAT   "
//!     11   53  zeros
//!     72    8  sectors
//!     80    4  first sector of the FAT
//!     84    4  sectors of the FAT
//!     88    4  first sector of the clusters
//!     92    4  clusters
//!     96    4  first cluster of the root directory
//!    100    4  serial number
//!    104    2  revision, 1.x
//!    106    2  flags: 1 second FAT active, 2 dirty, 4 disk errors
//!    108    1  log2 of the sector size, 9 to 12
//!    109    1  log2 of sectors in a cluster, up to 25 less the former
//!    110    1  FATs
//!    510    2  55 AA
//! sector 11    the checksum of sectors 0 to 10, without bytes 106, 107 and 112, again and again
//! sector 12…   the same once more
//! ```

use crate::filesystem::{Volume, checksum::agrees, volume::field};

/// Sectors of the boot region that are counted.
const COUNTED_SECTORS: u64 = 11;
const FLAG_SECOND_FAT: u16 = 1;
const FLAG_DIRTY: u16 = 2;
const FLAG_DISK_ERRORS: u16 = 4;
/// The highest cluster count that leaves room for special values.
const CLUSTERS_MAX: u32 = 0xFFFF_FFF5;

/// A checked boot sector: where everything lies, in bytes of the partition.
#[derive(Clone, Debug)]
pub(super) struct Boot {
    pub total_bytes: u64,
    pub fat_start: u64,
    pub heap_start: u64,
    pub cluster_bytes: u64,
    pub cluster_count: u32,
    pub root_cluster: u32,
    pub serial: u32,
    pub is_dirty: bool,
    pub met_disk_errors: bool,
}

impl Boot {
    /// Reads it; the error says in words why the filesystem cannot be mapped.
    pub(super) fn read(volume: &Volume<'_>) -> Result<Self, String> {
        let sector = volume.read(0, 512)?;
        if sector[3..11] != *b"EXFAT   " || sector[510..] != [0x55, 0xAA] {
            return Err("no boot sector".into());
        }
        let (sector_shift, cluster_shift) = (sector[108], sector[109]);
        if !(9..=12).contains(&sector_shift) || cluster_shift > 25 - sector_shift {
            return Err(format!(
                "sectors of 1 << {sector_shift} bytes and clusters of 1 << {cluster_shift} sectors"
            ));
        }
        check_region(volume, 1u64 << sector_shift)?;
        if sector[11..64].iter().any(|byte| *byte != 0) || sector[105] != 1 {
            return Err(format!("revision {}.{} is not known", sector[105], sector[104]));
        }
        let flags = field::le16(&sector, 106);
        if sector[110] != 1 || flags & FLAG_SECOND_FAT != 0 {
            return Err(format!("it has {} FATs", sector[110]));
        }
        let sectors = |at: usize| u64::from(field::le32(&sector, at)) << sector_shift;
        let total_bytes = field::le64(&sector, 72)
            .checked_mul(1 << sector_shift)
            .ok_or("longer than any disk")?;
        let cluster_bytes = 1u64 << (sector_shift + cluster_shift);
        let cluster_count = field::le32(&sector, 92);
        let (fat_start, fat_bytes, heap_start) = (sectors(80), sectors(84), sectors(88));
        let heap_end = heap_start + u64::from(cluster_count) * cluster_bytes;
        if fat_start < 24 << sector_shift
            || fat_start + fat_bytes > heap_start
            || (u64::from(cluster_count) + 2) * 4 > fat_bytes
            || cluster_count == 0
            || cluster_count > CLUSTERS_MAX
            || heap_end > total_bytes
        {
            return Err(format!(
                "{cluster_count} clusters of {cluster_bytes} bytes do not fit {total_bytes} bytes"
            ));
        }
        Ok(Self {
            total_bytes,
            fat_start,
            heap_start,
            cluster_bytes,
            cluster_count,
            root_cluster: field::le32(&sector, 96),
            serial: field::le32(&sector, 100),
            is_dirty: flags & FLAG_DIRTY != 0,
            met_disk_errors: flags & FLAG_DISK_ERRORS != 0,
        })
    }

    /// Whether a number names a cluster that exists. The first is 2.
    pub(super) fn has_clusters(&self, first: u32, count: u64) -> bool {
        first >= 2 && u64::from(first) - 2 + count <= u64::from(self.cluster_count)
    }

    /// Where a cluster begins, in bytes of the partition.
    pub(super) fn cluster_offset(&self, cluster: u32) -> u64 {
        self.heap_start + u64::from(cluster.saturating_sub(2)) * self.cluster_bytes
    }

    /// The cluster that follows in the FAT, `None` at the end of a chain; nonsense is an error.
    pub(super) fn next(&self, volume: &Volume<'_>, cluster: u32) -> Result<Option<u32>, String> {
        let entry = volume.read(self.fat_start + 4 * u64::from(cluster), 4)?;
        match field::le32(&entry, 0) {
            0xFFFF_FFFF => Ok(None),
            next if self.has_clusters(next, 1) => Ok(Some(next)),
            _ => Err(format!("the chain of clusters breaks off at {cluster}")),
        }
    }
}

/// Whether the boot region has its checksum.
fn check_region(volume: &Volume<'_>, sector_bytes: u64) -> Result<(), String> {
    let length = usize::try_from((COUNTED_SECTORS + 1) * sector_bytes).map_err(|_| "sector size")?;
    let region = volume.read(0, length)?;
    let (counted, sums) = region.split_at(length / 12 * 11);
    let sum = counted
        .iter()
        .enumerate()
        .filter(|(place, _)| !matches!(place, 106 | 107 | 112))
        .fold(0u32, |sum, (_, byte)| {
            sum.rotate_right(1).wrapping_add(u32::from(*byte))
        });
    if sums.chunks_exact(4).all(|own| agrees(sum, field::le32(own, 0))) {
        Ok(())
    } else {
        Err("the boot region's checksum is wrong".into())
    }
}
