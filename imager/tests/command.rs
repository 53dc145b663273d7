//! The `imager` command on images of disks with real filesystems, made by the system's own tools.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

const MIB: u64 = 1 << 20;

fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program)
        .args(arguments)
        .env(
            "PATH",
            "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin",
        )
        .output()
        .unwrap_or_else(|error| {
            panic!("{program}: {error}; install e2fsprogs, dosfstools, mtools and gdisk")
        });
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn imager_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imager"));
    command.args(arguments);
    command
}

/// Runs the command with `--json`; gives its exit code and its object.
fn imager(arguments: &[&str]) -> (i32, serde_json::Value) {
    let output = imager_command(arguments).arg("--json").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines.len(),
        1,
        "one object on one line: {text:?} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    (
        output.status.code().unwrap(),
        serde_json::from_str(lines[0]).unwrap(),
    )
}

fn done(arguments: &[&str]) -> serde_json::Value {
    let (code, answer) = imager(arguments);
    assert_eq!(code, 0, "{arguments:?}: {answer}");
    answer
}

/// Bytes that look random.
fn noise(mut seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(seed ^ seed >> 29).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A folder with small, large, compressible, random and sparse files.
fn make_tree(folder: &Path, extra: u64) {
    fs::create_dir_all(folder.join("etc/deep/er")).unwrap();
    for number in 0..300u64 {
        let length = usize::try_from(number * 97 % 40_000 + 1).unwrap();
        fs::write(folder.join(format!("etc/small-{number}")), noise(number, length)).unwrap();
    }
    fs::write(folder.join("large"), noise(1000, 9_000_001)).unwrap();
    fs::write(folder.join("text"), "all work and no play\n".repeat(200_000)).unwrap();
    fs::write(folder.join("etc/deep/er/empty"), b"").unwrap();
    let mut sparse = File::create(folder.join("sparse")).unwrap();
    sparse.seek(SeekFrom::Start(20 * MIB)).unwrap();
    sparse.write_all(b"end").unwrap();
    if extra > 0 {
        fs::write(folder.join("extra"), noise(extra, 700_000)).unwrap();
    }
}

/// A disk with a GPT: a FAT32 system partition of 40 MiB and an ext4 of `ext4_mib`.
fn make_disk(folder: &Path, name: &str, ext4_mib: u64, extra: u64) -> PathBuf {
    let tree = folder.join(format!("{name}-tree"));
    make_tree(&tree, extra);
    let ext4 = folder.join(format!("{name}.ext4"));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    run(
        "mke2fs",
        &[
            "-q",
            "-t",
            "ext4",
            "-d",
            &text(&tree),
            &text(&ext4),
            &format!("{ext4_mib}M"),
        ],
    );
    let esp = folder.join(format!("{name}.esp"));
    File::create(&esp).unwrap().set_len(40 * MIB).unwrap();
    run("mkfs.fat", &["-F", "32", &text(&esp)]);
    run("mmd", &["-i", &text(&esp), "::/EFI", "::/EFI/BOOT"]);
    run(
        "mcopy",
        &[
            "-i",
            &text(&esp),
            &text(&tree.join("large")),
            "::/EFI/BOOT/BOOTX64.EFI",
        ],
    );
    let disk = folder.join(name);
    let size = (1 + 40 + ext4_mib + 8) * MIB;
    File::create(&disk).unwrap().set_len(size).unwrap();
    run(
        "sgdisk",
        &[
            "-n1:2048:+40M",
            "-t1:ef00",
            &format!("-n2:0:+{ext4_mib}M"),
            "-t2:8300",
            "-c2:root",
            &text(&disk),
        ],
    );
    copy_into(&esp, &disk, MIB);
    copy_into(&ext4, &disk, 41 * MIB);
    fs::remove_file(&esp).unwrap();
    fs::remove_file(&ext4).unwrap();
    disk
}

fn copy_into(from: &Path, to: &Path, offset: u64) {
    let mut bytes = Vec::new();
    File::open(from).unwrap().read_to_end(&mut bytes).unwrap();
    File::options()
        .write(true)
        .open(to)
        .unwrap()
        .write_all_at(&bytes, offset)
        .unwrap();
}

/// Every file of the ext4 on a disk, read by the filesystem's own tool, with its bytes.
fn files_on(disk: &Path, folder: &Path, ext4_mib: u64) -> BTreeMap<PathBuf, Vec<u8>> {
    let part = folder.join("part.ext4");
    let mut bytes = vec![0; usize::try_from(ext4_mib * MIB).unwrap()];
    File::open(disk)
        .unwrap()
        .read_exact_at(&mut bytes, 41 * MIB)
        .unwrap();
    fs::write(&part, bytes).unwrap();
    let text = part.to_str().unwrap();
    run("e2fsck", &["-fn", text]);
    let out = folder.join("dump");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir(&out).unwrap();
    run("debugfs", &["-R", &format!("rdump / {}", out.display()), text]);
    let mut files = BTreeMap::new();
    let mut folders = vec![out.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(
                    path.strip_prefix(&out).unwrap().to_owned(),
                    fs::read(&path).unwrap(),
                );
            }
        }
    }
    assert!(files.len() > 300, "{} files", files.len());
    files
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        done(&["init", &place.path("store")]);
        place
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn capture(&self, disk: &Path, name: &str) -> serde_json::Value {
        done(&[
            "capture",
            disk.to_str().unwrap(),
            "--store",
            &self.path("store"),
            "--name",
            name,
        ])
    }

    fn restore(&self, master: &str, target: &str) -> serde_json::Value {
        done(&["restore", master, target, "--store", &self.path("store")])
    }
}

#[test]
fn a_disk_goes_into_the_store_and_comes_back_with_every_file() {
    let place = Place::new();
    let disk = make_disk(place.folder.path(), "disk", 96, 0);
    let before = fs::metadata(&disk).unwrap().modified().unwrap();
    let inspected = done(&["inspect", disk.to_str().unwrap()]);
    assert_eq!(inspected["table"], "gpt");
    assert_eq!(inspected["bootable"], true);
    assert_eq!(inspected["partitions"][1]["state"], "mapped", "{inspected}");

    let captured = place.capture(&disk, "debian");
    assert_eq!(
        (captured["name"].as_str(), captured["version"].as_u64()),
        (Some("debian"), Some(1))
    );
    for field in [
        "bytes_disk",
        "bytes_used",
        "bytes_read",
        "bytes_new",
        "bytes_stored",
        "bytes_written",
        "chunks",
        "chunks_new",
    ] {
        assert!(captured[field].is_u64(), "{field}: {captured}");
    }
    assert!(captured["seconds"].is_f64());
    // Free space, the sparse file's hole and the text cost next to nothing.
    assert!(
        captured["bytes_stored"].as_u64().unwrap() < 40 * MIB,
        "{captured}"
    );
    assert_eq!(
        fs::metadata(&disk).unwrap().modified().unwrap(),
        before,
        "the source is never written"
    );
    assert_eq!(place.capture(&disk, "debian")["bytes_new"], 0);

    let target = place.path("target");
    let restored = place.restore("debian@1", &target);
    for field in [
        "bytes_disk",
        "bytes_used",
        "bytes_read",
        "bytes_new",
        "bytes_stored",
        "bytes_written",
        "chunks",
        "chunks_new",
    ] {
        assert!(restored[field].is_u64(), "{field}: {restored}");
    }
    assert_eq!(
        files_on(&disk, place.folder.path(), 96),
        files_on(Path::new(&target), place.folder.path(), 96),
        "every file has the same bytes"
    );
    run("sgdisk", &["-v", &target]);
    let again = place.restore("debian", &target);
    assert_eq!(
        (again["bytes_written"].as_u64(), again["bytes_new"].as_u64()),
        (Some(0), Some(0))
    );
    assert_eq!(done(&["verify", "--store", &place.path("store")])["ok"], true);
}

#[test]
fn a_master_installed_on_a_partition_of_another_size_shares_its_files() {
    let place = Place::new();
    let first = make_disk(place.folder.path(), "first", 96, 0);
    let second = make_disk(place.folder.path(), "second", 150, 5);
    let one = place.capture(&first, "first");
    let two = place.capture(&second, "second");
    let (all, new) = (
        one["bytes_new"].as_u64().unwrap(),
        two["bytes_new"].as_u64().unwrap(),
    );
    assert!(
        new * 5 < all,
        "{new} of {all} bytes are new although 700 kB of files differ"
    );
    place.restore("second", &place.path("target"));
    assert_eq!(
        files_on(&second, place.folder.path(), 150),
        files_on(Path::new(&place.path("target")), place.folder.path(), 150)
    );
}

#[test]
fn a_larger_target_gets_its_backup_table_at_its_end_and_a_small_one_is_refused_with_the_figures() {
    let place = Place::new();
    let disk = make_disk(place.folder.path(), "disk", 64, 0);
    place.capture(&disk, "debian");
    let larger = place.path("larger");
    File::create(&larger).unwrap().set_len(200 * MIB).unwrap();
    let restored = place.restore("debian", &larger);
    assert!(restored["notes"].to_string().contains("larger"), "{restored}");
    let checked = run("sgdisk", &["-v", &larger]);
    assert!(
        String::from_utf8_lossy(&checked.stdout).contains("No problems found"),
        "{checked:?}"
    );
    assert_eq!(
        files_on(&disk, place.folder.path(), 64),
        files_on(Path::new(&larger), place.folder.path(), 64)
    );

    let smaller = place.path("smaller");
    File::create(&smaller).unwrap().set_len(60 * MIB).unwrap();
    let (code, answer) = imager(&["restore", "debian", &smaller, "--store", &place.path("store")]);
    assert_eq!(code, 3);
    assert_eq!(answer["error"]["code"], "disk-too-small");
    assert!(
        answer["error"]["message"]
            .to_string()
            .contains(&(60 * MIB).to_string()),
        "{answer}"
    );
    assert!(!answer["error"]["remedy"].as_str().unwrap().is_empty());
    assert!(
        fs::read(&smaller).unwrap().iter().all(|byte| *byte == 0),
        "nothing was written"
    );
}

#[test]
fn wrong_words_exit_with_2_what_is_not_there_with_1_and_a_refusal_with_3() {
    let place = Place::new();
    let store = place.path("store");
    assert_eq!(
        imager_command(&["capture"]).output().unwrap().status.code(),
        Some(2)
    );
    assert_eq!(
        imager_command(&["list", "--store", &store, "--wrong"])
            .output()
            .unwrap()
            .status
            .code(),
        Some(2)
    );
    assert_eq!(
        imager_command(&["capture", "x", "--store", &store, "--name", "../x"])
            .output()
            .unwrap()
            .status
            .code(),
        Some(2)
    );
    for words in [
        &["delete", "x", "--store", &store][..],
        &[
            "restore",
            "x",
            &place.path("target"),
            "--store",
            &store,
            "--key",
            "zz",
        ],
    ] {
        assert_eq!(
            imager_command(words).output().unwrap().status.code(),
            Some(2),
            "{words:?}"
        );
    }
    assert_eq!(imager(&["show", "nothing", "--store", &store]).0, 1);
    assert_eq!(
        imager(&[
            "capture",
            &place.path("no-disk"),
            "--store",
            &store,
            "--name",
            "x"
        ])
        .0,
        1
    );
    assert_eq!(imager(&["init", &store]).0, 3);
    let key = place.folder.path().join("store/key.pem");
    fs::rename(&key, place.path("key")).unwrap();
    fs::write(place.path("something"), "something").unwrap();
    let (code, answer) = imager(&[
        "capture",
        &place.path("something"),
        "--store",
        &store,
        "--name",
        "x",
    ]);
    assert_eq!(code, 1);
    assert!(
        answer["error"]["remedy"].as_str().unwrap().contains("key.pem"),
        "{answer}"
    );
    fs::rename(place.path("key"), &key).unwrap();
    let lock = File::open(place.folder.path().join("store/writer.lock")).unwrap();
    lock.lock().unwrap();
    File::create(place.path("disk")).unwrap().set_len(MIB).unwrap();
    let (code, answer) = imager(&["capture", &place.path("disk"), "--store", &store, "--name", "x"]);
    assert_eq!((code, answer["error"]["code"].as_str()), (3, Some("busy")));
    assert!(
        answer["error"]["remedy"]
            .as_str()
            .unwrap()
            .contains("amorce serve"),
        "{answer}"
    );
}

#[test]
fn deleting_can_be_undone_until_garbage_is_collected() {
    let place = Place::new();
    let store = place.path("store");
    fs::write(place.path("disk"), noise(3, 3_000_000)).unwrap();
    place.capture(Path::new(&place.path("disk")), "master");
    done(&["delete", "master@1", "--store", &store]);
    assert_eq!(
        imager(&["restore", "master", &place.path("target"), "--store", &store]).0,
        1
    );
    done(&["delete", "master@1", "--undo", "--store", &store]);
    place.restore("master", &place.path("target"));
    assert_eq!(
        fs::read(place.path("target")).unwrap(),
        fs::read(place.path("disk")).unwrap()
    );
    done(&["delete", "master@1", "--store", &store]);
    let collected = done(&["gc", "--store", &store]);
    assert_eq!(collected["bytes_after"], 0, "{collected}");
    assert_eq!(done(&["stats", "--store", &store])["chunks"], 0);
    assert_eq!(
        done(&["list", "--store", &store])["masters"],
        serde_json::json!([])
    );
}

/// Kills a command as soon as a file is longer than `bytes`; false if it ended before.
fn kill_when_longer(mut child: Child, bytes: u64, length: impl Fn() -> u64) -> bool {
    loop {
        if length() > bytes {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::yield_now();
    }
}

fn bytes_below(folder: &Path) -> u64 {
    let mut sum = 0;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        sum += if path.is_dir() {
            bytes_below(&path)
        } else {
            path.metadata().map_or(0, |metadata| metadata.len())
        };
    }
    sum
}

#[test]
fn a_killed_capture_and_a_killed_restore_are_resumed() {
    let place = Place::new();
    let store = place.folder.path().join("store");
    let disk = place.path("disk");
    fs::write(&disk, noise(4, 150_000_000)).unwrap();
    let start = |arguments: &[&str]| {
        imager_command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let child = start(&[
        "capture",
        &disk,
        "--store",
        store.to_str().unwrap(),
        "--name",
        "master",
    ]);
    assert!(
        kill_when_longer(child, 40_000_000, || bytes_below(&store)),
        "it must be killed in the middle"
    );
    assert_eq!(done(&["verify", "--store", store.to_str().unwrap()])["ok"], true);
    let captured = place.capture(Path::new(&disk), "master");
    let new = captured["bytes_new"].as_u64().unwrap();
    assert!(new < 115_000_000, "{new} bytes were sent again");

    let target = place.path("target");
    let child = start(&["restore", "master", &target, "--store", store.to_str().unwrap()]);
    let allocated = || {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(&target).map_or(0, |metadata| metadata.blocks() * 512)
    };
    assert!(
        kill_when_longer(child, 50_000_000, allocated),
        "it must be killed in the middle"
    );
    let restored = place.restore("master", &target);
    assert!(
        restored["bytes_new"].as_u64().unwrap() < 110_000_000,
        "{restored}"
    );
    assert!(fs::read(&target).unwrap() == fs::read(&disk).unwrap());
}

#[test]
fn what_is_not_there_or_signed_by_another_leaves_the_target_as_it_was() {
    let place = Place::new();
    let store = place.path("store");
    fs::write(place.path("disk"), noise(4, 3_000_000)).unwrap();
    place.capture(Path::new(&place.path("disk")), "master");
    let target = place.path("target");
    let key = "00".repeat(32);
    let (code, answer) = imager(&["restore", "master", &target, "--store", &store, "--key", &key]);
    assert_eq!((code, answer["error"]["code"].as_str()), (1, Some("signature")));
    assert!(!Path::new(&target).exists());
    // A frame is damaged, and since `verify` that is known.
    let open = place.folder.path().join("store/open");
    let pack = fs::read_dir(open).unwrap().next().unwrap().unwrap().path();
    let file = fs::OpenOptions::new().write(true).open(pack).unwrap();
    file.write_all_at(b"damage", 500_000).unwrap();
    fs::write(&target, noise(5, 3_000_000)).unwrap();
    // Before anybody knows, it shows when the frame is decoded; the message says what to do.
    let (code, answer) = imager(&["restore", "master", &place.path("other"), "--store", &store]);
    assert_eq!(code, 1);
    assert!(
        answer["error"]["remedy"]
            .as_str()
            .unwrap()
            .contains("imager verify"),
        "{answer}"
    );
    assert_eq!(imager(&["verify", "--store", &store]).0, 1);
    let (code, answer) = imager(&["restore", "master", &target, "--store", &store]);
    assert_eq!((code, answer["error"]["code"].as_str()), (1, Some("missing")));
    assert!(fs::read(&target).unwrap() == noise(5, 3_000_000));
}
