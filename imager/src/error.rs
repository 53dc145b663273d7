//! What can go wrong in the engine: a kind that programs go by, what was attempted, the remedy, and the cause.

use std::{error, fmt, io};

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the engine. [`fmt::Display`] shows what was attempted and the remedy; [`Error::chain`] adds the causes.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    remedy: Option<String>,
    unreadable: Option<Box<protocol::manifest::Unreadable>>,
    source: Option<Box<dyn error::Error + Send + Sync>>,
}

/// What kind of error it is; the exit code, the HTTP status and a retry follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Bytes are not what they should be: a hash, a magic, a length, a contradiction.
    Damaged,
    /// A format version that this program does not read.
    Version,
    /// A signature is wrong or of somebody else.
    Signature,
    /// The thing named does not exist.
    Missing,
    /// It exists already.
    Exists,
    /// Refused before anything was written; the remedy says what to do.
    Refused,
    /// The target cannot hold the master.
    TooSmall,
    /// The target has another sector size.
    SectorSize,
    /// In use by somebody else: mounted, held, locked.
    Busy,
    /// No space left where it should be written.
    Full,
    /// Reading the source failed.
    Read,
    /// Part of the source cannot be read; everything else was.
    Unreadable,
    /// Writing the target failed.
    Write,
    /// What was written reads back differently.
    ReadBack,
    /// The far side cannot be reached; trying again may help.
    Unreachable,
    /// The far side refused: a right or a session is missing.
    Forbidden,
    /// Somebody asked to stop.
    Cancelled,
    /// Input or output failed otherwise.
    Io,
}

impl ErrorKind {
    /// Stable name in kebab case, for [`protocol::Problem::code`].
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Version => "format-version",
            Self::Signature => "signature",
            Self::Missing => "missing",
            Self::Exists => "exists",
            Self::Refused => "refused",
            Self::TooSmall => "disk-too-small",
            Self::SectorSize => "sector-size",
            Self::Busy => "busy",
            Self::Full => "storage-full",
            Self::Read => "read-failed",
            Self::Unreadable => "source-unreadable",
            Self::Write => "write-failed",
            Self::ReadBack => "read-back-differs",
            Self::Unreachable => "unreachable",
            Self::Forbidden => "forbidden",
            Self::Cancelled => "cancelled",
            Self::Io => "input-output",
        }
    }

    /// Whether it is a refusal before anything was written (exit code 3).
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::Refused | Self::TooSmall | Self::SectorSize | Self::Busy
        )
    }
}

impl Error {
    /// An error of a kind: what was attempted, naming the thing, in lower case and without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            remedy: None,
            unreadable: None,
            source: None,
        }
    }

    /// An input or output error on the thing named; a full disk is told apart.
    pub fn io(message: impl Into<String>, source: io::Error) -> Self {
        Self::caused(ErrorKind::Io, message, source)
    }

    /// An input or output error with a kind of its own, unless the disk is full or something is busy.
    pub fn caused(kind: ErrorKind, message: impl Into<String>, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
            io::ErrorKind::ResourceBusy => ErrorKind::Busy,
            io::ErrorKind::NotFound if kind == ErrorKind::Io => ErrorKind::Missing,
            _ => kind,
        };
        Self {
            kind,
            message: message.into(),
            remedy: None,
            unreadable: None,
            source: Some(Box::new(source)),
        }
    }

    /// The same error with what to do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same error with what could not be read.
    #[must_use]
    pub fn with_unreadable(mut self, unreadable: protocol::manifest::Unreadable) -> Self {
        self.unreadable = Some(Box::new(unreadable));
        self
    }

    /// What could not be read, for [`ErrorKind::Unreadable`].
    #[must_use]
    pub fn unreadable(&self) -> Option<&protocol::manifest::Unreadable> {
        self.unreadable.as_deref()
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was attempted.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, if there is something.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    /// The error with all its causes in one line, the remedy last.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        if let Some(remedy) = &self.remedy {
            text.push_str("; ");
            text.push_str(remedy);
        }
        text
    }

    /// The error as it is shown on the machine's screen, in the API and on the page.
    #[must_use]
    pub fn to_problem(&self) -> protocol::Problem {
        let mut title = self.chain();
        if let Some(remedy) = &self.remedy {
            title.truncate(title.len().saturating_sub(remedy.len() + 2));
        }
        protocol::Problem::new(self.kind.code(), title, self.remedy.clone().unwrap_or_default())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(remedy) = &self.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<protocol::manifest::ManifestError> for Error {
    fn from(error: protocol::manifest::ManifestError) -> Self {
        let kind = match error {
            protocol::manifest::ManifestError::Version { .. } => ErrorKind::Version,
            _ => ErrorKind::Damaged,
        };
        Self::new(kind, error.to_string())
    }
}
