//! What the appliance gives on its networks: addresses, and NetBoot images.

use protocol::mac::MacAddr;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use utoipa::ToSchema;
use uuid::Uuid;

/// Where the site lets the appliance give addresses. The configuration file counts more, and changes count from the
/// appliance's next start: it then refuses to start where another DHCP server answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressPools {
    /// One per network; empty where the site has a DHCP server.
    pub items: Vec<AddressPool>,
}

/// A network in which the appliance gives addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressPool {
    /// The network, `192.0.2.0/24`.
    pub network: String,
    /// The first address that is given to whoever asks.
    #[schema(value_type = String)]
    pub first: Ipv4Addr,
    /// The last one; at most 4096 in all.
    #[schema(value_type = String)]
    pub last: Ipv4Addr,
    /// The default router.
    #[schema(value_type = Option<String>)]
    pub router: Option<Ipv4Addr>,
    /// DNS servers.
    #[schema(value_type = Vec<String>)]
    pub name_servers: Vec<Ipv4Addr>,
    /// DNS domain.
    pub domain: Option<String>,
    /// How long an address may be used without asking again.
    pub lease_minutes: u32,
    /// Whether nobody else gives addresses there: what belongs to another network is refused.
    pub authoritative: bool,
    /// Addresses that are kept for one machine each.
    pub reservations: Vec<ReservedAddress>,
}

/// An address that is kept for one machine: named by exactly one of adapter, UUID and identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReservedAddress {
    /// The address.
    #[schema(value_type = String)]
    pub address: Ipv4Addr,
    /// Its adapter.
    #[schema(value_type = Option<String>)]
    pub mac: Option<MacAddr>,
    /// Its SMBIOS UUID.
    pub uuid: Option<Uuid>,
    /// What it calls itself (DHCP option 61), in hexadecimal digits.
    pub identifier: Option<String>,
}

/// Addresses that were given, the latest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddressLeases {
    /// One per address.
    pub items: Vec<AddressLease>,
}

/// An address that was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddressLease {
    /// The address.
    #[schema(value_type = String)]
    pub address: Ipv4Addr,
    /// Who has it: a MAC address, or `id:` and hexadecimal digits.
    pub client: String,
    /// What that machine calls itself; may be empty.
    pub host_name: String,
    /// Until when; in the past for one that ended or was given back.
    #[schema(format = DateTime)]
    pub expires_at: String,
}

/// The images in `boot/nbi`, for Intel Macs that can NetBoot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NetBootImages {
    /// Which Macs this can serve, and which it cannot.
    pub serves: String,
    /// What Macs are shown.
    pub items: Vec<NetBootImage>,
    /// Folders that cannot be served.
    pub refused: Vec<RefusedImage>,
}

/// A NetBoot image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NetBootImage {
    /// Its folder.
    pub folder: String,
    /// Its name in the Mac's picker.
    pub name: String,
    /// Its number (`Index`).
    pub index: u16,
    /// A Mac that was told nothing starts it.
    pub is_default: bool,
    /// Where its root is: a file of ours, or another server's.
    pub root: Option<String>,
}

/// A folder that cannot be served as a NetBoot image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedImage {
    /// Its name.
    pub folder: String,
    /// Why, in words.
    pub why: String,
}

impl From<catalog::AddressPool> for AddressPool {
    fn from(pool: catalog::AddressPool) -> Self {
        Self {
            network: pool.network,
            first: pool.first,
            last: pool.last,
            router: pool.router,
            name_servers: pool.name_servers,
            domain: pool.domain,
            lease_minutes: pool.lease_minutes,
            authoritative: pool.authoritative,
            reservations: pool
                .reservations
                .into_iter()
                .map(|reserved| ReservedAddress {
                    address: reserved.address,
                    mac: reserved.mac,
                    uuid: reserved.uuid,
                    identifier: reserved.identifier,
                })
                .collect(),
        }
    }
}

impl From<AddressPool> for catalog::AddressPool {
    fn from(pool: AddressPool) -> Self {
        Self {
            network: pool.network,
            first: pool.first,
            last: pool.last,
            router: pool.router,
            name_servers: pool.name_servers,
            domain: pool.domain,
            lease_minutes: pool.lease_minutes,
            authoritative: pool.authoritative,
            reservations: pool
                .reservations
                .into_iter()
                .map(|reserved| catalog::ReservedAddress {
                    address: reserved.address,
                    mac: reserved.mac,
                    uuid: reserved.uuid,
                    identifier: reserved.identifier,
                })
                .collect(),
        }
    }
}

impl From<catalog::AddressLease> for AddressLease {
    fn from(lease: catalog::AddressLease) -> Self {
        let seconds = i64::try_from(lease.expires_at).unwrap_or(i64::MAX);
        Self {
            address: lease.address,
            client: lease.client,
            host_name: lease.host_name,
            expires_at: catalog::Time(seconds.saturating_mul(1000)).to_string(),
        }
    }
}
