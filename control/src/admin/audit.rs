//! The audit: look into it, take it away as a file.

use super::{
    document::tag,
    export::{FileKind, TableEncoding, csv_type, send},
    guard::By,
    limit_of,
};
use crate::{
    extract::QueryOf,
    refusal::Refusal,
    state::Control,
    view::{AuditPage, TableSeparator},
};
use axum::{Json, extract::State, response::Response};
use catalog::{AuditFilter, AuditFormat, Scope};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// What of the audit.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditFilterQuery {
    /// At this moment or later (RFC 3339).
    #[param(format = DateTime)]
    from: Option<String>,
    /// Before this moment (RFC 3339).
    #[param(format = DateTime)]
    to: Option<String>,
    /// By this person.
    actor: Option<String>,
    /// To this kind of thing: `machine`, `job`, `master`, `person`, `setting`, …
    object: Option<String>,
    /// To this thing.
    object_id: Option<String>,
    /// This was done: `create`, `edit`, `delete`, `run`, …
    verb: Option<String>,
    /// Words to find in what was done and how it was before and after, all of them; the beginning of a word will do from
    /// three letters on.
    q: Option<String>,
}

impl AuditFilterQuery {
    fn filter(self, scope: Scope) -> Result<AuditFilter, Refusal> {
        let time = |text: Option<String>| text.map(|text| text.parse()).transpose();
        Ok(AuditFilter {
            scope,
            from: time(self.from)?,
            to: time(self.to)?,
            actor: self.actor,
            object: self.object,
            object_id: self.object_id,
            verb: self.verb,
            text: self.q,
        })
    }
}

/// Which page of the audit.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// `next` of the page before.
    after: Option<String>,
    /// Rows per page, 1 to 200; 50 without it.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Who did what, newest first.
#[utoipa::path(get, path = "/audit", tag = tag::AUDIT, params(AuditFilterQuery, AuditQuery),
    responses((status = 200, body = AuditPage)))]
pub(super) async fn list_audit(
    State(control): State<Control>,
    by: By,
    QueryOf(filter): QueryOf<AuditFilterQuery>,
    QueryOf(query): QueryOf<AuditQuery>,
) -> Result<Json<AuditPage>, Refusal> {
    let filter = filter.filter(by.scope())?;
    let before = super::after_of(query.after)?;
    let limit = limit_of(query.limit)?;
    let page = control
        .blocking(move |control| control.catalog().audit(&filter, before, limit))
        .await?;
    let next = page
        .items
        .last()
        .filter(|_| page.more)
        .map(|row| row.seq.to_string());
    Ok(Json(AuditPage {
        items: page.items.into_iter().map(Into::into).collect(),
        next,
        total: page.total,
        counted_all: page.counted_all,
    }))
}

/// How the audit is written to a file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditFileQuery {
    /// What kind of file; CSV without it.
    #[serde(default)]
    format: AuditFileFormat,
    /// What stands between the cells of a line of CSV; a comma without it.
    #[serde(default)]
    separator: TableSeparator,
    /// How texts of CSV are written; UTF-8 without it.
    #[serde(default)]
    encoding: TableEncoding,
}

/// What kind of file the audit is written to.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AuditFileFormat {
    /// Lines of texts.
    #[default]
    Csv,
    /// A JSON array with an object per row.
    Json,
}

/// The audit as a file, newest first, sent while it is read.
#[utoipa::path(get, path = "/audit/export", tag = tag::AUDIT, params(AuditFilterQuery, AuditFileQuery),
    responses((status = 200, content((String = "text/csv"), (Vec<crate::view::AuditEntry> = "application/json")))))]
pub(super) async fn export_audit(
    State(control): State<Control>,
    by: By,
    QueryOf(filter): QueryOf<AuditFilterQuery>,
    QueryOf(query): QueryOf<AuditFileQuery>,
) -> Result<Response, Refusal> {
    let (format, kind) = match query.format {
        AuditFileFormat::Csv => (
            AuditFormat::Csv(query.separator.into()),
            FileKind {
                name: "audit.csv",
                media_type: csv_type(query.encoding),
                encoding: query.encoding,
            },
        ),
        AuditFileFormat::Json => (
            AuditFormat::Json,
            FileKind {
                name: "audit.json",
                media_type: "application/json",
                encoding: TableEncoding::Utf8,
            },
        ),
    };
    let mut text = control.catalog().export_audit(filter.filter(by.scope())?, format);
    send(&control, kind, move || text.piece()).await
}
