//! The files of the logical volumes of a group, each below a folder of its name.
//!
//! ```text
//! /            one folder for each logical volume that begins on this physical volume and whose files are read
//! /root/…      the files of logical volume "root"
//! node number  logical volume, from 1, in bits 48 … 55; the node of its own filesystem below; 0 is the topmost folder
//! ```

use super::{Present, VOLUMES_MAX, assembled::Assembled};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{
        DirectoryEntry, FileTree, Metadata, NodeId, Volume, identify,
        tree::{damaged, not_a, open_kind},
    },
};
use std::ops::{ControlFlow, Range};

const TOP: NodeId = NodeId(0);
/// A filesystem's own node numbers have fewer bits.
const NODE_BITS: u32 = 48;

const _: () = assert!(VOLUMES_MAX < 256, "the number of a logical volume fits a byte");

struct GroupTree<'a> {
    volumes: Vec<LogicalVolume<'a>>,
}

struct LogicalVolume<'a> {
    name: String,
    tree: Box<dyn FileTree + 'a>,
}

/// Opens the files of a physical volume; `others` are the further partitions of the disk. The error says in words why
/// there are none.
pub(in crate::filesystem) fn open_tree<'a>(
    disk: &'a dyn ReadAt,
    volume: &Volume<'_>,
    others: &[Range<u64>],
) -> std::result::Result<Box<dyn FileTree + 'a>, String> {
    let present = Present::find(disk, volume, others)?;
    let mut volumes = Vec::new();
    let mut without_files = Vec::new();
    for (number, logical) in present.group.logical.iter().enumerate() {
        // What lies on two physical volumes is shown with the first.
        if logical
            .areas
            .first()
            .is_none_or(|area| area.physical != present.own)
        {
            continue;
        }
        let opened = present.pieces(number).and_then(|pieces| {
            let inside = Volume::whole(Box::new(Assembled::new(disk, pieces)));
            open_kind(identify::identify_volume(&inside), inside)
        });
        match opened {
            Ok(tree) => volumes.push(LogicalVolume {
                name: logical.name.clone(),
                tree,
            }),
            Err(reason) => without_files.push(format!("{}: {reason}", present.name(number))),
        }
    }
    if volumes.is_empty() {
        let group = &present.group.name;
        return Err(match without_files.is_empty() {
            true => format!("no logical volume of {group} begins on it"),
            false => without_files.join("; "),
        });
    }
    Ok(Box::new(GroupTree { volumes }))
}

impl GroupTree<'_> {
    /// The number that a node of a logical volume has among those of the group.
    fn outer(number: usize, inner: NodeId) -> Result<NodeId> {
        if inner.0 >> NODE_BITS != 0 {
            return Err(damaged(
                "a node's number is beyond what is shown of a logical volume",
            ));
        }
        Ok(NodeId((number as u64 + 1) << NODE_BITS | inner.0))
    }

    /// The logical volume of a node, its place in the list, and the node there.
    fn inner(&self, node: NodeId) -> Result<(usize, &dyn FileTree, NodeId)> {
        let number = usize::try_from(node.0 >> NODE_BITS)
            .ok()
            .and_then(|number| number.checked_sub(1));
        number
            .and_then(|number| Some((number, self.volumes.get(number)?)))
            .map(|(number, volume)| (number, &*volume.tree, NodeId(node.0 & ((1 << NODE_BITS) - 1))))
            .ok_or_else(|| Error::new(ErrorKind::Missing, "no logical volume of that number"))
    }
}

impl FileTree for GroupTree<'_> {
    fn root(&self) -> NodeId {
        TOP
    }

    fn root_of(&self, node: NodeId) -> NodeId {
        self.inner(node)
            .and_then(|(number, tree, inner)| Self::outer(number, tree.root_of(inner)))
            .unwrap_or(TOP)
    }

    fn metadata(&self, node: NodeId) -> Result<Metadata> {
        if node == TOP {
            return Ok(Metadata::BARE_FOLDER);
        }
        let (_, tree, inner) = self.inner(node)?;
        tree.metadata(inner)
    }

    fn list(&self, folder: NodeId, visit: &mut dyn FnMut(DirectoryEntry) -> ControlFlow<()>) -> Result<()> {
        if folder == TOP {
            for (number, volume) in self.volumes.iter().enumerate() {
                let entry = DirectoryEntry {
                    name: volume.name.clone().into_bytes(),
                    node: Self::outer(number, volume.tree.root())?,
                };
                if visit(entry).is_break() {
                    break;
                }
            }
            return Ok(());
        }
        let (number, tree, inner) = self.inner(folder)?;
        let mut beyond = Ok(());
        tree.list(inner, &mut |entry| match Self::outer(number, entry.node) {
            Ok(node) => visit(DirectoryEntry { node, ..entry }),
            Err(error) => {
                beyond = Err(error);
                ControlFlow::Break(())
            }
        })?;
        beyond
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>> {
        if file == TOP {
            return Err(not_a("file"));
        }
        let (_, tree, inner) = self.inner(file)?;
        tree.open(inner)
    }

    fn link_target(&self, link: NodeId) -> Result<Vec<u8>> {
        if link == TOP {
            return Err(not_a("link"));
        }
        let (_, tree, inner) = self.inner(link)?;
        tree.link_target(inner)
    }

    fn lookup(&self, folder: NodeId, name: &[u8]) -> Result<Option<NodeId>> {
        if folder == TOP {
            let found = self
                .volumes
                .iter()
                .position(|volume| volume.name.as_bytes() == name);
            return found
                .map(|number| Self::outer(number, self.volumes[number].tree.root()))
                .transpose();
        }
        let (number, tree, inner) = self.inner(folder)?;
        tree.lookup(inner, name)?
            .map(|node| Self::outer(number, node))
            .transpose()
    }
}
