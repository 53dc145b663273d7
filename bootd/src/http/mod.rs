//! Plain HTTP for boot loaders and firmware: boot files, and iPXE's script. Nothing secret but the boot token in it.
//!
//! | path | answer |
//! | --- | --- |
//! | `/boot/ipxe?mac=MAC&uuid=UUID` | the machine's script, made for this request |
//! | `/boot/files/NAME` | a file of the boot folder |
//!
//! Several slashes count as one: firmware joins names carelessly, and does not follow a redirect.

mod body;
pub mod engine;
mod outbox;
pub(crate) mod server;
mod stall;
