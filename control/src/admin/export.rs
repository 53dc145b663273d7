//! Tables that are sent while they are read: however long they are, a few pieces of them are in memory.

use crate::{refusal::Refusal, state::Control};
use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;

/// Pieces that wait for a slow reader.
const PIECES_AHEAD: usize = 4;

/// How the texts of a table are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub(super) enum TableEncoding {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-8 with a mark at its beginning, by which spreadsheets know it.
    #[serde(rename = "utf-8-bom")]
    Utf8Bom,
    /// Windows-1252; what that does not have becomes a question mark.
    #[serde(rename = "windows-1252")]
    Cp1252,
}

/// What a file is called and what it is.
pub(super) struct FileKind {
    pub(super) name: &'static str,
    pub(super) media_type: &'static str,
    pub(super) encoding: TableEncoding,
}

/// Sends a file piece by piece. A failure before the first piece is a problem document; a later one breaks the answer off, so
/// that nobody takes half a table for all of it.
pub(super) async fn send(
    control: &Control,
    kind: FileKind,
    mut piece: impl FnMut() -> catalog::Result<Option<String>> + Send + 'static,
) -> Result<Response, Refusal> {
    let turn = control
        .streams()
        .acquire_owned()
        .await
        .map_err(Refusal::internal)?;
    let (first, mut piece) = control
        .blocking(move |_| Ok::<_, catalog::Error>((piece()?, piece)))
        .await?;
    let (sender, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(PIECES_AHEAD);
    let encoding = kind.encoding;
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let mut next: catalog::Result<Option<String>> = Ok(first);
        let mut begins = true;
        loop {
            let sent = match next {
                Ok(Some(text)) => {
                    sender.blocking_send(Ok(encode(&text, encoding, std::mem::take(&mut begins))))
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(%error, code = error.code(), "an export broke off");
                    let _ = sender.blocking_send(Err(std::io::Error::other(error)));
                    return;
                }
            };
            if sent.is_err() {
                // Whoever asked has gone.
                return;
            }
            next = piece();
        }
    });
    let mut response = Body::from_stream(ReceiverStream::new(receiver)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind.media_type));
    let disposition = format!("attachment; filename=\"{}\"", kind.name);
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

fn encode(text: &str, encoding: TableEncoding, begins: bool) -> Bytes {
    match encoding {
        TableEncoding::Utf8Bom if begins => Bytes::from(format!("\u{feff}{text}")),
        TableEncoding::Utf8 | TableEncoding::Utf8Bom => Bytes::from(text.to_owned()),
        TableEncoding::Cp1252 => Bytes::from(catalog::to_cp1252(text)),
    }
}

/// The media type of lines of texts.
pub(super) fn csv_type(encoding: TableEncoding) -> &'static str {
    match encoding {
        TableEncoding::Utf8 | TableEncoding::Utf8Bom => "text/csv; charset=utf-8",
        TableEncoding::Cp1252 => "text/csv; charset=windows-1252",
    }
}
