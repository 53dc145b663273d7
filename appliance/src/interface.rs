//! The machine's own network interfaces.

use anyhow::{Context, Result, bail};
use nix::ifaddrs::getifaddrs;
use std::net::Ipv4Addr;

/// Every IPv4 address of an interface that exists and is up.
pub fn addresses(name: &str) -> Result<Vec<Ipv4Addr>> {
    let mut known = Vec::new();
    let mut found = Vec::new();
    for entry in getifaddrs().context("the network interfaces cannot be listed")? {
        if let Some(address) = entry
            .address
            .as_ref()
            .and_then(|address| address.as_sockaddr_in())
            && entry.interface_name == name
        {
            found.push(address.ip());
        }
        known.push(entry.interface_name);
    }
    known.sort_unstable();
    known.dedup();
    if !known.iter().any(|other| other == name) {
        bail!(
            "there is no interface {name}; this machine has {}",
            known.join(", ")
        );
    }
    if found.is_empty() {
        bail!("interface {name} has no IPv4 address; give it a fixed one in the site's network");
    }
    Ok(found)
}

/// All IPv4 addresses of this machine: what its certificate is made for.
pub fn all_addresses() -> Result<Vec<Ipv4Addr>> {
    let mut found: Vec<Ipv4Addr> = getifaddrs()
        .context("the network interfaces cannot be listed")?
        .filter_map(|entry| Some(entry.address?.as_sockaddr_in()?.ip()))
        .collect();
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_is_named_beside_those_that_are() {
        let error = addresses("nosuch0").unwrap_err().to_string();
        assert!(error.contains("nosuch0") && error.contains("lo"), "{error}");
    }
}
