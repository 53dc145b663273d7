//! btrfs against its own tools and the kernel.

use crate::{
    ext::age,
    harness::{
        Mount, Numbers, extents_of, full_matrix, hash_by_tree, hash_tree, make_image, make_tree, map_image,
        raw_reason, restore_by_map, run, try_run,
    },
    xfs::shatter,
};
use imager::filesystem::{Kind, Ranges};
use std::{collections::HashSet, fs, ops::Range, os::unix::fs::FileExt, path::Path};

/// What mkfs.btrfs is told.
struct Case {
    name: &'static str,
    options: &'static [&'static str],
    /// How it is mounted.
    mount: &'static str,
    /// Only in the big matrix.
    rare: bool,
}

const fn rare(name: &'static str, options: &'static [&'static str], mount: &'static str) -> Case {
    Case {
        name,
        options,
        mount,
        rare: true,
    }
}

const CASES: &[Case] = &[
    Case {
        rare: false,
        ..rare("as usual", &[], "rw")
    },
    Case {
        rare: false,
        ..rare("mixed, 4 KiB nodes", &["-M", "-n", "4096"], "rw,compress=zstd")
    },
    rare("single metadata", &["-m", "single"], "rw"),
    rare("everything twice", &["-M", "-m", "dup", "-d", "dup"], "rw"),
    rare("4 KiB nodes", &["-n", "4096"], "rw"),
    rare("64 KiB nodes", &["-n", "65536"], "rw,compress-force=lzo"),
    rare("xxHash", &["--csum", "xxhash"], "rw"),
    rare(
        "old",
        &[
            "-O",
            "^no-holes,^skinny-metadata,^extref",
            "-R",
            "^free-space-tree",
        ],
        "rw",
    ),
    rare("old cache", &["-R", "^free-space-tree"], "rw,space_cache=v1"),
    rare("quota", &["-R", "quota"], "rw"),
    rare("nodatacow", &[], "rw,nodatacow"),
];

const LENGTH: u64 = (180 << 20) + 5 * 512;

/// A UUID that no other filesystem has: the tools refuse one that they have seen.
fn uuid_of_its_own() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap();
    text.trim().to_owned()
}

/// Makes an empty filesystem; returns its UUID.
fn make(image: &Path, options: &[&str]) -> String {
    let uuid = uuid_of_its_own();
    let _ = fs::remove_file(image);
    make_image(image, LENGTH);
    let mut arguments = vec!["-q", "-f", "-L", "a label", "-U", &uuid];
    arguments.extend_from_slice(options);
    arguments.push(image.to_str().unwrap());
    run("mkfs.btrfs", &arguments);
    uuid
}

/// What the filesystem's own dump of its trees says is used: extents through every stripe, system chunks whole.
fn used_by_dump(image: &Path) -> Ranges {
    let dump = |tree: &str| {
        run(
            "btrfs",
            &[
                "inspect-internal",
                "dump-tree",
                "-t",
                tree,
                image.to_str().unwrap(),
            ],
        )
    };
    let number = |text: &str, word: &str| -> Option<u64> {
        let rest = text.split(word).nth(1)?;
        rest.trim_start_matches(['(', ' '])
            .split([' ', ')', '\n'])
            .next()?
            .parse()
            .ok()
    };
    // (logical, length, system, places)
    let mut chunks: Vec<(u64, u64, bool, Vec<u64>)> = Vec::new();
    for part in dump("chunk")
        .split("\titem ")
        .filter(|part| part.contains("CHUNK_ITEM"))
    {
        let places = part
            .split("\tstripe ")
            .skip(1)
            .map(|stripe| number(stripe, "offset ").unwrap())
            .collect();
        chunks.push((
            number(part, "CHUNK_ITEM ").unwrap(),
            number(part, "length ").unwrap(),
            part.contains("type SYSTEM"),
            places,
        ));
    }
    let node_bytes = number(
        &run(
            "btrfs",
            &["inspect-internal", "dump-super", image.to_str().unwrap()],
        ),
        "nodesize\t\t",
    )
    .unwrap();
    let mut used = Vec::new();
    let mut push = |range: Range<u64>| {
        let (logical, _, _, places) = chunks
            .iter()
            .find(|chunk| chunk.0 <= range.start && range.end <= chunk.0 + chunk.1)
            .unwrap();
        for place in places {
            used.push(place + range.start - logical..place + range.end - logical);
        }
    };
    for line in dump("extent").lines() {
        let key = line.split("key (").nth(1).unwrap_or_default();
        let Some(start) = key.split(' ').next().and_then(|word| word.parse::<u64>().ok()) else {
            continue;
        };
        if let Some(length) = number(key, "EXTENT_ITEM ") {
            push(start..start + length);
        } else if key.contains("METADATA_ITEM") {
            push(start..start + node_bytes);
        }
    }
    for (logical, length, ..) in chunks.iter().filter(|chunk| chunk.2) {
        push(*logical..logical + length);
    }
    for copy in [64 << 10, 64 << 20] {
        used.push(copy..copy + 4096);
    }
    Ranges::from_unsorted(used)
}

/// Compares with the tools' dump, restores by the map alone, checks and compares what comes back.
fn prove(name: &str, uuid: &str, image: &Path, scratch: &Path, expected: Option<&Path>) -> u64 {
    let (mapping, mapped) = map_image(image);
    assert_eq!(mapping.kind, Kind::Btrfs, "{name}");
    assert_eq!(mapping.label.as_deref(), Some("a label"), "{name}");
    assert_eq!(mapping.uuid.as_deref(), Some(uuid), "{name}");
    assert!(mapping.notes.is_empty(), "{name}: {:?}", mapping.notes);
    let theirs = used_by_dump(image);
    let lost = theirs.difference(&mapped.used);
    assert!(lost.is_empty(), "{name}: by the tools these are used: {lost:?}");
    let extra = mapped.used.difference(&theirs).total_bytes();
    // The first MiB, and what is behind the last sector.
    assert!(
        extra <= (1 << 20) + 4096,
        "{name}: {extra} bytes are kept in excess"
    );

    let copy = scratch.join("copy.img");
    restore_by_map(image, &mapped, &copy);
    run("btrfs", &["check", "--check-data-csum", copy.to_str().unwrap()]);
    if let Some(expected) = expected {
        let mount = Mount::new(&copy, &scratch.join("mounted"), "ro");
        assert_eq!(hash_tree(mount.path()), hash_tree(expected), "{name}");
        drop(mount);
        assert_eq!(
            hash_by_tree(&copy),
            hash_tree(expected),
            "{name}: as this program reads it"
        );
        let extents = extents_of(image, &mapped);
        let known: HashSet<u64> = extents.iter().map(|extent| extent.file).collect();
        // Small files are kept among the metadata.
        let large = hash_tree(expected)
            .keys()
            .filter(|path| {
                path.starts_with("folder-0") && fs::metadata(expected.join(path)).unwrap().len() > 5000
            })
            .count();
        assert!(
            known.len() >= large,
            "{name}: hints of {} files of {large}",
            known.len()
        );
    }
    extra
}

fn prove_case(case: &Case, tree: &Path) -> Vec<u64> {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.img");
    let folder = scratch.path().join("mounted");
    let uuid = make(&image, case.options);
    let mut extra = vec![prove(
        &format!("{} (empty)", case.name),
        &uuid,
        &image,
        scratch.path(),
        None,
    )];
    for (turn, age_name) in ["filled", "aged"].into_iter().enumerate() {
        let now = scratch.path().join(age_name);
        {
            let mount = Mount::new(&image, &folder, case.mount);
            let inside = |name: &str| mount.path().join(name).to_str().unwrap().to_owned();
            if turn == 0 {
                run(
                    "cp",
                    &["-a", &format!("{}/.", tree.display()), folder.to_str().unwrap()],
                );
            } else {
                run("btrfs", &["subvolume", "create", &inside("subvolume")]);
                run("cp", &["-a", &inside("folder-1"), &inside("subvolume")]);
                run(
                    "btrfs",
                    &["subvolume", "snapshot", &inside("subvolume"), &inside("before")],
                );
                age(mount.path());
                let whole = inside("whole");
                run(
                    "btrfs",
                    &["subvolume", "snapshot", "-r", folder.to_str().unwrap(), &whole],
                );
                shatter(&mount.path().join("subvolume"));
                run(
                    "cp",
                    &["--reflink=auto", &inside("sparse"), &inside("sparse-again")],
                );
                run("btrfs", &["filesystem", "sync", folder.to_str().unwrap()]);
            }
            run("cp", &["-a", folder.to_str().unwrap(), now.to_str().unwrap()]);
        }
        let name = format!("{} ({age_name})", case.name);
        extra.push(prove(&name, &uuid, &image, scratch.path(), Some(&now)));
    }
    extra
}

#[test]
fn nothing_that_the_tools_call_used_is_left_out_and_every_file_comes_back() {
    let scratch = tempfile::tempdir().unwrap();
    make_tree(scratch.path(), 6 << 20, 42);
    let (mut checked, mut failed) = (0, Vec::new());
    for case in CASES.iter().filter(|case| full_matrix() || !case.rare) {
        match std::panic::catch_unwind(|| prove_case(case, scratch.path())) {
            Ok(extra) => {
                println!(
                    "btrfs {}: bytes kept beyond the tools' dump: {extra:?}",
                    case.name
                );
                checked += extra.len();
            }
            Err(_) => failed.push(case.name),
        }
    }
    println!("{checked} filesystems");
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn files_packed_in_each_of_the_three_ways_are_read() {
    let scratch = tempfile::tempdir().unwrap();
    let (image, folder) = (scratch.path().join("image.img"), scratch.path().join("mounted"));
    let now = scratch.path().join("now");
    make(&image, &[]);
    let words: Vec<u8> = (0..90_000u32)
        .flat_map(|number| (number / 3).to_string().into_bytes())
        .collect();
    for way in ["zlib", "lzo", "zstd"] {
        let mount = Mount::new(&image, &folder, &format!("rw,compress-force={way}"));
        let own = mount.path().join(way);
        fs::create_dir(&own).unwrap();
        // In the tree, in one sector, in several; none ends at a border.
        for length in [1, 100, 1900, 4095, 5000, 131_072, 131_073, 400_003] {
            fs::write(own.join(length.to_string()), &words[..length]).unwrap();
        }
        // Bytes that do not pack beside zeros that vanish, and a part written over.
        let mut mixed = Numbers(6).bytes(300_000);
        mixed[100_000..220_000].fill(0);
        fs::write(own.join("mixed"), &mixed).unwrap();
        run("sync", &["-f", folder.to_str().unwrap()]);
        let file = fs::OpenOptions::new()
            .write(true)
            .open(own.join("400003"))
            .unwrap();
        file.write_all_at(&words[7..70_000], 150_001).unwrap();
    }
    {
        let mount = Mount::new(&image, &folder, "ro");
        run(
            "cp",
            &["-a", mount.path().to_str().unwrap(), now.to_str().unwrap()],
        );
    }
    let told = run(
        "btrfs",
        &[
            "inspect-internal",
            "dump-tree",
            "-t",
            "fs",
            image.to_str().unwrap(),
        ],
    );
    for way in ["compression 1 ", "compression 2 ", "compression 3 "] {
        assert!(told.contains(way), "nothing has {way}");
    }
    assert_eq!(hash_by_tree(&image), hash_tree(&now));
}

#[test]
fn what_was_synced_before_the_power_went_comes_back() {
    let scratch = tempfile::tempdir().unwrap();
    let (image, folder) = (scratch.path().join("image.img"), scratch.path().join("mounted"));
    let (cut_off, copy) = (
        scratch.path().join("cut-off.img"),
        scratch.path().join("copy.img"),
    );
    make(&image, &[]);
    {
        let mount = Mount::new(&image, &folder, "rw,commit=300");
        let tree = mount.path().join("tree");
        make_tree(&tree, 4 << 20, 5);
        run("btrfs", &["filesystem", "sync", folder.to_str().unwrap()]);
        for index in 0..20usize {
            let path = mount.path().join(format!("synced-{index}"));
            fs::write(&path, vec![index as u8 + 1; 100_000]).unwrap();
            fs::File::open(&path).unwrap().sync_all().unwrap();
        }
        run(
            "cp",
            &[
                "--sparse=always",
                image.to_str().unwrap(),
                cut_off.to_str().unwrap(),
            ],
        );
    }
    let (mapping, mapped) = map_image(&cut_off);
    assert!(mapping.notes[0].contains("log"), "{:?}", mapping.notes);
    restore_by_map(&cut_off, &mapped, &copy);
    let mount = Mount::new(&copy, &folder, "rw");
    for index in 0..20usize {
        let bytes = fs::read(mount.path().join(format!("synced-{index}"))).unwrap();
        assert!(bytes.len() == 100_000 && bytes.iter().all(|byte| *byte == index as u8 + 1));
    }
    drop(mount);
    run("btrfs", &["check", "--check-data-csum", copy.to_str().unwrap()]);
}

#[test]
fn several_devices_and_damaged_nodes_make_it_raw() {
    let scratch = tempfile::tempdir().unwrap();
    let (image, other) = (scratch.path().join("image.img"), scratch.path().join("other.img"));
    make_image(&image, 128 << 20);
    make_image(&other, 128 << 20);
    for profile in ["raid0", "raid1"] {
        let arguments = ["-q", "-f", "-d", profile, "-m", profile];
        let images = [image.to_str().unwrap(), other.to_str().unwrap()];
        run("mkfs.btrfs", &[arguments.as_slice(), images.as_slice()].concat());
        assert!(raw_reason(&image).contains("2 devices"));
        assert!(raw_reason(&other).contains("2 devices"));
    }
    make(&image, &["--csum", "sha256"]);
    assert!(raw_reason(&image).contains("SHA-256"));

    make(&image, &[]);
    let whole = fs::read(&image).unwrap();
    let (_, before) = map_image(&image);
    let text = run(
        "btrfs",
        &["inspect-internal", "dump-super", image.to_str().unwrap()],
    );
    let root: u64 = text
        .lines()
        .find_map(|line| line.strip_prefix("root\t"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let places: Vec<usize> = whole
        .chunks_exact(4096)
        .enumerate()
        .filter(|(_, block)| block[48..56] == root.to_le_bytes() && block[96..101] != [0; 5])
        .map(|(index, _)| index * 4096)
        .collect();
    assert_eq!(places.len(), 2, "the root is kept twice");
    // One copy is enough; without both nothing is known.
    let mut bytes = whole.clone();
    bytes[places[0] + 200] ^= 1;
    fs::write(&image, &bytes).unwrap();
    assert_eq!(map_image(&image).1.used, before.used);
    bytes[places[1] + 200] ^= 1;
    fs::write(&image, &bytes).unwrap();
    assert!(raw_reason(&image).contains("damaged"));
    assert_ne!(try_run("btrfs", &["check", image.to_str().unwrap()]).0, 0);
}
