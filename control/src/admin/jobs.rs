//! Jobs: create, follow, take back, try again, choose a disk.

use super::{document::tag, guard::By, limit_of};
use crate::{
    extract::{JsonBody, PathOf, QueryOf},
    refusal::Refusal,
    state::Control,
    view::{DepotVersions, DiskRequest, Job, JobDetail, JobMachine, JobPage, NewJob, RetryRequest},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use catalog::{JobFilter, JobWish};
use protocol::{JobId, MachineId, agent::Evidence, job::JobState};
use serde::Deserialize;
use utoipa::IntoParams;

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
}

/// The jobs, newest first.
#[utoipa::path(get, path = "/jobs", tag = tag::JOBS, params(JobQuery), responses((status = 200, body = JobPage)))]
pub(super) async fn list_jobs(
    State(control): State<Control>,
    QueryOf(query): QueryOf<JobQuery>,
) -> Result<Json<JobPage>, Refusal> {
    let filter = JobFilter {
        after: super::after_of(query.after)?,
        limit: limit_of(query.limit)?,
        state: query.state,
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
    JsonBody(NewJob {
        title,
        machines,
        steps,
    }): JsonBody<NewJob>,
) -> Result<(StatusCode, Json<JobDetail>), Refusal> {
    let key = idempotency_key(&headers)?;
    let wish = JobWish {
        title,
        machines,
        steps,
    };
    let detail = control
        .blocking(move |control| {
            let versions = DepotVersions(control.depot());
            let (job, _) = control
                .catalog()
                .create_job(wish, &versions, &by.actor, key.as_deref())?;
            detail(control, job)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(detail)))
}

/// One job with a row per machine.
#[utoipa::path(get, path = "/jobs/{id}", tag = tag::JOBS, params(("id" = JobId, Path)),
    responses((status = 200, body = JobDetail)))]
pub(super) async fn get_job(
    State(control): State<Control>,
    PathOf(id): PathOf<JobId>,
) -> Result<Json<JobDetail>, Refusal> {
    control
        .blocking(move |control| detail(control, id))
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
        detail(control, id)
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
        detail(control, id)
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

fn detail(control: &Control, id: JobId) -> Result<JobDetail, Refusal> {
    JobDetail::find(control, id)?.ok_or_else(|| Refusal::not_found("such job"))
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
