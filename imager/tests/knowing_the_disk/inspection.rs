//! What is said of whole disks: what would be kept, what left out, what refused, and what to ask for then.

use crate::harness::{ImageFile, make_image, run, try_run};
use imager::{
    disk::ReadAt,
    inspect::{Inspection, ReadingState, inspect},
    partition::{GapPlace, read_table},
};
use std::{fs, os::unix::fs::FileExt, path::Path};

const MIB: u64 = 1 << 20;

fn look(path: &Path) -> Inspection {
    inspect(&ImageFile::open(path)).unwrap()
}

fn write(path: &Path, offset: u64, bytes: &[u8]) {
    fs::OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .write_all_at(bytes, offset)
        .unwrap();
}

fn refusal(inspection: &Inspection, index: usize) -> (&str, &str, &[&'static str]) {
    match &inspection.partitions[index].state {
        ReadingState::Refused {
            reason,
            remedy,
            options,
        } => (reason, remedy, options),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_byte_of_a_disk_is_kept_or_left_out_and_the_answer_says_which() {
    let scratch = tempfile::tempdir().unwrap();
    let (disk, part) = (scratch.path().join("disk.img"), scratch.path().join("part.img"));
    make_image(&disk, 100 * MIB);
    run(
        "sgdisk",
        &["-n", "1:2048:+40M", "-n", "2:0:+20M", disk.to_str().unwrap()],
    );
    make_image(&part, 40 * MIB);
    run("mke2fs", &["-q", "-F", "-t", "ext4", part.to_str().unwrap()]);
    write(&disk, MIB, &fs::read(&part).unwrap());
    let found = look(&disk);
    let ReadingState::Mapped { used, zeroed, free } = found.partitions[0].state else {
        panic!("{found:?}")
    };
    assert!(zeroed > 0 && free > 20 * MIB);
    assert_eq!(used + zeroed + free, 40 * MIB);
    let ReadingState::Raw { reason } = &found.partitions[1].state else {
        panic!("{found:?}")
    };
    assert!(reason.contains("no filesystem that is known"), "{reason}");
    // Behind the last partition only the backup table is kept.
    let behind = 39 * MIB - 33 * 512;
    assert_eq!(found.bytes_left_out, zeroed + free + behind);
    assert_eq!(found.bytes_used, used + 20 * MIB);
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
}

#[test]
fn a_hibernated_windows_offers_to_be_dropped_and_bitlocker_only_raw() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("windows.img");
    make_image(&image, 32 * MIB);
    run("mkntfs", &["-q", "-F", "-f", image.to_str().unwrap()]);
    let source = scratch.path().join("hiberfil");
    let mut bytes = vec![0; 1 << 20];
    bytes[..4].copy_from_slice(b"hibr");
    fs::write(&source, &bytes).unwrap();
    run(
        "ntfscp",
        &[
            "-f",
            "-q",
            image.to_str().unwrap(),
            source.to_str().unwrap(),
            "/hiberfil.sys",
        ],
    );
    let found = look(&image);
    let (reason, remedy, options) = refusal(&found, 0);
    assert!(reason.contains("hibernated") && remedy.contains("shutdown /s /t 0"));
    assert_eq!(options, ["--as raw", "--drop-hibernation"]);

    let mut disk = vec![0; 8 << 20];
    disk[..11].copy_from_slice(b"\xEB\x58\x90-FVE-FS-");
    let found = inspect(&disk).unwrap();
    let (reason, remedy, options) = refusal(&found, 0);
    assert!(reason.contains("BitLocker") && remedy.contains("manage-bde -off"));
    assert_eq!(options, ["--as raw"]);
}

#[test]
fn a_dynamic_disk_is_refused_and_its_database_at_the_end_belongs_to_what_is_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let disk = scratch.path().join("disk.img");
    make_image(&disk, 100 * MIB);
    let script = scratch.path().join("script");
    fs::write(&script, "label: dos\nstart=2048, size=200000, type=42\n").unwrap();
    let command = format!(
        "sfdisk -q --no-reread --no-tell-kernel {} < {}",
        disk.display(),
        script.display()
    );
    run("sh", &["-c", &command]);
    let found = look(&disk);
    let (reason, remedy, options) = refusal(&found, 0);
    assert!(reason.contains("dynamic disk") && remedy.contains("basic disk"));
    assert_eq!(options, ["--as raw"]);
    assert_eq!(found.bytes_smallest_target, 100 * MIB);
    let layout = read_table(&ImageFile::open(&disk), 512).unwrap();
    let last = layout.gaps.last().unwrap();
    assert_eq!(
        (last.place, last.bytes.end, last.is_kept()),
        (GapPlace::Database, 100 * MIB, true)
    );

    run("sgdisk", &["-Z", disk.to_str().unwrap()]);
    let spaces = "1:E75CAF8F-F680-4CEE-AFA3-B001E56EFC2D";
    let dynamic = "2:AF9B60A0-1431-4F62-BC68-3311714A69AD";
    let path = disk.to_str().unwrap();
    run(
        "sgdisk",
        &[
            "-n",
            "1:2048:+20M",
            "-t",
            spaces,
            "-n",
            "2:0:+20M",
            "-t",
            dynamic,
            path,
        ],
    );
    let found = look(&disk);
    assert!(refusal(&found, 0).0.contains("Storage Spaces"));
    assert!(refusal(&found, 1).0.contains("dynamic disk"));
}

#[test]
fn a_disk_that_is_a_member_of_an_array_is_refused_although_a_table_shines_through() {
    let scratch = tempfile::tempdir().unwrap();
    let disk = scratch.path().join("disk.img");
    for (offset, mark, word) in [
        (
            100 * MIB - 1024,
            b"Intel Raid ISM Cfg Sig. 1.3.00".as_slice(),
            "Intel RAID",
        ),
        (100 * MIB - 8192, b"\xFC\x4E\x2B\xA9\x01\0\0\0", "software RAID"),
    ] {
        make_image(&disk, 100 * MIB);
        let script = scratch.path().join("script");
        fs::write(&script, "label: dos\nstart=2048, size=100000, type=83\n").unwrap();
        let command = format!(
            "sfdisk -q --no-reread --no-tell-kernel {} < {}",
            disk.display(),
            script.display()
        );
        run("sh", &["-c", &command]);
        assert!(matches!(
            look(&disk).partitions[0].state,
            ReadingState::Raw { .. }
        ));
        write(&disk, offset, mark);
        let found = look(&disk);
        assert!(refusal(&found, 0).0.contains(word), "{found:?}");
    }
}

#[test]
fn f2fs_is_recognised_by_what_its_own_tool_makes() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.img");
    make_image(&image, 64 * MIB);
    let (code, out, error) = try_run("mkfs.f2fs", &["-q", image.to_str().unwrap()]);
    assert_eq!(code, 0, "{out}{error}");
    let found = look(&image);
    assert_eq!(found.partitions[0].filesystem, "F2FS");
    assert!(
        matches!(&found.partitions[0].state, ReadingState::Raw { reason } if reason.contains("F2FS is recognised"))
    );
    assert_eq!(ReadAt::len(&ImageFile::open(&image)), 64 * MIB);
}
