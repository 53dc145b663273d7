//! First administrator, log in, log out.

use super::document::tag;
use crate::{
    extract::JsonBody,
    refusal::Refusal,
    state::Control,
    view::{FirstAdministrator, LogIn, Session, Setup},
};
use axum::{Json, extract::State, http::StatusCode};

/// What the page needs to know before anybody is logged in.
#[utoipa::path(get, path = "/setup", tag = tag::PEOPLE, security(()), responses((status = 200, body = Setup)))]
pub async fn get_setup(State(_control): State<Control>) -> Result<Json<Setup>, Refusal> {
    Err(Refusal::no_route())
}

/// Makes the first administrator and logs them in.
#[utoipa::path(post, path = "/setup", tag = tag::PEOPLE, security(()), request_body = FirstAdministrator,
    responses((status = 201, body = Session)))]
pub async fn create_first_administrator(
    State(_control): State<Control>,
    JsonBody(_request): JsonBody<FirstAdministrator>,
) -> Result<(StatusCode, Json<Session>), Refusal> {
    Err(Refusal::no_route())
}

/// Logs in: the answer sets the cookie `amorce_session`.
#[utoipa::path(post, path = "/sessions", tag = tag::PEOPLE, security(()), request_body = LogIn,
    responses((status = 201, body = Session)))]
pub async fn log_in(
    State(_control): State<Control>,
    JsonBody(_request): JsonBody<LogIn>,
) -> Result<(StatusCode, Json<Session>), Refusal> {
    Err(Refusal::no_route())
}

/// Who is logged in.
#[utoipa::path(get, path = "/session", tag = tag::PEOPLE, responses((status = 200, body = Session)))]
pub async fn get_session(State(_control): State<Control>) -> Result<Json<Session>, Refusal> {
    Err(Refusal::no_route())
}

/// Logs out.
#[utoipa::path(delete, path = "/session", tag = tag::PEOPLE, responses((status = 204)))]
pub async fn log_out(State(_control): State<Control>) -> Result<StatusCode, Refusal> {
    Err(Refusal::no_route())
}
