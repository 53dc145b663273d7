//! Who is believed to be the appliance.

use crate::{
    appliance::TIMEOUTS,
    authority::Authority,
    peer::{Peer, Reply, Then},
    runtime,
};
use depot::client::{CallError, Cancel, Connection, Retry};
use protocol::cmdline::CaFingerprint;
use rustls::ServerConfig;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// Calls a peer with this configuration, trusting this CA.
fn call(config: Arc<ServerConfig>, ca: CaFingerprint) -> Result<Vec<u32>, CallError> {
    let runtime = runtime();
    let peer = Peer::start(&runtime, config, vec![], |_, _| Reply::ok(b"[1,2]"));
    let connection = Connection::with_timeouts(peer.address, ca, TIMEOUTS);
    runtime.block_on(connection.get_json("/agent/v1/numbers"))
}

fn assert_untrusted(result: Result<Vec<u32>, CallError>, because: &str) {
    match result {
        Err(error @ CallError::Untrusted { .. }) => {
            assert!(error.to_string().contains(because), "{error}");
            assert_eq!(error.problem().code, "appliance-untrusted");
        }
        other => panic!("{because}: {other:?}"),
    }
}

#[test]
fn the_appliance_whose_ca_is_pinned_is_trusted() {
    let authority = Authority::new();
    assert_eq!(call(authority.config(), authority.fingerprint()).unwrap(), [1, 2]);
}

#[test]
fn a_leaf_that_expired_or_is_not_valid_yet_is_trusted_because_clocks_are_dead() {
    let authority = Authority::new();
    for (from, to) in [(1971, 1972), (2001, 2002), (2090, 2091)] {
        let config = authority.leaf(from, to).config(&[&authority.der]);
        assert_eq!(call(config, authority.fingerprint()).unwrap(), [1, 2], "{from}");
    }
}

#[test]
fn another_pin_is_refused() {
    let authority = Authority::new();
    assert_untrusted(
        call(authority.config(), CaFingerprint([7; 32])),
        "does not show the CA",
    );
}

#[test]
fn another_ca_of_the_same_name_is_refused() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    assert_untrusted(call(theirs.config(), ours.fingerprint()), "does not show the CA");
}

#[test]
fn a_leaf_of_another_ca_is_refused_even_when_ours_is_shown_beside_it() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    for chain in [
        &[&ours.der][..],
        &[&theirs.der, &ours.der],
        &[&ours.der, &theirs.der],
    ] {
        let config = theirs.leaf(2020, 2035).config(chain);
        assert_untrusted(call(config, ours.fingerprint()), "not signed by the CA");
    }
}

#[test]
fn a_leaf_without_the_ca_beside_it_is_refused() {
    let authority = Authority::new();
    let config = authority.leaf(2020, 2035).config(&[]);
    assert_untrusted(call(config, authority.fingerprint()), "does not show the CA");
}

#[test]
fn a_leaf_that_may_not_serve_tls_is_refused() {
    let authority = Authority::new();
    let config = authority.client_leaf().config(&[&authority.der]);
    assert_untrusted(call(config, authority.fingerprint()), "not signed by the CA");
}

#[test]
fn a_foreign_certificate_is_not_tried_again() {
    let runtime = runtime();
    let authority = Authority::new();
    let peer = Peer::start(&runtime, authority.config(), vec![], |_, _| Reply::ok(b"1"));
    let connection = Connection::with_timeouts(peer.address, CaFingerprint([0; 32]), TIMEOUTS);
    let result: Result<u32, _> = runtime.block_on(connection.get_json("/x"));
    assert!(matches!(result, Err(CallError::Untrusted { .. })), "{result:?}");
    assert_eq!(
        peer.requests.load(Ordering::SeqCst),
        0,
        "no request, and no key, went to a stranger"
    );
}

#[test]
fn a_problem_document_comes_through_with_its_code_and_status() {
    let runtime = runtime();
    let authority = Authority::new();
    let problem =
        br#"{"code":"agent-too-old","title":"this agent is too old","remedy":"restart the machine"}"#;
    let script = vec![
        Reply::status("409 Conflict", "application/problem+json", problem),
        Reply::status("403 Forbidden", "text/html", b"<html>"),
    ];
    let peer = Peer::start(&runtime, authority.config(), script, |_, _| Reply::ok(b""));
    let connection = Connection::with_timeouts(peer.address, authority.fingerprint(), TIMEOUTS);
    let post = || runtime.block_on(connection.post_json::<_, ()>("/agent/v1/hello", &1, Retry::UntilSent));
    let refused = post().unwrap_err();
    assert_eq!(
        (refused.problem().code.as_str(), refused.status()),
        ("agent-too-old", Some(409))
    );
    let refused = post().unwrap_err();
    assert_eq!(
        (refused.problem().code.as_str(), refused.status()),
        ("http-403", Some(403))
    );
    post().expect("an empty answer reads as nothing");
}

#[test]
fn a_call_that_may_be_made_once_is_not_repeated_after_a_cut() {
    let runtime = runtime();
    let authority = Authority::new();
    let script = vec![Reply::raw(
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n123",
        Then::Cut,
    )];
    let peer = Peer::start(&runtime, authority.config(), script, |_, _| Reply::ok(b"1"));
    let connection = Connection::with_timeouts(peer.address, authority.fingerprint(), TIMEOUTS);
    let result: Result<u32, _> = runtime.block_on(connection.post_json("/hello", &1, Retry::UntilSent));
    assert!(matches!(result, Err(CallError::Unreachable { .. })), "{result:?}");
    assert_eq!(peer.requests.load(Ordering::SeqCst), 1);
}

#[test]
fn a_harmless_call_is_repeated_through_cuts_and_restarts_until_it_is_answered() {
    let runtime = runtime();
    let authority = Authority::new();
    let script = vec![
        Reply::raw("", Then::Cut),
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n123", Then::Cut),
        Reply::raw("HTTP/1.1 200 O", Then::Cut),
        Reply::status("503 Service Unavailable", "text/plain", b"starting"),
        Reply::status("502 Bad Gateway", "text/plain", b""),
        Reply::status("500 Internal Server Error", "text/plain", b""),
    ];
    let peer = Peer::start(&runtime, authority.config(), script, |_, _| Reply::ok(b"42"));
    let connection = Connection::with_timeouts(peer.address, authority.fingerprint(), TIMEOUTS);
    let result: u32 = runtime.block_on(connection.get_json("/agent/v1/task")).unwrap();
    assert_eq!((result, peer.requests.load(Ordering::SeqCst)), (42, 7));
    assert_eq!(connection.outage(), None);
}

#[test]
fn waiting_for_a_lost_appliance_ends_when_it_is_cancelled_and_says_what_it_waits_for() {
    let runtime = runtime();
    // A port that nobody listens on: bound, never listened to.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let cancel = Cancel::new();
    let connection = Connection::new(address, CaFingerprint([0; 32])).with_cancel(&cancel);
    let call = connection.clone();
    let call = runtime.spawn(async move { call.get_json::<u32>("/x").await });
    while connection.outage().is_none() {
        std::thread::yield_now();
    }
    assert!(
        connection.outage().unwrap().contains("connecting to"),
        "{:?}",
        connection.outage()
    );
    cancel.cancel();
    assert!(matches!(
        runtime.block_on(call).unwrap(),
        Err(CallError::Cancelled)
    ));
}

#[test]
fn a_peer_that_stalls_counts_as_cut() {
    let runtime = runtime();
    let authority = Authority::new();
    let script = vec![
        Reply::raw("", Then::Hang),
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n123", Then::Hang),
    ];
    let peer = Peer::start(&runtime, authority.config(), script, |_, _| Reply::ok(b"42"));
    let moment = Duration::from_millis(300);
    let timeouts = depot::client::Timeouts {
        connect: TIMEOUTS.connect,
        stall: moment,
        answer: moment,
    };
    let connection = Connection::with_timeouts(peer.address, authority.fingerprint(), timeouts);
    assert_eq!(runtime.block_on(connection.get_json::<u32>("/x")).unwrap(), 42);
    assert_eq!(peer.requests.load(Ordering::SeqCst), 3);
}

#[test]
fn an_endless_answer_is_refused_before_it_fills_memory() {
    let runtime = runtime();
    let authority = Authority::new();
    let script = vec![
        Reply::raw(
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n[1",
            Then::Hang,
        ),
        Reply::raw(
            [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b' '; 5 << 20]].concat(),
            Then::Hang,
        ),
    ];
    let peer = Peer::start(&runtime, authority.config(), script, |_, _| Reply::ok(b"42"));
    let connection = Connection::with_timeouts(peer.address, authority.fingerprint(), TIMEOUTS);
    for _ in 0..2 {
        let result: Result<u32, _> = runtime.block_on(connection.get_json("/x"));
        assert!(matches!(result, Err(CallError::Malformed { .. })), "{result:?}");
    }
}
