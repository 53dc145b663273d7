//! Masters: what people write about them, what needs them, the trash, and production.

use crate::{
    site::{Answer, Site},
    work::{capture, job},
};
use axum::http::{Method, Request, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

/// A key that only the test's offline computer has.
struct Offline(SigningKey);

impl Offline {
    fn public(&self) -> String {
        let bytes = [b"Ed12345678".as_slice(), self.0.verifying_key().as_bytes()].concat();
        STANDARD.encode(bytes)
    }

    /// As `minisign -S -l` does.
    fn sign(&self, file: &[u8], comment: &str) -> String {
        let signature = self.0.sign(file).to_bytes();
        let global = self
            .0
            .sign(&[signature.as_slice(), comment.as_bytes()].concat())
            .to_bytes();
        let main = STANDARD.encode([b"Ed12345678".as_slice(), &signature].concat());
        format!(
            "untrusted comment: x\n{main}\ntrusted comment: {comment}\n{}\n",
            STANDARD.encode(global)
        )
    }
}

async fn rules(site: &Site, change: impl FnOnce(&mut Value)) -> Answer {
    let mut rules = site.get("/api/v1/settings/jobs").await.json();
    change(&mut rules);
    site.call(Method::PUT, "/api/v1/settings/jobs", Some(rules)).await
}

async fn patch(site: &Site, tag: &str, body: Value) -> Answer {
    let request = Request::patch("/api/v1/masters/m")
        .header(header::HOST, "a")
        .header(header::ORIGIN, "https://a")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::COOKIE, format!("amorce_session={}", site.cookie))
        .header(header::IF_MATCH, tag)
        .body(body.to_string().into())
        .unwrap();
    site.send_admin(request).await
}

#[tokio::test]
async fn only_a_version_that_the_production_key_signed_is_restored_when_the_site_says_so() {
    let site = Site::new().await;
    let (key, machine) = site.enter(1, true).await;
    let key = capture(&site, &key, &machine, "m").await;
    capture(&site, &key, &machine, "other").await;
    let offline = Offline(SigningKey::from_bytes(&[7; 32]));
    let path = "/api/v1/masters/m/versions/1";
    let put = async |signature: &str| {
        let body = json!({ "signature": signature });
        site.call(Method::PUT, &format!("{path}/production"), Some(body))
            .await
    };
    let root = site.get(&format!("{path}/root")).await.is(200).body;
    let good = offline.sign(&root, "checked in the lab");
    put(&good).await.is_problem(409, "no-production-key");
    rules(&site, |rules| rules["production_key"] = json!("RWnonsense"))
        .await
        .is_problem(422, "production-signature");
    rules(&site, |rules| {
        rules["production_key"] = json!(offline.public());
        rules["production_only"] = json!(true);
    })
    .await
    .is(200);
    let wish = json!({ "machines": [machine], "steps": [{ "kind": "restore", "master": { "name": "m" } }] });
    site.post("/api/v1/jobs", wish.clone())
        .await
        .is_problem(409, "master-not-production");

    let stranger = Offline(SigningKey::from_bytes(&[8; 32]));
    put(&stranger.sign(&root, "me too"))
        .await
        .is_problem(422, "production-signature");
    let other = site
        .get("/api/v1/masters/other/versions/1/root")
        .await
        .is(200)
        .body;
    put(&offline.sign(&other, "another"))
        .await
        .is_problem(422, "production-signature");
    put("").await.is_problem(422, "production-signature");
    let shown = put(&good).await.is(200).json();
    assert_eq!(shown["production"], "checked in the lab");
    let created = site.post("/api/v1/jobs", wish.clone()).await.is(201).json();
    site.post(
        &format!("/api/v1/jobs/{}/cancel", created["job"]["id"].as_str().unwrap()),
        json!({}),
    )
    .await
    .is(200);

    // The signature lies in the store: it is there again without the catalog, and good for whoever has the key.
    let site = site.without_its_catalog().await;
    assert_eq!(
        site.get(path).await.json()["production"],
        Value::Null,
        "nobody says whose signature counts"
    );
    rules(&site, |rules| rules["production_key"] = json!(offline.public()))
        .await
        .is(200);
    assert_eq!(site.get(path).await.json()["production"], "checked in the lab");
    site.call(Method::DELETE, &format!("{path}/production"), None)
        .await
        .is(204);
    assert_eq!(site.get(path).await.json()["production"], Value::Null);
}

#[tokio::test]
async fn a_master_is_described_cloned_deleted_and_taken_back_but_not_while_something_needs_it() {
    let site = Site::new().await;
    let (key, machine) = site.enter(1, true).await;
    capture(&site, &key, &machine, "m").await;
    let shown = site.get("/api/v1/masters/m").await.is(200);
    assert_eq!(shown.headers["etag"], "\"0\"");
    let changed = patch(&site, "\"0\"", json!({ "label": "Room 12", "protected": true }))
        .await
        .is(200);
    assert_eq!(
        (&changed.json()["label"], &changed.headers["etag"]),
        (&json!("Room 12"), &"\"1\"".parse().unwrap())
    );
    patch(&site, "\"0\"", json!({ "label": "Room 13" }))
        .await
        .is_problem(412, "changed-meanwhile");
    patch(&site, "\"1\"", json!({ "label": "a\u{7}" }))
        .await
        .is_problem(422, "unusable-value");
    assert_eq!(
        site.get("/api/v1/masters").await.json()["items"][0]["label"],
        "Room 12"
    );

    let path = "/api/v1/masters/m/versions/1";
    let delete = async || site.call(Method::DELETE, path, None).await;
    delete().await.is_problem(409, "master-protected");
    patch(&site, "\"1\"", json!({ "protected": false })).await.is(200);
    let clone = json!({ "name": "copy" });
    let cloned = site
        .post(&format!("{path}/clone"), clone.clone())
        .await
        .is(201)
        .json();
    assert_eq!(
        (&cloned["name"], &cloned["versions"][0]["version"]),
        (&json!("copy"), &json!(1))
    );
    site.post(&format!("{path}/clone"), clone)
        .await
        .is_problem(409, "master-exists");

    let root = site.get("/api/v1/places").await.json()["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let steps = json!([{ "kind": "restore", "master": { "name": "m" } }]);
    let entry = |steps: Value| json!({ "settings": {}, "entries": [{ "key": "again", "label": "Again", "action": { "kind": "job", "steps": steps } }] });
    let menu = format!("/api/v1/places/{root}/menu");
    site.call(Method::PUT, &menu, Some(entry(steps))).await.is(200);
    delete().await.is_problem(409, "master-in-use");
    let uses = site.get(&format!("{path}/uses")).await.is(200).json();
    assert_eq!(
        (&uses["items"][0]["kind"], &uses["items"][0]["label"]),
        (&json!("menu-entry"), &json!("Again"))
    );
    site.call(Method::PUT, &menu, Some(entry(json!([{ "kind": "inspect" }]))))
        .await
        .is(200);
    let needing = job(
        &site,
        &machine,
        json!({ "kind": "restore", "master": { "name": "m" } }),
    )
    .await;
    delete().await.is_problem(409, "master-in-use");
    site.post(
        &format!("/api/v1/jobs/{}/cancel", needing.as_str().unwrap()),
        json!({}),
    )
    .await
    .is(200);

    delete().await.is(204);
    site.get(path).await.is_problem(404, "not-found");
    let trash = site.get("/api/v1/masters/deleted").await.is(200).json();
    assert_eq!(
        (&trash["items"][0]["name"], &trash["items"][0]["version"]),
        (&json!("m"), &json!(1))
    );
    site.post(&format!("{path}/undelete"), json!({})).await.is(200);
    assert_eq!(
        site.get("/api/v1/masters/deleted").await.json(),
        json!({ "items": [] })
    );
    assert_eq!(
        site.get("/api/v1/masters/m").await.is(200).json()["label"],
        "Room 12"
    );
    site.control.catalog().verify_audit().unwrap();
}
