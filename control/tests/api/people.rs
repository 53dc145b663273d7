//! First administrator, log in and out, settings, probes.

use crate::site::{METRICS_TOKEN, PASSWORD, Site, cookie_of};
use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn the_first_administrator_needs_the_one_time_code() {
    let site = Site::without_people();
    let code = site.control.catalog().new_setup_code().unwrap().unwrap();
    let setup = |code: &str| json!({ "code": code, "name": "ada", "password": PASSWORD });
    let state = site
        .call_as(None, Method::GET, "/api/v1/setup", None)
        .await
        .is(200)
        .json();
    assert_eq!(
        state,
        json!({ "needs_first_administrator": true, "language": "fr" })
    );
    let wrong = site
        .call_as(
            None,
            Method::POST,
            "/api/v1/setup",
            Some(setup("AAAA-BBBB-CCCC-DDDD")),
        )
        .await;
    wrong.is_problem(401, "wrong-setup-code");
    let made = site
        .call_as(None, Method::POST, "/api/v1/setup", Some(setup(&code)))
        .await
        .is(201);
    let cookie = cookie_of(&made);
    let session = site
        .call_as(Some(&cookie), Method::GET, "/api/v1/session", None)
        .await
        .is(200)
        .json();
    assert_eq!(session["name"], "ada");
    assert!(
        session["permissions"]
            .as_array()
            .unwrap()
            .contains(&json!("job.run"))
    );
    let again = site
        .call_as(None, Method::POST, "/api/v1/setup", Some(setup(&code)))
        .await;
    again.is_problem(409, "has-administrator");
    assert_eq!(site.refusals().await, ["wrong-setup-code"]);
}

#[tokio::test]
async fn logging_out_ends_the_session_and_logging_in_makes_a_new_one() {
    let site = Site::new().await;
    let planted = "a-cookie-that-somebody-planted";
    let body = json!({ "name": "ada", "password": PASSWORD });
    let answer = site
        .call_as(Some(planted), Method::POST, "/api/v1/sessions", Some(body))
        .await
        .is(201);
    assert_ne!(cookie_of(&answer), planted);
    let out = site.call(Method::DELETE, "/api/v1/session", None).await.is(204);
    assert!(
        out.headers[header::SET_COOKIE]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    site.get("/api/v1/session").await.is_problem(401, "not-logged-in");
}

#[tokio::test]
async fn whoever_guesses_has_to_wait() {
    let site = Site::new().await;
    let guess = || json!({ "name": "ada", "password": "guess" });
    for _ in 0..5 {
        let answer = site
            .call_as(None, Method::POST, "/api/v1/sessions", Some(guess()))
            .await;
        answer.is_problem(401, "wrong-name-or-password");
    }
    let answer = site
        .call_as(None, Method::POST, "/api/v1/sessions", Some(guess()))
        .await;
    answer.is_problem(429, "too-many-tries");
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    site.clock.advance(Duration::from_secs(3600));
    site.log_in().await;
}

#[tokio::test]
async fn settings_are_changed_and_decide_what_unknown_machines_boot() {
    let site = Site::new().await;
    let settings = json!({ "unknown_machines": "ignore", "language": "en" });
    assert_eq!(
        site.call(Method::PUT, "/api/v1/settings", Some(settings.clone()))
            .await
            .is(200)
            .json(),
        settings
    );
    assert_eq!(site.get("/api/v1/settings").await.json(), settings);
    assert!(
        site.control
            .catalog()
            .boot_token(&crate::site::boot_facts(1), None)
            .is_err()
    );
    let nonsense = json!({ "unknown_machines": "explode", "language": "en" });
    site.call(Method::PUT, "/api/v1/settings", Some(nonsense))
        .await
        .is_problem(422, "unusable-value");
}

#[tokio::test]
async fn a_machine_is_named_found_and_banned() {
    let site = Site::new().await;
    let (key, machine) = site.enter(1, true).await;
    site.enter(2, true).await;
    let path = format!("/api/v1/machines/{machine}");
    let change = |body| site.call(Method::PATCH, &path, Some(body));
    assert_eq!(
        change(json!({ "name": "Salle 12 – poste 4" }))
            .await
            .is(200)
            .json()["label"],
        "Salle 12 – poste 4"
    );
    change(json!({ "name": "a\u{0}b" }))
        .await
        .is_problem(422, "unusable-value");
    change(json!({ "name": "x".repeat(101) }))
        .await
        .is_problem(422, "unusable-value");
    change(json!({ "nom": "x" }))
        .await
        .is_problem(422, "unusable-value");
    let found = site.get("/api/v1/machines?q=POSTE%204").await.is(200).json();
    assert_eq!(
        (&found["total"], &found["items"][0]["id"]),
        (&json!(1), &json!(machine))
    );
    assert_eq!(
        found["items"][0]["facts"]["disks"][0].get("contents"),
        None,
        "lists are brief"
    );
    assert_eq!(
        site.get(&path).await.json()["facts"]["disks"][0]["contents"],
        "{}"
    );
    assert_eq!(found["items"][0]["connected"], true);
    change(json!({ "quarantined": true })).await.is(200);
    site.task(&key).await.is_problem(401, "no-session");
    let page = site.get("/api/v1/machines?limit=1").await.json();
    let next = page["next"].as_str().unwrap();
    let last = site
        .get(&format!("/api/v1/machines?limit=1&after={next}"))
        .await
        .json();
    assert_eq!((&last["next"], &last["total"]), (&Value::Null, &json!(2)));
    for query in ["limit=0", "limit=201", "limit=x", "after=x"] {
        site.get(&format!("/api/v1/machines?{query}"))
            .await
            .is_problem(422, "unusable-value");
    }
}

#[tokio::test]
async fn monitoring_reads_health_openly_and_figures_with_the_token() {
    let site = Site::new().await;
    site.enter(1, true).await;
    assert_eq!(
        site.call_as(None, Method::GET, "/healthz", None)
            .await
            .is(200)
            .body,
        b"ok\n"
    );
    site.call_as(None, Method::GET, "/metrics", None)
        .await
        .is_problem(401, "no-metrics-token");
    let request = Request::get("/metrics").header(header::AUTHORIZATION, format!("Bearer {METRICS_TOKEN}"));
    let figures = site
        .send_admin(request.body(Body::empty()).unwrap())
        .await
        .is(200);
    let text = String::from_utf8(figures.body).unwrap();
    assert!(
        text.contains("amorce_machines 1\n") && text.contains("amorce_agents_connected 1\n"),
        "{text}"
    );
}

#[tokio::test]
async fn the_appliance_tells_of_itself_and_the_page_is_hardened() {
    let site = Site::new().await;
    assert_eq!(
        site.get("/api/v1/server").await.is(200).json()["version"],
        "1.2.3"
    );
    let page = site
        .call_as(None, Method::GET, "/machines/some/where", None)
        .await
        .is(200);
    assert_eq!(page.body, b"the page");
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(
        policy.contains("default-src 'self'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(page.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let document = site
        .call_as(None, Method::GET, "/api/v1/openapi.json", None)
        .await
        .is(200)
        .json();
    assert_eq!(document["info"]["title"], "Amorce");
}

#[tokio::test]
async fn pools_of_addresses_are_checked_kept_and_noted() {
    let site = Site::new().await;
    let pools = |network: &str| {
        json!({ "items": [{
            "network": network, "first": "192.0.2.10", "last": "192.0.2.99", "router": null, "name_servers": ["192.0.2.1"],
            "domain": "school.example", "lease_minutes": 60, "authoritative": true,
            "reservations": [{ "address": "192.0.2.5", "mac": "02:00:00:00:00:01", "uuid": null, "identifier": null }],
        }] })
    };
    let path = "/api/v1/address-pools";
    assert_eq!(site.get(path).await.json(), json!({ "items": [] }));
    let refused = site.call(Method::PUT, path, Some(pools("192.0.2.0"))).await;
    refused.is_problem(422, "unusable-value");
    assert!(
        refused.json()["title"]
            .as_str()
            .unwrap()
            .contains("is no network")
    );
    let good = pools("192.0.2.0/24");
    assert_eq!(
        site.call(Method::PUT, path, Some(good.clone())).await.json(),
        good
    );
    assert_eq!(site.get(path).await.json(), good);
    let lease = catalog::AddressLease {
        address: [192, 0, 2, 10].into(),
        client: "02:00:00:00:00:01".into(),
        host_name: "pc".into(),
        expires_at: 1_700_000_000,
    };
    site.control.catalog().keep_address_leases(&[lease]).unwrap();
    let leases = site.get("/api/v1/address-leases").await.json();
    assert_eq!(leases["items"][0]["expires_at"], "2023-11-14T22:13:20.000Z");
    assert_eq!(
        site.get("/api/v1/netboot-images").await.json()["serves"],
        "old Macs"
    );
}
