//! Masters: list, look, delete.

use super::document::tag;
use crate::{
    extract::PathOf,
    refusal::Refusal,
    state::Control,
    view::{MasterList, MasterVersion},
};
use axum::{Json, extract::State, http::StatusCode};
use protocol::MasterName;

/// All masters with their versions.
#[utoipa::path(get, path = "/masters", tag = tag::MASTERS, responses((status = 200, body = MasterList)))]
pub async fn list_masters(State(_control): State<Control>) -> Result<Json<MasterList>, Refusal> {
    Err(Refusal::no_route())
}

/// One version of a master.
#[utoipa::path(get, path = "/masters/{name}/versions/{version}", tag = tag::MASTERS,
    params(("name" = MasterName, Path), ("version" = u32, Path)), responses((status = 200, body = MasterVersion)))]
pub async fn get_master_version(
    State(_control): State<Control>,
    PathOf((_name, _version)): PathOf<(MasterName, u32)>,
) -> Result<Json<MasterVersion>, Refusal> {
    Err(Refusal::no_route())
}

/// Deletes one version of a master, unless a job that is not over needs it.
#[utoipa::path(delete, path = "/masters/{name}/versions/{version}", tag = tag::MASTERS,
    params(("name" = MasterName, Path), ("version" = u32, Path)), responses((status = 204)))]
pub async fn delete_master_version(
    State(_control): State<Control>,
    PathOf((_name, _version)): PathOf<(MasterName, u32)>,
) -> Result<StatusCode, Refusal> {
    Err(Refusal::no_route())
}
