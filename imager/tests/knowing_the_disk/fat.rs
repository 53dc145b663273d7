//! FAT12, FAT16 and FAT32 against fsck.fat and mtools.

use crate::harness::{
    ImageFile, Numbers, extents_of, full_matrix, hash_tree, make_image, make_tree, map_image, restore_by_map,
    run,
};
use imager::filesystem::{Kind, Ranges, map};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

struct Case {
    name: &'static str,
    kind: Kind,
    options: &'static [&'static str],
    kilobytes: u64,
    /// Fewer bytes of files than this.
    tree_bytes: u64,
    rare: bool,
}

const fn case(name: &'static str, kind: Kind, options: &'static [&'static str], kilobytes: u64) -> Case {
    let tree_bytes = kilobytes * 1024 / 4;
    let tree_bytes = if tree_bytes > 8 << 20 { 8 << 20 } else { tree_bytes };
    Case {
        name,
        kind,
        options,
        kilobytes,
        tree_bytes,
        rare: false,
    }
}

const fn rare(name: &'static str, kind: Kind, options: &'static [&'static str], kilobytes: u64) -> Case {
    Case {
        rare: true,
        ..case(name, kind, options, kilobytes)
    }
}

const CASES: &[Case] = &[
    case("floppy", Kind::Fat12, &["-F", "12"], 1440),
    case("FAT16", Kind::Fat16, &["-F", "16"], 40_000),
    case(
        "FAT32 small clusters",
        Kind::Fat32,
        &["-F", "32", "-s", "1"],
        40_961,
    ),
    case("ESP", Kind::Fat32, &["-F", "32"], 300_000),
    rare("FAT12, 1", Kind::Fat12, &["-F", "12", "-s", "1"], 1_900),
    rare(
        "FAT12, 2",
        Kind::Fat12,
        &["-F", "12", "-s", "2", "-f", "1"],
        3_999,
    ),
    rare("FAT12, 8", Kind::Fat12, &["-F", "12", "-s", "8"], 15_001),
    rare("FAT12, 32", Kind::Fat12, &["-F", "12", "-s", "32"], 60_000),
    rare("FAT12, 128", Kind::Fat12, &["-F", "12", "-s", "128"], 200_000),
    rare("FAT16, 1", Kind::Fat16, &["-F", "16", "-s", "1"], 20_003),
    rare(
        "FAT16, 2",
        Kind::Fat16,
        &["-F", "16", "-s", "2", "-R", "8"],
        40_000,
    ),
    rare("FAT16, 8", Kind::Fat16, &["-F", "16", "-s", "8"], 100_000),
    rare("FAT16, 32", Kind::Fat16, &["-F", "16", "-s", "32"], 300_000),
    rare(
        "FAT32, 2",
        Kind::Fat32,
        &["-F", "32", "-s", "2", "-f", "1"],
        80_000,
    ),
    rare("FAT32, 4", Kind::Fat32, &["-F", "32", "-s", "4"], 150_007),
    rare("FAT32, 16", Kind::Fat32, &["-F", "32", "-s", "16"], 540_000),
    Case {
        rare: true,
        ..case(
            "FAT12 4 KiB sectors",
            Kind::Fat12,
            &["-F", "12", "-S", "4096"],
            10_000,
        )
    },
    Case {
        rare: true,
        ..case(
            "FAT12 full of clusters",
            Kind::Fat12,
            &["-F", "12", "-s", "4", "-a"],
            8_000,
        )
    },
    Case {
        rare: true,
        ..case(
            "FAT16 one FAT",
            Kind::Fat16,
            &["-F", "16", "-f", "1", "-s", "4"],
            60_000,
        )
    },
    Case {
        rare: true,
        ..case(
            "FAT16 long root",
            Kind::Fat16,
            &["-F", "16", "-r", "1024"],
            60_001,
        )
    },
    Case {
        rare: true,
        ..case(
            "FAT16 64 KiB clusters",
            Kind::Fat16,
            &["-F", "16", "-s", "128"],
            600_000,
        )
    },
    Case {
        rare: true,
        ..case(
            "FAT32 reserved",
            Kind::Fat32,
            &["-F", "32", "-R", "64", "-s", "2", "-a"],
            140_003,
        )
    },
    Case {
        rare: true,
        ..case(
            "FAT32 4 KiB sectors",
            Kind::Fat32,
            &["-F", "32", "-S", "4096", "-s", "1"],
            400_000,
        )
    },
    Case {
        rare: true,
        ..case("FAT32 large", Kind::Fat32, &["-F", "32"], 9_000_000)
    },
    Case {
        rare: true,
        ..case(
            "FAT32 whole disk",
            Kind::Fat32,
            &["-F", "32", "--mbr=y", "-I"],
            300_000,
        )
    },
];

/// What the boot sector says, by minfo.
struct Geometry {
    cluster_bytes: u64,
    data_start: u64,
    total_bytes: u64,
}

impl Geometry {
    fn of(image: &str) -> Self {
        let text = run("minfo", &["-i", image, "::"]);
        let number = |name: &str| -> u64 {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or("0");
            let digits = line.trim_start_matches([':', '=', ' ']);
            let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().unwrap_or(0)
        };
        let or = |first: &str, second: &str| match number(first) {
            0 => number(second),
            found => found,
        };
        let sector = number("sector size");
        let root_sectors = (number("max available root directory slots") * 32).div_ceil(sector);
        let fat_sectors = or("sectors per fat", "Big fatlen");
        let data_sector = number("reserved (boot) sectors") + number("fats") * fat_sectors + root_sectors;
        Self {
            cluster_bytes: number("cluster size") * sector,
            data_start: data_sector * sector,
            total_bytes: or("small size", "big size") * sector,
        }
    }

    fn cluster(&self, number: u64) -> std::ops::Range<u64> {
        let start = self.data_start + (number - 2) * self.cluster_bytes;
        start..start + self.cluster_bytes
    }
}

/// Clusters of every file and folder, as mshowfat follows them.
fn clusters_by_mtools(image: &str, tree: &Path) -> BTreeMap<String, Vec<u64>> {
    let mut found = BTreeMap::new();
    let mut names = BTreeSet::new();
    for path in hash_tree(tree).keys() {
        names.extend(
            path.ancestors()
                .filter(|path| !path.as_os_str().is_empty())
                .map(Path::to_path_buf),
        );
    }
    for name in names {
        let path = format!("::/{}", name.display());
        let text = run("mshowfat", &["-i", image, &path]);
        let mut clusters = Vec::new();
        for part in text
            .split(['<', '>'])
            .filter(|part| part.starts_with(|c: char| c.is_ascii_digit()))
        {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            clusters.extend(first.parse::<u64>().unwrap()..=last.trim().parse::<u64>().unwrap());
        }
        found.insert(name.display().to_string(), clusters);
    }
    found
}

/// Used and all clusters as fsck.fat counts them; it must find nothing wrong.
fn counts_by_fsck(image: &str) -> (u64, u64) {
    let text = run("fsck.fat", &["-n", image]);
    let (used, all) = text
        .rsplit_once(", ")
        .unwrap()
        .1
        .split_once(" clusters")
        .unwrap()
        .0
        .split_once('/')
        .unwrap();
    (used.parse().unwrap(), all.parse().unwrap())
}

fn prove(case: &Case, age: &str, image: &Path, tree: &Path, scratch: &Path) {
    let name = format!("{} ({age})", case.name);
    let path = image.to_str().unwrap();
    let (mapping, mapped) = map_image(image);
    assert_eq!(mapping.kind, case.kind, "{name}");
    assert_eq!(mapping.label.as_deref(), Some("A LABEL"), "{name}");
    assert_eq!(mapping.uuid.as_deref(), Some("1234-ABCD"), "{name}");
    assert!(mapping.notes.is_empty(), "{name}: {:?}", mapping.notes);
    let geometry = Geometry::of(path);
    let (used, all) = counts_by_fsck(path);
    let data_end = geometry.data_start + all * geometry.cluster_bytes;
    let data = Ranges::from_one(geometry.data_start..data_end);
    let ours = mapped.used.intersection(&data).total_bytes();
    assert_eq!(
        ours,
        used * geometry.cluster_bytes,
        "{name}: fsck.fat counts {used} used clusters"
    );
    let length = fs::metadata(image).unwrap().len();
    assert!(geometry.total_bytes <= length);
    assert!(
        mapped.used.contains(&(0..geometry.data_start)) && mapped.used.contains(&(data_end..length)),
        "{name}"
    );

    let mut by_first = BTreeMap::new();
    for (file, clusters) in clusters_by_mtools(path, tree) {
        for cluster in &clusters {
            assert!(
                mapped.used.contains(&geometry.cluster(*cluster)),
                "{name}: {file} has cluster {cluster}"
            );
        }
        if let Some(first) = clusters.first() {
            by_first.insert(*first, (file, clusters));
        }
    }
    let mut hinted = BTreeMap::<u64, Vec<u64>>::new();
    for extent in extents_of(image, &mapped) {
        let clusters = hinted.entry(extent.file).or_default();
        assert_eq!(
            extent.logical_offset,
            clusters.len() as u64 * geometry.cluster_bytes,
            "{name}: file order"
        );
        let first = (extent.disk_offset - geometry.data_start) / geometry.cluster_bytes + 2;
        clusters.extend(first..first + extent.length_bytes / geometry.cluster_bytes);
    }
    for path in hash_tree(tree)
        .keys()
        .filter(|path| fs::metadata(tree.join(path)).unwrap().len() > 0)
    {
        let (_, (file, clusters)) = by_first
            .iter()
            .find(|(_, (file, _))| *file == path.display().to_string())
            .unwrap();
        assert_eq!(
            hinted.get(&clusters[0]),
            Some(clusters),
            "{name}: hints of {file}"
        );
    }

    let copy = scratch.join("copy.img");
    restore_by_map(image, &mapped, &copy);
    assert_eq!(counts_by_fsck(copy.to_str().unwrap()), (used, all), "{name}");
    let came_back = scratch.join("came-back");
    fs::create_dir(&came_back).unwrap();
    if !hash_tree(tree).is_empty() {
        run(
            "mcopy",
            &[
                "-s",
                "-n",
                "-i",
                copy.to_str().unwrap(),
                "::/*",
                came_back.to_str().unwrap(),
            ],
        );
    }
    assert_eq!(hash_tree(&came_back), hash_tree(tree), "{name}");
    fs::remove_dir_all(&came_back).unwrap();
}

#[test]
fn exactly_the_clusters_that_fsck_counts_are_used_and_every_file_comes_back() {
    for case in CASES.iter().filter(|case| full_matrix() || !case.rare) {
        let scratch = tempfile::tempdir().unwrap();
        let (image, tree) = (scratch.path().join("image.img"), scratch.path().join("tree"));
        let path = image.to_str().unwrap();
        fs::create_dir(&tree).unwrap();
        make_image(&image, case.kilobytes * 1024);
        let mut arguments = vec!["-n", "A LABEL", "-i", "1234abcd"];
        arguments.extend_from_slice(case.options);
        arguments.push(path);
        run("mkfs.fat", &arguments);
        prove(case, "empty", &image, &tree, scratch.path());

        make_tree(&tree, case.tree_bytes, 99);
        for folder in fs::read_dir(&tree).unwrap() {
            run(
                "mcopy",
                &["-s", "-i", path, folder.unwrap().path().to_str().unwrap(), "::"],
            );
        }
        prove(case, "filled", &image, &tree, scratch.path());

        // Delete every third, and fill the holes with longer ones.
        let mut numbers = Numbers(12);
        for (index, file) in hash_tree(&tree)
            .keys()
            .enumerate()
            .filter(|(index, _)| index % 3 == 0)
        {
            run("mdel", &["-i", path, &format!("::/{}", file.display())]);
            fs::remove_file(tree.join(file)).unwrap();
            let longer = tree.join(format!("longer-{index}"));
            let length = usize::try_from(numbers.below(case.tree_bytes / 40)).unwrap();
            fs::write(&longer, numbers.bytes(length)).unwrap();
            run("mcopy", &["-i", path, longer.to_str().unwrap(), "::"]);
        }
        prove(case, "aged", &image, &tree, scratch.path());
        println!("{}: exact", case.name);
    }
}

#[test]
fn bad_clusters_are_left_out_and_marks_of_an_unclean_end_are_noted() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.img");
    let list = scratch.path().join("bad-blocks");
    fs::write(&list, "30000\n30001\n").unwrap();
    make_image(&image, 80_000 * 1024);
    let options = [
        "-F",
        "32",
        "-s",
        "1",
        "-l",
        list.to_str().unwrap(),
        image.to_str().unwrap(),
    ];
    run("mkfs.fat", &options);
    let (mapping, mapped) = map_image(&image);
    assert!(
        mapping
            .notes
            .iter()
            .any(|note| note.contains("4 clusters are marked bad")),
        "{:?}",
        mapping.notes
    );
    assert!(
        mapped
            .used
            .intersection(&Ranges::from_one(30_000 * 1024..30_002 * 1024))
            .is_empty()
    );

    let mut bytes = fs::read(&image).unwrap();
    bytes[0x41] |= 1;
    let mapping = map(&bytes, 0..bytes.len() as u64);
    assert!(
        mapping
            .notes
            .iter()
            .any(|note| note.contains("not unmounted cleanly")),
        "{:?}",
        mapping.notes
    );
}

#[test]
fn a_cluster_is_used_if_only_the_second_copy_of_the_fat_says_so() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.img");
    make_image(&image, 20_000 * 1024);
    run(
        "mkfs.fat",
        &["-F", "16", "-s", "4", "-R", "1", "-a", image.to_str().unwrap()],
    );
    let mut bytes = fs::read(&image).unwrap();
    let fat_sectors = usize::from(u16::from_le_bytes([bytes[0x16], bytes[0x17]]));
    let second = (1 + fat_sectors) * 512;
    bytes[second + 2 * 700] = 0xFF;
    fs::write(&image, &bytes).unwrap();
    let (mapping, mapped) = map_image(&image);
    let geometry = Geometry::of(image.to_str().unwrap());
    assert!(mapped.used.contains(&geometry.cluster(700)));
    assert!(!mapped.used.contains(&geometry.cluster(701)));
    assert!(
        mapping
            .notes
            .iter()
            .any(|note| note.contains("copies of the FAT differ")),
        "{:?}",
        mapping.notes
    );
    // And the disk as a whole is read as one without a table.
    let layout = imager::partition::read_table(&ImageFile::open(&image), 512).unwrap();
    assert_eq!(layout.table, imager::partition::Table::None);
}
