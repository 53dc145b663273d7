//! Machines' records over the API: import and export, names, merging, splitting, history, two people at once; the audit.

use crate::site::{Answer, Site};
use axum::{
    body::Body,
    http::{Method, Request, header},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

fn table(text: &str) -> Value {
    json!({ "content": BASE64_STANDARD.encode(text) })
}

async fn import(site: &Site, body: Value) -> Value {
    site.post("/api/v1/machines/import", body).await.is(200).json()
}

/// A changing call that expects a thing to be still what it was.
async fn call_if(site: &Site, tag: &str, method: Method, path: &str, body: Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "a")
        .header(header::ORIGIN, "https://a")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::COOKIE, format!("amorce_session={}", site.cookie))
        .header(header::IF_MATCH, tag)
        .body(Body::from(body.to_string()))
        .unwrap();
    site.send_admin(request).await
}

#[tokio::test]
async fn a_table_is_rehearsed_imported_and_exported_again() {
    let site = Site::new().await;
    let mut wish = table("Poste;MAC\npc-1;52:54:00:00:00:01\npc-2;nonsense\n");
    wish["rehearse"] = json!(true);
    let told = import(&site, wish.clone()).await;
    assert_eq!(
        (&told["applied"], &told["refused"]),
        (&json!(false), &json!(1)),
        "{told}"
    );
    assert_eq!(told["rows"][1]["line"], 3);
    assert!(
        told["rows"][1]["problems"][0]["remedy"]
            .as_str()
            .unwrap()
            .contains("aa:bb")
    );
    wish["rehearse"] = json!(false);
    assert_eq!(import(&site, wish.clone()).await["applied"], false);
    assert_eq!(site.get("/api/v1/machines").await.json()["total"], 0);
    wish["leave_out_refused"] = json!(true);
    assert_eq!(import(&site, wish).await["created"], 1);
    let unseen = site
        .get("/api/v1/machines?is=not-inventoried,unnamed")
        .await
        .is(200)
        .json();
    assert_eq!(unseen["total"], 0);
    let unseen = site
        .get("/api/v1/machines?is=not-inventoried")
        .await
        .is(200)
        .json();
    assert_eq!(
        (&unseen["items"][0]["name"], &unseen["items"][0]["last_seen_at"]),
        (&json!("pc-1"), &Value::Null)
    );
    site.enter(2, true).await;
    let file = site
        .get("/api/v1/machines/export?separator=semicolon&encoding=utf-8-bom")
        .await
        .is(200);
    assert_eq!(file.headers[header::CONTENT_TYPE], "text/csv; charset=utf-8");
    assert!(
        file.headers[header::CONTENT_DISPOSITION]
            .to_str()
            .unwrap()
            .contains("machines.csv")
    );
    let text = String::from_utf8(file.body).unwrap();
    assert!(
        text.starts_with("\u{feff}id;name;note;macs;") && text.lines().count() == 3,
        "{text}"
    );
    let again = import(&site, table(&text)).await;
    assert_eq!(
        (&again["kept"], &again["key"]),
        (&json!(2), &json!("id")),
        "{again}"
    );
    let filtered = site.get("/api/v1/machines/export?q=pc-1").await.is(200);
    assert_eq!(String::from_utf8(filtered.body).unwrap().lines().count(), 2);
}

#[tokio::test]
async fn what_is_no_table_or_no_filter_is_refused_in_words() {
    let site = Site::new().await;
    let import = "/api/v1/machines/import";
    for body in [
        json!({ "content": "%%%" }),
        json!({ "content": "" }),
        json!({ "content": BASE64_STANDARD.encode("a;b\n1;2\n") }),
        json!({ "content": BASE64_STANDARD.encode("PK"), "kind": "xlsx" }),
        json!({ "content": BASE64_STANDARD.encode("name\npc\n"), "key": "note" }),
        json!({ "content": BASE64_STANDARD.encode("name\npc\n"), "columns": [{ "header": "other", "field": "name" }] }),
        json!({ "content": BASE64_STANDARD.encode("name\npc\n"), "surprise": 1 }),
    ] {
        site.post(import, body).await.is_problem(422, "unusable-value");
    }
    let huge = json!({ "content": "A".repeat(13 << 20) });
    site.post(import, huge).await.is_problem(413, "body-too-large");
    for path in [
        "/api/v1/machines?is=nonsense",
        "/api/v1/machines?seen_before=yesterday",
        "/api/v1/machines?sort=colour",
        "/api/v1/machines?after=nowhere",
        "/api/v1/audit?from=x",
        "/api/v1/audit?after=x",
        "/api/v1/audit/export?format=xml",
    ] {
        site.get(path).await.is_problem(422, "unusable-value");
    }
}

#[tokio::test]
async fn of_two_people_who_change_a_machine_the_second_is_told() {
    let site = Site::new().await;
    let (_, id) = site.enter(1, true).await;
    let path = format!("/api/v1/machines/{id}");
    let seen = site.get(&path).await.is(200);
    let tag = seen.headers[header::ETAG].to_str().unwrap().to_owned();
    let first = call_if(&site, &tag, Method::PATCH, &path, json!({ "name": "first" }))
        .await
        .is(200);
    assert_ne!(first.headers[header::ETAG].to_str().unwrap(), tag);
    call_if(&site, &tag, Method::PATCH, &path, json!({ "name": "second" }))
        .await
        .is_problem(412, "changed-meanwhile");
    for nonsense in ["W/\"1\"", "1", "\"1\", \"2\""] {
        call_if(&site, nonsense, Method::PATCH, &path, json!({ "name": "third" }))
            .await
            .is_problem(422, "unusable-value");
    }
    assert_eq!(site.get(&path).await.json()["name"], "first");
    call_if(
        &site,
        "*",
        Method::PATCH,
        &path,
        json!({ "note": "by the window" }),
    )
    .await
    .is(200);
    call_if(&site, &tag, Method::DELETE, &path, json!({}))
        .await
        .is_problem(412, "changed-meanwhile");
    let settings = "/api/v1/settings";
    let tag = site.get(settings).await.headers[header::ETAG]
        .to_str()
        .unwrap()
        .to_owned();
    let english = json!({ "unknown_machines": "inventory", "language": "en" });
    call_if(&site, &tag, Method::PUT, settings, english.clone())
        .await
        .is(200);
    call_if(&site, &tag, Method::PUT, settings, english)
        .await
        .is_problem(412, "changed-meanwhile");
}

#[tokio::test]
async fn records_are_named_merged_split_and_their_history_is_told() {
    let site = Site::new().await;
    let (_, one) = site.enter(1, true).await;
    let (_, two) = site.enter(2, true).await;
    let naming = json!({ "machines": [one, two], "pattern": "s1-{nn}", "rehearse": true });
    let names = site
        .post("/api/v1/machines/names", naming.clone())
        .await
        .is(200)
        .json();
    assert_eq!(
        (&names["items"][0]["name"], &names["items"][1]["name"]),
        (&json!("s1-01"), &json!("s1-02"))
    );
    assert_eq!(site.get("/api/v1/machines?is=unnamed").await.json()["total"], 2);
    let mut named = naming.clone();
    named["rehearse"] = json!(false);
    site.post("/api/v1/machines/names", named).await.is(200);
    let page = site.get("/api/v1/machines?sort=name&limit=1").await.json();
    let next = page["next"].as_str().unwrap();
    let page = site
        .get(&format!("/api/v1/machines?sort=name&limit=1&after={next}"))
        .await
        .json();
    assert_eq!(
        (&page["items"][0]["name"], &page["next"], &page["total"]),
        (&json!("s1-02"), &Value::Null, &json!(2))
    );
    let path = format!("/api/v1/machines/{one}");
    site.post(&format!("{path}/split"), json!({ "macs": ["52:54:00:00:00:01"] }))
        .await
        .is_problem(422, "unusable-value");
    site.post(&format!("{path}/merge"), json!({ "other": two }))
        .await
        .is(200);
    site.get(&format!("/api/v1/machines/{two}"))
        .await
        .is_problem(404, "not-found");
    let history = site.get(&format!("{path}/history?limit=2")).await.is(200).json();
    assert_eq!(
        (&history["items"][1]["kind"], &history["items"][1]["actor"]),
        (&json!("merged"), &json!("ada"))
    );
    let next = history["next"].as_str().unwrap();
    let rest = site
        .get(&format!("{path}/history?after={next}"))
        .await
        .is(200)
        .json();
    assert_eq!(
        rest["items"].as_array().unwrap().len() as u64 + 2,
        history["total"].as_u64().unwrap()
    );
    site.call(Method::DELETE, &path, None).await.is(204);
    site.get(&path).await.is_problem(404, "not-found");
}

#[tokio::test]
async fn the_audit_is_paged_filtered_and_taken_away_as_a_file() {
    let site = Site::new().await;
    let (_, id) = site.enter(1, true).await;
    let path = format!("/api/v1/machines/{id}");
    for number in 0..4 {
        site.call(
            Method::PATCH,
            &path,
            Some(json!({ "name": format!("pc-{number}") })),
        )
        .await
        .is(200);
    }
    let page = site
        .get("/api/v1/audit?object=machine&limit=3")
        .await
        .is(200)
        .json();
    assert_eq!((&page["total"], &page["counted_all"]), (&json!(4), &json!(true)));
    let row = &page["items"][0];
    assert_eq!(
        (
            &row["actor"],
            &row["peer"],
            &row["before"]["name"],
            &row["after"]["name"]
        ),
        (
            &json!("ada"),
            &json!("192.0.2.77"),
            &json!("pc-2"),
            &json!("pc-3")
        )
    );
    let next = page["next"].as_str().unwrap();
    let rest = site
        .get(&format!("/api/v1/audit?object=machine&after={next}"))
        .await
        .is(200)
        .json();
    assert_eq!(
        (rest["items"].as_array().unwrap().len(), &rest["next"]),
        (1, &Value::Null)
    );
    assert_eq!(site.get("/api/v1/audit?q=pc-3").await.json()["total"], 1);
    let file = site
        .get("/api/v1/audit/export?format=json&verb=edit")
        .await
        .is(200);
    assert_eq!(file.json().as_array().unwrap().len(), 4);
    let file = site
        .get("/api/v1/audit/export?separator=semicolon&encoding=windows-1252")
        .await
        .is(200);
    assert_eq!(
        file.headers[header::CONTENT_TYPE],
        "text/csv; charset=windows-1252"
    );
    assert!(file.body.starts_with(b"seq;at;actor;"));
}

#[tokio::test]
async fn who_calls_too_often_is_told_to_wait_and_may_go_on_then() {
    let site = Site::new().await;
    let mut refused = None;
    for _ in 0..2000 {
        let answer = site.get("/api/v1/session").await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let answer = refused.expect("nobody may call for ever");
    answer.is_problem(429, "too-many-calls");
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    site.clock.advance(std::time::Duration::from_secs(1));
    site.get("/api/v1/session").await.is(200);
}
