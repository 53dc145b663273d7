//! What stands before every call of the admin API: same origin, a person, their permission. And behind every answer of this
//! listener: headers that keep browsers from doing anything else with it.

use super::permission::{self, Needs, Target};
use crate::{
    agent::note_refusal,
    extract::{Peer, bearer, is_json},
    refusal::Refusal,
    state::Control,
};
use axum::{
    RequestExt,
    extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use catalog::{Actor, Credential, Permission, Person, Reach, Scope};
use protocol::{MachineId, PlaceId, Problem};

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
    pub(super) credential: Credential,
    /// What the route needs of them.
    pub(super) permission: Option<Permission>,
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
    let token = bearer(request.headers()).map(str::to_owned);
    if !request.method().is_safe() {
        // No browser sends a token by itself, so nobody can make one send it.
        if token.is_none() {
            check_origin(request.headers())?;
        }
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
        .map(|cookie| Credential::Cookie(cookie.value().to_owned()));
    let Some(credential) = token.map(Credential::Token).or(cookie) else {
        control.rates().take(&stranger, now)?;
        return Err(not_logged_in());
    };
    let shown = credential.clone();
    let person = control
        .blocking(move |control| control.catalog().person(&shown))
        .await
        .or_else(|refusal| control.rates().take(&stranger, now).and(Err(refusal)))?;
    control.rates().take(&person.id.to_string(), now)?;
    let permission = match needs {
        Needs::Nobody | Needs::Anybody => None,
        Needs::Person => match credential {
            Credential::Cookie(_) => None,
            Credential::Token(_) => return Err(not_allowed("no token may do this: log in on the page")),
        },
        Needs::May(permission) => {
            check_target(control, request, path, &person, permission).await?;
            Some(permission)
        }
        Needs::MayEverywhere(permission) => {
            if !person.rights.everywhere(permission) {
                return Err(not_allowed(&format!(
                    "this needs the permission {} at the root",
                    permission.text()
                )));
            }
            Some(permission)
        }
    };
    request.extensions_mut().insert(Caller {
        person,
        credential,
        permission,
    });
    Ok(())
}

/// That the person may do this to what the path names. What they may not see is not there for them.
async fn check_target(
    control: &Control,
    request: &mut Request,
    path: &str,
    person: &Person,
    permission: Permission,
) -> Result<(), Refusal> {
    let lacking =
        |permission: Permission| not_allowed(&format!("this needs the permission {}", permission.text()));
    let target = permission::target(path);
    let rights = person.rights.clone();
    // Of places and groups, which of the two it is decides.
    let group = permission.of_group();
    let holds_either = rights.somewhere(permission) || (is_about_places(path) && rights.somewhere(group));
    if !holds_either {
        return Err(lacking(permission));
    }
    let Some(to_see) = permission::to_see(target) else {
        return Ok(());
    };
    let changes = !request.method().is_safe();
    let parameters = request.extract_parts::<RawPathParams>().await;
    let named = |wanted: &str| {
        let found = parameters.as_ref().ok()?.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| value.to_owned())
    };
    let (id, machine) = (named("id").unwrap_or_default(), named("machine"));
    let checked = control.blocking(move |control| -> Result<Result<(), Permission>, Refusal> {
        let catalog = control.catalog();
        let missing = |what: &str| Refusal::not_found(format!("such {what}"));
        match target {
            Target::Site => Ok(Ok(())),
            Target::Machine => {
                let id = id.parse().map_err(|_| missing("machine"))?;
                let reaches = |permission| catalog.reaches_machine(&rights.scope(permission), id);
                match (reaches(permission)?, reaches(to_see)?) {
                    (true, _) => Ok(Ok(())),
                    (false, true) => Ok(Err(permission)),
                    (false, false) => Err(missing("machine")),
                }
            }
            Target::Place => {
                let id = id.parse().map_err(|_| missing("place"))?;
                let is_group = catalog.place_kind(id)? == Some(catalog::PlaceKind::Group);
                let of_kind = |permission: Permission| match is_group {
                    true => permission.of_group(),
                    false => permission,
                };
                let reaches = |permission| catalog.reaches_place(&rights.scope(of_kind(permission)), id);
                match (reaches(permission)?, reaches(to_see)?) {
                    (true, _) => Ok(Ok(())),
                    (false, true) => Ok(Err(of_kind(permission))),
                    (false, false) => Err(missing("place")),
                }
            }
            Target::Job => {
                let id = id.parse().map_err(|_| missing("job"))?;
                if let Some(machine) = machine {
                    let machine = machine.parse().map_err(|_| missing("machine in this job"))?;
                    if !catalog.reaches_machine(&rights.scope(to_see), machine)? {
                        return Err(missing("machine in this job"));
                    }
                }
                match (
                    catalog.reaches_job(&rights.scope(permission), id)?,
                    catalog.reaches_job(&rights.scope(to_see), id)?,
                ) {
                    (Reach::All, _) => Ok(Ok(())),
                    (Reach::Part, _) if !changes => Ok(Ok(())),
                    (Reach::Part, _) => Err(Refusal::new(
                        StatusCode::FORBIDDEN,
                        "beyond-reach",
                        "this job has machines for which this person runs no jobs",
                        "ask somebody who runs jobs for all of its machines",
                    )),
                    (Reach::None, Reach::None) => Err(missing("job")),
                    (Reach::None, _) => Ok(Err(permission)),
                }
            }
        }
    });
    checked.await?.map_err(lacking)
}

/// Whether a route is about places, among which are groups.
fn is_about_places(path: &str) -> bool {
    path.starts_with("/places")
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

pub(super) fn not_allowed(title: &str) -> Refusal {
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

impl By {
    /// Where the person may do what the route is for.
    pub(super) fn scope(&self) -> Scope {
        self.caller
            .permission
            .map_or(Scope::Nothing, |permission| self.scope_of(permission))
    }

    /// Where the person may do something.
    pub(super) fn scope_of(&self, permission: Permission) -> Scope {
        self.caller.person.rights.scope(permission)
    }

    /// Whether the person may see a place or a group.
    pub(super) fn sees_place(&self, control: &Control, place: PlaceId) -> catalog::Result<bool> {
        let catalog = control.catalog();
        Ok(
            catalog.reaches_place(&self.scope_of(Permission::PlaceRead), place)?
                || catalog.reaches_place(&self.scope_of(Permission::GroupRead), place)?,
        )
    }

    /// That the person may do something to all of these machines. Those that they may not see are not there.
    pub(super) fn check_machines(
        &self,
        control: &Control,
        permission: Permission,
        machines: &[MachineId],
    ) -> Result<(), Refusal> {
        if permission != Permission::MachineRead {
            control
                .catalog()
                .check_machines(&self.scope_of(Permission::MachineRead), machines)?;
        }
        let allowed = control
            .catalog()
            .check_machines(&self.scope_of(permission), machines);
        allowed.map_err(|error| match error.kind() {
            catalog::ErrorKind::NotFound if permission != Permission::MachineRead => not_allowed(&format!(
                "this needs the permission {} for all of these machines",
                permission.text()
            )),
            _ => error.into(),
        })
    }
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
