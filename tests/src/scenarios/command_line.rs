//! What an administrator's script does: the commands of `amorce` that work on a running appliance.

use super::by_hand::{agent, boot_token, hello};
use crate::{
    administrator::{NAME, PASSWORD},
    appliance::Appliance,
    firmware::Firmware,
    machine::Parts,
    network::SERVER,
    process::{Process, wait_until},
    seed,
    stage::Stage,
};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

/// How long what a command says may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The command did it.
const DONE: i32 = 0;
/// The command could not.
const FAILED: i32 = 1;
/// The appliance said no.
const REFUSED: i32 = 3;

/// See the registry.
pub fn play(stage: &mut Stage) -> Result<()> {
    let appliance = stage.start_seeded_appliance()?.0;
    let script = Script::new(stage, &appliance)?;
    log_in(stage, &script)?;

    // Two machines whose agents said hello, one of them with a name that a terminal would obey.
    let ids: Vec<String> = [("first", 7), ("second", 8)]
        .into_iter()
        .map(|(name, number)| greet(stage, &Parts::new(name, Firmware::Uefi, number)))
        .collect::<Result<_>>()?;
    let administrator = appliance.administrator();
    for (id, name) in ids.iter().zip(["B12-01", "B12-02"]) {
        administrator
            .patch(&format!("/machines/{id}"), &json!({ "name": name }))?
            .expect_success()?;
    }

    let table = script.say(&["machines"], DONE)?;
    ensure!(table.contains("B12-01") && table.contains("B12-02"), "{table}");
    ensure!(
        script.say(&["machines", "B12-02"], DONE)?.lines().count() == 2,
        "a search that finds one machine"
    );
    let listed: Value = serde_json::from_str(&script.say(&["machines", "--json"], DONE)?)?;
    ensure!(
        listed["items"].as_array().is_some_and(|items| items.len() == 2),
        "{listed}"
    );
    ensure!(
        script.say(&["machine", "b12-01"], DONE)?.contains(&ids[0]),
        "a machine by its name, however written"
    );
    let ambiguous = script.say(&["machine", "B12"], FAILED)?;
    ensure!(ambiguous.contains("fits 2 machines"), "{ambiguous}");
    let masters = script.say(&["masters"], DONE)?;
    ensure!(masters.contains(&format!("{}@1", seed::MASTER)), "{masters}");

    restore(stage, &script)?;

    let audit = script.say(&["audit", "list", "--object", "job"], DONE)?;
    ensure!(audit.contains("cancel") && audit.contains(NAME), "{audit}");
    let shell = script.say(&["completions", "bash"], DONE)?;
    ensure!(
        shell.contains("machines") && shell.contains("complete"),
        "no completions"
    );
    script.say(&["logout"], DONE)?;
    let refused = script.say(&["masters"], FAILED)?;
    ensure!(refused.contains("log in first"), "{refused}");
    stage.say("audit, completions and logout: as they should be");
    appliance.stop()
}

/// A wrong password, a certificate that nobody trusts, then the right way.
fn log_in(stage: &Stage, script: &Script) -> Result<()> {
    let server = format!("https://{SERVER}");
    let words = ["login", "--server", &server, NAME];
    let untrusted = script.typing(&words, PASSWORD, FAILED)?;
    ensure!(untrusted.contains("--ca"), "{untrusted}");
    let ca = script.ca.display().to_string();
    let words = ["login", "--server", &server, "--ca", &ca, NAME];
    let wrong = script.typing(&words, "wrong", REFUSED)?;
    ensure!(wrong.contains("what to do"), "{wrong}");
    script.typing(&words, PASSWORD, DONE)?;
    let kept = script.home.join("amorce/session.json");
    let mode = fs::metadata(&kept)
        .context("no session was kept")?
        .permissions()
        .mode();
    ensure!(mode & 0o077 == 0, "others can read the session");
    stage.say(
        "login: refused without the certificate and with a wrong password, then kept for its owner alone",
    );
    Ok(())
}

/// Ordered with the number of disks, followed, taken back, tried again.
fn restore(stage: &Stage, script: &Script) -> Result<()> {
    let restore = ["restore", seed::MASTER, "B12-01", "B12-02"];
    let unsaid = script.say(&restore, FAILED)?;
    ensure!(unsaid.contains("--erase 2"), "{unsaid}");
    let miscounted = script.say(&[&restore[..], &["--erase", "1"]].concat(), FAILED)?;
    ensure!(miscounted.contains("nothing was ordered"), "{miscounted}");
    let unknown = script.say(&["restore", "no-such-master", "B12-01", "--erase", "1"], REFUSED)?;
    ensure!(unknown.contains("what to do"), "{unknown}");
    let ordered = script.say(&[&restore[..], &["--erase", "2", "--json"]].concat(), DONE)?;
    let ordered: Value = serde_json::from_str(&ordered)?;
    let job = ordered
        .pointer("/job/id")
        .and_then(Value::as_str)
        .context("the job has no id")?
        .to_owned();

    let log = script.home.join("follow.log");
    let mut follow = script.command("sh");
    follow.args(["-c", r#""$0" follow "$1"; echo "ended with $?""#]);
    follow.arg(&script.amorce).arg(&job);
    let _follow = Process::start("amorce follow", &follow, &log)?;
    wait_until("somebody follows the job", PATIENCE, || {
        let said = fs::read_to_string(&log).unwrap_or_default();
        Ok((said.contains("B12-01") && said.contains("B12-02")).then_some(()))
    })?;
    // By the end of its id, as people copy it.
    let cancelled = script.say(&["cancel", &job[job.len() - 12..]], DONE)?;
    ensure!(cancelled.contains("cancelled"), "{cancelled}");
    let said = wait_until("the one who follows has heard of it", PATIENCE, || {
        let said = fs::read_to_string(&log).unwrap_or_default();
        Ok(said.contains("ended with").then_some(said))
    })?;
    ensure!(
        said.contains(": cancelled; 0 of 2 machine(s) done")
            && said.contains(&format!("ended with {FAILED}")),
        "{said}"
    );
    let refused = script.say(&["retry", &job], REFUSED)?;
    ensure!(refused.contains("what to do"), "{refused}");
    let jobs = script.say(&["jobs"], DONE)?;
    ensure!(jobs.contains(&job) && jobs.contains("cancelled"), "{jobs}");
    stage.say("a restore of two machines: counted, ordered, followed, taken back");
    Ok(())
}

/// An agent's first word; the id of the machine's new record.
fn greet(stage: &Stage, parts: &Parts) -> Result<String> {
    let mut hello = hello(&boot_token(stage, parts.mac())?, parts);
    hello["facts"]["smbios"]["serial"] = json!(format!("\u{1b}[2J{}", parts.name));
    hello["facts"]["smbios"]["board_serial"] = json!(format!("board-{}", parts.name));
    let reply = agent(stage, "POST", "/hello", None, Some(&hello))?.expect_success()?;
    let id = reply["machine"].as_str().context("a session without a machine")?;
    Ok(id.to_owned())
}

/// Whoever types commands beside the appliance, with a home of their own.
struct Script<'a> {
    stage: &'a Stage,
    amorce: PathBuf,
    home: PathBuf,
    ca: PathBuf,
}

impl<'a> Script<'a> {
    fn new(stage: &'a Stage, appliance: &Appliance) -> Result<Self> {
        let home = appliance.data().with_file_name("home");
        fs::create_dir_all(&home)?;
        Ok(Self {
            stage,
            amorce: stage.tools().amorce.clone(),
            ca: appliance.data().join("tls/ca.pem"),
            home,
        })
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.stage.network().on_server(program);
        command.env("XDG_CONFIG_HOME", &self.home).env("TZ", "UTC");
        command
    }

    /// What a command prints, on both outputs, when it ends with this code.
    fn say(&self, words: &[&str], code: i32) -> Result<String> {
        self.typing(words, "", code)
    }

    /// The same with a line on its standard input.
    fn typing(&self, words: &[&str], line: &str, code: i32) -> Result<String> {
        let mut child = self
            .command(&self.amorce)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("amorce cannot be started")?;
        let mut input = child.stdin.take().context("no standard input")?;
        // It may have ended without reading.
        let _ = writeln!(input, "{line}");
        drop(input);
        let output = child.wait_with_output()?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        ensure!(
            output.status.code() == Some(code),
            "amorce {words:?} ended with {}, not {code}: {text}",
            output.status
        );
        ensure!(
            !text.contains('\u{1b}'),
            "amorce {words:?} printed what a terminal obeys: {text:?}"
        );
        Ok(text)
    }
}
