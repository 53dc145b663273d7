//! Machines' records as a whole: import, export, names, merging, splitting, history.

use super::{
    document::tag,
    export::{FileKind, TableEncoding, csv_type, send},
    guard::By,
    limit_of,
    machines::{MachineFilterQuery, tagged},
    tag::IfMatch,
};
use crate::{
    extract::{JsonBody, PathOf, QueryOf},
    refusal::Refusal,
    state::Control,
    view::{
        HistoryPage, ImportKind, Machine, MachineImport, MachineImportOutcome, MergeRequest, Naming,
        NamingOutcome, SplitRequest, TableSeparator,
    },
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use base64::{Engine, prelude::BASE64_STANDARD};
use catalog::{Import, ImportFile, NamingWish, Permission};
use protocol::MachineId;
use serde::Deserialize;
use utoipa::IntoParams;

/// Largest body of an import: 8 MiB in Base64, and what stands around it.
const IMPORT_MAX_LEN: usize = 12 << 20;

/// How a table is written.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TableQuery {
    /// What stands between the cells of a line; a comma without it.
    #[serde(default)]
    separator: TableSeparator,
    /// How its texts are written; UTF-8 without it.
    #[serde(default)]
    encoding: TableEncoding,
}

/// The machines as a table (CSV), by name. An import takes it back.
#[utoipa::path(get, path = "/machines/export", tag = tag::MACHINES, params(MachineFilterQuery, TableQuery),
    responses((status = 200, content_type = "text/csv", body = String)))]
pub(super) async fn export_machines(
    State(control): State<Control>,
    by: By,
    QueryOf(filter): QueryOf<MachineFilterQuery>,
    QueryOf(query): QueryOf<TableQuery>,
) -> Result<Response, Refusal> {
    let mut table = control
        .catalog()
        .export_machines(filter.filter(by.scope())?, query.separator.into());
    let kind = FileKind {
        name: "machines.csv",
        media_type: csv_type(query.encoding),
        encoding: query.encoding,
    };
    send(&control, kind, move || table.piece()).await
}

/// Imports machines from a table, or says what an import would do. Lines that cannot be used are named; then nothing is done,
/// unless they shall be left out.
#[utoipa::path(post, path = "/machines/import", tag = tag::MACHINES, request_body = MachineImport,
    responses((status = 200, body = MachineImportOutcome)))]
pub(super) async fn import_machines(
    State(control): State<Control>,
    by: By,
    JsonBody(import): JsonBody<MachineImport, IMPORT_MAX_LEN>,
) -> Result<Json<MachineImportOutcome>, Refusal> {
    let outcome = control
        .blocking(move |control| {
            let bytes = BASE64_STANDARD.decode(&import.content).map_err(|error| {
                Refusal::unusable(
                    format!("the content is no Base64: {error}"),
                    "send the file in Base64",
                )
            })?;
            let import = Import {
                file: ImportFile {
                    kind: match import.kind {
                        ImportKind::Csv => catalog::FileKind::Csv,
                        ImportKind::Xlsx => catalog::FileKind::Xlsx,
                    },
                    bytes,
                    separator: import.separator.map(Into::into),
                    encoding: import.encoding.map(Into::into),
                },
                columns: import
                    .columns
                    .into_iter()
                    .map(|column| (column.header, column.field.map(Into::into)))
                    .collect(),
                key: import.key.map(Into::into),
                rehearse: import.rehearse,
                leave_out_refused: import.leave_out_refused,
            };
            Ok::<_, Refusal>(control.catalog().import_machines(&import, &by.actor)?)
        })
        .await?;
    Ok(Json(outcome.into()))
}

/// Names machines by a pattern, all or none, or says which names they would get.
#[utoipa::path(post, path = "/machines/names", tag = tag::MACHINES, request_body = Naming,
    responses((status = 200, body = NamingOutcome)))]
pub(super) async fn name_machines(
    State(control): State<Control>,
    by: By,
    JsonBody(naming): JsonBody<Naming>,
) -> Result<Json<NamingOutcome>, Refusal> {
    let wish = NamingWish {
        machines: naming.machines,
        pattern: naming.pattern,
        start: naming.start,
    };
    let rehearse = naming.rehearse;
    let proposals = control
        .blocking(move |control| {
            by.check_machines(control, Permission::MachineEdit, &wish.machines)?;
            Ok::<_, Refusal>(match rehearse {
                true => control.catalog().propose_names(&wish)?,
                false => control.catalog().name_machines(&wish, &by.actor)?,
            })
        })
        .await?;
    Ok(Json(NamingOutcome {
        items: proposals.into_iter().map(Into::into).collect(),
    }))
}

/// Makes two records one.
#[utoipa::path(post, path = "/machines/{id}/merge", tag = tag::MACHINES, request_body = MergeRequest,
    params(("id" = MachineId, Path), IfMatch), responses((status = 200, body = Machine)))]
pub(super) async fn merge_machines(
    State(control): State<Control>,
    PathOf(id): PathOf<MachineId>,
    by: By,
    expected: IfMatch,
    JsonBody(MergeRequest { other }): JsonBody<MergeRequest>,
) -> Result<Response, Refusal> {
    let expected = expected.revision();
    let row = control
        .blocking(move |control| {
            by.check_machines(control, Permission::MachineEdit, &[other])?;
            Ok::<_, Refusal>(control.catalog().merge_machines(id, other, expected, &by.actor)?)
        })
        .await?;
    Ok(tagged(Machine::whole(&control, row)))
}

/// Makes one record two. The answer is the new one.
#[utoipa::path(post, path = "/machines/{id}/split", tag = tag::MACHINES, request_body = SplitRequest,
    params(("id" = MachineId, Path), IfMatch), responses((status = 201, body = Machine)))]
pub(super) async fn split_machine(
    State(control): State<Control>,
    PathOf(id): PathOf<MachineId>,
    by: By,
    expected: IfMatch,
    JsonBody(SplitRequest { macs }): JsonBody<SplitRequest>,
) -> Result<(StatusCode, Response), Refusal> {
    let expected = expected.revision();
    let row = control
        .blocking(move |control| control.catalog().split_machine(id, &macs, expected, &by.actor))
        .await?;
    Ok((StatusCode::CREATED, tagged(Machine::whole(&control, row))))
}

/// Which page of a history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryQuery {
    /// `next` of the page before.
    after: Option<String>,
    /// Rows per page, 1 to 200; 50 without it.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// What became of a machine's record, newest first.
#[utoipa::path(get, path = "/machines/{id}/history", tag = tag::MACHINES, params(("id" = MachineId, Path), HistoryQuery),
    responses((status = 200, body = HistoryPage)))]
pub(super) async fn get_machine_history(
    State(control): State<Control>,
    PathOf(id): PathOf<MachineId>,
    QueryOf(query): QueryOf<HistoryQuery>,
) -> Result<Json<HistoryPage>, Refusal> {
    let before = super::after_of(query.after)?;
    let limit = limit_of(query.limit)?;
    let page = control
        .blocking(move |control| control.catalog().machine_history(id, before, limit))
        .await?;
    let next = page
        .items
        .last()
        .filter(|_| page.more)
        .map(|row| row.seq.to_string());
    Ok(Json(HistoryPage {
        items: page.items.into_iter().map(Into::into).collect(),
        next,
        total: page.total,
    }))
}
