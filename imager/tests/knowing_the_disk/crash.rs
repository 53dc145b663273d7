//! ext filesystems that were cut off while in use: copied while mounted, their journal waiting to be replayed.

mod moments;

use crate::{
    ext::{make_filesystem, used_by_dumpe2fs},
    harness::{Mount, Numbers, full_matrix, hash_tree, map_image, restore_by_map, run, try_run},
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

const CASES: &[(&str, &[&str])] = &[
    ("ext4 as usual", &["-t", "ext4"]),
    ("ext3 1 KiB", &["-t", "ext3", "-b", "1024"]),
    (
        "ext4 bigalloc",
        &["-t", "ext4", "-O", "bigalloc", "-C", "32768", "-g", "4096"],
    ),
    ("ext4 1 KiB", &["-t", "ext4", "-b", "1024"]),
    (
        "ext4 1 KiB small journal",
        &["-t", "ext4", "-b", "1024", "-J", "size=1"],
    ),
    ("ext4 32 bit", &["-t", "ext4", "-b", "1024", "-O", "^64bit"]),
    (
        "ext4 no checksums",
        &["-t", "ext4", "-O", "^metadata_csum,^uninit_bg"],
    ),
    (
        "ext4 crc16",
        &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,uninit_bg"],
    ),
    (
        "ext4 meta_bg",
        &[
            "-t",
            "ext4",
            "-b",
            "1024",
            "-O",
            "meta_bg,^resize_inode",
            "-g",
            "1024",
            "-J",
            "size=2",
        ],
    ),
    (
        "ext4 1 KiB bigalloc",
        &[
            "-t", "ext4", "-b", "1024", "-O", "bigalloc", "-C", "8192", "-i", "8192",
        ],
    ),
    (
        "ext4 no flex_bg, sparse_super2",
        &["-t", "ext4", "-b", "1024", "-O", "^flex_bg,sparse_super2"],
    ),
    (
        "ext4 inline data",
        &["-t", "ext4", "-O", "inline_data", "-I", "512"],
    ),
    ("ext4 data journal", &["-t", "ext4", "-b", "1024"]),
];

/// Files that were synced, by what is in them.
type Synced = BTreeMap<PathBuf, blake3::Hash>;

/// Writes, deletes and renames, with an fsync of everything that is promised; the last operations are not synced.
fn work(root: &Path, numbers: &mut Numbers, round: u64, synced: &mut Synced) {
    let folder = root.join(format!("round-{round}"));
    fs::create_dir_all(&folder).unwrap();
    for index in 0..300 {
        let path = folder.join(format!("file-{index}"));
        let limit = if index % 50 == 0 { 2_000_000 } else { 9_000 };
        let length = usize::try_from(numbers.below(limit)).unwrap();
        let bytes = numbers.bytes(length);
        let mut file = File::create(&path).unwrap();
        file.write_all(&bytes).unwrap();
        match index % 10 {
            // Gone again: its blocks are used by others.
            3 => fs::remove_file(&path).unwrap(),
            // Blocks that were metadata once must not come back out of the journal.
            4 => {
                fs::create_dir_all(folder.join("passing/through")).unwrap();
                fs::remove_dir_all(folder.join("passing")).unwrap();
            }
            5..=9 => {
                file.sync_all().unwrap();
                synced.insert(
                    path.strip_prefix(root).unwrap().to_path_buf(),
                    blake3::hash(&bytes),
                );
            }
            _ => {}
        }
    }
    // What an earlier round synced goes, and that is synced too.
    if round > 0 {
        let old = format!("round-{}", round - 1);
        for name in synced
            .keys()
            .filter(|path| path.starts_with(&old))
            .take(60)
            .cloned()
            .collect::<Vec<_>>()
        {
            fs::remove_file(root.join(&name)).unwrap();
            synced.remove(&name);
        }
        File::open(root.join(old)).unwrap().sync_all().unwrap();
    }
    File::open(&folder).unwrap().sync_all().unwrap();
}

/// Copies the image while it is mounted, until two copies in a row are the same: one moment, as a cut would leave it.
fn copy_at_one_moment(image: &Path, copy: &Path) {
    let hash = |path: &Path| blake3::hash(&fs::read(path).unwrap());
    for _ in 0..50 {
        run(
            "cp",
            &["--sparse=always", image.to_str().unwrap(), copy.to_str().unwrap()],
        );
        if hash(copy) == hash(image) {
            return;
        }
    }
    panic!("the image never stood still");
}

fn needs_recovery(image: &Path) -> bool {
    run("dumpe2fs", &["-h", image.to_str().unwrap()]).contains("needs_recovery")
}

#[test]
fn every_byte_synced_before_a_crash_is_in_the_used_map_and_comes_back() {
    let cases = if full_matrix() { CASES } else { &CASES[..3] };
    let rounds = if full_matrix() { 6 } else { 2 };
    let (mut moments, mut files) = (0, 0);
    for (name, options) in cases {
        let scratch = tempfile::tempdir().unwrap();
        let image = scratch.path().join("image.img");
        make_filesystem(&image, options, 96 << 20, None);
        let mut numbers = Numbers(4711);
        let mut synced = Synced::new();
        let mount_options = if name.contains("data journal") {
            "rw,data=journal"
        } else {
            "rw"
        };
        let mount = Mount::new(&image, &scratch.path().join("mounted"), mount_options);
        for round in 0..rounds {
            work(mount.path(), &mut numbers, round, &mut synced);
            let crashed = scratch.path().join("crashed.img");
            copy_at_one_moment(&image, &crashed);
            assert!(
                needs_recovery(&crashed),
                "{name}: the copy is not that of a mounted filesystem"
            );
            let extra = prove(
                &format!("{name}, round {round}"),
                &crashed,
                scratch.path(),
                &synced,
            );
            println!(
                "{name}, round {round}: {} synced files, {extra} bytes kept beyond the replayed",
                synced.len()
            );
            moments += 1;
            files += synced.len();
        }
    }
    println!("{moments} moments, {files} files");
}

fn prove(name: &str, crashed: &Path, scratch: &Path, synced: &Synced) -> u64 {
    let (mapping, mapped) = map_image(crashed);
    assert!(
        mapping
            .notes
            .iter()
            .any(|note| note.contains("waiting to be replayed")),
        "{name}: {:?}",
        mapping.notes
    );
    assert!(
        !mapping.notes.iter().any(|note| note.contains("contradict")),
        "{name}: {:?}",
        mapping.notes
    );
    // What the kernel makes of the whole copy …
    let replayed = scratch.join("replayed.img");
    run(
        "cp",
        &[
            "--sparse=always",
            crashed.to_str().unwrap(),
            replayed.to_str().unwrap(),
        ],
    );
    let in_full = {
        let mount = Mount::new(&replayed, &scratch.join("looked-at"), "rw");
        hash_tree(mount.path())
    };
    // … it must make of the copy that went through the used map, and everything synced must be in it.
    let copy = scratch.join("copy.img");
    restore_by_map(crashed, &mapped, &copy);
    let came_back = {
        let mount = Mount::new(&copy, &scratch.join("looked-at"), "rw");
        hash_tree(mount.path())
    };
    for (path, hash) in synced {
        assert_eq!(came_back.get(path), Some(hash), "{name}: {}", path.display());
    }
    assert_eq!(came_back, in_full, "{name}");
    let (code, out, error) = try_run("e2fsck", &["-fn", copy.to_str().unwrap()]);
    assert_eq!(code, 0, "{name}: {out}{error}");
    let length = fs::metadata(crashed).unwrap().len();
    let after = used_by_dumpe2fs(&replayed, length);
    // Orphans (files deleted while open) are freed by the mount: what it frees may be in our map, what it uses must be.
    let lost = after.difference(&mapped.used.union(&mapped.zeroed));
    assert!(
        lost.is_empty(),
        "{name}: used after the replay: {:?}",
        &lost.as_slice()[..lost.as_slice().len().min(5)]
    );
    mapped.used.difference(&after).total_bytes()
}

#[test]
fn a_damaged_journal_that_is_waiting_makes_the_partition_raw() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.img");
    make_filesystem(&image, &["-t", "ext4"], 64 << 20, None);
    let crashed = scratch.path().join("crashed.img");
    {
        let mount = Mount::new(&image, &scratch.path().join("mounted"), "rw");
        work(mount.path(), &mut Numbers(5), 0, &mut Synced::new());
        copy_at_one_moment(&image, &crashed);
    }
    let block = |index: u64| -> u64 {
        let command = format!("bmap <8> {index}");
        run("debugfs", &["-R", &command, crashed.to_str().unwrap()])
            .trim()
            .parse()
            .unwrap()
    };
    // Behind the first descriptor of the log follow the copies of the first transaction, which is long committed.
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&crashed)
        .unwrap();
    let mut start = [0; 4];
    file.read_exact_at(&mut start, block(0) * 4096 + 0x1C).unwrap();
    file.write_all_at(
        &[0xA5; 64],
        block(u64::from(u32::from_be_bytes(start)) + 1) * 4096 + 128,
    )
    .unwrap();
    let disk = crate::harness::ImageFile::open(&crashed);
    let mapping = imager::filesystem::map(&disk, 0..64 << 20);
    match mapping.outcome {
        imager::filesystem::Outcome::Raw { reason } => assert!(reason.contains("checksum"), "{reason}"),
        _ => panic!("a damaged journal was believed"),
    }
}
