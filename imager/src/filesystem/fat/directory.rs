//! Where the files of a FAT lie: its directories, walked without trusting them.
//!
//! ```text
//! Directory entry, 32 bytes, little-endian (Microsoft FAT specification, section 6)
//! offset size  meaning
//!      0   11  name; first byte 0x00 ends the directory, 0xE5 is deleted, '.' is the directory itself or its parent
//!     11    1  attributes: 0x08 label, 0x10 directory, 0x0F part of a long name
//!     20    2  first cluster, upper half (FAT32)
//!     26    2  first cluster, lower half
//!     28    4  length in bytes
//! ```

use super::{Boot, Width};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{FileExtent, FileExtents, Volume, volume::field},
};
use std::{
    collections::HashSet,
    ops::{ControlFlow, Range},
};

/// Most directories that are walked.
const DIRECTORIES_MAX: usize = 1 << 18;

/// The files of one FAT filesystem.
pub(super) struct FatFiles {
    pub place: Range<u64>,
    pub boot: Boot,
}

impl FileExtents for FatFiles {
    fn walk(&self, disk: &dyn ReadAt, visit: &mut dyn FnMut(FileExtent) -> ControlFlow<()>) -> Result<()> {
        let volume = Volume::new(disk, self.place.clone());
        let mut walk = Walk {
            boot: &self.boot,
            volume: &volume,
            seen: HashSet::new(),
            waiting: Vec::new(),
            // A healthy filesystem has every cluster in one chain only.
            steps_left: u64::from(self.boot.cluster_count) * 2,
        };
        let done = walk.run(visit);
        done.map(|_| ()).map_err(|reason| {
            Error::new(
                ErrorKind::Read,
                format!("reading the directories of a FAT filesystem: {reason}"),
            )
        })
    }
}

struct Walk<'a> {
    boot: &'a Boot,
    volume: &'a Volume<'a>,
    seen: HashSet<u32>,
    waiting: Vec<u32>,
    steps_left: u64,
}

type Flow = std::result::Result<ControlFlow<()>, String>;

impl Walk<'_> {
    fn run(&mut self, visit: &mut dyn FnMut(FileExtent) -> ControlFlow<()>) -> Flow {
        if self.boot.width == Width::Fat32 {
            self.enter(self.boot.root_cluster);
        } else {
            let bytes = self.volume.read(
                self.boot.root_start,
                usize::try_from(self.boot.root_bytes).unwrap_or(0),
            )?;
            if self.read_entries(&bytes, visit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        while let Some(first) = self.waiting.pop() {
            let mut next = Some(first);
            while let Some(cluster) = next {
                let length = usize::try_from(self.boot.cluster_bytes).unwrap_or(0);
                let bytes = self
                    .volume
                    .read(self.boot.cluster_offset(u64::from(cluster)), length)?;
                if self.read_entries(&bytes, visit)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                next = self.next(cluster)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn read_entries(&mut self, bytes: &[u8], visit: &mut dyn FnMut(FileExtent) -> ControlFlow<()>) -> Flow {
        for entry in bytes.chunks_exact(32) {
            let (first_byte, attributes) = (entry[0], entry[11]);
            match first_byte {
                0x00 => break,
                0xE5 | b'.' => continue,
                _ if attributes & 0x08 != 0 => continue,
                _ => {}
            }
            let high = if self.boot.width == Width::Fat32 {
                u32::from(field::le16(entry, 20))
            } else {
                0
            };
            let cluster = high << 16 | u32::from(field::le16(entry, 26));
            if attributes & 0x10 != 0 {
                self.enter(cluster);
            } else if self
                .follow(cluster, u64::from(field::le32(entry, 28)), visit)?
                .is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Visits a file's runs of neighbouring clusters.
    fn follow(
        &mut self,
        first: u32,
        length_bytes: u64,
        visit: &mut dyn FnMut(FileExtent) -> ControlFlow<()>,
    ) -> Flow {
        let cluster_bytes = self.boot.cluster_bytes;
        let mut clusters_left = length_bytes.div_ceil(cluster_bytes);
        let mut run: Option<FileExtent> = None;
        let mut logical_offset = 0;
        let mut next = Some(first).filter(|first| clusters_left > 0 && self.boot.has_cluster(*first));
        while let Some(cluster) = next {
            let disk_offset = self
                .place()
                .saturating_add(self.boot.cluster_offset(u64::from(cluster)));
            match &mut run {
                Some(run) if run.disk_offset + run.length_bytes == disk_offset => {
                    run.length_bytes += cluster_bytes
                }
                _ => {
                    let begun = FileExtent {
                        file: u64::from(first),
                        logical_offset,
                        disk_offset,
                        length_bytes: cluster_bytes,
                    };
                    if let Some(done) = run.replace(begun)
                        && visit(done).is_break()
                    {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            logical_offset += cluster_bytes;
            clusters_left -= 1;
            next = if clusters_left > 0 {
                self.next(cluster)?
            } else {
                None
            };
        }
        match run {
            Some(done) => Ok(visit(done)),
            None => Ok(ControlFlow::Continue(())),
        }
    }

    fn enter(&mut self, cluster: u32) {
        if self.boot.has_cluster(cluster) && self.seen.len() < DIRECTORIES_MAX && self.seen.insert(cluster) {
            self.waiting.push(cluster);
        }
    }

    /// The cluster after this one, or `None` at the end of the chain, at nonsense, or when too many steps were made.
    fn next(&mut self, cluster: u32) -> std::result::Result<Option<u32>, String> {
        let Some(left) = self.steps_left.checked_sub(1) else {
            return Ok(None);
        };
        self.steps_left = left;
        self.boot.next_cluster(self.volume, cluster)
    }

    fn place(&self) -> u64 {
        self.volume.place().start
    }
}
