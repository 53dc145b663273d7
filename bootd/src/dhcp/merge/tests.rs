//! Complete offers, with what real firmware and a real DHCP server sent.

use super::*;
use crate::dhcp::testdata::packet;
use proptest::prelude::*;

const US: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
const DHCP: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 101);

fn file() -> BootFile {
    BootFile {
        name: "amorce/shimx64.efi".into(),
        architecture: 7,
    }
}

/// dnsmasq's offer as it would come to a relay.
fn offer() -> Packet {
    let mut offer = packet("dnsmasq-offer");
    offer.relay = US;
    offer
}

fn acknowledgement() -> Packet {
    let mut ack = offer();
    ack.options.replace(code::MESSAGE_TYPE, &[5]);
    ack
}

fn taken() -> Packet {
    let mut request = packet("ovmf-request");
    request.options.replace(code::SERVER_IDENTIFIER, &US.octets());
    request
}

fn asked() -> Merger {
    let mut merger = Merger::default();
    merger
        .discover(&packet("ovmf-discover"), US, &file(), Instant::now())
        .unwrap();
    merger
}

#[test]
fn a_machine_gets_one_offer_with_the_servers_address_and_our_file() {
    let mut merger = Merger::default();
    let discover = packet("ovmf-discover");
    let relayed = merger.discover(&discover, US, &file(), Instant::now()).unwrap();
    assert_eq!((relayed.relay, relayed.hops), (US, 1));
    assert_eq!(relayed.options, discover.options);

    let merged = merger.reply(&offer(), US).unwrap();
    let machine = &merged.packet;
    assert_eq!((merged.dhcp_server, machine.your_address), (DHCP, ADDRESS));
    assert_eq!((machine.server_identifier(), machine.next_server), (Some(US), US));
    assert_eq!(machine.boot_file().as_deref(), Some("amorce/shimx64.efi"));
    assert_eq!(machine.vendor_class().as_deref(), Some("PXEClient"));
    assert_eq!(machine.vendor_options().unwrap().get(6), Some(vec![8]));
    assert_eq!(
        (machine.relay, machine.wants_broadcast()),
        (Ipv4Addr::UNSPECIFIED, true)
    );
    for code in [
        code::SUBNET_MASK,
        code::ROUTERS,
        code::LEASE_SECONDS,
        code::BROADCAST_ADDRESS,
    ] {
        assert_eq!(
            machine.options.get(code),
            offer().options.get(code),
            "option {code}"
        );
    }

    let request = merger.request(&taken(), US).unwrap();
    assert_eq!((request.relay, request.server_identifier()), (US, Some(DHCP)));
    let merged = merger.reply(&acknowledgement(), US).unwrap();
    assert_eq!(merged.packet.message_type(), Some(MessageType::Acknowledge));
    assert_eq!(merged.packet.your_address, ADDRESS);
}

#[test]
fn only_the_first_server_to_offer_is_taken() {
    let mut merger = asked();
    assert!(merger.reply(&offer(), US).is_some());
    let mut second = offer();
    second.your_address = Ipv4Addr::new(10, 99, 0, 150);
    second.options.replace(code::SERVER_IDENTIFIER, &[10, 99, 0, 7]);
    assert_eq!(merger.reply(&second, US), None);
    second.options.replace(code::MESSAGE_TYPE, &[5]);
    assert_eq!(merger.reply(&second, US), None, "nor its acknowledgement");
}

#[test]
fn a_refusal_and_what_nobody_asked_for_are_not_passed_on() {
    let mut refused = acknowledgement();
    refused.options.replace(code::MESSAGE_TYPE, &[6]);
    let mut merger = asked();
    assert_eq!(merger.reply(&acknowledgement(), US), None, "before an offer");
    let _ = merger.reply(&offer(), US);
    assert_eq!(merger.reply(&refused, US), None);
    let mut other = offer();
    other.transaction ^= 1;
    assert_eq!(asked().reply(&other, US), None);
    let mut elsewhere = offer();
    elsewhere.relay = Ipv4Addr::new(10, 98, 0, 2);
    assert_eq!(asked().reply(&elsewhere, US), None);
    assert_eq!(Merger::default().reply(&offer(), US), None);
}

#[test]
fn a_machine_that_takes_another_offer_is_left_alone() {
    let mut merger = asked();
    let _ = merger.reply(&offer(), US);
    assert_eq!(
        merger.request(&packet("ovmf-request"), US),
        None,
        "it names the DHCP server"
    );
    let mut other_address = taken();
    other_address
        .options
        .replace(code::REQUESTED_ADDRESS, &[10, 99, 0, 9]);
    assert_eq!(merger.request(&other_address, US), None);
}

#[test]
fn a_flood_of_machines_does_not_grow_the_memory() {
    let mut merger = Merger::default();
    let begin = Instant::now();
    for number in 0..5000u32 {
        let [_, _, a, b] = number.to_be_bytes();
        let discover = Packet::request(MacAddr([2, 0, 0, 0, a, b]), number);
        let _ = merger.discover(&discover, US, &file(), begin);
    }
    assert_eq!(merger.machines.len(), CAPACITY);
    let later = begin + MEMORY;
    assert!(
        merger
            .discover(&packet("ovmf-discover"), US, &file(), later)
            .is_some()
    );
}

proptest! {
    #[test]
    fn any_reply_of_a_server_is_survived(
        kind: u8, extra in prop::collection::vec((1u8..=254, prop::collection::vec(any::<u8>(), 0..300)), 0..9),
    ) {
        let mut reply = offer();
        for (code, data) in &extra {
            reply.options.push(*code, data);
        }
        reply.options.replace(code::MESSAGE_TYPE, &[kind]);
        reply.options.replace(code::SERVER_IDENTIFIER, &DHCP.octets());
        let mut merger = asked();
        let _ = merger.reply(&offer(), US);
        if let Some(merged) = merger.reply(&reply, US) {
            prop_assert_eq!(merged.packet.server_identifier(), Some(US));
            prop_assert!(Packet::parse(&merged.packet.encode()).is_ok());
        }
    }
}
