//! Client and server against each other, over TLS on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and ends")]

mod appliance;
mod authority;
mod cuts;
mod full;
mod lies;
mod line;
mod listing;
mod master;
mod peer;
mod rights;
mod round_trip;
mod trust;

/// The engine is synchronous, its calls block: each test has a runtime of its own to drive the bytes.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}
