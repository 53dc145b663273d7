//! What a second core brings, beside what it brings to programs that share nothing.

use super::{
    Ground, cut_out, measure,
    report::{Bound, Report},
};
use crate::{
    master::Extent,
    process::{command, finish, run},
};
use anyhow::{Context, Result, ensure};
use std::path::Path;

/// What each zstd compresses: enough to last a second.
const ZSTD_BYTES: u64 = 512 << 20;

/// See [`super::ALL`].
pub(super) fn play(ground: &Ground, report: &mut Report) -> Result<()> {
    ensure!(
        std::thread::available_parallelism().is_ok_and(|cores| cores.get() >= 2),
        "this machine has one core"
    );
    let part = Extent {
        length: ground.first.linux.length.min(ZSTD_BYTES),
        ..ground.first.linux
    };
    let data = ground.path("part.raw");
    cut_out(&ground.first.image, part, &data)?;
    let (one, two) = ("capture on one core", "capture on two cores");
    let level = ground.our_level()?;
    let alone = format!("zstd -{level} on one core");
    let both = format!("two zstd -{level} on two cores");
    // A single round says nothing of a machine that does something else for a second, too.
    for _ in 0..ground.times.max(3) {
        for (who, cores) in [(one, "0"), (two, "0,1")] {
            let store = ground.new_store("store")?;
            report.add(
                who,
                measure(|| {
                    run(command(["taskset", "-c", cores])
                        .arg(&ground.tools.imager)
                        .arg("capture")
                        .arg(&ground.first.image)
                        .arg("--store")
                        .arg(&store)
                        .args(["--name", "scale", "--json"]))?;
                    super::bytes_in(&store)
                })?,
            );
            super::remove(&store)?;
        }
        report.add(&alone, measure(|| zstd(&data, level, &["0"]))?);
        report.add(&both, measure(|| zstd(&data, level, &["0", "1"]))?);
    }
    report.print("stored")?;
    let ours = report.median(one)?.seconds / report.median(two)?.seconds;
    let ideal = 2.0 * report.median(&alone)?.seconds / report.median(&both)?.seconds;
    println!("  two cores bring us {ours:.2}, and two zstd that share nothing {ideal:.2}");
    report.claim(
        "of what a second core can bring",
        ours / ideal,
        Bound::AtLeast(0.85),
    );
    Ok(())
}

/// One zstd on each of these cores, all at once; the bytes that they make of the same data.
fn zstd(data: &Path, level: u32, cores: &[&str]) -> Result<u64> {
    let script = format!(
        "for core in \"$@\"; do taskset -c \"$core\" zstd -{level} --single-thread -q -c \"$0\" | wc -c & done; wait"
    );
    let output = finish(command(["sh", "-c", &script]).arg(data).args(cores))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let sizes: Vec<u64> = text
        .lines()
        .map(|line| line.trim().parse().context("wc printed no number"))
        .collect::<Result<_>>()?;
    ensure!(
        sizes.len() == cores.len() && sizes.iter().all(|size| *size > 0),
        "zstd failed: {text}"
    );
    Ok(sizes.iter().sum())
}
