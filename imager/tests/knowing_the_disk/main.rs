//! Reading disks that other people's tools made: every used map is held against the filesystem's own tools.
//!
//! The everyday set is small. `AMORCE_MATRIX=full cargo test -p imager --test knowing_the_disk` runs all of it.
//! Needs root (loop mounts), e2fsprogs, dosfstools, mtools, ntfs-3g, xfsprogs, btrfs-progs, exfatprogs, exfat-fuse, lvm2,
//! cryptsetup, f2fs-tools, partclone, gdisk, fdisk and util-linux; a missing tool fails.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(
    clippy::single_range_in_vec_init,
    reason = "lists of ranges are what tables are made of"
)]

mod btrfs;
mod crash;
mod encrypted;
mod exfat;
mod ext;
mod fat;
mod harness;
mod hostile;
mod inspection;
mod large;
mod logical;

mod ntfs;
mod other;
mod peer;
mod tables;
mod xfs;
