//! How a job is made: its selection and its steps are frozen, once for an idempotency key.

use super::{
    preflight::check_production,
    row::{parse_id, save_standing},
    standing::Standing,
    target::selection_changed,
    wish::{JobWish, MasterVersions},
};
use crate::{
    Catalog,
    change::Subject,
    error::{Error, ErrorKind, Result},
    identity::Identity,
    machine::load_machine,
    people::Actor,
};
use protocol::JobId;
use rusqlite::{Connection, OptionalExtension, params};

impl Catalog {
    /// Creates a job and freezes what it is about. With an idempotency key, the same wish of the same person brings the job
    /// that was created the first time. Whether it was created now comes with it.
    ///
    /// # Errors
    /// When the wish cannot be meant, a machine is not there, the selection is not what the person saw, the preflight says
    /// something that was not accepted, or the key was used for another wish.
    pub fn create_job(
        &self,
        wish: JobWish,
        masters: &dyn MasterVersions,
        actor: &Actor,
        idempotency_key: Option<&str>,
    ) -> Result<(JobId, bool)> {
        let request = fingerprint(&wish)?;
        // Looked up first of all: the master may have been deleted since the first time.
        if let Some(key) = idempotency_key
            && let Some(job) = self
                .0
                .database
                .read(|transaction| replay(transaction, actor, key, request.as_bytes()))?
        {
            return Ok((job, false));
        }
        let seen = wish.count;
        let target = wish.target;
        let wish = self.selected(wish)?.freeze(masters)?;
        check_production(&self.job_rules(), &wish.steps, masters)?;
        if let Some(accepted) = &wish.accept {
            self.look_before(&wish, masters)?.check(accepted)?;
        }
        self.write(|writing| {
            let connection = writing.transaction;
            if let Some(key) = idempotency_key
                && let Some(job) = replay(connection, actor, key, request.as_bytes())?
            {
                return Ok((job, false));
            }
            // Masters were looked at meanwhile: somebody may have moved a machine.
            if let Some(target) = target {
                let now = target.machines(connection, &wish.scope, writing.now)?;
                if now != wish.machines {
                    return Err(selection_changed(seen.unwrap_or_default(), now.len()));
                }
            }
            let job = JobId::new();
            let title = wish.title.clone().unwrap_or_default();
            connection.execute(
                "INSERT INTO job (id, title, steps, created_at, created_by, schedule, target, retry_of)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    job.to_string(),
                    title,
                    serde_json::to_string(&wish.steps)?,
                    writing.now.0,
                    actor.name,
                    serde_json::to_string(&wish.schedule)?,
                    target.map(|target| serde_json::to_string(&target)).transpose()?,
                    target
                        .and_then(|target| target.retry_of())
                        .map(|job| job.to_string())
                ],
            )?;
            for id in &wish.machines {
                let machine = load_machine(connection, *id)?.ok_or_else(|| {
                    Error::invalid(
                        format!("there is no machine {id}"),
                        "select machines from the list",
                    )
                })?;
                let standing = Standing::new(Identity::of(&machine.facts), writing.now);
                save_standing(connection, job, *id, &standing, writing.now)?;
                writing.changed(Subject::JobMachine { job, machine: *id });
                writing.changed(Subject::Machine { id: *id });
            }
            if let Some(key) = idempotency_key {
                connection.execute(
                    "INSERT INTO idempotency (user, key, request, job, at) VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        actor.name,
                        key,
                        request.as_bytes(),
                        job.to_string(),
                        writing.now.0
                    ],
                )?;
            }
            let after = serde_json::json!({
                "title": title, "machines": wish.machines, "steps": wish.steps,
                "schedule": wish.schedule, "target": target, "accepted": wish.accept,
            });
            writing.audit(actor, "run", "job", job, None, Some(after))?;
            writing.changed(Subject::Job { id: job });
            Ok((job, true))
        })
    }

    /// A wish with the machines that its target means now.
    pub(super) fn selected(&self, mut wish: JobWish) -> Result<JobWish> {
        let Some(target) = wish.target else {
            self.check_machines(&wish.scope, &wish.machines)?;
            let seen = wish
                .count
                .filter(|seen| usize::try_from(*seen) != Ok(wish.machines.len()));
            return match seen {
                Some(seen) => Err(selection_changed(seen, wish.machines.len())),
                None => Ok(wish),
            };
        };
        if !wish.machines.is_empty() {
            return Err(Error::invalid(
                "a job is for a target or for machines that are named, not for both",
                "leave one of them out",
            ));
        }
        // Whose rights narrow what a target means is asked here, and again when the job is written.
        let machines = self
            .0
            .database
            .read(|transaction| target.machines(transaction, &wish.scope, self.now()))?;
        if let Some(seen) = wish
            .count
            .filter(|seen| usize::try_from(*seen) != Ok(machines.len()))
        {
            return Err(selection_changed(seen, machines.len()));
        }
        if machines.is_empty() {
            return Err(Error::new(
                ErrorKind::Conflict,
                "nobody-selected",
                "no machine belongs to what this job is for",
                "choose another place, group or job",
            ));
        }
        wish.machines = machines;
        Ok(wish)
    }
}

/// What tells a wish from another one under the same key.
fn fingerprint(wish: &JobWish) -> Result<blake3::Hash> {
    let whole = (
        (&wish.title, &wish.machines, &wish.steps),
        (&wish.target, &wish.count, &wish.schedule, &wish.accept),
    );
    Ok(blake3::hash(&serde_json::to_vec(&whole)?))
}

fn replay(connection: &Connection, actor: &Actor, key: &str, request: &[u8; 32]) -> Result<Option<JobId>> {
    let found: Option<(Vec<u8>, String)> = connection
        .query_row(
            "SELECT request, job FROM idempotency WHERE user = ?1 AND key = ?2",
            [&actor.name, key],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    match found {
        None => Ok(None),
        Some((known, job)) if known == request => Ok(Some(parse_id(&job)?)),
        Some(_) => Err(Error::new(
            ErrorKind::Invalid,
            "idempotency-key-reused",
            "this idempotency key was used for another job",
            "take a new key for each job",
        )),
    }
}
