//! Where the files of XFS lie: the inode trees of its groups, read once from front to back.

use super::{
    Superblock, group,
    inode::{Budget, Inode},
    tree,
};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{FileExtent, FileExtents, Volume, volume::field},
};
use std::ops::{ControlFlow, Range};

/// Most tree blocks of files read in one walk.
const TREE_BLOCKS_MAX: u64 = 1 << 20;
const CHUNK_INODES: u64 = 64;

/// The files of one XFS filesystem.
pub(super) struct XfsFiles {
    pub place: Range<u64>,
    pub superblock: Superblock,
}

type Visit<'a> = &'a mut dyn FnMut(FileExtent) -> ControlFlow<()>;

impl FileExtents for XfsFiles {
    fn walk(&self, disk: &dyn ReadAt, visit: Visit<'_>) -> Result<()> {
        // Inode trees, inodes and the trees of files are read in turn: each keeps its own window.
        let volume = || Volume::new(disk, self.place.clone());
        let (groups, inodes, trees) = (volume(), volume(), volume());
        let mut budget = Budget(TREE_BLOCKS_MAX);
        for group in 0..self.superblock.group_count {
            let walked = group::inode_root(&groups, &self.superblock, group).and_then(|root| {
                tree::INODES.walk(&groups, &self.superblock, root, &mut |entry| {
                    self.walk_chunk(group, entry, &inodes, &trees, &mut budget, visit)
                })
            });
            let flow = walked.map_err(|reason| {
                Error::new(
                    ErrorKind::Read,
                    format!("reading the inodes of allocation group {group}: {reason}"),
                )
            })?;
            if flow.is_break() || budget.0 == 0 {
                break;
            }
        }
        Ok(())
    }
}

impl XfsFiles {
    /// Visits the files of 64 inodes that lie side by side.
    fn walk_chunk(
        &self,
        group: u64,
        entry: &[u8],
        inodes: &Volume<'_>,
        trees: &Volume<'_>,
        budget: &mut Budget,
        visit: Visit<'_>,
    ) -> std::result::Result<ControlFlow<()>, String> {
        let superblock = &self.superblock;
        let first = u64::from(field::be32(entry, 0));
        let holes = if superblock.has_sparse_inodes {
            field::be16(entry, 4)
        } else {
            0
        };
        let free = u64::from(field::be32(entry, 8)) << 32 | u64::from(field::be32(entry, 12));
        let length = usize::try_from(superblock.inode_bytes).map_err(|_| "inode size")?;
        for index in 0..CHUNK_INODES {
            if free >> index & 1 == 1 || holes >> (index / 4) & 1 == 1 {
                continue;
            }
            let number = superblock.inode_number(group, first + index);
            let place = superblock
                .inode_place(number)
                .ok_or("inodes outside their group")?;
            let bytes = inodes.read(place, length)?;
            let Some(inode) =
                Inode::parse(superblock, number, &bytes).filter(|inode| inode.is_regular && inode.links > 0)
            else {
                continue;
            };
            let mut broken = false;
            // A damaged tree costs this file's hints only.
            let _ = inode.walk_blocks(trees, superblock, budget, &mut |run| {
                let flow = visit(FileExtent {
                    file: number,
                    logical_offset: run.logical.saturating_mul(superblock.block_bytes),
                    disk_offset: self.place.start + run.place,
                    length_bytes: run.count * superblock.block_bytes,
                });
                broken = flow.is_break();
                flow
            });
            if broken {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
