//! Buffers that a device reads into and writes from past the page cache.

/// What their bytes are aligned to in memory: enough for every sector size and DMA engine.
pub(crate) const ALIGNMENT: usize = 4096;

/// Bytes that begin at an aligned address.
#[derive(Default)]
pub(crate) struct AlignedBuffer {
    bytes: Vec<u8>,
    /// Where the aligned bytes begin.
    start: usize,
}

impl AlignedBuffer {
    /// So many bytes, to be overwritten: an old buffer is not cleared, that would cost as much as reading into it.
    pub(crate) fn at_least(&mut self, length: usize) -> &mut [u8] {
        if self.bytes.len() < length + ALIGNMENT {
            self.bytes = vec![0; length + ALIGNMENT];
        }
        self.start = self.bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        &mut self.bytes[self.start..self.start + length]
    }

    /// All of its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_however_long_they_grow() {
        let mut buffer = AlignedBuffer::default();
        for length in [1, 4096, 100_000, 5 << 20, 17] {
            let bytes = buffer.at_least(length);
            assert_eq!((bytes.len(), bytes.as_ptr().align_offset(ALIGNMENT)), (length, 0));
            bytes.fill(9);
            assert!(buffer.bytes()[..length].iter().all(|byte| *byte == 9));
        }
    }
}
