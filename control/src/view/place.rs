//! Places, groups, and who lies where.

use catalog::{GroupQuery as Query, MachineTrait as Trait, PlaceRow};
use protocol::{ByteLen, MachineId, MasterName, PlaceId, machine::Firmware};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{HashMap, HashSet};
use utoipa::ToSchema;

/// What a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlaceKind {
    /// The whole; there is one.
    Organisation,
    /// A part of it that answers for sites.
    Authority,
    /// One address.
    Site,
    /// One room.
    Room,
    /// Machines from anywhere that somebody put together, or that a query finds.
    Group,
}

/// A place or a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Place {
    /// Its id.
    pub id: PlaceId,
    /// What it lies in; the organisation lies in nothing.
    pub parent: Option<PlaceId>,
    /// What it is.
    pub kind: PlaceKind,
    /// What people call it; empty: the organisation was not named yet.
    pub name: String,
    /// What a person wrote about it.
    pub note: String,
    /// Of a group whose members are found and not chosen: how.
    pub query: Option<GroupQuery>,
    /// The master that a restore there proposes.
    pub master: Option<MasterName>,
    /// How many machines lie in it or below it, or are in the group.
    pub machines: u64,
    /// Whether the one who asks keeps it at hand.
    pub favourite: bool,
}

/// All places and groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaceList {
    /// They.
    pub items: Vec<Place>,
}

/// A place or group to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPlace {
    /// What it lies in.
    pub parent: PlaceId,
    /// What it is.
    pub kind: PlaceKind,
    /// What to call it.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// Of a group: how it finds its members; without it people choose them.
    #[serde(default)]
    pub query: Option<GroupQuery>,
}

/// What a person may change of a place. What is not there stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlaceChange {
    /// Its new name.
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// What it lies in from now on, with all that lies in it.
    pub parent: Option<PlaceId>,
    /// Its new note.
    #[schema(max_length = 500)]
    pub note: Option<String>,
    /// Of a group that finds its members: how from now on.
    pub query: Option<GroupQuery>,
    /// The master that a restore there proposes; null: none.
    #[serde(deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub master: Option<Option<MasterName>>,
}

/// Tells a null from a field that is not there.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<MasterName>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Which machines are in a group that finds its members: those of which all of this is true.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GroupQuery {
    /// Each of these words is found in the record, in any field.
    #[schema(max_length = 200)]
    pub words: String,
    /// All of this is true.
    #[schema(max_items = 10)]
    pub is: Vec<MachineTrait>,
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
    /// In none of these; 20 groups in all.
    pub not_in_groups: Vec<PlaceId>,
}

/// Something that is true of some machines, for good enough to rest a group on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MachineTrait {
    /// It is banned.
    Quarantined,
    /// Nobody named it.
    Unnamed,
    /// It was registered, and no agent has seen it.
    NotInventoried,
    /// As far as is known, nothing on its disks boots.
    NothingBootable,
    /// A person should look at its record.
    Warned,
    /// It is in a job that is not over.
    InJob,
}

/// Where a machine is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MachinePlace {
    /// Its place; none: the organisation.
    #[serde(default)]
    pub place: Option<PlaceId>,
    /// The groups that it was put into.
    #[serde(default)]
    pub groups: Vec<PlaceId>,
}

/// Machines that come to a place or a group, or leave it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlaceMembers {
    /// Those that come.
    #[schema(max_items = 2000)]
    pub add: Vec<MachineId>,
    /// Those that leave: a place for the organisation, a group for nowhere.
    #[schema(max_items = 2000)]
    pub remove: Vec<MachineId>,
}

/// How many came and left; those that were there, or were not, are not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaceMembersOutcome {
    /// Came.
    pub added: u32,
    /// Left.
    pub removed: u32,
}

/// A list that somebody has of machines that come to a place or a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceImport {
    /// One machine per line: its name, an address, its serial number, its UUID or its id; at most 2000 lines.
    #[schema(max_length = 262_144)]
    pub list: String,
    /// Only say what would happen.
    #[serde(default)]
    pub rehearse: bool,
}

/// What became of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaceImportOutcome {
    /// The machines that its lines name.
    pub found: Vec<MachineId>,
    /// How many of them came; of a rehearsal, 0.
    pub added: u32,
    /// Lines that name no machine.
    pub unknown: Vec<String>,
    /// Lines that name several.
    pub ambiguous: Vec<String>,
}

/// Whether a place is kept at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Favourite {
    /// It is.
    pub kept: bool,
}

/// The plan of a room, seen from the door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomPlan {
    /// Seats side by side; 0: the room was not drawn yet.
    #[schema(maximum = 64)]
    pub width: u16,
    /// Rows of seats.
    #[schema(maximum = 64)]
    pub depth: u16,
    /// Who stands where.
    #[schema(max_items = 4096)]
    pub seats: Vec<Seat>,
}

/// Where a machine stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Seat {
    /// Which.
    pub machine: MachineId,
    /// From the left, from 0.
    #[schema(maximum = 63)]
    pub x: u16,
    /// From the front, from 0.
    #[schema(maximum = 63)]
    pub y: u16,
}

impl Place {
    /// A place as the one who asks sees it.
    pub(crate) fn new(
        row: PlaceRow,
        machines: &HashMap<PlaceId, u64>,
        favourites: &HashSet<PlaceId>,
    ) -> Self {
        Self {
            id: row.id,
            parent: row.parent,
            kind: row.kind.into(),
            name: row.name,
            note: row.note,
            query: row.query.map(Into::into),
            master: row.master,
            machines: machines.get(&row.id).copied().unwrap_or(0),
            favourite: favourites.contains(&row.id),
        }
    }
}

impl From<catalog::PlaceKind> for PlaceKind {
    fn from(kind: catalog::PlaceKind) -> Self {
        match kind {
            catalog::PlaceKind::Organisation => Self::Organisation,
            catalog::PlaceKind::Authority => Self::Authority,
            catalog::PlaceKind::Site => Self::Site,
            catalog::PlaceKind::Room => Self::Room,
            catalog::PlaceKind::Group => Self::Group,
        }
    }
}

impl From<PlaceKind> for catalog::PlaceKind {
    fn from(kind: PlaceKind) -> Self {
        match kind {
            PlaceKind::Organisation => Self::Organisation,
            PlaceKind::Authority => Self::Authority,
            PlaceKind::Site => Self::Site,
            PlaceKind::Room => Self::Room,
            PlaceKind::Group => Self::Group,
        }
    }
}

impl From<Query> for GroupQuery {
    fn from(query: Query) -> Self {
        let is = query.traits.into_iter().filter_map(|wanted| {
            Some(match wanted {
                Trait::Quarantined => MachineTrait::Quarantined,
                Trait::Unnamed => MachineTrait::Unnamed,
                Trait::NotInventoried => MachineTrait::NotInventoried,
                Trait::NothingBootable => MachineTrait::NothingBootable,
                Trait::Warned => MachineTrait::Warned,
                Trait::InJob => MachineTrait::InJob,
                Trait::Connected => return None,
            })
        });
        Self {
            is: is.collect(),
            words: query.words,
            firmware: query.firmware,
            memory_from: query.memory_from,
            memory_below: query.memory_below,
            disk_from: query.disk_from,
            seen_within_days: query.seen_within_days,
            silent_for_days: query.silent_for_days,
            place: query.place,
            in_groups: query.in_groups,
            not_in_groups: query.not_in_groups,
        }
    }
}

impl From<GroupQuery> for Query {
    fn from(query: GroupQuery) -> Self {
        let traits = query.is.into_iter().map(|wanted| match wanted {
            MachineTrait::Quarantined => Trait::Quarantined,
            MachineTrait::Unnamed => Trait::Unnamed,
            MachineTrait::NotInventoried => Trait::NotInventoried,
            MachineTrait::NothingBootable => Trait::NothingBootable,
            MachineTrait::Warned => Trait::Warned,
            MachineTrait::InJob => Trait::InJob,
        });
        Self {
            traits: traits.collect(),
            words: query.words,
            firmware: query.firmware,
            memory_from: query.memory_from,
            memory_below: query.memory_below,
            disk_from: query.disk_from,
            seen_within_days: query.seen_within_days,
            silent_for_days: query.silent_for_days,
            place: query.place,
            in_groups: query.in_groups,
            not_in_groups: query.not_in_groups,
        }
    }
}

impl From<catalog::Plan> for RoomPlan {
    fn from(plan: catalog::Plan) -> Self {
        let seats = plan
            .seats
            .into_iter()
            .map(|catalog::Seat { machine, x, y }| Seat { machine, x, y });
        Self {
            width: plan.width,
            depth: plan.depth,
            seats: seats.collect(),
        }
    }
}

impl From<RoomPlan> for catalog::Plan {
    fn from(plan: RoomPlan) -> Self {
        let seats = plan
            .seats
            .into_iter()
            .map(|Seat { machine, x, y }| catalog::Seat { machine, x, y });
        Self {
            width: plan.width,
            depth: plan.depth,
            seats: seats.collect(),
        }
    }
}
