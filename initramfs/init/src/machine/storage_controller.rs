//! Why there may be no disk: controllers that hide theirs.

use std::{fs, path::Path};

/// What to tell the technician of disks that a controller hides. `shows_one`: an internal disk is seen. Then only what the
/// kernel itself says is told: a controller may be in RAID mode and show all it has.
#[must_use]
pub fn hidden_disks(shows_one: bool, kernel_log: &str) -> Vec<String> {
    if is_remapped(kernel_log) {
        return vec![RST.to_owned()];
    }
    if shows_one {
        return Vec::new();
    }
    hidden_disks_in(Path::new("/sys/bus/pci/devices"))
}

/// Intel RST puts NVMe disks behind the SATA controller; the kernel sees that it does, and nothing of the disks (Linux
/// `drivers/ata/ahci.c`, `ahci_remap_check`).
fn is_remapped(kernel_log: &str) -> bool {
    kernel_log
        .lines()
        .any(|line| line.contains("ahci") && line.contains("remapped NVMe device"))
}

const RST: &str = "Intel RST hides a disk (storage is in RAID mode); set it to AHCI in the firmware set-up (Windows must be told \
                   first: safe mode once)";

/// PCI classes (PCI Code and ID Assignment §1.2): 01 mass storage; 04 RAID, 06 SATA, 08 non-volatile memory.
const RAID: u32 = 0x0104;
const INTEL: u32 = 0x8086;
/// Volume Management Device (Linux `drivers/pci/controller/vmd.c`).
const INTEL_VMD: [u32; 7] = [0x201d, 0x28c0, 0x467f, 0x4c3d, 0xa77f, 0x7d0b, 0x9a0b];

fn hidden_disks_in(folder: &Path) -> Vec<String> {
    let number = |path: &Path, file: &str| {
        let text = fs::read_to_string(path.join(file)).ok()?;
        u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
    };
    let mut advice = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let (Some(class), Some(vendor), Some(device)) = (
            number(&path, "class"),
            number(&path, "vendor"),
            number(&path, "device"),
        ) else {
            continue;
        };
        if vendor != INTEL {
            continue;
        }
        if INTEL_VMD.contains(&device) {
            advice.push(
                "Intel VMD is on and shows no disk; set storage to AHCI/NVMe instead of RST/VMD in the firmware set-up \
                 (Windows must be told first: safe mode once)"
                    .to_owned(),
            );
        } else if class >> 8 == RAID {
            advice.push(RST.to_owned());
        }
    }
    advice.sort();
    advice.dedup();
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(root: &Path, name: &str, class: &str, vendor: &str, device: &str) {
        let folder = root.join(name);
        fs::create_dir_all(&folder).unwrap();
        for (file, text) in [("class", class), ("vendor", vendor), ("device", device)] {
            fs::write(folder.join(file), format!("{text}\n")).unwrap();
        }
    }

    #[test]
    fn an_nvme_disk_that_rst_hides_is_told_also_beside_a_disk_that_is_seen() {
        let log = "[    1.2] ahci 0000:00:17.0: Found 1 remapped NVMe devices.\n[    1.2] ahci 0000:00:17.0: Switch your BIOS \
                   from RAID to AHCI mode to use them.\n";
        assert_eq!(hidden_disks(true, log), [RST]);
        assert!(hidden_disks(true, "[    1.2] ahci 0000:00:17.0: AHCI 0001.0301\n").is_empty());
    }

    #[test]
    fn a_controller_in_raid_mode_and_vmd_are_told_apart_and_ahci_hides_nothing() {
        let root = tempfile::tempdir().unwrap();
        add(root.path(), "0000:00:17.0", "0x010601", "0x8086", "0xa102");
        assert!(hidden_disks_in(root.path()).is_empty());
        add(root.path(), "0000:00:17.1", "0x010400", "0x8086", "0x2822");
        add(root.path(), "0000:00:0e.0", "0x010400", "0x8086", "0x9a0b");
        let advice = hidden_disks_in(root.path());
        assert_eq!(advice.len(), 2);
        assert!(
            advice[1].contains("VMD") && advice[0].contains("RST hides"),
            "{advice:?}"
        );
    }
}
