//! Kernel modules: loaded for every device that is there, and for every one that appears later.

mod device;
mod firmware;
mod loader;
mod order;

pub use firmware::missing_firmware;
pub use loader::Loader;

use crate::{process::run_folder, screen};
use device::Uevents;
use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

/// Name of the file under `/run/amorce` that appears once no new device has turned up for a while.
pub const SETTLED_FILE: &str = "devices-settled";
/// So long must nothing have appeared: USB ports debounce for 100 ms, disks spin up behind their driver's back.
const QUIET: Duration = Duration::from_millis(700);
/// After this long it counts as settled whatever still comes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Needed although no device asks for them by alias.
const ALWAYS: [&str; 2] = ["efivarfs", "vfat"];

/// Loads modules for what is there, then for what appears. A thread of process 1; returns only if it cannot work.
pub fn attend_devices() {
    let mut loader = match Loader::open() {
        Ok(loader) => loader,
        Err(error) => {
            screen::say(&format!("no kernel modules: {error}; only what the kernel has built in will work"));
            settle();
            return;
        }
    };
    // Listening comes first: what appears while we walk is in one of the two.
    let events = Uevents::listen();
    if let Err(error) = &events {
        screen::say(&format!("cannot listen for new devices: {error}; plug everything in and restart the machine"));
    }
    let started = Instant::now();
    let mut seen = BTreeSet::new();
    for name in ALWAYS {
        report(loader.load(name));
    }
    // A driver makes new devices, which need drivers: walk until nothing new is found.
    while load_new(&mut loader, &mut seen) {}
    crate::process::mount_firmware_variables();
    let mut quiet_since = Instant::now();
    let mut settled = false;
    loop {
        let event = match &events {
            Ok(events) => events.next(QUIET / 4),
            Err(_) => {
                std::thread::sleep(QUIET / 4);
                None
            }
        };
        if let Some(alias) = event {
            // An event may be lost when many come at once; the walk finds what it was about.
            let mut new = seen.insert(alias.clone());
            if new {
                report(loader.load(&alias));
            }
            new |= load_new(&mut loader, &mut seen);
            if new {
                quiet_since = Instant::now();
            }
        }
        if !settled && (quiet_since.elapsed() > QUIET || started.elapsed() > PATIENCE) {
            load_new(&mut loader, &mut seen);
            screen::log(&format!("{} kernel modules loaded in {:.1} s", loader.loaded(), started.elapsed().as_secs_f64()));
            settle();
            settled = true;
        }
        if settled && events.is_err() {
            return;
        }
    }
}

/// Whether devices have settled.
#[must_use]
pub fn devices_settled() -> bool {
    run_folder::path(SETTLED_FILE).exists()
}

/// `/sbin/modprobe [-q] [--] NAME…`, as the kernel calls it. The exit code is 0 if there was something to load.
#[must_use]
pub fn answer_request(arguments: impl Iterator<Item = String>) -> u8 {
    let Ok(mut loader) = Loader::open() else {
        return 1;
    };
    let mut found = false;
    for name in arguments.filter(|argument| !argument.starts_with('-')) {
        found |= report(loader.load(&name));
    }
    u8::from(!found)
}

/// Loads for every device not seen before. Says whether there was one.
fn load_new(loader: &mut Loader, seen: &mut BTreeSet<String>) -> bool {
    let mut new = false;
    for alias in device::find_aliases(Path::new("/sys/devices")) {
        if seen.insert(alias.clone()) {
            new = true;
            report(loader.load(&alias));
        }
    }
    new
}

/// Keeps what did not load in the log. Says whether there was anything to load.
fn report(outcomes: Vec<loader::Outcome>) -> bool {
    for outcome in &outcomes {
        if let Err(error) = &outcome.result {
            screen::log(&format!("module {}: {error}", outcome.name));
        }
    }
    !outcomes.is_empty()
}

fn settle() {
    if let Err(error) = run_folder::write(SETTLED_FILE, b"") {
        screen::say(&format!("cannot write below {}: {error}", run_folder::FOLDER));
    }
}
