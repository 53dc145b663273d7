//! The whole path in one go, for people to watch: boot A from the network, capture it, boot blank B, restore it, boot B
//! from its own disk; then the page, for whoever wants to look around.

use crate::{
    administrator,
    appliance::Appliance,
    doorway,
    firmware::Firmware,
    machine::{Bus, Machine, Parts},
    master::{HOST_NAME, Table},
    process::is_interrupted,
    scenarios::roundtrip::{JOB, POWER_OFF, capture_steps, first_result, restore_steps},
    stage::{LOGIN, Stage, Tools},
};
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::Value;
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// What the demo did; written with `--report`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Whether every step went well.
    pub ok: bool,
    /// The steps, in order.
    pub steps: Vec<StepReport>,
    /// Bytes of memory that the agent used at most.
    pub agent_memory: u64,
    /// Bytes of memory that the appliance used at most.
    pub appliance_memory: u64,
}

/// One step of the demo.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// What was done.
    pub name: &'static str,
    /// Wall time.
    pub seconds: f64,
    /// Bytes that it moved: used bytes read by a capture, bytes written by a restore; else 0.
    pub bytes: u64,
    /// Whether it went well.
    pub ok: bool,
}

impl Report {
    fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("cannot write the report as JSON")?;
        fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The demo as a scenario: what the README shows above everything else works every day, and its report says so.
///
/// # Errors
/// A step fails, or the report does not have the shape that others read.
pub fn rehearse(stage: &mut Stage) -> Result<()> {
    let mut report = Report::default();
    let outcome = run(stage, &mut report);
    report.ok = outcome.is_ok();
    let path = stage.evidence().join("report.json");
    report.write(&path)?;
    let players = outcome?;
    let read: Value = serde_json::from_slice(&fs::read(&path)?).context("the report is no JSON")?;
    let steps = read["steps"].as_array().context("the report has no steps")?;
    for step in steps {
        let whole = step["name"].is_string() && step["seconds"].is_f64() && step["bytes"].is_u64();
        ensure!(whole && step["ok"] == true, "a step of the report is {step}");
        stage.say(&format!("{}: {} s", step["name"], step["seconds"]));
    }
    ensure!(read["ok"] == true && steps.len() == 8, "the report is {read}");
    players.appliance.stop()
}

/// Plays the demo, writes the report and, unless `once`, keeps the page up until a person ends it.
///
/// # Errors
/// The stage cannot be set or the report cannot be written. A step that fails is told by the report.
pub fn play(tools: &Tools, once: bool, report_file: Option<&Path>) -> Result<bool> {
    let mut report = Report::default();
    let stage = Stage::set("demo", tools);
    let outcome = stage.and_then(|mut stage| Ok((run(&mut stage, &mut report)?, stage)));
    report.ok = outcome.is_ok();
    if let Some(path) = report_file {
        report.write(path)?;
    }
    println!("\n{:<44} {:>9} {:>12}", "step", "seconds", "bytes");
    for step in &report.steps {
        let verdict = if step.ok { "" } else { "  FAILED" };
        println!(
            "{:<44} {:>9.1} {:>12}{verdict}",
            step.name, step.seconds, step.bytes
        );
    }
    println!(
        "memory at most: the agent {} MiB, the appliance {} MiB",
        report.agent_memory >> 20,
        report.appliance_memory >> 20
    );
    match outcome {
        Ok((players, stage)) if !once => stay(&stage, &players)?,
        Ok(_) => {}
        Err(error) => println!(
            "FAILED: {error:#}\n{}",
            crate::scenario::last_words(&Stage::evidence_of("demo", tools))
        ),
    }
    println!(
        "{} passed, {} failed",
        report.steps.iter().filter(|step| step.ok).count(),
        u8::from(!report.ok)
    );
    Ok(report.ok)
}

/// What stays up behind the page.
struct Players {
    appliance: Appliance,
    _machines: [Machine; 2],
}

fn run(stage: &mut Stage, report: &mut Report) -> Result<Players> {
    let Report {
        steps,
        agent_memory,
        appliance_memory,
        ..
    } = report;
    let mut step = |name, act: &mut dyn FnMut() -> Result<u64>| -> Result<()> {
        println!("\n== {name}");
        let begin = Instant::now();
        let outcome = act();
        steps.push(StepReport {
            name,
            seconds: (begin.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            bytes: *outcome.as_ref().unwrap_or(&0),
            ok: outcome.is_ok(),
        });
        outcome.map(drop).context(name)
    };
    let (mut original, mut copy) = (None, None);
    step("put a small Debian on A's disk", &mut || {
        original = Some(stage.master_disk("A1", Table::Gpt)?);
        copy = Some(stage.blank_disk("B1", 4 << 30)?);
        Ok(0)
    })?;
    let original = original.context("A has no disk")?;
    let copy = copy.context("B has no disk")?;
    let parts =
        |name, number, disk| Parts::new(name, Firmware::SecureBoot, number).with_disk(Bus::Nvme, disk);
    let mut a = stage.plug_in(parts("a", 1, original.clone()))?;
    let mut b = stage.plug_in(parts("b", 2, copy.clone()))?;

    let mut appliance = None;
    step("start the appliance", &mut || {
        appliance = Some(stage.start_appliance()?);
        Ok(0)
    })?;
    let appliance = appliance.context("there is no appliance")?;
    let administrator = appliance.administrator();
    step("switch A on: it boots from the network", &mut || {
        stage.boot_to_ready(&mut a).map(|_| 0)
    })?;
    step("capture A as the master debian", &mut || {
        // A was only inventoried and is on its way to its own disk; the job meets it at its next boot.
        a.switch_off();
        let id = administrator.machine_id(a.parts().mac())?;
        let job = administrator.create_job(&id, &capture_steps("debian"))?;
        stage.boot_to_ready(&mut a)?;
        let row = administrator.wait_done(&job, JOB)?;
        a.wait_off(POWER_OFF)?;
        let result = first_result(&row)?;
        *agent_memory = result.bytes_memory.max(*agent_memory);
        Ok(result.bytes_used)
    })?;
    step("switch blank B on: it boots from the network", &mut || {
        stage.boot_to_ready(&mut b).map(|_| 0)
    })?;
    step("restore the master debian onto B", &mut || {
        let id = administrator.machine_id(b.parts().mac())?;
        let job = administrator.create_job(&id, &restore_steps("debian"))?;
        let row = administrator.wait_done(&job, JOB)?;
        b.wait_off(POWER_OFF)?;
        let result = first_result(&row)?;
        *agent_memory = result.bytes_memory.max(*agent_memory);
        *appliance_memory = appliance.peak_memory()?;
        Ok(result.bytes_written)
    })?;
    step("compare every file of A and B from outside", &mut || {
        stage.compare(&original, &copy, Table::Gpt).map(|()| 0)
    })?;
    step("switch B on: it boots its own disk", &mut || {
        b.switch_on(stage.network())?;
        let line = b.wait_for(&format!("{HOST_NAME} login:"), LOGIN)?;
        stage.say(&line);
        Ok(0)
    })?;
    Ok(Players {
        appliance,
        _machines: [a, b],
    })
}

fn stay(stage: &Stage, players: &Players) -> Result<()> {
    let doorway = doorway::open(&stage.network().server_path())?;
    println!(
        "\nThe page: https://127.0.0.1:{}/   (name {}, password {}; its certificate is signed by {})\nCtrl-C ends it.",
        doorway.port(),
        administrator::NAME,
        administrator::PASSWORD,
        players.appliance.data().join("tls/ca.pem").display()
    );
    while !is_interrupted() {
        std::thread::park_timeout(Duration::from_millis(200));
    }
    Ok(())
}
