//! The buffers of a capture: a fixed number of them, given out and taken back, and frames that are made of their bytes.

use crate::{aligned::AlignedBuffer, frame};
use crossbeam_channel::{Receiver, Sender, bounded};
use protocol::ChunkId;
use std::{ops::Range, sync::Arc};

/// A fixed number of buffers.
pub(super) struct Arena {
    empty: Receiver<AlignedBuffer>,
    back: Sender<AlignedBuffer>,
}

impl Arena {
    /// So many buffers, each empty until it is first used.
    pub(super) fn new(count: usize) -> Self {
        let (back, empty) = bounded(count);
        for _ in 0..count {
            // There is room for every one of them.
            let _ = back.send(AlignedBuffer::default());
        }
        Self { empty, back }
    }

    /// A buffer, as soon as there is one. What is in it is of no meaning.
    pub(super) fn lease(&self) -> Lease {
        Lease {
            // We hold a sender ourselves, so the channel is never closed.
            buffer: self.empty.recv().unwrap_or_default(),
            back: self.back.clone(),
        }
    }
}

/// A buffer of an arena; it goes back when it is dropped.
pub(super) struct Lease {
    buffer: AlignedBuffer,
    back: Sender<AlignedBuffer>,
}

impl Lease {
    /// At least so many bytes, to be overwritten.
    pub(super) fn at_least(&mut self, length: usize) -> &mut [u8] {
        self.buffer.at_least(length)
    }

    /// All of its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.bytes()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // There is always room: it came from there. Nobody may be left to take it.
        let _ = self.back.try_send(std::mem::take(&mut self.buffer));
    }
}

/// Chunks to be encoded together. As long as they follow each other in one buffer they stay there, uncopied.
#[derive(Default)]
pub(super) struct Content {
    chunks: Vec<(ChunkId, u32)>,
    run: Option<(Arc<Lease>, Range<usize>)>,
    copied: Vec<u8>,
}

impl Content {
    /// Whether another chunk of this length fits.
    pub(super) fn has_room(&self, length: usize) -> bool {
        self.bytes().len() + length <= frame::MAX_PLAIN_LEN && self.chunks.len() < frame::MAX_CHUNKS
    }

    /// Adds a chunk.
    pub(super) fn push(&mut self, id: ChunkId, buffer: &Arc<Lease>, range: Range<usize>) {
        self.chunks
            .push((id, u32::try_from(range.len()).unwrap_or(u32::MAX)));
        match &mut self.run {
            Some((lease, run)) if Arc::ptr_eq(lease, buffer) && run.end == range.start => {
                run.end = range.end;
            }
            None if self.copied.is_empty() => self.run = Some((Arc::clone(buffer), range)),
            _ => {
                self.keep();
                self.copied.extend_from_slice(&buffer.bytes()[range]);
            }
        }
    }

    /// Copies what is in a buffer, so that the buffer can go back.
    pub(super) fn keep(&mut self) {
        if let Some((lease, run)) = self.run.take() {
            if self.copied.capacity() == 0 {
                self.copied.reserve_exact(frame::MAX_PLAIN_LEN);
            }
            self.copied.extend_from_slice(&lease.bytes()[run]);
        }
    }

    /// The chunks with their lengths.
    pub(super) fn chunks(&self) -> &[(ChunkId, u32)] {
        &self.chunks
    }

    /// Their bytes, one behind the other.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.run {
            Some((lease, run)) => &lease.bytes()[run.clone()],
            None => &self.copied,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_buffer_goes_back_when_the_last_frame_of_it_is_gone() {
        let arena = Arena::new(1);
        let mut lease = arena.lease();
        lease.at_least(10).copy_from_slice(b"0123456789");
        let lease = Arc::new(lease);
        let mut content = Content::default();
        content.push(ChunkId([0; 32]), &lease, 2..5);
        drop(lease);
        assert!(arena.empty.is_empty());
        content.keep();
        assert_eq!(arena.empty.len(), 1);
        assert_eq!(content.bytes(), b"234");
    }

    proptest! {
        #[test]
        fn the_bytes_are_those_of_the_chunks_in_their_order(
            units in prop::collection::vec(prop::collection::vec((0usize..200, 1usize..50), 0..8), 0..5),
        ) {
            let arena = Arena::new(2);
            let mut content = Content::default();
            let mut expected = Vec::new();
            for (number, unit) in units.iter().enumerate() {
                let mut lease = arena.lease();
                for (at, byte) in lease.at_least(250).iter_mut().enumerate() {
                    *byte = u8::try_from((at * 7 + number * 13) % 256).unwrap();
                }
                let lease = Arc::new(lease);
                for (start, length) in unit {
                    content.push(ChunkId([0; 32]), &lease, *start..start + length);
                    expected.extend_from_slice(&lease.bytes()[*start..start + length]);
                }
                content.keep();
            }
            prop_assert_eq!(content.bytes(), expected.as_slice());
            prop_assert_eq!(content.chunks().iter().map(|(_, length)| *length as usize).sum::<usize>(), expected.len());
        }
    }
}
