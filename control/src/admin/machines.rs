//! Machines: list, look, name, ban.

use super::document::tag;
use crate::{
    extract::{JsonBody, PathOf, QueryOf},
    refusal::Refusal,
    state::Control,
    view::{Machine, MachineChange, MachinePage},
};
use axum::{Json, extract::State};
use protocol::MachineId;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which machines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MachineQuery {
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
pub async fn list_machines(
    State(_control): State<Control>,
    QueryOf(_query): QueryOf<MachineQuery>,
) -> Result<Json<MachinePage>, Refusal> {
    Err(Refusal::no_route())
}

/// One machine.
#[utoipa::path(get, path = "/machines/{id}", tag = tag::MACHINES, params(("id" = MachineId, Path)),
    responses((status = 200, body = Machine)))]
pub async fn get_machine(
    State(_control): State<Control>,
    PathOf(_id): PathOf<MachineId>,
) -> Result<Json<Machine>, Refusal> {
    Err(Refusal::no_route())
}

/// Names a machine, bans it, or lets it in again.
#[utoipa::path(patch, path = "/machines/{id}", tag = tag::MACHINES, params(("id" = MachineId, Path)),
    request_body = MachineChange, responses((status = 200, body = Machine)))]
pub async fn change_machine(
    State(_control): State<Control>,
    PathOf(_id): PathOf<MachineId>,
    JsonBody(_change): JsonBody<MachineChange>,
) -> Result<Json<Machine>, Refusal> {
    Err(Refusal::no_route())
}
