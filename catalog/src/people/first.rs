//! The first administrator, by the one-time code, and administrators made from the console.

use super::{
    Actor, PredefinedRole, Rights,
    account::{checked_name, insert},
    grant::{GrantWish, Holder, give},
    password::hash_password,
};
use crate::{
    Catalog,
    change::Writing,
    error::{Error, ErrorKind, Result},
    place::ROOT,
    secret, setting,
};
use rusqlite::Connection;
use uuid::Uuid;

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
        let actor = Actor {
            name: name.to_owned(),
            peer,
        };
        self.write(|writing| {
            check_code(writing.transaction, code)?;
            administrator(writing, name, &hash, &actor)
        })
    }

    /// Makes an administrator: for whoever has a shell on the appliance.
    ///
    /// # Errors
    /// When the name is taken, or name or password cannot be used.
    pub fn create_administrator(&self, name: &str, password: &str, actor: &Actor) -> Result<Uuid> {
        let (name, hash) = (checked_name(name)?, hash_password(password)?);
        self.write(|writing| administrator(writing, name, &hash, actor))
    }
}

fn administrator(writing: &mut Writing<'_>, name: &str, hash: &str, actor: &Actor) -> Result<Uuid> {
    setting::remove(writing.transaction, SETUP_CODE)?;
    let id = insert(writing, name, "", hash, actor)?;
    let wish = GrantWish {
        holder: Holder::Person(id),
        role: PredefinedRole::PlatformAdmin.id(),
        place: ROOT,
        expires_at: None,
    };
    give(writing, &wish, actor, &Rights::everything())?;
    Ok(id)
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
pub(super) fn plain_code(code: &str) -> String {
    code.chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .take(64)
        .collect::<String>()
        .to_ascii_uppercase()
}
