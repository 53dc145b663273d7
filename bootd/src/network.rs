//! UDP sockets that know which of our addresses was asked, and answer from it.
//!
//! One socket per interface, tied to it: a machine on one network never hears of another's server address. The kernel
//! tells with each datagram (IP_PKTINFO) the address to answer from, so addresses may change while we run.

mod beside;
mod neighbours;

use crate::error::ServeError;
pub(crate) use neighbours::Neighbours;

use beside::BesideSocket;
use nix::{
    ifaddrs::getifaddrs,
    libc,
    net::if_::if_nametoindex,
    sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt,
        sockopt::Ipv4PacketInfo,
    },
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    fs, io,
    io::{IoSlice, IoSliceMut},
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::AsRawFd,
};
use tokio::{io::Interest, net::UdpSocket};

/// A UDP socket tied to one interface.
#[derive(Debug)]
pub(crate) struct InterfaceSocket {
    way: Way,
    index: u32,
}

#[derive(Debug)]
enum Way {
    /// The port is ours.
    Own(UdpSocket),
    /// The port is another program's.
    Beside(BesideSocket),
}

/// What came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datagram {
    /// Who sent it.
    pub(crate) source: SocketAddrV4,
    /// Our address that was asked, or for a broadcast the one to answer from.
    pub(crate) local: Ipv4Addr,
    /// Its length; what did not fit the buffer is not counted.
    pub(crate) len: usize,
}

impl InterfaceSocket {
    /// Listens on a port of an interface, if need be beside another program that holds it.
    pub(crate) fn bind_or_share(interface: &str, port: u16) -> Result<Self, ServeError> {
        let taken = match Self::bind(interface, port) {
            Err(error @ ServeError::PortTaken { .. }) => error,
            other => return other,
        };
        let index = check_interface(interface)?;
        // Without the right to packets of the wire, the one who holds the port is the news.
        let socket = BesideSocket::open(interface, index, port).map_err(|error| {
            tracing::warn!(%error, "cannot answer beside another program");
            taken
        })?;
        tracing::info!(
            interface,
            port,
            holder = port_holder("UDP", port),
            "another program holds the port; answering beside it"
        );
        Ok(Self {
            way: Way::Beside(socket),
            index,
        })
    }

    /// Listens on a port of an interface.
    pub(crate) fn bind(interface: &str, port: u16) -> Result<Self, ServeError> {
        let index = check_interface(interface)?;
        let attempt = |what: &str| format!("{what} UDP port {port} on {interface}");
        let failed = |what: &str| {
            let attempt = attempt(what);
            move |source| ServeError::Socket { attempt, source }
        };
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))
            .map_err(failed("make a socket for"))?;
        socket
            .bind_device(Some(interface.as_bytes()))
            .map_err(failed("tie a socket to the interface for"))?;
        socket
            .set_broadcast(true)
            .map_err(failed("allow broadcasts on"))?;
        socket.set_nonblocking(true).map_err(failed("prepare"))?;
        setsockopt(&socket, Ipv4PacketInfo, &true)
            .map_err(io::Error::from)
            .map_err(failed("learn addresses on"))?;
        let address = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
        socket
            .bind(&address.into())
            .map_err(|source| bind_error("UDP", port, source))?;
        let socket = UdpSocket::from_std(socket.into()).map_err(failed("watch"))?;
        Ok(Self {
            way: Way::Own(socket),
            index,
        })
    }

    /// Waits for a datagram.
    pub(crate) async fn receive(&self, buffer: &mut [u8]) -> io::Result<Datagram> {
        match &self.way {
            Way::Own(socket) => {
                socket
                    .async_io(Interest::READABLE, || receive_now(socket, buffer))
                    .await
            }
            Way::Beside(socket) => socket.receive(buffer).await,
        }
    }

    /// Sends a datagram on this interface, from one of our addresses.
    pub(crate) async fn send(&self, bytes: &[u8], from: Ipv4Addr, to: SocketAddrV4) -> io::Result<()> {
        let socket = match &self.way {
            Way::Own(socket) => socket,
            Way::Beside(socket) => return socket.send(bytes, from, to),
        };
        let info = libc::in_pktinfo {
            ipi_ifindex: i32::try_from(self.index).unwrap_or(0),
            ipi_spec_dst: libc::in_addr {
                s_addr: u32::from_ne_bytes(from.octets()),
            },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        let to = SockaddrIn::from(to);
        socket
            .async_io(Interest::WRITABLE, || {
                let control = [ControlMessage::Ipv4PacketInfo(&info)];
                sendmsg(
                    socket.as_raw_fd(),
                    &[IoSlice::new(bytes)],
                    &control,
                    MsgFlags::empty(),
                    Some(&to),
                )
                .map(drop)
                .map_err(io::Error::from)
            })
            .await
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> io::Result<u16> {
        match &self.way {
            Way::Own(socket) => Ok(socket.local_addr()?.port()),
            Way::Beside(socket) => Ok(socket.port()),
        }
    }
}

fn receive_now(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Datagram> {
    let mut control = nix::cmsg_space!(libc::in_pktinfo);
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrIn>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::empty(),
    )?;
    let local = message.cmsgs()?.find_map(|part| match part {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()))
        }
        _ => None,
    });
    let (Some(source), Some(local)) = (message.address, local) else {
        return Err(io::Error::other("a datagram without addresses"));
    };
    Ok(Datagram {
        source: SocketAddrV4::new(source.ip(), source.port()),
        local,
        len: message.bytes,
    })
}

/// Turns the refusal of a port into words.
pub(crate) fn bind_error(protocol: &'static str, port: u16, source: io::Error) -> ServeError {
    match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::PortTaken {
            protocol,
            port,
            holder: port_holder(protocol, port),
        },
        io::ErrorKind::PermissionDenied => ServeError::PortForbidden { protocol, port },
        _ => ServeError::Socket {
            attempt: format!("listen on {protocol} port {port}"),
            source,
        },
    }
}

/// The first IPv4 address of an interface, and the broadcast address of its network.
pub(crate) fn interface_addresses(interface: &str) -> io::Result<Vec<(Ipv4Addr, Option<Ipv4Addr>)>> {
    let ipv4 = |address: Option<nix::sys::socket::SockaddrStorage>| Some(address?.as_sockaddr_in()?.ip());
    Ok(getifaddrs()?
        .filter(|entry| entry.interface_name == interface)
        .filter_map(|entry| Some((ipv4(entry.address)?, ipv4(entry.broadcast))))
        .collect())
}

fn check_interface(name: &str) -> Result<u32, ServeError> {
    let failed = |source| ServeError::Socket {
        attempt: "list the network interfaces".into(),
        source,
    };
    let Ok(index) = if_nametoindex(name) else {
        let mut known: Vec<String> = getifaddrs()
            .map_err(io::Error::from)
            .map_err(failed)?
            .map(|entry| entry.interface_name)
            .collect();
        known.sort();
        known.dedup();
        return Err(ServeError::UnknownInterface {
            name: name.escape_debug().to_string(),
            known: known.join(", "),
        });
    };
    if interface_addresses(name).map_err(failed)?.is_empty() {
        return Err(ServeError::NoAddress { name: name.into() });
    }
    Ok(index)
}

/// Who listens on a port, from `/proc`: its name and number as far as we may see them.
fn port_holder(protocol: &str, port: u16) -> String {
    find_port_holder(protocol, port).unwrap_or_else(|| "another program".into())
}

fn find_port_holder(protocol: &str, port: u16) -> Option<String> {
    let table = fs::read_to_string(format!("/proc/net/{}", protocol.to_ascii_lowercase())).ok()?;
    let wanted = format!(":{port:04X}");
    let inode = table
        .lines()
        .skip(1)
        .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>())
        .find(|words| words.get(1).is_some_and(|local| local.ends_with(&wanted)))?
        .get(9)
        .map(|inode| format!("socket:[{inode}]"))?;
    for process in fs::read_dir("/proc").ok()?.flatten() {
        // Processes have numbers; `self` is one of them again.
        if !process
            .file_name()
            .as_encoded_bytes()
            .iter()
            .all(u8::is_ascii_digit)
        {
            continue;
        }
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let holds = descriptors.flatten().any(|descriptor| {
            fs::read_link(descriptor.path()).is_ok_and(|link| link.as_os_str() == inode.as_str())
        });
        if holds {
            let name = fs::read_to_string(process.path().join("comm")).ok()?;
            return Some(format!(
                "{} (process {})",
                name.trim(),
                process.file_name().to_string_lossy()
            ));
        }
    }
    None
}
