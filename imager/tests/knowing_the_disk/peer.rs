//! partclone on the same images: who refuses, loses or keeps what. The table is printed.

use crate::{
    ext::make_filesystem,
    harness::{Mount, Numbers, full_matrix, make_image, map_image, restore_by_map, run, try_run},
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

/// Makes a filesystem with one file in it.
struct Kind {
    name: &'static str,
    program: &'static str,
    maker: &'static [&'static str],
    megabytes: u64,
    how: How,
}

/// How the file gets there, and how it is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// By the kernel.
    Mounted,
    /// By mtools.
    Mtools,
    /// By exfat-fuse.
    ExfatFuse,
    /// By ntfs-3g.
    Ntfs,
    /// Not at all: only its own check says whether it is whole.
    Check,
}

const KINDS: &[Kind] = &[
    kind(
        "ext2",
        "extfs",
        &["mke2fs", "-q", "-F", "-t", "ext2"],
        64,
        How::Mounted,
    ),
    kind(
        "ext3",
        "extfs",
        &["mke2fs", "-q", "-F", "-t", "ext3", "-b", "1024"],
        64,
        How::Mounted,
    ),
    kind(
        "ext4, META_BG",
        "extfs",
        &[
            "mke2fs",
            "-q",
            "-F",
            "-t",
            "ext4",
            "-b",
            "1024",
            "-O",
            "meta_bg,^resize_inode",
            "-g",
            "512",
        ],
        64,
        How::Mounted,
    ),
    kind(
        "ext4, inline data",
        "extfs",
        &[
            "mke2fs",
            "-q",
            "-F",
            "-t",
            "ext4",
            "-O",
            "inline_data",
            "-I",
            "512",
        ],
        64,
        How::Mounted,
    ),
    kind("FAT12", "fat12", &["mkfs.fat", "-F", "12"], 24, How::Mtools),
    kind("FAT16", "fat16", &["mkfs.fat", "-F", "16"], 64, How::Mtools),
    kind(
        "FAT32",
        "fat32",
        &["mkfs.fat", "-F", "32", "-s", "1"],
        64,
        How::Mtools,
    ),
    kind("exFAT", "exfat", &["mkfs.exfat"], 64, How::ExfatFuse),
    kind("NTFS", "ntfs", &["mkntfs", "-q", "-F", "-f"], 64, How::Ntfs),
    kind("F2FS", "f2fs", &["mkfs.f2fs", "-q", "-f"], 64, How::Check),
];

const fn kind(
    name: &'static str,
    program: &'static str,
    maker: &'static [&'static str],
    megabytes: u64,
    how: How,
) -> Kind {
    Kind {
        name,
        program,
        maker,
        megabytes,
        how,
    }
}

impl Kind {
    /// Puts the file there; the image may be marked as not unmounted afterwards.
    fn fill(&self, image: &Path, folder: &Path, content: &[u8]) {
        let mount = match self.how {
            How::Mounted => Mount::new(image, folder, "rw"),
            How::ExfatFuse => Mount::exfat(image, folder, "rw"),
            How::Ntfs => Mount::ntfs(image, folder, "rw"),
            How::Mtools => {
                let source = image.with_extension("content");
                fs::write(&source, content).unwrap();
                run(
                    "mcopy",
                    &["-i", image.to_str().unwrap(), source.to_str().unwrap(), "::/file"],
                );
                return;
            }
            How::Check => return,
        };
        fs::write(mount.path().join("file"), content).unwrap();
    }

    fn is_whole(&self, copy: &Path, folder: &Path, content: &[u8]) -> bool {
        let path = copy.to_str().unwrap();
        let check: &[&str] = match (self.how, self.program) {
            (_, "extfs") => &["e2fsck", "-fn"],
            (How::Mtools, _) => &["fsck.fat", "-n"],
            (How::ExfatFuse, _) => &["fsck.exfat", "-n"],
            (How::Ntfs, _) => &["ntfsfix", "-n"],
            _ => &["fsck.f2fs", "-f", "--dry-run"],
        };
        if try_run(check[0], &[&check[1..], &[path]].concat()).0 != 0 {
            return false;
        }
        let mount = match self.how {
            How::Mounted => Mount::try_new(copy, folder, "ro"),
            How::ExfatFuse => Some(Mount::exfat(copy, folder, "ro")),
            How::Ntfs => Some(Mount::ntfs(copy, folder, "ro")),
            How::Mtools => {
                let back = copy.with_extension("back");
                let (code, ..) = try_run(
                    "mcopy",
                    &["-n", "-o", "-i", path, "::/file", back.to_str().unwrap()],
                );
                return code == 0 && fs::read(&back).unwrap() == content;
            }
            How::Check => return true,
        };
        mount.is_some_and(|mount| fs::read(mount.path().join("file")).is_ok_and(|bytes| bytes == content))
    }
}

#[test]
fn of_every_other_kind_nothing_is_lost() {
    let scratch = tempfile::tempdir().unwrap();
    let (image, folder) = (scratch.path().join("image.img"), scratch.path().join("mounted"));
    let content = Numbers(5).bytes(5_000_000);
    let mut table = Vec::new();
    // Every day the one that partclone loses; all of them take a minute.
    for kind in KINDS.iter().filter(|kind| full_matrix() || kind.name == "FAT12") {
        let _ = fs::remove_file(&image);
        make_image(&image, kind.megabytes << 20);
        run(
            kind.maker[0],
            &[&kind.maker[1..], &[image.to_str().unwrap()]].concat(),
        );
        kind.fill(&image, &folder, &content);
        let is_whole = |copy: &Path| kind.is_whole(copy, &folder, &content);
        assert!(is_whole(&image), "{}: the image itself", kind.name);
        let program = format!("partclone.{}", kind.program);
        let mut ask = |name: String| {
            let theirs = by_partclone(&program, &image, scratch.path(), &is_whole);
            table.push((name, by_us(&image, scratch.path(), &is_whole), theirs));
        };
        ask(kind.name.to_owned());
        // Marked as in use: what is written down may not be all.
        match kind.how {
            How::Ntfs => {
                run("ntfsfix", &[image.to_str().unwrap()]);
                ask(format!("{}, marked for a check", kind.name));
            }
            How::ExfatFuse => {
                let file = fs::OpenOptions::new().write(true).open(&image).unwrap();
                std::os::unix::fs::FileExt::write_all_at(&file, &[2, 0], 106).unwrap();
                drop(file);
                let is_there = |copy: &Path| {
                    let mount = Mount::exfat(copy, &folder, "ro");
                    fs::read(mount.path().join("file")).is_ok_and(|bytes| bytes == content)
                };
                let theirs = by_partclone(&program, &image, scratch.path(), &is_there);
                let ours = by_us(&image, scratch.path(), &is_there);
                table.push((format!("{}, marked as in use", kind.name), ours, theirs));
            }
            _ => {}
        }
    }
    println!("{:30} {:10} partclone {}", "", "Amorce", partclone_version());
    for (name, ours, theirs) in &table {
        println!("{name:30} {:10} {theirs:?}", format!("{ours:?}"));
    }
    let refused = ["NTFS, marked for a check"];
    for (name, ours, _) in &table {
        let expected = if refused.contains(&name.as_str()) {
            Fate::Refused
        } else {
            Fate::Kept
        };
        assert_eq!(*ours, expected, "{name}");
    }
}

fn partclone_version() -> String {
    let (_, out, error) = try_run("partclone.extfs", &["-v"]);
    let text = out + &error;
    text.split_whitespace()
        .find(|word| word.starts_with('v'))
        .unwrap_or("?")
        .to_owned()
}
