//! Five hundred machines at once, and somebody who means harm.

use crate::{appliance::Appliance, crowd, stage::Stage};
use anyhow::{Result, ensure};
use std::time::Duration;

const MACHINES: usize = 500;
/// 99 of 100 answers come within this.
const ANSWERED: f64 = 50.0;
/// The most memory that the appliance may ever use.
const MEMORY: u64 = 400 << 20;

/// A flood of boots, then of noise, then a flood again.
pub fn play(stage: &mut Stage) -> Result<()> {
    let appliance = stage.start_appliance()?;
    flood(stage, &appliance)?;
    let scratch = stage.scratch().to_owned();
    let (storm, bytes) = crowd::boot(stage.network(), MACHINES, &scratch)?;
    stage.say(&format!(
        "{MACHINES} machines asked port 4011 (median {:.0} ms), loaded {} MiB by TFTP and their scripts by HTTP",
        storm.median(),
        bytes >> 20
    ));
    let duration = Duration::from_secs(if stage.tools().full { 60 } else { 4 });
    let sent = crowd::harm(stage.network(), duration)?;
    stage.say(&format!("{sent} hostile packets in {} s", duration.as_secs()));
    flood(stage, &appliance)?;
    let (_, again) = crowd::boot(stage.network(), 50, &scratch)?;
    ensure!(again > 0, "nothing was loaded any more");
    let log = appliance.log()?;
    ensure!(!log.contains("panicked"), "something panicked");
    let memory = appliance.peak_memory()?;
    stage.say(&format!("the appliance used {} MiB at most", memory >> 20));
    ensure!(memory <= MEMORY, "the appliance used {memory} bytes of memory");
    appliance.stop()
}

/// The machines that run the test have other work too: the best of three tells what the code needs.
fn flood(stage: &Stage, appliance: &Appliance) -> Result<()> {
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let storm = crowd::look_for_servers(stage.network(), MACHINES)?;
        stage.say(&format!(
            "{MACHINES} machines at once: {} answered at the first question; median {:.1} ms, p99 {:.1} ms; {} MiB",
            storm.first_time,
            storm.median(),
            storm.p99(),
            appliance.peak_memory()? >> 20
        ));
        best = best.min(storm.p99());
        if best < ANSWERED {
            return Ok(());
        }
    }
    ensure!(best < ANSWERED, "99 of 100 answers took {best:.1} ms");
    Ok(())
}
