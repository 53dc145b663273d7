//! API tokens: for scripts. A token may never more than it says, and never more than its owner may at that moment.

use super::{Actor, PermissionSet, Rights, account::checked_name};
use crate::{
    Catalog,
    error::{Error, Result},
    job::parse_id,
    secret,
    time::Time,
};
use protocol::PlaceId;
use rusqlite::{Connection, Row, params};
use std::time::Duration;
use uuid::Uuid;

/// Most tokens of one person.
const TOKENS_MAX: i64 = 50;
/// The longest that a token may last.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// What every token begins with, so that one that was published by mistake is recognised.
const MARK: &str = "amorce_";

/// A token; the token itself is shown once, when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub person: Uuid,
    /// Their name.
    pub person_name: String,
    /// What it is for.
    pub name: String,
    /// What it may do at most.
    pub permissions: PermissionSet,
    /// Where, and in everything below.
    pub place: PlaceId,
    /// When it was made.
    pub created_at: Time,
    /// When it ends.
    pub expires_at: Time,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Time>,
}

/// A token to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenWish {
    /// What it is for.
    pub name: String,
    /// What it may do at most.
    pub permissions: PermissionSet,
    /// Where, and in everything below.
    pub place: PlaceId,
    /// When it ends.
    pub expires_at: Time,
}

impl Catalog {
    /// A person's tokens, or everybody's, the newest first. Those that ended are not among them.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn tokens(&self, person: Option<Uuid>) -> Result<Vec<TokenRow>> {
        let now = self.now();
        self.0.database.read(|transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT t.id, t.user, u.name, t.name, t.permissions, t.entity, t.created_at, t.expires_at, t.last_used_at
                 FROM api_token t JOIN user u ON u.id = t.user WHERE (?1 IS NULL OR t.user = ?1) AND t.expires_at > ?2
                 ORDER BY t.id DESC",
            )?;
            let mut rows = statement.query(params![person.map(|id| id.to_string()), now.0])?;
            let mut tokens = Vec::new();
            while let Some(row) = rows.next()? {
                tokens.push(token_of(row)?);
            }
            Ok(tokens)
        })
    }

    /// Makes a token for its owner. The token itself, which nobody can read again, comes with it.
    ///
    /// # Errors
    /// When `by` does not hold all of it there, it would last too long, or there are too many.
    pub fn create_token(
        &self,
        person: Uuid,
        wish: &TokenWish,
        actor: &Actor,
        by: &Rights,
    ) -> Result<(String, TokenRow)> {
        let name = checked_name(&wish.name)?;
        let now = self.now();
        if wish.expires_at <= now || wish.expires_at > now.plus(LONGEST) {
            return Err(Error::invalid(
                "a token ends within a year, and not before it begins",
                "choose an earlier or a later end",
            ));
        }
        if wish.permissions.is_empty() {
            return Err(Error::invalid(
                "a token that may do nothing is of no use",
                "name what it may do",
            ));
        }
        let token = format!("{MARK}{}", secret::new_secret()?);
        let row = self.write(|writing| {
            let connection = writing.transaction;
            if super::right::line(connection, wish.place)?.is_empty() {
                return Err(Error::invalid("there is no such place", "choose another"));
            }
            by.check_hold(connection, wish.permissions, wish.place)?;
            connection.execute("DELETE FROM api_token WHERE expires_at <= ?1", [now.0])?;
            let count: i64 = connection.query_row(
                "SELECT count(*) FROM api_token WHERE user = ?1",
                [person.to_string()],
                |row| row.get(0),
            )?;
            if count >= TOKENS_MAX {
                return Err(Error::invalid(
                    format!("nobody has more than {TOKENS_MAX} tokens"),
                    "revoke some",
                ));
            }
            let row = TokenRow {
                id: Uuid::now_v7(),
                person,
                person_name: actor.name.clone(),
                name: name.to_owned(),
                permissions: wish.permissions,
                place: wish.place,
                created_at: now,
                expires_at: wish.expires_at,
                last_used_at: None,
            };
            connection.execute(
                "INSERT INTO api_token (id, key, user, name, permissions, entity, created_at, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    row.id.to_string(),
                    secret::hash(&token).as_slice(),
                    person.to_string(),
                    name,
                    wish.permissions.to_json(),
                    wish.place.to_string(),
                    now.0,
                    wish.expires_at.0
                ],
            )?;
            writing.audit(actor, "create", "token", row.id, None, Some(audited(&row)))?;
            Ok(row)
        })?;
        Ok((token, row))
    }

    /// Revokes a token; of this person only, if one is named.
    ///
    /// # Errors
    /// When there is no such token.
    pub fn revoke_token(&self, id: Uuid, person: Option<Uuid>, actor: &Actor) -> Result<()> {
        self.write(|writing| {
            let revoked = writing.transaction.execute(
                "DELETE FROM api_token WHERE id = ?1 AND (?2 IS NULL OR user = ?2)",
                params![id.to_string(), person.map(|id| id.to_string())],
            )?;
            if revoked == 0 {
                return Err(Error::not_found("such token"));
            }
            writing.audit(actor, "delete", "token", id, None, None)
        })
    }
}

fn token_of(row: &Row<'_>) -> Result<TokenRow> {
    Ok(TokenRow {
        id: parse_id(&row.get::<_, String>(0)?)?,
        person: parse_id(&row.get::<_, String>(1)?)?,
        person_name: row.get(2)?,
        name: row.get(3)?,
        permissions: PermissionSet::from_json(&row.get::<_, String>(4)?)?,
        place: parse_id(&row.get::<_, String>(5)?)?,
        created_at: Time(row.get(6)?),
        expires_at: Time(row.get(7)?),
        last_used_at: row.get::<_, Option<i64>>(8)?.map(Time),
    })
}

fn audited(row: &TokenRow) -> serde_json::Value {
    let permissions: Vec<&str> = row.permissions.iter().map(|one| one.text()).collect();
    serde_json::json!({
        "name": row.name,
        "permissions": permissions,
        "place": row.place,
        "expires_at": row.expires_at.to_string(),
    })
}

/// Ends all tokens of a person.
pub(super) fn forget(connection: &Connection, person: &str) -> Result<()> {
    connection.execute("DELETE FROM api_token WHERE user = ?1", [person])?;
    Ok(())
}
