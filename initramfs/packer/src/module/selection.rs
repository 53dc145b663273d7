//! Which modules go into the initrd.
//!
//! Rules name folders and single modules; the choice is then closed over hard dependencies, soft ones and those asked
//! for at run time. Wireless, sound, graphics and network storage stay out: a machine boots by wire and images its own
//! disks.

use super::{Library, Module};
use crate::error::Result;
use protocol::module_table::{ModuleRecord, ModuleTable, alias_matches};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::Path,
};

/// Folders below `kernel/` that are taken whole, with everything below them.
const FOLDERS: &[&str] = &[
    // Wired and USB Ethernet, their PHYs and what connects these.
    "drivers/net/ethernet",
    "drivers/net/phy",
    "drivers/net/mdio",
    "drivers/net/pcs",
    "drivers/net/usb",
    "drivers/net/vmxnet3",
    "drivers/net/hyperv",
    // Disks.
    "drivers/ata",
    "drivers/scsi",
    "drivers/message/fusion",
    "drivers/mmc",
    "drivers/misc/cardreader",
    "drivers/memstick/core",
    "drivers/ufs",
    // USB: controllers and storage.
    "drivers/usb/common",
    "drivers/usb/core",
    "drivers/usb/host",
    "drivers/usb/storage",
    // Virtual machines.
    "drivers/virtio",
    "drivers/hv",
    // Keyboards: hid_generic leaves every model that a driver of its own knows to that driver (`hid_have_special_driver`), so
    // all of them come.
    "drivers/hid",
];

/// Folders and modules below `kernel/` that are left out again, though a rule above takes them.
const LEFT_OUT: &[&str] = &[
    // Disks behind a network: iSCSI, Fibre Channel over Ethernet, targets; and modules for testing.
    "drivers/scsi/be2iscsi",
    "drivers/scsi/bnx2fc",
    "drivers/scsi/bnx2i",
    "drivers/scsi/cxgbi",
    "drivers/scsi/elx",
    "drivers/scsi/fcoe",
    "drivers/scsi/fnic",
    "drivers/scsi/qedf",
    "drivers/scsi/qedi",
    "drivers/scsi/iscsi_tcp.ko",
    "drivers/scsi/iscsi_boot_sysfs.ko",
    "drivers/scsi/scsi_debug.ko",
    "drivers/scsi/pcmcia",
    "drivers/usb/host/sl811_cs.ko",
    "drivers/mmc/host/usdhi6rol0.ko",
    "drivers/hv/hv_balloon.ko",
    "drivers/virtio/virtio_mem.ko",
    "drivers/virtio/virtio_balloon.ko",
    // Sensors, displays, tablets and game controllers.
    "drivers/hid/amd-sfh-hid",
    "drivers/hid/intel-ish-hid",
    "drivers/hid/hid-sensor-hub.ko",
    "drivers/hid/hid-sensor-custom.ko",
    "drivers/hid/hid-picolcd.ko",
    "drivers/hid/hid-prodikeys.ko",
    "drivers/hid/hid-nintendo.ko",
    "drivers/hid/hid-playstation.ko",
    "drivers/hid/hid-sony.ko",
    "drivers/hid/hid-uclogic.ko",
    "drivers/hid/hid-wiimote.ko",
    "drivers/hid/wacom.ko",
    // Modems.
    "drivers/net/usb/cdc-phonet.ko",
    "drivers/net/usb/hso.ko",
    "drivers/net/usb/sierra_net.ko",
];

/// Single modules by name.
const NAMES: &[&str] = &[
    "virtio_net",
    "virtio_blk",
    "virtio_rng",
    "xen_netfront",
    "xen_blkfront",
    "xen_pcifront",
    "pci_hyperv",
    "vmw_pvscsi",
    "nvme",
    "vmd",
    "thunderbolt",
    "thunderbolt_net",
    "hyperv_keyboard",
    // Keyboards of laptops that hang on neither USB, I²C nor the old controller.
    "applespi",
    "spi_pxa2xx_pci",
    "spi_pxa2xx_platform",
    "surface_aggregator_hub",
    "surface_aggregator_registry",
    // What keyboards and eMMC of small laptops hang on.
    "i2c_designware_pci",
    "i2c_designware_platform",
    "i2c_piix4",
    "intel_lpss_acpi",
    "intel_lpss_pci",
    "sdhci_acpi",
    "sdhci_pci",
    // Firmware variables, the ESP's filesystem, checksums that the SCSI disk driver asks for by alias.
    "efivarfs",
    "vfat",
    "nls_ascii",
    "nls_cp437",
    "nls_iso8859_1",
    "nls_utf8",
    "crc_t10dif",
    "crct10dif_pclmul",
    "crc32c_intel",
];

/// Folders whose modules answer to an alias that others wish for (`crc32c`, `crct10dif`), besides what is chosen.
const ALIAS_FOLDERS: &[&str] = &["crypto", "arch", "lib", "drivers/dma"];

/// The modules of an initrd.
#[derive(Debug)]
pub struct Selection {
    /// Their table.
    pub table: ModuleTable,
    /// Their bytes, in the table's order.
    pub modules: Vec<Module>,
    /// What a chosen module wishes for and the kernel package does not have.
    pub unmet: BTreeSet<String>,
}

/// Chooses the modules of a kernel.
///
/// # Errors
/// A module cannot be read or understood.
pub fn select(library: &Library) -> Result<Selection> {
    let answering = read_answering(library)?;
    let mut waiting: VecDeque<String> = library
        .modules()
        .filter(|(name, path)| NAMES.contains(name) || is_in_rules(path))
        .map(|(name, _)| name.to_owned())
        .collect();
    let mut chosen: BTreeMap<String, Module> = BTreeMap::new();
    let mut unmet = BTreeSet::new();
    while let Some(wish) = waiting.pop_front() {
        if chosen.contains_key(&wish) || library.is_built_in(&wish) {
            continue;
        }
        let Some(module) = library.read(&wish)? else {
            let found: Vec<&String> = answering
                .iter()
                .filter(|(_, aliases)| aliases.iter().any(|alias| alias_matches(alias, &wish)))
                .map(|(name, _)| name)
                .collect();
            if found.is_empty() {
                unmet.insert(wish);
            }
            waiting.extend(found.into_iter().cloned());
            continue;
        };
        let information = &module.information;
        let wishes = [
            &information.needs,
            &information.before,
            &information.after,
            &information.weak,
        ];
        waiting.extend(wishes.into_iter().flatten().cloned());
        chosen.insert(module.name.clone(), module);
    }
    let modules: Vec<Module> = chosen.into_values().collect();
    let records = modules.iter().map(|module| record(module, library)).collect();
    let table = ModuleTable {
        kernel_release: library.release.clone(),
        modules: records,
    };
    Ok(Selection {
        table,
        modules,
        unmet,
    })
}

impl Selection {
    /// Firmware files that the chosen modules may ask for, each once.
    #[must_use]
    pub fn firmware(&self) -> BTreeSet<&str> {
        self.modules
            .iter()
            .flat_map(|module| &module.information.firmware)
            .map(String::as_str)
            .collect()
    }
}

fn record(module: &Module, library: &Library) -> ModuleRecord {
    let information = &module.information;
    let not_built_in = |names: &[String]| {
        names
            .iter()
            .filter(|name| !library.is_built_in(name))
            .cloned()
            .collect()
    };
    ModuleRecord {
        name: module.name.clone(),
        path: module.path.clone(),
        needs: not_built_in(&information.needs),
        before: not_built_in(&information.before),
        after: not_built_in(&information.after),
        aliases: information.aliases.clone(),
        firmware: information.firmware.clone(),
    }
}

fn is_in_rules(path: &Path) -> bool {
    let Ok(path) = path.strip_prefix("kernel") else {
        return false;
    };
    let plain = path.with_extension("");
    let below = |rules: &[&str]| {
        rules
            .iter()
            .any(|rule| path.starts_with(rule) || plain.starts_with(rule))
    };
    let left_out = below(LEFT_OUT);
    below(FOLDERS) && !left_out
}

/// Aliases of the modules that may answer to one, by their names.
fn read_answering(library: &Library) -> Result<BTreeMap<String, Vec<String>>> {
    let mut answering = BTreeMap::new();
    for (name, path) in library.modules() {
        let Ok(path) = path.strip_prefix("kernel") else {
            continue;
        };
        if ALIAS_FOLDERS.iter().any(|folder| path.starts_with(folder))
            && let Some(module) = library.read(name)?
        {
            answering.insert(name.to_owned(), module.information.aliases);
        }
    }
    Ok(answering)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::elf::tests::elf_with_modinfo;

    #[test]
    fn the_choice_is_closed_over_hard_soft_and_aliased_dependencies() {
        let package = tempfile::tempdir().unwrap();
        let folder = package.path().join("lib/modules/6.1.0-test");
        let add = |path: &str, words: &[u8]| {
            let path = folder.join("kernel").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, elf_with_modinfo(words)).unwrap();
        };
        add(
            "drivers/net/ethernet/realtek/r8169.ko",
            b"depends=libphy,mdio-base\0softdep=pre: realtek checksum\0firmware=rtl_nic/a.fw\0",
        );
        add("drivers/net/phy/realtek.ko", b"depends=libphy\0");
        add("drivers/base/libphy.ko", b"depends=\0");
        add("crypto/fast_checksum.ko", b"alias=checksum\0");
        add("drivers/net/wireless/iwlwifi.ko", b"depends=\0");
        add("drivers/scsi/scsi_debug.ko", b"depends=\0");
        add("drivers/nvme/host/nvme.ko", b"depends=\0softdep=post: nowhere\0");
        std::fs::write(folder.join("modules.builtin"), "kernel/drivers/mdio-base.ko\n").unwrap();

        let selection = select(&Library::open(package.path()).unwrap()).unwrap();
        let names: Vec<&str> = selection
            .table
            .modules
            .iter()
            .map(|module| module.name.as_str())
            .collect();
        assert_eq!(names, ["fast_checksum", "libphy", "nvme", "r8169", "realtek"]);
        let r8169 = &selection.table.modules[3];
        assert_eq!(r8169.needs, ["libphy"], "what is built in need not be loaded");
        assert_eq!(r8169.before, ["realtek", "checksum"]);
        assert_eq!(
            selection.firmware().into_iter().collect::<Vec<_>>(),
            ["rtl_nic/a.fw"]
        );
        assert_eq!(selection.unmet.into_iter().collect::<Vec<_>>(), ["nowhere"]);
    }

    #[test]
    fn compressed_modules_are_left_out_by_the_same_rules() {
        assert!(is_in_rules(Path::new("kernel/drivers/scsi/sd_mod.ko.xz")));
        assert!(!is_in_rules(Path::new("kernel/drivers/scsi/scsi_debug.ko.xz")));
        assert!(!is_in_rules(Path::new("kernel/drivers/scsi/fnic/fnic.ko")));
        assert!(!is_in_rules(Path::new("kernel/drivers/scsiother/x.ko")));
    }

    #[test]
    fn a_keyboard_with_a_driver_of_its_own_has_it() {
        for driver in [
            "hid-generic.ko",
            "hid-roccat-ryos.ko.xz",
            "hid-asus.ko",
            "surface-hid/surface_kbd.ko",
        ] {
            assert!(
                is_in_rules(&Path::new("kernel/drivers/hid").join(driver)),
                "{driver}"
            );
        }
        assert!(!is_in_rules(Path::new(
            "kernel/drivers/hid/intel-ish-hid/intel-ishtp.ko"
        )));
        assert!(!is_in_rules(Path::new("kernel/drivers/hid/hid-prodikeys.ko.xz")));
    }
}
