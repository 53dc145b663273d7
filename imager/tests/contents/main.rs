//! What is inside disks and masters, held against what the system's own tools put there.
//!
//! Needs root (loop mounts), e2fsprogs, dosfstools, mtools, ntfs-3g, xfsprogs, btrfs-progs, partclone; a missing tool fails.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod files;
#[path = "../knowing_the_disk/harness.rs"]
#[allow(dead_code, reason = "shared with the tests of used maps")]
mod harness;
mod import;
mod mount;
mod trees;
