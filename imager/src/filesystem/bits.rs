//! Bitmaps as they stand on disk: least significant bit first.

use std::ops::Range;

/// How many of the first `bits` bits are clear.
pub(super) fn count_free(bitmap: &[u8], bits: u64) -> u64 {
    let whole = usize::try_from(bits / 8).unwrap_or(usize::MAX).min(bitmap.len());
    let mut set: u64 = bitmap[..whole]
        .iter()
        .map(|byte| u64::from(byte.count_ones()))
        .sum();
    if let Some(last) = bitmap.get(whole) {
        let mask = (1u16 << (bits % 8)) - 1;
        set += u64::from((u16::from(*last) & mask).count_ones());
    }
    bits.saturating_sub(set)
}

/// Runs of set bits among the first `bits`; bits beyond the bitmap count as set.
pub(super) fn set_runs(bitmap: &[u8], bits: u64) -> impl Iterator<Item = Range<u64>> {
    let word = move |index: u64| -> u64 {
        let start = usize::try_from(index).unwrap_or(usize::MAX).saturating_mul(8);
        let mut bytes = [0xFF; 8];
        let available = bitmap.get(start..).unwrap_or_default();
        let length = available.len().min(8);
        bytes[..length].copy_from_slice(&available[..length]);
        u64::from_le_bytes(bytes)
    };
    // The first position from `at` on where the bit differs from `skip`.
    let find = move |mut at: u64, skip_set: bool| -> u64 {
        while at < bits {
            let word = if skip_set { !word(at / 64) } else { word(at / 64) };
            // Shifting brings zeros in: they never stop the search.
            let current = word >> (at % 64);
            if current != 0 {
                return (at + u64::from(current.trailing_zeros())).min(bits);
            }
            at = (at / 64 + 1) * 64;
        }
        bits
    };
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = find(at, false);
        if start >= bits {
            return None;
        }
        let end = find(start, true);
        at = end;
        Some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_are_exactly_the_set_bits(bitmap in proptest::collection::vec(prop_oneof![Just(0u8), Just(255), any::<u8>()], 0..40), bits in 0u64..320) {
            let mut found = vec![false; usize::try_from(bits).unwrap()];
            for run in set_runs(&bitmap, bits) {
                for bit in run {
                    found[usize::try_from(bit).unwrap()] = true;
                }
            }
            let is_set = |bit: usize| bitmap.get(bit / 8).is_none_or(|byte| byte >> (bit % 8) & 1 == 1);
            for (bit, found) in found.iter().enumerate() {
                prop_assert_eq!(*found, is_set(bit));
            }
            if bitmap.len() as u64 * 8 >= bits {
                let free = found.iter().filter(|found| !**found).count() as u64;
                prop_assert_eq!(count_free(&bitmap, bits), free);
            }
        }
    }
}
