//! Whether firmware could start from a disk, and which loader is on it.
//!
//! UEFI starts a disk by itself only if an ESP has `\EFI\BOOT\BOOTX64.EFI` (UEFI 2.10 §3.5.1.1); with any other loader it
//! needs a boot entry. BIOS starts whatever code sector 0 holds. So a disk "looks bootable" if, under UEFI, an ESP holds
//! any loader, and under BIOS, sector 0 holds code and its mark. Whether what comes after works, only booting tells.

use super::fat::FatVolume;
use crate::efi::BootPartition;
use imager::{
    disk::{ReadAt, Window},
    partition::{Layout, Partition, PartitionKind, read_table},
};
use protocol::machine::Firmware;

/// A loader on an ESP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loader {
    /// What to call it in the firmware's menu: the folder's name.
    pub name: String,
    /// Its path with `\` between folders.
    pub file: String,
    /// The ESP.
    pub partition: BootPartition,
}

/// Loaders by preference: shim first, because the others do not start under Secure Boot.
const LOADERS: [&str; 5] = [
    "shimx64.efi",
    "bootmgfw.efi",
    "grubx64.efi",
    "systemd-bootx64.efi",
    "refind_x64.efi",
];

/// Whether the firmware could boot from the disk.
pub fn is_bootable(disk: &dyn ReadAt, sector_size: u32, firmware: Firmware) -> bool {
    if firmware == Firmware::Bios {
        return has_boot_code(disk);
    }
    read_table(disk, sector_size)
        .is_ok_and(|layout| has_fallback_loader(disk, &layout) || find_loader(disk, &layout).is_some())
}

/// Whether firmware finds a loader without a boot entry.
#[must_use]
pub fn has_fallback_loader(disk: &dyn ReadAt, layout: &Layout) -> bool {
    system_partitions(layout).any(|partition| {
        let window = Window::new(disk, partition.bytes.clone());
        FatVolume::open(&window).is_some_and(|volume| volume.has_file(&["EFI", "BOOT"], "BOOTX64.EFI"))
    })
}

/// The loader that a boot entry should name: in `\EFI\VENDOR\`, or Windows's own place.
#[must_use]
pub fn find_loader(disk: &dyn ReadAt, layout: &Layout) -> Option<Loader> {
    for partition in system_partitions(layout) {
        let window = Window::new(disk, partition.bytes.clone());
        let Some(volume) = FatVolume::open(&window) else {
            continue;
        };
        let vendors = volume.list(&["EFI"]).unwrap_or_default();
        for vendor in vendors
            .iter()
            .filter(|entry| entry.is_folder && !entry.name.eq_ignore_ascii_case("BOOT"))
        {
            for way in [
                vec!["EFI", vendor.name.as_str()],
                vec!["EFI", vendor.name.as_str(), "Boot"],
            ] {
                let Some(entries) = volume.list(&way) else {
                    continue;
                };
                let found = LOADERS.iter().find_map(|name| {
                    entries
                        .iter()
                        .find(|entry| !entry.is_folder && entry.name.eq_ignore_ascii_case(name))
                });
                if let (Some(found), Some(partition)) =
                    (found, boot_partition(partition, layout.sector_size_bytes))
                {
                    let file = format!("\\{}\\{}", way.join("\\"), found.name);
                    return Some(Loader {
                        name: vendor.name.clone(),
                        file,
                        partition,
                    });
                }
            }
        }
    }
    None
}

fn system_partitions(layout: &Layout) -> impl Iterator<Item = &Partition> {
    layout
        .partitions
        .iter()
        .filter(|partition| partition.kind.is_efi_system())
}

/// The partition as a boot entry names it; entries on MBR disks name a signature, and such disks are started by the
/// fallback path instead.
fn boot_partition(partition: &Partition, sector_size: u32) -> Option<BootPartition> {
    let PartitionKind::Gpt { unique_guid, .. } = &partition.kind else {
        return None;
    };
    let sector = u64::from(sector_size);
    Some(BootPartition {
        number: partition.number,
        first_sector: partition.bytes.start.checked_div(sector)?,
        sectors: (partition.bytes.end - partition.bytes.start).checked_div(sector)?,
        guid: unique_guid.0,
    })
}

/// Code in sector 0 and its mark (55 aa). The disk's signature behind the code alone is no code.
fn has_boot_code(disk: &dyn ReadAt) -> bool {
    let mut sector = [0u8; 512];
    disk.read_exact_at(&mut sector, 0).is_ok()
        && sector[510..] == [0x55, 0xaa]
        && sector[..440].iter().any(|byte| *byte != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bios_disk_boots_by_code_and_mark_not_by_its_signature_alone() {
        let mut disk = vec![0u8; 4096];
        assert!(!is_bootable(&disk, 512, Firmware::Bios));
        disk[510] = 0x55;
        disk[511] = 0xaa;
        disk[440] = 7;
        assert!(!is_bootable(&disk, 512, Firmware::Bios));
        disk[0] = 0xeb;
        assert!(is_bootable(&disk, 512, Firmware::Bios));
        assert!(
            !is_bootable(&disk, 512, Firmware::Uefi),
            "the same code is nothing to UEFI"
        );
    }
}
