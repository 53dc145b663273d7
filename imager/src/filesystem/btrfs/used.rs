//! From trees to used ranges.
//!
//! ```text
//! used = the first MiB ∪ the superblock's copies ∪ what follows the filesystem
//!      ∪ every copy of every extent in the extent tree, and of every node and extent in the log tree
//!      ∪ every system chunk, whole
//!
//! Items, little-endian (Linux include/uapi/linux/btrfs_tree.h)
//! kind  object             offset            item
//!  108  inode              place in the file 20 kind, 1 stored, 2 reserved; 21 logical address u64; 29 length u64
//!  132  tree               0, or a subvolume 160 generation u64; 176 logical address u64; 216 references u32; 238 level
//!  144  tree               tree it hangs in  0 folder u64
//!  168  logical address    length            an extent
//!  169  logical address    level             a node
//!  216  1                  number            a device
//!  228  256                logical address   a chunk
//! ```

use super::{
    Superblock,
    chunk::{Chunk, Chunks},
    superblock::{COPIES, LENGTH, Root},
    tree::{Flow, Key, Reader, Visitor},
};
use crate::filesystem::{Ranges, RangesBuilder, Volume, volume::field};
use std::ops::{ControlFlow, Range};

pub(super) const KIND_FILE_EXTENT: u8 = 108;
pub(super) const KIND_ROOT: u8 = 132;
const KIND_ROOT_PARENT: u8 = 144;
const KIND_EXTENT: u8 = 168;
const KIND_NODE: u8 = 169;
const KIND_DEVICE: u8 = 216;
const KIND_CHUNK: u8 = 228;
const TREE_ROOTS: u64 = 1;
const TREE_EXTENTS: u64 = 2;
const TREE_CHUNKS: u64 = 3;
pub(super) const TREE_FILES: u64 = 5;
const TREE_LOG: u64 = u64::MAX - 5;
/// Subvolumes are numbered from here, up to 256 below the highest number.
const FIRST_SUBVOLUME: u64 = 256;
const SUBVOLUMES_MAX: usize = 1 << 16;
/// Bootloaders use it; no chunk begins in it.
const HEAD_BYTES: u64 = 1 << 20;
/// Fewer than elsewhere: what is collected is mapped through the chunks, and there are two copies of it then.
const RANGES_MAX: usize = 1 << 19;
/// Most nodes and extents in a log: far more than is synced between two commits.
const LOG_MAX: usize = 1 << 20;

/// A tree that holds files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subvolume {
    pub number: u64,
    pub root: Root,
    /// The subvolume and the folder in it that it hangs in. In a snapshot of that subvolume it does not.
    pub parent: Option<(u64, u64)>,
}

/// What the root tree names.
pub(super) struct Roots {
    extents: Root,
    pub subvolumes: Vec<Subvolume>,
}

/// Reads the chunk tree.
pub(super) fn read_chunks(volume: &Volume<'_>, superblock: &Superblock) -> Result<Chunks, String> {
    let system = Chunks::of_superblock(superblock)?;
    let reader = Reader {
        volume,
        superblock,
        chunks: &system,
    };
    let (mut chunks, mut devices) = (Chunks::default(), 0u64);
    let _ = reader.walk(
        superblock.chunk_root,
        Some(TREE_CHUNKS),
        &mut |key: Key, item: &[u8]| {
            match key.kind {
                KIND_DEVICE => devices += 1,
                KIND_CHUNK => chunks.insert(Chunk::parse(superblock, key.offset, item)?)?,
                _ => {}
            }
            Ok(ControlFlow::Continue(()))
        },
    )?;
    if devices != 1 {
        return Err(format!("its chunk tree names {devices} devices"));
    }
    Ok(chunks)
}

/// Reads the root tree.
pub(super) fn read_roots(reader: &Reader<'_>) -> Result<Roots, String> {
    let (mut extents, mut subvolumes) = (None, Vec::new());
    let _ = reader.walk(
        reader.superblock.root,
        Some(TREE_ROOTS),
        &mut |key: Key, item: &[u8]| {
            if key.kind == KIND_ROOT {
                let root = root_of(item)?;
                let is_subvolume =
                    key.object == TREE_FILES || (FIRST_SUBVOLUME..=u64::MAX - 256).contains(&key.object);
                if key.object == TREE_EXTENTS {
                    extents = Some(root);
                } else if is_subvolume && field::le32(item, 216) > 0 && subvolumes.len() < SUBVOLUMES_MAX {
                    subvolumes.push(Subvolume {
                        number: key.object,
                        root,
                        parent: None,
                    });
                }
            } else if let (KIND_ROOT_PARENT, Some(last)) = (key.kind, subvolumes.last_mut())
                && last.number == key.object
            {
                last.parent = Some((key.offset, field::le64(item, 0)));
            }
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(Roots {
        extents: extents.ok_or("it has no extent tree")?,
        subvolumes,
    })
}

fn root_of(item: &[u8]) -> Result<Root, String> {
    Ok(Root {
        address: field::le64(item, 176),
        level: *item.get(238).ok_or("a root item is cut short")?,
        generation: field::le64(item, 160),
    })
}

/// The used bytes of the partition.
pub(super) fn read_used(reader: &Reader<'_>, roots: &Roots) -> Result<Ranges, String> {
    let superblock = reader.superblock;
    let mut logical = read_extents(reader, roots.extents)?;
    if let Some(root) = superblock.log_root {
        logical = logical.union(&read_log(reader, root)?);
    }
    let length = reader.volume.len();
    let mut own = vec![0..HEAD_BYTES.min(length), superblock.device_bytes..length];
    own.extend(
        COPIES
            .into_iter()
            .map(|start| start.min(length)..(start + LENGTH as u64).min(length)),
    );
    own.retain(|range| !range.is_empty());
    let used = reader.chunks.on_device(&logical);
    Ok(used.union(&Ranges::from_unsorted(own)))
}

/// Everything that is committed. Its sum must be what the superblock counts.
fn read_extents(reader: &Reader<'_>, root: Root) -> Result<Ranges, String> {
    let superblock = reader.superblock;
    let mut builder = RangesBuilder::with_limit(RANGES_MAX);
    let (mut behind, mut total_bytes) = (0, 0u64);
    let _ = reader.walk(root, Some(TREE_EXTENTS), &mut |key: Key, _: &[u8]| {
        let length = match key.kind {
            KIND_EXTENT => key.offset,
            KIND_NODE => superblock.node_bytes,
            _ => return Ok(ControlFlow::Continue(())),
        };
        let range = existing(reader, key.object, length)?;
        if range.start < behind {
            return Err("two extents overlap".into());
        }
        behind = range.end;
        total_bytes = total_bytes.saturating_add(length);
        builder.push(range);
        Ok(ControlFlow::Continue(()))
    })?;
    if total_bytes != superblock.used_bytes {
        return Err(format!(
            "its extents are {total_bytes} bytes, its superblock counts {}",
            superblock.used_bytes
        ));
    }
    Ok(builder.finish())
}

/// What was synced since the last commit is in no other tree: the log's own nodes, and the extents it names.
fn read_log(reader: &Reader<'_>, root: Root) -> Result<Ranges, String> {
    let mut nodes = LogNodes {
        reader,
        used: Vec::new(),
        trees: Vec::new(),
    };
    let _ = reader.walk(root, Some(TREE_LOG), &mut nodes)?;
    for tree in std::mem::take(&mut nodes.trees) {
        let _ = reader.walk(tree, Some(TREE_LOG), &mut nodes)?;
    }
    Ok(Ranges::from_unsorted(nodes.used))
}

/// Notes what a log uses.
struct LogNodes<'a> {
    reader: &'a Reader<'a>,
    used: Vec<Range<u64>>,
    trees: Vec<Root>,
}

impl LogNodes<'_> {
    fn note(&mut self, address: u64, length: u64) -> Result<(), String> {
        if self.used.len() >= LOG_MAX {
            return Err("its log is longer than this reader follows".into());
        }
        self.used.push(existing(self.reader, address, length)?);
        Ok(())
    }
}

impl Visitor for LogNodes<'_> {
    fn enters(&mut self, address: u64) -> Result<bool, String> {
        self.note(address, self.reader.superblock.node_bytes)?;
        Ok(true)
    }

    fn item(&mut self, key: Key, item: &[u8]) -> Flow {
        match key.kind {
            KIND_ROOT => self.trees.push(root_of(item)?),
            KIND_FILE_EXTENT if item.get(20).is_some_and(|kind| *kind != 0) => {
                let (address, length) = (field::le64(item, 21), field::le64(item, 29));
                // Address 0 is a hole.
                if address != 0 {
                    self.note(address, length)?;
                }
            }
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// A logical range that lies in a chunk.
fn existing(reader: &Reader<'_>, address: u64, length: u64) -> Result<Range<u64>, String> {
    let range = address..address.saturating_add(length);
    if length == 0 || reader.chunks.places(&range).next().is_none() {
        return Err(format!("an extent of {length} bytes at {address} is in no chunk"));
    }
    Ok(range)
}
