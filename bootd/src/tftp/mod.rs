//! TFTP, sending only: the first hop of every boot, and grub's only way to load a kernel.

pub mod engine;
mod sender;
pub(crate) mod server;
pub mod wire;

pub use engine::EndReason;
