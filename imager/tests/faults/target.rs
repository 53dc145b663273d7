//! Targets that fail or go away while a master is put on them.

use crate::bench::{FailingDevice, MIB, done, failed, noise, run, scratch, text};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

const SIZE: u64 = 32 * MIB;

/// A store with a master of a disk with an MBR; the disk.
fn make_master(folder: &Path) -> (PathBuf, Vec<u8>) {
    let (store, image) = (folder.join("store"), folder.join("master.img"));
    let mut disk = noise(4, SIZE);
    disk[..1 << 20].fill(0);
    disk[446 + 4] = 0x83;
    disk[446 + 8..446 + 12].copy_from_slice(&2048u32.to_le_bytes());
    disk[446 + 12..446 + 16].copy_from_slice(&u32::try_from(SIZE / 512 - 2048).unwrap().to_le_bytes());
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    fs::write(&image, &disk).unwrap();
    done(&["init", text(&store)]);
    done(&["capture", text(&image), "--store", text(&store), "--name", "m"]);
    (store, disk)
}

/// A disk with another system on it.
fn make_target(folder: &Path) -> PathBuf {
    let target = folder.join("target.img");
    let mut disk = noise(5, SIZE);
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    fs::write(&target, disk).unwrap();
    target
}

#[test]
fn a_target_that_goes_away_boots_nothing_and_the_next_restore_goes_on() {
    let folder = scratch();
    let (store, master) = make_master(folder.path());
    let target = make_target(folder.path());
    let device = FailingDevice::new(&target);
    *device.faults.gone_after_writing.lock().unwrap() = Some(12 * MIB);
    let restore = ["restore", "m", device.text(), "--store", text(&store)];
    let error = failed(&restore, 1);
    assert!(
        ["write-failed", "read-failed", "input-output"].contains(&error["code"].as_str().unwrap()),
        "{error}"
    );
    assert!(
        fs::read(&target).unwrap()[..512].iter().all(|byte| *byte == 0),
        "half a system never boots"
    );
    *device.faults.gone_after_writing.lock().unwrap() = None;
    device.faults.is_gone.store(false, Ordering::Relaxed);
    let restored = done(&restore);
    let written = restored["bytes_written"].as_u64().unwrap();
    assert!(
        (MIB..SIZE - 4 * MIB).contains(&written),
        "it resumes with what lacks: {restored}"
    );
    drop(device);
    assert!(fs::read(&target).unwrap() == master);
    assert_eq!(done(&["verify", "--store", text(&store)])["ok"], true);
}

#[test]
fn a_target_with_sectors_that_take_no_data_fails_with_its_remedy() {
    let folder = scratch();
    let (store, master) = make_master(folder.path());
    let target = make_target(folder.path());
    let device = FailingDevice::new(&target);
    *device.faults.unwritable.lock().unwrap() = std::iter::once(20 * MIB..20 * MIB + 4096).collect();
    let restore = ["restore", "m", device.text(), "--store", text(&store)];
    let error = failed(&restore, 1);
    assert_eq!(error["code"], "write-failed", "{error}");
    assert!(fs::read(&target).unwrap()[..512].iter().all(|byte| *byte == 0));
    // The disk has given itself another sector for the bad one: only what lacks is written.
    device.faults.unwritable.lock().unwrap().clear();
    assert!(done(&restore)["bytes_written"].as_u64().unwrap() < 16 * MIB);
    drop(device);
    assert!(fs::read(&target).unwrap() == master);
}

#[test]
fn a_sector_of_the_target_that_cannot_be_read_is_written_and_read_back() {
    let folder = scratch();
    let (store, master) = make_master(folder.path());
    let target = make_target(folder.path());
    let device = FailingDevice::new(&target);
    let restore = ["restore", "m", device.text(), "--store", text(&store)];
    let bad = || std::iter::once(9 * MIB..9 * MIB + 4096).collect();
    *device.faults.unreadable.lock().unwrap() = bad();
    // Nobody is told that all is well with a disk that does not take it.
    let error = failed(&restore, 1);
    assert_eq!(error["code"], "read-failed", "{error}");
    *device.faults.unreadable.lock().unwrap() = bad();
    device.faults.heals.store(true, Ordering::Relaxed);
    done(&restore);
    drop(device);
    assert!(fs::read(&target).unwrap() == master);
}

/// A loop device of the kernel over a file, with sectors of 4096 bytes.
struct LargeSectors(PathBuf);

impl Drop for LargeSectors {
    fn drop(&mut self) {
        run("losetup", &["--detach", text(&self.0)]);
    }
}

/// What was put back on a device is on it and not only in the cache before it: its file has it.
#[test]
fn a_device_with_large_sectors_gets_runs_that_begin_and_end_within_them() {
    let folder = scratch();
    let (store, image, target) = (
        folder.path().join("store"),
        folder.path().join("master.img"),
        folder.path().join("target.img"),
    );
    let attach = |file: &Path| {
        let words = ["--find", "--show", "--sector-size", "4096", text(file)];
        LargeSectors(run("losetup", &words).trim().into())
    };
    // A filesystem whose metadata is cut at every KiB, with zeros between.
    fs::File::create(&image).unwrap().set_len(SIZE).unwrap();
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-b", "4096", text(&image)]);
    let files = folder.path().join("files");
    fs::create_dir(&files).unwrap();
    for number in 0..40u8 {
        fs::write(
            files.join(format!("file-{number}")),
            noise(number, u64::from(number) * 9_001),
        )
        .unwrap();
    }
    run(
        "mke2fs",
        &[
            "-q",
            "-F",
            "-t",
            "ext4",
            "-b",
            "4096",
            "-d",
            text(&files),
            text(&image),
        ],
    );
    let mut other = noise(77, SIZE);
    other[1024 + 56..1024 + 58].fill(0);
    fs::write(&target, other).unwrap();
    done(&["init", text(&store)]);
    let disk = attach(&image);
    done(&["capture", text(&disk.0), "--store", text(&store), "--name", "m"]);
    drop(disk);
    let device = attach(&target);
    let restored = done(&["restore", "m", text(&device.0), "--store", text(&store)]);
    assert!(restored["bytes_written"].as_u64().unwrap() > MIB, "{restored}");
    run("e2fsck", &["-fn", text(&device.0)]);
    drop(device);
    run("e2fsck", &["-fn", text(&target)]);
    // It holds the master, to the last byte that the master has.
    let device = attach(&target);
    let again = done(&["restore", "m", text(&device.0), "--store", text(&store)]);
    assert_eq!(again["bytes_written"], 0, "{again}");
    // One KiB of it differs: what lies beside it in its sector stays.
    let mut bytes = fs::read(&target).unwrap();
    drop(device);
    let expected = bytes.clone();
    let within = bytes.len() / 2;
    bytes[1024..1100].fill(0xEE);
    bytes[within] ^= 1;
    fs::write(&target, &bytes).unwrap();
    let device = attach(&target);
    done(&["restore", "m", text(&device.0), "--store", text(&store)]);
    drop(device);
    run("e2fsck", &["-fn", text(&target)]);
    let there = fs::read(&target).unwrap();
    assert!(there[..64 << 10] == expected[..64 << 10]);
}
