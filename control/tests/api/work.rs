//! The whole way: a machine is captured as a master, and another one is restored from it.

use crate::site::{Answer, Site, disk, hello};
use axum::http::Method;
use depot::wire;
use protocol::{
    ByteLen, ByteOffset, ChunkId,
    manifest::{Entry, EntryKind, Root, Segment, SegmentId, SegmentRef, TableKind},
};
use serde_json::{Value, json};
use std::time::Duration;

const DISK: u64 = 1 << 20;

fn segment() -> Vec<u8> {
    let entries = vec![Entry {
        length_bytes: DISK,
        kind: EntryKind::Zero,
    }];
    Segment {
        start: ByteOffset(0),
        entries,
    }
    .encode()
}

fn root(name: &str, segment: SegmentId) -> Root {
    Root {
        name: name.parse().unwrap(),
        version: 0,
        created_unix_ms: 0,
        created_by: "test".into(),
        disk_size: ByteLen(DISK),
        sector_size: 512,
        table: TableKind::None,
        primary_table: vec![],
        backup_table: vec![],
        smallest_target: ByteLen(DISK),
        partitions: vec![],
        bytes_used: ByteLen(0),
        chunks: 0,
        bytes_data: ByteLen(0),
        notes: vec!["nothing but zeros".into()],
        unreadable: None,
        segments: vec![SegmentRef {
            id: segment,
            covers: ByteLen(DISK),
        }],
    }
}

async fn depot_call(site: &Site, key: &str, method: Method, call: &str, body: Vec<u8>) -> Answer {
    site.agent(Some(key), method, &format!("/agent/v1/depot/{call}"), body)
        .await
}

pub async fn job(site: &Site, machine: &str, step: Value) -> Value {
    let created = site
        .post("/api/v1/jobs", json!({ "machines": [machine], "steps": [step] }))
        .await
        .is(201)
        .json();
    assert_eq!(
        created["machines"][0]["machine"], machine,
        "the rows that were created come back"
    );
    created["job"]["id"].clone()
}

/// Captures a disk of zeros as the next version of a master. The session's new key.
pub async fn capture(site: &Site, key: &str, machine: &str, master: &str) -> String {
    let job = job(site, machine, json!({ "kind": "capture", "master": master })).await;
    let task = site.task(key).await.is(200).json();
    assert_eq!((&task["task"], &task["job"]), (&json!("run"), &job), "{task}");
    assert_eq!(
        depot_call(site, key, Method::POST, "lacking", vec![7; 32])
            .await
            .is(200)
            .body,
        [1]
    );
    let id = depot_call(site, key, Method::POST, "segments", segment())
        .await
        .is(200)
        .body;
    let root = root(master, SegmentId(id.try_into().unwrap()));
    depot_call(
        site,
        key,
        Method::POST,
        "commit",
        serde_json::to_vec(&root).unwrap(),
    )
    .await
    .is(200);
    let done = json!({ "outcome": "done", "result": { "version": 1, "bytes_disk": DISK } });
    let reply = site.report(key, &job, 0, done).await.is(200).json();
    reply["session_key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_a_capture_was_asked_to_overrule_reaches_the_machine() {
    let site = Site::new().await;
    let (key, machine) = site.enter(1, true).await;
    let step = json!({ "kind": "capture", "master": "m", "as_raw": true, "drop_hibernation": true });
    let id = job(&site, &machine, step).await;
    let task = site.task(&key).await.is(200).json();
    assert_eq!(task["step"]["as_raw"], true, "{task}");
    assert_eq!(task["step"]["drop_hibernation"], true, "{task}");
    let detail = site
        .get(&format!("/api/v1/jobs/{}", id.as_str().unwrap()))
        .await
        .json();
    assert_eq!(detail["job"]["steps"][0]["drop_hibernation"], true, "{detail}");
}

/// Takes a manifest segment out of the depot, as a disk that loses files does.
fn lose(site: &Site, segment: SegmentId) -> (std::path::PathBuf, Vec<u8>) {
    let hash = ChunkId(segment.0).to_string();
    let name = format!("depot/segments/{}/{hash}.seg", &hash[..2]);
    let path = site.folder.path().join(name);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    // What was found whole a moment ago is looked at again.
    site.control.depot().collect_garbage().unwrap_err();
    (path, bytes)
}

#[tokio::test]
async fn a_master_that_is_not_whole_is_refused_before_a_disk_is_touched() {
    let site = Site::new().await;
    let (key_a, machine_a) = site.enter(1, true).await;
    let (key_b, machine_b) = site.enter(2, false).await;
    capture(&site, &key_a, &machine_a, "m").await;
    let id = SegmentId(*blake3_of(&segment()));
    let restore = json!({ "kind": "restore", "master": { "name": "m" } });
    let wish = json!({ "machines": [machine_b], "steps": [restore] });

    let (path, bytes) = lose(&site, id);
    let refused = site.post("/api/v1/jobs", wish.clone()).await;
    refused.is_problem(409, "master-not-whole");
    assert!(refused.json()["title"].as_str().unwrap().contains("m@1"));
    assert_eq!(site.get("/api/v1/jobs").await.json()["total"], 1, "no job of it");

    // Whole when the job is made, and not any more when the machine asks.
    std::fs::write(&path, bytes).unwrap();
    let job = job(&site, &machine_b, restore).await;
    lose(&site, id);
    let task = site.task(&key_b).await.is(200).json();
    assert_eq!(
        task["task"], "wait",
        "nothing to do but to wait for a job: {task}"
    );
    let row = site
        .get(&format!("/api/v1/jobs/{}", job.as_str().unwrap()))
        .await
        .json()["machines"][0]
        .clone();
    assert_eq!(
        (&row["state"], &row["problem"]["code"]),
        (&json!("failed"), &json!("master-not-whole")),
        "{row}"
    );
    assert!(!row["problem"]["remedy"].as_str().unwrap().is_empty(), "{row}");
    depot_call(&site, &key_b, Method::GET, "root", vec![])
        .await
        .is_problem(403, "not-yours");
}

#[tokio::test]
async fn what_a_restore_expects_is_in_the_row_of_its_job() {
    let site = Site::new().await;
    let (key_a, machine_a) = site.enter(1, true).await;
    let (key_b, machine_b) = site.enter(2, false).await;
    capture(&site, &key_a, &machine_a, "m").await;
    let job = job(
        &site,
        &machine_b,
        json!({ "kind": "restore", "master": { "name": "m" } }),
    )
    .await;
    site.task(&key_b).await.is(200);
    let estimate = json!({ "bytes_used": 31, "bytes_written": 4, "bytes_copied": 0, "bytes_fetched": 2 });
    let progress = json!({ "job": job, "step_index": 0,
        "progress": { "phase": "writing", "bytes_done": 1, "bytes_total": 4, "estimate": estimate } });
    site.agent(
        Some(&key_b),
        Method::POST,
        "/agent/v1/progress",
        progress.to_string().into(),
    )
    .await
    .is(200);
    let detail = site
        .get(&format!("/api/v1/jobs/{}", job.as_str().unwrap()))
        .await
        .json();
    assert_eq!(
        detail["machines"][0]["progress"]["estimate"], estimate,
        "{detail}"
    );
}

#[tokio::test]
async fn a_machine_is_captured_and_another_one_restored() {
    let site = Site::new().await;
    let (key_a, machine_a) = site.enter(1, true).await;
    let (key_b, machine_b) = site.enter(2, false).await;
    assert_eq!(site.task(&key_b).await.json()["task"], "wait");
    let new_key = capture(&site, &key_a, &machine_a, "salle 12").await;
    assert_eq!(site.task(&new_key).await.json()["task"], "local-boot");

    let masters = site.get("/api/v1/masters").await.is(200).json();
    let version = &masters["items"][0]["versions"][0];
    assert_eq!(
        (&masters["items"][0]["name"], &version["version"]),
        (&json!("salle 12"), &json!(1))
    );
    assert_eq!(version["notes"], json!(["nothing but zeros"]));
    let shown = site
        .get("/api/v1/masters/salle%2012/versions/1")
        .await
        .is(200)
        .json();
    assert_eq!(&shown, version);

    let restore = json!({ "kind": "restore", "master": { "name": "salle 12" } });
    let job_b = job(&site, &machine_b, restore).await;
    let detail = site
        .get(&format!("/api/v1/jobs/{}", job_b.as_str().unwrap()))
        .await
        .json();
    assert_eq!(
        detail["job"]["steps"][0]["master"]["version"], 1,
        "the version is frozen"
    );
    assert_eq!(detail["job"]["steps"][1]["kind"], "reboot");
    site.call(Method::DELETE, "/api/v1/masters/salle%2012/versions/1", None)
        .await
        .is_problem(409, "master-in-use");

    depot_call(&site, &key_b, Method::GET, "root", vec![])
        .await
        .is_problem(403, "not-yours");
    let task = site.task(&key_b).await.json();
    assert_eq!(task["step"]["disk"]["serial"], "DISK2", "the disk is named");
    depot_call(&site, &key_b, Method::GET, "root", vec![])
        .await
        .is(200);
    let id = SegmentId(*blake3_of(&segment()));
    let path = format!("segments/{}", ChunkId(id.0));
    assert_eq!(
        depot_call(&site, &key_b, Method::GET, &path, vec![])
            .await
            .is(200)
            .body,
        segment()
    );
    let progress = json!({ "job": job_b, "step_index": 0,
        "progress": { "phase": "writing", "bytes_done": 512, "bytes_total": DISK } });
    let reply = site
        .agent(
            Some(&key_b),
            Method::POST,
            "/agent/v1/progress",
            progress.to_string().into(),
        )
        .await;
    assert_eq!(reply.is(200).json(), json!({ "cancelled": false }));
    let row = site
        .get(&format!("/api/v1/jobs/{}", job_b.as_str().unwrap()))
        .await
        .json()["machines"][0]
        .clone();
    assert_eq!(
        (&row["state"], &row["progress"]["bytes_done"]),
        (&json!("running"), &json!(512))
    );

    let done = json!({ "outcome": "done", "result": { "bytes_written": DISK } });
    site.report(&key_b, &job_b, 0, done).await.is(200);
    assert_eq!(site.task(&key_b).await.json()["task"], "reboot");
    let detail = site
        .get(&format!("/api/v1/jobs/{}", job_b.as_str().unwrap()))
        .await
        .json();
    assert_eq!(
        (
            &detail["job"]["state"],
            &detail["machines"][0]["results"][0]["bytes_written"]
        ),
        (&json!("done"), &json!(DISK))
    );
    let machine = site.get(&format!("/api/v1/machines/{machine_b}")).await.json();
    assert_eq!(
        (&machine["nothing_bootable"], &machine["job"]),
        (&json!(false), &Value::Null)
    );

    site.call(Method::DELETE, "/api/v1/masters/salle%2012/versions/1", None)
        .await
        .is(204);
    assert_eq!(site.get("/api/v1/masters").await.json(), json!({ "items": [] }));
    site.get("/api/v1/masters/salle%2012/versions/1")
        .await
        .is_problem(404, "not-found");
    site.call(Method::DELETE, "/api/v1/masters/salle%2012/versions/1", None)
        .await
        .is_problem(404, "not-found");
    site.control.catalog().verify_audit().unwrap();
}

fn blake3_of(bytes: &[u8]) -> Box<[u8; 32]> {
    Box::new(*blake3::hash(bytes).as_bytes())
}

#[tokio::test]
async fn a_waiting_agent_is_told_at_once_when_a_job_comes() {
    let site = Site::new().await;
    let (key, machine) = site.enter(1, false).await;
    let waiting = async {
        let begun = std::time::Instant::now();
        let answer = site
            .agent(Some(&key), Method::GET, "/agent/v1/task?wait_seconds=30", vec![])
            .await;
        (answer.is(200).json(), begun.elapsed())
    };
    let creating = async {
        // The question is asked first: it is polled first.
        tokio::task::yield_now().await;
        job(&site, &machine, json!({ "kind": "inspect" })).await
    };
    let ((task, waited), job) = tokio::join!(waiting, creating);
    assert_eq!((&task["task"], &task["job"]), (&json!("run"), &job));
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}

#[tokio::test]
async fn a_held_question_is_answered_when_the_appliance_stops() {
    let site = Site::new().await;
    let (key, _) = site.enter(1, false).await;
    let waiting = site.agent(Some(&key), Method::GET, "/agent/v1/task?wait_seconds=30", vec![]);
    let stopping = async {
        tokio::task::yield_now().await;
        site.control.stop();
    };
    let (answer, ()) = tokio::join!(waiting, stopping);
    assert_eq!(answer.is(200).json()["task"], "wait");
}

#[tokio::test]
async fn several_disks_wait_with_the_list_until_a_person_chooses() {
    let site = Site::new().await;
    let mut two_disks = hello(1, false, site.token(1));
    two_disks.facts.disks.push(disk("OTHER", false));
    let reply = site.hello(&two_disks).await.is(200).json();
    let (key, machine) = (
        reply["session_key"].as_str().unwrap(),
        reply["machine"].as_str().unwrap(),
    );
    let job = job(&site, machine, json!({ "kind": "capture", "master": "m" })).await;
    assert_eq!(site.task(key).await.json()["task"], "wait");
    let path = format!("/api/v1/jobs/{}", job.as_str().unwrap());
    let row = site.get(&path).await.json()["machines"][0].clone();
    assert_eq!(
        (&row["state"], &row["problem"]["code"]),
        (&json!("waiting"), &json!("disk-ambiguous"))
    );
    let disks = row["choice"]["disks"].as_array().unwrap();
    assert_eq!(disks.len(), 2);
    let choose = format!("{path}/machines/{machine}/disk");
    let mut invented = disks[1]["identity"].clone();
    invented["serial"] = json!("NEVER");
    site.post(&choose, json!({ "disk": invented }))
        .await
        .is_problem(422, "no-such-disk");
    site.post(&choose, json!({ "disk": disks[1]["identity"] }))
        .await
        .is(200);
    assert_eq!(site.task(key).await.json()["step"]["disk"]["serial"], "OTHER");
    let failed = json!({ "outcome": "failed", "problem": { "code": "disk-broken", "title": "it broke" },
        "evidence": { "log": "last words" } });
    site.report(key, &job, 0, failed).await.is(200);
    let evidence = site
        .get(&format!("{path}/machines/{machine}/evidence"))
        .await
        .is(200)
        .json();
    assert_eq!(evidence["log"], "last words");
    let retried = site
        .post(&format!("{path}/retry"), json!({}))
        .await
        .is(200)
        .json();
    assert_eq!(retried["machines"][0]["state"], "queued");
    site.post(&format!("{path}/retry"), json!({}))
        .await
        .is_problem(409, "nothing-to-retry");
    let cancelled = site
        .post(&format!("{path}/cancel"), json!({}))
        .await
        .is(200)
        .json();
    assert_eq!(cancelled["job"]["state"], "cancelled");
}

#[tokio::test]
async fn the_same_idempotency_key_brings_the_same_job() {
    let site = Site::new().await;
    let (_, machine) = site.enter(1, true).await;
    let create = async |key: &str, title: &str| {
        let body = json!({ "title": title, "machines": [machine], "steps": [{ "kind": "inspect" }] });
        let request = axum::http::Request::post("/api/v1/jobs")
            .header("host", "a")
            .header("origin", "https://a")
            .header("content-type", "application/json")
            .header("cookie", format!("amorce_session={}", site.cookie))
            .header("idempotency-key", key)
            .body(body.to_string().into())
            .unwrap();
        site.send_admin(request).await
    };
    let first = create("k1", "a").await.is(201).json();
    assert_eq!(
        create("k1", "a").await.is(201).json()["job"]["id"],
        first["job"]["id"]
    );
    create("k1", "b").await.is_problem(422, "idempotency-key-reused");
    create("has space", "a").await.is_problem(422, "unusable-value");
    assert_eq!(site.get("/api/v1/jobs").await.json()["total"], 1);
    assert_eq!(site.get("/api/v1/jobs?state=queued").await.json()["total"], 1);
    assert_eq!(site.get("/api/v1/jobs?state=done").await.json()["total"], 0);
}

#[tokio::test]
async fn the_depot_refuses_what_the_step_does_not_need() {
    let site = Site::new().await;
    let (key, machine) = site.enter(1, true).await;
    let key = capture(&site, &key, &machine, "one").await;
    let job = job(&site, &machine, json!({ "kind": "capture", "master": "two" })).await;
    site.task(&key).await.is(200);
    depot_call(&site, &key, Method::GET, "root", vec![])
        .await
        .is_problem(403, "not-yours");
    let id = depot_call(&site, &key, Method::POST, "segments", segment())
        .await
        .is(200)
        .body;
    let foreign = serde_json::to_vec(&root("one", SegmentId(id.try_into().unwrap()))).unwrap();
    depot_call(&site, &key, Method::POST, "commit", foreign)
        .await
        .is_problem(403, "not-yours");
    depot_call(&site, &key, Method::POST, "nothing", vec![])
        .await
        .is_problem(404, "no-such-address");
    for path in ["../hello", "segments/..%2f..%2fetc", "%2e%2e/%2e%2e/hello"] {
        let answer = depot_call(&site, &key, Method::GET, path, vec![]).await;
        assert!(
            [404, 405, 401].contains(&answer.status.as_u16()),
            "{path}: {answer:?}"
        );
    }
    let too_long = vec![0; wire::MAX_IDS * 32 + 32];
    depot_call(&site, &key, Method::POST, "lacking", too_long)
        .await
        .is_problem(413, "body-too-large");
    let path = format!("/api/v1/jobs/{}/cancel", job.as_str().unwrap());
    site.post(&path, json!({})).await.is(200);
    let progress = json!({ "job": job, "step_index": 0, "progress": {} }).to_string();
    let reply = site
        .agent(Some(&key), Method::POST, "/agent/v1/progress", progress.into())
        .await;
    assert_eq!(reply.json(), json!({ "cancelled": true }));
}

#[tokio::test]
async fn every_master_is_there_again_after_the_catalog_was_lost() {
    let site = Site::new().await;
    let (key, machine) = site.enter(1, true).await;
    let key = capture(&site, &key, &machine, "one").await;
    capture(&site, &key, &machine, "two").await;
    let masters = site.get("/api/v1/masters").await.is(200).json();
    assert_eq!(masters["items"].as_array().unwrap().len(), 2);
    let site = site.without_its_catalog().await;
    assert_eq!(site.get("/api/v1/machines").await.json()["total"], 0);
    assert_eq!(site.get("/api/v1/masters").await.is(200).json(), masters);
    let (key, machine) = site.enter(2, false).await;
    job(
        &site,
        &machine,
        json!({ "kind": "restore", "master": { "name": "one" } }),
    )
    .await;
    assert_eq!(
        site.task(&key).await.json()["step"]["master"]["version"],
        1,
        "and can be restored"
    );
}
