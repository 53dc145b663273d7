//! The DHCP proxy: it gives no addresses of its own, only the name of the boot file, beside the network's own DHCP server.

pub mod engine;
pub mod merge;
pub(crate) mod server;
