//! Many machines at once, each only its packets; and somebody who means harm.

use crate::{
    network::{Network, SERVER, Segment},
    process::run,
    scripted::inside,
};
use anyhow::{Context, Result, anyhow, ensure};
use nix::sys::socket::{setsockopt, sockopt};
use protocol::{
    MacAddr,
    dhcp::{BOOT_SERVER_PORT, CLIENT_PORT, MessageType, Packet, SERVER_PORT, code},
};
use std::{
    collections::HashMap,
    fmt::Write as _,
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddrV4, TcpStream, UdpSocket},
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// How they were answered.
pub struct Storm {
    /// Machines that needed no second question.
    pub first_time: usize,
    /// From each machine's answered question to its answer, in order.
    pub milliseconds: Vec<f64>,
}

/// What one machine of a crowd got.
struct Loaded {
    /// From its question on port 4011 to the answer.
    milliseconds: f64,
    bytes: usize,
}

impl Storm {
    /// 99 of 100 machines were answered within this.
    pub fn p99(&self) -> f64 {
        self.milliseconds[self.milliseconds.len() * 99 / 100]
    }

    /// Half of the machines were answered within this.
    pub fn median(&self) -> f64 {
        self.milliseconds[self.milliseconds.len() / 2]
    }
}

fn mac(number: usize) -> MacAddr {
    let [.., a, b] = number.to_be_bytes();
    MacAddr([0x52, 0x54, 0, 0xcc, a, b])
}

/// Half of them old, half of them new.
fn question(kind: MessageType, number: usize) -> Packet {
    let architecture = if number.is_multiple_of(2) { 0u16 } else { 7 };
    let class = format!("PXEClient:Arch:{architecture:05}:UNDI:002001");
    Packet::request(mac(number), u32::try_from(number).unwrap_or(0))
        .with(code::MESSAGE_TYPE, &[kind.number()])
        .with(code::VENDOR_CLASS, class.as_bytes())
        .with(code::CLIENT_ARCHITECTURE, &architecture.to_be_bytes())
}

/// So many machines look for servers in the same instant; who is not answered asks again, as firmware does.
///
/// # Errors
/// One is never answered.
pub fn look_for_servers(network: &Network, machines: usize) -> Result<Storm> {
    inside(&network.segment_path(Segment::Site), move || look(machines))
}

fn look(machines: usize) -> Result<Storm> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, CLIENT_PORT)).context("port 68 is taken")?;
    socket.set_broadcast(true)?;
    setsockopt(&socket, sockopt::BindToDevice, &std::ffi::OsString::from("br0"))?;
    setsockopt(&socket, sockopt::RcvBufForce, &(8 << 20))?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut waiting: HashMap<usize, Instant> = HashMap::new();
    let mut milliseconds = Vec::new();
    let mut first_time = 0;
    let mut buffer = [0; 2000];
    for round in 0..4 {
        let ask: Vec<usize> = if round == 0 {
            (1..=machines).collect()
        } else {
            waiting.keys().copied().collect()
        };
        for number in ask {
            let mut packet = question(MessageType::Discover, number);
            packet.set_broadcast(true);
            socket.send_to(&packet.encode(), (Ipv4Addr::BROADCAST, SERVER_PORT))?;
            waiting.insert(number, Instant::now());
        }
        while !waiting.is_empty() {
            let Ok((len, _)) = socket.recv_from(&mut buffer) else {
                break;
            };
            let Ok(packet) = Packet::parse(&buffer[..len]) else {
                continue;
            };
            let number = usize::try_from(packet.transaction)?;
            if packet.boot_file().is_some()
                && let Some(asked) = waiting.remove(&number)
            {
                milliseconds.push(asked.elapsed().as_secs_f64() * 1e3);
                first_time += usize::from(round == 0);
            }
        }
    }
    ensure!(
        waiting.is_empty(),
        "{} machines were never answered",
        waiting.len()
    );
    milliseconds.sort_by(f64::total_cmp);
    Ok(Storm {
        first_time,
        milliseconds,
    })
}

/// So many machines, each with an address of its own, ask on port 4011, load a boot file by TFTP and their script by
/// HTTP, all at once. Returns how they were answered, and how many bytes they loaded.
///
/// # Errors
/// One of them gets not there.
pub fn boot(network: &Network, machines: usize, scratch: &Path) -> Result<(Storm, usize)> {
    ensure!(machines < 1000, "the crowd's network has no more addresses");
    let address = |number: usize| Ipv4Addr::from(u32::from(CROWD) + u32::try_from(number).unwrap_or(0));
    let mut batch = String::new();
    for number in 1..=machines {
        writeln!(batch, "address replace {}/32 dev br0", address(number))?;
    }
    let path = scratch.join("addresses");
    fs::write(&path, batch)?;
    run(network.on_lan("ip").arg("-batch").arg(&path))?;
    run(network
        .on_server("ip")
        .args(["route", "replace", "10.77.4.0/22", "via", "10.77.0.1"]))?;
    let results = inside(&network.segment_path(Segment::Site), move || {
        let crowd: Vec<_> = (1..=machines)
            .map(|number| thread::spawn(move || boot_one(number, address(number))))
            .collect();
        let ended = crowd.into_iter().map(|machine| {
            machine
                .join()
                .unwrap_or_else(|_| Err(anyhow!("a machine of the crowd panicked")))
        });
        ended.collect::<Result<Vec<Loaded>>>()
    })?;
    let mut milliseconds: Vec<f64> = results.iter().map(|one| one.milliseconds).collect();
    milliseconds.sort_by(f64::total_cmp);
    let storm = Storm {
        first_time: milliseconds.iter().filter(|time| **time < 1000.0).count(),
        milliseconds,
    };
    Ok((storm, results.iter().map(|one| one.bytes).sum()))
}

/// The machines' network, behind the site's router.
const CROWD: Ipv4Addr = Ipv4Addr::new(10, 77, 4, 0);
/// How often firmware repeats itself, at least, and after which silence.
const TRIES: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(1);

fn boot_one(number: usize, address: Ipv4Addr) -> Result<Loaded> {
    let begin = Instant::now();
    ask_boot_server(number, address)?;
    let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
    let loader = load(address, "amorce/undionly.kpxe").with_context(|| format!("machine {number}"))?;
    let script = fetch(&format!("/boot/ipxe?mac={}", mac(number)))?;
    ensure!(
        script.contains("#!ipxe"),
        "machine {number} got no script: {script}"
    );
    Ok(Loaded {
        milliseconds,
        bytes: loader.len() + script.len(),
    })
}

fn ask_boot_server(number: usize, address: Ipv4Addr) -> Result<()> {
    let socket = UdpSocket::bind((address, 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut packet = question(MessageType::Request, number);
    packet.client_address = address;
    let mut buffer = [0; 2000];
    for _ in 0..TRIES {
        socket.send_to(&packet.encode(), (SERVER, BOOT_SERVER_PORT))?;
        if let Ok((len, _)) = socket.recv_from(&mut buffer) {
            let answer = Packet::parse(&buffer[..len])?;
            ensure!(answer.boot_file().is_some(), "the answer names no boot file");
            return Ok(());
        }
    }
    Err(anyhow!("machine {number} was never answered on port 4011"))
}

/// As EDK2 loads: blocks of 1468 bytes, windows of 4.
fn load(address: Ipv4Addr, file: &str) -> Result<Vec<u8>> {
    let socket = UdpSocket::bind((address, 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let request = [
        &b"\0\x01"[..],
        file.as_bytes(),
        b"\0octet\0blksize\x001468\0windowsize\x004\0",
    ]
    .concat();
    let server = SocketAddrV4::new(SERVER, 69);
    socket.send_to(&request, server)?;
    let (mut peer, mut bytes, mut next, mut in_window) = (None, Vec::new(), 1u16, 0);
    let (mut buffer, mut silence) = ([0; 1500], 0);
    loop {
        let Ok((len, from)) = socket.recv_from(&mut buffer) else {
            silence += 1;
            ensure!(silence < TRIES, "TFTP fell silent at {} bytes", bytes.len());
            match peer {
                None => socket.send_to(&request, server)?,
                Some(peer) => socket.send_to(&[[0, 4], next.wrapping_sub(1).to_be_bytes()].concat(), peer)?,
            };
            continue;
        };
        let acknowledge = |block: u16| socket.send_to(&[[0, 4], block.to_be_bytes()].concat(), from);
        match &buffer[..len] {
            [0, 6, ..] => {
                peer = Some(from);
                acknowledge(0)?;
            }
            [0, 3, high, low, data @ ..] if u16::from_be_bytes([*high, *low]) == next => {
                silence = 0;
                bytes.extend(data);
                in_window += 1;
                if data.len() < 1468 || in_window == 4 {
                    acknowledge(next)?;
                    in_window = 0;
                }
                if data.len() < 1468 {
                    return Ok(bytes);
                }
                next = next.wrapping_add(1);
            }
            [0, 5, ..] => {
                return Err(anyhow!(
                    "TFTP refused: {}",
                    String::from_utf8_lossy(&buffer[..len])
                ));
            }
            _ => {}
        }
    }
}

fn fetch(path: &str) -> Result<String> {
    let mut stream = TcpStream::connect((SERVER, 80)).context("HTTP does not answer")?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {SERVER}\r\nConnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text).context("HTTP fell silent")?;
    Ok(text)
}

/// Sends for so long whatever might hurt: packets broken in a few places, requests that never end, plain noise. Returns
/// how many.
///
/// # Errors
/// Nothing can be sent at all.
pub fn harm(network: &Network, duration: Duration) -> Result<u64> {
    inside(&network.segment_path(Segment::Site), move || {
        harm_from_inside(duration)
    })
}

fn harm_from_inside(duration: Duration) -> Result<u64> {
    let dhcp = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, CLIENT_PORT)).context("port 68 is taken")?;
    dhcp.set_broadcast(true)?;
    setsockopt(&dhcp, sockopt::BindToDevice, &std::ffi::OsString::from("br0"))?;
    let other = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    other.set_nonblocking(true)?;
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (begin, mut sent) = (Instant::now(), 0);
    let mut held: Vec<TcpStream> = Vec::new();
    let mut buffer = [0; 2000];
    while begin.elapsed() < duration {
        for _ in 0..64 {
            let kind = random.below(8);
            let mut bytes = harmful(kind, &mut random);
            for _ in 0..random.below(6) {
                let place = random.below(bytes.len());
                bytes[place] = random.below(256) as u8;
            }
            bytes.truncate(random.below(bytes.len() * 4) + 1);
            let port = [SERVER_PORT, BOOT_SERVER_PORT, 69][random.below(3)];
            // A full queue loses datagrams: so would the wire.
            let _ = match (port, random.below(2)) {
                (SERVER_PORT, 0) => dhcp.send_to(&bytes, (Ipv4Addr::BROADCAST, port)),
                (SERVER_PORT, _) => dhcp.send_to(&bytes, (SERVER, port)),
                _ => other.send_to(&bytes, (SERVER, port)),
            };
            sent += 1;
        }
        // Whoever answers is answered by nonsense.
        while let Ok((_, from)) = other.recv_from(&mut buffer) {
            let nonsense = [
                0,
                random.below(8) as u8,
                random.below(256) as u8,
                random.below(256) as u8,
            ];
            let _ = other.send_to(&nonsense, from);
            sent += 1;
        }
        // Connections that say too little, too much or nothing, and stay.
        let port = [80, 443, 8443][random.below(3)];
        let to = SocketAddrV4::new(SERVER, port).into();
        if let Ok(mut stream) = TcpStream::connect_timeout(&to, Duration::from_millis(50)) {
            let words: &[u8] = match random.below(4) {
                0 => b"GET /boot/files/vmlinuz HTTP/1.1\r\nHost: x\r\nRange: bytes=0-\r\n\r\n",
                1 => b"GET /boot/ipxe?mac=",
                2 => &[0x16, 3, 1, 0xff, 0xff, 1, 0, 0xff],
                _ => b"",
            };
            let _ = stream.write_all(words);
            if held.len() >= 200 {
                held.swap_remove(random.below(200));
            }
            held.push(stream);
            sent += 1;
        }
    }
    Ok(sent)
}

fn harmful(kind: usize, random: &mut Random) -> Vec<u8> {
    let number = random.below(60_000);
    match kind {
        0 => question(MessageType::Discover, number).encode(),
        1 => {
            let mut packet = question(MessageType::Request, number)
                .with(code::REQUESTED_ADDRESS, &[10, 77, 0, 150])
                .with(code::SERVER_IDENTIFIER, &SERVER.octets());
            packet.client_address = Ipv4Addr::new(10, 77, 0, 151);
            packet.encode()
        }
        2 => question(MessageType::Inform, number)
            .with(
                code::VENDOR_OPTIONS,
                b"\x01\x01\x01\x02\x02\x01\x01\x05\x02\x03\xe1",
            )
            .with(code::USER_CLASS, b"iPXE")
            .encode(),
        3 => {
            let mut packet = Packet::request(mac(number), 7)
                .with(code::MESSAGE_TYPE, &[MessageType::Inform.number()])
                .with(code::VENDOR_CLASS, b"AAPLBSDPC/i386/iMac14,2")
                .with(
                    code::VENDOR_OPTIONS,
                    b"\x01\x01\x01\x02\x02\x01\x01\x05\x02\x03\xe1",
                );
            packet.client_address = Ipv4Addr::new(10, 77, 0, 151);
            packet.encode()
        }
        4 => b"\0\x01amorce/vmlinuz\0octet\0blksize\x0065464\0windowsize\x0065535\0timeout\x00255\0".to_vec(),
        5 => b"\0\x01../../../../etc/shadow\0octet\0tsize\x000\0".to_vec(),
        6 => {
            let mut reply = Packet::reply_to(&question(MessageType::Discover, number))
                .with(code::MESSAGE_TYPE, &[MessageType::Offer.number()])
                .with(code::SERVER_IDENTIFIER, &[10, 77, 0, 66]);
            reply.relay = SERVER;
            reply.your_address = SERVER;
            reply.encode()
        }
        _ => (0..random.below(1400) + 1)
            .map(|_| random.below(256) as u8)
            .collect(),
    }
}

/// Numbers that look random and are the same in every run (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % end.max(1)
    }
}
