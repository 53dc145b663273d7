//! `imager mount`: a master as files of the running system.

use crate::{
    files::{answer, make_disk, text},
    harness::{hash_tree, run},
    trees::make_tree,
};
use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

#[test]
fn a_mounted_master_shows_its_disk_its_partitions_and_their_files() {
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name);
    make_tree(&path("tree"));
    let disk = make_disk(scratch.path(), "disk", &path("tree"));
    let (store, folder) = (path("store"), path("mounted"));
    answer(&["init", text(&store)]);
    answer(&["capture", text(&disk), "--store", text(&store), "--name", "m"]);
    fs::create_dir(&folder).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_imager"))
        .args(["mount", "m", text(&folder), "--store", text(&store)])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    errors.read_line(&mut said).unwrap();
    assert!(said.contains("m@1 is mounted"), "{said}");

    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "disk.img",
            "partition-1",
            "partition-1.img",
            "partition-2",
            "partition-2.img"
        ]
    );
    let files = hash_tree(&folder.join("partition-2"));
    assert!(files == hash_tree(&path("tree")));
    assert_eq!(fs::read(folder.join("partition-1/loader.efi")).unwrap().len(), 60);
    // Another program reads the filesystem in the image.
    run("e2fsck", &["-fn", text(&folder.join("partition-2.img"))]);
    assert_eq!(
        fs::metadata(folder.join("disk.img")).unwrap().len(),
        fs::metadata(&disk).unwrap().len()
    );
    let refused = fs::write(folder.join("partition-2/text"), b"no").unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ReadOnlyFilesystem);

    // A signal ends it and leaves nothing mounted.
    let own = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(own, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}
