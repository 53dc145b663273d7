//! Masters: list, look, write about, clone, delete and take back, put into production. The store is the truth of which there are.

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
        CloneRequest, DeletedMaster, DeletedMasterList, Master, MasterChange, MasterList, MasterUseList,
        MasterVersion, ProductionRequest, production_key,
    },
};
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use catalog::MasterEdit;
use protocol::{MasterName, MasterRef};

/// All masters with their versions.
#[utoipa::path(get, path = "/masters", tag = tag::MASTERS, responses((status = 200, body = MasterList)))]
pub(super) async fn list_masters(State(control): State<Control>) -> Result<Json<MasterList>, Refusal> {
    let items = control.blocking(Master::all).await?;
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
        .blocking(move |control| MasterVersion::find(control, &name, version))
        .await?;
    found
        .map(Json)
        .ok_or_else(|| Refusal::not_found("such version of a master"))
}

/// Puts one version of a master into the trash, unless it is protected, or a job that is not over or a menu needs it.
#[utoipa::path(delete, path = "/masters/{name}/versions/{version}", tag = tag::MASTERS,
    params(("name" = MasterName, Path), ("version" = u32, Path)), responses((status = 204)))]
pub(super) async fn delete_master_version(
    State(control): State<Control>,
    PathOf((name, version)): PathOf<(MasterName, u32)>,
    by: By,
) -> Result<StatusCode, Refusal> {
    control
        .blocking(move |control| {
            if MasterVersion::find(control, &name, version)?.is_none() {
                return Err(Refusal::not_found("such version of a master"));
            }
            let left = Master::named(control, &name)?.versions.len();
            control.catalog().check_unused(&name, version, left == 1)?;
            control.depot().delete(&name, version)?;
            control.catalog().master_deleted(&name, version, &by.actor)?;
            Ok(StatusCode::NO_CONTENT)
        })
        .await
}

/// One master with its versions.
#[utoipa::path(get, path = "/masters/{name}", tag = tag::MASTERS, params(("name" = MasterName, Path)),
    responses((status = 200, body = Master, headers(("ETag" = String, description = "changes with what people wrote")))))]
pub(super) async fn get_master(
    State(control): State<Control>,
    PathOf(name): PathOf<MasterName>,
) -> Result<Response, Refusal> {
    control
        .blocking(move |control| whole(control, &name))
        .await
        .map(tagged)
}

/// Writes about a master, offers it in menus, protects it.
#[utoipa::path(patch, path = "/masters/{name}", tag = tag::MASTERS, params(("name" = MasterName, Path), IfMatch),
    request_body = MasterChange, responses((status = 200, body = Master)))]
pub(super) async fn change_master(
    State(control): State<Control>,
    PathOf(name): PathOf<MasterName>,
    by: By,
    expected: IfMatch,
    JsonBody(change): JsonBody<MasterChange>,
) -> Result<Response, Refusal> {
    let edit = MasterEdit {
        label: change.label,
        description: change.description,
        in_menu: change.in_menu,
        protected: change.protected,
    };
    let changed = control.blocking(move |control| {
        whole(control, &name)?;
        control
            .catalog()
            .edit_master(&name, &edit, expected.revision(), &by.actor)?;
        whole(control, &name)
    });
    changed.await.map(tagged)
}

/// Makes a master of a version of another one. Nothing is copied: both name the same data.
#[utoipa::path(post, path = "/masters/{name}/versions/{version}/clone", tag = tag::MASTERS,
    params(("name" = MasterName, Path), ("version" = u32, Path)), request_body = CloneRequest,
    responses((status = 201, body = Master)))]
pub(super) async fn clone_master(
    State(control): State<Control>,
    PathOf((name, version)): PathOf<(MasterName, u32)>,
    by: By,
    JsonBody(CloneRequest { name: new }): JsonBody<CloneRequest>,
) -> Result<(StatusCode, Response), Refusal> {
    let cloned = control.blocking(move |control| {
        if control
            .depot()
            .masters()?
            .iter()
            .any(|listed| listed.name == new.as_str())
        {
            return Err(Refusal::new(
                StatusCode::CONFLICT,
                "master-exists",
                format!("there is a master {new} already, or it is in the trash"),
                "choose another name",
            ));
        }
        let made = control.depot().clone_version(&reference(&name, version), &new)?;
        let details = serde_json::json!({ "from": format!("{name}@{version}") });
        control
            .catalog()
            .note_master(&new, made, "clone", Some(details), &by.actor)?;
        whole(control, &new)
    });
    Ok((StatusCode::CREATED, tagged(cloned.await?)))
}

/// What is in the trash.
#[utoipa::path(get, path = "/masters/deleted", tag = tag::MASTERS, responses((status = 200, body = DeletedMasterList)))]
pub(super) async fn list_deleted_masters(
    State(control): State<Control>,
) -> Result<Json<DeletedMasterList>, Refusal> {
    let items = control
        .blocking(|control| DeletedMaster::all(control.depot()))
        .await?;
    Ok(Json(DeletedMasterList { items }))
}

/// Takes a version out of the trash.
#[utoipa::path(post, path = "/masters/{name}/versions/{version}/undelete", tag = tag::MASTERS,
    params(("name" = MasterName, Path), ("version" = u32, Path)), responses((status = 200, body = MasterVersion)))]
pub(super) async fn undelete_master_version(
    State(control): State<Control>,
    PathOf((name, version)): PathOf<(MasterName, u32)>,
    by: By,
) -> Result<Json<MasterVersion>, Refusal> {
    let taken_back = control.blocking(move |control| {
        control.depot().undelete(&name, version)?;
        control
            .catalog()
            .note_master(&name, version, "undelete", None, &by.actor)?;
        version_of(control, &name, version)
    });
    taken_back.await.map(Json)
}

/// What needs a version: jobs that are not over, and entries of menus.
#[utoipa::path(get, path = "/masters/{name}/versions/{version}/uses", tag = tag::MASTERS,
    params(("name" = MasterName, Path), ("version" = u32, Path)), responses((status = 200, body = MasterUseList)))]
pub(super) async fn list_master_uses(
    State(control): State<Control>,
    PathOf((name, version)): PathOf<(MasterName, u32)>,
) -> Result<Json<MasterUseList>, Refusal> {
    let found = control.blocking(move |control| {
        version_of(control, &name, version)?;
        let left = Master::named(control, &name)?.versions.len();
        Ok::<_, Refusal>(control.catalog().master_uses(&name, version, left == 1)?)
    });
    let items = found.await?.into_iter().map(Into::into).collect();
    Ok(Json(MasterUseList { items }))
}

/// The root of a version, byte for byte: the file that the holder of the production key signs.
#[utoipa::path(get, path = "/masters/{name}/versions/{version}/root", tag = tag::MASTERS,
    params(("name" = MasterName, Path), ("version" = u32, Path)),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>)))]
pub(super) async fn get_master_root(
    State(control): State<Control>,
    PathOf((name, version)): PathOf<(MasterName, u32)>,
) -> Result<Response, Refusal> {
    let root = control
        .blocking(move |control| control.depot().root_bytes(&reference(&name, version)))
        .await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"master.root\"",
        ),
    ];
    Ok((headers, root).into_response())
}

/// Puts a version into production with the signature that the holder of the production key made.
#[utoipa::path(put, path = "/masters/{name}/versions/{version}/production", tag = tag::MASTERS,
    params(("name" = MasterName, Path), ("version" = u32, Path)), request_body = ProductionRequest,
    responses((status = 200, body = MasterVersion)))]
pub(super) async fn put_into_production(
    State(control): State<Control>,
    PathOf((name, version)): PathOf<(MasterName, u32)>,
    by: By,
    JsonBody(ProductionRequest { signature }): JsonBody<ProductionRequest>,
) -> Result<Json<MasterVersion>, Refusal> {
    if signature.len() > depot::server::SIGNATURE_MAX_LEN {
        return Err(Refusal::unusable(
            "this is too long for a signature",
            "send the file that `minisign -S` made",
        ));
    }
    let signed = control.blocking(move |control| {
        let key = production_key(control).ok_or_else(|| {
            Refusal::new(
                StatusCode::CONFLICT,
                "no-production-key",
                "this site has no production key",
                "write its public key into the rules of jobs",
            )
        })?;
        let found = control
            .depot()
            .countersign(&reference(&name, version), &key, &signature)?;
        let details = serde_json::json!({ "comment": found.comment });
        control
            .catalog()
            .note_master(&name, version, "approve", Some(details), &by.actor)?;
        version_of(control, &name, version)
    });
    signed.await.map(Json)
}

/// Takes a version out of production.
#[utoipa::path(delete, path = "/masters/{name}/versions/{version}/production", tag = tag::MASTERS,
    params(("name" = MasterName, Path), ("version" = u32, Path)), responses((status = 204)))]
pub(super) async fn take_out_of_production(
    State(control): State<Control>,
    PathOf((name, version)): PathOf<(MasterName, u32)>,
    by: By,
) -> Result<StatusCode, Refusal> {
    let taken = control.blocking(move |control| -> Result<_, Refusal> {
        control
            .depot()
            .withdraw_countersignature(&reference(&name, version))?;
        Ok(control
            .catalog()
            .note_master(&name, version, "withdraw", None, &by.actor)?)
    });
    taken.await.map(|()| StatusCode::NO_CONTENT)
}

fn reference(name: &MasterName, version: u32) -> MasterRef {
    MasterRef {
        name: name.clone(),
        version: Some(version),
    }
}

fn whole(control: &Control, name: &MasterName) -> Result<Master, Refusal> {
    let master = Master::named(control, name)?;
    match master.versions.is_empty() {
        true => Err(Refusal::not_found("such master")),
        false => Ok(master),
    }
}

fn version_of(control: &Control, name: &MasterName, version: u32) -> Result<MasterVersion, Refusal> {
    MasterVersion::find(control, name, version)?.ok_or_else(|| Refusal::not_found("such version of a master"))
}

fn tagged(master: Master) -> Response {
    with_tag(&master.revision.to_string(), Json(master))
}
