//! How a session ends: restart, switch off, or leave for the machine's own disk.

use crate::{efi, screen};
use nix::sys::reboot::{RebootMode, reboot};

/// Restarts the machine. Returns only if the kernel refuses, and says so.
pub fn restart() {
    end(RebootMode::RB_AUTOBOOT, "restart");
}

/// Switches the machine off. Returns only if the kernel refuses, and says so.
pub fn power_off() {
    end(RebootMode::RB_POWER_OFF, "switch off");
}

fn end(mode: RebootMode, what: &str) {
    // What was restored is flushed already; this is for anything else.
    nix::unistd::sync();
    let Err(error) = reboot(mode);
    screen::say(&format!(
        "cannot {what}: {error}; switch the machine off by its button"
    ));
}

/// Asks UEFI firmware to start from a disk at the next boot, once, if it has an entry for one. Says which.
#[must_use]
pub fn local_boot_next() -> Option<String> {
    efi::boot_disk_next()
}
