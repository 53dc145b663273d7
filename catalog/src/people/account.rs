//! Accounts of people. They are disabled, never deleted: the audit names them.

use super::{
    Actor, Person, Rights,
    grant::check_administered,
    password::{hash_password, verify_password},
    second_factor, session, token,
};
use crate::{
    Catalog,
    change::Writing,
    error::{Error, ErrorKind, Result},
    job::parse_id,
    time::Time,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

const NAME_CHARACTERS: std::ops::RangeInclusive<usize> = 1..=64;
const FULL_NAME_MAX: usize = 100;
/// Most accounts.
const ACCOUNTS_MAX: i64 = 10_000;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// The person's id.
    pub id: Uuid,
    /// The name to log in with. It never changes: the audit names it.
    pub name: String,
    /// What the person is called.
    pub full_name: String,
    /// Whether the person cannot log in.
    pub disabled: bool,
    /// Whether a code is asked for when they log in.
    pub has_second_factor: bool,
    /// When the account was made.
    pub created_at: Time,
    /// When one of their sessions was last used, to the minute.
    pub last_seen_at: Option<Time>,
    /// The teams they are in.
    pub teams: Vec<Uuid>,
    /// Rises with every change.
    pub revision: i64,
}

/// An account to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountWish {
    /// The name to log in with.
    pub name: String,
    /// What the person is called.
    pub full_name: String,
    /// The first password.
    pub password: String,
}

/// What changes in an account; what is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountEdit {
    /// What the person is called.
    pub full_name: Option<String>,
    /// Whether they cannot log in.
    pub disabled: Option<bool>,
}

impl Catalog {
    /// Everybody, by name.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn accounts(&self) -> Result<Vec<AccountRow>> {
        self.0.database.read(|transaction| {
            let mut statement = transaction.prepare_cached(&format!("{SELECT} ORDER BY u.name, u.id"))?;
            let mut rows = statement.query([])?;
            let mut accounts = Vec::new();
            while let Some(row) = rows.next()? {
                accounts.push(account_of(row)?);
            }
            Ok(accounts)
        })
    }

    /// One account.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn account(&self, id: Uuid) -> Result<Option<AccountRow>> {
        self.0.database.read(|transaction| load(transaction, id))
    }

    /// Makes an account that may do nothing yet.
    ///
    /// # Errors
    /// When the name is taken, or something cannot be used.
    pub fn create_account(&self, wish: &AccountWish, actor: &Actor) -> Result<AccountRow> {
        let full_name = checked_full_name(&wish.full_name)?;
        let (name, hash) = (checked_name(&wish.name)?, hash_password(&wish.password)?);
        self.write(|writing| {
            let id = insert(writing, name, full_name, &hash, actor)?;
            found(writing.transaction, id)
        })
    }

    /// Changes an account. Whoever is disabled is logged out.
    ///
    /// # Errors
    /// When there is none, it changed since `expected`, the person may more than whoever changes it, or nobody would be left
    /// to administer.
    pub fn edit_account(
        &self,
        id: Uuid,
        edit: &AccountEdit,
        expected: Option<i64>,
        actor: &Actor,
        by: &Rights,
    ) -> Result<AccountRow> {
        let full_name = edit.full_name.as_deref().map(checked_full_name).transpose()?;
        self.write(|writing| {
            let before = found(writing.transaction, id)?;
            check_revision(before.revision, expected)?;
            check_stands_below(writing, id, by)?;
            let full_name = full_name.unwrap_or(&before.full_name);
            let disabled = edit.disabled.unwrap_or(before.disabled);
            if (full_name, disabled) == (&before.full_name, before.disabled) {
                return Ok(before);
            }
            writing.transaction.execute(
                "UPDATE user SET full_name = ?2, disabled = ?3, revision = revision + 1 WHERE id = ?1",
                params![id.to_string(), full_name, disabled],
            )?;
            if disabled {
                session::end_others(writing.transaction, &id.to_string(), None)?;
                token::forget(writing.transaction, &id.to_string())?;
                check_administered(writing)?;
            }
            let after = found(writing.transaction, id)?;
            writing.audit(
                actor,
                "edit",
                "person",
                id,
                Some(audited(&before)),
                Some(audited(&after)),
            )?;
            Ok(after)
        })
    }

    /// A new password for somebody else, who is logged out everywhere and whose tokens end.
    ///
    /// # Errors
    /// When there is no such person, the password cannot be used, or the person may more than whoever resets it.
    pub fn reset_password(&self, id: Uuid, password: &str, actor: &Actor, by: &Rights) -> Result<()> {
        let hash = hash_password(password)?;
        self.write(|writing| {
            found(writing.transaction, id)?;
            check_stands_below(writing, id, by)?;
            store_password(writing.transaction, id, &hash)?;
            session::end_others(writing.transaction, &id.to_string(), None)?;
            // Whoever had got in may have made one for later.
            token::forget(writing.transaction, &id.to_string())?;
            writing.audit(actor, "reset-password", "person", id, None, None)
        })
    }

    /// A person's own new password. Their other sessions end.
    ///
    /// # Errors
    /// When the old password is wrong, the new one cannot be used, or it was tried too often.
    pub fn change_password(&self, person: &Person, old: &str, new: &str, actor: &Actor) -> Result<()> {
        let id = person.id;
        self.check_own_password(person, old, actor.peer.as_deref())?;
        let hash = hash_password(new)?;
        self.write(|writing| {
            store_password(writing.transaction, id, &hash)?;
            session::end_others(writing.transaction, &id.to_string(), Some(person.session))?;
            writing.audit(actor, "change-password", "person", id, None, None)
        })
    }

    /// Takes somebody's second factor away who lost it.
    ///
    /// # Errors
    /// When there is no such person, or they may more than whoever takes it away.
    pub fn reset_second_factor(&self, id: Uuid, actor: &Actor, by: &Rights) -> Result<()> {
        self.write(|writing| {
            found(writing.transaction, id)?;
            check_stands_below(writing, id, by)?;
            second_factor::remove(writing.transaction, id)?;
            session::end_others(writing.transaction, &id.to_string(), None)?;
            writing.audit(actor, "remove-second-factor", "person", id, None, None)
        })
    }

    /// Ends all sessions of a person.
    ///
    /// # Errors
    /// When there is no such person.
    pub fn end_sessions(&self, id: Uuid, actor: &Actor) -> Result<()> {
        self.write(|writing| {
            found(writing.transaction, id)?;
            session::end_others(writing.transaction, &id.to_string(), None)?;
            writing.audit(actor, "log-out", "person", id, None, None)
        })
    }

    /// That somebody who is logged in knows their password: guessing it is as slow as at the door.
    pub(super) fn check_own_password(
        &self,
        person: &Person,
        password: &str,
        peer: Option<&str>,
    ) -> Result<()> {
        self.0.throttle.check(&person.name, peer, self.now())?;
        let hash: String = self.0.database.read(|transaction| {
            Ok(transaction.query_row(
                "SELECT password FROM user WHERE id = ?1",
                [person.id.to_string()],
                |row| row.get(0),
            )?)
        })?;
        if verify_password(password, &hash) {
            return Ok(());
        }
        self.0.throttle.failed(&person.name, peer, self.now());
        Err(Error::new(
            ErrorKind::Forbidden,
            "wrong-password",
            "this is not the password",
            "type the password that you logged in with",
        ))
    }
}

/// That whoever changes somebody's account may do all that this person may: else a reset password would be a way up.
fn check_stands_below(writing: &Writing<'_>, id: Uuid, by: &Rights) -> Result<()> {
    let theirs = Rights::of_person(writing.transaction, &id.to_string(), writing.now)?;
    by.check_cover(writing.transaction, &theirs)
}

pub(super) fn checked_name(name: &str) -> Result<&str> {
    let name = name.trim();
    if NAME_CHARACTERS.contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    Err(Error::invalid(
        "a name has 1 to 64 characters and no control character",
        "choose another name",
    ))
}

/// A text that may be empty.
pub(super) fn checked_text(text: &str, most: usize) -> Result<&str> {
    let text = text.trim();
    if text.chars().count() <= most && !text.chars().any(char::is_control) {
        return Ok(text);
    }
    Err(Error::invalid(
        format!("a text has at most {most} characters and no control character"),
        "shorten it",
    ))
}

fn checked_full_name(name: &str) -> Result<&str> {
    checked_text(name, FULL_NAME_MAX)
}

pub(super) fn check_revision(is: i64, expected: Option<i64>) -> Result<()> {
    if expected.is_none_or(|expected| expected == is) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Outdated,
        "changed-meanwhile",
        "somebody else changed this since",
        "look at it again, then decide again",
    ))
}

pub(super) fn name_taken(name: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "name-taken",
        format!("the name {name} is taken already"),
        "choose another name",
    )
}

pub(super) fn insert(
    writing: &mut Writing<'_>,
    name: &str,
    full_name: &str,
    hash: &str,
    actor: &Actor,
) -> Result<Uuid> {
    let id = Uuid::now_v7();
    let accounts: i64 = writing
        .transaction
        .query_row("SELECT count(*) FROM user", [], |row| row.get(0))?;
    if accounts >= ACCOUNTS_MAX {
        return Err(Error::invalid(
            "there are too many accounts",
            "use those there are",
        ));
    }
    let inserted = writing.transaction.execute(
        "INSERT OR IGNORE INTO user (id, name, full_name, password, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![id.to_string(), name, full_name, hash, writing.now.0],
    )?;
    if inserted == 0 {
        return Err(name_taken(name));
    }
    let after = serde_json::json!({ "name": name, "full_name": full_name });
    writing.audit(actor, "create", "person", id, None, Some(after))?;
    Ok(id)
}

fn store_password(connection: &Connection, id: Uuid, hash: &str) -> Result<()> {
    connection.execute(
        "UPDATE user SET password = ?2, revision = revision + 1 WHERE id = ?1",
        params![id.to_string(), hash],
    )?;
    Ok(())
}

const SELECT: &str =
    "SELECT u.id, u.name, u.full_name, u.disabled, u.second_factor IS NOT NULL, u.created_at,
    (SELECT max(last_seen_at) FROM web_session s WHERE s.user = u.id),
    (SELECT json_group_array(team) FROM team_member t WHERE t.user = u.id), u.revision FROM user u";

fn account_of(row: &Row<'_>) -> Result<AccountRow> {
    let teams: Vec<String> = serde_json::from_str(&row.get::<_, String>(7)?)?;
    Ok(AccountRow {
        id: parse_id(&row.get::<_, String>(0)?)?,
        name: row.get(1)?,
        full_name: row.get(2)?,
        disabled: row.get(3)?,
        has_second_factor: row.get(4)?,
        created_at: Time(row.get(5)?),
        last_seen_at: row.get::<_, Option<i64>>(6)?.map(Time),
        teams: teams.iter().map(|id| parse_id(id)).collect::<Result<_>>()?,
        revision: row.get(8)?,
    })
}

fn load(connection: &Connection, id: Uuid) -> Result<Option<AccountRow>> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE u.id = ?1"))?;
    let mut rows = statement.query([id.to_string()])?;
    rows.next()?.map(account_of).transpose()
}

pub(super) fn found(connection: &Connection, id: Uuid) -> Result<AccountRow> {
    load(connection, id)?.ok_or_else(|| Error::not_found("such person"))
}

/// The name of a person, for the audit.
pub(super) fn name_of(connection: &Connection, id: &str) -> Result<Option<String>> {
    Ok(connection
        .query_row("SELECT name FROM user WHERE id = ?1", [id], |row| row.get(0))
        .optional()?)
}

fn audited(row: &AccountRow) -> serde_json::Value {
    serde_json::json!({ "name": row.name, "full_name": row.full_name, "disabled": row.disabled })
}
