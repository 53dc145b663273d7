//! The SQLite file: opening, checking, migrating; one writer, many readers.
//!
//! Write-ahead log with `synchronous=FULL`: when a write returns it survives a power cut. The schema's version is
//! `user_version`; migrations only go forwards, each in its own transaction. A damaged file is refused by name and never
//! written to; so is one of a newer program.

mod backup;

pub use backup::{BackUp, back_up};

use crate::error::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, config::DbConfig};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The schema's steps: the one at place N leads from version N to N + 1.
pub(crate) const MIGRATIONS: [&str; 11] = [
    include_str!("database/migrations/0001_first.sql"),
    include_str!("database/migrations/0002_boot.sql"),
    include_str!("database/migrations/0003_given.sql"),
    include_str!("database/migrations/0004_boot_of_step.sql"),
    include_str!("database/migrations/0005_address.sql"),
    include_str!("database/migrations/0006_menus.sql"),
    include_str!("database/migrations/0007_records.sql"),
    include_str!("database/migrations/0008_jobs.sql"),
    include_str!("database/migrations/0009_places.sql"),
    include_str!("database/migrations/0010_people.sql"),
    include_str!("database/migrations/0011_masters.sql"),
];

/// Marks the file as ours (`application_id`): "AmrC".
const APPLICATION_ID: i64 = 0x416d_7243;
/// How long a reader waits for a lock before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Readers that are kept open between uses.
const IDLE_READERS: usize = 8;

/// An open database.
#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

impl Database {
    /// Opens the file, makes it if it is not there, checks it, and brings it to this program's version.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut writer = open_checked(path)?;
        migrate(&mut writer, path, MIGRATIONS.len())?;
        Ok(Self {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            readers: Mutex::new(Vec::new()),
        })
    }

    /// The one writer, locked.
    pub(crate) fn writer(&self) -> MutexGuard<'_, Connection> {
        // A panic in a transaction has rolled it back: the connection itself is sound.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads from a consistent view that no writer disturbs.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let kept = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.open_reader()?,
        };
        let transaction = connection.transaction()?;
        let outcome = work(&transaction);
        drop(transaction);
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < IDLE_READERS {
            readers.push(connection);
        }
        outcome
    }

    fn open_reader(&self) -> Result<Connection> {
        Ok(open_reader(&self.path)?)
    }
}

/// What is found in a catalog that is only looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// Whether somebody administers the appliance.
    pub has_people: bool,
    /// Whether its schema is older than this program's; the next start brings it forward.
    pub is_older: bool,
    /// Where the site lets the appliance give addresses.
    pub address_pools: Vec<crate::AddressPool>,
}

/// Checks a file without changing a byte of it, also while an appliance has it open.
pub(crate) fn examine(path: &Path) -> Result<Examination> {
    let connection = open_reader(path).map_err(|error| refuse(path, error))?;
    check(&connection, path)?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    let has_people = version > 0
        && connection
            .prepare("SELECT 1 FROM user LIMIT 1")
            .and_then(|mut statement| statement.exists([]))?;
    let address_pools = if version > 0 {
        crate::boot::address_pools(&connection)?
    } else {
        Vec::new()
    };
    Ok(Examination {
        has_people,
        address_pools,
        is_older: version < MIGRATIONS.len(),
    })
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Statements of all lists stay prepared.
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// A connection that only reads, to the catalog that a program beside this one may be writing.
pub(crate) fn open_to_look(path: &Path) -> Result<Connection> {
    let connection = open_reader(path).map_err(|error| {
        Error::new(
            ErrorKind::Storage,
            "catalog-unavailable",
            format!("{} cannot be opened", path.display()),
            "name the folder that amorce serve has as --data, and a user who may read it",
        )
        .because(error)
    })?;
    let (application, version): (i64, i64) = connection
        .query_row(
            "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .map_err(|error| refuse(path, error))?;
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    if application != APPLICATION_ID {
        return Err(foreign(path));
    }
    // An older one is whole too: a copy of it is what is wanted before an update.
    if version > MIGRATIONS.len() {
        return Err(newer(path, version));
    }
    Ok(connection)
}

/// Opens the file for writing after it was found sound through a connection that cannot write.
fn open_checked(path: &Path) -> Result<Connection> {
    let exists = path.try_exists().map_err(|error| {
        Error::new(
            ErrorKind::Storage,
            "catalog-unavailable",
            format!("cannot look at {}", path.display()),
            "check the data folder and its owner",
        )
        .because(error)
    })?;
    let connection = Connection::open(path).map_err(|error| refuse(path, error))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    if exists {
        // Closing a connection may copy the log into the file: not before the file is known to be sound.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        check(&connection, path)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    } else {
        restrict(path)?;
    }
    let configure = || -> rusqlite::Result<()> {
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)
    };
    configure().map_err(|error| refuse(path, error))?;
    Ok(connection)
}

/// The catalog holds password hashes: nobody but its owner reads it.
fn restrict(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(|error| {
        Error::new(
            ErrorKind::Storage,
            "catalog-unavailable",
            format!("cannot keep others from reading {}", path.display()),
            "put the data folder on a filesystem with permissions",
        )
        .because(error)
    })
}

fn check(connection: &Connection, path: &Path) -> Result<()> {
    let ask = || -> rusqlite::Result<(i64, i64, usize, Vec<String>)> {
        let application = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        let objects = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let version = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))?;
        let mut statement = connection.prepare("PRAGMA integrity_check(10)")?;
        let findings = statement
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        Ok((
            application,
            objects,
            usize::try_from(version).unwrap_or(usize::MAX),
            findings,
        ))
    };
    let (application, objects, version, findings) = ask().map_err(|error| refuse(path, error))?;
    // A file of no bytes is what a first start leaves when it is killed at once.
    if application != APPLICATION_ID && (application != 0 || version != 0 || objects != 0) {
        return Err(foreign(path));
    }
    if version > MIGRATIONS.len() {
        return Err(newer(path, version));
    }
    if findings != ["ok"] {
        return Err(damaged(path).because(findings.join("; ")));
    }
    Ok(())
}

fn refuse(path: &Path, error: rusqlite::Error) -> Error {
    let converted = Error::from(error);
    if converted.kind() == ErrorKind::Database {
        damaged(path).because(converted)
    } else {
        converted
    }
}

fn foreign(path: &Path) -> Error {
    Error::new(
        ErrorKind::Database,
        "catalog-foreign",
        format!("{} is a database of another program", path.display()),
        "name another data folder",
    )
}

fn newer(path: &Path, version: usize) -> Error {
    Error::new(
        ErrorKind::Database,
        "catalog-newer",
        format!(
            "{} has version {version}, this program knows versions up to {}",
            path.display(),
            MIGRATIONS.len()
        ),
        "start the newer program, or put back the backup made before the update",
    )
}

fn damaged(path: &Path) -> Error {
    Error::new(
        ErrorKind::Database,
        "catalog-damaged",
        format!("{} is damaged; it was left as it is", path.display()),
        "keep the file aside and put the newest of DATA/backup in its place; masters are in the depot and are not lost",
    )
}

/// Brings the schema to version `target`.
pub(crate) fn migrate(connection: &mut Connection, path: &Path, target: usize) -> Result<()> {
    loop {
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let version = usize::try_from(version).unwrap_or(usize::MAX);
        let Some(step) = MIGRATIONS.get(version).filter(|_| version < target) else {
            return Ok(());
        };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(
            None,
            "user_version",
            i64::try_from(version + 1).unwrap_or(i64::MAX),
        )?;
        transaction.commit()?;
        tracing::info!(path = %path.display(), version = version + 1, "the catalog's schema was brought forward");
    }
}

#[cfg(test)]
mod tests;
