//! Settings and the appliance's own state.

use super::document::tag;
use crate::{
    extract::JsonBody,
    refusal::Refusal,
    state::Control,
    view::{Server, Settings},
};
use axum::{Json, extract::State};

/// What the site decided.
#[utoipa::path(get, path = "/settings", tag = tag::SITE, responses((status = 200, body = Settings)))]
pub async fn get_settings(State(_control): State<Control>) -> Result<Json<Settings>, Refusal> {
    Err(Refusal::no_route())
}

/// Changes what the site decided.
#[utoipa::path(put, path = "/settings", tag = tag::SITE, request_body = Settings,
    responses((status = 200, body = Settings)))]
pub async fn put_settings(
    State(_control): State<Control>,
    JsonBody(_settings): JsonBody<Settings>,
) -> Result<Json<Settings>, Refusal> {
    Err(Refusal::no_route())
}

/// The appliance's own state.
#[utoipa::path(get, path = "/server", tag = tag::SITE, responses((status = 200, body = Server)))]
pub async fn get_server(State(_control): State<Control>) -> Result<Json<Server>, Refusal> {
    Err(Refusal::no_route())
}
