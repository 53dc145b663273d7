//! Directories of exFAT.
//!
//! ```text
//! Entry, 32 bytes, little-endian (Microsoft exFAT file system specification, sections 6 and 7)
//! kind  what                     offset size  meaning
//!    0  the end of the directory
//!   81  allocation bitmap             1    1  bit 0: belongs to the second FAT
//!                                    20    4  first cluster
//!                                    24    8  length
//!   82  table of upper case letters  20    4  first cluster
//!                                    24    8  length
//!   83  label                         1    1  characters
//!                                     2   22  UTF-16
//!   85  file or directory             1    1  entries that follow
//!                                     2    2  checksum
//!                                     4    2  attributes: 0x10 directory
//!   C0  its contents                  1    1  flags: 2 its clusters follow each other, the FAT says nothing of them
//!                                     3    1  characters of the name
//!                                     8    8  bytes that were written
//!                                    20    4  first cluster
//!                                    24    8  length
//!   C1  its name, 15 characters each  2   30  UTF-16
//! ```

use super::Boot;
use crate::filesystem::{Volume, checksum::agrees, volume::field};

const ENTRY_BYTES: usize = 32;
/// A directory may not be longer (specification, section 7.6.7).
const DIRECTORY_BYTES_MAX: u64 = 256 << 20;

/// Clusters of something that lie in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClusterRun {
    pub first: u32,
    pub count: u64,
}

/// Where something lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    pub first_cluster: u32,
    pub length_bytes: u64,
    /// Its clusters follow each other.
    pub is_contiguous: bool,
}

/// A file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub is_directory: bool,
    pub stream: Stream,
}

/// What the root directory says of the whole.
#[derive(Debug, Default)]
pub(super) struct RootEntries {
    pub bitmap: Option<Stream>,
    pub upper_case: Option<Stream>,
    pub label: Option<String>,
    pub bitmaps: u32,
}

impl Stream {
    /// Its runs of clusters, in order, at most as many clusters as `clusters_left` has; the length is believed only as far
    /// as the clusters exist.
    pub(super) fn runs(
        &self,
        volume: &Volume<'_>,
        boot: &Boot,
        clusters_left: &mut u64,
    ) -> Result<Vec<ClusterRun>, String> {
        let mut left = self.length_bytes.div_ceil(boot.cluster_bytes);
        if left == 0 {
            return Ok(Vec::new());
        }
        let first = self.first_cluster;
        if self.is_contiguous {
            let all = ClusterRun { first, count: left };
            return if boot.has_clusters(first, left) {
                Ok(vec![all])
            } else {
                Err("clusters that do not exist".into())
            };
        }
        if !boot.has_clusters(first, 1) {
            return Err(format!("cluster {first} does not exist"));
        }
        let mut runs: Vec<ClusterRun> = Vec::new();
        let mut cluster = first;
        loop {
            *clusters_left = clusters_left
                .checked_sub(1)
                .ok_or("chains of clusters go in circles")?;
            match runs.last_mut() {
                Some(run) if u64::from(run.first) + run.count == u64::from(cluster) => run.count += 1,
                _ => runs.push(ClusterRun {
                    first: cluster,
                    count: 1,
                }),
            }
            left -= 1;
            if left == 0 {
                return Ok(runs);
            }
            cluster = boot
                .next(volume, cluster)?
                .ok_or("a chain of clusters ends before its contents")?;
        }
    }
}

/// The clusters of the root directory: a chain whose length only the FAT knows.
pub(super) fn root_runs(volume: &Volume<'_>, boot: &Boot) -> Result<Vec<ClusterRun>, String> {
    if !boot.has_clusters(boot.root_cluster, 1) {
        return Err("the root directory does not exist".into());
    }
    let mut clusters = DIRECTORY_BYTES_MAX.div_ceil(boot.cluster_bytes);
    let mut runs = Vec::new();
    let mut next = Some(boot.root_cluster);
    while let Some(cluster) = next {
        clusters = clusters
            .checked_sub(1)
            .ok_or("the root directory goes in circles")?;
        runs.push(ClusterRun {
            first: cluster,
            count: 1,
        });
        next = boot.next(volume, cluster)?;
    }
    Ok(runs)
}

/// Visits every entry of a directory until its end, or until `visit` says false.
pub(super) fn each_entry(
    volume: &Volume<'_>,
    boot: &Boot,
    runs: &[ClusterRun],
    visit: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<(), String> {
    // Clusters may have 32 MiB: they are read in pieces.
    let piece_bytes = boot.cluster_bytes.min(32 << 10);
    let length = usize::try_from(piece_bytes).map_err(|_| "cluster size")?;
    let mut pieces_left = DIRECTORY_BYTES_MAX / piece_bytes;
    for run in runs {
        let start = boot.cluster_offset(run.first);
        let mut at = start;
        while at < start + run.count * boot.cluster_bytes {
            pieces_left = pieces_left.checked_sub(1).ok_or("a directory is too long")?;
            let piece = volume.read(at, length)?;
            for entry in piece.chunks_exact(ENTRY_BYTES) {
                if entry[0] == 0 || !visit(entry) {
                    return Ok(());
                }
            }
            at += piece_bytes;
        }
    }
    Ok(())
}

/// Reads what the root directory says of the whole.
pub(super) fn read_root(
    volume: &Volume<'_>,
    boot: &Boot,
    runs: &[ClusterRun],
) -> Result<RootEntries, String> {
    let mut found = RootEntries::default();
    each_entry(volume, boot, runs, &mut |entry| {
        match entry[0] {
            0x81 => {
                found.bitmaps += 1;
                found.bitmap.get_or_insert(stream_of(entry, false));
            }
            0x82 => {
                found.upper_case.get_or_insert(stream_of(entry, false));
            }
            0x83 => {
                let characters: Vec<u16> = (0..usize::from(entry[1]).min(11))
                    .map(|index| field::le16(entry, 2 + 2 * index))
                    .collect();
                let label = String::from_utf16_lossy(&characters);
                found.label = Some(label).filter(|label| !label.is_empty());
            }
            _ => {}
        }
        true
    })?;
    Ok(found)
}

/// Visits the files and directories of a directory; sets of entries that contradict their checksum are passed over.
pub(super) fn each_file(
    volume: &Volume<'_>,
    boot: &Boot,
    runs: &[ClusterRun],
    visit: &mut dyn FnMut(Entry) -> bool,
) -> Result<(), String> {
    let mut set: Vec<u8> = Vec::new();
    each_entry(volume, boot, runs, &mut |entry| {
        match entry[0] {
            0x85 => set = entry.to_vec(),
            0xC0..=0xFF if !set.is_empty() => set.extend_from_slice(entry),
            _ => set.clear(),
        }
        let wanted = ENTRY_BYTES * (1 + usize::from(set.get(1).copied().unwrap_or(0)));
        if set.is_empty() || set.len() < wanted {
            return true;
        }
        let whole = std::mem::take(&mut set);
        entry_of(&whole).is_none_or(&mut *visit)
    })
}

/// What a set of entries says, if it has its checksum.
pub(super) fn entry_of(set: &[u8]) -> Option<Entry> {
    let sum = set
        .iter()
        .enumerate()
        .filter(|(place, _)| !matches!(place, 2 | 3))
        .fold(0u16, |sum, (_, byte)| {
            sum.rotate_right(1).wrapping_add(u16::from(*byte))
        });
    let contents = set.get(ENTRY_BYTES..2 * ENTRY_BYTES)?;
    let is_right = agrees(sum, field::le16(set, 2)) && contents[0] == 0xC0;
    is_right.then(|| Entry {
        is_directory: field::le16(set, 4) & 0x10 != 0,
        stream: stream_of(contents, contents[1] & 2 != 0),
    })
}

fn stream_of(entry: &[u8], is_contiguous: bool) -> Stream {
    Stream {
        first_cluster: field::le32(entry, 20),
        length_bytes: field::le64(entry, 24),
        is_contiguous,
    }
}
