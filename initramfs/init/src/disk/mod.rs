//! The machine's disks: what identifies each, what kind it is, whether it boots, how it feels.

mod bootable;
mod fat;
mod identity;
mod listing;
mod smart;

pub use bootable::{find_loader, has_fallback_loader};
pub use listing::{add_contents, are_same, list_disks, path_of};
pub use smart::health;
