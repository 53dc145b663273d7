use super::{testing::*, *};
use crate::dhcp::{
    engine::{BootFile, Destination},
    shape::Shape,
};
use proptest::prelude::*;
use protocol::dhcp::{ClientIdentity, Lease as Granted};
use std::net::SocketAddrV4;

fn take(pool: &mut Pool, packet: &Packet, now: Moment) -> Answer {
    pool.take(packet, SERVER, None, now)
        .expect("it is of our network")
}

/// The address that a client is offered; none if it hears nothing.
fn offered(pool: &mut Pool, packet: &Packet, now: Moment) -> Option<Ipv4Addr> {
    let reply = take(pool, packet, now).reply?;
    assert_eq!(reply.packet.message_type(), Some(MessageType::Offer));
    Some(reply.packet.your_address)
}

/// From DISCOVER to ACK.
fn bind(pool: &mut Pool, number: u8, now: Moment) -> Ipv4Addr {
    let address = offered(pool, &discover(number), now).expect("an offer");
    let answer = take(pool, &select(number, address), now);
    assert_eq!(kind(&answer), Some(MessageType::Acknowledge));
    assert_eq!(answer.keep.map(|lease| lease.address), Some(address));
    address
}

fn kind(answer: &Answer) -> Option<MessageType> {
    answer.reply.as_ref()?.packet.message_type()
}

#[test]
fn a_client_is_offered_what_its_network_is_like_and_then_given_it() {
    let mut pool = pool(subnet());
    let identity = ClientIdentity {
        mac: mac(1),
        uuid: None,
        vendor_class: "anything",
    };
    let mut question = identity.discover(9, 0);
    question.options.push(code::CLIENT_IDENTIFIER, b"\x01abcdef");
    let answer = take(&mut pool, &question, NOW);
    assert!(answer.keep.is_none(), "an offer is nothing to keep");
    let reply = answer.reply.unwrap();
    assert_eq!(answer.probe, Some(reply.packet.your_address));
    assert_eq!(reply.destination, Destination::Broadcast);
    let offer = &reply.packet;
    assert_eq!(offer.transaction, 9);
    assert!(offer.wants_broadcast(), "as it asked");
    assert_eq!(offer.client_identifier().as_deref(), Some(&b"\x01abcdef"[..]));
    assert_eq!(
        offer.options.text(code::DOMAIN_NAME).as_deref(),
        Some("school.example")
    );
    assert_eq!(offer.address(code::BROADCAST_ADDRESS), Some(host(255)));
    assert_eq!(offer.number(code::REBINDING_SECONDS), Some(3150));
    assert!(offer.vendor_class().is_none() && offer.boot_file().is_none());
    let lease = Granted::read(offer).unwrap();
    assert_eq!((lease.prefix_bits, lease.router), (24, Some(host(1))));
    assert_eq!(lease.name_servers, [host(1), host(3)]);
    assert_eq!((lease.lease_seconds, lease.renewal_seconds), (3600, 1800));

    let answer = take(&mut pool, &identity.select(&lease, 10, 1), NOW);
    assert_eq!(kind(&answer), Some(MessageType::Acknowledge));
    let kept = answer.keep.unwrap();
    assert_eq!((kept.address, kept.client), (lease.address, client(1)));
    assert_eq!(kept.expires, NOW.plus(LEASE));
    let later = NOW.plus(LEASE / 2);
    let answer = take(&mut pool, &identity.renew(&lease, 11), later);
    let reply = answer.reply.unwrap();
    assert_eq!(reply.packet.your_address, lease.address);
    assert_eq!(
        reply.destination,
        Destination::Unicast(SocketAddrV4::new(lease.address, 68))
    );
    assert_eq!(answer.keep.unwrap().expires, later.plus(LEASE));
}

#[test]
fn a_firmware_gets_its_boot_file_with_its_address_in_one_offer() {
    let mut pool = pool(subnet());
    let boot = |direct, complete| BootAnswer {
        file: BootFile {
            name: "amorce/shimx64.efi".into(),
            architecture: 7,
        },
        shape: Shape { direct, complete },
    };
    let question = discover(1)
        .with(code::VENDOR_CLASS, b"PXEClient:Arch:00007:UNDI:003000")
        .with(code::CLIENT_UUID, &[0; 17])
        .with(code::RELAY_AGENT_INFORMATION, b"\x01\x03abc");
    for (boot, control) in [(boot(false, true), Some(vec![8])), (boot(false, false), None)] {
        let answer = pool.take(&question, SERVER, Some(&boot), NOW).unwrap();
        let offer = answer.reply.unwrap().packet;
        assert!(!offer.your_address.is_unspecified());
        assert_eq!(offer.next_server, SERVER);
        assert_eq!(offer.boot_file().as_deref(), Some("amorce/shimx64.efi"));
        assert_eq!(offer.vendor_class().as_deref(), Some("PXEClient"));
        assert_eq!(offer.vendor_options().and_then(|options| options.get(6)), control);
        assert!(offer.options.contains(code::SUBNET_MASK) && offer.options.contains(code::CLIENT_UUID));
        let last = offer.options.iter().last().unwrap();
        assert_eq!(last.code(), code::RELAY_AGENT_INFORMATION, "the last (RFC 3046)");
        assert!((300..=1472).contains(&offer.encode().len()));
        let taken = select(1, offer.your_address);
        let answer = pool.take(&taken, SERVER, Some(&boot), NOW).unwrap();
        let ack = answer.reply.unwrap().packet;
        // shim reads the acknowledgement, not the offer.
        assert_eq!(ack.boot_file().as_deref(), Some("amorce/shimx64.efi"));
    }
}

#[test]
fn one_machine_keeps_one_address_whoever_on_it_asks() {
    let mut pool = pool(subnet());
    let address = bind(&mut pool, 1, NOW);
    for identifier in [
        &b"\x00rom"[..],
        b"\xff\x01\x02duid",
        b"\x01\x02\x00\x00\x00\x00\x01",
    ] {
        let question = discover(1).with(code::CLIENT_IDENTIFIER, identifier);
        assert_eq!(offered(&mut pool, &question, NOW), Some(address));
    }
    // Without an Ethernet address the identifier counts.
    let mut question = discover(1).with(code::CLIENT_IDENTIFIER, b"\x00another");
    question.hardware_type = 32;
    assert_ne!(offered(&mut pool, &question, NOW), Some(address));
    question = discover(1);
    question.hardware_len = 8;
    assert_eq!(
        take(&mut pool, &question, NOW),
        Answer::default(),
        "nobody's packet"
    );
}

#[test]
fn every_state_of_a_client_gets_what_the_rfc_says() {
    /// Whose the address is.
    #[derive(Clone, Copy, Debug)]
    enum Is {
        Own,
        Anothers,
        Nobodys,
        OutOfRange,
        OfAnotherNetwork,
    }
    let (ack, nak) = (Some(MessageType::Acknowledge), Some(MessageType::Refuse));
    let table = [
        // state, whose, only server, beside others
        ("select", Is::Own, ack, ack),
        ("select", Is::Anothers, nak, None),
        ("select", Is::Nobodys, ack, ack),
        ("select", Is::OutOfRange, nak, None),
        ("select", Is::OfAnotherNetwork, nak, None),
        ("reboot", Is::Own, ack, ack),
        ("reboot", Is::Anothers, nak, None),
        ("reboot", Is::Nobodys, ack, None),
        ("reboot", Is::OutOfRange, nak, None),
        ("reboot", Is::OfAnotherNetwork, nak, None),
        ("renew", Is::Own, ack, ack),
        ("renew", Is::Anothers, nak, None),
        ("renew", Is::Nobodys, ack, None),
        ("renew", Is::OutOfRange, nak, None),
        ("renew", Is::OfAnotherNetwork, nak, None),
    ];
    for (state, whose, only, beside) in table {
        for (authoritative, want) in [(true, only), (false, beside)] {
            let mut pool = pool(Subnet {
                authoritative,
                ..subnet()
            });
            let own = bind(&mut pool, 1, NOW);
            let anothers = bind(&mut pool, 2, NOW);
            let free = (10..=13).map(host).find(|one| ![own, anothers].contains(one));
            let address = match whose {
                Is::Own => own,
                Is::Anothers => anothers,
                Is::Nobodys => free.unwrap(),
                Is::OutOfRange => host(200),
                Is::OfAnotherNetwork => Ipv4Addr::new(198, 51, 100, 7),
            };
            let packet = match state {
                "select" => select(1, address),
                "reboot" => reboot(1, address),
                _ => renew(1, address),
            };
            let answer = take(&mut pool, &packet, NOW);
            assert_eq!(kind(&answer), want, "{state} {whose:?} {authoritative}");
            assert_eq!(answer.keep.is_some(), want == ack, "{state} {whose:?}");
            if let Some(reply) = answer.reply.filter(|_| want == nak) {
                assert_eq!(reply.destination, Destination::Broadcast, "{state} {whose:?}");
                assert!(reply.packet.your_address.is_unspecified());
                assert!(reply.packet.client_address.is_unspecified());
                assert_eq!(reply.packet.server_identifier(), Some(SERVER));
            }
        }
    }
}

#[test]
fn an_offer_is_held_for_a_minute_and_given_up_at_once_when_another_server_is_taken() {
    let mut pool = pool(subnet());
    let address = offered(&mut pool, &discover(1), NOW).unwrap();
    let wish = |number| discover(number).with(code::REQUESTED_ADDRESS, &address.octets());
    assert_ne!(offered(&mut pool, &wish(2), NOW), Some(address));
    assert_eq!(offered(&mut pool, &wish(3), NOW.plus(OFFER_HELD)), Some(address));
    let elsewhere = reboot(3, host(99)).with(code::SERVER_IDENTIFIER, &host(77).octets());
    let answer = take(&mut pool, &elsewhere, NOW.plus(OFFER_HELD));
    assert_eq!(answer.reply, None);
    let told = answer.told.unwrap();
    assert!(told.to_string().contains("DHCP server 192.0.2.77"), "{told}");
    assert_eq!(offered(&mut pool, &wish(4), NOW.plus(OFFER_HELD)), Some(address));
}

#[test]
fn when_all_is_given_it_is_said_and_what_ended_longest_ago_is_given_again() {
    let mut pool = pool(subnet());
    let given: Vec<Ipv4Addr> = (1..=4u8)
        .map(|number| bind(&mut pool, number, NOW.plus(Duration::from_secs(number.into()))))
        .collect();
    let mut sorted = given.clone();
    sorted.sort();
    assert_eq!(sorted, [host(10), host(11), host(12), host(13)]);
    let answer = take(&mut pool, &discover(5), NOW);
    assert_eq!(answer.reply, None);
    let told = answer.told.unwrap();
    assert!(
        told.to_string().contains("larger or its leases shorter"),
        "{told}"
    );
    let later = NOW.plus(LEASE).plus(Duration::from_secs(10));
    assert_eq!(offered(&mut pool, &discover(5), later), Some(given[0]));
    // Who comes back gets what it had.
    assert_eq!(offered(&mut pool, &discover(3), later), Some(given[2]));
}

#[test]
fn what_is_given_back_is_its_owners_again_and_what_is_declined_nobodys_for_an_hour() {
    let mut pool = pool(subnet());
    let address = bind(&mut pool, 1, NOW);
    let mut release = packet(1, MessageType::Release);
    release.client_address = address;
    let mut foreign = packet(2, MessageType::Release);
    foreign.client_address = address;
    assert_eq!(
        take(&mut pool, &foreign, NOW),
        Answer::default(),
        "it is not its own"
    );
    let answer = take(&mut pool, &release, NOW);
    assert_eq!((answer.reply, answer.keep.unwrap().expires), (None, NOW));
    assert_eq!(offered(&mut pool, &discover(1), NOW), Some(address));

    let address = bind(&mut pool, 1, NOW);
    let decline =
        |number| packet(number, MessageType::Decline).with(code::REQUESTED_ADDRESS, &address.octets());
    assert_eq!(
        take(&mut pool, &decline(2), NOW),
        Answer::default(),
        "it is not its own"
    );
    let answer = take(&mut pool, &decline(1), NOW);
    assert_eq!(answer.reply, None);
    assert_eq!(answer.told, Some(Told::Declined(address)));
    for number in 1..=3 {
        assert_ne!(offered(&mut pool, &discover(number), NOW), Some(address));
    }
    assert_eq!(
        kind(&take(&mut pool, &reboot(4, address), NOW)),
        Some(MessageType::Refuse)
    );
    let later = NOW.plus(LEFT_ALONE);
    let wish = discover(9).with(code::REQUESTED_ADDRESS, &address.octets());
    assert_eq!(offered(&mut pool, &wish, later), Some(address));
}

#[test]
fn an_address_that_somebody_else_uses_is_not_offered_and_not_taken_from_its_holder() {
    let mut pool = pool(subnet());
    let address = offered(&mut pool, &discover(1), NOW).unwrap();
    // Its own answer is no conflict.
    pool.note_user(address, Some(mac(1)), NOW);
    assert!(!pool.is_used_by_another(address, &client(1), NOW));
    pool.note_user(address, Some(mac(99)), NOW);
    assert!(pool.is_used_by_another(address, &client(1), NOW));
    let other = offered(&mut pool, &discover(1), NOW).unwrap();
    assert_ne!(other, address);
    let answer = take(&mut pool, &select(1, other), NOW);
    assert_eq!(kind(&answer), Some(MessageType::Acknowledge));
    pool.note_user(other, Some(mac(99)), NOW);
    assert_eq!(
        kind(&take(&mut pool, &renew(1, other), NOW)),
        Some(MessageType::Acknowledge)
    );
    // Heard far away from any pool.
    pool.note_user(Ipv4Addr::new(198, 51, 100, 1), Some(mac(99)), NOW);
    pool.note_user(host(200), Some(mac(99)), NOW);
    assert_eq!(pool.strangers.len(), 2);
}

#[test]
fn a_reservation_is_for_its_machine_alone_also_outside_of_the_range() {
    let uuid = uuid::Uuid::from_u128(0x4c4c_4544_0042_3510_8052_b4c0_4f4d_5a31);
    let reserve = |who, last| Reservation {
        who,
        address: host(last),
    };
    let mut pool = pool(Subnet {
        reservations: vec![
            reserve(who(1), 50),
            reserve(Who::Uuid(uuid), 10),
            reserve(Who::Identifier(b"\x00printer".to_vec()), 51),
        ],
        ..subnet()
    });
    assert_eq!(bind(&mut pool, 1, NOW), host(50));
    let mut id = vec![0];
    id.extend(uuid.to_bytes_le());
    // The machine's own identity counts more than the adapter that it borrowed.
    let firmware = discover(1).with(code::CLIENT_UUID, &id);
    assert_eq!(offered(&mut pool, &firmware, NOW), Some(host(10)));
    let printer = discover(7).with(code::CLIENT_IDENTIFIER, b"\x00printer");
    assert_eq!(offered(&mut pool, &printer, NOW), Some(host(51)));
    for number in 20..23 {
        let address = bind(&mut pool, number, NOW);
        assert!((11..=13).map(host).any(|one| one == address), "{address}");
    }
    assert_eq!(
        offered(&mut pool, &discover(23), NOW),
        None,
        "what is reserved is not given"
    );
    assert_eq!(
        kind(&take(&mut pool, &reboot(23, host(10)), NOW)),
        Some(MessageType::Refuse)
    );
    // Its system does not tell the UUID by which the firmware got the address, and keeps it all the same.
    let mut taken = select(2, host(10));
    let _ = offered(&mut pool, &discover(2).with(code::CLIENT_UUID, &id), NOW);
    taken.options.push(code::CLIENT_UUID, &id);
    // The adapter 1 was offered it a moment ago.
    let later = NOW.plus(OFFER_HELD);
    assert_eq!(
        kind(&take(&mut pool, &taken, later)),
        Some(MessageType::Acknowledge)
    );
    assert_eq!(
        kind(&take(&mut pool, &renew(2, host(10)), later)),
        Some(MessageType::Acknowledge)
    );
}

#[test]
fn a_relays_machines_get_addresses_of_their_own_network_by_the_relay() {
    let far = Subnet {
        network: "198.51.100.0/24".parse().unwrap(),
        first: [198, 51, 100, 10].into(),
        last: [198, 51, 100, 20].into(),
        router: Some([198, 51, 100, 1].into()),
        ..subnet()
    };
    let mut pool = Pool::new(vec![subnet(), far], vec![SERVER], [], NOW).unwrap();
    let relay = Ipv4Addr::new(198, 51, 100, 1);
    let relayed = |mut packet: Packet| {
        packet.relay = relay;
        packet
    };
    let question = relayed(discover(1)).with(code::RELAY_AGENT_INFORMATION, b"\x01\x02ab");
    let reply = take(&mut pool, &question, NOW).reply.unwrap();
    let address = reply.packet.your_address;
    assert_eq!(address.octets()[0], 198);
    assert_eq!(
        reply.destination,
        Destination::Unicast(SocketAddrV4::new(relay, 67))
    );
    assert_eq!(reply.packet.addresses(code::ROUTERS), [relay]);
    assert_eq!(
        reply.packet.relay_agent_information().as_deref(),
        Some(&b"\x01\x02ab"[..])
    );
    let answer = take(&mut pool, &relayed(select(1, address)), NOW);
    assert_eq!(kind(&answer), Some(MessageType::Acknowledge));
    // It renews past the relay, and its address is still of its own network.
    let answer = take(&mut pool, &renew(1, address), NOW);
    assert_eq!(kind(&answer), Some(MessageType::Acknowledge));
    assert_eq!(answer.reply.unwrap().packet.addresses(code::ROUTERS), [relay]);
    // A refusal finds its way back too.
    let answer = take(&mut pool, &relayed(reboot(1, host(10))), NOW);
    assert_eq!(kind(&answer), Some(MessageType::Refuse));
    assert_eq!(
        answer.reply.unwrap().destination,
        Destination::Unicast(SocketAddrV4::new(relay, 67))
    );
    // A relay of a network that we know nothing of.
    let mut packet = discover(1);
    packet.relay = Ipv4Addr::new(203, 0, 113, 1);
    assert_eq!(pool.take(&packet, SERVER, None, NOW), None);
    assert!(!pool.serves(&packet, SERVER));
}

#[test]
fn who_has_an_address_otherwise_learns_the_rest() {
    let mut pool = pool(subnet());
    let mut inform = packet(1, MessageType::Inform);
    assert_eq!(take(&mut pool, &inform, NOW).reply, None, "nowhere to answer to");
    inform.client_address = host(77);
    let answer = take(&mut pool, &inform, NOW);
    let reply = answer.reply.unwrap();
    assert_eq!(
        reply.destination,
        Destination::Unicast(SocketAddrV4::new(host(77), 68))
    );
    assert!(reply.packet.your_address.is_unspecified());
    assert!(!reply.packet.options.contains(code::LEASE_SECONDS));
    assert_eq!(
        reply.packet.address(code::SUBNET_MASK),
        Some([255, 255, 255, 0].into())
    );
    assert_eq!(answer.keep, None);
}

#[test]
fn what_was_given_is_known_after_a_restart_and_ends_by_any_clock() {
    let mut before = pool(subnet());
    let address = bind(&mut before, 1, NOW);
    let kept = |address, expires| Lease {
        address,
        client: client(1),
        host_name: String::new(),
        expires,
    };
    let leases = [
        kept(address, NOW.plus(LEASE)),
        kept(host(200), NOW.plus(LEASE)),
        kept(SERVER, NOW.plus(LEASE)),
    ];
    let mut after = Pool::new(vec![subnet()], vec![SERVER], leases, NOW).unwrap();
    assert_eq!(
        after.entries.len(),
        1,
        "what is not ours to give any more is forgotten"
    );
    let wish = discover(2).with(code::REQUESTED_ADDRESS, &address.octets());
    assert_ne!(offered(&mut after, &wish, NOW), Some(address));
    assert_eq!(offered(&mut after, &discover(1), NOW), Some(address));
    // Given by a clock that was a century ahead.
    let strange = [kept(address, Moment(NOW.0 + 100 * 365 * 86_400))];
    let mut after = Pool::new(vec![subnet()], vec![SERVER], strange, NOW).unwrap();
    assert_eq!(offered(&mut after, &wish, NOW.plus(LEASE)), Some(address));
}

#[test]
fn a_client_may_ask_for_a_shorter_lease_but_not_for_a_longer_one() {
    let mut pool = pool(subnet());
    for (asked, want) in [(60u32, 120u32), (600, 600), (u32::MAX, 3600), (0, 120)] {
        let question = discover(1).with(code::LEASE_SECONDS, &asked.to_be_bytes());
        let offer = take(&mut pool, &question, NOW).reply.unwrap().packet;
        assert_eq!(offer.number(code::LEASE_SECONDS), Some(want), "{asked}");
    }
}

proptest! {
    /// Whatever a crowd sends, in whatever order: no address has two holders, none is given that is not ours to give,
    /// nothing is said without being kept, and memory stays as large as the range.
    #[test]
    fn no_address_ever_has_two_holders(
        steps in prop::collection::vec((0u8..8, 1u8..9, 8u8..16, 0u64..1500), 1..120),
        authoritative: bool,
    ) {
        let mut pool = pool(Subnet {
            authoritative,
            router: Some(host(12)),
            reservations: vec![
                Reservation { who: who(1), address: host(11) },
                Reservation { who: who(2), address: host(15) },
            ],
            ..subnet()
        });
        let mut now = NOW;
        let mut holders: BTreeMap<Ipv4Addr, (Client, Moment)> = BTreeMap::new();
        for (what, number, last, wait) in steps {
            now = now.plus(Duration::from_secs(wait));
            let packet = match what {
                0 => discover(number),
                1 => discover(number).with(code::REQUESTED_ADDRESS, &host(last).octets()),
                2 => select(number, host(last)),
                3 => reboot(number, host(last)),
                4 => renew(number, host(last)),
                5 => {
                    let mut packet = packet(number, MessageType::Release);
                    packet.client_address = host(last);
                    packet
                }
                6 => packet(number, MessageType::Decline).with(code::REQUESTED_ADDRESS, &host(last).octets()),
                _ => {
                    pool.note_user(host(last), Some(mac(number)), now);
                    continue;
                }
            };
            let answer = take(&mut pool, &packet, now);
            let said = kind(&answer);
            prop_assert!(authoritative || said != Some(MessageType::Refuse));
            prop_assert_eq!(said == Some(MessageType::Acknowledge), answer.keep.is_some() && answer.reply.is_some());
            if let Some(reply) = &answer.reply && said != Some(MessageType::Refuse) {
                let address = reply.packet.your_address;
                prop_assert!((10..=13).chain([15]).map(host).any(|one| one == address), "{address}");
                prop_assert!(address != host(12) && address != SERVER);
                prop_assert!(address != host(11) || number == 1);
                prop_assert!(address != host(15) || number == 2);
                if let Some((holder, until)) = holders.get(&address) {
                    prop_assert!(*holder == client(number) || *until <= now, "{} is {}'s", address, holder);
                }
            }
            if let Some(lease) = answer.keep {
                holders.insert(lease.address, (lease.client, lease.expires));
            }
            prop_assert!(pool.entries.len() <= 5 && pool.strangers.len() <= 5);
        }
    }

    #[test]
    fn any_packet_is_survived(bytes in prop::collection::vec(any::<u8>(), 240..400), kind in 0u8..9) {
        let mut bytes = bytes;
        bytes[0] = 1;
        bytes[2] = 6;
        bytes[24..28].fill(0);
        bytes[236..240].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
        if let Ok(packet) = Packet::parse(&bytes) {
            let packet = packet.with(code::MESSAGE_TYPE, &[kind]);
            let mut pool = pool(subnet());
            if let Some(reply) = pool.take(&packet, SERVER, None, NOW).and_then(|answer| answer.reply) {
                prop_assert!(Packet::parse(&reply.packet.encode()).is_ok());
            }
        }
    }
}
