//! XFS against xfs_db, xfs_repair and the kernel.

use crate::{
    ext::age,
    harness::{
        Mount, extents_of, full_matrix, hash_by_tree, hash_tree, make_image, make_tree, map_image,
        raw_reason, restore_by_map, run, try_run,
    },
};
use imager::filesystem::{FileExtent, Kind, Ranges};
use std::{
    collections::{BTreeMap, HashSet},
    fs,
    os::unix::fs::FileExt,
    path::Path,
};

/// What mkfs.xfs is told.
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
        rare: true,
        ..case(name, options)
    }
}

const CASES: &[Case] = &[
    case("as usual", &[]),
    // Today's kernels are built without version 4.
    Case {
        mountable: false,
        ..case("version 4", &["-m", "crc=0"])
    },
    Case {
        megabytes: 100,
        ..case(
            "1 KiB blocks, five groups",
            &["-b", "size=1024", "-d", "agcount=5"],
        )
    },
    case("rmapbt, reflink", &["-m", "rmapbt=1,reflink=1"]),
    Case {
        mountable: false,
        ..rare(
            "version 4, old",
            &[
                "-m",
                "crc=0,finobt=0",
                "-l",
                "version=1,lazy-count=0",
                "-i",
                "attr=1",
                "-n",
                "ftype=0",
            ],
        )
    },
    Case {
        mountable: false,
        ..rare("version 4, 512 byte blocks", &["-m", "crc=0", "-b", "size=512"])
    },
    rare("2 KiB blocks", &["-b", "size=2048", "-i", "size=1024"]),
    rare("4 KiB sectors", &["-s", "size=4096"]),
    rare("log in stripes", &["-l", "su=32768"]),
    rare("log in long stripes", &["-l", "su=262144"]),
    rare("striped", &["-d", "su=65536,sw=2"]),
    rare("no sparse inodes", &["-i", "sparse=0"]),
    rare(
        "no finobt",
        &["-m", "finobt=0,rmapbt=0,reflink=0,inobtcount=0,bigtime=0"],
    ),
    rare("many extents", &["-i", "nrext64=1"]),
    rare("large directory blocks", &["-n", "size=16384"]),
    rare("large inodes", &["-i", "size=2048"]),
    // Nor with names of ASCII that ignore case.
    Case {
        mountable: false,
        ..rare("case insensitive", &["-n", "version=ci"])
    },
    Case {
        megabytes: 400,
        ..rare("supported size", &[])
    },
    Case {
        megabytes: 600,
        ..rare("many groups", &["-d", "agcount=33"])
    },
];

const UUID: &str = "0a2b4c6d-1e3f-4a5b-8c7d-9e0f1a2b3c4d";

/// Makes an empty filesystem.
fn make(image: &Path, options: &[&str], length_bytes: u64) {
    let _ = fs::remove_file(image);
    make_image(image, length_bytes);
    let uuid = format!("uuid={UUID}");
    let mut arguments = vec!["--unsupported", "-q", "-f", "-L", "a label", "-m", &uuid];
    arguments.extend_from_slice(options);
    arguments.push(image.to_str().unwrap());
    run("mkfs.xfs", &arguments);
}

fn number(image: &Path, what: &str, field: &str) -> u64 {
    let command = format!("print {field}");
    let text = run(
        "xfs_db",
        &["-r", "-c", what, "-c", &command, image.to_str().unwrap()],
    );
    text.split('=').nth(1).unwrap().trim().parse().unwrap()
}

/// What xfs_db says is used, and how many bytes it calls free that are only set aside for the trees.
fn used_by_xfs_db(image: &Path, length_bytes: u64) -> (Ranges, u64) {
    let block_bytes = number(image, "sb 0", "blocksize");
    let group_bytes = number(image, "sb 0", "agblocks") * block_bytes;
    let text = run("xfs_db", &["-r", "-c", "freesp -d", image.to_str().unwrap()]);
    let mut free = Vec::new();
    for line in text.lines().skip(1).take_while(|line| !line.contains("from")) {
        let numbers: Vec<u64> = line
            .split_whitespace()
            .map(|word| word.parse().unwrap())
            .collect();
        let start = numbers[0] * group_bytes + numbers[1] * block_bytes;
        free.push(start..start + numbers[2] * block_bytes);
    }
    let set_aside: u64 = (0..number(image, "sb 0", "agcount"))
        .map(|group| number(image, &format!("agf {group}"), "flcount"))
        .sum();
    let used = Ranges::from_one(0..length_bytes).difference(&Ranges::from_unsorted(free));
    (used, set_aside * block_bytes)
}

/// Compares with xfs_db, restores by the map alone, checks and compares what comes back. Returns the bytes kept in excess.
fn prove(case: &Case, age_name: &str, image: &Path, scratch: &Path, expected: Option<&Path>) -> u64 {
    let name = format!("{} ({age_name})", case.name);
    let (mapping, mapped) = map_image(image);
    assert_eq!(mapping.kind, Kind::Xfs, "{name}");
    assert_eq!(mapping.label.as_deref(), Some("a label"), "{name}");
    assert_eq!(mapping.uuid.as_deref(), Some(UUID), "{name}");
    assert!(mapping.notes.is_empty(), "{name}: {:?}", mapping.notes);
    let length = fs::metadata(image).unwrap().len();
    let (theirs, set_aside) = used_by_xfs_db(image, length);
    let lost = theirs.difference(&mapped.used);
    assert!(lost.is_empty(), "{name}: xfs_db says these are used: {lost:?}");
    let extra = mapped.used.difference(&theirs).total_bytes();
    assert_eq!(
        extra, set_aside,
        "{name}: only what is set aside for the trees is kept beyond"
    );

    let copy = scratch.join("copy.img");
    restore_by_map(image, &mapped, &copy);
    run("xfs_repair", &["-n", "-f", copy.to_str().unwrap()]);
    let Some(expected) = expected else {
        return extra;
    };
    if case.mountable {
        let mount = Mount::new(&copy, &scratch.join("mounted"), "ro,nouuid");
        assert_eq!(hash_tree(mount.path()), hash_tree(expected), "{name}");
    }
    assert_eq!(
        hash_by_tree(&copy),
        hash_tree(expected),
        "{name}: as this program reads it"
    );
    let known = files_by_hints(&copy, &extents_of(image, &mapped));
    for path in hash_tree(expected).keys() {
        let mut bytes = fs::read(expected.join(path)).unwrap();
        // What has a hole at its end, or was never written, is shorter on the disk.
        if bytes.is_empty()
            || path.ends_with("sparse")
            || path.ends_with("unwritten")
            || path.ends_with("shattered")
        {
            continue;
        }
        bytes.resize(bytes.len().next_multiple_of(65536), 0);
        assert!(
            known.contains(&blake3::hash(&bytes)),
            "{name}: hints of {}",
            path.display()
        );
    }
    extra
}

/// The contents of every file that is hinted at, padded with zeros to 64 KiB. Behind its end a file's last block is zeros.
fn files_by_hints(copy: &Path, extents: &[FileExtent]) -> HashSet<blake3::Hash> {
    let disk = fs::File::open(copy).unwrap();
    let mut files = BTreeMap::<u64, Vec<u8>>::new();
    for extent in extents {
        let file = files.entry(extent.file).or_default();
        let (start, length) = (
            usize::try_from(extent.logical_offset).unwrap(),
            usize::try_from(extent.length_bytes).unwrap(),
        );
        file.resize(file.len().max(start + length), 0);
        disk.read_exact_at(&mut file[start..start + length], extent.disk_offset)
            .unwrap();
    }
    files
        .into_values()
        .map(|mut bytes| {
            // Blocks may be set aside behind the end; they are not part of it.
            while bytes.len() > 65536 && bytes[bytes.len() - 65536..].iter().all(|byte| *byte == 0) {
                bytes.truncate(bytes.len() - 65536);
            }
            bytes.resize(bytes.len().next_multiple_of(65536), 0);
            blake3::hash(&bytes)
        })
        .collect()
}

/// A tree in the words of mkfs.xfs.
pub fn write_prototype(tree: &Path, prototype: &Path) {
    fn describe(folder: &Path, text: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                text.push_str(&format!("{name} d--755 0 0\n"));
                describe(&path, text);
                text.push_str("$\n");
            } else {
                text.push_str(&format!("{name} ---644 0 0 {}\n", path.display()));
            }
        }
    }
    let mut text = "/none\n0 0\nd--755 0 0\n".to_owned();
    describe(tree, &mut text);
    fs::write(prototype, text + "$\n").unwrap();
}

/// All ages of one case; returns the bytes kept in excess of xfs_db's.
fn prove_case(case: &Case, tree: &Path) -> Vec<u64> {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.img");
    let folder = scratch.path().join("mounted");
    // Not a whole number of groups, nor of blocks.
    make(&image, case.options, (case.megabytes << 20) + 5 * 512);
    let mut extra = vec![prove(case, "empty", &image, scratch.path(), None)];
    if !case.mountable {
        let prototype = scratch.path().join("prototype");
        write_prototype(tree, &prototype);
        let options = [case.options, &["-p", prototype.to_str().unwrap()]].concat();
        make(&image, &options, case.megabytes << 20);
        extra.push(prove(case, "filled", &image, scratch.path(), Some(tree)));
        return extra;
    }
    for (turn, age_name) in ["filled", "aged"].into_iter().enumerate() {
        let now = scratch.path().join(age_name);
        {
            let mount = Mount::new(&image, &folder, "rw,nouuid");
            if turn == 0 {
                run(
                    "cp",
                    &["-a", &format!("{}/.", tree.display()), folder.to_str().unwrap()],
                );
            } else {
                age(mount.path());
                shatter(mount.path());
            }
            run("cp", &["-a", folder.to_str().unwrap(), now.to_str().unwrap()]);
        }
        extra.push(prove(case, age_name, &image, scratch.path(), Some(&now)));
    }
    extra
}

/// Free space in many small pieces, and files that are: trees get levels.
pub fn shatter(root: &Path) {
    let file = fs::File::create(root.join("shattered")).unwrap();
    for index in 0..600u64 {
        file.write_all_at(&[7; 4096], index * 12_288).unwrap();
        if index % 100 == 99 {
            file.sync_all().unwrap();
        }
    }
    let many = root.join("many");
    fs::create_dir(&many).unwrap();
    for index in 0..700 {
        fs::write(many.join(index.to_string()), [index as u8; 4500]).unwrap();
    }
    run("sync", &["-f", root.to_str().unwrap()]);
    for index in (0..700).step_by(2) {
        fs::remove_file(many.join(index.to_string())).unwrap();
    }
}

#[test]
fn nothing_that_xfs_db_calls_used_is_left_out_and_every_file_comes_back() {
    let scratch = tempfile::tempdir().unwrap();
    make_tree(scratch.path(), 6 << 20, 42);
    let (mut checked, mut failed) = (0, Vec::new());
    for case in CASES.iter().filter(|case| full_matrix() || !case.rare) {
        match std::panic::catch_unwind(|| prove_case(case, scratch.path())) {
            Ok(extra) => {
                println!("XFS {}: bytes kept beyond xfs_db's: {extra:?}", case.name);
                checked += extra.len();
            }
            Err(_) => failed.push(case.name),
        }
    }
    println!("{checked} filesystems");
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn a_log_that_waits_to_be_replayed_makes_it_raw_until_it_was() {
    let scratch = tempfile::tempdir().unwrap();
    let (image, folder) = (scratch.path().join("image.img"), scratch.path().join("mounted"));
    make(&image, &[], 48 << 20);
    let cut_off = scratch.path().join("cut-off.img");
    for round in 0..5 {
        let mount = Mount::new(&image, &folder, "rw,nouuid");
        let path = mount.path().join(format!("file-{round}"));
        fs::write(&path, vec![round; 100_000]).unwrap();
        fs::File::open(&path).unwrap().sync_all().unwrap();
        fs::copy(&image, &cut_off).unwrap();
        drop(mount);
        let reason = raw_reason(&cut_off);
        assert!(reason.contains("log is waiting to be replayed"), "{reason}");
        assert!(run("xfs_logprint", &["-t", image.to_str().unwrap()]).contains("<CLEAN>"));
        let _ = map_image(&image);
    }
    drop(Mount::new(&cut_off, &folder, "rw,nouuid"));
    let _ = map_image(&cut_off);
}

#[test]
fn a_log_that_went_round_is_read_as_xfs_logprint_reads_it() {
    let scratch = tempfile::tempdir().unwrap();
    let (image, folder) = (scratch.path().join("image.img"), scratch.path().join("mounted"));
    // The smallest log.
    make(&image, &["-l", "size=1368b"], 48 << 20);
    let mut cycles = HashSet::new();
    for round in 0..12 {
        {
            let mount = Mount::new(&image, &folder, "rw,nouuid");
            for index in 0..500 {
                let path = mount.path().join(format!("{round}-{index}"));
                fs::write(&path, b"x").unwrap();
                if index % 10 == 0 {
                    fs::File::open(&path).unwrap().sync_all().unwrap();
                }
            }
        }
        let text = run("xfs_logprint", &["-t", image.to_str().unwrap()]);
        assert!(text.contains("<CLEAN>"), "{text}");
        let head = text
            .split("head: ")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .to_owned();
        cycles.insert(head);
        let _ = map_image(&image);
    }
    let lsn = run(
        "xfs_db",
        &["-r", "-c", "sb 0", "-c", "print lsn", image.to_str().unwrap()],
    );
    let cycle = u64::from_str_radix(lsn.split("0x").nth(1).unwrap().trim(), 16).unwrap() >> 32;
    println!("{} heads, cycle {cycle}", cycles.len());
    assert!(cycle > 1, "the log went round");
}

#[test]
fn what_lies_elsewhere_or_is_not_known_makes_it_raw() {
    let scratch = tempfile::tempdir().unwrap();
    let (image, other) = (scratch.path().join("image.img"), scratch.path().join("other.img"));
    make_image(&other, 64 << 20);
    let log = format!("logdev={},size=16m", other.display());
    make(&image, &["-l", &log], 64 << 20);
    assert!(raw_reason(&image).contains("log is on another device"));
    let realtime = format!("rtdev={}", other.display());
    make(&image, &["-r", &realtime], 64 << 20);
    assert!(raw_reason(&image).contains("realtime"));

    make(&image, &[], 48 << 20);
    let whole = fs::read(&image).unwrap();
    let mut bytes = whole.clone();
    bytes[300] ^= 1;
    fs::write(&image, &bytes).unwrap();
    assert!(raw_reason(&image).contains("checksum"));
    // A header of a group: the group is kept whole, and said.
    let mut bytes = whole.clone();
    bytes[512 + 60] ^= 1;
    fs::write(&image, &bytes).unwrap();
    let (mapping, mapped) = map_image(&image);
    assert!(
        mapping.notes[0].contains("1 of 2 allocation groups"),
        "{:?}",
        mapping.notes
    );
    let group_bytes = number(&image, "sb 0", "agblocks") * 4096;
    assert!(mapped.used.contains(&(0..group_bytes)));
    // Set aside for repair by its own tool.
    fs::write(&image, &whole).unwrap();
    let (code, ..) = try_run(
        "xfs_db",
        &[
            "-x",
            "-c",
            "version needsrepair",
            "-c",
            "sb 0",
            "-c",
            "write -d features_incompat 0x1b",
            image.to_str().unwrap(),
        ],
    );
    assert_eq!(code, 0);
    assert!(raw_reason(&image).contains("repair"));
}
