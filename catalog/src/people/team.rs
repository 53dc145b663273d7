//! Teams: people who hold roles together.

use super::{
    Actor, Rights,
    account::{self, check_revision, checked_name, checked_text, name_taken},
    grant::{check_administered, names_of},
};
use crate::{
    Catalog,
    error::{Error, Result},
    job::parse_id,
};
use rusqlite::{Connection, Row, params};
use std::collections::BTreeSet;
use uuid::Uuid;

const NOTE_MAX: usize = 500;
/// Most teams.
const TEAMS_MAX: i64 = 1000;
/// Most people of a team.
const MEMBERS_MAX: usize = 1000;

/// A team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamRow {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub note: String,
    /// Who is in it.
    pub members: Vec<Uuid>,
    /// Rises with every change.
    pub revision: i64,
}

/// A team as somebody wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamWish {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub note: String,
    /// Who is in it, and nobody else.
    pub members: BTreeSet<Uuid>,
}

impl Catalog {
    /// All teams, by name.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn teams(&self) -> Result<Vec<TeamRow>> {
        self.0.database.read(|transaction| {
            let mut statement = transaction.prepare_cached(&format!("{SELECT} ORDER BY t.name, t.id"))?;
            let mut rows = statement.query([])?;
            let mut teams = Vec::new();
            while let Some(row) = rows.next()? {
                teams.push(team_of(row)?);
            }
            Ok(teams)
        })
    }

    /// Makes a team.
    ///
    /// # Errors
    /// When the name is taken, or somebody named is not there.
    pub fn create_team(&self, wish: &TeamWish, actor: &Actor) -> Result<TeamRow> {
        let (name, note) = checked(wish)?;
        self.write(|writing| {
            let connection = writing.transaction;
            let count: i64 = connection.query_row("SELECT count(*) FROM team", [], |row| row.get(0))?;
            if count >= TEAMS_MAX {
                return Err(Error::invalid("there are too many teams", "delete some"));
            }
            let id = Uuid::now_v7();
            let inserted = connection.execute(
                "INSERT OR IGNORE INTO team (id, name, note) VALUES (?1, ?2, ?3)",
                params![id.to_string(), name, note],
            )?;
            if inserted == 0 {
                return Err(name_taken(name));
            }
            store_members(connection, id, &wish.members)?;
            let row = found(connection, id)?;
            writing.audit(
                actor,
                "create",
                "team",
                id,
                None,
                Some(audited(connection, &row)?),
            )?;
            Ok(row)
        })
    }

    /// Changes a team.
    ///
    /// # Errors
    /// When there is none, it changed since `expected`, its name is taken, somebody named is not there, `by` does not hold all
    /// that the team holds while people come or go, or nobody would be left to administer.
    pub fn edit_team(
        &self,
        id: Uuid,
        wish: &TeamWish,
        expected: Option<i64>,
        actor: &Actor,
        by: &Rights,
    ) -> Result<TeamRow> {
        let (name, note) = checked(wish)?;
        self.write(|writing| {
            let connection = writing.transaction;
            let before = found(connection, id)?;
            check_revision(before.revision, expected)?;
            let changed = connection.execute(
                "UPDATE OR IGNORE team SET name = ?2, note = ?3, revision = revision + 1 WHERE id = ?1",
                params![id.to_string(), name, note],
            )?;
            if changed == 0 {
                return Err(name_taken(name));
            }
            if before.members.iter().copied().collect::<BTreeSet<_>>() != wish.members {
                let given = Rights::of_team(connection, &id.to_string(), writing.now)?;
                by.check_cover(connection, &given)?;
                store_members(connection, id, &wish.members)?;
                check_administered(writing)?;
            }
            let after = found(connection, id)?;
            let shown = [audited(connection, &before)?, audited(connection, &after)?];
            let [before, changed] = shown.map(Some);
            writing.audit(actor, "edit", "team", id, before, changed)?;
            Ok(after)
        })
    }

    /// Deletes a team, and with it the roles that it held.
    ///
    /// # Errors
    /// When there is none, `by` does not hold all that it holds, or nobody would be left to administer.
    pub fn delete_team(&self, id: Uuid, expected: Option<i64>, actor: &Actor, by: &Rights) -> Result<()> {
        self.write(|writing| {
            let connection = writing.transaction;
            let before = found(connection, id)?;
            check_revision(before.revision, expected)?;
            let given = Rights::of_team(connection, &id.to_string(), writing.now)?;
            by.check_cover(connection, &given)?;
            let shown = audited(connection, &before)?;
            connection.execute("DELETE FROM team WHERE id = ?1", [id.to_string()])?;
            check_administered(writing)?;
            writing.audit(actor, "delete", "team", id, Some(shown), None)
        })
    }
}

fn checked(wish: &TeamWish) -> Result<(&str, &str)> {
    if wish.members.len() > MEMBERS_MAX {
        return Err(Error::invalid(
            format!("a team has at most {MEMBERS_MAX} people"),
            "make two teams",
        ));
    }
    Ok((checked_name(&wish.name)?, checked_text(&wish.note, NOTE_MAX)?))
}

fn store_members(connection: &Connection, team: Uuid, members: &BTreeSet<Uuid>) -> Result<()> {
    connection.execute("DELETE FROM team_member WHERE team = ?1", [team.to_string()])?;
    for member in members {
        account::found(connection, *member)
            .map_err(|_| Error::invalid(format!("there is no person {member}"), "choose from the list"))?;
        connection.execute(
            "INSERT INTO team_member (user, team) VALUES (?1, ?2)",
            [member.to_string(), team.to_string()],
        )?;
    }
    Ok(())
}

const SELECT: &str = "SELECT t.id, t.name, t.note, t.revision,
    (SELECT json_group_array(user) FROM team_member m WHERE m.team = t.id) FROM team t";

fn team_of(row: &Row<'_>) -> Result<TeamRow> {
    let members: Vec<String> = serde_json::from_str(&row.get::<_, String>(4)?)?;
    Ok(TeamRow {
        id: parse_id(&row.get::<_, String>(0)?)?,
        name: row.get(1)?,
        note: row.get(2)?,
        members: members.iter().map(|id| parse_id(id)).collect::<Result<_>>()?,
        revision: row.get(3)?,
    })
}

fn found(connection: &Connection, id: Uuid) -> Result<TeamRow> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE t.id = ?1"))?;
    let mut rows = statement.query([id.to_string()])?;
    let row = rows.next()?.ok_or_else(|| Error::not_found("such team"))?;
    team_of(row)
}

fn audited(connection: &Connection, row: &TeamRow) -> Result<serde_json::Value> {
    let members = names_of(connection, &row.members)?;
    Ok(serde_json::json!({ "name": row.name, "note": row.note, "members": members }))
}
