//! Each session within its right, and nothing kept that is not what it claims.

use crate::{
    appliance::Appliance,
    master::{Master, noise, segment_id, version},
    runtime,
};
use depot::{
    server::{Answer, DepotServer, Right},
    wire::{self, Call, FetchRequest},
};
use imager::exchange::{ChunkSink, ChunkSource, ManifestSource};
use imager::{ErrorKind, frame::EncodedFrame};
use protocol::{ChunkId, manifest::SegmentId};
use std::collections::HashMap;

struct Scene {
    runtime: tokio::runtime::Runtime,
    appliance: Appliance,
    ours: Master,
    theirs: Master,
    read_ours: Right,
    upload_ours: Right,
}

impl Scene {
    fn new() -> Self {
        let runtime = runtime();
        let appliance = Appliance::start(&runtime);
        let ours = Master::new("ours", 1, 20, 2000);
        let theirs = Master::new("theirs", 2, 20, 2000);
        for master in [&ours, &theirs] {
            let right = Right::Upload {
                master: master.root.name.clone(),
            };
            master.put(&appliance.client(&runtime, right)).unwrap();
        }
        let read_ours = Right::Read {
            master: "ours@1".parse().unwrap(),
        };
        let upload_ours = Right::Upload {
            master: "ours".parse().unwrap(),
        };
        Self {
            runtime,
            appliance,
            ours,
            theirs,
            read_ours,
            upload_ours,
        }
    }

    fn depot(&self) -> &DepotServer {
        &self.appliance.state.depot
    }

    /// Status and code of a refusal.
    #[track_caller]
    fn refused(&self, right: &Right, call: Call, body: &[u8]) -> (u16, String) {
        let problem = self
            .depot()
            .answer(right, call, body)
            .expect_err("it must be refused");
        (problem.status, problem.code)
    }
}

fn not_yours() -> (u16, String) {
    (403, "not-yours".to_owned())
}

fn list(frames: &[&[u8]]) -> Vec<u8> {
    frames
        .iter()
        .flat_map(|frame| [&wire::frame_head(frame.len())[..], frame].concat())
        .collect()
}

#[test]
fn a_restore_reads_its_master_whole() {
    let scene = Scene::new();
    let client = scene.appliance.client(&scene.runtime, scene.read_ours.clone());
    let signed = client.root(&"ours@1".parse().unwrap()).unwrap();
    assert_eq!(
        scene.depot().public_key().open(&signed).unwrap().segments,
        scene.ours.root.segments
    );
    let mut delivered = HashMap::new();
    for (place, bytes) in scene.ours.segments.iter().enumerate() {
        let (segment, wanted) = scene.ours.segment(place);
        assert_eq!(client.segment(segment).unwrap(), *bytes);
        client
            .fetch(segment, &wanted, &mut |frame| {
                scene.ours.check(&frame, &mut delivered);
                Ok(())
            })
            .unwrap();
    }
    assert_eq!(delivered.len(), scene.ours.ids.len());
}

#[test]
fn another_masters_segments_and_chunks_are_refused() {
    let scene = Scene::new();
    let (our_segment, our_ids) = scene.ours.segment(0);
    let (their_segment, their_ids) = scene.theirs.segment(0);
    let read = &scene.read_ours;
    assert_eq!(
        scene.refused(read, Call::Segment(their_segment), &[]),
        not_yours()
    );
    let body = FetchRequest::encode(their_segment, &their_ids);
    assert_eq!(scene.refused(read, Call::Fetch, &body), not_yours());
    assert_eq!(scene.refused(read, Call::FetchLen, &body), not_yours());
    let body = FetchRequest::encode(our_segment, &their_ids[..1]);
    assert_eq!(scene.refused(read, Call::Fetch, &body), not_yours());
    assert_eq!(scene.refused(read, Call::FetchLen, &body), not_yours());
    // One foreign chunk among ours spoils the request.
    let mixed = [&our_ids[..], &their_ids[..1]].concat();
    assert_eq!(
        scene.refused(read, Call::Fetch, &FetchRequest::encode(our_segment, &mixed)),
        not_yours()
    );
    // Ours, but in another of our segments.
    let (_, later_ids) = scene.ours.segment(1);
    let body = FetchRequest::encode(our_segment, &later_ids);
    assert_eq!(scene.refused(read, Call::Fetch, &body), not_yours());
    assert_eq!(scene.refused(read, Call::FetchLen, &body), not_yours());
}

#[test]
fn another_version_of_the_same_master_is_refused() {
    let scene = Scene::new();
    let next = Master::new("ours", 7, 4, 1000);
    let signed = next
        .put(&scene.appliance.client(&scene.runtime, scene.upload_ours.clone()))
        .unwrap();
    assert_eq!(version(&signed).version, Some(2));
    let (segment, ids) = next.segment(0);
    assert_eq!(
        scene.refused(&scene.read_ours, Call::Segment(segment), &[]),
        not_yours()
    );
    let body = FetchRequest::encode(segment, &ids);
    assert_eq!(scene.refused(&scene.read_ours, Call::Fetch, &body), not_yours());
    let client = scene.appliance.client(&scene.runtime, scene.read_ours.clone());
    let error = client.root(&"ours@2".parse().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    let unnamed = Right::Read {
        master: "ours".parse().unwrap(),
    };
    assert_eq!(scene.refused(&unnamed, Call::Segment(segment), &[]), not_yours());
}

#[test]
fn a_capture_reads_nothing_and_a_restore_writes_nothing() {
    let scene = Scene::new();
    let (segment, ids) = scene.ours.segment(0);
    for (call, body) in [
        (Call::Root, vec![]),
        (Call::Segment(segment), vec![]),
        (Call::Fetch, FetchRequest::encode(segment, &ids)),
    ] {
        assert_eq!(
            scene.refused(&scene.upload_ours, call, &body),
            not_yours(),
            "{call:?}"
        );
    }
    let root = serde_json::to_vec(&scene.ours.root).unwrap();
    for (call, body) in [
        (Call::Lacking, wire::encode_ids(&ids)),
        (Call::PutFrames, list(&[scene.ours.frames[0].as_bytes()])),
        (Call::PutSegment, scene.ours.segments[0].clone()),
        (Call::Commit, root),
    ] {
        assert_eq!(
            scene.refused(&scene.read_ours, call, &body),
            not_yours(),
            "{call:?}"
        );
    }
}

#[test]
fn a_capture_commits_only_its_own_master() {
    let scene = Scene::new();
    let body = serde_json::to_vec(&scene.theirs.root).unwrap();
    assert_eq!(
        scene.refused(&scene.upload_ours, Call::Commit, &body),
        not_yours()
    );
}

#[test]
fn a_session_without_a_right_is_refused_before_the_depot_is_asked() {
    let scene = Scene::new();
    let connection = scene.appliance.connection(scene.appliance.address, "unknown");
    let client = depot::client::DepotClient::new(connection, scene.runtime.handle().clone());
    assert_eq!(
        client.lacking(&scene.ours.ids).unwrap_err().kind(),
        ErrorKind::Forbidden
    );
}

#[test]
fn a_frame_whose_chunk_is_not_what_its_id_says_is_refused_with_its_whole_request() {
    let scene = Scene::new();
    let new = Master::new("ours", 5, 8, 2000);
    let mut forged = new.frames[1].as_bytes().to_vec();
    *forged.last_mut().unwrap() ^= 0x80;
    let body = list(&[new.frames[0].as_bytes(), &forged]);
    let (status, code) = scene.refused(&scene.upload_ours, Call::PutFrames, &body);
    assert_eq!((status, code.as_str()), (422, "damaged"));
    let client = scene.appliance.client(&scene.runtime, scene.upload_ours.clone());
    assert_eq!(
        client.lacking(&new.ids).unwrap(),
        [true; 8],
        "nothing of it was kept"
    );
    client.put_frame(EncodedFrame::parse(forged).unwrap()).unwrap();
    let error = new.put(&client).unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Damaged,
        "a forged frame's error comes back at the latest with the commit: {error}"
    );
}

#[test]
fn frames_with_trailing_bytes_wrong_lengths_or_nothing_are_refused() {
    let scene = Scene::new();
    let good = scene.ours.frames[0].as_bytes();
    let trailing = [good, &[0]].concat();
    let short = &good[..good.len() - 1];
    for body in [list(&[&trailing]), list(&[short]), list(&[b"AFRM"])] {
        assert_eq!(scene.refused(&scene.upload_ours, Call::PutFrames, &body).0, 422);
    }
    for body in [
        &[1, 0, 0][..],
        &[9, 0, 0, 0, 1],
        &[0, 0, 0, 0],
        &[255, 255, 255, 255, 0],
    ] {
        assert_eq!(
            scene.refused(&scene.upload_ours, Call::PutFrames, body),
            (400, "malformed".into())
        );
    }
}

#[test]
fn a_commit_of_what_is_not_there_makes_no_version() {
    let scene = Scene::new();
    let client = scene.appliance.client(&scene.runtime, scene.upload_ours.clone());
    let new = Master::new("ours", 6, 20, 2000);
    // No segment, no chunk.
    assert!(client.commit(new.root.clone()).is_err());
    // Segments, but no chunk.
    for segment in &new.segments {
        client.put_segment(segment).unwrap();
    }
    assert!(client.commit(new.root.clone()).is_err());
    // All chunks but those of one frame.
    for frame in &new.frames[1..] {
        client.put_frame(frame.clone()).unwrap();
    }
    let error = client.commit(new.root.clone()).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Missing | ErrorKind::Refused),
        "{error}"
    );
    let newest = scene.depot().answer(
        &Right::Read {
            master: "ours@2".parse().unwrap(),
        },
        Call::Root,
        &[],
    );
    assert_eq!(newest.unwrap_err().status, 404);
    client.put_frame(new.frames[0].clone()).unwrap();
    assert_eq!(
        version(&client.commit(new.root.clone()).unwrap()).version,
        Some(2)
    );
}

#[test]
fn what_is_no_segment_and_no_root_is_refused() {
    let scene = Scene::new();
    assert_eq!(
        scene.refused(&scene.upload_ours, Call::PutSegment, b"AMRCSEGM").0,
        422
    );
    assert_eq!(scene.refused(&scene.upload_ours, Call::Commit, b"{}").0, 422);
    let mut root = scene.ours.root.clone();
    root.disk_size.0 += 1;
    let body = serde_json::to_vec(&root).unwrap();
    assert_eq!(
        scene.refused(&scene.upload_ours, Call::Commit, &body).0,
        422,
        "segments do not cover the disk"
    );
    let long = vec![0; wire::MAX_SEGMENT_LEN + 1];
    assert_eq!(scene.refused(&scene.upload_ours, Call::PutSegment, &long).0, 413);
    let none = SegmentId([1; 32]);
    assert_eq!(
        scene.refused(&scene.read_ours, Call::Segment(none), &[]),
        not_yours()
    );
    let gone = Right::Read {
        master: "gone@1".parse().unwrap(),
    };
    assert_eq!(scene.refused(&gone, Call::Root, &[]).0, 404);
}

#[test]
fn a_frame_made_for_another_master_is_sent_without_the_other_masters_chunks() {
    let runtime = runtime();
    let appliance = Appliance::start(&runtime);
    let shared = noise(1, 0, 5000);
    let secret = noise(1, 1, 5000);
    // One frame holds both; the second master has only the first chunk and dedups against that frame.
    let first = Master::of_chunks("first", vec![shared.clone(), secret.clone()], 2);
    let second = Master::of_chunks("second", vec![shared.clone(), noise(1, 2, 5000)], 1);
    let upload = |name: &str| {
        appliance.client(
            &runtime,
            Right::Upload {
                master: name.parse().unwrap(),
            },
        )
    };
    first.put(&upload("first")).unwrap();
    let client = upload("second");
    assert_eq!(client.lacking(&second.ids).unwrap(), [false, true]);
    client.put_frame(second.frames[1].clone()).unwrap();
    client.put_segment(&second.segments[0]).unwrap();
    client.commit(second.root.clone()).unwrap();
    let reader = appliance.client(
        &runtime,
        Right::Read {
            master: "second@1".parse().unwrap(),
        },
    );
    let (segment, wanted) = second.segment(0);
    let mut delivered = HashMap::new();
    reader
        .fetch(segment, &wanted, &mut |frame| {
            let secret_id = ChunkId(*blake3::hash(&secret).as_bytes());
            assert!(frame.chunks().iter().all(|(id, _)| *id != secret_id));
            second.check(&frame, &mut delivered);
            Ok(())
        })
        .unwrap();
    assert_eq!(delivered.len(), 2);
}

#[test]
fn of_a_frame_only_the_chunks_that_were_asked_for_travel() {
    let runtime = runtime();
    let appliance = Appliance::start(&runtime);
    let noise_frame = vec![noise(3, 0, 5000), noise(3, 1, 5000), noise(3, 2, 5000)];
    let text_frame = vec![b"a".repeat(5000), b"b".repeat(5000), b"c".repeat(5000)];
    let master = Master::of_chunks("ours", [noise_frame, text_frame].concat(), 3);
    let right = Right::Upload {
        master: "ours".parse().unwrap(),
    };
    master.put(&appliance.client(&runtime, right)).unwrap();
    let right = Right::Read {
        master: "ours@1".parse().unwrap(),
    };
    let reader = appliance.client(&runtime, right);
    let (segment, ids) = master.segment(0);
    let wanted = [ids[1], ids[5]];
    let mut delivered = HashMap::new();
    reader
        .fetch(segment, &wanted, &mut |frame| {
            assert!(
                frame.chunks().iter().all(|(id, _)| wanted.contains(id)),
                "{frame:?}"
            );
            master.check(&frame, &mut delivered);
            Ok(())
        })
        .unwrap();
    assert_eq!(delivered.len(), 2);
}

#[test]
fn no_bytes_make_the_depot_panic() {
    use proptest::prelude::*;
    let scene = Scene::new();
    let segment = segment_id(&scene.ours.segments[0]);
    let calls = [
        Call::Lacking,
        Call::PutFrames,
        Call::PutSegment,
        Call::Commit,
        Call::Root,
        Call::Segment(segment),
        Call::Fetch,
    ];
    let prefixes = [
        vec![],
        b"AMRCSEGM".to_vec(),
        list(&[scene.ours.frames[0].as_bytes()]),
        segment.0.to_vec(),
        b"{\"name\":".to_vec(),
    ];
    let bodies = (
        prop::sample::select(prefixes.to_vec()),
        prop::collection::vec(any::<u8>(), 0..200),
    );
    let config = proptest::test_runner::Config {
        failure_persistence: None,
        ..Default::default()
    };
    proptest!(config, |(call in prop::sample::select(calls.to_vec()), (prefix, rest) in bodies)| {
        for right in [&scene.upload_ours, &scene.read_ours] {
            if let Ok(Answer::Frames(stream)) = scene.depot().answer(right, call, &[&prefix[..], &rest].concat()) {
                stream.send(&mut |_| true);
            }
        }
    });
}
