//! Desktop-like masters for measurements: what a user's disk looks like, twice, installed separately.
//!
//! | partition (GPT) | desktop, first | desktop, second | small, first | small, second | holds |
//! | --- | --- | --- | --- | --- | --- |
//! | 1 ESP | 100 | 260 | 64 | 96 | FAT32: shim and grub |
//! | 2 Linux | 4400 | 5600 | 700 | 900 | ext4, installed by Debian's own tools on the mounted file system |
//! | 3 swap | 1024 | 2048 | 64 | 32 | swap |
//! | 4 data | 1200 | 1500 | 160 | 220 | NTFS: files of packages that the ext4 does not hold |
//! | whole disk | 8192 | 10240 | 1024 | 1280 | MiB; the rest is free |
//!
//! `desktop/packages.txt` lists the packages. The second has other packages beside the first's, other groups of them in
//! another order, and everything lies elsewhere. What was deleted on the way is discarded at the end, as a system does.

use crate::{
    attachment::{FileSystem, Loop, Mounted},
    master::{self, Extent},
    process::{command, run, wait_until},
};
use anyhow::{Context, Result, ensure};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// How much there is on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// About 1.9 GB on the ext4 and 0.4 GB on the NTFS.
    Desktop,
    /// A tenth of it, to see that a measurement works.
    Small,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Which {
    /// The one that most is measured with.
    First,
    /// The one that was installed separately.
    Second,
}

/// A finished image, to be read only.
#[derive(Clone, Debug)]
pub struct DesktopMaster {
    /// Where it is.
    pub image: PathBuf,
    /// The ext4.
    pub linux: Extent,
    /// The NTFS.
    pub windows: Extent,
}

const MIB: u64 = 1 << 20;
/// Grown by one whenever the recipe changes: an older image in the cache is then left alone and made anew.
const RECIPE: u32 = 1;
const PACKAGES: &str = include_str!("desktop/packages.txt");

/// Sizes of one master in MiB.
struct Layout {
    esp: u64,
    linux: u64,
    swap: u64,
    windows: u64,
    disk: u64,
}

impl Scale {
    const fn word(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Small => "small",
        }
    }
}

impl Which {
    const fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
        }
    }
}

impl Layout {
    const fn of(scale: Scale, which: Which) -> Self {
        let (esp, linux, swap, windows, disk) = match (scale, which) {
            (Scale::Desktop, Which::First) => (100, 4400, 1024, 1200, 8192),
            (Scale::Desktop, Which::Second) => (260, 5600, 2048, 1500, 10240),
            (Scale::Small, Which::First) => (64, 700, 64, 160, 1024),
            (Scale::Small, Which::Second) => (96, 900, 32, 220, 1280),
        };
        Self {
            esp,
            linux,
            swap,
            windows,
            disk,
        }
    }

    const fn extents(&self) -> [Extent; 4] {
        let linux = 1 + self.esp;
        let swap = linux + self.linux;
        let windows = swap + self.swap;
        [
            master::mebibytes(1, self.esp),
            master::mebibytes(linux, self.linux),
            master::mebibytes(swap, self.swap),
            master::mebibytes(windows, self.windows),
        ]
    }

    fn script(&self) -> String {
        let [esp, linux, swap, windows] = self.extents().map(|extent| {
            format!(
                "start={}MiB, size={}MiB",
                extent.offset / MIB,
                extent.length / MIB
            )
        });
        format!(
            "label: gpt\n{esp}, type=uefi, name=\"EFI System\"\n{linux}, type=linux, name=\"root\"\n\
             {swap}, type=swap, name=\"swap\"\n\
             {windows}, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, name=\"Basic data partition\"\n"
        )
    }
}

/// The master, from the cache or made now: a few minutes for the desktop, half a minute for the small one.
///
/// # Errors
/// A tool is missing or fails; nothing half-made stays in the cache.
pub fn image(cache: &Path, scale: Scale, which: Which) -> Result<DesktopMaster> {
    let folder = cache.join("masters").join(format!("desktop-{RECIPE}"));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let name = format!("{}-{}", scale.word(), which.word());
    let lock = File::create(folder.join(format!("{name}.lock")))?;
    wait_until(
        "another run has made the master",
        Duration::from_secs(1800),
        || Ok(lock.try_lock().ok()),
    )?;
    let layout = Layout::of(scale, which);
    let [_, linux, _, windows] = layout.extents();
    let image = folder.join(format!("{name}.img"));
    if !image.exists() {
        eprintln!("lab: installing the master {name}");
        let work = tempfile::tempdir_in(&folder).context("cannot make a working folder")?;
        let draft = work.path().join("draft.img");
        make(&layout, scale, which, cache, work.path(), &draft)
            .with_context(|| format!("cannot make the master {name}"))?;
        fs::rename(&draft, &image).context("cannot put the finished image in its place")?;
    }
    Ok(DesktopMaster {
        image,
        linux,
        windows,
    })
}

fn make(layout: &Layout, scale: Scale, which: Which, cache: &Path, work: &Path, draft: &Path) -> Result<()> {
    let file = File::options()
        .create_new(true)
        .read(true)
        .write(true)
        .open(draft)?;
    file.set_len(layout.disk * MIB)?;
    master::partition(draft, &layout.script())?;
    let [esp, linux, swap, windows] = layout.extents();
    master::make_esp(&file, esp, work)?;
    master::make_swap(&file, swap, work)?;
    let groups = |partition| groups(scale, which, partition);
    make_linux(draft, linux, &groups("linux")?, cache)?;
    make_windows(draft, windows, &groups("windows")?, cache, work)?;
    file.sync_all()?;
    Ok(())
}

/// The installations of a partition, in order.
fn groups(scale: Scale, which: Which, partition: &str) -> Result<Vec<Vec<&'static str>>> {
    let head = [scale.word(), which.word(), partition];
    let groups: Vec<Vec<&'static str>> = PACKAGES
        .lines()
        .filter_map(|line| {
            let words: Vec<&'static str> = line.split_ascii_whitespace().collect();
            words.starts_with(&head).then(|| words[head.len()..].to_vec())
        })
        .collect();
    ensure!(
        !groups.is_empty() && groups.iter().all(|group| !group.is_empty()),
        "packages.txt names nothing for {head:?}"
    );
    Ok(groups)
}

/// Setup derived this list from the machine's own.
fn sources(cache: &Path) -> PathBuf {
    cache.parent().unwrap_or(cache).join("apt/amorce.sources")
}

fn make_linux(image: &Path, place: Extent, groups: &[Vec<&str>], cache: &Path) -> Result<()> {
    {
        let device = Loop::attach(image, place.offset, place.length, false)?;
        run(command(["mke2fs", "-q", "-t", "ext4", "-F", "-L", "root"]).arg(device.path()))?;
    }
    let mounted = Mounted::mount(FileSystem::Ext4, image, place.offset, place.length, false)?;
    let (first, further) = groups.split_first().context("nothing to install")?;
    let (variant, packages) = first.split_first().context("no variant to begin with")?;
    let mut install = command(["mmdebstrap", "--quiet", "--mode=root"]);
    install
        .arg(format!("--variant={variant}"))
        .arg(format!("--include={}", packages.join(",")));
    for group in further {
        // apt from outside, with the sources and the settings of the installation.
        install.arg(format!(
            "--customize-hook=APT_CONFIG=\"$MMDEBSTRAP_APT_CONFIG\" DEBIAN_FRONTEND=noninteractive \
             apt-get --yes --quiet=2 --no-install-recommends -oDPkg::Chroot-Directory=\"$1\" install {}",
            group.join(" ")
        ));
    }
    run(install.arg("bookworm").arg(mounted.path()).arg(sources(cache)))?;
    // What was removed counts as free only when that is written out.
    run(command(["sync", "--file-system"]).arg(mounted.path()))?;
    run(command(["fstrim"]).arg(mounted.path()))?;
    Ok(())
}

fn make_windows(image: &Path, place: Extent, groups: &[Vec<&str>], cache: &Path, work: &Path) -> Result<()> {
    let download = work.join("download");
    fs::create_dir_all(&download)?;
    run(apt(cache).args(["update", "--quiet=2"]))?;
    {
        let device = Loop::attach(image, place.offset, place.length, false)?;
        run(command(["mkntfs", "--quick", "--force", "--quiet", "--label", "data"]).arg(device.path()))?;
    }
    let mounted = Mounted::mount(FileSystem::Ntfs, image, place.offset, place.length, false)?;
    for package in groups.iter().flatten() {
        run(apt(cache)
            .args(["download", "--quiet=2", package])
            .current_dir(&download))?;
        for archive in fs::read_dir(&download)? {
            let archive = archive?.path();
            let tree = work.join("tree");
            run(command(["dpkg-deb", "--extract"]).arg(&archive).arg(&tree))?;
            fs::remove_file(&archive)?;
            let place = mounted.path().join("Program Files").join(package);
            fs::create_dir_all(&place)?;
            // Without owners and modes, which such a partition has no place for; links become what they point at.
            run(
                command(["cp", "--recursive", "--no-preserve=all", "--no-dereference"])
                    .arg(tree.join("usr"))
                    .arg(&place),
            )?;
            fs::remove_dir_all(&tree)?;
        }
    }
    Ok(())
}

/// apt with the lists that setup fetched.
fn apt(cache: &Path) -> Command {
    let folder = cache.parent().unwrap_or(cache).join("apt");
    let mut apt = command(["apt-get", "-o", "APT::Sandbox::User=root"]);
    for (key, value) in [
        ("Dir::Etc::sourcelist", sources(cache)),
        ("Dir::Etc::sourceparts", PathBuf::from("/dev/null")),
        ("Dir::State::lists", folder.join("lists")),
        ("Dir::Cache::pkgcache", folder.join("pkgcache.bin")),
        ("Dir::Cache::srcpkgcache", folder.join("srcpkgcache.bin")),
    ] {
        apt.arg("-o").arg(format!("{key}={}", value.display()));
    }
    apt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_master_has_packages_for_both_partitions_and_ends_before_its_disk_does() {
        for scale in [Scale::Desktop, Scale::Small] {
            for which in [Which::First, Which::Second] {
                for partition in ["linux", "windows"] {
                    assert!(!groups(scale, which, partition).unwrap().is_empty());
                }
                let layout = Layout::of(scale, which);
                let [_, _, _, last] = layout.extents();
                assert!(last.offset + last.length < layout.disk * MIB);
            }
        }
    }

    #[test]
    fn nothing_is_on_both_partitions_of_a_master() {
        for which in [Which::First, Which::Second] {
            let linux = groups(Scale::Desktop, which, "linux").unwrap().concat();
            let windows = groups(Scale::Desktop, which, "windows").unwrap().concat();
            assert!(windows.iter().all(|package| !linux.contains(package)));
        }
    }
}
