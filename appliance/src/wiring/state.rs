//! What the admin API shows of the program itself.

use super::addresses;
use crate::{configuration::Configuration, interface};
use bootd::{
    bsdp::{
        self,
        image::{self, Root},
    },
    wake::{SecureOn, wake},
};
use catalog::AddressPool;
use control::{
    Appliance, ApplianceState,
    view::{Interface, NetBootImage, NetBootImages, RefusedImage, Space},
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

    fn check_address_pools(&self, pools: &[AddressPool]) -> Result<(), String> {
        addresses::subnets(pools)
            .map(drop)
            .map_err(|error| format!("{error:#}"))
    }

    fn netboot_images(&self) -> NetBootImages {
        let (images, refused) = image::read_all(&self.configuration.boot().join(bsdp::FOLDER));
        NetBootImages {
            serves: "Intel Macs before the T2 chip (until about 2018) can NetBoot; Macs with a T2 chip and those with Apple's own processors cannot".into(),
            items: images
                .into_iter()
                .map(|image| {
                    let [.., a, b] = image.id.0.to_be_bytes();
                    NetBootImage {
                        folder: image.folder,
                        name: image.name,
                        index: u16::from_be_bytes([a, b]),
                        is_default: image.is_default,
                        root: match image.root {
                            Root::None => None,
                            Root::Ours(path) | Root::Elsewhere(path) => Some(path),
                        },
                    }
                })
                .collect(),
            refused: refused
                .into_iter()
                .map(|refused| RefusedImage {
                    folder: refused.folder,
                    why: refused.why,
                })
                .collect(),
        }
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
