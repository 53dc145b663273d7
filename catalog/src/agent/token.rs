//! Boot tokens and hello.
//!
//! A token goes with the boot script over unauthenticated protocols, so it is worth little: it is bound to the adapter that
//! asked, lives a quarter of an hour, and is exchanged once.

use super::Welcome;
use crate::{
    Catalog,
    change::Subject,
    error::{Error, ErrorKind, Result},
    job::due_jobs,
    machine::{admit, bound_facts, load_machine},
    menu::is_locked,
    secret,
    time::Time,
};
use protocol::{
    MachineId, Problem,
    agent::Hello,
    boot::{BootFacts, BootPlan},
    mac::MacAddr,
    menu::EntryKey,
};
use rusqlite::{Connection, OptionalExtension, params};
use std::{sync::PoisonError, time::Duration};
use uuid::Uuid;

/// How long a token is good for.
const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// Tokens of one adapter that are good at the same time: loaders fetch a script more than once.
const PER_ADAPTER: i64 = 8;
/// An agent at work that was heard so lately is there: it tells how far it is twice a second. A machine that was restarted
/// needs about as long to come back.
const HEARD_WITHIN: Duration = Duration::from_secs(20);
/// Tokens in all: more is no room of computers but a flood.
const IN_ALL: i64 = 10_000;

impl Catalog {
    /// Mints the token that goes into a machine's boot script, for the entry of its menu that was chosen.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when the machine's plan is not our agent; otherwise when the catalog cannot be written.
    pub fn boot_token(&self, facts: &BootFacts, chosen: Option<&EntryKey>) -> Result<String> {
        if !matches!(self.planned(facts, chosen), BootPlan::Agent { .. }) {
            return Err(Error::new(
                ErrorKind::Conflict,
                "no-agent-planned",
                format!("machine {} boots its own disk and needs no token", facts.mac),
                "create a job for it",
            ));
        }
        let token = secret::new_secret()?;
        let mac = facts.mac.to_string();
        self.write(|writing| {
            let connection = writing.transaction;
            connection.execute(
                "DELETE FROM boot_token WHERE mac = ?1 AND hash NOT IN
                 (SELECT hash FROM boot_token WHERE mac = ?1 ORDER BY minted_at DESC LIMIT ?2)",
                params![mac, PER_ADAPTER - 1],
            )?;
            connection.execute(
                "DELETE FROM boot_token WHERE (SELECT count(*) FROM boot_token) >= ?1 AND hash IN
                 (SELECT hash FROM boot_token ORDER BY minted_at LIMIT 100)",
                [IN_ALL],
            )?;
            connection.execute(
                "INSERT INTO boot_token (hash, mac, minted_at, expires_at, entry) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    secret::hash(&token).as_slice(),
                    mac,
                    writing.now.0,
                    writing.now.plus(LIFETIME).0,
                    chosen.map(EntryKey::as_str)
                ],
            )?;
            Ok(())
        })?;
        // A machine that was woken has its other default once: the boot after its work is like any other.
        self.forget_woken(facts.mac);
        Ok(token)
    }

    /// Exchanges a token for a session. The machine is identified by what its agent found, and recorded; older sessions of
    /// the same machine end, but not while their agent is at work: whoever else comes with the machine's signs has to wait,
    /// and its token stays good.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`] for a token that is none, has expired or was used; [`ErrorKind::Forbidden`] for
    /// another machine's, and for a banned machine; [`ErrorKind::Conflict`] while an agent of the machine is at work.
    pub fn hello(&self, hello: &Hello) -> Result<Welcome> {
        let facts = bound_facts(hello.facts.clone());
        let (welcome, mac) = self.write(|writing| {
            let connection = writing.transaction;
            let (mac, entry) = check(connection, hello, writing.now)?;
            connection.execute(
                "UPDATE boot_token SET used_at = ?2 WHERE hash = ?1",
                params![secret::hash(&hello.token).as_slice(), writing.now.0],
            )?;
            let (machine, warnings) = admit(writing, &facts)?;
            let connection = writing.transaction;
            let record = load_machine(connection, machine)?.ok_or_else(|| Error::not_found("such machine"))?;
            if let Some(silence) = self.heard_at_work(machine, writing.now) {
                return Err(at_work(silence));
            }
            writing.changed(Subject::Machine { id: machine });
            connection.execute("DELETE FROM session WHERE machine = ?1", [machine.to_string()])?;
            // What was handed to the agent before this one and never begun was handed to nobody.
            connection.execute(
                "UPDATE job_machine SET given_at = NULL, given_disk = NULL WHERE machine = ?1 AND given_at IS NOT NULL",
                [machine.to_string()],
            )?;
            if record.quarantined {
                return Ok((None, mac));
            }
            let session_key = secret::new_secret()?;
            let job = due_jobs(connection, machine, writing.now)?.first().copied();
            // The menu may have changed since; a job that waits goes before whatever was chosen.
            let locked = match entry.as_ref().filter(|_| job.is_none()) {
                Some(key) => is_locked(connection, machine, key)?,
                None => None,
            };
            let entry = entry.filter(|_| locked.is_some());
            connection.execute(
                "INSERT INTO session (id, machine, job, key, created_at, last_seen_at, entry, entry_locked)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)",
                params![
                    Uuid::now_v7().to_string(),
                    machine.to_string(),
                    job.map(|job| job.to_string()),
                    secret::hash(&session_key).as_slice(),
                    writing.now.0,
                    entry.as_ref().map(EntryKey::as_str),
                    locked == Some(true)
                ],
            )?;
            let entry = entry.filter(|_| locked == Some(false));
            Ok((Some(Welcome { session_key, machine, name: record.name, warnings, entry }), mac))
        })?;
        let welcome = welcome.ok_or_else(|| {
            Error::new(
                ErrorKind::Forbidden,
                "quarantined",
                "this machine is banned from the appliance",
                "let it in again on the page, or start it from its own disk",
            )
        })?;
        let now = self.now();
        self.0
            .memory
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .sight(mac, welcome.machine, now);
        Ok(welcome)
    }

    /// How long ago the agent was heard that has begun a step on this machine, if it may still be there.
    fn heard_at_work(&self, machine: MachineId, now: Time) -> Option<Duration> {
        let memory = self.memory();
        let session = memory.session(machine)?;
        let has_begun = session.step_index.is_some() && !session.is_given;
        if !has_begun || session.cancel_requested {
            return None;
        }
        // While the appliance itself was down nobody could be heard.
        [session.last_seen_at, memory.loaded_at]
            .into_iter()
            .filter_map(|heard_at| now.elapsed_since(heard_at))
            .min()
            .filter(|silence| *silence < HEARD_WITHIN)
    }
}

fn at_work(silence: Duration) -> Error {
    Error::new(
        ErrorKind::Conflict,
        Problem::AGENT_AT_WORK,
        format!(
            "an agent of this machine is at work and was heard {} s ago",
            silence.as_secs()
        ),
        "a machine that was restarted is let in 20 seconds after that; otherwise look for another machine with the same UUID, \
         or take the job back",
    )
}

/// Whether the token is good for this machine now. Which adapter it was minted for, and which entry of its menu.
fn check(connection: &Connection, hello: &Hello, now: Time) -> Result<(MacAddr, Option<EntryKey>)> {
    let refused = |code, message: &str| {
        Err(Error::new(
            ErrorKind::Unauthenticated,
            code,
            message,
            "restart the machine from the network",
        ))
    };
    let found: Option<(String, i64, Option<i64>, Option<String>)> = connection
        .query_row(
            "SELECT mac, expires_at, used_at, entry FROM boot_token WHERE hash = ?1",
            [secret::hash(&hello.token).as_slice()],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .optional()?;
    let Some((mac, expires_at, used_at, entry)) = found else {
        return refused(
            "token-unknown",
            "this boot token was never given out, or long ago",
        );
    };
    if used_at.is_some() {
        return refused("token-used", "this boot token was exchanged before");
    }
    if now >= Time(expires_at) {
        return refused("token-expired", "this boot token has expired");
    }
    let mac: MacAddr = mac.parse().map_err(|_| Error::not_found("such adapter"))?;
    let is_ours = match hello.mac {
        Some(told) => told == mac,
        None => hello.facts.nics.iter().any(|nic| nic.mac == mac),
    };
    if !is_ours {
        return Err(Error::new(
            ErrorKind::Forbidden,
            "token-of-another-machine",
            "this boot token was given to another machine",
            "restart the machine from the network",
        ));
    }
    Ok((mac, entry.and_then(|key| key.parse().ok())))
}
