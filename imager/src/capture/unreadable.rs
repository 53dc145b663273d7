//! What could not be read, in words for a person: how much, where, and which files it hits.

use crate::{
    confine::confined,
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    partition::Layout,
    progress::Progress,
    touched::files_touching,
};
use protocol::{
    ByteLen,
    manifest::{ByteRange, Unreadable},
};
use std::ops::Range;

/// Ranges and files that a sentence names; the result has more.
const NAMED_MAX: usize = 8;
/// Bytes of all names of files in a sentence.
const NAMES_LEN_MAX: usize = 400;

/// Finds out which files lie on the ranges, which are sorted and disjoint.
///
/// # Errors
/// [`ErrorKind::Cancelled`], or the reader of the disk's structures failed.
pub(super) fn describe(
    disk: &dyn ReadAt,
    layout: &Layout,
    ranges: &[Range<u64>],
    progress: &dyn Progress,
) -> Result<Unreadable> {
    let partitions: Vec<(u32, Range<u64>)> = layout
        .partitions
        .iter()
        .map(|one| (one.number, one.bytes.clone()))
        .collect();
    let known = KnownBad { disk, ranges };
    let limit = Unreadable::LISTED_MAX;
    let touched = confined(|| files_touching(&known, &partitions, ranges, limit, progress))?.value?;
    Ok(Unreadable {
        bytes: ByteLen(ranges.iter().map(|range| range.end - range.start).sum()),
        range_count: ranges.len() as u64,
        ranges: ranges
            .iter()
            .take(limit)
            .map(|range| ByteRange {
                start: range.start,
                length: range.end - range.start,
            })
            .collect(),
        file_count: touched.count,
        files: touched.files,
        notes: touched.notes,
    })
}

/// The capture ends badly: nobody asked for a master with holes.
pub(super) fn refuse(unreadable: Unreadable) -> Error {
    Error::new(
        ErrorKind::Unreadable,
        format!("the source cannot be read everywhere: {}", in_words(&unreadable)),
    )
    .with_remedy(
        "look at the disk's SMART values and replace it; put good copies of these files on it and capture again (what was \
         stored is not stored again), or keep what can be read",
    )
    .with_unreadable(unreadable)
}

/// What a person should know of a master of a disk that could not be read everywhere.
#[must_use]
pub fn note(unreadable: &Unreadable) -> String {
    format!(
        "zeros stand where the captured disk could not be read: {}",
        in_words(unreadable)
    )
}

/// "4096 bytes at 1048576, 512 at 2097152 (4608 bytes in 2 places); files on them: 2:/etc/fstab".
fn in_words(unreadable: &Unreadable) -> String {
    let places: Vec<String> = unreadable
        .ranges
        .iter()
        .take(NAMED_MAX)
        .map(|range| format!("{} bytes at {}", range.length, range.start))
        .collect();
    let mut text = places.join(", ");
    if unreadable.range_count > 1 {
        text.push_str(&format!(
            "{} ({} bytes in {} places)",
            if unreadable.range_count > places.len() as u64 {
                ", …"
            } else {
                ""
            },
            unreadable.bytes,
            unreadable.range_count
        ));
    }
    let mut names_len = 0;
    let names: Vec<&str> = unreadable
        .files
        .iter()
        .take(NAMED_MAX)
        .map(String::as_str)
        .take_while(|name| {
            names_len += name.len();
            names_len <= NAMES_LEN_MAX
        })
        .collect();
    let more = unreadable.file_count - (names.len() as u64).min(unreadable.file_count);
    text.push_str(&match (names.is_empty(), more) {
        (true, 0) => "; no file that could be found lies there".to_owned(),
        (true, more) => format!("; {more} files lie there"),
        (false, 0) => format!("; files there: {}", names.join(", ")),
        (false, more) => format!("; files there: {}, and {more} more", names.join(", ")),
    });
    for note in unreadable.notes.iter().take(2) {
        text.push_str(&format!("; {note}"));
    }
    text
}

/// A disk whose bad places are known: they are not asked again, it takes a failing disk seconds to refuse.
struct KnownBad<'a> {
    disk: &'a dyn ReadAt,
    ranges: &'a [Range<u64>],
}

impl ReadAt for KnownBad<'_> {
    fn len(&self) -> u64 {
        self.disk.len()
    }
    fn sector_size(&self) -> u32 {
        self.disk.sector_size()
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let end = offset.saturating_add(buffer.len() as u64);
        let first = self.ranges.partition_point(|range| range.end <= offset);
        if self.ranges.get(first).is_some_and(|range| range.start < end) {
            return Err(Error::new(
                ErrorKind::Read,
                format!("offset {offset} cannot be read"),
            ));
        }
        self.disk.read_exact_at(buffer, offset)
    }
}
