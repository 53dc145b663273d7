//! A network that is cut again and again costs only what was under way.

use crate::{
    appliance::Appliance,
    line::{Line, Way},
    master::{Master, version},
    runtime,
};
use depot::{
    client::{Cancel, DepotClient},
    server::Right,
};
use imager::{
    ErrorKind,
    exchange::{ChunkSource, ManifestSource},
};
use protocol::manifest::SignedRoot;
use std::collections::{HashMap, HashSet};
use tokio::runtime::Runtime;

/// Frames of 256 KiB, four to a segment.
fn master(name: &str) -> Master {
    Master::new(name, 1, 96, 64 * 1024)
}

fn upload(master: &Master) -> Right {
    Right::Upload {
        master: master.root.name.clone(),
    }
}

/// The appliance has the master, and whoever says "restore" may read it.
fn put_to_restore(appliance: &Appliance, runtime: &Runtime, master: &Master) -> SignedRoot {
    let signed = master.put(&appliance.client(runtime, upload(master))).unwrap();
    let master = version(&signed);
    appliance.grant("restore", Right::Read { master });
    signed
}

#[test]
fn a_fetch_goes_on_behind_the_last_frame_after_every_cut() {
    let runtime = runtime();
    let appliance = Appliance::start(&runtime);
    let master = master("debian");
    put_to_restore(&appliance, &runtime, &master);
    // In the handshake, in the head, in a frame, behind some frames, in the last frame.
    let cuts = [
        0, 100, 2_000, 3_000, 100_000, 700_000, 300_001, 1, 1_040_000, 262_144,
    ];
    let line = Line::open(&runtime, appliance.address, Way::Down, &cuts);
    let client = DepotClient::new(
        appliance.connection(line.address, "restore"),
        runtime.handle().clone(),
    );
    let mut delivered = HashMap::new();
    let mut requests_seen = 0;
    for place in 0..master.segments.len() {
        let (segment, wanted) = master.segment(place);
        client
            .fetch(segment, &wanted, &mut |frame| {
                // A request goes out when everything that came before it was delivered: none asks for any of that again.
                let asked = appliance.state.asked.lock().unwrap();
                for request in &asked[requests_seen..] {
                    assert!(
                        request.iter().all(|id| !delivered.contains_key(id)),
                        "asked again for what had come"
                    );
                }
                requests_seen = asked.len();
                drop(asked);
                master.check(&frame, &mut delivered);
                Ok(())
            })
            .unwrap();
    }
    assert_eq!(line.left.lock().unwrap().len(), 0, "every cut happened");
    assert_eq!(delivered.len(), master.ids.len());
    assert!(
        delivered.values().all(|times| *times == 1),
        "no chunk reached the engine twice"
    );
    assert!(
        requests_seen > master.segments.len(),
        "some requests were cut after they had arrived"
    );
}

#[test]
fn an_upload_sends_again_only_what_was_not_answered() {
    let runtime = runtime();
    let appliance = Appliance::start(&runtime);
    let master = master("debian");
    appliance.grant("capture", upload(&master));
    let cuts = [
        0, 500, 3_000, 200_000, 1_500_000, 900_000, 2_100_000, 4, 1_100_000,
    ];
    let line = Line::open(&runtime, appliance.address, Way::Up, &cuts);
    let client = DepotClient::new(
        appliance.connection(line.address, "capture"),
        runtime.handle().clone(),
    );
    let signed = master.put(&client).unwrap();
    assert_eq!(line.left.lock().unwrap().len(), 0, "every cut happened");
    let uploaded = appliance.state.uploaded.lock().unwrap();
    let distinct: HashSet<&Vec<u8>> = uploaded.iter().collect();
    assert_eq!(distinct.len(), master.frames.len());
    // A request carries a little over a megabyte, four frames here; only whole requests reach the depot, so each cut
    // costs at most the one request whose answer it swallowed.
    let twice = uploaded.len() - distinct.len();
    assert!(twice <= cuts.len() * 5, "{twice} frames came twice");
    assert_eq!(version(&signed).version, Some(1));
}

#[test]
fn a_commit_whose_answer_is_lost_makes_one_version() {
    let runtime = runtime();
    let appliance = Appliance::start(&runtime);
    let master = master("debian");
    let right = upload(&master);
    let first = master.put(&appliance.client(&runtime, right.clone())).unwrap();
    let again = master.put(&appliance.client(&runtime, right.clone())).unwrap();
    assert_eq!((version(&first).version, &first), (Some(1), &again));
    // Another disk is another version.
    let mut other = Master::new("debian", 2, 5, 5000);
    let third = other.put(&appliance.client(&runtime, right.clone())).unwrap();
    assert_eq!(version(&third).version, Some(2));
    // And the first disk captured again after that is a third one.
    other = master;
    assert_eq!(
        version(&other.put(&appliance.client(&runtime, right)).unwrap()).version,
        Some(3)
    );
}

#[test]
fn a_transfer_stops_when_it_is_cancelled_while_the_appliance_is_gone() {
    let runtime = runtime();
    let appliance = Appliance::start(&runtime);
    let master = master("debian");
    let signed = put_to_restore(&appliance, &runtime, &master);
    let line = Line::open(&runtime, appliance.address, Way::Down, &[400_000; 1000]);
    let cancel = Cancel::new();
    let connection = appliance.connection(line.address, "restore").with_cancel(&cancel);
    let client = DepotClient::new(connection, runtime.handle().clone());
    let (segment, wanted) = master.segment(0);
    let mut frames = 0;
    let result = client.fetch(segment, &wanted, &mut |_| {
        frames += 1;
        cancel.cancel();
        Ok(())
    });
    assert_eq!((result.unwrap_err().kind(), frames), (ErrorKind::Cancelled, 1));
    assert_eq!(
        client.root(&version(&signed)).unwrap_err().kind(),
        ErrorKind::Cancelled
    );
}
