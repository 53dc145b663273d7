//! Live events, and what a page gets that was away.

use crate::{site::Site, work};
use axum::{
    body::{Body, BodyDataStream},
    http::{Method, Request, header},
};
use serde_json::{Value, json};
use tokio_stream::StreamExt;
use tower::ServiceExt;

/// One event as a browser reads it.
#[derive(Debug, PartialEq)]
pub struct Told {
    pub id: Option<i64>,
    pub kind: String,
    pub data: Value,
}

pub struct Stream {
    body: BodyDataStream,
    text: String,
}

impl Stream {
    pub async fn open(site: &Site, last: Option<&str>) -> Self {
        Self::open_as(site, &site.cookie, last).await
    }

    pub async fn open_as(site: &Site, cookie: &str, last: Option<&str>) -> Self {
        let mut request = Request::get("/api/v1/events")
            .header(header::HOST, "a")
            .header(header::COOKIE, format!("amorce_session={cookie}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = site
            .admin
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    pub async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = event.to_owned();
                self.text = rest.to_owned();
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let Some(kind) = field("event: ") else { continue };
                return Some(Told {
                    id: field("id: ").map(|id| id.parse().unwrap()),
                    kind: kind.to_owned(),
                    data: serde_json::from_str(field("data: ").unwrap()).unwrap(),
                });
            }
            let piece = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// The next event of this kind.
    async fn wait_for(&mut self, kind: &str) -> Told {
        loop {
            let told = self.next().await.expect("the stream goes on");
            if told.kind == kind {
                return told;
            }
        }
    }
}

#[tokio::test]
async fn a_page_sees_machines_jobs_progress_masters_settings_and_refusals() {
    let site = Site::new().await;
    let mut stream = Stream::open(&site, None).await;
    assert_eq!(stream.next().await.unwrap().kind, "ready");
    let (key, machine) = site.enter(1, true).await;
    let told = stream.wait_for("machine").await;
    assert_eq!(
        (&told.data["id"], told.data["facts"]["disks"][0].get("contents")),
        (&json!(machine), None)
    );
    let job = work::job(&site, &machine, json!({ "kind": "capture", "master": "m" })).await;
    let told = stream.wait_for("job-machine").await;
    assert_eq!((&told.data["job"], &told.data["state"]), (&job, &json!("queued")));
    assert_eq!(stream.wait_for("job").await.data["id"], job);
    site.task(&key).await.is(200);
    let progress =
        json!({ "job": job, "step_index": 0, "progress": { "phase": "reading", "bytes_done": 9 } });
    site.agent(
        Some(&key),
        Method::POST,
        "/agent/v1/progress",
        progress.to_string().into(),
    )
    .await
    .is(200);
    loop {
        let told = stream.wait_for("job-machine").await;
        if told.data["progress"]["bytes_done"] == 9 {
            break;
        }
    }
    let settings = json!({ "unknown_machines": "ignore", "language": "en" });
    site.call(Method::PUT, "/api/v1/settings", Some(settings.clone()))
        .await
        .is(200);
    assert_eq!(stream.wait_for("settings").await.data, settings);
    site.task("invented").await;
    let refusal = stream.wait_for("refusal").await.data;
    assert_eq!(
        (&refusal["code"], &refusal["peer"]),
        (&json!("no-session"), &json!("192.0.2.88"))
    );
    site.control.stop();
    while let Some(told) = stream.next().await {
        assert!(told.id.is_some());
    }
}

#[tokio::test]
async fn what_was_missed_comes_again_in_order_and_a_gap_says_reset() {
    let site = Site::new().await;
    let (_, machine) = site.enter(1, true).await;
    let mut stream = Stream::open(&site, None).await;
    let seen = stream.next().await.unwrap().id.unwrap();
    drop(stream);
    let job = work::job(&site, &machine, json!({ "kind": "inspect" })).await;
    let mut stream = Stream::open(&site, Some(&seen.to_string())).await;
    assert_eq!(stream.next().await.unwrap().kind, "ready");
    let mut last = seen;
    let mut kinds = Vec::new();
    while kinds.len() < 3 {
        let told = stream.next().await.unwrap();
        assert!(told.id.unwrap() > last, "numbers rise");
        last = told.id.unwrap();
        kinds.push(told.kind);
    }
    assert_eq!(kinds, ["job-machine", "machine", "job"]);
    let mut all = Stream::open(&site, Some("0")).await;
    assert_eq!(all.wait_for("job").await.data["id"], job);
    let mut ahead = Stream::open(&site, Some("999999")).await;
    assert_eq!(ahead.next().await.unwrap().kind, "reset");
    let answer = site.call(Method::GET, "/api/v1/events?x", None);
    drop(answer);
    let mut request =
        Request::get("/api/v1/events").header(header::COOKIE, format!("amorce_session={}", site.cookie));
    request = request.header("last-event-id", "one");
    site.send_admin(request.body(Body::empty()).unwrap())
        .await
        .is_problem(422, "unusable-value");
}

#[tokio::test]
async fn a_capture_tells_of_the_new_master() {
    let site = Site::new().await;
    let mut stream = Stream::open(&site, None).await;
    let (key, machine) = site.enter(1, true).await;
    work::capture(&site, &key, &machine, "m").await;
    let told = stream.wait_for("master").await.data;
    assert_eq!(
        (&told["name"], &told["versions"][0]["version"]),
        (&json!("m"), &json!(1))
    );
    site.call(Method::DELETE, "/api/v1/masters/m/versions/1", None)
        .await
        .is(204);
    let master = stream.wait_for("master").await.data;
    assert_eq!((&master["name"], &master["versions"]), (&json!("m"), &json!([])));
}
