//! Folders and files of an ext filesystem, as they are after its journal was replayed.
//!
//! ```text
//! Directory block, little-endian (Linux Documentation/filesystems/ext4/directory.rst): entries one behind the other
//! offset size  meaning
//!   0x00    4  inode; 0 = nothing (also the nodes of a hashed tree, and the checksum at the end)
//!   0x04    2  length of this entry; 0xFFFF or 0 in blocks of 64 KiB = the rest of the block
//!   0x06    1  length of the name (2 bytes without the feature FILETYPE, upper one 0)
//!   0x07    1  kind
//!   0x08    …  name
//!
//! Inline data (inlinedata.rst): the 60 bytes of the block map, then the value of the attribute "system.data" that stands
//! behind the inode's own fields: 0xEA020000, then entries
//!   0x00  1  length of the name · 0x01  1  index, 7 = "system." · 0x02  2  offset of the value from the first entry
//!   0x04  4  inode of the value, 0 = here · 0x08  4  length of the value · 0x0C  4  hash · 0x10  …  name, padded to 4
//! A folder's inline data begins with the number of its parent, 4 bytes; then entries.
//! ```

use super::{
    Overlay, Reader,
    inode::{Budget, Inode, RawInode},
    journal::Journal,
    superblock::{self, INCOMPAT_RECOVER, Superblock},
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
use std::{ops::ControlFlow, sync::Arc};

const ROOT: NodeId = NodeId(2);
const FLAG_ENCRYPTED: u32 = 0x800;
const FLAG_EXTENTS: u32 = 0x8_0000;
const ATTRIBUTES_MAGIC: u32 = 0xEA02_0000;
const INDEX_SYSTEM: u8 = 7;
/// Most tree blocks read for one file.
const TREE_BLOCKS_MAX: u64 = 1 << 18;
/// Longest target of a link.
const LINK_MAX: u64 = 4096;

/// The folders and files of one ext filesystem.
struct ExtTree<'a> {
    volume: Volume<'a>,
    superblock: Superblock,
    overlay: Arc<Overlay>,
}

/// Opens the tree; the error says in words why it cannot be.
pub(in crate::filesystem) fn open_tree(
    volume: Volume<'_>,
) -> std::result::Result<Box<dyn FileTree + '_>, String> {
    let bytes = volume.read(superblock::OFFSET, superblock::LENGTH)?;
    let superblock = Superblock::parse(&bytes)?;
    let mut overlay = Arc::default();
    if superblock.incompat & INCOMPAT_RECOVER != 0 {
        let disk = Reader::new(&volume, superblock.clone());
        match super::read_journal(&disk, true) {
            Ok(Some(Journal::Dirty { overlay: found, .. })) => overlay = Arc::new(found),
            Ok(_) => {}
            Err(reason) => return Err(reason),
        }
    }
    Ok(Box::new(ExtTree {
        volume,
        superblock,
        overlay,
    }))
}

impl ExtTree<'_> {
    fn reader(&self) -> Reader<'_> {
        Reader {
            volume: &self.volume,
            superblock: self.superblock.clone(),
            overlay: Arc::clone(&self.overlay),
        }
    }

    fn inode(&self, node: NodeId) -> Result<(Inode, RawInode)> {
        let raw = self.reader().raw_inode(node.0).map_err(damaged)?;
        let inode = raw
            .parse()
            .filter(|inode| inode.links > 0 || node == ROOT)
            .ok_or_else(|| Error::new(ErrorKind::Missing, format!("inode {} is not in use", node.0)))?;
        Ok((inode, raw))
    }

    /// Where a file's blocks are, in bytes of the disk. Blocks that were never written are holes.
    fn runs(&self, inode: &Inode) -> Result<Vec<FileRun>> {
        let (reader, block_bytes) = (self.reader(), self.superblock.block_bytes);
        let start = self.volume.place().start;
        let (mut runs, mut too_many) = (Vec::new(), false);
        reader
            .walk_blocks(inode, &mut Budget(TREE_BLOCKS_MAX), &mut |run| {
                if !run.unwritten {
                    runs.push(FileRun {
                        logical: run.logical.saturating_mul(block_bytes),
                        physical: start + run.physical * block_bytes,
                        length: run.count * block_bytes,
                    });
                }
                too_many = runs.len() > RUNS_MAX;
                if too_many {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
            .map(|_| ())
            .map_err(damaged)?;
        if too_many {
            return Err(damaged("a file in too many pieces"));
        }
        Ok(runs)
    }

    /// Visits the entries of one block, or of inline data; true if `visit` broke.
    fn visit_entries(
        &self,
        block: &[u8],
        visit: &mut dyn FnMut(DirectoryEntry) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        let mut at = 0;
        while at + 8 <= block.len() {
            let entry = &block[at..];
            let length = match field::le16(entry, 4) {
                0 | 0xFFFF if block.len() >= 65536 => entry.len(),
                length => usize::from(length),
            };
            if length < 8 || length > entry.len() || length % 4 != 0 {
                return Err(damaged("a damaged folder"));
            }
            let inode = field::le32(entry, 0);
            if inode != 0 {
                let name = entry[..length]
                    .get(8..8 + usize::from(entry[6]))
                    .ok_or_else(|| damaged("a name longer than its entry"))?;
                if !name.is_empty() && name != b"." && name != b".." {
                    let entry = DirectoryEntry {
                        name: name.to_vec(),
                        node: NodeId(u64::from(inode)),
                    };
                    if visit(entry).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            at += length;
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl FileTree for ExtTree<'_> {
    fn root(&self) -> NodeId {
        ROOT
    }

    fn metadata(&self, node: NodeId) -> Result<Metadata> {
        let (inode, raw) = self.inode(node)?;
        let kind = raw.kind();
        Ok(Metadata {
            kind,
            length_bytes: match kind {
                NodeKind::File | NodeKind::Link => inode.length_bytes,
                NodeKind::Folder | NodeKind::Special => 0,
            },
            mode: Some(u32::from(raw.mode() & 0o7777)),
            owner: Some(raw.owner()),
            modified_unix_ms: Some(raw.time(0x10, 0x88)),
            created_unix_ms: raw.has_extra(0x98).then(|| raw.time(0x90, 0x94)),
        })
    }

    fn list(&self, folder: NodeId, visit: &mut dyn FnMut(DirectoryEntry) -> ControlFlow<()>) -> Result<()> {
        let (inode, raw) = self.inode(folder)?;
        if raw.kind() != NodeKind::Folder {
            return Err(not_a("folder"));
        }
        refuse_encrypted(&inode)?;
        if inode.is_inline() {
            let (first, second) = raw.inline_data().map_err(damaged)?;
            for region in [first.get(4..).unwrap_or_default(), &second] {
                if self.visit_entries(region, visit)?.is_break() {
                    break;
                }
            }
            return Ok(());
        }
        let reader = self.reader();
        let start = self.volume.place().start;
        let block_bytes = self.superblock.block_bytes;
        for run in self.runs(&inode)? {
            let first = (run.physical - start) / block_bytes;
            for block in first..first + run.length / block_bytes {
                // Through the reader: the newest copy of a folder may be in the journal.
                let bytes = reader.read_block(block).map_err(damaged)?;
                if self.visit_entries(&bytes, visit)?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>> {
        let (inode, raw) = self.inode(file)?;
        if raw.kind() != NodeKind::File {
            return Err(not_a("file"));
        }
        refuse_encrypted(&inode)?;
        if inode.is_inline() {
            let (mut bytes, rest) = raw.inline_data().map_err(damaged)?;
            bytes.extend_from_slice(&rest);
            bytes.resize(
                usize::try_from(inode.length_bytes.min(bytes.len() as u64)).unwrap_or(0),
                0,
            );
            return Ok(Box::new(bytes));
        }
        // With data=journal a file's blocks are in the journal, too.
        let runs = self.reader().redirect(self.runs(&inode)?)?;
        Ok(Box::new(RunFile::new(
            self.volume.disk(),
            runs,
            inode.length_bytes,
        )))
    }

    fn link_target(&self, link: NodeId) -> Result<Vec<u8>> {
        let (inode, raw) = self.inode(link)?;
        if raw.kind() != NodeKind::Link {
            return Err(not_a("link"));
        }
        refuse_encrypted(&inode)?;
        if inode.length_bytes > LINK_MAX {
            return Err(damaged("a link of absurd length"));
        }
        let length = usize::try_from(inode.length_bytes).unwrap_or(0);
        if inode.is_inline() {
            let (mut bytes, rest) = raw.inline_data().map_err(damaged)?;
            bytes.extend_from_slice(&rest);
            bytes.truncate(length);
            return Ok(bytes);
        }
        if length < 60 && inode.flags() & FLAG_EXTENTS == 0 {
            return Ok(inode.map()[..length].to_vec());
        }
        let mut target = vec![0; length];
        let runs = self.reader().redirect(self.runs(&inode)?)?;
        RunFile::new(self.volume.disk(), runs, inode.length_bytes).read_exact_at(&mut target, 0)?;
        Ok(target)
    }
}

fn refuse_encrypted(inode: &Inode) -> Result<()> {
    if inode.flags() & FLAG_ENCRYPTED == 0 {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Refused,
        "it is encrypted (fscrypt); its key is not here",
    ))
}

impl Reader<'_> {
    /// Lets the blocks whose newest copy is in the journal be read there.
    fn redirect(&self, runs: Vec<FileRun>) -> Result<Vec<FileRun>> {
        if self.overlay.len() == 0 {
            return Ok(runs);
        }
        let (block_bytes, start) = (self.superblock.block_bytes, self.volume.place().start);
        let mut redirected: Vec<FileRun> = Vec::new();
        for run in runs {
            let first = (run.physical - start) / block_bytes;
            for index in 0..run.length / block_bytes {
                let copy = self.overlay.get(first + index);
                if copy.is_some_and(|copy| copy.is_escaped) {
                    return Err(damaged(
                        "its newest contents stand in the journal in another form",
                    ));
                }
                let copy = copy.map_or(first + index, |copy| copy.journal_block);
                let piece = FileRun {
                    logical: run.logical + index * block_bytes,
                    physical: start + copy * block_bytes,
                    length: block_bytes,
                };
                match redirected.last_mut() {
                    Some(last)
                        if last.logical + last.length == piece.logical
                            && last.physical + last.length == piece.physical =>
                    {
                        last.length += block_bytes;
                    }
                    _ => redirected.push(piece),
                }
            }
        }
        Ok(redirected)
    }
}

/// The value of "system.data" in an inode, empty if there is none.
pub(super) fn inline_rest(inode: &[u8], extra: usize) -> std::result::Result<Vec<u8>, String> {
    let area = inode.get(128 + extra..).unwrap_or_default();
    if field::le32(area, 0) != ATTRIBUTES_MAGIC {
        return Ok(Vec::new());
    }
    let entries = &area[4..];
    let mut at = 0;
    while let Some(entry) = entries.get(at..).filter(|entry| entry.len() >= 16) {
        if field::le32(entry, 0) == 0 {
            break;
        }
        let name_length = usize::from(entry[0]);
        let name = entry.get(16..16 + name_length).ok_or("a damaged attribute")?;
        if entry[1] == INDEX_SYSTEM && name == b"data" {
            let start = usize::from(field::le16(entry, 2));
            let length = usize::try_from(field::le32(entry, 8)).unwrap_or(usize::MAX);
            if field::le32(entry, 4) != 0 {
                return Err("inline data in another inode".into());
            }
            let value = start
                .checked_add(length)
                .and_then(|end| entries.get(start..end))
                .ok_or("inline data beyond its inode")?;
            return Ok(value.to_vec());
        }
        at += 16 + name_length.next_multiple_of(4);
    }
    Ok(Vec::new())
}
