//! Settings and the appliance's own state.

use super::{
    document::tag,
    guard::By,
    tag::{IfMatch, with_tag},
};
use crate::{
    extract::JsonBody,
    refusal::Refusal,
    state::Control,
    view::{Master, Server, Settings},
};
use axum::{Json, extract::State, response::Response};

/// What the site decided. Its `ETag` changes with it.
#[utoipa::path(get, path = "/settings", tag = tag::SITE,
    responses((status = 200, body = Settings, headers(("ETag" = String, description = "tells these settings from others")))))]
pub(super) async fn get_settings(State(control): State<Control>) -> Response {
    tagged(control.catalog().settings())
}

fn tagged(settings: catalog::Settings) -> Response {
    with_tag(&settings.tag(), Json(Settings::from(settings)))
}

/// Changes what the site decided.
#[utoipa::path(put, path = "/settings", tag = tag::SITE, request_body = Settings, params(IfMatch),
    responses((status = 200, body = Settings)))]
pub(super) async fn put_settings(
    State(control): State<Control>,
    by: By,
    expected: IfMatch,
    JsonBody(settings): JsonBody<Settings>,
) -> Result<Response, Refusal> {
    let stored = control
        .blocking(move |control| {
            let expected = expected.tag();
            control
                .catalog()
                .put_settings(settings.into(), expected, &by.actor)
        })
        .await?;
    Ok(tagged(stored))
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
