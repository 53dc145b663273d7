//! NTFS against ntfs-3g and its tools.

use crate::harness::{
    ImageFile, Mount, Numbers, extents_of, full_matrix, hash_by_tree, hash_tree, make_image, make_tree,
    map_image, restore_by_map, run, try_run,
};
use imager::filesystem::{Kind, Mapped, Mapping, Outcome, Ranges, Wishes, map, map_among};
use std::{
    fs,
    os::unix::fs::FileExt,
    path::Path,
    process::{Command, Stdio},
};

struct Case {
    name: &'static str,
    options: &'static [&'static str],
    megabytes: u64,
    rare: bool,
}

const fn case(name: &'static str, options: &'static [&'static str]) -> Case {
    Case {
        name,
        options,
        megabytes: 48,
        rare: false,
    }
}

const CASES: &[Case] = &[
    case("NTFS as usual", &[]),
    case("NTFS 512 byte clusters", &["-c", "512"]),
    Case {
        rare: true,
        megabytes: 200,
        ..case("NTFS 64 KiB clusters", &["-c", "65536"])
    },
    Case {
        rare: true,
        megabytes: 600,
        ..case("NTFS 2 MiB clusters", &["-c", "2097152"])
    },
    Case {
        rare: true,
        ..case("NTFS 1 KiB clusters", &["-c", "1024"])
    },
    Case {
        rare: true,
        ..case("NTFS 2 KiB clusters", &["-c", "2048"])
    },
    Case {
        rare: true,
        ..case("NTFS 8 KiB clusters", &["-c", "8192"])
    },
    Case {
        rare: true,
        megabytes: 90,
        ..case("NTFS 16 KiB clusters", &["-c", "16384"])
    },
    Case {
        rare: true,
        megabytes: 120,
        ..case("NTFS 32 KiB clusters", &["-c", "32768"])
    },
    // Records of 4096 bytes.
    Case {
        rare: true,
        ..case("NTFS 4 KiB sectors", &["-s", "4096"])
    },
    Case {
        rare: true,
        megabytes: 200,
        ..case(
            "NTFS 4 KiB sectors, 64 KiB clusters",
            &["-s", "4096", "-c", "65536"],
        )
    },
    Case {
        rare: true,
        megabytes: 9000,
        ..case("NTFS large", &[])
    },
];

fn make_ntfs(image: &Path, options: &[&str], length_bytes: u64) {
    // mkntfs asks whether it may go on when the file holds something.
    let _ = fs::remove_file(image);
    make_image(image, length_bytes);
    let mut arguments = vec!["-q", "-F", "-f", "-L", "a label"];
    arguments.extend_from_slice(options);
    arguments.push(image.to_str().unwrap());
    run("mkntfs", &arguments);
}

/// $Bitmap as ntfscat reads it, in bytes of the image, with what lies behind the last cluster.
fn used_by_ntfscat(image: &Path, length_bytes: u64) -> Ranges {
    let output = Command::new("ntfscat")
        .args(["-f", image.to_str().unwrap(), "$Bitmap"])
        .stderr(Stdio::inherit())
        .output()
        .expect("ntfscat cannot be run; cargo xtask setup installs it");
    assert!(output.status.success());
    let text = run("ntfsinfo", &["-f", "-m", image.to_str().unwrap()]);
    let number = |name: &str| -> u64 {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(name))
            .unwrap();
        line.trim().parse().unwrap()
    };
    let (cluster_bytes, count) = (number("Cluster Size:"), number("Volume Size in Clusters:"));
    let mut used = Vec::new();
    for cluster in 0..count {
        let byte = output.stdout[usize::try_from(cluster / 8).unwrap()];
        if byte >> (cluster % 8) & 1 == 1 {
            used.push(cluster * cluster_bytes..(cluster + 1) * cluster_bytes);
        }
    }
    used.push(count * cluster_bytes..length_bytes);
    Ranges::from_unsorted(used)
}

fn prove(name: &str, image: &Path, scratch: &Path, expected: &Path) {
    let (mapping, mapped) = map_image(image);
    let length = fs::metadata(image).unwrap().len();
    assert_eq!(
        (mapping.kind, mapping.label.as_deref()),
        (Kind::Ntfs, Some("a label")),
        "{name}"
    );
    assert!(mapping.notes.is_empty(), "{name}: {:?}", mapping.notes);
    let theirs = used_by_ntfscat(image, length);
    assert_eq!(mapped.used, theirs, "{name}: bit by bit");
    assert!(
        mapped.used.contains(&(length - 512..length)),
        "{name}: the backup boot sector"
    );

    let copy = scratch.join("copy.img");
    restore_by_map(image, &mapped, &copy);
    run("ntfsfix", &["-n", copy.to_str().unwrap()]);
    let mount = Mount::ntfs(&copy, &scratch.join("mounted"), "ro");
    assert_eq!(hash_tree(mount.path()), hash_tree(expected), "{name}");
    drop(mount);
    let _ = extents_of(image, &mapped);
}

/// The bytes of a file put together from hints are the file: the hints name the right places in the right order.
fn prove_hints(image: &Path, tree: &Path) {
    let (_, mapped) = map_image(image);
    let file = fs::File::open(image).unwrap();
    let mut by_file = std::collections::BTreeMap::<u64, Vec<u8>>::new();
    for extent in extents_of(image, &mapped) {
        let bytes = by_file.entry(extent.file).or_default();
        let end = usize::try_from(extent.logical_offset + extent.length_bytes).unwrap();
        bytes.resize(bytes.len().max(end), 0);
        let start = usize::try_from(extent.logical_offset).unwrap();
        file.read_exact_at(&mut bytes[start..end], extent.disk_offset)
            .unwrap();
    }
    let known: Vec<Vec<u8>> = by_file.into_values().collect();
    for path in hash_tree(tree).keys() {
        let bytes = fs::read(tree.join(path)).unwrap();
        // The smallest are inside of their MFT record, which has up to 4 KiB.
        if bytes.len() > 4096 {
            assert!(
                known.iter().any(|one| one.starts_with(&bytes)),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn the_used_map_is_the_bitmap_bit_by_bit_and_every_file_comes_back() {
    for case in CASES.iter().filter(|case| full_matrix() || !case.rare) {
        let scratch = tempfile::tempdir().unwrap();
        let (image, tree) = (scratch.path().join("image.img"), scratch.path().join("tree"));
        fs::create_dir(&tree).unwrap();
        make_ntfs(&image, case.options, (case.megabytes << 20) + 512 * 3);
        prove(&format!("{} (empty)", case.name), &image, scratch.path(), &tree);

        make_tree(&tree, 6 << 20, 21);
        {
            let mount = Mount::ntfs(&image, &scratch.path().join("mounted"), "rw");
            for folder in fs::read_dir(&tree).unwrap() {
                let (from, to) = (folder.unwrap().path(), mount.path());
                run("cp", &["-r", from.to_str().unwrap(), to.to_str().unwrap()]);
            }
        }
        prove(&format!("{} (filled)", case.name), &image, scratch.path(), &tree);
        prove_hints(&image, &tree);

        {
            let mount = Mount::ntfs(&image, &scratch.path().join("mounted"), "rw");
            let mut numbers = Numbers(8);
            for (index, file) in hash_tree(&tree).keys().enumerate() {
                let bytes = numbers.bytes(usize::try_from(numbers.0 % 70_000).unwrap());
                match index % 3 {
                    0 => {
                        fs::remove_file(tree.join(file)).unwrap();
                        fs::remove_file(mount.path().join(file)).unwrap();
                    }
                    1 => {
                        fs::write(tree.join(format!("new-{index}")), &bytes).unwrap();
                        fs::write(mount.path().join(format!("new-{index}")), &bytes).unwrap();
                    }
                    _ => {}
                }
            }
            for root in [tree.as_path(), mount.path()] {
                let sparse = fs::File::create(root.join("sparse")).unwrap();
                sparse.write_all_at(&[7; 5000], 3_000_000).unwrap();
            }
        }
        prove(&format!("{} (aged)", case.name), &image, scratch.path(), &tree);
        println!("{}: exact", case.name);
    }
}

#[test]
fn a_bitmap_and_a_file_in_many_pieces_are_put_together() {
    scatter(&["-c", "512"], 500);
    if full_matrix() {
        scatter(&["-c", "1024"], 300);
    }
}

/// Makes a long file in the holes that small ones leave: in at least so many pieces.
fn scatter(options: &[&str], pieces_min: usize) {
    let scratch = tempfile::tempdir().unwrap();
    let (image, tree) = (scratch.path().join("image.img"), scratch.path().join("tree"));
    fs::create_dir(&tree).unwrap();
    make_ntfs(&image, options, 40 << 20);
    {
        let mount = Mount::ntfs(&image, &scratch.path().join("mounted"), "rw");
        // Every other file goes, and one long file takes the holes: more runs than a record holds.
        for index in 0..3000 {
            fs::write(
                mount.path().join(format!("small-{index}")),
                vec![index as u8; 2000],
            )
            .unwrap();
        }
        let filler = mount.path().join("filler");
        let _ = fs::write(&filler, vec![9; 38 << 20]);
        for index in (0..3000).step_by(2) {
            fs::remove_file(mount.path().join(format!("small-{index}"))).unwrap();
        }
        fs::write(mount.path().join("scattered"), Numbers(3).bytes(2_500_000)).unwrap();
        fs::remove_file(&filler).unwrap();
        run(
            "cp",
            &[
                "-r",
                &format!("{}/.", mount.path().display()),
                tree.to_str().unwrap(),
            ],
        );
    }
    prove("scattered", &image, scratch.path(), &tree);
    let (_, mapped) = map_image(&image);
    let mut pieces = std::collections::BTreeMap::<u64, usize>::new();
    for extent in extents_of(&image, &mapped) {
        *pieces.entry(extent.file).or_default() += 1;
    }
    let most = pieces.values().max().unwrap();
    println!("the most scattered file has {most} pieces");
    assert!(*most > pieces_min, "{most}");
    prove_hints(&image, &tree);
}

fn outcome(image: &Path) -> Mapping {
    let disk = ImageFile::open(image);
    map(&disk, 0..fs::metadata(image).unwrap().len())
}

fn assert_refused(image: &Path, word: &str) {
    match outcome(image).outcome {
        Outcome::Refused { reason, remedy } => {
            assert!(reason.contains(word), "{reason}");
            assert!(remedy.contains("shutdown /s /t 0"), "{remedy}");
        }
        Outcome::Raw { reason } => panic!("raw: {reason}"),
        Outcome::Mapped(_) => panic!("mapped although {word}"),
    }
}

/// Puts a file into the root with the tools of the filesystem.
fn put(image: &Path, name: &str, bytes: &[u8]) {
    let source = image.with_extension("put");
    fs::write(&source, bytes).unwrap();
    let (code, out, error) = try_run(
        "ntfscp",
        &[
            "-f",
            "-q",
            image.to_str().unwrap(),
            source.to_str().unwrap(),
            &format!("/{name}"),
        ],
    );
    assert_eq!(code, 0, "{out}{error}");
}

#[test]
fn hibernated_dirty_and_unreplayed_volumes_are_refused_with_the_remedy() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.img");
    for magic in [b"hibr", b"HIBR"] {
        make_ntfs(&image, &[], 32 << 20);
        let mut hibernation = vec![0; 1 << 20];
        hibernation[..4].copy_from_slice(magic);
        put(&image, "hiberfil.sys", &hibernation);
        assert_refused(&image, "hibernated");
    }
    make_ntfs(&image, &[], 32 << 20);
    put(&image, "hiberfil.sys", &[1; 100]);
    assert_refused(&image, "hibernated");

    // ntfsfix marks the volume for a check at the next start.
    make_ntfs(&image, &[], 32 << 20);
    run("ntfsfix", &[image.to_str().unwrap()]);
    assert_refused(&image, "not cleanly unmounted");

    make_ntfs(&image, &[], 32 << 20);
    write_restart_pages(&image, 0, 0);
    assert_refused(&image, "log file");
    // A client, but the volume is marked clean; or no client.
    write_restart_pages(&image, 0, 2);
    assert!(matches!(outcome(&image).outcome, Outcome::Mapped(_)));
    write_restart_pages(&image, 0xFFFF, 0);
    assert!(matches!(outcome(&image).outcome, Outcome::Mapped(_)));
}

/// Overwrites the log with two restart pages, as Windows does at its first mount.
fn write_restart_pages(image: &Path, client_in_use: u16, flags: u16) {
    let disk = fs::read(image).unwrap();
    let record = 4 * 4096 + 2 * 1024;
    assert_eq!(&disk[record..record + 4], b"FILE");
    let mut at = record + usize::from(u16::from_le_bytes([disk[record + 0x14], disk[record + 0x15]]));
    while disk[at] != 0x80 {
        at += usize::try_from(u32::from_le_bytes(disk[at + 4..at + 8].try_into().unwrap())).unwrap();
    }
    let runs = at + usize::from(disk[at + 0x20]);
    let (length_size, distance_size) = (usize::from(disk[runs] & 15), usize::from(disk[runs] >> 4));
    let mut cluster = [0; 8];
    cluster[..distance_size]
        .copy_from_slice(&disk[runs + 1 + length_size..runs + 1 + length_size + distance_size]);
    let offset = u64::from_le_bytes(cluster) * 4096;

    let mut page = vec![0u8; 4096];
    page[..4].copy_from_slice(b"RSTR");
    page[0x04..0x06].copy_from_slice(&0x1Eu16.to_le_bytes());
    page[0x06..0x08].copy_from_slice(&9u16.to_le_bytes());
    page[0x10..0x14].copy_from_slice(&4096u32.to_le_bytes());
    page[0x14..0x18].copy_from_slice(&4096u32.to_le_bytes());
    page[0x18..0x1A].copy_from_slice(&0x30u16.to_le_bytes());
    page[0x1E..0x20].copy_from_slice(&[7, 0]);
    page[0x30..0x38].copy_from_slice(&1234u64.to_le_bytes());
    page[0x3C..0x3E].copy_from_slice(&client_in_use.to_le_bytes());
    page[0x3E..0x40].copy_from_slice(&flags.to_le_bytes());
    for block in 0..8 {
        page[block * 512 + 510..block * 512 + 512].copy_from_slice(&[7, 0]);
    }
    let file = fs::OpenOptions::new().write(true).open(image).unwrap();
    file.write_all_at(&page, offset).unwrap();
    file.write_all_at(&page, offset + 4096).unwrap();
}

#[test]
fn page_and_swap_files_are_restored_as_zeros_and_stay_in_the_source() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.img");
    make_ntfs(&image, &[], 64 << 20);
    put(&image, "pagefile.sys", &vec![0xAB; 9_000_000]);
    put(&image, "SwapFile.sys", &vec![0xCD; 3_000_000]);
    // Not hibernated: its head is zeros.
    put(&image, "hiberfil.sys", &vec![0; 2_000_000]);
    put(&image, "keep.txt", &vec![0xEF; 50_000]);
    let (mapping, mapped) = map_image(&image);
    assert_eq!(mapping.notes.len(), 3, "{:?}", mapping.notes);
    let whole = |bytes: u64| bytes.next_multiple_of(4096);
    assert_eq!(
        mapped.zeroed.total_bytes(),
        whole(9_000_000) + whole(3_000_000) + whole(2_000_000)
    );
    let length = fs::metadata(&image).unwrap().len();
    assert_eq!(mapped.used.union(&mapped.zeroed), used_by_ntfscat(&image, length));
    let copy = scratch.path().join("copy.img");
    restore_by_map(&image, &mapped, &copy);
    let mount = Mount::ntfs(&copy, &scratch.path().join("mounted"), "ro");
    assert!(
        fs::read(mount.path().join("pagefile.sys"))
            .unwrap()
            .iter()
            .all(|byte| *byte == 0)
    );
    assert_eq!(
        fs::read(mount.path().join("keep.txt")).unwrap(),
        vec![0xEF; 50_000]
    );
}

/// Maps an image with hibernation dropped; it must be mapped.
fn map_without_hibernation(image: &Path) -> (Vec<String>, Mapped) {
    let disk = ImageFile::open(image);
    let wishes = Wishes {
        drop_hibernation: true,
    };
    let mapping = map_among(&disk, 0..fs::metadata(image).unwrap().len(), &[], wishes);
    match mapping.outcome {
        Outcome::Mapped(mapped) => (mapping.notes, mapped),
        Outcome::Refused { reason, .. } | Outcome::Raw { reason } => panic!("{reason}"),
    }
}

#[test]
fn a_hibernation_is_dropped_on_request_and_stays_in_the_source() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.img");
    let length = 48 << 20;
    make_ntfs(&image, &[], length);
    let mut hibernation = Numbers(7).bytes(9 << 20);
    hibernation[..4].copy_from_slice(b"HIBR");
    put(&image, "keep.txt", &vec![0xEF; 50_000]);
    put(&image, "hiberfil.sys", &hibernation);
    let before = blake3::hash(&fs::read(&image).unwrap());
    assert_refused(&image, "hibernated");
    let (notes, mapped) = map_without_hibernation(&image);
    assert!(notes.iter().any(|note| note.contains("left out")), "{notes:?}");
    assert_eq!(mapped.zeroed.total_bytes(), 9 << 20);
    assert_eq!(mapped.used.union(&mapped.zeroed), used_by_ntfscat(&image, length));
    let copy = scratch.path().join("copy.img");
    restore_by_map(&image, &mapped, &copy);
    // Nothing is hibernated there any more: it is mapped without asking, and ntfs-3g takes it for writing.
    assert!(matches!(outcome(&copy).outcome, Outcome::Mapped(_)));
    let mount = Mount::ntfs(&copy, &scratch.path().join("mounted"), "rw,norecover");
    assert_eq!(
        fs::read(mount.path().join("hiberfil.sys")).unwrap(),
        vec![0; 9 << 20]
    );
    assert_eq!(
        fs::read(mount.path().join("keep.txt")).unwrap(),
        vec![0xEF; 50_000]
    );
    drop(mount);
    assert_eq!(
        blake3::hash(&fs::read(&image).unwrap()),
        before,
        "the source is as it was"
    );

    // What its log or its mark leaves open keeps all of its free space.
    for make_restless in [
        (|image: &Path| write_restart_pages(image, 0, 0)) as fn(&Path),
        // It sets the mark and then fails to mount what is hibernated.
        |image| drop(try_run("ntfsfix", &[image.to_str().unwrap()])),
    ] {
        make_restless(&image);
        let (notes, mapped) = map_without_hibernation(&image);
        assert!(
            notes.iter().any(|note| note.contains("free space is kept")),
            "{notes:?}"
        );
        assert_eq!(mapped.zeroed.total_bytes(), 9 << 20);
        assert_eq!(mapped.used.union(&mapped.zeroed), Ranges::from_one(0..length));
    }
}

#[test]
fn a_volume_with_a_damaged_boot_sector_is_mapped_by_its_backup() {
    for (options, sector) in [(&["-c", "4096"], 512u64), (&["-s", "4096"], 4096)] {
        let scratch = tempfile::tempdir().unwrap();
        let image = scratch.path().join("image.img");
        let length = 32 << 20;
        make_ntfs(&image, options, length);
        put(&image, "keep.txt", &vec![0xEF; 50_000]);
        let whole = map_image(&image).1;
        let file = fs::OpenOptions::new().write(true).open(&image).unwrap();
        let original = fs::read(&image).unwrap();
        assert_eq!(
            &original[usize::try_from(length - sector).unwrap() + 3..][..8],
            b"NTFS    "
        );
        for damage in [vec![0; 512], Numbers(9).bytes(512)] {
            file.write_all_at(&damage, 0).unwrap();
            let (mapping, mapped) = map_image(&image);
            assert_eq!(mapping.kind, Kind::Ntfs);
            assert!(
                mapping.notes[0].contains("the backup is used"),
                "{:?}",
                mapping.notes
            );
            assert_eq!(mapped.used, whole.used);
        }
        // Without the backup nothing is known, and everything is kept.
        file.write_all_at(&[0; 512], length - sector).unwrap();
        assert!(matches!(outcome(&image).outcome, Outcome::Raw { .. }));
    }
}

#[test]
fn compressed_and_sparse_files_come_back() {
    // Larger clusters do not compress.
    let sets: &[&[&str]] = &[&["-c", "4096"], &["-c", "512"], &["-c", "2048"], &["-s", "4096"]];
    for options in &sets[..if full_matrix() { sets.len() } else { 1 }] {
        compress(options);
    }
}

fn compress(options: &[&str]) {
    let scratch = tempfile::tempdir().unwrap();
    let (image, tree) = (scratch.path().join("image.img"), scratch.path().join("tree"));
    fs::create_dir(&tree).unwrap();
    make_ntfs(&image, options, 64 << 20);
    {
        let mount = Mount::ntfs(&image, &scratch.path().join("mounted"), "rw,compression");
        let folder = mount.path().join("pressed");
        fs::create_dir(&folder).unwrap();
        // 0x800: compressed; what is made in the folder is, too.
        run(
            "setfattr",
            &[
                "-h",
                "-v",
                "0x00000800",
                "-n",
                "system.ntfs_attrib_be",
                folder.to_str().unwrap(),
            ],
        );
        let words: Vec<u8> = (0..3_000_000u32)
            .flat_map(|number| (number / 50).to_string().into_bytes())
            .collect();
        fs::write(folder.join("words"), &words[..4_000_000]).unwrap();
        let sparse = fs::File::create(mount.path().join("sparse")).unwrap();
        sparse.write_all_at(&[7; 5000], 30_000_000).unwrap();
        sparse.write_all_at(&[8; 5000], 3_000_000).unwrap();
        drop(sparse);
        run(
            "cp",
            &[
                "-r",
                &format!("{}/.", mount.path().display()),
                tree.to_str().unwrap(),
            ],
        );
    }
    // The tool of its makers sees them compressed, in holes and pieces.
    let told = run(
        "ntfsinfo",
        &["-f", "-F", "pressed/words", image.to_str().unwrap()],
    );
    assert!(told.contains("COMPRESSED"), "{told}");
    prove("compressed and sparse", &image, scratch.path(), &tree);
    let mut ours = hash_by_tree(&image);
    // The system's own files stand beside those that a mount shows.
    ours.retain(|path, _| !path.starts_with("$Extend") && !path.to_string_lossy().starts_with('$'));
    assert_eq!(ours, hash_tree(&tree), "as this program reads them");
}
