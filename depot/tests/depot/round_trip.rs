//! Capture → depot → restore over TLS, by the engine itself.

use crate::{
    appliance::Appliance,
    line::{Line, Way},
    master::noise,
    runtime,
};
use depot::{
    client::DepotClient,
    server::{PublicKey, Right},
};
use imager::{
    Phase, Progress, Unwatched,
    capture::{CaptureOptions, Captured, capture},
    restore::{RestoreOptions, Restored, restore},
    target::TargetDisk,
};
use protocol::MasterName;
use std::{
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

/// Noise, text that compresses, zeros, and noise again that was there before.
fn disk(seed: u64) -> Vec<u8> {
    let mut disk = noise(seed, 0, 5 << 20);
    disk.extend(b"the quick brown fox ".repeat(100_000));
    disk.resize(disk.len().next_multiple_of(1 << 20), 0);
    disk.resize(disk.len() + (4 << 20), 0);
    disk.extend(noise(seed, 0, 2 << 20));
    disk.extend(noise(seed, 1, 3 << 20));
    disk
}

fn name() -> MasterName {
    "debian".parse().unwrap()
}

fn upload() -> Right {
    Right::Upload { master: name() }
}

fn read(version: u32) -> Right {
    Right::Read {
        master: format!("debian@{version}").parse().unwrap(),
    }
}

fn capture_to(client: &DepotClient, disk: &[u8]) -> imager::Result<Captured> {
    capture(&disk, client, &CaptureOptions::new(name()), &Unwatched)
}

fn restore_from(
    client: &DepotClient,
    key: PublicKey,
    target: &Path,
    version: u32,
    progress: &dyn Progress,
) -> imager::Result<Restored> {
    let len = std::fs::metadata(target).unwrap().len();
    let target = TargetDisk::open(target, len, 512)?;
    let options = RestoreOptions::new(format!("debian@{version}").parse().unwrap(), key);
    restore(client, &target, &options, progress)
}

fn blank(folder: &Path, len: usize) -> std::path::PathBuf {
    let path = folder.join("target");
    std::fs::File::create(&path).unwrap().set_len(len as u64).unwrap();
    path
}

#[test]
fn a_disk_captured_through_the_depot_is_restored_byte_for_byte_and_only_what_differs_travels() {
    let runtime = runtime();
    let appliance = Appliance::start(&runtime);
    let key = appliance.state.depot.public_key();
    let mut disk = disk(1);
    let client = appliance.client(&runtime, upload());
    let first = capture_to(&client, &disk).unwrap();
    assert_eq!(first.root.version, 1);
    let sent = client.connection().bytes_sent();
    assert!(
        sent < 9 << 20,
        "the repeated noise and the zeros stay at home: {sent}"
    );
    let target = blank(appliance.folder.path(), disk.len());
    let client = appliance.client(&runtime, read(1));
    let restored = restore_from(&client, key, &target, 1, &Unwatched).unwrap();
    assert!(std::fs::read(&target).unwrap() == disk);
    assert!(restored.counts.bytes_written > 9 << 20);
    let expected = restored.estimate.bytes_fetched.unwrap();
    let received = client.connection().bytes_received();
    assert!(
        expected.abs_diff(received) < received / 20,
        "{expected} were expected, {received} came"
    );

    let before = client.connection().bytes_received();
    let restored = restore_from(&client, key, &target, 1, &Unwatched).unwrap();
    assert_eq!(
        (restored.counts.bytes_written, restored.counts.chunks_new),
        (0, 0)
    );
    assert!(
        client.connection().bytes_received() - before < 100_000,
        "manifest only"
    );

    disk[1_000_000..1_000_100].fill(7);
    let client = appliance.client(&runtime, upload());
    let second = capture_to(&client, &disk).unwrap();
    assert_eq!(second.root.version, 2);
    assert!(
        client.connection().bytes_sent() < 2 << 20,
        "{}",
        client.connection().bytes_sent()
    );
    let client = appliance.client(&runtime, read(2));
    let restored = restore_from(&client, key, &target, 2, &Unwatched).unwrap();
    assert!(std::fs::read(&target).unwrap() == disk);
    let expected = restored.estimate.bytes_fetched.unwrap();
    let received = client.connection().bytes_received();
    assert!(
        expected.abs_diff(received) < received / 4,
        "{expected} were expected, {received} came"
    );
    // The chunk that changed, and the first and the last: there the disk was made unbootable meanwhile.
    let received = client.connection().bytes_received();
    assert!(received < (3 * 512 + 100) << 10, "{received}");
}

#[test]
fn capture_and_restore_survive_a_line_that_is_cut_again_and_again() {
    let runtime = runtime();
    let appliance = Appliance::start(&runtime);
    let disk = disk(2);
    appliance.grant("capture", upload());
    appliance.grant("restore", read(1));
    let cuts: Vec<usize> = (1..12).map(|turn| turn * 397_003 % 2_500_000).collect();
    let line = Line::open(&runtime, appliance.address, Way::Up, &cuts);
    let client = DepotClient::new(
        appliance.connection(line.address, "capture"),
        runtime.handle().clone(),
    );
    capture_to(&client, &disk).unwrap();
    assert!(
        line.left.lock().unwrap().len() < cuts.len() / 2,
        "most cuts happened"
    );
    let line = Line::open(&runtime, appliance.address, Way::Down, &cuts);
    let client = DepotClient::new(
        appliance.connection(line.address, "restore"),
        runtime.handle().clone(),
    );
    let target = blank(appliance.folder.path(), disk.len());
    restore_from(
        &client,
        appliance.state.depot.public_key(),
        &target,
        1,
        &Unwatched,
    )
    .unwrap();
    assert!(
        line.left.lock().unwrap().len() < cuts.len() / 2,
        "most cuts happened"
    );
    assert!(std::fs::read(&target).unwrap() == disk);
}

/// Says once that the middle was reached.
struct Middle {
    reached: Mutex<mpsc::Sender<()>>,
    said: AtomicBool,
    phase: Phase,
}

impl Progress for Middle {
    fn report(&self, phase: Phase, done: u64, total: u64) {
        if phase == self.phase && done * 3 > total && !self.said.swap(true, Ordering::SeqCst) {
            self.reached.lock().unwrap().send(()).unwrap();
        }
    }
}

#[test]
fn an_appliance_that_dies_in_the_middle_and_starts_again_ends_the_job() {
    let machine = runtime();
    let first_life = runtime();
    let appliance = Appliance::start(&first_life);
    let key = appliance.state.depot.public_key();
    appliance.grant("capture", upload());
    appliance.grant("restore", read(1));
    // A line that carries slowly enough is not needed: the middle is reached long before the end of 40 MiB.
    let disk = noise(9, 0, 40 << 20);
    let client = DepotClient::new(
        appliance.connection(appliance.address, "capture"),
        machine.handle().clone(),
    );
    let reader = DepotClient::new(
        appliance.connection(appliance.address, "restore"),
        machine.handle().clone(),
    );
    let target = blank(appliance.folder.path(), disk.len());

    let (appliance, second_life) = through_a_death(appliance, first_life, Phase::Capturing, |progress| {
        capture(&disk, &client, &CaptureOptions::new(name()), progress).unwrap();
    });
    let (_appliance, _third_life) = through_a_death(appliance, second_life, Phase::Writing, |progress| {
        restore_from(&reader, key, &target, 1, progress).unwrap();
    });
    assert!(std::fs::read(&target).unwrap() == disk);
    // At each death a few frames were under way in each of the engine's fetches.
    let received = reader.connection().bytes_received();
    assert!(received < (40 << 20) + (40 << 20), "{received}");
}

/// Runs work on this thread, while another kills the appliance in the middle of it and starts it again.
fn through_a_death(
    appliance: Appliance,
    life: tokio::runtime::Runtime,
    phase: Phase,
    work: impl FnOnce(&Middle),
) -> (Appliance, tokio::runtime::Runtime) {
    let (sender, receiver) = mpsc::channel();
    let middle = Middle {
        reached: Mutex::new(sender),
        said: AtomicBool::new(false),
        phase,
    };
    std::thread::scope(|scope| {
        let reborn = scope.spawn(move || {
            receiver.recv().unwrap();
            // Tasks, connections and the listener end at once; calls that are in the store end by themselves.
            life.shutdown_background();
            let next = runtime();
            let again = appliance.start_again(&next);
            (again, next)
        });
        work(&middle);
        reborn.join().unwrap()
    })
}
