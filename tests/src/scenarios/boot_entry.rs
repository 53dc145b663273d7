//! A system whose loader the firmware does not find by itself.

use super::{
    GIB,
    roundtrip::{JOB, POWER_OFF, capture_offline, first_result, restore_steps},
};
use crate::{
    firmware::{Firmware, VARIABLES},
    firmware_variables,
    machine::{Bus, Parts},
    master::Table,
    process::{command, run},
    stage::Stage,
};
use anyhow::{Context, Result, ensure};
use std::{fs, path::Path};

/// The restored disk has no `\EFI\BOOT\BOOTX64.EFI`: the agent adds one boot entry for what is there, says so, and the
/// firmware keeps it.
pub fn play(stage: &mut Stage) -> Result<()> {
    let original = stage.master_disk("A1", Table::Gpt)?;
    hide_removable_loader(original.path())?;
    let copy = stage.blank_disk("B1", 4 * GIB)?;
    let appliance =
        stage.start_appliance_with(|data| capture_offline(stage, original.path(), data, "hidden"))?;
    let administrator = appliance.administrator();
    let mut b = stage.plug_in(Parts::new("b", Firmware::Uefi, 2).with_disk(Bus::Virtio, copy))?;
    stage.boot_to_ready(&mut b)?;
    let job = administrator.create_job(
        &administrator.machine_id(b.parts().mac())?,
        &restore_steps("hidden"),
    )?;
    let row = administrator.wait_done(&job, JOB)?;
    b.wait_off(POWER_OFF)?;
    let notes = first_result(&row)?.notes;
    let note = notes.iter().find(|note| note.contains("boot entry"));
    stage.say(note.with_context(|| format!("no boot entry is spoken of: {notes:?}"))?);

    let flash = fs::read(b.folder().join(VARIABLES)).context("the machine has no flash")?;
    let variables = firmware_variables::read(&flash)?;
    // FAT knows no case, and tools write either.
    let text = |data: &[u8]| {
        String::from_utf8_lossy(data)
            .replace('\0', "")
            .to_ascii_lowercase()
    };
    let entries: Vec<&str> = variables
        .iter()
        .filter(|variable| text(&variable.data).contains("\\efi\\debian\\shimx64.efi"))
        .map(|variable| variable.name.as_str())
        .collect();
    ensure!(
        entries.len() == 1,
        "the firmware keeps {} entries for the loader: {entries:?}",
        entries.len()
    );
    stage.say(&format!("the firmware keeps {}", entries[0]));
    stage.boot_to_login(&mut b)?;
    appliance.stop()
}

/// As an installed system has it when nobody made the copy for removable media.
fn hide_removable_loader(image: &Path) -> Result<()> {
    let esp = Table::Gpt.layout().esp.context("master A has an ESP")?;
    let place = format!("{}@@{}", image.display(), esp.offset);
    for (from, to) in [
        ("BOOT/BOOTX64.EFI", "debian/shimx64.efi"),
        ("BOOT/grubx64.efi", "debian/grubx64.efi"),
    ] {
        run(&mut command([
            "mmove",
            "-i",
            &place,
            &format!("::/EFI/{from}"),
            &format!("::/EFI/{to}"),
        ]))?;
    }
    run(&mut command(["mrd", "-i", &place, "::/EFI/BOOT"]))?;
    Ok(())
}
