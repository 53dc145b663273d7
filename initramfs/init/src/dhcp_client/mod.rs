//! Our own DHCP client: `engine` decides (pure), `datagram` makes IP packets, `socket` sends them.

mod datagram;
mod engine;
mod socket;

pub use engine::{Client, Step, identity};
pub use socket::{PacketSocket, renew};
