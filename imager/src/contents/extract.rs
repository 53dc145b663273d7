//! Copying files out of a master.
//!
//! Nothing is written outside of the target: every folder and file is made anew, so that nothing is ever written through
//! something that was there, or through a link that the master brought along.

use super::walk::{Going, Step, show_path, walk};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{FileTree, Metadata, NodeId, NodeKind},
    progress::{Phase, Progress},
};
use serde::Serialize;
use std::{
    ffi::OsStr,
    fs::{self, File, Permissions},
    io::Write,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, PermissionsExt, symlink},
    },
    path::Path,
    time::{Duration, SystemTime},
};

const BUFFER_BYTES: u64 = 1 << 20;

/// What was copied out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Extracted {
    /// Files.
    pub files: u64,
    /// Folders below the one asked for.
    pub folders: u64,
    /// Symbolic links.
    pub links: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// What could not be copied; at most [`Extracted::PROBLEMS_LISTED`].
    pub problems: Vec<Problem>,
    /// How many there were.
    pub problem_count: u64,
}

/// Something that could not be read or has no place in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where.
    pub path: String,
    /// Why.
    pub reason: String,
}

impl Extracted {
    /// Most problems that are listed.
    pub const PROBLEMS_LISTED: usize = 1000;

    pub(super) fn note(&mut self, path: String, error: &Error) {
        self.problem_count += 1;
        if self.problems.len() < Self::PROBLEMS_LISTED {
            let reason = error.chain();
            self.problems.push(Problem { path, reason });
        }
    }
}

/// Copies a file, a link, or a folder with everything below it to `target`, which must not exist (an empty folder may).
/// Permissions and times are kept, owners are not; devices and pipes are left out. What cannot be read is noted and left
/// out; holes stay holes.
///
/// # Errors
/// The target exists; writing failed.
pub fn extract(
    tree: &dyn FileTree,
    node: NodeId,
    target: &Path,
    progress: &dyn Progress,
) -> Result<Extracted> {
    let mut done = Extracted::default();
    let metadata = tree.metadata(node)?;
    match metadata.kind {
        NodeKind::File => {
            done.bytes = copy_file(tree, node, &metadata, target, progress)?;
            done.files = 1;
        }
        NodeKind::Link => {
            make_link(tree, node, target)?;
            done.links = 1;
        }
        NodeKind::Special => {
            return Err(Error::new(
                ErrorKind::Refused,
                "a device or a pipe has no contents to copy",
            ));
        }
        NodeKind::Folder => copy_folder(tree, node, target, progress, &mut done)?,
    }
    Ok(done)
}

/// Writes a file's bytes to a stream, holes as zeros.
///
/// # Errors
/// It cannot be read or written; [`ErrorKind::Refused`] if it claims to be longer than the disk it lies on: such a file
/// is nearly all holes, which a stream cannot keep.
pub fn write_file(tree: &dyn FileTree, file: NodeId, disk_bytes: u64, out: &mut dyn Write) -> Result<u64> {
    let contents = tree.open(file)?;
    refuse_longer_than(disk_bytes, contents.len())?;
    write_contents(&*contents, out)?;
    Ok(contents.len())
}

pub(super) fn refuse_longer_than(disk_bytes: u64, length: u64) -> Result<()> {
    if length <= disk_bytes {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Refused,
        format!("its {length} bytes are more than its disk has: nearly all of them are holes"),
    )
    .with_remedy("copy it out with `--to`, which keeps holes"))
}

pub(super) fn write_contents(contents: &dyn ReadAt, out: &mut dyn Write) -> Result<()> {
    let mut buffer = Vec::new();
    let mut at = 0;
    while at < contents.len() {
        let length = BUFFER_BYTES.min(contents.len() - at);
        buffer.resize(usize::try_from(length).unwrap_or(0), 0);
        contents.read_exact_at(&mut buffer, at)?;
        out.write_all(&buffer)
            .map_err(|error| Error::caused(ErrorKind::Write, "writing the contents of a file", error))?;
        at += length;
    }
    Ok(())
}

fn copy_folder(
    tree: &dyn FileTree,
    node: NodeId,
    target: &Path,
    progress: &dyn Progress,
    done: &mut Extracted,
) -> Result<()> {
    make_top_folder(target)?;
    // Folders get their times and rights when they are full.
    let mut folders = Vec::new();
    walk(tree, node, &mut |step| {
        progress.check_cancelled()?;
        let (path, node, metadata) = match step {
            Step::Problem { path, error } => {
                done.note(path, &error);
                return Ok(Going::On);
            }
            Step::Node { path, node, metadata } => (path, node, metadata),
        };
        let place = target.join(OsStr::from_bytes(path));
        let copied = match metadata.kind {
            NodeKind::Folder => {
                let made = fs::create_dir(&place)
                    .map_err(|error| Error::caused(ErrorKind::Write, "making the folder", error));
                made.map(|()| {
                    done.folders += 1;
                    folders.push((place, metadata));
                })
            }
            NodeKind::File => copy_file(tree, node, &metadata, &place, progress).map(|bytes| {
                done.files += 1;
                done.bytes += bytes;
            }),
            NodeKind::Link => make_link(tree, node, &place).map(|()| done.links += 1),
            NodeKind::Special => Err(Error::new(ErrorKind::Refused, "a device or a pipe")),
        };
        match copied {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Full | ErrorKind::Cancelled) => {
                return Err(error);
            }
            Err(error) => {
                done.note(show_path(path), &error);
                // Into a folder only if we made it: what is there of that name may be a link to elsewhere.
                return Ok(Going::Past);
            }
        }
        Ok(Going::On)
    })?;
    for (place, metadata) in folders.iter().rev() {
        // A folder that was made is ours; that its time cannot be set loses nothing of it.
        let _ = File::open(place).and_then(|folder| dress(&folder, metadata, 0o700));
    }
    Ok(())
}

fn make_top_folder(target: &Path) -> Result<()> {
    let failed = |error| Error::caused(ErrorKind::Write, format!("making {}", target.display()), error);
    match fs::create_dir(target) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let is_link = fs::symlink_metadata(target).map_err(failed)?.is_symlink();
            if !is_link && fs::read_dir(target).map_err(failed)?.next().is_none() {
                return Ok(());
            }
            Err(Error::new(
                ErrorKind::Exists,
                format!("{} is there already and not an empty folder", target.display()),
            )
            .with_remedy("name a folder that does not exist yet"))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Makes a file of a node's contents; what was begun and cannot be finished is removed.
fn copy_file(
    tree: &dyn FileTree,
    node: NodeId,
    metadata: &Metadata,
    place: &Path,
    progress: &dyn Progress,
) -> Result<u64> {
    let contents = tree.open(node)?;
    let failed = |error| Error::caused(ErrorKind::Write, format!("writing {}", place.display()), error);
    let file = File::options()
        .write(true)
        .create_new(true)
        .open(place)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Error::new(ErrorKind::Exists, format!("{} is there already", place.display()))
            }
            _ => failed(error),
        })?;
    let copied = copy_data(&*contents, &file, progress, &failed);
    if let Err(error) = copied {
        drop(file);
        // It is ours and worth nothing; that it stays would be the lesser evil.
        let _ = fs::remove_file(place);
        return Err(error);
    }
    dress(&file, metadata, 0o600).map_err(failed)?;
    Ok(contents.len())
}

fn copy_data(
    contents: &dyn ReadAt,
    file: &File,
    progress: &dyn Progress,
    failed: &dyn Fn(std::io::Error) -> Error,
) -> Result<()> {
    file.set_len(contents.len()).map_err(failed)?;
    let mut buffer = Vec::new();
    let mut at = 0;
    while let Some(data) = contents.next_data(at).filter(|data| data.end > at) {
        at = data.start;
        while at < data.end {
            progress.check_cancelled()?;
            let length = BUFFER_BYTES.min(data.end - at);
            buffer.resize(usize::try_from(length).unwrap_or(0), 0);
            contents.read_exact_at(&mut buffer, at)?;
            file.write_all_at(&buffer, at).map_err(failed)?;
            at += length;
            progress.report(Phase::Writing, at, contents.len());
        }
    }
    Ok(())
}

/// Gives a file the rights (never more than reading, writing, executing; its owner at least `own`) and the time it had.
fn dress(file: &File, metadata: &Metadata, own: u32) -> std::io::Result<()> {
    if let Some(mode) = metadata.mode {
        file.set_permissions(Permissions::from_mode(mode & 0o777 | own))?;
    }
    if let Some(modified) = metadata.modified_unix_ms {
        let distance = Duration::from_millis(modified.unsigned_abs());
        let time = if modified >= 0 {
            SystemTime::UNIX_EPOCH.checked_add(distance)
        } else {
            SystemTime::UNIX_EPOCH.checked_sub(distance)
        };
        // A time that no clock can show is none.
        if let Some(time) = time {
            let _ = file.set_modified(time);
        }
    }
    Ok(())
}

fn make_link(tree: &dyn FileTree, node: NodeId, place: &Path) -> Result<()> {
    let target = tree.link_target(node)?;
    if target.is_empty() || target.contains(&0) {
        return Err(Error::new(ErrorKind::Damaged, "a link without a target"));
    }
    symlink(OsStr::from_bytes(&target), place).map_err(|error| {
        Error::caused(
            ErrorKind::Write,
            format!("making the link {}", place.display()),
            error,
        )
    })
}
