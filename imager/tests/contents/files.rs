//! `imager files` and `imager compare` on a captured disk.

use crate::{
    harness::{hash_tree, make_image, run},
    trees::make_tree,
};
use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Runs the command as it is.
pub fn imager(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_imager"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Runs it with `--json`; it must succeed.
pub fn answer(arguments: &[&str]) -> serde_json::Value {
    let mut all = arguments.to_vec();
    all.push("--json");
    let output = imager(&all);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(&text).unwrap()
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A disk with a FAT of 8 MiB and an ext4 with a tree.
pub fn make_disk(folder: &Path, name: &str, tree: &Path) -> PathBuf {
    let disk = folder.join(name);
    make_image(&disk, 80 << 20);
    run("sgdisk", &["-n1:2048:+8M", "-t1:ef00", "-n2:0:+64M", text(&disk)]);
    run("mkfs.fat", &["--offset", "2048", "-F", "12", text(&disk), "8192"]);
    let fat = format!("{}@@1M", text(&disk));
    run(
        "mcopy",
        &["-i", &fat, text(&tree.join("deep/file-3")), "::/LOADER.EFI"],
    );
    run(
        "mke2fs",
        &[
            "-q",
            "-F",
            "-t",
            "ext4",
            "-E",
            "offset=9437184",
            "-d",
            text(tree),
            text(&disk),
            "64M",
        ],
    );
    disk
}

#[test]
fn a_master_is_listed_copied_out_and_compared() {
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name);
    let tree = path("tree");
    make_tree(&tree);
    symlink("/etc/passwd", tree.join("outside")).unwrap();
    let store = path("store");
    answer(&["init", text(&store)]);
    let capture = |disk: &Path| answer(&["capture", text(disk), "--store", text(&store), "--name", "m"]);
    capture(&make_disk(scratch.path(), "first", &tree));

    // Listed.
    let listed = answer(&["files", "m", "2", "/deep", "--store", text(&store)]);
    let entry = |name: &str| {
        let entries = listed["entries"].as_array().unwrap();
        entries.iter().find(|one| one["name"] == name).unwrap().clone()
    };
    assert_eq!(entry("file-5")["bytes"], 150);
    assert_eq!(entry("er")["kind"], "folder");
    let loader = answer(&["files", "m@1", "1", "/loader.efi", "--store", text(&store)]);
    assert_eq!(loader["entries"][0]["bytes"], 60);
    let missing = imager(&["files", "m", "2", "/no", "--store", text(&store)]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("there is no no"));
    let partition = imager(&["files", "m", "7", "/", "--store", text(&store)]);
    assert!(String::from_utf8_lossy(&partition.stderr).contains("it has 1, 2"));

    // One file to standard output.
    let shown = imager(&["files", "m", "2", "/deep/file-9", "--store", text(&store)]);
    assert!(shown.stdout == fs::read(tree.join("deep/file-9")).unwrap());

    // A folder with everything below it.
    let copy = path("copy");
    let done = answer(&[
        "files",
        "m",
        "2",
        "/",
        "--store",
        text(&store),
        "--to",
        text(&copy),
    ]);
    fs::remove_dir(copy.join("lost+found")).unwrap();
    assert!(hash_tree(&copy) == hash_tree(&tree));
    assert_eq!(done["files"], hash_tree(&tree).len());
    assert_eq!(
        fs::read_link(copy.join("outside")).unwrap(),
        Path::new("/etc/passwd")
    );
    let (mine, original) = (
        fs::metadata(copy.join("text")).unwrap(),
        fs::metadata(tree.join("text")).unwrap(),
    );
    assert_eq!((mine.mtime(), mine.mode()), (original.mtime(), original.mode()));
    assert!(fs::metadata(copy.join("sparse")).unwrap().blocks() < 1000);
    let again = imager(&[
        "files",
        "m",
        "2",
        "/",
        "--store",
        text(&store),
        "--to",
        text(&copy),
    ]);
    assert_eq!(again.status.code(), Some(1));

    // As a tar stream that another program reads.
    let stream = imager(&["files", "m", "2", "/", "--store", text(&store), "--tar"]);
    assert!(stream.status.success());
    fs::write(path("stream.tar"), &stream.stdout).unwrap();
    fs::create_dir(path("unpacked")).unwrap();
    run(
        "tar",
        &["-C", text(&path("unpacked")), "-xf", text(&path("stream.tar"))],
    );
    fs::remove_dir(path("unpacked/lost+found")).unwrap();
    assert!(hash_tree(&path("unpacked")) == hash_tree(&tree));

    // Compared with the next version.
    fs::write(tree.join("deep/file-5"), [1; 150]).unwrap();
    fs::write(tree.join("new"), b"new").unwrap();
    fs::remove_file(tree.join("many/a name that is somewhat long so that blocks fill up 7")).unwrap();
    capture(&make_disk(scratch.path(), "second", &tree));
    let found = answer(&["compare", "m@1", "m@2", "--store", text(&store)]);
    let root = &found["partitions"][1];
    assert_eq!(root["added"], serde_json::json!(["new"]));
    assert_eq!(root["changed"], serde_json::json!(["deep/file-5"]));
    assert_eq!(root["removed"].as_array().unwrap().len(), 1);
    assert_eq!(found["partitions"][0]["same"], 1);
}
