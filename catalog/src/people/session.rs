//! Log in, sessions, log out.

use super::{Actor, Credential, Person, Rights, password::verify_password, second_factor};
use crate::{
    Catalog,
    error::{Error, ErrorKind, Result},
    job::parse_id,
    secret,
    time::Time,
};
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;
use uuid::Uuid;

/// A session ends after so long without a call.
const IDLE: Duration = Duration::from_secs(12 * 60 * 60);
/// A session ends after so long, whatever happens.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How exactly a session's last call is written down.
pub(super) const SEEN_EVERY: Duration = Duration::from_secs(60);
/// Sessions of one person: the oldest ends when there are more.
const SESSIONS_MAX: i64 = 50;
/// Longest name of a browser that is kept.
const AGENT_MAX: usize = 200;

/// Somebody who logs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogIn {
    /// Their name.
    pub name: String,
    /// Their password.
    pub password: String,
    /// The second factor's code, or a recovery code.
    pub code: Option<String>,
    /// Where they call from.
    pub peer: Option<String>,
    /// What their browser calls itself.
    pub agent: Option<String>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub id: Uuid,
    /// When it began.
    pub created_at: Time,
    /// Its last call, to the minute.
    pub last_seen_at: Time,
    /// Where it began.
    pub peer: Option<String>,
    /// What the browser called itself.
    pub agent: Option<String>,
}

/// What is known of whoever logs in.
#[derive(PartialEq, Eq)]
struct Found {
    id: String,
    name: String,
    hash: String,
    disabled: bool,
    second_factor: Option<Vec<u8>>,
}

impl Catalog {
    /// Logs a person in. The cookie's value and who it stands for.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`] for a wrong name or password (which of them is not told), for a disabled account, and
    /// for a missing or wrong code; [`ErrorKind::TooOften`] after too many of those.
    pub fn log_in(&self, log_in: &LogIn) -> Result<(String, Person)> {
        let LogIn { name, peer, .. } = log_in;
        let now = self.now();
        self.0.throttle.check(name, peer.as_deref(), now)?;
        let found = self
            .0
            .database
            .read(|transaction| find(transaction, name.trim()))?;
        let known = found
            .as_ref()
            .map_or(self.nobodys_hash(), |found| found.hash.as_str());
        let fits = verify_password(&log_in.password, known);
        let Some(found) = found.filter(|found| fits && !found.disabled) else {
            self.0.throttle.failed(name, peer.as_deref(), now);
            return Err(wrong_name_or_password());
        };
        let cookie = secret::new_secret()?;
        let begun = self.write(|writing| {
            let connection = writing.transaction;
            // The password took a while to try: meanwhile it may have been changed, or a second factor added.
            let now_there = find(connection, name.trim())?;
            if now_there.as_ref() != Some(&found) {
                return Err(wrong_name_or_password());
            }
            if let Some(secret) = &found.second_factor {
                let code = log_in.code.as_deref().ok_or_else(second_factor::needed)?;
                second_factor::use_code(connection, &found.id, secret, code, now)?;
            }
            let agent: Option<String> = log_in.agent.as_ref().map(|agent| {
                let visible = agent.chars().filter(|c| !c.is_control());
                visible.take(AGENT_MAX).collect()
            });
            let id = Uuid::now_v7();
            connection.execute(
                "INSERT INTO web_session (key, id, user, peer, agent, created_at, last_seen_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
                params![secret::hash(&cookie).as_slice(), id.to_string(), found.id, peer, agent, now.0],
            )?;
            connection.execute(
                "DELETE FROM web_session WHERE user = ?1 AND key NOT IN
                     (SELECT key FROM web_session WHERE user = ?1 ORDER BY created_at DESC, id DESC LIMIT ?2)",
                params![found.id, SESSIONS_MAX],
            )?;
            let actor = Actor {
                name: found.name.clone(),
                peer: peer.clone(),
            };
            writing.audit(&actor, "log-in", "person", &found.id, None, None)
        });
        begun.inspect_err(|error| {
            if error.code() == "wrong-code" {
                self.0.throttle.failed(name, peer.as_deref(), now);
            }
        })?;
        self.0.throttle.succeeded(name, peer.as_deref());
        let person = self.person(&Credential::Cookie(cookie.clone()))?;
        Ok((cookie, person))
    }

    /// Who a cookie or a token stands for.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`] when it stands for nobody, or no longer.
    pub fn person(&self, credential: &Credential) -> Result<Person> {
        let now = self.now();
        let found = self
            .0
            .database
            .read(|transaction| look(transaction, credential, now))?;
        let (person, last_seen_at) = found.ok_or_else(not_logged_in)?;
        if last_seen_at.is_none_or(|at| now.since(at) >= SEEN_EVERY) {
            let sql = match credential {
                Credential::Cookie(_) => "UPDATE web_session SET last_seen_at = ?2 WHERE id = ?1",
                Credential::Token(_) => "UPDATE api_token SET last_used_at = ?2 WHERE id = ?1",
            };
            self.write(|writing| {
                let values = params![person.session.to_string(), now.0];
                Ok(writing.transaction.execute(sql, values)?)
            })?;
        }
        Ok(person)
    }

    /// What whoever showed this may do now; `None` when it stands for nobody any more. Asking does not keep the session
    /// alive.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn rights_of(&self, credential: &Credential) -> Result<Option<Rights>> {
        let now = self.now();
        let found = self
            .0
            .database
            .read(|transaction| look(transaction, credential, now))?;
        Ok(found.map(|(person, _)| person.rights))
    }

    /// A person's sessions, the latest first.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn sessions(&self, person: Uuid) -> Result<Vec<SessionRow>> {
        let now = self.now();
        self.0.database.read(|transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT id, created_at, last_seen_at, peer, agent FROM web_session WHERE user = ?1
                 ORDER BY created_at DESC, id DESC",
            )?;
            let mut rows = statement.query([person.to_string()])?;
            let mut sessions = Vec::new();
            while let Some(row) = rows.next()? {
                let session = SessionRow {
                    id: parse_id(&row.get::<_, String>(0)?)?,
                    created_at: Time(row.get(1)?),
                    last_seen_at: Time(row.get(2)?),
                    peer: row.get(3)?,
                    agent: row.get(4)?,
                };
                if end_of(session.created_at, session.last_seen_at) > now {
                    sessions.push(session);
                }
            }
            Ok(sessions)
        })
    }

    /// Ends one session of a person.
    ///
    /// # Errors
    /// When the person has no such session.
    pub fn end_session(&self, person: Uuid, session: Uuid, actor: &Actor) -> Result<()> {
        self.write(|writing| {
            let ended = writing.transaction.execute(
                "DELETE FROM web_session WHERE user = ?1 AND id = ?2",
                [person.to_string(), session.to_string()],
            )?;
            if ended == 0 {
                return Err(Error::not_found("such session"));
            }
            writing.audit(actor, "log-out", "person", person, None, None)
        })
    }
}

/// Ends a person's sessions, but one. How many there were.
pub(super) fn end_others(connection: &Connection, person: &str, but: Option<Uuid>) -> Result<usize> {
    let but = but.map(|session| session.to_string());
    Ok(connection.execute(
        "DELETE FROM web_session WHERE user = ?1 AND (?2 IS NULL OR id <> ?2)",
        params![person, but],
    )?)
}

pub(crate) fn forget_web_sessions(connection: &Connection, now: Time) -> Result<()> {
    let before = |age: Duration| now.0 - i64::try_from(age.as_millis()).unwrap_or(0);
    connection.execute(
        "DELETE FROM web_session WHERE last_seen_at < ?1 OR created_at < ?2",
        [before(IDLE), before(LONGEST)],
    )?;
    Ok(())
}

fn wrong_name_or_password() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "wrong-name-or-password",
        "name or password is wrong",
        "check both; after several tries wait a little",
    )
}

fn find(connection: &Connection, name: &str) -> Result<Option<Found>> {
    Ok(connection
        .prepare_cached("SELECT id, name, password, disabled, second_factor FROM user WHERE name = ?1")?
        .query_row([name], |row| {
            Ok(Found {
                id: row.get(0)?,
                name: row.get(1)?,
                hash: row.get(2)?,
                disabled: row.get(3)?,
                second_factor: row.get(4)?,
            })
        })
        .optional()?)
}

/// Who a credential stands for, and when it was last used.
fn look(
    connection: &Connection,
    credential: &Credential,
    now: Time,
) -> Result<Option<(Person, Option<Time>)>> {
    let (sql, secret) = match credential {
        Credential::Cookie(cookie) => (
            "SELECT u.id, u.name, u.second_factor IS NOT NULL, s.id, s.last_seen_at, s.created_at, NULL, NULL
             FROM web_session s JOIN user u ON u.id = s.user WHERE s.key = ?1 AND NOT u.disabled",
            cookie,
        ),
        Credential::Token(token) => (
            "SELECT u.id, u.name, u.second_factor IS NOT NULL, t.id, t.last_used_at, t.expires_at, t.permissions, t.entity
             FROM api_token t JOIN user u ON u.id = t.user WHERE t.key = ?1 AND NOT u.disabled",
            token,
        ),
    };
    type Columns = (
        String,
        String,
        bool,
        String,
        Option<i64>,
        i64,
        Option<String>,
        Option<String>,
    );
    let found: Option<Columns> = connection
        .prepare_cached(sql)?
        .query_row([secret::hash(secret).as_slice()], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
                row.get(7)?,
            ))
        })
        .optional()?;
    let Some((id, name, has_second_factor, session, used_at, moment, permissions, place)) = found else {
        return Ok(None);
    };
    let (used_at, moment) = (used_at.map(Time), Time(moment));
    // A call begins a session's time anew, if it has not run out before.
    let (ended_at, expires_at) = match credential {
        Credential::Cookie(_) => (end_of(moment, used_at.unwrap_or(moment)), end_of(moment, now)),
        Credential::Token(_) => (moment, moment),
    };
    if ended_at <= now {
        return Ok(None);
    }
    let mut rights = Rights::of_person(connection, &id, now)?;
    if let (Some(permissions), Some(place)) = (permissions, place) {
        let permissions = super::PermissionSet::from_json(&permissions)?;
        rights = rights.narrowed(connection, permissions, parse_id(&place)?)?;
    }
    let person = Person {
        id: parse_id(&id)?,
        name,
        rights,
        session: parse_id(&session)?,
        expires_at,
        has_second_factor,
    };
    Ok(Some((person, used_at)))
}

/// When a session ends if nothing more happens in it.
fn end_of(created_at: Time, last_seen_at: Time) -> Time {
    last_seen_at.plus(IDLE).min(created_at.plus(LONGEST))
}

fn not_logged_in() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "not-logged-in",
        "nobody is logged in",
        "log in",
    )
}
