//! Which rows somebody may see, and the condition that every list, count, search and export is asked with.

use crate::{
    Catalog,
    error::{Error, Result},
    place::ROOT,
};
use protocol::{JobId, MachineId, PlaceId};
use rusqlite::{Connection, params_from_iter, types::Value};
use std::collections::BTreeSet;

/// Which rows somebody may see. It is part of the question that is put to the database, never a sieve behind it: pages and
/// totals are then of what they may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// Nothing at all.
    #[default]
    Nothing,
    /// All there is.
    Everything,
    /// What is in these places and everything that lies in them.
    Within(BTreeSet<PlaceId>),
}

impl Scope {
    /// These places and everything that lies in them.
    pub fn within(places: impl IntoIterator<Item = PlaceId>) -> Self {
        let places: BTreeSet<PlaceId> = places.into_iter().collect();
        match (places.is_empty(), places.contains(&ROOT)) {
            (true, _) => Self::Nothing,
            // What is in no place is at the root.
            (_, true) => Self::Everything,
            _ => Self::Within(places),
        }
    }
}

/// How much of something lies within a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing of it, or there is no such thing.
    None,
    /// A part of it.
    Part,
    /// All of it.
    All,
}

/// A table whose rows a scope is about. Queries give it the alias named here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scoped {
    /// `machine m`
    Machines,
    /// `job j`: those with a machine that may be seen.
    Jobs,
    /// `job_machine jm`
    JobMachines,
    /// `audit a`
    Audit,
    /// `entity e`
    Places,
    /// `role_grant g`
    Grants,
}

/// The places of a scope (a JSON list) and everything that lies in them.
const INSIDE: &str = "(WITH RECURSIVE inside (id) AS (SELECT value FROM json_each(?)
    UNION SELECT below.id FROM entity below JOIN inside ON below.parent = inside.id) SELECT id FROM inside)";

impl Scoped {
    /// What makes a row lie in one of these places. It has one question mark: the scope's places.
    fn clause(self) -> String {
        match self {
            Self::Machines => format!("m.place IN {INSIDE}"),
            Self::Jobs => format!(
                "EXISTS (SELECT 1 FROM job_machine sjm JOIN machine sm ON sm.id = sjm.machine
                 WHERE sjm.job = j.id AND sm.place IN {INSIDE})"
            ),
            Self::JobMachines => {
                format!("jm.machine IN (SELECT sm.id FROM machine sm WHERE sm.place IN {INSIDE})")
            }
            Self::Audit => format!("a.place IN {INSIDE}"),
            Self::Places => format!("e.id IN {INSIDE}"),
            Self::Grants => format!("g.entity IN {INSIDE}"),
        }
    }
}

/// A condition with the values that belong to its question marks, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    sql: String,
    values: Vec<Value>,
}

impl Condition {
    /// The condition that a scope puts on a table: the one place where rights become SQL.
    pub(crate) fn within(scope: &Scope, table: Scoped) -> Self {
        let (sql, values) = match scope {
            Scope::Everything => ("1=1".to_owned(), Vec::new()),
            Scope::Nothing => ("1=0".to_owned(), Vec::new()),
            Scope::Within(places) => {
                let places = serde_json::Value::from_iter(places.iter().map(ToString::to_string));
                (table.clause(), vec![Value::from(places.to_string())])
            }
        };
        Self { sql, values }
    }

    /// Of which everything is true.
    pub(crate) fn all() -> Self {
        Self {
            sql: "1=1".to_owned(),
            values: Vec::new(),
        }
    }

    /// Narrows it to what the other does not find.
    pub(crate) fn and_not(&mut self, other: Self) {
        // What is not known of a machine is not true of it: a comparison with nothing is neither.
        self.and(&format!("NOT coalesce(({}), 0)", other.sql), other.values);
    }

    /// Narrows it. `clause` has as many question marks as there are values, and no text from outside.
    pub(crate) fn and(&mut self, clause: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" AND (");
        self.sql.push_str(clause);
        self.sql.push(')');
        self.values.extend(values);
    }

    /// What fits either.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            sql: format!("(({}) OR ({}))", self.sql, other.sql),
            values: self.values.into_iter().chain(other.values).collect(),
        }
    }

    /// As it stands behind `WHERE`.
    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    /// Its values.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Value> {
        self.values.iter()
    }
}

/// The pattern for a text somewhere (`LIKE … ESCAPE '\'`); the text itself has no wildcards.
pub(crate) fn pattern_of(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.to_lowercase().chars().take(200) {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

impl Catalog {
    /// Whether a machine lies within a scope.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn reaches_machine(&self, scope: &Scope, machine: MachineId) -> Result<bool> {
        self.0.database.read(|transaction| {
            reaches(
                transaction,
                scope,
                Scoped::Machines,
                "machine m",
                "m.id",
                &machine.to_string(),
            )
        })
    }

    /// Whether a place or group lies within a scope.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn reaches_place(&self, scope: &Scope, place: PlaceId) -> Result<bool> {
        self.0.database.read(|transaction| {
            reaches(
                transaction,
                scope,
                Scoped::Places,
                "entity e",
                "e.id",
                &place.to_string(),
            )
        })
    }

    /// How many of a job's machines lie within a scope.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn reaches_job(&self, scope: &Scope, job: JobId) -> Result<Reach> {
        self.0.database.read(|transaction| {
            let condition = Condition::within(scope, Scoped::JobMachines);
            let mut statement = transaction.prepare_cached(&format!(
                "SELECT count(*), coalesce(sum({}), 0) FROM job_machine jm WHERE jm.job = ?",
                condition.sql()
            ))?;
            let job = Value::from(job.to_string());
            let (all, inside): (i64, i64) = statement
                .query_row(params_from_iter(condition.values().chain([&job])), |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            Ok(match inside {
                0 => Reach::None,
                _ if inside == all => Reach::All,
                _ => Reach::Part,
            })
        })
    }

    /// That all of these machines lie within a scope.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for the first that does not, as if it were not there.
    pub fn check_machines(&self, scope: &Scope, machines: &[MachineId]) -> Result<()> {
        if *scope == Scope::Everything {
            return Ok(());
        }
        for machine in machines {
            if !self.reaches_machine(scope, *machine)? {
                return Err(Error::not_found(format!("machine {machine}")));
            }
        }
        Ok(())
    }

    /// That all of these places lie within a scope.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for the first that does not, as if it were not there.
    pub fn check_places(&self, scope: &Scope, places: &[PlaceId]) -> Result<()> {
        if *scope == Scope::Everything {
            return Ok(());
        }
        for place in places {
            if !self.reaches_place(scope, *place)? {
                return Err(Error::not_found(format!("place {place}")));
            }
        }
        Ok(())
    }
}

fn reaches(
    connection: &Connection,
    scope: &Scope,
    table: Scoped,
    source: &str,
    key: &str,
    id: &str,
) -> Result<bool> {
    let mut condition = Condition::within(scope, table);
    condition.and(&format!("{key} = ?"), [Value::from(id.to_owned())]);
    let mut statement =
        connection.prepare_cached(&format!("SELECT 1 FROM {source} WHERE {}", condition.sql()))?;
    Ok(statement.exists(params_from_iter(condition.values()))?)
}
