//! The firmware that a virtual machine starts with, as QEMU arguments.

use crate::firmware_variables::{self, NetworkBoot, Variable};
use anyhow::{Context, Result};
use protocol::MacAddr;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What is soldered to the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// SeaBIOS with iPXE in the adapter's option ROM.
    Bios,
    /// EDK2 with its own PXE client; Secure Boot off.
    Uefi,
    /// EDK2 that enforces Secure Boot with the Microsoft keys.
    SecureBoot,
}

/// The PCI device number of the adapter in every machine of the lab.
pub const ADAPTER_SLOT: u8 = 8;
/// The flash's file in a machine's folder.
pub const VARIABLES: &str = "firmware-variables.fd";
const OVMF: &str = "/usr/share/OVMF";

impl Firmware {
    /// The QEMU arguments. UEFI keeps its variables in `folder`, as a board keeps them in its flash; when they are new,
    /// the boot order starts with the adapter `mac` over IPv4, and the firmware itself adds the disks behind it.
    ///
    /// # Errors
    /// The firmware's files are not there or cannot be copied.
    pub fn arguments(self, folder: &Path, mac: MacAddr, way: NetworkBoot) -> Result<Vec<String>> {
        let words: Vec<String> = match self {
            // Without graphics SeaBIOS copies its screen, and so iPXE's and grub's, to the serial line.
            Self::Bios => vec!["-machine".into(), "pc,graphics=off".into()],
            Self::Uefi => {
                let mut words = vec!["-machine".into(), "q35".into()];
                words.extend(flash(
                    "OVMF_CODE_4M.fd",
                    &variables("OVMF_VARS_4M.fd", folder, mac, way)?,
                ));
                words
            }
            Self::SecureBoot => {
                let mut words: Vec<String> = vec![
                    "-machine".into(),
                    "q35,smm=on".into(),
                    "-global".into(),
                    "driver=cfi.pflash01,property=secure,value=on".into(),
                ];
                words.extend(flash(
                    "OVMF_CODE_4M.ms.fd",
                    &variables("OVMF_VARS_4M.ms.fd", folder, mac, way)?,
                ));
                words
            }
        };
        Ok(words)
    }

    /// Whether the adapter's option ROM is to be left out, so that the firmware's own client does the work.
    pub fn is_uefi(self) -> bool {
        self != Self::Bios
    }
}

fn flash(code: &str, variables: &Path) -> Vec<String> {
    vec![
        "-drive".into(),
        format!("if=pflash,unit=0,format=raw,readonly=on,file={OVMF}/{code}"),
        "-drive".into(),
        format!("if=pflash,unit=1,format=raw,file={}", variables.display()),
    ]
}

fn variables(template: &str, folder: &Path, mac: MacAddr, way: NetworkBoot) -> Result<PathBuf> {
    /// Number of the boot option; high, so that the firmware's own numbers stay free.
    const OPTION: u16 = 0x1000;
    let path = folder.join(VARIABLES);
    if !path.exists() {
        let mut flash = fs::read(Path::new(OVMF).join(template))
            .with_context(|| format!("cannot read {OVMF}/{template}"))?;
        if way == NetworkBoot::Off {
            fs::write(&path, flash).with_context(|| format!("cannot write {}", path.display()))?;
            return Ok(path);
        }
        let data = firmware_variables::network_boot_option(mac, ADAPTER_SLOT, way);
        firmware_variables::add(
            &mut flash,
            &Variable {
                name: format!("Boot{OPTION:04X}"),
                data,
            },
        )?;
        let data = OPTION.to_le_bytes().to_vec();
        firmware_variables::add(
            &mut flash,
            &Variable {
                name: "BootOrder".into(),
                data,
            },
        )?;
        fs::write(&path, flash).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(path)
}
