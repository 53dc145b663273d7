//! What a technician reads when something is wrong with a machine, and what the keys do.
//!
//! An Intel controller in RAID mode and one behind VMD cannot be had from the emulator, nor can eMMC with its boot areas:
//! what the agent makes of those is tested on the kernel's tree of devices (`init`, `machine/` and `disk/`).

use super::{GIB, roundtrip::capture_steps};
use crate::{
    appliance::Appliance,
    firmware::Firmware,
    machine::{Adapter, Parts},
    stage::{READY, Stage},
};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::{
    fs,
    time::{Duration, Instant},
};

/// How long the agent may take to say what it has noticed: devices settle, and trouble is told after some patience.
const NOTICE: Duration = Duration::from_secs(120);
/// How long a key may take to act.
const KEY: Duration = Duration::from_secs(60);
/// How long a port of the switch listens, and again learns: so long that the first requests for an address are lost.
const SPANNING_TREE: Duration = Duration::from_secs(10);
/// What the adapter of the second machine needs, below `/lib/firmware`.
const FIRMWARE: &str = "e100/d102e_ucode.bin";

/// See the registry.
pub fn play(stage: &mut Stage) -> Result<()> {
    let appliance = stage.start_newer_appliance()?;
    // Words after the greeting are in the site's language; the lab reads English.
    let administrator = appliance.administrator();
    let mut settings = administrator.show("/settings")?;
    settings["language"] = json!("en");
    administrator.put("/settings", &settings)?.expect_success()?;
    no_firmware_and_a_card(stage, &appliance)?;
    // Last: from then on each cable that is plugged in waits for the switch.
    no_cable_and_no_disk(stage)?;
    appliance.stop()
}

/// The cable is pulled out once the kernel runs, and there is no disk: both are said, and every key does what it says.
fn no_cable_and_no_disk(stage: &mut Stage) -> Result<()> {
    let mut machine = stage.plug_in(Parts::new("bare", Firmware::Bios, 1))?;
    machine.switch_on(stage.network())?;
    machine.wait_for("Linux version", READY)?;
    machine.plug_cable(false)?;
    for text in ["no disk found", "no network cable carries a signal", "s = shell"] {
        stage.say(machine.wait_for(text, NOTICE)?.as_str());
    }
    machine.type_text("r")?;
    machine.wait_for("no network cable carries a signal", KEY)?;
    stage.say("r: looked again");
    machine.type_text("s")?;
    machine.wait_for("BusyBox", KEY)?;
    machine.type_text("echo $((6*7))-$PPID; sleep 1000\n")?;
    machine.wait_for("42-", KEY)?;
    machine.type_text("\u{3}echo $((7*7))-again\n")?;
    machine.wait_for("49-again", KEY)?;
    // Alone: the end of a session hangs up its line, and the kernel drops what was not sent yet.
    machine.type_text("exit\n")?;
    machine.type_text("r")?;
    machine.wait_for("no network cable carries a signal", KEY)?;
    stage.say("s: a shell that works, also after Ctrl-C; the keys work after it");
    stage.network().learn_anew(machine.tap(), SPANNING_TREE)?;
    machine.plug_cable(true)?;
    let begin = Instant::now();
    machine.wait_for("network is up", NOTICE)?;
    ensure!(
        begin.elapsed() > SPANNING_TREE,
        "the switch let everything pass at once"
    );
    stage.say(&format!(
        "the cable is back, the switch learned its tree for {:.1} s",
        begin.elapsed().as_secs_f64()
    ));
    machine.wait_for("amorce: ready", NOTICE)?;
    machine.type_text("l")?;
    stage.say(
        machine
            .wait_for("starting from this machine's own disk", KEY)?
            .as_str(),
    );
    Ok(())
}

/// Another adapter needs a file that the initrd lacks: as long as there is no network, the screen names the file. An admin
/// drops it beside the boot files, and at its next start the machine is ready and lacks nothing. Its only disk is a memory
/// card: no job takes it unless somebody names it.
fn no_firmware_and_a_card(stage: &mut Stage, appliance: &Appliance) -> Result<()> {
    let card = stage.blank_disk("CARD", GIB)?;
    let mut parts = Parts::new("card", Firmware::Bios, 2);
    parts.idle_adapter = Some(Adapter::Intel82551);
    parts.card = Some(card.clone());
    let mut machine = stage.plug_in(parts)?;
    machine.switch_on(stage.network())?;
    machine.wait_for("Linux version", READY)?;
    machine.plug_cable(false)?;
    let missing = format!("missing firmware file {FIRMWARE}");
    stage.say(machine.wait_for(&missing, NOTICE)?.as_str());
    machine.wait_for("s = shell", NOTICE)?;
    machine.switch_off();

    let place = appliance.data().join("boot/firmware").join(FIRMWARE);
    fs::create_dir_all(place.parent().context("the file is in a folder")?)?;
    fs::copy(stage.tools().firmware.join(FIRMWARE), &place)
        .with_context(|| format!("cannot drop {}", place.display()))?;
    appliance.wait_for_log("the initrd has the files from boot/firmware now")?;
    stage.boot_to_ready(&mut machine)?;
    let administrator = appliance.administrator();
    let id = administrator.machine_id(machine.parts().mac())?;
    let record = administrator.show(&format!("/machines/{id}"))?;
    ensure!(
        !record.to_string().contains(FIRMWARE),
        "the dropped file is still missing: {}",
        record["warnings"]
    );
    let disk = record
        .pointer("/facts/disks/0")
        .context("the card is not on record")?;
    stage.say(&format!("the record has {}", disk["name"]));
    ensure!(
        disk["removable"] == json!(true) && disk["identity"]["size"] == json!(GIB),
        "the card is not what it is: {disk}"
    );
    let job = administrator.create_job(&id, &capture_steps("card"))?;
    let row = administrator.wait_for_job(&job, "waits for a person", KEY, |row| row["state"] == "waiting")?;
    stage.say(&format!(
        "{}: {}",
        row["problem"]["title"], row["problem"]["remedy"]
    ));
    ensure!(
        row["problem"]["code"] == "disk-missing",
        "it waits for another reason: {row}"
    );
    ensure!(card.is_blank()?, "the card was written");
    Ok(())
}
