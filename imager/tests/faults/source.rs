//! Sources that cannot be read everywhere.

use crate::bench::{
    FailingDevice, MIB, assert_kept_is_whole, done, failed, imager, make_store, noise, run, scratch, text,
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

const EXT4: u64 = 4 * MIB;

/// A disk with an MBR and an ext4 of 40 MiB with four files.
fn make_disk(folder: &Path) -> PathBuf {
    let (tree, disk, ext4) = (folder.join("tree"), folder.join("disk.img"), folder.join("ext4"));
    fs::create_dir_all(tree.join("docs")).unwrap();
    for (seed, name) in (10..).zip(["docs/first", "docs/second", "third", "fourth"]) {
        fs::write(tree.join(name), noise(seed, 6 * MIB + 100)).unwrap();
    }
    run(
        "mke2fs",
        &["-q", "-F", "-t", "ext4", "-d", text(&tree), text(&ext4), "40M"],
    );
    let mut bytes = vec![0; usize::try_from(EXT4).unwrap()];
    bytes[446 + 4] = 0x83;
    bytes[446 + 8..446 + 12].copy_from_slice(&u32::try_from(EXT4 / 512).unwrap().to_le_bytes());
    bytes[446 + 12..446 + 16].copy_from_slice(&u32::try_from(40 * MIB / 512).unwrap().to_le_bytes());
    bytes[510..512].copy_from_slice(&[0x55, 0xAA]);
    bytes.extend(fs::read(&ext4).unwrap());
    fs::write(&disk, bytes).unwrap();
    disk
}

/// Where some late bytes of a file are on the disk.
fn place_of(disk: &[u8], contents: &[u8], at: usize) -> u64 {
    let wanted = &contents[at..at + 512];
    let found = disk.chunks_exact(512).position(|sector| sector == wanted);
    found.unwrap() as u64 * 512
}

#[test]
fn bad_sectors_are_named_with_their_files_and_cost_nothing_beside_them() {
    let folder = scratch();
    let path = |name: &str| folder.path().join(name);
    let image = make_disk(folder.path());
    let original = fs::read(&image).unwrap();
    let store = path("store");
    let kept = make_store(&store, folder.path());
    // One sector of a file, three further on, and a stretch of another file.
    let second = place_of(&original, &noise(11, 6 * MIB + 100), 3 << 20);
    let fourth = place_of(&original, &noise(13, 6 * MIB + 100), 2 << 20);
    let bad = [
        second..second + 512,
        second + 2048..second + 3584,
        fourth..fourth + 20_480,
    ];
    let device = FailingDevice::new(&image);
    *device.faults.unreadable.lock().unwrap() = bad.to_vec();

    let capture = [
        "capture",
        device.text(),
        "--store",
        text(&store),
        "--name",
        "hurt",
    ];
    let error = failed(&capture, 1);
    assert_eq!(error["code"], "source-unreadable", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("1:/docs/second") && message.contains("1:/fourth"),
        "{message}"
    );
    assert!(
        error["remedy"].as_str().unwrap().contains("--keep-unreadable"),
        "{error}"
    );
    let lost = &error["unreadable"];
    let ranges: Vec<_> = bad
        .iter()
        .map(|range| serde_json::json!({ "start": range.start, "length": range.end - range.start }))
        .collect();
    assert_eq!(lost["ranges"], serde_json::json!(ranges), "to the sector");
    assert_eq!(
        lost["files"],
        serde_json::json!(["1:/fourth", "1:/docs/second"]),
        "{lost}"
    );
    let listed = done(&["list", "--store", text(&store)]);
    assert_eq!(
        listed["masters"].as_array().unwrap().len(),
        1,
        "no version of it: {listed}"
    );

    // What was stored is used by the next try.
    let mut asked = capture.to_vec();
    asked.push("--keep-unreadable");
    let answer = done(&asked);
    assert!(answer["bytes_new"].as_u64().unwrap() < MIB, "{answer}");
    assert_eq!(answer["unreadable"]["bytes"], 512 + 1536 + 20_480, "{answer}");
    assert!(answer["notes"].to_string().contains("1:/fourth"), "{answer}");
    drop(device);

    let mut expected = original.clone();
    for range in &bad {
        expected[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()].fill(0);
    }
    let target = path("target.img");
    fs::write(&target, vec![0xEE; expected.len()]).unwrap();
    let restored = done(&["restore", "hurt", text(&target), "--store", text(&store)]);
    assert!(
        restored["notes"].to_string().contains("could not be read"),
        "{restored}"
    );
    let bytes = fs::read(&target).unwrap();
    // Free blocks may hold anything; the files are compared whole, and every bad byte.
    for range in &bad {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        assert!(bytes[range].iter().all(|byte| *byte == 0));
    }
    let ext4 = path("restored.ext4");
    fs::write(&ext4, &bytes[usize::try_from(EXT4).unwrap()..]).unwrap();
    run("e2fsck", &["-fn", text(&ext4)]);
    for (seed, name) in (10u8..).zip(["docs/first", "docs/second", "third", "fourth"]) {
        let out = path("out");
        run(
            "debugfs",
            &["-R", &format!("dump /{name} {}", text(&out)), text(&ext4)],
        );
        let mut contents = noise(seed, 6 * MIB + 100);
        for range in &bad {
            let hit = [(11, second, 3 << 20), (13, fourth, 2 << 20)]
                .into_iter()
                .find(|(own, place, _)| *own == seed && range.start.abs_diff(*place) < 4096);
            if let Some((_, place, at)) = hit {
                let start = at + usize::try_from(range.start - place).unwrap();
                contents[start..start + usize::try_from(range.end - range.start).unwrap()].fill(0);
            }
        }
        assert!(fs::read(&out).unwrap() == contents, "{name}");
    }
    // Copying a file out of such a master tells what is missing instead of giving zeros for it.
    let (code, answer) = imager(&[
        "files",
        "hurt",
        "1",
        "/fourth",
        "--store",
        text(&store),
        "--to",
        text(&path("copied")),
    ]);
    assert_eq!(code, 1, "{answer}");
    assert_kept_is_whole(&store, folder.path(), &kept);
}

#[test]
fn a_disk_that_goes_away_ends_the_capture_at_once_and_the_next_one_goes_on() {
    let folder = scratch();
    let image = make_disk(folder.path());
    let store = folder.path().join("store");
    let kept = make_store(&store, folder.path());
    let device = FailingDevice::new(&image);
    // Only what is read at the very first is still there.
    *device.faults.unreadable.lock().unwrap() = std::iter::once(16 * MIB..64 * MIB).collect();
    let capture = [
        "capture",
        device.text(),
        "--store",
        text(&store),
        "--name",
        "gone",
        "--as",
        "raw",
    ];
    let capturing = std::thread::scope(|scope| {
        let faults = &device.faults;
        scope.spawn(move || {
            while faults.failed_reads.load(Ordering::Relaxed) == 0 {
                std::thread::yield_now();
            }
            faults.is_gone.store(true, Ordering::Relaxed);
        });
        failed(&capture, 1)
    });
    assert_eq!(capturing["code"], "read-failed", "{capturing}");
    assert!(
        capturing["message"].as_str().unwrap().contains("answers no more"),
        "{capturing}"
    );
    assert!(device.faults.failed_reads.load(Ordering::Relaxed) < 5000);
    device.faults.is_gone.store(false, Ordering::Relaxed);
    device.faults.unreadable.lock().unwrap().clear();
    assert_eq!(done(&capture)["version"], 1);
    drop(device);
    assert_kept_is_whole(&store, folder.path(), &kept);
}
