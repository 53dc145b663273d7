//! Why the boot services cannot start or go on. Each message names the thing and the remedy.

use crate::{decision::DecisionError, dhcp::pool::PoolError};
use std::{io, net::Ipv4Addr, path::PathBuf};

/// Why the boot services cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Nothing to listen on.
    #[error("no interface to boot machines from; name one with --interface")]
    NoInterface,
    /// A name that the kernel does not know.
    #[error("there is no network interface {name}; there are: {known}")]
    UnknownInterface {
        /// The name.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// Machines could not reach us on it.
    #[error("interface {name} has no IPv4 address; give it a fixed one, or start after the network is up")]
    NoAddress {
        /// The interface.
        name: String,
    },
    /// Somebody else has it.
    #[error("{protocol} port {port} is in use by {holder}; stop it, or free the port on this machine")]
    PortTaken {
        /// `UDP` or `TCP`.
        protocol: &'static str,
        /// The port.
        port: u16,
        /// Who has it, if that could be found.
        holder: String,
    },
    /// Ports below 1024 need a privilege.
    #[error(
        "may not listen on {protocol} port {port}; give the program CAP_NET_BIND_SERVICE (amorce.service does) or \
         start it as root"
    )]
    PortForbidden {
        /// `UDP` or `TCP`.
        protocol: &'static str,
        /// The port.
        port: u16,
    },
    /// The kernel refused something else.
    #[error("cannot {attempt}")]
    Socket {
        /// What was attempted.
        attempt: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Without it nothing can be served.
    #[error("cannot read the boot folder {}; build it with `amorce boot-files build`", path.display())]
    BootFolder {
        /// The folder.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// It would not stay one word in a boot script.
    #[error(
        "kernel word \"{word}\" has characters other than letters, digits and _.,=:/@%+-; write it without them"
    )]
    KernelWord {
        /// The word, escaped.
        word: String,
    },
    /// An address pool that makes no sense.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// Two servers would give addresses by chance.
    #[error(
        "the DHCP server {server} answers on {interface}, where a pool is configured: machines would get addresses by \
         chance; remove the pool (the appliance boots machines beside that server), or switch that server off"
    )]
    AnotherDhcpServer {
        /// The interface.
        interface: String,
        /// The server that answered.
        server: Ipv4Addr,
    },
    /// It could not be seen whether two servers would give addresses.
    #[error(
        "cannot look for other DHCP servers on {interface}, and no address is given without; stop what holds UDP port \
         68 there, or remove the pool"
    )]
    Unseen {
        /// The interface.
        interface: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Addresses that are in use would be given again.
    #[error("cannot read which addresses were given: {0}")]
    Leases(DecisionError),
    /// A template that was built into the program does not parse; a bug.
    #[error("boot script template")]
    Template(#[source] minijinja::Error),
}
