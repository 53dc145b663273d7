//! What helps to understand a failure, gathered at the moment it happens.

use crate::{disk, machine, screen};
use protocol::{agent::Evidence, machine::Firmware};

/// Gathers it all, each text cut at its beginning.
#[must_use]
pub fn gather() -> Evidence {
    let smart: String = disk::list_disks(Firmware::Bios)
        .iter()
        .map(|found| disk::health(&found.name))
        .collect();
    let cut = |text: &str| screen::cut_beginning(text, Evidence::MAX_LEN).to_owned();
    Evidence {
        log: screen::kept(screen::LOG_FILE, Evidence::MAX_LEN),
        dmesg: cut(&machine::kernel_log()),
        smart: cut(&smart),
        screen: screen::kept(screen::SCREEN_FILE, Evidence::MAX_LEN),
    }
}
