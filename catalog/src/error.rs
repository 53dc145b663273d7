//! What the catalog says when it cannot.

use std::fmt;

/// The kind of an error: what decides the HTTP status and whether trying again helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The thing named is not there.
    NotFound,
    /// It cannot be done in the state things are in.
    Conflict,
    /// It was decided on what is no longer so: somebody else was first.
    Outdated,
    /// The request itself makes no sense.
    Invalid,
    /// Who asks did not prove who they are.
    Unauthenticated,
    /// Who asks may not.
    Forbidden,
    /// Too often; try later.
    TooOften,
    /// The database file is damaged or of a newer program: a person has to act.
    Database,
    /// The database could not be read or written.
    Storage,
}

/// An error: its kind, a stable code, what was attempted, what to do, and its cause.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    code: &'static str,
    message: String,
    remedy: String,
    retry_after_seconds: Option<u64>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What the catalog returns.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with its stable code and its remedy.
    pub fn new(
        kind: ErrorKind,
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            code,
            message: message.into(),
            remedy: remedy.into(),
            retry_after_seconds: None,
            source: None,
        }
    }

    pub(crate) fn not_found(what: impl fmt::Display) -> Self {
        Self::new(
            ErrorKind::NotFound,
            "not-found",
            format!("there is no {what}"),
            "look in the list",
        )
    }

    pub(crate) fn invalid(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, "unusable-value", message, remedy)
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn with_retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Its stable code, in kebab case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.remedy
    }

    /// When trying again may help, if that is known.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after_seconds
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, DiskFull, NotADatabase};
        let (kind, code, remedy) = match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => (
                ErrorKind::Database,
                "catalog-damaged",
                "stop the appliance, keep catalog.sqlite aside, and put a backup in its place",
            ),
            Some(DiskFull) => (ErrorKind::Storage, "storage-full", "make room on the data disk"),
            _ => (
                ErrorKind::Storage,
                "catalog-unavailable",
                "look in the appliance's log, then try again",
            ),
        };
        Self::new(kind, code, "the catalog could not be read or written", remedy).because(error)
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::new(
            ErrorKind::Database,
            "catalog-damaged",
            "a row of the catalog does not parse",
            "stop the appliance, keep catalog.sqlite aside, and put a backup in its place",
        )
        .because(error)
    }
}
