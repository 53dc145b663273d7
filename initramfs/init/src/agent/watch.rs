//! How far a step has come: the engine tells it, the screen and the appliance are told at their own pace.

use imager::{
    progress::{Phase, Progress},
    restore::Estimate,
};
use protocol::{
    ByteLen,
    job::{self, RestoreEstimate},
};
use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// The rate is taken over so long.
const WINDOW: Duration = Duration::from_secs(5);

/// Written by the engine's threads, read by ours.
#[derive(Debug, Default)]
pub struct Watch {
    cancelled: AtomicBool,
    writes: Mutex<bool>,
    state: Mutex<State>,
    estimate: Mutex<Option<RestoreEstimate>>,
}

#[derive(Debug, Default)]
struct State {
    phase: &'static str,
    done: u64,
    total: u64,
}

impl Progress for Watch {
    fn report(&self, phase: Phase, done: u64, total: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State {
            phase: phase.code(),
            done,
            total,
        };
    }

    fn estimate(&self, estimate: &Estimate) {
        *self.estimate.lock().unwrap_or_else(PoisonError::into_inner) = Some(RestoreEstimate {
            bytes_used: estimate.bytes_used,
            bytes_written: estimate.bytes_written,
            bytes_copied: estimate.bytes_copied,
            bytes_fetched: estimate.bytes_fetched.unwrap_or(estimate.bytes_new),
        });
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl Watch {
    /// Asks the engine to stop at the next safe point.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Asks the engine to stop, unless it has begun to write: nobody leaves half a disk. Whether it was asked.
    pub fn leave(&self) -> bool {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        if !*writes {
            self.cancel();
        }
        !*writes
    }

    /// The engine writes from now on.
    ///
    /// # Errors
    /// [`imager::ErrorKind::Cancelled`] when it was asked to stop.
    pub fn start_writing(&self) -> imager::Result<()> {
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_cancelled()?;
        *writes = true;
        Ok(())
    }

    /// Whether the engine has begun to write.
    #[must_use]
    pub fn writes(&self) -> bool {
        *self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Phase, bytes done, bytes in all.
    #[must_use]
    pub fn read(&self) -> (&'static str, u64, u64) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.phase, state.done, state.total)
    }

    /// What a restore is going to do, once it knows.
    #[must_use]
    pub fn expected(&self) -> Option<RestoreEstimate> {
        *self.estimate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rate of the last seconds, out of what was read now and then.
#[derive(Debug, Default)]
pub struct Rate {
    phase: &'static str,
    samples: VecDeque<(Instant, u64)>,
}

impl Rate {
    /// Takes a reading and says how far the step is.
    pub fn progress(
        &mut self,
        (phase, done, total): (&'static str, u64, u64),
        now: Instant,
    ) -> job::Progress {
        // Bytes of one phase say nothing of another's pace; a phase that begins again begins anew.
        if self.phase != phase || self.samples.back().is_some_and(|(_, last)| *last > done) {
            self.samples.clear();
            self.phase = phase;
        }
        self.samples.push_back((now, done));
        while self.samples.len() > 2
            && self
                .samples
                .front()
                .is_some_and(|(at, _)| now.duration_since(*at) > WINDOW)
        {
            self.samples.pop_front();
        }
        let (first_at, first) = self.samples.front().copied().unwrap_or((now, done));
        let elapsed_ms = u64::try_from(now.duration_since(first_at).as_millis()).unwrap_or(u64::MAX);
        let bytes_per_second = (done - first)
            .saturating_mul(1000)
            .checked_div(elapsed_ms)
            .unwrap_or(0);
        job::Progress {
            phase: phase.to_owned(),
            bytes_done: ByteLen(done),
            bytes_total: ByteLen(total),
            bytes_per_second,
            seconds_left: total.saturating_sub(done).checked_div(bytes_per_second),
            estimate: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds_and_begins_anew_with_each_phase() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut rate = Rate::default();
        assert_eq!(rate.progress(("writing", 0, 1000), at(0)).bytes_per_second, 0);
        assert_eq!(rate.progress(("writing", 100, 1000), at(1)).bytes_per_second, 100);
        for second in 2..=20 {
            rate.progress(("writing", 100 + (second - 1) * 10, 1000), at(second));
        }
        let progress = rate.progress(("writing", 300, 1000), at(21));
        assert_eq!((progress.bytes_per_second, progress.seconds_left), (10, Some(70)));
        assert_eq!(rate.progress(("checking", 5, 1000), at(22)).seconds_left, None);
    }

    #[test]
    fn whoever_wants_to_leave_stops_a_step_that_does_not_write_yet_and_no_other() {
        let left = Watch::default();
        assert!(left.leave());
        assert!(left.start_writing().is_err() && !left.writes());
        let writing = Watch::default();
        writing.start_writing().unwrap();
        assert!(!writing.leave() && writing.writes());
        assert!(writing.check_cancelled().is_ok());
    }

    #[test]
    fn what_a_restore_expects_stays_while_it_goes_on() {
        let watch = Watch::default();
        assert_eq!(watch.expected(), None);
        watch.estimate(&Estimate {
            bytes_used: 31,
            bytes_written: 4,
            bytes_copied: 1,
            bytes_new: 3,
            bytes_fetched: None,
        });
        watch.report(Phase::Writing, 1, 4);
        let expected = watch.expected().unwrap();
        assert_eq!((expected.bytes_written, expected.bytes_fetched), (4, 3));
    }

    #[test]
    fn a_wish_to_stop_reaches_the_engine() {
        let watch = Watch::default();
        assert!(watch.check_cancelled().is_ok());
        watch.cancel();
        assert!(watch.check_cancelled().is_err());
    }
}
