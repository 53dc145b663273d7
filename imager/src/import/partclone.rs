//! Images of partclone, format 2 (partclone 0.3.0 and later). Integers in the byte order of the machine that wrote them.
//!
//! | offset | size | meaning |
//! | --- | --- | --- |
//! | 0 | 16 | `partclone-image`, zero |
//! | 16 | 14 | version of partclone |
//! | 30 | 4 | format, `0002` |
//! | 34 | 2 | 0xC0DE in the writer's byte order |
//! | 36 | 16 | filesystem |
//! | 52 | 8 | bytes of the device |
//! | 60 | 8 | blocks N |
//! | 68 | 8 | used blocks by the superblock; 76: by the bitmap |
//! | 84 | 4 | bytes of a block B |
//! | 88 | 4 | bytes of this part; 92: 2 format again, 94: 2 bits of the machine |
//! | 96 | 2 | checksum: 0 none, 0x20 CRC-32, 0x30 XXH64; 98: 2 its bytes C |
//! | 100 | 4 | blocks per checksum S; 104: 1 begun anew each time; 105: 1 bits per block in the bitmap |
//! | 106 | 4 | CRC-32 of all before |
//! | 110 | ⌈N/8⌉ | bitmap, low bit first; then its CRC-32 |
//! | … | S·B + C | used blocks in order, a checksum behind every S of them and behind the last |
//!
//! CRC-32 here is without the final inversion. Source: partclone `IMAGE_FORMATS.md`, `src/checksum.c`, `src/checksum.h`.

use super::checksum::{Checksum, crc32};
use crate::{
    error::{Error, ErrorKind, Result},
    filesystem::{Ranges, RangesBuilder},
};
use std::io::Read;

const HEADER_BYTES: usize = 110;
const MAGIC: &[u8] = b"partclone-image";
/// Largest bitmap: 2^35 blocks, 128 TiB of 4 KiB.
const BITMAP_BYTES_MAX: u64 = 1 << 32;
const BLOCK_BYTES_MAX: u32 = 16 << 20;
/// Longest run of blocks between two checksums that is believed.
const STRIP_BYTES_MAX: u64 = 1 << 30;
const PIECE_BYTES: usize = 1 << 20;

/// What an image says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub filesystem: String,
    pub device_bytes: u64,
    pub block_count: u64,
    pub block_bytes: u32,
    checksum: Checksum,
    strip_blocks: u64,
    begun_anew: bool,
    bits_per_block: u8,
}

/// Whether a stream begins like an image of any format.
pub(super) fn is_image(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// Reads an image and gives its used blocks, with their place on the partition, to `write`. Every checksum is checked before
/// the bytes it covers are called right; whoever writes keeps nothing of an image that ends in an error.
///
/// # Errors
/// [`ErrorKind::Version`] for another format, [`ErrorKind::Damaged`], or what `write` returns.
pub(super) fn read_image(
    stream: &mut dyn Read,
    write: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
) -> Result<(Header, Ranges)> {
    let mut head = [0; HEADER_BYTES];
    fill(stream, &mut head[..36], "its header")?;
    if !is_image(&head) {
        return Err(damaged("it is no partclone image"));
    }
    if &head[30..34] != b"0002" {
        return Err(Error::new(
            ErrorKind::Version,
            format!(
                "a partclone image of format {}; format 0002 is read",
                String::from_utf8_lossy(&head[30..34]).escape_default()
            ),
        )
        .with_remedy("put it on a disk with partclone.restore, then capture that"));
    }
    fill(stream, &mut head[36..], "its header")?;
    let header = Header::parse(&head)?;
    let present = read_bitmap(stream, &header)?;
    let mut blocks = Blocks {
        stream,
        header: &header,
        running: header.checksum.begin(),
        in_strip: 0,
        buffer: vec![0; PIECE_BYTES.max(header.block_bytes as usize)],
    };
    let mut builder = RangesBuilder::default();
    let mut run = 0..0;
    for block in 0..header.block_count {
        let byte = present[usize::try_from(block / 8).unwrap_or(usize::MAX)];
        if byte >> (block % 8) & 1 == 0 {
            continue;
        }
        if run.end != block {
            blocks.copy(run.clone(), write, &mut builder)?;
            run = block..block;
        }
        run.end = block + 1;
    }
    blocks.copy(run, write, &mut builder)?;
    blocks.finish()?;
    Ok((header, builder.finish()))
}

impl Header {
    fn parse(head: &[u8; HEADER_BYTES]) -> Result<Self> {
        let big = match [head[34], head[35]] {
            [0xDE, 0xC0] => false,
            [0xC0, 0xDE] => true,
            _ => return Err(damaged("its byte order is none")),
        };
        let number = |at: usize, size: usize| -> u64 {
            let bytes = head[at..at + size].iter();
            let join = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
            if big {
                bytes.fold(0, join)
            } else {
                bytes.rev().fold(0, join)
            }
        };
        if number(106, 4) != u64::from(crc32(&head[..106])) {
            return Err(damaged("the checksum of its header is wrong"));
        }
        let checksum = Checksum::from_mode(number(96, 2), number(98, 2)).ok_or_else(|| {
            Error::new(
                ErrorKind::Version,
                format!("a partclone image with checksums of kind {:#x}", number(96, 2)),
            )
            .with_remedy("put it on a disk with partclone.restore, then capture that")
        })?;
        let end = head[36..52].iter().position(|byte| *byte == 0).unwrap_or(16);
        let header = Self {
            filesystem: String::from_utf8_lossy(&head[36..36 + end])
                .escape_default()
                .to_string(),
            device_bytes: number(52, 8),
            block_count: number(60, 8),
            block_bytes: u32::try_from(number(84, 4)).unwrap_or(u32::MAX),
            checksum,
            strip_blocks: number(100, 4),
            begun_anew: head[104] != 0,
            bits_per_block: head[105],
        };
        let total = header.block_count.checked_mul(u64::from(header.block_bytes));
        if header.block_bytes == 0
            || header.block_bytes > BLOCK_BYTES_MAX
            || header.block_count == 0
            || header.block_count.div_ceil(8) > BITMAP_BYTES_MAX
            || total.is_none_or(|total| total > i64::MAX.unsigned_abs())
            || header.device_bytes > i64::MAX.unsigned_abs()
        {
            return Err(damaged("its sizes are absurd"));
        }
        if header.bits_per_block != 1 {
            return Err(damaged("its bitmap has another form than one bit per block"));
        }
        let strip = header.strip_blocks.saturating_mul(u64::from(header.block_bytes));
        let kept_whole = header.checksum == Checksum::Xxh64;
        let strip_max = if kept_whole {
            STRIP_BYTES_MAX >> 4
        } else {
            STRIP_BYTES_MAX
        };
        if header.checksum != Checksum::None
            && (!(1..=strip_max).contains(&strip) || kept_whole && !header.begun_anew)
        {
            return Err(damaged("its checksums are absurdly far apart"));
        }
        Ok(header)
    }

    /// Bytes that the partition has at least.
    pub(super) fn partition_bytes(&self) -> u64 {
        self.device_bytes
            .max(self.block_count * u64::from(self.block_bytes))
    }
}

/// The bitmap; grown as it comes, so that a short image cannot ask for much memory.
fn read_bitmap(stream: &mut dyn Read, header: &Header) -> Result<Vec<u8>> {
    let length = header.block_count.div_ceil(8);
    let mut bitmap = Vec::new();
    stream
        .take(length)
        .read_to_end(&mut bitmap)
        .map_err(|error| Error::caused(ErrorKind::Read, "reading the image", error))?;
    if bitmap.len() as u64 != length {
        return Err(damaged("it is cut off in its bitmap"));
    }
    let mut stored = [0; 4];
    fill(stream, &mut stored, "its bitmap")?;
    let sum = crc32(&bitmap);
    if stored != sum.to_le_bytes() && stored != sum.to_be_bytes() {
        return Err(damaged("the checksum of its bitmap is wrong"));
    }
    Ok(bitmap)
}

struct Blocks<'a> {
    stream: &'a mut dyn Read,
    header: &'a Header,
    running: super::checksum::Running,
    in_strip: u64,
    buffer: Vec<u8>,
}

impl Blocks<'_> {
    /// Copies a run of blocks to its place.
    fn copy(
        &mut self,
        run: std::ops::Range<u64>,
        write: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
        builder: &mut RangesBuilder,
    ) -> Result<()> {
        let block_bytes = u64::from(self.header.block_bytes);
        let mut block = run.start;
        while block < run.end {
            let mut count = (run.end - block).min((self.buffer.len() as u64 / block_bytes).max(1));
            if self.header.checksum != Checksum::None {
                count = count.min(self.header.strip_blocks - self.in_strip);
            }
            let length = usize::try_from(count * block_bytes).unwrap_or(0);
            let bytes = &mut self.buffer[..length];
            fill(self.stream, bytes, "its blocks")?;
            self.running.update(bytes);
            write(block * block_bytes, bytes)?;
            builder.push(block * block_bytes..(block + count) * block_bytes);
            block += count;
            self.in_strip += count;
            if self.in_strip == self.header.strip_blocks {
                self.check_strip()?;
            }
        }
        Ok(())
    }

    fn check_strip(&mut self) -> Result<()> {
        self.in_strip = 0;
        let size = self.header.checksum.bytes();
        if size == 0 {
            return Ok(());
        }
        let mut stored = [0; 8];
        fill(self.stream, &mut stored[..size], "a checksum")?;
        if !self.running.matches(&stored[..size]) {
            return Err(damaged("a checksum of its blocks is wrong"));
        }
        if self.header.begun_anew {
            self.running = self.header.checksum.begin();
        }
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        if self.in_strip > 0 {
            self.check_strip()?;
        }
        Ok(())
    }
}

fn fill(stream: &mut dyn Read, buffer: &mut [u8], what: &str) -> Result<()> {
    stream.read_exact(buffer).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged(&format!("it is cut off in {what}")),
        _ => Error::caused(ErrorKind::Read, "reading the image", error),
    })
}

fn damaged(why: &str) -> Error {
    Error::new(ErrorKind::Damaged, format!("the image is damaged: {why}"))
        .with_remedy("fetch it again from where it was kept; nothing of it was taken over")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An image as partclone writes it, of blocks of 16 bytes.
    fn image(mode: u16, size: u16, present: &[bool], begun_anew: bool) -> Vec<u8> {
        let mut head = vec![0u8; 106];
        head[..15].copy_from_slice(MAGIC);
        head[30..34].copy_from_slice(b"0002");
        head[34..36].copy_from_slice(&[0xDE, 0xC0]);
        head[36..41].copy_from_slice(b"EXTFS");
        head[52..60].copy_from_slice(&(present.len() as u64 * 16).to_le_bytes());
        head[60..68].copy_from_slice(&(present.len() as u64).to_le_bytes());
        head[84..88].copy_from_slice(&16u32.to_le_bytes());
        head[96..98].copy_from_slice(&mode.to_le_bytes());
        head[98..100].copy_from_slice(&size.to_le_bytes());
        head[100..104].copy_from_slice(&3u32.to_le_bytes());
        head[104] = u8::from(begun_anew);
        head[105] = 1;
        let mut bytes = head.clone();
        bytes.extend(crc32(&head).to_le_bytes());
        let mut bitmap = vec![0u8; present.len().div_ceil(8)];
        for (block, _) in present.iter().enumerate().filter(|(_, there)| **there) {
            bitmap[block / 8] |= 1 << (block % 8);
        }
        bytes.extend(&bitmap);
        bytes.extend(crc32(&bitmap).to_le_bytes());
        let (mut strip, mut count) = (Vec::new(), 0);
        let close = |strip: &mut Vec<u8>, bytes: &mut Vec<u8>| {
            match mode {
                0x20 => bytes.extend(crc32(strip).to_le_bytes()),
                0x30 => bytes.extend(super::super::checksum::xxh64(strip).to_le_bytes()),
                _ => {}
            }
            if begun_anew {
                strip.clear();
            }
        };
        for (block, _) in present.iter().enumerate().filter(|(_, there)| **there) {
            let data = [u8::try_from(block % 251).unwrap() + 1; 16];
            bytes.extend(data);
            strip.extend(data);
            count += 1;
            if count % 3 == 0 {
                close(&mut strip, &mut bytes);
            }
        }
        if count % 3 != 0 {
            close(&mut strip, &mut bytes);
        }
        bytes
    }

    fn restore(bytes: &[u8]) -> Result<Vec<u8>> {
        let mut disk = vec![0; 4096];
        read_image(&mut &*bytes, &mut |at, piece| {
            let at = usize::try_from(at).unwrap();
            disk[at..at + piece.len()].copy_from_slice(piece);
            Ok(())
        })?;
        Ok(disk)
    }

    #[test]
    fn every_form_of_checksum_is_read_and_a_wrong_one_is_found() {
        let present: Vec<bool> = (0..100).map(|block| block % 7 < 4).collect();
        for (mode, size, begun_anew) in [(0, 0, false), (0x20, 4, true), (0x20, 4, false), (0x30, 8, true)] {
            let mut bytes = image(mode, size, &present, begun_anew);
            let disk = restore(&bytes).unwrap();
            for (block, there) in present.iter().enumerate() {
                let wanted = if *there {
                    u8::try_from(block % 251).unwrap() + 1
                } else {
                    0
                };
                assert!(disk[block * 16..][..16].iter().all(|byte| *byte == wanted));
            }
            if mode != 0 {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 4;
                assert_eq!(restore(&bytes).unwrap_err().kind(), ErrorKind::Damaged);
            }
        }
    }

    #[test]
    fn an_image_cut_off_anywhere_is_damaged() {
        let bytes = image(0x20, 4, &[true; 30], true);
        for length in 0..bytes.len() {
            assert_eq!(
                restore(&bytes[..length]).unwrap_err().kind(),
                ErrorKind::Damaged,
                "{length}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(
            place in 0usize..400, value in any::<u8>(), wide in any::<[u8; 8]>(), tail in 0usize..400,
        ) {
            let mut bytes = image(0x20, 4, &[true; 50], true);
            bytes.truncate(bytes.len() - tail.min(bytes.len()));
            if let Some(byte) = bytes.get_mut(place) {
                *byte = value;
            }
            if bytes.len() > 110 {
                // A header whose checksum is right, with any sizes.
                bytes[60..68].copy_from_slice(&wide);
                let sum = crc32(&bytes[..106]).to_le_bytes();
                bytes[106..110].copy_from_slice(&sum);
            }
            let mut total = 0u64;
            let _ = read_image(&mut &*bytes, &mut |_, piece| { total += piece.len() as u64; Ok(()) });
            prop_assert!(total <= bytes.len() as u64);
        }
    }
}
