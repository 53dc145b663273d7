use super::*;
use proptest::prelude::*;
use protocol::dhcp::code;
use std::net::Ipv4Addr;

const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 50);
const MAC: MacAddr = MacAddr([0x52, 0x54, 0, 1, 2, 3]);

fn client() -> Client {
    Client::new(identity(MAC, None), 7, Duration::ZERO)
}

fn sent(step: Step) -> Packet {
    match step {
        Step::Send(packet) => *packet,
        other => panic!("expected a packet, got {other:?}"),
    }
}

fn answer(request: &Packet, kind: MessageType, address: Ipv4Addr) -> Packet {
    let mut packet = Packet::reply_to(request)
        .with(code::MESSAGE_TYPE, &[kind.number()])
        .with(code::SERVER_IDENTIFIER, &SERVER.octets())
        .with(code::SUBNET_MASK, &[255, 255, 255, 0])
        .with(code::ROUTERS, &SERVER.octets())
        .with(code::LEASE_SECONDS, &3600u32.to_be_bytes());
    packet.your_address = address;
    packet
}

#[test]
fn an_offer_is_requested_at_once_and_an_acknowledgement_binds() {
    let mut client = client();
    let discover = sent(client.on_time(Duration::ZERO));
    assert_eq!(discover.message_type(), Some(MessageType::Discover));
    let request = sent(client.on_packet(
        &answer(&discover, MessageType::Offer, ADDRESS),
        Duration::from_secs(1),
    ));
    assert_eq!(request.message_type(), Some(MessageType::Request));
    assert_eq!(request.address(code::REQUESTED_ADDRESS), Some(ADDRESS));
    match client.on_packet(
        &answer(&request, MessageType::Acknowledge, ADDRESS),
        Duration::from_secs(1),
    ) {
        Step::Bound(lease) => {
            assert_eq!(
                (lease.address, lease.prefix_bits, lease.router),
                (ADDRESS, 24, Some(SERVER))
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_silent_network_is_asked_again_at_least_every_four_seconds_and_says_since_when() {
    let mut client = client();
    let mut now = Duration::ZERO;
    let mut packets = 0;
    while now <= Duration::from_secs(60) {
        if let Step::Send(packet) = client.on_time(now) {
            packets += 1;
            assert_eq!(u64::from(packet.seconds), now.as_secs());
        }
        assert!(client.deadline() > now && client.deadline() <= now + Duration::from_secs(4));
        now = client.deadline();
    }
    assert!(packets >= 15, "{packets}");
}

#[test]
fn a_proxys_offer_without_an_address_is_not_taken() {
    let mut client = client();
    let discover = sent(client.on_time(Duration::ZERO));
    let offer = answer(&discover, MessageType::Offer, Ipv4Addr::UNSPECIFIED);
    assert_eq!(client.on_packet(&offer, Duration::ZERO), Step::Wait);
}

#[test]
fn answers_to_others_are_ignored() {
    let mut client = client();
    let discover = sent(client.on_time(Duration::ZERO));
    let mut other = answer(&discover, MessageType::Offer, ADDRESS);
    other.transaction ^= 1;
    assert_eq!(client.on_packet(&other, Duration::ZERO), Step::Wait);
    let mut other = answer(&discover, MessageType::Offer, ADDRESS);
    other.hardware_address[5] ^= 1;
    assert_eq!(client.on_packet(&other, Duration::ZERO), Step::Wait);
    assert_eq!(
        client.on_packet(&discover, Duration::ZERO),
        Step::Wait,
        "our own broadcast is no answer"
    );
}

#[test]
fn a_refusal_starts_again_after_a_pause() {
    let mut client = client();
    let discover = sent(client.on_time(Duration::ZERO));
    let request = sent(client.on_packet(&answer(&discover, MessageType::Offer, ADDRESS), Duration::ZERO));
    let refusal = answer(&request, MessageType::Refuse, Ipv4Addr::UNSPECIFIED);
    assert_eq!(client.on_packet(&refusal, Duration::ZERO), Step::Wait);
    assert_eq!(client.on_time(Duration::ZERO), Step::Wait);
    let again = sent(client.on_time(client.deadline()));
    assert_eq!(again.message_type(), Some(MessageType::Discover));
    assert_ne!(again.transaction, discover.transaction);
}

#[test]
fn a_server_that_vanishes_after_its_offer_is_given_up() {
    let mut client = client();
    let discover = sent(client.on_time(Duration::ZERO));
    sent(client.on_packet(&answer(&discover, MessageType::Offer, ADDRESS), Duration::ZERO));
    let kinds: Vec<_> = (0..4)
        .map(|_| sent(client.on_time(client.deadline())).message_type())
        .collect();
    assert_eq!(kinds.last(), Some(&Some(MessageType::Discover)), "{kinds:?}");
}

proptest! {
    #[test]
    fn any_packet_at_any_time_is_survived(bytes in proptest::collection::vec(any::<u8>(), 240..400), kind: u8, at in 0u64..100) {
        let mut client = client();
        let discover = sent(client.on_time(Duration::ZERO));
        if let Ok(mut packet) = Packet::parse(&bytes) {
            packet.transaction = discover.transaction;
            packet.operation = Operation::Reply;
            packet.options.push(code::MESSAGE_TYPE, &[kind]);
            let _ = client.on_packet(&packet, Duration::from_secs(at));
            let _ = client.on_time(Duration::from_secs(at));
        }
    }
}
