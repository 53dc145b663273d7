//! Tells on the screen when the appliance is gone, and when it is back.

use crate::screen::{self, fill, words};
use depot::client::Connection;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

const LOOK: Duration = Duration::from_millis(500);
/// A restart of the appliance, or a cable put into another port, takes less: nobody need know.
const WORTH_TELLING: Duration = Duration::from_secs(5);
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Ends the watching when dropped.
#[derive(Debug)]
pub struct Watcher(Arc<AtomicBool>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Watches the connection. The keys are offered only while `may_leave`.
pub fn watch(connection: Connection, may_leave: Arc<AtomicBool>) -> Watcher {
    let ended = Arc::new(AtomicBool::new(false));
    let watched = ended.clone();
    let thread = std::thread::Builder::new().name("outage".into()).spawn(move || {
        let mut since: Option<Instant> = None;
        let mut told: Option<Instant> = None;
        while !watched.load(Ordering::Relaxed) {
            match connection.outage() {
                None => {
                    if told.take().is_some() {
                        screen::say(words().answers_again);
                    }
                    since = None;
                }
                Some(why) => {
                    let long = since.get_or_insert_with(Instant::now).elapsed() > WORTH_TELLING;
                    if long && told.is_none_or(|at| at.elapsed() > TELL_AGAIN) {
                        screen::say(&fill(words().no_answer, &[&why]));
                        if may_leave.load(Ordering::Relaxed) {
                            screen::say(words().keys);
                        }
                        told = Some(Instant::now());
                    }
                }
            }
            std::thread::sleep(LOOK);
        }
    });
    if let Err(error) = thread {
        screen::log(&format!("watching the connection: {error}"));
    }
    Watcher(ended)
}
