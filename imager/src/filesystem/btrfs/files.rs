//! Where the files of btrfs lie: the trees of its subvolumes, each node read once however many snapshots share it.

use super::{
    Chunks, Superblock,
    tree::{Flow, Key, Reader, Visitor},
    used::{KIND_FILE_EXTENT, Subvolume},
};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{FileExtent, FileExtents, Volume, volume::field},
};
use std::{
    collections::HashSet,
    ops::{ControlFlow, Range},
};

/// Most nodes that are remembered: 32 MiB of memory, trees of 64 GiB.
const NODES_MAX: usize = 1 << 20;

/// The files of one btrfs filesystem.
pub(super) struct BtrfsFiles {
    pub place: Range<u64>,
    pub superblock: Superblock,
    pub chunks: Chunks,
    pub subvolumes: Vec<Subvolume>,
}

impl FileExtents for BtrfsFiles {
    fn walk(&self, disk: &dyn ReadAt, visit: &mut dyn FnMut(FileExtent) -> ControlFlow<()>) -> Result<()> {
        let volume = Volume::new(disk, self.place.clone());
        let reader = Reader {
            volume: &volume,
            superblock: &self.superblock,
            chunks: &self.chunks,
        };
        let mut seen = HashSet::new();
        for subvolume in &self.subvolumes {
            let mut hints = Hints {
                files: self,
                subvolume: subvolume.number,
                seen: &mut seen,
                visit,
            };
            let flow = reader.walk(subvolume.root, None, &mut hints).map_err(|reason| {
                Error::new(
                    ErrorKind::Read,
                    format!("reading the tree of subvolume {}: {reason}", subvolume.number),
                )
            })?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }
}

struct Hints<'a> {
    files: &'a BtrfsFiles,
    subvolume: u64,
    seen: &'a mut HashSet<u64>,
    visit: &'a mut dyn FnMut(FileExtent) -> ControlFlow<()>,
}

impl Visitor for Hints<'_> {
    fn enters(&mut self, address: u64) -> std::result::Result<bool, String> {
        Ok(self.seen.len() < NODES_MAX && self.seen.insert(address))
    }

    fn item(&mut self, key: Key, item: &[u8]) -> Flow {
        // Stored bytes only: what is reserved reads as zeros.
        if key.kind != KIND_FILE_EXTENT || item.get(20) != Some(&1) {
            return Ok(ControlFlow::Continue(()));
        }
        let (address, length) = (field::le64(item, 21), field::le64(item, 29));
        let is_plain = item[16] == 0;
        // A file may show a part of an extent; of a compressed one all is needed for any part.
        let (skipped, length) = if is_plain {
            (field::le64(item, 37), field::le64(item, 45))
        } else {
            (0, length)
        };
        let Some(start) = address.checked_add(skipped).filter(|_| address != 0) else {
            return Ok(ControlFlow::Continue(()));
        };
        let place = start
            .checked_add(length)
            .and_then(|end| self.files.chunks.places(&(start..end)).next());
        match place {
            Some(place) if length > 0 => Ok((self.visit)(FileExtent {
                // Inodes are numbered in each subvolume anew.
                file: self.subvolume.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ key.object,
                logical_offset: key.offset,
                disk_offset: self.files.place.start + place,
                length_bytes: length,
            })),
            _ => Ok(ControlFlow::Continue(())),
        }
    }
}
