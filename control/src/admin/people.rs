//! Other people's accounts and sessions, and teams.

use super::{
    document::tag,
    guard::By,
    tag::{IfMatch, with_tag},
};
use crate::{
    extract::{JsonBody, PathOf},
    refusal::Refusal,
    state::Control,
    view::{
        Account, AccountChange, AccountList, NewAccount, NewPassword, NewTeam, OpenSession, SessionList,
        Team, TeamList,
    },
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use catalog::{AccountEdit, AccountWish};
use uuid::Uuid;

/// Everybody, by name.
#[utoipa::path(get, path = "/people", tag = tag::PEOPLE, responses((status = 200, body = AccountList)))]
pub(super) async fn list_people(State(control): State<Control>) -> Result<Json<AccountList>, Refusal> {
    let rows = control.blocking(|control| control.catalog().accounts()).await?;
    Ok(Json(AccountList {
        items: rows.into_iter().map(Into::into).collect(),
    }))
}

/// Makes an account, which may do nothing until a role is given to it.
#[utoipa::path(post, path = "/people", tag = tag::PEOPLE, request_body = NewAccount,
    responses((status = 201, body = Account)))]
pub(super) async fn create_person(
    State(control): State<Control>,
    by: By,
    JsonBody(NewAccount {
        name,
        full_name,
        password,
    }): JsonBody<NewAccount>,
) -> Result<(StatusCode, Response), Refusal> {
    let wish = AccountWish {
        name,
        full_name,
        password,
    };
    let row = control
        .hashing(move |control| control.catalog().create_account(&wish, &by.actor))
        .await?;
    Ok((StatusCode::CREATED, tagged(row.into())))
}

/// One person's account. Its `ETag` changes with it.
#[utoipa::path(get, path = "/people/{id}", tag = tag::PEOPLE, params(("id" = Uuid, Path)),
    responses((status = 200, body = Account, headers(("ETag" = String, description = "the account's revision")))))]
pub(super) async fn get_person(
    State(control): State<Control>,
    PathOf(id): PathOf<Uuid>,
) -> Result<Response, Refusal> {
    let row = control
        .blocking(move |control| control.catalog().account(id))
        .await?;
    let row = row.ok_or_else(|| Refusal::not_found("such person"))?;
    Ok(tagged(row.into()))
}

/// Changes an account, or disables it: then its sessions end.
#[utoipa::path(patch, path = "/people/{id}", tag = tag::PEOPLE, params(("id" = Uuid, Path), IfMatch),
    request_body = AccountChange, responses((status = 200, body = Account)))]
pub(super) async fn change_person(
    State(control): State<Control>,
    PathOf(id): PathOf<Uuid>,
    by: By,
    expected: IfMatch,
    JsonBody(AccountChange { full_name, disabled }): JsonBody<AccountChange>,
) -> Result<Response, Refusal> {
    let edit = AccountEdit { full_name, disabled };
    let expected = expected.revision();
    let row = control
        .blocking(move |control| {
            let rights = &by.caller.person.rights;
            control
                .catalog()
                .edit_account(id, &edit, expected, &by.actor, rights)
        })
        .await?;
    Ok(tagged(row.into()))
}

/// A new password for somebody who forgot theirs. Their sessions end.
#[utoipa::path(put, path = "/people/{id}/password", tag = tag::PEOPLE, params(("id" = Uuid, Path)),
    request_body = NewPassword, responses((status = 204)))]
pub(super) async fn reset_password(
    State(control): State<Control>,
    PathOf(id): PathOf<Uuid>,
    by: By,
    JsonBody(NewPassword { password }): JsonBody<NewPassword>,
) -> Result<StatusCode, Refusal> {
    control
        .hashing(move |control| {
            let rights = &by.caller.person.rights;
            control.catalog().reset_password(id, &password, &by.actor, rights)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the second factor away from somebody who lost it. Their sessions end.
#[utoipa::path(delete, path = "/people/{id}/second-factor", tag = tag::PEOPLE, params(("id" = Uuid, Path)),
    responses((status = 204)))]
pub(super) async fn reset_second_factor(
    State(control): State<Control>,
    PathOf(id): PathOf<Uuid>,
    by: By,
) -> Result<StatusCode, Refusal> {
    control
        .blocking(move |control| {
            let rights = &by.caller.person.rights;
            control.catalog().reset_second_factor(id, &by.actor, rights)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where somebody is logged in.
#[utoipa::path(get, path = "/people/{id}/sessions", tag = tag::PEOPLE, params(("id" = Uuid, Path)),
    responses((status = 200, body = SessionList)))]
pub(super) async fn list_sessions_of_person(
    State(control): State<Control>,
    PathOf(id): PathOf<Uuid>,
    by: By,
) -> Result<Json<SessionList>, Refusal> {
    let rows = control.blocking(move |control| -> Result<_, Refusal> {
        let account = control.catalog().account(id)?;
        account.ok_or_else(|| Refusal::not_found("such person"))?;
        Ok(control.catalog().sessions(id)?)
    });
    let current = by.caller.person.session;
    let items = rows.await?.into_iter();
    Ok(Json(SessionList {
        items: items.map(|row| OpenSession::of(row, current)).collect(),
    }))
}

/// Logs somebody out everywhere.
#[utoipa::path(delete, path = "/people/{id}/sessions", tag = tag::PEOPLE, params(("id" = Uuid, Path)),
    responses((status = 204)))]
pub(super) async fn end_sessions_of_person(
    State(control): State<Control>,
    PathOf(id): PathOf<Uuid>,
    by: By,
) -> Result<StatusCode, Refusal> {
    control
        .blocking(move |control| control.catalog().end_sessions(id, &by.actor))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Logs somebody out in one place.
#[utoipa::path(delete, path = "/people/{id}/sessions/{session}", tag = tag::PEOPLE,
    params(("id" = Uuid, Path), ("session" = Uuid, Path)), responses((status = 204)))]
pub(super) async fn end_session_of_person(
    State(control): State<Control>,
    PathOf((id, session)): PathOf<(Uuid, Uuid)>,
    by: By,
) -> Result<StatusCode, Refusal> {
    control
        .blocking(move |control| control.catalog().end_session(id, session, &by.actor))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// All teams.
#[utoipa::path(get, path = "/teams", tag = tag::PEOPLE, responses((status = 200, body = TeamList)))]
pub(super) async fn list_teams(State(control): State<Control>) -> Result<Json<TeamList>, Refusal> {
    let rows = control.blocking(|control| control.catalog().teams()).await?;
    Ok(Json(TeamList {
        items: rows.into_iter().map(Into::into).collect(),
    }))
}

/// Makes a team.
#[utoipa::path(post, path = "/teams", tag = tag::PEOPLE, request_body = NewTeam,
    responses((status = 201, body = Team)))]
pub(super) async fn create_team(
    State(control): State<Control>,
    by: By,
    JsonBody(team): JsonBody<NewTeam>,
) -> Result<(StatusCode, Response), Refusal> {
    let row = control
        .blocking(move |control| control.catalog().create_team(&team.into(), &by.actor))
        .await?;
    Ok((StatusCode::CREATED, tagged_team(row.into())))
}

/// Changes a team: whoever changes who is in it must hold all that it holds.
#[utoipa::path(put, path = "/teams/{id}", tag = tag::PEOPLE, params(("id" = Uuid, Path), IfMatch),
    request_body = NewTeam, responses((status = 200, body = Team)))]
pub(super) async fn change_team(
    State(control): State<Control>,
    PathOf(id): PathOf<Uuid>,
    by: By,
    expected: IfMatch,
    JsonBody(team): JsonBody<NewTeam>,
) -> Result<Response, Refusal> {
    let expected = expected.revision();
    let row = control
        .blocking(move |control| {
            let rights = &by.caller.person.rights;
            control
                .catalog()
                .edit_team(id, &team.into(), expected, &by.actor, rights)
        })
        .await?;
    Ok(tagged_team(row.into()))
}

/// Deletes a team, and with it the roles that it holds.
#[utoipa::path(delete, path = "/teams/{id}", tag = tag::PEOPLE, params(("id" = Uuid, Path), IfMatch),
    responses((status = 204)))]
pub(super) async fn delete_team(
    State(control): State<Control>,
    PathOf(id): PathOf<Uuid>,
    by: By,
    expected: IfMatch,
) -> Result<StatusCode, Refusal> {
    let expected = expected.revision();
    control
        .blocking(move |control| {
            let rights = &by.caller.person.rights;
            control.catalog().delete_team(id, expected, &by.actor, rights)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn tagged(account: Account) -> Response {
    let tag = account.revision.to_string();
    with_tag(&tag, Json(account))
}

fn tagged_team(team: Team) -> Response {
    let tag = team.revision.to_string();
    with_tag(&tag, Json(team))
}
