//! Moving in: what partclone and Clonezilla made becomes a master that restores to the same.

use crate::{
    files::{answer, imager, text},
    harness::{ImageFile, Mount, make_image, map_image, run},
    trees::{make_tree, read_tree},
};
use imager::{disk::ReadAt, filesystem};
use std::{
    fs,
    path::{Path, PathBuf},
};

const MIB: u64 = 1 << 20;

/// A filesystem with a tree, in a file of its own.
fn make_filesystem(kind: &str, image: &Path, tree: &Path, bytes: u64) {
    make_image(image, bytes);
    match kind {
        "extfs" => {
            run(
                "mke2fs",
                &["-q", "-F", "-t", "ext4", "-d", text(tree), text(image)],
            );
        }
        "fat" => {
            run("mkfs.fat", &["-F", "32", "-s", "1", text(image)]);
            run(
                "mcopy",
                &[
                    "-i",
                    text(image),
                    "-s",
                    "-m",
                    "-Q",
                    text(&tree.join("deep")),
                    text(&tree.join("text")),
                    "::/",
                ],
            );
        }
        "ntfs" => {
            run("mkntfs", &["-Q", "-F", text(image)]);
            let mount = Mount::ntfs(image, &image.with_extension("mounted"), "rw");
            run(
                "cp",
                &[
                    "-r",
                    text(&tree.join("deep")),
                    text(&tree.join("many")),
                    text(mount.path()),
                ],
            );
        }
        "xfs" | "btrfs" => {
            let maker: &[&str] = match kind {
                "xfs" => &["mkfs.xfs", "--unsupported", "-q", "-f"],
                _ => &["mkfs.btrfs", "-q", "-f"],
            };
            run(maker[0], &[&maker[1..], &[text(image)]].concat());
            let mount = Mount::new(image, &image.with_extension("mounted"), "rw");
            run("cp", &["-a", &format!("{}/.", text(tree)), text(mount.path())]);
        }
        other => panic!("{other}"),
    }
}

fn clone_by_partclone(kind: &str, image: &Path, clone: &Path) {
    run(
        &format!("partclone.{kind}"),
        &[
            "-c",
            "-s",
            text(image),
            "-O",
            text(clone),
            "-L",
            text(&clone.with_extension("log")),
        ],
    );
}

/// What `partclone -r` gives, on a blank disk.
fn restore_by_partclone(clone: &Path, copy: &Path, bytes: u64) {
    make_image(copy, bytes);
    run(
        "partclone.restore",
        &[
            "-C",
            "-s",
            text(clone),
            "-O",
            text(copy),
            "-L",
            text(&clone.with_extension("log")),
        ],
    );
}

/// Every byte that the filesystem uses must be the same; gives how many others are not.
fn compare_used(theirs: &Path, ours: &Path) -> u64 {
    let (one, other) = (ImageFile::open(theirs), ImageFile::open(ours));
    assert_eq!(one.len(), other.len());
    let (_, mapped) = map_image(theirs);
    let (mut others, mut at) = (0, 0);
    let (mut a, mut b) = ([0; 4096], [0; 4096]);
    while at < one.len() {
        let length = usize::try_from((one.len() - at).min(4096)).unwrap();
        one.read_exact_at(&mut a[..length], at).unwrap();
        other.read_exact_at(&mut b[..length], at).unwrap();
        if a[..length] != b[..length] {
            let place = at..at + length as u64;
            assert!(
                mapped
                    .used
                    .intersection(&filesystem::Ranges::from_one(place))
                    .is_empty(),
                "used bytes differ at {at}"
            );
            others += length as u64;
        }
        at += length as u64;
    }
    others
}

fn trees_of(image: &Path) -> std::collections::BTreeMap<PathBuf, blake3::Hash> {
    let disk = ImageFile::open(image);
    read_tree(&*filesystem::open_tree(&disk, 0..disk.len()).unwrap()).0
}

#[test]
fn an_imported_partclone_image_restores_as_partclone_restores_it() {
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name);
    make_tree(&path("tree"));
    let store = path("store");
    answer(&["init", text(&store)]);
    for (kind, pack, megabytes) in [
        ("extfs", "gzip", 40),
        ("fat", "xz", 40),
        ("ntfs", "zstd", 40),
        ("xfs", "gzip", 48),
        ("btrfs", "zstd", 128),
    ] {
        let image = path(kind);
        make_filesystem(kind, &image, &path("tree"), megabytes * MIB);
        let (clone, theirs, ours) = (path("clone"), path("theirs"), path("ours"));
        clone_by_partclone(kind, &image, &clone);
        restore_by_partclone(&clone, &theirs, megabytes * MIB);
        let packed = path("packed");
        fs::write(&packed, {
            let output = std::process::Command::new(pack)
                .args(["-1", "-c", text(&clone)])
                .output()
                .unwrap();
            assert!(output.status.success(), "{pack}");
            output.stdout
        })
        .unwrap();
        let done = answer(&[
            "import",
            text(&packed),
            "--store",
            text(&store),
            "--name",
            kind,
            "--scratch",
            text(scratch.path()),
        ]);
        assert!(
            done["notes"]
                .to_string()
                .contains("imported from a partclone image"),
            "{done}"
        );
        answer(&["restore", kind, text(&ours), "--store", text(&store)]);
        let others = compare_used(&theirs, &ours);
        println!("{kind}: {others} bytes differ that the filesystem does not use");
        assert!(trees_of(&ours) == trees_of(&image), "{kind}");
        // Nothing is left in the scratch folder, and a damaged image makes no version.
        let mut bytes = fs::read(&clone).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&clone, &bytes).unwrap();
        let refused = imager(&[
            "import",
            text(&clone),
            "--store",
            text(&store),
            "--name",
            kind,
            "--scratch",
            text(scratch.path()),
        ]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("checksum of its blocks is wrong"));
        for name in ["clone", "theirs", "ours", "packed", "clone.log"] {
            fs::remove_file(path(name)).unwrap();
        }
    }
    let left: Vec<_> = fs::read_dir(scratch.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("imager-import"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let versions = answer(&["list", "--store", text(&store)]);
    assert_eq!(versions["masters"].as_array().unwrap().len(), 5);
}

/// Puts one file into another at an offset.
fn put(from: &Path, to: &Path, sector: u64) {
    run(
        "dd",
        &[
            &format!("if={}", text(from)),
            &format!("of={}", text(to)),
            "bs=512",
            &format!("seek={sector}"),
            "conv=notrunc",
            "status=none",
        ],
    );
}

fn shell(script: &str) {
    run("sh", &["-ec", script]);
}

/// Start and length in sectors of each partition, as sfdisk prints them for any path.
fn table_of(disk: &Path) -> String {
    run("sfdisk", &["-d", text(disk)])
        .lines()
        .filter(|line| !line.starts_with("device:"))
        .map(|line| line.replace(text(disk), "/dev/sda") + "\n")
        .collect()
}

/// A folder as Clonezilla makes it of a disk called sda.
fn save_as_clonezilla(disk: &Path, folder: &Path, kinds: &[(u32, &str, &str)], gpt: bool) {
    fs::create_dir(folder).unwrap();
    let table = run("sfdisk", &["-d", text(disk)]);
    fs::write(folder.join("sda-pt.sf"), table.replace(text(disk), "/dev/sda")).unwrap();
    let sectors = fs::metadata(disk).unwrap().len() / 512;
    let parted =
        format!("Model: test\nDisk /dev/sda: {sectors}s\nSector size (logical/physical): 512B/512B\n");
    fs::write(folder.join("sda-pt.parted"), parted).unwrap();
    fs::write(folder.join("disk"), "sda\n").unwrap();
    let dd = |name: &str, skip: u64, count: u64| {
        shell(&format!(
            "dd if={} of={} bs=512 skip={skip} count={count} status=none",
            text(disk),
            text(&folder.join(name))
        ));
    };
    dd("sda-mbr", 0, 1);
    if gpt {
        dd("sda-gpt-1st", 0, 34);
    } else {
        dd("sda-hidden-data-after-mbr", 1, 2047);
    }
    let mut parts = Vec::new();
    for line in table.lines().filter(|line| line.starts_with(text(disk))) {
        let (name, fields) = line.split_once(':').unwrap();
        let number: u32 = name.trim().trim_start_matches(text(disk)).parse().unwrap();
        let value = |key: &str| -> u64 {
            let start = fields.find(key).unwrap() + key.len();
            fields[start..].split(',').next().unwrap().trim().parse().unwrap()
        };
        let Some((_, kind, pack)) = kinds.iter().find(|(own, _, _)| *own == number) else {
            if fields.contains("type=5") {
                dd(&format!("sda{number}-ebr"), value("start="), 1);
            }
            continue;
        };
        parts.push(format!("sda{number}"));
        let own = folder.with_extension("partition");
        shell(&format!(
            "dd if={} of={} bs=512 skip={} count={} status=none",
            text(disk),
            text(&own),
            value("start="),
            value("size=")
        ));
        let clone = folder.with_extension("clone");
        match *kind {
            "swap" => fs::write(
                folder.join(format!("swappt-sda{number}.info")),
                "UUID=\"01234567-89ab-cdef-0123-456789abcdef\"\nLABEL=\"tired\"\n",
            )
            .unwrap(),
            "dd" => shell(&format!(
                "gzip -1 -c {} > {}/sda{number}.dd-img.aa",
                text(&own),
                text(folder)
            )),
            kind => {
                clone_by_partclone(kind, &own, &clone);
                let suffix = if *pack == "gzip" { "gz" } else { "zst" };
                shell(&format!(
                    "{pack} -1 -c {} | split -b 1000000 - {}/sda{number}.{kind}-ptcl-img.{suffix}.",
                    text(&clone),
                    text(folder)
                ));
            }
        }
    }
    fs::write(folder.join("parts"), parts.join(" ")).unwrap();
}

#[test]
fn clonezilla_folders_with_either_table_become_masters() {
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name);
    make_tree(&path("tree"));
    for kind in ["extfs", "fat", "ntfs"] {
        make_filesystem(kind, &path(kind), &path("tree"), 40 * MIB);
    }
    let store = path("store");
    answer(&["init", text(&store)]);
    let mib = |count: u64| count * 2048;

    // MBR: FAT, extended with ext4, swap and a partition without a filesystem.
    let disk = path("disk");
    make_image(&disk, 160 * MIB);
    fs::write(
        path("script"),
        format!(
            "label: dos\nstart={}, size={}, type=c, bootable\nstart={}, size={}, type=5\nstart={}, size={}, type=83\n\
             start={}, size={}, type=82\nstart={}, size={}, type=da\n",
            mib(1), mib(40), mib(42), mib(80), mib(43), mib(40), mib(85), mib(8), mib(95), mib(4)
        ),
    )
    .unwrap();
    shell(&format!("sfdisk -q {} < {}", text(&disk), text(&path("script"))));
    put(&path("fat"), &disk, mib(1));
    put(&path("extfs"), &disk, mib(43));
    put(&path("tree").join("deep/file-10"), &disk, mib(95));
    let folder = path("mbr-image");
    save_as_clonezilla(
        &disk,
        &folder,
        &[
            (1, "fat", "gzip"),
            (5, "extfs", "gzip"),
            (6, "swap", ""),
            (7, "dd", ""),
        ],
        false,
    );
    answer(&["import", text(&folder), "--store", text(&store), "--name", "mbr"]);
    let ours = path("ours");
    answer(&["restore", "mbr", text(&ours), "--store", text(&store)]);
    assert_eq!(table_of(&ours), table_of(&disk));
    let part = |disk: &Path, start: u64, size: u64| {
        let own = path("part");
        shell(&format!(
            "dd if={} of={} bs=512 skip={} count={} status=none",
            text(disk),
            text(&own),
            mib(start),
            mib(size)
        ));
        own
    };
    assert!(trees_of(&part(&ours, 1, 40)) == trees_of(&path("fat")));
    assert!(trees_of(&part(&ours, 43, 40)) == trees_of(&path("extfs")));
    run("e2fsck", &["-fn", text(&part(&ours, 43, 40))]);
    assert!(fs::read(part(&ours, 95, 4)).unwrap() == fs::read(part(&disk, 95, 4)).unwrap());
    let swap = run("blkid", &["-p", "-o", "export", text(&part(&ours, 85, 8))]);
    assert!(
        swap.contains("UUID=01234567-89ab-cdef-0123-456789abcdef") && swap.contains("LABEL=tired"),
        "{swap}"
    );

    // A piece that is missing is found.
    fs::remove_file(folder.join("sda5.extfs-ptcl-img.gz.ab")).unwrap();
    let refused = imager(&["import", text(&folder), "--store", text(&store), "--name", "mbr"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("importing sda5"),
        "{refused:?}"
    );

    // GPT.
    fs::remove_file(&disk).unwrap();
    make_image(&disk, 100 * MIB);
    run(
        "sgdisk",
        &["-n1:2048:+40M", "-t1:0700", "-n2:0:+40M", "-c2:data", text(&disk)],
    );
    put(&path("ntfs"), &disk, mib(1));
    put(&path("extfs"), &disk, mib(41));
    let folder = path("gpt-image");
    save_as_clonezilla(&disk, &folder, &[(1, "ntfs", "zstd"), (2, "extfs", "zstd")], true);
    answer(&["import", text(&folder), "--store", text(&store), "--name", "gpt"]);
    fs::remove_file(&ours).unwrap();
    answer(&["restore", "gpt", text(&ours), "--store", text(&store)]);
    assert_eq!(table_of(&ours), table_of(&disk));
    assert!(run("sgdisk", &["-v", text(&ours)]).contains("No problems found"));
    assert!(trees_of(&part(&ours, 1, 40)) == trees_of(&path("ntfs")));
    assert!(trees_of(&part(&ours, 41, 40)) == trees_of(&path("extfs")));
}
