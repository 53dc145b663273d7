//! Machines that boot their own disk with nobody's help.

use super::GIB;
use crate::{
    firmware::Firmware,
    machine::{Bus, Parts},
    master::Table,
    process::{command, run},
    seed,
    stage::Stage,
};
use anyhow::{Context, Result};

/// Nobody answers the firmware's question for a boot server: within the firmware's own time-out it goes on to the disk.
/// The disk was restored by the `imager` command, without any network.
pub fn no_appliance(stage: &mut Stage) -> Result<()> {
    let original = stage.master_disk("A1", Table::Gpt)?;
    let folder = stage.tools().cache.clone();
    let store = tempfile::tempdir_in(folder).context("cannot make a folder")?;
    seed::plant(stage.tools(), store.path())?;
    for (name, number, firmware) in [("bios", 2, Firmware::Bios), ("uefi", 3, Firmware::Uefi)] {
        let disk = stage.blank_disk(name, 4 * GIB)?;
        run(command([&stage.tools().imager])
            .args(["restore", seed::MASTER])
            .arg(disk.path())
            .arg("--store")
            .arg(store.path().join("depot")))?;
        stage.compare(&original, &disk, Table::Gpt)?;
        let mut machine = stage.plug_in(Parts::new(name, firmware, number).with_disk(Bus::Virtio, disk))?;
        stage.boot_to_login(&mut machine)?;
    }
    Ok(())
}

/// Every kind of master in every kind of firmware.
pub fn masters(stage: &mut Stage) -> Result<()> {
    boot_each(
        stage,
        &[
            (Firmware::Bios, Bus::Sata, Table::Gpt),
            (Firmware::Bios, Bus::Sata, Table::Mbr),
            (Firmware::Uefi, Bus::Nvme, Table::Gpt),
            (Firmware::SecureBoot, Bus::Nvme, Table::Gpt),
        ],
    )
}

fn boot_each(stage: &mut Stage, cases: &[(Firmware, Bus, Table)]) -> Result<()> {
    for (number, (firmware, bus, table)) in (1..).zip(cases) {
        let disk = stage.master_disk(&format!("A{number}"), *table)?;
        let name = match (firmware, table) {
            (Firmware::Bios, Table::Gpt) => "bios",
            (Firmware::Bios, Table::Mbr) => "bios-mbr",
            (Firmware::Uefi, _) => "uefi",
            (Firmware::SecureBoot, _) => "secure-boot",
        };
        let mut machine = stage.plug_in(Parts::new(name, *firmware, number).with_disk(*bus, disk))?;
        stage.boot_to_login(&mut machine)?;
    }
    Ok(())
}
