//! The appliance's clock. Every time in the catalog is read from it: machines have dead clock batteries.

use serde::{Deserialize, Serialize};
use std::{
    fmt,
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A moment: milliseconds since 1970 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub i64);

impl Time {
    /// This much earlier.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// How long ago `earlier` was; nothing if it lies ahead (the clock was set back).
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.elapsed_since(earlier).unwrap_or_default()
    }

    /// How long ago `earlier` was; `None` if it lies ahead: the clock was set back, and nobody can tell.
    #[must_use]
    pub fn elapsed_since(self, earlier: Self) -> Option<Duration> {
        let elapsed_ms = u64::try_from(self.0.saturating_sub(earlier.0)).ok()?;
        Some(Duration::from_millis(elapsed_ms))
    }

    /// Milliseconds since 1970 UTC, as the agent is told; 0 for a clock before that.
    #[must_use]
    pub fn unix_ms(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => f.write_str("1970-01-01T00:00:00.000Z"),
        }
    }
}

impl std::str::FromStr for Time {
    type Err = crate::Error;

    /// Reads RFC 3339, with any offset.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed: Result<jiff::Timestamp, _> = text.parse();
        parsed.map(|time| Self(time.as_millisecond())).map_err(|error| {
            crate::Error::new(
                crate::ErrorKind::Invalid,
                "unusable-value",
                format!("{text:?} is no moment"),
                "write it as 2026-01-31T08:00:00Z",
            )
            .because(error)
        })
    }
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Time;
}

/// The computer's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis());
        Time(i64::try_from(ms).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until it is moved: for tests of anything that has a deadline.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows this moment.
    #[must_use]
    pub fn new(start: Time) -> Self {
        Self(AtomicI64::new(start.0))
    }

    /// Moves it forward.
    pub fn advance(&self, duration: Duration) {
        self.0.fetch_add(
            i64::try_from(duration.as_millis()).unwrap_or(i64::MAX),
            Ordering::SeqCst,
        );
    }

    /// Sets it back, as a dead battery does.
    pub fn set_back(&self, duration: Duration) {
        self.0.fetch_sub(
            i64::try_from(duration.as_millis()).unwrap_or(i64::MAX),
            Ordering::SeqCst,
        );
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_rfc_3339() {
        assert_eq!(Time(1_700_000_000_123).to_string(), "2023-11-14T22:13:20.123Z");
        assert_eq!(Time(1_700_000_000_000).to_string(), "2023-11-14T22:13:20.000Z");
    }

    #[test]
    fn a_moment_is_read_back() {
        assert_eq!(
            "2023-11-14T23:13:20.123+01:00".parse::<Time>().unwrap(),
            Time(1_700_000_000_123)
        );
        for nonsense in ["", "yesterday", "2023-11-14", "2023-13-14T00:00:00Z"] {
            assert!(nonsense.parse::<Time>().is_err(), "{nonsense}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_gives_no_negative_ages() {
        assert_eq!(Time(5).since(Time(10)), Duration::ZERO);
        assert_eq!(Time(5).elapsed_since(Time(10)), None);
        assert_eq!(Time(10).elapsed_since(Time(10)), Some(Duration::ZERO));
    }
}
