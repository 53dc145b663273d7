//! Machines that boot their own disk with nobody's help.

use crate::{
    firmware::Firmware,
    machine::{Bus, Parts},
    master::Table,
    stage::Stage,
};
use anyhow::Result;

/// Nobody answers the firmware's question for a boot server: within the firmware's own time-out it goes on to the disk.
pub fn no_appliance(stage: &mut Stage) -> Result<()> {
    boot_each(
        stage,
        &[
            (Firmware::Bios, Bus::Virtio, Table::Gpt),
            (Firmware::Uefi, Bus::Virtio, Table::Gpt),
        ],
    )
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
