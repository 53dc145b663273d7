//! Capture and restore over TLS on loopback, both ends in this process: MB/s, and which part of it took the processor.
//!
//! ```text
//! cargo bench -p depot [-- MIB]
//! ```
//!
//! The same store is used without network first; the difference is what the depot costs.
#![allow(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on says so and ends"
)]

#[path = "../tests/depot/appliance.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod appliance;
#[path = "../tests/depot/authority.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod authority;

use appliance::Appliance;
use depot::{client::DepotClient, server::Right};
use imager::{
    Unwatched,
    capture::{CaptureOptions, capture},
    exchange::{ChunkSink, ManifestSource, MasterSource},
    restore::{RestoreOptions, restore},
    signature::PublicKey,
    store::Store,
    target::TargetDisk,
};
use protocol::{
    MasterName,
    job::ReadBack,
    manifest::{EntryKind, Segment},
};
use std::{collections::BTreeMap, time::Instant};
use tokio::runtime::{Builder, Runtime};

fn main() -> anyhow::Result<()> {
    let mib: usize = std::env::args()
        .filter_map(|word| word.parse().ok())
        .next()
        .unwrap_or(512);
    let disk = disk(mib);
    println!(
        "{mib} MiB, half of it compresses to about a half, the rest is noise; {} cores",
        cores()
    );

    let folder = tempfile::tempdir()?;
    let store = Store::init(&folder.path().join("store"))?;
    measure("capture, store in this process", mib, || put(&disk, &store));
    measure("restore, store in this process", mib, || {
        get(&store, store.public_key(), &disk)
    });
    drop(store);

    let machine = named("machine-net");
    let server = named("appliance");
    let appliance = Appliance::start(&server);
    let key = appliance.state.depot.public_key();
    appliance.grant("capture", Right::Upload { master: name() });
    appliance.grant(
        "restore",
        Right::Read {
            master: "bench@1".parse()?,
        },
    );
    let client = |key| {
        DepotClient::new(
            appliance.connection(appliance.address, key),
            machine.handle().clone(),
        )
    };
    let capturing = client("capture");
    measure("capture over TLS", mib, || put(&disk, &capturing));
    let sent = capturing.connection().bytes_sent();
    println!("    {} MB sent", sent / 1_000_000);
    let restoring = client("restore");
    measure("fetch over TLS, nothing decoded or written", mib, || {
        fetch_all(&restoring)
    });
    measure("restore over TLS", mib, || get(&restoring, key, &disk));
    Ok(())
}

fn put(disk: &[u8], sink: &dyn ChunkSink) {
    capture(&disk, sink, &CaptureOptions::new(name()), &Unwatched).expect("the capture ends well");
}

fn get(source: &dyn MasterSource, key: PublicKey, disk: &[u8]) {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let path = folder.path().join("target");
    let file = std::fs::File::create(&path).expect("a file can be made");
    file.set_len(disk.len() as u64).expect("a file can be long");
    let target = TargetDisk::open(&path, disk.len() as u64, 512).expect("the target opens");
    let mut options = RestoreOptions::new("bench@1".parse().expect("it is a name"), key);
    options.read_back = ReadBack::Off;
    restore(source, &target, &options, &Unwatched).expect("the restore ends well");
    drop(target);
    assert!(
        std::fs::read(&path).expect("the target reads") == disk,
        "the disk came back as it was"
    );
}

fn fetch_all(client: &DepotClient) {
    use imager::exchange::ChunkSource;
    let signed = client
        .root(&"bench@1".parse().expect("it is a name"))
        .expect("the root is there");
    let root: protocol::manifest::Root = serde_json::from_slice(&signed.body).expect("the root parses");
    for segment in root.segments {
        let bytes = client.segment(segment.id).expect("the segment is there");
        let entries = Segment::decode(&bytes).expect("the segment parses").entries;
        let mut seen = std::collections::HashSet::new();
        let ids: Vec<_> = entries
            .iter()
            .filter_map(|entry| match entry.kind {
                EntryKind::Data(id) => seen.insert(id).then_some(id),
                _ => None,
            })
            .collect();
        client
            .fetch(segment.id, &ids, &mut |_| Ok(()))
            .expect("the frames are there");
    }
}

/// Runs work and prints its rate, and processor seconds by the names of threads.
fn measure(what: &str, mib: usize, work: impl FnOnce()) {
    let before = processor_seconds();
    let started = Instant::now();
    work();
    let seconds = started.elapsed().as_secs_f64();
    let rate = (mib << 20) as f64 / 1e6 / seconds;
    println!("{what}: {rate:.0} MB/s of disk, {seconds:.2} s");
    for (name, after) in processor_seconds() {
        let used = after - before.get(&name).copied().unwrap_or(0.0);
        if used >= 0.05 {
            println!("    {used:6.2} s of processor: {name}");
        }
    }
}

/// Threads that ended meanwhile are those of the engine: what the process used and no living thread did.
fn processor_seconds() -> BTreeMap<String, f64> {
    let ticks = |stat: String| -> f64 {
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let tick = |place: usize| {
            fields
                .get(place)
                .and_then(|field| field.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        (tick(11) + tick(12)) / 100.0
    };
    let mut seconds = BTreeMap::new();
    let whole = ticks(std::fs::read_to_string("/proc/self/stat").unwrap_or_default());
    let mut living = 0.0;
    for task in std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
    {
        let used = ticks(std::fs::read_to_string(task.path().join("stat")).unwrap_or_default());
        let name = std::fs::read_to_string(task.path().join("comm"))
            .unwrap_or_default()
            .trim()
            .to_owned();
        if name == "appliance" || name == "machine-net" {
            living += used;
            *seconds.entry(name).or_insert(0.0) += used;
        }
    }
    seconds.insert("the engine".to_owned(), whole - living);
    seconds
}

fn named(name: &str) -> Runtime {
    // Blocking threads are kept for the whole run, or their time would count as the engine's.
    let keep = std::time::Duration::from_secs(3600);
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(name)
        .thread_keep_alive(keep)
        .enable_all()
        .build()
        .expect("the system has threads")
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn name() -> MasterName {
    "bench".parse().expect("it is a name")
}

/// Blocks of noise, every second of them with each byte's upper half cleared.
fn disk(mib: usize) -> Vec<u8> {
    let mut disk = vec![0; mib << 20];
    for (number, block) in disk.chunks_mut(64 << 10).enumerate() {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(number as u64).to_le_bytes());
        hasher.finalize_xof().fill(block);
        if number % 2 == 0 {
            block.iter_mut().for_each(|byte| *byte &= 0x0f);
        }
    }
    disk
}
