//! Folders and files of btrfs, through all subvolumes from the topmost one.
//!
//! ```text
//! A node is named by the place of its subvolume among those found (16 bits from bit 36 on) and its inode.
//!
//! Items, little-endian (Linux include/uapi/linux/btrfs_tree.h)
//! kind  object  offset             offset size  meaning
//!    1  inode   0                      16    8  length in bytes
//!                                      40    4  links · 44 user · 48 group · 52 mode, 4 each
//!                                     136   12  changed: seconds u64, nanoseconds u32 · 148 made
//!   96  folder  place in the folder     0   17  key of what it names: an inode (kind 1) or a subvolume (kind 132)
//!                                      27    2  length of the name
//!                                      30    …  name
//!  108  inode   place in the file       8    8  length when unpacked
//!                                      16    1  packed: 0 no, 1 zlib, 2 LZO, 3 Zstandard
//!                                      20    1  kind: 0 here, 1 stored, 2 reserved
//!                                      21    …  here: the bytes
//!                                      21    8  logical address, 0: a hole · 29 stored length
//!                                      37    8  where in the unpacked extent it begins · 45 length in the file
//! ```

use super::{
    Chunks, Superblock,
    packed::Packing,
    superblock::{LENGTH, OFFSET},
    tree::{Flow, Key, Reader},
    used::{KIND_FILE_EXTENT, KIND_ROOT, Subvolume, TREE_FILES, read_chunks, read_roots},
};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{
        Volume,
        tree::{DirectoryEntry, FileTree, Metadata, NodeId, NodeKind, RUNS_MAX, damaged, not_a},
        volume::field,
    },
};
use std::{
    ops::{ControlFlow, Range},
    sync::{Mutex, PoisonError},
};

const KIND_INODE: u8 = 1;
const KIND_NAME: u8 = 96;
const ROOT_INODE: u64 = 256;
/// Numbers of inodes count up from 256 and are not used twice: this is enough for decades.
const INODE_BITS: u32 = 36;
/// A packed extent has at most 128 KiB when unpacked.
const PACKED_BYTES_MAX: u64 = 128 << 10;
/// Longest target of a link.
const LINK_MAX: u64 = 4096;

/// The folders and files of one btrfs filesystem.
struct BtrfsTree<'a> {
    volume: Volume<'a>,
    superblock: Superblock,
    chunks: Chunks,
    subvolumes: Vec<Subvolume>,
}

/// Opens the tree; the error says in words why it cannot be.
pub(in crate::filesystem) fn open_tree(
    volume: Volume<'_>,
) -> std::result::Result<Box<dyn FileTree + '_>, String> {
    let superblock = Superblock::parse(&volume.read(OFFSET, LENGTH)?)?;
    if superblock.log_root.is_some() {
        return Err("it was not unmounted cleanly: its log is waiting to be replayed".into());
    }
    let chunks = read_chunks(&volume, &superblock)?;
    let roots = read_roots(&Reader {
        volume: &volume,
        superblock: &superblock,
        chunks: &chunks,
    })?;
    // The topmost one first: its root is the root of all.
    let mut subvolumes = roots.subvolumes;
    subvolumes.sort_by_key(|subvolume| subvolume.number);
    if subvolumes.first().is_none_or(|first| first.number != TREE_FILES) {
        return Err("it has no topmost subvolume".into());
    }
    Ok(Box::new(BtrfsTree {
        volume,
        superblock,
        chunks,
        subvolumes,
    }))
}

fn node_of(subvolume: usize, inode: u64) -> Option<NodeId> {
    let index = u64::try_from(subvolume).ok()?;
    (inode >> INODE_BITS == 0 && index >> 16 == 0).then_some(NodeId(index << INODE_BITS | inode))
}

/// What is needed of an inode.
struct Inode {
    kind: NodeKind,
    item: Vec<u8>,
}

impl Inode {
    fn length_bytes(&self) -> u64 {
        field::le64(&self.item, 16)
    }

    fn time(&self, at: usize) -> i64 {
        let seconds = field::le64(&self.item, at).cast_signed();
        seconds
            .saturating_mul(1000)
            .saturating_add(i64::from(field::le32(&self.item, at + 8) / 1_000_000))
    }
}

impl BtrfsTree<'_> {
    /// Visits a node's items of one kind, in order.
    fn items(&self, node: NodeId, kind: u8, visit: &mut dyn FnMut(u64, &[u8]) -> Flow) -> Result<()> {
        let (index, object) = (node.0 >> INODE_BITS, node.0 & ((1 << INODE_BITS) - 1));
        let subvolume = usize::try_from(index)
            .ok()
            .and_then(|index| self.subvolumes.get(index))
            .ok_or_else(|| Error::new(ErrorKind::Missing, "no such subvolume"))?;
        let key = |offset| Key { object, kind, offset };
        let reader = Reader {
            volume: &self.volume,
            superblock: &self.superblock,
            chunks: &self.chunks,
        };
        reader
            .walk_between(
                subvolume.root,
                None,
                key(0)..=key(u64::MAX),
                &mut |key: Key, item: &[u8]| visit(key.offset, item),
            )
            .map(|_| ())
            .map_err(damaged)
    }

    fn inode(&self, node: NodeId) -> Result<Inode> {
        let mut found = None;
        self.items(node, KIND_INODE, &mut |_, item| {
            found = Some(item.to_vec());
            Ok(ControlFlow::Break(()))
        })?;
        let item = found
            .filter(|item| item.len() >= 160 && field::le32(item, 40) > 0)
            .ok_or_else(|| Error::new(ErrorKind::Missing, "no such inode"))?;
        let kind = match field::le32(&item, 52) >> 12 {
            8 => NodeKind::File,
            4 => NodeKind::Folder,
            10 => NodeKind::Link,
            _ => NodeKind::Special,
        };
        Ok(Inode { kind, item })
    }

    /// What the key in a folder names; `None` if that is a subvolume that is gone, or that hangs elsewhere: a snapshot keeps
    /// the names of subvolumes, not what is in them.
    fn node_named(&self, folder: NodeId, key: &[u8]) -> Option<NodeId> {
        let (object, kind) = (field::le64(key, 0), *key.get(8)?);
        let own = usize::try_from(folder.0 >> INODE_BITS).ok()?;
        if kind == KIND_ROOT {
            let index = self
                .subvolumes
                .binary_search_by_key(&object, |subvolume| subvolume.number)
                .ok()?;
            let here = (
                self.subvolumes.get(own)?.number,
                folder.0 & ((1 << INODE_BITS) - 1),
            );
            let hangs_here = self.subvolumes.get(index)?.parent == Some(here);
            return node_of(index, ROOT_INODE).filter(|_| hangs_here);
        }
        node_of(own, object).filter(|_| kind == KIND_INODE)
    }

    fn pieces(&self, node: NodeId, length_bytes: u64) -> Result<PackedFile<'_>> {
        let mut pieces: Vec<Piece> = Vec::new();
        self.items(node, KIND_FILE_EXTENT, &mut |logical, item| {
            if pieces.len() >= RUNS_MAX {
                return Err("a file in too many pieces".into());
            }
            if let Some(piece) = self.piece(logical, item)? {
                if pieces
                    .last()
                    .is_some_and(|last| last.range.end > piece.range.start)
                {
                    return Err("two pieces of a file overlap".into());
                }
                pieces.push(piece);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(PackedFile {
            disk: self.volume.disk(),
            pieces,
            length: length_bytes,
            unpacked: Mutex::new((usize::MAX, Vec::new())),
        })
    }

    /// One piece of a file; `None` if it reads as zeros.
    fn piece(&self, logical: u64, item: &[u8]) -> std::result::Result<Option<Piece>, String> {
        let (Some(packing), Some(kind)) = (item.get(16), item.get(20)) else {
            return Err("a file's extent is cut short".into());
        };
        let unpacked_bytes = field::le64(item, 8);
        let packing = Packing::of(*packing, self.superblock.sector_bytes)?;
        if packing.is_some() && unpacked_bytes > PACKED_BYTES_MAX {
            return Err("a packed piece of a file is longer than there are".into());
        }
        let piece = |length: u64, source: Source| {
            let end = logical.checked_add(length).ok_or("a piece beyond any file")?;
            Ok(Some(Piece {
                range: logical..end,
                source,
            }))
        };
        if *kind == 0 {
            let own = item.get(21..).unwrap_or_default();
            let bytes = match packing {
                Some(packing) => packing.unpack(own, unpacked_bytes)?,
                None => own.to_vec(),
            };
            return piece(bytes.len() as u64, Source::Own(bytes));
        }
        let (address, stored) = (field::le64(item, 21), field::le64(item, 29));
        let (skipped, length) = (field::le64(item, 37), field::le64(item, 45));
        if *kind != 1 || address == 0 || length == 0 {
            return Ok(None);
        }
        let inside = if packing.is_some() { unpacked_bytes } else { stored };
        if skipped.checked_add(length).is_none_or(|end| end > inside)
            || packing.is_some() && stored > PACKED_BYTES_MAX
        {
            return Err("a piece of a file is longer than its extent".into());
        }
        let extent = address..address.saturating_add(stored);
        let place = self
            .chunks
            .places(&extent)
            .next()
            .ok_or("an extent outside all chunks")?;
        let place = self.volume.place().start + place;
        if let Some(packing) = packing {
            let source = Source::Packed {
                packing,
                place,
                stored,
                unpacked: unpacked_bytes,
                skipped,
            };
            return piece(length, source);
        }
        piece(length, Source::Plain(place + skipped))
    }
}

/// Bytes of a file.
struct Piece {
    range: Range<u64>,
    source: Source,
}

enum Source {
    /// At this place on the disk.
    Plain(u64),
    /// In the tree.
    Own(Vec<u8>),
    /// What is shown begins `skipped` bytes into what comes out.
    Packed {
        packing: Packing,
        place: u64,
        stored: u64,
        unpacked: u64,
        skipped: u64,
    },
}

/// A file whose pieces may be packed. What no piece covers reads as zeros.
struct PackedFile<'a> {
    disk: &'a dyn ReadAt,
    pieces: Vec<Piece>,
    length: u64,
    /// The last piece that was unpacked.
    unpacked: Mutex<(usize, Vec<u8>)>,
}

impl PackedFile<'_> {
    /// The first piece that ends behind `offset`, and those behind it.
    fn from(&self, offset: u64) -> impl Iterator<Item = (usize, &Piece)> {
        let first = self.pieces.partition_point(|piece| piece.range.end <= offset);
        self.pieces.iter().enumerate().skip(first)
    }

    fn read_piece(&self, index: usize, piece: &Piece, from: u64, buffer: &mut [u8]) -> Result<()> {
        let within = from - piece.range.start;
        let copy = |bytes: &[u8], start: u64, buffer: &mut [u8]| {
            let start = usize::try_from(start).unwrap_or(usize::MAX);
            let bytes = start
                .checked_add(buffer.len())
                .and_then(|end| bytes.get(start..end))
                .ok_or_else(|| damaged("a piece of a file is too short"))?;
            buffer.copy_from_slice(bytes);
            Ok(())
        };
        match &piece.source {
            Source::Plain(place) => self.disk.read_exact_at(buffer, place.saturating_add(within)),
            Source::Own(bytes) => copy(bytes, within, buffer),
            Source::Packed {
                packing,
                place,
                stored,
                unpacked,
                skipped,
            } => {
                let mut last = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
                if last.0 != index {
                    let mut packed = vec![0; usize::try_from(*stored).unwrap_or(0)];
                    self.disk.read_exact_at(&mut packed, *place)?;
                    *last = (index, packing.unpack(&packed, *unpacked).map_err(damaged)?);
                }
                copy(&last.1, skipped.saturating_add(within), buffer)
            }
        }
    }
}

impl ReadAt for PackedFile<'_> {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let end = offset
            .checked_add(buffer.len() as u64)
            .filter(|end| *end <= self.length)
            .ok_or_else(|| Error::new(ErrorKind::Read, "a read behind the end of a file"))?;
        buffer.fill(0);
        for (index, piece) in self.from(offset).take_while(|(_, piece)| piece.range.start < end) {
            let (from, to) = (piece.range.start.max(offset), piece.range.end.min(end));
            let part = usize::try_from(from - offset).unwrap_or(usize::MAX)
                ..usize::try_from(to - offset).unwrap_or(usize::MAX);
            self.read_piece(index, piece, from, &mut buffer[part])?;
        }
        Ok(())
    }

    fn next_data(&self, offset: u64) -> Option<Range<u64>> {
        let (_, piece) = self.from(offset).next()?;
        let range = piece.range.start.max(offset)..piece.range.end.min(self.length);
        (range.start < range.end).then_some(range)
    }
}

impl FileTree for BtrfsTree<'_> {
    fn root(&self) -> NodeId {
        NodeId(ROOT_INODE)
    }

    fn metadata(&self, node: NodeId) -> Result<Metadata> {
        let inode = self.inode(node)?;
        Ok(Metadata {
            kind: inode.kind,
            length_bytes: match inode.kind {
                NodeKind::File | NodeKind::Link => inode.length_bytes(),
                NodeKind::Folder | NodeKind::Special => 0,
            },
            mode: Some(field::le32(&inode.item, 52) & 0o7777),
            owner: Some((field::le32(&inode.item, 44), field::le32(&inode.item, 48))),
            modified_unix_ms: Some(inode.time(136)),
            created_unix_ms: Some(inode.time(148)),
        })
    }

    fn list(&self, folder: NodeId, visit: &mut dyn FnMut(DirectoryEntry) -> ControlFlow<()>) -> Result<()> {
        if self.inode(folder)?.kind != NodeKind::Folder {
            return Err(not_a("folder"));
        }
        self.items(folder, KIND_NAME, &mut |_, item| {
            let length = usize::from(field::le16(item, 27));
            let name = item.get(30..30 + length).ok_or("a name longer than its item")?;
            let Some(node) = self.node_named(folder, item) else {
                return Ok(ControlFlow::Continue(()));
            };
            Ok(visit(DirectoryEntry {
                name: name.to_vec(),
                node,
            }))
        })
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>> {
        let inode = self.inode(file)?;
        if inode.kind != NodeKind::File {
            return Err(not_a("file"));
        }
        Ok(Box::new(self.pieces(file, inode.length_bytes())?))
    }

    fn link_target(&self, link: NodeId) -> Result<Vec<u8>> {
        let inode = self.inode(link)?;
        if inode.kind != NodeKind::Link {
            return Err(not_a("link"));
        }
        if inode.length_bytes() > LINK_MAX {
            return Err(damaged("a link of absurd length"));
        }
        let file = self.pieces(link, inode.length_bytes())?;
        let mut target = vec![0; usize::try_from(inode.length_bytes()).unwrap_or(0)];
        file.read_exact_at(&mut target, 0)?;
        Ok(target)
    }
}
