//! Where things are.

use anyhow::{Context, Result};
use std::{
    env,
    path::{Path, PathBuf},
};

/// The folders that every command works in.
#[derive(Clone, Debug)]
pub struct Places {
    /// The checkout.
    pub checkout: PathBuf,
    /// What is kept between runs, outside the checkout.
    pub cache: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
}

/// The only triple that is built: `.cargo/config.toml` says so.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

impl Places {
    /// Finds them from the environment.
    ///
    /// # Errors
    /// There is neither a home folder nor a variable that names the cache.
    pub fn find() -> Result<Self> {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("the package xtask is not in a checkout")?
            .to_owned();
        let set = |name: &str| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let cache = set("AMORCE_CACHE")
            .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("amorce")))
            .or_else(|| set("HOME").map(|folder| folder.join(".cache/amorce")))
            .context("there is no HOME; set AMORCE_CACHE to a folder that may hold some gigabytes")?;
        let target = set("CARGO_TARGET_DIR").unwrap_or_else(|| cache.join("target"));
        Ok(Self {
            checkout,
            cache,
            target,
        })
    }

    /// A built program.
    pub fn program(&self, profile: Profile, name: &str) -> PathBuf {
        let folder = match profile {
            Profile::Release => "release",
            Profile::Development => "debug",
        };
        self.target.join(TRIPLE).join(folder).join(name)
    }

    /// A package unpacked by setup.
    pub fn package(&self, name: &str) -> PathBuf {
        self.cache.join("packages").join(name)
    }

    /// The boot files that machines of the lab start from.
    pub fn boot_files(&self) -> PathBuf {
        self.cache.join("boot-files/boot")
    }

    /// The same with the newer kernel of backports, and without firmware for adapters.
    pub fn newer_boot_files(&self) -> PathBuf {
        self.cache.join("boot-files-newer/boot")
    }
}

/// How a program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// As it ships.
    Release,
    /// For those who work on it.
    Development,
}
