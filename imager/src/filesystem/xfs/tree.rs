//! The B+trees of an allocation group: free space and inodes.
//!
//! ```text
//! Block, big-endian (Linux fs/xfs/libxfs/xfs_format.h, struct xfs_btree_block, short form)
//! offset size  meaning
//!      0    4  kind: "ABTB" "IABT", in version 5 "AB3B" "IAB3"
//!      4    2  level, 0 = leaf
//!      6    2  entries
//!      8    8  neighbours, not needed
//!          version 5
//!     16    8  own place in units of 512 bytes
//!     32   16  UUID
//!     48    4  group
//!     52    4  CRC-32C, little-endian
//!  16/56       leaf: entries
//!              else: keys, and behind the room for all keys: block numbers u32
//! ```

use super::{Superblock, superblock::has_checksum};
use crate::filesystem::{Volume, volume::field};
use std::ops::ControlFlow;

const LEVELS_MAX: u32 = 12;

/// Which tree of a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tree {
    pub magic: [u8; 4],
    pub magic_5: [u8; 4],
    pub entry_bytes: usize,
    pub key_bytes: usize,
}

/// Free space by block: entries are block u32, count u32.
pub(super) const FREE_BY_BLOCK: Tree = Tree {
    magic: *b"ABTB",
    magic_5: *b"AB3B",
    entry_bytes: 8,
    key_bytes: 8,
};

/// Inodes: entries are first inode u32, holes u16, count u8, free u8 (or free u32), free ones u64.
pub(super) const INODES: Tree = Tree {
    magic: *b"IABT",
    magic_5: *b"IAB3",
    entry_bytes: 16,
    key_bytes: 4,
};

/// Where a tree begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Root {
    pub group: u64,
    pub block: u64,
    pub levels: u32,
}

type Visit<'a> = &'a mut dyn FnMut(&[u8]) -> Result<ControlFlow<()>, String>;

impl Tree {
    /// Visits all entries in order. Every block is checked; what is wrong ends the walk with an error.
    pub(super) fn walk(
        &self,
        volume: &Volume<'_>,
        superblock: &Superblock,
        root: Root,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, String> {
        if !(1..=LEVELS_MAX).contains(&root.levels) {
            return Err(format!("a tree of {} levels", root.levels));
        }
        let mut walk = Walk {
            tree: *self,
            volume,
            superblock,
            group: root.group,
            // A circle would visit more blocks than there are.
            blocks_left: superblock.group_length(root.group),
            visit,
        };
        walk.step(root.block, root.levels - 1)
    }
}

struct Walk<'a> {
    tree: Tree,
    volume: &'a Volume<'a>,
    superblock: &'a Superblock,
    group: u64,
    blocks_left: u64,
    visit: Visit<'a>,
}

impl Walk<'_> {
    fn step(&mut self, block: u64, level: u32) -> Result<ControlFlow<()>, String> {
        self.blocks_left = self.blocks_left.checked_sub(1).ok_or("a tree goes in circles")?;
        let bytes = self.read(block, level)?;
        let entries = usize::from(field::be16(&bytes, 6));
        let body = &bytes[self.head_bytes()..];
        if level == 0 {
            if entries > body.len() / self.tree.entry_bytes {
                return Err(format!("{entries} entries in a leaf"));
            }
            for entry in body.chunks_exact(self.tree.entry_bytes).take(entries) {
                if (self.visit)(entry)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            return Ok(ControlFlow::Continue(()));
        }
        let room = body.len() / (self.tree.key_bytes + 4);
        if entries == 0 || entries > room {
            return Err(format!("{entries} entries in a node"));
        }
        for index in 0..entries {
            let child = field::be32(body, room * self.tree.key_bytes + 4 * index);
            if self.step(u64::from(child), level - 1)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn head_bytes(&self) -> usize {
        if self.superblock.is_version_5 { 56 } else { 16 }
    }

    fn read(&self, block: u64, level: u32) -> Result<Vec<u8>, String> {
        let superblock = self.superblock;
        let place = superblock
            .place_in_group(self.group, block)
            .ok_or("a tree block outside its group")?;
        let length = usize::try_from(superblock.block_bytes).map_err(|_| "block size")?;
        let bytes = self.volume.read(place, length)?;
        let magic = if superblock.is_version_5 {
            self.tree.magic_5
        } else {
            self.tree.magic
        };
        if !bytes.starts_with(&magic) || u32::from(field::be16(&bytes, 4)) != level {
            return Err("a tree block is not what it should be".into());
        }
        let is_own = field::be64(&bytes, 16) == place / 512
            && bytes[32..48] == superblock.metadata_uuid
            && u64::from(field::be32(&bytes, 48)) == self.group
            && has_checksum(&bytes, 52);
        if superblock.is_version_5 && !is_own {
            return Err("a tree block's checksum or place is wrong".into());
        }
        Ok(bytes)
    }
}
