//! The admin listener: the API under `/api/v1`, the page, `/healthz` and `/metrics`.

mod audit;
pub mod document;
mod events;
mod export;
mod guard;
mod jobs;
mod machines;
mod masters;
mod network;
mod people;
pub mod permission;
mod places;
mod probes;
mod rate;
mod records;
mod roles;
mod server;
mod sessions;
mod tag;

pub(crate) use rate::Rates;

use crate::{refusal::Refusal, state::Control};
use axum::{
    Router,
    http::header,
    middleware::{from_fn, from_fn_with_state},
    routing::get,
};

/// Everything on the admin listener, to be served over TLS. `page` answers whatever is not the API.
pub fn admin_router(control: Control, page: Router) -> Router {
    let (calls, _) = document::routes().split_for_parts();
    let calls = calls
        .route("/openapi.json", get(openapi))
        .fallback(|| async { Refusal::no_route() })
        .method_not_allowed_fallback(|| async { Refusal::wrong_method() })
        .route_layer(from_fn_with_state(control.clone(), guard::guard));
    Router::new()
        .nest(guard::BASE, calls)
        .route("/healthz", get(probes::health))
        .route("/metrics", get(probes::metrics))
        .with_state(control)
        .fallback_service(page)
        .layer(from_fn(guard::harden))
}

async fn openapi() -> ([(header::HeaderName, &'static str); 1], &'static str) {
    (
        [(header::CONTENT_TYPE, "application/json")],
        include_str!("../openapi.json"),
    )
}

/// How many rows a page has.
fn limit_of(asked: Option<u32>) -> Result<u32, Refusal> {
    match asked.unwrap_or(50) {
        limit @ 1..=200 => Ok(limit),
        other => Err(Refusal::unusable(
            format!("a page has 1 to 200 rows, not {other}"),
            "ask for less, and page on",
        )),
    }
}

/// The row behind which a page begins.
fn after_of<T: std::str::FromStr>(asked: Option<String>) -> Result<Option<T>, Refusal> {
    let parsed = asked.map(|text| text.parse()).transpose();
    parsed.map_err(|_| {
        Refusal::unusable(
            "this is no place in the list",
            "give back the `next` of the page before",
        )
    })
}
