//! Roles, who holds them where, and everybody's API tokens.

use super::{
    document::tag,
    guard::{By, not_allowed},
    tag::{IfMatch, with_tag},
};
use crate::{
    extract::{JsonBody, PathOf, QueryOf},
    refusal::Refusal,
    state::Control,
    view::{
        Grant, GrantList, MadeToken, NewGrant, NewRole, NewToken, PermissionList, Role, RoleList, TokenList,
        holder_of, texts,
    },
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use catalog::{GrantWish, Permission, PermissionSet, RoleWish, TokenWish};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

/// Every permission there is.
#[utoipa::path(get, path = "/permissions", tag = tag::PEOPLE, responses((status = 200, body = PermissionList)))]
pub(super) async fn list_permissions() -> Json<PermissionList> {
    Json(PermissionList {
        items: texts(PermissionSet::ALL),
    })
}

/// All roles.
#[utoipa::path(get, path = "/roles", tag = tag::PEOPLE, responses((status = 200, body = RoleList)))]
pub(super) async fn list_roles(State(control): State<Control>) -> Result<Json<RoleList>, Refusal> {
    let rows = control.blocking(|control| control.catalog().roles()).await?;
    Ok(Json(RoleList {
        items: rows.into_iter().map(Into::into).collect(),
    }))
}

/// Makes a role. Whoever makes it must hold all of it at the root.
#[utoipa::path(post, path = "/roles", tag = tag::PEOPLE, request_body = NewRole,
    responses((status = 201, body = Role)))]
pub(super) async fn create_role(
    State(control): State<Control>,
    by: By,
    JsonBody(role): JsonBody<NewRole>,
) -> Result<(StatusCode, Response), Refusal> {
    let wish = RoleWish::try_from(role)?;
    let row = control
        .blocking(move |control| {
            let rights = &by.caller.person.rights;
            control.catalog().create_role(&wish, &by.actor, rights)
        })
        .await?;
    Ok((StatusCode::CREATED, tagged(row.into())))
}

/// Changes an own role, for everybody who holds it.
#[utoipa::path(put, path = "/roles/{id}", tag = tag::PEOPLE, params(("id" = Uuid, Path), IfMatch),
    request_body = NewRole, responses((status = 200, body = Role)))]
pub(super) async fn change_role(
    State(control): State<Control>,
    PathOf(id): PathOf<Uuid>,
    by: By,
    expected: IfMatch,
    JsonBody(role): JsonBody<NewRole>,
) -> Result<Response, Refusal> {
    let wish = RoleWish::try_from(role)?;
    let expected = expected.revision();
    let row = control
        .blocking(move |control| {
            let rights = &by.caller.person.rights;
            control
                .catalog()
                .edit_role(id, &wish, expected, &by.actor, rights)
        })
        .await?;
    Ok(tagged(row.into()))
}

/// Deletes an own role that nobody holds.
#[utoipa::path(delete, path = "/roles/{id}", tag = tag::PEOPLE, params(("id" = Uuid, Path), IfMatch),
    responses((status = 204)))]
pub(super) async fn delete_role(
    State(control): State<Control>,
    PathOf(id): PathOf<Uuid>,
    by: By,
    expected: IfMatch,
) -> Result<StatusCode, Refusal> {
    let expected = expected.revision();
    control
        .blocking(move |control| control.catalog().delete_role(id, expected, &by.actor))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose roles.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct GrantQuery {
    /// Of this person themselves, without their teams.
    person: Option<Uuid>,
    /// Of this team.
    team: Option<Uuid>,
}

/// Who holds what where, as far as whoever asks may see it.
#[utoipa::path(get, path = "/grants", tag = tag::PEOPLE, params(GrantQuery),
    responses((status = 200, body = GrantList)))]
pub(super) async fn list_grants(
    State(control): State<Control>,
    by: By,
    QueryOf(query): QueryOf<GrantQuery>,
) -> Result<Json<GrantList>, Refusal> {
    let holder = holder_of(query.person, query.team)?;
    let rows = control
        .blocking(move |control| control.catalog().grants(&by.scope(), holder))
        .await?;
    Ok(Json(GrantList {
        items: rows.into_iter().map(Into::into).collect(),
    }))
}

/// Gives a role to a person or a team. Whoever gives it must hold all of it there.
#[utoipa::path(post, path = "/grants", tag = tag::PEOPLE, request_body = NewGrant,
    responses((status = 201, body = Grant)))]
pub(super) async fn give_role(
    State(control): State<Control>,
    by: By,
    JsonBody(grant): JsonBody<NewGrant>,
) -> Result<(StatusCode, Json<Grant>), Refusal> {
    let wish = GrantWish::try_from(grant)?;
    let row = control
        .blocking(move |control| -> Result<_, Refusal> {
            if !control.catalog().reaches_place(&by.scope(), wish.place)? {
                // As for a place that there is not.
                return Err(Refusal::unusable("there is no such place", "choose another"));
            }
            let rights = &by.caller.person.rights;
            Ok(control.catalog().give_role(&wish, &by.actor, rights)?)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// Takes a role back.
#[utoipa::path(delete, path = "/grants/{id}", tag = tag::PEOPLE, params(("id" = Uuid, Path)),
    responses((status = 204)))]
pub(super) async fn take_role(
    State(control): State<Control>,
    PathOf(id): PathOf<Uuid>,
    by: By,
) -> Result<StatusCode, Refusal> {
    control
        .blocking(move |control| {
            let rights = &by.caller.person.rights;
            control.catalog().take_role(id, &by.actor, rights, &by.scope())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Everybody's API tokens.
#[utoipa::path(get, path = "/tokens", tag = tag::PEOPLE, responses((status = 200, body = TokenList)))]
pub(super) async fn list_tokens(State(control): State<Control>) -> Result<Json<TokenList>, Refusal> {
    let rows = control.blocking(|control| control.catalog().tokens(None)).await?;
    Ok(Json(TokenList {
        items: rows.into_iter().map(Into::into).collect(),
    }))
}

/// Revokes anybody's API token.
#[utoipa::path(delete, path = "/tokens/{id}", tag = tag::PEOPLE, params(("id" = Uuid, Path)),
    responses((status = 204)))]
pub(super) async fn revoke_token(
    State(control): State<Control>,
    PathOf(id): PathOf<Uuid>,
    by: By,
) -> Result<StatusCode, Refusal> {
    control
        .blocking(move |control| control.catalog().revoke_token(id, None, &by.actor))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One's own API tokens.
#[utoipa::path(get, path = "/session/tokens", tag = tag::PEOPLE, responses((status = 200, body = TokenList)))]
pub(super) async fn list_own_tokens(
    State(control): State<Control>,
    by: By,
) -> Result<Json<TokenList>, Refusal> {
    let rows = control
        .blocking(move |control| control.catalog().tokens(Some(by.caller.person.id)))
        .await?;
    Ok(Json(TokenList {
        items: rows.into_iter().map(Into::into).collect(),
    }))
}

/// Makes an API token of one's own: it may no more than whoever makes it. It needs `token.create` there.
#[utoipa::path(post, path = "/session/tokens", tag = tag::PEOPLE, request_body = NewToken,
    responses((status = 201, body = MadeToken)))]
pub(super) async fn create_own_token(
    State(control): State<Control>,
    by: By,
    JsonBody(token): JsonBody<NewToken>,
) -> Result<(StatusCode, Json<MadeToken>), Refusal> {
    let wish = TokenWish::try_from(token)?;
    let (secret, row) = control
        .blocking(move |control| {
            let person = &by.caller.person;
            let may_make = person.rights.scope(Permission::TokenCreate);
            if !control.catalog().reaches_place(&may_make, wish.place)? {
                return Err(not_allowed("this needs the permission token.create there"));
            }
            let made = control
                .catalog()
                .create_token(person.id, &wish, &by.actor, &person.rights);
            made.map_err(Refusal::from)
        })
        .await?;
    let token = row.into();
    Ok((StatusCode::CREATED, Json(MadeToken { secret, token })))
}

/// Revokes an API token of one's own.
#[utoipa::path(delete, path = "/session/tokens/{id}", tag = tag::PEOPLE, params(("id" = Uuid, Path)),
    responses((status = 204)))]
pub(super) async fn revoke_own_token(
    State(control): State<Control>,
    PathOf(id): PathOf<Uuid>,
    by: By,
) -> Result<StatusCode, Refusal> {
    control
        .blocking(move |control| {
            let person = by.caller.person.id;
            control.catalog().revoke_token(id, Some(person), &by.actor)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn tagged(role: Role) -> Response {
    let tag = role.revision.to_string();
    with_tag(&tag, Json(role))
}
