//! Addresses and routes, by the kernel's oldest interface: six calls that have not changed in thirty years
//! (`netdevice(7)`, `rtentry` in `include/uapi/linux/route.h`).

use nix::{
    libc,
    sys::socket::{AddressFamily, SockFlag, SockType, socket},
};
use std::{
    io,
    net::Ipv4Addr,
    os::fd::{AsRawFd, OwnedFd},
};

/// Switches an interface on.
///
/// # Errors
/// The driver refuses: often because its firmware is missing.
pub fn set_up(name: &str) -> io::Result<()> {
    let socket = control_socket()?;
    let mut request = request(name)?;
    call(&socket, libc::SIOCGIFFLAGS, &mut request)?;
    #[expect(unsafe_code, reason = "the kernel's request is a union")]
    // SAFETY: SIOCGIFFLAGS has just filled this member.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    let up = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or(libc::c_short::MAX);
    request.ifr_ifru.ifru_flags = flags | up;
    call(&socket, libc::SIOCSIFFLAGS, &mut request)
}

/// Gives an interface its address; the kernel adds the route to its network.
///
/// # Errors
/// The interface is gone, or the address is none.
pub fn set_address(name: &str, address: Ipv4Addr, prefix_bits: u8) -> io::Result<()> {
    let socket = control_socket()?;
    let mut request = request(name)?;
    request.ifr_ifru.ifru_addr = socket_address(address);
    call(&socket, libc::SIOCSIFADDR, &mut request)?;
    let mask = u32::MAX
        .checked_shl(32u32.saturating_sub(prefix_bits.into()))
        .unwrap_or(0);
    request.ifr_ifru.ifru_netmask = socket_address(Ipv4Addr::from(mask));
    call(&socket, libc::SIOCSIFNETMASK, &mut request)?;
    request.ifr_ifru.ifru_broadaddr = socket_address(Ipv4Addr::from(u32::from(address) | !mask));
    call(&socket, libc::SIOCSIFBRDADDR, &mut request)
}

/// Sets the longest packet of an interface.
///
/// # Errors
/// The driver cannot.
pub fn set_mtu(name: &str, mtu: u16) -> io::Result<()> {
    let mut request = request(name)?;
    request.ifr_ifru.ifru_mtu = mtu.into();
    call(&control_socket()?, libc::SIOCSIFMTU, &mut request)
}

/// Adds a default route; the lower the metric, the better the route.
///
/// # Errors
/// The router is not on the interface's network.
#[expect(unsafe_code, reason = "the kernel's route request has a pointer")]
pub fn add_default_route(name: &str, router: Ipv4Addr, metric: u16) -> io::Result<()> {
    let mut device = interface_name(name)?;
    // SAFETY: rtentry is plain data, for which all zeros are a valid value.
    let mut route: libc::rtentry = unsafe { std::mem::zeroed() };
    route.rt_dst = socket_address(Ipv4Addr::UNSPECIFIED);
    route.rt_genmask = socket_address(Ipv4Addr::UNSPECIFIED);
    route.rt_gateway = socket_address(router);
    route.rt_flags = libc::RTF_UP | libc::RTF_GATEWAY;
    // The kernel counts this metric from one.
    route.rt_metric = libc::c_short::try_from(metric).unwrap_or(libc::c_short::MAX - 1) + 1;
    route.rt_dev = device.as_mut_ptr();
    let socket = control_socket()?;
    // SAFETY: the request and the name it points to live until the call returns.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCADDRT, std::ptr::from_ref(&route)) };
    match nix::errno::Errno::result(result) {
        // The same route as before a cable was pulled.
        Ok(_) | Err(nix::errno::Errno::EEXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn control_socket() -> io::Result<OwnedFd> {
    Ok(socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?)
}

#[expect(unsafe_code, reason = "nix has no call for interface requests")]
fn call(socket: &OwnedFd, code: libc::Ioctl, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: all codes used here read or write one ifreq, and this one lives until the call returns.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), code, std::ptr::from_mut(request)) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

#[expect(unsafe_code, reason = "the kernel's request is a union")]
fn request(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: ifreq is plain data, for which all zeros are a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name = interface_name(name)?;
    Ok(request)
}

/// A name with its final zero.
fn interface_name(name: &str) -> io::Result<[libc::c_char; libc::IFNAMSIZ]> {
    let mut field = [0; libc::IFNAMSIZ];
    if name.is_empty() || name.len() >= field.len() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "no name of an interface",
        ));
    }
    for (to, from) in field.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    Ok(field)
}

/// An IPv4 address in the kernel's general form: family, port, address (`sockaddr_in` in `ip(7)`).
fn socket_address(address: Ipv4Addr) -> libc::sockaddr {
    let mut data = [0; 14];
    for (to, from) in data[2..6].iter_mut().zip(address.octets()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    libc::sockaddr {
        sa_family: u16::try_from(libc::AF_INET).unwrap_or(0),
        sa_data: data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_the_kernel_cannot_hold_is_refused() {
        assert!(interface_name("").is_err() && interface_name("sixteen-letters0").is_err());
        assert!(interface_name("enp0s31f6").is_ok());
    }

    #[test]
    fn an_address_stands_behind_the_port_in_network_order() {
        let address = socket_address(Ipv4Addr::new(192, 0, 2, 1));
        let bytes: Vec<u8> = address.sa_data.iter().map(|byte| byte.to_ne_bytes()[0]).collect();
        assert_eq!(&bytes[..6], [0, 0, 192, 0, 2, 1]);
    }
}
