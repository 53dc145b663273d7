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

impl BootRom {
    /// Looks for servers once, and returns the first offer that names a boot file.
    ///
    /// # Errors
    /// There is none.
    pub fn discover(self, network: &Network, segment: Segment, transaction: u32) -> Result<Packet> {
        inside(&network.segment_path(segment), move || self.ask(transaction))
    }

    fn ask(self, transaction: u32) -> Result<Packet> {
        let class = format!("PXEClient:Arch:{:05}:UNDI:002001", self.architecture);
        let mut discover = Packet::request(self.mac, transaction)
            .with(code::MESSAGE_TYPE, &[MessageType::Discover.number()])
            .with(code::VENDOR_CLASS, class.as_bytes())
            .with(code::CLIENT_ARCHITECTURE, &self.architecture.to_be_bytes());
        discover.set_broadcast(true);
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
            .send_to(&discover.encode(), everybody)
            .context("cannot ask")?;
        let begin = Instant::now();
        let mut buffer = [0; 2000];
        loop {
            let left = PATIENCE
                .checked_sub(begin.elapsed())
                .filter(|left| !left.is_zero());
            socket.set_read_timeout(Some(left.context("no offer names a boot file")?))?;
            let Ok((len, _)) = socket.recv_from(&mut buffer) else {
                continue;
            };
            let Ok(packet) = Packet::parse(&buffer[..len]) else {
                continue;
            };
            let ours = packet.operation == Operation::Reply
                && packet.transaction == transaction
                && packet.boot_file().is_some();
            if ours && packet.your_address.is_unspecified() {
                ensure!(
                    packet.message_type() == Some(MessageType::Offer),
                    "the answer is no offer"
                );
                return Ok(packet);
            }
        }
    }
}
