//! What stands before every call of the admin API: same origin, a person, their permission. And behind every answer of this
//! listener: headers that keep browsers from doing anything else with it.

use super::permission::{self, Needs};
use crate::{
    agent::note_refusal,
    extract::{Peer, is_json},
    refusal::Refusal,
    state::Control,
};
use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use catalog::{Actor, Person};
use protocol::Problem;

/// The cookie that holds a session.
pub(super) const COOKIE: &str = "amorce_session";
/// Where the admin API is.
pub(super) const BASE: &str = "/api/v1";
/// Refusals that are seen on the page. Others are a page that looks whether somebody is logged in.
const NOTED: [&str; 5] = [
    "wrong-name-or-password",
    "wrong-setup-code",
    "too-many-tries",
    "cross-site",
    "not-allowed",
];

/// Who calls, put into the request by [`guard`].
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) person: Person,
    pub(super) cookie: String,
}

/// Lets a call through when it comes from our own page and from somebody who may make it.
pub(super) async fn guard(State(control): State<Control>, mut request: Request, next: Next) -> Response {
    let peer = Peer::text(request.extensions());
    let path = request.uri().path().to_owned();
    let response = match admit(&control, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    if let Some(problem) = response.extensions().get::<Problem>()
        && NOTED.contains(&problem.code.as_str())
    {
        note_refusal(&control, peer, &path, problem.clone()).await;
    }
    response
}

async fn admit(control: &Control, request: &mut Request) -> Result<(), Refusal> {
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let Some(path) = path
        .as_deref()
        .map(|path| path.strip_prefix(BASE).unwrap_or(path))
    else {
        return Err(Refusal::no_route());
    };
    let needs = permission::needs(request.method(), path).ok_or_else(|| {
        // Either the method is not taken there, or a route was added without a line in the table.
        match permission::ROUTES.iter().any(|route| route.path == path) {
            true => Refusal::wrong_method(),
            false => not_allowed("nobody may call this: it declares no permission"),
        }
    })?;
    if !request.method().is_safe() {
        check_origin(request.headers())?;
        if *request.method() != Method::DELETE && !is_json(request.headers()) {
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                "the body is not declared as JSON",
                "send Content-Type: application/json",
            ));
        }
    }
    let now = control.catalog().now();
    let stranger = format!("at {}", Peer::text(request.extensions()).unwrap_or_default());
    if needs == Needs::Nobody {
        return control.rates().take(&stranger, now);
    }
    let cookie = CookieJar::from_headers(request.headers())
        .get(COOKIE)
        .map(|cookie| cookie.value().to_owned());
    let Some(cookie) = cookie else {
        control.rates().take(&stranger, now)?;
        return Err(not_logged_in());
    };
    let shown = cookie.clone();
    let person = control
        .blocking(move |control| control.catalog().person(&shown))
        .await
        .or_else(|refusal| control.rates().take(&stranger, now).and(Err(refusal)))?;
    control.rates().take(&person.id.to_string(), now)?;
    if let Needs::May(permission) = needs
        && !permission::permissions(person.role).contains(&permission)
    {
        return Err(not_allowed(&format!(
            "this needs the permission {}",
            permission.text()
        )));
    }
    request.extensions_mut().insert(Caller { person, cookie });
    Ok(())
}

/// A browser says truthfully where a changing call comes from (`Origin`, RFC 6454 §7): only our own page may make one.
/// `SameSite=Strict` and the content type say the same again.
fn check_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text(header::ORIGIN)
        .and_then(|origin| origin.split_once("://"))
        .map(|(_, authority)| authority);
    match (origin, text(header::HOST)) {
        (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "cross-site",
            "this call does not come from the appliance's own page",
            "send an Origin header that names the appliance as the Host header does",
        )),
    }
}

fn not_logged_in() -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "not-logged-in",
        "nobody is logged in",
        "log in",
    )
}

fn not_allowed(title: &str) -> Refusal {
    Refusal::new(
        StatusCode::FORBIDDEN,
        "not-allowed",
        title,
        "ask an administrator",
    )
}

/// The person who calls.
pub(super) struct By {
    /// As the audit names them.
    pub(super) actor: Actor,
    /// The person and their session.
    pub(super) caller: Caller,
}

impl FromRequestParts<Control> for By {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _control: &Control) -> Result<Self, Refusal> {
        let caller = parts
            .extensions
            .get::<Caller>()
            .cloned()
            .ok_or_else(not_logged_in)?;
        let actor = Actor {
            name: caller.person.name.clone(),
            peer: Peer::text(&parts.extensions),
        };
        Ok(Self { actor, caller })
    }
}

/// Where a call comes from.
pub(super) struct CalledFrom(pub(super) Option<String>);

impl FromRequestParts<Control> for CalledFrom {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _control: &Control) -> Result<Self, Self::Rejection> {
        Ok(Self(Peer::text(&parts.extensions)))
    }
}

/// Headers of every answer, unless it brings its own.
///
/// No `Strict-Transport-Security`: with a certificate of the appliance's own CA it would lock out whoever has not yet
/// installed that CA.
pub(super) async fn harden(request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with(BASE);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    );
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "same-origin");
    set(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    set(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    if is_api {
        set(header::CACHE_CONTROL, "no-store");
    }
    response
}
