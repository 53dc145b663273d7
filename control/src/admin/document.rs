//! The OpenAPI document of the admin API, committed as `control/openapi.json`.

use super::{
    audit, events, export, jobs, machines, masters, network, people, places, records, roles, server, sessions,
};
use crate::{refusal::PROBLEM_TYPE, state::Control, view::RefusalEvent};
use protocol::Problem;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self, ComponentsBuilder, ContentBuilder, Ref, RefOr, ResponseBuilder,
        path::Operation,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

/// The sections of the document.
pub mod tag {
    /// Machines.
    pub const MACHINES: &str = "machines";
    /// Places, groups and boot menus.
    pub const PLACES: &str = "places";
    /// Masters.
    pub const MASTERS: &str = "masters";
    /// Jobs.
    pub const JOBS: &str = "jobs";
    /// People and their sessions.
    pub const PEOPLE: &str = "people";
    /// Who did what.
    pub const AUDIT: &str = "audit";
    /// Settings, live events and the appliance's state.
    pub const SITE: &str = "site";
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Amorce", description = "The admin API of an Amorce appliance. Every answer that is not a success is a `Problem`."),
    components(schemas(
        Problem,
        RefusalEvent,
        audit::AuditFileFormat,
        export::TableEncoding,
        jobs::Whose,
        machines::MachineSort
    )),
    security(("session" = []), ("token" = [])),
    modifiers(&Credentials, &Problems),
)]
struct Document;

/// All routes of the admin API, relative to `/api/v1`, with the document that describes them.
pub(super) fn routes() -> OpenApiRouter<Control> {
    let router = OpenApiRouter::default()
        .routes(routes!(sessions::get_setup, sessions::create_first_administrator))
        .routes(routes!(sessions::log_in, sessions::list_sessions))
        .routes(routes!(sessions::end_session))
        .routes(routes!(sessions::get_session, sessions::log_out))
        .routes(routes!(sessions::change_password))
        .routes(routes!(
            sessions::offer_second_factor,
            sessions::confirm_second_factor
        ))
        .routes(routes!(sessions::remove_second_factor))
        .routes(routes!(roles::list_own_tokens, roles::create_own_token))
        .routes(routes!(roles::revoke_own_token))
        .routes(routes!(people::list_people, people::create_person))
        .routes(routes!(people::get_person, people::change_person))
        .routes(routes!(people::reset_password))
        .routes(routes!(people::reset_second_factor))
        .routes(routes!(
            people::list_sessions_of_person,
            people::end_sessions_of_person
        ))
        .routes(routes!(people::end_session_of_person))
        .routes(routes!(people::list_teams, people::create_team))
        .routes(routes!(people::change_team, people::delete_team))
        .routes(routes!(roles::list_permissions))
        .routes(routes!(roles::list_roles, roles::create_role))
        .routes(routes!(roles::change_role, roles::delete_role))
        .routes(routes!(roles::list_grants, roles::give_role))
        .routes(routes!(roles::take_role))
        .routes(routes!(roles::list_tokens))
        .routes(routes!(roles::revoke_token))
        .routes(routes!(machines::list_machines))
        .routes(routes!(
            machines::get_machine,
            machines::change_machine,
            machines::delete_machine
        ))
        .routes(routes!(records::export_machines))
        .routes(routes!(records::import_machines))
        .routes(routes!(records::name_machines))
        .routes(routes!(records::merge_machines))
        .routes(routes!(records::split_machine))
        .routes(routes!(records::get_machine_history))
        .routes(routes!(machines::get_machine_boots))
        .routes(routes!(machines::wake_machine))
        .routes(routes!(places::get_machine_menu, places::put_machine_menu))
        .routes(routes!(places::get_machine_place, places::put_machine_place))
        .routes(routes!(places::list_places, places::create_place))
        .routes(routes!(places::change_place, places::delete_place))
        .routes(routes!(places::put_place_machines))
        .routes(routes!(places::import_place_machines))
        .routes(routes!(places::get_room_plan, places::put_room_plan))
        .routes(routes!(places::put_favourite))
        .routes(routes!(places::get_place_menu, places::put_place_menu))
        .routes(routes!(masters::list_masters))
        .routes(routes!(masters::list_deleted_masters))
        .routes(routes!(masters::get_master, masters::change_master))
        .routes(routes!(masters::clone_master))
        .routes(routes!(masters::undelete_master_version))
        .routes(routes!(masters::list_master_uses))
        .routes(routes!(masters::get_master_root))
        .routes(routes!(
            masters::put_into_production,
            masters::take_out_of_production
        ))
        .routes(routes!(
            masters::get_master_version,
            masters::delete_master_version
        ))
        .routes(routes!(jobs::list_jobs, jobs::create_job))
        .routes(routes!(jobs::look_before_job))
        .routes(routes!(jobs::get_job))
        .routes(routes!(jobs::cancel_job))
        .routes(routes!(jobs::retry_job))
        .routes(routes!(jobs::choose_disk))
        .routes(routes!(jobs::get_evidence))
        .routes(routes!(jobs::get_journal))
        .routes(routes!(jobs::get_job_rules, jobs::put_job_rules))
        .routes(routes!(server::get_settings, server::put_settings))
        .routes(routes!(server::get_server))
        .routes(routes!(audit::list_audit))
        .routes(routes!(audit::export_audit))
        .routes(routes!(network::get_address_pools, network::put_address_pools))
        .routes(routes!(network::list_address_leases))
        .routes(routes!(network::list_netboot_images))
        .routes(routes!(events::follow_events));
    OpenApiRouter::with_openapi(Document::openapi_base()).merge(router)
}

impl Document {
    /// The document without its paths and without what is added to every path.
    fn openapi_base() -> openapi::OpenApi {
        let mut document = Self::openapi();
        document.servers = Some(vec![openapi::Server::new("/api/v1")]);
        document
    }
}

/// The whole document.
#[must_use]
pub fn document() -> openapi::OpenApi {
    let mut document = routes().into_openapi();
    Problems.modify(&mut document);
    document
}

/// The document as it is committed and served.
///
/// # Panics
/// Never: the document has only strings for keys.
#[must_use]
pub fn document_text() -> String {
    let mut text = document()
        .to_pretty_json()
        .expect("the document has only strings for keys");
    text.push('\n');
    text
}

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let components = document
            .components
            .get_or_insert_with(|| ComponentsBuilder::new().build());
        components.add_security_scheme(
            "session",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("amorce_session"))),
        );
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// Adds to every operation the answers that every operation may give.
struct Problems;

impl Modify for Problems {
    fn modify(&self, document: &mut openapi::OpenApi) {
        for item in document.paths.paths.values_mut() {
            let operations: [&mut Option<Operation>; 5] = [
                &mut item.get,
                &mut item.put,
                &mut item.post,
                &mut item.delete,
                &mut item.patch,
            ];
            for operation in operations.into_iter().flatten() {
                for (status, description) in [("4XX", "refused"), ("5XX", "the appliance could not do this")]
                {
                    let content = ContentBuilder::new()
                        .schema(Some(Ref::from_schema_name("Problem")))
                        .build();
                    let response = ResponseBuilder::new()
                        .description(description)
                        .content(PROBLEM_TYPE, content)
                        .build();
                    operation
                        .responses
                        .responses
                        .insert(status.to_owned(), RefOr::T(response));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_OPENAPI=1 cargo test -p control openapi` writes the file anew.
    #[test]
    fn the_committed_openapi_document_is_what_the_code_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let text = document_text();
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(
            committed == text,
            "control/openapi.json is stale; run UPDATE_OPENAPI=1 cargo test -p control openapi"
        );
    }
}
