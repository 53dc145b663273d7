//! Which chunks are needed, in little memory: a Bloom filter (Bloom, "Space/Time Trade-offs in Hash Coding with Allowable
//! Errors", CACM 1970).
//!
//! A set of ten million ids takes some 285 MB; this takes 40 MB, and never more than 128 MiB. What it forgets is which
//! way it errs: a chunk that is needed is always said to be needed, and about six in a million that are not are taken for
//! needed, too. They stay until the next collection, which errs on others, because every filter has a seed of its own.

use crate::error::{Error, ErrorKind, Result};
use protocol::ChunkId;

/// Bits for each chunk.
const BITS: usize = 32;
/// Of which so many are looked at.
const PROBES: u64 = 8;
/// Fewer make no difference to anybody's memory.
const BYTES_MIN: usize = 64 << 10;
/// Room for 32 million chunks. With more, more garbage is left to the next collection: one chunk in fifty with 128 million.
const BYTES_MAX: usize = 128 << 20;

/// A set of chunks that says yes of each of them, and almost always no of others.
pub(super) struct Filter {
    words: Vec<u64>,
    seed: u64,
}

impl Filter {
    /// An empty set with room for so many chunks.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(super) fn new(chunks: usize) -> Result<Self> {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|error| {
            Error::caused(
                ErrorKind::Io,
                "asking the system for random numbers",
                std::io::Error::other(error),
            )
        })?;
        Ok(Self::with_seed(chunks, u64::from_le_bytes(seed)))
    }

    fn with_seed(chunks: usize, seed: u64) -> Self {
        let bytes = chunks.saturating_mul(BITS / 8).clamp(BYTES_MIN, BYTES_MAX);
        Self {
            words: vec![0; bytes / 8],
            seed,
        }
    }

    /// Adds a chunk.
    pub(super) fn insert(&mut self, id: &ChunkId) {
        for (word, bit) in self.bits(id) {
            self.words[word] |= bit;
        }
    }

    /// Whether a chunk was added, or looks as if.
    pub(super) fn contains(&self, id: &ChunkId) -> bool {
        self.bits(id).all(|(word, bit)| self.words[word] & bit != 0)
    }

    /// The bits that stand for a chunk, as word and bit. Ids are hashes: two halves of one give any number of others
    /// (Kirsch, Mitzenmacher, "Less Hashing, Same Performance", 2008).
    fn bits(&self, id: &ChunkId) -> impl Iterator<Item = (usize, u64)> + use<> {
        let half = |at: usize| u64::from_le_bytes(*id.0[at..].first_chunk().unwrap_or(&[0; 8]));
        // Odd factors lose nothing, and another seed makes others meet.
        let first = (half(0) ^ self.seed).wrapping_mul(self.seed | 1);
        let step = half(8).wrapping_add(self.seed) | 1;
        let count = self.words.len() as u128 * 64;
        (0..PROBES).map(move |number| {
            let hash = first.wrapping_add(step.wrapping_mul(number));
            let bit = u64::try_from((u128::from(hash) * count) >> 64).unwrap_or(0);
            (usize::try_from(bit / 64).unwrap_or(0), 1 << (bit % 64))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> ChunkId {
        ChunkId(*blake3::hash(&number.to_le_bytes()).as_bytes())
    }

    const COUNT: u32 = 100_000;

    fn mistaken(filter: &Filter) -> Vec<u32> {
        (COUNT..5 * COUNT)
            .filter(|number| filter.contains(&id(*number)))
            .collect()
    }

    #[test]
    fn what_was_added_is_there_and_almost_nothing_else() {
        let mut filter = Filter::new(COUNT as usize).unwrap();
        (0..COUNT).for_each(|number| filter.insert(&id(number)));
        assert!((0..COUNT).all(|number| filter.contains(&id(number))));
        // Two or three are expected.
        assert!(mistaken(&filter).len() < 40);
    }

    #[test]
    fn a_filter_that_is_too_full_forgets_nothing_and_another_seed_errs_on_others() {
        let filled = |seed| {
            // A tenth of the room that it needs.
            let mut filter = Filter::with_seed(COUNT as usize / 10, seed);
            (0..COUNT).for_each(|number| filter.insert(&id(number)));
            assert!((0..COUNT).all(|number| filter.contains(&id(number))));
            mistaken(&filter)
        };
        let (one, other) = (filled(1), filled(0x9E37_79B9_7F4A_7C15));
        assert!(!one.is_empty());
        let both = one.iter().filter(|number| other.contains(number)).count();
        assert!(both < one.len() * 9 / 10, "{both} of {} are the same", one.len());
    }

    #[test]
    fn its_memory_is_bounded() {
        assert_eq!(Filter::with_seed(usize::MAX, 1).words.len() * 8, BYTES_MAX);
        assert_eq!(Filter::with_seed(10_000_000, 1).words.len() * 8, 40_000_000);
    }
}
