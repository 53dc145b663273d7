//! What the site decided of its jobs: its calendar, and how much may happen at once.

use super::schedule::{Blackout, Calendar};
use crate::{
    Catalog,
    change::Subject,
    error::{Error, ErrorKind, Result},
    people::Actor,
    setting,
};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

/// What the site decided of its jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobRules {
    /// The site's time zone, by its IANA name: windows and blackouts are written in it.
    pub time_zone: String,
    /// Times in which no job begins.
    pub blackouts: Vec<Blackout>,
    /// Machines that may be captured or restored at the same time.
    pub running_max: Option<u32>,
    /// Bytes per second that the depot sends and takes, all machines together.
    pub bytes_per_second_max: Option<u64>,
    /// Only masters in production are restored.
    pub production_only: bool,
    /// The public key, as minisign writes it, whose holder puts masters into production.
    pub production_key: Option<String>,
}

impl Default for JobRules {
    fn default() -> Self {
        Self {
            time_zone: "UTC".into(),
            blackouts: Vec::new(),
            running_max: None,
            bytes_per_second_max: None,
            production_only: false,
            production_key: None,
        }
    }
}

impl JobRules {
    /// What tells these rules from others: a few characters of a hash.
    #[must_use]
    pub fn tag(&self) -> String {
        // A structure of plain words always has a text.
        let text = serde_json::to_vec(self).unwrap_or_default();
        blake3::hash(&text).to_hex().chars().take(16).collect()
    }

    fn check(&self) -> Result<Calendar> {
        if self.running_max == Some(0) || self.bytes_per_second_max.is_some_and(|max| max < SLOWEST) {
            return Err(Error::invalid(
                "at least one machine may be worked on at a time, at 64 KiB per second or more",
                "leave the limit out, or raise it",
            ));
        }
        Calendar::new(&self.time_zone, &self.blackouts)
    }
}

/// Slower than this no frame arrives before its agent loses patience.
const SLOWEST: u64 = 64 * 1024;

const JOBS: &str = "jobs";

/// Rules with the calendar that they make, as memory holds them.
#[derive(Clone, Debug, Default)]
pub(crate) struct RulesInForce {
    pub(crate) rules: JobRules,
    pub(crate) calendar: Calendar,
}

impl RulesInForce {
    pub(crate) fn load(connection: &Connection) -> Result<Self> {
        let rules: JobRules = match setting::get(connection, JOBS)? {
            Some(text) => serde_json::from_str(&text)?,
            None => JobRules::default(),
        };
        // They were checked when they were written; a zone that this program's table lacks is taken for UTC.
        let calendar = rules.check().unwrap_or_else(|error| {
            tracing::error!(%error, "the rules of jobs are not those that were written");
            Calendar::default()
        });
        Ok(Self { rules, calendar })
    }
}

impl Catalog {
    /// What the site decided of its jobs, from memory.
    #[must_use]
    pub fn job_rules(&self) -> JobRules {
        self.memory().rules.rules.clone()
    }

    /// Changes what the site decided of its jobs. `expected`: the tag of what the person saw, if they told it.
    ///
    /// # Errors
    /// When it cannot be meant, somebody else changed it since, or the catalog cannot be written.
    pub fn put_job_rules(&self, rules: JobRules, expected: Option<&str>, actor: &Actor) -> Result<JobRules> {
        rules.check()?;
        self.write(|writing| {
            let before = RulesInForce::load(writing.transaction)?.rules;
            if expected.is_some_and(|expected| expected != before.tag()) {
                return Err(Error::new(
                    ErrorKind::Outdated,
                    "changed-meanwhile",
                    "somebody else changed the rules of jobs meanwhile",
                    "look at them as they are now, then decide again",
                ));
            }
            setting::store(writing.transaction, JOBS, &serde_json::to_string(&rules)?)?;
            let (before, after) = (serde_json::to_value(before)?, serde_json::to_value(&rules)?);
            writing.audit(actor, "edit", "setting", JOBS, Some(before), Some(after))?;
            writing.rules_changed();
            writing.changed(Subject::Settings);
            Ok(rules)
        })
    }
}
