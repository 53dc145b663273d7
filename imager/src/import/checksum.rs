//! The checksums of partclone images.
//!
//! CRC-32 (IEEE 802.3) as partclone has it: without the final inversion. XXH64: four lanes of 8 bytes, then what is left;
//! source: the xxHash specification, <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>.

/// Which one an image has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checksum {
    None,
    Crc32,
    Xxh64,
}

/// A checksum under way.
pub(super) enum Running {
    None,
    Crc32(crc32fast::Hasher),
    /// Everything so far: strips are short.
    Xxh64(Vec<u8>),
}

impl Checksum {
    /// By the numbers in an image's header.
    pub(super) fn from_mode(mode: u64, bytes: u64) -> Option<Self> {
        match (mode, bytes) {
            (0, _) => Some(Self::None),
            (0x20, 4) => Some(Self::Crc32),
            (0x30, 8) => Some(Self::Xxh64),
            _ => None,
        }
    }

    /// Bytes it takes.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::None => 0,
            Self::Crc32 => 4,
            Self::Xxh64 => 8,
        }
    }

    pub(super) fn begin(self) -> Running {
        match self {
            Self::None => Running::None,
            Self::Crc32 => Running::Crc32(crc32fast::Hasher::new()),
            Self::Xxh64 => Running::Xxh64(Vec::new()),
        }
    }
}

impl Running {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::None => {}
            Self::Crc32(hasher) => hasher.update(bytes),
            Self::Xxh64(kept) => kept.extend_from_slice(bytes),
        }
    }

    /// Whether it is the stored one, in either byte order.
    pub(super) fn matches(&self, stored: &[u8]) -> bool {
        let is = |little: &[u8]| stored == little || stored.iter().rev().eq(little.iter());
        match self {
            Self::None => true,
            Self::Crc32(hasher) => is(&(!hasher.clone().finalize()).to_le_bytes()),
            Self::Xxh64(kept) => is(&xxh64(kept).to_le_bytes()),
        }
    }
}

/// CRC-32 without the final inversion.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !crc32fast::hash(bytes)
}

const PRIME_1: u64 = 0x9E37_79B1_85EB_CA87;
const PRIME_2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const PRIME_3: u64 = 0x1656_67B1_9E37_79F9;
const PRIME_4: u64 = 0x85EB_CA77_C2B2_AE63;
const PRIME_5: u64 = 0x27D4_EB2F_1656_67C5;

/// XXH64 with seed 0.
pub(super) fn xxh64(bytes: &[u8]) -> u64 {
    let word = |part: &[u8]| {
        part.iter()
            .rev()
            .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let round = |lane: u64, input: u64| {
        lane.wrapping_add(input.wrapping_mul(PRIME_2))
            .rotate_left(31)
            .wrapping_mul(PRIME_1)
    };
    let stripes = bytes.chunks_exact(32);
    let mut rest = stripes.remainder();
    let mut sum = if bytes.len() >= 32 {
        let mut lanes = [
            PRIME_1.wrapping_add(PRIME_2),
            PRIME_2,
            0,
            0u64.wrapping_sub(PRIME_1),
        ];
        for stripe in stripes {
            for (lane, part) in lanes.iter_mut().zip(stripe.chunks_exact(8)) {
                *lane = round(*lane, word(part));
            }
        }
        let turned = lanes[0]
            .rotate_left(1)
            .wrapping_add(lanes[1].rotate_left(7))
            .wrapping_add(lanes[2].rotate_left(12))
            .wrapping_add(lanes[3].rotate_left(18));
        lanes.iter().fold(turned, |sum, lane| {
            (sum ^ round(0, *lane))
                .wrapping_mul(PRIME_1)
                .wrapping_add(PRIME_4)
        })
    } else {
        PRIME_5
    };
    sum = sum.wrapping_add(bytes.len() as u64);
    while let Some((part, tail)) = rest.split_at_checked(8) {
        sum = (sum ^ round(0, word(part)))
            .rotate_left(27)
            .wrapping_mul(PRIME_1)
            .wrapping_add(PRIME_4);
        rest = tail;
    }
    if let Some((part, tail)) = rest.split_at_checked(4) {
        sum = (sum ^ word(part).wrapping_mul(PRIME_1))
            .rotate_left(23)
            .wrapping_mul(PRIME_2)
            .wrapping_add(PRIME_3);
        rest = tail;
    }
    for byte in rest {
        sum = (sum ^ u64::from(*byte).wrapping_mul(PRIME_5))
            .rotate_left(11)
            .wrapping_mul(PRIME_1);
    }
    sum = (sum ^ sum >> 33).wrapping_mul(PRIME_2);
    sum = (sum ^ sum >> 29).wrapping_mul(PRIME_3);
    sum ^ sum >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xxh64_gives_the_published_values() {
        assert_eq!(xxh64(b""), 0xEF46_DB37_51D8_E999);
        assert_eq!(xxh64(b"a"), 0xD24E_C4F1_A98C_6E5B);
        assert_eq!(xxh64(b"abc"), 0x44BC_2CF5_AD77_0999);
        assert_eq!(
            xxh64(b"Nobody inspects the spammish repetition"),
            0xFBCE_A83C_8A37_8BF1
        );
    }
}
