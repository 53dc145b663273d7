//! How much memory a capture and a restore need: they run with 256 MiB and no more. In a small run there are fewer chunks
//! and less memory: what grows with the number of chunks does not fit there, either.

use super::{
    Ground, MASTER, generated,
    report::{Bound, Report},
};
use crate::{
    desktop::Scale,
    process::{command, run, wait_until},
};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// The same for both ways and both disks.
struct Bounds {
    files: u32,
    bytes: u64,
}

fn bounds(scale: Scale) -> Bounds {
    match scale {
        Scale::Small => Bounds {
            files: 500_000,
            bytes: 160 << 20,
        },
        Scale::Desktop => Bounds {
            files: 10_000_000,
            bytes: 256 << 20,
        },
    }
}

/// See [`super::ALL`].
pub(super) fn play(ground: &Ground, report: &mut Report) -> Result<()> {
    // What is written to a tmpfs would count as memory of its own.
    let scratches = ground.tools.cache.join("scratch");
    fs::create_dir_all(&scratches)?;
    let folder = tempfile::tempdir_in(scratches).context("cannot make a scratch folder")?;
    let files = bounds(ground.scale).files;
    both_ways(
        ground,
        report,
        folder.path(),
        &ground.first.image,
        "the desktop-like master",
        0,
    )?;
    let source = folder.path().join("source.img");
    generated::write(&source, files)?;
    both_ways(
        ground,
        report,
        folder.path(),
        &source,
        &format!("{files} files of one sector"),
        u64::from(files),
    )
}

fn both_ways(
    ground: &Ground,
    report: &mut Report,
    folder: &Path,
    image: &Path,
    what: &str,
    chunks_at_least: u64,
) -> Result<()> {
    let cage = Cage::new(bounds(ground.scale).bytes)?;
    println!("  {what}, in {}", cage.describe());
    let store = folder.join("store");
    run(ground.imager().arg("init").arg(&store))?;
    let mut capture = ground.imager();
    capture
        .arg("capture")
        .arg(image)
        .arg("--store")
        .arg(&store)
        .args(["--name", MASTER, "--json"]);
    let captured = cage.run(&capture)?;
    captured.print("capture");
    let chunks = captured.counts["chunks_new"].as_u64().unwrap_or(0);
    println!("    {chunks} different chunks");
    ensure!(
        chunks >= chunks_at_least,
        "only {chunks} different chunks, {chunks_at_least} were generated"
    );
    let target = folder.join("target.img");
    fs::File::create(&target)?.set_len(fs::metadata(image)?.len())?;
    let mut restore = ground.imager();
    restore
        .arg("restore")
        .arg(MASTER)
        .arg(&target)
        .arg("--store")
        .arg(&store)
        .arg("--json");
    let restored = cage.run(&restore)?;
    restored.print("restore");
    let highest = captured.bytes_high_water.max(restored.bytes_high_water);
    report.claim(
        &format!("VmHWM / {} MiB, {what}", cage.bytes >> 20),
        highest as f64 / cage.bytes as f64,
        Bound::AtMost(1.0),
    );
    fs::remove_file(&target)?;
    fs::remove_dir_all(&store).context("cannot remove the store")
}

/// What a program in the cage did.
struct Outcome {
    counts: Value,
    seconds: f64,
    bytes_high_water: u64,
}

impl Outcome {
    fn print(&self, what: &str) {
        println!(
            "    {what}: {:.1} s, VmHWM {:.1} MiB",
            self.seconds,
            self.bytes_high_water as f64 / f64::from(1 << 20)
        );
    }
}

/// A control group with a limit of memory; removed when dropped.
struct Cage {
    folder: PathBuf,
    version: u8,
    bytes: u64,
}

impl Cage {
    fn new(bytes: u64) -> Result<Self> {
        let name = format!("amorce-bench-{}", std::process::id());
        let mounts = fs::read_to_string("/proc/self/mounts").context("cannot read /proc/self/mounts")?;
        for mount in mounts.lines() {
            let fields: Vec<&str> = mount.split(' ').collect();
            let [_, folder, kind, options, ..] = fields[..] else {
                continue;
            };
            let above = Path::new(folder);
            let (limit, version) = match kind {
                "cgroup" if options.split(',').any(|option| option == "memory") => {
                    ("memory.limit_in_bytes", 1)
                }
                "cgroup2"
                    if fs::read_to_string(above.join("cgroup.controllers"))
                        .is_ok_and(|list| list.split_whitespace().any(|one| one == "memory")) =>
                {
                    // Already so wherever a service manager runs.
                    let _ = fs::write(above.join("cgroup.subtree_control"), "+memory");
                    ("memory.max", 2)
                }
                _ => continue,
            };
            let cage = Self {
                folder: above.join(&name),
                version,
                bytes,
            };
            fs::create_dir(&cage.folder).context("cannot make a control group; this needs root")?;
            fs::write(cage.folder.join(limit), bytes.to_string()).context("cannot limit a control group")?;
            return Ok(cage);
        }
        anyhow::bail!("no control groups that limit memory are mounted below /sys/fs/cgroup")
    }

    fn describe(&self) -> String {
        format!("a cgroup (version {}) of {} MiB", self.version, self.bytes >> 20)
    }

    /// Runs a program in it to its end.
    fn run(&self, program: &Command) -> Result<Outcome> {
        let begin = Instant::now();
        let mut child = command(["sh", "-c", "echo $$ > \"$0\" && exec \"$@\""])
            .arg(self.folder.join("cgroup.procs"))
            .arg(program.get_program())
            .args(program.get_args())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a program in a control group")?;
        let status = PathBuf::from(format!("/proc/{}/status", child.id()));
        let mut bytes_high_water = 0;
        // It only grows, and is gone with the process: it is looked at until then.
        let ended = wait_until(
            "the program in the control group has ended",
            Duration::from_secs(3600),
            || {
                bytes_high_water = bytes_high_water.max(high_water(&status).unwrap_or(0));
                Ok(child.try_wait()?)
            },
        );
        if ended.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let ended = ended?;
        ensure!(
            ended.success(),
            "the program ended with {ended} in {}",
            self.describe()
        );
        let mut text = String::new();
        if let Some(output) = &mut child.stdout {
            std::io::Read::read_to_string(output, &mut text)?;
        }
        Ok(Outcome {
            counts: serde_json::from_str(&text).context("the imager printed no JSON object")?,
            seconds: begin.elapsed().as_secs_f64(),
            bytes_high_water,
        })
    }
}

/// `VmHWM` of proc(5), in bytes.
fn high_water(status: &Path) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

impl Drop for Cage {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.folder) {
            eprintln!("lab: cannot remove {}: {error}", self.folder.display());
        }
    }
}
