//! Sets of bytes as sorted ranges, bounded in memory.

use serde::Serialize;
use std::ops::Range;

/// Most ranges a builder keeps by default: 16 MiB of memory.
const RANGES_MAX: usize = 1 << 20;

/// A set of bytes: sorted, disjoint, not touching ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One range (or none, if it is empty).
    #[must_use]
    pub fn from_one(range: Range<u64>) -> Self {
        Self::from_unsorted(vec![range])
    }

    /// Any ranges in any order, overlapping or not.
    #[must_use]
    pub fn from_unsorted(mut ranges: Vec<Range<u64>>) -> Self {
        ranges.sort_unstable_by_key(|range| range.start);
        let mut builder = RangesBuilder::with_limit(usize::MAX);
        for range in ranges {
            builder.push(range);
        }
        builder.finish()
    }

    /// The ranges, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Range<u64>] {
        &self.0
    }

    /// The ranges, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Range<u64>> {
        self.0.iter()
    }

    /// How many bytes are in the set.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// Whether no byte is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every byte of `range` is in it.
    #[must_use]
    pub fn contains(&self, range: &Range<u64>) -> bool {
        if range.is_empty() {
            return true;
        }
        let index = self.0.partition_point(|own| own.end <= range.start);
        self.0
            .get(index)
            .is_some_and(|own| own.start <= range.start && range.end <= own.end)
    }

    /// Bytes that are in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut builder = RangesBuilder::with_limit(usize::MAX);
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let Some(next) = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) if a.start <= b.start => left.next(),
            (_, Some(_)) => right.next(),
            _ => left.next(),
        } {
            builder.push(next.clone());
        }
        builder.finish()
    }

    /// Bytes of this set that are not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut kept = Vec::with_capacity(self.0.len());
        let mut first = 0;
        for own in &self.0 {
            let mut start = own.start;
            while other.0.get(first).is_some_and(|cut| cut.end <= start) {
                first += 1;
            }
            for cut in other.0[first..].iter().take_while(|cut| cut.start < own.end) {
                if cut.start > start {
                    kept.push(start..cut.start);
                }
                start = start.max(cut.end);
            }
            if start < own.end {
                kept.push(start..own.end);
            }
        }
        Self(kept)
    }

    /// Bytes that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.difference(&self.difference(other))
    }

    /// The set moved up by `distance_bytes`.
    #[must_use]
    pub fn shifted(mut self, distance_bytes: u64) -> Self {
        for range in &mut self.0 {
            range.start = range.start.saturating_add(distance_bytes);
            range.end = range.end.saturating_add(distance_bytes);
        }
        self
    }
}

impl<'a> IntoIterator for &'a Ranges {
    type Item = &'a Range<u64>;
    type IntoIter = std::slice::Iter<'a, Range<u64>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Builds a set from ranges in ascending order of their start, in bounded memory.
///
/// When there are too many ranges the smallest holes are closed, so the set grows: for a used map that is the safe side.
#[derive(Debug)]
pub struct RangesBuilder {
    ranges: Vec<Range<u64>>,
    limit: usize,
    /// Holes smaller than this are closed.
    hole_bytes: u64,
}

impl Default for RangesBuilder {
    fn default() -> Self {
        Self::with_limit(RANGES_MAX)
    }
}

impl RangesBuilder {
    /// A builder that keeps at most about `limit` ranges.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            ranges: Vec::new(),
            limit: limit.max(2),
            hole_bytes: 1,
        }
    }

    /// Adds a range whose start is not before that of any range added earlier. One that is, is still added safely: the
    /// hole before it is closed.
    pub fn push(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        match self.ranges.last_mut() {
            Some(last) if range.start < last.end.saturating_add(self.hole_bytes) => {
                last.end = last.end.max(range.end);
                // Out of order: everything from its start on becomes one range.
                while self.ranges.len() > 1 {
                    let last = self.ranges.len() - 1;
                    let start = range.start.min(self.ranges[last].start);
                    if start >= self.ranges[last - 1].end.saturating_add(self.hole_bytes) {
                        break;
                    }
                    let end = self.ranges[last].end;
                    self.ranges.truncate(last);
                    self.ranges[last - 1].end = self.ranges[last - 1].end.max(end);
                }
                if let Some(last) = self.ranges.last_mut() {
                    last.start = last.start.min(range.start);
                }
            }
            _ => self.ranges.push(range),
        }
        while self.ranges.len() > self.limit {
            self.coarsen();
        }
    }

    /// Whether holes were closed to stay within memory.
    #[must_use]
    pub fn is_coarse(&self) -> bool {
        self.hole_bytes > 1
    }

    /// The set.
    #[must_use]
    pub fn finish(self) -> Ranges {
        Ranges(self.ranges)
    }

    fn coarsen(&mut self) {
        self.hole_bytes = self.hole_bytes.max(2048).saturating_mul(2);
        let hole_bytes = self.hole_bytes;
        self.ranges.dedup_by(|next, kept| {
            let closes = next.start < kept.end.saturating_add(hole_bytes);
            if closes {
                kept.end = kept.end.max(next.end);
            }
            closes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bits(ranges: &Ranges) -> Vec<bool> {
        let mut bits = vec![false; 300];
        for range in ranges {
            for index in range.clone() {
                bits[usize::try_from(index).unwrap()] = true;
            }
        }
        bits
    }

    fn any_ranges() -> impl Strategy<Value = Vec<Range<u64>>> {
        proptest::collection::vec(
            (0u64..250, 0u64..40).prop_map(|(start, length)| start..start + length),
            0..20,
        )
    }

    proptest! {
        #[test]
        fn set_operations_agree_with_bits(left in any_ranges(), right in any_ranges()) {
            let (a, b) = (Ranges::from_unsorted(left), Ranges::from_unsorted(right));
            let each = |f: fn(bool, bool) -> bool| -> Vec<bool> {
                bits(&a).into_iter().zip(bits(&b)).map(|(a, b)| f(a, b)).collect()
            };
            prop_assert_eq!(bits(&a.union(&b)), each(|a, b| a || b));
            prop_assert_eq!(bits(&a.difference(&b)), each(|a, b| a && !b));
            prop_assert_eq!(bits(&a.intersection(&b)), each(|a, b| a && b));
            for pair in a.union(&b).as_slice().windows(2) {
                prop_assert!(pair[0].end < pair[1].start);
            }
        }

        #[test]
        fn a_builder_never_loses_a_byte_whatever_order_and_limit(ranges in any_ranges(), limit in 2usize..6) {
            let mut builder = RangesBuilder::with_limit(limit);
            for range in ranges.clone() {
                builder.push(range);
            }
            let built = builder.finish();
            prop_assert!(built.as_slice().len() <= limit);
            for range in ranges {
                prop_assert!(built.contains(&range));
            }
        }
    }
}
