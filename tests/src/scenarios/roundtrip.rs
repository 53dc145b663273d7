//! From one machine's disk through the depot onto another's, by agent and job.

use super::GIB;
use crate::{
    disk::Disk,
    firmware::Firmware,
    machine::{Adapter, Bus, Parts},
    master::Table,
    process::{command, is_interrupted, run},
    stage::Stage,
};
use anyhow::{Context, Result, ensure};
use protocol::job::StepResult;
use serde_json::Value;
use std::{path::Path, time::Duration};

/// How long a job of one small disk may take on a busy machine.
pub const JOB: Duration = Duration::from_secs(900);
/// How long a machine may take to switch itself off after its last step.
pub const POWER_OFF: Duration = Duration::from_secs(90);

/// See the registry.
pub fn uefi(stage: &mut Stage) -> Result<()> {
    play(stage, Firmware::Uefi, Table::Gpt, Adapter::Virtio)
}

/// See the registry.
pub fn bios(stage: &mut Stage) -> Result<()> {
    play(stage, Firmware::Bios, Table::Gpt, Adapter::IntelE1000e)
}

/// See the registry.
pub fn mbr(stage: &mut Stage) -> Result<()> {
    play(stage, Firmware::Bios, Table::Mbr, Adapter::Virtio)
}

fn play(stage: &mut Stage, firmware: Firmware, table: Table, adapter: Adapter) -> Result<()> {
    let original = stage.master_disk("A1", table)?;
    let copy = stage.blank_disk("B1", 4 * GIB)?;
    let before = original.digest()?;
    let appliance = stage.start_appliance()?;
    let administrator = appliance.administrator();
    let part = |name, number, disk: &Disk| {
        Parts::new(name, firmware, number)
            .with_adapter(adapter)
            .with_disk(Bus::Virtio, disk.clone())
    };

    // A shows itself once, so that there is a record to make a job for.
    let mut a = stage.plug_in(part("a", 1, &original))?;
    stage.boot_to_ready(&mut a)?;
    a.switch_off();
    let job = administrator.create_job(
        &administrator.machine_id(a.parts().mac())?,
        &capture_steps("debian"),
    )?;
    stage.boot_to_ready(&mut a)?;
    let row = administrator.wait_done(&job, JOB)?;
    a.wait_off(POWER_OFF)?;
    say_figures(stage, "captured", &row)?;
    ensure!(
        original.digest()? == before,
        "the capture has written to the source disk"
    );

    // B waits in the agent, as nothing on it boots, and takes its job up at once.
    let mut b = stage.plug_in(part("b", 2, &copy))?;
    stage.boot_to_ready(&mut b)?;
    let job = administrator.create_job(
        &administrator.machine_id(b.parts().mac())?,
        &restore_steps("debian"),
    )?;
    let row = administrator.wait_done(&job, JOB)?;
    b.wait_off(POWER_OFF)?;
    say_figures(stage, "restored", &row)?;
    let memory = appliance.peak_memory()?;
    stage.say(&format!(
        "the appliance used {} MiB of memory at most",
        memory >> 20
    ));

    stage.compare(&original, &copy, table)?;
    ensure!(!is_interrupted(), "interrupted");
    // From now on nothing waits for B: the boot services let it pass to its own disk.
    stage.boot_to_login(&mut b)?;
    appliance.stop()
}

/// A job that captures the only disk and switches the machine off.
pub fn capture_steps(master: &str) -> Value {
    serde_json::json!([{ "kind": "capture", "master": master }, { "kind": "power-off" }])
}

/// A job that restores the newest version to the only disk and switches the machine off.
pub fn restore_steps(master: &str) -> Value {
    serde_json::json!([
        { "kind": "restore", "master": { "name": master, "version": null } },
        { "kind": "power-off" },
    ])
}

/// Captures an image with the `imager` command into the depot below `data`, before an appliance serves it.
pub fn capture_offline(stage: &Stage, image: &Path, data: &Path, master: &str) -> Result<()> {
    let store = data.join("depot");
    run(command([&stage.tools().imager]).arg("init").arg(&store))?;
    run(command([&stage.tools().imager])
        .arg("capture")
        .arg(image)
        .arg("--store")
        .arg(&store)
        .args(["--name", master]))?;
    Ok(())
}

/// What the job's first step counted.
pub fn first_result(row: &Value) -> Result<StepResult> {
    let result = row
        .pointer("/results/0")
        .with_context(|| format!("the job has no result: {row}"))?;
    serde_json::from_value(result.clone()).context("the job's result is not as the protocol has it")
}

/// Says what the job's first step counted.
pub fn say_figures(stage: &Stage, verb: &str, row: &Value) -> Result<()> {
    let result = first_result(row)?;
    let mb = |bytes: u64| bytes as f64 / 1e6;
    stage.say(&format!(
        "{verb} {:.0} MB used of {:.0} MB in {:.1} s ({:.1} MB/s of used bytes); {:.0} MB over the wire, {:.0} MB written, {} chunks; the agent used {} MiB of memory at most",
        mb(result.bytes_used),
        mb(result.bytes_disk),
        result.seconds,
        mb(result.bytes_used) / result.seconds.max(0.001),
        mb(result.bytes_sent),
        mb(result.bytes_written),
        result.chunks,
        result.bytes_memory >> 20,
    ));
    ensure!(
        result.bytes_memory > 0,
        "the agent does not say how much memory it used"
    );
    for note in &result.notes {
        stage.say(&format!("note: {note}"));
    }
    Ok(())
}
