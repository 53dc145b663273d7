//! `setup`: what the machine lacks is installed, what is there already is only looked at.

use crate::{
    apt::{self, Apt, Use},
    node::Node,
    place::Places,
    run::run,
};
use anyhow::{Context, Result};
use std::{fmt, fs, path::Path};

/// This machine cannot run what the commands need, whatever is installed.
#[derive(Debug)]
pub struct Unfit(pub String);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unfit {}

/// Brings everything that is missing and returns Node for the page.
///
/// # Errors
/// [`Unfit`] without root or `/dev/net/tun`; else whatever could not be brought.
pub fn set_up(places: &Places) -> Result<Node> {
    ensure_fit(
        nix::unistd::geteuid().is_root(),
        Path::new("/dev/net/tun").exists(),
    )?;
    fs::create_dir_all(&places.cache).with_context(|| format!("cannot make {}", places.cache.display()))?;
    bring_packages(places)?;
    let node = match Node::find(places) {
        Some(node) => node,
        None => Node::bring(places)?,
    };
    bring_page_packages(places, &node)?;
    Ok(node)
}

fn ensure_fit(is_root: bool, has_tun: bool) -> Result<(), Unfit> {
    match (is_root, has_tun) {
        (false, _) => Err(Unfit(
            "run it as root: virtual networks and packages need it".into(),
        )),
        (true, false) => Err(Unfit(
            "there is no /dev/net/tun: virtual networks need it; load the module tun".into(),
        )),
        (true, true) => Ok(()),
    }
}

fn bring_packages(places: &Places) -> Result<()> {
    let packages = apt::wanted()?;
    let names: Vec<&str> = packages
        .iter()
        .filter(|package| package.purpose == Use::Install)
        .map(|package| package.name.as_str())
        .collect();
    let lacking = apt::lacking(&names)?;
    let to_unpack: Vec<_> = packages
        .iter()
        .filter(|package| package.purpose != Use::Install && !places.package(&package.folder()).exists())
        .collect();
    let sources = apt::sources_file(&places.cache.join("apt"));
    if lacking.is_empty() && to_unpack.is_empty() && sources.exists() {
        return Ok(());
    }
    let apt = Apt::prepare(places)?;
    if !lacking.is_empty() {
        apt.install(&lacking)?;
    }
    for package in to_unpack {
        let name = match package.purpose {
            Use::Kernel | Use::Backport => apt.kernel_behind(&package.name, package.purpose)?,
            _ => package.name.clone(),
        };
        apt.unpack(&name, &places.package(&package.folder()))?;
    }
    Ok(())
}

/// `npm ci`, unless it was done for this very lock file.
fn bring_page_packages(places: &Places, node: &Node) -> Result<()> {
    let folder = places.checkout.join("webui");
    let lock = fs::read(folder.join("package-lock.json")).context("cannot read webui/package-lock.json")?;
    let digest = blake3::hash(&lock).to_hex().to_string();
    let stamp = folder.join("node_modules/.amorce-lock-digest");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == digest) {
        return Ok(());
    }
    println!("setup: installing the page's packages");
    run(node.npm(&folder).args(["ci", "--no-audit", "--loglevel=error"]))?;
    fs::write(&stamp, digest).with_context(|| format!("cannot write {}", stamp.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_root_or_tun_one_sentence_says_so_and_the_exit_code_is_3() {
        for (is_root, has_tun, word) in [
            (false, true, "as root"),
            (false, false, "as root"),
            (true, false, "/dev/net/tun"),
        ] {
            let error = anyhow::Error::from(ensure_fit(is_root, has_tun).unwrap_err());
            assert!(error.to_string().contains(word) && !error.to_string().contains('\n'));
            assert_eq!(crate::exit_code(&error), 3);
        }
        assert!(ensure_fit(true, true).is_ok());
        assert_eq!(crate::exit_code(&anyhow::anyhow!("another fault")), 1);
    }
}
