//! Process 1: prepares the system, keeps the agent alive, never ends.

mod memory;
mod mounts;
mod power;
pub mod run_folder;

pub use memory::peak_memory;
pub use mounts::mount_firmware_variables;
pub use power::{local_boot_next, power_off, restart};

use crate::{module, screen};
use nix::{
    errno::Errno,
    sys::wait::{WaitPidFlag, WaitStatus, waitpid},
    unistd::Pid,
};
use std::{
    io::Read,
    process::{Child, Command},
    time::{Duration, Instant},
};

/// An agent that lived this long did not fail because of what it met at its start.
const SOUND_LIFE: Duration = Duration::from_secs(60);
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Runs as process 1. Returns never: the kernel would panic.
pub fn run() -> ! {
    let mut troubles = mounts::mount_all();
    screen::install_panic_hook("init");
    if let Err(error) = run_folder::create() {
        troubles.push(error.to_string());
    }
    quieten_kernel();
    screen::say(&format!("amorce {}: starting", env!("CARGO_PKG_VERSION")));
    gather_randomness();
    for trouble in troubles {
        screen::say(&format!("warning: {trouble}"));
    }
    if let Err(error) = std::thread::Builder::new()
        .name("modules".into())
        .spawn(module::attend_devices)
    {
        screen::say(&format!(
            "cannot start loading modules: {error}; restart the machine"
        ));
    }
    supervise()
}

/// Makes the kernel gather random numbers while modules load: it begins only when somebody waits for them, and on a machine
/// whose processor has none to offer TLS would be the first to ask, seconds later.
fn gather_randomness() {
    let thread = std::thread::Builder::new().name("randomness".into());
    let _ = thread.spawn(await_randomness);
}

/// Returns when the kernel has good random numbers.
pub fn await_randomness() {
    if let Ok(mut file) = std::fs::File::open("/dev/random") {
        let _ = file.read_exact(&mut [0u8; 1]);
    }
}

/// Starts the agent again whenever it ends, and takes in every orphan.
fn supervise() -> ! {
    let mut pause = SHORTEST_PAUSE;
    loop {
        let started = Instant::now();
        match start_agent() {
            Ok(child) => {
                let end = wait_for(Pid::from_raw(i32::try_from(child.id()).unwrap_or(0)));
                screen::say(&format!(
                    "the agent ended ({end}); it is started again and goes on where it was"
                ));
            }
            Err(error) => {
                screen::say(&format!(
                    "the agent does not start: {error}; if it stays so, restart the machine"
                ));
            }
        }
        pause = if started.elapsed() > SOUND_LIFE {
            SHORTEST_PAUSE
        } else {
            (pause * 2).min(LONGEST_PAUSE)
        };
        std::thread::sleep(pause);
    }
}

fn start_agent() -> std::io::Result<Child> {
    Command::new("/proc/self/exe")
        .arg("agent")
        .current_dir("/")
        .spawn()
}

/// Waits until this child has ended; takes in whatever else ends meanwhile. Says how it ended.
fn wait_for(agent: Pid) -> String {
    loop {
        match waitpid(None::<Pid>, None::<WaitPidFlag>) {
            Ok(WaitStatus::Exited(pid, code)) if pid == agent => return format!("exit code {code}"),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == agent => return format!("signal {signal}"),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return error.to_string(),
        }
    }
}

/// Keeps the kernel's warnings off the screen that technicians read; errors still show, everything stays in its log.
fn quieten_kernel() {
    let _ = std::fs::write("/proc/sys/kernel/printk", "4 4 1 7\n");
}
