//! What the admin API shows of the program itself.

use crate::{configuration::Configuration, interface};
use bootd::wake::{SecureOn, wake};
use control::{
    Appliance, ApplianceState,
    view::{Interface, Space},
};
use nix::sys::statvfs::statvfs;
use protocol::{MacAddr, cmdline::CaFingerprint};
use std::{net::IpAddr, path::Path};

/// The program's own state, read anew at each question.
pub struct RunningAppliance {
    configuration: Configuration,
    ca: CaFingerprint,
}

impl RunningAppliance {
    /// The state of a program with this configuration and CA.
    pub fn new(configuration: Configuration, ca: CaFingerprint) -> Self {
        Self { configuration, ca }
    }
}

impl Appliance for RunningAppliance {
    fn wake(&self, macs: &[MacAddr], secure_on: Option<&str>) -> Result<usize, String> {
        let password = secure_on
            .map(str::parse::<SecureOn>)
            .transpose()
            .map_err(|error| error.to_string())?;
        let mut sent = 0;
        for interface in &self.configuration.interfaces {
            for mac in macs {
                sent += wake(interface, *mac, password.as_ref())
                    .map_err(|error| format!("nothing can be sent on {interface}: {error}"))?;
            }
        }
        Ok(sent)
    }

    fn state(&self) -> ApplianceState {
        let mut warnings = Vec::new();
        let interfaces = self.configuration.interfaces.iter().map(|name| {
            let addresses = interface::addresses(name).unwrap_or_else(|error| {
                warnings.push(format!("{error:#}"));
                Vec::new()
            });
            Interface {
                name: name.clone(),
                addresses: addresses.into_iter().map(IpAddr::V4).collect(),
            }
        });
        let interfaces = interfaces.collect();
        match packer::check(&self.configuration.boot()) {
            Ok(findings) => {
                warnings.extend(findings.iter().filter(|f| f.is_error()).map(ToString::to_string))
            }
            Err(error) => warnings.push(error.to_string()),
        }
        ApplianceState {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            interfaces,
            data: space(&self.configuration.data),
            ca_fingerprint: self.ca.to_string(),
            warnings,
        }
    }
}

/// Room on the filesystem of a folder; zeros if the kernel does not say.
fn space(folder: &Path) -> Space {
    statvfs(folder).map_or_else(
        |_| Space {
            bytes_total: 0,
            bytes_free: 0,
        },
        |stat| {
            let unit = stat.fragment_size();
            Space {
                bytes_total: stat.blocks().saturating_mul(unit),
                bytes_free: stat.blocks_available().saturating_mul(unit),
            }
        },
    )
}
