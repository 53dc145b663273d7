//! `amorce boot-files`: what machines boot, built from the distribution's packages and our agent.

use crate::configuration::{BootFilesArguments, DataArguments};
use anyhow::{Context, Result, bail};
use packer::{Recipe, Source, name};
use std::path::{Path, PathBuf};

/// Where Debian's packages keep the loaders and the memory test: our name, path, package, and whether machines cannot boot without it.
const LOADERS: [(&str, &str, &str, bool); 6] = [
    (name::SHIM, "usr/lib/shim/shimx64.efi.signed", "shim-signed", true),
    (
        name::GRUB,
        "usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed",
        "grub-efi-amd64-signed",
        true,
    ),
    (name::UNDIONLY, "usr/lib/ipxe/undionly.kpxe", "ipxe", true),
    ("snponly.efi", "usr/lib/ipxe/snponly.efi", "ipxe", false),
    ("memtest.bin", "boot/memtest86+x64.bin", "memtest86+", false),
    ("memtest.efi", "boot/memtest86+x64.efi", "memtest86+", false),
];

/// Builds the folder of boot files.
pub fn build(arguments: &BootFilesArguments) -> Result<()> {
    let mut loaders = Vec::new();
    for (name, path, package, needed) in LOADERS {
        let path = arguments.loaders.join(path);
        if path.exists() {
            loaders.push(Source {
                name: name.to_owned(),
                path,
                origin: package.to_owned(),
            });
        } else if needed {
            bail!("{} is missing; install the package {package}", path.display());
        }
    }
    let recipe = Recipe {
        kernel: arguments.kernel.clone(),
        kernel_origin: kernel_origin(&arguments.kernel)?,
        init: arguments.init.clone(),
        shell: arguments.busybox.clone(),
        firmware: arguments.firmware.clone(),
        loaders,
        level: arguments.level,
    };
    let folder = boot_folder(&arguments.data);
    let report = packer::build(&recipe, &folder)
        .with_context(|| format!("the boot files in {} were not built", folder.display()))?;
    println!(
        "{}: kernel {}, {} modules",
        folder.display(),
        report.index.kernel_release,
        report.modules
    );
    for file in &report.index.files {
        println!("  {:<14} {:>10} bytes  {}", file.name, file.bytes, file.origin);
    }
    let missing = &report.index.missing_firmware;
    if !missing.is_empty() {
        println!(
            "  {} firmware files that modules may name were in no --firmware folder",
            missing.len()
        );
    }
    Ok(())
}

/// Checks the folder of boot files.
pub fn check(data: &DataArguments) -> Result<()> {
    let folder = boot_folder(data);
    let findings =
        packer::check(&folder).with_context(|| format!("{} cannot be checked", folder.display()))?;
    for finding in &findings {
        println!("{finding}");
    }
    if findings.iter().any(packer::Finding::is_error) {
        bail!("machines cannot boot with the files in {}", folder.display());
    }
    println!("the boot files in {} are whole", folder.display());
    Ok(())
}

fn boot_folder(data: &DataArguments) -> PathBuf {
    data.data.join("boot")
}

/// The kernel's release, read from the one `boot/vmlinuz-RELEASE` of the package.
fn kernel_origin(package: &Path) -> Result<String> {
    let boot = package.join("boot");
    let entries = std::fs::read_dir(&boot).with_context(|| {
        format!(
            "{} cannot be read; --kernel is a folder made by `dpkg -x`",
            boot.display()
        )
    })?;
    entries
        .filter_map(|entry| {
            entry
                .ok()?
                .file_name()
                .to_str()?
                .strip_prefix("vmlinuz-")
                .map(str::to_owned)
        })
        .next()
        .map(|release| format!("linux-image-{release}"))
        .with_context(|| {
            format!(
                "{} holds no vmlinuz-…; --kernel is a folder made by `dpkg -x`",
                boot.display()
            )
        })
}
