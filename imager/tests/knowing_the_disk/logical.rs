//! LVM2, made by its own tools: held against what they say, and restored through the map.

mod files;
mod hostile;

use crate::harness::{
    ImageFile, extents_of, hash_by_tree, hash_tree, make_image, make_tree, map_image, restore_by_map, run,
    try_run,
};
use imager::{
    disk::ReadAt,
    filesystem::{self, Kind, Outcome, Ranges, Wishes},
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

const MIB: u64 = 1 << 20;

/// Images as block devices, for LVM takes nothing else.
struct Loops(Vec<String>);

impl Loops {
    fn new(images: &[&Path]) -> Self {
        let attach = |image: &&Path| {
            run("losetup", &["--show", "-f", image.to_str().unwrap()])
                .trim()
                .to_owned()
        };
        Self(images.iter().map(attach).collect())
    }

    /// Runs a command of LVM without its kernel driver: only metadata is written.
    fn lvm(&self, arguments: &[&str]) -> String {
        let devices = self.0.join(",");
        let mut all = vec![arguments[0], "--devices", &devices, "--driverloaded", "n"];
        all.extend(["--config", "backup{backup=0 archive=0} global{use_lvmlockd=0}"]);
        all.extend_from_slice(&arguments[1..]);
        run("lvm", &all)
    }

    fn make_group(&self, options: &[&str]) {
        for device in &self.0 {
            let mut create = vec!["pvcreate", "-y"];
            create.extend_from_slice(options);
            create.push(device);
            self.lvm(&create);
        }
        let mut create = vec!["vgcreate", "-y", "office"];
        create.extend(self.0.iter().map(String::as_str));
        self.lvm(&create);
    }

    fn make_volume(&self, name: &str, megabytes: u64, on: &str) {
        let size = format!("{megabytes}M");
        self.lvm(&[
            "lvcreate", "-an", "-Zn", "-Wn", "-y", "-L", &size, "-n", name, "office", on,
        ]);
    }

    /// Where a logical volume lies, as LVM says: device, first and last extent, in order.
    fn places(&self, name: &str) -> Vec<(usize, u64, u64)> {
        let name = format!("office/{name}");
        let text = self.lvm(&[
            "lvs",
            "--noheadings",
            "--segments",
            "-o",
            "seg_start_pe,seg_pe_ranges",
            &name,
        ]);
        let mut found: Vec<(u64, usize, u64, u64)> = text
            .lines()
            .map(|line| {
                let (start, place) = line.trim().split_once(' ').unwrap();
                let (device, range) = place.trim().split_once(':').unwrap();
                let (first, last) = range.split_once('-').unwrap();
                let device = self.0.iter().position(|one| one == device).unwrap();
                (
                    start.parse().unwrap(),
                    device,
                    first.parse().unwrap(),
                    last.parse().unwrap(),
                )
            })
            .collect();
        found.sort_unstable();
        found
            .into_iter()
            .map(|(_, device, first, last)| (device, first, last))
            .collect()
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        for device in &self.0 {
            let _ = try_run("losetup", &["-d", device]);
        }
    }
}

/// A physical volume's first extent and the length of each, with the options that these tests give.
const START: u64 = MIB;
const EXTENT: u64 = 4 * MIB;

type Places = [(usize, u64, u64)];

/// Two physical volumes, and over both a logical volume of 40 MiB that holds the tree; `root` is its filesystem alone.
/// Returns where its extents lie.
fn make_spread_volume([first, second]: [&Path; 2], root: &Path, tree: &Path) -> Vec<(usize, u64, u64)> {
    make_image(first, 40 * MIB);
    make_image(second, 60 * MIB);
    let loops = Loops::new(&[first, second]);
    loops.make_group(&[]);
    loops.make_volume("root", 20, &loops.0[0]);
    loops.lvm(&["lvextend", "-y", "-L", "40M", "office/root", &loops.0[1]]);
    let places = loops.places("root");
    drop(loops);
    make_ext4(root, 40, tree);
    scatter(root, &places, &[(first, 0), (second, 0)]);
    places
}

/// Puts a filesystem's bytes to where LVM says that its logical volume lies.
fn scatter(volume: &Path, places: &Places, images: &[(&Path, u64)]) {
    let source = File::open(volume).unwrap();
    let mut at = 0;
    let mut bytes = vec![0; usize::try_from(EXTENT).unwrap()];
    for (device, first, last) in places {
        let (image, start) = images[*device];
        let target = fs::OpenOptions::new().write(true).open(image).unwrap();
        for extent in *first..=*last {
            source.read_exact_at(&mut bytes, at).unwrap();
            target
                .write_all_at(&bytes, start + START + extent * EXTENT)
                .unwrap();
            at += EXTENT;
        }
    }
}

/// And back.
fn gather(places: &Places, images: &[(&Path, u64)], volume: &Path) {
    let target = File::create(volume).unwrap();
    let mut at = 0;
    let mut bytes = vec![0; usize::try_from(EXTENT).unwrap()];
    for (device, first, last) in places {
        let (image, start) = images[*device];
        for extent in *first..=*last {
            let source = File::open(image).unwrap();
            source
                .read_exact_at(&mut bytes, start + START + extent * EXTENT)
                .unwrap();
            target.write_all_at(&bytes, at).unwrap();
            at += EXTENT;
        }
    }
}

/// A used map of a logical volume, moved to where LVM says that it lies on one image.
fn moved(ranges: &Ranges, places: &Places) -> Ranges {
    let mut all = Vec::new();
    let mut at = 0;
    for (_, first, last) in places {
        let length = (last + 1 - first) * EXTENT;
        let here = ranges.intersection(&Ranges::from_one(at..at + length));
        let start = START + first * EXTENT;
        all.extend(
            here.iter()
                .map(|range| range.start - at + start..range.end - at + start),
        );
        at += length;
    }
    Ranges::from_unsorted(all)
}

fn make_ext4(path: &Path, megabytes: u64, tree: &Path) {
    make_image(path, megabytes * MIB);
    let image = path.to_str().unwrap();
    run(
        "mke2fs",
        &[
            "-q",
            "-F",
            "-t",
            "ext4",
            "-b",
            "1024",
            "-d",
            tree.to_str().unwrap(),
            image,
        ],
    );
}

fn scratch_paths(scratch: &Path, names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| scratch.join(name)).collect()
}

#[test]
fn linear_volumes_in_several_pieces_are_mapped_to_where_lvm_says_they_are() {
    for options in [&[][..], &["--pvmetadatacopies", "2"]] {
        let scratch = tempfile::tempdir().unwrap();
        let paths = scratch_paths(
            scratch.path(),
            &["pv.img", "root.img", "home.img", "tree", "copy.img", "back.img"],
        );
        let [image, root, home, tree, copy, back] = paths.as_slice() else {
            unreachable!()
        };
        fs::create_dir(tree).unwrap();
        make_tree(tree, 6 << 20, 5);
        make_image(image, 120 * MIB);
        let loops = Loops::new(&[image]);
        loops.make_group(options);
        let device = loops.0[0].clone();
        loops.make_volume("root", 12, &device);
        loops.make_volume("gone", 8, &device);
        loops.make_volume("home", 16, &device);
        loops.make_volume("swap", 8, &device);
        loops.lvm(&["lvremove", "-y", "office/gone"]);
        // Into the hole and behind everything.
        loops.lvm(&["lvextend", "-y", "-L", "36M", "office/root"]);
        let count = loops.lvm(&["pvs", "--noheadings", "-o", "pv_pe_count"]);
        let extent_count: u64 = count.trim().parse().unwrap();
        let (root_places, home_places, swap_places) =
            (loops.places("root"), loops.places("home"), loops.places("swap"));
        drop(loops);
        assert!(root_places.len() >= 2, "{root_places:?}");
        make_ext4(root, 36, tree);
        make_image(home, 16 * MIB);
        run("mkfs.fat", &["-F", "16", home.to_str().unwrap()]);
        let letter = tree.join("folder-0/inner-0/file-0");
        run(
            "mcopy",
            &[
                "-i",
                home.to_str().unwrap(),
                letter.to_str().unwrap(),
                "::/a long letter",
            ],
        );
        make_image(back, 8 * MIB);
        run("mkswap", &[back.to_str().unwrap()]);
        let place = [(image.as_path(), 0)];
        scatter(root, &root_places, &place);
        scatter(home, &home_places, &place);
        scatter(back, &swap_places, &place);

        let (mapping, mapped) = map_image(image);
        assert_eq!(
            (mapping.kind, mapping.label.as_deref()),
            (Kind::Lvm2, Some("office"))
        );
        let said = mapping.notes.join("\n");
        for word in [
            "office/root (ext2/3/4)",
            "office/home (FAT16)",
            "office/swap (swap)",
        ] {
            assert!(said.contains(word), "{said}");
        }
        // Exactly what the filesystems use, and everything outside of the extents.
        let (_, inner_root) = map_image(root);
        let (_, inner_home) = map_image(home);
        let extents = START..START + extent_count * EXTENT;
        let expected = Ranges::from_one(0..120 * MIB)
            .difference(&Ranges::from_one(extents))
            .union(&moved(&inner_root.used, &root_places))
            .union(&moved(&inner_home.used, &home_places))
            .union(&moved(&Ranges::from_one(0..4096), &swap_places));
        assert_eq!(mapped.used, expected);
        assert_eq!(mapped.zeroed, moved(&inner_root.zeroed, &root_places));
        println!(
            "LVM2 {options:?}: exact, {} bytes used",
            mapped.used.total_bytes()
        );

        // The hints name the files' bytes.
        let bytes: u64 = extents_of(image, &mapped)
            .iter()
            .map(|extent| extent.length_bytes)
            .sum();
        assert!(bytes >= 6 << 20, "{bytes}");
        restore_by_map(image, &mapped, copy);
        // Each volume's files are below its name; swap space has none.
        let mut below: BTreeMap<PathBuf, blake3::Hash> = hash_tree(tree)
            .into_iter()
            .map(|(path, hash)| (Path::new("root").join(path), hash))
            .collect();
        let letter = below[Path::new("root/folder-0/inner-0/file-0")];
        below.insert("home/a long letter".into(), letter);
        assert_eq!(hash_by_tree(copy), below);
        gather(&root_places, &[(copy, 0)], back);
        run("e2fsck", &["-fn", back.to_str().unwrap()]);
        let mount = crate::harness::Mount::new(back, &scratch.path().join("mounted"), "ro");
        let mut found = hash_tree(mount.path());
        found.retain(|path, _| !path.starts_with("lost+found"));
        assert_eq!(found, hash_tree(tree));
        // LVM finds the restored volume whole.
        drop(mount);
        let loops = Loops::new(&[copy]);
        loops.lvm(&["vgck", "office"]);
        assert_eq!(loops.places("root"), root_places);
    }
}

#[test]
fn a_group_on_two_partitions_of_a_disk_is_mapped_across_both() {
    let scratch = tempfile::tempdir().unwrap();
    let paths = scratch_paths(
        scratch.path(),
        &["a.img", "b.img", "root.img", "tree", "disk.img", "back.img"],
    );
    let [first, second, root, tree, disk, back] = paths.as_slice() else {
        unreachable!()
    };
    fs::create_dir(tree).unwrap();
    make_tree(tree, 8 << 20, 6);
    let places = make_spread_volume([first, second], root, tree);
    let mut bytes = fs::read(first).unwrap();
    bytes.extend(fs::read(second).unwrap());
    fs::write(disk, bytes).unwrap();

    let source = ImageFile::open(disk);
    let partitions = [0..40 * MIB, 40 * MIB..100 * MIB];
    let mut used = Ranges::new();
    let mut zeroed = Ranges::new();
    for partition in &partitions {
        let mapping = filesystem::map_among(&source, partition.clone(), &partitions, Wishes::default());
        let Outcome::Mapped(mapped) = mapping.outcome else {
            panic!("{:?}", mapping.notes)
        };
        crate::harness::check_shape(&mapped, partition.clone());
        used = used.union(&mapped.used);
        zeroed = zeroed.union(&mapped.zeroed);
        // Alone, a partition does not know the other half: what it has of it is kept whole.
        let alone = filesystem::map(&source, partition.clone());
        assert!(
            alone.notes.iter().any(|note| note.contains("on another disk")),
            "{:?}",
            alone.notes
        );
        assert!(alone.used(partition.clone()).total_bytes() >= 20 * MIB);
    }
    let (_, inner) = map_image(root);
    let kept = inner.used.total_bytes() + inner.zeroed.total_bytes();
    assert!(used.total_bytes() + zeroed.total_bytes() <= kept + 16 * MIB);
    let mapped = filesystem::Mapped {
        used,
        zeroed,
        files: map_image(root).1.files,
    };
    let copy = scratch.path().join("copy.img");
    restore_by_map(disk, &mapped, &copy);
    gather(&places, &[(&copy, 0), (&copy, 40 * MIB)], back);
    run("e2fsck", &["-fn", back.to_str().unwrap()]);
    let mount = crate::harness::Mount::new(back, &scratch.path().join("mounted"), "ro");
    let mut found = hash_tree(mount.path());
    found.retain(|path, _| !path.starts_with("lost+found"));
    assert_eq!(found, hash_tree(tree));
}

/// Metadata of a group in which nothing but one volume is linear, as LVM writes it.
const OTHERS: &str = r#"
thin { status = ["READ", "WRITE", "VISIBLE"] flags = [] segment_count = 1
  segment1 { start_extent = 0 extent_count = 10 type = "thin" thin_pool = "pool" transaction_id = 0 device_id = 1 } }
pool { status = ["READ", "WRITE", "VISIBLE"] flags = [] segment_count = 1
  segment1 { start_extent = 0 extent_count = 2 type = "thin-pool" metadata = "pool_tmeta" pool = "pool_tdata"
             transaction_id = 1 chunk_size = 128 discards = "passdown" zero_new_blocks = 1 } }
pool_tmeta { status = ["READ", "WRITE"] flags = [] segment_count = 1
  segment1 { start_extent = 0 extent_count = 1 type = "striped" stripe_count = 1 stripes = ["pv0", 10] } }
pool_tdata { status = ["READ", "WRITE"] flags = [] segment_count = 1
  segment1 { start_extent = 0 extent_count = 2 type = "striped" stripe_count = 1 stripes = ["pv0", 11] } }
origin { status = ["READ", "WRITE", "VISIBLE"] flags = [] segment_count = 1
  segment1 { start_extent = 0 extent_count = 2 type = "striped" stripe_count = 1 stripes = ["pv0", 13] } }
cow { status = ["READ", "WRITE", "VISIBLE"] flags = [] segment_count = 1
  segment1 { start_extent = 0 extent_count = 1 type = "striped" stripe_count = 1 stripes = ["pv0", 15] } }
snapshot0 { status = ["READ", "WRITE"] flags = [] segment_count = 1
  segment1 { start_extent = 0 extent_count = 2 type = "snapshot" chunk_size = 8 origin = "origin" cow_store = "cow" } }
striped { status = ["READ", "WRITE", "VISIBLE"] flags = [] segment_count = 1
  segment1 { start_extent = 0 extent_count = 2 type = "striped" stripe_count = 2 stripe_size = 128
             stripes = ["pv0", 16, "pv0", 17] } }
"#;

#[test]
fn thin_pools_snapshots_with_their_origin_and_stripes_are_kept_whole_with_the_reason() {
    let scratch = tempfile::tempdir().unwrap();
    let (image, volume) = (scratch.path().join("pv.img"), scratch.path().join("volume.img"));
    make_image(&image, 120 * MIB);
    let loops = Loops::new(&[&image]);
    loops.make_group(&[]);
    loops.make_volume("plain", 8, &loops.0[0]);
    let text = scratch.path().join("text");
    loops.lvm(&["vgcfgbackup", "-f", text.to_str().unwrap(), "office"]);
    let before = fs::read_to_string(&text).unwrap();
    let mut others = OTHERS.to_owned();
    // Each needs an identity of its own.
    for (number, name) in [
        "thin",
        "pool",
        "pool_tmeta",
        "pool_tdata",
        "origin",
        "cow",
        "snapshot0",
        "striped",
    ]
    .iter()
    .enumerate()
    {
        let id = format!("\n{name} {{ id = \"00000{number}-0000-0000-0000-0000-0000-000000\"");
        others = others.replace(&format!("\n{name} {{"), &id);
    }
    fs::write(
        &text,
        before.replacen("logical_volumes {", &format!("logical_volumes {{\n{others}"), 1),
    )
    .unwrap();
    loops.lvm(&["vgcfgrestore", "--force", "-f", text.to_str().unwrap(), "office"]);
    let places = loops.places("plain");
    drop(loops);
    make_image(&volume, 8 * MIB);
    run("mke2fs", &["-q", "-F", "-t", "ext4", volume.to_str().unwrap()]);
    scatter(&volume, &places, &[(&image, 0)]);
    // The origin looks as if it were a filesystem of its own; it must not be mapped.
    scatter(&volume, &[(0, 13, 14)], &[(&image, 0)]);

    let (mapping, mapped) = map_image(&image);
    let said = mapping.notes.join("\n");
    for (name, word) in [
        ("pool_tmeta", "part of another"),
        ("pool_tdata", "part of another"),
        ("origin", "another logical volume"),
        ("cow", "another logical volume"),
        ("striped", "striped over several places"),
    ] {
        let line = said
            .lines()
            .find(|line| line.contains(&format!("office/{name} ")))
            .unwrap_or_else(|| panic!("{said}"));
        assert!(line.contains("kept whole") && line.contains(word), "{line}");
    }
    assert!(mapped.used.contains(&(START + 10 * EXTENT..START + 18 * EXTENT)));
    let (_, inner) = map_image(&volume);
    assert_eq!(
        mapped
            .used
            .intersection(&Ranges::from_one(START..START + 2 * EXTENT)),
        moved(&inner.used, &places).intersection(&Ranges::from_one(START..START + 2 * EXTENT))
    );
    assert!(
        mapped
            .used
            .intersection(&Ranges::from_one(START + 18 * EXTENT..START + 29 * EXTENT))
            .is_empty()
    );
}

#[test]
fn a_physical_volume_whose_metadata_is_damaged_is_kept_whole_with_the_reason() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("pv.img");
    make_image(&image, 40 * MIB);
    let loops = Loops::new(&[&image]);
    loops.make_group(&[]);
    loops.make_volume("root", 8, &loops.0[0]);
    drop(loops);
    assert!(matches!(
        filesystem::map(&ImageFile::open(&image), 0..40 * MIB).outcome,
        Outcome::Mapped(_)
    ));
    let whole = fs::read(&image).unwrap();
    let location = usize::try_from(u64::from_le_bytes(
        whole[4096 + 40..4096 + 48].try_into().unwrap(),
    ))
    .unwrap();
    for (place, word) in [
        (512 + 40, "label"),
        (4096 + 25, "header"),
        (4096 + location + 30, "checksum"),
    ] {
        let mut hurt = whole.clone();
        hurt[place] ^= 0x10;
        match filesystem::map(&hurt, 0..40 * MIB).outcome {
            Outcome::Raw { reason } => assert!(reason.contains(word), "{place}: {reason}"),
            _ => panic!("{place}"),
        }
    }
    // Cut short, as a copy on a smaller partition.
    assert!(matches!(
        filesystem::map(&whole, 0..20 * MIB).outcome,
        Outcome::Raw { .. }
    ));
    assert!(ReadAt::len(&whole) == 40 * MIB);
}
