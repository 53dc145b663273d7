//! Moves TFTP packets: one listener per interface, one task and one connected socket per transfer.

use super::{
    engine::{Action, EndReason, Limits, Transfer, low_bits},
    wire::{ClientPacket, ReadRequest, data_header, error, error_code},
};
use crate::{
    event::{BootEvent, Happening},
    network::InterfaceSocket,
    service::{Content, Refusal, Shared},
};
use nix::sys::socket::{getsockopt, sockopt::IpMtu};
use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{net::UdpSocket, time::sleep_until};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Transfers at one time. A request beyond is not answered: the machine asks again by itself.
const MAX_TRANSFERS: usize = 512;
/// Transfers at one time for one address; a machine needs one.
const MAX_TRANSFERS_PER_ADDRESS: usize = 8;
/// A packet of a client that begins nothing is short.
const BUFFER_LEN: usize = 2048;
/// A round-trip without the kernel's own knowledge of the network.
const ETHERNET_MTU: u32 = 1500;

/// The transfers that run, by the client's address and port.
#[derive(Debug, Default)]
pub(crate) struct Transfers(Mutex<HashMap<SocketAddrV4, Running>>);

#[derive(Debug)]
struct Running {
    request: Vec<u8>,
    began: Instant,
    marks: Marks,
}

/// What others know and decide of a transfer.
#[derive(Clone, Debug, Default)]
struct Marks {
    /// The client has answered on the transfer's own port.
    heard: Arc<AtomicBool>,
    /// The client has begun another.
    replaced: CancellationToken,
}

/// Answers requests on one interface until told to stop.
pub(crate) async fn serve(shared: Arc<Shared>, socket: InterfaceSocket, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    let mut buffer = vec![0; BUFFER_LEN];
    loop {
        let received = tokio::select! {
            () = stop.cancelled() => break,
            received = socket.receive(&mut buffer) => received,
        };
        let datagram = match received {
            Ok(datagram) => datagram,
            Err(error) => {
                tracing::warn!(%error, "cannot receive TFTP requests");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let (client, local) = (datagram.source, datagram.local);
        let bytes = &buffer[..datagram.len];
        let refusal = match ClientPacket::parse(bytes) {
            Ok(ClientPacket::Read(request)) if request.octet => {
                if let Some(marks) = shared.transfers.admit(client, bytes) {
                    let shared = Arc::clone(&shared);
                    let stop = stop.child_token();
                    tasks.spawn(async move {
                        run(&shared, request, client, local, &marks, &stop).await;
                        shared.transfers.remove(client, &marks.replaced);
                    });
                }
                continue;
            }
            Ok(ClientPacket::Read(request)) => {
                tell_refused(&shared, client, &request.file, "only the mode octet is served");
                error(error_code::ILLEGAL, "only the mode octet is served")
            }
            Ok(ClientPacket::Write) => error(error_code::ACCESS, "this server only sends"),
            // Acknowledgements and errors belong to a transfer's own port.
            Ok(_) | Err(_) => continue,
        };
        let _ = socket.send(&refusal, local, client).await;
    }
    tasks.close();
    tasks.wait().await;
}

impl Transfers {
    /// Whether a request may begin a transfer. A client that asks again from the same port begins anew, unless it
    /// only repeats the request that was just taken, or one that it has not had an answer to: a loader keeps to the port
    /// that answers first, and would speak to a closed one for ever if its repeated request had opened another.
    fn admit(&self, client: SocketAddrV4, request: &[u8]) -> Option<Marks> {
        let mut running = self.lock();
        if let Some(other) = running.get(&client) {
            let is_unanswered = !other.marks.heard.load(Ordering::Relaxed);
            if other.request == request
                && (is_unanswered || other.began.elapsed() < Duration::from_millis(900))
            {
                return None;
            }
            other.marks.replaced.cancel();
        } else {
            let of_address = running.keys().filter(|key| key.ip() == client.ip()).count();
            if running.len() >= MAX_TRANSFERS || of_address >= MAX_TRANSFERS_PER_ADDRESS {
                return None;
            }
        }
        let marks = Marks::default();
        running.insert(
            client,
            Running {
                request: request.to_vec(),
                began: Instant::now(),
                marks: marks.clone(),
            },
        );
        Some(marks)
    }

    fn remove(&self, client: SocketAddrV4, ended: &CancellationToken) {
        // A transfer that was replaced must not remove its successor, whose token is not cancelled.
        if !ended.is_cancelled() {
            self.lock().remove(&client);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddrV4, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(
    shared: &Arc<Shared>,
    request: ReadRequest,
    client: SocketAddrV4,
    local: Ipv4Addr,
    marks: &Marks,
    stop: &CancellationToken,
) {
    // A new port for each transfer, on the address that was asked: some loaders drop answers from another.
    let socket = match connect(local, client).await {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, %client, "cannot open a port for a TFTP transfer");
            return;
        }
    };
    shared.went_on(shared.learned.mac_of(*client.ip()));
    let content = match shared.tftp_content(&request.file, *client.ip(), local).await {
        Ok(content) => content,
        Err(refusal) => {
            let (code, why) = match refusal {
                Refusal::NotFound => (error_code::NOT_FOUND, "no such file"),
                Refusal::Failed => (error_code::UNDEFINED, "the file cannot be read"),
            };
            let _ = socket.send(&error(code, why)).await;
            tell_refused(shared, client, &request.file, why);
            return;
        }
    };
    let mtu = getsockopt(&socket, IpMtu)
        .ok()
        .and_then(|mtu| u32::try_from(mtu).ok())
        .unwrap_or(ETHERNET_MTU);
    let began = Instant::now();
    let (transfer, first) = Transfer::begin(&request.options, content.len(), Limits::for_mtu(mtu), began);
    let mut sender = Sender {
        socket,
        content: Some(content),
        chunk: Vec::new(),
        chunk_offset: 0,
        transfer,
    };
    let end = sender.drive(first, marks, stop).await;
    let transfer = &sender.transfer;
    shared.decisions.observe(BootEvent {
        mac: shared.learned.mac_of(*client.ip()),
        address: Some(*client.ip()),
        happening: Happening::TransferEnded {
            file: request.file.escape_debug().to_string(),
            bytes: transfer.acknowledged_bytes(),
            of: transfer.file_len(),
            block_len: transfer.block_len(),
            window: transfer.window(),
            resent: transfer.resent_blocks(),
            took: began.elapsed(),
            end,
        },
    });
}

async fn connect(local: Ipv4Addr, client: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddr::from((local, 0))).await?;
    socket.connect(client).await?;
    Ok(socket)
}

fn tell_refused(shared: &Shared, client: SocketAddrV4, file: &str, why: &'static str) {
    shared.decisions.observe(BootEvent {
        mac: shared.learned.mac_of(*client.ip()),
        address: Some(*client.ip()),
        happening: Happening::TransferRefused {
            file: file.chars().take(200).flat_map(char::escape_debug).collect(),
            why,
        },
    });
}

/// A transfer with its socket and its file.
struct Sender {
    socket: UdpSocket,
    /// Away only while a thread reads from it.
    content: Option<Content>,
    /// A stretch of the file, read ahead.
    chunk: Vec<u8>,
    chunk_offset: u64,
    transfer: Transfer,
}

/// The file is read in stretches of at least this length, so that a small block costs no trip to another thread.
const CHUNK_LEN: u64 = 128 * 1024;

impl Sender {
    async fn drive(&mut self, first: Action, marks: &Marks, stop: &CancellationToken) -> EndReason {
        let mut buffer = [0; BUFFER_LEN];
        let mut action = first;
        let alarm = sleep_until(self.transfer.deadline().into());
        tokio::pin!(alarm);
        loop {
            if let Err(reason) = self.perform(action).await {
                self.transfer.stop(reason);
            }
            if let Some(end) = self.transfer.end() {
                return end.clone();
            }
            alarm.as_mut().reset(self.transfer.deadline().into());
            action = tokio::select! {
                biased;
                received = self.socket.recv(&mut buffer) => match received {
                    Ok(len) => {
                        marks.heard.store(true, Ordering::Relaxed);
                        ClientPacket::parse(&buffer[..len])
                            .map_or(Action::Wait, |packet| self.transfer.on_packet(&packet, Instant::now()))
                    }
                    Err(error) => {
                        self.transfer.stop(end_of(&error));
                        Action::Wait
                    }
                },
                () = &mut alarm => self.transfer.on_timeout(Instant::now()),
                () = marks.replaced.cancelled() => {
                    self.transfer.stop(EndReason::Replaced);
                    Action::Wait
                }
                () = stop.cancelled() => {
                    self.transfer.stop(EndReason::Stopped);
                    let _ = self.socket.send(&error(error_code::UNDEFINED, "the server stops")).await;
                    Action::Wait
                }
            };
        }
    }

    async fn perform(&mut self, action: Action) -> Result<(), EndReason> {
        match action {
            Action::Wait => Ok(()),
            Action::SendOptions(granted) => self.send(&granted.encode()).await,
            Action::SendBlocks { first, count } => {
                let mut packet = Vec::with_capacity(4 + usize::from(self.transfer.block_len()));
                for block in first..first + u64::from(count) {
                    let (offset, len) = self.transfer.block_range(block);
                    if let Err(error) = self.load(offset, len).await {
                        tracing::warn!(%error, "cannot read a boot file");
                        let _ = self
                            .socket
                            .send(&self::error(error_code::UNDEFINED, "read error"))
                            .await;
                        return Err(EndReason::ReadError);
                    }
                    let start = usize::try_from(offset - self.chunk_offset).unwrap_or(usize::MAX);
                    packet.clear();
                    packet.extend(data_header(low_bits(block)));
                    packet.extend_from_slice(
                        self.chunk
                            .get(start..start.saturating_add(len))
                            .unwrap_or_default(),
                    );
                    self.send(&packet).await?;
                }
                Ok(())
            }
        }
    }

    /// Makes sure that this stretch of the file is in memory.
    async fn load(&mut self, offset: u64, len: usize) -> io::Result<()> {
        let end = offset + len as u64;
        if offset >= self.chunk_offset && end <= self.chunk_offset + self.chunk.len() as u64 {
            return Ok(());
        }
        let wanted = CHUNK_LEN.max(len as u64).min(self.transfer.file_len() - offset);
        let (Some(content), mut chunk) = (self.content.take(), std::mem::take(&mut self.chunk)) else {
            return Err(io::Error::other("the file was lost by an earlier failure"));
        };
        // A disk may be slow; other transfers go on meanwhile.
        let (content, chunk, result) = tokio::task::spawn_blocking(move || {
            chunk.resize(usize::try_from(wanted).unwrap_or(0), 0);
            let result = content.read_exact_at(&mut chunk, offset);
            (content, chunk, result)
        })
        .await
        .map_err(io::Error::other)?;
        (self.content, self.chunk, self.chunk_offset) = (Some(content), chunk, offset);
        result
    }

    async fn send(&self, bytes: &[u8]) -> Result<(), EndReason> {
        match self.socket.send(bytes).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Err(EndReason::Unreachable),
            // A full queue or a cable that was pulled: as if the datagram were lost on the way.
            Err(_) => Ok(()),
        }
    }
}

fn end_of(error: &io::Error) -> EndReason {
    if error.kind() == io::ErrorKind::ConnectionRefused {
        EndReason::Unreachable
    } else {
        EndReason::Silence
    }
}

#[cfg(test)]
mod tests;
