//! Which machine it is, and what a machine that nobody knows may do.

use super::{GIB, by_hand, roundtrip::restore_steps};
use crate::{
    firmware::Firmware,
    machine::{Bus, Parts},
    master::{HOST_NAME, Table},
    process::wait_until,
    seed,
    stage::{LOGIN, READY, Stage},
};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::time::Duration;

/// How long an agent that is ready may take to ask for work and to say what it was told.
const WORK: Duration = Duration::from_secs(60);

/// A job waits for B. Another machine comes with B's adapter: what DHCP sees is B, what the agent finds is not. It gets a
/// record and a warning of its own, and nothing on it is written.
pub fn wrong_machine(stage: &mut Stage) -> Result<()> {
    let other = stage.blank_disk("C1", 4 * GIB)?;
    let appliance = stage.start_seeded_appliance()?.0;
    let administrator = appliance.administrator();
    // B was here once and is off: its agent's first words are enough for a record.
    let b = Parts::new("b", Firmware::Bios, 2);
    let token = by_hand::boot_token(stage, b.mac())?;
    let words = by_hand::hello(&token, &b);
    by_hand::agent(stage, "POST", "/hello", None, Some(&words))?.expect_success()?;
    let b_id = administrator.machine_id(b.mac())?;
    let job = administrator.create_job(&b_id, &restore_steps(seed::MASTER))?;

    let mut parts = Parts::new("c", Firmware::Bios, 3).with_disk(Bus::Virtio, other.clone());
    parts.adapter_of = Some(2);
    let uuid = parts.uuid();
    let mut c = stage.plug_in(parts)?;
    c.switch_on(stage.network())?;
    let record = wait_until("the other machine has a record of its own", READY, || {
        let page = administrator.show("/machines?limit=100")?;
        let machines = page["items"]
            .as_array()
            .context("the list of machines has no items")?;
        let own = machines
            .iter()
            .find(|machine| machine.pointer("/facts/smbios/uuid") == Some(&json!(uuid)));
        Ok(own.cloned())
    })?;
    ensure!(
        record["id"] != json!(b_id),
        "the other machine took over the record of B"
    );
    let warnings = record["warnings"].as_array().map_or(0, Vec::len);
    ensure!(warnings > 0, "the conflict left no warning: {record}");
    stage.say(&format!(
        "the other machine is warned about: {}",
        record["warnings"]
    ));
    c.wait_for("amorce: ready", READY)?;
    // Said when it has asked for work and got none.
    wait_until("the other machine waits for a job", WORK, || {
        let text = c.console().text()?;
        Ok(["waiting for a job", "en attente d'une t"]
            .iter()
            .any(|words| text.contains(words))
            .then_some(()))
    })?;
    let row = administrator.job_row(&job)?;
    ensure!(
        row["state"] == "queued",
        "the job for B is {}: {row}",
        row["state"]
    );
    ensure!(other.is_blank()?, "the other machine's disk was written");
    Ok(())
}

/// A machine that nobody knows and whose disk boots: inventoried once, then it starts its own disk, and ever after
/// without our agent, unless somebody presses a key. Where the site ignores unknown machines, none is even inventoried.
pub fn unknown_machine(stage: &mut Stage) -> Result<()> {
    let disk = stage.master_disk("A1", Table::Gpt)?;
    let other = stage.master_disk("A2", Table::Gpt)?;
    let appliance = stage.start_appliance()?;
    let administrator = appliance.administrator();
    let login = format!("{HOST_NAME} login:");

    let mut machine =
        stage.plug_in(Parts::new("new", Firmware::Uefi, 4).with_disk(Bus::Virtio, disk.clone()))?;
    stage.boot_to_ready(&mut machine)?;
    machine.wait_for(&login, READY + LOGIN)?;
    stage.say("it went on to its own disk by itself");
    let record = administrator
        .find_machine(machine.parts().mac())?
        .context("it was inventoried but is not on record")?;
    let serial = record.pointer("/facts/disks/0/identity/serial");
    ensure!(
        serial == Some(&json!(disk.serial())),
        "the record shows disk {serial:?}, the machine has {}",
        disk.serial()
    );
    machine.switch_off();

    machine.switch_on(stage.network())?;
    machine.wait_for(&login, LOGIN)?;
    let text = machine.console().text()?;
    ensure!(
        text.matches("amorce: ready").count() == 1,
        "a known machine without a job met our agent again"
    );
    stage.say("the second time it started its own disk at once");
    machine.switch_off();

    // Somebody who stands there presses a key: the agent stays, whatever it was told.
    let held_disk = stage.master_disk("A3", Table::Gpt)?;
    let mut held = stage.plug_in(Parts::new("held", Firmware::Bios, 6).with_disk(Bus::Virtio, held_disk))?;
    held.switch_on(stage.network())?;
    held.wait_for("amorce 0", READY)?;
    let mut pressed = 0;
    wait_until("the agent heeds a key", Duration::from_secs(60), || {
        held.monitor()?.press("spc")?;
        pressed += 1;
        let text = held.console().text()?;
        // The screen speaks the site's language; without accents, as the console shows only ASCII here.
        Ok(["a key was pressed", "une touche a"]
            .iter()
            .any(|words| text.contains(words))
            .then_some(()))
    })?;
    stage.say(&format!("the agent stays after {pressed} keys"));
    held.switch_off();

    let mut settings = administrator.show("/settings")?;
    settings["unknown_machines"] = json!("ignore");
    administrator.put("/settings", &settings)?.expect_success()?;
    let mut stranger =
        stage.plug_in(Parts::new("ignored", Firmware::Bios, 5).with_disk(Bus::Virtio, other))?;
    stage.boot_to_login(&mut stranger)?;
    ensure!(
        !stranger.console().text()?.contains("amorce: "),
        "an ignored machine met our agent"
    );
    let record = administrator.find_machine(stranger.parts().mac())?;
    ensure!(record.is_none(), "an ignored machine got a record: {record:?}");
    appliance.stop()
}
