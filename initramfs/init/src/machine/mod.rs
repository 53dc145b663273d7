//! What this machine is: the facts that the agent sends at hello.

mod kernel_log;
mod storage_controller;

pub use kernel_log::{kernel_log, secure_boot_line};

use crate::{disk, efi, module::missing_firmware, network};
use protocol::{
    ByteLen, MacAddr,
    disk::DiskFacts,
    machine::{MachineFacts, NicFacts, Smbios},
};
use std::{fs, path::Path, time::Duration};

/// No text of a firmware is kept longer.
const TEXT_MAX_CHARACTERS: usize = 128;

/// So long may reading the disks take before the appliance is told what is known.
const CONTENTS_PATIENCE: Duration = Duration::from_secs(3);

/// Looks at everything.
#[must_use]
pub fn look(booted: Option<MacAddr>) -> MachineFacts {
    let firmware = efi::firmware();
    let mut disks = disk::list_disks(firmware);
    disk::add_contents(&mut disks, CONTENTS_PATIENCE);
    let mut warnings: Vec<String> = missing_firmware(&kernel_log())
        .into_iter()
        .map(|file| format!("firmware file {file} is missing; put it into boot/firmware/ of the appliance"))
        .collect();
    warnings.extend(hidden_disks(&disks));
    MachineFacts {
        smbios: smbios(),
        firmware,
        cpu: cpu(),
        cpu_count: u32::try_from(std::thread::available_parallelism().map_or(1, usize::from)).unwrap_or(1),
        memory: memory(),
        nics: nics(booted),
        disks,
        warnings,
    }
}

/// Which disks a controller hides, and what to do about it. A controller in RAID mode that shows its disks hides none.
#[must_use]
pub fn hidden_disks(disks: &[DiskFacts]) -> Vec<String> {
    let shows_one = disks.iter().any(|disk| !disk.usb && !disk.removable);
    storage_controller::hidden_disks(shows_one, &kernel_log())
}

/// Names and numbers from the firmware's tables.
#[must_use]
pub fn smbios() -> Smbios {
    let folder = Path::new("/sys/class/dmi/id");
    let read = |name: &str| tidy(&fs::read_to_string(folder.join(name)).unwrap_or_default());
    let bios = [read("bios_vendor"), read("bios_version"), read("bios_date")];
    Smbios {
        uuid: read("product_uuid").parse().ok(),
        manufacturer: read("sys_vendor"),
        product: read("product_name"),
        serial: read("product_serial"),
        board_serial: read("board_serial"),
        bios: bios
            .iter()
            .filter(|text| !text.is_empty())
            .cloned()
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// One short line without control characters.
pub(crate) fn tidy(text: &str) -> String {
    let plain: String = text
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(TEXT_MAX_CHARACTERS)
        .collect();
    plain.trim().to_owned()
}

fn nics(booted: Option<MacAddr>) -> Vec<NicFacts> {
    network::list_adapters(booted)
        .into_iter()
        .map(|adapter| NicFacts {
            link: fs::read_to_string(Path::new("/sys/class/net").join(&adapter.name).join("carrier"))
                .is_ok_and(|text| text.trim() == "1"),
            name: adapter.name,
            mac: adapter.mac,
            driver: adapter.driver,
            usb: adapter.usb,
            booted: adapter.booted,
        })
        .collect()
}

fn cpu() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    tidy(model.map_or("", |(_, name)| name))
}

fn memory() -> ByteLen {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB"));
    let kibibytes: u64 = total.and_then(|number| number.trim().parse().ok()).unwrap_or(0);
    ByteLen(kibibytes.saturating_mul(1024))
}
