//! The kernel's own filesystems.

use nix::mount::{MsFlags, mount};
use std::path::Path;

/// What, where, and whether the machine can work without it.
const MOUNTS: &[(&str, &str, MsFlags)] = &[
    // First: without /dev/random a random number may end the program.
    ("devtmpfs", "/dev", MsFlags::MS_NOSUID),
    (
        "proc",
        "/proc",
        MsFlags::MS_NOSUID
            .union(MsFlags::MS_NODEV)
            .union(MsFlags::MS_NOEXEC),
    ),
    (
        "sysfs",
        "/sys",
        MsFlags::MS_NOSUID
            .union(MsFlags::MS_NODEV)
            .union(MsFlags::MS_NOEXEC),
    ),
    ("tmpfs", "/run", MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV)),
];

/// Mounts them all; returns what failed, in words.
pub fn mount_all() -> Vec<String> {
    MOUNTS
        .iter()
        .filter_map(|(kind, place, flags)| mount_one(kind, place, *flags).err())
        .collect()
}

/// Mounts the firmware's variables. Its driver is a module, so this is tried again until it is there.
pub fn mount_firmware_variables() -> bool {
    let place = "/sys/firmware/efi/efivars";
    if !Path::new(place).is_dir() {
        return false;
    }
    let empty = std::fs::read_dir(place).map_or(true, |mut entries| entries.next().is_none());
    !empty
        || mount_one(
            "efivarfs",
            place,
            MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC,
        )
        .is_ok()
}

fn mount_one(kind: &str, place: &str, flags: MsFlags) -> Result<(), String> {
    // The place may be missing in an initrd that somebody else packed.
    let _ = std::fs::create_dir_all(place);
    match mount(
        Some(kind),
        place,
        Some(kind),
        flags,
        Some(if kind == "tmpfs" { "mode=0755" } else { "" }),
    ) {
        // The kernel may have mounted /dev itself.
        Ok(()) | Err(nix::errno::Errno::EBUSY) => Ok(()),
        Err(error) => Err(format!("cannot mount {kind} on {place}: {error}")),
    }
}
