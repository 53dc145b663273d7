//! Where the files of an ext filesystem lie: its inode tables, read once from front to back.

use super::{
    Overlay, Reader,
    inode::{Budget, Inode},
    superblock::Superblock,
};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{FileExtent, FileExtents, Volume},
};
use std::{
    ops::{ControlFlow, Range},
    sync::Arc,
};

/// Most tree blocks read in one walk: enough for hundreds of millions of extents.
const TREE_BLOCKS_MAX: u64 = 1 << 20;

/// The files of one ext filesystem.
pub(super) struct ExtFiles {
    pub place: Range<u64>,
    pub superblock: Superblock,
    pub overlay: Arc<Overlay>,
}

impl FileExtents for ExtFiles {
    fn walk(&self, disk: &dyn ReadAt, visit: &mut dyn FnMut(FileExtent) -> ControlFlow<()>) -> Result<()> {
        let volume = Volume::new(disk, self.place.clone());
        // Inode tables and tree blocks are read in turn: each keeps its own window.
        let tree_volume = Volume::new(disk, self.place.clone());
        let reader = |volume| Reader {
            volume,
            superblock: self.superblock.clone(),
            overlay: Arc::clone(&self.overlay),
        };
        let (tables, trees) = (reader(&volume), reader(&tree_volume));
        let mut budget = Budget(TREE_BLOCKS_MAX);
        for group in 0..self.superblock.group_count {
            let done = self
                .walk_group(group, &tables, &trees, &mut budget, visit)
                .map_err(|reason| {
                    Error::new(
                        ErrorKind::Read,
                        format!("reading the inode table of block group {group}: {reason}"),
                    )
                })?;
            if done.is_break() || budget.0 == 0 {
                break;
            }
        }
        Ok(())
    }
}

impl ExtFiles {
    fn walk_group(
        &self,
        group: u64,
        tables: &Reader<'_>,
        trees: &Reader<'_>,
        budget: &mut Budget,
        visit: &mut dyn FnMut(FileExtent) -> ControlFlow<()>,
    ) -> std::result::Result<ControlFlow<()>, String> {
        let superblock = &self.superblock;
        let descriptor = trees.descriptor(group)?;
        if descriptor.is_inode_uninit()
            || !descriptor.checksum_ok
            || descriptor.own_blocks(superblock).is_none()
        {
            return Ok(ControlFlow::Continue(()));
        }
        let inodes = superblock
            .inodes_per_group
            .saturating_sub(descriptor.unused_inodes);
        let inodes_per_block = superblock.block_bytes / superblock.inode_bytes;
        let inode_length = usize::try_from(superblock.inode_bytes).unwrap_or(usize::MAX);
        for table_block in 0..inodes.div_ceil(inodes_per_block) {
            let block = tables.read_block(descriptor.inode_table + table_block)?;
            for (bytes, index) in block
                .chunks_exact(inode_length)
                .zip(table_block * inodes_per_block..inodes)
            {
                let number = group * superblock.inodes_per_group + index + 1;
                let regular =
                    |inode: &Inode| inode.is_regular && inode.links > 0 && number >= superblock.first_inode;
                let Some(inode) = Inode::parse(bytes).filter(regular) else {
                    continue;
                };
                let mut broken = false;
                // A damaged tree costs this file's hints only.
                let _ = trees.walk_blocks(&inode, budget, &mut |run| {
                    let flow = visit(FileExtent {
                        file: number,
                        logical_offset: run.logical.saturating_mul(superblock.block_bytes),
                        disk_offset: self.place.start + run.physical * superblock.block_bytes,
                        length_bytes: run.count * superblock.block_bytes,
                    });
                    broken = flow.is_break();
                    flow
                });
                if broken {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
