//! Who guesses has to wait: after some failures each further one doubles the time until the next try.

use crate::{
    error::{Error, ErrorKind, Result},
    time::Time,
};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Failures by name and address, by address alone, and by name alone. Kept in memory: a restart of the appliance
/// takes longer than what it forgives.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<HashMap<String, Failures>>);

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Time,
}

/// Failures of a name from one address that cost nothing.
const FREE_BY_BOTH: u32 = 5;
/// Failures of a name from anywhere that cost nothing: so many that nobody is locked out by others' typing errors.
const FREE_BY_NAME: u32 = 100;
/// Failures from an address that cost nothing: a school's people share one.
const FREE_BY_PEER: u32 = 20;
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// Names and addresses that are remembered.
const REMEMBERED: usize = 10_000;

impl Throttle {
    /// Whether a try is allowed now.
    pub(crate) fn check(&self, name: &str, peer: Option<&str>, now: Time) -> Result<()> {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = keys(name, peer)
            .into_iter()
            .filter_map(|(key, free)| {
                let failed = failures.get(&key)?;
                let over = failed.count.checked_sub(free)?;
                let penalty = Duration::from_secs(1_u64 << over.min(16)).min(LONGEST_WAIT);
                penalty.checked_sub(now.since(failed.last))
            })
            .max();
        match wait.filter(|wait| !wait.is_zero()) {
            None => Ok(()),
            Some(wait) => {
                let seconds = wait.as_secs() + 1;
                Err(Error::new(
                    ErrorKind::TooOften,
                    "too-many-tries",
                    "too many wrong tries",
                    format!("wait {seconds} s and try again"),
                )
                .with_retry_after(seconds))
            }
        }
    }

    pub(crate) fn failed(&self, name: &str, peer: Option<&str>, now: Time) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= REMEMBERED {
            failures.retain(|_, failed| now.since(failed.last) < LONGEST_WAIT);
        }
        for (key, _) in keys(name, peer) {
            if failures.len() < REMEMBERED || failures.contains_key(&key) {
                let failed = failures.entry(key).or_insert(Failures { count: 0, last: now });
                if now.since(failed.last) > LONGEST_WAIT {
                    failed.count = 0;
                }
                failed.count = failed.count.saturating_add(1);
                failed.last = now;
            }
        }
    }

    pub(crate) fn succeeded(&self, name: &str, peer: Option<&str>) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in keys(name, peer) {
            failures.remove(&key);
        }
    }
}

fn keys(name: &str, peer: Option<&str>) -> Vec<(String, u32)> {
    let name: String = name.trim().to_lowercase().chars().take(64).collect();
    let peer = peer.unwrap_or("unknown");
    vec![
        (format!("both {peer} {name}"), FREE_BY_BOTH),
        (format!("peer {peer}"), FREE_BY_PEER),
        (format!("name {name}"), FREE_BY_NAME),
    ]
}
