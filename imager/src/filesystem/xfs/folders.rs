//! Folders and files of XFS.
//!
//! ```text
//! big-endian (Linux fs/xfs/libxfs/xfs_da_format.h)
//! In the inode: entries u8 · of them with long numbers u8 · parent u32, or u64 if any number is long;
//!   then for each: length of the name u8 · place u16 · name · kind u8 (feature FTYPE) · inode u32 or u64
//!
//! Directory blocks, those below 32 GiB in the file:
//! offset size  meaning
//!      0    4  "XD2D", version 5 "XDD3"; "XD2B" "XDB3": the only one, with an index at its end
//!     48    8  version 5: owner, at 40 · CRC-32C at 4, little-endian
//!  16/64       entries
//!              inode u64 · length of the name u8 · name · kind u8 (feature FTYPE) · place u16, padded to 8 before
//!              or FFFF · length u16: free
//! at the end of the only one: entries in the index u32 · stale u32; before them 8 bytes for each
//!
//! Target of a link: in the inode; or in blocks, of which in version 5 each begins with 56 bytes: "XSLM" …
//! ```

use super::{
    Superblock,
    inode::{Budget, Inode},
    log,
    superblock::{SECTOR_MAX, has_checksum},
};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{
        Volume,
        tree::{
            DirectoryEntry, FileRun, FileTree, Metadata, NodeId, NodeKind, RUNS_MAX, RunFile, damaged, not_a,
        },
        volume::field,
    },
};
use std::ops::ControlFlow;

/// Behind it directories keep their index.
const FOLDER_BYTES_MAX: u64 = 32 << 30;
/// Most tree blocks read for one file.
const TREE_BLOCKS_MAX: u64 = 1 << 18;
/// Most blocks of one folder: tens of millions of names.
const FOLDER_BLOCKS_MAX: usize = 1 << 20;
/// Longest target of a link.
const LINK_MAX: u64 = 1024;
const LINK_HEADER_BYTES: usize = 56;

type Visit<'a> = &'a mut dyn FnMut(DirectoryEntry) -> ControlFlow<()>;

/// The folders and files of one XFS filesystem.
struct XfsTree<'a> {
    volume: Volume<'a>,
    superblock: Superblock,
}

/// Opens the tree; the error says in words why it cannot be.
pub(in crate::filesystem) fn open_tree(
    volume: Volume<'_>,
) -> std::result::Result<Box<dyn FileTree + '_>, String> {
    let length = usize::try_from(SECTOR_MAX.min(volume.len())).unwrap_or(0);
    let superblock = Superblock::parse(&volume.read(0, length)?)?;
    if !log::is_clean(&volume, &superblock)? {
        return Err("it was not unmounted cleanly: its log is waiting to be replayed".into());
    }
    Ok(Box::new(XfsTree { volume, superblock }))
}

impl XfsTree<'_> {
    fn inode(&self, node: NodeId) -> Result<Inode> {
        let missing = || Error::new(ErrorKind::Missing, format!("inode {} is not in use", node.0));
        let place = self.superblock.inode_place(node.0).ok_or_else(missing)?;
        let length = usize::try_from(self.superblock.inode_bytes).unwrap_or(0);
        let bytes = self.volume.read(place, length).map_err(damaged)?;
        Inode::parse(&self.superblock, node.0, &bytes)
            .filter(|inode| inode.links > 0 && inode.mode != 0)
            .ok_or_else(missing)
    }

    /// Where a file's bytes are on the disk. Blocks that were never written are holes.
    fn runs(&self, inode: &Inode) -> Result<Vec<FileRun>> {
        let (block_bytes, start) = (self.superblock.block_bytes, self.volume.place().start);
        let mut runs = Vec::new();
        let mut budget = Budget(TREE_BLOCKS_MAX);
        let flow = inode
            .walk_blocks(&self.volume, &self.superblock, &mut budget, &mut |run| {
                if !run.unwritten {
                    runs.push(FileRun {
                        logical: run.logical.saturating_mul(block_bytes),
                        physical: start + run.place,
                        length: run.count * block_bytes,
                    });
                }
                if runs.len() > RUNS_MAX {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
            .map_err(damaged)?;
        if flow.is_break() {
            return Err(damaged("a file in too many pieces"));
        }
        Ok(runs)
    }

    /// The entries of a folder that is kept in its inode.
    fn list_own(&self, own: &[u8], visit: Visit<'_>) -> Result<()> {
        let number_bytes = if own.get(1).is_some_and(|long| *long > 0) {
            8
        } else {
            4
        };
        let kind_bytes = usize::from(self.superblock.has_file_types);
        let mut at = 2 + number_bytes;
        for _ in 0..own.first().copied().unwrap_or(0) {
            let name_start = at + 3;
            let name_end = name_start + usize::from(own.get(at).copied().unwrap_or(0));
            let number_at = name_end + kind_bytes;
            let (Some(name), Some(_)) = (
                own.get(name_start..name_end),
                own.get(number_at..number_at + number_bytes),
            ) else {
                return Err(damaged("a damaged folder"));
            };
            let number = if number_bytes == 8 {
                field::be64(own, number_at)
            } else {
                u64::from(field::be32(own, number_at))
            };
            if visit_name(name, number, visit).is_break() {
                return Ok(());
            }
            at = number_at + number_bytes;
        }
        Ok(())
    }

    /// The entries of one directory block.
    fn list_block(&self, owner: u64, block: &[u8], visit: Visit<'_>) -> Result<ControlFlow<()>> {
        let is_version_5 = self.superblock.is_version_5;
        let is_right = !is_version_5 || has_checksum(block, 4) && field::be64(block, 40) == owner;
        let (mut at, is_only) = match block.get(..4) {
            Some(b"XD2D") if !is_version_5 => (16, false),
            Some(b"XD2B") if !is_version_5 => (16, true),
            Some(b"XDD3") if is_version_5 => (64, false),
            Some(b"XDB3") if is_version_5 => (64, true),
            _ => return Err(damaged("a damaged folder")),
        };
        if !is_right {
            return Err(damaged("a folder's checksum is wrong"));
        }
        let end = if is_only {
            let index = u64::from(field::be32(block, block.len() - 8)) * 8 + 8;
            block.len() - usize::try_from(index).unwrap_or(usize::MAX).min(block.len())
        } else {
            block.len()
        };
        while at + 8 < end {
            if field::be16(block, at) == 0xFFFF {
                let free = usize::from(field::be16(block, at + 2));
                if free < 8 || free % 8 != 0 {
                    return Err(damaged("a damaged folder"));
                }
                at += free;
                continue;
            }
            let length = usize::from(block[at + 8]);
            let name = block
                .get(at + 9..at + 9 + length)
                .ok_or_else(|| damaged("a name longer than its block"))?;
            if visit_name(name, field::be64(block, at), visit).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            at += (9 + length + usize::from(self.superblock.has_file_types) + 2).next_multiple_of(8);
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn visit_name(name: &[u8], number: u64, visit: Visit<'_>) -> ControlFlow<()> {
    if name.is_empty() || name == b"." || name == b".." {
        return ControlFlow::Continue(());
    }
    visit(DirectoryEntry {
        name: name.to_vec(),
        node: NodeId(number),
    })
}

fn kind_of(inode: &Inode) -> NodeKind {
    match inode.mode >> 12 {
        8 => NodeKind::File,
        4 => NodeKind::Folder,
        10 => NodeKind::Link,
        _ => NodeKind::Special,
    }
}

impl FileTree for XfsTree<'_> {
    fn root(&self) -> NodeId {
        NodeId(self.superblock.root_inode)
    }

    fn metadata(&self, node: NodeId) -> Result<Metadata> {
        let inode = self.inode(node)?;
        let kind = kind_of(&inode);
        Ok(Metadata {
            kind,
            length_bytes: match kind {
                NodeKind::File | NodeKind::Link => inode.length_bytes,
                NodeKind::Folder | NodeKind::Special => 0,
            },
            mode: Some(u32::from(inode.mode & 0o7777)),
            owner: Some(inode.owner),
            modified_unix_ms: Some(inode.modified_unix_ms),
            created_unix_ms: inode.created_unix_ms,
        })
    }

    fn list(&self, folder: NodeId, visit: Visit<'_>) -> Result<()> {
        let inode = self.inode(folder)?;
        if kind_of(&inode) != NodeKind::Folder {
            return Err(not_a("folder"));
        }
        if let Some(own) = inode.own_data() {
            return self.list_own(own, visit);
        }
        let block_bytes = self.superblock.directory_block_bytes;
        let runs = self.runs(&inode)?;
        // A directory block may lie in several pieces.
        let mut blocks: Vec<u64> = runs
            .iter()
            .filter(|run| run.logical < FOLDER_BYTES_MAX)
            .flat_map(|run| run.logical / block_bytes..(run.logical + run.length).div_ceil(block_bytes))
            .take(FOLDER_BLOCKS_MAX)
            .collect();
        blocks.sort_unstable();
        blocks.dedup();
        let file = RunFile::new(self.volume.disk(), runs, FOLDER_BYTES_MAX);
        let mut block = vec![0; usize::try_from(block_bytes).unwrap_or(0)];
        for number in blocks
            .into_iter()
            .take_while(|number| *number < FOLDER_BYTES_MAX / block_bytes)
        {
            file.read_exact_at(&mut block, number * block_bytes)?;
            if self.list_block(folder.0, &block, visit)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn is_same_name(&self, one: &[u8], other: &[u8]) -> bool {
        one == other || self.superblock.ignores_case && one.eq_ignore_ascii_case(other)
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>> {
        let inode = self.inode(file)?;
        if kind_of(&inode) != NodeKind::File {
            return Err(not_a("file"));
        }
        let runs = self.runs(&inode)?;
        Ok(Box::new(RunFile::new(
            self.volume.disk(),
            runs,
            inode.length_bytes,
        )))
    }

    fn link_target(&self, link: NodeId) -> Result<Vec<u8>> {
        let inode = self.inode(link)?;
        if kind_of(&inode) != NodeKind::Link {
            return Err(not_a("link"));
        }
        if inode.length_bytes > LINK_MAX {
            return Err(damaged("a link of absurd length"));
        }
        let length = usize::try_from(inode.length_bytes).unwrap_or(0);
        if let Some(own) = inode.own_data() {
            let target = own
                .get(..length)
                .ok_or_else(|| damaged("a link longer than its inode"))?;
            return Ok(target.to_vec());
        }
        let mut target = Vec::new();
        let header = if self.superblock.is_version_5 {
            LINK_HEADER_BYTES
        } else {
            0
        };
        let mut block = vec![0; usize::try_from(self.superblock.block_bytes).unwrap_or(0)];
        for run in self.runs(&inode)? {
            let mut at = run.physical;
            while at < run.physical + run.length && target.len() < length {
                self.volume.disk().read_exact_at(&mut block, at)?;
                target.extend_from_slice(&block[header..]);
                at += self.superblock.block_bytes;
            }
        }
        if target.len() < length {
            return Err(damaged("a link longer than its blocks"));
        }
        target.truncate(length);
        Ok(target)
    }
}
