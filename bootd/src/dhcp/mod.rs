//! The DHCP proxy: it gives no addresses, only the name of the boot file, beside the network's own DHCP server.

pub mod engine;
pub(crate) mod server;
