//! partclone on the same images: who refuses, loses or keeps what. The table is printed.

use crate::{
    ext::make_filesystem,
    harness::{Mount, Numbers, make_image, map_image, restore_by_map, run, try_run},
};
use imager::filesystem::{Outcome, map};
use std::{fs, path::Path};

/// What became of one image.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Kept,
    Lost,
    Refused,
}

/// Clones and restores with partclone onto a disk full of junk, and looks at the result.
fn by_partclone(program: &str, image: &Path, scratch: &Path, is_whole: &dyn Fn(&Path) -> bool) -> Fate {
    let path = |name: &str| scratch.join(name).to_str().unwrap().to_owned();
    let (clone, copy, log) = (path("clone.pc"), path("clone.img"), path("clone.log"));
    if try_run(
        program,
        &["-c", "-s", image.to_str().unwrap(), "-O", &clone, "-L", &log],
    )
    .0 != 0
    {
        return Fate::Refused;
    }
    let length = usize::try_from(fs::metadata(image).unwrap().len()).unwrap();
    fs::write(&copy, vec![0x5A; length]).unwrap();
    let (code, out, error) = try_run(
        "partclone.restore",
        &["-C", "-s", &clone, "-O", &copy, "-L", &log],
    );
    assert_eq!(code, 0, "{out}{error}");
    if is_whole(Path::new(&copy)) {
        Fate::Kept
    } else {
        Fate::Lost
    }
}

fn by_us(image: &Path, scratch: &Path, is_whole: &dyn Fn(&Path) -> bool) -> Fate {
    let disk = crate::harness::ImageFile::open(image);
    match map(&disk, 0..fs::metadata(image).unwrap().len()).outcome {
        Outcome::Refused { .. } => Fate::Refused,
        // Every byte: a plain copy.
        Outcome::Raw { .. } => {
            let copy = scratch.join("ours.img");
            fs::copy(image, &copy).unwrap();
            if is_whole(&copy) { Fate::Kept } else { Fate::Lost }
        }
        Outcome::Mapped(_) => {
            let copy = scratch.join("ours.img");
            restore_by_map(image, &map_image(image).1, &copy);
            if is_whole(&copy) { Fate::Kept } else { Fate::Lost }
        }
    }
}

#[test]
fn what_partclone_loses_or_refuses_we_keep_or_refuse_with_a_remedy() {
    let scratch = tempfile::tempdir().unwrap();
    let (image, folder) = (scratch.path().join("image.img"), scratch.path().join("mounted"));
    let content = Numbers(99).bytes(8_000_000);
    let file_is_whole = |copy: &Path| {
        let mount = Mount::new(copy, &folder, "rw");
        fs::read(mount.path().join("file")).is_ok_and(|bytes| bytes == content)
    };
    let mut table = Vec::new();

    make_filesystem(&image, &["-t", "ext4"], 64 << 20, None);
    let crashed = scratch.path().join("crashed.img");
    {
        let mount = Mount::new(&image, &folder, "rw");
        let path = mount.path().join("file");
        fs::write(&path, &content).unwrap();
        fs::File::open(&path).unwrap().sync_all().unwrap();
        run(
            "cp",
            &[
                "--sparse=always",
                image.to_str().unwrap(),
                crashed.to_str().unwrap(),
            ],
        );
    }
    for (name, image) in [
        ("ext4, unmounted", &image),
        ("ext4, cut off after fsync", &crashed),
    ] {
        let theirs = by_partclone("partclone.extfs", image, scratch.path(), &file_is_whole);
        table.push((name, by_us(image, scratch.path(), &file_is_whole), theirs));
    }

    make_filesystem(
        &image,
        &["-t", "ext4", "-O", "bigalloc", "-C", "65536", "-g", "2048"],
        96 << 20,
        None,
    );
    {
        let mount = Mount::new(&image, &folder, "rw");
        fs::write(mount.path().join("file"), &content).unwrap();
    }
    let theirs = by_partclone("partclone.extfs", &image, scratch.path(), &file_is_whole);
    table.push((
        "ext4 bigalloc, unmounted",
        by_us(&image, scratch.path(), &file_is_whole),
        theirs,
    ));

    fs::remove_file(&image).unwrap();
    make_image(&image, 16 << 20);
    run("mkntfs", &["-q", "-F", "-f", image.to_str().unwrap()]);
    let last = |path: &Path| fs::read(path).unwrap()[(16 << 20) - 512..].to_vec();
    let backup = last(&image);
    let backup_is_there = |copy: &Path| last(copy) == backup;
    let theirs = by_partclone("partclone.ntfs", &image, scratch.path(), &backup_is_there);
    table.push((
        "NTFS, backup boot sector",
        by_us(&image, scratch.path(), &backup_is_there),
        theirs,
    ));

    let hibernation = scratch.path().join("hiberfil.sys");
    fs::write(&hibernation, [b"hibr".as_slice(), &[0; 100_000]].concat()).unwrap();
    run(
        "ntfscp",
        &[
            "-f",
            "-q",
            image.to_str().unwrap(),
            hibernation.to_str().unwrap(),
            "hiberfil.sys",
        ],
    );
    // An image of a hibernated system is a loss in itself: whoever starts it elsewhere resumes on strange hardware.
    let is_at_rest = |_: &Path| false;
    let theirs = by_partclone("partclone.ntfs", &image, scratch.path(), &is_at_rest);
    table.push((
        "NTFS, hibernated",
        by_us(&image, scratch.path(), &is_at_rest),
        theirs,
    ));

    println!("{:30} {:10} partclone {}", "", "Amorce", partclone_version());
    for (name, ours, theirs) in &table {
        println!("{name:30} {:10} {theirs:?}", format!("{ours:?}"));
    }
    assert!(table.iter().all(|(_, ours, _)| *ours != Fate::Lost));
}

#[test]
fn xfs_and_btrfs_that_were_cut_off_come_back_whole() {
    let scratch = tempfile::tempdir().unwrap();
    let (image, folder) = (scratch.path().join("image.img"), scratch.path().join("mounted"));
    let cut_off = scratch.path().join("cut-off.img");
    let content = Numbers(99).bytes(8_000_000);
    // What was synced must be there, and the filesystem must be usable.
    let file_is_whole = |copy: &Path| {
        let whole = Mount::try_new(copy, &folder, "rw")
            .is_some_and(|mount| fs::read(mount.path().join("file")).is_ok_and(|bytes| bytes == content));
        let check: &[&str] =
            match imager::filesystem::identify(&crate::harness::ImageFile::open(copy), 0..u64::MAX) {
                imager::filesystem::Kind::Xfs => &["xfs_repair", "-n", "-f"],
                _ => &["btrfs", "check", "--check-data-csum"],
            };
        whole && try_run(check[0], &[&check[1..], &[copy.to_str().unwrap()]].concat()).0 == 0
    };
    let makers: [(&str, &str, &[&str], u64); 2] = [
        (
            "XFS",
            "partclone.xfs",
            &["mkfs.xfs", "--unsupported", "-q", "-f"],
            64,
        ),
        (
            "btrfs",
            "partclone.btrfs",
            &["mkfs.btrfs", "-q", "-f", "-n", "4096"],
            160,
        ),
    ];
    let mut table = Vec::new();
    for (name, program, maker, megabytes) in makers {
        let _ = fs::remove_file(&image);
        make_image(&image, megabytes << 20);
        run(maker[0], &[&maker[1..], &[image.to_str().unwrap()]].concat());
        {
            let mount = Mount::new(&image, &folder, "rw");
            // Enough names for trees of several levels, and the log's own blocks.
            for index in 0..1500 {
                fs::write(
                    mount.path().join(format!("a-rather-long-name-of-a-file-{index}")),
                    [1; 900],
                )
                .unwrap();
            }
            run("sync", &["-f", folder.to_str().unwrap()]);
            let path = mount.path().join("file");
            fs::write(&path, &content).unwrap();
            fs::File::open(&path).unwrap().sync_all().unwrap();
            run(
                "cp",
                &[
                    "--sparse=always",
                    image.to_str().unwrap(),
                    cut_off.to_str().unwrap(),
                ],
            );
        }
        for (state, image) in [("unmounted", &image), ("cut off after fsync", &cut_off)] {
            let theirs = by_partclone(program, image, scratch.path(), &file_is_whole);
            table.push((
                format!("{name}, {state}"),
                by_us(image, scratch.path(), &file_is_whole),
                theirs,
            ));
        }
    }
    println!("{:30} {:10} partclone {}", "", "Amorce", partclone_version());
    for (name, ours, theirs) in &table {
        println!("{name:30} {:10} {theirs:?}", format!("{ours:?}"));
    }
    assert!(table.iter().all(|(_, ours, _)| *ours == Fate::Kept));
}

fn partclone_version() -> String {
    let (_, out, error) = try_run("partclone.extfs", &["-v"]);
    let text = out + &error;
    text.split_whitespace()
        .find(|word| word.starts_with('v'))
        .unwrap_or("?")
        .to_owned()
}
