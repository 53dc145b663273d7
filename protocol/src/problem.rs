//! What went wrong, in the same words on the machine's screen, in the API and on the page.

use serde::{Deserialize, Serialize};

/// A problem document (RFC 9457) with a stable code and a remedy for whoever stands in front of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Stable, in kebab case: `disk-too-small`. Programs and translations go by it; never renamed.
    pub code: String,
    /// What happened, naming the thing: "disk sda has 16.0 GB, the master needs 31.5 GB".
    pub title: String,
    /// What to do about it: "choose a larger disk or a smaller master".
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
    /// The HTTP status when it travels as an answer; 0 elsewhere.
    #[serde(default)]
    pub status: u16,
}

impl Problem {
    /// Several disks could be meant and none was named.
    pub const DISK_AMBIGUOUS: &str = "disk-ambiguous";
    /// The disk that was named, or any that may be taken without being named, is not there.
    pub const DISK_MISSING: &str = "disk-missing";
    /// Another agent of the same machine is at work and was heard just now.
    pub const AGENT_AT_WORK: &str = "agent-at-work";

    /// A problem with its remedy.
    pub fn new(code: impl Into<String>, title: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            title: title.into(),
            remedy: remedy.into(),
            status: 0,
        }
    }

    /// The same problem as an HTTP answer.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.title)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        write!(f, " [{}]", self.code)
    }
}

impl std::error::Error for Problem {}
