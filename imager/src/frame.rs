//! Frames: neighbouring chunks compressed together; the unit of transfer and of resuming. All integers are little-endian.
//!
//! | offset | size | meaning |
//! | --- | --- | --- |
//! | 0 | 4 | magic `AFRM` |
//! | 4 | 1 | format version, 1 |
//! | 5 | 1 | codec: 0 raw, 1 zstd (RFC 8878), one zstd frame without dictionary |
//! | 6 | 2 | reserved, 0 |
//! | 8 | 4 | number C of chunks, 1 to 4096 |
//! | 12 | 4 | plain length: the chunks' lengths together, 1 to 1 MiB |
//! | 16 | 4 | payload length P; raw: the plain length, zstd: less than it |
//! | 20 | 4 | CRC-32 (IEEE 802.3) of bytes 0 to 20 and of the table |
//! | 24 | 36·C | table: chunk id (32), plain length (4) |
//! | 24 + 36·C | P | payload |
//!
//! The checksum finds frames in a pack whose footer is lost. It proves nothing of the payload: only the chunks' ids do,
//! and they are checked at every decoding.

use crate::error::{Error, ErrorKind, Result};
use protocol::{ChunkId, manifest::MAX_CHUNK_LEN};
use std::{cell::RefCell, ops::Range};

/// Most plain bytes of a frame.
pub const MAX_PLAIN_LEN: usize = MAX_CHUNK_LEN as usize;
/// Most chunks of a frame.
pub const MAX_CHUNKS: usize = 4096;
/// Longest encoded frame.
pub const MAX_LEN: usize = HEADER_LEN + MAX_CHUNKS * ENTRY_LEN + MAX_PLAIN_LEN;
/// Length of what stands before the table.
pub const HEADER_LEN: usize = 24;

const ENTRY_LEN: usize = 36;
const MAGIC: &[u8; 4] = b"AFRM";
const VERSION: u8 = 1;
const RAW: u8 = 0;
const ZSTD: u8 = 1;

/// A frame in its encoded form, with the chunks it names.
#[derive(Clone)]
pub struct EncodedFrame {
    bytes: Vec<u8>,
    header: Header,
    verified: bool,
}

/// What the header and the table of a frame say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The chunks in their order, with their plain lengths.
    pub chunks: Vec<(ChunkId, u32)>,
    /// All plain bytes.
    pub plain_len: u32,
    /// Bytes of the payload.
    pub payload_len: u32,
    compressed: bool,
}

/// A frame's plain bytes; every chunk was checked against its id.
pub struct DecodedFrame {
    plain: Vec<u8>,
    chunks: Vec<(ChunkId, u32)>,
}

/// Packs chunks into frames. Keeps its compressor: make one per thread.
pub struct Encoder {
    compressor: Option<zstd::bulk::Compressor<'static>>,
    /// Where zstd writes to: a frame's own memory is as long as the frame, and touched once.
    scratch: Vec<u8>,
}

impl Encoder {
    /// An encoder at a zstd level (negative levels are faster ones), or one that keeps everything raw.
    ///
    /// # Errors
    /// zstd refused the level or had no memory.
    pub fn new(level: Option<i32>) -> Result<Self> {
        let compressor = level
            .map(zstd::bulk::Compressor::new)
            .transpose()
            .map_err(|error| Error::io("setting up zstd", error))?;
        Ok(Self {
            compressor,
            scratch: Vec::new(),
        })
    }

    /// Encodes chunks whose plain bytes follow each other in `plain`. What zstd does not make smaller by at least one
    /// part in 32 is kept as it is: reading it again then costs nothing.
    ///
    /// The ids are the caller's word; whoever hashed the chunks made them.
    ///
    /// # Errors
    /// The lengths do not add up, or there are too many chunks or bytes.
    pub fn encode(&mut self, chunks: &[(ChunkId, u32)], plain: &[u8]) -> Result<EncodedFrame> {
        let sum = chunks
            .iter()
            .try_fold(0usize, |sum, (_, len)| sum.checked_add(*len as usize));
        if chunks.is_empty()
            || chunks.len() > MAX_CHUNKS
            || plain.len() > MAX_PLAIN_LEN
            || sum != Some(plain.len())
            || chunks.iter().any(|(_, len)| *len == 0)
        {
            return Err(Error::new(
                ErrorKind::Damaged,
                "a frame cannot be made of these chunks",
            ));
        }
        let table_end = HEADER_LEN + chunks.len() * ENTRY_LEN;
        let mut payload = plain;
        if let Some(compressor) = &mut self.compressor {
            let limit = plain.len() - plain.len() / 32 - 1;
            if self.scratch.len() < limit {
                self.scratch.resize(limit, 0);
            }
            // The buffer is too short on purpose: zstd gives up as soon as it does not pay.
            if let Ok(length) = compressor.compress_to_buffer(plain, &mut self.scratch[..limit]) {
                payload = &self.scratch[..length];
            }
        }
        let codec = if payload.len() < plain.len() { ZSTD } else { RAW };
        let payload_len = payload.len();
        let mut bytes = Vec::with_capacity(table_end + payload_len);
        bytes.resize(table_end, 0);
        bytes.extend_from_slice(payload);
        let word = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4] = VERSION;
        bytes[5] = codec;
        bytes[8..12].copy_from_slice(&word(chunks.len()));
        bytes[12..16].copy_from_slice(&word(plain.len()));
        bytes[16..20].copy_from_slice(&word(payload_len));
        for ((id, len), entry) in chunks
            .iter()
            .zip(bytes[HEADER_LEN..table_end].chunks_exact_mut(ENTRY_LEN))
        {
            entry[..32].copy_from_slice(&id.0);
            entry[32..].copy_from_slice(&len.to_le_bytes());
        }
        let checksum = checksum(&bytes[..20], &bytes[HEADER_LEN..table_end]);
        bytes[20..24].copy_from_slice(&checksum.to_le_bytes());
        let header = Header {
            chunks: chunks.to_vec(),
            plain_len: u32::from_le_bytes(word(plain.len())),
            payload_len: u32::from_le_bytes(word(payload_len)),
            compressed: codec == ZSTD,
        };
        Ok(EncodedFrame {
            bytes,
            header,
            verified: true,
        })
    }
}

impl Header {
    /// Reads the header and table of a frame that begins at the start of `bytes`, which may go on behind them.
    ///
    /// # Errors
    /// Anything that is not the format, in words.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let damaged = |why: &str| Error::new(ErrorKind::Damaged, format!("frame is damaged: {why}"));
        let head = bytes
            .get(..HEADER_LEN)
            .ok_or_else(|| damaged("it is cut off in its header"))?;
        if &head[..4] != MAGIC {
            return Err(damaged("it does not begin with its magic"));
        }
        if head[4] != VERSION {
            return Err(Error::new(
                ErrorKind::Version,
                format!(
                    "frame has format version {}, this program reads version {VERSION}",
                    head[4]
                ),
            ));
        }
        let count = word_at(head, 8) as usize;
        let plain_len = word_at(head, 12);
        let payload_len = word_at(head, 16);
        if count == 0 || count > MAX_CHUNKS {
            return Err(damaged("its number of chunks is out of bounds"));
        }
        if plain_len == 0 || plain_len as usize > MAX_PLAIN_LEN {
            return Err(damaged("its plain length is out of bounds"));
        }
        let compressed = match head[5] {
            RAW if payload_len == plain_len => false,
            ZSTD if payload_len < plain_len => true,
            RAW | ZSTD => return Err(damaged("its payload length is out of bounds")),
            _ => return Err(damaged("its codec is unknown")),
        };
        let table = bytes
            .get(HEADER_LEN..HEADER_LEN + count * ENTRY_LEN)
            .ok_or_else(|| damaged("it is cut off in its table"))?;
        if word_at(head, 20) != checksum(&head[..20], table) {
            return Err(damaged("the checksum of its table is wrong"));
        }
        let mut chunks = Vec::with_capacity(count);
        let mut sum = 0u64;
        for entry in table.chunks_exact(ENTRY_LEN) {
            let mut id = [0; 32];
            id.copy_from_slice(&entry[..32]);
            let length = word_at(entry, 32);
            if length == 0 {
                return Err(damaged("a chunk is empty"));
            }
            sum += u64::from(length);
            chunks.push((ChunkId(id), length));
        }
        if sum != u64::from(plain_len) {
            return Err(damaged("its chunks' lengths do not add up"));
        }
        Ok(Self {
            chunks,
            plain_len,
            payload_len,
            compressed,
        })
    }

    /// Length of the whole frame.
    #[must_use]
    pub fn frame_len(&self) -> usize {
        self.table_end() + self.payload_len as usize
    }

    /// Length of a frame's header and table, read from its first [`HEADER_LEN`] bytes; `None` if they are no frame's.
    #[must_use]
    pub fn len_with_table(head: &[u8]) -> Option<usize> {
        let head = head.get(..HEADER_LEN)?;
        let count = word_at(head, 8) as usize;
        (&head[..4] == MAGIC && (1..=MAX_CHUNKS).contains(&count)).then_some(HEADER_LEN + count * ENTRY_LEN)
    }

    fn table_end(&self) -> usize {
        HEADER_LEN + self.chunks.len() * ENTRY_LEN
    }
}

impl EncodedFrame {
    /// Takes the bytes of one frame from somewhere else. Only header and table are checked: whoever keeps or uses the
    /// frame calls [`EncodedFrame::verify`] or [`EncodedFrame::decode`] first; [`crate::store::Store`] does so itself.
    ///
    /// # Errors
    /// Anything that is not exactly one frame.
    pub fn parse(bytes: Vec<u8>) -> Result<Self> {
        let header = Header::parse(&bytes)?;
        if bytes.len() != header.frame_len() {
            return Err(Error::new(
                ErrorKind::Damaged,
                "frame is damaged: its length is not the one it names",
            ));
        }
        Ok(Self {
            bytes,
            header,
            verified: false,
        })
    }

    /// The chunks in the frame with their plain lengths.
    #[must_use]
    pub fn chunks(&self) -> &[(ChunkId, u32)] {
        &self.header.chunks
    }

    /// Plain bytes of all chunks.
    #[must_use]
    pub fn plain_len(&self) -> u64 {
        u64::from(self.header.plain_len)
    }

    /// The encoded bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The encoded bytes, without copying.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The frame's header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether every chunk is known to be what its id says: we encoded it, or [`EncodedFrame::verify`] passed.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verified
    }

    /// Decodes and hashes every chunk once, unless that was done already.
    ///
    /// # Errors
    /// A payload that does not decode, or a chunk that is not what its id says.
    pub fn verify(&mut self) -> Result<()> {
        if !self.verified {
            self.decode()?;
            self.verified = true;
        }
        Ok(())
    }

    /// The plain bytes, every chunk checked against its id.
    ///
    /// # Errors
    /// A payload that does not decode, or a chunk that is not what its id says.
    pub fn decode(&self) -> Result<DecodedFrame> {
        self.decode_into(Vec::new())
    }

    /// The same in the memory of a buffer that is no longer wanted: [`DecodedFrame::into_plain`] gives it back.
    ///
    /// # Errors
    /// See [`EncodedFrame::decode`].
    pub fn decode_into(&self, mut plain: Vec<u8>) -> Result<DecodedFrame> {
        let payload = &self.bytes[self.header.table_end()..];
        plain.clear();
        if self.header.compressed {
            decompress(payload, self.header.plain_len as usize, &mut plain)?;
        } else {
            plain.extend_from_slice(payload);
        }
        let decoded = DecodedFrame {
            plain,
            chunks: self.header.chunks.clone(),
        };
        for (id, bytes) in decoded.iter() {
            if blake3::hash(bytes).as_bytes() != &id.0 {
                return Err(Error::new(
                    ErrorKind::Damaged,
                    format!("chunk {id} does not have the bytes it is named after"),
                ));
            }
        }
        Ok(decoded)
    }
}

impl std::fmt::Debug for EncodedFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EncodedFrame")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

impl DecodedFrame {
    /// The plain bytes of all chunks, one behind the other.
    #[must_use]
    pub fn plain(&self) -> &[u8] {
        &self.plain
    }

    /// The same, without copying.
    #[must_use]
    pub fn into_plain(self) -> Vec<u8> {
        self.plain
    }

    /// The chunks with their plain bytes, in the frame's order.
    pub fn iter(&self) -> impl Iterator<Item = (ChunkId, &[u8])> {
        let mut start = 0usize;
        self.chunks.iter().map(move |(id, length)| {
            let range: Range<usize> = start..start + *length as usize;
            start = range.end;
            (*id, &self.plain[range])
        })
    }
}

fn decompress(payload: &[u8], plain_len: usize, plain: &mut Vec<u8>) -> Result<()> {
    thread_local! {
        static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    let failed = |error| {
        Error::caused(
            ErrorKind::Damaged,
            "frame is damaged: its payload does not decompress",
            error,
        )
    };
    DECOMPRESSOR.with_borrow_mut(|slot| {
        let decompressor = match slot {
            Some(decompressor) => decompressor,
            None => slot.insert(
                zstd::bulk::Decompressor::new().map_err(|error| Error::io("setting up zstd", error))?,
            ),
        };
        // The buffer's capacity bounds what a hostile payload can expand to, whatever it declares.
        plain.reserve_exact(plain_len);
        let length = decompressor
            .decompress_to_buffer(payload, plain)
            .map_err(failed)?;
        if length != plain_len {
            return Err(Error::new(
                ErrorKind::Damaged,
                "frame is damaged: its payload is not as long as it declares",
            ));
        }
        Ok(())
    })
}

fn checksum(head: &[u8], table: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(table);
    hasher.finalize()
}

/// The caller has checked that the bytes are there.
fn word_at(bytes: &[u8], offset: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(word)
}

#[cfg(test)]
mod tests;
