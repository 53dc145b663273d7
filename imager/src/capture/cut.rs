//! Where to cut what has no files to cut at: raw, encrypted and unknown regions.
//!
//! Cuts fall on 4 KiB borders only, because what moves on a disk moves by whole blocks. Before each block its own checksum
//! decides: CRC-32 (IEEE 802.3) of the 4096 bytes, and a cut if its low bits are zero. 6 bits while the chunk is short
//! and 3 once it is long ("normalised" chunking) keep lengths near the middle.
//!
//! | | blocks | bytes |
//! | --- | --- | --- |
//! | shortest chunk | 8 | 32 KiB |
//! | the mask is strict up to | 32 | 128 KiB |
//! | longest chunk | 128 | 512 KiB |
//!
//! Blocks of zeros are no content: every run of them is cut out, whatever surrounds it. The cut points are part of what a
//! store relies on to find content again: change them and everything is new once. A golden test holds them.

use std::ops::Range;

/// The block whose borders cuts fall on.
pub const BLOCK: usize = 4096;

const MIN_BLOCKS: usize = 8;
const NORMAL_BLOCKS: usize = 32;
const MAX_BLOCKS: usize = 128;
const STRICT_MASK: u32 = (1 << 6) - 1;
const LOOSE_MASK: u32 = (1 << 3) - 1;
/// Shorter runs of zeros stay inside their chunk: an entry of its own would cost more than it saves.
const ZERO_RUN_MIN: usize = 4;

/// A piece of a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes that make one chunk.
    Chunk(Range<usize>),
    /// Nothing but zeros.
    Zeros(Range<usize>),
}

/// Cuts a buffer by its content.
#[must_use]
pub fn cut(bytes: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut position = 0;
    while position < bytes.len() {
        let zeros = zero_blocks(&bytes[position..]);
        if zeros >= ZERO_RUN_MIN || zeros > 0 && position + zeros * BLOCK >= bytes.len() {
            if start < position {
                pieces.push(Piece::Chunk(start..position));
            }
            let end = (position + zeros * BLOCK).min(bytes.len());
            pieces.push(Piece::Zeros(position..end));
            (start, position) = (end, end);
            continue;
        }
        let length = (position - start) / BLOCK;
        let block = &bytes[position..bytes.len().min(position + BLOCK)];
        let cuts = length >= MAX_BLOCKS
            || length >= MIN_BLOCKS && {
                let mask = if length < NORMAL_BLOCKS {
                    STRICT_MASK
                } else {
                    LOOSE_MASK
                };
                crc32fast::hash(block) & mask == 0
            };
        if cuts {
            pieces.push(Piece::Chunk(start..position));
            start = position;
        }
        position += block.len();
    }
    if start < bytes.len() {
        pieces.push(Piece::Chunk(start..bytes.len()));
    }
    pieces
}

/// Whether there is nothing but zeros.
#[must_use]
pub fn is_zero(bytes: &[u8]) -> bool {
    // One look decides for nearly all data; the rest is compared in strides that vectorise.
    bytes.first().is_none_or(|byte| *byte == 0)
        && bytes
            .chunks(256)
            .all(|stride| stride.iter().fold(0, |seen, byte| seen | byte) == 0)
}

/// How many blocks of zeros the bytes begin with; the last one may be short.
fn zero_blocks(bytes: &[u8]) -> usize {
    bytes.chunks(BLOCK).take_while(|block| is_zero(block)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new()
            .update(&seed.to_le_bytes())
            .finalize_xof()
            .fill(&mut bytes);
        bytes
    }

    fn chunks(bytes: &[u8]) -> Vec<Vec<u8>> {
        cut(bytes)
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Chunk(range) => Some(bytes[range].to_vec()),
                Piece::Zeros(_) => None,
            })
            .collect()
    }

    #[test]
    fn the_cut_points_are_what_they_always_were() {
        let bytes = noise(1, 2 << 20);
        let ends: Vec<usize> = cut(&bytes)
            .into_iter()
            .map(|piece| match piece {
                Piece::Chunk(range) | Piece::Zeros(range) => range.end / BLOCK,
            })
            .collect();
        assert_eq!(ends, GOLDEN);
    }

    const GOLDEN: &[usize] = &[
        35, 59, 91, 124, 139, 172, 207, 231, 293, 310, 326, 360, 395, 460, 469, 506, 512,
    ];

    #[test]
    fn content_that_moved_by_blocks_is_cut_the_same() {
        let content = noise(2, 4 << 20);
        let mut moved = noise(3, 5 * BLOCK);
        moved.extend_from_slice(&content);
        let (before, after) = (chunks(&content), chunks(&moved));
        let found = before.iter().filter(|chunk| after.contains(chunk)).count();
        assert!(found * 10 > before.len() * 9, "{found} of {}", before.len());
    }

    proptest! {
        #[test]
        fn pieces_follow_each_other_and_tell_the_truth(
            parts in prop::collection::vec((any::<bool>(), any::<u64>(), 1usize..300_000), 0..6),
        ) {
            let bytes: Vec<u8> =
                parts.iter().flat_map(|(zero, seed, length)| if *zero { vec![0; *length] } else { noise(*seed, *length) }).collect();
            let mut next = 0;
            for piece in cut(&bytes) {
                let range = match piece {
                    Piece::Chunk(range) => {
                        prop_assert!(range.len() <= MAX_BLOCKS * BLOCK);
                        range
                    }
                    Piece::Zeros(range) => {
                        prop_assert!(bytes[range.clone()].iter().all(|byte| *byte == 0));
                        range
                    }
                };
                prop_assert_eq!(range.start, next);
                prop_assert!(range.end > range.start);
                next = range.end;
            }
            prop_assert_eq!(next, bytes.len());
        }

        #[test]
        fn zero_is_zero(bytes in prop::collection::vec(prop_oneof![20 => Just(0u8), 1 => any::<u8>()], 0..2000)) {
            prop_assert_eq!(is_zero(&bytes), bytes.iter().all(|byte| *byte == 0));
        }
    }
}
