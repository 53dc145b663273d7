//! The thread that reads one filesystem for the kernel.

use super::{ALWAYS, Attributes, FOREVER, error_number, file_type, inode};
use crate::{
    contents::is_plain_name,
    disk::ReadAt,
    error::Result,
    filesystem::{FileTree, NodeId, NodeKind},
};
use crossbeam_channel::Receiver;
use fuser::{
    Errno, FileHandle, FileType, FopenFlags, INodeNo, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry,
    ReplyOpen,
};
use std::{collections::HashMap, ffi::OsStr, ops::ControlFlow, os::unix::ffi::OsStrExt};

/// Most files and folders open at once.
const HANDLES_MAX: usize = 4096;
/// Most names of one folder.
const NAMES_MAX: usize = 1 << 22;
/// Longest single answer.
const READ_MAX: u64 = 8 << 20;

/// Something to do with a filesystem.
pub(super) type Job = Box<dyn for<'t> FnOnce(&mut Served<'t>) + Send>;

/// A filesystem with what is open of it.
pub(super) struct Served<'t> {
    pub(super) tree: &'t dyn FileTree,
    open: HashMap<u64, Handle<'t>>,
    next: u64,
}

enum Handle<'t> {
    File(Box<dyn ReadAt + 't>),
    Folder(Vec<(INodeNo, FileType, Vec<u8>)>),
}

/// Does jobs until nobody can hand over more.
pub(super) fn serve(tree: &dyn FileTree, jobs: &Receiver<Job>) {
    let mut served = Served {
        tree,
        open: HashMap::new(),
        next: 1,
    };
    for job in jobs {
        job(&mut served);
    }
}

/// Answers a look-up.
pub(super) fn enter(
    served: &Served<'_>,
    area: usize,
    found: Result<Option<NodeId>>,
    attributes: Attributes,
    reply: ReplyEntry,
) {
    let entered = found.and_then(|node| {
        node.map(|node| Ok((node, served.tree.metadata(node)?)))
            .transpose()
    });
    match entered {
        Ok(Some((node, metadata))) => match inode(area, node) {
            Some(inode) => reply.entry(&FOREVER, &attributes.of(inode, &metadata), ALWAYS),
            None => reply.error(Errno::EOVERFLOW),
        },
        Ok(None) => reply.error(Errno::ENOENT),
        Err(error) => reply.error(error_number(&error)),
    }
}

impl<'t> Served<'t> {
    fn keep(&mut self, handle: Handle<'t>, reply: ReplyOpen) {
        if self.open.len() >= HANDLES_MAX {
            return reply.error(Errno::EIO);
        }
        let number = self.next;
        self.next += 1;
        self.open.insert(number, handle);
        reply.opened(FileHandle(number), FopenFlags::FOPEN_KEEP_CACHE);
    }

    pub(super) fn open(&mut self, node: NodeId, reply: ReplyOpen) {
        match self.tree.open(node) {
            Ok(file) => self.keep(Handle::File(file), reply),
            Err(error) => reply.error(error_number(&error)),
        }
    }

    pub(super) fn read(&mut self, handle: FileHandle, offset: u64, size: u32, reply: ReplyData) {
        let Some(Handle::File(file)) = self.open.get(&handle.0) else {
            return reply.error(Errno::EINVAL);
        };
        let length = u64::from(size)
            .min(file.len().saturating_sub(offset))
            .min(READ_MAX);
        let mut buffer = vec![0; usize::try_from(length).unwrap_or(0)];
        match file.read_exact_at(&mut buffer, offset) {
            Ok(()) => reply.data(&buffer),
            Err(_) if buffer.is_empty() => reply.data(&[]),
            Err(error) => reply.error(error_number(&error)),
        }
    }

    pub(super) fn close(&mut self, handle: FileHandle, reply: ReplyEmpty) {
        self.open.remove(&handle.0);
        reply.ok();
    }

    /// Opens a folder: its names are kept, so that pages of it fit together.
    pub(super) fn list(
        &mut self,
        area: usize,
        folder: NodeId,
        first: Vec<(INodeNo, Vec<u8>)>,
        reply: ReplyOpen,
    ) {
        let mut names: Vec<_> = first
            .into_iter()
            .map(|(inode, name)| (inode, FileType::Directory, name))
            .collect();
        let tree = self.tree;
        let listed = tree.list(folder, &mut |entry| {
            // What the kernel would not take is left out: `imager files` says so.
            if is_plain_name(&entry.name)
                && let Some(inode) = inode(area, entry.node)
            {
                let kind = tree
                    .metadata(entry.node)
                    .map_or(NodeKind::Special, |one| one.kind);
                names.push((inode, file_type(kind), entry.name));
            }
            if names.len() < NAMES_MAX {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        match listed {
            Ok(()) => self.keep(Handle::Folder(names), reply),
            Err(error) => reply.error(error_number(&error)),
        }
    }

    pub(super) fn page(&mut self, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let Some(Handle::Folder(names)) = self.open.get(&handle.0) else {
            return reply.error(Errno::EINVAL);
        };
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        for ((inode, kind, name), next) in names.iter().skip(start).zip(offset.saturating_add(1)..) {
            if reply.add(*inode, next, *kind, OsStr::from_bytes(name)) {
                break;
            }
        }
        reply.ok();
    }
}
