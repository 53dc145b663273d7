#![doc = include_str!("../README.md")]

pub mod admin;
pub mod agent;
pub mod extract;
mod hub;
mod pace;
pub mod refusal;
mod state;
pub mod view;

pub use admin::admin_router;
pub use agent::agent_router;
pub use extract::Peer;
pub use state::{Appliance, ApplianceState, Control};
