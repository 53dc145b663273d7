//! The answer to a fetch, read as it comes: pieces of any length in, frames out. Byte table: [the wire module](super).

use super::{MAX_FRAME_LEN, WireError};
use bytes::{Buf, Bytes, BytesMut};
use protocol::Problem;

/// Ends a complete answer.
pub const END: [u8; 4] = [0; 4];
/// Stands before the problem document of an answer that breaks off.
pub const BROKEN: [u8; 4] = [0xff; 4];
/// Longest problem document in a stream.
pub const MAX_PROBLEM_LEN: usize = 64 << 10;

const WHAT: &str = "stream of frames";

/// What the next bytes of the stream say.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// An encoded frame, not yet looked into.
    Frame(Bytes),
    /// The answer is complete.
    End,
    /// The server could not go on.
    Broken(Problem),
}

/// Reads a stream piece by piece. Holds at most one frame and one piece.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: BytesMut,
    ended: bool,
}

impl Reader {
    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next item, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// When a length is beyond its limit, a problem document does not parse, or bytes follow the end.
    pub fn next_item(&mut self) -> Result<Option<Item>, WireError> {
        if self.ended {
            return match self.buffer.is_empty() {
                true => Ok(None),
                false => Err(WireError::new(WHAT, "bytes follow its end")),
            };
        }
        let Some(head) = self.buffer.first_chunk::<4>().copied() else {
            return Ok(None);
        };
        match head {
            END => {
                self.buffer.advance(4);
                self.ended = true;
                Ok(Some(Item::End))
            }
            BROKEN => self.problem(),
            _ => {
                let len = usize::try_from(u32::from_le_bytes(head)).unwrap_or(usize::MAX);
                if len > MAX_FRAME_LEN {
                    return Err(WireError::new(
                        WHAT,
                        format!("a frame of {len} bytes; at most {MAX_FRAME_LEN}"),
                    ));
                }
                Ok(self.take(4, len).map(Item::Frame))
            }
        }
    }

    fn problem(&mut self) -> Result<Option<Item>, WireError> {
        let Some((_, rest)) = self.buffer.split_at_checked(4) else {
            return Ok(None);
        };
        let Some(len) = rest.first_chunk::<4>() else {
            return Ok(None);
        };
        let len = usize::try_from(u32::from_le_bytes(*len)).unwrap_or(usize::MAX);
        if len > MAX_PROBLEM_LEN {
            return Err(WireError::new(
                WHAT,
                format!("a problem document of {len} bytes; at most {MAX_PROBLEM_LEN}"),
            ));
        }
        let Some(document) = self.take(8, len) else {
            return Ok(None);
        };
        self.ended = true;
        let problem = serde_json::from_slice(&document).map_err(|error| {
            WireError::new(
                WHAT,
                format!("it breaks off with a problem that does not parse: {error}"),
            )
        })?;
        Ok(Some(Item::Broken(problem)))
    }

    /// Takes `len` bytes after a head of `head_len`, once they are all there.
    fn take(&mut self, head_len: usize, len: usize) -> Option<Bytes> {
        let whole = head_len.checked_add(len)?;
        if self.buffer.len() < whole {
            self.buffer.reserve(whole - self.buffer.len());
            return None;
        }
        self.buffer.advance(head_len);
        Some(self.buffer.split_to(len).freeze())
    }
}

/// The bytes that end a stream which cannot go on.
#[must_use]
pub fn broken(problem: &Problem) -> Vec<u8> {
    let mut document = serde_json::to_vec(problem).unwrap_or_default();
    if document.len() > MAX_PROBLEM_LEN {
        document = serde_json::to_vec(&Problem::new(problem.code.clone(), "", "")).unwrap_or_default();
    }
    let len = u32::try_from(document.len()).unwrap_or(0);
    [&BROKEN[..], &len.to_le_bytes(), &document].concat()
}
