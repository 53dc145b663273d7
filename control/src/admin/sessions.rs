//! First administrator, log in, log out.

use super::{
    document::tag,
    guard::{By, COOKIE, CalledFrom},
    permission::permissions,
};
use crate::{
    extract::JsonBody,
    refusal::Refusal,
    state::Control,
    view::{FirstAdministrator, LogIn, Session, Setup},
};
use axum::{Json, extract::State, http::StatusCode};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use catalog::Person;

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
    JsonBody(request): JsonBody<FirstAdministrator>,
) -> Result<(StatusCode, CookieJar, Json<Session>), Refusal> {
    let logged_in = control
        .hashing(move |control| {
            let FirstAdministrator { code, name, password } = request;
            control
                .catalog()
                .create_first_administrator(&code, &name, &password, peer.clone())?;
            control.catalog().log_in(&name, &password, peer)
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
    JsonBody(LogIn { name, password }): JsonBody<LogIn>,
) -> Result<(StatusCode, CookieJar, Json<Session>), Refusal> {
    let logged_in = control
        .hashing(move |control| control.catalog().log_in(&name, &password, peer))
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
        .blocking(move |control| control.catalog().log_out(&by.caller.cookie))
        .await?;
    let mut gone = cookie_of(String::new());
    gone.make_removal();
    Ok((StatusCode::NO_CONTENT, CookieJar::new().add(gone)))
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
        permissions: permissions(person.role)
            .iter()
            .map(|permission| permission.text().to_owned())
            .collect(),
        language: control.catalog().settings().language.into(),
        expires_at: person.expires_at.to_string(),
    }
}
