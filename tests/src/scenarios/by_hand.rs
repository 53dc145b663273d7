//! The boot services and the agent API, asked by curl instead of a machine.

use crate::{
    administrator::{Answer, request},
    machine::Parts,
    network::SERVER,
    process::run,
    stage::Stage,
};
use anyhow::{Context, Result};
use protocol::MacAddr;
use serde_json::{Value, json};

/// What anybody on the cable can do: ask for the loader script of an adapter and read the token in it.
pub fn boot_token(stage: &Stage, mac: MacAddr) -> Result<String> {
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

/// What an agent on that machine would say first.
pub fn hello(token: &str, parts: &Parts) -> Value {
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
pub fn agent(
    stage: &Stage,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: Option<&Value>,
) -> Result<Answer> {
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
