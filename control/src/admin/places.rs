//! Places, groups, who lies in them, and their boot menus.

use super::{document::tag, guard::By};
use crate::{
    extract::{JsonBody, PathOf},
    refusal::Refusal,
    state::Control,
    view::{MachinePlace, Menu, NewPlace, Place, PlaceChange, PlaceList, WholeMenu},
};
use axum::{Json, extract::State, http::StatusCode};
use catalog::MenuOwner;
use protocol::{MachineId, PlaceId};

/// All places and groups.
#[utoipa::path(get, path = "/places", tag = tag::PLACES, responses((status = 200, body = PlaceList)))]
pub(super) async fn list_places(State(control): State<Control>) -> Result<Json<PlaceList>, Refusal> {
    let rows = control.blocking(|control| control.catalog().places()).await?;
    Ok(Json(PlaceList {
        items: rows.into_iter().map(Into::into).collect(),
    }))
}

/// Makes a place or a group.
#[utoipa::path(post, path = "/places", tag = tag::PLACES, request_body = NewPlace,
    responses((status = 201, body = Place)))]
pub(super) async fn create_place(
    State(control): State<Control>,
    by: By,
    JsonBody(NewPlace { parent, kind, name }): JsonBody<NewPlace>,
) -> Result<(StatusCode, Json<Place>), Refusal> {
    let row = control
        .blocking(move |control| {
            control
                .catalog()
                .create_place(kind.into(), &name, parent, &by.actor)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// Renames a place or a group.
#[utoipa::path(patch, path = "/places/{id}", tag = tag::PLACES, params(("id" = PlaceId, Path)),
    request_body = PlaceChange, responses((status = 200, body = Place)))]
pub(super) async fn change_place(
    State(control): State<Control>,
    PathOf(id): PathOf<PlaceId>,
    by: By,
    JsonBody(PlaceChange { name }): JsonBody<PlaceChange>,
) -> Result<Json<Place>, Refusal> {
    let row = control
        .blocking(move |control| control.catalog().rename_place(id, &name, &by.actor))
        .await?;
    Ok(Json(row.into()))
}

/// Deletes a place or a group in which nothing lies.
#[utoipa::path(delete, path = "/places/{id}", tag = tag::PLACES, params(("id" = PlaceId, Path)),
    responses((status = 204)))]
pub(super) async fn delete_place(
    State(control): State<Control>,
    PathOf(id): PathOf<PlaceId>,
    by: By,
) -> Result<StatusCode, Refusal> {
    control
        .blocking(move |control| control.catalog().delete_place(id, &by.actor))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a place or a group decides of the boot menu, and what comes of it there.
#[utoipa::path(get, path = "/places/{id}/menu", tag = tag::PLACES, params(("id" = PlaceId, Path)),
    responses((status = 200, body = WholeMenu)))]
pub(super) async fn get_place_menu(
    State(control): State<Control>,
    PathOf(id): PathOf<PlaceId>,
) -> Result<Json<WholeMenu>, Refusal> {
    show(&control, MenuOwner::Place(id)).await
}

/// Replaces what a place or a group decides of the boot menu.
#[utoipa::path(put, path = "/places/{id}/menu", tag = tag::PLACES, params(("id" = PlaceId, Path)),
    request_body = Menu, responses((status = 200, body = WholeMenu)))]
pub(super) async fn put_place_menu(
    State(control): State<Control>,
    PathOf(id): PathOf<PlaceId>,
    by: By,
    JsonBody(menu): JsonBody<Menu>,
) -> Result<Json<WholeMenu>, Refusal> {
    put(&control, MenuOwner::Place(id), menu, by).await
}

/// What a machine's boot menu decides for it alone, and what it shows.
#[utoipa::path(get, path = "/machines/{id}/menu", tag = tag::PLACES, params(("id" = MachineId, Path)),
    responses((status = 200, body = WholeMenu)))]
pub(super) async fn get_machine_menu(
    State(control): State<Control>,
    PathOf(id): PathOf<MachineId>,
) -> Result<Json<WholeMenu>, Refusal> {
    show(&control, MenuOwner::Machine(id)).await
}

/// Replaces what a machine's boot menu decides for it alone.
#[utoipa::path(put, path = "/machines/{id}/menu", tag = tag::PLACES, params(("id" = MachineId, Path)),
    request_body = Menu, responses((status = 200, body = WholeMenu)))]
pub(super) async fn put_machine_menu(
    State(control): State<Control>,
    PathOf(id): PathOf<MachineId>,
    by: By,
    JsonBody(menu): JsonBody<Menu>,
) -> Result<Json<WholeMenu>, Refusal> {
    put(&control, MenuOwner::Machine(id), menu, by).await
}

/// Where a machine is.
#[utoipa::path(get, path = "/machines/{id}/place", tag = tag::PLACES, params(("id" = MachineId, Path)),
    responses((status = 200, body = MachinePlace)))]
pub(super) async fn get_machine_place(
    State(control): State<Control>,
    PathOf(id): PathOf<MachineId>,
) -> Result<Json<MachinePlace>, Refusal> {
    let found = control.blocking(move |control| -> Result<_, Refusal> {
        let machine = control.catalog().machine(id)?;
        machine.ok_or_else(|| Refusal::not_found("such machine"))?;
        Ok(control.catalog().places_of(id)?)
    });
    let (place, groups) = found.await?;
    Ok(Json(MachinePlace { place, groups }))
}

/// Puts a machine into a place and into these groups and no others.
#[utoipa::path(put, path = "/machines/{id}/place", tag = tag::PLACES, params(("id" = MachineId, Path)),
    request_body = MachinePlace, responses((status = 200, body = MachinePlace)))]
pub(super) async fn put_machine_place(
    State(control): State<Control>,
    PathOf(id): PathOf<MachineId>,
    by: By,
    JsonBody(wanted): JsonBody<MachinePlace>,
) -> Result<Json<MachinePlace>, Refusal> {
    let (place, groups) = control
        .blocking(move |control| {
            let MachinePlace { place, groups } = wanted;
            control.catalog().put_machine(id, place, &groups, &by.actor)?;
            control.catalog().places_of(id)
        })
        .await?;
    Ok(Json(MachinePlace { place, groups }))
}

async fn show(control: &Control, owner: MenuOwner) -> Result<Json<WholeMenu>, Refusal> {
    let shown = control.blocking(move |control| {
        let own = control.catalog().menu_level(owner)?;
        Ok::<_, catalog::Error>(WholeMenu::new(&own, control.catalog().effective_menu(owner)))
    });
    shown.await.map(Json)
}

async fn put(control: &Control, owner: MenuOwner, menu: Menu, by: By) -> Result<Json<WholeMenu>, Refusal> {
    // Passwords are hashed.
    let stored = control.hashing(move |control| {
        let own = control.catalog().put_menu(owner, menu.wish(), &by.actor)?;
        Ok(WholeMenu::new(&own, control.catalog().effective_menu(owner)))
    });
    stored.await.map(Json)
}
