#![doc = include_str!("../README.md")]

mod aligned;
pub mod capture;
pub mod confine;
pub mod contents;
mod device;
pub mod disk;
pub mod error;
pub mod exchange;
pub mod filesystem;
pub mod frame;
#[cfg(feature = "import")]
pub mod import;
pub mod inspect;
mod medium;
#[cfg(feature = "mount")]
pub mod mount;
pub mod partition;
pub mod progress;
pub mod restore;
pub mod signature;
pub mod store;
#[cfg(test)]
mod synthetic;
pub mod target;
pub mod touched;

pub use error::{Error, ErrorKind, Result};
pub use progress::{Phase, Progress, Unwatched};
