//! Partition tables that sgdisk and sfdisk made, and every way they are found damaged.

use crate::harness::{ImageFile, make_image, run, try_run};
use imager::{
    ErrorKind,
    disk::ReadAt,
    partition::{
        GapPlace, Layout, PartitionKind, Table, Warning, detect_sector_size, read_table, relocate_backup,
    },
};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::FileExt,
    path::Path,
    process::{Command, Stdio},
};

const MIB: u64 = 1 << 20;
const DISK: u64 = 200 * MIB;

fn gpt_image(path: &Path) {
    make_image(path, DISK);
    let arguments = [
        "-U",
        "11111111-2222-3333-4444-555555555555",
        "-n",
        "1:2048:+64M",
        "-t",
        "1:ef00",
        "-c",
        "1:EFI system",
        "-n",
        "2:200704:+32M",
        "-t",
        "2:8300",
        "-c",
        "2:größer",
        "-n",
        "7:301056:+10M",
        "-t",
        "7:0700",
        "-A",
        "7:set:60",
        "-u",
        "1:aaaaaaaa-0000-0000-0000-000000000001",
        "-u",
        "2:aaaaaaaa-0000-0000-0000-000000000002",
        "-u",
        "7:aaaaaaaa-0000-0000-0000-000000000007",
        path.to_str().unwrap(),
    ];
    run("sgdisk", &arguments);
}

/// sfdisk with a script on its standard input.
fn sfdisk(path: &Path, script: &str) {
    let mut child = Command::new("/usr/sbin/sfdisk")
        .args(["-q", "--no-reread", "--no-tell-kernel", path.to_str().unwrap()])
        .stdin(Stdio::piped())
        .spawn()
        .expect("sfdisk cannot be run; cargo xtask setup installs it");
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn write(path: &Path, offset: u64, bytes: &[u8]) {
    OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .write_all_at(bytes, offset)
        .unwrap();
}

fn read(path: &Path) -> Layout {
    let layout = read_table(&ImageFile::open(path), 512).unwrap();
    check_whole(&layout);
    layout
}

/// Partitions and gaps together are the disk, each byte once.
pub fn check_whole(layout: &Layout) {
    let mut all: Vec<_> = layout
        .partitions
        .iter()
        .map(|partition| partition.bytes.clone())
        .collect();
    all.extend(layout.gaps.iter().map(|gap| gap.bytes.clone()));
    all.sort_by_key(|range| range.start);
    let mut at = 0;
    for range in all {
        assert_eq!(range.start, at);
        assert!(range.end > range.start);
        at = range.end;
    }
    assert_eq!(at, layout.disk_bytes);
}

fn sgdisk_verdict(path: &Path) -> String {
    run("sgdisk", &["-v", path.to_str().unwrap()])
}

#[test]
fn a_gpt_is_read_as_sgdisk_wrote_it() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("disk.img");
    gpt_image(&path);
    let layout = read(&path);
    assert!(layout.warnings.is_empty(), "{:?}", layout.warnings);
    let Table::Gpt(gpt) = &layout.table else {
        panic!("{:?}", layout.table)
    };
    assert_eq!(gpt.disk_guid.to_string(), "11111111-2222-3333-4444-555555555555");
    let numbers: Vec<_> = layout
        .partitions
        .iter()
        .map(|partition| (partition.number, partition.bytes.clone()))
        .collect();
    assert_eq!(
        numbers,
        [
            (1, MIB..65 * MIB),
            (2, 200_704 * 512..200_704 * 512 + 32 * MIB),
            (7, 301_056 * 512..301_056 * 512 + 10 * MIB),
        ]
    );
    assert!(layout.partitions[0].kind.is_efi_system());
    let PartitionKind::Gpt { name, .. } = &layout.partitions[1].kind else {
        panic!()
    };
    assert_eq!(name, "größer");
    let PartitionKind::Gpt { attributes, .. } = &layout.partitions[2].kind else {
        panic!()
    };
    assert_eq!(*attributes, 1 << 60);
    assert_eq!(layout.primary_table(), [0..34 * 512]);
    assert_eq!(layout.backup_table(), [DISK - 33 * 512..DISK]);
    assert_eq!(layout.smallest_disk_bytes(), 301_056 * 512 + 10 * MIB + 33 * 512);
    let places: Vec<_> = layout.gaps.iter().map(|gap| gap.place).collect();
    assert_eq!(
        places,
        [
            GapPlace::BeforeFirst,
            GapPlace::Between,
            GapPlace::Between,
            GapPlace::AfterLast
        ]
    );
}

#[test]
fn a_gpt_moves_to_any_disk_that_holds_it_and_sgdisk_finds_no_problem() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("disk.img");
    gpt_image(&path);
    let layout = read(&path);
    let Table::Gpt(gpt) = &layout.table else { panic!() };
    let head = fs::read(&path).unwrap()[..34 * 512].to_vec();
    for size in [
        DISK,
        layout.smallest_disk_bytes(),
        3 << 30,
        5 << 40,
        DISK + 512 + 17,
    ] {
        let image = relocate_backup(&head, 512, size).unwrap();
        assert_eq!(
            image,
            gpt.image(512, size).unwrap(),
            "from bytes or from the table read: the same"
        );
        let target = scratch.path().join("target.img");
        let _ = fs::remove_file(&target);
        make_image(&target, size);
        write(&target, 0, &image.primary);
        write(&target, image.backup_offset, &image.backup);
        let verdict = sgdisk_verdict(&target);
        assert!(verdict.contains("No problems found"), "{size}: {verdict}");
        let there = read(&target);
        assert!(there.warnings.is_empty(), "{:?}", there.warnings);
        assert_eq!(there.partitions, layout.partitions);
        assert_eq!(there.disk_bytes, size);
    }
    // The same size gives the very bytes that sgdisk wrote.
    let same = relocate_backup(&head, 512, DISK).unwrap();
    let disk = fs::read(&path).unwrap();
    assert_eq!(same.primary, disk[..same.primary.len()]);
    assert_eq!(same.backup, disk[usize::try_from(same.backup_offset).unwrap()..]);
    let error = relocate_backup(&head, 512, layout.smallest_disk_bytes() - 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooSmall);
}

#[test]
fn either_copy_of_a_damaged_gpt_is_enough() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("disk.img");
    gpt_image(&path);
    let whole = read(&path);
    // Header, entries: each kind of damage, of each copy.
    for (offset, is_primary) in [
        (512 + 60, true),
        (2 * 512 + 40, true),
        (DISK - 512 + 60, false),
        (DISK - 33 * 512 + 40, false),
    ] {
        let bytes = fs::read(&path).unwrap();
        write(&path, offset, b"\xA5\x5A");
        let layout = read(&path);
        assert_eq!(layout.partitions, whole.partitions);
        match layout.warnings.as_slice() {
            [Warning::PrimaryDamaged { reason }] if is_primary => {
                assert!(reason.contains("checksum"), "{reason}")
            }
            [Warning::BackupDamaged { reason }] if !is_primary => {
                assert!(reason.contains("checksum"), "{reason}")
            }
            other => panic!("{other:?}"),
        }
        let Table::Gpt(gpt) = &layout.table else { panic!() };
        let image = gpt.image(512, DISK).unwrap();
        write(&path, 0, &image.primary);
        write(&path, image.backup_offset, &image.backup);
        assert!(sgdisk_verdict(&path).contains("No problems found"));
        fs::write(&path, bytes).unwrap();
    }
    write(&path, 512, &[0; 512]);
    write(&path, DISK - 512, &[0; 512]);
    let layout = read(&path);
    assert!(matches!(&layout.table, Table::Damaged { reason } if reason.contains("both GPT copies")));
    assert_eq!(layout.partitions[0].bytes, 0..DISK, "nothing is left out");
}

#[test]
fn a_backup_in_the_middle_of_an_enlarged_disk_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("disk.img");
    gpt_image(&path);
    let whole = read(&path);
    OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(2 * DISK)
        .unwrap();
    let layout = read(&path);
    assert_eq!(layout.partitions, whole.partitions);
    assert_eq!(
        layout.warnings,
        [Warning::BackupMisplaced {
            found_lba: DISK / 512 - 1,
            expected_lba: 2 * DISK / 512 - 1
        }]
    );
}

#[test]
fn a_gpt_of_4096_byte_sectors_is_read_with_its_sectors_and_named_with_others() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("disk.img");
    make_image(&path, DISK);
    // A loop device with large sectors, for sgdisk goes by the device.
    let device = run("losetup", &["-b", "4096", "--show", "-f", path.to_str().unwrap()])
        .trim()
        .to_owned();
    let made = try_run(
        "sgdisk",
        &["-n", "1:256:+64M", "-t", "1:ef00", "-n", "2:0:0", &device],
    );
    run("losetup", &["-d", &device]);
    assert_eq!(made.0, 0, "{}{}", made.1, made.2);
    let disk = ImageFile::open(&path);
    assert_eq!(detect_sector_size(&disk), Some(4096));
    let layout = read_table(&disk, 4096).unwrap();
    check_whole(&layout);
    assert!(layout.warnings.is_empty(), "{:?}", layout.warnings);
    assert_eq!(layout.partitions[0].bytes, MIB..65 * MIB);
    assert_eq!(layout.primary_table(), [0..6 * 4096]);
    assert_eq!(layout.backup_table(), [DISK - 5 * 4096..DISK]);
    let head = fs::read(&path).unwrap()[..6 * 4096].to_vec();
    let image = relocate_backup(&head, 4096, DISK).unwrap();
    let bytes = fs::read(&path).unwrap();
    assert_eq!(image.primary, bytes[..image.primary.len()]);
    assert_eq!(
        image.backup,
        bytes[usize::try_from(image.backup_offset).unwrap()..]
    );
    let wrong = read_table(&disk, 512).unwrap();
    assert!(
        matches!(&wrong.table, Table::Damaged { reason } if reason.contains("4096")),
        "{:?}",
        wrong.table
    );
}

#[test]
fn an_mbr_with_logical_partitions_is_read_with_every_record_between_them() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("disk.img");
    make_image(&path, DISK);
    let script = "label: dos\nlabel-id: 0x12345678\n\
        start=2048, size=40960, type=83, bootable\n\
        start=51200, size=204800, type=f\n\
        start=53248, size=20480, type=82\n\
        start=81920, size=40960, type=7\n\
        start=200000, size=2000, type=83\n";
    sfdisk(&path, script);
    let layout = read(&path);
    let Table::Mbr(mbr) = &layout.table else {
        panic!("{:?}", layout.table)
    };
    assert_eq!(mbr.disk_signature, 0x1234_5678);
    assert_eq!(mbr.extended, Some(51200 * 512..256_000 * 512));
    assert_eq!(mbr.extended_records.len(), 3);
    assert_eq!(mbr.extended_records[0].bytes, 51200 * 512..51201 * 512);
    let found: Vec<_> = layout
        .partitions
        .iter()
        .map(|partition| {
            let PartitionKind::Mbr {
                type_code,
                active,
                logical,
            } = partition.kind
            else {
                panic!()
            };
            (
                partition.number,
                partition.bytes.start / 512,
                partition.bytes.end / 512,
                type_code,
                active,
                logical,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (1, 2048, 43008, 0x83, true, false),
            (5, 53248, 73728, 0x82, false, true),
            (6, 81920, 122_880, 0x07, false, true),
            (7, 200_000, 202_000, 0x83, false, true),
        ]
    );
    for record in &mbr.extended_records {
        let holds = |gap: &&imager::partition::Gap| {
            gap.bytes.start <= record.bytes.start && record.bytes.end <= gap.bytes.end
        };
        assert!(layout.gaps.iter().find(holds).unwrap().is_kept());
    }
    assert_eq!(layout.smallest_disk_bytes(), 256_000 * 512);
    let primary = layout.primary_table();
    assert_eq!(primary.len(), 4);
    assert_eq!(primary[0], 0..512);
    // A record that names itself as the next one.
    write(&path, 51200 * 512 + 446 + 16 + 8, &0u32.to_le_bytes());
    let layout = read(&path);
    assert!(
        matches!(&layout.table, Table::Damaged { reason } if reason.contains("circle")),
        "{:?}",
        layout.table
    );
}

#[test]
fn an_mbr_of_4096_byte_sectors_counts_in_its_own_sectors() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("disk.img");
    make_image(&path, DISK);
    let device = run("losetup", &["-b", "4096", "--show", "-f", path.to_str().unwrap()])
        .trim()
        .to_owned();
    let script = "label: dos\nstart=256, size=5120, type=83, bootable\nstart=8192, size=8192, type=5\n\
        start=8448, size=2048, type=7\nstart=12288, size=2048, type=83\n";
    let made = std::panic::catch_unwind(|| sfdisk(Path::new(&device), script));
    run("losetup", &["-d", &device]);
    made.unwrap();
    let layout = read_table(&ImageFile::open(&path), 4096).unwrap();
    check_whole(&layout);
    let found: Vec<_> = layout
        .partitions
        .iter()
        .map(|one| (one.number, one.bytes.clone()))
        .collect();
    let at = |first: u64, count: u64| first * 4096..(first + count) * 4096;
    assert_eq!(
        found,
        [(1, at(256, 5120)), (5, at(8448, 2048)), (6, at(12288, 2048))]
    );
    assert_eq!(
        layout.primary_table(),
        [at(0, 1), at(8192, 1), layout.primary_table()[2].clone()]
    );
    assert!(layout.warnings.is_empty());
}

#[test]
fn an_mbr_whose_partition_runs_beyond_the_disk_makes_it_one_raw_area() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("disk.img");
    make_image(&path, DISK);
    sfdisk(&path, "label: dos\nstart=2048, size=40960, type=83\n");
    write(&path, 446 + 12, &u32::MAX.to_le_bytes());
    let layout = read(&path);
    assert!(matches!(&layout.table, Table::Damaged { reason } if reason.contains("within the disk")));
    assert_eq!(layout.partitions[0].kind, PartitionKind::WholeDisk);
}

#[test]
fn hybrid_stale_and_missing_mbrs_beside_a_gpt_are_named() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("disk.img");
    gpt_image(&path);
    let whole = read(&path);
    run("sgdisk", &["-h", "1:2", path.to_str().unwrap()]);
    let layout = read(&path);
    assert_eq!(layout.partitions, whole.partitions);
    assert_eq!(layout.warnings, [Warning::HybridMbr]);
    let Table::Gpt(gpt) = &layout.table else { panic!() };
    let image = gpt.image(512, 4 << 30).unwrap();
    assert_eq!(
        image.primary[446..510][20..],
        fs::read(&path).unwrap()[446..510][20..],
        "the other entries stay"
    );

    gpt_image(&path);
    write(&path, 0, &[0; 512]);
    let layout = read(&path);
    assert_eq!(layout.partitions, whole.partitions);
    assert_eq!(layout.warnings, [Warning::NoProtectiveMbr]);

    gpt_image(&path);
    let mut entry = [0; 16];
    entry[4] = 0x83;
    entry[8..12].copy_from_slice(&2048u32.to_le_bytes());
    entry[12..16].copy_from_slice(&2048u32.to_le_bytes());
    write(&path, 446, &entry);
    let layout = read(&path);
    assert_eq!(layout.warnings, [Warning::StaleGpt]);
    assert!(matches!(layout.table, Table::Mbr(_)));
}

#[test]
fn a_disk_without_a_table_is_one_partition() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("disk.img");
    make_image(&path, 64 * MIB);
    assert_eq!(read(&path).table, Table::None);
    run("mke2fs", &["-q", "-F", "-t", "ext4", path.to_str().unwrap()]);
    let layout = read(&path);
    assert_eq!((layout.table.clone(), layout.partitions.len()), (Table::None, 1));
    assert_eq!(layout.partitions[0].bytes, 0..64 * MIB);
    assert_eq!(layout.smallest_disk_bytes(), 64 * MIB);
    // mkfs.fat writes a table of one entry, from sector 0 over everything, into its own boot sector.
    run(
        "mkfs.fat",
        &["-F", "32", "-s", "1", "--mbr=y", "-I", path.to_str().unwrap()],
    );
    let layout = read(&path);
    assert_eq!(
        layout.partitions[0].kind,
        PartitionKind::WholeDisk,
        "{:?}",
        layout.table
    );
    let nothing: Vec<u8> = Vec::new();
    assert!(read_table(&nothing, 512).unwrap().partitions.is_empty());
    assert!(nothing.is_empty() && ReadAt::len(&nothing) == 0);
}
