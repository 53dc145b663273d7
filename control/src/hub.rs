//! Who waits for news: agents whose question is held open, pages that follow the events.

use catalog::Event;
use std::sync::Arc;
use tokio::sync::{Semaphore, broadcast, watch};

/// Events that a slow follower may lag behind before it has to read them from the catalog.
const BACKLOG: usize = 1024;
/// Streams of events at the same time: a browser opens one.
const STREAMS: usize = 200;

/// Tells events from the catalog to whoever waits.
#[derive(Clone, Debug)]
pub(crate) struct Hub {
    events: broadcast::Sender<Event>,
    stopping: Arc<watch::Sender<bool>>,
    pub(crate) streams: Arc<Semaphore>,
}

/// Ends when the appliance stops.
#[derive(Debug)]
pub(crate) struct Stopping(watch::Receiver<bool>);

impl Default for Hub {
    fn default() -> Self {
        Self {
            events: broadcast::Sender::new(BACKLOG),
            stopping: Arc::new(watch::Sender::new(false)),
            streams: Arc::new(Semaphore::new(STREAMS)),
        }
    }
}

impl Hub {
    /// Called by the catalog's writer: never waits.
    pub(crate) fn tell(&self, event: &Event) {
        // Nobody listens: nobody misses it.
        let _ = self.events.send(event.clone());
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    pub(crate) fn stopping(&self) -> Stopping {
        Stopping(self.stopping.subscribe())
    }
}

impl Stopping {
    /// Returns when the appliance stops. Cancel-safe.
    pub(crate) async fn wait(&mut self) {
        // The sender lives as long as the hub; when it is gone, so is the appliance.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}
