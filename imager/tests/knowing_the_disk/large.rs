//! A filesystem of 1 TB, filled to 90 %: how long its used map takes, and how much memory.

use crate::harness::{Mount, full_matrix, make_image, map_image, run};
use imager::filesystem::Kind;
use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
    time::Instant,
};

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
        measure(*kind, &image, 0.9);
    }
}

/// Maps the image and prints what it took; that much of it must be used.
fn measure(kind: Kind, image: &Path, share: f64) {
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let (before_bytes, begun, processor) = (peak_bytes(), Instant::now(), processor_seconds());
    let (mapping, mapped) = map_image(image);
    let (wall, processor) = (begun.elapsed().as_secs_f64(), processor_seconds() - processor);
    let more_bytes = peak_bytes() - before_bytes;
    assert_eq!(mapping.kind, kind);
    let used = mapped.used.total_bytes() as f64 / LENGTH as f64;
    println!(
        "{kind}, {} bytes a block: 1 TB, {:.1} % used in {} ranges, mapped in {wall:.3} s ({processor:.3} s of processor \
         time), {:.1} MiB",
        mapping.block_size_bytes,
        used * 100.0,
        mapped.used.as_slice().len(),
        more_bytes as f64 / f64::from(1 << 20)
    );
    assert!((share..1.0).contains(&used), "{kind}: {used}");
    assert!(processor <= SECONDS_MAX, "{kind}: {processor} s");
    if full_matrix() {
        assert!(more_bytes <= MEMORY_BYTES_MAX, "{kind}: {more_bytes} bytes");
    }
}

/// Pieces of 720 used clusters and a hole of 72 behind each, as far as `bytes` of a bitmap reach.
fn pattern(bytes: u64) -> Vec<u8> {
    let piece = [[0xFF; 90].as_slice(), &[0; 9]].concat();
    let length = usize::try_from(bytes).unwrap();
    piece.into_iter().cycle().take(length).collect()
}

/// Number behind a word in a tool's answer.
fn number(told: &str, name: &str) -> u64 {
    let line = told
        .lines()
        .find(|line| line.trim_start().starts_with(name))
        .unwrap();
    line.rsplit(':').next().unwrap().trim().parse().unwrap()
}

// This kernel does not write these: what is free is told by hand, where their own tools say that it stands.
#[test]
fn a_terabyte_of_what_windows_writes_is_mapped_within_two_seconds() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.img");
    let path = image.to_str().unwrap();
    let make = |maker: &[&str]| -> File {
        let _ = fs::remove_file(&image);
        make_image(&image, LENGTH);
        run(maker[0], &[&maker[1..], &[path]].concat());
        File::options().read(true).write(true).open(&image).unwrap()
    };

    let file = make(&["mkntfs", "-q", "-Q", "-F", "-f"]);
    // The first run of $Bitmap: its number in the list, first cluster, count.
    let told = run("ntfscluster", &["-f", "-I", "6", path]);
    let mut runs = told
        .lines()
        .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let [_, cluster, count] = runs.find(|words| words.first() == Some(&"0")).unwrap()[..] else {
        panic!("{told}")
    };
    let (cluster, count): (u64, u64) = (cluster.parse().unwrap(), count.parse().unwrap());
    file.write_all_at(&pattern(count * 4096 - 4096), cluster * 4096)
        .unwrap();
    measure(Kind::Ntfs, &image, 0.9);

    for options in [&["mkfs.exfat", "-c", "128K"], &["mkfs.exfat", "-c", "4K"]] {
        let file = make(options);
        let told = run("dump.exfat", &[path]);
        let heap = number(&told, "Cluster Heap Offset") << number(&told, "Sector Size Bits");
        let first = number(&told, "Bitmap start cluster") - 2;
        let bytes = number(&told, "Bitmap size");
        // In front lie the bitmap itself, the table of capital letters and the root directory; the bits behind the last
        // cluster stay as they are.
        let cluster_bytes = number(&told, "Cluster size");
        let own = vec![0xFF; usize::try_from(bytes / cluster_bytes / 8 + 2).unwrap()];
        let map = [own.as_slice(), &pattern(bytes - 8)[own.len()..]].concat();
        file.write_all_at(&map, heap + first * cluster_bytes).unwrap();
        measure(Kind::Exfat, &image, 0.89);
    }

    let file = make(&["mkfs.fat", "-F", "32", "-s", "128"]);
    let mut boot = [0; 512];
    file.read_exact_at(&mut boot, 0).unwrap();
    let fat_bytes = u64::from(u32::from_le_bytes(boot[36..40].try_into().unwrap())) * 512;
    let reserved = u64::from(u16::from_le_bytes([boot[14], boot[15]])) * 512;
    // Each piece a chain of its own, in both copies.
    let chains: Vec<u8> = (0..u32::try_from(fat_bytes / 4).unwrap())
        .flat_map(|cluster| {
            let entry = match cluster % 792 {
                0..719 => cluster + 1,
                719 => 0x0FFF_FFFF,
                _ => 0,
            };
            entry.to_le_bytes()
        })
        .collect();
    for copy in [0, 1] {
        file.write_all_at(&chains[4096..], reserved + copy * fat_bytes + 4096)
            .unwrap();
    }
    measure(Kind::Fat32, &image, 0.89);
}
