//! Any bytes, and real filesystems with bytes changed: nothing panics, hangs or leaves its partition.

use crate::{
    ext::make_filesystem,
    harness::{check_shape, full_matrix, make_image, make_tree, run},
    tables::check_whole,
    xfs::write_prototype,
};
use imager::{
    disk::ReadAt,
    filesystem::{Kind, Outcome, map, open_tree},
    partition::{Table, read_table, relocate_backup},
};
use proptest::prelude::*;
use std::{fs, ops::ControlFlow, path::Path, sync::OnceLock};

/// Real filesystems, small ones: the more of their bytes are structure, the better.
fn seeds() -> &'static [(&'static str, Vec<u8>)] {
    static SEEDS: OnceLock<Vec<(&'static str, Vec<u8>)>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let scratch = tempfile::tempdir().unwrap();
        let (image, tree) = (scratch.path().join("image.img"), scratch.path().join("tree"));
        fs::create_dir(&tree).unwrap();
        make_tree(&tree, 200_000, 3);
        let mut seeds = Vec::new();
        let ext: [(&str, &[&str]); 4] = [
            ("ext4", &["-t", "ext4", "-b", "1024", "-J", "size=1"]),
            (
                "ext4 without checksums",
                &[
                    "-t",
                    "ext4",
                    "-b",
                    "1024",
                    "-J",
                    "size=1",
                    "-O",
                    "^metadata_csum,^uninit_bg",
                ],
            ),
            (
                "ext4 meta_bg bigalloc",
                &[
                    "-t",
                    "ext4",
                    "-b",
                    "1024",
                    "-O",
                    "bigalloc,meta_bg,^resize_inode,^has_journal",
                ],
            ),
            (
                "ext3",
                &["-t", "ext3", "-b", "1024", "-J", "size=1", "-g", "1024"],
            ),
        ];
        for (name, options) in ext {
            make_filesystem(&image, options, 4 << 20, Some(&tree));
            seeds.push((name, fs::read(&image).unwrap()));
        }
        let dirty = |name: &str| {
            let mut bytes = seeds.iter().find(|seed| seed.0 == name).unwrap().1.clone();
            write_log(&image, &mut bytes);
            bytes
        };
        let (with, without) = (dirty("ext4"), dirty("ext4 without checksums"));
        seeds.push(("ext4 to be replayed", with));
        seeds.push(("ext4 to be replayed without checksums", without));
        for (name, options) in [
            ("FAT12", ["-F", "12"]),
            ("FAT16", ["-F", "16"]),
            ("FAT32", ["-F", "32"]),
        ] {
            make_image(
                &image,
                match name {
                    "FAT12" => 1440 << 10,
                    "FAT16" => 4 << 20,
                    _ => 36 << 20,
                },
            );
            run(
                "mkfs.fat",
                &[options[0], options[1], "-s", "1", "-a", image.to_str().unwrap()],
            );
            for folder in fs::read_dir(&tree).unwrap() {
                run(
                    "mcopy",
                    &[
                        "-s",
                        "-i",
                        image.to_str().unwrap(),
                        folder.unwrap().path().to_str().unwrap(),
                        "::",
                    ],
                );
            }
            seeds.push((name, fs::read(&image).unwrap()));
        }
        make_image(&image, 3 << 20);
        run(
            "mkntfs",
            &["-q", "-F", "-f", "-c", "512", image.to_str().unwrap()],
        );
        for (name, length) in [("pagefile.sys", 100_000), ("another", 50_000), ("small", 100)] {
            let source = scratch.path().join(name);
            fs::write(&source, vec![0xA5; length]).unwrap();
            run(
                "ntfscp",
                &[
                    "-f",
                    "-q",
                    image.to_str().unwrap(),
                    source.to_str().unwrap(),
                    name,
                ],
            );
        }
        seeds.push(("NTFS", fs::read(&image).unwrap()));
        let prototype = scratch.path().join("prototype");
        write_prototype(&tree, &prototype);
        for (name, version) in [("XFS", "crc=1"), ("XFS 4", "crc=0")] {
            let file = prototype.to_str().unwrap();
            let maker = ["mkfs.xfs", "--unsupported", "-q", "-f", "-m", version, "-p", file];
            seeds.push((name, made(&image, &maker, 17)));
        }
        let mixed = [
            "mkfs.btrfs",
            "-q",
            "-f",
            "-M",
            "-n",
            "4096",
            "--rootdir",
            tree.to_str().unwrap(),
        ];
        seeds.push(("btrfs", made(&image, &mixed, 20)));
        seeds.push((
            "exFAT",
            made(&image, &["mkfs.exfat", "-c", "512", "-b", "32K"], 3),
        ));
        seeds
    })
}

/// What a tool makes of an empty image.
fn made(image: &Path, maker: &[&str], megabytes: u64) -> Vec<u8> {
    fs::remove_file(image).unwrap();
    make_image(image, megabytes << 20);
    run(maker[0], &[&maker[1..], &[image.to_str().unwrap()]].concat());
    fs::read(image).unwrap()
}

/// Puts a journal's log that waits to be replayed into a filesystem, with the tool of its makers.
fn write_log(image: &Path, bytes: &mut Vec<u8>) {
    fs::write(image, &*bytes).unwrap();
    let block = image.with_extension("block");
    fs::write(&block, &bytes[2048..3072]).unwrap();
    let script = image.with_extension("script");
    let commands = format!(
        "journal_open\njournal_write -b 600,601,602 {0}\njournal_write -r 601,700\njournal_write -b 601 {0}\njournal_close\n",
        block.display()
    );
    fs::write(&script, commands).unwrap();
    run(
        "debugfs",
        &["-w", "-f", script.to_str().unwrap(), image.to_str().unwrap()],
    );
    assert!(run("dumpe2fs", &["-h", image.to_str().unwrap()]).contains("needs_recovery"));
    *bytes = fs::read(image).unwrap();
}

/// Maps and walks; whatever the bytes are, the result keeps its promises.
fn survive(disk: &[u8], partition: std::ops::Range<u64>) -> bool {
    let mapping = map(&disk, partition.clone());
    let partition = partition.start.min(disk.len() as u64)..partition.end.min(disk.len() as u64);
    let Outcome::Mapped(mapped) = mapping.outcome else {
        return false;
    };
    check_shape(&mapped, partition.clone());
    if matches!(mapping.kind, Kind::Xfs | Kind::Btrfs | Kind::Exfat) {
        look_around(&disk, partition.clone());
    }
    let mut extents = 0u64;
    let _ = mapped.files.walk(&disk, &mut |extent| {
        assert!(extent.disk_offset >= partition.start);
        assert!(extent.disk_offset.checked_add(extent.length_bytes).unwrap() <= partition.end);
        extents += 1;
        if extents < 1 << 20 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    true
}

/// Lists folders and reads the beginnings of files, some hundreds of them.
pub fn look_around(disk: &dyn ReadAt, partition: std::ops::Range<u64>) {
    let Ok(tree) = open_tree(disk, partition) else {
        return;
    };
    let mut waiting = vec![tree.root()];
    let mut left = 300;
    while let Some(node) = waiting.pop() {
        let Ok(metadata) = tree.metadata(node) else {
            continue;
        };
        let _ = tree.link_target(node);
        if let Ok(file) = tree.open(node) {
            let mut bytes = vec![0; usize::try_from(metadata.length_bytes.min(5000)).unwrap()];
            let _ = file.read_exact_at(&mut bytes, 0);
            let _ = file.next_data(metadata.length_bytes / 2);
        }
        let _ = tree.list(node, &mut |entry| {
            waiting.push(entry.node);
            left -= 1;
            if left > 0 {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        if left <= 0 {
            return;
        }
    }
}

/// Where structure is: the beginning, mostly; and a value that is often an edge.
fn changes() -> impl Strategy<Value = Vec<(usize, u8)>> {
    let place =
        prop_oneof![4 => 0usize..4096, 3 => 0usize..65536, 2 => 0usize..(1 << 20), 1 => any::<usize>()];
    let value = prop_oneof![Just(0u8), Just(0xFF), Just(0x7F), Just(1), any::<u8>()];
    proptest::collection::vec((place, value), 1..24)
}

fn cases() -> u32 {
    if full_matrix() { 20_000 } else { 250 }
}

#[test]
fn every_seed_is_mapped_before_it_is_changed() {
    for (name, bytes) in seeds() {
        assert!(survive(bytes, 0..bytes.len() as u64), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_filesystems_are_survived(seed in 0usize..14, changes in changes()) {
        let mut bytes = seeds()[seed].1.clone();
        let length = bytes.len();
        for (place, value) in changes {
            bytes[place % length] = value;
        }
        survive(&bytes, 0..length as u64);
    }

    #[test]
    fn filesystems_that_are_cut_short_or_moved_are_survived(seed in 0usize..14, start in 0u64..8192, end in 0u64..(5 << 20)) {
        let bytes = &seeds()[seed].1;
        survive(bytes, 0..end);
        survive(bytes, start..start.max(end));
    }

    #[test]
    fn any_bytes_with_any_mark_are_survived(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..9000),
        mark in prop_oneof![
            Just((1080usize, b"\x53\xEF".as_slice())),
            Just((510, b"\x55\xAA".as_slice())),
            Just((4086, b"SWAPSPACE2".as_slice())),
            Just((0, b"XFSB".as_slice())),
            Just((3, b"EXFAT   ".as_slice())),
            Just((512, b"EFI PART".as_slice())),
            Just((0, b"".as_slice())),
        ],
    ) {
        if let Some(place) = bytes.get_mut(mark.0..mark.0 + mark.1.len()) {
            place.copy_from_slice(mark.1);
        }
        survive(&bytes, 0..bytes.len() as u64);
        for sector in [512, 1024, 2048, 4096] {
            check_whole(&read_table(&bytes, sector).unwrap());
            let _ = relocate_backup(&bytes, sector, 1 << 30);
        }
    }

    #[test]
    fn changed_tables_are_survived(changes in proptest::collection::vec((0usize..20_000, any::<u8>()), 1..12), mend: bool) {
        let mut bytes = table().to_vec();
        for (place, value) in changes {
            // Half of them where the entries of an MBR, the header and the first entries are.
            let place = if place % 2 == 0 { 440 + place % 900 } else { place };
            bytes[place] = value;
        }
        if mend {
            mend_checksums(&mut bytes);
        }
        let layout = read_table(&bytes, 512).unwrap();
        check_whole(&layout);
        let _ = layout.smallest_disk_bytes();
        let _ = (layout.primary_table(), layout.backup_table());
        if let Table::Gpt(gpt) = &layout.table {
            for size in [bytes.len() as u64, 1 << 20, 1 << 45, u64::MAX] {
                let _ = gpt.image(512, size);
            }
        }
        let _ = relocate_backup(&bytes[..17 << 10], 512, 1 << 40);
    }
}

/// A GPT on a small disk.
fn table() -> &'static [u8] {
    static TABLE: OnceLock<Vec<u8>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("disk.img");
        make_image(&path, 2 << 20);
        run(
            "sgdisk",
            &[
                "-a",
                "1",
                "-n",
                "1:64:+256K",
                "-n",
                "2:1000:+512K",
                path.to_str().unwrap(),
            ],
        );
        fs::read(&path).unwrap()
    })
}

/// Makes the checksums of a changed primary header right, so that what they hide is reached.
fn mend_checksums(bytes: &mut [u8]) {
    let entries = crc32fast::hash(&bytes[1024..1024 + 128 * 128]);
    bytes[512 + 88..512 + 92].copy_from_slice(&entries.to_le_bytes());
    bytes[512..520].copy_from_slice(b"EFI PART");
    bytes[512 + 12..512 + 16].copy_from_slice(&92u32.to_le_bytes());
    bytes[512 + 16..512 + 20].fill(0);
    let header = crc32fast::hash(&bytes[512..512 + 92]);
    bytes[512 + 16..512 + 20].copy_from_slice(&header.to_le_bytes());
}
