//! exFAT.
//!
//! ```text
//! boot region (twice) │ FAT │ clusters 2, 3, …                                        │ rest
//!         used        │ used│ by the allocation bitmap, which the root directory names │ used
//!
//! Allocation bitmap: one bit per cluster, least significant first, the first bit is cluster 2
//! ```
//! Source: Microsoft exFAT file system specification (2019). Clusters of files that lie in one piece are not in the FAT, so
//! the bitmap is the only truth; after an unclean end there is none.

mod boot;
mod directory;
mod files;
mod tree;

use super::{Kind, Mapped, Mapping, Outcome, Ranges, RangesBuilder, Volume, bits::set_runs};
use boot::Boot;
use directory::{ClusterRun, RootEntries, read_root, root_runs};
use files::ExfatFiles;
pub(super) use tree::open_tree;

/// How much of the bitmap is looked at in one go.
const PIECE_BYTES: u64 = 64 << 10;

/// Maps an exFAT filesystem.
pub(super) fn map(volume: &Volume<'_>) -> Mapping {
    let boot = match Boot::read(volume) {
        Ok(boot) => boot,
        Err(reason) => return Mapping::raw(Kind::Exfat, reason),
    };
    let mut mapping = Mapping {
        kind: Kind::Exfat,
        label: None,
        uuid: Some(format!("{:04X}-{:04X}", boot.serial >> 16, boot.serial & 0xFFFF)),
        block_size_bytes: u32::try_from(boot.cluster_bytes).unwrap_or(4096),
        notes: Vec::new(),
        outcome: Outcome::Raw {
            reason: String::new(),
        },
    };
    if boot.met_disk_errors {
        mapping
            .notes
            .push("the last system to use it met disk errors".into());
    }
    mapping.outcome = match map_checked(volume, boot, &mut mapping.label) {
        Ok(mapped) => Outcome::Mapped(mapped),
        Err(reason) => Outcome::Raw { reason },
    };
    mapping
}

fn map_checked(volume: &Volume<'_>, boot: Boot, label: &mut Option<String>) -> Result<Mapped, String> {
    if boot.total_bytes > volume.len() {
        return Err(format!(
            "the filesystem has {} bytes but its partition only {}",
            boot.total_bytes,
            volume.len()
        ));
    }
    let root = root_runs(volume, &boot)?;
    let entries = read_root(volume, &boot, &root)?;
    label.clone_from(&entries.label);
    if boot.is_dirty {
        return Err(
            "it was not unmounted cleanly: check it (chkdsk /f, fsck.exfat) to have it mapped".into(),
        );
    }
    let used = read_used(volume, &boot, &root, &entries)?;
    let place = volume.place();
    Ok(Mapped {
        used: used.shifted(place.start),
        zeroed: Ranges::new(),
        files: Box::new(ExfatFiles { place, boot }),
    })
}

fn read_used(
    volume: &Volume<'_>,
    boot: &Boot,
    root: &[ClusterRun],
    entries: &RootEntries,
) -> Result<Ranges, String> {
    let bitmap = entries
        .bitmap
        .filter(|_| entries.bitmaps == 1)
        .ok_or("it has none or several allocation bitmaps")?;
    if bitmap.length_bytes < u64::from(boot.cluster_count).div_ceil(8) {
        return Err("the allocation bitmap is too short".into());
    }
    let mut clusters_left = u64::from(boot.cluster_count);
    let own = bitmap.runs(volume, boot, &mut clusters_left)?;
    let upper_case = match entries.upper_case {
        Some(stream) => stream.runs(volume, boot, &mut clusters_left)?,
        None => return Err("it has no table of upper case letters".into()),
    };
    let mut builder = RangesBuilder::default();
    builder.push(0..boot.heap_start);
    let mut bits_before = 0;
    for run in &own {
        let (start, length) = (boot.cluster_offset(run.first), run.count * boot.cluster_bytes);
        for at in (0..length).step_by(usize::try_from(PIECE_BYTES).unwrap_or(1)) {
            let bits = (u64::from(boot.cluster_count) - bits_before).min(PIECE_BYTES.min(length - at) * 8);
            let piece = volume.read(start + at, usize::try_from(bits.div_ceil(8)).unwrap_or(0))?;
            for set in set_runs(&piece, bits) {
                let place = |bit: u64| boot.heap_start + (bits_before + bit) * boot.cluster_bytes;
                builder.push(place(set.start)..place(set.end));
            }
            bits_before += bits;
        }
    }
    if bits_before != u64::from(boot.cluster_count) {
        return Err("the allocation bitmap is too short".into());
    }
    builder.push(boot.heap_start + bits_before * boot.cluster_bytes..volume.len());
    let used = builder.finish();
    // What everything hangs on must be among it: a bitmap that does not know itself is none.
    let knows = |run: &ClusterRun| {
        let start = boot.cluster_offset(run.first);
        used.contains(&(start..start + run.count * boot.cluster_bytes))
    };
    if root.iter().chain(&own).chain(&upper_case).all(knows) {
        Ok(used)
    } else {
        Err("the allocation bitmap calls itself or the root directory free".into())
    }
}
