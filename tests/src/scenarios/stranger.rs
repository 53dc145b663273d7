//! Somebody on the same cable who is not one of our machines: everything is asked for by hand, with curl.

use crate::{
    administrator::{Answer, request},
    firmware::Firmware,
    machine::Parts,
    network::SERVER,
    process::run,
    seed,
    stage::Stage,
};
use anyhow::{Context, Result, ensure};
use protocol::MacAddr;
use serde_json::{Value, json};

/// See the registry.
pub fn play(stage: &mut Stage) -> Result<()> {
    let appliance = stage.start_seeded_appliance()?.0;
    let known = Parts::new("known", Firmware::Uefi, 7);
    let other = Parts::new("other", Firmware::Uefi, 8);
    let token = boot_token(stage, known.mac())?;
    let other_token = boot_token(stage, other.mac())?;
    ensure!(token != other_token, "two machines got the same token");

    for path in [
        "/task?wait_seconds=0",
        "/depot/masters",
        "/depot/masters/seed/versions/1",
    ] {
        let answer = agent(stage, "GET", path, None, None)?;
        ensure!(answer.status != 200, "{path} was served to a stranger");
        let code = answer.expect_refusal(&[401, 403, 404])?;
        stage.say(&format!("{path} without a key: {} {code}", answer.status));
    }
    let refused = |what: &str, body: &Value| -> Result<()> {
        let answer = agent(stage, "POST", "/hello", None, Some(body))?;
        let code = answer.expect_refusal(&[401, 403])?;
        ensure!(
            answer.body.get("session_key").is_none(),
            "{what}: a refusal with a key in it"
        );
        stage.say(&format!("{what}: {} {code}", answer.status));
        Ok(())
    };
    refused("no token", &hello("", &known))?;
    refused("a wrong token", &hello(&"x".repeat(43), &known))?;
    refused("another machine's token", &hello(&other_token, &known))?;

    let answer = agent(stage, "POST", "/hello", None, Some(&hello(&token, &known)))?;
    let reply = answer.expect_success().context("the machine's own token")?;
    let key = reply["session_key"]
        .as_str()
        .context("no session key")?
        .to_owned();
    stage.say("its own token: accepted");
    refused("an exchanged token again", &hello(&token, &known))?;

    let answer = agent(stage, "GET", "/task?wait_seconds=0", Some("not-a-key"), None)?;
    answer.expect_refusal(&[401])?;
    // A session without a job has no right to any master: the right is a restore's, for its own version.
    let answer = agent(
        stage,
        "GET",
        &format!("/depot/masters/{}/versions/1/root", seed::MASTER),
        Some(&key),
        None,
    )?;
    ensure!(
        answer.status != 200,
        "a session without a job was served a master"
    );
    answer.expect_refusal(&[401, 403, 404])?;
    let log = appliance.log()?;
    ensure!(
        ["refus", "401"]
            .iter()
            .any(|word| log.to_ascii_lowercase().contains(word)),
        "the refusals left no trace in the log"
    );
    appliance.stop()
}

/// What anybody on the cable can do: ask for the loader script of an adapter and read the token in it.
fn boot_token(stage: &Stage, mac: MacAddr) -> Result<String> {
    let script = run(stage
        .network()
        .on_lan("curl")
        .args(["--silent", "--show-error", "--max-time", "10"])
        .arg(format!("http://{SERVER}/boot/ipxe?mac={mac}")))
    .context("the loader script of an unknown machine")?;
    let word = script
        .split_ascii_whitespace()
        .find_map(|word| word.strip_prefix("amorce.token="));
    Ok(word
        .with_context(|| format!("the loader script holds no token: {script}"))?
        .to_owned())
}

fn hello(token: &str, parts: &Parts) -> Value {
    json!({
        "protocol": protocol::agent::AGENT_PROTOCOL,
        "version": "lab",
        "token": token,
        "mac": parts.mac(),
        "facts": {
            "smbios": { "uuid": parts.uuid(), "serial": "STRANGER", "board_serial": "STRANGER-BOARD" },
            "nics": [{ "name": "eth0", "mac": parts.mac(), "driver": "none", "usb": false, "link": true, "booted": true }],
        },
    })
}

/// A call of the agent API from among the machines. Its certificate is not checked: a stranger would not.
fn agent(stage: &Stage, method: &str, path: &str, key: Option<&str>, body: Option<&Value>) -> Result<Answer> {
    let mut curl = stage.network().on_lan("curl");
    curl.arg("--insecure");
    if let Some(key) = key {
        curl.args(["--header", &format!("Authorization: Bearer {key}")]);
    }
    if let Some(body) = body {
        curl.args([
            "--header",
            "Content-Type: application/json",
            "--data",
            &body.to_string(),
        ]);
    }
    request(
        &mut curl,
        method,
        &format!("https://{SERVER}:8443/agent/v1{path}"),
    )
}
