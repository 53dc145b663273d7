#![doc = include_str!("../README.md")]

pub mod bsdp;
pub mod config;
pub mod decision;
pub mod dhcp;
pub mod doctor;
pub mod error;
pub mod event;
pub mod files;
pub mod http;
mod image;
mod learned;
mod network;
mod script;
mod service;
pub mod tftp;
pub mod wake;

pub use config::{Config, Ports};
pub use decision::{DecisionError, Decisions};
pub use dhcp::shape::LearnedOffer;
pub use error::ServeError;
pub use event::{BootEvent, Happening, Loader};
pub use service::{BootServices, serve};
