//! Places, groups, who lies in them, and their boot menus.

use super::{
    document::tag,
    guard::{By, not_allowed},
};
use crate::{
    extract::{JsonBody, PathOf},
    refusal::Refusal,
    state::Control,
    view::{
        Favourite, GroupQuery, MachinePlace, Menu, NewPlace, Place, PlaceChange, PlaceImport,
        PlaceImportOutcome, PlaceKind, PlaceList, PlaceMembers, PlaceMembersOutcome, RoomPlan, WholeMenu,
    },
};
use axum::{Json, extract::State, http::StatusCode};
use catalog::{MenuOwner, Permission, PlaceEdit, ROOT, Scope};
use protocol::{MachineId, PlaceId};

/// All places and groups.
#[utoipa::path(get, path = "/places", tag = tag::PLACES, responses((status = 200, body = PlaceList)))]
pub(super) async fn list_places(State(control): State<Control>, by: By) -> Result<Json<PlaceList>, Refusal> {
    let person = by.caller.person.id;
    let seen = by.scope_of(Permission::MachineRead);
    let (places, groups) = (by.scope(), by.scope_of(Permission::GroupRead));
    let items = control.blocking(move |control| {
        let catalog = control.catalog();
        let (machines, favourites) = (catalog.machines_of_places(&seen)?, catalog.favourites(person)?);
        let rows = catalog.places(&places, &groups)?.into_iter();
        Ok::<_, catalog::Error>(rows.map(|row| Place::new(row, &machines, &favourites)).collect())
    });
    Ok(Json(PlaceList { items: items.await? }))
}

/// A place that was just changed.
fn changed(control: &Control, row: catalog::PlaceRow, by: &By) -> Result<Place, catalog::Error> {
    let catalog = control.catalog();
    let favourites = catalog.favourites(by.caller.person.id)?;
    let seen = by.scope_of(Permission::MachineRead);
    Ok(Place::new(row, &catalog.machines_of_places(&seen)?, &favourites))
}

/// Makes a place or a group.
#[utoipa::path(post, path = "/places", tag = tag::PLACES, request_body = NewPlace,
    responses((status = 201, body = Place)))]
pub(super) async fn create_place(
    State(control): State<Control>,
    by: By,
    JsonBody(wanted): JsonBody<NewPlace>,
) -> Result<(StatusCode, Json<Place>), Refusal> {
    let NewPlace {
        parent,
        kind,
        name,
        query,
    } = wanted;
    let made = control.blocking(move |control| {
        let needed = match kind {
            PlaceKind::Group => Permission::GroupEdit,
            _ => Permission::PlaceCreate,
        };
        check_places(control, &by, needed, &[parent])?;
        check_query(control, &by, query.as_ref())?;
        let row = match query {
            None => control
                .catalog()
                .create_place(kind.into(), &name, parent, &by.actor)?,
            Some(query) if kind == PlaceKind::Group => {
                let query = query.into();
                control
                    .catalog()
                    .create_found_group(&name, parent, query, &by.actor)?
            }
            Some(_) => {
                return Err(Refusal::unusable(
                    "only a group finds its members",
                    "leave the query out, or make a group",
                ));
            }
        };
        Ok(changed(control, row, &by)?)
    });
    Ok((StatusCode::CREATED, Json(made.await?)))
}

/// Renames a place or a group, moves it, or changes what is known of it.
#[utoipa::path(patch, path = "/places/{id}", tag = tag::PLACES, params(("id" = PlaceId, Path)),
    request_body = PlaceChange, responses((status = 200, body = Place)))]
pub(super) async fn change_place(
    State(control): State<Control>,
    PathOf(id): PathOf<PlaceId>,
    by: By,
    JsonBody(change): JsonBody<PlaceChange>,
) -> Result<Json<Place>, Refusal> {
    let edit = PlaceEdit {
        name: change.name,
        parent: change.parent,
        note: change.note,
        query: change.query.clone().map(Into::into),
        master: change.master,
    };
    let edited = control.blocking(move |control| -> Result<_, Refusal> {
        check_query(control, &by, change.query.as_ref())?;
        if let Some(parent) = edit.parent {
            let needed = match control.catalog().place_kind(id)? {
                Some(catalog::PlaceKind::Group) => Permission::GroupEdit,
                _ => Permission::PlaceEdit,
            };
            check_places(control, &by, needed, &[parent])?;
        }
        let row = control.catalog().edit_place(id, edit, &by.actor)?;
        Ok(changed(control, row, &by)?)
    });
    edited.await.map(Json)
}

/// Moves machines into a place or adds them to a group; and takes others out of it.
#[utoipa::path(post, path = "/places/{id}/machines", tag = tag::PLACES, params(("id" = PlaceId, Path)),
    request_body = PlaceMembers, responses((status = 200, body = PlaceMembersOutcome)))]
pub(super) async fn put_place_machines(
    State(control): State<Control>,
    PathOf(id): PathOf<PlaceId>,
    by: By,
    JsonBody(PlaceMembers { add, remove }): JsonBody<PlaceMembers>,
) -> Result<Json<PlaceMembersOutcome>, Refusal> {
    let put = control.blocking(move |control| -> Result<_, Refusal> {
        by.check_machines(control, Permission::MachineEdit, &add)?;
        by.check_machines(control, Permission::MachineEdit, &remove)?;
        if by.scope_of(Permission::MachineEdit) != Scope::Everything
            && control.catalog().place_kind(id)? != Some(catalog::PlaceKind::Group)
        {
            // Taken out of a place, a machine is at the root: it is carried from place to place instead.
            check_places(control, &by, Permission::MachineEdit, &[id])?;
            if !remove.is_empty() {
                return Err(not_allowed("this needs the permission machine.edit at the root"));
            }
        }
        Ok(control.catalog().put_machines(id, &add, &remove, &by.actor)?)
    });
    let (added, removed) = put.await?;
    Ok(Json(PlaceMembersOutcome { added, removed }))
}

/// Puts the machines that a list names into a place or a group.
#[utoipa::path(post, path = "/places/{id}/import", tag = tag::PLACES, params(("id" = PlaceId, Path)),
    request_body = PlaceImport, responses((status = 200, body = PlaceImportOutcome)))]
pub(super) async fn import_place_machines(
    State(control): State<Control>,
    PathOf(id): PathOf<PlaceId>,
    by: By,
    JsonBody(PlaceImport { list, rehearse }): JsonBody<PlaceImport>,
) -> Result<Json<PlaceImportOutcome>, Refusal> {
    let imported = control.blocking(move |control| {
        let named = control.catalog().machines_named(&list)?;
        by.check_machines(control, Permission::MachineEdit, &named.found)?;
        let (added, _) = match rehearse {
            true => (0, 0),
            false => control.catalog().put_machines(id, &named.found, &[], &by.actor)?,
        };
        Ok::<_, Refusal>(PlaceImportOutcome {
            found: named.found,
            added,
            unknown: named.unknown,
            ambiguous: named.ambiguous,
        })
    });
    imported.await.map(Json)
}

/// A room's plan.
#[utoipa::path(get, path = "/places/{id}/plan", tag = tag::PLACES, params(("id" = PlaceId, Path)),
    responses((status = 200, body = RoomPlan)))]
pub(super) async fn get_room_plan(
    State(control): State<Control>,
    PathOf(id): PathOf<PlaceId>,
) -> Result<Json<RoomPlan>, Refusal> {
    let plan = control.blocking(move |control| control.catalog().plan_of_room(id));
    Ok(Json(plan.await?.into()))
}

/// Draws a room's plan anew.
#[utoipa::path(put, path = "/places/{id}/plan", tag = tag::PLACES, params(("id" = PlaceId, Path)),
    request_body = RoomPlan, responses((status = 200, body = RoomPlan)))]
pub(super) async fn put_room_plan(
    State(control): State<Control>,
    PathOf(id): PathOf<PlaceId>,
    by: By,
    JsonBody(plan): JsonBody<RoomPlan>,
) -> Result<Json<RoomPlan>, Refusal> {
    let stored = control.blocking(move |control| {
        control.catalog().put_plan(id, &plan.into(), &by.actor)?;
        control.catalog().plan_of_room(id)
    });
    Ok(Json(stored.await?.into()))
}

/// Keeps a place or a group at hand for the one who asks.
#[utoipa::path(put, path = "/places/{id}/favourite", tag = tag::PLACES, params(("id" = PlaceId, Path)),
    request_body = Favourite, responses((status = 204)))]
pub(super) async fn put_favourite(
    State(control): State<Control>,
    PathOf(id): PathOf<PlaceId>,
    by: By,
    JsonBody(Favourite { kept }): JsonBody<Favourite>,
) -> Result<StatusCode, Refusal> {
    let person = by.caller.person.id;
    control
        .blocking(move |control| control.catalog().set_favourite(person, id, kept))
        .await?;
    Ok(StatusCode::NO_CONTENT)
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
    by: By,
) -> Result<Json<MachinePlace>, Refusal> {
    let found = control.blocking(move |control| -> Result<_, Refusal> {
        let machine = control.catalog().machine(id)?;
        machine.ok_or_else(|| Refusal::not_found("such machine"))?;
        where_it_is(control, &by, id)
    });
    found.await.map(Json)
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
    let put = control.blocking(move |control| {
        let MachinePlace { place, mut groups } = wanted;
        let (place_now, groups_now) = control.catalog().places_of(id)?;
        if place != place_now {
            // To where it is carried as from where: else a machine could be put out of everybody's reach.
            check_places(control, &by, Permission::MachineEdit, &[place.unwrap_or(ROOT)])?;
        }
        let seen = by.scope_of(Permission::GroupRead);
        for group in &groups_now {
            // What whoever asks does not see stays as it is.
            if !groups.contains(group) && !control.catalog().reaches_place(&seen, *group)? {
                groups.push(*group);
            }
        }
        let came = groups.iter().filter(|group| !groups_now.contains(group));
        let left = groups_now.iter().filter(|group| !groups.contains(group));
        let changed: Vec<PlaceId> = came.chain(left).copied().collect();
        check_places(control, &by, Permission::GroupEdit, &changed)?;
        control.catalog().put_machine(id, place, &groups, &by.actor)?;
        where_it_is(control, &by, id)
    });
    put.await.map(Json)
}

/// Where a machine is, as far as whoever asks may see places and groups.
fn where_it_is(control: &Control, by: &By, id: MachineId) -> Result<MachinePlace, Refusal> {
    let (place, groups) = control.catalog().places_of(id)?;
    let seen = by.scope_of(Permission::GroupRead);
    let mut visible = Vec::with_capacity(groups.len());
    for group in groups {
        if control.catalog().reaches_place(&seen, group)? {
            visible.push(group);
        }
    }
    Ok(MachinePlace {
        place,
        groups: visible,
    })
}

/// That the person may do something in all of these places and groups. Those that they may not see are not there.
fn check_places(
    control: &Control,
    by: &By,
    permission: Permission,
    places: &[PlaceId],
) -> Result<(), Refusal> {
    let catalog = control.catalog();
    for place in places {
        if catalog.reaches_place(&by.scope_of(permission), *place)? {
            continue;
        }
        return Err(match by.sees_place(control, *place)? {
            true => not_allowed(&format!("this needs the permission {} there", permission.text())),
            // As for a place that there is not.
            false => Refusal::unusable(format!("there is no place {place}"), "choose another"),
        });
    }
    Ok(())
}

/// A query may rest only on what whoever writes it sees: what it finds tells of what it rests on.
fn check_query(control: &Control, by: &By, query: Option<&GroupQuery>) -> Result<(), Refusal> {
    let Some(query) = query else { return Ok(()) };
    let groups = [&query.in_groups[..], &query.not_in_groups].concat();
    check_places(control, by, Permission::GroupRead, &groups)?;
    check_places(control, by, Permission::PlaceRead, query.place.as_slice())
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
