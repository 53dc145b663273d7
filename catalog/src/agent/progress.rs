//! Progress: kept in memory, written down every few seconds, and told to whoever looks now.

use super::{AgentSession, no_session};
use crate::{
    Catalog,
    change::{Event, Subject},
    error::Result,
    job::JobMachineRow,
    memory::Live,
};
use protocol::{
    agent::{ProgressReply, ProgressReport},
    job::Progress,
};
use rusqlite::params;
use std::{sync::PoisonError, time::Duration};

/// Progress is told at most twice a second for a machine.
const TELL_EVERY: Duration = Duration::from_millis(450);
/// How often a session's last sign is written down.
const SEEN_EVERY: Duration = Duration::from_secs(60);

impl Catalog {
    /// How far a running step has come. In memory, but for the first sign of work on a step.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unauthenticated`] when the session has ended.
    pub fn progress(&self, session: &AgentSession, report: ProgressReport) -> Result<ProgressReply> {
        self.start_step(session)?;
        let now = self.now();
        let key = (report.job, session.machine);
        let mut memory = self.0.memory.write().unwrap_or_else(PoisonError::into_inner);
        let found = memory
            .session(session.machine)
            .filter(|found| found.id == session.id && !session.repeats);
        let found = found.ok_or_else(no_session)?;
        if found.job != Some(report.job) || found.step_index != Some(report.step_index) {
            // Failed meanwhile for its silence, or taken back: whatever it does, nobody waits for it.
            return Ok(ProgressReply { cancelled: true });
        }
        let cancelled = found.cancel_requested;
        let told_at = memory.live.get(&key).map(|live| live.told_at);
        let tells = told_at.is_none_or(|told_at| now.since(told_at) >= TELL_EVERY);
        let live = Live {
            progress: bound_progress(report.progress),
            at: now,
            told_at: if tells { now } else { told_at.unwrap_or(now) },
            written: false,
        };
        memory.live.insert(key, live);
        drop(memory);
        if tells {
            let subject = Subject::JobMachine {
                job: report.job,
                machine: session.machine,
            };
            self.tell(&Event {
                seq: None,
                at: now,
                subject,
            });
        }
        Ok(ProgressReply { cancelled })
    }

    /// A row with the progress of this moment.
    pub(crate) fn with_live(&self, mut row: JobMachineRow) -> JobMachineRow {
        if row.standing.begun.is_some()
            && let Some(live) = self.memory().live.get(&(row.job, row.machine))
        {
            row.progress = Some(live.progress.clone());
        }
        row
    }

    /// Writes down progress and signs of life.
    pub(crate) fn flush_progress(&self) -> Result<()> {
        let (live, seen) = {
            let memory = self.memory();
            let live: Vec<_> = memory
                .live
                .iter()
                .filter(|(_, live)| !live.written)
                .map(|(key, live)| (*key, live.clone()))
                .collect();
            let seen: Vec<_> = memory
                .sessions()
                .map(|(machine, session)| (*machine, session.last_seen_at))
                .collect();
            (live, seen)
        };
        let mut writer = self.0.database.writer();
        let transaction = writer.transaction()?;
        for ((job, machine), live) in &live {
            transaction
                .prepare_cached(
                    "UPDATE job_machine SET progress = ?3, contact_at = ?4
                     WHERE job = ?1 AND machine = ?2 AND begun_at IS NOT NULL",
                )?
                .execute(params![
                    job.to_string(),
                    machine.to_string(),
                    serde_json::to_string(&live.progress)?,
                    live.at.0
                ])?;
        }
        let every = i64::try_from(SEEN_EVERY.as_millis()).unwrap_or(i64::MAX);
        for (machine, at) in seen {
            let written = transaction
                .prepare_cached(
                    "UPDATE session SET last_seen_at = ?2 WHERE machine = ?1 AND last_seen_at + ?3 < ?2",
                )?
                .execute(params![machine.to_string(), at.0, every])?;
            if written > 0 {
                transaction
                    .prepare_cached("UPDATE machine SET last_seen_at = ?2 WHERE id = ?1")?
                    .execute(params![machine.to_string(), at.0])?;
            }
        }
        transaction.commit()?;
        drop(writer);
        let mut memory = self.0.memory.write().unwrap_or_else(PoisonError::into_inner);
        for (key, written) in live {
            if let Some(live) = memory.live.get_mut(&key).filter(|live| live.at == written.at) {
                live.written = true;
            }
        }
        let running: std::collections::HashSet<_> = memory
            .sessions()
            .filter_map(|(machine, session)| session.step_index.and(session.job).map(|job| (job, *machine)))
            .collect();
        memory.live.retain(|key, _| running.contains(key));
        Ok(())
    }
}

fn bound_progress(mut progress: Progress) -> Progress {
    progress.phase = progress
        .phase
        .chars()
        .filter(|c| c.is_ascii_lowercase() || *c == '-')
        .take(32)
        .collect();
    progress.bytes_done.0 = progress.bytes_done.0.min(MAX);
    progress.bytes_total.0 = progress.bytes_total.0.min(MAX);
    progress.bytes_per_second = progress.bytes_per_second.min(MAX);
    progress.seconds_left = progress.seconds_left.map(|seconds| seconds.min(MAX));
    if let Some(estimate) = &mut progress.estimate {
        for bytes in [
            &mut estimate.bytes_used,
            &mut estimate.bytes_written,
            &mut estimate.bytes_copied,
            &mut estimate.bytes_fetched,
        ] {
            *bytes = (*bytes).min(MAX);
        }
    }
    progress
}

/// The largest whole number that every JSON reader keeps (RFC 8259 §6).
const MAX: u64 = (1 << 53) - 1;
