//! Transfers over a simulated network that loses, delays and repeats datagrams, against clients as the RFCs describe
//! them. Time is a number here: nothing waits.

use super::*;
use proptest::prelude::*;
use std::{cmp::Reverse, collections::BinaryHeap};

const LIMITS: Limits = Limits {
    block_len: 1468,
    window: 64,
};

fn asked(block_len: Option<u16>, window: Option<u16>) -> AskedOptions {
    AskedOptions {
        block_len,
        window,
        ..AskedOptions::default()
    }
}

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn acknowledge(transfer: &mut Transfer, number: u16, now: Instant) -> Action {
    transfer.on_packet(&ClientPacket::Acknowledge(number), now)
}

#[test]
fn only_the_options_that_were_asked_for_are_granted_within_our_limits() {
    let now = Instant::now();
    let granted = |asked: AskedOptions| match Transfer::begin(&asked, 5000, LIMITS, now).1 {
        Action::SendOptions(granted) => granted,
        Action::SendBlocks { .. } => GrantedOptions::default(),
        Action::Wait => panic!(),
    };
    assert_eq!(granted(AskedOptions::default()), GrantedOptions::default());
    let everything = AskedOptions {
        block_len: Some(65464),
        transfer_size: true,
        timeout_seconds: Some(3),
        window: Some(65535),
    };
    assert_eq!(
        granted(everything),
        GrantedOptions {
            block_len: Some(1468),
            transfer_size: Some(5000),
            timeout_seconds: Some(3),
            window: Some(64)
        }
    );
    assert_eq!(
        granted(asked(Some(512), None)),
        GrantedOptions {
            block_len: Some(512),
            ..Default::default()
        }
    );
    assert_eq!(Limits::for_mtu(1500).block_len, 1468);
    assert_eq!(Limits::for_mtu(0).block_len, 512);
    assert_eq!(Limits::for_mtu(u32::MAX).block_len, 65464);
}

#[test]
fn a_file_of_whole_blocks_ends_with_an_empty_one() {
    let now = Instant::now();
    let (mut transfer, first) = Transfer::begin(&AskedOptions::default(), 1024, LIMITS, now);
    assert_eq!(first, Action::SendBlocks { first: 1, count: 1 });
    assert_eq!(
        acknowledge(&mut transfer, 1, now),
        Action::SendBlocks { first: 2, count: 1 }
    );
    assert_eq!(
        acknowledge(&mut transfer, 2, now),
        Action::SendBlocks { first: 3, count: 1 }
    );
    assert_eq!(transfer.block_range(3), (1024, 0));
    assert_eq!(acknowledge(&mut transfer, 3, now), Action::Wait);
    assert_eq!(transfer.end(), Some(&EndReason::Complete));
    assert_eq!(transfer.acknowledged_bytes(), 1024);
}

#[test]
fn the_firmwares_probe_ends_at_once_and_is_no_failure() {
    let now = Instant::now();
    let probe = AskedOptions {
        transfer_size: true,
        block_len: Some(1468),
        window: Some(4),
        ..Default::default()
    };
    let (mut transfer, _) = Transfer::begin(&probe, 99, LIMITS, now);
    let error = ClientPacket::Error {
        code: error_code::OPTIONS,
        text: "User aborted the transfer".into(),
    };
    assert_eq!(transfer.on_packet(&error, now), Action::Wait);
    assert_eq!(transfer.end(), Some(&EndReason::Probe));
    // In the middle it is one.
    let (mut transfer, _) = Transfer::begin(&AskedOptions::default(), 9999, LIMITS, now);
    let _ = acknowledge(&mut transfer, 1, now);
    let _ = transfer.on_packet(&error, now);
    assert!(matches!(
        transfer.end(),
        Some(EndReason::ClientError { code: 8, .. })
    ));
}

#[test]
fn a_lost_first_block_of_a_window_is_sent_again_at_once() {
    let begin = Instant::now();
    let (mut transfer, _) = Transfer::begin(&asked(None, Some(4)), 100_000, LIMITS, begin);
    let sent = begin + milliseconds(10);
    assert_eq!(
        acknowledge(&mut transfer, 0, sent),
        Action::SendBlocks { first: 1, count: 4 }
    );
    let later = sent + milliseconds(10);
    assert_eq!(
        acknowledge(&mut transfer, 0, later),
        Action::SendBlocks { first: 1, count: 4 }
    );
    // Blocks 3 and 4 caused the same acknowledgement: one answer is enough.
    assert_eq!(acknowledge(&mut transfer, 0, later), Action::Wait);
    assert_eq!(acknowledge(&mut transfer, 0, later), Action::Wait);
    // A loss in the middle: on from there.
    assert_eq!(
        acknowledge(&mut transfer, 2, later + milliseconds(10)),
        Action::SendBlocks { first: 3, count: 4 }
    );
}

#[test]
fn an_echo_of_our_own_repetition_does_not_double_every_block() {
    let begin = Instant::now();
    let (mut transfer, _) = Transfer::begin(&AskedOptions::default(), 100_000, LIMITS, begin);
    let again = transfer.deadline();
    assert_eq!(
        transfer.on_timeout(again),
        Action::SendBlocks { first: 1, count: 1 }
    );
    // The client was only slow, and answers both.
    let mut now = again + milliseconds(5);
    assert_eq!(
        acknowledge(&mut transfer, 1, now),
        Action::SendBlocks { first: 2, count: 1 }
    );
    now += milliseconds(5);
    assert_eq!(acknowledge(&mut transfer, 1, now), Action::Wait);
    now += milliseconds(5);
    assert_eq!(
        acknowledge(&mut transfer, 2, now),
        Action::SendBlocks { first: 3, count: 1 }
    );
}

#[test]
fn acknowledgements_from_the_future_and_the_past_change_nothing() {
    let now = Instant::now();
    let (mut transfer, _) = Transfer::begin(&asked(None, Some(4)), 100_000, LIMITS, now);
    for number in [1, 4, 65535] {
        assert_eq!(
            acknowledge(&mut transfer, number, now),
            Action::Wait,
            "before the options"
        );
    }
    let _ = acknowledge(&mut transfer, 0, now);
    let _ = acknowledge(&mut transfer, 4, now);
    for number in [0, 3, 9, 65535, 32768] {
        assert_eq!(acknowledge(&mut transfer, number, now), Action::Wait, "{number}");
    }
    assert_eq!(transfer.acknowledged_bytes(), 4 * 512);
}

#[test]
fn a_silent_client_is_given_up_after_a_bounded_number_of_sendings() {
    for options in [
        AskedOptions::default(),
        asked(Some(1468), Some(64)),
        AskedOptions {
            timeout_seconds: Some(1),
            ..Default::default()
        },
    ] {
        let begin = Instant::now();
        let (mut transfer, _) = Transfer::begin(&options, 1_000_000, LIMITS, begin);
        let mut sendings = 0;
        while transfer.end().is_none() {
            let now = transfer.deadline();
            if transfer.on_timeout(now) != Action::Wait {
                sendings += 1;
            }
            assert!(now - begin <= GIVE_UP + LONGEST_PAUSE);
        }
        assert_eq!(transfer.end(), Some(&EndReason::Silence));
        assert!(sendings <= 26, "{sendings}");
    }
}

#[test]
fn endless_repeated_acknowledgements_cause_few_sendings() {
    let begin = Instant::now();
    let (mut transfer, _) = Transfer::begin(&asked(None, Some(64)), 1_000_000, LIMITS, begin);
    let _ = acknowledge(&mut transfer, 0, begin);
    let sendings = (1..1000)
        .filter(|count| acknowledge(&mut transfer, 0, begin + milliseconds(*count)) != Action::Wait)
        .count();
    assert!(sendings <= 8, "{sendings}");
}

/// A receiver as RFC 1350 and RFC 7440 §4 describe it.
struct Client {
    window: u64,
    next: u64,
    in_window: u64,
    received: Vec<(u64, usize)>,
    done: bool,
    acknowledged_options: bool,
    /// Repeats its last acknowledgement after this silence.
    patience: Duration,
}

enum Datagram {
    ToClient {
        block: u16,
        range: (u64, usize),
        last: bool,
    },
    Options,
    ToServer(u16),
}

impl Client {
    fn on_options(&mut self) -> Option<u16> {
        (self.next == 1).then(|| {
            self.acknowledged_options = true;
            0
        })
    }

    fn on_block(&mut self, block: u16, range: (u64, usize), last: bool) -> Option<u16> {
        if block != low_bits(self.next) {
            // Out of order, or known already: says what it has.
            self.in_window = 0;
            return Some(low_bits(self.next - 1));
        }
        self.received.push(range);
        self.next += 1;
        self.in_window += 1;
        if last {
            self.done = true;
        }
        (last || self.in_window == self.window).then(|| {
            self.in_window = 0;
            low_bits(self.next - 1)
        })
    }
}

/// What the network does to the nth datagram.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Deliver,
    Lose,
    Delay,
    Double,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Deliver),
        1 => Just(Fate::Lose),
        1 => Just(Fate::Delay),
        1 => Just(Fate::Double),
    ]
}

struct Outcome {
    end: EndReason,
    received: Vec<(u64, usize)>,
    blocks_sent: u64,
    took: Duration,
}

/// Runs a transfer to its end. The first fates are those given; after them the network is perfect.
fn simulate(file_len: u64, options: AskedOptions, fates: &[Fate], patience: Duration) -> Outcome {
    const TRIP: Duration = Duration::from_micros(300);
    let begin = Instant::now();
    let mut now = begin;
    let (mut transfer, first) = Transfer::begin(&options, file_len, LIMITS, begin);
    let last_block = file_len / u64::from(transfer.block_len()) + 1;
    let mut client = Client {
        window: transfer.window().into(),
        next: 1,
        in_window: 0,
        received: Vec::new(),
        done: false,
        acknowledged_options: false,
        patience,
    };
    // Ordered by time, then by the order of sending.
    let mut queue: BinaryHeap<Reverse<(Instant, u64)>> = BinaryHeap::new();
    let mut datagrams: Vec<Datagram> = Vec::new();
    let mut fates = fates.iter().copied();
    let (mut blocks_sent, mut heard_at) = (0u64, begin);
    let mut put =
        |queue: &mut BinaryHeap<_>, datagrams: &mut Vec<Datagram>, now: Instant, datagram: Datagram| {
            let number = datagrams.len() as u64;
            // Datagrams sent together arrive in the order of their numbers.
            let arrival = now + TRIP;
            datagrams.push(datagram);
            match fates.next().unwrap_or(Fate::Deliver) {
                Fate::Deliver => queue.push(Reverse((arrival, number))),
                Fate::Lose => {}
                Fate::Delay => queue.push(Reverse((arrival + milliseconds(70), number))),
                Fate::Double => {
                    queue.push(Reverse((arrival, number)));
                    queue.push(Reverse((arrival + TRIP, number)));
                }
            }
        };
    let mut action = first;
    loop {
        match action {
            Action::Wait => {}
            Action::SendOptions(_) => put(&mut queue, &mut datagrams, now, Datagram::Options),
            Action::SendBlocks { first, count } => {
                assert!(count <= transfer.window() && count > 0);
                for block in first..first + u64::from(count) {
                    assert!(block <= last_block);
                    blocks_sent += 1;
                    let datagram = Datagram::ToClient {
                        block: low_bits(block),
                        range: transfer.block_range(block),
                        last: block == last_block,
                    };
                    put(&mut queue, &mut datagrams, now, datagram);
                }
            }
        }
        if let Some(end) = transfer.end() {
            return Outcome {
                end: end.clone(),
                received: client.received,
                blocks_sent,
                took: now - begin,
            };
        }
        let arrival = queue.peek().map(|Reverse((arrival, _))| *arrival);
        let client_alarm = heard_at + client.patience;
        let next = arrival
            .unwrap_or(client_alarm)
            .min(transfer.deadline())
            .min(client_alarm);
        now = now.max(next);
        action = Action::Wait;
        if arrival == Some(next) {
            let Some(Reverse((_, number))) = queue.pop() else {
                unreachable!()
            };
            let answer = match datagrams[usize::try_from(number).unwrap()] {
                Datagram::ToServer(number) => {
                    action = transfer.on_packet(&ClientPacket::Acknowledge(number), now);
                    None
                }
                Datagram::Options => client.on_options(),
                Datagram::ToClient { block, range, last } => {
                    heard_at = now;
                    client.on_block(block, range, last)
                }
            };
            if let Some(number) = answer {
                put(&mut queue, &mut datagrams, now, Datagram::ToServer(number));
            }
        } else if next == client_alarm {
            heard_at = now;
            if client.next > 1 || client.acknowledged_options {
                let number = low_bits(client.next - 1);
                put(&mut queue, &mut datagrams, now, Datagram::ToServer(number));
            }
        } else {
            action = transfer.on_timeout(now);
        }
    }
}

fn assert_whole(file_len: u64, outcome: &Outcome) {
    let mut offset = 0;
    for (start, len) in &outcome.received {
        assert_eq!(*start, offset, "in order and without a gap");
        offset += *len as u64;
    }
    assert_eq!(offset, file_len);
}

#[test]
fn forty_mebibytes_in_the_smallest_blocks_roll_over_and_arrive_whole() {
    let file_len = 40 << 20;
    for window in [None, Some(16)] {
        let outcome = simulate(file_len, asked(None, window), &[], Duration::from_secs(3600));
        assert_eq!(outcome.end, EndReason::Complete);
        assert_whole(file_len, &outcome);
        assert_eq!(outcome.blocks_sent, file_len / 512 + 1, "nothing was sent twice");
    }
}

#[test]
fn one_lost_block_costs_no_more_than_a_few_round_trips() {
    // Before the first answer nobody knows how long a round trip is: those two cost a second.
    for lost in 2..40 {
        let mut fates = vec![Fate::Deliver; 40];
        fates[lost] = Fate::Lose;
        let outcome = simulate(
            100_000,
            asked(Some(1468), Some(8)),
            &fates,
            Duration::from_secs(3600),
        );
        assert_eq!(outcome.end, EndReason::Complete);
        assert_whole(100_000, &outcome);
        assert!(
            outcome.took < milliseconds(200),
            "datagram {lost} lost: {:?}",
            outcome.took
        );
    }
}

#[test]
fn an_echo_in_the_middle_of_a_window_does_not_double_the_rest_of_the_file() {
    use Fate::{Delay, Deliver, Double, Lose};
    let mut fates = vec![Deliver; 55];
    fates.push(Double);
    fates.extend([Deliver; 6]);
    fates.extend([Lose, Lose, Deliver, Deliver, Delay]);
    fates.extend([Deliver; 12]);
    fates.push(Delay);
    let outcome = simulate(29_250, asked(Some(8), Some(2)), &fates, milliseconds(100));
    assert_eq!(outcome.end, EndReason::Complete);
    assert_whole(29_250, &outcome);
    let needed = 29_250 / 8 + 1;
    assert!(
        outcome.blocks_sent < needed + 60,
        "{} for {needed}",
        outcome.blocks_sent
    );
}

#[test]
fn large_windows_that_overflow_the_client_do_not_wait_for_the_clock() {
    // Of each 64 datagrams, those behind the client's full buffer are lost, and the loss drifts through the windows.
    for kept in [20usize, 33, 50] {
        let fates: Vec<Fate> = (0..4000)
            .map(|number| {
                if number % 67 < kept {
                    Fate::Deliver
                } else {
                    Fate::Lose
                }
            })
            .collect();
        let outcome = simulate(
            8_000_000,
            asked(Some(8192), Some(64)),
            &fates,
            Duration::from_secs(3600),
        );
        assert_eq!(outcome.end, EndReason::Complete);
        assert_whole(8_000_000, &outcome);
        assert!(
            outcome.took < Duration::from_secs(6),
            "{kept} kept: {:?}",
            outcome.took
        );
    }
}

proptest! {
    #[test]
    fn a_file_arrives_whole_whatever_the_network_does(
        file_len in 0u64..60_000, block_len in prop::option::of(8u16..2000), window in prop::option::of(1u16..80),
        fates in prop::collection::vec(fate(), 0..400), patience in 100u64..3000,
    ) {
        let outcome = simulate(file_len, asked(block_len, window), &fates, milliseconds(patience));
        prop_assert!(
            // The very last acknowledgement may be lost, and nobody repeats it.
            matches!(outcome.end, EndReason::Complete | EndReason::Silence), "{:?}", outcome.end
        );
        assert_whole(file_len, &outcome);
        let needed = file_len / u64::from(block_len.unwrap_or(512).min(1468)) + 1;
        let window = u64::from(window.unwrap_or(1).min(64));
        let bad = fates.iter().filter(|fate| !matches!(fate, Fate::Deliver)).count() as u64;
        // Every disturbance may cost a few windows, and then it is over.
        prop_assert!(outcome.blocks_sent <= needed + window * (4 * bad + 20), "{} for {needed}", outcome.blocks_sent);
    }

    #[test]
    fn any_packets_at_any_time_are_survived(
        packets in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..20), 0u64..3000), 0..60),
        file_len: u64, block_len in 8u16.., window in 1u16..,
    ) {
        let mut now = Instant::now();
        let (mut transfer, mut action) = Transfer::begin(&asked(Some(block_len), Some(window)), file_len, LIMITS, now);
        for (bytes, pause) in packets {
            if let Action::SendBlocks { first, count } = action {
                let (offset, len) = transfer.block_range(first + u64::from(count));
                prop_assert!(offset.checked_add(len as u64).is_some_and(|end| end <= file_len));
            }
            now += milliseconds(pause);
            let mut bytes = bytes;
            if bytes.len() > 1 {
                bytes[0] = 0;
                bytes[1] %= 7;
            }
            action = match ClientPacket::parse(&bytes) {
                Ok(packet) => transfer.on_packet(&packet, now),
                Err(_) => transfer.on_timeout(now),
            };
        }
    }
}
