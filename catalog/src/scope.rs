//! Which rows somebody may see, and the condition that every list, count, search and export is asked with.

use rusqlite::types::Value;

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
}

/// A table whose rows a scope is about. Queries give it the alias named here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scoped {
    /// `machine m`
    Machines,
    /// `audit a`
    Audit,
}

/// A condition with the values that belong to its question marks, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    sql: String,
    values: Vec<Value>,
}

impl Condition {
    /// The condition that a scope puts on a table: the one place where rights become SQL.
    pub(crate) fn within(scope: &Scope, _table: Scoped) -> Self {
        let sql = match scope {
            Scope::Everything => "1=1",
            Scope::Nothing => "1=0",
        };
        Self {
            sql: sql.to_owned(),
            values: Vec::new(),
        }
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
        self.and(&format!("NOT ({})", other.sql), other.values);
    }

    /// Narrows it. `clause` has as many question marks as there are values, and no text from outside.
    pub(crate) fn and(&mut self, clause: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" AND (");
        self.sql.push_str(clause);
        self.sql.push(')');
        self.values.extend(values);
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
