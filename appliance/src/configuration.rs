//! What the appliance is told: a TOML file, the command line, or both; the command line wins.
//!
//! ```toml
//! data = "/var/lib/amorce"
//! interfaces = ["eth0"]
//! http = "0.0.0.0:80"      # boot files for firmware, plain, nothing secret
//! agent = "0.0.0.0:8443"   # agents, TLS by our own CA
//! admin = "0.0.0.0:443"    # page and API, HTTPS
//! admin_certificate = "/etc/amorce/page.pem"   # optional, with admin_key
//! admin_key = "/etc/amorce/page.key"
//! metrics_token = "…"      # optional: /metrics answers to this bearer token only
//! kernel_words = "quiet"   # optional: added to the agent's kernel command line
//!
//! [[pools]]                # optional: addresses of our own, only for a network without a DHCP server
//! network = "10.0.0.0/24"
//! first = "10.0.0.100"
//! last = "10.0.0.199"
//! router = "10.0.0.1"      # optional, as everything below
//! name_servers = ["10.0.0.1"]
//! domain = "school.example"
//! lease_minutes = 60
//! authoritative = true     # refuse what belongs to another network, give again what we have forgotten
//! [[pools.reservations]]
//! address = "10.0.0.10"
//! mac = "52:54:00:12:34:56"    # or uuid = "…", or identifier = "…" (DHCP option 61, hexadecimal)
//! ```
//!
//! Pools in the file count more than those in the site's settings.

use anyhow::{Context, Result, bail};
use catalog::AddressPool;
use clap::Args;
use serde::Deserialize;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

/// The folder that everything is kept in.
#[derive(Args, Clone, Debug)]
pub struct DataArguments {
    /// Folder for everything that is kept.
    #[arg(long)]
    pub data: PathBuf,
}

/// `amorce serve` and `amorce check`.
#[derive(Args, Clone, Debug, Default)]
pub struct ServeArguments {
    /// Configuration file (TOML).
    #[arg(long)]
    config: Option<PathBuf>,
    /// Folder for everything that is kept.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Network interface that machines boot from; may be given several times.
    #[arg(long = "interface")]
    interfaces: Vec<String>,
    /// Address of the plain HTTP listener for boot files.
    #[arg(long)]
    http: Option<SocketAddr>,
    /// Address of the agents' TLS listener.
    #[arg(long)]
    agent: Option<SocketAddr>,
    /// Address of the page and the admin API (HTTPS).
    #[arg(long)]
    admin: Option<SocketAddr>,
}

/// `amorce boot-files build`.
#[derive(Args, Clone, Debug)]
pub struct BootFilesArguments {
    #[command(flatten)]
    pub data: DataArguments,
    /// Folder of an unpacked kernel package (`dpkg -x linux-image-….deb FOLDER`).
    #[arg(long)]
    pub kernel: PathBuf,
    /// The agent (`init`), a static program.
    #[arg(long)]
    pub init: PathBuf,
    /// Folder with firmware for network adapters, as under `/lib/firmware`; may be given several times.
    #[arg(long = "firmware")]
    pub firmware: Vec<PathBuf>,
    /// A static busybox; with it, technicians can open a shell on the agent.
    #[arg(long)]
    pub busybox: Option<PathBuf>,
    /// How hard the initrd is compressed (1 to 22): 19 for what stays, less for a quick trial.
    #[arg(long, default_value_t = 19, value_parser = clap::value_parser!(i32).range(1..=22))]
    pub level: i32,
    /// Root under which the distribution's loaders are looked for (shim-signed, grub-efi-amd64-signed, ipxe).
    #[arg(long, default_value = "/")]
    pub loaders: PathBuf,
}

/// The file's content; every key optional, an unknown key is an error.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    data: Option<PathBuf>,
    interfaces: Vec<String>,
    http: Option<SocketAddr>,
    agent: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    admin_certificate: Option<PathBuf>,
    admin_key: Option<PathBuf>,
    metrics_token: Option<String>,
    kernel_words: Option<String>,
    pools: Vec<AddressPool>,
}

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub data: PathBuf,
    pub interfaces: Vec<String>,
    pub http: SocketAddr,
    pub agent: SocketAddr,
    pub admin: SocketAddr,
    /// Certificate chain and key of the page, if it has its own.
    pub admin_certificate: Option<(PathBuf, PathBuf)>,
    pub metrics_token: Option<String>,
    pub kernel_words: Vec<String>,
    /// Networks in which we give addresses, as the file names them.
    pub pools: Vec<AddressPool>,
}

impl Configuration {
    /// Joins file and command line.
    pub fn load(arguments: ServeArguments) -> Result<Self> {
        let file = match &arguments.config {
            Some(path) => File::read(path)?,
            None => File::default(),
        };
        let Some(data) = arguments.data.or(file.data) else {
            bail!("no data folder is named; give --data FOLDER, or `data = …` in the configuration file");
        };
        let interfaces = if arguments.interfaces.is_empty() {
            file.interfaces
        } else {
            arguments.interfaces
        };
        if interfaces.is_empty() {
            bail!("no interface is named; give --interface NAME (`ip link` lists them)");
        }
        let any = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let admin_certificate = match (file.admin_certificate, file.admin_key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => bail!("admin_certificate and admin_key go together; give both or neither"),
        };
        Ok(Self {
            data,
            interfaces,
            http: arguments.http.or(file.http).unwrap_or(any(80)),
            agent: arguments.agent.or(file.agent).unwrap_or(any(8443)),
            admin: arguments.admin.or(file.admin).unwrap_or(any(443)),
            admin_certificate,
            metrics_token: file.metrics_token,
            // Which characters are harmless in a loader's script is checked by the boot services.
            kernel_words: file
                .kernel_words
                .unwrap_or_default()
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect(),
            pools: file.pools,
        })
    }

    /// The catalog's file.
    pub fn catalog(&self) -> PathBuf {
        self.data.join("catalog.sqlite")
    }

    /// Copies of the catalog.
    pub fn backup(&self) -> PathBuf {
        self.data.join("backup")
    }

    /// The store of masters.
    pub fn depot(&self) -> PathBuf {
        self.data.join("depot")
    }

    /// Kernel, initrd and loaders.
    pub fn boot(&self) -> PathBuf {
        self.data.join("boot")
    }

    /// Our CA and certificate.
    pub fn tls(&self) -> PathBuf {
        self.data.join("tls")
    }
}

impl File {
    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the configuration file {} cannot be read", path.display()))?;
        toml::from_str(&text)
            .with_context(|| format!("the configuration file {} is not valid", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(config: Option<PathBuf>) -> ServeArguments {
        ServeArguments {
            config,
            ..Default::default()
        }
    }

    #[test]
    fn data_and_an_interface_are_enough() {
        let arguments = ServeArguments {
            data: Some("/srv/amorce".into()),
            interfaces: vec!["eth0".into()],
            ..Default::default()
        };
        let configuration = Configuration::load(arguments).unwrap();
        assert_eq!(configuration.agent.port(), 8443);
        assert_eq!(configuration.boot(), Path::new("/srv/amorce/boot"));
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("amorce.toml");
        std::fs::write(
            &path,
            "data = '/a'\ninterfaces = ['eth0']\nhttp = '127.0.0.1:81'\n",
        )
        .unwrap();
        let mut arguments = arguments(Some(path));
        arguments.http = Some("127.0.0.1:82".parse().unwrap());
        let configuration = Configuration::load(arguments).unwrap();
        assert_eq!(
            (configuration.http.port(), configuration.interfaces),
            (82, vec!["eth0".to_owned()])
        );
    }

    #[test]
    fn a_misspelt_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("amorce.toml");
        std::fs::write(&path, "intefaces = ['eth0']\n").unwrap();
        let error = format!("{:#}", Configuration::load(arguments(Some(path))).unwrap_err());
        assert!(error.contains("intefaces"), "{error}");
    }
}
