//! Who may do what: one table of all routes, each with what it needs. A route that does not stand here answers nobody.

use axum::http::Method;
use catalog::{Role, Subject};

/// Something a person may be allowed to do, written `object.verb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See machines.
    MachineRead,
    /// Name and ban machines, merge and split their records.
    MachineEdit,
    /// See places and groups, and where machines are.
    PlaceRead,
    /// Make, name and delete places and groups, and put machines into them.
    PlaceEdit,
    /// See boot menus.
    MenuRead,
    /// Change boot menus.
    MenuEdit,
    /// Register machines.
    MachineCreate,
    /// Take records of machines away.
    MachineDelete,
    /// Take the list of machines away as a file.
    MachineExport,
    /// See masters.
    MasterRead,
    /// Delete masters.
    MasterDelete,
    /// See jobs and their evidence.
    JobRead,
    /// Create jobs, take them back, try again, choose disks.
    JobRun,
    /// See settings.
    SettingRead,
    /// Change settings.
    SettingEdit,
    /// See the appliance's state and who was refused.
    ServerRead,
    /// See who did what.
    AuditRead,
    /// Take the audit away as a file.
    AuditExport,
}

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it answers before anybody is logged in.
    Nobody,
    /// A person who is logged in.
    Anybody,
    /// A person with this permission.
    May(Permission),
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

const fn route(method: Method, path: &'static str, needs: Needs) -> Route {
    Route { method, path, needs }
}

/// All routes of the admin API.
pub static ROUTES: [Route; 57] = {
    use Needs::{Anybody, May, Nobody};
    use Permission::{
        AuditExport, AuditRead, JobRead, JobRun, MachineCreate, MachineDelete, MachineEdit, MachineExport,
        MachineRead, MasterDelete, MasterRead, MenuEdit, MenuRead, PlaceEdit, PlaceRead, ServerRead,
        SettingEdit, SettingRead,
    };
    [
        route(Method::GET, "/openapi.json", Nobody),
        route(Method::GET, "/setup", Nobody),
        route(Method::POST, "/setup", Nobody),
        route(Method::POST, "/sessions", Nobody),
        route(Method::GET, "/session", Anybody),
        route(Method::DELETE, "/session", Anybody),
        route(Method::GET, "/machines", May(MachineRead)),
        route(Method::GET, "/machines/{id}", May(MachineRead)),
        route(Method::GET, "/machines/{id}/boots", May(MachineRead)),
        route(Method::POST, "/machines/{id}/wake", May(MachineEdit)),
        route(Method::PATCH, "/machines/{id}", May(MachineEdit)),
        route(Method::GET, "/machines/{id}/menu", May(MenuRead)),
        route(Method::PUT, "/machines/{id}/menu", May(MenuEdit)),
        route(Method::GET, "/machines/{id}/place", May(PlaceRead)),
        route(Method::PUT, "/machines/{id}/place", May(PlaceEdit)),
        route(Method::GET, "/places", May(PlaceRead)),
        route(Method::POST, "/places", May(PlaceEdit)),
        route(Method::PATCH, "/places/{id}", May(PlaceEdit)),
        route(Method::DELETE, "/places/{id}", May(PlaceEdit)),
        route(Method::POST, "/places/{id}/machines", May(PlaceEdit)),
        route(Method::POST, "/places/{id}/import", May(PlaceEdit)),
        route(Method::GET, "/places/{id}/plan", May(PlaceRead)),
        route(Method::PUT, "/places/{id}/plan", May(PlaceEdit)),
        route(Method::PUT, "/places/{id}/favourite", May(PlaceRead)),
        route(Method::GET, "/places/{id}/menu", May(MenuRead)),
        route(Method::PUT, "/places/{id}/menu", May(MenuEdit)),
        route(Method::DELETE, "/machines/{id}", May(MachineDelete)),
        route(Method::GET, "/machines/export", May(MachineExport)),
        route(Method::POST, "/machines/import", May(MachineCreate)),
        route(Method::POST, "/machines/names", May(MachineEdit)),
        route(Method::POST, "/machines/{id}/merge", May(MachineEdit)),
        route(Method::POST, "/machines/{id}/split", May(MachineEdit)),
        route(Method::GET, "/machines/{id}/history", May(MachineRead)),
        route(Method::GET, "/masters", May(MasterRead)),
        route(Method::GET, "/masters/{name}/versions/{version}", May(MasterRead)),
        route(
            Method::DELETE,
            "/masters/{name}/versions/{version}",
            May(MasterDelete),
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
        route(Method::PUT, "/settings/jobs", May(SettingEdit)),
        route(Method::GET, "/settings", May(SettingRead)),
        route(Method::PUT, "/settings", May(SettingEdit)),
        route(Method::GET, "/server", May(ServerRead)),
        route(Method::GET, "/audit", May(AuditRead)),
        route(Method::GET, "/audit/export", May(AuditExport)),
        route(Method::GET, "/address-pools", May(SettingRead)),
        route(Method::PUT, "/address-pools", May(SettingEdit)),
        route(Method::GET, "/address-leases", May(ServerRead)),
        route(Method::GET, "/netboot-images", May(ServerRead)),
        // Each event is shown only to whoever may read its object.
        route(Method::GET, "/events", Anybody),
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

/// What a role may do.
#[must_use]
pub fn permissions(role: Role) -> &'static [Permission] {
    match role {
        Role::Administrator => &Permission::ALL,
        // A role this program does not know yet may do nothing.
        _ => &[],
    }
}

/// What somebody must be allowed to read to be told of an event.
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

impl Permission {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::MachineRead,
        Self::MachineEdit,
        Self::PlaceRead,
        Self::PlaceEdit,
        Self::MenuRead,
        Self::MenuEdit,
        Self::MachineCreate,
        Self::MachineDelete,
        Self::MachineExport,
        Self::MasterRead,
        Self::MasterDelete,
        Self::JobRead,
        Self::JobRun,
        Self::SettingRead,
        Self::SettingEdit,
        Self::ServerRead,
        Self::AuditRead,
        Self::AuditExport,
    ];

    /// As it is written: `object.verb`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::MachineRead => "machine.read",
            Self::MachineEdit => "machine.edit",
            Self::PlaceRead => "place.read",
            Self::PlaceEdit => "place.edit",
            Self::MenuRead => "menu.read",
            Self::MenuEdit => "menu.edit",
            Self::MachineCreate => "machine.create",
            Self::MachineDelete => "machine.delete",
            Self::MachineExport => "machine.export",
            Self::MasterRead => "master.read",
            Self::MasterDelete => "master.delete",
            Self::JobRead => "job.read",
            Self::JobRun => "job.run",
            Self::SettingRead => "setting.read",
            Self::SettingEdit => "setting.edit",
            Self::ServerRead => "server.read",
            Self::AuditRead => "audit.read",
            Self::AuditExport => "audit.export",
        }
    }
}
