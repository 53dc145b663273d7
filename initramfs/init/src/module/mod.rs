//! Kernel modules: loaded for every device that is there, and for every one that appears later.

mod device;
mod firmware;
mod loader;
mod order;

pub use firmware::missing_firmware;
pub use loader::Loader;

use crate::{process::run_folder, screen};
use device::{Appeared, Uevents};
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
            screen::say(&format!(
                "no kernel modules: {error}; only what the kernel has built in will work"
            ));
            settle();
            return;
        }
    };
    // Listening comes first: what appears while we walk is in one of the two.
    let events = Uevents::listen();
    if let Err(error) = &events {
        screen::say(&format!(
            "cannot listen for new devices: {error}; plug everything in and restart the machine"
        ));
    }
    let started = Instant::now();
    let mut seen = BTreeSet::new();
    for name in ALWAYS {
        report(loader.load(name));
    }
    crate::process::mount_firmware_variables();
    load_new(&mut loader, &mut seen);
    screen::log(&format!(
        "first devices served after {:.1} s",
        started.elapsed().as_secs_f64()
    ));
    // A driver makes new devices, which need drivers: from here on each announces itself.
    let mut quiet_since = Instant::now();
    let mut settled = false;
    loop {
        let new = match events.as_ref().map(|events| events.next(QUIET / 4)) {
            Ok(Appeared::Device(alias)) => seen.insert(alias.clone()) && report(loader.load(&alias)),
            // Walking through all devices takes a while; only where we were not told.
            Ok(Appeared::TooMany) => load_new(&mut loader, &mut seen),
            Ok(Appeared::Nothing) => false,
            Err(_) => {
                std::thread::sleep(QUIET / 4);
                load_new(&mut loader, &mut seen)
            }
        };
        if new {
            quiet_since = Instant::now();
        }
        if !settled && (quiet_since.elapsed() > QUIET || started.elapsed() > PATIENCE) {
            settled = !load_new(&mut loader, &mut seen) || started.elapsed() > PATIENCE;
            if settled {
                let seconds = started.elapsed().as_secs_f64();
                screen::log(&format!(
                    "{} kernel modules loaded, devices settled after {seconds:.1} s",
                    loader.loaded()
                ));
                settle();
            }
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

/// Loads for every device not seen before. Says whether something was loaded.
fn load_new(loader: &mut Loader, seen: &mut BTreeSet<String>) -> bool {
    let mut new = false;
    for alias in device::find_aliases(Path::new("/sys/devices")) {
        if seen.insert(alias.clone()) {
            // A device that nothing drives brings no other.
            new |= report(loader.load(&alias));
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
