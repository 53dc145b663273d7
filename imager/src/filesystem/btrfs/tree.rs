//! Trees of btrfs: nodes that name each other by logical address.
//!
//! ```text
//! Node, little-endian (Linux include/uapi/linux/btrfs_tree.h, struct btrfs_header)
//! offset size  meaning
//!      0   32  checksum of all behind
//!     32   16  UUID in metadata
//!     48    8  own logical address
//!     80    8  generation
//!     88    8  tree it was made for
//!     96    4  entries
//!    100    1  level, 0 = leaf
//!    101       leaf: key 17 · offset u32 from byte 101 · length u32; the items themselves from the end
//!              else: key 17 · logical address u64 · generation u64
//!
//! Key: object u64 · kind u8 · offset u64; in ascending order through the whole tree
//! ```

use super::{Chunks, Superblock, superblock::Root};
use crate::filesystem::{Volume, volume::field};
use std::ops::{ControlFlow, RangeInclusive};

const HEADER_BYTES: usize = 101;
const LEAF_ENTRY_BYTES: usize = 25;
const NODE_ENTRY_BYTES: usize = 33;
const LEVEL_MAX: u8 = 7;

/// Names an item in a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub object: u64,
    pub kind: u8,
    pub offset: u64,
}

impl Key {
    const FIRST: Self = Self {
        object: 0,
        kind: 0,
        offset: 0,
    };
    const LAST: Self = Self {
        object: u64::MAX,
        kind: u8::MAX,
        offset: u64::MAX,
    };

    fn read(bytes: &[u8]) -> Self {
        Self {
            object: field::le64(bytes, 0),
            kind: bytes.get(8).copied().unwrap_or(0),
            offset: field::le64(bytes, 9),
        }
    }
}

/// What a walk does at each step.
pub(super) trait Visitor {
    /// Before a node is read: whether to go into it.
    fn enters(&mut self, address: u64) -> Result<bool, String> {
        let _ = address;
        Ok(true)
    }

    /// At each item, in order of their keys.
    fn item(&mut self, key: Key, item: &[u8]) -> Flow;
}

/// Goes on, breaks off, or fails.
pub(super) type Flow = Result<ControlFlow<()>, String>;

impl<F: FnMut(Key, &[u8]) -> Flow> Visitor for F {
    fn item(&mut self, key: Key, item: &[u8]) -> Flow {
        self(key, item)
    }
}

/// Reads the trees of one filesystem.
pub(super) struct Reader<'a> {
    pub volume: &'a Volume<'a>,
    pub superblock: &'a Superblock,
    pub chunks: &'a Chunks,
}

impl Reader<'_> {
    /// Visits all items of a tree in order. Every node is checked: checksum, place, generation, level, order of keys, and
    /// the tree it was made for, if it is given. What is wrong ends the walk with an error.
    pub(super) fn walk(&self, root: Root, owner: Option<u64>, visitor: &mut dyn Visitor) -> Flow {
        self.walk_between(root, owner, Key::FIRST..=Key::LAST, visitor)
    }

    /// As [`Self::walk`], only the items whose keys are in a range; nodes that cannot hold any are not read.
    pub(super) fn walk_between(
        &self,
        root: Root,
        owner: Option<u64>,
        range: RangeInclusive<Key>,
        visitor: &mut dyn Visitor,
    ) -> Flow {
        if root.level > LEVEL_MAX {
            return Err(format!("a tree of {} levels", root.level));
        }
        let mut walk = Walk {
            reader: self,
            owner,
            range,
            previous: None,
            visitor,
        };
        walk.step(root, None)
    }

    fn read(&self, root: Root, owner: Option<u64>) -> Result<Vec<u8>, String> {
        let node_bytes = self.superblock.node_bytes;
        let end = root
            .address
            .checked_add(node_bytes)
            .ok_or("a node beyond any address")?;
        let length = usize::try_from(node_bytes).map_err(|_| "node size")?;
        let mut reason = "a node outside all chunks".to_owned();
        for place in self.chunks.places(&(root.address..end)) {
            let bytes = match self.volume.read(place, length) {
                Ok(bytes) => bytes,
                Err(error) => {
                    reason = error;
                    continue;
                }
            };
            let is_own = bytes[32..48] == self.superblock.metadata_uuid
                && field::le64(&bytes, 48) == root.address
                && field::le64(&bytes, 80) == root.generation
                && bytes[100] == root.level
                && owner.is_none_or(|owner| owner == field::le64(&bytes, 88));
            if is_own && self.superblock.checksum.is_right(&bytes) {
                return Ok(bytes);
            }
            reason = format!("the node at {} is damaged", root.address);
        }
        Err(reason)
    }
}

struct Walk<'a> {
    reader: &'a Reader<'a>,
    owner: Option<u64>,
    range: RangeInclusive<Key>,
    previous: Option<Key>,
    visitor: &'a mut dyn Visitor,
}

impl Walk<'_> {
    fn step(&mut self, root: Root, first: Option<Key>) -> Flow {
        if !self.visitor.enters(root.address)? {
            return Ok(ControlFlow::Continue(()));
        }
        let bytes = self.reader.read(root, self.owner)?;
        let entries = usize::try_from(field::le32(&bytes, 96)).unwrap_or(usize::MAX);
        let (body, is_leaf) = (&bytes[HEADER_BYTES..], root.level == 0);
        let entry_bytes = if is_leaf {
            LEAF_ENTRY_BYTES
        } else {
            NODE_ENTRY_BYTES
        };
        if entries > body.len() / entry_bytes || entries == 0 && (first.is_some() || !is_leaf) {
            return Err(format!("the node at {} has {entries} entries", root.address));
        }
        if first.is_some_and(|first| first != Key::read(body)) {
            return Err(format!("the node at {} begins with another key", root.address));
        }
        for index in 0..entries {
            let entry = &body[index * entry_bytes..(index + 1) * entry_bytes];
            let key = Key::read(entry);
            // Also among those whose contents are passed over.
            if self.previous.is_some_and(|previous| previous >= key) {
                return Err(format!(
                    "the keys of the node at {} are out of order",
                    root.address
                ));
            }
            if key > *self.range.end() {
                break;
            }
            let flow = if is_leaf {
                self.previous = Some(key);
                self.leaf_entry(root, body, entry, key)?
            } else {
                // What is before the next key is all that can be below.
                let next = (index + 1 < entries).then(|| Key::read(&body[(index + 1) * entry_bytes..]));
                if next.is_some_and(|next| next <= *self.range.start()) {
                    continue;
                }
                let child = Root {
                    address: field::le64(entry, 17),
                    level: root.level - 1,
                    generation: field::le64(entry, 25),
                };
                self.step(child, Some(key))?
            };
            if flow.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn leaf_entry(&mut self, root: Root, body: &[u8], entry: &[u8], key: Key) -> Flow {
        let start = usize::try_from(field::le32(entry, 17)).unwrap_or(usize::MAX);
        let length = usize::try_from(field::le32(entry, 21)).unwrap_or(usize::MAX);
        let item = start
            .checked_add(length)
            .and_then(|end| body.get(start..end))
            .ok_or_else(|| format!("an item of the node at {} is outside it", root.address))?;
        if key < *self.range.start() {
            return Ok(ControlFlow::Continue(()));
        }
        self.visitor.item(key, item)
    }
}
