//! What a technician reads: lines on every console of the kernel, and the keys that answer.

mod keys;
mod layout;
mod ring;
mod words;

pub use keys::{Key, Keys, shell};
pub use layout::{Typed, TypedLine};
pub use ring::cut_beginning;
#[cfg(test)]
pub use words::{ENGLISH, FRENCH};
pub use words::{Words, fill, speak, words};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::{fd::AsFd, unix::fs::OpenOptionsExt},
    path::PathBuf,
    sync::{Mutex, OnceLock, PoisonError},
};

/// Name of the file under `/run/amorce` that keeps what stood on the screen.
pub const SCREEN_FILE: &str = "screen.log";
/// Name of the file under `/run/amorce` that keeps what is of use only after a failure.
pub const LOG_FILE: &str = "agent.log";

/// How long a console may take a piece of text: a serial port without a reader must not stop a restore.
const CONSOLE_PATIENCE_MS: u16 = 300;
/// A line longer than this is cut: firmware texts may be anything.
const LINE_MAX_CHARACTERS: usize = 400;

/// Shows a line, and keeps it.
pub fn say(line: &str) {
    let line = sanitise(line);
    ring::append(SCREEN_FILE, &line);
    show(&line);
}

/// Keeps a line in the log only.
pub fn log(line: &str) {
    ring::append(LOG_FILE, &sanitise(line));
}

/// The end of a kept file.
#[must_use]
pub fn kept(name: &str, limit: usize) -> String {
    ring::read_end(name, limit)
}

/// Shows and keeps what a panic says, naming the program's part. Nothing dies silently.
pub fn install_panic_hook(part: &'static str) {
    std::panic::set_hook(Box::new(move |panic| {
        say(&format!("amorce: a fault in {part}: {panic}"));
        say("this is a bug: please send this text; press r to try again, or restart the machine");
    }));
}

fn show(line: &str) {
    static CONSOLES: OnceLock<Mutex<Vec<File>>> = OnceLock::new();
    let consoles = CONSOLES.get_or_init(|| Mutex::new(open_consoles()));
    let text = format!("{line}\r\n");
    let mut consoles = consoles.lock().unwrap_or_else(PoisonError::into_inner);
    let mut hung_up = false;
    for console in consoles.iter_mut() {
        hung_up |= write_patiently(console, text.as_bytes()).is_err();
    }
    // The end of a shell hangs up its console for everybody who had it open.
    if hung_up {
        *consoles = open_consoles();
        for console in consoles.iter_mut() {
            // A console that fails anew is gone.
            let _ = write_patiently(console, text.as_bytes());
        }
    }
}

/// Devices that the kernel's own messages go to; `/dev/console` alone would be the last of them.
pub(crate) fn console_paths() -> Vec<PathBuf> {
    let active = std::fs::read_to_string("/sys/class/tty/console/active").unwrap_or_default();
    let mut paths: Vec<PathBuf> = active
        .split_ascii_whitespace()
        .map(|name| PathBuf::from("/dev").join(name))
        .collect();
    if paths.is_empty() {
        paths.push("/dev/console".into());
    }
    paths
}

fn open_consoles() -> Vec<File> {
    let flags = nix::fcntl::OFlag::O_NOCTTY | nix::fcntl::OFlag::O_NONBLOCK;
    let open = |path: PathBuf| {
        OpenOptions::new()
            .write(true)
            .custom_flags(flags.bits())
            .open(path)
            .ok()
    };
    console_paths().into_iter().filter_map(open).collect()
}

/// Writes what a console takes within its time.
fn write_patiently(console: &mut File, mut text: &[u8]) -> io::Result<()> {
    while !text.is_empty() {
        match console.write(text) {
            Ok(0) => break,
            Ok(written) => text = &text[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let mut wait = [PollFd::new(console.as_fd(), PollFlags::POLLOUT)];
                if !matches!(poll(&mut wait, PollTimeout::from(CONSOLE_PATIENCE_MS)), Ok(1)) {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// One line of printable characters: no control sequence from a firmware text reaches the console, and what its font
/// lacks becomes a question mark.
fn sanitise(line: &str) -> String {
    line.chars()
        .take(LINE_MAX_CHARACTERS)
        .map(|character| match character {
            '\t' => ' ',
            // ASCII and Latin-1: what the kernel's font shows.
            ' '..='~' | '\u{a0}'..='\u{ff}' => character,
            '…' => '.',
            '’' => '\'',
            '–' | '—' => '-',
            _ => '?',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_from_firmware_reach_no_console() {
        assert_eq!(sanitise("serial \u{1b}[2J\r\nrm é 漢"), "serial ?[2J??rm é ?");
        assert_eq!(sanitise(&"x".repeat(5000)).len(), LINE_MAX_CHARACTERS);
    }
}
