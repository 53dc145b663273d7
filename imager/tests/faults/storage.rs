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

/// Takes all the room that is left, to the last byte.
fn fill_up(ballast: &Path) -> fs::File {
    let mut file = fs::File::create(ballast).unwrap();
    for length in [1 << 20, 4096, 1] {
        while std::io::Write::write(&mut file, &vec![0x5A; length]).is_ok_and(|written| written == length) {}
    }
    file
}

fn room(ballast: &fs::File, bytes: u64) {
    let length = ballast.metadata().unwrap().len();
    ballast.set_len(length - bytes).unwrap();
}

#[test]
fn garbage_of_a_store_that_is_full_to_the_last_byte_is_collected_without_losing_anything() {
    let scratch = scratch();
    let small = SmallFilesystem::new(64 * MIB);
    let store = small.path().join("store");
    let kept = make_store(&store, scratch.path());
    let image = scratch.path().join("large.img");
    fs::write(&image, noise(2, 20 * MIB)).unwrap();
    done(&capture(&image, &store, "large"));
    let ballast = fill_up(&small.path().join("ballast"));
    done(&["delete", "large@1", "--store", text(&store)]);
    // What is kept shares its pack with what is not: it has to be written anew first.
    let collect = ["gc", "--store", text(&store)];
    for more in [0, 2 * MIB] {
        room(&ballast, more);
        let error = failed(&collect, 1);
        assert_eq!(error["code"], "storage-full", "{error}");
        assert!(
            error["remedy"].as_str().unwrap().contains("make that much room"),
            "{error}"
        );
        assert_kept_is_whole(&store, scratch.path(), &kept);
    }
    room(&ballast, 4 * MIB);
    let collected = done(&collect);
    assert!(
        collected["bytes_after"].as_u64().unwrap() < 6 * MIB,
        "{collected}"
    );
    assert_kept_is_whole(&store, scratch.path(), &kept);
    assert_eq!(
        done(&capture(&image, &store, "large"))["version"],
        2,
        "no number is given twice"
    );
    // Packs of which nothing lives make the room for the others.
    done(&["delete", "large@2", "--store", text(&store)]);
    drop(ballast);
    fs::remove_file(small.path().join("ballast")).unwrap();
    done(&collect);
    small.remount("size=100m");
    fs::write(&image, noise(3, 72 * MIB)).unwrap();
    done(&capture(&image, &store, "huge"));
    fill_up(&small.path().join("ballast"));
    done(&["delete", "huge@1", "--store", text(&store)]);
    let collected = done(&collect);
    assert!(
        collected["bytes_after"].as_u64().unwrap() < 6 * MIB,
        "{collected}"
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
