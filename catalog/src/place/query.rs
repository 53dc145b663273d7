//! Groups whose members are found: a query on records, contact and other groups, and how any place narrows a list of machines.

use super::{PlaceKind, Places, ROOT};
use crate::{
    error::{Error, Result},
    machine::{MachineTrait, firmware_text},
    scope::{Condition, pattern_of},
    time::Time,
};
use protocol::{ByteLen, PlaceId, machine::Firmware};
use rusqlite::types::Value;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Words of a query that count.
const WORDS_MAX: usize = 10;
/// Most groups that a query names.
const GROUPS_MAX: usize = 20;
/// How far groups may rest on groups.
const DEPTH_MAX: usize = 4;
/// Most conditions that a group comes to with all that it rests on: SQLite takes a thousand, and every list counts them.
const CONDITIONS_MAX: usize = 200;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Which machines are in a group whose members are found. All of it must be true of them; a query of nothing finds all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupQuery {
    /// Each of these words is found in the record, in any field.
    pub words: String,
    /// All of this is true.
    pub traits: Vec<MachineTrait>,
    /// Started by this firmware.
    pub firmware: Option<Firmware>,
    /// At least so much memory.
    pub memory_from: Option<ByteLen>,
    /// Less memory than this.
    pub memory_below: Option<ByteLen>,
    /// A disk at least so large.
    pub disk_from: Option<ByteLen>,
    /// Heard of within so many days.
    pub seen_within_days: Option<u32>,
    /// Not heard of for so many days.
    pub silent_for_days: Option<u32>,
    /// In this place or below it.
    pub place: Option<PlaceId>,
    /// In each of these groups.
    pub in_groups: Vec<PlaceId>,
    /// In none of these.
    pub not_in_groups: Vec<PlaceId>,
}

impl GroupQuery {
    /// Refuses a query that could not be asked: of a group `own`, in the tree as it is.
    pub(super) fn check(&self, places: &Places, own: Option<PlaceId>) -> Result<()> {
        if self.traits.contains(&MachineTrait::Connected) {
            return Err(Error::invalid(
                "a group cannot rest on who is connected at this moment",
                "use the days since a machine was heard of",
            ));
        }
        if self.in_groups.len() + self.not_in_groups.len() > GROUPS_MAX {
            return Err(Error::invalid("a query names at most 20 groups", "name fewer"));
        }
        if let Some(place) = self.place
            && places.get(place).is_none_or(|row| row.kind == PlaceKind::Group)
        {
            return Err(Error::invalid(
                "there is no such place",
                "choose another, or name the group among the groups",
            ));
        }
        for group in self.in_groups.iter().chain(&self.not_in_groups) {
            if places.get(*group).is_none_or(|row| row.kind != PlaceKind::Group) {
                return Err(Error::invalid(
                    format!("there is no group {group}"),
                    "choose another",
                ));
            }
            if rests_on(places, *group, own, 1) {
                return Err(Error::invalid(
                    "the group would rest on itself, or on too many others in a row",
                    "name other groups",
                ));
            }
        }
        // Its own, and those of every group that rests on it.
        let others = places.rows().filter(|row| Some(row.id) != own);
        let largest = others
            .filter_map(|row| row.query.as_ref())
            .chain([self])
            .map(|query| query.conditions(places, own.map(|own| (own, self)), 0))
            .max();
        if largest > Some(CONDITIONS_MAX) {
            return Err(Error::invalid(
                "the group, or one that rests on it, would come to more than 200 conditions",
                "name fewer words and groups",
            ));
        }
        Ok(())
    }

    /// How many conditions it comes to, with a query of the tree replaced by another.
    fn conditions(&self, places: &Places, replaced: Option<(PlaceId, &Self)>, depth: usize) -> usize {
        let words = self.words.split_whitespace().take(WORDS_MAX).count();
        let groups = self.in_groups.iter().chain(&self.not_in_groups);
        let of_groups = groups.map(|group| match replaced.filter(|(own, _)| own == group) {
            _ if depth > DEPTH_MAX => 1,
            Some((_, query)) => query.conditions(places, replaced, depth + 1),
            None => places
                .get(*group)
                .and_then(|row| row.query.as_ref())
                .map_or(1, |query| query.conditions(places, replaced, depth + 1)),
        });
        // Eight: all that a query asks but once.
        (words + self.traits.len() + 8).saturating_add(of_groups.sum())
    }

    /// Narrows a condition on `machine m` to those whom this finds.
    fn narrow(&self, condition: &mut Condition, places: &Places, now: Time, depth: usize) {
        for word in self.words.split_whitespace().take(WORDS_MAX) {
            condition.and("m.search LIKE ? ESCAPE '\\'", [Value::from(pattern_of(word))]);
        }
        for wanted in self
            .traits
            .iter()
            .filter(|wanted| **wanted != MachineTrait::Connected)
        {
            condition.and(wanted.clause(), []);
        }
        if let Some(firmware) = self.firmware {
            condition.and(
                "m.firmware = ?",
                [Value::from(firmware_text(firmware).to_owned())],
            );
        }
        let fact =
            |test: &str| format!("EXISTS (SELECT 1 FROM machine_facts f WHERE f.machine = m.id AND {test})");
        if let Some(memory) = self.memory_from {
            condition.and(&fact("f.facts ->> '$.memory' >= ?"), [length(memory)]);
        }
        if let Some(memory) = self.memory_below {
            condition.and(&fact("f.facts ->> '$.memory' < ?"), [length(memory)]);
        }
        if let Some(size) = self.disk_from {
            let disk = "EXISTS (SELECT 1 FROM json_each(f.facts, '$.disks') d WHERE d.value ->> '$.identity.size' >= ?)";
            condition.and(&fact(disk), [length(size)]);
        }
        let ago = |days: u32| Value::from(now.before(DAY.saturating_mul(days)).0);
        if let Some(days) = self.seen_within_days {
            condition.and("m.last_seen_at >= ?", [ago(days)]);
        }
        if let Some(days) = self.silent_for_days {
            condition.and("m.last_seen_at < ?", [ago(days)]);
        }
        if let Some(place) = self.place {
            within(condition, places, place, now, depth + 1);
        }
        for group in &self.in_groups {
            within(condition, places, *group, now, depth + 1);
        }
        for group in &self.not_in_groups {
            let mut members = Condition::all();
            within(&mut members, places, *group, now, depth + 1);
            condition.and_not(members);
        }
    }
}

/// Narrows a condition on `machine m` to what lies in a place or below it, or in a group.
pub(crate) fn within(condition: &mut Condition, places: &Places, id: PlaceId, now: Time, depth: usize) {
    let Some(row) = places.get(id).filter(|_| depth <= DEPTH_MAX) else {
        condition.and("1=0", []);
        return;
    };
    match (&row.query, row.kind) {
        (Some(query), _) => query.narrow(condition, places, now, depth),
        (None, PlaceKind::Group) => condition.and(
            "m.id IN (SELECT g.machine FROM group_member g WHERE g.entity = ?)",
            [Value::from(id.to_string())],
        ),
        // A machine that nobody put anywhere is at the root.
        (None, _) if id == ROOT => {}
        (None, _) => condition.and(
            "m.place IN (WITH RECURSIVE below (id) AS (VALUES (?) UNION SELECT e.id FROM entity e JOIN below b ON e.parent = b.id)
                 SELECT id FROM below)",
            [Value::from(id.to_string())],
        ),
    }
}

/// Whether a group's query leads to `own`, or goes on for too long.
fn rests_on(places: &Places, group: PlaceId, own: Option<PlaceId>, depth: usize) -> bool {
    if Some(group) == own || depth > DEPTH_MAX {
        return true;
    }
    let query = places.get(group).and_then(|row| row.query.as_ref());
    query.is_some_and(|query| {
        let mut groups = query.in_groups.iter().chain(&query.not_in_groups);
        groups.any(|group| rests_on(places, *group, own, depth + 1))
    })
}

fn length(length: ByteLen) -> Value {
    Value::from(i64::try_from(length.get()).unwrap_or(i64::MAX))
}
