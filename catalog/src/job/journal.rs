//! What became of a machine in a job, in order and with its times. Written where a standing is written, from what changed:
//! nothing that happens to a row can be left out.

use super::standing::Standing;
use crate::{Catalog, error::Result, time::Time};
use protocol::{JobId, MachineId, job::JobState};
use rusqlite::{Connection, params};

/// Lines of one machine in one job that are kept before only its end is written: an agent that asks again and again.
const LINES_MAX: i64 = 500;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct JobEvent {
    /// When.
    pub at: Time,
    /// What happened, as a code that the page translates.
    pub kind: String,
    /// What belongs to it: the step, the problem.
    pub details: serde_json::Value,
}

impl Catalog {
    /// What became of a machine in a job, the first first.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn job_journal(&self, job: JobId, machine: MachineId) -> Result<Vec<JobEvent>> {
        self.0.database.read(|transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT at, kind, details FROM job_event WHERE job = ?1 AND machine = ?2 ORDER BY seq",
            )?;
            let mut rows = statement.query([job.to_string(), machine.to_string()])?;
            let mut lines = Vec::new();
            while let Some(row) = rows.next()? {
                lines.push(JobEvent {
                    at: Time(row.get(0)?),
                    kind: row.get(1)?,
                    details: serde_json::from_str(&row.get::<_, String>(2)?)?,
                });
            }
            Ok(lines)
        })
    }
}

/// Writes what changed.
pub(super) fn append(
    connection: &Connection,
    (job, machine): (JobId, MachineId),
    before: Option<&Standing>,
    after: &Standing,
    now: Time,
) -> Result<()> {
    for (kind, details) in changes(before, after) {
        let is_end = matches!(kind, "done" | "failed" | "cancelled");
        connection
            .prepare_cached(
                "INSERT INTO job_event (job, machine, at, kind, details) SELECT ?1, ?2, ?3, ?4, ?5
                 WHERE ?6 OR (SELECT count(*) FROM job_event WHERE job = ?1 AND machine = ?2) < ?7",
            )?
            .execute(params![
                job.to_string(),
                machine.to_string(),
                now.0,
                kind,
                details.to_string(),
                is_end,
                LINES_MAX
            ])?;
    }
    Ok(())
}

/// What happened between two standings, in order.
fn changes(before: Option<&Standing>, after: &Standing) -> Vec<(&'static str, serde_json::Value)> {
    let step = |standing: &Standing| serde_json::json!({ "step_index": standing.step_index });
    let Some(before) = before else {
        return vec![("created", step(after))];
    };
    let mut found = Vec::new();
    if after.chosen_disk.is_some() && after.chosen_disk != before.chosen_disk {
        found.push(("disk-chosen", serde_json::json!({ "disk": after.chosen_disk })));
    }
    // A report may begin a step and end it at once.
    let begins = before.begun.is_none()
        && (after.begun.is_some()
            || after.results.len() > before.results.len()
            || after.started_at != before.started_at);
    if let Some(given) = after
        .given
        .as_ref()
        .filter(|given| Some(*given) != before.given.as_ref())
    {
        found.push((
            "given",
            serde_json::json!({ "step_index": after.step_index, "disk": given.disk }),
        ));
    }
    if begins {
        found.push(("begun", step(before)));
    }
    let writing = |standing: &Standing| standing.begun.as_ref().is_some_and(|begun| begun.writing);
    if writing(after) && !writing(before) {
        found.push(("writing", step(after)));
    }
    if after.cancel_requested && !before.cancel_requested {
        found.push(("cancel-requested", step(after)));
    }
    if after.step_index > before.step_index {
        found.push(("step-done", step(before)));
    }
    let problem = || serde_json::json!({ "step_index": after.step_index, "problem": after.problem });
    if after.state != before.state || (after.state == JobState::Waiting && after.problem != before.problem) {
        match after.state {
            JobState::Waiting => found.push(("waiting", problem())),
            JobState::Failed => found.push(("failed", problem())),
            JobState::Cancelled => found.push(("cancelled", problem())),
            JobState::Done => found.push(("done", step(after))),
            JobState::Queued => found.push(("queued", step(after))),
            JobState::Running => {}
        }
    }
    found
}
