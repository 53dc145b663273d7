//! Packs: many frames in one object; the unit of storage. All integers are little-endian.
//!
//! | offset | size | meaning |
//! | --- | --- | --- |
//! | 0 | 8 | magic `AMRCPACK` |
//! | 8 | 2 | format version, 1 |
//! | 10 | 6 | reserved, 0 |
//! | 16 | 8 | when it was begun, milliseconds since 1970 UTC |
//! | 24 | 16 | the pack's id, random; its name in the store is the same in hexadecimal |
//! | 40 | … | frames ([`crate::frame`]), one behind the other |
//! | T | … | table: one record per frame, in their order |
//! | end − 64 | 64 | tail |
//!
//! | table record | size | meaning |
//! | --- | --- | --- |
//! | 0 | 8 | offset of the frame in the pack |
//! | 8 | 4 | its length |
//! | 12 | 4 | number C of its chunks |
//! | 16 | 36·C | per chunk: id (32), plain length (4) |
//!
//! | tail | size | meaning |
//! | --- | --- | --- |
//! | 0 | 8 | offset T of the table |
//! | 8 | 4 | number of frames |
//! | 12 | 12 | reserved, 0 |
//! | 24 | 32 | BLAKE3-256 of the table and of the tail's bytes 0 to 24 |
//! | 56 | 8 | magic `AMRCPEND` |
//!
//! An unfinished pack has neither table nor tail. The table says nothing that the frames do not say themselves: when it is
//! missing or damaged, the frames are found by their headers.

use crate::{
    error::{Error, ErrorKind, Result},
    exchange::PackStorage,
    frame::{self, EncodedFrame},
};
use protocol::ChunkId;
use std::{fmt, str::FromStr};

/// A pack is finished when it is at least this long.
pub const TARGET_LEN: u64 = 32 << 20;
/// Longest pack that is read: frames up to the target, the last of them, and the table.
pub const MAX_LEN: u64 = 128 << 20;
/// Length of what stands before the first frame.
pub const HEADER_LEN: usize = 40;

const MAGIC: &[u8; 8] = b"AMRCPACK";
const END_MAGIC: &[u8; 8] = b"AMRCPEND";
const VERSION: u16 = 1;
const TAIL_LEN: usize = 64;

/// A pack's random name, written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackId(pub [u8; 16]);

impl PackId {
    /// A new one.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<Self> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| {
            Error::new(
                ErrorKind::Io,
                format!("asking the system for random numbers: {error}"),
            )
        })?;
        Ok(Self(id))
    }

    /// Name of the object once it is finished.
    #[must_use]
    pub fn sealed_name(&self) -> String {
        format!("packs/{:02x}/{self}.pack", self.0[0])
    }

    /// Name of the object while it grows.
    #[must_use]
    pub fn open_name(&self) -> String {
        format!("open/{self}.pack")
    }

    /// The pack that an object's name names, finished or not.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        name.rsplit('/').next()?.strip_suffix(".pack")?.parse().ok()
    }
}

impl fmt::Display for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PackId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::new(ErrorKind::Damaged, format!("{text:?} is no pack's name"));
        // One hexadecimal parser for all ids: a pack id is half a chunk id.
        let id: ChunkId = format!("{text}{:032}", 0).parse().map_err(|_| wrong())?;
        id.0.first_chunk().map(|id| Self(*id)).ok_or_else(wrong)
    }
}

/// Where a frame lies in its pack, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameRecord {
    /// Offset in the pack.
    pub offset: u64,
    /// Length of the frame.
    pub len: u32,
    /// Its chunks with their plain lengths.
    pub chunks: Vec<(ChunkId, u32)>,
}

/// The first bytes of a pack.
#[must_use]
pub fn header(id: PackId, created_unix_ms: u64) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_LEN];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..24].copy_from_slice(&created_unix_ms.to_le_bytes());
    bytes[24..40].copy_from_slice(&id.0);
    bytes
}

/// The last bytes of a pack whose frames end at `table_offset`.
#[must_use]
pub fn footer(frames: &[FrameRecord], table_offset: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(frames.len() * 512 + TAIL_LEN);
    for frame in frames {
        bytes.extend_from_slice(&frame.offset.to_le_bytes());
        bytes.extend_from_slice(&frame.len.to_le_bytes());
        bytes.extend_from_slice(
            &u32::try_from(frame.chunks.len())
                .unwrap_or(u32::MAX)
                .to_le_bytes(),
        );
        for (id, len) in &frame.chunks {
            bytes.extend_from_slice(&id.0);
            bytes.extend_from_slice(&len.to_le_bytes());
        }
    }
    bytes.extend_from_slice(&table_offset.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(frames.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&[0; 12]);
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    bytes.extend_from_slice(END_MAGIC);
    bytes
}

/// What a pack holds, and how that was found out.
#[derive(Debug)]
pub struct Contents {
    /// Its id, as its header says.
    pub id: PackId,
    /// When it was begun, milliseconds since 1970 UTC.
    pub created_unix_ms: u64,
    /// Its frames.
    pub frames: Vec<FrameRecord>,
    /// Where the frames end; what follows is the table, or nothing that could be read.
    pub frames_end: u64,
    /// Why the table could not be used and the frames were looked for instead.
    pub table_damage: Option<String>,
}

/// Reads what a pack holds: from its table, or if that is damaged or missing from the frames' own headers.
///
/// # Errors
/// The object cannot be read, or is no pack of a version that this program reads.
pub fn read_contents(storage: &dyn PackStorage, name: &str) -> Result<Contents> {
    let length = storage
        .len(name)?
        .ok_or_else(|| Error::new(ErrorKind::Missing, format!("there is no pack {name}")))?;
    let damaged = |why: &str| Error::new(ErrorKind::Damaged, format!("pack {name} is damaged: {why}"));
    if length > MAX_LEN {
        return Err(damaged("it is longer than any pack"));
    }
    if length < HEADER_LEN as u64 {
        return Err(damaged("it is cut off in its header"));
    }
    let head = storage.get_range(name, 0, HEADER_LEN)?;
    if &head[..8] != MAGIC {
        return Err(damaged("it does not begin with its magic"));
    }
    let version = u16::from_le_bytes([head[8], head[9]]);
    if version != VERSION {
        return Err(Error::new(
            ErrorKind::Version,
            format!("pack {name} has format version {version}, this program reads version {VERSION}"),
        ));
    }
    let created_unix_ms = word(&head, 16);
    let mut id = [0; 16];
    id.copy_from_slice(&head[24..40]);
    let id = PackId(id);
    if PackId::from_name(name) != Some(id) {
        return Err(damaged("it is another pack than its name says"));
    }
    match read_table(storage, name, length) {
        Ok((frames, frames_end)) => Ok(Contents {
            id,
            created_unix_ms,
            frames,
            frames_end,
            table_damage: None,
        }),
        Err(error) if matches!(error.kind(), ErrorKind::Damaged) => {
            let (frames, frames_end) = scan(storage, name, length)?;
            Ok(Contents {
                id,
                created_unix_ms,
                frames,
                frames_end,
                table_damage: Some(error.message().to_owned()),
            })
        }
        Err(error) => Err(error),
    }
}

/// The frames of a pack whose own header is damaged, found by theirs.
///
/// # Errors
/// The object cannot be read, or is longer than any pack.
pub(super) fn scan_frames(storage: &dyn PackStorage, name: &str) -> Result<Vec<FrameRecord>> {
    let length = storage.len(name)?.unwrap_or(0);
    if length > MAX_LEN {
        return Err(Error::new(
            ErrorKind::Damaged,
            format!("pack {name} is damaged: it is longer than any pack"),
        ));
    }
    Ok(scan(storage, name, length)?.0)
}

/// Reads one frame of a pack. Its header is checked, its chunks are not.
///
/// # Errors
/// It cannot be read, or is not the frame that the record describes.
pub fn read_frame(storage: &dyn PackStorage, name: &str, offset: u64, len: u32) -> Result<EncodedFrame> {
    let bytes = storage.get_range(name, offset, len as usize)?;
    EncodedFrame::parse(bytes).map_err(|error| {
        Error::new(
            error.kind(),
            format!("frame at {offset} in {name}: {}", error.message()),
        )
    })
}

/// Reads only the table of a frame: its chunks and their plain lengths.
///
/// # Errors
/// It cannot be read, or is no frame.
pub fn read_frame_table(
    storage: &dyn PackStorage,
    name: &str,
    offset: u64,
    len: u32,
) -> Result<Vec<(ChunkId, u32)>> {
    /// Enough for a frame of usual chunks.
    const FIRST: usize = 4096;
    let mut bytes = storage.get_range(name, offset, (len as usize).min(FIRST))?;
    if let Some(wanted) = frame::Header::len_with_table(&bytes).filter(|wanted| *wanted > bytes.len()) {
        bytes = storage.get_range(name, offset, wanted.min(len as usize))?;
    }
    frame::Header::parse(&bytes)
        .map(|header| header.chunks)
        .map_err(|error| {
            Error::new(
                error.kind(),
                format!("frame at {offset} in {name}: {}", error.message()),
            )
        })
}

fn read_table(storage: &dyn PackStorage, name: &str, length: u64) -> Result<(Vec<FrameRecord>, u64)> {
    let damaged = |why: &str| {
        Error::new(
            ErrorKind::Damaged,
            format!("the table of pack {name} is damaged: {why}"),
        )
    };
    let tail_offset = length
        .checked_sub((TAIL_LEN + HEADER_LEN) as u64)
        .ok_or_else(|| damaged("it is missing"))?
        + HEADER_LEN as u64;
    let tail = storage.get_range(name, tail_offset, TAIL_LEN)?;
    if &tail[56..] != END_MAGIC {
        return Err(damaged("it is missing"));
    }
    let table_offset = word(&tail, 0);
    if table_offset < HEADER_LEN as u64 || table_offset > tail_offset {
        return Err(damaged("it is not where it says"));
    }
    let table_len = usize::try_from(tail_offset - table_offset).map_err(|_| damaged("it is too long"))?;
    let table = storage.get_range(name, table_offset, table_len)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&table);
    hasher.update(&tail[..24]);
    if hasher.finalize().as_bytes() != &tail[24..56] {
        return Err(damaged("its hash is wrong"));
    }
    let count = u32::from_le_bytes([tail[8], tail[9], tail[10], tail[11]]) as usize;
    let mut frames = Vec::with_capacity(count.min(table.len() / 52));
    let mut rest = table.as_slice();
    for _ in 0..count {
        let (record, after) = rest
            .split_at_checked(16)
            .ok_or_else(|| damaged("it is cut off"))?;
        let offset = word(record, 0);
        let len = u32::from_le_bytes([record[8], record[9], record[10], record[11]]);
        let chunks = u32::from_le_bytes([record[12], record[13], record[14], record[15]]) as usize;
        let fits = offset >= HEADER_LEN as u64
            && offset
                .checked_add(u64::from(len))
                .is_some_and(|end| end <= table_offset)
            && len as usize <= frame::MAX_LEN
            && (1..=frame::MAX_CHUNKS).contains(&chunks);
        if !fits {
            return Err(damaged("a frame is out of bounds"));
        }
        let (ids, after) = after
            .split_at_checked(chunks * 36)
            .ok_or_else(|| damaged("it is cut off"))?;
        rest = after;
        let chunks = ids
            .chunks_exact(36)
            .map(|entry| {
                let mut id = [0; 32];
                id.copy_from_slice(&entry[..32]);
                (
                    ChunkId(id),
                    u32::from_le_bytes([entry[32], entry[33], entry[34], entry[35]]),
                )
            })
            .collect();
        frames.push(FrameRecord { offset, len, chunks });
    }
    if !rest.is_empty() {
        return Err(damaged("bytes are left over"));
    }
    Ok((frames, table_offset))
}

/// Finds frames by their own headers. A stretch that is no frame is skipped, looking for the next magic.
fn scan(storage: &dyn PackStorage, name: &str, length: u64) -> Result<(Vec<FrameRecord>, u64)> {
    const STEP: usize = 256 << 10;
    let mut frames: Vec<FrameRecord> = Vec::new();
    let mut offset = HEADER_LEN as u64;
    let mut end = offset;
    let read = |offset: u64, wanted: usize| {
        let wanted = usize::try_from(length - offset).unwrap_or(usize::MAX).min(wanted);
        storage.get_range(name, offset, wanted)
    };
    while offset + (frame::HEADER_LEN as u64) < length {
        let head = read(offset, frame::HEADER_LEN)?;
        let header = match frame::Header::len_with_table(&head) {
            Some(wanted) => frame::Header::parse(&read(offset, wanted)?).ok(),
            None => None,
        };
        let header = header.filter(|header| offset + header.frame_len() as u64 <= length);
        if let Some(header) = header {
            let len = u32::try_from(header.frame_len()).unwrap_or(u32::MAX);
            frames.push(FrameRecord {
                offset,
                len,
                chunks: header.chunks,
            });
            offset += u64::from(len);
            end = offset;
            continue;
        }
        // Look for the next frame: the window overlaps the next one, so that no magic is cut in two.
        let window = read(offset + 1, STEP)?;
        match window.windows(4).position(|four| four == b"AFRM") {
            Some(distance) => offset += 1 + distance as u64,
            None if window.len() < STEP => break,
            None => offset += (STEP - 3) as u64,
        }
    }
    Ok((frames, end))
}

/// The caller has checked that the bytes are there.
fn word(bytes: &[u8], offset: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests;
