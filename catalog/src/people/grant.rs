//! Roles given to people and teams, for a place and everything in it, until a day.

use super::{
    Actor, PredefinedRole, Rights,
    account::name_of,
    right::{held_by_role, line},
};
use crate::{
    Catalog,
    change::Writing,
    error::{Error, ErrorKind, Result},
    job::parse_id,
    place::ROOT,
    scope::{Condition, Scope, Scoped},
    time::Time,
};
use protocol::PlaceId;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter, types::Value};
use uuid::Uuid;

/// Most grants of one person or team.
const GRANTS_MAX: i64 = 100;

/// Who holds a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// A person.
    Person(Uuid),
    /// Everybody in a team.
    Team(Uuid),
}

/// A role that somebody holds somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// Its id.
    pub id: Uuid,
    /// Who holds it.
    pub holder: Holder,
    /// What they are called.
    pub holder_name: String,
    /// The role.
    pub role: Uuid,
    /// Its name.
    pub role_name: String,
    /// Where, and in everything below.
    pub place: PlaceId,
    /// Since when.
    pub created_at: Time,
    /// Who gave it.
    pub created_by: String,
    /// Until when; without it, until it is taken back.
    pub expires_at: Option<Time>,
}

/// A role to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantWish {
    /// To whom.
    pub holder: Holder,
    /// Which.
    pub role: Uuid,
    /// Where, and in everything below.
    pub place: PlaceId,
    /// Until when.
    pub expires_at: Option<Time>,
}

impl Catalog {
    /// Who holds what within a scope, the newest first; of one holder only, if one is named.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn grants(&self, scope: &Scope, holder: Option<Holder>) -> Result<Vec<GrantRow>> {
        let mut condition = Condition::within(scope, Scoped::Grants);
        match holder {
            Some(Holder::Person(id)) => condition.and("g.user = ?", [Value::from(id.to_string())]),
            Some(Holder::Team(id)) => condition.and("g.team = ?", [Value::from(id.to_string())]),
            None => {}
        }
        self.0.database.read(|transaction| {
            let mut statement = transaction.prepare_cached(&format!(
                "{SELECT} WHERE {} ORDER BY g.created_at DESC, g.id DESC",
                condition.sql()
            ))?;
            let mut rows = statement.query(params_from_iter(condition.values()))?;
            let mut grants = Vec::new();
            while let Some(row) = rows.next()? {
                grants.push(grant_of(row)?);
            }
            Ok(grants)
        })
    }

    /// Gives a role.
    ///
    /// # Errors
    /// When somebody or something named is not there, or `by` does not hold all of it there.
    pub fn give_role(&self, wish: &GrantWish, actor: &Actor, by: &Rights) -> Result<GrantRow> {
        self.write(|writing| {
            let id = give(writing, wish, actor, by)?;
            find(writing.transaction, id)?.ok_or_else(|| Error::not_found("such grant"))
        })
    }

    /// Takes a role back.
    ///
    /// # Errors
    /// When it was not given within `scope`, `by` does not hold all of it there, or nobody would be left to administer.
    pub fn take_role(&self, id: Uuid, actor: &Actor, by: &Rights, scope: &Scope) -> Result<()> {
        self.write(|writing| {
            let connection = writing.transaction;
            let grant = find(connection, id)?.ok_or_else(|| Error::not_found("such grant"))?;
            let is_inside = match scope {
                Scope::Everything => true,
                Scope::Nothing => false,
                Scope::Within(places) => line(connection, grant.place)?
                    .iter()
                    .any(|place| places.contains(place)),
            };
            if !is_inside {
                return Err(Error::not_found("such grant"));
            }
            by.check_hold(connection, held(connection, grant.role)?, grant.place)?;
            connection.execute("DELETE FROM role_grant WHERE id = ?1", [id.to_string()])?;
            check_administered(writing)?;
            writing.audit(actor, "take", "role", grant.role, Some(audited(&grant)), None)
        })
    }
}

/// Gives a role within a transaction.
pub(super) fn give(writing: &mut Writing<'_>, wish: &GrantWish, actor: &Actor, by: &Rights) -> Result<Uuid> {
    let connection = writing.transaction;
    if line(connection, wish.place)?.is_empty() {
        return Err(Error::invalid("there is no such place", "choose another"));
    }
    by.check_hold(connection, held(connection, wish.role)?, wish.place)?;
    if wish.expires_at.is_some_and(|at| at <= writing.now) {
        return Err(Error::invalid(
            "it would have ended already",
            "choose a moment that is to come",
        ));
    }
    let (column, table, holder) = match wish.holder {
        Holder::Person(id) => ("user", "user", id.to_string()),
        Holder::Team(id) => ("team", "team", id.to_string()),
    };
    let is_there = connection
        .prepare_cached(&format!("SELECT 1 FROM {table} WHERE id = ?1"))?
        .exists([&holder])?;
    if !is_there {
        return Err(Error::invalid(
            "there is nobody of this id to give it to",
            "choose from the list",
        ));
    }
    let count: i64 = connection.query_row(
        &format!("SELECT count(*) FROM role_grant WHERE {column} = ?1"),
        [&holder],
        |row| row.get(0),
    )?;
    if count >= GRANTS_MAX {
        return Err(Error::invalid(
            format!("nobody holds more than {GRANTS_MAX} roles"),
            "take some back, or make a role that holds more",
        ));
    }
    let id = Uuid::now_v7();
    connection.execute(
        &format!(
            "INSERT INTO role_grant (id, {column}, role, entity, created_at, created_by, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        ),
        params![
            id.to_string(),
            holder,
            wish.role.to_string(),
            wish.place.to_string(),
            writing.now.0,
            actor.name,
            wish.expires_at.map(|at| at.0)
        ],
    )?;
    if let Some(grant) = find(connection, id)? {
        writing.audit(actor, "give", "role", grant.role, None, Some(audited(&grant)))?;
    }
    Ok(id)
}

/// That somebody can still log in and do everything everywhere, without a day on which that ends.
pub(super) fn check_administered(writing: &Writing<'_>) -> Result<()> {
    let administered = writing
        .transaction
        .prepare_cached(
            "SELECT 1 FROM role_grant g WHERE g.role = ?1 AND g.entity = ?2 AND g.expires_at IS NULL AND EXISTS (
                 SELECT 1 FROM user u WHERE NOT u.disabled
                 AND (u.id = g.user OR u.id IN (SELECT t.user FROM team_member t WHERE t.team = g.team)))",
        )?
        .exists([PredefinedRole::PlatformAdmin.id().to_string(), ROOT.to_string()])?;
    if administered {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Conflict,
        "last-administrator",
        "nobody would be left who may do everything",
        "make somebody else administrator first, without a day on which it ends",
    ))
}

/// What a role holds that somebody names.
fn held(connection: &Connection, role: Uuid) -> Result<super::PermissionSet> {
    let own: Option<Option<String>> = connection
        .query_row(
            "SELECT permissions FROM role WHERE id = ?1",
            [role.to_string()],
            |row| row.get(0),
        )
        .optional()?;
    let own = own.ok_or_else(|| Error::invalid("there is no such role", "choose from the list"))?;
    held_by_role(&role.to_string(), own.as_deref())
}

const SELECT: &str = "SELECT g.id, g.user, g.team, coalesce(u.name, t.name, ''), g.role, r.name, g.entity, g.created_at,
    g.created_by, g.expires_at FROM role_grant g JOIN role r ON r.id = g.role LEFT JOIN user u ON u.id = g.user
    LEFT JOIN team t ON t.id = g.team";

fn grant_of(row: &Row<'_>) -> Result<GrantRow> {
    let holder = match row.get::<_, Option<String>>(1)? {
        Some(person) => Holder::Person(parse_id(&person)?),
        None => Holder::Team(parse_id(&row.get::<_, String>(2)?)?),
    };
    Ok(GrantRow {
        id: parse_id(&row.get::<_, String>(0)?)?,
        holder,
        holder_name: row.get(3)?,
        role: parse_id(&row.get::<_, String>(4)?)?,
        role_name: row.get(5)?,
        place: parse_id(&row.get::<_, String>(6)?)?,
        created_at: Time(row.get(7)?),
        created_by: row.get(8)?,
        expires_at: row.get::<_, Option<i64>>(9)?.map(Time),
    })
}

fn find(connection: &Connection, id: Uuid) -> Result<Option<GrantRow>> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE g.id = ?1"))?;
    let mut rows = statement.query([id.to_string()])?;
    rows.next()?.map(grant_of).transpose()
}

fn audited(grant: &GrantRow) -> serde_json::Value {
    serde_json::json!({
        "role": grant.role_name,
        "to": grant.holder_name,
        "place": grant.place,
        "expires_at": grant.expires_at.map(|at| at.to_string()),
    })
}

/// Who is in a team, for the audit.
pub(super) fn names_of(connection: &Connection, people: &[Uuid]) -> Result<Vec<String>> {
    let names = people.iter().map(|id| name_of(connection, &id.to_string()));
    Ok(names.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}
