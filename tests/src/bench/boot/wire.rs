//! A bad wire between a client and a TFTP server: 1 ms each round trip more, and one datagram of a thousand lost.

use anyhow::Result;
use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

const DELAY: Duration = Duration::from_micros(500);
const ONE_OF: u32 = 1000;

/// The wire; cut when dropped.
pub struct Wire {
    address: SocketAddrV4,
    cut: Arc<AtomicBool>,
}

impl Wire {
    /// Opens a way to this server.
    pub fn open(server: SocketAddrV4) -> Result<Self> {
        let near = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
        let far = Arc::new(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?);
        let SocketAddr::V4(address) = near.local_addr()? else {
            anyhow::bail!("a loopback address of another kind");
        };
        let cut = Arc::new(AtomicBool::new(false));
        // A transfer goes on from another port than 69, and comes back to where the client asked from.
        let peers = Arc::new(Mutex::new((None::<SocketAddr>, SocketAddr::V4(server))));
        carry(&near, &far, Arc::clone(&peers), true, &cut)?;
        carry(&far, &near, peers, false, &cut)?;
        Ok(Self { address, cut })
    }

    /// Where the client asks.
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.cut.store(true, Ordering::Relaxed);
    }
}

fn carry(
    from: &Arc<UdpSocket>,
    to: &Arc<UdpSocket>,
    peers: Arc<Mutex<(Option<SocketAddr>, SocketAddr)>>,
    outward: bool,
    cut: &Arc<AtomicBool>,
) -> Result<()> {
    let (from, to, cut) = (Arc::clone(from), Arc::clone(to), Arc::clone(cut));
    from.set_read_timeout(Some(Duration::from_millis(100)))?;
    let (sender, receiver) = mpsc::channel::<(Instant, SocketAddr, Vec<u8>)>();
    thread::spawn(move || {
        while let Ok((due, peer, bytes)) = receiver.recv() {
            // The delay of the wire itself, not a wait for anything.
            if let Some(left) = due.checked_duration_since(Instant::now()) {
                thread::sleep(left);
            }
            let _ = to.send_to(&bytes, peer);
        }
    });
    thread::spawn(move || {
        let (mut buffer, mut state) = ([0; 2000], 12345u32);
        while !cut.load(Ordering::Relaxed) {
            let Ok((len, peer)) = from.recv_from(&mut buffer) else {
                continue;
            };
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let Ok(mut known) = peers.lock() else { return };
            let target = if outward {
                known.0 = Some(peer);
                Some(known.1)
            } else {
                known.1 = peer;
                known.0
            };
            drop(known);
            if let Some(target) = target
                && !(state >> 8).is_multiple_of(ONE_OF)
            {
                let _ = sender.send((Instant::now() + DELAY, target, buffer[..len].to_vec()));
            }
        }
    });
    Ok(())
}
