//! Every answer that is not what was asked for: a problem document with a stable code.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use protocol::Problem;

/// Media type of a problem document (RFC 9457 §3).
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// A refused or failed call, on its way to become a problem document.
#[derive(Debug)]
pub struct Refusal {
    problem: Problem,
    retry_after_seconds: Option<u64>,
}

impl Refusal {
    /// A refusal with its status, stable code, what happened, and what to do.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        title: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            problem: Problem::new(code, title, remedy).with_status(status.as_u16()),
            retry_after_seconds: None,
        }
    }

    /// The same, telling when to try again (`Retry-After`, RFC 9110 §10.2.3).
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// 404 for a thing that is not there.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            format!("there is no {what}"),
            "check the address, or look in the list",
        )
    }

    /// 404 for an address that leads nowhere.
    pub fn no_route() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-address",
            "nothing answers at this address",
            "see /api/v1/openapi.json",
        )
    }

    /// 405.
    pub fn wrong_method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "this address does not take this method",
            "see /api/v1/openapi.json",
        )
    }

    /// 422 for a value that cannot be meant.
    pub fn unusable(title: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unusable-value", title, remedy)
    }

    /// 500, with the cause in the log and not in the answer.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a call failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal-error",
            "the appliance could not do this",
            "look in the appliance's log, then try again",
        )
    }

    /// The document that will be sent.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl From<catalog::Error> for Refusal {
    fn from(error: catalog::Error) -> Self {
        use catalog::ErrorKind;
        let status = match error.kind() {
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::Outdated => StatusCode::PRECONDITION_FAILED,
            ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
            ErrorKind::Forbidden => StatusCode::FORBIDDEN,
            ErrorKind::TooOften => StatusCode::TOO_MANY_REQUESTS,
            _ => {
                let cause = std::error::Error::source(&error)
                    .map(ToString::to_string)
                    .unwrap_or_default();
                tracing::error!(%error, code = error.code(), cause, "the catalog failed");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        let refusal = Self::new(status, error.code(), error.to_string(), error.remedy());
        match error.retry_after_seconds() {
            Some(seconds) => refusal.with_retry_after(seconds),
            None => refusal,
        }
    }
}

/// A problem of the depot carries its own status.
impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let status = if (400..600).contains(&problem.status) {
            problem.status
        } else {
            500
        };
        if status >= 500 {
            tracing::error!(%problem, "the depot failed");
        }
        Self {
            problem: problem.with_status(status),
            retry_after_seconds: None,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self.problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §11.6.1 wants a challenge with every 401; no browser opens a dialog for this scheme.
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"amorce\""),
            );
        }
        response.extensions_mut().insert(self.problem);
        response
    }
}
