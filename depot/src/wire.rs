//! Requests and answers of the depot protocol: their paths, limits and bytes. No I/O.
//!
//! All paths are under [`BASE`]; numbers are little-endian; ids are 32 bytes. `docs/protocols/depot.md` says what each
//! call means and who may make it.
//!
//! | call | body → answer | limit of the body |
//! | --- | --- | --- |
//! | `POST lacking` | [ids] → [bitmap] | [`MAX_IDS`] ids |
//! | `POST frames` (also `PUT`) | [frames] → empty (204) | [`MAX_FRAMES_LEN`] bytes |
//! | `POST segments` | a segment → its id, 32 bytes | [`MAX_SEGMENT_LEN`] bytes |
//! | `POST commit` | a root, JSON → a signed root | [`MAX_ROOT_LEN`] bytes |
//! | `GET root` | → a signed root | – |
//! | `GET segments/{id}` | → a segment | – |
//! | `POST fetch` | [fetch request] → [fetch answer] | [`MAX_IDS`] ids and one |
//! | `POST fetch-length` | [fetch request] → about how many bytes that answer has, 8 bytes | [`MAX_IDS`] ids and one |
//!
//! ```text
//! ids            0      32 × n   chunk ids
//! bitmap         0      ⌈n / 8⌉  bit i mod 8 of byte i / 8: chunk i is lacking; surplus bits are zero
//! frames         0      4        length L of a frame, 1 ≤ L ≤ MAX_FRAME_LEN
//!                4      L        the frame (imager::frame); then the next, to the end of the body
//! fetch request  0      32       segment id
//!                32     32 × n   ids of the wanted chunks, 1 ≤ n ≤ MAX_IDS, all standing in that segment
//! fetch answer   as frames, then one end mark:
//!                0      4        0          the answer is complete
//!                0      4        0xFFFFFFFF it broke off; then 4 bytes length L ≤ 64 KiB, L bytes problem document
//! ```
//!
//! [ids]: encode_ids
//! [bitmap]: encode_bitmap
//! [frames]: frame_head
//! [fetch request]: FetchRequest
//! [fetch answer]: stream

mod call;
pub mod stream;

pub use call::Call;

use protocol::{
    ChunkId,
    manifest::{Segment, SegmentId},
};

/// Where the agent API mounts the depot.
pub const BASE: &str = "/agent/v1/depot";
/// Version of these formats; the appliance tells an older agent to reboot (`protocol::agent::AGENT_PROTOCOL`).
pub const VERSION: u32 = 1;
/// Most chunk ids in one request.
pub const MAX_IDS: usize = 1 << 16;
/// Longest encoded frame.
pub const MAX_FRAME_LEN: usize = imager::frame::MAX_LEN;
/// Longest body of `POST frames`.
pub const MAX_FRAMES_LEN: usize = 8 << 20;
/// Longest manifest segment.
pub const MAX_SEGMENT_LEN: usize = Segment::MAX_LEN;
/// Longest root, signed or not: forty thousand segments, some hundred terabytes.
pub const MAX_ROOT_LEN: usize = 4 << 20;

/// Content type of everything here but the root of a commit.
pub const BYTES: &str = "application/octet-stream";
/// Content type of the root of a commit.
pub const JSON: &str = "application/json";

/// Bytes that are no message of this protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct WireError {
    /// Which message.
    pub what: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl WireError {
    fn new(what: &'static str, why: impl Into<String>) -> Self {
        Self {
            what,
            why: why.into(),
        }
    }
}

/// The ids of a request, one after the other.
#[must_use]
pub fn encode_ids(ids: &[ChunkId]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.0).collect()
}

/// Reads ids.
///
/// # Errors
/// When the length is no multiple of 32 or there are more than [`MAX_IDS`].
pub fn decode_ids(bytes: &[u8]) -> Result<Vec<ChunkId>, WireError> {
    const WHAT: &str = "list of chunk ids";
    let (ids, rest) = bytes.as_chunks::<{ ChunkId::LEN }>();
    if !rest.is_empty() {
        return Err(WireError::new(
            WHAT,
            format!("{} bytes are no whole number of ids of 32 bytes", bytes.len()),
        ));
    }
    if ids.len() > MAX_IDS {
        return Err(WireError::new(
            WHAT,
            format!("{} ids are more than {MAX_IDS}", ids.len()),
        ));
    }
    Ok(ids.iter().map(|id| ChunkId(*id)).collect())
}

/// One bit for each chunk asked about, set when it is lacking.
#[must_use]
pub fn encode_bitmap(lacking: &[bool]) -> Vec<u8> {
    lacking
        .chunks(8)
        .map(|bits| {
            bits.iter()
                .enumerate()
                .fold(0, |byte, (place, bit)| byte | (u8::from(*bit) << place))
        })
        .collect()
}

/// Reads the bits for `count` chunks.
///
/// # Errors
/// When the length is not that of `count` bits, or a surplus bit is set.
pub fn decode_bitmap(bytes: &[u8], count: usize) -> Result<Vec<bool>, WireError> {
    const WHAT: &str = "bitmap of lacking chunks";
    if bytes.len() != count.div_ceil(8) {
        return Err(WireError::new(
            WHAT,
            format!("{} bytes do not answer for {count} chunks", bytes.len()),
        ));
    }
    let bit = |place: usize| bytes[place / 8] >> (place % 8) & 1 == 1;
    if (count..bytes.len() * 8).any(bit) {
        return Err(WireError::new(WHAT, "a bit beyond the last chunk is set"));
    }
    Ok((0..count).map(bit).collect())
}

/// The four bytes that go before a frame of this length in a list or a stream.
///
/// # Panics
/// When the frame is longer than [`MAX_FRAME_LEN`], which no [`imager::frame::EncodedFrame`] is.
#[must_use]
pub fn frame_head(frame_len: usize) -> [u8; 4] {
    assert!(
        frame_len > 0 && frame_len <= MAX_FRAME_LEN,
        "an encoded frame is bounded"
    );
    u32::try_from(frame_len)
        .expect("the longest frame's length fits 32 bits")
        .to_le_bytes()
}

/// Cuts a list of frames into its frames, without looking into them.
///
/// # Errors
/// When a length is 0, above [`MAX_FRAME_LEN`] or beyond the end of the body.
pub fn split_frames(body: &[u8]) -> Result<Vec<&[u8]>, WireError> {
    const WHAT: &str = "list of frames";
    let mut frames = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let Some((head, after)) = rest.split_first_chunk::<4>() else {
            return Err(WireError::new(WHAT, "it ends inside a length"));
        };
        let len = usize::try_from(u32::from_le_bytes(*head)).unwrap_or(usize::MAX);
        if len == 0 || len > MAX_FRAME_LEN {
            return Err(WireError::new(
                WHAT,
                format!("a frame of {len} bytes; at most {MAX_FRAME_LEN}"),
            ));
        }
        let Some((frame, after)) = after.split_at_checked(len) else {
            return Err(WireError::new(
                WHAT,
                format!("it ends inside a frame of {len} bytes"),
            ));
        };
        frames.push(frame);
        rest = after;
    }
    Ok(frames)
}

/// Asks for the frames that hold the wanted chunks of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// The manifest segment in which all of them stand.
    pub segment: SegmentId,
    /// The chunks.
    pub wanted: Vec<ChunkId>,
}

impl FetchRequest {
    /// The body of the request.
    #[must_use]
    pub fn encode(segment: SegmentId, wanted: &[ChunkId]) -> Vec<u8> {
        let mut body = Vec::with_capacity(32 * (wanted.len() + 1));
        body.extend_from_slice(&segment.0);
        wanted.iter().for_each(|id| body.extend_from_slice(&id.0));
        body
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// When it is not 32 × (1 + n) bytes with 1 ≤ n ≤ [`MAX_IDS`].
    pub fn decode(body: &[u8]) -> Result<Self, WireError> {
        let Some((segment, ids)) = body.split_first_chunk::<32>() else {
            return Err(WireError::new("fetch request", "it is shorter than a segment id"));
        };
        let wanted = decode_ids(ids)?;
        if wanted.is_empty() {
            return Err(WireError::new("fetch request", "it wants nothing"));
        }
        Ok(Self {
            segment: SegmentId(*segment),
            wanted,
        })
    }
}

#[cfg(test)]
mod tests;
