//! Real processes that are killed in the middle of their work. Every finished master stays whole, and what was under way
//! is taken up again or swept. `AMORCE_MATRIX=full` kills a hundred of each.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

const MIB: u64 = 1 << 20;

struct Scene {
    folder: tempfile::TempDir,
    seed: u64,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
            seed,
        };
        scene.done(&["init", &scene.path("store")]);
        fs::write(scene.path("kept.img"), noise(1, 5 * MIB)).unwrap();
        scene.done(&scene.capture("kept").each_ref().map(String::as_str));
        scene
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// The words that capture `NAME.img` as NAME.
    fn capture(&self, name: &str) -> [String; 6] {
        let image = self.path(&format!("{name}.img"));
        ["capture", &image, "--store", &self.path("store"), "--name", name].map(str::to_owned)
    }

    fn command(words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imager"));
        command.args(words);
        command
    }

    fn answer(words: &[&str]) -> Output {
        Self::command(words).arg("--json").output().unwrap()
    }

    #[track_caller]
    fn done(&self, words: &[&str]) -> serde_json::Value {
        let output = Self::answer(words);
        assert!(
            output.status.success(),
            "{words:?}: {} {}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn chance(&mut self, limit: u64) -> u64 {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % limit
    }

    /// Starts the command and kills it as soon as `reached` says so. Whether it was killed in time.
    fn kill_when(words: &[&str], mut reached: impl FnMut() -> bool) -> bool {
        let mut child: Child = Self::command(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while !reached() {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::yield_now();
        }
        child.kill().unwrap();
        !child.wait().unwrap().success()
    }

    #[track_caller]
    fn assert_kept_is_whole(&self) {
        let store = self.path("store");
        assert_eq!(self.done(&["verify", "--store", &store])["ok"], true);
        let target = self.path("fresh.img");
        fs::write(&target, b"").unwrap();
        fs::OpenOptions::new()
            .write(true)
            .open(&target)
            .unwrap()
            .set_len(5 * MIB)
            .unwrap();
        self.done(&["restore", "kept", &target, "--store", &store]);
        assert!(fs::read(&target).unwrap() == noise(1, 5 * MIB));
    }
}

fn rounds() -> u64 {
    match std::env::var("AMORCE_MATRIX") {
        Ok(word) if word == "full" => 100,
        _ => 4,
    }
}

fn noise(mut seed: u64, length: u64) -> Vec<u8> {
    let length = usize::try_from(length).unwrap();
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

/// Bytes of all files below a folder.
fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths
        .iter()
        .map(|path| match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => bytes_below(path),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}

#[test]
fn a_capture_killed_at_any_point_is_taken_up_again_and_harms_nothing() {
    let mut scene = Scene::new(3);
    let store = PathBuf::from(scene.path("store"));
    let mut killed = 0;
    for round in 0..rounds() {
        // More than a pack, and new each time.
        let length = 40 * MIB;
        fs::write(scene.path("new.img"), noise(100 + round, length)).unwrap();
        let words = scene.capture("new");
        let words = words.each_ref().map(String::as_str);
        let before = bytes_below(&store);
        let wanted = before + scene.chance(length);
        killed += u64::from(Scene::kill_when(&words, || bytes_below(&store) >= wanted));
        scene.assert_kept_is_whole();
        let kept = bytes_below(&store) - before;
        let again = scene.done(&words);
        assert_eq!(again["bytes_disk"], length);
        let new = again["bytes_new"].as_u64().unwrap();
        assert!(
            new + kept < length + 4 * MIB,
            "{new} were sent although {kept} were there"
        );
    }
    assert!(
        killed * 2 >= rounds(),
        "{killed} of {} were killed in time",
        rounds()
    );
    // Every number was given once, and each version can be put back.
    let target = scene.path("target.img");
    fs::write(&target, noise(7, 40 * MIB)).unwrap();
    let newest = scene.done(&["restore", "new", &target, "--store", &scene.path("store")]);
    assert!(newest["bytes_written"].as_u64().unwrap() > 0);
    assert!(fs::read(&target).unwrap() == noise(100 + rounds() - 1, 40 * MIB));
}

#[test]
fn a_restore_killed_at_any_point_is_ended_by_the_next_one() {
    let mut scene = Scene::new(5);
    let store = scene.path("store");
    let target = scene.path("target.img");
    for _ in 0..rounds() {
        let _ = fs::remove_file(&target);
        fs::File::create(&target).unwrap().set_len(5 * MIB).unwrap();
        // Blocks of 512 bytes that were written so far: the target begins as one hole.
        let wanted = scene.chance(5 * MIB / 512);
        let words = ["restore", "kept", &target, "--store", &store];
        Scene::kill_when(&words, || fs::metadata(&target).unwrap().blocks() >= wanted);
        scene.done(&words);
        assert!(fs::read(&target).unwrap() == noise(1, 5 * MIB));
    }
    scene.assert_kept_is_whole();
}

#[test]
fn deletions_collections_and_checks_killed_at_any_point_lose_nothing() {
    let mut scene = Scene::new(11);
    let store = scene.path("store");
    for round in 0..rounds() {
        fs::write(
            scene.path("dead.img"),
            [noise(500 + round, 3 * MIB), noise(1, MIB)].concat(),
        )
        .unwrap();
        let words = scene.capture("dead");
        scene.done(&words.each_ref().map(String::as_str));
        for words in [
            vec!["delete", &format!("dead@{}", round + 1), "--store", &store],
            vec!["gc", "--store", &store],
            vec!["verify", "--store", &store],
        ] {
            let mut patience = scene.chance(3000);
            Scene::kill_when(&words, || {
                patience = patience.saturating_sub(1);
                patience == 0
            });
        }
        scene.assert_kept_is_whole();
        let versions = scene.done(&["list", "--store", &store]);
        let text = versions.to_string();
        assert!(text.contains("kept"), "{text}");
    }
    for round in 0..rounds() {
        // Some deletions were killed before they did anything, or after they had done everything.
        let _ = Scene::answer(&["delete", &format!("dead@{}", round + 1), "--store", &store]);
    }
    scene.done(&["gc", "--store", &store]);
    scene.assert_kept_is_whole();
    // A pack of which three fifths live is left as it is.
    let left = bytes_below(Path::new(&store));
    assert!(left < 9 * MIB, "what was under way is swept: {left}");
}
