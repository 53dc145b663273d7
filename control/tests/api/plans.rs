//! Before a job is made: what is said of it, and the rules that hold for all.

use super::work::capture;
use crate::site::Site;
use axum::http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_job_is_looked_at_first_and_made_for_the_room_that_was_seen() {
    let site = Site::new().await;
    let (key, machine) = site.enter(1, true).await;
    let (_, other) = site.enter(2, true).await;
    capture(&site, &key, &machine, "m").await;
    let root = site.get("/api/v1/places").await.json()["items"][0]["id"].clone();
    let restore = json!({ "kind": "restore", "master": { "name": "m" } });
    let wish =
        json!({ "target": { "kind": "place", "place": root }, "steps": [{ "kind": "wake" }, restore] });
    let looked = site
        .post("/api/v1/jobs/preflight", wish.clone())
        .await
        .is(200)
        .json();
    assert_eq!(
        (&looked["count"], &looked["steps"][1]["master"]["version"]),
        (&json!(2), &json!(1)),
        "{looked}"
    );
    assert_eq!(
        site.get("/api/v1/jobs").await.json()["total"],
        1,
        "nothing was made"
    );
    let with = |field: &str, value: Value| {
        let mut wish = wish.clone();
        wish[field] = value;
        wish
    };
    site.post("/api/v1/jobs", wish.clone())
        .await
        .is_problem(422, "unusable-value");
    site.post("/api/v1/jobs", with("count", json!(1)))
        .await
        .is_problem(409, "selection-changed");
    site.post("/api/v1/jobs", with("machines", json!([other])))
        .await
        .is_problem(422, "unusable-value");
    let night =
        json!({ "not_before": "2100-01-01T00:00:00Z", "windows": [{ "from": "22:00", "to": "06:00" }] });
    let mut late = with("count", json!(2));
    late["schedule"] = night;
    let created = site.post("/api/v1/jobs", late.clone()).await.is(201).json();
    let wait = &created["machines"][0]["wait"];
    assert_eq!(
        (&wait["problem"]["code"], &wait["until"]),
        (&json!("not-before"), &json!("2100-01-01T00:00:00.000Z")),
        "{created}"
    );
    late["schedule"]["windows"][0]["from"] = json!("25:00");
    site.post("/api/v1/jobs", late)
        .await
        .is_problem(422, "unusable-value");

    let made = site
        .post("/api/v1/jobs", with("count", json!(2)))
        .await
        .is(201)
        .json();
    site.control.wake_who_is_due().unwrap();
    let path = format!("/api/v1/jobs/{}", made["job"]["id"].as_str().unwrap());
    let detail = site.get(&path).await.is(200).json();
    assert_eq!(detail["machines"][1]["step_index"], 1, "it was woken: {detail}");
    let journal = site
        .get(&format!("{path}/machines/{other}/journal"))
        .await
        .is(200)
        .json();
    let kinds: Vec<_> = journal["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["kind"].clone())
        .collect();
    assert_eq!(kinds, ["created", "begun", "step-done"]);
    let nobody = "00000000-0000-7000-8000-000000000001";
    site.get(&format!("{path}/machines/{nobody}/journal"))
        .await
        .is_problem(404, "not-found");
    assert_eq!(site.get("/api/v1/jobs?whose=mine").await.json()["total"], 3);
    assert_eq!(
        site.get(&format!("/api/v1/jobs?machine={other}")).await.json()["total"],
        2
    );
}

#[tokio::test]
async fn the_rules_of_jobs_are_changed_by_who_saw_them_as_they_are() {
    let site = Site::new().await;
    let shown = site.get("/api/v1/settings/jobs").await.is(200);
    let tag = shown.headers["etag"].to_str().unwrap().to_owned();
    let mut rules = shown.json();
    assert_eq!(rules["time_zone"], "UTC");
    rules["time_zone"] = json!("Europe/Paris");
    rules["running_max"] = json!(4);
    rules["blackouts"] = json!([{ "title": "exams", "from": "2026-06-15T00:00", "to": "2026-06-20T00:00" }]);
    let stored = site
        .call(Method::PUT, "/api/v1/settings/jobs", Some(rules.clone()))
        .await
        .is(200);
    assert_eq!(stored.json(), rules);
    assert_ne!(stored.headers["etag"].to_str().unwrap(), tag);
    for (field, nonsense) in [
        ("time_zone", json!("Mars/Olympus")),
        ("running_max", json!(0)),
        ("bytes_per_second_max", json!(1)),
        (
            "blackouts",
            json!([{ "title": "", "from": "2026-06-20T00:00", "to": "2026-06-15T00:00" }]),
        ),
    ] {
        let mut wrong = rules.clone();
        wrong[field] = nonsense;
        site.call(Method::PUT, "/api/v1/settings/jobs", Some(wrong))
            .await
            .is_problem(422, "unusable-value");
    }
}
