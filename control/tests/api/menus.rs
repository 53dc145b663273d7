//! Places and boot menus, and what comes of an entry that was chosen on a machine.

use crate::site::{Site, boot_facts, hello};
use axum::http::Method;
use protocol::{boot::BootPlan, menu::EntryKey};
use serde_json::{Value, json};

const ROOT: &str = "/api/v1/places/00000000-0000-7000-8000-000000000001/menu";

fn menu(entries: Value) -> Option<Value> {
    Some(json!({ "settings": { "title": "Room 12" }, "entries": entries }))
}

fn key(text: &str) -> EntryKey {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_menu_is_inherited_along_places_and_says_where_everything_comes_from() {
    let site = Site::new().await;
    let (_, machine) = site.enter(1, true).await;
    let root = "00000000-0000-7000-8000-000000000001";
    let room = json!({ "parent": root, "kind": "room", "name": "Salle 12" });
    let room = site.post("/api/v1/places", room).await.is(201).json();
    let room = room["id"].as_str().unwrap();
    let there = json!({ "place": room });
    site.call(
        Method::PUT,
        &format!("/api/v1/machines/{machine}/place"),
        Some(there),
    )
    .await
    .is(200);
    let agent = json!([{ "key": "amorce", "label": "Amorce", "action": { "kind": "agent" } }]);
    site.call(Method::PUT, ROOT, menu(agent)).await.is(200);
    let decided = Some(json!({ "settings": { "timeout_seconds": 3 } }));
    site.call(Method::PUT, &format!("/api/v1/places/{room}/menu"), decided)
        .await
        .is(200);
    let path = format!("/api/v1/machines/{machine}/menu");
    let whole = site.get(&path).await.is(200).json();
    assert_eq!(
        whole["own"],
        json!({ "settings": null_settings(), "entries": [] })
    );
    assert_eq!(whole["settings"]["timeout_seconds"], 3);
    let from = |setting: &str| {
        let origins = whole["origins"].as_array().unwrap();
        origins.iter().find(|said| said["setting"] == setting).unwrap()["origin"].clone()
    };
    assert_eq!(from("timeout_seconds"), json!({ "kind": "place", "id": room }));
    assert_eq!(from("title"), json!({ "kind": "place", "id": root }));
    assert_eq!(from("hidden"), json!({ "kind": "built-in" }));
    assert_eq!(whole["entries"][0]["entry"]["key"], "local-disk");
    assert_eq!(
        whole["entries"][1]["origin"],
        json!({ "kind": "place", "id": root })
    );
    assert!(matches!(
        site.control.catalog().plan(&boot_facts(1)),
        BootPlan::Menu { .. }
    ));

    site.call(Method::DELETE, &format!("/api/v1/places/{room}"), None)
        .await
        .is_problem(409, "place-in-use");
    site.call(
        Method::PUT,
        &format!("/api/v1/machines/{machine}/place"),
        Some(json!({})),
    )
    .await
    .is(200);
    site.call(Method::DELETE, &format!("/api/v1/places/{room}"), None)
        .await
        .is(204);
    site.get(&format!("/api/v1/places/{room}/menu"))
        .await
        .is_problem(404, "not-found");
}

fn null_settings() -> Value {
    serde_json::to_value(control::view::MenuSettings::default()).unwrap()
}

#[tokio::test]
async fn what_could_mean_something_to_a_loader_is_refused() {
    let site = Site::new().await;
    for entry in [
        json!({ "key": "a b", "label": "x", "action": { "kind": "agent" } }),
        json!({ "key": "a", "label": "x\ny", "action": { "kind": "agent" } }),
        json!({ "key": "a", "label": "", "action": { "kind": "agent" } }),
        json!({ "key": "a", "label": "x", "action": { "kind": "program", "file": "../../etc/passwd" } }),
        json!({ "key": "a", "label": "x", "action": { "kind": "kernel", "kernel": "k", "words": "a; reboot" } }),
        json!({ "key": "a", "label": "x", "action": { "kind": "other-server", "server": "evil", "file": "x" } }),
        json!({ "key": "a", "label": "x", "action": { "kind": "shell" } }),
        json!({ "key": "a", "label": "x", "action": { "kind": "agent" }, "hotkey": "F1" }),
    ] {
        let answer = site.call(Method::PUT, ROOT, menu(json!([entry]))).await;
        assert_eq!(answer.status.as_u16(), 422, "{entry}");
    }
    assert_eq!(site.get(ROOT).await.is(200).json()["entries"], json!([]));
}

#[tokio::test]
async fn a_chosen_entry_makes_its_job_and_a_locked_one_only_after_its_password() {
    let site = Site::new().await;
    let (_, machine) = site.enter(1, true).await;
    let inspect = json!({ "kind": "job", "steps": [{ "kind": "inspect" }] });
    let entries = json!([
        { "key": "open", "label": "Look", "action": inspect },
        { "key": "locked", "label": "Réservé", "action": inspect, "locked": true, "password": "amorce 12!" },
        { "key": "gone", "label": "Restore", "action": { "kind": "job", "steps": [
            { "kind": "restore", "master": { "name": "gone", "version": null } } ] } },
    ]);
    let whole = site.call(Method::PUT, ROOT, menu(entries)).await.is(200);
    let text = String::from_utf8(whole.body.clone()).unwrap();
    assert!(!text.contains("amorce 12!") && !text.contains("argon2"), "{text}");
    assert_eq!(whole.json()["own"]["entries"][1]["locked"], true);

    let enter = async |chosen: &str| {
        let token = site
            .control
            .catalog()
            .boot_token(&boot_facts(1), Some(&key(chosen)))
            .unwrap();
        let reply = site.hello(&hello(1, true, token)).await.is(200).json();
        (reply["session_key"].as_str().unwrap().to_owned(), reply)
    };
    let (session, _) = enter("open").await;
    let task = site.task(&session).await.is(200).json();
    assert_eq!((&task["task"], &task["title"]), (&json!("run"), &json!("Look")));
    let done = json!({ "outcome": "done", "result": {} });
    site.report(&session, &task["job"], 0, done.clone()).await.is(200);

    let (session, _) = enter("locked").await;
    let task = site.task(&session).await.is(200).json();
    assert_eq!(
        task,
        json!({ "task": "ask-password", "label": "Réservé", "keyboard": "fr" })
    );
    let unlock = async |password: &str| {
        let body = json!({ "password": password }).to_string().into_bytes();
        site.agent(Some(&session), Method::POST, "/agent/v1/entry/password", body)
            .await
    };
    unlock("wrong").await.is_problem(403, "wrong-entry-password");
    assert_eq!(site.task(&session).await.json()["task"], "ask-password");
    unlock("amorce 12!").await.is(200);
    let task = site.task(&session).await.is(200).json();
    assert_eq!(
        (&task["task"], &task["title"]),
        (&json!("run"), &json!("Réservé"))
    );
    site.report(&session, &task["job"], 0, done).await.is(200);
    site.agent(None, Method::POST, "/agent/v1/entry/password", b"{}".to_vec())
        .await
        .is_problem(401, "no-session");

    // What cannot begin is said on the machine's screen.
    let (_, reply) = enter("gone").await;
    assert!(
        reply["warnings"].to_string().contains("there is no master gone"),
        "{reply}"
    );
    let jobs = site.get("/api/v1/jobs").await.is(200).json();
    assert_eq!(jobs["total"].as_u64().unwrap_or(2), 2, "{jobs}");
    assert_eq!(
        site.get(&format!("/api/v1/machines/{machine}")).await.json()["job"],
        Value::Null
    );
}
