//! What the boot services tell: how each boot went, which firmware wants what, who has which
//! address.

mod lease;
mod lesson;
mod transcript;
mod way;

pub(crate) use lease::address_pools;
pub use lease::{AddressLease, AddressPool, ReservedAddress};
pub use lesson::FirmwareLesson;
pub(crate) use transcript::Transcripts;
pub use transcript::{Boot, BootEntry, BootStep};
