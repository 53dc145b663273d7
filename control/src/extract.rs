//! What handlers take from a request, with every rejection as a problem document and every body bounded in size and time.

use crate::refusal::Refusal;
use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::{net::IpAddr, time::Duration};

/// Longest time that a body may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest body of a call of the admin API.
pub const ADMIN_BODY_MAX_LEN: usize = 256 * 1024;

/// Where a request came from. Whoever accepts the connection puts it into the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// The address as text, if whoever accepted the connection told it.
    pub(crate) fn text(extensions: &axum::http::Extensions) -> Option<String> {
        extensions.get::<Self>().map(|peer| peer.0.to_string())
    }
}

/// A JSON body of at most `MAX` bytes.
#[derive(Debug)]
pub struct JsonBody<T, const MAX: usize = ADMIN_BODY_MAX_LEN>(pub T);

impl<T, S, const MAX: usize> FromRequest<S> for JsonBody<T, MAX>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Refusal> {
        if !is_json(request.headers()) {
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                "the body is not declared as JSON",
                "send Content-Type: application/json",
            ));
        }
        let bytes = read_body(request.into_body(), MAX).await?;
        parse_json(&bytes).map(Self)
    }
}

/// Parses JSON; syntax errors are 400, values that do not fit the type are 422.
///
/// # Errors
/// A refusal that says where the text goes wrong.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Refusal::unusable(
            format!("the body does not fit: {error}"),
            "see /api/v1/openapi.json",
        ),
        _ => Refusal::new(
            StatusCode::BAD_REQUEST,
            "malformed-json",
            format!("the body is no JSON: {error}"),
            "send one JSON value",
        ),
    })
}

/// Reads a body whole, within its limits of size and time.
///
/// # Errors
/// 413, 408 or, for a connection that broke, 400.
pub async fn read_body(body: Body, max_len: usize) -> Result<Bytes, Refusal> {
    let too_large = || {
        Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            format!("the body is larger than {max_len} bytes"),
            "send less",
        )
    };
    // Declared lengths are refused before a byte is read.
    if axum::body::HttpBody::size_hint(&body).lower() > u64::try_from(max_len).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, max_len).collect()).await {
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "body-too-slow",
            "the body did not arrive in time",
            "check the network and send it again",
        )),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "body-broken",
            format!("the body broke off: {error}"),
            "check the network and send it again",
        )),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
    }
}

/// Whether a request declares a JSON body.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// What a request sends as `Authorization: Bearer …` (RFC 6750 §2.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Parts of the path.
#[derive(Debug)]
pub struct PathOf<T>(pub T);

impl<T, S> FromRequestParts<S> for PathOf<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            // A malformed id names nothing.
            Err(_) => Err(Refusal::not_found("such thing")),
        }
    }
}

/// The query.
#[derive(Debug)]
pub struct QueryOf<T>(pub T);

impl<T, S> FromRequestParts<S> for QueryOf<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(error) => Err(Refusal::unusable(
                format!("the query does not fit: {}", error.body_text()),
                "see /api/v1/openapi.json",
            )),
        }
    }
}
