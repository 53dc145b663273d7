//! The session with the appliance, kept in memory under `/run/amorce` for an agent that follows this one.

use crate::{machine, process::run_folder, screen};
use protocol::{
    agent::{AGENT_PROTOCOL, Hello, HelloReply, StepReport},
    cmdline::AgentCommandLine,
    machine::MachineFacts,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const SESSION_FILE: &str = "session.json";
const REPORT_FILE: &str = "report.json";

/// What stays true until the machine restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Stands for this machine.
    pub key: String,
    /// Language of the screen.
    pub language: String,
    /// What manifests must be signed with.
    pub depot_key: String,
}

/// The first words.
#[must_use]
pub fn hello(command_line: &AgentCommandLine, facts: &MachineFacts) -> Hello {
    Hello {
        protocol: AGENT_PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        token: command_line.token.clone(),
        mac: command_line.mac,
        facts: facts.clone(),
    }
}

impl Session {
    /// Takes the appliance's answer: sets the clock, shows what a technician should know, keeps the key.
    #[must_use]
    pub fn begin(reply: HelloReply, facts: &MachineFacts) -> Self {
        set_clock(reply.unix_time_ms);
        screen::speak(&reply.language);
        let session = Self {
            key: reply.session_key,
            language: reply.language,
            depot_key: reply.depot_key,
        };
        session.keep();
        if let Some(name) = reply.name {
            screen::say(&format!(
                "{name}: {} {}",
                facts.smbios.manufacturer, facts.smbios.product
            ));
        }
        if let Some(line) = machine::secure_boot_line(&machine::kernel_log()) {
            screen::say(line);
        }
        // What was said before there was a network is not said again.
        let said = machine::hidden_disks(&facts.disks);
        let own = facts.warnings.iter().filter(|warning| !said.contains(warning));
        for warning in own.chain(&reply.warnings) {
            screen::say(&format!("warning: {warning}"));
        }
        session
    }

    /// The session that an agent before us kept.
    #[must_use]
    pub fn kept() -> Option<Self> {
        let session: Self = read(SESSION_FILE)?;
        screen::speak(&session.language);
        Some(session)
    }

    /// The same session under the key that replaces the old one, if one does.
    #[must_use]
    pub fn followed_by(&self, key: Option<String>) -> Self {
        let Some(key) = key else { return self.clone() };
        let session = Self { key, ..self.clone() };
        session.keep();
        session
    }

    /// Forgets the session.
    pub fn forget() {
        let _ = std::fs::remove_file(run_folder::path(SESSION_FILE));
        Self::forget_report();
    }

    /// Keeps a report until it is answered.
    pub fn keep_report(report: &StepReport) {
        write(REPORT_FILE, report);
    }

    /// A report that was not answered.
    #[must_use]
    pub fn kept_report() -> Option<StepReport> {
        read(REPORT_FILE)
    }

    /// The report was answered.
    pub fn forget_report() {
        let _ = std::fs::remove_file(run_folder::path(REPORT_FILE));
    }

    fn keep(&self) {
        write(SESSION_FILE, self);
    }
}

fn read<T: for<'a> Deserialize<'a>>(name: &str) -> Option<T> {
    serde_json::from_slice(&std::fs::read(run_folder::path(name)).ok()?).ok()
}

fn write<T: Serialize>(name: &str, value: &T) {
    let kept = serde_json::to_vec(value)
        .map_err(|error| error.to_string())
        .and_then(|text| run_folder::write(name, &text).map_err(|error| error.to_string()));
    if let Err(error) = kept {
        screen::log(&format!("keeping {name}: {error}"));
    }
}

/// Sets the clock: batteries of old machines are dead, and logs should tell the time.
fn set_clock(unix_time_ms: u64) {
    let time = nix::sys::time::TimeSpec::from_duration(Duration::from_millis(unix_time_ms));
    if let Err(error) = nix::time::clock_settime(nix::time::ClockId::CLOCK_REALTIME, time) {
        screen::log(&format!("setting the clock: {error}"));
    }
}
