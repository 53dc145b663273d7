//! The rules of the house, read from the workspace itself: who imports whom, what stays out of where, how long a file is.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Who may import whom. Any other edge between our own crates is a mistake, in tests as well.
const ALLOWED: [(&str, &[&str]); 12] = [
    ("protocol", &[]),
    ("imager", &["protocol"]),
    ("depot", &["protocol", "imager"]),
    ("init", &["protocol", "imager", "depot"]),
    ("packer", &["protocol"]),
    ("catalog", &["protocol"]),
    ("bootd", &["protocol"]),
    ("control", &["protocol", "catalog", "depot"]),
    ("webui", &[]),
    (
        "appliance",
        &[
            "protocol", "imager", "depot", "packer", "catalog", "bootd", "control", "webui",
        ],
    ),
    ("xtask", &["protocol", "packer"]),
    ("tests", &["protocol"]),
];

/// Crates that must never see an asynchronous runtime, not even through somebody else.
const WITHOUT_TOKIO: [&str; 3] = ["protocol", "imager", "catalog"];

const LONGEST_FILE: usize = 600;

#[test]
fn our_crates_import_only_whom_the_house_allows() {
    let metadata = metadata(&["--no-deps"]);
    let packages = metadata["packages"].as_array().unwrap();
    let ours: BTreeSet<&str> = packages
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.into_iter().collect();
    let mut mistakes = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let Some(may) = allowed.get(name) else {
            mistakes.push(format!(
                "{name} has no rule; add one here and to docs/architecture.md"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let other = dependency["name"].as_str().unwrap();
            if ours.contains(other) && other != name && !may.contains(&other) {
                mistakes.push(format!("{name} must not import {other}"));
            }
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn the_asynchronous_runtime_stays_out_of_the_synchronous_crates() {
    for name in WITHOUT_TOKIO {
        let tree = cargo(&[
            "tree",
            "--package",
            name,
            "--edges",
            "normal,build",
            "--all-features",
            "--prefix",
            "none",
        ]);
        let guests: Vec<&str> = tree.lines().filter(|line| line.starts_with("tokio ")).collect();
        assert!(guests.is_empty(), "{name} depends on {guests:?}");
    }
}

#[test]
fn sql_lives_in_the_catalog_only() {
    let metadata = metadata(&["--no-deps"]);
    for package in metadata["packages"].as_array().unwrap() {
        let uses = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["name"] == "rusqlite");
        assert!(
            !uses || package["name"] == "catalog",
            "{} imports rusqlite",
            package["name"]
        );
    }
}

#[test]
fn no_source_file_is_too_long_to_read() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            (lines > LONGEST_FILE).then(|| format!("{} has {lines} lines", path.display()))
        })
        .collect();
    assert!(
        long.is_empty(),
        "split these ({LONGEST_FILE} lines at most):\n{}",
        long.join("\n")
    );
}

#[test]
fn every_crate_explains_itself() {
    for package in metadata(&["--no-deps"])["packages"].as_array().unwrap() {
        let folder = Path::new(package["manifest_path"].as_str().unwrap())
            .parent()
            .unwrap();
        let readme = fs::read_to_string(folder.join("README.md")).unwrap_or_default();
        assert!(
            readme.lines().count() >= 3,
            "{} has no README.md of a few lines",
            folder.display()
        );
    }
}

fn metadata(words: &[&str]) -> Value {
    let mut all = vec!["metadata", "--format-version", "1"];
    all.extend(words);
    serde_json::from_str(&cargo(&all)).unwrap()
}

fn cargo(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(words)
        .current_dir(checkout())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo {words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Rust and TypeScript that people write.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![checkout()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && !["target", "node_modules", "dist"].contains(&name.as_str()) {
                    waiting.push(path);
                }
            } else if [".rs", ".ts", ".tsx"].iter().any(|end| name.ends_with(end)) && !is_generated(&path) {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 50, "only {} source files were found", found.len());
    found
}

fn is_generated(path: &Path) -> bool {
    fs::read_to_string(path)
        .unwrap()
        .lines()
        .take(12)
        .any(|line| line.to_ascii_lowercase().contains("generated"))
}
