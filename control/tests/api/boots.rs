//! How machines booted, and waking them.

use crate::site::Site;
use axum::http::Method;
use catalog::BootStep;
use protocol::mac::MacAddr;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_machine_that_is_called_and_boots_tells_how_it_went_and_where_it_stopped() {
    let site = Site::new().await;
    let (_, machine) = site.enter(1, true).await;
    let shown = site
        .get(&format!("/api/v1/machines/{machine}"))
        .await
        .is(200)
        .json();
    let mac: MacAddr = shown["macs"][0].as_str().unwrap().parse().unwrap();
    let wake = format!("/api/v1/machines/{machine}/wake");
    let sent = site.post(&wake, json!({})).await.is(200).json();
    assert_eq!(sent["packets"], 1);
    site.post(&wake, json!({ "secure_on": "wrong" }))
        .await
        .is_problem(422, "unusable-value");
    site.clock.advance(Duration::from_secs(12));
    let catalog = site.control.catalog();
    catalog.note_boot(mac, BootStep::Offered, None, "was offered a file");
    site.clock.advance(Duration::from_secs(60));
    let boots = site
        .get(&format!("/api/v1/machines/{machine}/boots"))
        .await
        .is(200)
        .json();
    let boot = &boots["items"][0];
    assert_eq!(boot["mac"], mac.to_string());
    assert_eq!(boot["entries"][0]["text"], "was offered a file");
    assert!(
        boot["entries"][1]["text"]
            .as_str()
            .unwrap()
            .starts_with("woke 12 s"),
        "{boot}"
    );
    assert!(boot["diagnosis"].as_str().unwrap().contains("snooping"), "{boot}");
    let nobody = "/api/v1/machines/01890a5d-ac96-774b-bcce-b302099a8057/boots";
    site.call(Method::GET, nobody, None)
        .await
        .is_problem(404, "not-found");
}
