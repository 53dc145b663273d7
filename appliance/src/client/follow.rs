//! What happens, as it happens: the stream of events (WHATWG HTML §9.2.6), read to the end of a job.
//!
//! A cut line is no end: the stream is opened again from the last event's number.

use super::{
    Refused,
    connection::Connection,
    show::{print, print_json},
    table::{bytes, number, plain, text},
};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read},
    time::{Duration, Instant},
};

/// How long an appliance that went away is waited for.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two attempts to reach it.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest line and the longest event that are taken.
const EVENT_MAX: usize = 8 << 20;

/// Follows a job to its end, or everything for ever. A job in which a machine failed is a failure here.
pub fn follow(connection: &Connection, job: Option<&str>, json: bool) -> Result<()> {
    let mut follower = Follower {
        job,
        json,
        seen: None,
        said: HashMap::new(),
    };
    let mut lost: Option<Instant> = None;
    loop {
        // Opened before the job is looked at: what happens in between is not missed.
        let stream = connection.events(follower.seen);
        let outcome = stream.and_then(|body| {
            lost = None;
            if let Some(job) = job
                && let Some(end) = follower.look(&connection.get(&format!("/jobs/{job}"), &[])?)?
            {
                return Ok(Some(end));
            }
            follower.read(connection, BufReader::new(body.into_reader()))
        });
        match outcome {
            Ok(Some(End { failed: 0 })) => return Ok(()),
            Ok(Some(End { failed })) => bail!("{failed} machine(s) did not come to a good end"),
            Ok(None) => {}
            Err(error) if error.is::<Refused>() => return Err(error),
            Err(error) => {
                if lost.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                    return Err(error).context("following ended; the job goes on without us");
                }
            }
        }
        std::thread::sleep(PAUSE);
    }
}

/// Everything is over.
struct End {
    failed: u64,
}

struct Follower<'a> {
    job: Option<&'a str>,
    json: bool,
    /// Number of the last event.
    seen: Option<u64>,
    /// What was said of each machine last.
    said: HashMap<String, String>,
}

impl Follower<'_> {
    /// Reads until the stream ends (`None`) or the job does.
    fn read(&mut self, connection: &Connection, mut stream: impl BufRead) -> Result<Option<End>> {
        let mut event = Event::default();
        while let Some(line) = read_line(&mut stream)? {
            let Some(event) = event.take(&line) else {
                continue;
            };
            self.seen = event.id.or(self.seen);
            if self.json && self.is_ours(&event) {
                print_json(&json!({ "event": event.kind, "data": event.data }))?;
            }
            match (event.kind.as_str(), self.job) {
                ("job-machine", _) if self.is_ours(&event) => self.say_machine(&event.data)?,
                ("job", None) if !self.json => {
                    let line = format!(
                        "job {}: {}\n",
                        text(&event.data, "/title"),
                        text(&event.data, "/state")
                    );
                    print(&line)?;
                }
                ("refusal", None) if !self.json => {
                    print(&format!("refused: {}\n", plain(&event.data.to_string())))?;
                }
                ("job" | "reset", Some(job)) if self.is_ours(&event) || event.kind == "reset" => {
                    if let Some(end) = self.look(&connection.get(&format!("/jobs/{job}"), &[])?)? {
                        return Ok(Some(end));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn is_ours(&self, event: &Event) -> bool {
        let of = match event.kind.as_str() {
            "job" => "/id",
            "job-machine" => "/job",
            _ => return self.job.is_none(),
        };
        self.job
            .is_none_or(|job| event.data.pointer(of).and_then(Value::as_str) == Some(job))
    }

    /// The job with its machines; whether it is over.
    fn look(&mut self, detail: &Value) -> Result<Option<End>> {
        for machine in detail["machines"].as_array().into_iter().flatten() {
            self.say_machine(machine)?;
        }
        let job = &detail["job"];
        let state = text(job, "/state");
        if !matches!(state.as_str(), "done" | "failed" | "cancelled") {
            return Ok(None);
        }
        let count = |name: &str| number(job, &format!("/counts/{name}"));
        if !self.json {
            print(&format!(
                "job {}: {state}; {} of {} machine(s) done\n",
                text(job, "/title"),
                count("done"),
                count("total")
            ))?;
        }
        Ok(Some(End {
            failed: count("total").saturating_sub(count("done")),
        }))
    }

    /// One line whenever there is something new to say of a machine.
    fn say_machine(&mut self, machine: &Value) -> Result<()> {
        if self.json {
            return Ok(());
        }
        let mut line = format!("{}: {}", text(machine, "/machine_label"), text(machine, "/state"));
        if let Some(progress) = machine.get("progress").filter(|progress| !progress.is_null())
            && machine["state"] == "running"
        {
            let (done, total) = (number(progress, "/bytes_done"), number(progress, "/bytes_total"));
            line.push_str(&format!(", {}", text(progress, "/phase")));
            if let Some(percent) = done.saturating_mul(100).checked_div(total) {
                // A line for every tenth: a log of a night stays readable.
                line.push_str(&format!(" {}% of {}", percent.min(100) / 10 * 10, bytes(total)));
            }
        }
        if let Some(title) = machine.pointer("/problem/title").and_then(Value::as_str) {
            line.push_str(&format!(": {}", plain(title)));
            let remedy = text(machine, "/problem/remedy");
            if remedy != "-" {
                line.push_str(&format!("; {remedy}"));
            }
        }
        let id = text(machine, "/machine");
        if self.said.get(&id) == Some(&line) {
            return Ok(());
        }
        print(&format!("{line}\n"))?;
        self.said.insert(id, line);
        Ok(())
    }
}

/// One event, while its lines come in.
#[derive(Debug, Default, PartialEq)]
struct Event {
    id: Option<u64>,
    kind: String,
    text: String,
    data: Value,
}

impl Event {
    /// Takes a line; the empty one ends the event.
    fn take(&mut self, line: &str) -> Option<Self> {
        if line.is_empty() {
            let mut event = std::mem::take(self);
            event.data = serde_json::from_str(&event.text).unwrap_or(Value::Null);
            return (!event.kind.is_empty()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.id = value.parse().ok(),
            "event" => self.kind = value.to_owned(),
            "data" if self.text.len() + value.len() < EVENT_MAX => {
                if !self.text.is_empty() {
                    self.text.push('\n');
                }
                self.text.push_str(value);
            }
            _ => {}
        }
        None
    }
}

/// The next line without its end; `None` at the end of the stream.
fn read_line(stream: &mut impl BufRead) -> Result<Option<String>> {
    let mut line = Vec::new();
    let length = stream
        .by_ref()
        .take(EVENT_MAX as u64)
        .read_until(b'\n', &mut line)
        .context("the stream of events broke off")?;
    if length == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') && length == EVENT_MAX {
        bail!("an event is longer than any that the appliance sends");
    }
    while matches!(line.last(), Some(b'\n' | b'\r')) {
        line.pop();
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events_of(stream: &str) -> Vec<Event> {
        let mut stream = stream.as_bytes();
        let (mut event, mut found) = (Event::default(), Vec::new());
        while let Some(line) = read_line(&mut stream).unwrap() {
            found.extend(event.take(&line));
        }
        found
    }

    #[test]
    fn events_are_told_apart_and_what_keeps_the_line_open_is_none() {
        let found = events_of(
            "id: 7\nevent: ready\ndata: {}\n\n: still here\n\nevent: job\ndata: {\"id\":\ndata: \"x\"}\r\n\r\nid: 8\nevent: half",
        );
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].id, found[0].kind.as_str()), (Some(7), "ready"));
        assert_eq!(found[1].data, json!({ "id": "x" }));
    }

    #[test]
    fn any_bytes_at_all_are_read_to_their_end() {
        for bytes in [&b"\xff\xfe\n\n"[..], b"data\n\n", b"event\n:\n\n", b"\n\n\n"] {
            let mut stream = bytes;
            let mut event = Event::default();
            while let Some(line) = read_line(&mut stream).unwrap() {
                event.take(&line);
            }
        }
    }
}
