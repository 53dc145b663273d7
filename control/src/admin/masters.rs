//! Masters: list, look, delete. The store is the truth of which there are.

use super::{document::tag, guard::By};
use crate::{
    extract::PathOf,
    refusal::Refusal,
    state::Control,
    view::{Master, MasterList, MasterVersion},
};
use axum::{Json, extract::State, http::StatusCode};
use protocol::MasterName;

/// All masters with their versions.
#[utoipa::path(get, path = "/masters", tag = tag::MASTERS, responses((status = 200, body = MasterList)))]
pub(super) async fn list_masters(State(control): State<Control>) -> Result<Json<MasterList>, Refusal> {
    let items = control.blocking(|control| Master::all(control.depot())).await?;
    Ok(Json(MasterList { items }))
}

/// One version of a master.
#[utoipa::path(get, path = "/masters/{name}/versions/{version}", tag = tag::MASTERS,
    params(("name" = MasterName, Path), ("version" = u32, Path)), responses((status = 200, body = MasterVersion)))]
pub(super) async fn get_master_version(
    State(control): State<Control>,
    PathOf((name, version)): PathOf<(MasterName, u32)>,
) -> Result<Json<MasterVersion>, Refusal> {
    let found = control
        .blocking(move |control| MasterVersion::find(control.depot(), &name, version))
        .await?;
    found
        .map(Json)
        .ok_or_else(|| Refusal::not_found("such version of a master"))
}

/// Deletes one version of a master, unless a job that is not over needs it.
#[utoipa::path(delete, path = "/masters/{name}/versions/{version}", tag = tag::MASTERS,
    params(("name" = MasterName, Path), ("version" = u32, Path)), responses((status = 204)))]
pub(super) async fn delete_master_version(
    State(control): State<Control>,
    PathOf((name, version)): PathOf<(MasterName, u32)>,
    by: By,
) -> Result<StatusCode, Refusal> {
    control
        .blocking(move |control| {
            if MasterVersion::find(control.depot(), &name, version)?.is_none() {
                return Err(Refusal::not_found("such version of a master"));
            }
            if let Some(title) = control.catalog().job_that_needs(&name, version)? {
                return Err(Refusal::new(
                    StatusCode::CONFLICT,
                    "master-in-use",
                    format!("{name}@{version} is needed by the job \u{201c}{title}\u{201d}"),
                    "cancel that job, or wait until it is over",
                ));
            }
            control.depot().delete(&name, version)?;
            control.catalog().master_deleted(&name, version, &by.actor)?;
            Ok(StatusCode::NO_CONTENT)
        })
        .await
}
