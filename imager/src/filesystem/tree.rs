//! Folders and files of a filesystem, for reading: what `imager files`, `imager mount` and the page show.
//!
//! ```text
//! open_tree ── FileTree ─┬─ list, lookup   names and nodes of a folder
//!                        ├─ metadata       kind, length, rights, times
//!                        ├─ link_target    of a symbolic link
//!                        └─ open           a file's bytes, as a ReadAt whose holes are known
//! ```
//!
//! Nothing read here is trusted. A reader bounds what it follows (trees, chains, names), gives names as the filesystem has
//! them, and leaves it to whoever writes files elsewhere to judge whether a name is harmless: see `contents::extract`.
//! Loops of folders are possible on a hostile disk; whoever walks remembers the folders that were visited.

use super::{Kind, Volume, btrfs, exfat, ext4, fat, identify, lvm, ntfs, xfs};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
};
use serde::Serialize;
use std::ops::{ControlFlow, Range};

/// Names one file or folder of one filesystem (inode number, MFT record, place of its entry).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link (or a Windows junction).
    Link,
    /// A device, a pipe, a socket: without contents.
    Special,
}

/// What is known of a node beside its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: NodeKind,
    /// Length of a file, or of a link's target; 0 for the others.
    pub length_bytes: u64,
    /// Permission bits (`0o7777`), where the filesystem has some.
    pub mode: Option<u32>,
    /// Owner and group, where the filesystem has some.
    pub owner: Option<(u32, u32)>,
    /// Last change of the contents, in milliseconds since 1970 UTC. FAT keeps local time; it is taken as UTC.
    pub modified_unix_ms: Option<i64>,
    /// When it was made, the same way.
    pub created_unix_ms: Option<i64>,
}

impl Metadata {
    /// A folder of which nothing is on record: the root of a filesystem that keeps none, or one that is only shown.
    pub const BARE_FOLDER: Self = Self {
        kind: NodeKind::Folder,
        length_bytes: 0,
        mode: None,
        owner: None,
        modified_unix_ms: None,
        created_unix_ms: None,
    };
}

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The name in bytes: UTF-8 where the filesystem says what its names are, else as it has them.
    pub name: Vec<u8>,
    /// What has that name.
    pub node: NodeId,
}

/// The folders and files of one filesystem. Not for several threads at once: open another.
pub trait FileTree: Send {
    /// The topmost folder.
    fn root(&self) -> NodeId;

    /// The topmost folder of the filesystem that a node is in, where links that begin with `/` lead: another than
    /// [`FileTree::root`] where one tree shows several filesystems.
    fn root_of(&self, _node: NodeId) -> NodeId {
        self.root()
    }

    /// What is known of a node.
    ///
    /// # Errors
    /// It does not exist, or is damaged.
    fn metadata(&self, node: NodeId) -> Result<Metadata>;

    /// Visits the names in a folder, without `.` and `..`, in the order of the disk, until `visit` breaks.
    ///
    /// # Errors
    /// It is no folder, or is damaged; what was visited before stands.
    fn list(&self, folder: NodeId, visit: &mut dyn FnMut(DirectoryEntry) -> ControlFlow<()>) -> Result<()>;

    /// Opens a file's contents. Their holes ([`ReadAt::next_data`]) are known without reading.
    ///
    /// # Errors
    /// It is no file, it is damaged, or its contents are kept in a way that is not read (encrypted, say): the message
    /// says which.
    fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>>;

    /// The target of a symbolic link as it stands there.
    ///
    /// # Errors
    /// It is no link, or is damaged.
    fn link_target(&self, link: NodeId) -> Result<Vec<u8>>;

    /// Whether two names are one name here. Filesystems that ignore case say so.
    fn is_same_name(&self, one: &[u8], other: &[u8]) -> bool {
        one == other
    }

    /// The node of a name in a folder.
    ///
    /// # Errors
    /// As [`FileTree::list`].
    fn lookup(&self, folder: NodeId, name: &[u8]) -> Result<Option<NodeId>> {
        let mut found = None;
        self.list(folder, &mut |entry| {
            if self.is_same_name(&entry.name, name) {
                found = Some(entry.node);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }
}

/// Opens the folders and files of the filesystem on the bytes `partition` of `disk`.
///
/// # Errors
/// [`ErrorKind::Refused`] if nothing stands there whose files this program reads, or it is too damaged.
pub fn open_tree<'a>(disk: &'a dyn ReadAt, partition: Range<u64>) -> Result<Box<dyn FileTree + 'a>> {
    open_tree_among(disk, partition, &[])
}

/// The same for a partition beside `others` on the disk: a logical volume may have a part in each.
///
/// # Errors
/// As [`open_tree`].
pub fn open_tree_among<'a>(
    disk: &'a dyn ReadAt,
    partition: Range<u64>,
    others: &[Range<u64>],
) -> Result<Box<dyn FileTree + 'a>> {
    let volume = Volume::new(disk, partition);
    match identify::identify_volume(&volume) {
        Kind::Lvm2 => lvm::open_tree(disk, &volume, others),
        kind => open_kind(kind, volume),
    }
    .map_err(|reason| {
        Error::new(ErrorKind::Refused, reason)
            .with_remedy("restore the master to a disk or an image file and look there")
    })
}

/// Opens what stands on a volume alone; the error says in words why it cannot be.
pub(super) fn open_kind(
    kind: Kind,
    volume: Volume<'_>,
) -> std::result::Result<Box<dyn FileTree + '_>, String> {
    match kind {
        Kind::Ext => ext4::open_tree(volume),
        Kind::Fat12 | Kind::Fat16 | Kind::Fat32 => fat::open_tree(volume),
        Kind::Ntfs => ntfs::open_tree(volume),
        Kind::Btrfs => btrfs::open_tree(volume),
        Kind::Exfat => exfat::open_tree(volume),
        Kind::Xfs => xfs::open_tree(volume),
        other => Err(format!("the files of this kind are not read: {other}")),
    }
}

/// Most links followed in one path.
const LINKS_MAX: u32 = 40;

/// The node that a path names, from the root of the filesystem; `/` parts the names. Links on the way are followed, the
/// last one is not.
///
/// # Errors
/// [`ErrorKind::Missing`] naming the part that does not exist; `..` beyond the root; links in a circle.
pub fn find(tree: &dyn FileTree, path: &[u8]) -> Result<NodeId> {
    let mut waiting: Vec<Vec<u8>> = parts(path);
    let mut trail: Vec<NodeId> = vec![tree.root()];
    let mut links = 0;
    let shown = String::from_utf8_lossy(path).into_owned();
    let top = tree.root();
    while let Some(name) = waiting.pop() {
        let here = trail.last().copied().unwrap_or(top);
        if name == b".." {
            if trail.len() > 1 {
                trail.pop();
            }
            continue;
        }
        let missing = || {
            Error::new(
                ErrorKind::Missing,
                format!("{shown}: there is no {}", String::from_utf8_lossy(&name)),
            )
        };
        if tree.metadata(here)?.kind != NodeKind::Folder {
            return Err(missing());
        }
        let node = tree.lookup(here, &name)?.ok_or_else(missing)?;
        if !waiting.is_empty() && tree.metadata(node)?.kind == NodeKind::Link {
            links += 1;
            if links > LINKS_MAX {
                return Err(Error::new(
                    ErrorKind::Missing,
                    format!("{shown}: links in a circle"),
                ));
            }
            let target = tree.link_target(node)?;
            if target.first() == Some(&b'/') {
                let own_root = tree.root_of(node);
                let depth = trail.iter().position(|passed| *passed == own_root);
                trail.truncate(depth.unwrap_or(0) + 1);
            }
            waiting.extend(parts(&target));
            continue;
        }
        trail.push(node);
    }
    Ok(trail.last().copied().unwrap_or(top))
}

/// The names of a path, the first one last.
fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = path
        .split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty() && *name != b".")
        .map(<[u8]>::to_vec)
        .collect();
    names.reverse();
    names
}

/// Bytes of a file that lie in one piece on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileRun {
    /// Where it begins in the file, in bytes.
    pub logical: u64,
    /// Where it begins on the disk, in bytes.
    pub physical: u64,
    /// Its length in bytes.
    pub length: u64,
}

/// Most pieces of a file that are followed.
pub(super) const RUNS_MAX: usize = 1 << 20;

/// A file whose bytes lie plainly on the disk. What no run covers reads as zeros.
pub(super) struct RunFile<'a> {
    disk: &'a dyn ReadAt,
    runs: Vec<FileRun>,
    length: u64,
}

impl<'a> RunFile<'a> {
    /// A file of `length` bytes. Runs may reach behind its end, and come in any order; where two overlap the first counts.
    pub(super) fn new(disk: &'a dyn ReadAt, mut runs: Vec<FileRun>, length: u64) -> Self {
        runs.retain(|run| run.length > 0);
        runs.sort_by_key(|run| run.logical);
        let mut end = 0u64;
        for run in &mut runs {
            let skip = end.saturating_sub(run.logical).min(run.length);
            run.logical += skip;
            run.physical = run.physical.saturating_add(skip);
            run.length -= skip;
            end = end.max(run.logical.saturating_add(run.length));
        }
        runs.retain(|run| run.length > 0);
        Self { disk, runs, length }
    }
}

impl ReadAt for RunFile<'_> {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let end = offset
            .checked_add(buffer.len() as u64)
            .filter(|end| *end <= self.length)
            .ok_or_else(|| Error::new(ErrorKind::Read, "a read behind the end of a file"))?;
        buffer.fill(0);
        let first = self
            .runs
            .partition_point(|run| run.logical.saturating_add(run.length) <= offset);
        for run in self.runs[first..].iter().take_while(|run| run.logical < end) {
            let from = run.logical.max(offset);
            let to = run.logical.saturating_add(run.length).min(end);
            let piece = usize::try_from(from - offset).unwrap_or(usize::MAX)
                ..usize::try_from(to - offset).unwrap_or(usize::MAX);
            self.disk.read_exact_at(
                &mut buffer[piece],
                run.physical.saturating_add(from - run.logical),
            )?;
        }
        Ok(())
    }

    fn next_data(&self, offset: u64) -> Option<Range<u64>> {
        let first = self
            .runs
            .partition_point(|run| run.logical.saturating_add(run.length) <= offset);
        let runs = self.runs[first..]
            .iter()
            .take_while(|run| run.logical < self.length);
        let mut found: Option<Range<u64>> = None;
        for run in runs {
            let range = run.logical.max(offset)..run.logical.saturating_add(run.length).min(self.length);
            match &mut found {
                None => found = Some(range),
                Some(found) if found.end == range.start => found.end = range.end,
                Some(_) => break,
            }
        }
        found.filter(|range| range.start < range.end)
    }
}

/// An error of a tree in its words.
pub(super) fn damaged(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::Damaged, reason)
}

/// A node that is not what was asked for.
pub(super) fn not_a(what: &str) -> Error {
    Error::new(ErrorKind::Refused, format!("it is no {what}"))
}
