//! Whatever is sent: an answer below 500, as a problem document, in bounded memory.

use crate::site::{Site, hello};
use axum::{
    body::{Body, Bytes},
    http::{Method, Request, header},
};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
};

const MEGABYTE: u64 = 1 << 20;

/// 100 MB, made as they are read; counts how much was.
fn endless(read: &Arc<AtomicU64>) -> Body {
    let read = Arc::clone(read);
    let pieces = (0..100).map(move |_| {
        read.fetch_add(MEGABYTE, Ordering::SeqCst);
        Ok::<_, Infallible>(Bytes::from(vec![b' '; MEGABYTE as usize]))
    });
    Body::from_stream(tokio_stream::iter(pieces))
}

#[tokio::test]
async fn a_body_of_100_megabytes_is_refused_before_it_is_read() {
    let site = Site::new().await;
    let (key, _) = site.enter(1, true).await;
    for (path, most) in [
        ("/agent/v1/hello", 5),
        ("/agent/v1/report", 5),
        ("/agent/v1/progress", 2),
        ("/api/v1/sessions", 2),
    ] {
        for declares in [false, true] {
            let read = Arc::new(AtomicU64::new(0));
            let body = if declares {
                Body::from(vec![b' '; 100 << 20])
            } else {
                endless(&read)
            };
            let request = Request::post(path)
                .header(header::HOST, "a")
                .header(header::ORIGIN, "https://a")
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::AUTHORIZATION, format!("Bearer {key}"))
                .body(body)
                .unwrap();
            let answer = match path.starts_with("/api") {
                true => site.send_admin(request).await,
                false => site.send_agent(request).await,
            };
            answer.is_problem(413, "body-too-large");
            assert!(
                read.load(Ordering::SeqCst) <= (most + 1) * MEGABYTE,
                "{path} read {read:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let site = Site::without_people();
    let body = Body::from_stream(tokio_stream::pending::<Result<Bytes, Infallible>>());
    let request = Request::post("/agent/v1/hello").body(body).unwrap();
    site.send_agent(request).await.is_problem(408, "body-too-slow");
}

#[tokio::test(start_paused = true)]
async fn strangers_who_send_slowly_fill_no_more_memory_than_is_set_aside_for_them() {
    let site = Site::without_people();
    let stranger = |_| {
        let body = Body::from_stream(tokio_stream::pending::<Result<Bytes, Infallible>>());
        site.send_agent(Request::post("/agent/v1/hello").body(body).unwrap())
    };
    let answers = futures_of((0..9).map(stranger)).await;
    let with_status = |status: u16| {
        answers
            .iter()
            .filter(|answer| answer.status.as_u16() == status)
            .count()
    };
    assert_eq!((with_status(408), with_status(503)), (8, 1));
    // Those are gone: whoever comes now is heard.
    site.hello(&hello(1, true, "invented".into()))
        .await
        .is_problem(401, "token-unknown");
}

/// Waits for all of them at once.
async fn futures_of<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut running {
            if output.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        match running.iter().all(|(_, output)| output.is_some()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        Just(json!("01890a5d-ac96-774b-bcce-b302099a8057")),
        Just(json!("' OR 1=1; DROP TABLE machine; --")),
    ];
    let key = prop_oneof![
        Just("protocol".to_owned()),
        Just("token".to_owned()),
        Just("facts".to_owned()),
        Just("smbios".to_owned()),
        Just("machines".to_owned()),
        Just("steps".to_owned()),
        Just("kind".to_owned()),
        Just("master".to_owned()),
        Just("job".to_owned()),
        Just("step_index".to_owned()),
        Just("outcome".to_owned()),
        Just("name".to_owned()),
        ".{0,10}",
    ];
    leaf.prop_recursive(4, 40, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::hash_map(key.clone(), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The body of a call with one value in it replaced.
fn altered(mut body: Value, path: &[usize], with: Value) -> Value {
    alter(&mut body, path, with);
    body
}

fn alter(place: &mut Value, path: &[usize], with: Value) {
    match (path, place) {
        ([turn, rest @ ..], Value::Object(map)) if !map.is_empty() => {
            let index = turn % map.len();
            alter(map.values_mut().nth(index).unwrap(), rest, with);
        }
        ([turn, rest @ ..], Value::Array(items)) if !items.is_empty() => {
            let index = turn % items.len();
            alter(&mut items[index], rest, with);
        }
        (_, place) => *place = with,
    }
}

#[test]
fn any_json_is_survived_by_every_call() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let site = runtime.block_on(Site::new());
    let (key, machine) = runtime.block_on(site.enter(1, true));
    let job = json!("01890a5d-ac96-774b-bcce-b302099a8057");
    let templates = [
        (
            Method::POST,
            "/agent/v1/hello".to_owned(),
            serde_json::to_value(hello(2, true, "t".into())).unwrap(),
        ),
        (
            Method::POST,
            "/agent/v1/progress".into(),
            json!({ "job": job, "step_index": 0, "progress": { "phase": "x" } }),
        ),
        (
            Method::POST,
            "/agent/v1/report".into(),
            json!({ "job": job, "step_index": 0, "outcome": { "outcome": "failed",
                "problem": { "code": "c", "title": "t" }, "evidence": { "log": "l" } } }),
        ),
        (
            Method::POST,
            "/api/v1/jobs".into(),
            json!({ "machines": [machine], "steps": [{ "kind": "inspect" }] }),
        ),
        (
            Method::PATCH,
            format!("/api/v1/machines/{machine}"),
            json!({ "name": "n" }),
        ),
        (
            Method::PUT,
            "/api/v1/settings".into(),
            json!({ "unknown_machines": "ignore", "language": "en" }),
        ),
    ];
    let mut runner = TestRunner::new(ProptestConfig::with_cases(600));
    let strategy = (
        0..templates.len(),
        proptest::collection::vec(0_usize..8, 0..5),
        any_json(),
    );
    let outcome = runner.run(&strategy, |(which, path, value)| {
        let (method, address, template) = &templates[which];
        let body = altered(template.clone(), &path, value);
        let answer = runtime.block_on(async {
            match address.starts_with("/api") {
                true => site.call(method.clone(), address, Some(body.clone())).await,
                false => {
                    site.agent(Some(&key), method.clone(), address, body.to_string().into())
                        .await
                }
            }
        });
        prop_assert!(answer.status.as_u16() < 500, "{body}: {answer:?}");
        if !answer.status.is_success() {
            prop_assert_eq!(&answer.headers[header::CONTENT_TYPE], "application/problem+json");
        }
        Ok(())
    });
    outcome.unwrap();
    let alive = runtime.block_on(site.get("/api/v1/machines"));
    assert_eq!(alive.status, 200, "names from the network never reach a query");
}

#[test]
fn any_bytes_are_survived_by_every_call() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let site = runtime.block_on(Site::new());
    let (key, machine) = runtime.block_on(site.enter(1, true));
    runtime.block_on(async {
        crate::work::job(&site, &machine, json!({ "kind": "capture", "master": "m" })).await;
        site.task(&key).await.is(200);
    });
    let paths = [
        "hello",
        "report",
        "progress",
        "depot/lacking",
        "depot/frames",
        "depot/segments",
        "depot/commit",
        "depot/fetch",
    ];
    let mut runner = TestRunner::new(ProptestConfig::with_cases(400));
    let strategy = (0..paths.len(), proptest::collection::vec(any::<u8>(), 0..300));
    let outcome = runner.run(&strategy, |(which, body)| {
        let path = format!("/agent/v1/{}", paths[which]);
        let answer = runtime.block_on(site.agent(Some(&key), Method::POST, &path, body));
        prop_assert!(answer.status.as_u16() < 500, "{path}: {answer:?}");
        Ok(())
    });
    outcome.unwrap();
}
