//! The appliance's disk is full while a machine sends.

use crate::{appliance::Appliance, master::Master, master::version, runtime};
use depot::server::Right;
use imager::{ErrorKind, exchange::ChunkSink};
use std::{
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

/// A small filesystem in memory on a folder, until this is dropped.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(folder: &'a Path, options: &str) -> Self {
        run("mount", &["-t", "tmpfs", "-o", options, "tmpfs"], folder);
        Self(folder)
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        run("umount", &["--lazy"], self.0);
    }
}

fn run(program: &str, arguments: &[&str], folder: &Path) {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let done = Command::new(program)
        .args(arguments)
        .arg(folder)
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{program}: {said}; this test runs as root");
}

#[test]
fn a_capture_ends_with_the_remedy_when_the_disk_of_the_appliance_is_full_and_the_next_goes_on() {
    let runtime = runtime();
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let small = Small::mount(folder.path(), "size=4m");
    let appliance = Appliance::start_in(&runtime, Arc::clone(&folder));
    let upload = |master: &Master| Right::Upload {
        master: master.root.name.clone(),
    };
    let kept = Master::new("kept", 1, 12, 64 << 10);
    let signed = kept.put(&appliance.client(&runtime, upload(&kept))).unwrap();

    let large = Master::new("large", 2, 96, 64 << 10);
    let (_, ids) = large.segment(0);
    // Sending answers when a frame is on its way: what has arrived is asked for.
    let first = appliance.client(&runtime, upload(&large));
    first.put_frame(large.frames[0].clone()).unwrap();
    let begin = Instant::now();
    while !first.lacking(&ids).unwrap().contains(&false) {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "the first frame does not arrive"
        );
    }
    drop(first);
    let error = large
        .put(&appliance.client(&runtime, upload(&large)))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{}", error.chain());
    assert!(error.remedy().unwrap().contains("make room"), "{}", error.chain());
    assert_eq!(error.to_problem().code, "storage-full");
    let depot = &appliance.state.depot;
    assert_eq!(depot.masters().unwrap().len(), 1);
    depot.check_complete(&version(&signed)).unwrap();

    run("mount", &["-o", "remount,size=32m"], folder.path());
    let client = appliance.client(&runtime, upload(&large));
    let lacking = client.lacking(&ids).unwrap();
    assert!(
        lacking.contains(&false),
        "what arrived before need not be sent again"
    );
    let signed = large.put(&client).unwrap();
    depot.check_complete(&version(&signed)).unwrap();
    drop((client, appliance));
    drop(small);
}
