//! First administrator, log in, log out.

use super::{
    document::tag,
    guard::{By, COOKIE, CalledFrom},
};
use crate::{
    extract::{JsonBody, PathOf},
    refusal::Refusal,
    state::Control,
    view::{
        FirstAdministrator, LogIn, OpenSession, PasswordAgain, PasswordChange, RecoveryCodes, SecondFactor,
        SecondFactorCode, Session, SessionList, Setup, texts,
    },
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use catalog::Person;
use uuid::Uuid;

/// What the page needs to know before anybody is logged in.
#[utoipa::path(get, path = "/setup", tag = tag::PEOPLE, security(()), responses((status = 200, body = Setup)))]
pub(super) async fn get_setup(State(control): State<Control>) -> Result<Json<Setup>, Refusal> {
    let needs_first_administrator = control
        .blocking(|control| control.catalog().needs_first_administrator())
        .await?;
    Ok(Json(Setup {
        needs_first_administrator,
        language: control.catalog().settings().language.into(),
    }))
}

/// Makes the first administrator and logs them in.
#[utoipa::path(post, path = "/setup", tag = tag::PEOPLE, security(()), request_body = FirstAdministrator,
    responses((status = 201, body = Session)))]
pub(super) async fn create_first_administrator(
    State(control): State<Control>,
    CalledFrom(peer): CalledFrom,
    headers: HeaderMap,
    JsonBody(request): JsonBody<FirstAdministrator>,
) -> Result<(StatusCode, CookieJar, Json<Session>), Refusal> {
    let agent = agent_of(&headers);
    let logged_in = control
        .hashing(move |control| {
            let FirstAdministrator { code, name, password } = request;
            control
                .catalog()
                .create_first_administrator(&code, &name, &password, peer.clone())?;
            control.catalog().log_in(&catalog::LogIn {
                name,
                password,
                code: None,
                peer,
                agent,
            })
        })
        .await?;
    Ok(created(&control, logged_in))
}

/// Logs in: the answer sets the cookie `amorce_session`.
#[utoipa::path(post, path = "/sessions", tag = tag::PEOPLE, security(()), request_body = LogIn,
    responses((status = 201, body = Session)))]
pub(super) async fn log_in(
    State(control): State<Control>,
    CalledFrom(peer): CalledFrom,
    headers: HeaderMap,
    JsonBody(LogIn { name, password, code }): JsonBody<LogIn>,
) -> Result<(StatusCode, CookieJar, Json<Session>), Refusal> {
    let log_in = catalog::LogIn {
        name,
        password,
        code,
        peer,
        agent: agent_of(&headers),
    };
    let logged_in = control
        .hashing(move |control| control.catalog().log_in(&log_in))
        .await?;
    Ok(created(&control, logged_in))
}

/// Who is logged in.
#[utoipa::path(get, path = "/session", tag = tag::PEOPLE, responses((status = 200, body = Session)))]
pub(super) async fn get_session(State(control): State<Control>, by: By) -> Result<Json<Session>, Refusal> {
    Ok(Json(session(&control, &by.caller.person)))
}

/// Logs out.
#[utoipa::path(delete, path = "/session", tag = tag::PEOPLE, responses((status = 204)))]
pub(super) async fn log_out(
    State(control): State<Control>,
    by: By,
) -> Result<(StatusCode, CookieJar), Refusal> {
    control
        .blocking(move |control| {
            let person = &by.caller.person;
            control
                .catalog()
                .end_session(person.id, person.session, &by.actor)
        })
        .await?;
    let mut gone = cookie_of(String::new());
    gone.make_removal();
    Ok((StatusCode::NO_CONTENT, CookieJar::new().add(gone)))
}

/// Where one is logged in oneself.
#[utoipa::path(get, path = "/sessions", tag = tag::PEOPLE, responses((status = 200, body = SessionList)))]
pub(super) async fn list_sessions(
    State(control): State<Control>,
    by: By,
) -> Result<Json<SessionList>, Refusal> {
    let (person, current) = (by.caller.person.id, by.caller.person.session);
    let rows = control
        .blocking(move |control| control.catalog().sessions(person))
        .await?;
    Ok(Json(SessionList {
        items: rows
            .into_iter()
            .map(|row| OpenSession::of(row, current))
            .collect(),
    }))
}

/// Ends a session of one's own.
#[utoipa::path(delete, path = "/sessions/{id}", tag = tag::PEOPLE, params(("id" = Uuid, Path)),
    responses((status = 204)))]
pub(super) async fn end_session(
    State(control): State<Control>,
    PathOf(id): PathOf<Uuid>,
    by: By,
) -> Result<StatusCode, Refusal> {
    control
        .blocking(move |control| control.catalog().end_session(by.caller.person.id, id, &by.actor))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes one's own password. All other sessions end.
#[utoipa::path(put, path = "/session/password", tag = tag::PEOPLE, request_body = PasswordChange,
    responses((status = 204)))]
pub(super) async fn change_password(
    State(control): State<Control>,
    by: By,
    JsonBody(PasswordChange { old, new }): JsonBody<PasswordChange>,
) -> Result<StatusCode, Refusal> {
    control
        .hashing(move |control| {
            control
                .catalog()
                .change_password(&by.caller.person, &old, &new, &by.actor)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begins a second factor. The secret is shown this once, and counts once a code of it was sent.
#[utoipa::path(post, path = "/session/second-factor", tag = tag::PEOPLE, request_body = PasswordAgain,
    responses((status = 201, body = SecondFactor)))]
pub(super) async fn offer_second_factor(
    State(control): State<Control>,
    by: By,
    JsonBody(PasswordAgain { password }): JsonBody<PasswordAgain>,
) -> Result<(StatusCode, Json<SecondFactor>), Refusal> {
    let offer = control
        .hashing(move |control| {
            control
                .catalog()
                .offer_second_factor(&by.caller.person, &password, &by.actor)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(offer.into())))
}

/// Confirms the second factor by a code of it. All other sessions end; the answer has the recovery codes, this once.
#[utoipa::path(put, path = "/session/second-factor", tag = tag::PEOPLE, request_body = SecondFactorCode,
    responses((status = 200, body = RecoveryCodes)))]
pub(super) async fn confirm_second_factor(
    State(control): State<Control>,
    by: By,
    JsonBody(SecondFactorCode { code }): JsonBody<SecondFactorCode>,
) -> Result<Json<RecoveryCodes>, Refusal> {
    let codes = control
        .blocking(move |control| {
            control
                .catalog()
                .confirm_second_factor(&by.caller.person, &code, &by.actor)
        })
        .await?;
    Ok(Json(RecoveryCodes { codes }))
}

/// Removes one's own second factor.
#[utoipa::path(post, path = "/session/second-factor/removal", tag = tag::PEOPLE, request_body = PasswordAgain,
    responses((status = 204)))]
pub(super) async fn remove_second_factor(
    State(control): State<Control>,
    by: By,
    JsonBody(PasswordAgain { password }): JsonBody<PasswordAgain>,
) -> Result<StatusCode, Refusal> {
    control
        .hashing(move |control| {
            control
                .catalog()
                .remove_second_factor(&by.caller.person, &password, &by.actor)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn agent_of(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(agent.to_owned())
}

/// Whoever logs in gets a new session, whatever cookie was shown: nobody can plant one.
fn created(control: &Control, (cookie, person): (String, Person)) -> (StatusCode, CookieJar, Json<Session>) {
    (
        StatusCode::CREATED,
        CookieJar::new().add(cookie_of(cookie)),
        Json(session(control, &person)),
    )
}

fn cookie_of(value: String) -> Cookie<'static> {
    Cookie::build((COOKIE, value))
        .path("/")
        .http_only(true)
        .secure(true)
        .same_site(SameSite::Strict)
        .build()
}

fn session(control: &Control, person: &Person) -> Session {
    Session {
        user: person.id,
        name: person.name.clone(),
        permissions: texts(person.rights.held_somewhere()),
        permissions_everywhere: texts(person.rights.at_the_root()),
        has_second_factor: person.has_second_factor,
        language: control.catalog().settings().language.into(),
        expires_at: person.expires_at.to_string(),
    }
}
