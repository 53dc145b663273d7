//! Opens the pool when the program starts: never where somebody else gives addresses.

use super::{Moment, Pool, Subnet};
use crate::{
    config::{Config, Ports},
    decision::Decisions,
    doctor,
    error::ServeError,
    network::Neighbours,
};
use std::{io, time::Duration};

/// How long other DHCP servers are waited for: slow ones first look whether an address is free.
const OTHERS_ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// The pool, if one is configured and nobody else gives addresses on its networks.
pub(crate) async fn open(config: &Config, decisions: &dyn Decisions) -> Result<Option<Pool>, ServeError> {
    if config.pools.is_empty() {
        return Ok(None);
    }
    let mut own = Vec::new();
    for interface in &config.interfaces {
        own.extend(doctor::own_addresses(interface).unwrap_or_default());
    }
    // On other ports there is nobody else.
    if config.ports == Ports::default() {
        for interface in config
            .interfaces
            .iter()
            .filter(|name| covers(&config.pools, name))
        {
            let name = interface.clone();
            let asked =
                tokio::task::spawn_blocking(move || doctor::collect(&name, OTHERS_ANSWER_WITHIN)).await;
            let offers = asked
                .unwrap_or_else(|error| Err(io::Error::other(error)))
                .map_err(|source| ServeError::Unseen {
                    interface: interface.clone(),
                    source,
                })?;
            if let Some(server) = doctor::address_givers(&offers, &own).first() {
                return Err(ServeError::AnotherDhcpServer {
                    interface: interface.clone(),
                    server: *server,
                });
            }
        }
    }
    let leases = decisions.leases().map_err(ServeError::Leases)?;
    Ok(Some(Pool::new(config.pools.clone(), own, leases, Moment::now())?))
}

/// Whether one of the pools is for the network of this interface.
pub(crate) fn covers(pools: &[Subnet], interface: &str) -> bool {
    let own = doctor::own_addresses(interface).unwrap_or_default();
    own.iter()
        .any(|address| pools.iter().any(|pool| pool.network.contains(*address)))
}

/// An ear on an interface's network, if we may have one.
pub(crate) fn listen_on(interface: &str) -> Option<Neighbours> {
    Neighbours::open(interface)
        .map_err(|error| {
            tracing::warn!(%error, interface, "addresses are given without a look whether somebody uses them");
        })
        .ok()
}
