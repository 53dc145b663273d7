//! Somebody on the same cable who is not one of our machines: everything is asked for by hand, with curl.

use super::by_hand::{agent, boot_token, hello};
use crate::{firmware::Firmware, machine::Parts, seed, stage::Stage};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

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
