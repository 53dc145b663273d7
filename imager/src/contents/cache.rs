//! The last few frames that were decoded, by the chunks in them.

use crate::frame::DecodedFrame;
use protocol::ChunkId;
use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
};

/// Most plain bytes that are kept.
const BYTES_MAX: usize = 32 << 20;

/// Decoded frames, the oldest dropped first.
#[derive(Default)]
pub(super) struct FrameCache {
    frames: HashMap<u64, DecodedFrame>,
    order: VecDeque<u64>,
    places: HashMap<ChunkId, (u64, Range<usize>)>,
    next: u64,
    bytes: usize,
}

impl FrameCache {
    /// The plain bytes of a chunk, if its frame is here.
    pub(super) fn get(&self, id: &ChunkId) -> Option<&[u8]> {
        let (frame, range) = self.places.get(id)?;
        self.frames.get(frame)?.plain().get(range.clone())
    }

    /// Takes a frame in, and drops the oldest for it.
    pub(super) fn put(&mut self, frame: DecodedFrame) {
        let number = self.next;
        self.next += 1;
        let mut start = 0;
        for (id, bytes) in frame.iter() {
            self.places.insert(id, (number, start..start + bytes.len()));
            start += bytes.len();
        }
        self.bytes += start;
        self.frames.insert(number, frame);
        self.order.push_back(number);
        while self.bytes > BYTES_MAX && self.order.len() > 1 {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.order.pop_front() else {
            return;
        };
        let Some(frame) = self.frames.remove(&oldest) else {
            return;
        };
        self.bytes -= frame.plain().len();
        for (id, _) in frame.iter() {
            // A newer frame may hold the same chunk.
            if self.places.get(&id).is_some_and(|(number, _)| *number == oldest) {
                self.places.remove(&id);
            }
        }
    }
}
