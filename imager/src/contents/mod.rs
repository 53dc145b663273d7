//! What is inside a master: its disk without restoring it, and the files on it.
//!
//! ```text
//! manifest + frames → MasterDisk (ReadAt) → partition::read_table → filesystem::open_tree → folders and files
//! ```
//!
//! Nothing is trusted: the root's signature and every chunk's hash are checked, and what a filesystem says is read with the
//! same suspicion as at a capture.

mod cache;
mod disk;

pub use disk::MasterDisk;
