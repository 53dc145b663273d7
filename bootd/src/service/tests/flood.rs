//! Many machines at once, and noise meant to harm.

use super::*;
use protocol::dhcp::{MessageType, Packet, code};
use std::{collections::BTreeSet, net::SocketAddrV4};

fn question(number: u32) -> Vec<u8> {
    let [.., a, b] = number.to_be_bytes();
    let mut packet = Packet::request(MacAddr([2, 0, 0, 0, a, b]), number)
        .with(code::MESSAGE_TYPE, &[MessageType::Request.number()])
        .with(code::VENDOR_CLASS, b"PXEClient:Arch:00007:UNDI:003000")
        .with(code::CLIENT_ARCHITECTURE, &[0, 7]);
    packet.client_address = Ipv4Addr::LOCALHOST;
    packet.encode()
}

/// Asks for so many machines at once; who is not answered asks again, as firmware does. Returns how many rounds it took.
fn ask_for_all(socket: &UdpSocket, server: SocketAddrV4, machines: u32) -> u32 {
    let mut waiting: BTreeSet<u32> = (1..=machines).collect();
    let mut buffer = [0; 2000];
    for round in 1..=4 {
        for number in &waiting {
            socket.send_to(&question(*number), server).unwrap();
        }
        while !waiting.is_empty() {
            let Ok((len, from)) = socket.recv_from(&mut buffer) else {
                break;
            };
            assert_eq!(from, server.into());
            let answer = Packet::parse(&buffer[..len]).unwrap();
            assert_eq!(answer.boot_file().as_deref(), Some("amorce/shimx64.efi"));
            waiting.remove(&answer.transaction);
        }
        if waiting.is_empty() {
            return round;
        }
    }
    panic!("{} of {machines} machines were never answered", waiting.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_machines_at_once_are_answered_also_in_the_middle_of_noise() {
    let services = Running::start().await;
    fs::write(services.boot_folder().join("shimx64.efi"), "shim").unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let server = SocketAddrV4::new(Ipv4Addr::LOCALHOST, services.boot_server_port);
    let tftp = SocketAddrV4::new(Ipv4Addr::LOCALHOST, services.tftp_port);
    let rounds = tokio::task::block_in_place(|| ask_for_all(&socket, server, 500));
    assert!(rounds <= 3, "{rounds} rounds");

    let enemy = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut state = 1u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let good = question(9);
    for _ in 0..20_000 {
        // Broken in a few places: what is only noise ends at the first check.
        let mut bytes = match random() % 3 {
            0 => good.clone(),
            1 => b"\0\x01amorce/shimx64.efi\0octet\0blksize\x001468\0windowsize\x0064\0".to_vec(),
            _ => vec![0; 300],
        };
        for _ in 0..random() % 6 {
            let place = usize::try_from(random()).unwrap() % bytes.len();
            bytes[place] = random().to_le_bytes()[0];
        }
        bytes.truncate(usize::try_from(random()).unwrap() % (bytes.len() * 4) + 1);
        let target = if random().is_multiple_of(2) { server } else { tftp };
        // A full queue loses datagrams: so would the wire.
        let _ = enemy.send_to(&bytes, target);
    }
    let rounds = tokio::task::block_in_place(|| ask_for_all(&socket, server, 50));
    assert!(rounds <= 3, "{rounds} rounds after the noise");
    let url = format!("http://{}/boot/files/shimx64.efi", services.http);
    let output = tokio::process::Command::new("curl")
        .args(["-sSf", "--max-time", "20", &url])
        .output()
        .await
        .unwrap();
    assert_eq!(output.stdout, b"shim");
    services.stop().await;
}
