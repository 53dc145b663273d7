//! The answer to a fetch, made while it is sent.

use super::problem::of_store;
use crate::wire::{frame_head, stream};
use bytes::Bytes;
use imager::{
    Error, ErrorKind,
    error::Result,
    exchange::ChunkSource,
    frame::{EncodedFrame, Encoder},
    store::{FrameShare, Store},
};
use protocol::{ChunkId, Problem, manifest::SegmentId};
use std::{collections::HashSet, sync::Arc};

/// zstd level of frames that are made anew for an answer: the fastest ordinary one, because somebody waits.
const NARROWED_LEVEL: i32 = 1;
/// A compressed frame of which less than this many percent are wanted is made anew; above, what travels too much costs
/// less than compressing again.
const WANTED_PERCENT_MIN: u64 = 75;
/// So many frames are looked into to tell what will travel. Of more, all of each is counted: whoever wants that much of a
/// segment wants most of it.
const LOOKED_INTO_MAX: usize = 512;

/// Frames that hold the chunks asked for, checked against the right already, read from the store while they are sent.
pub struct FrameStream {
    store: Arc<Store>,
    segment: SegmentId,
    /// All chunks of the segment: nothing else leaves.
    readable: Arc<HashSet<ChunkId>>,
    wanted: Vec<ChunkId>,
}

/// What became of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Frames handed over.
    pub frames: u64,
    /// Bytes handed over.
    pub bytes: u64,
    /// Why it broke off; the agent was told the same. To be logged.
    pub problem: Option<Problem>,
}

impl FrameStream {
    pub(super) fn new(
        store: Arc<Store>,
        segment: SegmentId,
        readable: Arc<HashSet<ChunkId>>,
        wanted: Vec<ChunkId>,
    ) -> Self {
        Self {
            store,
            segment,
            readable,
            wanted,
        }
    }

    /// How many bytes [`FrameStream::send`] would hand over, about: what a frame that is made anew takes is known only when
    /// it is made.
    ///
    /// # Errors
    /// The store lacks one of the chunks.
    pub fn expected_len(&self) -> Result<u64> {
        let shares = self.store.frame_shares(&self.wanted, LOOKED_INTO_MAX)?;
        let len = |share: &FrameShare| {
            let (frame, plain) = (share.bytes_frame, share.bytes_plain.max(1));
            match share.bytes_wanted * 100 >= plain * WANTED_PERCENT_MIN {
                true => frame,
                // Both are below 2 MiB.
                false => frame.saturating_mul(share.bytes_wanted) / plain,
            }
        };
        Ok(shares.iter().map(|share| 4 + len(share)).sum::<u64>() + stream::END.len() as u64)
    }

    /// Hands the body over piece by piece, one frame each, at most one of them in memory. Blocks on the disk and on `emit`,
    /// which waits while the agent is slow and returns `false` when it is gone.
    pub fn send(self, emit: &mut dyn FnMut(Bytes) -> bool) -> Sent {
        let mut sent = Sent::default();
        let mut gone = false;
        let mut narrowing = None;
        let wanted: HashSet<ChunkId> = self.wanted.iter().copied().collect();
        let result = self.store.fetch(self.segment, &self.wanted, &mut |frame| {
            let frame = narrow(frame, &self.readable, &wanted, &mut narrowing)?;
            let frame = frame.as_bytes();
            let mut piece = Vec::with_capacity(4 + frame.len());
            piece.extend_from_slice(&frame_head(frame.len()));
            piece.extend_from_slice(frame);
            let piece_len = piece.len() as u64;
            if !emit(Bytes::from(piece)) {
                gone = true;
                return Err(Error::new(ErrorKind::Cancelled, "the agent is gone"));
            }
            sent.frames += 1;
            sent.bytes += piece_len;
            Ok(())
        });
        match result {
            Ok(()) => gone = !emit(Bytes::from_static(&stream::END)),
            Err(error) if gone => sent.problem = Some(error.to_problem()),
            Err(error) => {
                let problem = of_store(error);
                gone = !emit(Bytes::from(stream::broken(&problem)));
                sent.problem = Some(problem);
            }
        }
        if gone && sent.problem.is_none() {
            sent.problem = Some(Problem::new(
                "agent-gone",
                "the agent left before the end of the answer",
                "",
            ));
        }
        sent
    }
}

/// A frame with nothing in it that is not for the agent: it may have been made for another master, or hold neighbours
/// that the agent has. Whoever may read one master learns nothing of others, and only what differs travels.
fn narrow(
    frame: EncodedFrame,
    readable: &HashSet<ChunkId>,
    wanted: &HashSet<ChunkId>,
    encoder: &mut Option<Encoder>,
) -> Result<EncodedFrame> {
    let header = frame.header();
    let bytes_wanted: u64 = header
        .chunks
        .iter()
        .filter(|(id, _)| wanted.contains(id))
        .map(|(_, len)| u64::from(*len))
        .sum();
    // What is kept raw is narrowed by copying.
    let percent_min = match header.payload_len == header.plain_len {
        true => 100,
        false => WANTED_PERCENT_MIN,
    };
    if bytes_wanted * 100 >= u64::from(header.plain_len) * percent_min
        && header.chunks.iter().all(|(id, _)| readable.contains(id))
    {
        return Ok(frame);
    }
    let (mut chunks, mut plain) = (Vec::new(), Vec::new());
    for ((id, bytes), (_, len)) in frame.decode()?.iter().zip(frame.chunks()) {
        if wanted.contains(&id) {
            chunks.push((id, *len));
            plain.extend_from_slice(bytes);
        }
    }
    let encoder = match encoder {
        Some(encoder) => encoder,
        None => encoder.insert(Encoder::new(Some(NARROWED_LEVEL))?),
    };
    encoder.encode(&chunks, &plain)
}

impl std::fmt::Debug for FrameStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameStream")
            .field("segment", &self.segment)
            .field("wanted", &self.wanted.len())
            .finish()
    }
}
