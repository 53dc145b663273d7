//! Swap, and what is only recognised.

use crate::harness::{ImageFile, full_matrix, make_image, map_image, run};
use imager::filesystem::{Kind, Outcome, Ranges, identify, map};
use std::{fs, ops::ControlFlow};

#[test]
fn of_swap_only_the_header_page_is_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("swap.img");
    for page in [4096u64, 16384, 65536] {
        make_image(&image, 8 << 20);
        let page_text = page.to_string();
        let identity = "11111111-2222-3333-4444-555555555555";
        run(
            "mkswap",
            &[
                "-p",
                &page_text,
                "-L",
                "a label",
                "-U",
                identity,
                image.to_str().unwrap(),
            ],
        );
        let (mapping, mapped) = map_image(&image);
        assert_eq!(
            (mapping.kind, mapping.label.as_deref()),
            (Kind::Swap, Some("a label"))
        );
        assert_eq!(mapping.uuid.as_deref(), Some(identity));
        assert_eq!(mapped.used, Ranges::from_one(0..page));
        let mut extents = 0;
        let mut count = |_| {
            extents += 1;
            ControlFlow::Continue(())
        };
        mapped.files.walk(&ImageFile::open(&image), &mut count).unwrap();
        assert_eq!(extents, 0);
    }
}

#[test]
fn a_hibernated_system_in_the_swap_is_refused_with_the_remedy() {
    for signature in [b"S1SUSPEND\0", b"LINHIB0001", b"ULSUSPEND\0"] {
        let mut disk = vec![0; 1 << 20];
        disk[4086..4096].copy_from_slice(signature);
        match map(&disk, 0..1 << 20).outcome {
            Outcome::Refused { remedy, .. } => assert!(remedy.contains("resume"), "{remedy}"),
            _ => panic!("hibernation was not noticed"),
        }
    }
}

/// Bytes at offsets.
type Marks = &'static [(usize, &'static [u8])];

/// Kinds by hand-written marks: (offset, bytes), kind.
const MARKS: &[(Marks, Kind)] = &[
    (&[(0, b"XFSB")], Kind::Xfs),
    (&[(0, b"LUKS\xBA\xBE\0\x02")], Kind::Luks),
    (&[(3, b"NTFS    "), (510, b"\x55\xAA")], Kind::Ntfs),
    (&[(3, b"EXFAT   "), (510, b"\x55\xAA")], Kind::Exfat),
    (&[(0, b"\xEB\x58\x90-FVE-FS-")], Kind::BitLocker),
    (&[(3, b"ReFS\0")], Kind::Refs),
    (&[(32, b"NXSB")], Kind::Apfs),
    (&[(1024, b"H+\0\x04")], Kind::HfsPlus),
    (&[(1024, b"HX\0\x05")], Kind::HfsPlus),
    (&[(1024, b"\x10\x20\xF5\xF2")], Kind::F2fs),
    (&[(65600, b"_BHRfS_M")], Kind::Btrfs),
    (&[(512, b"LABELONE"), (536, b"LVM2 001")], Kind::Lvm2),
    (&[(4096, b"\xFC\x4E\x2B\xA9\x01\0\0\0")], Kind::MdMember),
    (
        &[((1 << 20) - 8192, b"\xFC\x4E\x2B\xA9\x01\0\0\0")],
        Kind::MdMember,
    ),
    (
        &[((1 << 20) - 65536, b"\xFC\x4E\x2B\xA9\0\0\0\0")],
        Kind::MdMember,
    ),
    (
        &[((1 << 20) - 1024, b"Intel Raid ISM Cfg Sig. ")],
        Kind::IntelRaidMember,
    ),
    (&[(0, b"SPACEDB ")], Kind::StorageSpaces),
    (&[(0, b"XFSB"), (65600, b"_BHRfS_M")], Kind::Ambiguous),
    // An array's member shows the filesystem inside of the array, too.
    (
        &[(0, b"XFSB"), ((1 << 20) - 8192, b"\xFC\x4E\x2B\xA9\x01\0\0\0")],
        Kind::MdMember,
    ),
    (&[], Kind::Unknown),
];

#[test]
fn what_has_no_reader_is_recognised_and_kept_whole_with_the_reason() {
    for (marks, kind) in MARKS {
        let mut disk = vec![0; 1 << 20];
        for (offset, bytes) in *marks {
            disk[*offset..*offset + bytes.len()].copy_from_slice(bytes);
        }
        assert_eq!(identify(&disk, 0..1 << 20), *kind);
        let mapping = map(&disk, 0..1 << 20);
        assert_eq!(mapping.kind, *kind);
        assert_eq!(mapping.used(0..1 << 20), Ranges::from_one(0..1 << 20));
        match mapping.outcome {
            Outcome::Raw { reason } => assert!(!reason.is_empty()),
            Outcome::Refused { reason, remedy } => assert!(!reason.is_empty() && !remedy.is_empty()),
            Outcome::Mapped(_) => panic!("{kind} was mapped from a mark alone"),
        }
    }
}

#[test]
fn an_ext_filesystem_under_a_fat_boot_sector_is_ambiguous_and_kept_whole() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.img");
    make_image(&image, 20 << 20);
    run("mkfs.fat", &["-F", "16", image.to_str().unwrap()]);
    let fat = fs::read(&image).unwrap();
    run("mke2fs", &["-q", "-F", "-t", "ext4", image.to_str().unwrap()]);
    let mut both = fs::read(&image).unwrap();
    both[..512].copy_from_slice(&fat[..512]);
    let mapping = map(&both, 0..20 << 20);
    assert_eq!(mapping.kind, Kind::Ambiguous);
    assert!(matches!(mapping.outcome, Outcome::Raw { .. }));
}

#[test]
fn a_terabyte_of_ext4_is_mapped_in_two_seconds() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.img");
    make_image(&image, 1 << 40);
    run(
        "mke2fs",
        &[
            "-q",
            "-F",
            "-t",
            "ext4",
            "-E",
            "lazy_itable_init=1",
            "-O",
            "^has_journal",
            image.to_str().unwrap(),
        ],
    );
    let started = std::time::Instant::now();
    let (_, mapped) = map_image(&image);
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "1 TB ext4 mapped in {seconds:.3} s, {} ranges",
        mapped.used.as_slice().len()
    );
    // Bigger margins where two cores are shared with everything else; the figure is printed.
    assert!(seconds < if full_matrix() { 2.0 } else { 20.0 }, "{seconds} s");
}
