//! People: administrators, their passwords and their sessions.

mod throttle;

use crate::{
    Catalog,
    error::{Error, ErrorKind, Result},
    secret, setting,
    time::Time,
};
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;
pub(crate) use throttle::Throttle;
use uuid::Uuid;

/// Who does something, for the audit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// Their name.
    pub name: String,
    /// Where they call from.
    pub peer: Option<String>,
}

/// A person who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Their id.
    pub id: Uuid,
    /// Their name.
    pub name: String,
    /// What they are here.
    pub role: Role,
    /// When the session ends if nothing happens.
    pub expires_at: Time,
}

/// What a person is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// May do everything.
    Administrator,
}

impl Role {
    fn text(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
        }
    }
}

/// A session ends after so long without a call.
const IDLE: Duration = Duration::from_secs(12 * 60 * 60);
/// A session ends after so long, whatever happens.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How exactly a session's last call is written down.
const SEEN_EVERY: Duration = Duration::from_secs(60);
const PASSWORD_CHARACTERS: std::ops::RangeInclusive<usize> = 12..=256;
const ENTRY_PASSWORD_CHARACTERS: std::ops::RangeInclusive<usize> = 6..=64;
const NAME_CHARACTERS: std::ops::RangeInclusive<usize> = 1..=64;
const SETUP_CODE: &str = "setup-code";

impl Catalog {
    /// Whether nobody administers this appliance yet.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn needs_first_administrator(&self) -> Result<bool> {
        self.0.database.read(|transaction| has_nobody(transaction))
    }

    /// A new one-time code for the first administrator, while there is none; the code before it is void. Only its hash is
    /// kept: `amorce serve` prints the code.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn new_setup_code(&self) -> Result<Option<String>> {
        let code = secret::new_code()?;
        self.write(|writing| {
            if !has_nobody(writing.transaction)? {
                return Ok(None);
            }
            let hash = blake3::Hash::from_bytes(secret::hash(&plain_code(&code)));
            setting::store(writing.transaction, SETUP_CODE, &hash.to_hex())?;
            Ok(Some(code))
        })
    }

    /// Makes the first administrator. The code is void afterwards.
    ///
    /// # Errors
    /// When there is an administrator already, the code is wrong, or name or password cannot be used.
    pub fn create_first_administrator(
        &self,
        code: &str,
        name: &str,
        password: &str,
        peer: Option<String>,
    ) -> Result<Uuid> {
        self.0
            .throttle
            .check("first administrator", peer.as_deref(), self.now())?;
        // Asked before the costly hash, and again in the transaction: of two at once, one is first.
        self.0
            .database
            .read(|transaction| check_code(transaction, code))
            .inspect_err(|error| {
                if error.kind() == ErrorKind::Unauthenticated {
                    self.0
                        .throttle
                        .failed("first administrator", peer.as_deref(), self.now());
                }
            })?;
        let (name, hash) = (checked_name(name)?, hash_password(password)?);
        self.write(|writing| {
            check_code(writing.transaction, code)?;
            setting::remove(writing.transaction, SETUP_CODE)?;
            let id = insert(writing.transaction, name, &hash, Role::Administrator, writing.now)?;
            let actor = Actor {
                name: name.to_owned(),
                peer: peer.clone(),
            };
            writing.audit(
                &actor,
                "create",
                "person",
                id,
                None,
                Some(serde_json::json!({ "name": name })),
            )?;
            Ok(id)
        })
    }

    /// Makes an administrator: for whoever has a shell on the appliance.
    ///
    /// # Errors
    /// When the name is taken, or name or password cannot be used.
    pub fn create_administrator(&self, name: &str, password: &str, actor: &Actor) -> Result<Uuid> {
        let (name, hash) = (checked_name(name)?, hash_password(password)?);
        self.write(|writing| {
            setting::remove(writing.transaction, SETUP_CODE)?;
            let id = insert(writing.transaction, name, &hash, Role::Administrator, writing.now)?;
            writing.audit(
                actor,
                "create",
                "person",
                id,
                None,
                Some(serde_json::json!({ "name": name })),
            )?;
            Ok(id)
        })
    }

    /// Logs a person in. The cookie's value and who it stands for.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`] for a wrong name or password (which of them is not told),
    /// [`ErrorKind::TooOften`] after too many of those.
    pub fn log_in(&self, name: &str, password: &str, peer: Option<String>) -> Result<(String, Person)> {
        let now = self.now();
        self.0.throttle.check(name, peer.as_deref(), now)?;
        let found: Option<(String, String, String)> = self.0.database.read(|transaction| {
            Ok(transaction
                .query_row(
                    "SELECT id, name, password FROM user WHERE name = ?1",
                    [name.trim()],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
                .optional()?)
        })?;
        let known = found
            .as_ref()
            .map_or(self.nobodys_hash(), |(_, _, hash)| hash.as_str());
        let fits = verify_password(password, known);
        let Some((id, name, _)) = found.filter(|_| fits) else {
            self.0.throttle.failed(name, peer.as_deref(), now);
            return Err(Error::new(
                ErrorKind::Unauthenticated,
                "wrong-name-or-password",
                "name or password is wrong",
                "check both; after several tries wait a little",
            ));
        };
        self.0.throttle.succeeded(&name, peer.as_deref());
        let cookie = secret::new_secret()?;
        self.write(|writing| {
            writing.transaction.execute(
                "INSERT INTO web_session (key, user, created_at, last_seen_at) VALUES (?1, ?2, ?3, ?3)",
                params![secret::hash(&cookie).as_slice(), id, writing.now.0],
            )?;
            let actor = Actor {
                name: name.clone(),
                peer: peer.clone(),
            };
            writing.audit(&actor, "log-in", "person", &id, None, None)
        })?;
        let person = self.person(&cookie)?;
        Ok((cookie, person))
    }

    /// Who a cookie stands for.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`] when it stands for nobody, or no longer.
    pub fn person(&self, cookie: &str) -> Result<Person> {
        let hash = secret::hash(cookie);
        let now = self.now();
        let found: Option<(String, String, i64, i64)> = self.0.database.read(|transaction| {
            Ok(transaction
                .prepare_cached(
                    "SELECT u.id, u.name, s.created_at, s.last_seen_at FROM web_session s JOIN user u ON u.id = s.user
                     WHERE s.key = ?1",
                )?
                .query_row([hash.as_slice()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
                .optional()?)
        })?;
        let (id, name, created_at, last_seen_at) = found.ok_or_else(not_logged_in)?;
        let (created_at, last_seen_at) = (Time(created_at), Time(last_seen_at));
        if now.since(last_seen_at) >= IDLE || now.since(created_at) >= LONGEST {
            return Err(not_logged_in());
        }
        if now.since(last_seen_at) >= SEEN_EVERY {
            self.write(|writing| {
                writing.transaction.execute(
                    "UPDATE web_session SET last_seen_at = ?2 WHERE key = ?1",
                    params![hash.as_slice(), now.0],
                )?;
                Ok(())
            })?;
        }
        let expires_at = now.plus(IDLE).min(created_at.plus(LONGEST));
        Ok(Person {
            id: crate::job::parse_id(&id)?,
            name,
            role: Role::Administrator,
            expires_at,
        })
    }

    /// Whether a cookie still stands for somebody. Asking does not keep the session alive.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn is_logged_in(&self, cookie: &str) -> Result<bool> {
        let now = self.now();
        let found: Option<(i64, i64)> = self.0.database.read(|transaction| {
            Ok(transaction
                .prepare_cached("SELECT created_at, last_seen_at FROM web_session WHERE key = ?1")?
                .query_row([secret::hash(cookie).as_slice()], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()?)
        })?;
        Ok(found.is_some_and(|(created_at, seen_at)| {
            now.since(Time(seen_at)) < IDLE && now.since(Time(created_at)) < LONGEST
        }))
    }

    /// Ends the session that a cookie stands for.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn log_out(&self, cookie: &str) -> Result<()> {
        self.write(|writing| {
            writing.transaction.execute(
                "DELETE FROM web_session WHERE key = ?1",
                [secret::hash(cookie).as_slice()],
            )?;
            Ok(())
        })
    }

    /// A hash that no password fits: a name that nobody has costs the same time as a wrong password.
    fn nobodys_hash(&self) -> &str {
        self.0.nobodys_hash.get_or_init(|| {
            secret::new_secret()
                .and_then(|password| hash_password(&password))
                .unwrap_or_default()
        })
    }
}

pub(crate) fn forget_web_sessions(connection: &Connection, now: Time) -> Result<()> {
    let before = |age: Duration| now.0 - i64::try_from(age.as_millis()).unwrap_or(0);
    connection.execute(
        "DELETE FROM web_session WHERE last_seen_at < ?1 OR created_at < ?2",
        [before(IDLE), before(LONGEST)],
    )?;
    Ok(())
}

fn has_nobody(connection: &Connection) -> Result<bool> {
    Ok(connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM user)", [], |row| row.get(0))?)
}

fn check_code(connection: &Connection, code: &str) -> Result<()> {
    if !has_nobody(connection)? {
        return Err(Error::new(
            ErrorKind::Conflict,
            "has-administrator",
            "this appliance has an administrator already",
            "log in, or run: amorce admin create NAME",
        ));
    }
    let known = setting::get(connection, SETUP_CODE)?.unwrap_or_default();
    let shown = blake3::Hash::from_bytes(secret::hash(&plain_code(code)));
    // Comparing with a `blake3::Hash` takes the same time wherever they differ.
    if blake3::Hash::from_hex(&known).is_ok_and(|known| known == shown) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Unauthenticated,
        "wrong-setup-code",
        "this is not the one-time code",
        "take the code that amorce serve printed last",
    ))
}

/// People type codes in any case, with or without the dashes.
fn plain_code(code: &str) -> String {
    code.chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .take(64)
        .collect::<String>()
        .to_ascii_uppercase()
}

fn checked_name(name: &str) -> Result<&str> {
    let name = name.trim();
    if NAME_CHARACTERS.contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    Err(Error::invalid(
        "a name has 1 to 64 characters and no control character",
        "choose another name",
    ))
}

fn insert(connection: &Connection, name: &str, hash: &str, role: Role, now: Time) -> Result<Uuid> {
    let id = Uuid::now_v7();
    let inserted = connection.execute(
        "INSERT OR IGNORE INTO user (id, name, password, role, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![id.to_string(), name, hash, role.text(), now.0],
    )?;
    if inserted == 0 {
        return Err(Error::new(
            ErrorKind::Conflict,
            "name-taken",
            format!("there is a person named {name} already"),
            "choose another name",
        ));
    }
    Ok(id)
}

fn hash_password(password: &str) -> Result<String> {
    if !PASSWORD_CHARACTERS.contains(&password.chars().count()) {
        return Err(Error::invalid(
            "a password has 12 to 256 characters",
            "choose a longer one: four words will do",
        ));
    }
    hash_any(password)
}

/// The password of a menu's entry: typed on a machine, and only ever tried through an agent's session, which is throttled.
pub(crate) fn hash_entry_password(password: &str) -> Result<String> {
    // What can be typed on every keyboard that our agent knows, without AltGr.
    let typed = |c: char| c.is_ascii_alphanumeric() || " !$%&'()*,-./:;?_".contains(c);
    if !ENTRY_PASSWORD_CHARACTERS.contains(&password.chars().count()) || !password.chars().all(typed) {
        return Err(Error::invalid(
            "the password of an entry has 6 to 64 unaccented letters, digits and ! $ % & ' ( ) * , - . / : ; ? _ or blanks",
            "choose one that can be typed on every keyboard",
        ));
    }
    hash_any(password)
}

/// argon2id with the crate's parameters (19 MiB, 2 passes: OWASP's first choice), as a PHC string.
fn hash_any(password: &str) -> Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| {
        Error::new(
            ErrorKind::Storage,
            "no-password-hash",
            "the password could not be hashed",
            "try again",
        )
        .because(error.to_string())
    })
}

pub(crate) fn verify_password(password: &str, hash: &str) -> bool {
    password.chars().count() <= *PASSWORD_CHARACTERS.end()
        && PasswordHash::new(hash).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok()
        })
}

fn not_logged_in() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "not-logged-in",
        "nobody is logged in",
        "log in",
    )
}
