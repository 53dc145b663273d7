//! Two people who change the same thing: the second is told (RFC 9110 §8.8.3 `ETag`, §13.1.1 `If-Match`).

use crate::refusal::Refusal;
use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::Type,
    },
};

/// What a call expects a thing to be still: `If-Match`, if it was sent and is no `*`.
#[derive(Clone, Debug)]
pub(super) struct IfMatch(Option<String>);

impl IfMatch {
    /// The tag that is expected.
    pub(super) fn tag(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The same as a revision of a record.
    pub(super) fn revision(&self) -> Option<i64> {
        // A tag that is no number belongs to no revision: it never matches.
        self.tag().map(|tag| tag.parse().unwrap_or(-1))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let mut values = parts.headers.get_all(header::IF_MATCH).iter();
        let (value, more) = (values.next(), values.next());
        let text = match value.map(|value| value.to_str().unwrap_or_default().trim()) {
            None | Some("*") => return Ok(Self(None)),
            Some(text) => text,
        };
        // A weak tag never matches here (RFC 9110 §8.8.3.2), and nobody saw a thing in two states.
        let tag = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        match tag.filter(|tag| more.is_none() && !tag.contains('"')) {
            Some(tag) => Ok(Self(Some(tag.to_owned()))),
            None => Err(Refusal::unusable(
                "If-Match is not one strong tag in quotes",
                "send the ETag of the answer that was looked at",
            )),
        }
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            ParameterBuilder::new()
                .name("If-Match")
                .parameter_in(ParameterIn::Header)
                .required(utoipa::openapi::Required::False)
                .description(Some(
                    "the `ETag` of what was looked at: if somebody else changed it since, the answer is 412 and nothing is done",
                ))
                .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
                .build(),
        ]
    }
}

/// An answer with its tag.
pub(super) fn with_tag(tag: &str, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}
