//! How often somebody may call: a bucket that fills with time, and that each call takes from.

use crate::refusal::Refusal;
use axum::http::StatusCode;
use catalog::Time;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Calls that may come at once.
const BURST: f64 = 600.0;
/// Calls per second that may go on for ever.
const PER_SECOND: f64 = 30.0;
/// Callers that are remembered.
const CALLERS_MAX: usize = 4096;

/// What is left of everybody's calls. Whoever is not remembered has all of theirs.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<String, (f64, Time)>>);

impl Rates {
    /// Takes one call of somebody.
    pub(super) fn take(&self, caller: &str, now: Time) -> Result<(), Refusal> {
        let mut callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= CALLERS_MAX && !callers.contains_key(caller) {
            callers.retain(|_, (left, at)| filled(*left, *at, now) < BURST);
            if callers.len() >= CALLERS_MAX {
                // A flood from everywhere: forgetting them all costs no memory and keeps nobody out.
                callers.clear();
            }
        }
        let (left, at) = callers.entry(caller.to_owned()).or_insert((BURST, now));
        let have = filled(*left, *at, now);
        *at = now;
        *left = have;
        if have < 1.0 {
            return Err(Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-calls",
                "this caller calls too often",
                "wait as long as Retry-After says; ask for larger pages, or follow the events",
            )
            .with_retry_after(1));
        }
        *left = have - 1.0;
        Ok(())
    }
}

fn filled(left: f64, at: Time, now: Time) -> f64 {
    (left + now.since(at).as_secs_f64() * PER_SECOND).min(BURST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_calls_too_often_waits_and_nobody_else_does() {
        let rates = Rates::default();
        let now = Time(1_000_000);
        for _ in 0..600 {
            rates.take("ada", now).unwrap();
        }
        assert_eq!(
            rates.take("ada", now).unwrap_err().problem().code,
            "too-many-calls"
        );
        rates.take("bob", now).unwrap();
        rates.take("ada", Time(now.0 + 100)).unwrap();
        for number in 0..10_000 {
            rates.take(&number.to_string(), now).unwrap();
        }
        assert!(rates.0.lock().unwrap().len() <= CALLERS_MAX);
    }
}
