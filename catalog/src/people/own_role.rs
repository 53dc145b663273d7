//! Roles: the predefined ones, and those that a site makes for itself.

use super::{
    Actor, PermissionSet, PredefinedRole, Rights,
    account::{check_revision, checked_name, name_taken},
    right::held_by_role,
};
use crate::{
    Catalog,
    error::{Error, ErrorKind, Result},
    job::parse_id,
    place::ROOT,
};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

/// Most roles.
const ROLES_MAX: i64 = 200;

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRow {
    /// Its id.
    pub id: Uuid,
    /// Its name; the page translates those of predefined roles.
    pub name: String,
    /// Whether it is always there and never changes.
    pub predefined: bool,
    /// What it holds.
    pub permissions: PermissionSet,
    /// How often it is held.
    pub holders: u64,
    /// Rises with every change.
    pub revision: i64,
}

/// An own role as somebody wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleWish {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub permissions: PermissionSet,
}

impl Catalog {
    /// All roles: predefined ones in their order, then own ones by name.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn roles(&self) -> Result<Vec<RoleRow>> {
        self.0.database.read(|transaction| {
            let mut statement = transaction.prepare_cached(&format!(
                "{SELECT} ORDER BY r.permissions IS NOT NULL, iif(r.permissions IS NULL, r.id, r.name), r.id"
            ))?;
            let mut rows = statement.query([])?;
            let mut roles = Vec::new();
            while let Some(row) = rows.next()? {
                roles.push(role_of(row)?);
            }
            Ok(roles)
        })
    }

    /// Makes a role.
    ///
    /// # Errors
    /// When the name is taken, or the role would hold what `by` does not hold everywhere.
    pub fn create_role(&self, wish: &RoleWish, actor: &Actor, by: &Rights) -> Result<RoleRow> {
        let name = checked_name(&wish.name)?;
        self.write(|writing| {
            let connection = writing.transaction;
            by.check_hold(connection, wish.permissions, ROOT)?;
            let count: i64 = connection.query_row("SELECT count(*) FROM role", [], |row| row.get(0))?;
            if count >= ROLES_MAX {
                return Err(Error::invalid("there are too many roles", "delete some"));
            }
            let id = Uuid::now_v7();
            let inserted = connection.execute(
                "INSERT OR IGNORE INTO role (id, name, permissions) VALUES (?1, ?2, ?3)",
                params![id.to_string(), name, wish.permissions.to_json()],
            )?;
            if inserted == 0 {
                return Err(name_taken(name));
            }
            let row = found(connection, id)?;
            writing.audit(actor, "create", "role", id, None, Some(audited(&row)))?;
            Ok(row)
        })
    }

    /// Changes an own role, for everybody who holds it.
    ///
    /// # Errors
    /// When there is none, it is predefined, it changed since `expected`, its name is taken, or it holds or would hold what
    /// `by` does not hold everywhere.
    pub fn edit_role(
        &self,
        id: Uuid,
        wish: &RoleWish,
        expected: Option<i64>,
        actor: &Actor,
        by: &Rights,
    ) -> Result<RoleRow> {
        let name = checked_name(&wish.name)?;
        self.write(|writing| {
            let connection = writing.transaction;
            let before = own(connection, id)?;
            check_revision(before.revision, expected)?;
            by.check_hold(connection, before.permissions.or(wish.permissions), ROOT)?;
            let changed = connection.execute(
                "UPDATE OR IGNORE role SET name = ?2, permissions = ?3, revision = revision + 1 WHERE id = ?1",
                params![id.to_string(), name, wish.permissions.to_json()],
            )?;
            if changed == 0 {
                return Err(name_taken(name));
            }
            let after = found(connection, id)?;
            writing.audit(actor, "edit", "role", id, Some(audited(&before)), Some(audited(&after)))?;
            Ok(after)
        })
    }

    /// Deletes an own role that nobody holds.
    ///
    /// # Errors
    /// When there is none, it is predefined, or somebody holds it.
    pub fn delete_role(&self, id: Uuid, expected: Option<i64>, actor: &Actor) -> Result<()> {
        self.write(|writing| {
            let before = own(writing.transaction, id)?;
            check_revision(before.revision, expected)?;
            if before.holders > 0 {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "role-in-use",
                    format!("the role {} is held {} times", before.name, before.holders),
                    "take it back first",
                ));
            }
            writing
                .transaction
                .execute("DELETE FROM role WHERE id = ?1", [id.to_string()])?;
            writing.audit(actor, "delete", "role", id, Some(audited(&before)), None)
        })
    }
}

fn own(connection: &Connection, id: Uuid) -> Result<RoleRow> {
    let row = found(connection, id)?;
    match row.predefined {
        false => Ok(row),
        true => Err(Error::new(
            ErrorKind::Conflict,
            "role-is-predefined",
            format!("the role {} is the same on every appliance", row.name),
            "make a role of your own",
        )),
    }
}

const SELECT: &str = "SELECT r.id, r.name, r.permissions, r.revision,
    (SELECT count(*) FROM role_grant g WHERE g.role = r.id) FROM role r";

fn role_of(row: &Row<'_>) -> Result<RoleRow> {
    let id: String = row.get(0)?;
    let own: Option<String> = row.get(2)?;
    let permissions = held_by_role(&id, own.as_deref())?;
    let id: Uuid = parse_id(&id)?;
    Ok(RoleRow {
        id,
        name: row.get(1)?,
        predefined: own.is_none() || PredefinedRole::of(id).is_some(),
        permissions,
        revision: row.get(3)?,
        holders: crate::job::count_of(row, 4)?,
    })
}

fn found(connection: &Connection, id: Uuid) -> Result<RoleRow> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE r.id = ?1"))?;
    let mut rows = statement.query([id.to_string()])?;
    let row = rows.next()?.ok_or_else(|| Error::not_found("such role"))?;
    role_of(row)
}

fn audited(row: &RoleRow) -> serde_json::Value {
    let permissions: Vec<&str> = row.permissions.iter().map(|one| one.text()).collect();
    serde_json::json!({ "name": row.name, "permissions": permissions })
}
