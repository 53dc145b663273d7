//! Building what ships: the page, the programs, the boot files.

use crate::{
    apt::{self, Use},
    node::Node,
    place::{Places, Profile},
    run::{command, run},
};
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Cargo, building where everything is built.
pub fn cargo(places: &Places, words: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(words)
        .current_dir(&places.checkout)
        .env("CARGO_TARGET_DIR", &places.target);
    // What cargo told this program about itself is not meant for the next one.
    cargo.env_remove("CARGO_MANIFEST_DIR");
    cargo
}

/// Builds the page unless nothing of it has changed.
///
/// # Errors
/// The build fails.
pub fn build_page(places: &Places, node: &Node) -> Result<()> {
    let folder = places.checkout.join("webui");
    let digest = digest_of(
        &[&folder, &places.checkout.join("control/openapi.json")],
        &["node_modules", "dist", "target"],
    )?;
    let stamp = folder.join("node_modules/.amorce-page-digest");
    if folder.join("dist/index.html").exists()
        && fs::read_to_string(&stamp).is_ok_and(|found| found == digest)
    {
        return Ok(());
    }
    println!("building the page");
    run(node.npm(&folder).args(["run", "--silent", "build"]))?;
    fs::write(&stamp, digest).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Builds the programs: those that ship as they ship, the lab for development.
///
/// # Errors
/// The build fails.
pub fn build_programs(places: &Places) -> Result<()> {
    println!("building the programs");
    // One at a time: together, cargo would give the agent the features that only the others need.
    for (package, program) in [("init", "init"), ("imager", "imager"), ("appliance", "amorce")] {
        run(&mut cargo(
            places,
            &[
                "build",
                "--release",
                "--quiet",
                "--package",
                package,
                "--bin",
                program,
            ],
        ))?;
    }
    run(&mut cargo(
        places,
        &["build", "--quiet", "--package", "tests", "--bin", "lab"],
    ))
}

/// Whether the agent still fits the initrds of small machines and slow networks.
///
/// # Errors
/// It is too large.
pub fn check_agent_size(places: &Places) -> Result<()> {
    const LARGEST: u64 = 6 << 20;
    let init = places.program(Profile::Release, "init");
    let bytes = fs::metadata(&init)
        .with_context(|| format!("cannot read {}", init.display()))?
        .len();
    println!("init has {bytes} bytes of {LARGEST}");
    anyhow::ensure!(bytes <= LARGEST, "init has {bytes} bytes, more than {LARGEST}");
    Ok(())
}

/// Builds the boot files with the built appliance, unless nothing that goes into them has changed: those of the release,
/// and those with the newer kernel of backports and without firmware for adapters.
///
/// # Errors
/// The build fails.
pub fn build_boot_files(places: &Places) -> Result<()> {
    let packages = apt::wanted()?;
    let kernel = |purpose: Use| {
        packages
            .iter()
            .find(|package| package.purpose == purpose)
            .map(|package| places.package(&package.folder()))
            .with_context(|| format!("packages.txt names no kernel for {purpose:?}"))
    };
    let firmware: Vec<PathBuf> = packages
        .iter()
        .filter(|package| package.purpose == Use::Firmware)
        .map(|package| places.package(&package.folder()).join("lib/firmware"))
        .collect();
    build_boot_folder(places, &kernel(Use::Kernel)?, &firmware, &places.boot_files())?;
    build_boot_folder(places, &kernel(Use::Backport)?, &[], &places.newer_boot_files())
}

fn build_boot_folder(places: &Places, kernel: &Path, firmware: &[PathBuf], folder: &Path) -> Result<()> {
    let amorce = places.program(Profile::Release, "amorce");
    let init = places.program(Profile::Release, "init");
    let busybox = places.package("busybox-static").join("bin/busybox");

    // The unpacked packages do not change; their names stand for them.
    let mut hasher = blake3::Hasher::new();
    for file in [&amorce, &init] {
        hasher.update(&fs::read(file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    for name in fs::read_dir(kernel.join("boot")).context("the unpacked kernel package has no boot folder")? {
        hasher.update(name?.file_name().as_encoded_bytes());
    }
    hasher.update(include_str!("../packages.txt").as_bytes());
    let digest = hasher.finalize().to_hex().to_string();
    let stamp = folder.with_extension("digest");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == digest) {
        return Ok(());
    }
    println!("building the boot files in {}", folder.display());
    let _ = fs::remove_dir_all(folder);
    let data = folder.parent().context("the boot files have a folder above")?;
    fs::create_dir_all(data)?;
    let mut build = command([&amorce]);
    build.args(["boot-files", "build", "--data"]).arg(data);
    build
        .arg("--kernel")
        .arg(kernel)
        .arg("--init")
        .arg(&init)
        // A trial, built again and again: quick. What ships is packed harder, and is smaller still.
        .args(["--level", "6"])
        .arg("--busybox")
        .arg(&busybox);
    for one in firmware {
        build.arg("--firmware").arg(one);
    }
    run(&mut build)?;
    fs::write(&stamp, digest).with_context(|| format!("cannot write {}", stamp.display()))
}

/// A digest over the names and contents of everything below some paths.
fn digest_of(paths: &[&Path], without: &[&str]) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut waiting: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let mut below = fs::read_dir(&path)
                .and_then(|entries| {
                    entries
                        .map(|entry| Ok(entry?.path()))
                        .collect::<std::io::Result<Vec<_>>>()
                })
                .with_context(|| format!("cannot read {}", path.display()))?;
            below.retain(|path| {
                !without
                    .iter()
                    .any(|name| path.file_name().is_some_and(|own| own == *name))
            });
            below.sort();
            waiting.extend(below);
        } else {
            hasher.update(path.as_os_str().as_encoded_bytes());
            hasher.update(&fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}
