//! Who may call what: made from the table of routes, so that a new route is tested the day it is written.

use crate::site::Site;
use axum::{
    body::Body,
    http::{Method, Request, header},
};
use control::admin::{
    document::document_text,
    permission::{Needs, ROUTES, Target},
};
use serde_json::Value;
use std::collections::BTreeSet;

pub fn filled(path: &str) -> String {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let path = path
        .replace("{id}", id)
        .replace("{machine}", id)
        .replace("{session}", id)
        .replace("{name}", "m")
        .replace("{version}", "1");
    format!("/api/v1{path}")
}

#[test]
fn every_documented_route_declares_what_it_needs_and_every_declared_one_is_documented() {
    let document: Value = serde_json::from_str(&document_text()).unwrap();
    let documented: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| *key != "parameters");
            methods.map(move |method| (path.clone(), method.to_uppercase()))
        })
        .collect();
    let declared: BTreeSet<(String, String)> = ROUTES
        .iter()
        .filter(|route| route.path != "/openapi.json")
        .map(|route| (route.path.to_owned(), route.method.to_string()))
        .collect();
    assert_eq!(documented, declared);
    assert_eq!(declared.len() + 1, ROUTES.len(), "no route stands there twice");
}

/// Routes that change something named in their body and not in their path: their handlers look where that is.
const NAMED_IN_THE_BODY: [&str; 5] = [
    "/machines/names",
    "/places",
    "/jobs",
    "/jobs/preflight",
    "/grants",
];

#[test]
fn what_belongs_to_no_place_is_changed_only_by_whoever_may_everywhere() {
    for route in ROUTES {
        let named = |what: &str| route.path.contains(&format!("/{what}/{{"));
        let guarded = named("machines") || named("jobs") || named("places") || named("groups");
        assert_eq!(route.target() != Target::Site, guarded, "{}", route.path);
        if route.method.is_safe() || guarded {
            continue;
        }
        let looks_itself = NAMED_IN_THE_BODY.contains(&route.path.trim_end_matches("/{id}"));
        let ok = match route.needs {
            Needs::May(_) => looks_itself,
            Needs::Nobody => ["/setup", "/sessions"].contains(&route.path),
            Needs::Anybody => false,
            Needs::Person => route.path.starts_with("/session"),
            Needs::MayEverywhere(_) => true,
        };
        assert!(ok, "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn a_route_that_needs_a_person_answers_nobody_else() {
    let site = Site::new().await;
    for route in ROUTES {
        let path = filled(route.path);
        for cookie in [None, Some("invented")] {
            let answer = site
                .call_as(cookie, route.method.clone(), &path, Some(serde_json::json!({})))
                .await;
            match route.needs {
                Needs::Nobody => assert_ne!(answer.json()["code"], "not-logged-in", "{path}"),
                _ => answer.is_problem(401, "not-logged-in"),
            }
        }
    }
}

#[tokio::test]
async fn a_changing_call_from_another_site_is_refused() {
    let site = Site::new().await;
    for route in ROUTES.iter().filter(|route| !route.method.is_safe()) {
        let send = async |origin: Option<&str>, kind: Option<&str>| {
            let mut request = Request::builder()
                .method(route.method.clone())
                .uri(filled(route.path))
                .header(header::HOST, "amorce.example")
                .header(header::COOKIE, format!("amorce_session={}", site.cookie));
            if let Some(origin) = origin {
                request = request.header(header::ORIGIN, origin);
            }
            if let Some(kind) = kind {
                request = request.header(header::CONTENT_TYPE, kind);
            }
            site.send_admin(request.body(Body::from("{}")).unwrap()).await
        };
        let json = Some("application/json");
        for origin in [
            None,
            Some("https://evil.example"),
            Some("null"),
            Some("https://amorce.example.evil.example"),
        ] {
            send(origin, json).await.is_problem(403, "cross-site");
        }
        if route.method != Method::DELETE {
            for kind in [
                None,
                Some("text/plain"),
                Some("application/x-www-form-urlencoded"),
            ] {
                send(Some("https://amorce.example"), kind)
                    .await
                    .is_problem(415, "not-json");
            }
        }
    }
}

#[tokio::test]
async fn addresses_that_lead_nowhere_and_methods_that_are_not_taken_are_problems_too() {
    let site = Site::new().await;
    site.get("/api/v1/nothing")
        .await
        .is_problem(404, "no-such-address");
    site.get("/api/v1").await.is_problem(404, "no-such-address");
    site.get("/api/v1/jobs/not-an-id")
        .await
        .is_problem(404, "not-found");
    site.get("/api/v1/jobs/01890a5d-ac96-774b-bcce-b302099a8057")
        .await
        .is_problem(404, "not-found");
    site.get("/api/v1/masters/..%2f..%2fetc/versions/1")
        .await
        .is_problem(404, "not-found");
    site.call(Method::PUT, "/api/v1/jobs", None)
        .await
        .is_problem(405, "method-not-allowed");
    site.agent(None, Method::GET, "/agent/v1/hello", vec![])
        .await
        .is_problem(405, "method-not-allowed");
    site.agent(None, Method::GET, "/agent/v1/nothing", vec![])
        .await
        .is_problem(404, "no-such-address");
    site.agent(None, Method::GET, "/etc/passwd", vec![])
        .await
        .is_problem(404, "no-such-address");
}
