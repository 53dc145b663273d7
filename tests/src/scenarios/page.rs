//! The page in a real browser, on a new appliance with real machines: what a technician does on the first day.

use super::GIB;
use super::roundtrip::JOB;
use crate::{
    administrator::{NAME, PASSWORD},
    firmware::Firmware,
    machine::{Bus, Parts},
    master::{HOST_NAME, Table},
    network::SERVER,
    process::{Process, wait_until},
    stage::{LOGIN, Stage},
};
use anyhow::{Context, Result, ensure};
use std::{fs, path::Path, time::Duration};

/// How long a person's few clicks may take the browser.
const CLICKS: Duration = Duration::from_secs(180);

/// See the registry.
pub fn play(stage: &mut Stage) -> Result<()> {
    let original = stage.master_disk("A1", Table::Gpt)?;
    let copy = stage.blank_disk("B1", 4 * GIB)?;
    let (appliance, code) = stage.start_unclaimed_appliance()?;
    let administrator = appliance.administrator();
    let mut a = stage.plug_in(Parts::new("a", Firmware::Bios, 1).with_disk(Bus::Virtio, original))?;
    let mut b = stage.plug_in(Parts::new("b", Firmware::Bios, 2).with_disk(Bus::Virtio, copy))?;

    let mut command = stage.network().on_server(&stage.tools().node);
    command
        .arg(stage.tools().page.join("e2e/first-run.spec.mjs"))
        .env("AMORCE_URL", format!("https://{SERVER}"))
        .env("AMORCE_CODE", &code)
        .env("AMORCE_NAME", NAME)
        .env("AMORCE_PASSWORD", PASSWORD)
        .env("AMORCE_MACHINE_A", a.parts().mac().to_string())
        .env("AMORCE_MACHINE_B", b.parts().mac().to_string())
        .env("AMORCE_PATIENCE_MINUTES", (JOB.as_secs() / 60).to_string());
    let log = stage.evidence().join("browser.log");
    let mut browser = Process::start("the browser", &command, &log)?;

    wait_for_word(&mut browser, &log, "administrator", CLICKS)?;
    stage.say("the page has made the first administrator");
    administrator.log_in()?;
    stage.boot_to_ready(&mut a)?;
    wait_for_word(&mut browser, &log, "named", CLICKS)?;
    // A is on its way to its own disk; the capture that is asked for on the page meets it at its next boot.
    a.switch_off();
    wait_until("the page has ordered a capture", CLICKS, || {
        let jobs = administrator.show("/jobs")?;
        Ok(jobs["items"]
            .as_array()
            .is_some_and(|jobs| !jobs.is_empty())
            .then_some(()))
    })?;
    stage.boot_to_ready(&mut a)?;
    wait_for_word(&mut browser, &log, "captured", JOB)?;
    stage.say("the page has seen the capture to its end");
    a.switch_off();

    stage.boot_to_ready(&mut b)?;
    wait_for_word(&mut browser, &log, "restored", JOB)?;
    stage.say("the page has seen the restore to its end");
    // The job ends with a restart, and the restored disk takes over.
    b.wait_for(&format!("{HOST_NAME} login:"), LOGIN)?;
    stage.say("b asks for a login");
    wait_until("the browser's own checks have ended", CLICKS, || {
        Ok((!browser.is_running()).then_some(()))
    })?;
    let said = read(&log)?;
    ensure!(
        said.contains("# fail 0") || said.contains("ℹ fail 0"),
        "the browser's checks failed: see {}",
        log.display()
    );
    appliance.stop()
}

/// Waits until the browser's script tells that a step is behind it.
fn wait_for_word(browser: &mut Process, log: &Path, word: &str, limit: Duration) -> Result<()> {
    let line = format!("amorce-e2e: {word}");
    wait_until(&format!("the browser tells {line:?}"), limit, || {
        // Running is asked first: what it said before it ended is in the log by then.
        let running = browser.is_running();
        let told = read(log)?.contains(&line);
        ensure!(
            told || running,
            "the browser's script ended early: see {}",
            log.display()
        );
        Ok(told.then_some(()))
    })
}

fn read(log: &Path) -> Result<String> {
    let bytes = fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
