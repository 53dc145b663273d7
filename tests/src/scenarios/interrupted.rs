//! A restore that loses the appliance and then its agent, and one that loses the machine, before and after its first write.

use super::{
    GIB,
    roundtrip::{JOB, POWER_OFF, first_result, restore_steps, say_figures},
};
use crate::{
    administrator::Administrator,
    firmware::Firmware,
    machine::{Bus, Machine, Parts},
    master::Table,
    seed,
    stage::{READY, Stage},
};
use anyhow::{Result, ensure};
use serde_json::Value;
use std::time::Duration;

/// What may be on its way when a connection is cut: asked for, sent, and not yet kept.
const IN_FLIGHT: u64 = 8 << 20;
/// What a machine's kernel may not have brought to the disk when it loses its power, as stored in the depot.
const NOT_FLUSHED: u64 = 24 << 20;
/// Table of an MBR disk with one Linux partition from the first MiB to the second GiB.
const OLD_TABLE: [u8; 16] = [
    0x00, 0, 0, 0, 0x83, 0, 0, 0, 0x00, 0x08, 0, 0, 0x00, 0xf8, 0x3f, 0,
];
/// How long process 1 may take to start another agent, and that one to be ready again.
const AGENT: Duration = Duration::from_secs(90);

/// See the registry.
pub fn play(stage: &mut Stage) -> Result<()> {
    let original = stage.master_disk("A1", Table::Gpt)?;
    let first = stage.blank_disk("B1", 4 * GIB)?;
    let second = stage.blank_disk("C1", 4 * GIB)?;
    let (mut appliance, planted) = stage.start_seeded_appliance()?;

    let mut b = stage.plug_in(Parts::new("b", Firmware::Uefi, 2).with_disk(Bus::Virtio, first.clone()))?;
    stage.boot_to_ready(&mut b)?;
    let sent_before = stage.network().sent_to(b.tap())?;
    let id = appliance.administrator().machine_id(b.parts().mac())?;
    let job = appliance
        .administrator()
        .create_job(&id, &restore_steps(seed::MASTER))?;
    wait_percent(appliance.administrator(), &job, 50)?;
    stage.say("half restored; the appliance is killed");
    appliance.kill_and_restart(stage.network())?;
    stage.say("the appliance serves again");
    wait_percent(appliance.administrator(), &job, 70)?;
    stage.say("seven tenths restored; the agent is killed");
    kill_agent(&mut b)?;
    stage.say("another agent has taken up the session");
    let row = appliance.administrator().wait_done(&job, JOB)?;
    b.wait_off(POWER_OFF)?;
    say_figures(stage, "restored", &row)?;
    // All that went to the machine, whoever of the agents counted it: one twentieth for TLS, TCP and manifests.
    let sent = stage.network().sent_to(b.tap())? - sent_before;
    stage.say(&format!(
        "{sent} bytes went to the machine; the master has {}",
        planted.bytes_stored
    ));
    ensure!(
        sent <= planted.bytes_stored + planted.bytes_stored / 20 + 2 * IN_FLIGHT,
        "{sent} bytes went to the machine, the master has {}: something was sent twice",
        planted.bytes_stored
    );
    let fetched = first_result(&row)?.bytes_sent;
    ensure!(
        fetched <= planted.bytes_stored * 4 / 10 + IN_FLIGHT,
        "after seven tenths were restored, {fetched} bytes of {} were fetched again",
        planted.bytes_stored
    );
    stage.compare(&original, &first, Table::Gpt)?;

    // An old system's table is on the disk: before the first write that is as good as it was.
    second.scribble(446, &OLD_TABLE)?;
    second.scribble(510, &[0x55, 0xaa])?;
    let mut c = stage.plug_in(Parts::new("c", Firmware::Bios, 3).with_disk(Bus::Virtio, second.clone()))?;
    stage.boot_to_ready(&mut c)?;
    let administrator = appliance.administrator();
    let job = administrator.create_job(
        &administrator.machine_id(c.parts().mac())?,
        &restore_steps(seed::MASTER),
    )?;
    administrator.wait_for_job(&job, "compares", JOB, |row| {
        row["progress"]["phase"] == "comparing"
    })?;
    stage.say("comparing with what was there; the machine is reset");
    c.monitor()?.reset()?;
    c.wait_for("amorce: ready", READY)?;
    let row = wait_percent(administrator, &job, 50)?;
    ensure!(
        row["state"] == "running",
        "nothing was written before the reset, and yet nobody goes on: {row}"
    );
    stage.say("half restored; the machine is reset");
    c.monitor()?.reset()?;
    c.wait_for("amorce: ready", READY)?;
    let row = administrator.wait_done(&job, JOB)?;
    c.wait_off(POWER_OFF)?;
    say_figures(stage, "restored", &row)?;
    // Half was on the disk already: the second agent compares it and fetches the other half only.
    let fetched = first_result(&row)?.bytes_sent;
    ensure!(
        fetched <= planted.bytes_stored * 6 / 10 + NOT_FLUSHED,
        "after half was restored, {fetched} bytes of {} were fetched again",
        planted.bytes_stored
    );
    stage.compare(&original, &second, Table::Gpt)?;
    appliance.stop()
}

/// Kills the agent as nobody else could: from the shell that the agent itself opens for a technician. Process 1 has to
/// start another.
fn kill_agent(machine: &mut Machine) -> Result<()> {
    machine.type_text("s")?;
    machine.wait_for("BusyBox", AGENT)?;
    // The shell's parent is the agent.
    machine.type_text("kill -9 $PPID; exit\n")?;
    machine.wait_for("the agent ended (signal SIGKILL)", AGENT)?;
    machine.wait_for("amorce: ready", AGENT).map(drop)
}

/// Waits until so many of a hundred bytes are written, no matter how the phases are cut; or until the job waits.
fn wait_percent(administrator: &Administrator, job: &str, percent: u64) -> Result<Value> {
    administrator.wait_for_job(job, &format!("is done to {percent} %"), JOB, |row| {
        let progress = &row["progress"];
        let number = |name: &str| progress[name].as_u64().unwrap_or_default();
        let writing = ["fetching", "writing"]
            .iter()
            .any(|phase| progress["phase"] == *phase);
        let waits = row["state"] == "waiting";
        waits
            || writing
                && number("bytes_total") > 0
                && number("bytes_done") * 100 >= number("bytes_total") * percent
    })
}
