//! The LAN doctor: asks as a machine's firmware would and says what in the answers keeps machines from booting here.
//!
//! It sends DISCOVER and takes no offer, so no server gives anything away for longer than its own short reservation.

mod firewall;

pub use firewall::{NeededPort, judge_firewall};

use crate::network::interface_addresses;
use protocol::{
    MacAddr,
    dhcp::{CLIENT_PORT, MessageType, Operation, Packet, SERVER_PORT, code},
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    time::{Duration, Instant},
};

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub weight: Weight,
    /// What it is and what to do.
    pub text: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// Some machines will not boot.
    Wrong,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The kinds of firmware that are asked for: each server may answer them differently.
const ASKED: [(&str, u16); 2] = [
    ("PXEClient:Arch:00000:UNDI:002001", 0),
    ("PXEClient:Arch:00007:UNDI:003000", 7),
];
/// The doctor's own address: locally administered, so no machine has it.
const MAC: MacAddr = MacAddr([0x02, b'a', b'm', b'd', b'o', b'c']);
const MAX_OFFERS: usize = 64;

/// Asks on an interface, listens for `patience`, and returns the offers. Blocks.
///
/// # Errors
/// The kernel's answer; `AddrInUse` if a DHCP client of this computer listens.
pub fn collect(interface: &str, patience: Duration) -> io::Result<Vec<Packet>> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind_device(Some(interface.as_bytes()))?;
    socket.set_broadcast(true)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT_PORT).into())?;
    let socket = UdpSocket::from(socket);
    let everybody = SocketAddrV4::new(Ipv4Addr::BROADCAST, SERVER_PORT);
    let first = std::process::id().rotate_left(16);
    for (number, (class, architecture)) in (0..).zip(ASKED) {
        let mut discover = Packet::request(MAC, first.wrapping_add(number))
            .with(code::MESSAGE_TYPE, &[MessageType::Discover.number()])
            .with(code::VENDOR_CLASS, class.as_bytes())
            .with(code::CLIENT_ARCHITECTURE, &architecture.to_be_bytes());
        discover.set_broadcast(true);
        socket.send_to(&discover.encode(), everybody)?;
    }
    let begin = Instant::now();
    let (mut offers, mut buffer) = (Vec::new(), vec![0; 4096]);
    while let Some(left) = patience
        .checked_sub(begin.elapsed())
        .filter(|left| !left.is_zero())
    {
        socket.set_read_timeout(Some(left))?;
        let Ok((len, _)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let Ok(packet) = Packet::parse(&buffer[..len]) else {
            continue;
        };
        let is_offer = packet.operation == Operation::Reply
            && packet.message_type() == Some(MessageType::Offer)
            && packet.mac() == Some(MAC)
            && (0..2).any(|number| packet.transaction == first.wrapping_add(number));
        if is_offer && offers.len() < MAX_OFFERS {
            offers.push(packet);
        }
    }
    Ok(offers)
}

/// Our addresses on an interface.
///
/// # Errors
/// The kernel's answer.
pub fn own_addresses(interface: &str) -> io::Result<Vec<Ipv4Addr>> {
    Ok(interface_addresses(interface)?
        .into_iter()
        .map(|(address, _)| address)
        .collect())
}

/// The longest packet that an interface sends.
///
/// # Errors
/// The kernel's answer.
pub fn mtu(interface: &str) -> io::Result<u32> {
    // The kernel lets no interface have such a name; a configuration might.
    if interface.contains('/') {
        return Err(io::ErrorKind::NotFound.into());
    }
    let text = std::fs::read_to_string(format!("/sys/class/net/{interface}/mtu"))?;
    text.trim().parse().map_err(io::Error::other)
}

/// What our own longest packet means for machines, whose boot ROMs all take and send 1500 bytes.
#[must_use]
pub fn judge_mtu(own: u32) -> Finding {
    let (weight, text) = match own {
        ETHERNET_MTU => (
            Weight::Good,
            "packets of up to 1500 bytes go out, as boot ROMs send them".into(),
        ),
        0..ETHERNET_MTU => (
            Weight::Wrong,
            format!(
                "the interface has an MTU of {own}: boot ROMs send packets of 1500 bytes, and what is larger than ours may be lost; set it to 1500 (`ip link set … mtu 1500`, and where it is a tunnel or an overlay, its network's)"
            ),
        ),
        _ => (
            Weight::Note,
            format!(
                "the interface has an MTU of {own}: boot ROMs take 1500 bytes; where switches or machines do not carry more, set it to 1500"
            ),
        ),
    };
    Finding { weight, text }
}

const ETHERNET_MTU: u32 = 1500;

/// Who else than we gives addresses, by these offers.
#[must_use]
pub fn address_givers(offers: &[Packet], own: &[Ipv4Addr]) -> Vec<Ipv4Addr> {
    let mut servers: Vec<Ipv4Addr> = offers
        .iter()
        .filter(|offer| !offer.your_address.is_unspecified())
        .map(server_of)
        .filter(|server| !own.contains(server))
        .collect();
    servers.sort();
    servers.dedup();
    servers
}

fn server_of(offer: &Packet) -> Ipv4Addr {
    offer.server_identifier().unwrap_or(offer.next_server)
}

/// What these offers mean for machines on this network. `own` are the appliance's addresses there; `gives_addresses` is
/// whether it shall give some itself.
#[must_use]
pub fn diagnose(offers: &[Packet], own: &[Ipv4Addr], gives_addresses: bool) -> Vec<Finding> {
    let mut findings = Vec::<Finding>::new();
    let mut add = |weight, text: String| {
        if !findings.iter().any(|finding| finding.text == text) {
            findings.push(Finding { weight, text });
        }
    };
    let others: Vec<(&Packet, Ipv4Addr)> = offers
        .iter()
        .map(|offer| (offer, server_of(offer)))
        .filter(|(_, server)| !own.contains(server))
        .collect();
    match &address_givers(offers, own)[..] {
        [] if gives_addresses => add(
            Weight::Good,
            "no other DHCP server answers: the appliance gives addresses here".into(),
        ),
        [server, ..] if gives_addresses => add(
            Weight::Wrong,
            format!(
                "the DHCP server {server} answers where a pool is configured: the appliance will not start; remove the pool (it boots machines beside that server), or switch that server off"
            ),
        ),
        // A complete offer of ours has an address of theirs in it.
        [] if offers.iter().any(|offer| !offer.your_address.is_unspecified()) => {}
        [] => add(
            Weight::Wrong,
            "no DHCP server answers: machines get no address here; start the site's DHCP server, or let the router relay to it"
                .into(),
        ),
        [server] => add(Weight::Good, format!("the DHCP server {server} answers")),
        several => add(
            Weight::Note,
            format!(
                "{} DHCP servers answer: {}; if that is not on purpose, machines get addresses by chance",
                several.len(),
                several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            ),
        ),
    }
    if offers.iter().any(|offer| own.contains(&server_of(offer))) {
        add(Weight::Good, "the appliance's own boot offers arrive".into());
    }
    for (offer, server) in others {
        let class = offer.vendor_class().unwrap_or_default();
        let is_boot = class.starts_with("PXEClient") || class.starts_with("HTTPClient");
        let file = offer.boot_file();
        if offer.your_address.is_unspecified() {
            if is_boot || file.is_some() {
                add(
                    Weight::Wrong,
                    format!(
                        "{server} offers to boot machines too ({}): which of us a machine follows is chance; switch one off",
                        file.as_deref().map_or("no file named".into(), shown)
                    ),
                );
            }
            continue;
        }
        if is_boot && offer.vendor_options().is_none() {
            add(
                Weight::Wrong,
                format!(
                    "the DHCP server {server} sends option 60 = {} without option 43: UEFI machines then ask its port 4011 and not ours; remove option 60 there (it is left over from another boot server)",
                    shown(&class)
                ),
            );
        }
        if let Some(file) = file {
            add(
                Weight::Wrong,
                format!(
                    "the DHCP server {server} names a boot file ({}): machines may load that instead of ours; remove its options 66 and 67, file and next-server there",
                    shown(&file)
                ),
            );
        }
        if let Some(mtu) = offer
            .options
            .fixed(code::INTERFACE_MTU)
            .map(u16::from_be_bytes)
            .filter(|mtu| *mtu != 1500)
        {
            add(
                Weight::Note,
                format!(
                    "the DHCP server {server} announces an MTU of {mtu}; boot files go in packets of up to 1500 bytes"
                ),
            );
        }
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
    findings
}

/// What another server wrote, fit for a line.
fn shown(text: &(impl AsRef<str> + ?Sized)) -> String {
    text.as_ref()
        .chars()
        .take(80)
        .flat_map(char::escape_debug)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OWN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

    fn offer(server: u8, gives_address: bool) -> Packet {
        let request = Packet::request(MAC, 1);
        let mut offer = Packet::reply_to(&request)
            .with(code::MESSAGE_TYPE, &[MessageType::Offer.number()])
            .with(code::SERVER_IDENTIFIER, &[192, 0, 2, server]);
        if gives_address {
            offer.your_address = Ipv4Addr::new(192, 0, 2, 100);
        }
        offer
    }

    fn said(offers: &[Packet]) -> Vec<(Weight, String)> {
        let found = diagnose(offers, &[OWN], false);
        found
            .into_iter()
            .map(|finding| (finding.weight, finding.text))
            .collect()
    }

    #[test]
    fn a_healthy_network_has_one_dhcp_server_and_us() {
        let ours = offer(2, false).with(code::VENDOR_CLASS, b"PXEClient");
        let merged = offer(2, true)
            .with(code::VENDOR_CLASS, b"PXEClient")
            .with(code::BOOT_FILE_NAME, b"x");
        let found = said(&[offer(1, true), ours, merged, offer(1, true)]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|(weight, _)| *weight == Weight::Good));
    }

    #[test]
    fn each_known_illness_is_named_with_its_remedy() {
        let wds = offer(1, true).with(code::VENDOR_CLASS, b"PXEClient");
        let named = offer(1, true).with(code::BOOT_FILE_NAME, b"pxelinux.0");
        let proxy = offer(9, false)
            .with(code::VENDOR_CLASS, b"PXEClient")
            .with(code::BOOT_FILE_NAME, b"wds\x1b[2J");
        let small = offer(1, true).with(code::INTERFACE_MTU, &1400u16.to_be_bytes());
        for (offers, want, weight) in [
            (vec![], "no DHCP server answers", Weight::Wrong),
            (vec![wds], "remove option 60", Weight::Wrong),
            (vec![named], "pxelinux.0", Weight::Wrong),
            (vec![offer(1, true), proxy], "switch one off", Weight::Wrong),
            (
                vec![offer(1, true), offer(3, true)],
                "2 DHCP servers answer",
                Weight::Note,
            ),
            (vec![small], "MTU of 1400", Weight::Note),
        ] {
            let found = said(&offers);
            assert!(
                found
                    .iter()
                    .any(|(own, text)| text.contains(want) && *own == weight),
                "{want}: {found:?}"
            );
            assert!(found.iter().all(|(_, text)| !text.contains('\x1b')), "{found:?}");
        }
    }

    #[test]
    fn where_the_appliance_gives_addresses_it_is_alone_or_does_not_start() {
        let found = diagnose(&[offer(2, true)], &[OWN], true);
        assert!(
            found.iter().all(|finding| finding.weight == Weight::Good),
            "{found:?}"
        );
        assert!(found[0].text.contains("gives addresses here"), "{found:?}");
        let found = diagnose(&[offer(2, true), offer(7, true)], &[OWN], true);
        assert_eq!(found[0].weight, Weight::Wrong);
        assert!(found[0].text.contains("192.0.2.7"), "{found:?}");
        assert_eq!(
            address_givers(&[offer(9, false), offer(7, true)], &[OWN]),
            [Ipv4Addr::new(192, 0, 2, 7)]
        );
    }

    #[test]
    fn an_mtu_that_is_not_ethernets_is_named_with_its_remedy() {
        assert_eq!(judge_mtu(1500).weight, Weight::Good);
        let small = judge_mtu(1420);
        assert_eq!(small.weight, Weight::Wrong);
        assert!(small.text.contains("MTU of 1420") && small.text.contains("set it to 1500"));
        assert_eq!(judge_mtu(9000).weight, Weight::Note);
        assert_eq!(mtu("lo").unwrap(), 65536);
        assert!(mtu("../lo").is_err());
    }

    proptest! {
        #[test]
        fn any_offers_are_survived(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 240..400), 0..5)) {
            let offers: Vec<Packet> = packets
                .into_iter()
                .filter_map(|mut bytes| {
                    bytes[0] = 2;
                    bytes[2] = 6;
                    bytes[236..240].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
                    Packet::parse(&bytes).ok()
                })
                .collect();
            let _ = diagnose(&offers, &[OWN], false);
        }
    }
}
