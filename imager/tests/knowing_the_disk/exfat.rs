//! exFAT against exfatprogs and exfat-fuse.

use crate::{
    ext::age,
    harness::{
        ImageFile, Mount, Numbers, extents_of, full_matrix, hash_by_tree, hash_tree, make_image, make_tree,
        map_image, restore_by_map, run,
    },
};
use imager::filesystem::{Kind, Outcome, map};
use std::{fs, path::Path};

/// Options of mkfs.exfat, and megabytes.
const CASES: &[(&[&str], u64, bool)] = &[
    (&[], 24, false),
    (&["-c", "512"], 20, false),
    (&["-c", "1K"], 20, true),
    (&["-c", "2K", "-b", "4096"], 20, true),
    (&["-c", "8K"], 40, true),
    (&["-c", "16K"], 60, true),
    (&["-c", "32K"], 60, true),
    (&["-c", "64K", "-b", "16M"], 90, true),
    (&["-c", "128K"], 60, true),
    (&["-c", "4096", "-b", "4096"], 30, true),
    (&["-b", "65536"], 300, true),
    (&["-c", "1M"], 600, true),
];

fn make(image: &Path, options: &[&str], megabytes: u64) {
    let _ = fs::remove_file(image);
    make_image(image, (megabytes << 20) + 5 * 512);
    let mut arguments = vec!["-L", "a label"];
    arguments.extend_from_slice(options);
    arguments.push(image.to_str().unwrap());
    run("mkfs.exfat", &arguments);
}

/// What dump.exfat says of the whole.
struct Dump(String);

impl Dump {
    fn of(image: &Path) -> Self {
        Self(run("dump.exfat", &[image.to_str().unwrap()]))
    }

    fn number(&self, name: &str) -> u64 {
        let line = self.0.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(':').next().unwrap().trim().parse().unwrap()
    }
}

fn prove(name: &str, image: &Path, scratch: &Path, expected: Option<&Path>) {
    let (mapping, mapped) = map_image(image);
    assert_eq!(mapping.kind, Kind::Exfat, "{name}");
    assert_eq!(mapping.label.as_deref(), Some("a label"), "{name}");
    let dump = Dump::of(image);
    let serial = dump
        .0
        .lines()
        .find(|line| line.starts_with("Volume Serial"))
        .unwrap();
    let serial = serial.rsplit("0x").next().unwrap().to_uppercase();
    assert_eq!(
        mapping.uuid.map(|uuid| uuid.replace('-', "")),
        Some(format!("{serial:0>8}")),
        "{name}"
    );
    let sector = 1u64 << dump.number("Sector Size Bits");
    let (cluster, clusters) = (dump.number("Cluster size"), dump.number("Total Clusters"));
    let heap = dump.number("Cluster Heap Offset") * sector;
    let heap = imager::filesystem::Ranges::from_one(heap..heap + clusters * cluster);
    let ours = mapped.used.intersection(&heap).total_bytes();
    assert_eq!(
        ours,
        (clusters - dump.number("Free Clusters")) * cluster,
        "{name}: dump.exfat counts as much"
    );
    let length = fs::metadata(image).unwrap().len();
    let all = imager::filesystem::Ranges::from_one(0..length);
    assert!(
        all.difference(&heap).difference(&mapped.used).is_empty(),
        "{name}"
    );

    let copy = scratch.join("copy.img");
    restore_by_map(image, &mapped, &copy);
    run("fsck.exfat", &["-n", copy.to_str().unwrap()]);
    if let Some(expected) = expected {
        let mount = Mount::exfat(&copy, &scratch.join("mounted"), "ro");
        assert_eq!(hash_tree(mount.path()), hash_tree(expected), "{name}");
        drop(mount);
        assert_eq!(
            hash_by_tree(&copy),
            hash_tree(expected),
            "{name}: as this program reads it"
        );
        // Hints are whole: each file's bytes, read through them, are its own.
        let mut lengths: Vec<u64> = hash_tree(expected)
            .keys()
            .map(|path| fs::metadata(expected.join(path)).unwrap().len().div_ceil(cluster) * cluster)
            .filter(|length| *length > 0)
            .collect();
        let mut hinted = std::collections::BTreeMap::<u64, u64>::new();
        for extent in extents_of(image, &mapped) {
            let length = hinted.entry(extent.file).or_default();
            assert_eq!(extent.logical_offset, *length, "{name}: file order");
            *length += extent.length_bytes;
        }
        let mut hinted: Vec<u64> = hinted.into_values().collect();
        lengths.sort_unstable();
        hinted.sort_unstable();
        assert_eq!(hinted, lengths, "{name}: hints of every file");
    }
}

#[test]
fn as_many_clusters_as_dump_exfat_counts_are_used_and_every_file_comes_back() {
    for (options, megabytes, _) in CASES.iter().filter(|(_, _, rare)| full_matrix() || !rare) {
        let scratch = tempfile::tempdir().unwrap();
        let (image, folder) = (scratch.path().join("image.img"), scratch.path().join("mounted"));
        let now = scratch.path().join("now");
        make(&image, options, *megabytes);
        prove(&format!("{options:?} (empty)"), &image, scratch.path(), None);
        for age_name in ["filled", "aged"] {
            let _ = fs::remove_dir_all(&now);
            {
                let mount = Mount::exfat(&image, &folder, "rw");
                if age_name == "filled" {
                    make_tree(mount.path(), 4 << 20, 8);
                    // Holes, and a file in them: no longer in one piece.
                    let pieces: Vec<_> = (0..40)
                        .map(|index| mount.path().join(format!("piece-{index}")))
                        .collect();
                    for piece in &pieces {
                        fs::write(piece, Numbers(3).bytes(40_000)).unwrap();
                    }
                    for piece in pieces.iter().step_by(2) {
                        fs::remove_file(piece).unwrap();
                    }
                    fs::write(mount.path().join("long"), Numbers(4).bytes(3_000_000)).unwrap();
                } else {
                    age(mount.path());
                }
                run("cp", &["-r", folder.to_str().unwrap(), now.to_str().unwrap()]);
            }
            prove(
                &format!("{options:?} ({age_name})"),
                &image,
                scratch.path(),
                Some(&now),
            );
        }
        println!("exFAT {options:?}: exact");
    }
}

#[test]
fn what_was_not_unmounted_cleanly_or_contradicts_itself_is_raw() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.img");
    make(&image, &[], 20);
    let whole = fs::read(&image).unwrap();
    let reason_after = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        match map(&bytes, 0..bytes.len() as u64).outcome {
            Outcome::Raw { reason } => reason,
            _ => panic!("it is not raw"),
        }
    };
    assert!(reason_after(&|bytes| bytes[106] |= 2).contains("not unmounted cleanly"));
    assert!(reason_after(&|bytes| bytes[88] ^= 1).contains("checksum"));
    let dump = Dump::of(&image);
    let heap = usize::try_from(dump.number("Cluster Heap Offset") * 512).unwrap();
    // The bitmap, from its first cluster on, calls all free.
    assert!(reason_after(&|bytes| bytes[heap] = 0).contains("free"));
    let disk = ImageFile::open(&image);
    let cut = map(&disk, 0..19 << 20);
    assert!(matches!(cut.outcome, Outcome::Raw { reason } if reason.contains("its partition only")));
}
