//! The peers, as their users call them.

use super::{Ground, bytes_in, remove};
use crate::{
    attachment::Loop,
    desktop::DesktopMaster,
    master::Extent,
    process::{command, run},
};
use anyhow::{Context, Result, ensure};
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

/// The names and versions of Debian packages.
pub fn versions(packages: &[&str]) -> Result<String> {
    let text =
        run(command(["dpkg-query", "--show", "--showformat", "${Package} ${Version} "]).args(packages))
            .context("a peer is not installed")?;
    Ok(text.trim().to_owned())
}

/// A tool that keeps whole files as chunks in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkStore {
    /// restic, with its own choice of compression.
    Restic,
    /// borg, zstd.
    Borg,
    /// casync, with its own choice of compression.
    Casync,
}

impl ChunkStore {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Restic, Self::Borg, Self::Casync];

    /// Name and version.
    pub fn name(self) -> Result<String> {
        versions(&[match self {
            Self::Restic => "restic",
            Self::Borg => "borgbackup",
            Self::Casync => "casync",
        }])
    }

    /// Makes an empty repository.
    pub fn init(self, ground: &Ground, name: &str) -> Result<PathBuf> {
        let repository = ground.path(name);
        remove(&repository)?;
        match self {
            Self::Restic => run(self.command(ground).arg("init").arg("--repo").arg(&repository))?,
            Self::Borg => run(self
                .command(ground)
                .args(["init", "--encryption", "none"])
                .arg(&repository))?,
            Self::Casync => {
                std::fs::create_dir_all(repository.join("chunks"))?;
                String::new()
            }
        };
        Ok(repository)
    }

    /// Keeps an image under a name, whatever is known of it; tells by how many bytes the repository grew.
    pub fn capture(self, ground: &Ground, repository: &Path, image: &Path, name: &str) -> Result<u64> {
        let before = bytes_in(repository)?;
        let mut tool = self.command(ground);
        match self {
            Self::Restic => tool
                .args(["backup", "--quiet", "--force", "--tag", name, "--repo"])
                .arg(repository)
                .arg(image),
            Self::Borg => {
                let mut archive = repository.as_os_str().to_owned();
                archive.push(format!("::{name}"));
                tool.args(["create", "--compression", "zstd,3", "--files-cache", "disabled"])
                    .arg(archive)
                    .arg(image)
            }
            Self::Casync => tool
                .arg("make")
                .arg(format!("--store={}", repository.join("chunks").display()))
                .arg(repository.join(format!("{name}.caibx")))
                .arg(image),
        };
        run(&mut tool)?;
        Ok(bytes_in(repository)?.saturating_sub(before))
    }

    /// What each of them needs to work alone.
    fn command(self, ground: &Ground) -> Command {
        let mut tool = command([match self {
            Self::Restic => "restic",
            Self::Borg => "borg",
            Self::Casync => "casync",
        }]);
        tool.env("RESTIC_PASSWORD", "bench")
            .env("RESTIC_CACHE_DIR", ground.path("restic-cache"))
            .env("BORG_BASE_DIR", ground.path("borg-base"))
            .env("BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK", "yes")
            .env("BORG_RELOCATED_REPO_ACCESS_IS_OK", "yes");
        tool
    }
}

/// Puts the newest image of a restic repository into a folder.
pub fn restic_restore(ground: &Ground, repository: &Path, folder: &Path) -> Result<()> {
    run(ChunkStore::Restic
        .command(ground)
        .args(["restore", "latest", "--quiet", "--repo"])
        .arg(repository)
        .arg("--target")
        .arg(folder))?;
    Ok(())
}

/// The partitions that partclone is asked for, with the program for each.
fn partitions(master: &DesktopMaster) -> [(&'static str, Extent); 2] {
    [
        ("partclone.ext4", master.linux),
        ("partclone.ntfs", master.windows),
    ]
}

/// `partclone | zstd -3 -T2` of both partitions, one behind the other, as its users do.
pub struct Partclone {
    devices: Vec<(&'static str, Loop)>,
    folder: PathBuf,
}

impl Partclone {
    /// Name and version.
    pub fn name() -> Result<String> {
        versions(&["partclone", "zstd"])
    }

    /// Attaches the partitions of an image; what is made goes into `folder`.
    pub fn prepare(image: &Path, master: &DesktopMaster, folder: PathBuf, read_only: bool) -> Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let devices = partitions(master)
            .into_iter()
            .map(|(program, place)| {
                Ok((
                    program,
                    Loop::attach(image, place.offset, place.length, read_only)?,
                ))
            })
            .collect::<Result<_>>()?;
        Ok(Self { devices, folder })
    }

    /// Keeps both partitions; tells the bytes of the archives.
    pub fn capture(&self) -> Result<u64> {
        let mut sum = 0;
        for (program, device) in &self.devices {
            let file = self.folder.join(format!("{program}.zst"));
            let script = "set -o pipefail; \"$1\" --clone --source \"$2\" --output - --logfile /dev/null --quiet | zstd -q -3 -T2 -o \"$3\" --force";
            run(command(["bash", "-c", script, "bash", program])
                .arg(device.path())
                .arg(&file))?;
            sum += bytes_in(&file)?;
        }
        ensure!(sum > 1 << 20, "partclone stored next to nothing");
        Ok(sum)
    }

    /// Puts both archives of `folder` on the partitions.
    pub fn restore(&self) -> Result<()> {
        for (program, device) in &self.devices {
            let script = "set -o pipefail; zstd -dc \"$3\" | \"$1\" --restore --source - --output \"$2\" --logfile /dev/null --quiet";
            run(command(["bash", "-c", script, "bash", program])
                .arg(device.path())
                .arg(self.folder.join(format!("{program}.zst"))))?;
        }
        Ok(())
    }

    /// The used bytes alone, uncompressed, as one file.
    pub fn used_bytes(&self, file: &Path) -> Result<()> {
        File::create(file)?;
        for (program, device) in &self.devices {
            let script = "\"$1\" --clone --source \"$2\" --output - --logfile /dev/null --quiet >> \"$3\"";
            run(command(["bash", "-c", script, "bash", program])
                .arg(device.path())
                .arg(file))?;
        }
        Ok(())
    }
}

/// `zstd` over a file at a level; tells the bytes it made.
pub fn zstd(from: &Path, to: &Path, level: u32) -> Result<u64> {
    run(command(["zstd", "-q", "-T2", "--force"])
        .arg(format!("-{level}"))
        .arg(from)
        .arg("-o")
        .arg(to))?;
    bytes_in(to)
}
