//! A peer that lies: whatever it answers, a fetch ends with the right bytes or with an error in words.

use crate::{
    appliance::TIMEOUTS,
    authority::Authority,
    master::Master,
    peer::{Peer, Reply, Then},
    runtime,
};
use depot::{
    client::{Connection, DepotClient, Timeouts},
    wire::{FetchRequest, frame_head, stream},
};
use imager::{ErrorKind, exchange::ChunkSink, exchange::ChunkSource, frame::EncodedFrame};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use protocol::{ChunkId, Problem};
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

struct Scene {
    runtime: tokio::runtime::Runtime,
    authority: Authority,
    master: Arc<Master>,
}

impl Scene {
    fn new() -> Self {
        Self {
            runtime: runtime(),
            authority: Authority::new(),
            master: Arc::new(Master::new("debian", 3, 16, 3000)),
        }
    }

    /// A peer that tells these lies first and the truth from then on.
    fn peer(&self, lies: Vec<Reply>) -> Peer {
        let master = self.master.clone();
        Peer::start(&self.runtime, self.authority.config(), lies, move |_, body| {
            Reply::ok(&truth(&master, body))
        })
    }

    /// Fetches the first segment as the engine does, every frame decoded and checked.
    fn fetch(&self, peer: &Peer) -> imager::Result<HashMap<ChunkId, usize>> {
        let moment = Duration::from_millis(400);
        let timeouts = Timeouts {
            connect: TIMEOUTS.connect,
            stall: moment,
            answer: moment,
        };
        let connection = Connection::with_timeouts(peer.address, self.authority.fingerprint(), timeouts);
        let client = DepotClient::new(connection, self.runtime.handle().clone());
        let (segment, wanted) = self.master.segment(0);
        let mut delivered = HashMap::new();
        client.fetch(segment, &wanted, &mut |frame| {
            frame.decode()?;
            self.master.check(&frame, &mut delivered);
            Ok(())
        })?;
        Ok(delivered)
    }

    fn true_body(&self) -> Vec<u8> {
        let (segment, wanted) = self.master.segment(0);
        truth(&self.master, &FetchRequest::encode(segment, &wanted))
    }
}

fn truth(master: &Master, request: &[u8]) -> Vec<u8> {
    let request = FetchRequest::decode(request).unwrap();
    let holds = |frame: &&EncodedFrame| frame.chunks().iter().any(|(id, _)| request.wanted.contains(id));
    let mut body = Vec::new();
    for frame in master.frames.iter().filter(holds) {
        put(&mut body, frame.as_bytes());
    }
    body.extend_from_slice(&stream::END);
    body
}

fn put(body: &mut Vec<u8>, frame: &[u8]) {
    body.extend_from_slice(&frame_head(frame.len()));
    body.extend_from_slice(frame);
}

#[track_caller]
fn assert_whole(result: imager::Result<HashMap<ChunkId, usize>>) {
    let delivered = result.unwrap();
    assert!(
        delivered.len() == 16 && delivered.values().all(|times| *times == 1),
        "{delivered:?}"
    );
}

#[test]
fn a_true_answer_is_taken() {
    let scene = Scene::new();
    assert_whole(scene.fetch(&scene.peer(vec![])));
}

#[test]
fn a_chunk_with_other_bytes_than_its_id_says_is_refused() {
    let scene = Scene::new();
    let mut bytes = scene.master.frames[0].as_bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let mut body = Vec::new();
    put(&mut body, &bytes);
    let peer = scene.peer(vec![Reply::ok(&body)]);
    assert_eq!(scene.fetch(&peer).unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn a_frame_that_nobody_asked_for_is_refused() {
    let scene = Scene::new();
    let other = Master::new("other", 9, 4, 500);
    let mut body = Vec::new();
    put(&mut body, other.frames[0].as_bytes());
    body.extend_from_slice(&stream::END);
    let error = scene.fetch(&scene.peer(vec![Reply::ok(&body)])).unwrap_err();
    assert!(error.to_string().contains("nobody asked for"), "{error}");
}

#[test]
fn the_same_frame_for_ever_is_refused() {
    let scene = Scene::new();
    let mut body = Vec::new();
    (0..100).for_each(|_| put(&mut body, scene.master.frames[0].as_bytes()));
    let error = scene.fetch(&scene.peer(vec![Reply::ok(&body)])).unwrap_err();
    assert!(error.to_string().contains("nobody asked for"), "{error}");
}

#[test]
fn an_answer_that_claims_to_be_complete_and_is_not_is_an_error_not_a_loop() {
    let scene = Scene::new();
    let peer = scene.peer(vec![Reply::ok(&stream::END)]);
    assert_eq!(scene.fetch(&peer).unwrap_err().kind(), ErrorKind::Missing);
    assert_eq!(peer.requests.load(Ordering::SeqCst), 1);
}

#[test]
fn a_huge_length_is_refused_before_memory_is_taken() {
    let scene = Scene::new();
    let peer = scene.peer(vec![Reply::ok(&[0xfe, 0xff, 0xff, 0xff, 1, 2, 3])]);
    assert_eq!(scene.fetch(&peer).unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn an_answer_that_breaks_off_in_the_middle_is_taken_up_where_it_ended() {
    let scene = Scene::new();
    let problem = Problem::new("input-output", "the disk hiccups", "");
    let mut broken = Vec::new();
    put(&mut broken, scene.master.frames[0].as_bytes());
    broken.extend_from_slice(&stream::broken(&problem));
    let mut incomplete = Vec::new();
    put(&mut incomplete, scene.master.frames[1].as_bytes());
    let lies = vec![
        Reply::ok(&broken),
        Reply::status("500 Internal Server Error", "text/plain", b"oops"),
        Reply::ok(&incomplete),
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n", Then::Hang),
        Reply::raw(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n\x01",
            Then::Cut,
        ),
        Reply::status("503 Service Unavailable", "text/plain", b""),
    ];
    let peer = scene.peer(lies);
    assert_whole(scene.fetch(&peer));
    assert_eq!(peer.requests.load(Ordering::SeqCst), 7);
}

#[test]
fn a_depot_that_fails_on_and_on_is_given_up_with_its_own_words() {
    let scene = Scene::new();
    let problem = Problem::new("damaged", "pack 7 is damaged", "restore the depot from a copy");
    let lies = vec![Reply::ok(&stream::broken(&problem)); 20];
    let peer = scene.peer(lies);
    let error = scene.fetch(&peer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("pack 7 is damaged"), "{error}");
    assert_eq!(peer.requests.load(Ordering::SeqCst), 5);
}

#[test]
fn the_engines_own_error_ends_a_fetch_at_once() {
    let scene = Scene::new();
    let peer = scene.peer(vec![]);
    let connection = Connection::with_timeouts(peer.address, scene.authority.fingerprint(), TIMEOUTS);
    let client = DepotClient::new(connection, scene.runtime.handle().clone());
    let (segment, wanted) = scene.master.segment(0);
    let mut calls = 0;
    let result = client.fetch(segment, &wanted, &mut |_| {
        calls += 1;
        Err(imager::Error::new(ErrorKind::Write, "the disk refuses"))
    });
    assert_eq!((result.unwrap_err().kind(), calls), (ErrorKind::Write, 1));
}

#[test]
fn lies_about_what_is_lacking_or_named_are_found() {
    let scene = Scene::new();
    let lies = vec![
        Reply::ok(&[0; 3]),
        Reply::ok(&[0xff]),
        Reply::ok(&[0; 32]),
        Reply::ok(&[0; 64]),
    ];
    let peer = scene.peer(lies);
    let connection = Connection::with_timeouts(peer.address, scene.authority.fingerprint(), TIMEOUTS);
    let client = DepotClient::new(connection, scene.runtime.handle().clone());
    for _ in 0..2 {
        assert_eq!(
            client.lacking(&scene.master.ids[..5]).unwrap_err().kind(),
            ErrorKind::Damaged
        );
    }
    for _ in 0..2 {
        assert_eq!(
            client.put_segment(&scene.master.segments[0]).unwrap_err().kind(),
            ErrorKind::Damaged
        );
    }
}

#[test]
fn any_damage_to_an_answer_ends_with_the_right_bytes_or_an_error() {
    let scene = Scene::new();
    let body = scene.true_body();
    let answer = Reply::ok(&body).bytes;
    let damage = prop_oneof![
        // Cut off somewhere.
        (0..answer.len()).prop_map(|at| (at, None)),
        // One byte changed somewhere, in the head too.
        (0..answer.len(), 1u8..).prop_map(|(at, flip)| (at, Some(flip))),
    ];
    let mut runner = TestRunner::new(Config {
        cases: 96,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&damage, |(at, flip)| {
            let mut bytes = answer.clone();
            match flip {
                None => bytes.truncate(at),
                Some(flip) => bytes[at] ^= flip,
            }
            let peer = scene.peer(vec![Reply::raw(bytes, Then::Cut)]);
            if let Ok(delivered) = scene.fetch(&peer) {
                prop_assert!(delivered.len() == 16 && delivered.values().all(|times| *times == 1));
            }
            Ok(())
        })
        .unwrap();
}
