//! A filesystem of 1 TB, filled to 90 %: how long its used map takes, and how much memory.

use crate::harness::{Mount, full_matrix, make_image, map_image, run};
use imager::filesystem::Kind;
use std::{fs, time::Instant};

const LENGTH: u64 = 1_000_000_000_000;
const SECONDS_MAX: f64 = 2.0;
const MEMORY_BYTES_MAX: u64 = 64 << 20;

/// Most memory of this process since it was last asked to forget that, in bytes; other tests' threads count too.
fn peak_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Time this thread had a processor, in seconds.
fn processor_seconds() -> f64 {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
    time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9
}

#[test]
fn a_terabyte_is_mapped_within_two_seconds() {
    let makers: &[(Kind, &[&str])] = &[
        (Kind::Xfs, &["mkfs.xfs", "-q", "-K"]),
        (Kind::Btrfs, &["mkfs.btrfs", "-q", "-K"]),
        (
            Kind::Ext,
            &["mke2fs", "-q", "-F", "-t", "ext4", "-E", "nodiscard"],
        ),
    ];
    // ext4 marks a bit for every block: making it takes longer than mapping it.
    let count = if full_matrix() { 3 } else { 2 };
    for (kind, maker) in &makers[..count] {
        let scratch = tempfile::tempdir().unwrap();
        let image = scratch.path().join("image.img");
        make_image(&image, LENGTH);
        run(maker[0], &[&maker[1..], &[image.to_str().unwrap()]].concat());
        {
            let mount = Mount::new(&image, &scratch.path().join("mounted"), "rw");
            for index in 0..90 {
                let path = mount.path().join(format!("file-{index}"));
                run("fallocate", &["-l", "10000000000", path.to_str().unwrap()]);
            }
        }
        fs::write("/proc/self/clear_refs", "5").unwrap();
        let (before_bytes, begun, processor) = (peak_bytes(), Instant::now(), processor_seconds());
        let (_, mapped) = map_image(&image);
        let (wall, processor) = (begun.elapsed().as_secs_f64(), processor_seconds() - processor);
        let more_bytes = peak_bytes() - before_bytes;
        let used = mapped.used.total_bytes();
        println!(
            "{kind}: 1 TB, {:.1} % used, mapped in {wall:.3} s ({processor:.3} s of processor time), {:.1} MiB",
            used as f64 / LENGTH as f64 * 100.0,
            more_bytes as f64 / f64::from(1 << 20)
        );
        assert!(used >= 900_000_000_000);
        assert!(processor <= SECONDS_MAX, "{kind}: {processor} s");
        if full_matrix() {
            assert!(more_bytes <= MEMORY_BYTES_MAX, "{kind}: {more_bytes} bytes");
        }
    }
}
