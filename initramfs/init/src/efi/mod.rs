//! UEFI firmware as it concerns us: Secure Boot, boot entries, the next boot.

mod entry;
mod load_option;
mod variable;

pub use entry::{Added, add_boot_entry, boot_disk_next};
pub use load_option::{BootPartition, LoadOption};

use protocol::machine::Firmware;
use std::path::Path;

/// The firmware that booted the machine.
#[must_use]
pub fn firmware() -> Firmware {
    if !Path::new("/sys/firmware/efi").is_dir() {
        return Firmware::Bios;
    }
    let variables = variable::Variables::system();
    let is_one = |name| variables.read(name).is_ok_and(|value| value.data == [1]);
    // UEFI 2.10 §3.3: in set-up mode nothing is enforced.
    if is_one("SecureBoot") && !is_one("SetupMode") {
        Firmware::UefiSecureBoot
    } else {
        Firmware::Uefi
    }
}
