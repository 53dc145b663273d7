//! Machines: list, look, name, ban, take away.

use super::{document::tag, guard::By, limit_of, tag::IfMatch};
use crate::{
    extract::{JsonBody, PathOf, QueryOf},
    refusal::Refusal,
    state::Control,
    view::{Machine, MachineBoots, MachineChange, MachinePage, WakeRequest, WakeSent},
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use catalog::{Identity, MachineEdit, MachineFilter, MachineOrder, MachineTrait, Scope};
use protocol::{MachineId, PlaceId, machine::Firmware};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Which machines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MachineFilterQuery {
    /// Words to find in names, notes, addresses, serial numbers, models and the rest of the record, all of them.
    q: Option<String>,
    /// What is true of them, with commas between: `quarantined`, `unnamed`, `not-inventoried` (registered, and no agent has seen
    /// it), `nothing-bootable`, `warned`, `in-job`, `connected`.
    is: Option<String>,
    /// The firmware that started them.
    firmware: Option<Firmware>,
    /// Not heard of since this moment (RFC 3339).
    #[param(format = DateTime)]
    seen_before: Option<String>,
    /// Heard of at this moment or later (RFC 3339).
    #[param(format = DateTime)]
    seen_after: Option<String>,
    /// In this place or below it, or in this group.
    place: Option<PlaceId>,
}

/// Which page of the machines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MachineQuery {
    /// `next` of the page before.
    after: Option<String>,
    /// Machines per page, 1 to 200; 50 without it.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// In which order; the newest record first without it.
    #[serde(default)]
    sort: MachineSort,
}

/// In which order machines are listed.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum MachineSort {
    /// Newest record first.
    #[default]
    Newest,
    /// By what they are called, numbers by their value.
    Name,
    /// The longest silent first.
    LastSeen,
}

impl MachineFilterQuery {
    /// As the catalog is asked.
    pub(super) fn filter(self, scope: Scope) -> Result<MachineFilter, Refusal> {
        let words = self.is.as_deref().unwrap_or_default().split(',');
        let traits = words
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(trait_of)
            .collect::<Result<_, _>>()?;
        let time = |text: Option<String>| text.map(|text| text.parse()).transpose();
        Ok(MachineFilter {
            scope,
            text: self.q,
            traits,
            firmware: self.firmware,
            seen_before: time(self.seen_before)?,
            seen_after: time(self.seen_after)?,
            place: self.place,
        })
    }
}

fn trait_of(word: &str) -> Result<MachineTrait, Refusal> {
    Ok(match word {
        "quarantined" => MachineTrait::Quarantined,
        "unnamed" => MachineTrait::Unnamed,
        "not-inventoried" => MachineTrait::NotInventoried,
        "nothing-bootable" => MachineTrait::NothingBootable,
        "warned" => MachineTrait::Warned,
        "in-job" => MachineTrait::InJob,
        "connected" => MachineTrait::Connected,
        _ => {
            return Err(Refusal::unusable(
                format!("machines are not told apart by \u{201c}{word}\u{201d}"),
                "use quarantined, unnamed, not-inventoried, nothing-bootable, warned, in-job or connected",
            ));
        }
    })
}

/// The machines.
#[utoipa::path(get, path = "/machines", tag = tag::MACHINES, params(MachineFilterQuery, MachineQuery),
    responses((status = 200, body = MachinePage)))]
pub(super) async fn list_machines(
    State(control): State<Control>,
    by: By,
    QueryOf(filter): QueryOf<MachineFilterQuery>,
    QueryOf(query): QueryOf<MachineQuery>,
) -> Result<Json<MachinePage>, Refusal> {
    let filter = filter.filter(by.scope())?;
    let page = catalog::MachinePage {
        order: match query.sort {
            MachineSort::Newest => MachineOrder::Newest,
            MachineSort::Name => MachineOrder::Name,
            MachineSort::LastSeen => MachineOrder::LastSeen,
        },
        after: super::after_of(query.after)?,
        limit: limit_of(query.limit)?,
    };
    let (page, next) = control
        .blocking(move |control| {
            let (page, next) = control.catalog().machines(&filter, &page)?;
            let items: Vec<Machine> = page
                .items
                .into_iter()
                .map(|row| Machine::brief(control, row))
                .collect();
            Ok::<_, catalog::Error>((
                MachinePage {
                    items,
                    next: None,
                    total: page.total,
                },
                next,
            ))
        })
        .await?;
    Ok(Json(MachinePage {
        next: next.map(|next| next.to_string()),
        ..page
    }))
}

/// One machine. Its `ETag` changes when a person changes the record.
#[utoipa::path(get, path = "/machines/{id}", tag = tag::MACHINES, params(("id" = MachineId, Path)),
    responses((status = 200, body = Machine, headers(("ETag" = String, description = "the record's revision")))))]
pub(super) async fn get_machine(
    State(control): State<Control>,
    PathOf(id): PathOf<MachineId>,
) -> Result<Response, Refusal> {
    let row = control
        .blocking(move |control| control.catalog().machine(id))
        .await?;
    let row = row.ok_or_else(|| Refusal::not_found("such machine"))?;
    Ok(tagged(Machine::whole(&control, row)))
}

/// A machine with its tag.
pub(super) fn tagged(machine: Machine) -> Response {
    let tag = machine.revision.to_string();
    super::tag::with_tag(&tag, Json(machine))
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

/// Names a machine, writes a note, bans it, or lets it in again.
#[utoipa::path(patch, path = "/machines/{id}", tag = tag::MACHINES, params(("id" = MachineId, Path), IfMatch),
    request_body = MachineChange, responses((status = 200, body = Machine)))]
pub(super) async fn change_machine(
    State(control): State<Control>,
    PathOf(id): PathOf<MachineId>,
    by: By,
    expected: IfMatch,
    JsonBody(change): JsonBody<MachineChange>,
) -> Result<Response, Refusal> {
    let edit = MachineEdit {
        name: change.name,
        note: change.note,
        quarantined: change.quarantined,
    };
    let expected = expected.revision();
    let row = control
        .blocking(move |control| control.catalog().edit_machine(id, &edit, expected, &by.actor))
        .await?;
    Ok(tagged(Machine::whole(&control, row)))
}

/// Takes a record away of a machine that never was in a job.
#[utoipa::path(delete, path = "/machines/{id}", tag = tag::MACHINES, params(("id" = MachineId, Path), IfMatch),
    responses((status = 204)))]
pub(super) async fn delete_machine(
    State(control): State<Control>,
    PathOf(id): PathOf<MachineId>,
    by: By,
    expected: IfMatch,
) -> Result<StatusCode, Refusal> {
    let expected = expected.revision();
    control
        .blocking(move |control| control.catalog().delete_machine(id, expected, &by.actor))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
