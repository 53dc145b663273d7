//! Boot Server Discovery Protocol, by which Intel Macs before the T2 chip find images to start from the network (Apple,
//! "Boot Server Discovery Protocol", version 1.0.8).

pub mod engine;
pub mod image;
pub mod plist;
pub mod wire;

/// The folder with `.nbi` folders, in the boot folder.
pub const FOLDER: &str = "nbi";
