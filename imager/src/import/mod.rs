//! Moving in: images that partclone and Clonezilla made become ordinary masters.
//!
//! ```text
//! one image ─────────────┐
//! a Clonezilla folder ───┴→ a disk in a file of its own (sparse, without a name, gone afterwards) → capture → master
//! ```
//!
//! The image's blocks are put where `partclone.restore` would put them, every checksum checked, and that disk is captured
//! like any other: cut along its files, deduplicated against what the store has. Blocks that the image lacks although our
//! reader counts them as used are said: that is what the other tool left out.

mod checksum;
mod clonezilla;
mod partclone;
mod stream;
mod swap;
mod table;

use crate::{
    capture::{CaptureOptions, Captured, capture},
    disk::{ReadAt, SourceDisk},
    error::{Error, ErrorKind, Result},
    exchange::ChunkSink,
    filesystem::{Outcome, Ranges, Wishes},
    frame::EncodedFrame,
    inspect,
    progress::{Phase, Progress},
};
use clonezilla::Contents;
use protocol::{
    ChunkId,
    manifest::{Root, SegmentId, SignedRoot},
};
use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// Zeros of this size are left out of the file.
const PIECE_BYTES: usize = 1 << 20;
/// Longest disk that is put together.
const DISK_BYTES_MAX: u64 = 1 << 50;

/// What an import is asked for.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// How the disk is captured, and by which name.
    pub capture: CaptureOptions,
    /// Folder for the disk while it is put together: as many bytes as the image has plain.
    pub scratch: PathBuf,
    /// Which disk of several in a Clonezilla folder.
    pub disk: Option<String>,
}

/// Makes a master of a partclone image (in one file, or the first of its pieces) or of a Clonezilla folder.
///
/// # Errors
/// The image is damaged, or of a kind that is refused with what to do instead; no version is made then. Else as
/// [`capture`].
pub fn import(
    source: &Path,
    sink: &dyn ChunkSink,
    options: &ImportOptions,
    progress: &dyn Progress,
) -> Result<Captured> {
    let kind =
        fs::metadata(source).map_err(|error| Error::io(format!("opening {}", source.display()), error))?;
    let mut disk = ScratchDisk::make(&options.scratch, progress)?;
    let mut notes = Vec::new();
    if kind.is_dir() {
        disk.put_folder(source, options.disk.as_deref(), &mut notes)?;
    } else {
        let files = pieces(source)?;
        let mut image = stream::open(&files)?;
        let (header, present) = partclone::read_image(&mut image, &mut |at, bytes| disk.write(at, bytes))?;
        end_of(&mut image)?;
        disk.set_length(header.partition_bytes())?;
        disk.present = present;
        notes.push(format!(
            "imported from a partclone image of {}",
            header.filesystem
        ));
    }
    let present = std::mem::take(&mut disk.present);
    let source = disk.open()?;
    note_what_lacks(&source, &present, &mut notes)?;
    capture(&source, &Annotated { sink, notes }, &options.capture, progress)
}

/// The disk while it is put together.
struct ScratchDisk<'a> {
    file: File,
    length: u64,
    written: u64,
    /// What images brought, in bytes of the disk.
    present: Ranges,
    progress: &'a dyn Progress,
}

impl<'a> ScratchDisk<'a> {
    /// Makes a file that has no name: it is gone when it is closed, whatever happens.
    fn make(folder: &Path, progress: &'a dyn Progress) -> Result<Self> {
        let failed = |error| Error::io(format!("making a file in {}", folder.display()), error);
        let mut name = [0; 8];
        getrandom::fill(&mut name)
            .map_err(|error| Error::new(ErrorKind::Io, format!("no random numbers: {error}")))?;
        let path = folder.join(format!("imager-import-{:016x}", u64::from_le_bytes(name)));
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(failed)?;
        fs::remove_file(&path).map_err(failed)?;
        Ok(Self {
            file,
            length: 0,
            written: 0,
            present: Ranges::new(),
            progress,
        })
    }

    fn set_length(&mut self, bytes: u64) -> Result<()> {
        if bytes > DISK_BYTES_MAX {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!("a disk of {bytes} bytes is more than there is"),
            ));
        }
        self.length = bytes;
        self.file
            .set_len(bytes)
            .map_err(|error| Error::caused(ErrorKind::Write, "setting the length of the disk", error))
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        self.progress.check_cancelled()?;
        self.written += bytes.len() as u64;
        self.progress
            .report(Phase::Inspecting, self.written, self.written.max(self.length));
        if at
            .checked_add(bytes.len() as u64)
            .is_none_or(|end| end > DISK_BYTES_MAX)
        {
            return Err(Error::new(ErrorKind::Damaged, "a block beyond any disk"));
        }
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        self.file
            .write_all_at(bytes, at)
            .map_err(|error| Error::caused(ErrorKind::Write, "putting the disk together", error))
    }

    fn put_folder(&mut self, folder: &Path, disk: Option<&str>, notes: &mut Vec<String>) -> Result<()> {
        let saved = clonezilla::read_folder(folder, disk)?;
        self.set_length(saved.disk_bytes)?;
        notes.push("imported from a Clonezilla folder".to_owned());
        notes.extend(saved.notes);
        let mut present = Vec::new();
        for one in &saved.partitions {
            let put = match &one.contents {
                Contents::Image(files) => self.put_image(files, one.start, one.length, &mut present),
                Contents::Swap { uuid, label } => {
                    let header = swap::header(one.length, *uuid, label);
                    present.push(one.start..one.start + one.length);
                    self.write(one.start, &header)
                }
                Contents::Empty => Ok(()),
            };
            put.map_err(|error| {
                let context = Error::new(error.kind(), format!("importing {}", one.name));
                let remedy = error.remedy().unwrap_or_default().to_owned();
                context.with_remedy(remedy).with_source(error)
            })?;
        }
        // Last: no image may write over them.
        for (at, bytes) in &saved.tables {
            present.push(*at..at + bytes.len() as u64);
            self.write_all_of(*at, bytes)?;
        }
        self.present = Ranges::from_unsorted(present);
        Ok(())
    }

    /// Writes zeros, too.
    fn write_all_of(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all_at(bytes, at)
            .map_err(|error| Error::caused(ErrorKind::Write, "putting the disk together", error))
    }

    fn put_image(
        &mut self,
        files: &[PathBuf],
        start: u64,
        length: u64,
        present: &mut Vec<std::ops::Range<u64>>,
    ) -> Result<()> {
        let mut image = stream::open(files)?;
        let mut head = Vec::new();
        (&mut image)
            .take(16)
            .read_to_end(&mut head)
            .map_err(|error| Error::caused(ErrorKind::Read, "reading the image", error))?;
        let too_long = || Error::new(ErrorKind::Damaged, "the image is longer than its partition");
        let is_image = partclone::is_image(&head);
        let mut image = std::io::Cursor::new(head).chain(image);
        if is_image {
            let (_, own) = partclone::read_image(&mut image, &mut |at, bytes| {
                if at.checked_add(bytes.len() as u64).is_none_or(|end| end > length) {
                    return Err(too_long());
                }
                self.write(start + at, bytes)
            })?;
            present.extend(own.shifted(start).as_slice().iter().cloned());
            return end_of(&mut image);
        }
        // Plain bytes, as dd gives them.
        let mut at = 0;
        loop {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            (&mut image)
                .take(PIECE_BYTES as u64)
                .read_to_end(&mut piece)
                .map_err(|error| Error::caused(ErrorKind::Read, "reading the image", error))?;
            if piece.is_empty() {
                break;
            }
            if at + piece.len() as u64 > length {
                return Err(too_long());
            }
            self.write(start + at, &piece)?;
            at += piece.len() as u64;
        }
        present.push(start..start + length);
        Ok(())
    }

    /// The disk for reading only.
    fn open(self) -> Result<SourceDisk> {
        use std::os::fd::AsRawFd;
        SourceDisk::open(Path::new(&format!("/proc/self/fd/{}", self.file.as_raw_fd())))
    }
}

/// What follows an image must be nothing; reading to the end lets the unpacker check its own sums.
fn end_of(image: &mut dyn Read) -> Result<()> {
    let mut rest = [0; 4096];
    let length = image
        .read(&mut rest)
        .map_err(|error| Error::caused(ErrorKind::Read, "reading the end of the image", error))?;
    if length == 0 {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Damaged,
        "the image goes on behind its last block",
    ))
}

/// All pieces of an image, from its first: `x.aa`, `x.ab`, …; a file that is not in pieces is its only one.
fn pieces(first: &Path) -> Result<Vec<PathBuf>> {
    let name = first
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let Some((stem, suffix)) = name.rsplit_once('.') else {
        return Ok(vec![first.to_owned()]);
    };
    if suffix.len() < 2 || !suffix.bytes().all(|byte| byte == b'a') {
        return Ok(vec![first.to_owned()]);
    }
    let mut found = Vec::new();
    let mut suffix = suffix.as_bytes().to_vec();
    loop {
        let path = first.with_file_name(format!("{stem}.{}", String::from_utf8_lossy(&suffix)));
        if !path.exists() {
            break;
        }
        found.push(path);
        // The next in the order of split: aa, ab, …, az, ba, …
        let Some(at) = suffix.iter().rposition(|byte| *byte < b'z') else {
            break;
        };
        suffix[at] += 1;
        suffix[at + 1..].fill(b'a');
    }
    Ok(found)
}

/// Says how much of what our reader counts as used did not come.
fn note_what_lacks(disk: &dyn ReadAt, present: &Ranges, notes: &mut Vec<String>) -> Result<()> {
    let examined = inspect::examine(disk, Wishes::default())?;
    for (partition, mapping) in examined.layout.partitions.iter().zip(&examined.mappings) {
        let Outcome::Mapped(mapped) = &mapping.outcome else {
            continue;
        };
        let lacking = mapped.used.difference(present).total_bytes();
        if lacking > 0 {
            notes.push(format!(
                "partition {}: {lacking} bytes that its {} uses or may use were not in the image and are zeros",
                partition.number, mapping.kind
            ));
        }
    }
    Ok(())
}

/// Adds notes to the root at commit.
struct Annotated<'a> {
    sink: &'a dyn ChunkSink,
    notes: Vec<String>,
}

impl ChunkSink for Annotated<'_> {
    fn lacking(&self, ids: &[ChunkId]) -> Result<Vec<bool>> {
        self.sink.lacking(ids)
    }
    fn put_frame(&self, frame: EncodedFrame) -> Result<()> {
        self.sink.put_frame(frame)
    }
    fn put_segment(&self, bytes: &[u8]) -> Result<SegmentId> {
        self.sink.put_segment(bytes)
    }
    fn commit(&self, mut root: Root) -> Result<SignedRoot> {
        root.notes.extend(self.notes.iter().cloned());
        self.sink.commit(root)
    }
}
