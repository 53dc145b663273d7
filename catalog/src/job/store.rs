//! Jobs: listed, taken back, tried again; and the evidence they leave.

use super::{
    row::{
        self, JobFilter, JobMachineRow, JobRow, job_machine_of, load_job, load_job_machine, load_job_within,
        save_standing,
    },
    standing::Standing,
};
use crate::{
    Catalog,
    agent::leave_half_written,
    change::{Subject, Writing},
    error::{Error, ErrorKind, Result},
    identity::Identity,
    machine::{Page, load_machine},
    people::Actor,
    scope::{Condition, Scope, Scoped},
    time::Time,
};
use protocol::{JobId, MachineId, agent::Evidence, disk::DiskIdentity, job::JobState};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};

impl Catalog {
    /// One job, counting only the machines that may be seen.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn job(&self, id: JobId, scope: &Scope) -> Result<Option<JobRow>> {
        self.0
            .database
            .read(|transaction| load_job_within(transaction, id, scope))
    }

    /// A job's machines that may be seen, with the progress of this moment.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn job_machines(&self, job: JobId, scope: &Scope) -> Result<Vec<JobMachineRow>> {
        let mut condition = Condition::within(scope, Scoped::JobMachines);
        condition.and("jm.job = ?", [Value::from(job.to_string())]);
        let rows = self.0.database.read(|transaction| {
            let mut statement = transaction.prepare_cached(&format!(
                "{} WHERE {} ORDER BY jm.machine",
                row::SELECT,
                condition.sql()
            ))?;
            let mut rows = statement.query(params_from_iter(condition.values()))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(job_machine_of(row)?);
            }
            Ok(found)
        })?;
        Ok(rows.into_iter().map(|row| self.with_live(row)).collect())
    }

    /// One machine in a job, with the progress of this moment.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn job_machine(&self, job: JobId, machine: MachineId) -> Result<Option<JobMachineRow>> {
        let row = self
            .0
            .database
            .read(|transaction| load_job_machine(transaction, job, machine))?;
        Ok(row.map(|row| self.with_live(row)))
    }

    /// Jobs, newest first.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn jobs(&self, filter: &JobFilter) -> Result<Page<JobRow>> {
        let mut condition = Condition::within(&filter.scope, Scoped::Jobs);
        if let Some(state) = filter.state {
            let seen = Condition::within(&filter.scope, Scoped::JobMachines);
            let state = Value::from(row::state_text(state).to_owned());
            condition.and(
                &format!(
                    "EXISTS (SELECT 1 FROM job_machine jm WHERE jm.job = j.id AND jm.state = ? AND {})",
                    seen.sql()
                ),
                [state].into_iter().chain(seen.values().cloned()),
            );
        }
        if let Some(machine) = filter.machine {
            let seen = Condition::within(&filter.scope, Scoped::JobMachines);
            condition.and(
                &format!(
                    "EXISTS (SELECT 1 FROM job_machine jm WHERE jm.machine = ? AND jm.job = j.id AND {})",
                    seen.sql()
                ),
                [Value::from(machine.to_string())]
                    .into_iter()
                    .chain(seen.values().cloned()),
            );
        }
        if let Some(people) = &filter.created_by {
            condition.and(
                "j.created_by IN (SELECT value FROM json_each(?))",
                [Value::from(serde_json::to_string(people)?)],
            );
        }
        self.0.database.read(|transaction| {
            let total = transaction
                .prepare_cached(&format!("SELECT count(*) FROM job j WHERE {}", condition.sql()))?
                .query_row(params_from_iter(condition.values()), |row| row::count_of(row, 0))?;
            if let Some(after) = filter.after {
                condition.and("j.id < ?", [Value::from(after.to_string())]);
            }
            let mut statement = transaction.prepare_cached(&format!(
                "SELECT j.id FROM job j WHERE {} ORDER BY j.id DESC LIMIT {}",
                condition.sql(),
                u64::from(filter.limit) + 1
            ))?;
            let ids = statement
                .query_map(params_from_iter(condition.values()), |row| {
                    row.get::<_, String>(0)
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
            let mut items = Vec::with_capacity(ids.len());
            for id in ids.iter().take(limit) {
                items.extend(load_job_within(transaction, row::parse_id(id)?, &filter.scope)?);
            }
            Ok(Page {
                items,
                more: ids.len() > limit,
                total,
            })
        })
    }

    /// Takes a job back.
    ///
    /// # Errors
    /// When there is no such job.
    pub fn cancel_job(&self, job: JobId, actor: &Actor) -> Result<()> {
        self.change_standings(job, actor, "cancel", None, |standing, _, now| {
            let before = standing.clone();
            standing.cancel(now);
            *standing != before
        })
        .map(drop)
    }

    /// A person's word to try again: `machines` that failed or wait, or without it all that failed.
    ///
    /// # Errors
    /// When there is no such job, or nothing in it to try again.
    pub fn retry_job(&self, job: JobId, machines: Option<&[MachineId]>, actor: &Actor) -> Result<()> {
        let changed = self.change_standings(job, actor, "retry", machines, |standing, identity, now| {
            (machines.is_some() || standing.state == JobState::Failed) && standing.retry(identity, now)
        })?;
        if changed == 0 {
            return Err(Error::new(
                ErrorKind::Conflict,
                "nothing-to-retry",
                "no machine of this job has failed",
                "create a new job",
            ));
        }
        Ok(())
    }

    /// A person chooses the disk that a waiting machine's step works on.
    ///
    /// # Errors
    /// When the row or the disk is not there, or the step has begun.
    pub fn choose_disk(
        &self,
        job: JobId,
        machine: MachineId,
        disk: &DiskIdentity,
        actor: &Actor,
    ) -> Result<()> {
        self.write(|writing| {
            let connection = writing.transaction;
            let row = load_job_machine(connection, job, machine)?;
            let mut standing = row
                .ok_or_else(|| Error::not_found("such machine in this job"))?
                .standing;
            let record =
                load_machine(connection, machine)?.ok_or_else(|| Error::not_found("such machine"))?;
            let matching = record
                .facts
                .disks
                .iter()
                .filter(|found| found.identity.is_same_disk(disk))
                .collect::<Vec<_>>();
            let [found] = matching.as_slice() else {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    "no-such-disk",
                    "the machine has no such disk, or nothing tells it from another",
                    "choose one of the disks shown",
                ));
            };
            if !standing.choose_disk(found.identity.clone(), Identity::of(&record.facts), writing.now) {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "disk-not-open",
                    "the step has begun or is over; its disk can no longer be chosen",
                    "cancel the job and create a new one",
                ));
            }
            save_standing(connection, job, machine, &standing, writing.now)?;
            let after = serde_json::json!({ "machine": machine, "disk": found.identity });
            writing.audit(actor, "choose-disk", "job", job, None, Some(after))?;
            note(writing, job, machine);
            Ok(())
        })
    }

    /// What a failed machine left to understand why.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn evidence(&self, job: JobId, machine: MachineId) -> Result<Option<Evidence>> {
        self.0.database.read(|transaction| {
            Ok(transaction
                .query_row(
                    "SELECT log, dmesg, smart, screen FROM evidence WHERE job = ?1 AND machine = ?2",
                    [job.to_string(), machine.to_string()],
                    |row| {
                        Ok(Evidence {
                            log: row.get(0)?,
                            dmesg: row.get(1)?,
                            smart: row.get(2)?,
                            screen: row.get(3)?,
                        })
                    },
                )
                .optional()?)
        })
    }

    /// Fails writing steps whose agent has been silent for too long, and queues others again.
    pub(crate) fn fail_the_silent(&self) -> Result<()> {
        let now = self.now();
        let running = self.0.database.read(|transaction| {
            let mut statement = transaction
                .prepare_cached("SELECT job, machine, contact_at FROM job_machine WHERE state = 'running'")?;
            let rows = statement.query_map([], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, i64>(2)?,
                ))
            })?;
            rows.filter_map(std::result::Result::ok)
                .filter(|(_, _, contact)| now.since(Time(*contact)) > super::RESUME_WITHIN)
                .map(|(job, machine, _)| Ok((row::parse_id(&job)?, row::parse_id(&machine)?)))
                .collect::<Result<Vec<(JobId, MachineId)>>>()
        })?;
        for (job, machine) in running {
            self.write(|writing| {
                let connection = writing.transaction;
                let (Some(mut standing), Some(steps)) = (
                    row::load_standing(connection, job, machine)?,
                    load_job(connection, job)?.map(|job| job.steps),
                ) else {
                    return Ok(());
                };
                let before = standing.clone();
                if standing.tick(&steps, writing.now) {
                    if standing.state == JobState::Failed {
                        leave_half_written(writing, machine, before.begun.as_ref())?;
                    }
                    save_standing(connection, job, machine, &standing, writing.now)?;
                    note(writing, job, machine);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn change_standings(
        &self,
        job: JobId,
        actor: &Actor,
        verb: &str,
        machines: Option<&[MachineId]>,
        change: impl Fn(&mut Standing, Identity, Time) -> bool,
    ) -> Result<usize> {
        self.write(|writing| {
            let connection = writing.transaction;
            if load_job(connection, job)?.is_none() {
                return Err(Error::not_found("such job"));
            }
            let mut rows = Vec::new();
            {
                let mut statement = connection.prepare_cached(&format!("{} WHERE job = ?1", row::SELECT))?;
                let mut found = statement.query([job.to_string()])?;
                while let Some(row) = found.next()? {
                    rows.push(job_machine_of(row)?);
                }
            }
            let mut changed = Vec::new();
            for JobMachineRow {
                machine,
                mut standing,
                ..
            } in rows
            {
                if machines.is_some_and(|machines| !machines.contains(&machine)) {
                    continue;
                }
                let facts = load_machine(connection, machine)?
                    .map(|machine| machine.facts)
                    .unwrap_or_default();
                if change(&mut standing, Identity::of(&facts), writing.now) {
                    save_standing(connection, job, machine, &standing, writing.now)?;
                    note(writing, job, machine);
                    changed.push(machine);
                }
            }
            if !changed.is_empty() {
                let after = serde_json::json!({ "machines": changed });
                writing.audit(actor, verb, "job", job, None, Some(after))?;
            }
            Ok(changed.len())
        })
    }
}

/// Notes that a machine's place in a job changed, and with it the job and the machine.
pub(crate) fn note(writing: &mut Writing<'_>, job: JobId, machine: MachineId) {
    writing.changed(Subject::JobMachine { job, machine });
    writing.changed(Subject::Job { id: job });
    writing.changed(Subject::Machine { id: machine });
}

pub(crate) fn save_evidence(
    connection: &Connection,
    job: JobId,
    machine: MachineId,
    evidence: &Evidence,
    now: Time,
) -> Result<()> {
    let [log, dmesg, smart, screen] =
        [&evidence.log, &evidence.dmesg, &evidence.smart, &evidence.screen].map(|text| end_of(text));
    connection.execute(
        "INSERT OR REPLACE INTO evidence (job, machine, at, log, dmesg, smart, screen) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![job.to_string(), machine.to_string(), now.0, log, dmesg, smart, screen],
    )?;
    Ok(())
}

/// The end of a text, at most [`Evidence::MAX_LEN`] bytes of it.
fn end_of(text: &str) -> &str {
    let mut from = text.len().saturating_sub(Evidence::MAX_LEN);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}
