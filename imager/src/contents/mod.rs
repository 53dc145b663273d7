//! What is inside a master: its disk without restoring it, and the files on it.
//!
//! ```text
//! manifest + frames → MasterDisk (ReadAt) → open_partition → FileTree ─┬─ list        one folder
//!                                                                      ├─ walk        everything below one
//!                                                                      ├─ extract     copied to a folder
//!                                                                      ├─ write_tar   as a stream
//!                                                                      └─ compare     with another version
//! ```
//!
//! Nothing is trusted: the root's signature and every chunk's hash are checked, and what a filesystem says is read with the
//! same suspicion as at a capture.

mod cache;
mod compare;
mod disk;
mod extract;
mod list;
mod tar;
mod walk;

pub use compare::{Differences, compare};
pub use disk::MasterDisk;
pub use extract::{Extracted, Problem, extract, write_file};
pub use list::{Listed, describe, list, open_partition};
pub use tar::write_tar;
#[cfg(feature = "mount")]
pub(crate) use walk::is_plain_name;
pub use walk::{Going, Step, show_path, walk};

#[cfg(test)]
mod tests;
