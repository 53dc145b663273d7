//! Places and groups: the tree that machines are in, and what inherits along it.

mod membership;
mod plan;
mod query;

use crate::{
    Catalog,
    change::Subject,
    error::{Error, ErrorKind, Result},
    machine::MachineFilter,
    menu::{MenuLevel, MenuOwner, load_level},
    people::Actor,
    scope::{Condition, Scope, Scoped},
};
pub use membership::ListOutcome;
pub(crate) use membership::places_of;
pub use plan::{PLAN_MAX, Plan, Seat};
use protocol::{MasterName, PlaceId};
pub use query::GroupQuery;
pub(crate) use query::within;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};
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
    /// What a person wrote about it.
    pub note: String,
    /// Of a group whose members are found and not chosen: how.
    pub query: Option<GroupQuery>,
    /// The master that a restore there proposes.
    pub master: Option<MasterName>,
}

/// What a person changes of a place; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaceEdit {
    /// The new name.
    pub name: Option<String>,
    /// What it lies in from now on.
    pub parent: Option<PlaceId>,
    /// The new note.
    pub note: Option<String>,
    /// Of a group that finds its members: how from now on.
    pub query: Option<GroupQuery>,
    /// The master that a restore there proposes; `Some(None)`: none.
    pub master: Option<Option<MasterName>>,
}

/// The tree as memory holds it, with what each place decides of menus.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(HashMap<PlaceId, (PlaceRow, Option<MenuLevel>)>);

impl Places {
    pub(crate) fn load(connection: &Connection) -> Result<Self> {
        let mut places = HashMap::new();
        for row in rows(connection, &Condition::within(&Scope::Everything, Scoped::Places))? {
            let level = load_level(connection, MenuOwner::Place(row.id))?;
            places.insert(row.id, (row, level));
        }
        Ok(Self(places))
    }

    fn rows(&self) -> impl Iterator<Item = &PlaceRow> {
        self.0.values().map(|(row, _)| row)
    }

    pub(crate) fn get(&self, id: PlaceId) -> Option<&PlaceRow> {
        self.0.get(&id).map(|(row, _)| row)
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
    /// The places within one scope and the groups within another.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn places(&self, places: &Scope, groups: &Scope) -> Result<Vec<PlaceRow>> {
        let mut condition = Condition::within(places, Scoped::Places);
        condition.and("e.kind <> 'group'", []);
        let mut of_groups = Condition::within(groups, Scoped::Places);
        of_groups.and("e.kind = 'group'", []);
        self.0
            .database
            .read(|transaction| rows(transaction, &condition.or(of_groups)))
    }

    /// What a place is, if there is one.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn place_kind(&self, id: PlaceId) -> Result<Option<PlaceKind>> {
        let found = self.0.database.read(|transaction| find(transaction, id))?;
        Ok(found.map(|row| row.kind))
    }

    /// How many of the machines within a scope lie in each place or below it, or are in each group.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn machines_of_places(&self, scope: &Scope) -> Result<HashMap<PlaceId, u64>> {
        let rows: Vec<PlaceRow> = self.memory().places.rows().cloned().collect();
        let seen = Condition::within(scope, Scoped::Machines);
        let found: Vec<_> = rows
            .iter()
            .filter(|row| row.query.is_some())
            .map(|row| {
                let filter = MachineFilter {
                    scope: scope.clone(),
                    place: Some(row.id),
                    ..MachineFilter::default()
                };
                (row.id, self.condition(&filter))
            })
            .collect();
        self.0.database.read(|transaction| {
            let mut own: HashMap<PlaceId, u64> = HashMap::new();
            let seen_by = seen.sql();
            let mut statement = transaction.prepare_cached(&format!(
                "SELECT coalesce(m.place, ?), count(*) FROM machine m WHERE {seen_by} GROUP BY m.place
                 UNION ALL SELECT g.entity, count(*) FROM group_member g JOIN machine m ON m.id = g.machine WHERE {seen_by}
                 GROUP BY g.entity"
            ))?;
            let root = Value::from(ROOT.to_string());
            let values = [&root].into_iter().chain(seen.values()).chain(seen.values());
            let counts = statement.query_map(params_from_iter(values), |row| {
                Ok((row.get::<_, String>(0)?, crate::job::count_of(row, 1)?))
            })?;
            for count in counts {
                let (id, count) = count?;
                if let Ok(id) = id.parse() {
                    *own.entry(id).or_default() += count;
                }
            }
            for (id, condition) in found {
                own.insert(id, crate::machine::count(transaction, &condition)?);
            }
            Ok(summed(&rows, &own))
        })
    }

    /// Makes a place, or a group of machines that people choose.
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
        self.create(kind, name, parent, None, actor)
    }

    /// Makes a group that finds its members.
    ///
    /// # Errors
    /// When it cannot lie there, or its name or its query cannot be used.
    pub fn create_found_group(
        &self,
        name: &str,
        parent: PlaceId,
        query: GroupQuery,
        actor: &Actor,
    ) -> Result<PlaceRow> {
        self.create(PlaceKind::Group, name, parent, Some(query), actor)
    }

    fn create(
        &self,
        kind: PlaceKind,
        name: &str,
        parent: PlaceId,
        query: Option<GroupQuery>,
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
            if let Some(query) = &query {
                query.check(&Places::load(connection)?, None)?;
            }
            let row = PlaceRow {
                id: PlaceId::new(),
                parent: Some(parent),
                kind,
                name: name.clone(),
                note: String::new(),
                query,
                master: None,
            };
            connection.execute(
                "INSERT INTO entity (id, parent, kind, name, query) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    row.id.to_string(),
                    parent.to_string(),
                    kind.text(),
                    row.name,
                    json(row.query.as_ref())
                ],
            )?;
            writing.audit(actor, "create", "place", row.id, None, Some(shown(&row)))?;
            writing.places_changed();
            writing.changed(Subject::Settings);
            Ok(row)
        })
    }

    /// Renames a place, moves it with all that lies in it, or changes what is known of it.
    ///
    /// # Errors
    /// When there is no such place, it cannot lie there, or something of it cannot be used.
    pub fn edit_place(&self, id: PlaceId, edit: PlaceEdit, actor: &Actor) -> Result<PlaceRow> {
        let name = edit.name.as_deref().map(checked_name).transpose()?;
        let note = edit.note.as_deref().map(checked_note).transpose()?;
        self.write(|writing| {
            let connection = writing.transaction;
            let before = find(connection, id)?.ok_or_else(|| Error::not_found("such place"))?;
            let mut row = before.clone();
            row.name = name.clone().unwrap_or(row.name);
            row.note = note.clone().unwrap_or(row.note);
            row.master = edit.master.clone().unwrap_or(row.master);
            if let Some(parent) = edit.parent.filter(|parent| before.parent != Some(*parent)) {
                check_move(connection, &before, parent)?;
                row.parent = Some(parent);
            }
            if let Some(query) = &edit.query {
                if row.query.is_none() {
                    return Err(Error::invalid(
                        format!("the members of {} are chosen, not found", row.name),
                        "make a new group with a query",
                    ));
                }
                query.check(&Places::load(connection)?, Some(id))?;
                row.query = Some(query.clone());
            }
            connection.execute(
                "UPDATE entity SET parent = ?2, name = ?3, note = ?4, query = ?5, master = ?6 WHERE id = ?1",
                params![
                    id.to_string(),
                    row.parent.map(|parent| parent.to_string()),
                    row.name,
                    row.note,
                    json(row.query.as_ref()),
                    row.master.as_ref().map(ToString::to_string)
                ],
            )?;
            writing.audit(
                actor,
                "edit",
                "place",
                id,
                Some(shown(&before)),
                Some(shown(&row)),
            )?;
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
                     OR EXISTS (SELECT 1 FROM group_member WHERE entity = ?1)
                     OR EXISTS (SELECT 1 FROM entity WHERE instr(query, ?1))
                     OR EXISTS (SELECT 1 FROM role_grant WHERE entity = ?1)
                     OR EXISTS (SELECT 1 FROM api_token WHERE entity = ?1)",
                [id.to_string()],
                |row| row.get(0),
            )?;
            if used || id == ROOT {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "place-in-use",
                    format!(
                        "{} is not empty, a group's query names it, or a role is held there",
                        row.name
                    ),
                    "move what lies in it first, change such queries, and take back such roles",
                ));
            }
            connection.execute("DELETE FROM entity WHERE id = ?1", [id.to_string()])?;
            writing.audit(actor, "delete", "place", id, Some(shown(&row)), None)?;
            writing.places_changed();
            writing.changed(Subject::Settings);
            Ok(())
        })
    }
}

/// What lies in each place or below it, of what lies in each itself. Groups count for themselves alone.
fn summed(rows: &[PlaceRow], own: &HashMap<PlaceId, u64>) -> HashMap<PlaceId, u64> {
    let parents: HashMap<PlaceId, Option<PlaceId>> = rows.iter().map(|row| (row.id, row.parent)).collect();
    let mut sums: HashMap<PlaceId, u64> = HashMap::new();
    for row in rows {
        let count = own.get(&row.id).copied().unwrap_or(0);
        let mut next = Some(row.id);
        for _ in 0..=DEPTH_MAX {
            let Some(id) = next else { break };
            *sums.entry(id).or_default() += count;
            next = parents
                .get(&id)
                .copied()
                .flatten()
                .filter(|_| row.kind != PlaceKind::Group);
        }
    }
    sums
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

fn checked_note(note: &str) -> Result<String> {
    let note = note.trim();
    if note.chars().count() <= 500 && !note.chars().any(|c| c.is_control() && c != '\n') {
        return Ok(note.to_owned());
    }
    Err(Error::invalid("a note has at most 500 characters", "shorten it"))
}

/// Refuses to put a place into itself, below itself, or where its kind or its depth does not fit.
fn check_move(connection: &Connection, row: &PlaceRow, parent: PlaceId) -> Result<()> {
    let above = find(connection, parent)?
        .ok_or_else(|| Error::invalid("there is no such place to put it in", "choose another"))?;
    check_below(above.kind, row.kind)?;
    let line = line_of(connection, Some(parent))?;
    if line.contains(&MenuOwner::Place(row.id)) {
        return Err(Error::invalid("a place cannot lie in itself", "choose another"));
    }
    let below: u16 = connection.query_row(
        "WITH RECURSIVE below (id, depth) AS (VALUES (?1, 1) UNION ALL SELECT e.id, b.depth + 1 FROM entity e
             JOIN below b ON e.parent = b.id WHERE b.depth <= 10) SELECT max(depth) FROM below",
        [row.id.to_string()],
        |row| row.get(0),
    )?;
    if line.len() + usize::from(below) > DEPTH_MAX {
        return Err(Error::invalid(
            "places would lie too deep in each other",
            "choose another",
        ));
    }
    Ok(())
}

/// As the audit shows it.
fn shown(row: &PlaceRow) -> serde_json::Value {
    serde_json::json!({
        "kind": row.kind, "name": row.name, "parent": row.parent, "note": row.note, "query": row.query, "master": row.master,
    })
}

fn json(query: Option<&GroupQuery>) -> Option<String> {
    query.and_then(|query| serde_json::to_string(query).ok())
}

const COLUMNS: &str = "id, parent, kind, name, note, query, master";

fn find(connection: &Connection, id: PlaceId) -> Result<Option<PlaceRow>> {
    let found = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM entity WHERE id = ?1"))?
        .query_row([id.to_string()], row_of)
        .optional()?;
    Ok(found.flatten())
}

fn rows(connection: &Connection, condition: &Condition) -> Result<Vec<PlaceRow>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM entity e WHERE {} ORDER BY e.name, e.id",
        condition.sql()
    ))?;
    let rows = statement.query_map(params_from_iter(condition.values()), row_of)?;
    let mut places = Vec::new();
    for row in rows {
        places.extend(row?);
    }
    Ok(places)
}

/// `None`: the row is damaged.
fn row_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<PlaceRow>> {
    let text = |index| row.get::<_, String>(index);
    let maybe = |index| row.get::<_, Option<String>>(index);
    let (Ok(id), parent) = (text(0)?.parse(), maybe(1)?) else {
        return Ok(None);
    };
    // A query that cannot be read finds nobody: it stays a group that finds its members.
    let query = maybe(5)?.map(|query| {
        serde_json::from_str(&query).unwrap_or_else(|_| GroupQuery {
            in_groups: vec![id],
            ..GroupQuery::default()
        })
    });
    Ok(Some(PlaceRow {
        id,
        parent: parent.and_then(|parent| parent.parse().ok()),
        kind: PlaceKind::parse(&text(2)?),
        name: text(3)?,
        note: text(4)?,
        query,
        master: maybe(6)?.and_then(|master| master.parse().ok()),
    }))
}
