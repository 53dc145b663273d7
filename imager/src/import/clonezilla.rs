//! Folders that Clonezilla makes of a disk (`savedisk`, `saveparts`).
//!
//! ```text
//! parts                        names of the partitions saved ("sda1 sda2")
//! sda-pt.sf                    the table as `sfdisk -d` prints it
//! sda-gpt-1st                  the first 34 sectors, on GPT
//! sda-mbr                      sector 0, on MBR; sda-hidden-data-after-mbr: what follows, up to the first partition
//! sda2-ebr                     the first sector of an extended partition
//! sda-pt.parted                "Disk /dev/sda: 41943040s"
//! sda1.ext4-ptcl-img.gz[.aa …] partclone, compressed, in pieces
//! sda1.dd-img[.aa …]           partclone.dd's image or plain bytes, compressed or not
//! swappt-sda3.info             UUID="…" LABEL="…" of swap space that has no image
//! ```
//! Source: Clonezilla 5.3.17, `ocs-functions`. What it keeps of LVM, LUKS and other tools' images is refused by name.

use super::table::{self, Listed};
use crate::error::{Error, ErrorKind, Result};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Files that are read whole are short.
const TEXT_BYTES_MAX: u64 = 1 << 20;
const SECTOR_BYTES: u64 = 512;

/// A disk as the folder describes it.
#[derive(Debug)]
pub(super) struct SavedDisk {
    pub disk_bytes: u64,
    /// Bytes that stand outside of partitions, with their places.
    pub tables: Vec<(u64, Vec<u8>)>,
    pub partitions: Vec<SavedPartition>,
    pub notes: Vec<String>,
}

#[derive(Debug)]
pub(super) struct SavedPartition {
    pub name: String,
    pub start: u64,
    pub length: u64,
    pub contents: Contents,
}

/// What is kept of a partition.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Contents {
    /// An image in one or several files.
    Image(Vec<PathBuf>),
    /// Swap space, made anew.
    Swap { uuid: Option<[u8; 16]>, label: String },
    /// Nothing.
    Empty,
}

/// Reads the folder's descriptions; `disk` chooses one of several disks.
///
/// # Errors
/// [`ErrorKind::Refused`] for what cannot be moved in this way, [`ErrorKind::Missing`], [`ErrorKind::Damaged`].
pub(super) fn read_folder(folder: &Path, disk: Option<&str>) -> Result<SavedDisk> {
    let names = names_in(folder)?;
    refuse_what_is_not_read(&names)?;
    let disk = choose_disk(&names, disk)?;
    let listed = table::parse(&read_text(folder, &format!("{disk}-pt.sf"))?)?;
    let mut notes = Vec::new();
    let stated = read_text(folder, &format!("{disk}-pt.parted"))
        .ok()
        .and_then(|text| table::stated_sectors(&text));
    let (disk_bytes, tables) = if listed.is_gpt {
        table::gpt(&read_small(folder, &format!("{disk}-gpt-1st"))?)?
    } else {
        let hidden = format!("{disk}-hidden-data-after-mbr");
        let parts = table::MbrParts {
            sector_zero: read_small(folder, &format!("{disk}-mbr"))?,
            behind: if names.contains(&hidden) {
                read_small(folder, &hidden)?
            } else {
                Vec::new()
            },
            extended: listed
                .extended()
                .map(|one| format!("{}-ebr", one.name))
                .filter(|name| names.contains(name))
                .map(|name| read_small(folder, &name))
                .transpose()?
                .unwrap_or_default(),
        };
        table::mbr(&listed, parts, stated)?
    };
    let saved: BTreeSet<String> = read_text(folder, "parts")
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let mut partitions = Vec::new();
    for one in listed.partitions.iter().filter(|one| !one.is_extended) {
        partitions.push(partition(folder, &names, &saved, one, disk_bytes, &mut notes)?);
    }
    Ok(SavedDisk {
        disk_bytes,
        tables,
        partitions,
        notes,
    })
}

fn partition(
    folder: &Path,
    names: &BTreeSet<String>,
    saved: &BTreeSet<String>,
    one: &Listed,
    disk_bytes: u64,
    notes: &mut Vec<String>,
) -> Result<SavedPartition> {
    let place = one
        .start_sector
        .checked_mul(SECTOR_BYTES)
        .zip(one.sectors.checked_mul(SECTOR_BYTES))
        .filter(|(start, length)| start.checked_add(*length).is_some_and(|end| end <= disk_bytes));
    let (start, length) = place.ok_or_else(|| {
        Error::new(
            ErrorKind::Damaged,
            format!("partition {} lies beyond its disk", one.name),
        )
    })?;
    let contents = contents(folder, names, &one.name)?;
    if contents == Contents::Empty {
        if saved.contains(&one.name) {
            return Err(Error::new(
                ErrorKind::Missing,
                format!("{} has no image of {}", folder.display(), one.name),
            )
            .with_remedy("copy the whole folder from where Clonezilla put it"));
        }
        notes.push(format!("{} was not saved; it is empty", one.name));
    }
    Ok(SavedPartition {
        name: one.name.clone(),
        start,
        length,
        contents,
    })
}

/// The files of a partition's image.
fn contents(folder: &Path, names: &BTreeSet<String>, partition: &str) -> Result<Contents> {
    let swap = format!("swappt-{partition}.info");
    let prefix = format!("{partition}.");
    let of_ours: Vec<&String> = names.iter().filter(|name| name.starts_with(&prefix)).collect();
    let is_image = |name: &str| {
        let rest = &name[prefix.len()..];
        let body = rest.split('.').next().unwrap_or_default();
        (body.ends_with("-ptcl-img") || body == "dd-img") && !rest.ends_with(".info")
    };
    let images: Vec<PathBuf> = of_ours
        .iter()
        .filter(|name| is_image(name))
        .map(|name| folder.join(name))
        .collect();
    if let Some(first) = images.first() {
        return super::pieces(first).map(Contents::Image);
    }
    if let Some(other) = of_ours
        .iter()
        .find(|name| name.contains("ntfs-img") || name.ends_with(".000") || name.ends_with(".aa"))
    {
        return Err(
            Error::new(ErrorKind::Refused, format!("{other} was not made by partclone"))
                .with_remedy("restore it with Clonezilla, then capture the disk"),
        );
    }
    if names.contains(&swap) {
        let text = read_text(folder, &swap)?;
        let value = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                .map(|value| value.trim().trim_matches('"').to_owned())
                .unwrap_or_default()
        };
        return Ok(Contents::Swap {
            uuid: parse_uuid(&value("UUID")),
            label: value("LABEL"),
        });
    }
    Ok(Contents::Empty)
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|one| *one != '-').collect();
    if digits.len() != 32 || !digits.is_ascii() {
        return None;
    }
    let mut bytes = [0; 16];
    for (byte, at) in bytes.iter_mut().zip((0..32).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

fn refuse_what_is_not_read(names: &BTreeSet<String>) -> Result<()> {
    let found = [
        ("lvm_vg_dev.list", "LVM volumes"),
        ("ecryptfs.info", "an encrypted image"),
        ("luks-dev.list", "LUKS containers"),
        ("dev-md-raid.list", "md arrays"),
        ("mdstat.txt", "md arrays"),
    ]
    .into_iter()
    .find(|(name, _)| names.contains(*name));
    let Some((name, what)) = found else { return Ok(()) };
    Err(
        Error::new(ErrorKind::Refused, format!("the image has {what} ({name})"))
            .with_remedy("restore it with Clonezilla, then capture the disk"),
    )
}

fn choose_disk(names: &BTreeSet<String>, wanted: Option<&str>) -> Result<String> {
    let disks: Vec<&str> = names
        .iter()
        .filter_map(|name| name.strip_suffix("-pt.sf"))
        .collect();
    match (disks.as_slice(), wanted) {
        ([], _) => Err(Error::new(
            ErrorKind::Missing,
            "there is no partition table (…-pt.sf) in the folder",
        )
        .with_remedy("name a folder that Clonezilla made, or one partclone image")),
        (all, Some(wanted)) => all
            .iter()
            .find(|disk| **disk == wanted)
            .map(|disk| (*disk).to_owned())
            .ok_or_else(|| {
                Error::new(ErrorKind::Missing, format!("the image has no disk {wanted}"))
                    .with_remedy(format!("it has {}", all.join(", ")))
            }),
        ([only], None) => Ok((*only).to_owned()),
        (several, None) => Err(Error::new(
            ErrorKind::Refused,
            format!("the image has several disks: {}", several.join(", ")),
        )
        .with_remedy("import them one by one with `--disk NAME`")),
    }
}

fn names_in(folder: &Path) -> Result<BTreeSet<String>> {
    let failed = |error| Error::io(format!("reading {}", folder.display()), error);
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        if let Ok(name) = entry.map_err(failed)?.file_name().into_string() {
            names.insert(name);
        }
    }
    Ok(names)
}

fn read_small(folder: &Path, name: &str) -> Result<Vec<u8>> {
    let path = folder.join(name);
    let failed = |error| Error::io(format!("reading {}", path.display()), error);
    if fs::metadata(&path).map_err(failed)?.len() > TEXT_BYTES_MAX {
        return Err(Error::new(
            ErrorKind::Damaged,
            format!("{} is absurdly long", path.display()),
        ));
    }
    fs::read(&path).map_err(failed)
}

fn read_text(folder: &Path, name: &str) -> Result<String> {
    Ok(String::from_utf8_lossy(&read_small(folder, name)?).into_owned())
}
