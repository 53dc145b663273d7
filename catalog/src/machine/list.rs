//! Lists of machines: filters, orders, pages by key.

use super::{MachineRow, Page, SELECT, machine_of};
use crate::{
    Catalog,
    error::{Error, Result},
    place::within,
    scope::{Condition, Scope, Scoped, pattern_of},
    time::Time,
};
use protocol::{MachineId, PlaceId, machine::Firmware};
use rusqlite::{Connection, params_from_iter, types::Value};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Words of a search that count.
const WORDS_MAX: usize = 10;
/// Largest text of a place in a list.
const CURSOR_MAX_LEN: usize = 1024;

/// Which machines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineFilter {
    /// Which of them the one who asks may see.
    pub scope: Scope,
    /// Those in which each of these words is found, in any field.
    pub text: Option<String>,
    /// Those of which all of this is true.
    pub traits: Vec<MachineTrait>,
    /// Those started by this firmware.
    pub firmware: Option<Firmware>,
    /// Those not heard of since.
    pub seen_before: Option<Time>,
    /// Those heard of at this moment or later.
    pub seen_after: Option<Time>,
    /// Those in this place or below it, or in this group.
    pub place: Option<PlaceId>,
}

/// Something that is true of some machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// Its agent is connected.
    Connected,
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MachineOrder {
    /// Newest record first.
    #[default]
    Newest,
    /// By what they are called, numbers by their value.
    Name,
    /// The longest silent first.
    LastSeen,
}

/// Which page of a list of machines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachinePage {
    /// In which order.
    pub order: MachineOrder,
    /// Behind this place.
    pub after: Option<MachineCursor>,
    /// At most this many.
    pub limit: u32,
}

/// A place in a list of machines: the last row before it. Written as the id, then what the list is ordered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineCursor {
    id: MachineId,
    key: String,
}

impl fmt::Display for MachineCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.id, self.key)
    }
}

impl FromStr for MachineCursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        const ID_LEN: usize = 36;
        let parsed = text
            .split_at_checked(ID_LEN)
            .filter(|_| text.len() <= CURSOR_MAX_LEN)
            .and_then(|(id, key)| Some((id.parse().ok()?, key.to_owned())));
        let (id, key) = parsed.ok_or_else(|| {
            Error::invalid(
                "this is no place in the list",
                "give back the `next` of the page before",
            )
        })?;
        Ok(Self { id, key })
    }
}

impl MachineCursor {
    /// The place behind a row.
    fn behind(row: &MachineRow, order: MachineOrder) -> Self {
        let key = match order {
            MachineOrder::Newest => String::new(),
            MachineOrder::Name => sort_name(&row.label()),
            MachineOrder::LastSeen => row.last_seen_at.0.to_string(),
        };
        Self { id: row.id, key }
    }
}

impl MachineTrait {
    pub(crate) fn clause(self) -> &'static str {
        match self {
            Self::Quarantined => "m.quarantined",
            Self::Unnamed => "m.name IS NULL",
            Self::NotInventoried => "m.inventoried_at IS NULL",
            Self::NothingBootable => "m.nothing_bootable",
            Self::Warned => "m.warnings <> '[]'",
            Self::InJob => {
                "EXISTS (SELECT 1 FROM job_machine o WHERE o.machine = m.id AND o.state IN ('queued', 'waiting', 'running'))"
            }
            Self::Connected => "m.id IN (SELECT value FROM json_each(?))",
        }
    }
}

impl Catalog {
    /// A page of machines, and where the next one begins.
    ///
    /// # Errors
    /// When the place is not one of such a list, or the catalog cannot be read.
    pub fn machines(
        &self,
        filter: &MachineFilter,
        page: &MachinePage,
    ) -> Result<(Page<MachineRow>, Option<MachineCursor>)> {
        let condition = self.condition(filter);
        self.0.database.read(|transaction| {
            let total = count(transaction, &condition)?;
            let items = load_page(transaction, condition, page)?;
            Ok(cut(items, page, total))
        })
    }

    /// The ids of all machines that a filter finds, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn machine_ids(&self, filter: &MachineFilter, limit: u32) -> Result<Vec<MachineId>> {
        let condition = self.condition(filter);
        self.0.database.read(|transaction| {
            let mut statement = transaction.prepare_cached(&format!(
                "SELECT m.id FROM machine m WHERE {} ORDER BY m.id DESC LIMIT {limit}",
                condition.sql()
            ))?;
            let ids = statement.query_map(params_from_iter(condition.values()), |row| {
                row.get::<_, String>(0)
            })?;
            ids.map(|id| crate::job::parse_id(&id?)).collect()
        })
    }

    pub(crate) fn condition(&self, filter: &MachineFilter) -> Condition {
        let mut condition = Condition::within(&filter.scope, Scoped::Machines);
        let words = filter.text.as_deref().unwrap_or_default().split_whitespace();
        for word in words.take(WORDS_MAX) {
            condition.and("m.search LIKE ? ESCAPE '\\'", [Value::from(pattern_of(word))]);
        }
        for wanted in &filter.traits {
            let values = (*wanted == MachineTrait::Connected).then(|| Value::from(self.connected()));
            condition.and(wanted.clause(), values);
        }
        if let Some(firmware) = filter.firmware {
            condition.and(
                "m.firmware = ?",
                [Value::from(firmware_text(firmware).to_owned())],
            );
        }
        if let Some(time) = filter.seen_before {
            condition.and("m.last_seen_at < ?", [Value::from(time.0)]);
        }
        if let Some(time) = filter.seen_after {
            condition.and("m.last_seen_at >= ?", [Value::from(time.0)]);
        }
        if let Some(place) = filter.place {
            within(&mut condition, &self.memory().places, place, self.now(), 0);
        }
        condition
    }

    /// The machines whose agents are connected, as a JSON list.
    fn connected(&self) -> String {
        let now = self.now();
        let memory = self.memory();
        let connected = memory
            .sessions()
            .filter(|(_, session)| now.since(session.last_seen_at).as_secs() < 120)
            .map(|(id, _)| serde_json::Value::from(id.to_string()));
        serde_json::Value::Array(connected.collect()).to_string()
    }
}

pub(crate) fn count(connection: &Connection, condition: &Condition) -> Result<u64> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT count(*) FROM machine m WHERE {}",
        condition.sql()
    ))?;
    Ok(statement.query_row(params_from_iter(condition.values()), |row| {
        crate::job::count_of(row, 0)
    })?)
}

/// One row more than asked for, to see whether there is more.
fn load_page(
    connection: &Connection,
    mut condition: Condition,
    page: &MachinePage,
) -> Result<Vec<MachineRow>> {
    let order = match page.order {
        MachineOrder::Newest => "m.id DESC",
        MachineOrder::Name => "m.sort_name, m.id",
        MachineOrder::LastSeen => "m.last_seen_at, m.id",
    };
    if let Some(MachineCursor { id, key }) = &page.after {
        let id = Value::from(id.to_string());
        match page.order {
            MachineOrder::Newest => condition.and("m.id < ?", [id]),
            MachineOrder::Name => {
                condition.and("(m.sort_name, m.id) > (?, ?)", [Value::from(key.clone()), id]);
            }
            MachineOrder::LastSeen => {
                let at: i64 = key.parse().map_err(|_| {
                    Error::invalid(
                        "this is a place in a list with another order",
                        "begin the list again",
                    )
                })?;
                condition.and("(m.last_seen_at, m.id) > (?, ?)", [Value::from(at), id]);
            }
        }
    }
    let mut statement = connection.prepare_cached(&format!(
        "{SELECT} WHERE {} ORDER BY {order} LIMIT {}",
        condition.sql(),
        u64::from(page.limit) + 1
    ))?;
    let mut rows = statement.query(params_from_iter(condition.values()))?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(machine_of(row)?);
    }
    Ok(items)
}

fn cut(
    mut items: Vec<MachineRow>,
    page: &MachinePage,
    total: u64,
) -> (Page<MachineRow>, Option<MachineCursor>) {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items
        .last()
        .filter(|_| more)
        .map(|row| MachineCursor::behind(row, page.order));
    (Page { items, more, total }, next)
}

/// As the table has it.
pub(crate) fn firmware_text(firmware: Firmware) -> &'static str {
    match firmware {
        Firmware::Bios => "bios",
        Firmware::Uefi => "uefi",
        Firmware::UefiSecureBoot => "uefi-secure-boot",
    }
}

/// What a label is ordered by: in lower case, numbers by their value.
pub(crate) fn sort_name(label: &str) -> String {
    const DIGITS: usize = 8;
    let mut key = String::with_capacity(label.len() + DIGITS);
    let mut digits = String::new();
    let close = |digits: &mut String, key: &mut String| {
        if !digits.is_empty() {
            key.extend(std::iter::repeat_n('0', DIGITS.saturating_sub(digits.len())));
            key.push_str(digits);
            digits.clear();
        }
    };
    for c in label.to_lowercase().chars() {
        if c.is_ascii_digit() {
            digits.push(c);
        } else {
            close(&mut digits, &mut key);
            key.push(c);
        }
    }
    close(&mut digits, &mut key);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_ordered_as_people_count() {
        let mut names = ["pc-10", "PC-9", "pc-1", "amphi", "pc-1b"];
        names.sort_by_key(|name| sort_name(name));
        assert_eq!(names, ["amphi", "pc-1", "pc-1b", "PC-9", "pc-10"]);
    }

    #[test]
    fn a_place_in_a_list_is_read_back_and_nonsense_is_refused() {
        let cursor = MachineCursor {
            id: MachineId::new(),
            key: "salle \u{e9}".into(),
        };
        assert_eq!(cursor.to_string().parse::<MachineCursor>().unwrap(), cursor);
        for nonsense in [
            "",
            "x",
            "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
        ] {
            assert!(nonsense.parse::<MachineCursor>().is_err());
        }
    }
}
