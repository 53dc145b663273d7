//! Stores that cannot be written to, or not any more.

use crate::bench::{
    FailingDevice, MIB, SmallFilesystem, assert_kept_is_whole, done, failed, make_store, noise, run, scratch,
    text,
};
use std::{fs, path::Path, sync::atomic::Ordering};

/// The words that capture an image.
fn capture<'a>(image: &'a Path, store: &'a Path, name: &'a str) -> [&'a str; 6] {
    ["capture", text(image), "--store", text(store), "--name", name]
}

#[test]
fn a_store_that_becomes_full_keeps_what_it_has_and_the_next_capture_goes_on() {
    let scratch = scratch();
    let small = SmallFilesystem::new(24 * MIB);
    let store = small.path().join("store");
    let kept = make_store(&store, scratch.path());
    let image = scratch.path().join("large.img");
    fs::write(&image, noise(2, 40 * MIB)).unwrap();
    let capture = capture(&image, &store, "large");
    for _ in 0..2 {
        let error = failed(&capture, 1);
        assert_eq!(error["code"], "storage-full", "{error}");
        assert!(error["remedy"].as_str().unwrap().contains("make room"), "{error}");
    }
    // Also while nothing more fits.
    assert_kept_is_whole(&store, scratch.path(), &kept);
    small.remount("size=100m");
    let captured = done(&capture);
    assert!(
        captured["bytes_new"].as_u64().unwrap() < 30 * MIB,
        "what was stored is not stored again: {captured}"
    );
    assert_kept_is_whole(&store, scratch.path(), &kept);
}

#[test]
fn a_store_that_cannot_be_written_to_refuses_captures_and_serves_restores() {
    let scratch = scratch();
    let small = SmallFilesystem::new(64 * MIB);
    let store = small.path().join("store");
    let kept = make_store(&store, scratch.path());
    small.remount("ro");
    let image = scratch.path().join("kept.img");
    let capture = capture(&image, &store, "again");
    let error = failed(&capture, 3);
    assert!(
        error["remedy"].as_str().unwrap().contains("for writing"),
        "{error}"
    );
    assert_kept_is_whole(&store, scratch.path(), &kept);
    small.remount("rw");
    assert_eq!(done(&capture)["bytes_new"], 0);
}

#[test]
fn a_store_whose_disk_fails_ends_the_capture_and_loses_no_master() {
    let scratch = scratch();
    let medium = scratch.path().join("medium.img");
    fs::File::create(&medium).unwrap().set_len(96 * MIB).unwrap();
    run("mke2fs", &["-q", "-F", "-t", "ext4", text(&medium)]);
    let device = FailingDevice::new(&medium);
    let mounted = scratch.path().join("mounted");
    fs::create_dir(&mounted).unwrap();
    run("mount", &[device.text(), text(&mounted)]);
    let store = mounted.join("store");
    let kept = make_store(&store, scratch.path());
    let image = scratch.path().join("large.img");
    fs::write(&image, noise(2, 48 * MIB)).unwrap();
    let capture = capture(&image, &store, "large");
    let written = device.faults.written.load(Ordering::Relaxed);
    *device.faults.gone_after_writing.lock().unwrap() = Some(written + 4 * MIB);
    let error = failed(&capture, 1);
    assert!(
        error["remedy"].as_str().unwrap().contains("kernel's messages"),
        "{error}"
    );
    run("umount", &[text(&mounted)]);
    *device.faults.gone_after_writing.lock().unwrap() = None;
    device.faults.is_gone.store(false, Ordering::Relaxed);
    run("mount", &[device.text(), text(&mounted)]);
    assert_kept_is_whole(&store, scratch.path(), &kept);
    assert_eq!(done(&capture)["version"], 1);
    assert_kept_is_whole(&store, scratch.path(), &kept);
    run("umount", &[text(&mounted)]);
}
