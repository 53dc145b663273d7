//! Live events (server-sent events, WHATWG HTML §9.2).

use super::document::tag;
use crate::{refusal::Refusal, state::Control};
use axum::{extract::State, response::Response};

/// What happens, as it happens. `event:` is the kind, `data:` the changed object as its GET shows it: `machine` a
/// `Machine`, `job` a `Job`, `job-machine` a `JobMachine`, `master` a `Master`, `settings` the `Settings`, `refusal` a
/// `RefusalEvent`. `id:` is the event's number; send it back as `Last-Event-ID` to get what was missed. Progress comes
/// without `id:`. A `reset` event means that too much was missed: load everything again. A comment line every 15 s
/// keeps the connection alive.
#[utoipa::path(get, path = "/events", tag = tag::SITE,
    params(("Last-Event-ID" = Option<u64>, Header, description = "number of the last event that was seen")),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub async fn follow_events(State(_control): State<Control>) -> Result<Response, Refusal> {
    Err(Refusal::no_route())
}
