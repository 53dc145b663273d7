//! Restores that must not write where nobody meant them to.

use super::{
    GIB,
    roundtrip::{JOB, POWER_OFF, restore_steps, say_figures},
};
use crate::{
    firmware::Firmware,
    machine::{Bus, Parts},
    master::{self, Table},
    seed,
    stage::Stage,
};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;

/// How long the agent may take to see a new job and to decide that it cannot start.
const DECISION: Duration = Duration::from_secs(60);

/// Two disks and none named: the job waits with the list, both disks untouched; a person chooses, and only that one is
/// written. A disk that is named and not there is no reason to take another.
pub fn wrong_disk(stage: &mut Stage) -> Result<()> {
    let chosen = stage.blank_disk("CHOSEN", 4 * GIB)?;
    let precious = stage.blank_disk("PRECIOUS", 4 * GIB)?;
    precious.scribble(512, b"somebody's thesis")?;
    precious.scribble(GIB, b"and its last chapter")?;
    let (chosen_before, precious_before) = (chosen.digest()?, precious.digest()?);
    let appliance = stage.start_seeded_appliance()?.0;
    let administrator = appliance.administrator();
    let parts = Parts::new("b", Firmware::Uefi, 2)
        .with_disk(Bus::Virtio, precious.clone())
        .with_disk(Bus::Sata, chosen.clone());
    let mut machine = stage.plug_in(parts)?;
    stage.boot_to_ready(&mut machine)?;
    let id = administrator.machine_id(machine.parts().mac())?;

    let elsewhere = json!([
        { "kind": "restore", "master": { "name": seed::MASTER, "version": null },
          "disk": { "serial": "NOT-HERE", "size": 4 * GIB } },
    ]);
    let job = administrator.create_job(&id, &elsewhere)?;
    let row = administrator.wait_for_job(&job, "does not start", DECISION, |row| {
        row["state"] == "waiting" || row["state"] == "failed"
    })?;
    stage.say(&format!(
        "a named disk that is not there: {}: {}",
        row["state"], row["problem"]["title"]
    ));
    ensure!(
        chosen.digest()? == chosen_before,
        "a disk was written that nobody named"
    );
    if row["state"] == "waiting" {
        administrator
            .post(&format!("/jobs/{job}/cancel"), &json!({}))?
            .expect_success()?;
    }

    // The failed job sent the machine to its disk or left it waiting; either way it meets the next job in the agent.
    let job = administrator.create_job(&id, &restore_steps(seed::MASTER))?;
    let row = administrator.wait_for_job(&job, "waits for a choice", JOB, |row| row["choice"].is_object())?;
    ensure!(
        row["state"] == "waiting",
        "the job offers a choice but is {}",
        row["state"]
    );
    ensure!(
        precious.digest()? == precious_before && chosen.digest()? == chosen_before,
        "a disk was written unasked"
    );
    let disks = row["choice"]["disks"]
        .as_array()
        .context("the choice has no disks")?;
    ensure!(
        disks.len() == 2,
        "two disks are there, the choice has {}",
        disks.len()
    );
    let identity = disks
        .iter()
        .map(|disk| &disk["identity"])
        .find(|identity| identity["serial"] == chosen.serial())
        .context("the disk to choose is not in the list")?;
    let path = format!("/jobs/{job}/machines/{id}/disk");
    administrator
        .post(&path, &json!({ "disk": identity }))?
        .expect_success()?;
    let row = administrator.wait_done(&job, JOB)?;
    machine.wait_off(POWER_OFF)?;
    say_figures(stage, "restored", &row)?;
    ensure!(
        precious.digest()? == precious_before,
        "the disk that was not chosen has changed"
    );
    stage.compare(&stage.master_disk("A1", Table::Gpt)?, &chosen, Table::Gpt)
}

/// The master's last partition does not fit: refused with the figures, evidence kept (the disk is one that tells how it
/// feels), nothing written.
pub fn too_small(stage: &mut Stage) -> Result<()> {
    let disk = stage.blank_disk("SMALL", 2 * GIB)?;
    let appliance = stage.start_seeded_appliance()?.0;
    let administrator = appliance.administrator();
    let mut machine = stage.plug_in(Parts::new("b", Firmware::Bios, 2).with_disk(Bus::Nvme, disk.clone()))?;
    stage.boot_to_ready(&mut machine)?;
    let id = administrator.machine_id(machine.parts().mac())?;
    let job = administrator.create_job(&id, &restore_steps(seed::MASTER))?;
    let row = administrator.wait_for_job(&job, "fails", DECISION, |row| row["state"] == "failed")?;
    let problem = &row["problem"];
    stage.say(&format!("{problem}"));
    ensure!(
        problem["code"] == "disk-too-small",
        "the problem's code is {}",
        problem["code"]
    );
    ensure!(
        problem["title"]
            .as_str()
            .is_some_and(|title| title.contains(|c: char| c.is_ascii_digit())),
        "the problem names no figures"
    );
    ensure!(
        problem["remedy"]
            .as_str()
            .is_some_and(|remedy| !remedy.is_empty()),
        "the problem names no remedy"
    );
    ensure!(disk.is_blank()?, "the small disk was written");
    ensure!(
        disk.path().metadata()?.len() < master::SIZE,
        "the scenario itself is wrong: the disk is large enough"
    );
    let evidence = administrator.show(&format!("/jobs/{job}/machines/{id}/evidence"))?;
    for (part, words) in [
        ("log", "the target has"),
        ("dmesg", "Linux version"),
        ("smart", "degrees C"),
        ("screen", "amorce: ready"),
    ] {
        let text = evidence[part].as_str().unwrap_or_default();
        ensure!(
            text.contains(words),
            "the failure left no {words:?} in its {part}: {}",
            shortened(&evidence[part])
        );
    }
    stage.say(evidence["smart"].as_str().unwrap_or_default().trim_end());
    Ok(())
}

fn shortened(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}
