//! A stretch of a manifest. All integers are little-endian.
//!
//! | offset | size | meaning |
//! | --- | --- | --- |
//! | 0 | 8 | magic `AMRCSEGM` |
//! | 8 | 2 | format version: 2 if an entry is of kind 5, else 1 |
//! | 10 | 2 | reserved, 0 |
//! | 12 | 4 | number of entries, 1 to 16384 |
//! | 16 | 8 | offset on the disk of the first entry |
//! | 24 | 8 | bytes of the disk that the entries cover together |
//! | 32 | … | entries |
//!
//! | entry offset | size | meaning |
//! | --- | --- | --- |
//! | 0 | 8 | low 56 bits: length in bytes, not 0; high 8 bits: kind (1 data, 2 zero, 3 discard, 4 keep, 5 unreadable) |
//! | 8 | 32 | chunk id; only when the kind is data, and then the length is the chunk's (≤ 1 MiB) |
//!
//! A segment's id is the BLAKE3-256 hash of all its bytes.

use super::{MAX_CHUNK_LEN, ManifestError};
use crate::{
    id::{ChunkId, ParseIdError},
    unit::ByteOffset,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

const MAGIC: &[u8; 8] = b"AMRCSEGM";
/// What every reader understands.
const VERSION: u16 = 1;
/// With ranges that could not be read: a reader that does not know them refuses the version, by its number.
const VERSION_WITH_UNREADABLE: u16 = 2;
const HEADER_LEN: usize = 32;
const LENGTH_MASK: u64 = (1 << 56) - 1;
const WHAT: &str = "manifest segment";

/// A stretch of a manifest: consecutive entries from an offset on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where on the disk the first entry begins.
    pub start: ByteOffset,
    /// What follows, in the order of the disk.
    pub entries: Vec<Entry>,
}

/// What a range of the disk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Bytes of the range; at least 1.
    pub length_bytes: u64,
    /// What is there.
    pub kind: EntryKind,
}

/// The kinds of ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// The plain bytes of this chunk.
    Data(ChunkId),
    /// Zeros, and they must be zeros after a restore.
    Zero,
    /// Free: whatever is there has no meaning and may be discarded.
    Discard,
    /// Must be left as it is on the target.
    Keep,
    /// It could not be read when the disk was captured: zeros after a restore, never what the target held.
    Unreadable,
}

impl Segment {
    /// Most entries of one segment: bounds what anybody has to hold of a manifest at a time (640 KiB).
    pub const MAX_ENTRIES: usize = 16384;
    /// Longest encoded segment.
    pub const MAX_LEN: usize = HEADER_LEN + Self::MAX_ENTRIES * 40;

    /// Bytes of the disk that the entries cover, or `None` if they overflow.
    #[must_use]
    pub fn covered(&self) -> Option<u64> {
        self.entries
            .iter()
            .try_fold(0u64, |sum, entry| sum.checked_add(entry.length_bytes))
    }

    /// Entries with their offsets on the disk.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.entries.iter().scan(self.start.get(), |next, entry| {
            let offset = *next;
            *next = next.saturating_add(entry.length_bytes);
            Some((offset, entry))
        })
    }

    /// The bytes of the format.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LEN + self.entries.len() * 40);
        bytes.extend_from_slice(MAGIC);
        let is_unreadable = |entry: &Entry| entry.kind == EntryKind::Unreadable;
        let version = match self.entries.iter().any(is_unreadable) {
            true => VERSION_WITH_UNREADABLE,
            false => VERSION,
        };
        bytes.extend_from_slice(&version.to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(
            &u32::try_from(self.entries.len())
                .unwrap_or(u32::MAX)
                .to_le_bytes(),
        );
        bytes.extend_from_slice(&self.start.get().to_le_bytes());
        bytes.extend_from_slice(&self.covered().unwrap_or(u64::MAX).to_le_bytes());
        for entry in &self.entries {
            let kind = match entry.kind {
                EntryKind::Data(_) => 1u64,
                EntryKind::Zero => 2,
                EntryKind::Discard => 3,
                EntryKind::Keep => 4,
                EntryKind::Unreadable => 5,
            };
            bytes.extend_from_slice(&(kind << 56 | entry.length_bytes & LENGTH_MASK).to_le_bytes());
            if let EntryKind::Data(id) = entry.kind {
                bytes.extend_from_slice(&id.0);
            }
        }
        bytes
    }

    /// Reads the format; whatever the bytes are, it allocates no more than they justify.
    ///
    /// # Errors
    /// The magic, the version, or any contradiction: an unknown kind, an empty or oversized entry, lengths that do not
    /// add up, bytes left over.
    pub fn decode(bytes: &[u8]) -> Result<Self, ManifestError> {
        let damaged = |why| ManifestError::Damaged { what: WHAT, why };
        let header = bytes
            .get(..HEADER_LEN)
            .ok_or(damaged("it is cut off in its header"))?;
        if &header[..8] != MAGIC {
            return Err(ManifestError::Magic(WHAT));
        }
        let version = u16::from_le_bytes([header[8], header[9]]);
        if !(VERSION..=VERSION_WITH_UNREADABLE).contains(&version) {
            return Err(ManifestError::Version {
                what: WHAT,
                found: version,
                read: VERSION_WITH_UNREADABLE,
            });
        }
        let count = u32_at(header, 12) as usize;
        if count == 0 || count > Self::MAX_ENTRIES || count > bytes.len() / 8 {
            return Err(damaged("its number of entries is out of bounds"));
        }
        let start = u64_at(header, 16);
        let covered = u64_at(header, 24);
        let mut rest = &bytes[HEADER_LEN..];
        let mut entries = Vec::with_capacity(count);
        let mut sum = 0u64;
        for _ in 0..count {
            let (word, after) = rest
                .split_at_checked(8)
                .ok_or(damaged("it is cut off in an entry"))?;
            rest = after;
            let word = u64_at(word, 0);
            let length_bytes = word & LENGTH_MASK;
            let kind = match word >> 56 {
                1 => {
                    let (id, after) = rest
                        .split_first_chunk::<32>()
                        .ok_or(damaged("it is cut off in a chunk id"))?;
                    rest = after;
                    if length_bytes > u64::from(MAX_CHUNK_LEN) {
                        return Err(damaged("a chunk is longer than 1 MiB"));
                    }
                    EntryKind::Data(ChunkId(*id))
                }
                2 => EntryKind::Zero,
                3 => EntryKind::Discard,
                4 => EntryKind::Keep,
                5 if version == VERSION_WITH_UNREADABLE => EntryKind::Unreadable,
                _ => return Err(damaged("an entry has an unknown kind")),
            };
            if length_bytes == 0 {
                return Err(damaged("an entry is empty"));
            }
            sum = sum
                .checked_add(length_bytes)
                .ok_or(damaged("its lengths overflow"))?;
            entries.push(Entry { length_bytes, kind });
        }
        if !rest.is_empty() {
            return Err(damaged("bytes are left over behind the last entry"));
        }
        if version == VERSION_WITH_UNREADABLE
            && entries.iter().all(|entry| entry.kind != EntryKind::Unreadable)
        {
            return Err(damaged(
                "by its version something could not be read, and no entry says so",
            ));
        }
        if sum != covered || start.checked_add(covered).is_none() {
            return Err(damaged("its lengths do not add up"));
        }
        Ok(Self {
            start: ByteOffset(start),
            entries,
        })
    }
}

/// The BLAKE3-256 hash of a segment's bytes, its only name. Written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SegmentId(pub [u8; 32]);

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ChunkId(self.0).fmt(f)
    }
}

impl fmt::Debug for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SegmentId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<ChunkId>()
            .map(|id| Self(id.0))
            .map_err(|_| ParseIdError("not a segment id; it has 64 hexadecimal digits"))
    }
}

impl TryFrom<String> for SegmentId {
    type Error = ParseIdError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SegmentId> for String {
    fn from(id: SegmentId) -> Self {
        id.to_string()
    }
}

/// The caller has checked that the bytes are there.
fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(word)
}

/// The caller has checked that the bytes are there.
fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(word)
}
