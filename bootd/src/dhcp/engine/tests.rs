//! What is answered to whom. The requests in `testdata/` were sent by real firmware.

use super::*;
use crate::dhcp::testdata::packet;
use proptest::prelude::*;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
const ALL: Loaders = Loaders {
    bios: true,
    x64_uefi: true,
    arm64_uefi: false,
};
const UUID: &str = "4c4c4544-0042-3510-8052-b4c04f4d5a31";

fn from(port: Port, source: ([u8; 4], u16)) -> Arrival {
    Arrival {
        port,
        source: SocketAddrV4::new(source.0.into(), source.1),
        server: SERVER,
    }
}

fn broadcast() -> Arrival {
    from(Port::Server, ([0; 4], 68))
}

fn ask(packet: &Packet, arrival: &Arrival) -> Outcome {
    answer(packet, arrival, ALL, None, |facts, _| {
        format!("http://{}/{}", facts.server, facts.mac)
    })
}

fn reply(packet: &Packet, arrival: &Arrival) -> Reply {
    ask(packet, arrival).reply.expect("there is an answer")
}

fn client(kind: MessageType) -> Packet {
    Packet::request(MacAddr([0x52, 0x54, 0, 0, 0, 9]), 77)
        .with(code::MESSAGE_TYPE, &[kind.number()])
        .with(code::VENDOR_CLASS, b"PXEClient:Arch:00007:UNDI:003000")
        .with(code::CLIENT_ARCHITECTURE, &[0, 7])
}

#[test]
fn ovmf_is_offered_shim_without_option_43_by_broadcast() {
    let request = packet("ovmf-discover");
    let outcome = ask(&request, &broadcast());
    let Reply {
        packet: offer,
        destination,
    } = outcome.reply.unwrap();
    assert_eq!(destination, Destination::Broadcast);
    assert_eq!(offer.message_type(), Some(MessageType::Offer));
    assert_eq!(offer.boot_file().as_deref(), Some("amorce/shimx64.efi"));
    assert_eq!(offer.vendor_class().as_deref(), Some("PXEClient"));
    assert_eq!(
        (offer.next_server, offer.server_identifier()),
        (SERVER, Some(SERVER))
    );
    assert_eq!(offer.your_address, Ipv4Addr::UNSPECIFIED);
    assert_eq!(offer.boot_server_name().as_deref(), Some("10.99.0.2"));
    assert!(offer.vendor_options().is_none() && offer.wants_broadcast());
    assert_eq!(offer.transaction, request.transaction);
    assert_eq!(
        offer.options.get(code::CLIENT_UUID),
        request.options.get(code::CLIENT_UUID)
    );
    assert!((300..=1472).contains(&offer.encode().len()));
    let facts = outcome.facts.unwrap();
    assert_eq!(facts.uuid, Some(UUID.parse().unwrap()));
    assert_eq!(facts.architecture, Some(ClientArchitecture::X64Uefi));
    assert!(outcome.merge.is_some());
}

#[test]
fn ovmf_is_answered_on_port_4011_to_its_own_address_and_port() {
    let request = packet("ovmf-request-4011");
    let Reply {
        packet: ack,
        destination,
    } = reply(&request, &from(Port::BootServer, ([10, 99, 0, 101], 4011)));
    assert_eq!(
        destination,
        Destination::Unicast("10.99.0.101:4011".parse().unwrap())
    );
    assert_eq!(ack.message_type(), Some(MessageType::Acknowledge));
    assert_eq!(ack.client_address, Ipv4Addr::new(10, 99, 0, 101));
    assert_eq!(ack.boot_file().as_deref(), Some("amorce/shimx64.efi"));
}

#[test]
fn the_request_that_takes_another_servers_address_is_heard_and_not_answered() {
    let outcome = ask(&packet("ovmf-request"), &broadcast());
    assert_eq!(outcome.reply, None);
    assert_eq!(outcome.machine_address, Some(Ipv4Addr::new(10, 99, 0, 101)));
    assert_eq!(
        outcome.happening,
        Some(Happening::AddressTaken {
            from: Ipv4Addr::new(10, 99, 0, 1)
        })
    );
}

#[test]
fn ipxe_gets_its_script_and_never_a_loader_whatever_started_it() {
    for (name, arrival, bios) in [
        ("seabios-ipxe-discover", broadcast(), true),
        ("ipxe-efi-discover", broadcast(), false),
        (
            "ipxe-efi-request-4011",
            from(Port::BootServer, ([10, 99, 0, 101], 68)),
            false,
        ),
    ] {
        let outcome = ask(&packet(name), &arrival);
        let Reply { packet: answer, .. } = outcome.reply.unwrap();
        let mac = outcome.facts.unwrap().mac;
        assert_eq!(
            answer.boot_file(),
            Some(format!("http://10.99.0.2/{mac}")),
            "{name}"
        );
        assert_eq!(answer.vendor_options().is_some(), bios, "{name}");
        assert_eq!(outcome.merge, None, "{name}");
    }
    // RFC 3004 form of the user class.
    let rfc = client(MessageType::Discover).with(code::USER_CLASS, b"\x04iPXE");
    assert!(
        reply(&rfc, &broadcast())
            .packet
            .boot_file()
            .unwrap()
            .starts_with("http://")
    );
}

#[test]
fn an_ipxe_that_cannot_do_http_is_loaded_over() {
    let features = SubOptions::default().with(24, &[1]).encode();
    let old = client(MessageType::Discover)
        .with(code::USER_CLASS, b"iPXE")
        .with(code::IPXE, &features);
    assert_eq!(
        reply(&old, &broadcast()).packet.boot_file().as_deref(),
        Some("amorce/shimx64.efi")
    );
}

#[test]
fn a_plain_bios_rom_is_offered_undionly_and_told_to_look_no_further() {
    let mut request = packet("seabios-ipxe-discover");
    request.options.replace(code::USER_CLASS, b"");
    let offer = reply(&request, &broadcast()).packet;
    assert_eq!(offer.boot_file().as_deref(), Some("amorce/undionly.kpxe"));
    assert_eq!(
        offer.vendor_options().unwrap().get(DISCOVERY_CONTROL),
        Some(vec![USE_THE_FILE])
    );
}

#[test]
fn uefi_http_boot_is_offered_the_url_of_its_image_in_numbers() {
    let request = packet("ovmf-http-discover");
    let outcome = ask(&request, &broadcast());
    let offer = outcome.reply.unwrap().packet;
    let mac = outcome.facts.unwrap().mac;
    assert_eq!(offer.vendor_class().as_deref(), Some("HTTPClient"));
    assert_eq!(offer.boot_file(), Some(format!("http://10.99.0.2/{mac}")));
    assert_eq!(offer.your_address, Ipv4Addr::UNSPECIFIED);
    assert!(offer.vendor_options().is_none() && outcome.merge.is_none());
    let mut without_loader = ALL;
    without_loader.x64_uefi = false;
    let outcome = answer(&request, &broadcast(), without_loader, None, |_, _| String::new());
    assert_eq!(outcome.reply, None);
}

#[test]
fn an_arm64_machine_is_answered_once_its_loader_is_installed() {
    let with = |number: u8, class: &[u8]| {
        let mut request = client(MessageType::Discover);
        request.options.replace(code::CLIENT_ARCHITECTURE, &[0, number]);
        request.options.replace(code::VENDOR_CLASS, class);
        request
    };
    let loaders = Loaders {
        arm64_uefi: true,
        ..ALL
    };
    let url = |_: &BootFacts, link| format!("{link:?}");
    let pxe = answer(
        &with(11, b"PXEClient:Arch:00011"),
        &broadcast(),
        loaders,
        None,
        url,
    );
    assert_eq!(
        pxe.reply.unwrap().packet.boot_file().as_deref(),
        Some("amorce/shimaa64.efi")
    );
    let http = answer(
        &with(19, b"HTTPClient:Arch:00019"),
        &broadcast(),
        loaders,
        None,
        url,
    );
    assert_eq!(
        http.reply.unwrap().packet.boot_file().as_deref(),
        Some("File(\"shimaa64.efi\")")
    );
}

#[test]
fn the_shape_that_was_chosen_is_what_is_sent() {
    let request = packet("ovmf-discover");
    for (direct, complete) in [(true, true), (true, false), (false, false)] {
        let shape = Shape { direct, complete };
        let outcome = answer(&request, &broadcast(), ALL, Some(shape), |_, _| String::new());
        let offer = outcome.reply.unwrap().packet;
        assert_eq!(offer.vendor_options().is_some(), direct);
        assert_eq!(outcome.merge.is_some(), complete);
    }
    assert!(shaped(&request).is_some());
    assert_eq!(
        shaped(&packet("seabios-ipxe-discover")),
        None,
        "iPXE understands what it gets"
    );
}

#[test]
fn a_chosen_boot_item_is_confirmed_on_both_ports() {
    let request = packet("seabios-ipxe-request-4011-item");
    for arrival in [
        from(Port::BootServer, ([10, 99, 0, 100], 68)),
        from(Port::Server, ([10, 99, 0, 100], 68)),
    ] {
        let Reply {
            packet: ack,
            destination,
        } = reply(&request, &arrival);
        assert_eq!(
            ack.vendor_options().unwrap().get(BOOT_ITEM),
            Some(vec![0x80, 0, 0, 0])
        );
        assert_eq!(ack.your_address, request.client_address);
        assert_eq!(
            destination,
            Destination::Unicast("10.99.0.100:68".parse().unwrap())
        );
    }
}

#[test]
fn a_relay_gets_the_answer_and_its_option_82_back_last() {
    let mut request = client(MessageType::Discover).with(code::RELAY_AGENT_INFORMATION, &[1, 2, 3, 4]);
    request.relay = Ipv4Addr::new(192, 0, 2, 254);
    let outcome = ask(&request, &from(Port::Server, ([192, 0, 2, 254], 67)));
    let Reply {
        packet: offer,
        destination,
    } = outcome.reply.unwrap();
    assert_eq!(
        destination,
        Destination::Unicast("192.0.2.254:67".parse().unwrap())
    );
    assert_eq!(offer.relay, request.relay);
    let last = offer.options.iter().last().unwrap();
    assert_eq!(
        (last.code(), last.data()),
        (code::RELAY_AGENT_INFORMATION, &[1, 2, 3, 4][..])
    );
    assert_eq!(
        outcome.merge, None,
        "the DHCP server of another network is not asked from here"
    );
}

#[test]
fn who_is_not_ours_gets_silence() {
    let silent = |packet: &Packet, arrival: &Arrival| assert_eq!(ask(packet, arrival).reply, None);
    let no_class = Packet::request(MacAddr([2, 0, 0, 0, 0, 1]), 1).with(code::MESSAGE_TYPE, &[1]);
    silent(&no_class, &broadcast());
    silent(
        &no_class.clone().with(code::VENDOR_CLASS, b"MSFT 5.0"),
        &broadcast(),
    );
    silent(&client(MessageType::Request), &broadcast());
    silent(&client(MessageType::Inform), &broadcast());
    silent(&client(MessageType::Release), &broadcast());
    silent(
        &client(MessageType::Discover),
        &from(Port::BootServer, ([10, 0, 0, 1], 68)),
    );
    let another = client(MessageType::Request).with(code::SERVER_IDENTIFIER, &[10, 99, 0, 1]);
    silent(&another, &from(Port::BootServer, ([10, 99, 0, 101], 4011)));
    let mut reply = client(MessageType::Discover);
    reply.operation = Operation::Reply;
    silent(&reply, &broadcast());
    let mut our_own = client(MessageType::Discover);
    our_own.relay = SERVER;
    silent(&our_own, &from(Port::Server, ([10, 99, 0, 2], 67)));
}

#[test]
fn what_cannot_be_served_is_said_and_not_answered() {
    let why = |packet: &Packet, loaders| {
        let outcome = answer(packet, &broadcast(), loaders, None, |_, _| String::new());
        assert_eq!(outcome.reply, None);
        match outcome.happening {
            Some(Happening::NotServed { why }) => why,
            other => panic!("{other:?}"),
        }
    };
    let with = |architecture: &[u8]| {
        let mut request = client(MessageType::Discover);
        request.options.replace(code::CLIENT_ARCHITECTURE, architecture);
        request
    };
    assert_eq!(why(&with(&[0, 11]), ALL), NotServed::Architecture(11));
    assert_eq!(why(&with(&[7]), ALL), NotServed::NoArchitecture);
    let none = Loaders {
        bios: false,
        x64_uefi: false,
        arm64_uefi: false,
    };
    assert_eq!(
        why(&with(&[0, 9]), none),
        NotServed::LoaderMissing(X64_UEFI_LOADER)
    );
    assert_eq!(why(&with(&[0, 0]), none), NotServed::LoaderMissing(BIOS_LOADER));
    // A list is read to the first that can be served.
    assert!(ask(&with(&[0, 11, 0, 7]), &broadcast()).reply.is_some());
}

#[test]
fn the_guid_that_old_edk2_puts_in_place_of_its_address_hinders_nothing() {
    let mut request = packet("ovmf-request-4011");
    request.hardware_len = 16;
    let outcome = ask(&request, &from(Port::BootServer, ([10, 99, 0, 101], 4011)));
    assert_eq!(outcome.facts, None);
    assert_eq!(
        outcome.reply.unwrap().packet.boot_file().as_deref(),
        Some("amorce/shimx64.efi")
    );
}

proptest! {
    #[test]
    fn a_proxy_never_refuses_and_never_gives_an_address_away(
        kind in 0u8..12, class in "(PXEClient|HTTPClient|x)(:Arch:0000[0-9])?", architecture: [u8; 2],
        server in prop::option::of(any::<[u8; 4]>()), relay: [u8; 4], ciaddr: [u8; 4],
        port in any::<bool>(), source: [u8; 4], extra in prop::collection::vec((1u8..=254, prop::collection::vec(any::<u8>(), 0..9)), 0..6),
    ) {
        let mut request = Packet::request(MacAddr([2, 0, 0, 0, 0, 1]), 1)
            .with(code::MESSAGE_TYPE, &[kind])
            .with(code::VENDOR_CLASS, class.as_bytes())
            .with(code::CLIENT_ARCHITECTURE, &architecture);
        request.relay = relay.into();
        request.client_address = ciaddr.into();
        for (code, data) in &extra {
            request.options.push(*code, data);
        }
        if let Some(server) = server {
            request.options.push(code::SERVER_IDENTIFIER, &server);
        }
        let port = if port { Port::Server } else { Port::BootServer };
        if let Some(reply) = ask(&request, &from(port, (source, 68))).reply {
            let kind = reply.packet.message_type();
            prop_assert!(matches!(kind, Some(MessageType::Offer | MessageType::Acknowledge)));
            prop_assert!([Ipv4Addr::UNSPECIFIED, request.client_address].contains(&reply.packet.your_address));
            prop_assert_eq!(Packet::parse(&reply.packet.encode()), Ok(reply.packet));
        }
    }
}
