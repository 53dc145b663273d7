//! How long every page of the admin API takes on a large site, while somebody writes beside it.
//!
//! Every day a small site, to see that the measurement works and that no page is slow even there. `cargo xtask bench control`
//! sets `AMORCE_BENCH=whole`: 10,000 machines and 1,000,000 rows of the audit. What a page takes is measured from the request
//! to the last byte of its answer; TLS and the wire are not in it.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

mod large_site;

use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use http_body_util::BodyExt;
use large_site::{LargeSite, Size};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};
use tower::ServiceExt;

/// What a page may take, of a hundred the slowest but one.
const WANTED: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_of_a_large_site_is_quick() {
    let whole = std::env::var_os("AMORCE_BENCH").is_some_and(|value| value == "whole");
    let size = if whole { Size::WHOLE } else { Size::SMALL };
    let begun = Instant::now();
    let site = LargeSite::make(size);
    println!(
        "  a site of {} machines, {} jobs and {} rows of the audit was made in {:.0} s; its catalog has {} MB, is opened and checked in {:.1} s",
        size.machines,
        size.jobs,
        size.audit_rows,
        begun.elapsed().as_secs_f64(),
        site.catalog_len() >> 20,
        site.opened_in().as_secs_f64()
    );
    let begun = Instant::now();
    let rows = site.catalog().verify_audit().unwrap();
    println!(
        "  `amorce audit verify`: {rows} rows in {:.1} s",
        begun.elapsed().as_secs_f64()
    );

    let stop = AtomicBool::new(false);
    let mut missed = Vec::new();
    let pages = site.pages();
    std::thread::scope(|scope| {
        // Somebody edits meanwhile, and agents report.
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                site.edit_one();
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                println!(
                    "  {:<44} {:>9} {:>9} {:>9}",
                    "page", "median ms", "p99 ms", "bytes"
                );
                for (name, paths) in &pages {
                    let (median, slow, bytes) = measure(&site, paths, size.rounds).await;
                    println!(
                        "  {name:<44} {:>9.1} {:>9.1} {bytes:>9}",
                        median.as_secs_f64() * 1000.0,
                        slow.as_secs_f64() * 1000.0
                    );
                    if slow >= WANTED {
                        missed.push(format!("{name}: {slow:?}"));
                    }
                }
            });
        });
        stop.store(true, Ordering::Relaxed);
    });
    assert!(missed.is_empty(), "p99 of {WANTED:?} or more: {missed:#?}");
}

/// Median and p99 of so many calls, and the bytes of the last answer.
async fn measure(site: &LargeSite, paths: &[String], rounds: usize) -> (Duration, Duration, usize) {
    let router = site.router();
    let mut took = Vec::with_capacity(rounds);
    let mut bytes = 0;
    for path in paths.iter().cycle().take(rounds) {
        site.let_time_pass();
        let begun = Instant::now();
        bytes = call(&router, path, site.cookie()).await;
        took.push(begun.elapsed());
    }
    took.sort();
    (took[took.len() / 2], took[took.len() * 99 / 100], bytes)
}

async fn call(router: &Router, path: &str, cookie: &str) -> usize {
    let request = Request::get(format!("/api/v1{path}"))
        .header(header::HOST, "amorce.example")
        .header(header::COOKIE, format!("amorce_session={cookie}"))
        .body(Body::empty())
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
    body.len()
}
