//! Jobs: create, follow, take back, try again, choose a disk.

use super::document::tag;
use crate::{
    extract::{JsonBody, PathOf, QueryOf},
    refusal::Refusal,
    state::Control,
    view::{DiskRequest, JobDetail, JobMachine, JobPage, NewJob, RetryRequest},
};
use axum::{Json, extract::State, http::StatusCode};
use protocol::{JobId, MachineId, agent::Evidence, job::JobState};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobQuery {
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
pub async fn list_jobs(
    State(_control): State<Control>,
    QueryOf(_query): QueryOf<JobQuery>,
) -> Result<Json<JobPage>, Refusal> {
    Err(Refusal::no_route())
}

/// Creates a job. The answer shows the rows that were created. The same `Idempotency-Key` with the same body brings the
/// same job again and creates none.
#[utoipa::path(post, path = "/jobs", tag = tag::JOBS, request_body = NewJob,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 visible characters; kept for a day")),
    responses((status = 201, body = JobDetail)))]
pub async fn create_job(
    State(_control): State<Control>,
    JsonBody(_request): JsonBody<NewJob>,
) -> Result<(StatusCode, Json<JobDetail>), Refusal> {
    Err(Refusal::no_route())
}

/// One job with a row per machine.
#[utoipa::path(get, path = "/jobs/{id}", tag = tag::JOBS, params(("id" = JobId, Path)),
    responses((status = 200, body = JobDetail)))]
pub async fn get_job(
    State(_control): State<Control>,
    PathOf(_id): PathOf<JobId>,
) -> Result<Json<JobDetail>, Refusal> {
    Err(Refusal::no_route())
}

/// Takes a job back. Machines that work on it stop at the next safe point.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = tag::JOBS, params(("id" = JobId, Path)),
    responses((status = 200, body = JobDetail)))]
pub async fn cancel_job(
    State(_control): State<Control>,
    PathOf(_id): PathOf<JobId>,
) -> Result<Json<JobDetail>, Refusal> {
    Err(Refusal::no_route())
}

/// A person's word that machines shall try again: those that failed, or those named.
#[utoipa::path(post, path = "/jobs/{id}/retry", tag = tag::JOBS, params(("id" = JobId, Path)),
    request_body = RetryRequest, responses((status = 200, body = JobDetail)))]
pub async fn retry_job(
    State(_control): State<Control>,
    PathOf(_id): PathOf<JobId>,
    JsonBody(_request): JsonBody<RetryRequest>,
) -> Result<Json<JobDetail>, Refusal> {
    Err(Refusal::no_route())
}

/// A person chooses the disk that the waiting step works on.
#[utoipa::path(post, path = "/jobs/{id}/machines/{machine}/disk", tag = tag::JOBS,
    params(("id" = JobId, Path), ("machine" = MachineId, Path)), request_body = DiskRequest,
    responses((status = 200, body = JobMachine)))]
pub async fn choose_disk(
    State(_control): State<Control>,
    PathOf((_id, _machine)): PathOf<(JobId, MachineId)>,
    JsonBody(_request): JsonBody<DiskRequest>,
) -> Result<Json<JobMachine>, Refusal> {
    Err(Refusal::no_route())
}

/// What a failed machine left to understand why.
#[utoipa::path(get, path = "/jobs/{id}/machines/{machine}/evidence", tag = tag::JOBS,
    params(("id" = JobId, Path), ("machine" = MachineId, Path)), responses((status = 200, body = Evidence)))]
pub async fn get_evidence(
    State(_control): State<Control>,
    PathOf((_id, _machine)): PathOf<(JobId, MachineId)>,
) -> Result<Json<Evidence>, Refusal> {
    Err(Refusal::no_route())
}
