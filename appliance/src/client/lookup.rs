//! What people call things, made into ids. Whatever fits two things is refused with both named.

use super::{
    connection::Connection,
    table::{plain, text},
};
use anyhow::{Context, Result, bail};
use serde_json::Value;

/// How many are named when a word fits several.
const NAMED: usize = 5;

/// The machine of that id, name, address or serial number.
pub fn machine(connection: &Connection, word: &str) -> Result<Value> {
    if is_id(word) {
        return connection.get(&format!("/machines/{word}"), &[]);
    }
    let page = connection.get("/machines", &[("q", word), ("limit", "200")])?;
    let items = page["items"].as_array().context("the answer has no machines")?;
    let exact: Vec<&Value> = items.iter().filter(|machine| is_called(machine, word)).collect();
    let found: Vec<&Value> = if exact.is_empty() {
        items.iter().collect()
    } else {
        exact
    };
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => bail!("no machine is called {word}; `amorce machines` lists them"),
        several => {
            let names: Vec<String> = several
                .iter()
                .take(NAMED)
                .map(|machine| format!("{} ({})", text(machine, "/label"), text(machine, "/id")))
                .collect();
            let more = if several.len() > NAMED { ", …" } else { "" };
            bail!(
                "{word} fits {} machines: {}{more}; name one",
                several.len(),
                names.join(", ")
            )
        }
    }
}

/// Whether this is all of what the machine is called, or one of its numbers.
fn is_called(machine: &Value, word: &str) -> bool {
    let mut called: Vec<&str> = ["/name", "/label", "/facts/smbios/serial", "/facts/smbios/uuid"]
        .iter()
        .filter_map(|pointer| machine.pointer(pointer)?.as_str())
        .collect();
    called.extend(
        machine["macs"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str),
    );
    called.iter().any(|one| one.eq_ignore_ascii_case(word))
}

/// The id of the job whose id begins so.
pub fn job(connection: &Connection, word: &str) -> Result<String> {
    if is_id(word) {
        return Ok(word.to_owned());
    }
    let page = connection.get("/jobs", &[("limit", "200")])?;
    let items = page["items"].as_array().context("the answer has no jobs")?;
    // Ids begin with the time of day: their ends tell jobs apart sooner, and people see both.
    let found: Vec<&str> = items
        .iter()
        .filter_map(|job| job["id"].as_str())
        .filter(|id| !word.is_empty() && (id.starts_with(word) || id.ends_with(word)))
        .collect();
    match found.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => bail!("no job has an id like {}; `amorce jobs` lists them", plain(word)),
        several => bail!(
            "{} fits {} jobs; write more of the id",
            plain(word),
            several.len()
        ),
    }
}

fn is_id(word: &str) -> bool {
    word.len() == 36
        && word.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_machine_is_called_by_its_name_its_numbers_and_its_addresses_and_nothing_less() {
        let machine = json!({
            "name": "B12-01", "label": "B12-01", "macs": ["52:54:00:00:00:01"],
            "facts": { "smbios": { "serial": "XY123", "uuid": null } },
        });
        for word in ["b12-01", "XY123", "52:54:00:00:00:01"] {
            assert!(is_called(&machine, word), "{word}");
        }
        assert!(!is_called(&machine, "B12-0"));
    }

    #[test]
    fn an_id_is_told_from_a_name() {
        assert!(is_id("0199c0de-0000-7000-8000-000000000001"));
        assert!(!is_id("0199c0de-0000-7000-8000-00000000000"));
        assert!(!is_id("PC-de-la-salle-de-la-bibliotheque-36"));
    }
}
