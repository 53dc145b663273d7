//! Where the appliance gives addresses itself: the configuration's words become the boot services' own.

use crate::configuration::Configuration;
use anyhow::{Context, Result, bail};
use bootd::dhcp::pool::{self, Network, Reservation, Subnet, Who};
use catalog::{AddressPool, Catalog, ReservedAddress};
use std::time::Duration;

/// The pools: the configuration file's if it names any, else the site's settings.
pub fn pools(configuration: &Configuration, catalog: &Catalog) -> Result<Vec<Subnet>> {
    if configuration.pools.is_empty() {
        let settings = catalog.address_pools()?;
        subnets(&settings).context("the address pools of the site's settings cannot be used")
    } else {
        subnets(&configuration.pools).context("the address pools of the configuration file cannot be used")
    }
}

/// Reads and checks pools.
pub fn subnets(pools: &[AddressPool]) -> Result<Vec<Subnet>> {
    let subnets: Vec<Subnet> = pools.iter().map(subnet).collect::<Result<_>>()?;
    pool::check(&subnets)?;
    Ok(subnets)
}

fn subnet(pool: &AddressPool) -> Result<Subnet> {
    let network = pool
        .network
        .parse::<Network>()
        .with_context(|| format!("network {:?}", pool.network))?;
    Ok(Subnet {
        network,
        first: pool.first,
        last: pool.last,
        router: pool.router,
        name_servers: pool.name_servers.clone(),
        domain: pool.domain.clone(),
        lease: Duration::from_secs(u64::from(pool.lease_minutes) * 60),
        authoritative: pool.authoritative,
        reservations: pool.reservations.iter().map(reservation).collect::<Result<_>>()?,
    })
}

fn reservation(reserved: &ReservedAddress) -> Result<Reservation> {
    let who = match (reserved.mac, reserved.uuid, &reserved.identifier) {
        (Some(mac), None, None) => Who::Mac(mac),
        (None, Some(uuid), None) => Who::Uuid(uuid),
        (None, None, Some(digits)) => {
            // Written as leases are listed.
            let client =
                format!("id:{}", digits.replace(':', "").to_ascii_lowercase()).parse::<pool::Client>();
            match client {
                Ok(pool::Client::Identifier(bytes)) => Who::Identifier(bytes),
                _ => bail!("the identifier {digits:?} is not written in pairs of hexadecimal digits"),
            }
        }
        _ => bail!(
            "the address {} is reserved for nobody, or in several ways; name one of mac, uuid, identifier",
            reserved.address
        ),
    };
    Ok(Reservation {
        who,
        address: reserved.address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Subnet>> {
        #[derive(serde::Deserialize)]
        struct File {
            pools: Vec<AddressPool>,
        }
        subnets(&toml::from_str::<File>(text)?.pools)
    }

    const GOOD: &str = "[[pools]]\nnetwork = '192.0.2.0/24'\nfirst = '192.0.2.10'\nlast = '192.0.2.99'\n";

    #[test]
    fn a_pool_is_read_with_its_reservations() {
        let text = format!(
            "{GOOD}router = '192.0.2.1'\nname_servers = ['192.0.2.1']\ndomain = 'school.example'\nlease_minutes = 30\n\
             [[pools.reservations]]\naddress = '192.0.2.5'\nmac = '02:00:00:00:00:01'\n\
             [[pools.reservations]]\naddress = '192.0.2.6'\nuuid = '4c4c4544-0042-3510-8052-b4c04f4d5a31'\n\
             [[pools.reservations]]\naddress = '192.0.2.7'\nidentifier = '00:FF'\n"
        );
        let subnets = read(&text).unwrap();
        assert_eq!(subnets[0].lease, Duration::from_secs(1800));
        assert!(subnets[0].authoritative);
        assert_eq!(subnets[0].reservations[2].who, Who::Identifier(vec![0, 255]));
    }

    #[test]
    fn what_is_wrong_with_a_pool_is_said_in_words() {
        for (text, words) in [
            (GOOD.replace("/24", "/33"), "write it as 192.0.2.0/24"),
            (GOOD.replace(".99", ".5"), "before it begins"),
            (format!("{GOOD}leese_minutes = 3\n"), "leese_minutes"),
            (
                format!("{GOOD}[[pools.reservations]]\naddress = '192.0.2.5'\n"),
                "name one of mac, uuid, identifier",
            ),
            (
                format!("{GOOD}[[pools.reservations]]\naddress = '192.0.2.5'\nidentifier = 'xyz'\n"),
                "hexadecimal",
            ),
        ] {
            let error = format!("{:#}", read(&text).unwrap_err());
            assert!(error.contains(words), "{error} does not say {words:?}");
        }
    }
}
