//! Moments that nobody chose: the image lies on a filesystem that copies by reference, so a copy of it is one moment however
//! busy its user is.

use super::{Synced, needs_recovery, prove};
use crate::{
    ext::make_filesystem,
    harness::{Mount, Numbers, full_matrix, make_image, run},
};
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

const CASES: &[(&str, &[&str])] = &[
    ("ext4 as usual", &["-t", "ext4"]),
    ("ext4 1 KiB", &["-t", "ext4", "-b", "1024"]),
    (
        "ext4 bigalloc",
        &["-t", "ext4", "-O", "bigalloc", "-C", "16384", "-i", "8192"],
    ),
    ("ext3", &["-t", "ext3"]),
    (
        "ext4 1 KiB, small journal, no flex_bg",
        &["-t", "ext4", "-b", "1024", "-J", "size=1", "-O", "^flex_bg"],
    ),
    (
        "ext4 1 KiB, sparse_super2, inline data",
        &[
            "-t",
            "ext4",
            "-b",
            "1024",
            "-O",
            "sparse_super2,inline_data",
            "-I",
            "256",
        ],
    ),
];

/// What a writer and those who watch it share.
#[derive(Default)]
struct Work {
    files: AtomicU64,
    ends: AtomicBool,
    synced: Mutex<Synced>,
}

impl Work {
    /// Makes, syncs, renames and deletes small files until told to end. What is promised is not touched again.
    fn go_on(&self, root: &Path) {
        let mut numbers = Numbers(0xC0FFEE);
        let mut index = 0u64;
        while !self.ends.load(Ordering::Relaxed) {
            let folder = root.join(format!("folder-{}", index / 200 % 60));
            fs::create_dir_all(&folder).unwrap();
            let path = folder.join(format!("file-{index}"));
            let length = usize::try_from(numbers.below(6_000)).unwrap();
            let bytes = numbers.bytes(length);
            let mut file = File::create(&path).unwrap();
            file.write_all(&bytes).unwrap();
            match index % 16 {
                7 => {
                    file.sync_all().unwrap();
                    File::open(&folder).unwrap().sync_all().unwrap();
                    let name = path.strip_prefix(root).unwrap().to_path_buf();
                    self.synced.lock().unwrap().insert(name, blake3::hash(&bytes));
                }
                // Gone again before or after they reach the disk: their blocks become others'.
                1..=4 | 9..=12 => fs::remove_file(&path).unwrap(),
                13 => fs::rename(&path, folder.join(format!("renamed-{index}"))).unwrap(),
                _ => {}
            }
            index += 1;
            self.files.store(index, Ordering::Relaxed);
        }
    }

    fn wait_for(&self, files: u64) {
        let begun = Instant::now();
        while self.files.load(Ordering::Relaxed) < files {
            assert!(
                begun.elapsed() < Duration::from_secs(120),
                "the writer stands still"
            );
            std::thread::yield_now();
        }
    }
}

#[test]
fn what_was_synced_survives_a_crash_at_any_moment_with_thousands_of_small_files_under_way() {
    let (cases, moments) = if full_matrix() {
        (CASES, 12)
    } else {
        (&CASES[..1], 3)
    };
    for (name, options) in cases {
        let scratch = tempfile::tempdir().unwrap();
        let (host, below) = (scratch.path().join("host.img"), scratch.path().join("host"));
        make_image(&host, 3 << 30);
        run("mkfs.btrfs", &["-q", "-f", host.to_str().unwrap()]);
        let host = Mount::new(&host, &below, "rw");
        let image = host.path().join("image.img");
        make_filesystem(&image, options, 256 << 20, None);
        let mount = Mount::new(&image, &scratch.path().join("mounted"), "rw");
        let work = Work::default();
        let crashed: Vec<(Synced, std::path::PathBuf)> = std::thread::scope(|scope| {
            let writer = scope.spawn(|| work.go_on(mount.path()));
            let mut numbers = Numbers(2026);
            let mut copies = Vec::new();
            for moment in 0..moments {
                work.wait_for(work.files.load(Ordering::Relaxed) + 100 + numbers.below(1500));
                let promised = work.synced.lock().unwrap().clone();
                let copy = host.path().join(format!("moment-{moment}.img"));
                run(
                    "cp",
                    &[
                        "--reflink=always",
                        image.to_str().unwrap(),
                        copy.to_str().unwrap(),
                    ],
                );
                copies.push((promised, copy));
            }
            work.ends.store(true, Ordering::Relaxed);
            writer.join().unwrap();
            copies
        });
        drop(mount);
        let (mut promises, mut extra) = (0, Vec::new());
        for (moment, (promised, copy)) in crashed.iter().enumerate() {
            assert!(
                needs_recovery(copy),
                "{name}: the copy is not that of a mounted filesystem"
            );
            promises += promised.len();
            extra.push(prove(
                &format!("{name}, moment {moment}"),
                copy,
                scratch.path(),
                promised,
            ));
        }
        println!(
            "{name}: {} files made, {moments} moments, {promises} promises kept, bytes kept beyond the replayed: {extra:?}",
            work.files.load(Ordering::Relaxed)
        );
        assert!(promises > 0, "{name}");
        drop(host);
    }
}
