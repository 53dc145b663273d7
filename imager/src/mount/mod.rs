//! A master as folders and files of the running system, for reading only (FUSE, without libfuse).
//!
//! ```text
//! FOLDER/disk.img            the whole disk
//!       /partition-2.img     one partition
//!       /partition-2/…       its files, where the filesystem is read
//! ```
//!
//! Each filesystem is read by a thread of its own, which also keeps the files that are open; the thread that talks to the
//! kernel hands requests over. Nothing of the master runs or counts here: mounted without devices, without set-user-id,
//! without running programs. Owners and permission bits are shown, rights to write are not.

mod images;
mod served;

use crate::{
    contents::{self, MasterDisk},
    error::{Error, ErrorKind, Result},
    filesystem::{FileTree, Metadata, NodeId, NodeKind},
};
use crossbeam_channel::Sender;
use fuser::{
    Config, Errno, FileAttr, FileHandle, FileType, Filesystem, Generation, INodeNo, LockOwner, MountOption,
    OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, Request, Session,
    SessionUnmounter,
};
use images::ImageTree;
use served::{Job, serve};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A master never changes.
const FOREVER: Duration = Duration::from_secs(3600);
/// An inode number is the number of its area above the node's own.
const NODE_BITS: u32 = 56;

/// Shows a master's disk, partitions and files below a folder, until somebody unmounts it. `ready` is called once it is
/// there, with the means to end it.
///
/// # Errors
/// It cannot be mounted: no `/dev/fuse`, no right, or the folder does not exist.
pub fn mount(disk: &MasterDisk<'_>, folder: &Path, ready: impl FnOnce(SessionUnmounter)) -> Result<()> {
    let failed = |error| {
        Error::caused(ErrorKind::Io, format!("mounting on {}", folder.display()), error)
            .with_remedy("FUSE needs /dev/fuse (modprobe fuse), and root or fusermount3")
    };
    let mut trees: Vec<(OsString, Box<dyn FileTree + '_>)> =
        vec![(OsString::new(), Box::new(ImageTree::new(disk)))];
    for partition in &disk.root().partitions {
        // What has no files that are read is there as an image.
        if let Ok(tree) = contents::open_partition(disk, partition.number) {
            trees.push((format!("partition-{}", partition.number).into(), tree));
        }
    }
    std::thread::scope(|scope| {
        let mut areas = Vec::new();
        for (name, tree) in trees {
            let (jobs, waiting) = crossbeam_channel::bounded(16);
            let root = tree.root();
            scope.spawn(move || serve(&*tree, &waiting));
            areas.push(Area { name, root, jobs });
        }
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::RO,
            MountOption::NoSuid,
            MountOption::NoDev,
            MountOption::NoExec,
            MountOption::FSName(format!("{}@{}", disk.root().name, disk.root().version)),
            MountOption::Subtype("imager".to_owned()),
        ];
        let shown = Shown {
            areas,
            since: SystemTime::now(),
            user: nix::unistd::getuid().as_raw(),
            group: nix::unistd::getgid().as_raw(),
        };
        let mut session = Session::new(shown, folder, &config).map_err(failed)?;
        ready(session.unmount_callable());
        session.run().map_err(failed)
    })
}

/// One filesystem.
struct Area {
    /// Its folder; empty for the images, which stand at the top.
    name: OsString,
    root: NodeId,
    jobs: Sender<Job>,
}

struct Shown {
    areas: Vec<Area>,
    since: SystemTime,
    user: u32,
    group: u32,
}

impl Shown {
    /// The area and the node of an inode number; `None` for the top and for nonsense.
    fn find(&self, inode: INodeNo) -> Option<(usize, NodeId)> {
        let area = usize::try_from(inode.0 >> NODE_BITS).ok()?.checked_sub(1)?;
        self.areas.get(area)?;
        Some((area, NodeId(inode.0 & ((1 << NODE_BITS) - 1))))
    }

    fn attributes(&self) -> Attributes {
        Attributes {
            since: self.since,
            user: self.user,
            group: self.group,
        }
    }

    /// Hands a job to an area; a reply that is dropped answers the kernel with an error.
    fn hand_over(&self, area: usize, job: Job) {
        if let Some(area) = self.areas.get(area) {
            // The thread ends only after this one.
            let _ = area.jobs.send(job);
        }
    }

    /// What stands at the top beside the images: folders with their inode numbers.
    fn folders(&self) -> impl Iterator<Item = (INodeNo, &OsStr)> {
        let named = self.areas.iter().enumerate().skip(1);
        named.filter_map(|(area, one)| Some((inode(area, one.root)?, one.name.as_os_str())))
    }
}

fn inode(area: usize, node: NodeId) -> Option<INodeNo> {
    let area = u64::try_from(area).ok()?.checked_add(1)?;
    (node.0 >> NODE_BITS == 0 && area < 1 << (64 - NODE_BITS)).then_some(INodeNo(area << NODE_BITS | node.0))
}

fn file_type(kind: NodeKind) -> FileType {
    match kind {
        NodeKind::File => FileType::RegularFile,
        NodeKind::Folder => FileType::Directory,
        NodeKind::Link => FileType::Symlink,
        NodeKind::Special => FileType::NamedPipe,
    }
}

fn error_number(error: &Error) -> Errno {
    match error.kind() {
        ErrorKind::Missing => Errno::ENOENT,
        ErrorKind::Refused => Errno::EACCES,
        _ => Errno::EIO,
    }
}

/// What every node has in common.
#[derive(Clone, Copy)]
struct Attributes {
    since: SystemTime,
    user: u32,
    group: u32,
}

impl Attributes {
    fn of(&self, inode: INodeNo, metadata: &Metadata) -> FileAttr {
        let usual = if metadata.kind == NodeKind::File {
            0o444
        } else {
            0o555
        };
        let time = |unix_ms: Option<i64>| {
            unix_ms
                .and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(u64::try_from(ms).ok()?)))
                .unwrap_or(self.since)
        };
        let (uid, gid) = metadata.owner.unwrap_or((self.user, self.group));
        let modified = time(metadata.modified_unix_ms);
        FileAttr {
            ino: inode,
            size: metadata.length_bytes,
            blocks: metadata.length_bytes.div_ceil(512),
            atime: modified,
            mtime: modified,
            ctime: modified,
            crtime: time(metadata.created_unix_ms),
            kind: file_type(metadata.kind),
            perm: u16::try_from(metadata.mode.unwrap_or(usual) & 0o555).unwrap_or(0o444),
            nlink: 1,
            uid,
            gid,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }

    fn top(&self) -> FileAttr {
        let folder = Metadata::BARE_FOLDER;
        self.of(INodeNo::ROOT, &folder)
    }
}

impl Filesystem for Shown {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let attributes = self.attributes();
        let (area, folder, name) = if parent == INodeNo::ROOT {
            match self.folders().position(|(_, own)| own == name) {
                Some(index) => {
                    let area = index + 1;
                    return self.hand_over(
                        area,
                        Box::new(move |served| {
                            let root = served.tree.root();
                            served::enter(served, area, Ok(Some(root)), attributes, reply);
                        }),
                    );
                }
                None => (0, self.areas[0].root, name.as_bytes().to_vec()),
            }
        } else {
            match self.find(parent) {
                Some((area, folder)) => (area, folder, name.as_bytes().to_vec()),
                None => return reply.error(Errno::ENOENT),
            }
        };
        self.hand_over(
            area,
            Box::new(move |served| {
                let found = served.tree.lookup(folder, &name);
                served::enter(served, area, found, attributes, reply);
            }),
        );
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let attributes = self.attributes();
        if inode == INodeNo::ROOT {
            return reply.attr(&FOREVER, &attributes.top());
        }
        let Some((area, node)) = self.find(inode) else {
            return reply.error(Errno::ENOENT);
        };
        self.hand_over(
            area,
            Box::new(move |served| match served.tree.metadata(node) {
                Ok(metadata) => reply.attr(&FOREVER, &attributes.of(inode, &metadata)),
                Err(error) => reply.error(error_number(&error)),
            }),
        );
    }

    fn readlink(&self, _: &Request, inode: INodeNo, reply: ReplyData) {
        let Some((area, node)) = self.find(inode) else {
            return reply.error(Errno::EINVAL);
        };
        self.hand_over(
            area,
            Box::new(move |served| match served.tree.link_target(node) {
                Ok(target) => reply.data(&target),
                Err(error) => reply.error(error_number(&error)),
            }),
        );
    }

    fn open(&self, _: &Request, inode: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let Some((area, node)) = self.find(inode) else {
            return reply.error(Errno::EISDIR);
        };
        self.hand_over(area, Box::new(move |served| served.open(node, reply)));
    }

    fn read(
        &self,
        _: &Request,
        inode: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let Some((area, _)) = self.find(inode) else {
            return reply.error(Errno::EISDIR);
        };
        self.hand_over(
            area,
            Box::new(move |served| served.read(handle, offset, size, reply)),
        );
    }

    fn release(
        &self,
        _: &Request,
        inode: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        let Some((area, _)) = self.find(inode) else {
            return reply.ok();
        };
        self.hand_over(area, Box::new(move |served| served.close(handle, reply)));
    }

    fn opendir(&self, _: &Request, inode: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let (area, folder) = self.find(inode).unwrap_or((0, self.areas[0].root));
        let mut first = Vec::new();
        if inode == INodeNo::ROOT {
            first.extend(
                self.folders()
                    .map(|(inode, name)| (inode, name.as_bytes().to_vec())),
            );
        }
        self.hand_over(
            area,
            Box::new(move |served| served.list(area, folder, first, reply)),
        );
    }

    fn readdir(&self, _: &Request, inode: INodeNo, handle: FileHandle, offset: u64, reply: ReplyDirectory) {
        let area = self.find(inode).map_or(0, |(area, _)| area);
        self.hand_over(area, Box::new(move |served| served.page(handle, offset, reply)));
    }

    fn releasedir(&self, _: &Request, inode: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        let area = self.find(inode).map_or(0, |(area, _)| area);
        self.hand_over(area, Box::new(move |served| served.close(handle, reply)));
    }
}

/// The generation of every inode: numbers are never used again.
const ALWAYS: Generation = Generation(0);
