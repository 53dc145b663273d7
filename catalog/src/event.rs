//! Events that are kept for a while, so that whoever lost the connection misses nothing.

use crate::{
    Catalog,
    change::{Event, Subject},
    error::Result,
    people::Actor,
    time::Time,
};
use protocol::MasterName;
use rusqlite::Connection;
use std::time::Duration;

/// Events that are kept.
const KEPT: i64 = 20_000;
/// Refusals that become events in a minute; more are only logged, so that a flood fills no disk.
const REFUSALS_PER_MINUTE: i64 = 60;

/// What was missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The events after the one that was seen, in order.
    pub events: Vec<Event>,
    /// Some are no longer there, or the number is none of ours: read everything again.
    pub gap: bool,
    /// There are more after the last one here.
    pub more: bool,
}

/// How much there is of everything, for monitoring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Machines with a record.
    pub machines: u64,
    /// Agents heard of within two minutes.
    pub agents_connected: u64,
    /// Machines in jobs, by state.
    pub job_machines: Vec<(String, u64)>,
    /// Events since the catalog was made.
    pub events: u64,
}

impl Catalog {
    /// The number of the newest event, 0 before the first.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn newest_event(&self) -> Result<i64> {
        self.0.database.read(|transaction| newest(transaction))
    }

    /// Up to `limit` events after the one with this number.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn events_after(&self, seen: i64, limit: u32) -> Result<Replay> {
        self.0.database.read(|transaction| {
            let newest = newest(transaction)?;
            let oldest: Option<i64> =
                transaction.query_row("SELECT min(seq) FROM event", [], |row| row.get(0))?;
            let gap = seen < 0 || seen > newest || oldest.map_or(newest > seen, |oldest| seen + 1 < oldest);
            let mut statement = transaction
                .prepare("SELECT seq, at, subject FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
            let mut rows = statement.query((seen, limit))?;
            let mut events = Vec::new();
            while let Some(row) = rows.next()? {
                let subject: String = row.get(2)?;
                events.push(Event {
                    seq: Some(row.get(0)?),
                    at: Time(row.get(1)?),
                    subject: serde_json::from_str(&subject)?,
                });
            }
            let more = events
                .last()
                .and_then(|event| event.seq)
                .is_some_and(|last| last < newest);
            Ok(Replay { events, gap, more })
        })
    }

    /// Notes that somebody deleted a version of a master.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn master_deleted(&self, name: &MasterName, version: u32, actor: &Actor) -> Result<()> {
        self.write(|writing| {
            writing.audit(actor, "delete", "master", format!("{name}@{version}"), None, None)?;
            writing.changed(Subject::Master { name: name.clone() });
            Ok(())
        })
    }

    /// How much there is of everything.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn figures(&self) -> Result<Figures> {
        let now = self.now();
        let agents_connected = self
            .memory()
            .sessions()
            .filter(|(_, session)| now.since(session.last_seen_at).as_secs() < 120)
            .count();
        self.0.database.read(|transaction| {
            let machines = transaction.query_row("SELECT count(*) FROM machine", [], |row| {
                crate::job::count_of(row, 0)
            })?;
            let mut statement =
                transaction.prepare("SELECT state, count(*) FROM job_machine GROUP BY state")?;
            let states = statement.query_map([], |row| Ok((row.get(0)?, crate::job::count_of(row, 1)?)))?;
            Ok(Figures {
                machines,
                agents_connected: agents_connected as u64,
                job_machines: states.collect::<rusqlite::Result<_>>()?,
                events: u64::try_from(newest(transaction)?).unwrap_or(0),
            })
        })
    }

    /// Notes that somebody was refused.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn note_refusal(&self, peer: Option<String>, code: &str, title: &str) -> Result<()> {
        self.write(|writing| {
            let since = writing.now.0 - i64::try_from(Duration::from_secs(60).as_millis()).unwrap_or(0);
            let recent: i64 = writing.transaction.query_row(
                "SELECT count(*) FROM (SELECT 1 FROM event WHERE seq > (SELECT max(seq) FROM event) - 500
                 AND at > ?1 AND subject LIKE '{\"kind\":\"refusal\"%')",
                [since],
                |row| row.get(0),
            )?;
            if recent < REFUSALS_PER_MINUTE {
                let title: String = title.chars().take(300).collect();
                writing.changed(Subject::Refusal {
                    peer,
                    code: code.to_owned(),
                    title,
                });
            }
            Ok(())
        })
    }
}

fn newest(connection: &Connection) -> Result<i64> {
    // The sequence table remembers the number even when every row was forgotten.
    Ok(connection.query_row(
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0)",
        [],
        |row| row.get(0),
    )?)
}

pub(crate) fn forget(connection: &Connection) -> Result<()> {
    connection.execute(
        "DELETE FROM event WHERE seq <= (SELECT max(seq) FROM event) - ?1",
        [KEPT],
    )?;
    Ok(())
}
