//! The admin API, `/api/v1`.

pub mod document;
mod events;
mod jobs;
mod machines;
mod masters;
mod permission;
mod server;
mod sessions;
