//! NTFS.
//!
//! ```text
//! boot sector ── geometry
//! $Volume, $LogFile, hiberfil.sys ── not at rest → refused with what to do
//! $Bitmap (record 6) ── one bit per cluster, least significant first = used
//!   ∪ the MFT itself ∪ everything behind the last cluster: the backup boot sector is the partition's last
//! pagefile.sys, swapfile.sys, hiberfil.sys ── restored as zeros
//! ```
//! Sources: ntfs-3g 2022.10.3 (`include/ntfs-3g/layout.h`, `libntfs-3g/`), Linux `fs/ntfs3/`.

mod boot;
mod compressed;
mod files;
mod record;
mod root;
mod state;
mod table;
mod tree;

use super::{Kind, Mapped, Mapping, Outcome, Ranges, RangesBuilder, Volume, Wishes};
use boot::Boot;
use files::NtfsFiles;
use record::{ClusterRun, TYPE_DATA};
use table::{Stream, Table, read_stream};
pub(super) use tree::open_tree;

const RECORD_BITMAP: u64 = 6;
/// How much of $Bitmap is looked at in one go.
const PIECE_BYTES: u64 = 64 << 10;
/// Files in the root whose contents are worth nothing on another machine, or after the next start.
const PASSING_FILES: [&str; 3] = ["hiberfil.sys", "pagefile.sys", "swapfile.sys"];

/// Whether the last sector is the copy of a boot sector.
pub(super) fn has_backup(volume: &Volume<'_>) -> bool {
    Boot::read_backup(volume).is_some()
}

/// Maps an NTFS volume.
pub(super) fn map(volume: &Volume<'_>, wishes: Wishes) -> Mapping {
    let mut notes = Vec::new();
    let boot = Boot::read(volume).or_else(|reason| {
        let backup = Boot::read_backup(volume).ok_or_else(|| reason.clone())?;
        notes.push(format!(
            "its boot sector is damaged ({reason}); the backup is used, the damage is kept"
        ));
        Ok(backup)
    });
    let opened = boot.and_then(|boot: Boot| Table::open(volume, boot));
    let table = match opened {
        Ok(table) => table,
        Err(reason) => return Mapping::raw(Kind::Ntfs, reason),
    };
    let mut mapping = Mapping {
        kind: Kind::Ntfs,
        label: None,
        uuid: Some(format!("{:016X}", table.boot.serial)),
        block_size_bytes: u32::try_from(table.boot.cluster_bytes).unwrap_or(4096),
        notes,
        outcome: Outcome::Raw {
            reason: String::new(),
        },
    };
    mapping.outcome = map_checked(volume, table, wishes, &mut mapping.label, &mut mapping.notes)
        .unwrap_or_else(|reason| Outcome::Raw { reason });
    mapping
}

fn map_checked(
    volume: &Volume<'_>,
    table: Table,
    wishes: Wishes,
    label: &mut Option<String>,
    notes: &mut Vec<String>,
) -> Result<Outcome, String> {
    let information = state::read_volume_information(&table, volume)?;
    label.clone_from(&information.label);
    let (major, minor) = information.version;
    if !matches!((major, minor), (1, 2) | (3, 0 | 1)) {
        return Err(format!("NTFS version {major}.{minor} is not known"));
    }
    let passing = find_passing_files(&table, volume)?;
    for (name, file) in &passing {
        if *name == PASSING_FILES[0] && state::holds_a_system(&table, volume, file)? {
            if !wishes.drop_hibernation {
                return Ok(refused(
                    "Windows is hibernated on it, or was shut down with fast startup",
                    "start Windows and shut it down completely (shutdown /s /t 0; powercfg /h off switches both off for \
                     good), then capture again; or leave that session out, as if its power had been cut",
                ));
            }
            notes.push("the hibernated Windows on it is left out: it will start as after a power cut".into());
        }
    }
    let unrest = if information.is_dirty {
        Some((
            "it is marked as not cleanly unmounted",
            "start Windows, run chkdsk /f on it, shut down completely (shutdown /s /t 0), then capture again",
        ))
    } else if !state::log_is_clean(&table, volume)? {
        Some((
            "its log file holds changes that are not yet carried out",
            "start Windows, shut it down completely (shutdown /s /t 0), then capture again",
        ))
    } else {
        None
    };
    let used = match unrest {
        None => read_used(&table, volume)?,
        // Its own log, replayed at the next start, may still call free clusters used: all are kept.
        Some((reason, _)) if wishes.drop_hibernation => {
            notes.push(format!("{reason}: its free space is kept, too"));
            Ranges::from_one(0..volume.len())
        }
        Some((reason, remedy)) => return Ok(refused(reason, remedy)),
    };
    let zeroed = passing_clusters(&table, volume, &used, &passing, notes);
    let place = volume.place();
    Ok(Outcome::Mapped(Mapped {
        used: used.difference(&zeroed).shifted(place.start),
        zeroed: zeroed.shifted(place.start),
        files: Box::new(NtfsFiles { place, table }),
    }))
}

fn refused(reason: &str, remedy: &str) -> Outcome {
    Outcome::Refused {
        reason: reason.into(),
        remedy: remedy.into(),
    }
}

/// The used clusters, in bytes of the partition.
fn read_used(table: &Table, volume: &Volume<'_>) -> Result<Ranges, String> {
    let boot = &table.boot;
    let bitmap = table
        .stream(volume, RECORD_BITMAP, TYPE_DATA, b"")?
        .ok_or("there is no $Bitmap")?;
    let needed = boot.cluster_count.div_ceil(8);
    if bitmap.is_transformed || bitmap.length_bytes < needed || bitmap.initialized_bytes < needed {
        return Err("$Bitmap is shorter than its volume".into());
    }
    let mut builder = RangesBuilder::default();
    for start in (0..needed).step_by(usize::try_from(PIECE_BYTES).unwrap_or(1)) {
        let length = usize::try_from(PIECE_BYTES.min(needed - start)).unwrap_or(0);
        let piece = match &bitmap.value {
            Some(value) => {
                let from = usize::try_from(start).unwrap_or(usize::MAX);
                value
                    .get(from..from.saturating_add(length))
                    .ok_or("$Bitmap is cut short")?
                    .to_vec()
            }
            None => read_stream(volume, boot, &bitmap.runs, start, length)?,
        };
        let first = start * 8;
        let bits = (boot.cluster_count - first).min(length as u64 * 8);
        for run in super::bits::set_runs(&piece, bits) {
            builder.push((first + run.start) * boot.cluster_bytes..(first + run.end) * boot.cluster_bytes);
        }
    }
    builder.push(boot.cluster_count * boot.cluster_bytes..volume.len());
    // What the volume cannot be without, whatever the bitmap says.
    let own = [
        clusters(boot, table.runs()),
        clusters(boot, &bitmap.runs),
        Ranges::from_one(0..8192.min(volume.len())),
    ];
    Ok(own.iter().fold(builder.finish(), |used, own| used.union(own)))
}

fn clusters(boot: &Boot, runs: &[ClusterRun]) -> Ranges {
    let bytes =
        |run: &ClusterRun| run.physical * boot.cluster_bytes..(run.physical + run.count) * boot.cluster_bytes;
    Ranges::from_unsorted(runs.iter().map(bytes).collect())
}

fn find_passing_files(table: &Table, volume: &Volume<'_>) -> Result<Vec<(&'static str, Stream)>, String> {
    let mut files = Vec::new();
    for (index, number) in root::find(table, volume, &PASSING_FILES)? {
        let name = PASSING_FILES[index];
        if root::is_named(table, volume, number, name)
            && let Some(stream) = table.stream(volume, number, TYPE_DATA, b"")?
        {
            files.push((name, stream));
        }
    }
    Ok(files)
}

/// Clusters of the passing files, in bytes of the partition: those that are plainly theirs alone.
fn passing_clusters(
    table: &Table,
    volume: &Volume<'_>,
    used: &Ranges,
    passing: &[(&'static str, Stream)],
    notes: &mut Vec<String>,
) -> Ranges {
    let boot = &table.boot;
    let system = clusters(boot, table.runs()).union(&Ranges::from_one(0..8192.min(volume.len())));
    let mut zeroed = Ranges::new();
    for (name, file) in passing
        .iter()
        .filter(|(_, file)| !file.is_transformed && !file.runs.is_empty())
    {
        let own = clusters(boot, &file.runs);
        let count: u64 = file.runs.iter().map(|run| run.count * boot.cluster_bytes).sum();
        let plain = own.total_bytes() == count
            && own.difference(used).is_empty()
            && own.intersection(&system).is_empty()
            && own.intersection(&zeroed).is_empty();
        if plain {
            notes.push(format!("{name} ({count} bytes) is restored as zeros"));
            zeroed = zeroed.union(&own);
        }
    }
    zeroed
}
