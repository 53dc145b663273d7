//! The plan of a room: how many seats it has, and which machine stands where. And what people keep at hand.

use super::{PlaceKind, find};
use crate::{
    Catalog,
    change::Subject,
    error::{Error, Result},
    people::Actor,
};
use protocol::{MachineId, PlaceId};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashSet;
use uuid::Uuid;

/// Widest and deepest room.
pub const PLAN_MAX: u16 = 64;
/// Most favourites of a person.
const FAVOURITES_MAX: i64 = 100;

/// A plan, seen from the door: `x` from the left, `y` from the front, from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Seats side by side.
    pub width: u16,
    /// Rows of seats.
    pub depth: u16,
    /// Who stands where; a machine of the room that is not here stands nowhere yet.
    pub seats: Vec<Seat>,
}

/// Where a machine stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Which.
    pub machine: MachineId,
    /// From the left.
    pub x: u16,
    /// From the front.
    pub y: u16,
}

impl Catalog {
    /// A room's plan; of one that was never drawn, nothing.
    ///
    /// # Errors
    /// When there is no such place.
    pub fn plan_of_room(&self, room: PlaceId) -> Result<Plan> {
        self.0.database.read(|transaction| {
            find(transaction, room)?.ok_or_else(|| Error::not_found("such place"))?;
            load(transaction, room)
        })
    }

    /// Draws a room's plan anew.
    ///
    /// # Errors
    /// When there is no such room, two machines would stand on one seat, or a machine is not in the room.
    pub fn put_plan(&self, room: PlaceId, plan: &Plan, actor: &Actor) -> Result<()> {
        check(plan)?;
        self.write(|writing| {
            let connection = writing.transaction;
            let row = find(connection, room)?.ok_or_else(|| Error::not_found("such place"))?;
            if row.kind != PlaceKind::Room {
                return Err(Error::invalid("only rooms have a plan", "choose a room"));
            }
            let before = load(connection, room)?;
            connection.execute("DELETE FROM seat WHERE entity = ?1", [room.to_string()])?;
            connection.execute(
                "UPDATE entity SET plan_width = ?2, plan_depth = ?3 WHERE id = ?1",
                params![room.to_string(), plan.width, plan.depth],
            )?;
            for seat in &plan.seats {
                let place: Option<Option<String>> = connection
                    .prepare_cached("SELECT place FROM machine WHERE id = ?1")?
                    .query_row([seat.machine.to_string()], |row| row.get(0))
                    .optional()?;
                if place.flatten().as_deref() != Some(room.to_string().as_str()) {
                    return Err(Error::invalid(
                        format!("machine {} is not in this room", seat.machine),
                        "put it into the room first",
                    ));
                }
                connection.execute(
                    "INSERT INTO seat (machine, entity, x, y) VALUES (?1, ?2, ?3, ?4)",
                    params![seat.machine.to_string(), room.to_string(), seat.x, seat.y],
                )?;
            }
            let shown = |plan: &Plan| serde_json::json!({ "width": plan.width, "depth": plan.depth, "seats": plan.seats.len() });
            writing.audit(actor, "edit", "place", room, Some(shown(&before)), Some(shown(plan)))?;
            writing.changed(Subject::Settings);
            Ok(())
        })
    }

    /// What a person keeps at hand.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn favourites(&self, person: Uuid) -> Result<HashSet<PlaceId>> {
        self.0.database.read(|transaction| {
            let mut statement =
                transaction.prepare_cached("SELECT entity FROM favourite WHERE person = ?1")?;
            let ids = statement.query_map([person.to_string()], |row| row.get::<_, String>(0))?;
            Ok(ids.filter_map(|id| id.ok()?.parse().ok()).collect())
        })
    }

    /// Keeps a place or a group at hand for a person, or no longer.
    ///
    /// # Errors
    /// When there is no such place, or the person keeps too many.
    pub fn set_favourite(&self, person: Uuid, place: PlaceId, kept: bool) -> Result<()> {
        self.write(|writing| {
            let connection = writing.transaction;
            find(connection, place)?.ok_or_else(|| Error::not_found("such place"))?;
            let values = params![person.to_string(), place.to_string()];
            if !kept {
                connection.execute("DELETE FROM favourite WHERE person = ?1 AND entity = ?2", values)?;
                return Ok(());
            }
            let count: i64 = connection.query_row(
                "SELECT count(*) FROM favourite WHERE person = ?1",
                [person.to_string()],
                |row| row.get(0),
            )?;
            if count >= FAVOURITES_MAX {
                return Err(Error::invalid(
                    "a person keeps at most 100 favourites",
                    "drop some",
                ));
            }
            connection.execute(
                "INSERT OR IGNORE INTO favourite (person, entity) VALUES (?1, ?2)",
                values,
            )?;
            Ok(())
        })
    }
}

fn check(plan: &Plan) -> Result<()> {
    if plan.width > PLAN_MAX || plan.depth > PLAN_MAX {
        return Err(Error::invalid(
            "a room is at most 64 seats wide and deep",
            "draw it smaller",
        ));
    }
    let (mut seats, mut machines) = (HashSet::new(), HashSet::new());
    for seat in &plan.seats {
        if seat.x >= plan.width || seat.y >= plan.depth {
            return Err(Error::invalid(
                "a machine stands outside of the room",
                "draw the room larger",
            ));
        }
        if !seats.insert((seat.x, seat.y)) || !machines.insert(seat.machine) {
            return Err(Error::invalid(
                "two machines stand on one seat, or one on two",
                "give each its own",
            ));
        }
    }
    Ok(())
}

fn load(connection: &Connection, room: PlaceId) -> Result<Plan> {
    let (width, depth): (Option<u16>, Option<u16>) = connection
        .prepare_cached("SELECT plan_width, plan_depth FROM entity WHERE id = ?1")?
        .query_row([room.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut statement =
        connection.prepare_cached("SELECT machine, x, y FROM seat WHERE entity = ?1 ORDER BY y, x")?;
    let rows = statement.query_map([room.to_string()], |row| {
        Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))
    })?;
    let mut seats = Vec::new();
    for row in rows {
        let (machine, x, y) = row?;
        seats.push(Seat {
            machine: crate::job::parse_id(&machine)?,
            x,
            y,
        });
    }
    Ok(Plan {
        width: width.unwrap_or(0),
        depth: depth.unwrap_or(0),
        seats,
    })
}
