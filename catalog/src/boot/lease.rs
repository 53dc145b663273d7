//! Addresses that the appliance gave, and where it may give some.

use crate::{Catalog, error::Result, people::Actor, setting};
use protocol::MacAddr;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use uuid::Uuid;

/// An address that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressLease {
    /// The address.
    pub address: Ipv4Addr,
    /// Who has it: a MAC address, or `id:` and hexadecimal digits.
    pub client: String,
    /// What that machine calls itself; may be empty.
    pub host_name: String,
    /// Until when, in seconds since 1970.
    pub expires_at: u64,
}

/// A network in which the appliance gives addresses: in the configuration file as in the site's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressPool {
    /// The network, `192.0.2.0/24`.
    pub network: String,
    /// The first address that is given to whoever asks.
    pub first: Ipv4Addr,
    /// The last one.
    pub last: Ipv4Addr,
    /// The default router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<Ipv4Addr>,
    /// DNS servers.
    #[serde(default)]
    pub name_servers: Vec<Ipv4Addr>,
    /// DNS domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// How long an address may be used without asking again.
    #[serde(default = "an_hour")]
    pub lease_minutes: u32,
    /// Whether nobody else gives addresses there.
    #[serde(default = "yes")]
    pub authoritative: bool,
    /// Addresses that are kept for one machine each.
    #[serde(default)]
    pub reservations: Vec<ReservedAddress>,
}

/// An address that is kept for one machine: named by exactly one of its adapter, its UUID, what it calls itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReservedAddress {
    /// The address.
    pub address: Ipv4Addr,
    /// Its adapter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddr>,
    /// Its SMBIOS UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
    /// What it calls itself (DHCP option 61), in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
}

const POOLS: &str = "address-pools";
/// Leases that are read: more than all ranges together have addresses.
const MOST: i64 = 65_536;

fn an_hour() -> u32 {
    60
}

fn yes() -> bool {
    true
}

impl Catalog {
    /// Every address that was given, those of long ago too.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn address_leases(&self) -> Result<Vec<AddressLease>> {
        self.0.database.read(|transaction| {
            let mut statement = transaction.prepare(
                "SELECT address, client, host_name, expires_at FROM address_lease ORDER BY expires_at DESC LIMIT ?1",
            )?;
            let rows = statement.query_map([MOST], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get::<_, i64>(3)?,
                ))
            })?;
            let mut leases = Vec::new();
            for row in rows {
                let (address, client, host_name, expires_at) = row?;
                // A row that somebody mended by hand must not keep the site from booting.
                if let Ok(address) = address.parse() {
                    leases.push(AddressLease {
                        address,
                        client,
                        host_name,
                        expires_at: u64::try_from(expires_at).unwrap_or(0),
                    });
                }
            }
            Ok(leases)
        })
    }

    /// Keeps these instead of what was kept of their addresses, in one transaction.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn keep_address_leases(&self, leases: &[AddressLease]) -> Result<()> {
        self.write(|writing| {
            let mut statement = writing.transaction.prepare(
                "INSERT OR REPLACE INTO address_lease (address, client, host_name, expires_at) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for lease in leases {
                statement.execute(params![
                    lease.address.to_string(),
                    lease.client,
                    lease.host_name,
                    i64::try_from(lease.expires_at).unwrap_or(i64::MAX),
                ])?;
            }
            Ok(())
        })
    }

    /// Where the site lets the appliance give addresses. The configuration file counts more than this.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn address_pools(&self) -> Result<Vec<AddressPool>> {
        self.0.database.read(|transaction| address_pools(transaction))
    }

    /// Changes that. It counts from the appliance's next start, which looks whether another DHCP server answers there.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn put_address_pools(&self, pools: &[AddressPool], actor: &Actor) -> Result<()> {
        let before = self.address_pools()?;
        self.write(|writing| {
            setting::store(writing.transaction, POOLS, &serde_json::to_string(pools)?)?;
            writing.audit(
                actor,
                "edit",
                "setting",
                POOLS,
                Some(serde_json::to_value(&before)?),
                Some(serde_json::to_value(pools)?),
            )
        })
    }
}

/// See [`Catalog::address_pools`].
pub(crate) fn address_pools(connection: &Connection) -> Result<Vec<AddressPool>> {
    let text = setting::get(connection, POOLS)?;
    let pools = text.map(|text| serde_json::from_str(&text)).transpose()?;
    Ok(pools.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &std::path::Path) -> Catalog {
        Catalog::open(path).unwrap()
    }

    #[test]
    fn leases_are_kept_over_a_restart_and_each_address_has_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.sqlite");
        let lease = |last, client: &str, expires_at| AddressLease {
            address: Ipv4Addr::new(192, 0, 2, last),
            client: client.into(),
            host_name: "pc".into(),
            expires_at,
        };
        let catalog = open(&path);
        catalog
            .keep_address_leases(&[lease(10, "02:00:00:00:00:01", 9), lease(11, "id:00ff", 8)])
            .unwrap();
        catalog
            .keep_address_leases(&[lease(10, "02:00:00:00:00:02", u64::MAX)])
            .unwrap();
        drop(catalog);
        let kept = open(&path).address_leases().unwrap();
        let want = lease(10, "02:00:00:00:00:02", u64::try_from(i64::MAX).unwrap());
        assert_eq!(kept, [want, lease(11, "id:00ff", 8)]);
    }

    #[test]
    fn the_sites_pools_are_kept_and_noted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.sqlite");
        let catalog = open(&path);
        assert_eq!(catalog.address_pools().unwrap(), []);
        let text = r#"[{"network":"192.0.2.0/24","first":"192.0.2.10","last":"192.0.2.99",
            "reservations":[{"address":"192.0.2.5","mac":"02:00:00:00:00:01"}]}]"#;
        let pools: Vec<AddressPool> = serde_json::from_str(text).unwrap();
        assert_eq!((pools[0].lease_minutes, pools[0].authoritative), (60, true));
        let actor = Actor {
            name: "ada".into(),
            peer: None,
        };
        catalog.put_address_pools(&pools, &actor).unwrap();
        drop(catalog);
        assert_eq!(open(&path).address_pools().unwrap(), pools);
    }
}
