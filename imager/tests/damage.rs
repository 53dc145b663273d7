//! Damage in a store: named down to the files, and healed by the same content.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn imager(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imager"));
    command.args(words).arg("--json").output().unwrap()
}

#[track_caller]
fn answer(words: &[&str]) -> serde_json::Value {
    let output = imager(words);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{words:?}: {error}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new()
        .update(&[seed])
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// So far behind in a file that the frame holds nothing of what the filesystem itself needs.
const LATE: usize = (1 << 20) - 8192;

fn packs(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(packs(&path)),
            path if path.extension().is_some_and(|extension| extension == "pack") => found.push(path),
            _ => {}
        }
    }
    found
}

/// Changes a byte of a file's contents, wherever the store keeps it.
fn damage(store: &Path, contents: &[u8]) {
    for pack in packs(store) {
        let bytes = fs::read(&pack).unwrap();
        if let Some(at) = bytes
            .windows(64)
            .position(|window| window == &contents[LATE..LATE + 64])
        {
            let file = fs::OpenOptions::new().write(true).open(&pack).unwrap();
            file.write_all_at(&[!bytes[at]], at as u64).unwrap();
            return;
        }
    }
    panic!("no pack has these bytes");
}

#[test]
fn verify_names_the_files_that_damage_touches_and_a_capture_of_the_same_content_heals_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (store, image, tree) = (path("store"), path("disk.img"), path("tree"));
    fs::create_dir_all(folder.path().join("tree/etc/deep")).unwrap();
    // Long enough to have frames of their own.
    let files = ["etc/deep/fine", "etc/fine", "hurt"];
    for (seed, name) in (1..).zip(files) {
        fs::write(folder.path().join("tree").join(name), noise(seed, 1 << 20)).unwrap();
    }
    fs::File::create(&image).unwrap().set_len(16 << 20).unwrap();
    let made = Command::new("mke2fs")
        .args(["-q", "-F", "-t", "ext4", "-d", &tree, &image])
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .status()
        .unwrap();
    assert!(made.success());
    assert!(imager(&["init", &store]).status.success());
    let capture = ["capture", &image, "--store", &store, "--name", "school"];
    assert_eq!(answer(&capture)["version"], 1);
    assert_eq!(answer(&["verify", "--store", &store])["ok"], true);

    damage(Path::new(&store), &noise(3, 1 << 20));
    let output = imager(&["verify", "--store", &store]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["ok"], false);
    let master = &report["masters"][0];
    let named: Vec<&str> = master["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file.as_str().unwrap())
        .collect();
    assert!(named.contains(&"0:/hurt"), "{report}");
    assert!(!named.contains(&"0:/etc/deep/fine"), "{report}");
    assert_eq!(master["files_damaged"].as_u64().unwrap(), named.len() as u64);
    assert!(!master["ranges"].as_array().unwrap().is_empty());

    let healed = answer(&capture);
    let new = healed["bytes_new"].as_u64().unwrap();
    assert!(
        (1..3 << 20).contains(&new),
        "only what was damaged is stored again: {healed}"
    );
    let report = answer(&["verify", "--store", &store]);
    assert_eq!(report["masters"].as_array().unwrap().len(), 0, "{report}");
    let target = path("target.img");
    fs::File::create(&target).unwrap().set_len(16 << 20).unwrap();
    let restored = imager(&["restore", "school@1", &target, "--store", &store]);
    assert!(
        restored.status.success(),
        "{}",
        String::from_utf8_lossy(&restored.stdout)
    );
}
