//! Who may do what: one table of all routes, each with what it needs. A route that does not stand here answers nobody.
//! What the permissions mean and who holds them: `docs/permissions.md`.

use axum::http::Method;
use catalog::{Permission, Rights, Subject};

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it answers before anybody is logged in.
    Nobody,
    /// A person, or an API token that stands for one.
    Anybody,
    /// A person who is logged in: no token does.
    Person,
    /// This permission where the thing named in the path is. Where the path names none, the handler asks only for what is
    /// within the permission's scope.
    May(Permission),
    /// This permission at the root: for changing what belongs to no place.
    MayEverywhere(Permission),
}

/// What a path names: guarded before its handler is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The machine `{id}`.
    Machine,
    /// The job `{id}`.
    Job,
    /// The place or group `{id}`.
    Place,
    /// Something that belongs to no place, or a list.
    Site,
}

/// A route and what it needs.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path under `/api/v1`, with names for its variable parts.
    pub path: &'static str,
    /// What it needs.
    pub needs: Needs,
}

impl Route {
    /// What its path names.
    #[must_use]
    pub fn target(&self) -> Target {
        target(self.path)
    }
}

/// What a path names: whatever begins like this, so that a new route is guarded the day it is written.
#[must_use]
pub fn target(path: &str) -> Target {
    let begins =
        |with: &str| path == with || path.strip_prefix(with).is_some_and(|rest| rest.starts_with('/'));
    match () {
        () if begins("/machines/{id}") => Target::Machine,
        () if begins("/jobs/{id}") => Target::Job,
        () if begins("/places/{id}") || begins("/groups/{id}") => Target::Place,
        () => Target::Site,
    }
}

const fn route(method: Method, path: &'static str, needs: Needs) -> Route {
    Route { method, path, needs }
}

/// All routes of the admin API.
pub static ROUTES: &[Route] = {
    use Needs::{Anybody, May, MayEverywhere, Nobody, Person};
    use Permission::*;
    &[
        route(Method::GET, "/openapi.json", Nobody),
        route(Method::GET, "/setup", Nobody),
        route(Method::POST, "/setup", Nobody),
        route(Method::POST, "/sessions", Nobody),
        route(Method::GET, "/session", Anybody),
        route(Method::DELETE, "/session", Person),
        route(Method::GET, "/machines", May(MachineRead)),
        route(Method::GET, "/machines/{id}", May(MachineRead)),
        route(Method::GET, "/machines/{id}/boots", May(MachineRead)),
        route(Method::POST, "/machines/{id}/wake", May(MachineRun)),
        route(Method::PATCH, "/machines/{id}", May(MachineEdit)),
        route(Method::GET, "/machines/{id}/menu", May(MenuRead)),
        route(Method::PUT, "/machines/{id}/menu", May(MenuEdit)),
        route(Method::GET, "/machines/{id}/place", May(PlaceRead)),
        route(Method::PUT, "/machines/{id}/place", May(MachineEdit)),
        route(Method::GET, "/places", May(PlaceRead)),
        route(Method::POST, "/places", May(PlaceCreate)),
        route(Method::PATCH, "/places/{id}", May(PlaceEdit)),
        route(Method::DELETE, "/places/{id}", May(PlaceDelete)),
        route(Method::POST, "/places/{id}/machines", May(PlaceEdit)),
        route(Method::POST, "/places/{id}/import", MayEverywhere(PlaceEdit)),
        route(Method::GET, "/places/{id}/plan", May(PlaceRead)),
        route(Method::PUT, "/places/{id}/plan", May(PlaceEdit)),
        route(Method::PUT, "/places/{id}/favourite", May(PlaceRead)),
        route(Method::GET, "/places/{id}/menu", May(MenuRead)),
        route(Method::PUT, "/places/{id}/menu", May(MenuEdit)),
        route(Method::DELETE, "/machines/{id}", May(MachineDelete)),
        route(Method::GET, "/machines/export", May(MachineExport)),
        route(Method::POST, "/machines/import", MayEverywhere(MachineCreate)),
        route(Method::POST, "/machines/names", May(MachineEdit)),
        route(Method::POST, "/machines/{id}/merge", May(MachineEdit)),
        route(Method::POST, "/machines/{id}/split", May(MachineEdit)),
        route(Method::GET, "/machines/{id}/history", May(MachineRead)),
        route(Method::GET, "/masters", May(MasterRead)),
        route(Method::GET, "/masters/deleted", May(MasterRead)),
        route(Method::GET, "/masters/{name}", May(MasterRead)),
        route(Method::PATCH, "/masters/{name}", MayEverywhere(MasterEdit)),
        route(
            Method::POST,
            "/masters/{name}/versions/{version}/clone",
            MayEverywhere(MasterCreate),
        ),
        route(
            Method::POST,
            "/masters/{name}/versions/{version}/undelete",
            MayEverywhere(MasterDelete),
        ),
        route(
            Method::GET,
            "/masters/{name}/versions/{version}/uses",
            // It names jobs and menus wherever they are.
            MayEverywhere(MasterRead),
        ),
        route(
            Method::GET,
            "/masters/{name}/versions/{version}/root",
            May(MasterRead),
        ),
        route(
            Method::PUT,
            "/masters/{name}/versions/{version}/production",
            MayEverywhere(MasterApprove),
        ),
        route(
            Method::DELETE,
            "/masters/{name}/versions/{version}/production",
            MayEverywhere(MasterApprove),
        ),
        route(Method::GET, "/masters/{name}/versions/{version}", May(MasterRead)),
        route(
            Method::DELETE,
            "/masters/{name}/versions/{version}",
            MayEverywhere(MasterDelete),
        ),
        route(Method::GET, "/jobs", May(JobRead)),
        route(Method::POST, "/jobs", May(JobRun)),
        route(Method::POST, "/jobs/preflight", May(JobRun)),
        route(Method::GET, "/jobs/{id}", May(JobRead)),
        route(Method::POST, "/jobs/{id}/cancel", May(JobRun)),
        route(Method::POST, "/jobs/{id}/retry", May(JobRun)),
        route(Method::POST, "/jobs/{id}/machines/{machine}/disk", May(JobRun)),
        route(
            Method::GET,
            "/jobs/{id}/machines/{machine}/evidence",
            May(JobRead),
        ),
        route(Method::GET, "/jobs/{id}/machines/{machine}/journal", May(JobRead)),
        route(Method::GET, "/settings/jobs", May(SettingRead)),
        route(Method::PUT, "/settings/jobs", MayEverywhere(SettingEdit)),
        route(Method::GET, "/settings", May(SettingRead)),
        route(Method::PUT, "/settings", MayEverywhere(SettingEdit)),
        route(Method::GET, "/server", May(ServerRead)),
        route(Method::GET, "/audit", May(AuditRead)),
        route(Method::GET, "/audit/export", May(AuditExport)),
        route(Method::GET, "/address-pools", May(SettingRead)),
        route(Method::PUT, "/address-pools", MayEverywhere(SettingEdit)),
        route(Method::GET, "/address-leases", May(ServerRead)),
        route(Method::GET, "/netboot-images", May(ServerRead)),
        // Each event is shown only to whoever may read its object.
        route(Method::GET, "/events", Anybody),
        route(Method::PUT, "/session/password", Person),
        route(Method::POST, "/session/second-factor", Person),
        route(Method::PUT, "/session/second-factor", Person),
        route(Method::POST, "/session/second-factor/removal", Person),
        route(Method::GET, "/sessions", Person),
        route(Method::DELETE, "/sessions/{id}", Person),
        route(Method::GET, "/people", May(PersonRead)),
        route(Method::POST, "/people", MayEverywhere(PersonCreate)),
        route(Method::GET, "/people/{id}", May(PersonRead)),
        route(Method::PATCH, "/people/{id}", MayEverywhere(PersonEdit)),
        route(Method::PUT, "/people/{id}/password", MayEverywhere(PersonEdit)),
        route(
            Method::DELETE,
            "/people/{id}/second-factor",
            MayEverywhere(PersonEdit),
        ),
        route(Method::GET, "/people/{id}/sessions", MayEverywhere(PersonRead)),
        route(Method::DELETE, "/people/{id}/sessions", MayEverywhere(PersonEdit)),
        route(
            Method::DELETE,
            "/people/{id}/sessions/{session}",
            MayEverywhere(PersonEdit),
        ),
        route(Method::GET, "/teams", May(TeamRead)),
        route(Method::POST, "/teams", MayEverywhere(TeamEdit)),
        route(Method::PUT, "/teams/{id}", MayEverywhere(TeamEdit)),
        route(Method::DELETE, "/teams/{id}", MayEverywhere(TeamEdit)),
        route(Method::GET, "/permissions", Anybody),
        route(Method::GET, "/roles", May(RoleRead)),
        route(Method::POST, "/roles", MayEverywhere(RoleEdit)),
        route(Method::PUT, "/roles/{id}", MayEverywhere(RoleEdit)),
        route(Method::DELETE, "/roles/{id}", MayEverywhere(RoleEdit)),
        route(Method::GET, "/grants", May(RoleRead)),
        route(Method::POST, "/grants", May(RoleApprove)),
        route(Method::DELETE, "/grants/{id}", May(RoleApprove)),
        route(Method::GET, "/session/tokens", Person),
        route(Method::POST, "/session/tokens", Person),
        route(Method::DELETE, "/session/tokens/{id}", Person),
        route(Method::GET, "/tokens", MayEverywhere(TokenRead)),
        route(Method::DELETE, "/tokens/{id}", MayEverywhere(TokenDelete)),
    ]
};

/// What a route needs; `None` when nobody declared it.
#[must_use]
pub fn needs(method: &Method, path: &str) -> Option<Needs> {
    // axum answers HEAD by the GET of the same path (RFC 9110 §9.3.2).
    let method = if *method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    ROUTES
        .iter()
        .find(|route| route.method == *method && route.path == path)
        .map(|route| route.needs)
}

/// The permission to see what a path names.
pub(super) fn to_see(target: Target) -> Option<Permission> {
    match target {
        Target::Machine => Some(Permission::MachineRead),
        Target::Job => Some(Permission::JobRead),
        Target::Place => Some(Permission::PlaceRead),
        Target::Site => None,
    }
}

/// What somebody must be allowed to read to be told of an event. Where the thing is is asked besides.
#[must_use]
pub fn needed_for(subject: &Subject) -> Permission {
    match subject {
        Subject::Machine { .. } => Permission::MachineRead,
        Subject::Job { .. } | Subject::JobMachine { .. } => Permission::JobRead,
        Subject::Master { .. } => Permission::MasterRead,
        Subject::Settings => Permission::SettingRead,
        Subject::Refusal { .. } => Permission::ServerRead,
    }
}

/// Whether somebody may be told of an event, as far as that is known without asking where the thing is.
pub(super) fn may_hear(rights: &Rights, subject: &Subject) -> bool {
    let needed = needed_for(subject);
    match subject {
        // Who was refused, from where, is about the whole appliance.
        Subject::Refusal { .. } => rights.everywhere(needed),
        _ => rights.somewhere(needed),
    }
}
