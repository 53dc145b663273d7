//! Strangers at the agent API: refused, logged, nothing served.

use crate::site::{Site, hello, mac};
use axum::http::Method;
use protocol::agent::AGENT_PROTOCOL;
use serde_json::json;
use std::time::Duration;

const CALLS: [(Method, &str); 7] = [
    (Method::GET, "/agent/v1/task"),
    (Method::POST, "/agent/v1/progress"),
    (Method::POST, "/agent/v1/writing"),
    (Method::POST, "/agent/v1/report"),
    (Method::GET, "/agent/v1/depot/root"),
    (Method::POST, "/agent/v1/depot/frames"),
    (Method::POST, "/agent/v1/depot/commit"),
];

#[tokio::test]
async fn without_a_key_or_with_a_wrong_one_nothing_is_served() {
    let site = Site::new().await;
    site.enter(1, true).await;
    for (method, path) in CALLS {
        for key in [None, Some("invented"), Some("")] {
            site.agent(key, method.clone(), path, b"{}".to_vec())
                .await
                .is_problem(401, "no-session");
        }
    }
    assert_eq!(
        site.refusals().await.len(),
        CALLS.len() * 3,
        "every refusal is seen on the page"
    );
}

#[tokio::test]
async fn a_boot_token_is_exchanged_once_in_time_and_by_its_own_machine() {
    let site = Site::new().await;
    site.hello(&hello(1, true, "invented".into()))
        .await
        .is_problem(401, "token-unknown");
    let token = site.token(1);
    site.hello(&hello(2, true, token.clone()))
        .await
        .is_problem(403, "token-of-another-machine");
    let mut disguised = hello(2, true, token.clone());
    disguised.mac = None;
    site.hello(&disguised)
        .await
        .is_problem(403, "token-of-another-machine");
    site.hello(&hello(1, true, token.clone())).await.is(200);
    site.hello(&hello(1, true, token))
        .await
        .is_problem(401, "token-used");
    let late = site.token(3);
    site.clock.advance(Duration::from_secs(901));
    site.hello(&hello(3, true, late))
        .await
        .is_problem(401, "token-expired");
    assert_eq!(
        site.refusals().await,
        [
            "token-unknown",
            "token-of-another-machine",
            "token-of-another-machine",
            "token-used",
            "token-expired"
        ]
    );
}

#[tokio::test]
async fn while_an_agent_is_at_work_nobody_else_takes_its_machine() {
    let site = Site::new().await;
    let (key, machine) = site.enter(1, false).await;
    let key = crate::work::capture(&site, &key, &machine, "m").await;
    let restore = json!({ "kind": "restore", "master": { "name": "m" } });
    let job = crate::work::job(&site, &machine, restore).await;
    site.task(&key).await.is(200);
    let write = |key: String, step_index: u32| {
        let mark = json!({ "job": job, "step_index": step_index }).to_string();
        let site = &site;
        async move {
            site.agent(Some(&key), Method::POST, "/agent/v1/writing", mark.into_bytes())
                .await
                .is(200)
                .json()["cancelled"]
                .clone()
        }
    };
    assert_eq!(write(key.clone(), 1).await, json!(true), "not its step");
    assert_eq!(write(key, 0).await, json!(false));
    let token = site.token(1);
    site.hello(&hello(1, false, token.clone()))
        .await
        .is_problem(409, "agent-at-work");
    site.clock.advance(Duration::from_secs(20));
    site.hello(&hello(1, false, token)).await.is(200);
}

#[tokio::test]
async fn of_two_agents_with_one_token_one_is_let_in() {
    let site = Site::new().await;
    let (one, two) = (hello(1, true, site.token(1)), hello(1, true, site.token(1)));
    let two = protocol::agent::Hello {
        token: one.token.clone(),
        ..two
    };
    let (first, second) = tokio::join!(site.hello(&one), site.hello(&two));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

#[tokio::test]
async fn a_key_opens_only_its_own_machines_job() {
    let site = Site::new().await;
    let (key_a, machine_a) = site.enter(1, false).await;
    let (key_b, machine_b) = site.enter(2, false).await;
    let key_a = crate::work::capture(&site, &key_a, &machine_a, "m").await;
    let restore = json!({ "kind": "restore", "master": { "name": "m" } });
    let job_b = crate::work::job(&site, &machine_b, restore).await;
    site.task(&key_b).await.is(200);
    let done = || json!({ "outcome": "done", "result": {} });
    site.report(&key_a, &job_b, 0, done())
        .await
        .is_problem(403, "not-your-job");
    site.agent(Some(&key_a), Method::GET, "/agent/v1/depot/root", vec![])
        .await
        .is_problem(403, "not-yours");
    site.report(&key_b, &job_b, 1, done())
        .await
        .is_problem(409, "step-ahead");
    let state = || async {
        site.get(&format!("/api/v1/jobs/{}", job_b.as_str().unwrap()))
            .await
            .json()
    };
    assert_eq!(
        state().await["machines"][0]["state"],
        "queued",
        "an answer may have reached nobody"
    );
    site.agent(Some(&key_b), Method::GET, "/agent/v1/depot/root", vec![])
        .await;
    assert_eq!(
        state().await["machines"][0]["state"],
        "running",
        "whoever asks the depot works on it"
    );
    site.clock.advance(Duration::from_secs(20));
    let (again, same) = site.enter(2, false).await;
    assert_eq!(same, machine_b);
    site.task(&key_b).await.is_problem(401, "no-session");
    let task = site.task(&again).await.json();
    assert_eq!(
        (&task["job"], &task["resumed"]),
        (&job_b, &json!(true)),
        "the machine came back and goes on"
    );
}

#[tokio::test]
async fn an_agent_of_another_protocol_is_told_to_reboot() {
    let site = Site::new().await;
    let mut old = serde_json::to_value(hello(1, true, site.token(1))).unwrap();
    old["protocol"] = json!(AGENT_PROTOCOL - 1);
    old.as_object_mut().unwrap().remove("facts");
    let answer = site
        .agent(None, Method::POST, "/agent/v1/hello", old.to_string().into())
        .await;
    answer.is_problem(409, "agent-too-old");
}

#[tokio::test]
async fn the_agent_learns_the_time_the_language_and_the_depots_key() {
    let site = Site::new().await;
    let reply = site.hello(&hello(1, true, site.token(1))).await.is(200).json();
    assert_eq!(reply["unix_time_ms"], 1_700_000_000_000_u64);
    assert_eq!(reply["language"], "fr");
    assert_eq!(
        reply["depot_key"].as_str().unwrap(),
        site.control.depot().public_key().to_string()
    );
}

#[tokio::test]
async fn a_machine_whose_identity_is_shared_gets_its_own_record_and_a_warning() {
    let site = Site::new().await;
    let (_, first) = site.enter(1, true).await;
    let mut twin = hello(1, true, site.token(9));
    twin.mac = Some(mac(9));
    twin.facts.nics[0].mac = mac(9);
    twin.facts.disks[0].identity.serial = Some("DISK9".into());
    let reply = site.hello(&twin).await.is(200).json();
    assert_ne!(reply["machine"], first.as_str());
    assert!(reply["warnings"][0].as_str().unwrap().contains(&first));
}
