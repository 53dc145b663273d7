//! A machine that is only its packets: a boot ROM that behaves as the scenario wants.

use crate::network::{Network, Segment};
use anyhow::{Context, Result, anyhow, ensure};
use nix::sched::{CloneFlags, setns};
use protocol::{
    MacAddr,
    dhcp::{CLIENT_PORT, MessageType, Operation, Packet, SERVER_PORT, code},
};
use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// How long offers are awaited.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long, where none may come.
const SHORT_PATIENCE: Duration = Duration::from_secs(3);

/// A boot ROM.
#[derive(Clone, Copy, Debug)]
pub struct BootRom {
    /// Its adapter.
    pub mac: MacAddr,
    /// Architecture number.
    pub architecture: u16,
}

/// Does something inside a network namespace.
///
/// # Errors
/// The namespace cannot be entered, or what is done there fails.
pub fn inside<T: Send + 'static>(
    namespace: &Path,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let namespace = namespace.to_owned();
    // A thread enters the namespace for good: it has to be its own.
    let done = thread::spawn(move || {
        let file = File::open(&namespace).context("cannot open the network namespace")?;
        setns(file, CloneFlags::CLONE_NEWNET).context("cannot enter the network namespace")?;
        work()
    });
    done.join()
        .map_err(|_| anyhow!("what was done in the network namespace panicked"))?
}

/// Somebody who listens for the packet that wakes a machine.
pub struct MagicPacket(thread::JoinHandle<Result<()>>);

impl MagicPacket {
    /// Listens among the machines of a segment from now on.
    ///
    /// # Errors
    /// Nobody can listen there.
    pub fn watch(network: &Network, segment: Segment, mac: MacAddr) -> Result<Self> {
        /// The port that magic packets are sent to by custom (discard).
        const PORT: u16 = 9;
        let socket = inside(&network.segment_path(segment), || {
            UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).context("port 9 is taken")
        })?;
        let mut wanted = vec![0xff; 6];
        for _ in 0..16 {
            wanted.extend(mac.octets());
        }
        Ok(Self(thread::spawn(move || {
            let begin = Instant::now();
            let mut buffer = [0; 2000];
            loop {
                let left = PATIENCE
                    .checked_sub(begin.elapsed())
                    .filter(|left| !left.is_zero());
                socket.set_read_timeout(Some(left.context("no magic packet came")?))?;
                if let Ok((len, _)) = socket.recv_from(&mut buffer)
                    && buffer[..len].starts_with(&wanted)
                {
                    return Ok(());
                }
            }
        })))
    }

    /// Waits until it came.
    ///
    /// # Errors
    /// It does not.
    pub fn wait(self) -> Result<()> {
        self.0.join().map_err(|_| anyhow!("the listener panicked"))?
    }
}

impl BootRom {
    /// Looks for servers once, and returns the first offer that names a boot file.
    ///
    /// # Errors
    /// There is none.
    pub fn discover(self, network: &Network, segment: Segment, transaction: u32) -> Result<Packet> {
        inside(&network.segment_path(segment), move || self.ask(transaction))
    }

    /// Looks for servers once, and returns the first offer that has an address with it; none if none comes in time.
    ///
    /// # Errors
    /// The network refuses.
    pub fn look_for_address(
        self,
        network: &Network,
        segment: Segment,
        transaction: u32,
    ) -> Result<Option<Packet>> {
        inside(&network.segment_path(segment), move || {
            let begin = Instant::now();
            let socket = self.send(&self.question(MessageType::Discover, transaction))?;
            receive(&socket, begin, SHORT_PATIENCE, |packet| {
                packet.transaction == transaction
                    && packet.mac() == Some(self.mac)
                    && !packet.your_address.is_unspecified()
            })
        })
    }

    /// Takes an offer, inside of the machine's network, and returns the answer.
    ///
    /// # Errors
    /// There is none.
    pub fn accept(self, offer: &Packet) -> Result<Packet> {
        let server = offer.server_identifier().context("the offer names no server")?;
        let request = self
            .question(MessageType::Request, offer.transaction)
            .with(code::REQUESTED_ADDRESS, &offer.your_address.octets())
            .with(code::SERVER_IDENTIFIER, &server.octets());
        let begin = Instant::now();
        let socket = self.send(&request)?;
        let is_answer = |packet: &Packet| {
            packet.transaction == offer.transaction && packet.message_type() != Some(MessageType::Offer)
        };
        receive(&socket, begin, PATIENCE, is_answer)?.context("the request is not answered")
    }

    fn question(self, kind: MessageType, transaction: u32) -> Packet {
        let class = format!("PXEClient:Arch:{:05}:UNDI:002001", self.architecture);
        let mut packet = Packet::request(self.mac, transaction)
            .with(code::MESSAGE_TYPE, &[kind.number()])
            .with(code::VENDOR_CLASS, class.as_bytes())
            .with(code::CLIENT_ARCHITECTURE, &self.architecture.to_be_bytes());
        packet.set_broadcast(true);
        packet
    }

    /// Sends a question to everybody; the socket hears the answers.
    fn send(self, packet: &Packet) -> Result<UdpSocket> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, CLIENT_PORT)).context("port 68 is taken")?;
        socket.set_broadcast(true).context("no broadcasts")?;
        // The bridge is the namespace's only network, so the broadcast goes out there.
        let everybody = SocketAddrV4::new(Ipv4Addr::BROADCAST, SERVER_PORT);
        nix::sys::socket::setsockopt(
            &socket,
            nix::sys::socket::sockopt::BindToDevice,
            &std::ffi::OsString::from("br0"),
        )
        .context("cannot bind to the bridge")?;
        socket
            .send_to(&packet.encode(), everybody)
            .context("cannot ask")?;
        Ok(socket)
    }

    fn ask(self, transaction: u32) -> Result<Packet> {
        let begin = Instant::now();
        let socket = self.send(&self.question(MessageType::Discover, transaction))?;
        let is_boot_offer = |packet: &Packet| {
            packet.transaction == transaction
                && packet.boot_file().is_some()
                && packet.your_address.is_unspecified()
        };
        let offer =
            receive(&socket, begin, PATIENCE, is_boot_offer)?.context("no offer names a boot file")?;
        ensure!(
            offer.message_type() == Some(MessageType::Offer),
            "the answer is no offer"
        );
        Ok(offer)
    }
}

/// The first reply that is what was asked for; none if none comes in time.
fn receive(
    socket: &UdpSocket,
    begin: Instant,
    patience: Duration,
    is_it: impl Fn(&Packet) -> bool,
) -> Result<Option<Packet>> {
    let mut buffer = [0; 2000];
    loop {
        let left = patience
            .checked_sub(begin.elapsed())
            .filter(|left| !left.is_zero());
        let Some(left) = left else { return Ok(None) };
        socket.set_read_timeout(Some(left))?;
        let Ok((len, _)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        if let Ok(packet) = Packet::parse(&buffer[..len])
            && packet.operation == Operation::Reply
            && is_it(&packet)
        {
            return Ok(Some(packet));
        }
    }
}
