//! The files of logical volumes, in a master and by every way to them.

use super::{MIB, gather, make_spread_volume, scratch_paths};
use crate::harness::{ImageFile, hash_tree, make_image, make_tree, run};
use imager::{
    Unwatched,
    capture::{CaptureOptions, capture},
    contents::{self, MasterDisk},
    filesystem::{NodeKind, find},
    restore::{RestoreOptions, restore},
    store::Store,
    target::TargetDisk,
};
use nix::sys::signal::{Signal, kill};
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::{FileExt, symlink},
    path::Path,
    process::{Command, Stdio},
};

#[test]
fn a_disk_with_a_group_on_two_partitions_is_captured_and_restored() {
    let scratch = tempfile::tempdir().unwrap();
    let paths = scratch_paths(
        scratch.path(),
        &[
            "a.img",
            "b.img",
            "root.img",
            "tree",
            "disk.img",
            "back.img",
            "target.img",
            "store",
        ],
    );
    let [first, second, root, tree, disk, back, target, store] = paths.as_slice() else {
        unreachable!()
    };
    fs::create_dir(tree).unwrap();
    make_tree(tree, 8 << 20, 9);
    // Counted from the root of its own filesystem, as the system that owns it does.
    symlink("/folder-1", tree.join("short")).unwrap();
    make_image(disk, 120 * MIB);
    let partitions = [
        "-n",
        "1:2048:+40M",
        "-t",
        "1:8e00",
        "-n",
        "2:0:+60M",
        "-t",
        "2:8e00",
        disk.to_str().unwrap(),
    ];
    run("sgdisk", &partitions);
    let places = make_spread_volume([first, second], root, tree);
    let file = fs::OpenOptions::new().write(true).open(disk).unwrap();
    file.write_all_at(&fs::read(first).unwrap(), MIB).unwrap();
    file.write_all_at(&fs::read(second).unwrap(), 41 * MIB).unwrap();

    let store = Store::init(store).unwrap();
    let options = CaptureOptions::new("lvm".parse().unwrap());
    let captured = capture(&ImageFile::open(disk), &store, &options, &Unwatched).unwrap();
    let used = captured.root.bytes_used.get();
    println!(
        "{used} bytes of 120 MiB are used, {} were read",
        captured.counts.bytes_read
    );
    assert!(used < 60 * MIB, "{used}");
    assert!(
        captured
            .root
            .notes
            .iter()
            .any(|note| note.contains("office/root (ext2/3/4)"))
    );
    // Its files are there without restoring it, at the partition on which the volume begins.
    let master = MasterDisk::open(&store, &"lvm".parse().unwrap(), &store.public_key()).unwrap();
    let files = contents::open_partition(&master, 1).unwrap();
    let listed = contents::list(&*files, files.root()).unwrap();
    assert_eq!(
        listed.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
        ["root"]
    );
    let extracted = scratch.path().join("extracted");
    let node = find(&*files, b"/root/short").unwrap();
    assert_eq!(files.metadata(node).unwrap().kind, NodeKind::Link);
    let node = find(&*files, b"/root/short/inner-1").unwrap();
    let done = contents::extract(&*files, node, &extracted, &Unwatched).unwrap();
    assert_eq!(done.problem_count, 0, "{:?}", done.problems);
    assert_eq!(hash_tree(&extracted), hash_tree(&tree.join("folder-1/inner-1")));
    let again = contents::open_partition(&master, 1).unwrap();
    let differences = contents::compare((&*files, files.root()), (&*again, again.root()), true).unwrap();
    assert!(differences.changed.is_empty() && differences.problems.is_empty());
    assert!(differences.same as usize >= hash_tree(tree).len());
    let error = contents::open_partition(&master, 2).err().unwrap();
    assert!(
        error.chain().contains("no logical volume of office begins on it"),
        "{}",
        error.chain()
    );
    prove_mounted(scratch.path(), tree);

    // What the target held must not come through.
    fs::write(target, vec![0xA5; 120 << 20]).unwrap();
    let there = TargetDisk::open(target, 120 * MIB, 512).unwrap();
    let options = RestoreOptions::new("lvm".parse().unwrap(), store.public_key());
    restore(&store, &there, &options, &Unwatched).unwrap();
    gather(&places, &[(target, MIB), (target, 41 * MIB)], back);
    run("e2fsck", &["-fn", back.to_str().unwrap()]);
    let mount = crate::harness::Mount::new(back, &scratch.path().join("mounted"), "ro");
    let mut found = hash_tree(mount.path());
    found.retain(|path, _| !path.starts_with("lost+found"));
    assert_eq!(found, hash_tree(tree));
}

/// Mounts the master of the store in a folder and reads every file of its logical volume.
fn prove_mounted(folder: &Path, tree: &Path) {
    let mounted = folder.join("master");
    fs::create_dir(&mounted).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_imager"))
        .args(["mount", "lvm", mounted.to_str().unwrap()])
        .args(["--store", folder.join("store").to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    errors.read_line(&mut said).unwrap();
    assert!(said.contains("lvm@1 is mounted"), "{said}");
    assert_eq!(hash_tree(&mounted.join("partition-1/root")), hash_tree(tree));
    let own = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    kill(own, Signal::SIGTERM).unwrap();
    assert!(child.wait().unwrap().success());
}
