//! Takes TFTP requests: one listener per interface; each transfer gets a connected socket and a thread.

use super::{
    engine::{Limits, Transfer},
    sender::Sender,
    wire::{ClientPacket, ReadRequest, error, error_code},
};
use crate::{
    event::{BootEvent, Happening},
    network::InterfaceSocket,
    service::{Refusal, Shared},
};
use nix::sys::socket::{getsockopt, sockopt::IpMtu};
use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Transfers at one time. A request beyond is not answered: the machine asks again by itself.
const MAX_TRANSFERS: usize = 512;
/// Transfers at one time for one address; a machine needs one.
const MAX_TRANSFERS_PER_ADDRESS: usize = 8;
/// A packet of a client that begins nothing is short.
const BUFFER_LEN: usize = 2048;
/// What a transfer's thread needs is counted in kilobytes; its blocks are on the heap.
const STACK_LEN: usize = 256 * 1024;
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
pub(super) struct Marks {
    /// The client has answered on the transfer's own port.
    pub(super) heard: Arc<AtomicBool>,
    /// The client has begun another.
    pub(super) replaced: CancellationToken,
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
    let socket = match connect(local, client) {
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
            let _ = socket.send(&error(code, why));
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
    let (ended, end) = oneshot::channel();
    let (marks, stop) = (marks.clone(), stop.clone());
    let spawned = thread::Builder::new()
        .name("tftp".into())
        .stack_size(STACK_LEN)
        .spawn(move || {
            let mut sender = Sender::new(socket, content, transfer);
            let end = sender.drive(first, &marks, &stop);
            let _ = ended.send((end, sender.into_transfer()));
        });
    if let Err(error) = spawned {
        tracing::warn!(%error, %client, "cannot start a thread for a TFTP transfer");
        return;
    }
    let Ok((end, transfer)) = end.await else { return };
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

fn connect(local: Ipv4Addr, client: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddr::from((local, 0)))?;
    socket.connect(client)?;
    // A queue that stays full is as good as a datagram lost on the way.
    socket.set_write_timeout(Some(Duration::from_secs(1)))?;
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

#[cfg(test)]
mod tests;
