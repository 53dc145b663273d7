//! How fast the depot sends and takes: one measure for all machines together.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// So long after a pause may be made up for: a measure of bytes, not of moments.
const MADE_UP: Duration = Duration::from_millis(500);
/// An agent waits so long for the next byte at least.
const LONGEST: Duration = Duration::from_secs(5);

/// Tells everybody who moves bytes how long to wait before the next ones.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// How long to wait before so many bytes go, at this rate; nothing without a rate.
    pub(crate) fn take(&self, bytes: usize, per_second: Option<u64>, now: Instant) -> Duration {
        let mut free_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(rate) = per_second.filter(|rate| *rate > 0) else {
            *free_at = None;
            return Duration::ZERO;
        };
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let takes = Duration::from_micros(bytes.saturating_mul(1_000_000) / rate);
        let earliest = now.checked_sub(MADE_UP).unwrap_or(now);
        let begins = free_at.map_or(earliest, |free| free.max(earliest));
        // Many machines share it: whoever would wait for too long goes, and the next ones wait the longer.
        let ends = (begins + takes).min(now + LONGEST * 12);
        *free_at = Some(ends);
        begins.saturating_duration_since(now).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long so many pieces of 64 KiB take, each sent when it may be.
    fn seconds(pieces: u32, rate: Option<u64>) -> f64 {
        let pace = Pace::default();
        let begun = Instant::now();
        let mut now = begun;
        for _ in 0..pieces {
            now += pace.take(65_536, rate, now);
        }
        (now - begun).as_secs_f64()
    }

    #[test]
    fn a_megabyte_per_second_takes_a_second_for_each_megabyte() {
        let taken = seconds(16 * 20, Some(1 << 20));
        assert!((19.0..=20.0).contains(&taken), "{taken}");
        assert!(seconds(16 * 20, None) < 0.001);
    }

    #[test]
    fn nobody_waits_longer_than_an_agent_is_patient() {
        let pace = Pace::default();
        let now = Instant::now();
        for _ in 0..100 {
            assert!(pace.take(1 << 20, Some(65_536), now) <= LONGEST);
        }
    }
}
