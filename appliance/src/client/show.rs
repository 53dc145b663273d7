//! Lists and records.

use super::{
    AuditArguments,
    connection::Connection,
    lookup,
    table::{Table, bytes, moment, number, plain, text},
};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::io::Write;

/// Entries per page: the most that the appliance gives.
const PAGE: &str = "200";

/// Prints something; a reader that is gone (`| head`) is no error.
pub fn print(text: &str) -> Result<()> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("the answer cannot be printed"),
    }
}

/// Prints an answer as it came.
pub fn print_json(value: &Value) -> Result<()> {
    print(&format!("{value}\n"))
}

/// Lists the machines that fit.
pub fn machines(connection: &Connection, words: &[String], is: &[String], json: bool) -> Result<()> {
    let (words, is) = (words.join(" "), is.join(","));
    let mut query = vec![("sort", "name")];
    query.extend((!words.is_empty()).then_some(("q", words.as_str())));
    query.extend((!is.is_empty()).then_some(("is", is.as_str())));
    let found = all(connection, "/machines", &query)?;
    if json {
        return print_json(&json!({ "items": found }));
    }
    let mut table = Table::new(&[
        "NAME",
        "ADDRESS",
        "MODEL",
        "MEMORY",
        "DISKS",
        "LAST SEEN",
        "STATE",
    ]);
    for machine in &found {
        let disks = machine.pointer("/facts/disks").and_then(Value::as_array);
        let disks: Vec<String> = disks
            .into_iter()
            .flatten()
            .map(|disk| bytes(number(disk, "/identity/size")))
            .collect();
        table.row([
            text(machine, "/label"),
            text(machine, "/macs/0"),
            model(machine),
            bytes(number(machine, "/facts/memory")),
            if disks.is_empty() {
                "-".to_owned()
            } else {
                disks.join(", ")
            },
            moment(machine, "/last_seen_at"),
            state_of(machine),
        ]);
    }
    print(&table.render("no machine fits"))
}

fn model(machine: &Value) -> String {
    let parts = [
        text(machine, "/facts/smbios/manufacturer"),
        text(machine, "/facts/smbios/product"),
    ];
    let known: Vec<String> = parts.into_iter().filter(|part| part != "-").collect();
    if known.is_empty() {
        "-".to_owned()
    } else {
        known.join(" ")
    }
}

fn state_of(machine: &Value) -> String {
    let says = |name: &str| machine[name].as_bool() == Some(true);
    if says("quarantined") {
        return "quarantined".to_owned();
    }
    if let Some(job) = machine.get("job").filter(|job| !job.is_null()) {
        return format!("{}: {}", text(job, "/state"), text(job, "/title"));
    }
    let word = if says("connected") {
        "waits for work"
    } else if says("nothing_bootable") {
        "nothing boots"
    } else {
        "-"
    };
    word.to_owned()
}

/// Shows one machine.
pub fn machine(connection: &Connection, word: &str, json: bool) -> Result<()> {
    let found = lookup::machine(connection, word)?;
    let machine = connection.get(&format!("/machines/{}", text(&found, "/id")), &[])?;
    if json {
        return print_json(&machine);
    }
    let mut lines = Table::new(&["WHAT", "VALUE"]);
    let addresses: Vec<&str> = machine["macs"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (what, value) in [
        ("name", text(&machine, "/label")),
        ("id", text(&machine, "/id")),
        ("addresses", addresses.join(", ")),
        ("model", model(&machine)),
        ("serial number", text(&machine, "/facts/smbios/serial")),
        ("processor", text(&machine, "/facts/cpu")),
        ("memory", bytes(number(&machine, "/facts/memory"))),
        ("firmware", text(&machine, "/facts/firmware")),
        ("first seen", moment(&machine, "/first_seen_at")),
        ("last seen", moment(&machine, "/last_seen_at")),
        ("state", state_of(&machine)),
        ("note", text(&machine, "/note")),
    ] {
        lines.row([what.to_owned(), value]);
    }
    print(&lines.render(""))?;
    let mut disks = Table::new(&["DISK", "SIZE", "MODEL", "SERIAL", "BOOTS"]);
    for disk in machine
        .pointer("/facts/disks")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        disks.row([
            text(disk, "/name"),
            bytes(number(disk, "/identity/size")),
            text(disk, "/identity/model"),
            text(disk, "/identity/serial"),
            if disk["bootable"] == true { "yes" } else { "no" }.to_owned(),
        ]);
    }
    print(&format!("\n{}", disks.render("no disk is known")))?;
    for warning in machine["warnings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        print(&format!("warning: {}\n", plain(warning)))?;
    }
    Ok(())
}

/// Lists the masters, one line per version.
pub fn masters(connection: &Connection, json: bool) -> Result<()> {
    let answer = connection.get("/masters", &[])?;
    if json {
        return print_json(&answer);
    }
    let mut table = Table::new(&["MASTER", "CAPTURED", "DISK", "USED", "TABLE", "STATE"]);
    for master in answer["items"].as_array().into_iter().flatten() {
        for version in master["versions"].as_array().into_iter().flatten() {
            table.row([
                format!("{}@{}", text(version, "/name"), text(version, "/version")),
                moment(version, "/created_at"),
                bytes(number(version, "/bytes_disk")),
                bytes(number(version, "/bytes_used")),
                text(version, "/scheme"),
                match version["damaged"].as_str() {
                    Some(why) => format!("damaged: {why}"),
                    None => "whole".to_owned(),
                },
            ]);
        }
    }
    print(&table.render("there is no master yet; `amorce capture MACHINE MASTER` makes one"))
}

/// Lists the newest jobs.
pub fn jobs(connection: &Connection, limit: u32, json: bool) -> Result<()> {
    let answer = connection.get("/jobs", &[("limit", &limit.to_string())])?;
    if json {
        return print_json(&answer);
    }
    let mut table = Table::new(&[
        "JOB", "TITLE", "STATE", "DONE", "FAILED", "MACHINES", "BY", "SINCE",
    ]);
    for job in answer["items"].as_array().into_iter().flatten() {
        table.row([
            text(job, "/id"),
            text(job, "/title"),
            text(job, "/state"),
            text(job, "/counts/done"),
            text(job, "/counts/failed"),
            text(job, "/counts/total"),
            text(job, "/created_by"),
            moment(job, "/created_at"),
        ]);
    }
    print(&table.render("there is no job yet"))
}

/// Lists the audit, newest first.
pub fn audit(connection: &Connection, arguments: &AuditArguments) -> Result<()> {
    let (limit, words) = (arguments.limit.to_string(), arguments.words.join(" "));
    let mut query = vec![("limit", limit.as_str())];
    for (name, value) in [
        ("q", (!words.is_empty()).then_some(&words)),
        ("actor", arguments.by.as_ref()),
        ("object", arguments.object.as_ref()),
        ("from", arguments.from.as_ref()),
        ("to", arguments.to.as_ref()),
    ] {
        query.extend(value.map(|value| (name, value.as_str())));
    }
    let answer = connection.get("/audit", &query)?;
    if arguments.client.json {
        return print_json(&answer);
    }
    let mut table = Table::new(&["WHEN", "WHO", "DID", "WHAT", "WHICH", "FROM"]);
    for entry in answer["items"].as_array().into_iter().flatten() {
        table.row([
            moment(entry, "/at"),
            text(entry, "/actor"),
            text(entry, "/verb"),
            text(entry, "/object"),
            text(entry, "/object_id"),
            text(entry, "/peer"),
        ]);
    }
    print(&table.render("nothing in the audit fits"))
}

/// Every page of a list.
fn all(connection: &Connection, path: &str, query: &[(&str, &str)]) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut query = query.to_vec();
        query.push(("limit", PAGE));
        query.extend(after.as_deref().map(|after| ("after", after)));
        let mut page = connection.get(path, &query)?;
        let next = page["next"].as_str().map(str::to_owned);
        if let Some(items) = page["items"].as_array_mut() {
            found.append(items);
        }
        if next.is_none() || next == after {
            return Ok(found);
        }
        after = next;
    }
}
