//! Machines that boot their own disk.

use crate::{
    firmware::Firmware,
    machine::{Bus, Parts},
    master::Table,
    stage::Stage,
};
use anyhow::Result;

/// Nobody answers the firmware's question for a boot server: within the firmware's own time-out it goes on to the disk.
pub fn no_appliance(stage: &mut Stage) -> Result<()> {
    for (name, number, firmware, bus, table) in [
        ("bios", 1, Firmware::Bios, Bus::Virtio, Table::Gpt),
        ("bios-mbr", 2, Firmware::Bios, Bus::Virtio, Table::Mbr),
        ("uefi", 3, Firmware::Uefi, Bus::Nvme, Table::Gpt),
        ("secure-boot", 4, Firmware::SecureBoot, Bus::Virtio, Table::Gpt),
    ] {
        let disk = stage.master_disk(&format!("A{number}"), table)?;
        let mut machine = stage.plug_in(Parts::new(name, firmware, number).with_disk(bus, disk))?;
        stage.boot_to_login(&mut machine)?;
    }
    Ok(())
}
