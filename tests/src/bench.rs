//! Measurements against what people use today, in the same run on the same disk.

pub mod boot;

use crate::{
    attachment::Loop,
    master::{self, Table},
    process::{command, run},
    stage::Tools,
};
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use std::{fs, path::PathBuf, time::Instant};

/// Something that is measured.
pub struct Bench {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What is measured against whom, in one sentence.
    pub measures: &'static str,
    play: fn(&Ground) -> Result<[Measured; 2]>,
}

/// Every measurement.
pub const ALL: &[Bench] = &[
    Bench {
        name: "capture",
        measures: "imager capture of master A's whole disk, against partclone.ext4 | zstd -3 -T2 of its root partition",
        play: capture,
    },
    Bench {
        name: "restore",
        measures: "imager restore of master A onto a blank disk, against zstd -dc | partclone.ext4 -r of its root partition",
        play: restore,
    },
];

/// Seconds and bytes of one contender.
struct Measured {
    who: String,
    seconds: f64,
    bytes_stored: u64,
}

/// Where the contenders meet.
struct Ground {
    tools: Tools,
    image: PathBuf,
    folder: tempfile::TempDir,
}

/// Runs one measurement `times` times and prints the best of each contender.
///
/// # Errors
/// There is none of that name, or a contender fails.
pub fn play(name: &str, tools: &Tools, times: u32) -> Result<()> {
    if name == "boot" {
        println!("boot: {}", boot::MEASURES);
        return boot::play(tools, times);
    }
    let bench = ALL.iter().find(|bench| bench.name == name).ok_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|bench| bench.name).collect();
        anyhow!(
            "nothing called {name:?} is measured; there are: {}",
            names.join(", ")
        )
    })?;
    println!("{}: {}", bench.name, bench.measures);
    let image = master::image(&tools.cache, Table::Gpt)?;
    let mut best: Option<[Measured; 2]> = None;
    for _ in 0..times.max(1) {
        let scratches = tools.cache.join("scratch");
        fs::create_dir_all(&scratches)?;
        let folder = tempfile::tempdir_in(scratches).context("cannot make a scratch folder")?;
        let measured = (bench.play)(&Ground {
            tools: tools.clone(),
            image: image.clone(),
            folder,
        })?;
        best = Some(match best {
            None => measured,
            Some(earlier) => better(earlier, measured),
        });
    }
    let [ours, peer] = best.context("nothing was measured")?;
    for one in [&ours, &peer] {
        println!(
            "  {:<44} {:>7.2} s  {:>7.1} MB stored",
            one.who,
            one.seconds,
            one.bytes_stored as f64 / 1e6
        );
    }
    println!(
        "  ratio (peer / ours): {:.2} in time, {:.2} in bytes",
        peer.seconds / ours.seconds,
        peer.bytes_stored as f64 / ours.bytes_stored as f64
    );
    Ok(())
}

fn better(earlier: [Measured; 2], later: [Measured; 2]) -> [Measured; 2] {
    let [ours, peer] = earlier;
    let [ours_later, peer_later] = later;
    let faster = |left: Measured, right: Measured| {
        if left.seconds <= right.seconds {
            left
        } else {
            right
        }
    };
    [faster(ours, ours_later), faster(peer, peer_later)]
}

fn capture(ground: &Ground) -> Result<[Measured; 2]> {
    Ok([ground.capture_by_us()?, ground.capture_by_peer()?])
}

fn restore(ground: &Ground) -> Result<[Measured; 2]> {
    let stored = ground.capture_by_us()?.bytes_stored;
    let target = ground.blank("ours.img", master::SIZE)?;
    let begin = Instant::now();
    // The peer does not read back what it wrote, so neither do we here.
    run(command([&ground.tools.imager])
        .args(["restore", MASTER])
        .arg(&target)
        .arg("--store")
        .arg(ground.store())
        .args(["--read-back", "off", "--json"]))?;
    let ours = Measured {
        who: ground.our_name()?,
        seconds: begin.elapsed().as_secs_f64(),
        bytes_stored: stored,
    };

    let peer_stored = ground.capture_by_peer()?.bytes_stored;
    let root = Table::Gpt.layout().root;
    let target = ground.blank("peer.img", root.length)?;
    let device = Loop::attach(&target, 0, root.length, false)?;
    let begin = Instant::now();
    let script = "set -o pipefail; zstd -dc \"$1\" | partclone.ext4 --restore --source - --output \"$2\" --logfile /dev/null --quiet; sync \"$2\"";
    run(command(["bash", "-c", script, "bash"])
        .arg(ground.peer_file())
        .arg(device.path()))?;
    let peer = Measured {
        who: peer_name()?,
        seconds: begin.elapsed().as_secs_f64(),
        bytes_stored: peer_stored,
    };
    Ok([ours, peer])
}

const MASTER: &str = "bench";

impl Ground {
    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn peer_file(&self) -> PathBuf {
        self.folder.path().join("root.zst")
    }

    fn capture_by_us(&self) -> Result<Measured> {
        run(command([&self.tools.imager]).arg("init").arg(self.store()))?;
        let begin = Instant::now();
        let text = run(command([&self.tools.imager])
            .arg("capture")
            .arg(&self.image)
            .arg("--store")
            .arg(self.store())
            .args(["--name", MASTER, "--json"]))?;
        let seconds = begin.elapsed().as_secs_f64();
        let counts: Value = serde_json::from_str(&text).context("the imager printed no JSON object")?;
        let bytes_stored = counts["bytes_stored"]
            .as_u64()
            .context("the imager counted no bytes_stored")?;
        Ok(Measured {
            who: self.our_name()?,
            seconds,
            bytes_stored,
        })
    }

    fn capture_by_peer(&self) -> Result<Measured> {
        let root = Table::Gpt.layout().root;
        let device = Loop::attach(&self.image, root.offset, root.length, true)?;
        let begin = Instant::now();
        let script = "set -o pipefail; partclone.ext4 --clone --source \"$1\" --output - --logfile /dev/null --quiet | zstd -q -3 -T2 -o \"$2\" --force; sync \"$2\"";
        run(command(["bash", "-c", script, "bash"])
            .arg(device.path())
            .arg(self.peer_file()))?;
        let seconds = begin.elapsed().as_secs_f64();
        let bytes_stored = fs::metadata(self.peer_file())?.len();
        ensure!(bytes_stored > 1 << 20, "the peer stored next to nothing");
        Ok(Measured {
            who: peer_name()?,
            seconds,
            bytes_stored,
        })
    }

    fn blank(&self, name: &str, size: u64) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        fs::File::create(&path)?.set_len(size)?;
        Ok(path)
    }

    fn our_name(&self) -> Result<String> {
        Ok(run(command([&self.tools.imager]).arg("--version"))?
            .trim()
            .to_owned())
    }
}

fn peer_name() -> Result<String> {
    let text = run(&mut command([
        "dpkg-query",
        "--show",
        "--showformat",
        "${Package} ${Version} ",
        "partclone",
        "zstd",
    ]))?;
    Ok(text.trim().to_owned())
}
