//! Debian packages: which are wanted, from where, and what is installed already.
//!
//! The sources are the machine's own, read at run time, with the component `non-free-firmware` added; apt keeps their
//! lists in our cache, so that the machine's own settings and lists stay as they are. `bookworm-backports` is asked of
//! the same server, only for what is wanted from there by name: apt itself prefers the release.

use crate::{
    place::Places,
    run::{command, output, run},
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What is done with a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Installed on the machine.
    Install,
    /// Unpacked in the cache.
    Unpack,
    /// The kernel package that it depends on is unpacked in the cache.
    Kernel,
    /// The same, as backports has it.
    Backport,
    /// Unpacked in the cache; offered to the initrd.
    Firmware,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// What is done with it.
    pub purpose: Use,
    /// Its name.
    pub name: String,
}

impl Package {
    /// What its folder in the cache is called.
    pub fn folder(&self) -> String {
        match self.purpose {
            Use::Backport => format!("{}-backports", self.name),
            _ => self.name.clone(),
        }
    }
}

/// The committed list.
///
/// # Errors
/// A line is malformed.
pub fn wanted() -> Result<Vec<Package>> {
    parse(include_str!("../packages.txt"))
}

fn parse(text: &str) -> Result<Vec<Package>> {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (purpose, name) = line
                .split_once(' ')
                .with_context(|| format!("packages.txt: {line:?} has no name"))?;
            let purpose = match purpose {
                "install" => Use::Install,
                "unpack" => Use::Unpack,
                "kernel" => Use::Kernel,
                "backport" => Use::Backport,
                "firmware" => Use::Firmware,
                _ => bail!("packages.txt: {purpose:?} is no use of a package"),
            };
            Ok(Package {
                purpose,
                name: name.trim().to_owned(),
            })
        })
        .collect()
}

/// Those of `names` that are not installed.
///
/// # Errors
/// dpkg does not answer: this is no Debian machine.
pub fn lacking(names: &[&str]) -> Result<Vec<String>> {
    // dpkg-query fails when one name is unknown to it, and still tells about the others.
    let output = command([
        "dpkg-query",
        "--show",
        "--showformat",
        "${Package} ${db:Status-Status}\\n",
    ])
    .args(names)
    .output()
    .context("cannot start dpkg-query; setup knows Debian 12 only")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let installed = |name: &str| text.lines().any(|line| line == format!("{name} installed"));
    Ok(names
        .iter()
        .filter(|name| !installed(name))
        .map(|name| (*name).to_owned())
        .collect())
}

/// apt with our own list of sources.
pub struct Apt {
    folder: PathBuf,
}

impl Apt {
    /// Derives the list of sources from the machine's own and fetches the lists of packages.
    ///
    /// # Errors
    /// The machine has no Debian sources, or they cannot be reached.
    pub fn prepare(places: &Places) -> Result<Self> {
        let apt = Self {
            folder: places.cache.join("apt"),
        };
        fs::create_dir_all(apt.folder.join("lists/partial"))
            .with_context(|| format!("cannot make {}", apt.folder.display()))?;
        write_sources(&apt.folder)?;
        println!("setup: fetching the lists of Debian packages");
        run(apt.command("apt-get").args(["update", "--quiet=2"]))
            .context("the machine's apt sources cannot be reached")?;
        Ok(apt)
    }

    /// Installs packages on the machine.
    ///
    /// # Errors
    /// apt cannot.
    pub fn install(&self, names: &[String]) -> Result<()> {
        println!("setup: installing {}", names.join(" "));
        run(self
            .command("apt-get")
            .args(["install", "--yes", "--quiet=2", "--no-install-recommends"])
            .args(names)
            .env("DEBIAN_FRONTEND", "noninteractive"))
    }

    /// Downloads a package and unpacks it into `folder`, whole or not at all.
    ///
    /// # Errors
    /// There is no such package, or it cannot be unpacked.
    pub fn unpack(&self, name: &str, folder: &Path) -> Result<()> {
        println!("setup: unpacking {name}");
        let draft = folder.with_extension("draft");
        let _ = fs::remove_dir_all(&draft);
        let download = draft.join("download");
        let tree = draft.join("tree");
        fs::create_dir_all(&download).with_context(|| format!("cannot make {}", download.display()))?;
        run(self
            .command("apt-get")
            .args(["download", "--quiet=2", name])
            .current_dir(&download))?;
        for entry in fs::read_dir(&download)? {
            run(command(["dpkg-deb", "--extract"]).arg(entry?.path()).arg(&tree))?;
        }
        ensure!(tree.exists(), "apt brought no package {name}");
        let _ = fs::remove_dir_all(folder);
        fs::rename(&tree, folder).with_context(|| format!("cannot put {} in its place", folder.display()))?;
        let _ = fs::remove_dir_all(&draft);
        Ok(())
    }

    /// The package of a kernel proper that a metapackage stands for, in the release or in backports.
    ///
    /// # Errors
    /// It depends on none.
    pub fn kernel_behind(&self, name: &str, purpose: Use) -> Result<String> {
        let mut command = self.command("apt-cache");
        if purpose == Use::Backport {
            command.args(["-o", "APT::Default-Release=bookworm-backports"]);
        }
        command.args(["depends", "--no-recommends", "--no-suggests", name]);
        let text = output(&mut command)?;
        text.lines()
            .find_map(|line| {
                Some(line.trim().strip_prefix("Depends: ")?.to_owned())
                    .filter(|name| name.starts_with("linux-image-"))
            })
            .with_context(|| format!("{name} depends on no kernel package"))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // The sandbox user of apt could not write into a private cache folder.
        command.args(["-o", "APT::Sandbox::User=root"]);
        for (key, value) in [
            ("Dir::Etc::sourcelist", sources_file(&self.folder)),
            ("Dir::Etc::sourceparts", PathBuf::from("/dev/null")),
            ("Dir::State::lists", self.folder.join("lists")),
            ("Dir::Cache::pkgcache", self.folder.join("pkgcache.bin")),
            ("Dir::Cache::srcpkgcache", self.folder.join("srcpkgcache.bin")),
        ] {
            command.arg("-o").arg(format!("{key}={}", value.display()));
        }
        command
    }
}

/// The list of sources that the lab's masters are installed from too.
pub fn sources_file(folder: &Path) -> PathBuf {
    folder.join("amorce.sources")
}

fn write_sources(folder: &Path) -> Result<()> {
    let codename = codename(&fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?)?;
    let mut stanzas = Vec::new();
    if let Ok(text) = fs::read_to_string("/etc/apt/sources.list") {
        stanzas.extend(from_list(&text, &codename));
    }
    let mut parts: Vec<PathBuf> = fs::read_dir("/etc/apt/sources.list.d")
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    parts.sort();
    for part in parts {
        let text = fs::read_to_string(&part).with_context(|| format!("cannot read {}", part.display()))?;
        match part.extension().and_then(|extension| extension.to_str()) {
            Some("list") => stanzas.extend(from_list(&text, &codename)),
            Some("sources") => stanzas.extend(from_stanzas(&text, &codename)),
            _ => {}
        }
    }
    stanzas.extend(backports(&stanzas, &codename));
    ensure!(
        !stanzas.is_empty(),
        "the machine's apt sources name no Debian {codename} with the component main; add it to /etc/apt/sources.list"
    );
    let file = sources_file(folder);
    fs::write(&file, stanzas.join("\n")).with_context(|| format!("cannot write {}", file.display()))
}

fn codename(os_release: &str) -> Result<String> {
    let value = |key: &str| {
        os_release
            .lines()
            .find_map(|line| Some(line.strip_prefix(key)?.strip_prefix('=')?.trim_matches('"')))
    };
    ensure!(
        value("ID") == Some("debian") && value("VERSION_CODENAME") == Some("bookworm"),
        "setup knows Debian 12 (bookworm) only; this is {}",
        value("PRETTY_NAME").unwrap_or("something else")
    );
    Ok("bookworm".to_owned())
}

const FIRMWARE: &str = "non-free-firmware";

/// Whether a suite belongs to this Debian: `bookworm`, `bookworm-updates`, `bookworm-security`.
fn is_ours(suite: &str, codename: &str) -> bool {
    suite
        .strip_prefix(codename)
        .is_some_and(|rest| ["", "-updates", "-security"].contains(&rest))
}

/// The same server's backports, once.
fn backports(stanzas: &[String], codename: &str) -> Option<String> {
    let names_release = |line: &str| {
        line.strip_prefix("Suites:")
            .is_some_and(|suites| suites.split_ascii_whitespace().any(|suite| suite == codename))
    };
    let release = stanzas.iter().find(|stanza| stanza.lines().any(names_release))?;
    let lines = release.lines().map(|line| match line.split_once(':') {
        Some(("Suites", _)) => format!("Suites: {codename}-backports\n"),
        Some(("Components", _)) => "Components: main\n".to_owned(),
        _ => format!("{line}\n"),
    });
    Some(lines.collect())
}

/// One-line style: `deb [options] URI SUITE COMPONENT…`, turned into stanzas.
fn from_list(text: &str, codename: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let rest = line.trim().strip_prefix("deb ")?.trim();
            let (options, rest) = match rest.strip_prefix('[') {
                Some(inside) => inside.split_once(']')?,
                None => ("", rest),
            };
            let words: Vec<&str> = rest.split_ascii_whitespace().collect();
            let [uri, suite, components @ ..] = words.as_slice() else {
                return None;
            };
            if !is_ours(suite, codename) || !components.contains(&"main") {
                return None;
            }
            let mut stanza =
                format!("Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main {FIRMWARE}\n");
            for option in options.split_ascii_whitespace() {
                if let Some(key) = option.strip_prefix("signed-by=") {
                    stanza.push_str(&format!("Signed-By: {key}\n"));
                }
            }
            Some(stanza)
        })
        .collect()
}

/// Stanza style (deb822).
fn from_stanzas(text: &str, codename: &str) -> Vec<String> {
    let value = |stanza: &str, key: &str| {
        stanza
            .lines()
            .find_map(|line| Some(line.strip_prefix(key)?.strip_prefix(':')?.trim().to_owned()))
    };
    text.split("\n\n")
        .filter_map(|stanza| {
            let stanza: String = stanza
                .lines()
                .filter(|line| !line.starts_with('#'))
                .map(|line| format!("{line}\n"))
                .collect();
            let types = value(&stanza, "Types")?;
            let suites = value(&stanza, "Suites")?;
            let components = value(&stanza, "Components")?;
            let wanted = types.split_ascii_whitespace().any(|one| one == "deb")
                && value(&stanza, "Enabled").as_deref() != Some("no")
                && suites
                    .split_ascii_whitespace()
                    .any(|suite| is_ours(suite, codename))
                && components.split_ascii_whitespace().any(|one| one == "main");
            if !wanted {
                return None;
            }
            let lines = stanza.lines().map(|line| {
                if line.starts_with("Types:") {
                    "Types: deb\n".to_owned()
                } else if line.starts_with("Components:") {
                    format!("Components: main {FIRMWARE}\n")
                } else {
                    format!("{line}\n")
                }
            });
            Some(lines.collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_list_is_well_formed_and_names_a_kernel() {
        let packages = wanted().unwrap();
        for purpose in [Use::Kernel, Use::Backport] {
            assert!(packages.iter().any(|package| package.purpose == purpose));
        }
        assert!(parse("install").is_err() && parse("fetch x").is_err());
    }

    #[test]
    fn only_this_debians_sources_are_taken_and_firmware_is_added() {
        let text = "Types: deb deb-src\n# by hand\nURIs: file:/mirror\nSuites: bookworm bookworm-updates\n\
                    Components: main contrib\nSigned-By: /key.gpg\n\nTypes: deb\nURIs: file:/other\n\
                    Suites: nodistro\nComponents: main\n";
        let stanzas = from_stanzas(text, "bookworm");
        assert_eq!(stanzas.len(), 1);
        assert!(
            stanzas[0].contains("Components: main non-free-firmware\n")
                && stanzas[0].contains("Types: deb\n")
        );
        assert!(!stanzas[0].contains('#'));
    }

    #[test]
    fn backports_are_asked_of_the_server_that_has_the_release() {
        let stanza = |suites: &str| {
            format!(
                "Types: deb\nURIs: file:/{}\nSuites: {suites}\nComponents: main {FIRMWARE}\nSigned-By: /key.gpg\n",
                suites.len()
            )
        };
        let stanzas = [stanza("bookworm-security"), stanza("bookworm bookworm-updates")];
        let found = backports(&stanzas, "bookworm").unwrap();
        assert_eq!(
            found,
            "Types: deb\nURIs: file:/25\nSuites: bookworm-backports\nComponents: main\nSigned-By: /key.gpg\n"
        );
        assert_eq!(backports(&stanzas[..1], "bookworm"), None);
    }

    #[test]
    fn one_line_sources_become_stanzas() {
        let text = "# deb file:/old bookworm main\ndeb [signed-by=/key.gpg] file:/mirror bookworm main contrib\n\
                    deb file:/mirror trixie main\ndeb-src file:/mirror bookworm main\n";
        assert_eq!(
            from_list(text, "bookworm"),
            [
                "Types: deb\nURIs: file:/mirror\nSuites: bookworm\nComponents: main non-free-firmware\nSigned-By: /key.gpg\n"
            ]
        );
    }
}
