//! The agent API, `/agent/v1`: see `protocol::agent` for its calls.
//!
//! `hello` exchanges a boot token for a session key; every other call shows that key. The key decides everything: which
//! machine asks, which job it is in, and what it may read or send in the depot.

mod depot_calls;
mod task;

use crate::{
    extract::{JsonBody, Peer, bearer, parse_json, read_body},
    refusal::Refusal,
    state::Control,
    view::DepotVersions,
};
use axum::{
    Json, Router,
    body::HttpBody,
    extract::{FromRequestParts, Request, State},
    http::{StatusCode, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{any, get, post},
};
use catalog::{AgentSession, MenuOwner};
use protocol::{
    MachineId, Problem,
    agent::{
        AGENT_PROTOCOL, EntryPassword, Evidence, Hello, HelloReply, ProgressReply, ProgressReport,
        ReportReply, StepReport, WritingMark,
    },
    menu::{EntryKey, MenuLanguage},
};
use serde::Deserialize;

/// Facts of a machine with 60 full disks and what is on them.
const HELLO_MAX_LEN: usize = 4 * 1024 * 1024;
/// 64 characters, each of which may take six bytes of JSON.
const PASSWORD_MAX_LEN: usize = 1024;
const PROGRESS_MAX_LEN: usize = 16 * 1024;
/// Four texts of evidence, each character of which may take six bytes of JSON.
const REPORT_MAX_LEN: usize = 4 * 6 * Evidence::MAX_LEN + 256 * 1024;

/// Everything under `/agent/v1`, to be served over TLS on the agent listener.
pub fn agent_router(control: Control) -> Router {
    let calls = Router::new()
        .route("/hello", post(hello))
        .route("/task", get(task::next_task))
        .route("/entry/password", post(unlock_entry))
        .route("/local-boot", post(leave_for_disk))
        .route("/progress", post(progress))
        .route("/writing", post(start_writing))
        .route("/report", post(report))
        .route("/depot/{*call}", any(depot_calls::answer))
        .fallback(|| async { Refusal::no_route() })
        .method_not_allowed_fallback(|| async { Refusal::wrong_method() });
    Router::new()
        .nest("/agent/v1", calls)
        .fallback(|| async { Refusal::no_route() })
        .layer(from_fn_with_state(control.clone(), note_refusals))
        .with_state(control)
}

/// Exchanges a boot token for a session key.
async fn hello(State(control): State<Control>, request: Request) -> Result<Json<HelloReply>, Refusal> {
    let body = request.into_body();
    // A body that does not say how long it is may become as long as any.
    let declared = HttpBody::size_hint(&body).upper();
    let len = declared.and_then(|len| usize::try_from(len).ok());
    let _room = control
        .room_for_hello(len.unwrap_or(HELLO_MAX_LEN).min(HELLO_MAX_LEN))
        .await?;
    let body = read_body(body, HELLO_MAX_LEN).await?;
    // Before the rest: an agent of another version may say the rest differently.
    let Spoken { protocol } = parse_json(&body)?;
    if protocol != AGENT_PROTOCOL {
        return Err(wrong_protocol(protocol));
    }
    let hello: Hello = parse_json(&body)?;
    let welcome = control
        .blocking(move |control| {
            let mut welcome = control.catalog().hello(&hello)?;
            // What was chosen in the menu and wants no password begins now; why it does not is read on the screen.
            if let Some(key) = &welcome.entry
                && let Err(error) = open_entry(control, welcome.machine, key)
            {
                welcome.warnings.push(error.to_string());
            }
            Ok::<_, catalog::Error>(welcome)
        })
        .await?;
    let menu = control
        .catalog()
        .effective_menu(MenuOwner::Machine(welcome.machine));
    Ok(Json(HelloReply {
        session_key: welcome.session_key,
        machine: welcome.machine,
        name: welcome.name,
        unix_time_ms: control.catalog().now().unix_ms(),
        language: match menu.console().language {
            MenuLanguage::Fr => "fr".to_owned(),
            MenuLanguage::En => "en".to_owned(),
        },
        depot_key: control.depot().public_key().to_string(),
        warnings: welcome.warnings,
    }))
}

#[derive(Deserialize)]
struct Spoken {
    protocol: u32,
}

fn wrong_protocol(spoken: u32) -> Refusal {
    let code = if spoken < AGENT_PROTOCOL {
        "agent-too-old"
    } else {
        "agent-too-new"
    };
    Refusal::new(
        StatusCode::CONFLICT,
        code,
        format!("the agent speaks protocol {spoken}, this appliance speaks {AGENT_PROTOCOL}"),
        "restart the machine from the network: it gets the appliance's own agent",
    )
}

/// How far a running step has come.
async fn progress(
    State(control): State<Control>,
    Caller(session): Caller,
    JsonBody(report): JsonBody<ProgressReport, PROGRESS_MAX_LEN>,
) -> Result<Json<ProgressReply>, Refusal> {
    start_given_step(&control, session).await?;
    Ok(Json(control.catalog().progress(&session, report)?))
}

/// Somebody asked for the machine's own disk on its screen.
async fn leave_for_disk(State(control): State<Control>, Caller(session): Caller) -> Json<()> {
    control.catalog().leave_for_disk(&session);
    Json(())
}

/// A restore writes from now on: answered when that is kept.
async fn start_writing(
    State(control): State<Control>,
    Caller(session): Caller,
    JsonBody(mark): JsonBody<WritingMark, PROGRESS_MAX_LEN>,
) -> Result<Json<ProgressReply>, Refusal> {
    control
        .blocking(move |control| control.catalog().start_writing(&session, mark))
        .await
        .map(Json)
}

/// Makes what an entry of the menu stands for.
fn open_entry(control: &Control, machine: MachineId, key: &EntryKey) -> Result<(), catalog::Error> {
    let masters = DepotVersions::of(control);
    control.catalog().open_entry(machine, key, &masters)
}

/// The password of the entry that led the agent here.
async fn unlock_entry(
    State(control): State<Control>,
    Caller(session): Caller,
    JsonBody(EntryPassword { password }): JsonBody<EntryPassword, PASSWORD_MAX_LEN>,
) -> Result<Json<()>, Refusal> {
    control
        .hashing(move |control| {
            let key = control.catalog().unlock_entry(&session, &password)?;
            open_entry(control, session.machine, &key)
        })
        .await
        .map(Json)
}

/// Keeps the agent's first sign of work on a step, before anything is answered that concerns it.
async fn start_given_step(control: &Control, session: AgentSession) -> Result<(), Refusal> {
    if control.catalog().has_given_step(&session) {
        control
            .blocking(move |control| control.catalog().start_step(&session))
            .await?;
    }
    Ok(())
}

/// A step ended.
async fn report(
    State(control): State<Control>,
    Caller(session): Caller,
    JsonBody(report): JsonBody<StepReport, REPORT_MAX_LEN>,
) -> Result<Json<ReportReply>, Refusal> {
    control
        .blocking(move |control| control.catalog().report(&session, report))
        .await
        .map(Json)
}

/// The session whose key a call shows.
struct Caller(AgentSession);

impl FromRequestParts<Control> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, control: &Control) -> Result<Self, Refusal> {
        let key = bearer(&parts.headers).ok_or_else(|| {
            Refusal::new(
                StatusCode::UNAUTHORIZED,
                "no-session",
                "the call shows no session key",
                "restart the machine from the network to get one",
            )
        })?;
        Ok(Self(control.catalog().authenticate(key)?))
    }
}

/// Whoever is refused is logged, and seen on the page.
async fn note_refusals(State(control): State<Control>, request: Request, next: Next) -> Response {
    let peer = Peer::text(request.extensions());
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    if matches!(
        response.status(),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
    ) && let Some(problem) = response.extensions().get::<Problem>()
    {
        note_refusal(&control, peer, &path, problem.clone()).await;
    }
    response
}

pub(crate) async fn note_refusal(control: &Control, peer: Option<String>, path: &str, problem: Problem) {
    tracing::warn!(peer, path, code = problem.code, title = problem.title, "refused");
    let noted = control
        .blocking(move |control| {
            control
                .catalog()
                .note_refusal(peer, &problem.code, &problem.title)
        })
        .await;
    // The refusal stands whether it could be noted or not; why not is in the log.
    drop(noted);
}
