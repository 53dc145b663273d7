//! LVM2: a physical volume, mapped through its linear logical volumes to their filesystems.
//!
//! ```text
//! label → metadata text → volume group ── tree: the files of each logical volume, below its name
//! in front of the first extent, behind the last, label and metadata areas   used whole
//! extents of no logical volume                                              free
//! extents of a linear logical volume    what its filesystem uses, if every piece is on this disk; else used whole
//! extents of any other (thin, raid, mirror, cache, snapshot and its origin)  used whole
//! ```
//! A group may have several physical volumes on one disk: they are looked at together.

mod assembled;
mod group;
mod label;
mod text;
mod tree;

pub(super) use tree::open_tree;

use super::{Kind, Mapped, Mapping, Outcome, Ranges, Volume, Wishes};
use crate::disk::ReadAt;
use assembled::{Assembled, Piece, VolumeFiles, ranges_to_disk};
use group::{Area, Group};
use label::Label;
use std::ops::Range;

/// Logical volumes that are looked into; what is beyond is kept whole. One byte of a node's number tells them apart.
const VOLUMES_MAX: usize = 255;

/// Maps a physical volume; `others` are the further partitions of the disk.
pub(super) fn map(disk: &dyn ReadAt, volume: &Volume<'_>, others: &[Range<u64>], wishes: Wishes) -> Mapping {
    let mut mapping = Mapping::raw(Kind::Lvm2, "");
    mapping.block_size_bytes = 512;
    mapping.outcome = match Present::find(disk, volume, others) {
        Ok(present) => {
            mapping.label = Some(present.group.name.clone());
            mapping.uuid = Some(present.group.physical[present.own].id.clone());
            present.map(disk, volume.place(), wishes, &mut mapping.notes)
        }
        Err(reason) => Outcome::Raw { reason },
    };
    mapping
}

/// A volume group and which of its physical volumes are on this disk.
struct Present {
    group: Group,
    /// Index of the physical volume that is mapped.
    own: usize,
    /// Where each physical volume's first extent is on the disk; `None` if it is on another.
    starts: Vec<Option<u64>>,
}

impl Present {
    fn find(disk: &dyn ReadAt, volume: &Volume<'_>, others: &[Range<u64>]) -> Result<Self, String> {
        let label = Label::read(volume)?;
        let mut groups: Vec<Group> = Vec::new();
        let mut add = |volume: &Volume<'_>, label: &Label| {
            for text in label.texts(volume)? {
                groups.push(Group::parse(&text)?);
            }
            Ok::<(), String>(())
        };
        add(volume, &label)?;
        let mut beside = Vec::new();
        for place in others.iter().filter(|place| **place != volume.place()) {
            let other = Volume::new(disk, place.clone());
            let Ok(found) = Label::read(&other) else { continue };
            // A neighbour that cannot be understood makes its own volumes doubtful, not ours.
            let _ = add(&other, &found);
            beside.push((found, other.place(), other.len()));
        }
        groups.retain(|group| group.find(&label.id).is_some());
        let group = groups.pop().ok_or("it belongs to no volume group")?;
        if groups.iter().any(|other| *other != group) {
            return Err("the copies of its metadata differ".into());
        }
        let own = group.find(&label.id).ok_or("it belongs to no volume group")?;
        let mut starts = vec![None; group.physical.len()];
        let here = (label, volume.place(), volume.len());
        for (label, place, length) in std::iter::once(&here).chain(&beside) {
            let Some(index) = group.find(&label.id) else {
                continue;
            };
            let physical = &group.physical[index];
            let end = physical
                .count
                .checked_mul(group.extent_bytes)
                .and_then(|bytes| bytes.checked_add(physical.start));
            let fits = end.is_some_and(|end| end <= *length && label.device_bytes <= *length);
            if !fits || label.data_offset != physical.start {
                if index == own {
                    return Err("its extents are not where its header says, or leave the partition".into());
                }
                continue;
            }
            let last = end.unwrap_or(u64::MAX);
            let inside = |(start, length): &(u64, u64)| {
                *start < last && physical.start < start.saturating_add(*length)
            };
            if label.metadata_areas().iter().any(inside) {
                return Err("its metadata lies among its extents".into());
            }
            if starts[index].replace(place.start + physical.start).is_some() {
                return Err("two physical volumes of the disk have the same identity".into());
            }
        }
        Ok(Self { group, own, starts })
    }

    fn map(&self, disk: &dyn ReadAt, place: Range<u64>, wishes: Wishes, notes: &mut Vec<String>) -> Outcome {
        let physical = &self.group.physical[self.own];
        let extents = self.bytes_of(&Area {
            physical: self.own,
            first: 0,
            count: physical.count,
        });
        let whole = Ranges::from_one(place.clone());
        let mut used = whole.difference(&extents);
        let mut zeroed = Ranges::new();
        let mut files = VolumeFiles {
            place,
            volumes: Vec::new(),
        };
        for (number, logical) in self.group.logical.iter().enumerate() {
            let areas = || logical.areas.iter().filter(|area| area.physical == self.own);
            if areas().next().is_none() {
                continue;
            }
            let name = self.name(number);
            let occupied = areas().fold(Ranges::new(), |all, area| all.union(&self.bytes_of(area)));
            let pieces = match self.pieces(number) {
                Ok(pieces) => pieces,
                Err(reason) => {
                    notes.push(format!("{name} is kept whole: {reason}"));
                    used = used.union(&occupied);
                    continue;
                }
            };
            let assembled = Assembled::new(disk, pieces.as_slice());
            let inner = super::map_inside(&assembled, 0..assembled.len(), wishes);
            notes.extend(inner.notes.iter().map(|note| format!("{name}: {note}")));
            match inner.outcome {
                Outcome::Refused { reason, remedy } => {
                    return Outcome::Refused {
                        reason: format!("{name} ({}): {reason}", inner.kind),
                        remedy,
                    };
                }
                Outcome::Raw { reason } => {
                    notes.push(format!("{name} ({}) is kept whole: {reason}", inner.kind));
                    used = used.union(&occupied);
                }
                Outcome::Mapped(mapped) => {
                    let bytes = mapped.used.total_bytes();
                    notes.push(format!(
                        "{name} ({}): {bytes} of {} bytes used",
                        inner.kind,
                        assembled.len()
                    ));
                    used = used.union(&ranges_to_disk(&pieces, &mapped.used).intersection(&occupied));
                    zeroed = zeroed.union(&ranges_to_disk(&pieces, &mapped.zeroed).intersection(&occupied));
                    files.volumes.push((pieces, inner.block_size_bytes, mapped.files));
                }
            }
        }
        Outcome::Mapped(Mapped {
            zeroed: zeroed.difference(&used),
            used,
            files: Box::new(files),
        })
    }

    /// Where extents of a physical volume are on the disk; nothing if it is on another.
    fn bytes_of(&self, area: &Area) -> Ranges {
        let Some(start) = self.starts[area.physical] else {
            return Ranges::new();
        };
        // Within the partition: checked when the volume was found.
        let at = |extent: u64| start + extent * self.group.extent_bytes;
        Ranges::from_one(at(area.first)..at(area.first + area.count))
    }

    /// The name of a logical volume, as people write it.
    fn name(&self, number: usize) -> String {
        format!(
            "logical volume {}/{}",
            self.group.name, self.group.logical[number].name
        )
    }

    /// The pieces of a logical volume, or in words why they are not what it shows.
    fn pieces(&self, number: usize) -> Result<Vec<Piece>, String> {
        let volume = &self.group.logical[number];
        if number >= VOLUMES_MAX {
            return Err("there are too many to look at each".into());
        }
        if let Some(reason) = &volume.not_linear {
            return Err(reason.clone());
        }
        let mut logical = 0u64;
        let mut pieces = Vec::with_capacity(volume.areas.len());
        for area in &volume.areas {
            let length = area.count * self.group.extent_bytes;
            let start = self.starts[area.physical].ok_or("part of it is on another disk")?;
            pieces.push(Piece {
                logical,
                disk: start + area.first * self.group.extent_bytes,
                length,
            });
            logical = logical.checked_add(length).ok_or("it is longer than any disk")?;
        }
        Ok(pieces)
    }
}
