//! Places and groups: the tree that machines are in, and what inherits along it.

use crate::{
    Catalog,
    change::Subject,
    error::{Error, ErrorKind, Result},
    menu::{MenuLevel, MenuOwner, load_level},
    people::Actor,
};
use protocol::{MachineId, PlaceId};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use uuid::Uuid;

/// The root of the tree; migration 6 made it.
pub const ROOT: PlaceId = PlaceId(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001));
/// Deepest tree: also what keeps a damaged one from being walked for ever.
const DEPTH_MAX: usize = 8;
/// Most places of a site.
const PLACES_MAX: i64 = 5000;

/// What a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlaceKind {
    /// The whole; there is one.
    Organisation,
    /// A part of it that answers for sites: a town, a department.
    Authority,
    /// One address.
    Site,
    /// One room.
    Room,
    /// Machines from anywhere that somebody put together.
    Group,
}

impl PlaceKind {
    fn text(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Authority => "authority",
            Self::Site => "site",
            Self::Room => "room",
            Self::Group => "group",
        }
    }

    /// A kind that this program does not know inherits like any other.
    fn parse(text: &str) -> Self {
        match text {
            "organisation" => Self::Organisation,
            "authority" => Self::Authority,
            "site" => Self::Site,
            "group" => Self::Group,
            _ => Self::Room,
        }
    }
}

/// A place or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceRow {
    /// Its id.
    pub id: PlaceId,
    /// What it lies in; the root lies in nothing.
    pub parent: Option<PlaceId>,
    /// What it is.
    pub kind: PlaceKind,
    /// What people call it.
    pub name: String,
}

/// The tree as memory holds it, with what each place decides of menus.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(HashMap<PlaceId, (PlaceRow, Option<MenuLevel>)>);

impl Places {
    pub(crate) fn load(connection: &Connection) -> Result<Self> {
        let mut places = HashMap::new();
        for row in rows(connection)? {
            let level = load_level(connection, MenuOwner::Place(row.id))?;
            places.insert(row.id, (row, level));
        }
        Ok(Self(places))
    }

    /// What is decided from the root down to a place.
    pub(crate) fn levels(&self, place: PlaceId) -> Vec<(MenuOwner, &MenuLevel)> {
        let mut levels = Vec::new();
        let mut next = Some(place);
        for _ in 0..=DEPTH_MAX {
            let Some((row, level)) = next.and_then(|id| self.0.get(&id)) else {
                break;
            };
            levels.extend(level.as_ref().map(|level| (MenuOwner::Place(row.id), level)));
            next = row.parent;
        }
        levels.reverse();
        levels
    }

    /// What groups decide, in the order of their names.
    pub(crate) fn levels_of_groups(&self, groups: &[PlaceId]) -> Vec<(MenuOwner, &MenuLevel)> {
        let mut found: Vec<_> = groups.iter().filter_map(|id| self.0.get(id)).collect();
        found.sort_by(|(left, _), (right, _)| (&left.name, left.id).cmp(&(&right.name, right.id)));
        found
            .into_iter()
            .filter_map(|(row, level)| Some((MenuOwner::Place(row.id), level.as_ref()?)))
            .collect()
    }
}

impl Catalog {
    /// Every place and group.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn places(&self) -> Result<Vec<PlaceRow>> {
        self.0.database.read(|transaction| rows(transaction))
    }

    /// Makes a place or a group.
    ///
    /// # Errors
    /// When it cannot lie there, or its name cannot be used.
    pub fn create_place(
        &self,
        kind: PlaceKind,
        name: &str,
        parent: PlaceId,
        actor: &Actor,
    ) -> Result<PlaceRow> {
        let name = checked_name(name)?;
        self.write(|writing| {
            let connection = writing.transaction;
            let above = find(connection, parent)?
                .ok_or_else(|| Error::invalid("there is no such place to put it in", "choose another"))?;
            check_below(above.kind, kind)?;
            let count: i64 = connection.query_row("SELECT count(*) FROM entity", [], |row| row.get(0))?;
            if count >= PLACES_MAX || line_of(connection, Some(parent))?.len() >= DEPTH_MAX {
                return Err(Error::invalid("there are too many places", "delete some"));
            }
            let row = PlaceRow {
                id: PlaceId::new(),
                parent: Some(parent),
                kind,
                name: name.clone(),
            };
            connection.execute(
                "INSERT INTO entity (id, parent, kind, name) VALUES (?1, ?2, ?3, ?4)",
                params![row.id.to_string(), parent.to_string(), kind.text(), row.name],
            )?;
            let after = serde_json::json!({ "kind": kind, "name": row.name, "parent": parent });
            writing.audit(actor, "create", "place", row.id, None, Some(after))?;
            writing.places_changed();
            writing.changed(Subject::Settings);
            Ok(row)
        })
    }

    /// Renames a place.
    ///
    /// # Errors
    /// When there is no such place, or the name cannot be used.
    pub fn rename_place(&self, id: PlaceId, name: &str, actor: &Actor) -> Result<PlaceRow> {
        let name = checked_name(name)?;
        self.write(|writing| {
            let connection = writing.transaction;
            let mut row = find(connection, id)?.ok_or_else(|| Error::not_found("such place"))?;
            let before = serde_json::json!({ "name": row.name });
            row.name = name.clone();
            connection.execute(
                "UPDATE entity SET name = ?2 WHERE id = ?1",
                params![id.to_string(), row.name],
            )?;
            let after = serde_json::json!({ "name": row.name });
            writing.audit(actor, "edit", "place", id, Some(before), Some(after))?;
            writing.places_changed();
            writing.changed(Subject::Settings);
            Ok(row)
        })
    }

    /// Deletes a place in which nothing lies.
    ///
    /// # Errors
    /// When there is no such place, or something lies in it.
    pub fn delete_place(&self, id: PlaceId, actor: &Actor) -> Result<()> {
        self.write(|writing| {
            let connection = writing.transaction;
            let row = find(connection, id)?.ok_or_else(|| Error::not_found("such place"))?;
            let used: bool = connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM entity WHERE parent = ?1) OR EXISTS (SELECT 1 FROM machine WHERE place = ?1)
                     OR EXISTS (SELECT 1 FROM group_member WHERE entity = ?1)",
                [id.to_string()],
                |row| row.get(0),
            )?;
            if used || id == ROOT {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "place-in-use",
                    format!("{} is not empty", row.name),
                    "move what lies in it first",
                ));
            }
            connection.execute("DELETE FROM entity WHERE id = ?1", [id.to_string()])?;
            let before = serde_json::json!({ "kind": row.kind, "name": row.name, "parent": row.parent });
            writing.audit(actor, "delete", "place", id, Some(before), None)?;
            writing.places_changed();
            writing.changed(Subject::Settings);
            Ok(())
        })
    }

    /// The place and the groups that a machine is in.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn places_of(&self, machine: MachineId) -> Result<(Option<PlaceId>, Vec<PlaceId>)> {
        self.0
            .database
            .read(|transaction| places_of(transaction, machine))
    }

    /// Puts a machine into a place (none: the root) and into these groups and no others.
    ///
    /// # Errors
    /// When there is no such machine, place or group.
    pub fn put_machine(
        &self,
        machine: MachineId,
        place: Option<PlaceId>,
        groups: &[PlaceId],
        actor: &Actor,
    ) -> Result<()> {
        self.write(|writing| {
            let connection = writing.transaction;
            let is_group = |id: PlaceId| -> Result<bool> {
                let row = find(connection, id)?;
                let row = row.ok_or_else(|| Error::invalid(format!("there is no place {id}"), "choose another"))?;
                Ok(row.kind == PlaceKind::Group)
            };
            if let Some(place) = place
                && is_group(place)?
            {
                return Err(Error::invalid("a group is no place", "name it among the groups"));
            }
            for group in groups {
                if !is_group(*group)? {
                    return Err(Error::invalid("a place is no group", "name it as the place"));
                }
            }
            let before = places_of(connection, machine)?;
            let changed = connection.execute(
                "UPDATE machine SET place = ?2 WHERE id = ?1",
                params![machine.to_string(), place.map(|place| place.to_string())],
            )?;
            if changed == 0 {
                return Err(Error::not_found("such machine"));
            }
            connection.execute("DELETE FROM group_member WHERE machine = ?1", [machine.to_string()])?;
            for group in groups {
                connection.execute(
                    "INSERT OR IGNORE INTO group_member (machine, entity) VALUES (?1, ?2)",
                    params![machine.to_string(), group.to_string()],
                )?;
            }
            let shown = |(place, groups): &(Option<PlaceId>, Vec<PlaceId>)| serde_json::json!({ "place": place, "groups": groups });
            let after = (place, groups.to_vec());
            writing.audit(actor, "edit", "machine", machine, Some(shown(&before)), Some(shown(&after)))?;
            writing.changed(Subject::Machine { id: machine });
            Ok(())
        })
    }
}

/// The owners of menus from the root down to a place.
pub(crate) fn line_of(connection: &Connection, place: Option<PlaceId>) -> Result<Vec<MenuOwner>> {
    let mut line = Vec::new();
    let mut next = Some(place.unwrap_or(ROOT));
    while let Some(id) = next.filter(|_| line.len() <= DEPTH_MAX) {
        line.push(MenuOwner::Place(id));
        next = find(connection, id)?.and_then(|row| row.parent);
    }
    line.reverse();
    Ok(line)
}

/// The place and the groups that a machine is in; groups in the order of their names.
pub(crate) fn places_of(
    connection: &Connection,
    machine: MachineId,
) -> Result<(Option<PlaceId>, Vec<PlaceId>)> {
    let place: Option<Option<String>> = connection
        .prepare_cached("SELECT place FROM machine WHERE id = ?1")?
        .query_row([machine.to_string()], |row| row.get(0))
        .optional()?;
    let mut statement = connection.prepare_cached(
        "SELECT g.entity FROM group_member g JOIN entity e ON e.id = g.entity WHERE g.machine = ?1 ORDER BY e.name, e.id",
    )?;
    let groups = statement
        .query_map([machine.to_string()], |row| row.get::<_, String>(0))?
        .filter_map(|id| id.ok()?.parse().ok())
        .collect();
    Ok((place.flatten().and_then(|id| id.parse().ok()), groups))
}

fn check_below(above: PlaceKind, kind: PlaceKind) -> Result<()> {
    use PlaceKind::{Authority, Group, Organisation, Room, Site};
    let good = match kind {
        Organisation => false,
        Authority => above == Organisation,
        Site => matches!(above, Organisation | Authority),
        Room => matches!(above, Organisation | Authority | Site),
        Group => !matches!(above, Group),
    };
    if good {
        return Ok(());
    }
    Err(Error::invalid(
        format!("no {} lies in a {}", kind.text(), above.text()),
        "organisation, authority, site, room: each in one further up",
    ))
}

fn checked_name(name: &str) -> Result<String> {
    let name = name.trim();
    if (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(Error::invalid(
        "a name has 1 to 100 characters and no control character",
        "choose another name",
    ))
}

fn find(connection: &Connection, id: PlaceId) -> Result<Option<PlaceRow>> {
    let found = connection
        .prepare_cached("SELECT id, parent, kind, name FROM entity WHERE id = ?1")?
        .query_row([id.to_string()], columns)
        .optional()?;
    Ok(found.and_then(row_of))
}

fn rows(connection: &Connection) -> Result<Vec<PlaceRow>> {
    let mut statement =
        connection.prepare_cached("SELECT id, parent, kind, name FROM entity ORDER BY name, id")?;
    let rows = statement.query_map([], columns)?;
    let mut places = Vec::new();
    for row in rows {
        places.extend(row_of(row?));
    }
    Ok(places)
}

type Columns = (String, Option<String>, String, String);

fn columns(row: &rusqlite::Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn row_of((id, parent, kind, name): Columns) -> Option<PlaceRow> {
    Some(PlaceRow {
        id: id.parse().ok()?,
        parent: parent.and_then(|parent| parent.parse().ok()),
        kind: PlaceKind::parse(&kind),
        name,
    })
}
