//! Disks and stores that fail: bad sectors, a store that is full or cannot be written to, a target that goes away. What can
//! be saved is saved, the end is told with its remedy, and nothing that was there is lost.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bench;
mod source;
mod storage;
mod target;
