//! Measurements against what people use today: in the same run, on the same disk, all of it in memory.
//!
//! Every contender finds the image and leaves what it makes on a tmpfs, so that the disk of the machine is not what is
//! measured; contenders take turns in every round, and medians of the rounds count.

pub mod boot;
mod capture;
mod delta;
mod drift;
mod generated;
mod memory;
mod peer;
mod recapture;
mod report;
mod restore;
mod scale;
mod second_master;

use crate::{
    desktop::{self, DesktopMaster, Scale, Which},
    master::Extent,
    process::{command, is_interrupted, run},
    stage::Tools,
};
use anyhow::{Context, Result, anyhow, ensure};
use report::{Report, Sample};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

/// Something that is measured.
pub struct Bench {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What is measured against whom, in one sentence.
    pub measures: &'static str,
    play: fn(&Ground, &mut Report) -> Result<()>,
}

/// Every measurement.
pub const ALL: &[Bench] = &[
    Bench {
        name: "capture",
        measures: "first capture of a desktop-like disk: partclone | zstd, zstd alone, restic, borg, casync",
        play: capture::play,
    },
    Bench {
        name: "recapture",
        measures: "capture again after files holding 2 % of the used bytes were replaced: restic --force, partclone | zstd",
        play: recapture::play,
    },
    Bench {
        name: "second-master",
        measures: "new bytes of a separately installed master: the ideal, restic, borg, casync; on ext4 and on NTFS",
        play: second_master::play,
    },
    Bench {
        name: "restore",
        measures: "restore onto a blank disk: zstd -dc | partclone -r, restic, a bare zstd -d; then on disk with read-back",
        play: restore::play,
    },
    Bench {
        name: "delta",
        measures: "restore over the previous version after the same 2 % drift: bytes fetched and written, our own full restore",
        play: delta::play,
    },
    Bench {
        name: "memory",
        measures: "capture and restore within 256 MiB: the desktop-like disk, and ten million different chunks",
        play: memory::play,
    },
    Bench {
        name: "scale",
        measures: "first capture on two cores against one, beside two zstd that share nothing",
        play: scale::play,
    },
];

/// How a measurement is run.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Rounds; medians count.
    pub times: u32,
    /// On the small masters, and it fails if a figure is missed by more than three times: to see that it still works.
    pub small: bool,
}

/// Where the contenders meet.
struct Ground {
    tools: Tools,
    /// The first master's image is a copy on the tmpfs.
    first: DesktopMaster,
    scale: Scale,
    times: u32,
    folder: tempfile::TempDir,
}

/// What the masters are called in our stores.
const MASTER: &str = "bench";

/// Runs one measurement and prints every contender's figures and what was asked for.
///
/// # Errors
/// There is none of that name, a contender fails, or in a small run a figure is far from what was asked for.
pub fn play(name: &str, tools: &Tools, order: Order) -> Result<()> {
    if name == "boot" {
        println!("boot: {}", boot::MEASURES);
        return boot::play(tools, order);
    }
    let bench = ALL.iter().find(|bench| bench.name == name).ok_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|bench| bench.name).collect();
        anyhow!(
            "nothing called {name:?} is measured; there are: {}",
            names.join(", ")
        )
    })?;
    println!("{}: {}", bench.name, bench.measures);
    let ground = Ground::prepare(tools, order)?;
    let mut report = Report::new(order.small);
    (bench.play)(&ground, &mut report)?;
    report.close()
}

impl Ground {
    fn prepare(tools: &Tools, order: Order) -> Result<Self> {
        let scale = if order.small { Scale::Small } else { Scale::Desktop };
        let mut first = desktop::image(&tools.cache, scale, Which::First)?;
        let folder = tempfile::Builder::new()
            .prefix("amorce-bench-")
            .tempdir_in("/dev/shm")
            .context("cannot make a folder on the tmpfs /dev/shm")?;
        let copy = folder.path().join("first.img");
        copy_sparse(&first.image, &copy)?;
        first.image = copy;
        Ok(Self {
            tools: tools.clone(),
            first,
            scale,
            times: order.times.max(1),
            folder,
        })
    }

    /// A path on the tmpfs.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The second master, in the cache.
    fn second(&self) -> Result<DesktopMaster> {
        desktop::image(&self.tools.cache, self.scale, Which::Second)
    }

    fn imager(&self) -> std::process::Command {
        command([&self.tools.imager])
    }

    /// Our name and version.
    fn our_name(&self) -> Result<String> {
        Ok(run(self.imager().arg("--version"))?.trim().to_owned())
    }

    /// The level of zstd at which we compress unless told otherwise: what others are measured at, too.
    fn our_level(&self) -> Result<u32> {
        let help = run(self.imager().args(["capture", "--help"]))?;
        level_in(&help).context("`imager capture --help` names no default of --level")
    }

    /// A new, empty store of ours.
    fn new_store(&self, name: &str) -> Result<PathBuf> {
        let store = self.path(name);
        remove(&store)?;
        run(self.imager().arg("init").arg(&store))?;
        Ok(store)
    }

    /// Captures with our own imager.
    fn capture(&self, image: &Path, store: &Path) -> Result<Counts> {
        Counts::read(
            self.imager()
                .arg("capture")
                .arg(image)
                .arg("--store")
                .arg(store)
                .args(["--name", MASTER, "--json"]),
        )
    }

    /// Restores with our own imager.
    fn restore(&self, version: u32, target: &Path, store: &Path, read_back: &str) -> Result<Counts> {
        Counts::read(
            self.imager()
                .arg("restore")
                .arg(format!("{MASTER}@{version}"))
                .arg(target)
                .arg("--store")
                .arg(store)
                .args(["--read-back", read_back, "--json"]),
        )
    }
}

/// What our imager counted.
struct Counts(Value);

impl Counts {
    fn read(command: &mut std::process::Command) -> Result<Self> {
        let text = run(command)?;
        Ok(Self(
            serde_json::from_str(&text).context("the imager printed no JSON object")?,
        ))
    }

    fn get(&self, member: &str) -> Result<u64> {
        self.0[member]
            .as_u64()
            .with_context(|| format!("the imager counted no {member}"))
    }
}

/// The default of `--level` in the help of `imager capture`.
fn level_in(help: &str) -> Option<u32> {
    let (_, behind) = help.split_once("--level")?;
    let (_, behind) = behind.split_once("[default: ")?;
    behind.split_once(']')?.0.parse().ok()
}

/// Times a piece of work that tells how many bytes it stored.
fn measure(work: impl FnOnce() -> Result<u64>) -> Result<Sample> {
    ensure!(!is_interrupted(), "interrupted");
    let processor = processor_seconds()?;
    let begin = Instant::now();
    let bytes = work()?;
    Ok(Sample {
        seconds: begin.elapsed().as_secs_f64(),
        processor_seconds: processor_seconds()? - processor,
        bytes,
    })
}

/// Processor time of all programs that have ended, user and system: `cutime` and `cstime` of proc(5).
fn processor_seconds() -> Result<f64> {
    /// Linux counts them in hundredths of a second on every machine that we run on.
    const TICKS: f64 = 100.0;
    let text = fs::read_to_string("/proc/self/stat").context("cannot read /proc/self/stat")?;
    // The second field is a name in brackets, which may hold anything.
    let (_, fields) = text.rsplit_once(')').context("/proc/self/stat has no name")?;
    let ticks: u64 = fields
        .split_ascii_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(ticks as f64 / TICKS)
}

fn copy_sparse(from: &Path, to: &Path) -> Result<()> {
    run(
        command(["cp", "--recursive", "--sparse=always", "--reflink=auto"])
            .arg(from)
            .arg(to),
    )?;
    Ok(())
}

/// A partition as a file of its own.
fn cut_out(image: &Path, place: Extent, to: &Path) -> Result<()> {
    const MIB: u64 = 1 << 20;
    ensure!(
        place.offset.is_multiple_of(MIB) && place.length.is_multiple_of(MIB),
        "the partition does not begin and end on whole MiB"
    );
    run(command(["dd", "bs=1M", "conv=sparse", "status=none"])
        .arg(format!("skip={}", place.offset / MIB))
        .arg(format!("count={}", place.length / MIB))
        .arg(format!("if={}", image.display()))
        .arg(format!("of={}", to.display())))?;
    // What ends in a hole would be too short.
    fs::File::options().write(true).open(to)?.set_len(place.length)?;
    Ok(())
}

/// Removes a file or a folder, if it is there.
fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else if path.exists() {
        fs::remove_file(path)
    } else {
        Ok(())
    };
    removed.with_context(|| format!("cannot remove {}", path.display()))
}

/// Bytes of all files below a folder, or of a file.
fn bytes_in(path: &Path) -> Result<u64> {
    let metadata =
        fs::symlink_metadata(path).with_context(|| format!("cannot look at {}", path.display()))?;
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    fs::read_dir(path)?.map(|entry| bytes_in(&entry?.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_programs_that_ended_is_counted() {
        let sample = measure(|| {
            run(&mut command([
                "sh",
                "-c",
                "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done",
            ]))?;
            Ok(3)
        })
        .unwrap();
        assert!(sample.processor_seconds > 0.0 && sample.bytes == 3);
    }

    #[test]
    fn our_level_is_read_from_the_help() {
        let help = "  --name <NAME>  What [default: x]\n  --level <LEVEL>\n    How hard [default: 2]\n";
        assert_eq!(level_in(help), Some(2));
        assert_eq!(level_in("  --level <LEVEL>  How hard"), None);
    }

    #[test]
    fn every_measurement_has_its_own_name() {
        for (number, bench) in ALL.iter().enumerate() {
            assert!(ALL[number + 1..].iter().all(|other| other.name != bench.name));
        }
    }
}
