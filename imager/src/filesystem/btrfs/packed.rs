//! What btrfs packs: extents of at most 128 KiB, by one of three compressors.
//!
//! ```text
//! 1  zlib       one stream (RFC 1950); read where the feature `import` brings flate2
//! 2  LZO        length of all in bytes, u32; then pieces: length u32, LZO1X. Each unpacks to one sector, the last to less.
//!               A length never crosses a border of a sector: what is left of the sector is skipped
//! 3  Zstandard  one frame
//! ```
//! Padding behind them does not count. Little-endian. Source: Linux `fs/btrfs/lzo.c`, `fs/btrfs/zlib.c`, `fs/btrfs/zstd.c`.

use super::lzo;
use crate::filesystem::volume::field;
use std::io::Read;

/// How an extent is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    #[cfg(feature = "import")]
    Zlib,
    Lzo {
        sector_bytes: usize,
    },
    Zstandard,
}

impl Packing {
    /// Understands the number in a file's extent; `None` if it is not packed. The error says what cannot be read.
    pub(super) fn of(number: u8, sector_bytes: u64) -> Result<Option<Self>, String> {
        match number {
            0 => Ok(None),
            #[cfg(feature = "import")]
            1 => Ok(Some(Self::Zlib)),
            #[cfg(not(feature = "import"))]
            1 => Err("it is packed with zlib, which this program does not read".into()),
            2 => Ok(Some(Self::Lzo {
                sector_bytes: usize::try_from(sector_bytes.max(512)).unwrap_or(4096),
            })),
            3 => Ok(Some(Self::Zstandard)),
            other => Err(format!("it is packed in a way that is not known ({other})")),
        }
    }

    /// Unpacks to `length_bytes`. A short last sector is packed as it is, and shown with zeros behind.
    pub(super) fn unpack(self, packed: &[u8], length_bytes: u64) -> Result<Vec<u8>, String> {
        let unpacked = match self {
            #[cfg(feature = "import")]
            Self::Zlib => read_all(flate2::bufread::ZlibDecoder::new(packed), length_bytes),
            Self::Lzo { sector_bytes } => unpack_lzo(packed, length_bytes, sector_bytes),
            Self::Zstandard => zstd::stream::read::Decoder::with_buffer(packed)
                .map_err(|error| error.to_string())
                .and_then(|decoder| read_all(decoder.single_frame(), length_bytes)),
        };
        let mut bytes = unpacked.map_err(|error| format!("a packed piece of a file is damaged: {error}"))?;
        bytes.resize(usize::try_from(length_bytes).unwrap_or(bytes.len()), 0);
        Ok(bytes)
    }
}

fn read_all(decoder: impl Read, length_bytes: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    decoder
        .take(length_bytes)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn unpack_lzo(packed: &[u8], length_bytes: u64, sector_bytes: usize) -> Result<Vec<u8>, String> {
    const LENGTH_BYTES: usize = 4;
    let short = "it ends early";
    let total = usize::try_from(field::le32(packed, 0)).unwrap_or(usize::MAX);
    let packed = packed.get(..total).ok_or(short)?;
    let length = usize::try_from(length_bytes).map_err(|_| "it is too long")?;
    let (mut at, mut bytes) = (LENGTH_BYTES, Vec::with_capacity(length));
    while bytes.len() < length && at < total {
        let left = sector_bytes - at % sector_bytes;
        if left < LENGTH_BYTES {
            at += left;
        }
        let start = at.checked_add(LENGTH_BYTES).ok_or(short)?;
        let piece = packed.get(at..start).ok_or(short)?;
        let end = start
            .checked_add(usize::try_from(field::le32(piece, 0)).unwrap_or(usize::MAX))
            .ok_or(short)?;
        let before = bytes.len();
        lzo::unpack(packed.get(start..end).ok_or(short)?, sector_bytes, &mut bytes)?;
        // A piece of nothing would go on for ever.
        if bytes.len() == before {
            return Err("a piece of nothing".into());
        }
        at = end;
    }
    bytes.truncate(length);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_zstandard_packed_is_unpacked_and_a_short_last_sector_ends_in_zeros() {
        let packing = Packing::of(3, 4096).unwrap().unwrap();
        let mut packed = zstd::bulk::compress(&[7; 5000], 3).unwrap();
        packed.extend([0xEE; 100]);
        let bytes = packing.unpack(&packed, 8192).unwrap();
        assert!(bytes[..5000].iter().all(|byte| *byte == 7) && bytes[5000..].iter().all(|byte| *byte == 0));
        assert_eq!(Packing::of(0, 4096), Ok(None));
        assert!(Packing::of(9, 4096).unwrap_err().contains("9"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_unpacked_to_the_length_asked_for_or_refused(
            packed in proptest::collection::vec(any::<u8>(), 0..600),
            number in 1u8..4,
            length in 0u64..20_000,
        ) {
            if let Ok(Some(packing)) = Packing::of(number, 4096)
                && let Ok(bytes) = packing.unpack(&packed, length)
            {
                prop_assert_eq!(bytes.len() as u64, length);
            }
        }

        #[test]
        fn any_pieces_of_lzo_survive(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..60), 1..5)) {
            let mut packed = vec![0; 4];
            for piece in &pieces {
                packed.extend((piece.len() as u32).to_le_bytes());
                packed.extend(piece);
            }
            let total = (packed.len() as u32).to_le_bytes();
            packed[..4].copy_from_slice(&total);
            let _ = unpack_lzo(&packed, 128 << 10, 4096);
        }
    }
}
