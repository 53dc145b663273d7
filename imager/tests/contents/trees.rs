//! Folders and files read from a disk: every name, every byte.

use crate::harness::{ImageFile, Mount, Numbers, hash_tree, make_image, run};
use imager::{
    ErrorKind,
    disk::ReadAt,
    filesystem::{self, FileTree, NodeId, NodeKind},
};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    ops::ControlFlow,
    os::unix::fs::{FileExt, MetadataExt, symlink},
    path::{Path, PathBuf},
};

/// Every file of a tree with its hash, every link with its target.
pub fn read_tree(tree: &dyn FileTree) -> (BTreeMap<PathBuf, blake3::Hash>, BTreeMap<PathBuf, PathBuf>) {
    fn walk(
        tree: &dyn FileTree,
        folder: NodeId,
        path: &Path,
        files: &mut BTreeMap<PathBuf, blake3::Hash>,
        links: &mut BTreeMap<PathBuf, PathBuf>,
    ) {
        let mut entries = Vec::new();
        tree.list(folder, &mut |entry| {
            entries.push(entry);
            ControlFlow::Continue(())
        })
        .unwrap();
        for entry in entries {
            let own = path.join(String::from_utf8(entry.name).unwrap());
            match tree.metadata(entry.node).unwrap().kind {
                NodeKind::Folder => walk(tree, entry.node, &own, files, links),
                NodeKind::File => {
                    let file = tree.open(entry.node).unwrap();
                    assert_eq!(file.len(), tree.metadata(entry.node).unwrap().length_bytes);
                    let mut bytes = vec![0xEE; usize::try_from(file.len()).unwrap()];
                    file.read_exact_at(&mut bytes, 0).unwrap();
                    check_holes(&*file, &bytes);
                    files.insert(own, blake3::hash(&bytes));
                }
                NodeKind::Link => {
                    let target = String::from_utf8(tree.link_target(entry.node).unwrap()).unwrap();
                    links.insert(own, target.into());
                }
                NodeKind::Special => {}
            }
        }
    }
    let (mut files, mut links) = (BTreeMap::new(), BTreeMap::new());
    walk(tree, tree.root(), Path::new(""), &mut files, &mut links);
    (files, links)
}

/// What a file calls a hole is zero.
fn check_holes(file: &dyn ReadAt, bytes: &[u8]) {
    let mut at = 0;
    while at < file.len() {
        let data = file.next_data(at).unwrap_or(file.len()..file.len());
        let hole = usize::try_from(at).unwrap()..usize::try_from(data.start).unwrap();
        assert!(bytes[hole].iter().all(|byte| *byte == 0));
        assert!(data.end <= file.len());
        at = data.end.max(at + 1);
    }
}

fn open(image: &ImageFile) -> Box<dyn FileTree + '_> {
    filesystem::open_tree(image, 0..image.len()).unwrap()
}

/// Small, large, empty, sparse files; deep folders; a folder with many names; long names; links short and long.
pub fn make_tree(root: &Path) {
    let mut numbers = Numbers(99);
    fs::create_dir_all(root.join("deep/er/and deeper")).unwrap();
    for (index, length) in [0usize, 1, 59, 60, 61, 150, 4095, 4096, 4097, 70_000, 2_500_000]
        .into_iter()
        .enumerate()
    {
        fs::write(root.join(format!("deep/file-{index}")), numbers.bytes(length)).unwrap();
    }
    fs::write(
        root.join("text"),
        "the same line again and again\n".repeat(20_000),
    )
    .unwrap();
    fs::create_dir(root.join("many")).unwrap();
    for index in 0..600u64 {
        let name = format!("many/a name that is somewhat long so that blocks fill up {index}");
        fs::write(root.join(name), index.to_le_bytes()).unwrap();
    }
    fs::write(root.join("deep/er").join("é".repeat(120)), b"long").unwrap();
    let sparse = File::create(root.join("sparse")).unwrap();
    sparse.write_all_at(b"middle", 3 << 20).unwrap();
    sparse.write_all_at(b"end", (9 << 20) - 3).unwrap();
}

#[test]
fn every_file_and_link_of_an_ext_filesystem_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    make_tree(&source);
    symlink("text", source.join("short")).unwrap();
    symlink("x/".repeat(200), source.join("long")).unwrap();
    symlink("/deep", source.join("absolute")).unwrap();
    let expected = hash_tree(&source);
    for options in [
        &["-t", "ext4"][..],
        &["-t", "ext2", "-b", "1024"],
        &["-t", "ext4", "-O", "inline_data", "-I", "256"],
        &["-t", "ext3", "-b", "2048", "-I", "128"],
        &["-t", "ext4", "-O", "bigalloc,meta_bg,^resize_inode"],
    ] {
        let image = folder.path().join("image");
        let mut arguments = vec!["-q", "-F", "-d", source.to_str().unwrap()];
        arguments.extend(options);
        arguments.extend([image.to_str().unwrap(), "64M"]);
        run("mke2fs", &arguments);
        let disk = ImageFile::open(&image);
        let tree = open(&disk);
        let (files, links) = read_tree(&*tree);
        let wrong: Vec<_> = expected
            .iter()
            .filter(|(path, hash)| files.get(*path) != Some(hash))
            .map(|(path, _)| path)
            .collect();
        assert!(wrong.is_empty(), "{options:?}: {wrong:?}");
        assert_eq!(files.len(), expected.len(), "{options:?}");
        assert_eq!(links[Path::new("short")], Path::new("text"), "{options:?}");
        assert_eq!(links[Path::new("long")], PathBuf::from("x/".repeat(200)));
        let node = filesystem::find(&*tree, b"/absolute/../absolute/file-3").unwrap();
        let found = tree.metadata(node).unwrap();
        let original = fs::metadata(source.join("deep/file-3")).unwrap();
        assert_eq!(found.length_bytes, 60);
        assert_eq!(found.mode, Some(original.mode() & 0o7777));
        assert_eq!(found.owner, Some((original.uid(), original.gid())));
        assert_eq!(found.modified_unix_ms.unwrap() / 1000, original.mtime());
        let error = filesystem::find(&*tree, b"/deep/nothing").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Missing);
        fs::remove_file(&image).unwrap();
    }
}

#[test]
fn files_that_only_the_journal_knows_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (image, mounted, copy) = (
        folder.path().join("image"),
        folder.path().join("mounted"),
        folder.path().join("copy"),
    );
    run("mke2fs", &["-q", "-t", "ext4", image.to_str().unwrap(), "64M"]);
    let mount = Mount::new(&image, &mounted, "rw");
    make_tree(mount.path());
    symlink("y/".repeat(100), mount.path().join("long")).unwrap();
    // Committed to the journal; most of it is written to its place only later.
    let synced = File::open(mount.path()).unwrap();
    nix::unistd::syncfs(&synced).unwrap();
    fs::write(mount.path().join("late"), b"written last").unwrap();
    File::open(mount.path().join("late")).unwrap().sync_all().unwrap();
    drop(synced);
    let expected = hash_tree(mount.path());
    fs::copy(&image, &copy).unwrap();
    let disk = ImageFile::open(&copy);
    let (files, links) = read_tree(&*open(&disk));
    assert!(files == expected);
    assert_eq!(links.len(), 1);
}

#[test]
fn every_file_of_a_fat_is_read_with_its_long_name() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    make_tree(&source);
    fs::remove_file(source.join("sparse")).unwrap();
    fs::write(source.join("PLAIN.TXT"), b"short name").unwrap();
    let expected = hash_tree(&source);
    for (width, size) in [("12", 12u64 << 20), ("16", 64 << 20), ("32", 64 << 20)] {
        let image = folder.path().join(format!("fat{width}"));
        make_image(&image, size);
        let mut arguments = vec!["-F", width];
        if width == "12" {
            arguments.extend(["-s", "16"]);
        }
        if width == "32" {
            arguments.extend(["-s", "1"]);
        }
        arguments.push(image.to_str().unwrap());
        run("mkfs.fat", &arguments);
        let parts: Vec<String> = ["deep", "many", "text", "PLAIN.TXT"]
            .iter()
            .map(|name| source.join(name).to_str().unwrap().to_owned())
            .collect();
        let mut arguments = vec!["-i", image.to_str().unwrap(), "-s", "-m", "-Q"];
        arguments.extend(parts.iter().map(String::as_str));
        arguments.push("::/");
        run("mcopy", &arguments);
        let disk = ImageFile::open(&image);
        let tree = open(&disk);
        let (files, _) = read_tree(&*tree);
        // mtools writes names in the code page of the locale: the one that is not ASCII comes out otherwise.
        let ascii = |files: &BTreeMap<PathBuf, blake3::Hash>| {
            files
                .iter()
                .filter(|(path, _)| path.to_str().unwrap().is_ascii())
                .map(|(path, hash)| (path.clone(), *hash))
                .collect::<BTreeMap<_, _>>()
        };
        let (found, wanted) = (ascii(&files), ascii(&expected));
        let lost: Vec<_> = wanted
            .iter()
            .filter(|(path, hash)| found.get(*path) != Some(hash))
            .collect();
        assert!(lost.is_empty(), "FAT{width}: {lost:?}");
        // Case does not count.
        let node = filesystem::find(&*tree, b"/TEXT").unwrap();
        let made = tree.metadata(node).unwrap().modified_unix_ms.unwrap();
        assert!((1_577_836_800_000..4_102_444_800_000).contains(&made), "{made}");
    }
}

#[test]
fn every_file_of_ntfs_is_read_compressed_sparse_and_resident() {
    let folder = tempfile::tempdir().unwrap();
    for (number, options) in [&["-c", "4096"][..], &["-c", "512", "-C"], &["-c", "4096", "-C"]]
        .into_iter()
        .enumerate()
    {
        let (image, mounted) = (
            folder.path().join(format!("image-{number}")),
            folder.path().join(format!("mounted-{number}")),
        );
        make_image(&image, 64 << 20);
        let mut arguments = vec!["-Q", "-F", "-L", "volume"];
        arguments.extend(options);
        arguments.push(image.to_str().unwrap());
        run("mkntfs", &arguments);
        let mount = Mount::ntfs(&image, &mounted, "rw,compression");
        make_tree(mount.path());
        symlink("deep/file-1", mount.path().join("short")).unwrap();
        // One file in so many pieces that its runs need an attribute list.
        let pieces = File::create(mount.path().join("pieces")).unwrap();
        for index in 0..1500u64 {
            pieces.write_all_at(&[7; 4096], index * 12288).unwrap();
        }
        drop(pieces);
        let expected = hash_tree(mount.path());
        drop(mount);
        let disk = ImageFile::open(&image);
        let tree = open(&disk);
        let (files, links) = read_tree(&*tree);
        let wrong: Vec<_> = expected
            .iter()
            .filter(|(path, hash)| files.get(*path) != Some(hash))
            .map(|(path, _)| path)
            .collect();
        assert!(wrong.is_empty(), "{options:?}: {wrong:?}");
        assert_eq!(files.len(), expected.len(), "{options:?}");
        assert_eq!(links.values().next().unwrap(), Path::new("deep/file-1"));
        let node = filesystem::find(&*tree, b"/DEEP/File-1").unwrap();
        let made = tree.metadata(node).unwrap().modified_unix_ms.unwrap();
        let original = fs::metadata(&image).unwrap().mtime() * 1000;
        assert!((original - made).abs() < 600_000, "{made} {original}");
    }
}

/// A small image of each kind, made once.
fn small_images() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    fs::create_dir_all(source.join("a/b")).unwrap();
    fs::write(source.join("a/b/file"), Numbers(1).bytes(20_000)).unwrap();
    fs::write(source.join("a/small"), b"small").unwrap();
    symlink("a/b", source.join("link")).unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut images = Vec::new();
    for (name, features) in [
        ("ext4", "none,extents,dir_index"),
        ("inline", "none,extents,inline_data"),
    ] {
        run(
            "mke2fs",
            &[
                "-q",
                "-t",
                "ext4",
                "-O",
                features,
                "-I",
                "256",
                "-d",
                &path("source"),
                &path(name),
                "512K",
            ],
        );
        images.push(fs::read(path(name)).unwrap());
    }
    make_image(Path::new(&path("fat")), 1 << 20);
    run("mkfs.fat", &[&path("fat")]);
    run("mcopy", &["-i", &path("fat"), "-s", &path("source/a"), "::/"]);
    images.push(fs::read(path("fat")).unwrap());
    make_image(Path::new(&path("ntfs")), 2 << 20);
    run("mkntfs", &["-Q", "-F", "-c", "512", "-C", &path("ntfs")]);
    let mount = Mount::ntfs(
        Path::new(&path("ntfs")),
        Path::new(&path("mounted")),
        "compression",
    );
    fs::create_dir(mount.path().join("a")).unwrap();
    fs::write(mount.path().join("a/text"), "again ".repeat(5000)).unwrap();
    drop(mount);
    images.push(fs::read(path("ntfs")).unwrap());
    images
}

/// Walks as far as it goes; must end, and not panic.
fn wander(disk: &dyn ReadAt) {
    let Ok(tree) = filesystem::open_tree(disk, 0..disk.len()) else {
        return;
    };
    let mut waiting = vec![tree.root()];
    let mut seen = 0;
    while let Some(node) = waiting.pop() {
        seen += 1;
        if seen > 200 {
            break;
        }
        let _ = tree.metadata(node);
        let _ = tree.link_target(node);
        let _ = tree.list(node, &mut |entry| {
            waiting.push(entry.node);
            if waiting.len() > 1000 {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        if let Ok(file) = tree.open(node) {
            let mut buffer = [0; 5000];
            let length = usize::try_from(file.len().min(5000)).unwrap();
            let _ = file.read_exact_at(&mut buffer[..length], 0);
            let _ = file.read_exact_at(&mut buffer[..length], file.len() / 2);
            let _ = file.next_data(0);
        }
    }
}

#[test]
fn damaged_trees_end_and_never_panic() {
    let images = small_images();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let damage = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..40);
    runner
        .run(&(0..images.len(), damage), |(which, damage)| {
            let mut disk = images[which].clone();
            // Where there is something: zeros are free space.
            let filled: Vec<usize> = (0..disk.len()).filter(|at| disk[*at] != 0).collect();
            for (place, value, how) in damage {
                let at = filled[place.index(filled.len())];
                match how {
                    0 => disk[at] = value,
                    1 => disk[at] ^= 1 << (value % 8),
                    _ => disk[at] = 0xFF,
                }
            }
            wander(&disk);
            Ok(())
        })
        .unwrap();
}
