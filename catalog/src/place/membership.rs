//! Who lies where: one machine, many at once, or those of a list that somebody has.

use super::{PlaceKind, PlaceRow, find};
use crate::{
    Catalog,
    change::{Subject, Writing},
    error::{Error, Result},
    people::Actor,
};
use protocol::{MachineId, PlaceId, mac::MacAddr};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

/// Most machines that are put somewhere at once.
const MACHINES_MAX: usize = 2000;
/// Longest list of words.
const LIST_MAX_LEN: usize = 256 << 10;

/// What became of a list of words for machines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOutcome {
    /// The machines that the words name, each once.
    pub found: Vec<MachineId>,
    /// Words that name none.
    pub unknown: Vec<String>,
    /// Words that name several.
    pub ambiguous: Vec<String>,
}

impl Catalog {
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
            if let Some(place) = place
                && known(connection, place)?.kind == PlaceKind::Group
            {
                return Err(Error::invalid("a group is no place", "name it among the groups"));
            }
            for group in groups {
                check_chosen(&known(connection, *group)?)?;
            }
            let before = places_of(connection, machine)?;
            move_to(connection, machine, place)?;
            connection.execute("DELETE FROM group_member WHERE machine = ?1", [machine.to_string()])?;
            for group in groups {
                join(connection, machine, *group)?;
            }
            let shown = |(place, groups): &(Option<PlaceId>, Vec<PlaceId>)| serde_json::json!({ "place": place, "groups": groups });
            let after = (place, groups.to_vec());
            writing.audit(actor, "edit", "machine", machine, Some(shown(&before)), Some(shown(&after)))?;
            writing.changed(Subject::Machine { id: machine });
            Ok(())
        })
    }

    /// Moves machines into a place, or adds them to a group; and takes others out of it: to the root, or out of the group.
    /// How many of each changed.
    ///
    /// # Errors
    /// When there is no such place or machine, or the group finds its members itself.
    pub fn put_machines(
        &self,
        place: PlaceId,
        add: &[MachineId],
        remove: &[MachineId],
        actor: &Actor,
    ) -> Result<(u32, u32)> {
        if add.len() + remove.len() > MACHINES_MAX {
            return Err(Error::invalid(
                "more than 2000 machines at once",
                "put them there in several calls",
            ));
        }
        self.write(|writing| {
            let row = known(writing.transaction, place)?;
            let is_group = row.kind == PlaceKind::Group;
            if is_group {
                check_chosen(&row)?;
            }
            let (mut added, mut removed) = (0, 0);
            for machine in add {
                added += u32::from(put(writing, *machine, &row, true)?);
            }
            for machine in remove {
                removed += u32::from(put(writing, *machine, &row, false)?);
            }
            let after = serde_json::json!({ "name": row.name, "added": add, "removed": remove });
            writing.audit(actor, "edit", "place", place, None, Some(after))?;
            Ok((added, removed))
        })
    }

    /// Which machines a list of words names: one word per line, the name, an address, the serial number or the UUID of a
    /// machine.
    ///
    /// # Errors
    /// When the list is too long, or the catalog cannot be read.
    pub fn machines_named(&self, list: &str) -> Result<ListOutcome> {
        if list.len() > LIST_MAX_LEN || list.lines().count() > MACHINES_MAX {
            return Err(Error::invalid("the list is longer than 2000 lines", "split it"));
        }
        self.0.database.read(|transaction| {
            let mut outcome = ListOutcome::default();
            for word in list.lines().map(str::trim).filter(|word| !word.is_empty()) {
                match machines_called(transaction, word)?.as_slice() {
                    [] => outcome.unknown.push(word.chars().take(100).collect()),
                    [one] if outcome.found.contains(one) => {}
                    [one] => outcome.found.push(*one),
                    _ => outcome.ambiguous.push(word.chars().take(100).collect()),
                }
            }
            Ok(outcome)
        })
    }
}

/// Whether anything changed.
fn put(writing: &mut Writing<'_>, machine: MachineId, row: &PlaceRow, there: bool) -> Result<bool> {
    let connection = writing.transaction;
    let changed = match (row.kind, there) {
        (PlaceKind::Group, true) => join(connection, machine, row.id)?,
        (PlaceKind::Group, false) => {
            let values = params![machine.to_string(), row.id.to_string()];
            connection.execute(
                "DELETE FROM group_member WHERE machine = ?1 AND entity = ?2",
                values,
            )? > 0
        }
        (_, there) => {
            let (now, _) = places_of(connection, machine)?;
            let is_there = now.unwrap_or(super::ROOT) == row.id;
            if is_there != there {
                move_to(connection, machine, Some(row.id).filter(|_| there))?;
            }
            is_there != there
        }
    };
    if changed {
        writing.changed(Subject::Machine { id: machine });
    }
    Ok(changed)
}

fn join(connection: &Connection, machine: MachineId, group: PlaceId) -> Result<bool> {
    let values = params![machine.to_string(), group.to_string()];
    let exists: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM machine WHERE id = ?1)")?
        .query_row([machine.to_string()], |row| row.get(0))?;
    if !exists {
        return Err(Error::not_found("such machine"));
    }
    Ok(connection.execute(
        "INSERT OR IGNORE INTO group_member (machine, entity) VALUES (?1, ?2)",
        values,
    )? > 0)
}

fn move_to(connection: &Connection, machine: MachineId, place: Option<PlaceId>) -> Result<()> {
    let place = place
        .filter(|place| *place != super::ROOT)
        .map(|place| place.to_string());
    let changed = connection.execute(
        "UPDATE machine SET place = ?2 WHERE id = ?1",
        params![machine.to_string(), place],
    )?;
    if changed == 0 {
        return Err(Error::not_found("such machine"));
    }
    // Its seat was in the room that it left.
    connection.execute(
        "DELETE FROM seat WHERE machine = ?1 AND entity IS NOT ?2",
        params![machine.to_string(), place],
    )?;
    Ok(())
}

fn known(connection: &Connection, id: PlaceId) -> Result<PlaceRow> {
    find(connection, id)?.ok_or_else(|| Error::invalid(format!("there is no place {id}"), "choose another"))
}

fn check_chosen(row: &PlaceRow) -> Result<()> {
    if row.kind != PlaceKind::Group {
        return Err(Error::invalid("a place is no group", "name it as the place"));
    }
    if row.query.is_some() {
        return Err(Error::invalid(
            format!("{} finds its members itself", row.name),
            "change its query, or choose a group of chosen machines",
        ));
    }
    Ok(())
}

/// The place and the groups that a machine was put into; groups in the order of their names.
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

/// Machines of that id, name, address, UUID or serial number; two are as good as more.
fn machines_called(connection: &Connection, word: &str) -> Result<Vec<MachineId>> {
    let (statement, value) = if let Ok(id) = word.parse::<Uuid>() {
        (
            "SELECT id FROM machine WHERE id = ?1 OR uuid = ?1 LIMIT 2",
            id.to_string(),
        )
    } else if let Ok(mac) = word.parse::<MacAddr>() {
        (
            "SELECT DISTINCT machine FROM nic WHERE mac = ?1 AND usb = 0 LIMIT 2",
            mac.to_string(),
        )
    } else {
        (
            "SELECT id FROM machine WHERE name = ?1 COLLATE NOCASE UNION SELECT id FROM machine WHERE serial = ?1 LIMIT 2",
            word.to_owned(),
        )
    };
    let mut statement = connection.prepare_cached(statement)?;
    let ids = statement.query_map([value], |row| row.get::<_, String>(0))?;
    ids.map(|id| crate::job::parse_id(&id?)).collect()
}
