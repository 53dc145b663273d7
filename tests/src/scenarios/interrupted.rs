//! A restore that loses the appliance, and one that loses the machine.

use super::{
    GIB,
    roundtrip::{JOB, POWER_OFF, first_result, restore_steps, say_figures},
};
use crate::{
    administrator::Administrator,
    firmware::Firmware,
    machine::{Bus, Parts},
    master::Table,
    seed,
    stage::{READY, Stage},
};
use anyhow::{Result, ensure};
use serde_json::Value;

/// What may be on its way when a connection is cut: asked for, sent, and not yet kept.
const IN_FLIGHT: u64 = 24 << 20;

/// See the registry.
pub fn play(stage: &mut Stage) -> Result<()> {
    let original = stage.master_disk("A1", Table::Gpt)?;
    let first = stage.blank_disk("B1", 4 * GIB)?;
    let second = stage.blank_disk("C1", 4 * GIB)?;
    let (mut appliance, planted) = stage.start_seeded_appliance()?;

    let mut b = stage.plug_in(Parts::new("b", Firmware::Uefi, 2).with_disk(Bus::Virtio, first.clone()))?;
    stage.boot_to_ready(&mut b)?;
    let id = appliance.administrator().machine_id(b.parts().mac())?;
    let job = appliance
        .administrator()
        .create_job(&id, &restore_steps(seed::MASTER))?;
    wait_half(appliance.administrator(), &job)?;
    stage.say("half restored; the appliance is killed");
    appliance.kill_and_restart(stage.network())?;
    stage.say("the appliance serves again");
    let row = appliance.administrator().wait_done(&job, JOB)?;
    b.wait_off(POWER_OFF)?;
    say_figures(stage, "restored", &row)?;
    let fetched = first_result(&row)?.bytes_sent;
    ensure!(
        fetched <= planted.bytes_stored + IN_FLIGHT,
        "{fetched} bytes were fetched, the master has {}: something was sent twice",
        planted.bytes_stored
    );
    stage.compare(&original, &first, Table::Gpt)?;

    let mut c = stage.plug_in(Parts::new("c", Firmware::Bios, 3).with_disk(Bus::Virtio, second.clone()))?;
    stage.boot_to_ready(&mut c)?;
    let administrator = appliance.administrator();
    let job = administrator.create_job(
        &administrator.machine_id(c.parts().mac())?,
        &restore_steps(seed::MASTER),
    )?;
    wait_half(administrator, &job)?;
    stage.say("half restored; the machine is reset");
    c.monitor()?.reset()?;
    c.wait_for("amorce: ready", READY)?;
    let row = administrator.wait_done(&job, JOB)?;
    c.wait_off(POWER_OFF)?;
    say_figures(stage, "restored", &row)?;
    // Half was on the disk already: the second agent compares it and fetches the other half only.
    let fetched = first_result(&row)?.bytes_sent;
    ensure!(
        fetched <= planted.bytes_stored * 6 / 10 + IN_FLIGHT,
        "after half was restored, {fetched} bytes of {} were fetched again",
        planted.bytes_stored
    );
    stage.compare(&original, &second, Table::Gpt)?;
    appliance.stop()
}

/// Waits until half of the bytes are written, no matter how the phases are cut.
fn wait_half(administrator: &Administrator, job: &str) -> Result<Value> {
    administrator.wait_for_job(job, "is half done", JOB, |row| {
        let progress = &row["progress"];
        let number = |name: &str| progress[name].as_u64().unwrap_or_default();
        let writing = ["fetching", "writing"]
            .iter()
            .any(|phase| progress["phase"] == *phase);
        writing && number("bytes_total") > 0 && number("bytes_done") * 2 >= number("bytes_total")
    })
}
