//! Whether and when a failed call is made again.

use super::{call_error::CallError, connection::Retry};
use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// An appliance that fails on the same call this often without anything in between will go on failing.
const INTERNAL_ERRORS: u32 = 5;

/// A call that failed, and whether the appliance may have acted on it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) sent: bool,
    pub(crate) error: CallError,
}

impl Failure {
    pub(crate) fn before_sending(error: CallError) -> Self {
        Self { sent: false, error }
    }

    pub(crate) fn after_sending(error: CallError) -> Self {
        Self { sent: true, error }
    }
}

/// Counts the failures of one call in a row.
#[derive(Debug)]
pub(crate) struct Patience {
    pause: Duration,
    internal_errors: u32,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self {
            pause: FIRST_PAUSE,
            internal_errors: 0,
        }
    }

    /// How long to wait before the next try, or the error when there shall be none.
    pub(crate) fn pause_after(&mut self, failure: Failure, retry: Retry) -> Result<Duration, CallError> {
        let again = match (&failure.error, retry) {
            (CallError::Unreachable { .. }, Retry::UntilSent) => !failure.sent,
            (_, Retry::UntilSent) => false,
            (CallError::Unreachable { .. }, Retry::UntilAnswered) => true,
            (CallError::Refused(problem), Retry::UntilAnswered) => match problem.status {
                408 | 429 | 502 | 503 | 504 => true,
                500 => {
                    self.internal_errors += 1;
                    self.internal_errors < INTERNAL_ERRORS
                }
                _ => false,
            },
            (CallError::Untrusted { .. } | CallError::Malformed { .. } | CallError::Cancelled, _) => false,
        };
        if !again {
            return Err(failure.error);
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        Ok(spread(pause))
    }
}

/// Between half and all of the pause, at random: a room of machines must not come back in one instant.
fn spread(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(0u8);
    let half = pause / 2;
    let half_ms = u64::try_from(half.as_millis()).unwrap_or(0);
    half + Duration::from_millis(random % (half_ms + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Problem;
    use std::io;

    fn cut() -> CallError {
        let address = "192.0.2.1:1".parse().unwrap();
        CallError::Unreachable {
            address,
            doing: "reading from",
            source: io::ErrorKind::ConnectionReset.into(),
        }
    }

    fn refused(status: u16) -> CallError {
        CallError::Refused(Problem::new("x", "x", "").with_status(status))
    }

    #[test]
    fn a_cut_is_retried_for_ever_with_pauses_that_grow_to_five_seconds() {
        let mut patience = Patience::new();
        for _ in 0..1000 {
            let pause = patience
                .pause_after(Failure::after_sending(cut()), Retry::UntilAnswered)
                .unwrap();
            assert!(pause <= LONGEST_PAUSE && pause >= FIRST_PAUSE / 2);
        }
        assert_eq!(patience.pause, LONGEST_PAUSE);
    }

    #[test]
    fn what_may_be_made_once_is_retried_only_while_nothing_was_sent() {
        let mut patience = Patience::new();
        assert!(
            patience
                .pause_after(Failure::before_sending(cut()), Retry::UntilSent)
                .is_ok()
        );
        assert!(
            patience
                .pause_after(Failure::after_sending(cut()), Retry::UntilSent)
                .is_err()
        );
        assert!(
            patience
                .pause_after(Failure::after_sending(refused(503)), Retry::UntilSent)
                .is_err()
        );
    }

    #[test]
    fn a_refusal_is_final_a_restart_is_not_and_an_internal_error_is_in_the_end() {
        let mut patience = Patience::new();
        for status in [400, 401, 403, 404, 409, 422] {
            let failure = Failure::after_sending(refused(status));
            assert!(
                patience.pause_after(failure, Retry::UntilAnswered).is_err(),
                "{status}"
            );
        }
        for _ in 0..100 {
            assert!(
                patience
                    .pause_after(Failure::after_sending(refused(503)), Retry::UntilAnswered)
                    .is_ok()
            );
        }
        let tries = (0..100)
            .take_while(|_| {
                patience
                    .pause_after(Failure::after_sending(refused(500)), Retry::UntilAnswered)
                    .is_ok()
            })
            .count();
        assert_eq!(tries, 4);
    }
}
