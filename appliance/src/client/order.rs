//! What is ordered: capture, restore, wake, take back, try again.

use super::{
    ClientArguments,
    connection::Connection,
    follow, lookup,
    show::{print, print_json},
    table::{Table, text},
};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal, Write};

/// `amorce capture`.
#[derive(Args, Debug)]
pub struct CaptureArguments {
    /// Name, address, serial number or id of the machine.
    machine: String,
    /// The master that gets a new version.
    master: String,
    /// The disk, by its name (`sda`), serial number or WWN; without it there must be exactly one.
    #[arg(long)]
    disk: Option<String>,
    /// Keep every byte of the disk, whatever is on it.
    #[arg(long)]
    as_raw: bool,
    /// Leave out the session of a hibernated Windows instead of refusing.
    #[arg(long)]
    drop_hibernation: bool,
    /// Keep zeros for what cannot be read instead of failing.
    #[arg(long)]
    keep_unreadable: bool,
    #[command(flatten)]
    order: OrderArguments,
}

/// `amorce restore`.
#[derive(Args, Debug)]
pub struct RestoreArguments {
    /// The master: `NAME` for its newest version, or `NAME@VERSION`.
    master: String,
    /// Names, addresses, serial numbers or ids of the machines.
    #[arg(required = true)]
    machines: Vec<String>,
    /// The disk, by its name (`sda`), serial number or WWN, on a single machine; without it there must be exactly one on each.
    #[arg(long)]
    disk: Option<String>,
    /// Erase the disks of so many machines without asking; it must be the number of machines named.
    #[arg(long, value_name = "COUNT")]
    erase: Option<usize>,
    #[command(flatten)]
    order: OrderArguments,
}

/// What every order of a job takes.
#[derive(Args, Debug)]
struct OrderArguments {
    /// What to call the job.
    #[arg(long)]
    title: Option<String>,
    /// Wait for its end and say what happens.
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    client: ClientArguments,
}

/// Orders a capture.
pub fn capture(arguments: CaptureArguments) -> Result<()> {
    let connection = Connection::open(&arguments.order.client)?;
    let machine = lookup::machine(&connection, &arguments.machine)?;
    let step = json!({
        "kind": "capture",
        "master": arguments.master,
        "disk": disk_of(&machine, arguments.disk.as_deref())?,
        "as_raw": arguments.as_raw,
        "drop_hibernation": arguments.drop_hibernation,
        "keep_unreadable": arguments.keep_unreadable,
    });
    order(&connection, &[machine], step, &arguments.order)
}

/// Orders a restore.
pub fn restore(arguments: RestoreArguments) -> Result<()> {
    let connection = Connection::open(&arguments.order.client)?;
    let mut machines: Vec<Value> = Vec::new();
    for word in &arguments.machines {
        let machine = lookup::machine(&connection, word)?;
        if machines.iter().any(|other| other["id"] == machine["id"]) {
            bail!("{word} is named twice: it is {}", text(&machine, "/label"));
        }
        machines.push(machine);
    }
    let disk = match machines.as_slice() {
        [machine] => disk_of(machine, arguments.disk.as_deref())?,
        _ if arguments.disk.is_some() => bail!("a disk can be named for one machine at a time"),
        _ => Value::Null,
    };
    let (name, version) = match arguments.master.split_once('@') {
        None => (arguments.master.as_str(), None),
        Some((name, version)) => {
            let version: u32 = version
                .parse()
                .with_context(|| format!("{} names no version; write NAME@1", arguments.master))?;
            (name, Some(version))
        }
    };
    confirm(&machines, arguments.erase)?;
    let step = json!({
        "kind": "restore",
        "master": { "name": name, "version": version },
        "disk": disk,
    });
    order(&connection, &machines, step, &arguments.order)
}

/// A person says how many disks are erased, or their script did.
fn confirm(machines: &[Value], erase: Option<usize>) -> Result<()> {
    let count = machines.len();
    match erase {
        Some(erase) if erase == count => return Ok(()),
        Some(erase) => {
            bail!("--erase {erase} was given, and {count} machine(s) are named; nothing was ordered")
        }
        None if !std::io::stdin().is_terminal() => {
            bail!("a disk of {count} machine(s) will be erased: say so with --erase {count}")
        }
        None => {}
    }
    let mut table = Table::new(&["MACHINE", "ADDRESS", "LAST SEEN"]);
    for machine in machines {
        table.row([
            text(machine, "/label"),
            text(machine, "/macs/0"),
            super::table::moment(machine, "/last_seen_at"),
        ]);
    }
    eprint!(
        "{}All that is on the disk of {count} machine(s) will be erased. Type {count} to go on: ",
        table.render("")
    );
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    if line.trim() != count.to_string() {
        bail!("nothing was ordered");
    }
    Ok(())
}

fn order(connection: &Connection, machines: &[Value], step: Value, arguments: &OrderArguments) -> Result<()> {
    let ids: Vec<&Value> = machines.iter().map(|machine| &machine["id"]).collect();
    let body = json!({ "title": arguments.title, "machines": ids, "steps": [step] });
    let detail = connection.post_once("/jobs", &body, &fresh_key()?)?;
    let id = text(&detail, "/job/id");
    if arguments.client.json {
        print_json(&detail)?;
    } else {
        print(&format!("job {id}: {}\n", text(&detail, "/job/title")))?;
    }
    if arguments.follow {
        follow::follow(connection, Some(&id), arguments.client.json)?;
    }
    Ok(())
}

/// Something that no other order has.
fn fresh_key() -> Result<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .ok()
        .context("the system gives no random numbers")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The identity of the disk that a person means.
fn disk_of(machine: &Value, word: Option<&str>) -> Result<Value> {
    let Some(word) = word else {
        return Ok(Value::Null);
    };
    let disks = machine.pointer("/facts/disks").and_then(Value::as_array);
    let disks = disks.map(Vec::as_slice).unwrap_or_default();
    let bare = word.strip_prefix("/dev/").unwrap_or(word);
    let is_meant = |disk: &&Value| {
        ["/name", "/identity/serial", "/identity/wwn"]
            .iter()
            .any(|pointer| disk.pointer(pointer).and_then(Value::as_str) == Some(bare))
    };
    let found: Vec<&Value> = disks.iter().filter(is_meant).collect();
    match found.as_slice() {
        [disk] => Ok(disk["identity"].clone()),
        [] => {
            let names: Vec<String> = disks.iter().map(|disk| text(disk, "/name")).collect();
            bail!(
                "{} has no disk {word}; it has: {}",
                text(machine, "/label"),
                names.join(", ")
            )
        }
        several => bail!(
            "{word} fits {} disks of {}; name it by its WWN",
            several.len(),
            text(machine, "/label")
        ),
    }
}

/// Wakes machines; the boots that follow tell whether they woke.
pub fn wake(connection: &Connection, words: &[String], json: bool) -> Result<()> {
    let machines: Vec<Value> = words
        .iter()
        .map(|word| lookup::machine(connection, word))
        .collect::<Result<_>>()?;
    for machine in &machines {
        let path = format!("/machines/{}/wake", text(machine, "/id"));
        let sent = connection
            .post(&path, &json!({}))
            .with_context(|| text(machine, "/label"))?;
        if json {
            print_json(&json!({ "machine": machine["id"], "packets": sent["packets"] }))?;
        } else {
            print(&format!(
                "{}: {} packets sent\n",
                text(machine, "/label"),
                text(&sent, "/packets")
            ))?;
        }
    }
    Ok(())
}

/// Takes a job back, or lets its failed machines try again.
pub fn change_job(connection: &Connection, word: &str, verb: &str, json: bool) -> Result<()> {
    let id = lookup::job(connection, word)?;
    let detail = connection.post(&format!("/jobs/{id}/{verb}"), &json!({}))?;
    if json {
        return print_json(&detail);
    }
    let job = &detail["job"];
    print(&format!(
        "job {id}: {}, {}\n",
        text(job, "/title"),
        text(job, "/state")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_meant_by_its_name_its_serial_number_or_its_wwn_and_never_by_its_place() {
        let machine = json!({ "label": "B12-01", "facts": { "disks": [
            { "name": "sda", "identity": { "serial": "S1", "wwn": null, "size": 1 } },
            { "name": "sdb", "identity": { "serial": "S2", "wwn": "naa.5", "size": 2 } },
        ] } });
        for word in ["sdb", "/dev/sdb", "S2", "naa.5"] {
            assert_eq!(disk_of(&machine, Some(word)).unwrap()["size"], 2, "{word}");
        }
        assert_eq!(disk_of(&machine, None).unwrap(), Value::Null);
        let refused = disk_of(&machine, Some("0")).unwrap_err().to_string();
        assert_eq!(refused, "B12-01 has no disk 0; it has: sda, sdb");
    }

    #[test]
    fn the_number_of_disks_to_erase_must_be_the_number_of_machines() {
        let machines = [json!({}), json!({})];
        confirm(&machines, Some(2)).unwrap();
        assert!(confirm(&machines, Some(1)).is_err());
    }
}
