//! Tests of the wire format; whole packets of real firmware are replayed in `bootd`.

use super::*;
use dhcproto::{Decodable, Encodable, v4};
use proptest::prelude::*;
use uuid::Uuid;

const MAC: MacAddr = MacAddr([0x52, 0x54, 0, 0xaa, 0, 1]);

#[test]
fn a_written_packet_reads_back_the_same() {
    let mut packet = Packet::request(MAC, 7)
        .with(code::MESSAGE_TYPE, &[1])
        .with(code::VENDOR_CLASS, b"PXEClient");
    assert!(packet.set_file("amorce/shimx64.efi"));
    packet.set_broadcast(true);
    let bytes = packet.encode();
    assert_eq!(bytes.len(), MIN_LEN);
    assert_eq!(Packet::parse(&bytes), Ok(packet.clone()));
    assert_eq!(packet.mac(), Some(MAC));
    assert_eq!(packet.boot_file().as_deref(), Some("amorce/shimx64.efi"));
}

#[test]
fn what_is_no_packet_is_refused_by_its_reason() {
    let good = Packet::request(MAC, 7).encode();
    let changed = |offset: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[offset] = value;
        Packet::parse(&bytes)
    };
    assert_eq!(Packet::parse(&good[..239]), Err(ParseError::TooShort(239)));
    assert_eq!(changed(0, 3), Err(ParseError::Operation(3)));
    assert_eq!(changed(2, 17), Err(ParseError::HardwareLen(17)));
    assert_eq!(changed(236, 0), Err(ParseError::Magic));
    // EDK2's 16-byte GUID in chaddr is a packet, but no MAC.
    assert_eq!(changed(2, 16).unwrap().mac(), None);
}

#[test]
fn a_long_option_is_split_and_joined_and_a_repeated_one_is_kept() {
    let long: Vec<u8> = (0..700u32).map(|i| u8::try_from(i % 251).unwrap()).collect();
    let packet = Packet::request(MAC, 7)
        .with(code::VENDOR_OPTIONS, &long)
        .with(60, b"x")
        .with(43, b"tail");
    let read = Packet::parse(&packet.encode()).unwrap();
    assert_eq!(
        read.options.iter().filter(|option| option.code() == 43).count(),
        4
    );
    let mut joined = long;
    joined.extend(b"tail");
    assert_eq!(read.options.get(43), Some(joined));
}

#[test]
fn a_replaced_option_keeps_its_place() {
    let mut packet = Packet::request(MAC, 7)
        .with(53, &[3])
        .with(54, &[1, 1, 1, 1])
        .with(60, b"x")
        .with(54, &[2]);
    packet.options.replace(54, &[9, 9, 9, 9]);
    packet.options.replace(61, b"new");
    let codes: Vec<u8> = packet.options.iter().map(RawOption::code).collect();
    assert_eq!(codes, [53, 54, 60, 61]);
    assert_eq!(packet.server_identifier(), Some(Ipv4Addr::new(9, 9, 9, 9)));
}

#[test]
fn a_bad_option_hides_no_other() {
    // A host name that is no text, an architecture of one byte, and a last option that runs over the end.
    let mut bytes = Packet::request(MAC, 7).encode();
    bytes.truncate(240);
    bytes.extend([12, 2, 0xff, 0xfe, 93, 1, 7, 94, 2, 1, 3, 53, 1, 1, 60, 9]);
    bytes.extend(b"PXEClient");
    bytes.extend([97, 17, 0, 1]);
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!(packet.message_type(), Some(MessageType::Discover));
    assert_eq!(packet.vendor_class().as_deref(), Some("PXEClient"));
    assert_eq!(packet.client_architectures(), Vec::<u16>::new());
    assert_eq!(packet.network_interface(), None);
    assert_eq!(packet.client_uuid(), None);
    assert!(packet.options.truncated());
}

#[test]
fn options_hidden_in_file_and_server_name_are_found() {
    let mut bytes = Packet::request(MAC, 7).encode();
    bytes.truncate(240);
    bytes.extend([52, 1, 3, 255]);
    bytes[108..113].copy_from_slice(&[67, 2, b'a', b'b', 255]);
    bytes[44..49].copy_from_slice(&[66, 2, b'c', b'd', 255]);
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!(packet.boot_file().as_deref(), Some("ab"));
    assert_eq!(packet.boot_server_name().as_deref(), Some("cd"));
    assert!(!packet.options.contains(code::OVERLOAD));
}

#[test]
fn user_classes_are_read_as_the_rfc_and_as_ipxe_write_them() {
    let classes = |value: &[u8]| {
        Packet::request(MAC, 7)
            .with(code::USER_CLASS, value)
            .user_classes()
    };
    assert_eq!(classes(b"iPXE"), [b"iPXE".to_vec()]);
    assert_eq!(classes(b"\x04iPXE"), [b"iPXE".to_vec()]);
    assert_eq!(classes(b"\x02ab\x01c"), [b"ab".to_vec(), b"c".to_vec()]);
    assert!(classes(b"").is_empty());
}

#[test]
fn architectures_come_as_a_list_or_in_the_text_of_option_60() {
    let packet = Packet::request(MAC, 7).with(93, &[0, 7, 0, 16]);
    assert_eq!(packet.client_architectures(), [7, 16]);
    let packet = Packet::request(MAC, 7).with(60, b"PXEClient:Arch:00011:UNDI:003000");
    assert_eq!(packet.client_architectures(), [11]);
    let packet = Packet::request(MAC, 7).with(60, b"PXEClient:Arch:x");
    assert!(packet.client_architectures().is_empty());
}

#[test]
fn the_uuid_of_option_97_is_in_smbios_byte_order() {
    // Sent by OVMF started with -uuid 4c4c4544-0042-3510-8052-b4c04f4d5a31.
    let value = [
        0, 0x44, 0x45, 0x4c, 0x4c, 0x42, 0, 0x10, 0x35, 0x80, 0x52, 0xb4, 0xc0, 0x4f, 0x4d, 0x5a, 0x31,
    ];
    let packet = Packet::request(MAC, 7).with(97, &value);
    let uuid: Uuid = "4c4c4544-0042-3510-8052-b4c04f4d5a31".parse().unwrap();
    assert_eq!(packet.client_uuid(), Some(uuid));
    let identity = ClientIdentity {
        mac: MAC,
        uuid: Some(uuid),
        vendor_class: "amorce",
    };
    assert_eq!(identity.discover(1, 0).client_uuid(), Some(uuid));
}

#[test]
fn sub_options_end_with_a_mark_and_read_back() {
    let encoded = SubOptions::default().with(6, &[8]).encode();
    assert_eq!(encoded, [6, 1, 8, 255]);
    assert_eq!(SubOptions::parse(&encoded).get(6), Some(vec![8]));
}

#[test]
fn a_client_takes_what_was_offered() {
    let identity = ClientIdentity {
        mac: MAC,
        uuid: None,
        vendor_class: "amorce",
    };
    let discover = identity.discover(9, 3);
    let mut offer = Packet::reply_to(&discover)
        .with(code::MESSAGE_TYPE, &[2])
        .with(code::SERVER_IDENTIFIER, &[192, 0, 2, 1])
        .with(code::SUBNET_MASK, &[255, 255, 254, 0])
        .with(code::ROUTERS, &[192, 0, 2, 254, 192, 0, 2, 253])
        .with(code::LEASE_SECONDS, &120u32.to_be_bytes());
    assert_eq!(Lease::read(&offer), None, "a proxy's offer grants nothing");
    offer.your_address = Ipv4Addr::new(192, 0, 2, 77);
    let lease = Lease::read(&Packet::parse(&offer.encode()).unwrap()).unwrap();
    assert_eq!((lease.prefix_bits, lease.renewal_seconds), (23, 60));
    assert_eq!(lease.router, Some(Ipv4Addr::new(192, 0, 2, 254)));
    let request = identity.select(&lease, 9, 3);
    assert_eq!(request.address(code::REQUESTED_ADDRESS), Some(lease.address));
    assert_eq!(request.server_identifier(), Some(lease.server));
    assert!(request.wants_broadcast());
    assert_eq!(identity.renew(&lease, 10).client_address, lease.address);
}

fn options() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let code = (1u8..=254).prop_filter("the writer's own", |code| *code != code::OVERLOAD);
    prop::collection::vec((code, prop::collection::vec(any::<u8>(), 0..600)), 0..8)
}

proptest! {
    #[test]
    fn any_bytes_are_survived_and_what_reads_reads_again_the_same(
        mut bytes in prop::collection::vec(any::<u8>(), 0..700),
        repair in any::<bool>(),
    ) {
        // Random bytes alone would stop at the header every time.
        if repair && bytes.len() >= 240 {
            bytes[0] = 1 + bytes[0] % 2;
            bytes[2] %= 17;
            bytes[236..240].copy_from_slice(&MAGIC);
        }
        if let Ok(mut packet) = Packet::parse(&bytes) {
            let _ = (packet.mac(), packet.client_uuid(), packet.user_classes(), packet.client_architectures());
            let _ = (packet.vendor_options(), packet.ipxe_options(), packet.boot_file(), Lease::read(&packet));
            let again = Packet::parse(&packet.encode()).unwrap();
            packet.options.truncated = false;
            prop_assert_eq!(again, packet);
        }
    }

    #[test]
    fn any_options_survive_a_round_trip(options in options(), transaction: u32, seconds: u16, flags: u16) {
        let mut packet = Packet::request(MAC, transaction);
        packet.seconds = seconds;
        packet.flags = flags;
        for (code, data) in &options {
            packet.options.push(*code, data);
        }
        prop_assert_eq!(Packet::parse(&packet.encode()), Ok(packet));
    }

    #[test]
    fn an_independent_reader_agrees(
        transaction: u32, seconds: u16, client: [u8; 4], next: [u8; 4], name in "[a-z/]{1,60}",
        class in "[A-Za-z:]{1,40}", server: [u8; 4], long in prop::collection::vec(any::<u8>(), 1..600),
    ) {
        let mut packet = Packet::request(MAC, transaction)
            .with(code::MESSAGE_TYPE, &[2])
            .with(code::SERVER_IDENTIFIER, &server)
            .with(code::VENDOR_CLASS, class.as_bytes())
            .with(code::VENDOR_OPTIONS, &long);
        packet.seconds = seconds;
        packet.client_address = client.into();
        packet.next_server = next.into();
        prop_assert!(packet.set_file(&name));
        let read = v4::Message::from_bytes(&packet.encode()).unwrap();
        prop_assert_eq!(read.xid(), transaction);
        prop_assert_eq!(read.secs(), seconds);
        prop_assert_eq!(read.ciaddr(), packet.client_address);
        prop_assert_eq!(read.siaddr(), packet.next_server);
        prop_assert_eq!(read.chaddr(), &MAC.octets()[..]);
        prop_assert_eq!(read.opts().msg_type(), Some(v4::MessageType::Offer));
        prop_assert_eq!(
            read.opts().get(v4::OptionCode::ServerIdentifier),
            Some(&v4::DhcpOption::ServerIdentifier(server.into()))
        );
        prop_assert_eq!(
            read.opts().get(v4::OptionCode::ClassIdentifier),
            Some(&v4::DhcpOption::ClassIdentifier(class.into_bytes()))
        );
        prop_assert_eq!(
            read.opts().get(v4::OptionCode::VendorExtensions),
            Some(&v4::DhcpOption::VendorExtensions(long))
        );
        // And we read what it writes.
        let ours = Packet::parse(&read.to_vec().unwrap()).unwrap();
        prop_assert_eq!(ours.options.get(43), packet.options.get(43));
        prop_assert_eq!(ours.boot_file(), packet.boot_file());
        prop_assert_eq!(ours.server_identifier(), Some(server.into()));
    }
}
