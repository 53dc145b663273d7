//! A disk and its partitions as files of one folder.

use crate::{
    contents::MasterDisk,
    disk::{ReadAt, Window},
    error::{Error, ErrorKind, Result},
    filesystem::{DirectoryEntry, FileTree, Metadata, NodeId, NodeKind},
};
use std::ops::{ControlFlow, Range};

const ROOT: NodeId = NodeId(0);

/// The folder; node n + 1 is file n.
pub(super) struct ImageTree<'a> {
    disk: &'a MasterDisk<'a>,
    files: Vec<(String, Range<u64>)>,
}

impl<'a> ImageTree<'a> {
    pub(super) fn new(disk: &'a MasterDisk<'a>) -> Self {
        let mut files = vec![("disk.img".to_owned(), 0..disk.len())];
        // On a disk without a table the only partition is the disk.
        let partitions = disk.root().partitions.iter().filter(|one| one.number > 0);
        files.extend(partitions.map(|one| {
            let end = one.start.saturating_add(one.length).min(disk.len());
            (format!("partition-{}.img", one.number), one.start.min(end)..end)
        }));
        Self { disk, files }
    }

    fn file(&self, node: NodeId) -> Result<&Range<u64>> {
        let index = node
            .0
            .checked_sub(1)
            .and_then(|index| usize::try_from(index).ok());
        index
            .and_then(|index| self.files.get(index))
            .map(|(_, range)| range)
            .ok_or_else(|| Error::new(ErrorKind::Missing, "no image of that number"))
    }
}

impl FileTree for ImageTree<'_> {
    fn root(&self) -> NodeId {
        ROOT
    }

    fn metadata(&self, node: NodeId) -> Result<Metadata> {
        let (kind, length_bytes) = if node == ROOT {
            (NodeKind::Folder, 0)
        } else {
            let range = self.file(node)?;
            (NodeKind::File, range.end - range.start)
        };
        Ok(Metadata {
            kind,
            length_bytes,
            mode: None,
            owner: None,
            modified_unix_ms: i64::try_from(self.disk.root().created_unix_ms).ok(),
            created_unix_ms: None,
        })
    }

    fn list(&self, _: NodeId, visit: &mut dyn FnMut(DirectoryEntry) -> ControlFlow<()>) -> Result<()> {
        for ((name, _), number) in self.files.iter().zip(1..) {
            let entry = DirectoryEntry {
                name: name.clone().into_bytes(),
                node: NodeId(number),
            };
            if visit(entry).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>> {
        Ok(Box::new(Window::new(self.disk, self.file(file)?.clone())))
    }

    fn link_target(&self, _: NodeId) -> Result<Vec<u8>> {
        Err(Error::new(ErrorKind::Refused, "it is no link"))
    }
}
