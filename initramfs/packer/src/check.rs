//! Whether a folder of boot files is whole, in words.

use crate::{
    boot_files::{BootFiles, INDEX_NAME},
    error::{Error, Result},
    initrd::INITRD_BUDGET,
    name,
};
use std::{fmt, path::Path};

/// Something about a folder of boot files that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// There is no index: nothing was built here.
    NothingBuilt,
    /// A file that machines ask for is not there.
    Missing(String),
    /// A file is not the one that was built or fetched.
    Differs(String),
    /// The initrd is larger than small machines and slow networks take well.
    OverBudget(u64),
    /// Modules in the initrd may ask for firmware that is not in it. No error: most machines need none.
    MissingFirmware(Vec<String>),
}

impl Finding {
    /// Whether machines may fail to boot because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self, Self::NothingBuilt | Self::Missing(_) | Self::Differs(_))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingBuilt => {
                write!(
                    f,
                    "no boot files here ({INDEX_NAME} is missing); make them with `amorce boot-files build`"
                )
            }
            Self::Missing(name) => {
                write!(f, "{name} is missing; {}", purpose(name))?;
                f.write_str("; bring it back with `amorce boot-files build`")
            }
            Self::Differs(name) => write!(
                f,
                "{name} is not the file that {INDEX_NAME} names: damaged, or replaced by hand; bring it back with `amorce \
                 boot-files build`"
            ),
            Self::OverBudget(bytes) => write!(
                f,
                "initrd.img has {bytes} bytes, over the {INITRD_BUDGET} that boot quickly everywhere; remove firmware \
                 that no machine of yours needs"
            ),
            Self::MissingFirmware(names) => write!(
                f,
                "{} firmware files that network adapters or disks may ask for are not in initrd.img ({}{}); if a machine's \
                 screen names one, drop it into firmware/",
                names.len(),
                names
                    .iter()
                    .take(3)
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(", "),
                if names.len() > 3 { ", …" } else { "" }
            ),
        }
    }
}

fn purpose(file: &str) -> &'static str {
    match file {
        name::KERNEL | name::INITRD => "no machine can start our agent",
        name::SHIM | name::GRUB => "no UEFI machine can boot from us",
        name::UNDIONLY => "no BIOS machine can boot from us",
        _ => "boot-files.json names it",
    }
}

/// Compares a folder with its index and with what machines ask for.
///
/// # Errors
/// The folder or its index cannot be read.
pub fn check(folder: &Path) -> Result<Vec<Finding>> {
    if !folder.join(INDEX_NAME).exists() {
        return Ok(vec![Finding::NothingBuilt]);
    }
    let index = BootFiles::read(folder)?;
    let mut findings = Vec::new();
    let mut missing = |name: &str| findings.push(Finding::Missing(name.to_owned()));
    for needed in name::NEEDED {
        if !index.files.iter().any(|file| file.name == needed) {
            missing(needed);
        }
    }
    for file in &index.files {
        let path = folder.join(&file.name);
        if !path.is_file() {
            findings.push(Finding::Missing(file.name.clone()));
        } else if digest(&path)? != (file.bytes, file.blake3.clone()) {
            findings.push(Finding::Differs(file.name.clone()));
        }
        if file.name == name::INITRD && file.bytes > INITRD_BUDGET {
            findings.push(Finding::OverBudget(file.bytes));
        }
    }
    if !index.missing_firmware.is_empty() {
        findings.push(Finding::MissingFirmware(index.missing_firmware));
    }
    Ok(findings)
}

fn digest(path: &Path) -> Result<(u64, String)> {
    let mut hasher = blake3::Hasher::new();
    let mut file = std::fs::File::open(path).map_err(Error::file("open", path))?;
    let bytes = std::io::copy(&mut file, &mut hasher).map_err(Error::file("read", path))?;
    Ok((bytes, hasher.finalize().to_string()))
}
