//! Files that NTFS compresses: LZNT1, unit by unit.
//!
//! ```text
//! A unit is 2^n clusters of the file. All of its clusters allocated: plain. None: zeros. Some: compressed, in these.
//! A compressed unit is a row of blocks, each 4096 plain bytes:
//!   u16: bits 0-11 bytes that follow, less one · bits 12-14 = 3 · bit 15 compressed; 0 ends the row
//!   compressed: a byte of flags, low bit first, then for each bit: 0 a byte as it is, 1 a u16 that copies
//!     the more plain bytes the block has, the more of the u16 is distance: 4 bits up to 16 bytes, one more per doubling
//!     distance = upper bits + 1, length = lower bits + 3
//! ```
//! Source: ntfs-3g `libntfs-3g/compress.c`, Microsoft MS-XCA section 2.5.

use super::{Boot, record::ClusterRun, table::Stream};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::tree::damaged,
    store::folder::lock,
};
use std::sync::Mutex;

const BLOCK_BYTES: usize = 4096;
/// Longest unit that is believed; Windows makes them of 64 KiB.
const UNIT_BYTES_MAX: u64 = 1 << 20;

/// A compressed file; remembers the last unit it unpacked.
pub(super) struct CompressedFile<'a> {
    disk: &'a dyn ReadAt,
    place: u64,
    cluster_bytes: u64,
    unit_clusters: u64,
    runs: Vec<ClusterRun>,
    length: u64,
    initialized: u64,
    last: Mutex<Option<(u64, Vec<u8>)>>,
}

impl<'a> CompressedFile<'a> {
    /// The file of a compressed attribute on the partition that begins at `place`.
    pub(super) fn new(
        disk: &'a dyn ReadAt,
        place: u64,
        boot: &Boot,
        stream: Stream,
    ) -> std::result::Result<Self, String> {
        let unit = stream.unit_clusters.checked_mul(boot.cluster_bytes);
        if unit.is_none_or(|unit| unit == 0 || unit > UNIT_BYTES_MAX) {
            return Err("a compressed file with absurd units".into());
        }
        Ok(Self {
            disk,
            place,
            cluster_bytes: boot.cluster_bytes,
            unit_clusters: stream.unit_clusters,
            runs: stream.runs,
            length: stream.length_bytes,
            initialized: stream.initialized_bytes,
            last: Mutex::new(None),
        })
    }

    fn unit_bytes(&self) -> u64 {
        self.unit_clusters * self.cluster_bytes
    }

    /// The plain bytes of a unit.
    fn read_unit(&self, unit: u64) -> Result<Vec<u8>> {
        let clusters = unit * self.unit_clusters..(unit + 1) * self.unit_clusters;
        let length = usize::try_from(self.unit_bytes()).unwrap_or(0);
        let mut stored = Vec::new();
        let first = self
            .runs
            .partition_point(|run| run.logical.saturating_add(run.count) <= clusters.start);
        for run in self.runs[first..]
            .iter()
            .take_while(|run| run.logical < clusters.end)
        {
            let from = run.logical.max(clusters.start);
            let to = run.logical.saturating_add(run.count).min(clusters.end);
            let bytes = usize::try_from(to.saturating_sub(from) * self.cluster_bytes).unwrap_or(0);
            if stored.len() + bytes > length {
                return Err(damaged("a unit in more pieces than it has clusters"));
            }
            let start = stored.len();
            stored.resize(start + bytes, 0);
            let physical = self.place + (run.physical + (from - run.logical)) * self.cluster_bytes;
            self.disk.read_exact_at(&mut stored[start..], physical)?;
        }
        if stored.is_empty() {
            return Ok(vec![0; length]);
        }
        if stored.len() == length {
            return Ok(stored);
        }
        unpack(&stored, length).map_err(damaged)
    }
}

impl ReadAt for CompressedFile<'_> {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let end = offset
            .checked_add(buffer.len() as u64)
            .filter(|end| *end <= self.length)
            .ok_or_else(|| Error::new(ErrorKind::Read, "a read behind the end of a file"))?;
        buffer.fill(0);
        let written = end.min(self.initialized);
        let mut at = offset;
        while at < written {
            let unit = at / self.unit_bytes();
            let inside = at - unit * self.unit_bytes();
            let length = (self.unit_bytes() - inside).min(written - at);
            let mut last = lock(&self.last);
            let plain = match last.take() {
                Some((own, plain)) if own == unit => plain,
                _ => self.read_unit(unit)?,
            };
            let index = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
            buffer[index(at - offset)..index(at - offset + length)]
                .copy_from_slice(&plain[index(inside)..index(inside + length)]);
            *last = Some((unit, plain));
            at += length;
        }
        Ok(())
    }
}

/// Unpacks a unit into exactly `length` bytes; what the blocks do not fill is zero.
fn unpack(mut packed: &[u8], length: usize) -> std::result::Result<Vec<u8>, String> {
    let mut plain: Vec<u8> = Vec::with_capacity(length);
    while plain.len() < length && packed.len() >= 2 {
        let header = usize::from(u16::from_le_bytes([packed[0], packed[1]]));
        if header == 0 {
            break;
        }
        let size = (header & 0xFFF) + 1;
        let block = packed
            .get(2..2 + size)
            .ok_or("a compressed block beyond its unit")?;
        packed = &packed[2 + size..];
        let start = plain.len();
        if header & 0x8000 == 0 {
            plain.extend_from_slice(block);
        } else {
            unpack_block(block, &mut plain)?;
        }
        if plain.len() - start > BLOCK_BYTES {
            return Err("a compressed block with too many bytes".into());
        }
        plain.resize(start + BLOCK_BYTES, 0);
    }
    plain.resize(length, 0);
    Ok(plain)
}

fn unpack_block(block: &[u8], plain: &mut Vec<u8>) -> std::result::Result<(), String> {
    let start = plain.len();
    let mut rest = block;
    while let Some((flags, items)) = rest.split_first() {
        rest = items;
        for bit in 0..8 {
            if rest.is_empty() {
                break;
            }
            if flags >> bit & 1 == 0 {
                plain.push(rest[0]);
                rest = &rest[1..];
            } else {
                let token = match rest {
                    [low, high, ..] => usize::from(u16::from_le_bytes([*low, *high])),
                    _ => return Err("a compressed block ends in a copy".into()),
                };
                rest = &rest[2..];
                let done = plain.len() - start;
                let distance_bits = done
                    .saturating_sub(1)
                    .checked_ilog2()
                    .map_or(4, |log| (log + 1).max(4));
                let length_bits = 16 - distance_bits.min(12);
                let distance = (token >> length_bits) + 1;
                let length = (token & ((1 << length_bits) - 1)) + 3;
                if distance > done || done + length > BLOCK_BYTES {
                    return Err("a copy from outside its block".into());
                }
                for _ in 0..length {
                    plain.push(plain[plain.len() - distance]);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_the_specification_unpacks() {
        // MS-XCA 3.3: "F# F# G A A G F# E D D E F# F# E E …" packed.
        let packed = [
            0x38, 0xb0, 0x88, 0x46, 0x23, 0x20, 0x00, 0x20, 0x47, 0x20, 0x41, 0x00, 0x10, 0xa2, 0x47, 0x01,
            0xa0, 0x45, 0x20, 0x44, 0x00, 0x08, 0x45, 0x01, 0x50, 0x79, 0x00, 0xc0, 0x45, 0x20, 0x05, 0x24,
            0x13, 0x88, 0x05, 0xb4, 0x02, 0x4a, 0x44, 0xef, 0x03, 0x58, 0x02, 0x8c, 0x09, 0x16, 0x01, 0x48,
            0x45, 0x00, 0xbe, 0x00, 0x9e, 0x00, 0x04, 0x01, 0x18, 0x90, 0x00,
        ];
        let plain = unpack(&packed, 4096).unwrap();
        let text = b"F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G \
                     F# E D E A F# F# G A A G F# E D D E F# E D D\0";
        assert_eq!(&plain[..text.len()], text);
    }

    proptest! {
        #[test]
        fn no_bytes_make_unpacking_panic_or_grow(packed in proptest::collection::vec(any::<u8>(), 0..9000)) {
            if let Ok(plain) = unpack(&packed, 65536) {
                prop_assert_eq!(plain.len(), 65536);
            }
        }
    }
}
