//! The sockets of the DHCP client: raw while there is no address, plain afterwards.

use super::datagram;
use nix::{
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, setsockopt, socket, sockopt},
};
use protocol::dhcp::{CLIENT_PORT, ClientIdentity, Lease, Packet, SERVER_PORT};
use std::{
    io,
    net::{Ipv4Addr, UdpSocket},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    time::{Duration, Instant},
};

/// Sees every IPv4 packet of one adapter, so it works without an address; closed as soon as there is one.
#[derive(Debug)]
pub struct PacketSocket {
    socket: OwnedFd,
    interface_index: i32,
}

impl PacketSocket {
    /// Opens one on an adapter that is up.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn open(interface_index: u32) -> io::Result<Self> {
        let socket = socket(
            AddressFamily::Packet,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            None,
        )?;
        let interface_index = i32::try_from(interface_index).map_err(io::Error::other)?;
        let opened = Self {
            socket,
            interface_index,
        };
        opened.bind()?;
        Ok(opened)
    }

    #[expect(unsafe_code, reason = "nix cannot make a packet address")]
    fn bind(&self) -> io::Result<()> {
        let address = self.address();
        // SAFETY: the pointer and the length are those of a live, fully initialised sockaddr_ll.
        let result = unsafe {
            libc::bind(
                self.socket.as_raw_fd(),
                std::ptr::from_ref(&address).cast(),
                address_len::<libc::sockaddr_ll>(),
            )
        };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Sends a packet to everybody on the wire.
    ///
    /// # Errors
    /// The adapter does not take it.
    #[expect(unsafe_code, reason = "nix cannot make a packet address")]
    pub fn broadcast(&self, packet: &Packet) -> io::Result<()> {
        let bytes =
            datagram::encode(&packet.encode()).ok_or_else(|| io::Error::other("the packet is too long"))?;
        let address = self.address();
        // SAFETY: both pointers are live for their lengths, and the address is fully initialised.
        let result = unsafe {
            libc::sendto(
                self.socket.as_raw_fd(),
                bytes.as_ptr().cast(),
                bytes.len(),
                0,
                std::ptr::from_ref(&address).cast(),
                address_len::<libc::sockaddr_ll>(),
            )
        };
        if result >= 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// The next DHCP packet, within this time.
    ///
    /// # Errors
    /// The adapter is gone.
    pub fn receive(&self, limit: Duration) -> io::Result<Option<Packet>> {
        let deadline = Instant::now() + limit;
        let mut buffer = [0u8; 2048];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut wait = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            // Rounded up: the last part of a millisecond would be polled for in a circle.
            let left_ms = u16::try_from(left.as_millis() + 1).unwrap_or(u16::MAX);
            if poll(&mut wait, PollTimeout::from(left_ms))? == 0 {
                return Ok(None);
            }
            let length = match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(length) => length,
                Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let packet = buffer
                .get(..length)
                .and_then(datagram::decode)
                .and_then(|data| Packet::parse(data).ok());
            if packet.is_some() {
                return Ok(packet);
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }

    fn address(&self) -> libc::sockaddr_ll {
        libc::sockaddr_ll {
            sll_family: u16::try_from(libc::AF_PACKET).unwrap_or(0),
            sll_protocol: u16::try_from(libc::ETH_P_IP).unwrap_or(0).to_be(),
            sll_ifindex: self.interface_index,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 6,
            sll_addr: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0],
        }
    }
}

/// Prolongs a lease: asks its server, then anybody. `None` if nobody answered in time.
///
/// # Errors
/// The socket cannot be made or used.
pub fn renew(
    identity: &ClientIdentity,
    lease: &Lease,
    interface: &str,
    transaction: u32,
) -> io::Result<Option<Lease>> {
    let socket = plain_socket(interface)?;
    for server in [lease.server, Ipv4Addr::BROADCAST] {
        let request = identity.renew(lease, transaction);
        socket.send_to(&request.encode(), (server, SERVER_PORT))?;
        let deadline = Instant::now() + RENEWAL_PATIENCE;
        let mut buffer = [0u8; 2048];
        while let Some(left) = deadline
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
        {
            socket.set_read_timeout(Some(left))?;
            let Ok(length) = socket.recv(&mut buffer) else {
                break;
            };
            let Some(packet) = buffer.get(..length).and_then(|bytes| Packet::parse(bytes).ok()) else {
                continue;
            };
            if packet.transaction != transaction || packet.mac() != Some(identity.mac) {
                continue;
            }
            if let Some(renewed) = Lease::read(&packet).filter(|renewed| renewed.address == lease.address) {
                return Ok(Some(renewed));
            }
        }
    }
    Ok(None)
}

const RENEWAL_PATIENCE: Duration = Duration::from_secs(5);

fn plain_socket(interface: &str) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, CLIENT_PORT))?;
    setsockopt(
        &socket,
        sockopt::BindToDevice,
        &std::ffi::OsString::from(interface),
    )?;
    socket.set_broadcast(true)?;
    Ok(socket)
}

fn address_len<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0)
}
