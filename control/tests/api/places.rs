//! Places and groups over the API.

use crate::site::Site;
use axum::http::Method;
use serde_json::json;

const ROOT: &str = "00000000-0000-7000-8000-000000000001";

#[tokio::test]
async fn machines_are_put_into_a_room_by_a_list_seated_and_found_again() {
    let site = Site::new().await;
    let (_, machine) = site.enter(1, true).await;
    let room = json!({ "parent": ROOT, "kind": "room", "name": "Salle 12" });
    let room = site.post("/api/v1/places", room).await.is(201).json();
    assert_eq!(
        (&room["machines"], &room["favourite"]),
        (&json!(0), &json!(false))
    );
    let path = format!("/api/v1/places/{}", room["id"].as_str().unwrap());

    let list = json!({ "list": format!("{machine}\nnobody"), "rehearse": true });
    let rehearsed = site.post(&format!("{path}/import"), list).await.is(200).json();
    assert_eq!(
        rehearsed,
        json!({ "found": [machine], "added": 0, "unknown": ["nobody"], "ambiguous": [] })
    );
    let list = json!({ "list": machine.to_string() });
    let imported = site.post(&format!("{path}/import"), list).await.is(200).json();
    assert_eq!(imported["added"], 1);

    let plan = json!({ "width": 2, "depth": 2, "seats": [{ "machine": machine, "x": 1, "y": 0 }] });
    site.call(Method::PUT, &format!("{path}/plan"), Some(plan.clone()))
        .await
        .is(200);
    assert_eq!(site.get(&format!("{path}/plan")).await.is(200).json(), plan);
    let favourite = Some(json!({ "kept": true }));
    site.call(Method::PUT, &format!("{path}/favourite"), favourite)
        .await
        .is(204);
    let change = Some(json!({ "note": "near the stairs", "master": "debian" }));
    let changed = site.call(Method::PATCH, &path, change).await.is(200).json();
    assert_eq!(
        (
            &changed["note"],
            &changed["master"],
            &changed["machines"],
            &changed["favourite"]
        ),
        (
            &json!("near the stairs"),
            &json!("debian"),
            &json!(1),
            &json!(true)
        )
    );
    let cleared = Some(json!({ "master": null }));
    let changed = site.call(Method::PATCH, &path, cleared).await.is(200).json();
    assert_eq!(
        (&changed["note"], &changed["master"]),
        (&json!("near the stairs"), &json!(null))
    );

    let query = json!({ "place": room["id"], "is": ["unnamed"] });
    let group = json!({ "parent": ROOT, "kind": "group", "name": "to be named", "query": query });
    let group = site.post("/api/v1/places", group).await.is(201).json();
    let found = format!("/api/v1/machines?place={}", group["id"].as_str().unwrap());
    assert_eq!(site.get(&found).await.is(200).json()["total"], 1);
    let members = json!({ "add": [machine] });
    let members_of = format!("/api/v1/places/{}/machines", group["id"].as_str().unwrap());
    site.post(&members_of, members).await.is(422);
    let left = json!({ "remove": [machine] });
    let left = site.post(&format!("{path}/machines"), left).await.is(200).json();
    assert_eq!(left, json!({ "added": 0, "removed": 1 }));
    assert_eq!(site.get(&found).await.is(200).json()["total"], 0);
}
