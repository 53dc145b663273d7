//! Jobs: create, follow, take back, try again, choose a disk.

use super::{
    document::tag,
    guard::By,
    limit_of,
    tag::{IfMatch, with_tag},
};
use crate::{
    extract::{JsonBody, PathOf, QueryOf},
    refusal::Refusal,
    state::Control,
    view::{
        DepotVersions, DiskRequest, Job, JobDetail, JobJournal, JobMachine, JobPage, JobRules, NewJob,
        Preflight, RetryRequest,
    },
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use catalog::{JobFilter, JobWish, Permission, Scope, Target};
use depot::server::ProductionKey;
use protocol::{
    JobId, MachineId,
    agent::Evidence,
    job::{JobState, Step},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct JobQuery {
    /// `next` of the page before.
    after: Option<String>,
    /// Jobs per page, 1 to 200; 50 without it.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Only jobs with a machine in this state.
    state: Option<JobState>,
    /// Only jobs that this machine is in.
    machine: Option<MachineId>,
    /// Whose jobs; without it everybody's.
    whose: Option<Whose>,
}

/// Whose jobs.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Whose {
    /// Those of whoever asks.
    Mine,
    /// Everybody's.
    Everybodys,
}

impl Whose {
    /// The people whose jobs these are.
    fn people(self, by: &By) -> Option<Vec<String>> {
        match self {
            Self::Mine => Some(vec![by.actor.name.clone()]),
            Self::Everybodys => None,
        }
    }
}

/// The jobs, newest first.
#[utoipa::path(get, path = "/jobs", tag = tag::JOBS, params(JobQuery), responses((status = 200, body = JobPage)))]
pub(super) async fn list_jobs(
    State(control): State<Control>,
    by: By,
    QueryOf(query): QueryOf<JobQuery>,
) -> Result<Json<JobPage>, Refusal> {
    let filter = JobFilter {
        scope: by.scope(),
        after: super::after_of(query.after)?,
        limit: limit_of(query.limit)?,
        state: query.state,
        machine: query.machine,
        created_by: query.whose.and_then(|whose| whose.people(&by)),
    };
    let page = control
        .blocking(move |control| control.catalog().jobs(&filter))
        .await?;
    let next = page
        .items
        .last()
        .filter(|_| page.more)
        .map(|job| job.id.to_string());
    Ok(Json(JobPage {
        items: page.items.into_iter().map(Job::from).collect(),
        next,
        total: page.total,
    }))
}

/// Creates a job. The answer shows the rows that were created. The same `Idempotency-Key` with the same body brings the
/// same job again and creates none.
#[utoipa::path(post, path = "/jobs", tag = tag::JOBS, request_body = NewJob,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 visible characters; kept for a day")),
    responses((status = 201, body = JobDetail)))]
pub(super) async fn create_job(
    State(control): State<Control>,
    by: By,
    headers: HeaderMap,
    JsonBody(new): JsonBody<NewJob>,
) -> Result<(StatusCode, Json<JobDetail>), Refusal> {
    let key = idempotency_key(&headers)?;
    if new.target.is_some() && new.count.is_none() {
        return Err(Refusal::unusable(
            "a job for a target says how many machines the person saw",
            "ask for the preflight, and send its count",
        ));
    }
    let detail = control
        .blocking(move |control| -> Result<_, Refusal> {
            let versions = DepotVersions::of(control);
            let wish = wish_of(control, &by, new)?;
            let (job, _) = control
                .catalog()
                .create_job(wish, &versions, &by.actor, key.as_deref())?;
            detail(control, &by, job)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(detail)))
}

/// A wish, and where it may reach: where whoever makes it may run jobs, and capture if it captures.
fn wish_of(control: &Control, by: &By, new: NewJob) -> Result<JobWish, Refusal> {
    let captures = new.steps.iter().any(|step| matches!(step, Step::Capture { .. }));
    let mut wish = JobWish::try_from(new)?;
    wish.scope = by.scope_of(Permission::JobRun);
    if let Some(Target::Place { place }) = wish.target
        && !by.sees_place(control, place)?
    {
        return Err(Refusal::not_found("such place or group"));
    }
    by.check_machines(control, Permission::JobRun, &wish.machines)?;
    if captures {
        by.check_machines(control, Permission::MasterCreate, &wish.machines)?;
        if wish.target.is_some() && by.scope_of(Permission::MasterCreate) != Scope::Everything {
            return Err(Refusal::unusable(
                "one machine is captured, and this person captures not everywhere",
                "name the machine",
            ));
        }
    }
    Ok(wish)
}

/// What can be said before a job is made: its selection and its steps as they would be frozen, and remarks on each
/// machine. Nothing is kept.
#[utoipa::path(post, path = "/jobs/preflight", tag = tag::JOBS, request_body = NewJob,
    responses((status = 200, body = Preflight)))]
pub(super) async fn look_before_job(
    State(control): State<Control>,
    by: By,
    JsonBody(new): JsonBody<NewJob>,
) -> Result<Json<Preflight>, Refusal> {
    let found = control
        .blocking(move |control| -> Result<_, Refusal> {
            let versions = DepotVersions::of(control);
            Ok(control
                .catalog()
                .preflight(wish_of(control, &by, new)?, &versions)?)
        })
        .await?;
    Ok(Json(found.into()))
}

/// What the site decided of its jobs. Its `ETag` changes with it.
#[utoipa::path(get, path = "/settings/jobs", tag = tag::SITE,
    responses((status = 200, body = JobRules, headers(("ETag" = String, description = "tells these rules from others")))))]
pub(super) async fn get_job_rules(State(control): State<Control>) -> Response {
    tagged_rules(control.catalog().job_rules())
}

/// Changes what the site decided of its jobs.
#[utoipa::path(put, path = "/settings/jobs", tag = tag::SITE, request_body = JobRules, params(IfMatch),
    responses((status = 200, body = JobRules)))]
pub(super) async fn put_job_rules(
    State(control): State<Control>,
    by: By,
    expected: IfMatch,
    JsonBody(rules): JsonBody<JobRules>,
) -> Result<Response, Refusal> {
    if let Some(key) = &rules.production_key {
        ProductionKey::parse(key)?;
    }
    let stored = control
        .blocking(move |control| {
            control
                .catalog()
                .put_job_rules(rules.try_into()?, expected.tag(), &by.actor)
        })
        .await?;
    Ok(tagged_rules(stored))
}

fn tagged_rules(rules: catalog::JobRules) -> Response {
    with_tag(&rules.tag(), Json(JobRules::from(rules)))
}

/// What became of a machine in a job, in order and with its times.
#[utoipa::path(get, path = "/jobs/{id}/machines/{machine}/journal", tag = tag::JOBS,
    params(("id" = JobId, Path), ("machine" = MachineId, Path)), responses((status = 200, body = JobJournal)))]
pub(super) async fn get_journal(
    State(control): State<Control>,
    PathOf((id, machine)): PathOf<(JobId, MachineId)>,
) -> Result<Json<JobJournal>, Refusal> {
    let lines = control
        .blocking(move |control| control.catalog().job_journal(id, machine))
        .await?;
    // A row's first line is its creation; rows of before journals were kept have none.
    let items: Vec<_> = lines.into_iter().map(Into::into).collect();
    let is_there = control
        .blocking(move |control| control.catalog().job_machine(id, machine))
        .await?;
    is_there
        .map(|_| Json(JobJournal { items }))
        .ok_or_else(|| Refusal::not_found("such machine in this job"))
}

/// One job with a row per machine.
#[utoipa::path(get, path = "/jobs/{id}", tag = tag::JOBS, params(("id" = JobId, Path)),
    responses((status = 200, body = JobDetail)))]
pub(super) async fn get_job(
    State(control): State<Control>,
    PathOf(id): PathOf<JobId>,
    by: By,
) -> Result<Json<JobDetail>, Refusal> {
    control
        .blocking(move |control| detail(control, &by, id))
        .await
        .map(Json)
}

/// Takes a job back. Machines that work on it stop at the next safe point.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = tag::JOBS, params(("id" = JobId, Path)),
    responses((status = 200, body = JobDetail)))]
pub(super) async fn cancel_job(
    State(control): State<Control>,
    PathOf(id): PathOf<JobId>,
    by: By,
) -> Result<Json<JobDetail>, Refusal> {
    let cancelled = control.blocking(move |control| {
        control.catalog().cancel_job(id, &by.actor)?;
        detail(control, &by, id)
    });
    cancelled.await.map(Json)
}

/// A person's word that machines shall try again: those that failed, or those named.
#[utoipa::path(post, path = "/jobs/{id}/retry", tag = tag::JOBS, params(("id" = JobId, Path)),
    request_body = RetryRequest, responses((status = 200, body = JobDetail)))]
pub(super) async fn retry_job(
    State(control): State<Control>,
    PathOf(id): PathOf<JobId>,
    by: By,
    JsonBody(RetryRequest { machines }): JsonBody<RetryRequest>,
) -> Result<Json<JobDetail>, Refusal> {
    let retried = control.blocking(move |control| {
        control.catalog().retry_job(id, machines.as_deref(), &by.actor)?;
        detail(control, &by, id)
    });
    retried.await.map(Json)
}

/// A person chooses the disk that the waiting step works on.
#[utoipa::path(post, path = "/jobs/{id}/machines/{machine}/disk", tag = tag::JOBS,
    params(("id" = JobId, Path), ("machine" = MachineId, Path)), request_body = DiskRequest,
    responses((status = 200, body = JobMachine)))]
pub(super) async fn choose_disk(
    State(control): State<Control>,
    PathOf((id, machine)): PathOf<(JobId, MachineId)>,
    by: By,
    JsonBody(DiskRequest { disk }): JsonBody<DiskRequest>,
) -> Result<Json<JobMachine>, Refusal> {
    let chosen = control.blocking(move |control| {
        control.catalog().choose_disk(id, machine, &disk, &by.actor)?;
        JobMachine::find(control, id, machine)?.ok_or_else(|| Refusal::not_found("such machine in this job"))
    });
    chosen.await.map(Json)
}

/// What a failed machine left to understand why.
#[utoipa::path(get, path = "/jobs/{id}/machines/{machine}/evidence", tag = tag::JOBS,
    params(("id" = JobId, Path), ("machine" = MachineId, Path)), responses((status = 200, body = Evidence)))]
pub(super) async fn get_evidence(
    State(control): State<Control>,
    PathOf((id, machine)): PathOf<(JobId, MachineId)>,
) -> Result<Json<Evidence>, Refusal> {
    let found = control
        .blocking(move |control| control.catalog().evidence(id, machine))
        .await?;
    found
        .map(Json)
        .ok_or_else(|| Refusal::not_found("evidence of this machine"))
}

/// A job as far as whoever asks may see its machines.
fn detail(control: &Control, by: &By, id: JobId) -> Result<JobDetail, Refusal> {
    JobDetail::find(control, id, &by.scope_of(Permission::JobRead))?
        .ok_or_else(|| Refusal::not_found("such job"))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().ok().filter(|key| (1..=128).contains(&key.len()));
    match key.filter(|key| key.bytes().all(|byte| byte.is_ascii_graphic())) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(Refusal::unusable(
            "an idempotency key has 1 to 128 visible characters",
            "send a random one, a UUID for instance",
        )),
    }
}
