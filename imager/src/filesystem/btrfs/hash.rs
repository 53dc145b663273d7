//! Checksums of btrfs: the first bytes of every superblock and node, over all bytes behind the field of 32.
//!
//! ```text
//! 0  CRC-32C    4 bytes      2  SHA-256   32 bytes: not read
//! 1  xxHash64   8 bytes      3  BLAKE2b   32 bytes: not read
//! ```
//! xxHash64 after its specification (github.com/Cyan4973/xxHash, doc/xxhash_spec.md), seed 0.

use crate::filesystem::{
    checksum::{agrees, crc32c},
    volume::field,
};

const FIELD_BYTES: usize = 32;

/// How a filesystem's metadata is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checksum {
    Crc32c,
    XxHash64,
}

impl Checksum {
    /// By its number in the superblock.
    pub(super) fn from_number(number: u16) -> Result<Self, String> {
        match number {
            0 => Ok(Self::Crc32c),
            1 => Ok(Self::XxHash64),
            2 => Err("its checksums are SHA-256, which are not read".into()),
            3 => Err("its checksums are BLAKE2b, which are not read".into()),
            other => Err(format!("checksum type {other} is not known")),
        }
    }

    /// Whether a superblock or node has the checksum that it begins with.
    pub(super) fn is_right(self, bytes: &[u8]) -> bool {
        let Some(body) = bytes.get(FIELD_BYTES..) else {
            return false;
        };
        match self {
            Self::Crc32c => agrees(!crc32c(!0, body), field::le32(bytes, 0)),
            Self::XxHash64 => agrees(xxhash64(body), field::le64(bytes, 0)),
        }
    }
}

const PRIMES: [u64; 5] = [
    0x9E37_79B1_85EB_CA87,
    0xC2B2_AE3D_27D4_EB4F,
    0x1656_67B1_9E37_79F9,
    0x85EB_CA77_C2B2_AE63,
    0x27D4_EB2F_1656_67C5,
];

fn xxhash64(bytes: &[u8]) -> u64 {
    let round = |lane: u64, word: u64| {
        lane.wrapping_add(word.wrapping_mul(PRIMES[1]))
            .rotate_left(31)
            .wrapping_mul(PRIMES[0])
    };
    let (stripes, mut rest) = bytes.as_chunks::<32>();
    let mut hash = PRIMES[4];
    if !stripes.is_empty() {
        let mut lanes = [
            PRIMES[0].wrapping_add(PRIMES[1]),
            PRIMES[1],
            0,
            0u64.wrapping_sub(PRIMES[0]),
        ];
        for stripe in stripes {
            for (index, lane) in lanes.iter_mut().enumerate() {
                *lane = round(*lane, field::le64(stripe, 8 * index));
            }
        }
        hash = [1, 7, 12, 18]
            .into_iter()
            .zip(lanes)
            .fold(0u64, |sum, (turn, lane)| sum.wrapping_add(lane.rotate_left(turn)));
        for lane in lanes {
            hash = (hash ^ round(0, lane))
                .wrapping_mul(PRIMES[0])
                .wrapping_add(PRIMES[3]);
        }
    }
    hash = hash.wrapping_add(bytes.len() as u64);
    while rest.len() >= 8 {
        hash = (hash ^ round(0, field::le64(rest, 0)))
            .rotate_left(27)
            .wrapping_mul(PRIMES[0])
            .wrapping_add(PRIMES[3]);
        rest = &rest[8..];
    }
    if rest.len() >= 4 {
        hash = (hash ^ u64::from(field::le32(rest, 0)).wrapping_mul(PRIMES[0]))
            .rotate_left(23)
            .wrapping_mul(PRIMES[1])
            .wrapping_add(PRIMES[2]);
        rest = &rest[4..];
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte).wrapping_mul(PRIMES[4]))
            .rotate_left(11)
            .wrapping_mul(PRIMES[0]);
    }
    hash = (hash ^ hash >> 33).wrapping_mul(PRIMES[1]);
    hash = (hash ^ hash >> 29).wrapping_mul(PRIMES[2]);
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_of_the_specification_are_met() {
        assert_eq!(xxhash64(b""), 0xEF46_DB37_51D8_E999);
        assert_eq!(xxhash64(b"a"), 0xD24E_C4F1_A98C_6E5B);
        assert_eq!(xxhash64(b"abc"), 0x44BC_2CF5_AD77_0999);
    }
}
