//! Settings and the appliance's own state.

use super::{document::tag, guard::By};
use crate::{
    extract::JsonBody,
    refusal::Refusal,
    state::Control,
    view::{Master, Server, Settings},
};
use axum::{Json, extract::State};

/// What the site decided.
#[utoipa::path(get, path = "/settings", tag = tag::SITE, responses((status = 200, body = Settings)))]
pub(super) async fn get_settings(State(control): State<Control>) -> Result<Json<Settings>, Refusal> {
    Ok(Json(control.catalog().settings().into()))
}

/// Changes what the site decided.
#[utoipa::path(put, path = "/settings", tag = tag::SITE, request_body = Settings,
    responses((status = 200, body = Settings)))]
pub(super) async fn put_settings(
    State(control): State<Control>,
    by: By,
    JsonBody(settings): JsonBody<Settings>,
) -> Result<Json<Settings>, Refusal> {
    let stored = control
        .blocking(move |control| control.catalog().put_settings(settings.into(), &by.actor))
        .await?;
    Ok(Json(stored.into()))
}

/// The appliance's own state.
#[utoipa::path(get, path = "/server", tag = tag::SITE, responses((status = 200, body = Server)))]
pub(super) async fn get_server(State(control): State<Control>) -> Result<Json<Server>, Refusal> {
    let (state, depot) = control
        .blocking(|control| {
            Ok::<_, Refusal>((control.appliance().state(), Master::warnings(control.depot())))
        })
        .await?;
    Ok(Json(Server {
        version: state.version,
        started_at: control.started_at().to_string(),
        now: control.catalog().now().to_string(),
        interfaces: state.interfaces,
        data: state.data,
        ca_fingerprint: state.ca_fingerprint,
        warnings: state.warnings.into_iter().chain(depot).collect(),
    }))
}
