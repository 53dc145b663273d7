//! What every handler shares.

use crate::{
    admin::Rates,
    hub::Hub,
    pace::Pace,
    refusal::Refusal,
    view::{Interface, NetBootImages, Space},
};
use axum::http::StatusCode;
use catalog::{Catalog, Time};
use depot::server::DepotServer;
use protocol::mac::MacAddr;
use std::{sync::Arc, time::Duration};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How often work that comes with time is done.
const TICK: Duration = Duration::from_secs(3);
/// Passwords that are hashed at the same time: each takes 19 MiB and a core.
const HASHING: usize = 2;
/// Answers of the depot that are streamed at the same time: each holds a thread, and the runtime has twice as many for
/// everything that blocks. The next one waits its turn; the machines share the wire anyway.
const STREAMS: usize = 256;
/// How long a log-in waits for its turn.
const HASHING_WAIT: Duration = Duration::from_secs(10);

/// What hellos may take of the memory at the same time, in KiB. They come from strangers: whose they are is known only when
/// they were read.
const HELLO_ROOM_KIB: u32 = 32 * 1024;
/// How long a hello waits for its room.
const HELLO_WAIT: Duration = Duration::from_secs(10);

/// What every handler shares; cheap to clone.
#[derive(Clone)]
pub struct Control(Arc<Shared>);

struct Shared {
    catalog: Catalog,
    depot: Arc<DepotServer>,
    appliance: Arc<dyn Appliance>,
    hub: Hub,
    hashing: Semaphore,
    streams: Arc<Semaphore>,
    hello_room: Semaphore,
    metrics_token: Option<String>,
    rates: Rates,
    pace: Pace,
    started_at: Time,
}

/// What only the program around knows. Calls may block.
pub trait Appliance: Send + Sync {
    /// Its state at this moment.
    fn state(&self) -> ApplianceState;

    /// Sends the magic packet for these adapters on every interface, with the SecureOn password if there is one. Returns
    /// how many packets went out.
    ///
    /// # Errors
    /// In words.
    fn wake(&self, macs: &[MacAddr], secure_on: Option<&str>) -> Result<usize, String>;

    /// Whether addresses could be given like this.
    ///
    /// # Errors
    /// What is wrong, in words.
    fn check_address_pools(&self, pools: &[catalog::AddressPool]) -> Result<(), String>;

    /// The NetBoot images, read anew.
    fn netboot_images(&self) -> NetBootImages;
}

/// The state of the program around.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ApplianceState {
    /// Its build version.
    pub version: String,
    /// The networks it serves.
    pub interfaces: Vec<Interface>,
    /// Room in the data folder.
    pub data: Space,
    /// SHA-256 of its CA's certificate, in hexadecimal.
    pub ca_fingerprint: String,
    /// What is wrong at the moment, in words.
    pub warnings: Vec<String>,
}

impl Control {
    /// The two APIs over a catalog and a depot. Listens to the catalog from now on: one per catalog.
    #[must_use]
    pub fn new(catalog: Catalog, depot: Arc<DepotServer>, appliance: Arc<dyn Appliance>) -> Self {
        Self::with_metrics_token(catalog, depot, appliance, None)
    }

    /// The same, with `/metrics` open to whoever has this token.
    #[must_use]
    pub fn with_metrics_token(
        catalog: Catalog,
        depot: Arc<DepotServer>,
        appliance: Arc<dyn Appliance>,
        metrics_token: Option<String>,
    ) -> Self {
        let hub = Hub::default();
        let teller = hub.clone();
        catalog.listen(move |event| teller.tell(event));
        let started_at = catalog.now();
        let metrics_token = metrics_token.filter(|token| !token.is_empty());
        Self(Arc::new(Shared {
            catalog,
            depot,
            appliance,
            hub,
            hashing: Semaphore::new(HASHING),
            streams: Arc::new(Semaphore::new(STREAMS)),
            hello_room: Semaphore::new(HELLO_ROOM_KIB as usize),
            metrics_token,
            rates: Rates::default(),
            pace: Pace::default(),
            started_at,
        }))
    }

    /// The catalog.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// The depot.
    #[must_use]
    pub fn depot(&self) -> &Arc<DepotServer> {
        &self.0.depot
    }

    /// Does what comes with time until [`Control::stop`] is called: run it beside the listeners.
    pub async fn run(&self) {
        let mut stopping = self.hub().stopping();
        loop {
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                () = stopping.wait() => break,
            }
            let control = self.clone();
            let work = move || control.catalog().tick().and_then(|()| control.wake_who_is_due());
            report(tokio::task::spawn_blocking(work).await);
        }
        // Progress of the last seconds.
        let catalog = self.catalog().clone();
        report(tokio::task::spawn_blocking(move || catalog.tick()).await);
    }

    /// Wakes the machines whose jobs want it now. Blocks. A kill between the packet and its note sends it twice: harmless.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub fn wake_who_is_due(&self) -> Result<(), catalog::Error> {
        for order in self.catalog().due_wakes()? {
            let sent = match order.macs.as_slice() {
                [] => Err("this machine has no adapter of its own that could be woken".to_owned()),
                macs => self.appliance().wake(macs, None),
            };
            self.catalog().woke(&order, &sent)?;
        }
        Ok(())
    }

    /// How long to wait before so many bytes of the depot go over the wire.
    pub(crate) fn pause_before(&self, bytes: usize) -> Duration {
        let rate = self.catalog().job_rules().bytes_per_second_max;
        self.0.pace.take(bytes, rate, std::time::Instant::now())
    }

    /// Answers every question that is held open and ends every stream of events, so that the listeners can close.
    pub fn stop(&self) {
        self.hub().stop();
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// Turns for answers of the depot that are streamed.
    pub(crate) fn streams(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.streams)
    }

    pub(crate) fn appliance(&self) -> &dyn Appliance {
        self.0.appliance.as_ref()
    }

    /// What is left of everybody's calls.
    pub(crate) fn rates(&self) -> &Rates {
        &self.0.rates
    }

    pub(crate) fn started_at(&self) -> Time {
        self.0.started_at
    }

    pub(crate) fn metrics_token(&self) -> Option<&str> {
        self.0.metrics_token.as_deref()
    }

    /// Runs what blocks where blocking is allowed.
    pub(crate) async fn blocking<T, E>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Refusal>
    where
        T: Send + 'static,
        E: Into<Refusal> + Send + 'static,
    {
        let control = self.clone();
        match tokio::task::spawn_blocking(move || work(&control)).await {
            Ok(outcome) => outcome.map_err(Into::into),
            Err(error) => Err(Refusal::internal(error)),
        }
    }

    /// Room in memory for a hello of this length, kept until what comes back is dropped.
    pub(crate) async fn room_for_hello(&self, len: usize) -> Result<SemaphorePermit<'_>, Refusal> {
        let busy = || {
            Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "too many machines say hello at once",
                "wait: the machine tries again by itself",
            )
            .with_retry_after(5)
        };
        let kib = u32::try_from(len.div_ceil(1024)).unwrap_or(HELLO_ROOM_KIB);
        let room = self.0.hello_room.acquire_many(kib.clamp(1, HELLO_ROOM_KIB));
        let room = tokio::time::timeout(HELLO_WAIT, room).await;
        room.map_err(|_| busy())?.map_err(|_| busy())
    }

    /// The same for what hashes a password: only a few at a time.
    pub(crate) async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, catalog::Error> + Send + 'static,
    ) -> Result<T, Refusal> {
        let busy = || {
            Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "too many people log in at once",
                "try again in a few seconds",
            )
            .with_retry_after(5)
        };
        let turn = tokio::time::timeout(HASHING_WAIT, self.0.hashing.acquire()).await;
        let _turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
        self.blocking(work).await
    }
}

fn report(ticked: Result<Result<(), catalog::Error>, tokio::task::JoinError>) {
    match ticked {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, code = error.code(), "work that comes with time failed"),
        Err(error) => tracing::error!(%error, "work that comes with time failed"),
    }
}
