//! The depot under the agent API: the session's running step decides what it may do there.

use super::{Caller, start_given_step};
use crate::{extract::read_body, refusal::Refusal, state::Control};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use catalog::DepotRight;
use depot::{
    server::{Answer, FrameStream, Right},
    wire::{self, Call},
};
use protocol::MasterRef;
use std::convert::Infallible;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;

/// Frames of an answer that wait for a slow agent: so much of it is in memory at most.
const FRAMES_AHEAD: usize = 4;

pub(super) async fn answer(
    State(control): State<Control>,
    Caller(session): Caller,
    request: Request,
) -> Result<Response, Refusal> {
    start_given_step(&control, session).await?;
    let right = match control.catalog().depot_right(&session) {
        DepotRight::Read { master, version } => Right::Read {
            master: MasterRef {
                name: master,
                version: Some(version),
            },
        },
        DepotRight::Upload { master, .. } => Right::Upload { master },
        DepotRight::Nothing => return Err(nothing_running()),
    };
    // Nested routers show the rest of the path only; the depot's own base is what was cut off.
    let path = request.uri().path();
    let tail = path
        .strip_prefix(wire::BASE)
        .or_else(|| path.strip_prefix("/depot"))
        .unwrap_or(path);
    let call = Call::parse(request.method().as_str(), tail).ok_or_else(Refusal::no_route)?;
    let body = read_body(request.into_body(), call.body_limit()).await?;
    // What a machine sends is paced by its answer: it sends the next when it has it.
    tokio::time::sleep(control.pause_before(body.len())).await;
    let commits = call == Call::Commit;
    let answer = control
        .blocking(move |control| control.depot().answer(&right, call, &body))
        .await?;
    if commits {
        tracing::info!(machine = %session.machine, "a capture was committed");
    }
    Ok(match answer {
        Answer::Empty => StatusCode::NO_CONTENT.into_response(),
        Answer::Bytes(bytes) => ([(header::CONTENT_TYPE, wire::BYTES)], bytes).into_response(),
        Answer::Frames(frames) => {
            let turn = control
                .streams()
                .acquire_owned()
                .await
                .map_err(Refusal::internal)?;
            (
                [(header::CONTENT_TYPE, wire::BYTES)],
                stream(control, frames, turn),
            )
                .into_response()
        }
    })
}

fn stream(control: Control, frames: FrameStream, turn: OwnedSemaphorePermit) -> Body {
    let (sender, receiver) = mpsc::channel::<Result<Bytes, Infallible>>(FRAMES_AHEAD);
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let sent = frames.send(&mut |piece| {
            std::thread::sleep(control.pause_before(piece.len()));
            sender.blocking_send(Ok(piece)).is_ok()
        });
        if let Some(problem) = sent.problem {
            tracing::info!(%problem, frames = sent.frames, bytes = sent.bytes, "an answer of the depot broke off");
        }
    });
    Body::from_stream(ReceiverStream::new(receiver))
}

fn nothing_running() -> Refusal {
    Refusal::new(
        StatusCode::FORBIDDEN,
        "not-yours",
        "this session runs no step that works with the depot",
        "ask for a task first",
    )
}
