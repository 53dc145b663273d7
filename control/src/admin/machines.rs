//! Machines: list, look, name, ban.

use super::{document::tag, guard::By, limit_of};
use crate::{
    extract::{JsonBody, PathOf, QueryOf},
    refusal::Refusal,
    state::Control,
    view::{Machine, MachineBoots, MachineChange, MachinePage, WakeRequest, WakeSent},
};
use axum::{Json, extract::State};
use catalog::{Identity, MachineEdit, MachineFilter};
use protocol::MachineId;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which machines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MachineQuery {
    /// `next` of the page before.
    after: Option<String>,
    /// Machines per page, 1 to 200; 50 without it.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Text to find in names, addresses, serial numbers and models.
    q: Option<String>,
}

/// The machines, newest record first.
#[utoipa::path(get, path = "/machines", tag = tag::MACHINES, params(MachineQuery),
    responses((status = 200, body = MachinePage)))]
pub(super) async fn list_machines(
    State(control): State<Control>,
    QueryOf(query): QueryOf<MachineQuery>,
) -> Result<Json<MachinePage>, Refusal> {
    let filter = MachineFilter {
        after: super::after_of(query.after)?,
        limit: limit_of(query.limit)?,
        text: query.q,
    };
    let page = control
        .blocking(move |control| control.catalog().machines(&filter))
        .await?;
    let next = page
        .items
        .last()
        .filter(|_| page.more)
        .map(|machine| machine.id.to_string());
    let items = page
        .items
        .into_iter()
        .map(|row| Machine::brief(&control, row))
        .collect();
    Ok(Json(MachinePage {
        items,
        next,
        total: page.total,
    }))
}

/// One machine.
#[utoipa::path(get, path = "/machines/{id}", tag = tag::MACHINES, params(("id" = MachineId, Path)),
    responses((status = 200, body = Machine)))]
pub(super) async fn get_machine(
    State(control): State<Control>,
    PathOf(id): PathOf<MachineId>,
) -> Result<Json<Machine>, Refusal> {
    let row = control
        .blocking(move |control| control.catalog().machine(id))
        .await?;
    let row = row.ok_or_else(|| Refusal::not_found("such machine"))?;
    Ok(Json(Machine::whole(&control, row)))
}

/// How the machine's last boots went, the latest first.
#[utoipa::path(get, path = "/machines/{id}/boots", tag = tag::MACHINES, params(("id" = MachineId, Path)),
    responses((status = 200, body = MachineBoots)))]
pub(super) async fn get_machine_boots(
    State(control): State<Control>,
    PathOf(id): PathOf<MachineId>,
) -> Result<Json<MachineBoots>, Refusal> {
    let row = control
        .blocking(move |control| control.catalog().machine(id))
        .await?;
    let row = row.ok_or_else(|| Refusal::not_found("such machine"))?;
    Ok(Json(MachineBoots::of(&control, &row)))
}

/// Wakes a machine by its adapters (Wake-on-LAN). Whether it woke is told by the boot that follows.
#[utoipa::path(post, path = "/machines/{id}/wake", tag = tag::MACHINES, params(("id" = MachineId, Path)),
    request_body = WakeRequest, responses((status = 200, body = WakeSent)))]
pub(super) async fn wake_machine(
    State(control): State<Control>,
    PathOf(id): PathOf<MachineId>,
    JsonBody(WakeRequest { secure_on }): JsonBody<WakeRequest>,
) -> Result<Json<WakeSent>, Refusal> {
    let sent = control
        .blocking(move |control| -> Result<usize, Refusal> {
            let row = control.catalog().machine(id)?;
            let row = row.ok_or_else(|| Refusal::not_found("such machine"))?;
            let macs = Identity::of(&row.facts).macs;
            if macs.is_empty() {
                return Err(Refusal::unusable(
                    "this machine has no adapter of its own that could be woken",
                    "switch it on by hand",
                ));
            }
            let sent = control
                .appliance()
                .wake(&macs, secure_on.as_deref())
                .map_err(|why| Refusal::unusable(why, "check the password and the appliance's interfaces"))?;
            for mac in macs {
                control.catalog().note_wake(mac);
            }
            Ok(sent)
        })
        .await?;
    Ok(Json(WakeSent { packets: sent }))
}

/// Names a machine, bans it, or lets it in again.
#[utoipa::path(patch, path = "/machines/{id}", tag = tag::MACHINES, params(("id" = MachineId, Path)),
    request_body = MachineChange, responses((status = 200, body = Machine)))]
pub(super) async fn change_machine(
    State(control): State<Control>,
    PathOf(id): PathOf<MachineId>,
    by: By,
    JsonBody(MachineChange { name, quarantined }): JsonBody<MachineChange>,
) -> Result<Json<Machine>, Refusal> {
    let edit = MachineEdit { name, quarantined };
    let row = control
        .blocking(move |control| control.catalog().edit_machine(id, &edit, &by.actor))
        .await?;
    Ok(Json(Machine::whole(&control, row)))
}
