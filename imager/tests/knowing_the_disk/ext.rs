//! ext2, ext3 and ext4 against dumpe2fs, e2fsck and the kernel.

use crate::harness::{
    Mount, Numbers, Pattern, extents_of, full_matrix, hash_tree, make_image, make_pattern, make_tree,
    map_image, restore_by_map, run, try_run,
};
use imager::filesystem::Ranges;
use std::{fs, path::Path};

/// What mke2fs is told, and whether this kernel mounts the result.
struct Case {
    name: &'static str,
    options: &'static [&'static str],
    megabytes: u64,
    mountable: bool,
    /// Only in the big matrix.
    rare: bool,
}

const fn case(name: &'static str, options: &'static [&'static str]) -> Case {
    Case {
        name,
        options,
        megabytes: 48,
        mountable: true,
        rare: false,
    }
}

const fn rare(name: &'static str, options: &'static [&'static str]) -> Case {
    Case {
        name,
        options,
        megabytes: 48,
        mountable: true,
        rare: true,
    }
}

const CASES: &[Case] = &[
    case("ext4 as usual", &["-t", "ext4"]),
    case("ext2 1 KiB", &["-t", "ext2", "-b", "1024"]),
    case("ext3", &["-t", "ext3", "-b", "4096"]),
    case("ext4 1 KiB", &["-t", "ext4", "-b", "1024"]),
    case(
        "ext4 crc16 descriptors",
        &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,uninit_bg"],
    ),
    case(
        "ext4 meta_bg",
        &[
            "-t",
            "ext4",
            "-b",
            "1024",
            "-O",
            "meta_bg,^resize_inode",
            "-g",
            "512",
        ],
    ),
    case(
        "ext4 bigalloc",
        &[
            "-t", "ext4", "-b", "4096", "-O", "bigalloc", "-C", "65536", "-g", "2048",
        ],
    ),
    case(
        "ext4 sparse_super2",
        &["-t", "ext4", "-b", "1024", "-O", "sparse_super2"],
    ),
    Case {
        mountable: false,
        ..case("ext4 64 KiB", &["-t", "ext4", "-b", "65536"])
    },
    rare(
        "ext2 4 KiB rev 0",
        &["-t", "ext2", "-b", "4096", "-r", "0", "-O", "none"],
    ),
    rare("ext3 1 KiB", &["-t", "ext3", "-b", "1024"]),
    rare("ext4 2 KiB", &["-t", "ext4", "-b", "2048"]),
    rare(
        "ext4 no checksums",
        &["-t", "ext4", "-O", "^metadata_csum,^uninit_bg"],
    ),
    rare("ext4 32 bit", &["-t", "ext4", "-b", "1024", "-O", "^64bit"]),
    rare(
        "ext4 32 bit no checksums",
        &["-t", "ext4", "-O", "^64bit,^metadata_csum"],
    ),
    rare("ext4 no flex_bg", &["-t", "ext4", "-b", "1024", "-O", "^flex_bg"]),
    rare(
        "ext4 no flex_bg, lazy",
        &[
            "-t",
            "ext4",
            "-b",
            "1024",
            "-O",
            "^flex_bg",
            "-E",
            "lazy_itable_init=1",
        ],
    ),
    rare("ext4 big flex groups", &["-t", "ext4", "-b", "1024", "-G", "64"]),
    rare("ext4 small groups", &["-t", "ext4", "-b", "4096", "-g", "256"]),
    rare("ext4 no journal", &["-t", "ext4", "-O", "^has_journal"]),
    rare(
        "ext4 inline data",
        &["-t", "ext4", "-O", "inline_data", "-I", "512"],
    ),
    rare("ext4 fast commit", &["-t", "ext4", "-O", "fast_commit"]),
    rare("ext4 orphan file", &["-t", "ext4", "-O", "orphan_file"]),
    // This kernel mounts it for reading only.
    Case {
        mountable: false,
        ..rare("ext4 quota and project", &["-t", "ext4", "-O", "quota,project"])
    },
    rare("ext4 mmp", &["-t", "ext4", "-O", "mmp"]),
    rare(
        "ext4 seed",
        &[
            "-t",
            "ext4",
            "-O",
            "metadata_csum_seed,ea_inode,large_dir,encrypt,verity",
        ],
    ),
    rare(
        "ext4 no sparse_super",
        &["-t", "ext4", "-b", "1024", "-O", "^sparse_super,^resize_inode"],
    ),
    rare(
        "ext4 one backup",
        &[
            "-t",
            "ext4",
            "-b",
            "1024",
            "-O",
            "sparse_super2",
            "-E",
            "num_backup_sb=1",
        ],
    ),
    Case {
        megabytes: 200,
        ..rare(
            "ext4 meta_bg 4 KiB small groups",
            &["-t", "ext4", "-O", "meta_bg,^resize_inode", "-g", "256"],
        )
    },
    rare(
        "ext4 meta_bg no flex_bg",
        &[
            "-t",
            "ext4",
            "-b",
            "1024",
            "-O",
            "meta_bg,^resize_inode,^flex_bg",
            "-g",
            "512",
        ],
    ),
    rare(
        "ext4 meta_bg sparse_super2",
        &[
            "-t",
            "ext4",
            "-b",
            "1024",
            "-O",
            "meta_bg,^resize_inode,sparse_super2",
            "-g",
            "512",
        ],
    ),
    rare(
        "ext4 bigalloc 16 KiB",
        &["-t", "ext4", "-O", "bigalloc", "-C", "16384"],
    ),
    rare(
        "ext4 bigalloc 1 KiB",
        &[
            "-t", "ext4", "-b", "1024", "-O", "bigalloc", "-C", "16384", "-g", "2048",
        ],
    ),
    rare(
        "ext4 bigalloc no flex_bg",
        &[
            "-t",
            "ext4",
            "-O",
            "bigalloc,^flex_bg",
            "-C",
            "32768",
            "-g",
            "4096",
        ],
    ),
    rare(
        "ext4 bigalloc no checksums",
        &[
            "-t",
            "ext4",
            "-O",
            "bigalloc,^metadata_csum,^uninit_bg",
            "-C",
            "32768",
        ],
    ),
    rare(
        "ext4 bigalloc meta_bg",
        &[
            "-t",
            "ext4",
            "-b",
            "1024",
            "-O",
            "bigalloc,meta_bg,^resize_inode",
            "-C",
            "8192",
            "-g",
            "256",
        ],
    ),
    rare(
        "ext4 packed metadata",
        &["-t", "ext4", "-b", "1024", "-E", "packed_meta_blocks=1"],
    ),
    rare("ext4 many inodes", &["-t", "ext4", "-i", "1024"]),
    rare("ext4 big inodes", &["-t", "ext4", "-I", "1024"]),
    Case {
        mountable: false,
        ..rare("ext4 16 KiB", &["-t", "ext4", "-b", "16384"])
    },
    Case {
        mountable: false,
        ..rare(
            "ext4 64 KiB bigalloc",
            &["-t", "ext4", "-b", "65536", "-O", "bigalloc", "-C", "262144"],
        )
    },
    Case {
        megabytes: 700,
        ..rare("ext4 several groups", &["-t", "ext4"])
    },
    Case {
        megabytes: 700,
        ..rare(
            "ext4 bigalloc several groups",
            &["-t", "ext4", "-O", "bigalloc", "-g", "4096"],
        )
    },
    Case {
        megabytes: 9000,
        ..rare("ext4 large and empty", &["-t", "ext4"])
    },
];

/// Makes an image with a tree in it.
pub fn make_filesystem(image: &Path, options: &[&str], length_bytes: u64, tree: Option<&Path>) {
    make_image(image, length_bytes);
    let mut arguments = vec![
        "-q",
        "-F",
        "-U",
        "7d7f9a5c-0a5e-4a38-9b3c-0f2d9f1b7a11",
        "-L",
        "a label",
    ];
    arguments.extend_from_slice(options);
    if !options.contains(&"-b") {
        // Left to itself, mke2fs takes 1 KiB for images as small as these.
        arguments.extend_from_slice(&["-b", "4096"]);
    }
    if let Some(tree) = tree {
        arguments.extend_from_slice(&["-d", tree.to_str().unwrap()]);
    }
    arguments.push(image.to_str().unwrap());
    run("mke2fs", &arguments);
}

/// What dumpe2fs says is used, in bytes.
pub fn used_by_dumpe2fs(image: &Path, length_bytes: u64) -> Ranges {
    let text = run("dumpe2fs", &[image.to_str().unwrap()]);
    let header = |name: &str| -> Option<u64> {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split(':').nth(1)?.trim().parse().ok()
    };
    let block_bytes = header("Block size:").unwrap();
    let cluster_bytes = header("Cluster size:").unwrap_or(block_bytes);
    let block_count = header("Block count:").unwrap();
    let mut free = Vec::new();
    for line in text
        .lines()
        .filter_map(|line| line.strip_prefix("  Free blocks: "))
    {
        for part in line.split(", ").filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
            let end = (last * block_bytes + cluster_bytes).min(block_count * block_bytes);
            free.push(first * block_bytes..end);
        }
    }
    Ranges::from_one(0..length_bytes).difference(&Ranges::from_unsorted(free))
}

/// Makes holes: deletes, rewrites and appends in turn.
pub fn age(root: &Path) {
    let mut numbers = Numbers(77);
    for round in 0..3 {
        for (index, path) in hash_tree(root).keys().enumerate() {
            let path = root.join(path);
            match (index + round) % 4 {
                0 => fs::remove_file(path).unwrap(),
                1 => {
                    use std::io::Write;
                    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
                    let length = usize::try_from(numbers.below(40_000)).unwrap();
                    file.write_all(&numbers.bytes(length)).unwrap();
                }
                2 => {
                    let length = usize::try_from(numbers.below(9_000)).unwrap();
                    fs::write(path.with_extension("new"), numbers.bytes(length)).unwrap();
                }
                _ => {}
            }
        }
        run("sync", &["-f", root.to_str().unwrap()]);
    }
    let sparse = fs::File::create(root.join("sparse")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, &numbers.bytes(5000), 3_000_000).unwrap();
    // ext2 and ext3 cannot.
    let _ = try_run(
        "fallocate",
        &["-l", "2500000", root.join("unwritten").to_str().unwrap()],
    );
}

/// Compares with dumpe2fs, restores by the map alone, checks and compares what comes back. Returns the bytes kept in excess.
fn prove(case: &Case, age_name: &str, image: &Path, scratch: &Path, expected: Option<&Path>) -> u64 {
    let name = format!("{} ({age_name})", case.name);
    let (mapping, mapped) = map_image(image);
    let length = fs::metadata(image).unwrap().len();
    assert_eq!(mapping.label.as_deref(), Some("a label"), "{name}");
    assert_eq!(
        mapping.uuid.as_deref(),
        Some("7d7f9a5c-0a5e-4a38-9b3c-0f2d9f1b7a11"),
        "{name}"
    );
    assert!(mapping.notes.is_empty(), "{name}: {:?}", mapping.notes);
    let theirs = used_by_dumpe2fs(image, length);
    let lost = theirs.difference(&mapped.used.union(&mapped.zeroed));
    assert!(
        lost.is_empty(),
        "{name}: dumpe2fs says these are used: {:?}",
        &lost.as_slice()[..lost.as_slice().len().min(5)]
    );
    let extra = mapped
        .used
        .union(&mapped.zeroed)
        .difference(&theirs)
        .total_bytes();

    let copy = scratch.join("copy.img");
    restore_by_map(image, &mapped, &copy);
    let (code, out, error) = try_run("e2fsck", &["-fn", copy.to_str().unwrap()]);
    // What e2fsck has against the original (mke2fs -d leaves quotas uncounted) it may have against the copy.
    let allowed = if code == 0 {
        0
    } else {
        try_run("e2fsck", &["-fn", image.to_str().unwrap()]).0
    };
    assert_eq!(code, allowed, "{name}: {out}{error}");
    if let Some(expected) = expected {
        let came_back = scratch.join("came-back");
        if case.mountable {
            let mount = Mount::new(&copy, &scratch.join("mounted"), "ro");
            assert_eq!(hash_tree(mount.path()), hash_tree(expected), "{name}");
        } else {
            fs::create_dir_all(&came_back).unwrap();
            let command = format!("rdump / {}", came_back.display());
            run("debugfs", &["-R", &command, copy.to_str().unwrap()]);
            assert_eq!(hash_tree(&came_back), hash_tree(expected), "{name}");
            fs::remove_dir_all(&came_back).unwrap();
        }
        // The smallest may have no block of their own.
        let files = hash_tree(expected)
            .keys()
            .filter(|path| fs::metadata(expected.join(path)).unwrap().len() > 400)
            .count();
        let extents = extents_of(image, &mapped);
        let mut known: Vec<u64> = extents.iter().map(|extent| extent.file).collect();
        known.dedup();
        assert!(
            known.len() * 10 >= files * 5,
            "{name}: hints of {} files of {files}",
            known.len()
        );
    }
    extra
}

/// All ages of one case; returns the bytes kept in excess of dumpe2fs's.
fn prove_case(case: &Case, tree: &Path) -> Vec<u64> {
    // Not a whole number of groups, nor of blocks.
    let length = (case.megabytes << 20) + 5 * 1024;
    let mut extra = prove_length(case, tree, length);
    if full_matrix() && case.megabytes < 100 {
        extra.extend(prove_length(case, tree, 3 * length - 3 * 1024));
    }
    extra
}

fn prove_length(case: &Case, tree: &Path, length: u64) -> Vec<u64> {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.img");
    make_filesystem(&image, case.options, length, None);
    let mut extra = vec![prove(case, "empty", &image, scratch.path(), None)];
    let patterns = [Pattern::Tiny, Pattern::Large, Pattern::Holes];
    // Hundreds of files that take 256 KiB each do not fit.
    let takes_much = case.options.contains(&"262144");
    for pattern in patterns.into_iter().filter(|_| full_matrix()) {
        if takes_much && matches!(pattern, Pattern::Tiny) {
            continue;
        }
        let filling = scratch.path().join("filling");
        fs::create_dir(&filling).unwrap();
        make_pattern(&filling, pattern);
        make_filesystem(&image, case.options, length, Some(&filling));
        let name = format!("{pattern:?}, {length} bytes");
        extra.push(prove(case, &name, &image, scratch.path(), Some(&filling)));
        fs::remove_dir_all(&filling).unwrap();
    }
    make_filesystem(&image, case.options, length, Some(tree));
    extra.push(prove(case, "filled", &image, scratch.path(), Some(tree)));
    if case.mountable {
        let aged = scratch.path().join("aged");
        {
            let mount = Mount::new(&image, &scratch.path().join("mounted"), "rw");
            age(mount.path());
            run(
                "cp",
                &["-a", mount.path().to_str().unwrap(), aged.to_str().unwrap()],
            );
        }
        extra.push(prove(case, "aged", &image, scratch.path(), Some(&aged)));
    }
    extra
}

#[test]
fn nothing_that_dumpe2fs_calls_used_is_left_out_and_every_file_comes_back() {
    let scratch = tempfile::tempdir().unwrap();
    make_tree(scratch.path(), 6 << 20, 42);
    let (mut checked, mut failed) = (0, Vec::new());
    for case in CASES.iter().filter(|case| full_matrix() || !case.rare) {
        match std::panic::catch_unwind(|| prove_case(case, scratch.path())) {
            Ok(extra) => {
                println!("{}: bytes kept beyond dumpe2fs's: {extra:?}", case.name);
                checked += extra.len();
                if extra.iter().any(|extra| *extra != 0) {
                    failed.push(case.name);
                }
            }
            Err(_) => failed.push(case.name),
        }
    }
    println!("{checked} filesystems");
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn a_bitmap_with_a_wrong_checksum_leaves_its_group_used() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.img");
    make_filesystem(&image, &["-t", "ext4", "-b", "1024"], 32 << 20, None);
    let (_, before) = map_image(&image);
    let text = run("dumpe2fs", &[image.to_str().unwrap()]);
    let line = text
        .lines()
        .find(|line| line.contains("Block bitmap at"))
        .unwrap();
    let block: u64 = line
        .split("Block bitmap at ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let file = fs::OpenOptions::new().write(true).open(&image).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0; 16], block * 1024).unwrap();
    let (mapping, after) = map_image(&image);
    assert!(
        mapping.notes.iter().any(|note| note.contains("contradict")),
        "{:?}",
        mapping.notes
    );
    let lost = before.used.difference(&after.used.union(&after.zeroed));
    assert!(lost.is_empty(), "{lost:?}");
    assert!(
        after.used.union(&after.zeroed).contains(&(1024..8193 * 1024)),
        "group 0 is all used"
    );
}
