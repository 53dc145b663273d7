//! Live events (server-sent events, WHATWG HTML §9.2).

mod stream;

use super::{document::tag, guard::By};
use crate::{refusal::Refusal, state::Control};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Pieces that wait for a slow page.
const AHEAD: usize = 16;

/// What happens, as it happens. `event:` is the kind, `data:` the changed object as its GET shows it: `machine` a
/// `Machine` (without the disks' contents), `job` a `Job`, `job-machine` a `JobMachine`, `master` a `Master`, `settings`
/// the `Settings`, `refusal` a `RefusalEvent`. `id:` is the event's number; send it back as `Last-Event-ID` to get what was
/// missed. Progress comes without `id:`. The stream begins with `ready`, or with `reset` when too much was missed: then
/// load everything again. A comment line every 15 s keeps the connection alive.
#[utoipa::path(get, path = "/events", tag = tag::SITE,
    params(("Last-Event-ID" = Option<u64>, Header, description = "number of the last event that was seen")),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(super) async fn follow_events(
    State(control): State<Control>,
    by: By,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let seen = match headers.get("last-event-id") {
        None => None,
        Some(value) => {
            let number = value.to_str().ok().and_then(|text| text.parse::<i64>().ok());
            Some(number.ok_or_else(|| {
                Refusal::unusable(
                    "Last-Event-ID is no event's number",
                    "send the number of the last event, or nothing",
                )
            })?)
        }
    };
    let place = control.hub().streams.clone().try_acquire_owned().map_err(|_| {
        Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-many-streams",
            "too many pages follow the events",
            "close some",
        )
        .with_retry_after(15)
    })?;
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        stream::follow(control, by.caller, seen, sender).await;
        drop(place);
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(ReceiverStream::new(receiver))).into_response())
}
