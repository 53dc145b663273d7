//! Keys that a technician may press, on the keyboard or the serial line.

use super::console_paths;
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::termios::{ControlFlags, LocalFlags, SetArg, tcgetattr, tcsetattr},
};
use std::{
    fs::{File, OpenOptions},
    io::Read,
    os::{fd::AsFd, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `r`: try again at once.
    Retry,
    /// `s`: a shell, if one was packed.
    Shell,
    /// `l`: leave for the machine's own disk.
    LocalBoot,
    /// Any other: somebody stands in front of the machine.
    Other,
}

impl Key {
    /// What the first of some bytes from a console asks for.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        match bytes.first().map(u8::to_ascii_lowercase) {
            Some(b'r') => Self::Retry,
            Some(b's') => Self::Shell,
            Some(b'l') => Self::LocalBoot,
            _ => Self::Other,
        }
    }
}

/// The consoles, listened to.
#[derive(Debug)]
pub struct Keys {
    consoles: Vec<(PathBuf, File)>,
    /// The console that the last key came from.
    pub console: PathBuf,
}

impl Keys {
    /// Listens to every console that can be read.
    #[must_use]
    pub fn open() -> Self {
        let mut consoles: Vec<(PathBuf, File)> = Vec::new();
        for path in console_paths() {
            let flags = nix::fcntl::OFlag::O_NOCTTY | nix::fcntl::OFlag::O_NONBLOCK;
            let options = OpenOptions::new()
                .read(true)
                .custom_flags(flags.bits())
                .open(&path);
            if let Ok(file) = options {
                take_keys_at_once(&file);
                consoles.push((path, file));
            }
        }
        Self {
            consoles,
            console: "/dev/console".into(),
        }
    }

    /// Waits for keys, at most this long, and returns what they sent.
    pub fn wait(&mut self, limit: Duration) -> Option<Vec<u8>> {
        if self.consoles.is_empty() {
            std::thread::sleep(limit);
            return None;
        }
        let mut wait: Vec<PollFd<'_>> = self
            .consoles
            .iter()
            .map(|(_, file)| PollFd::new(file.as_fd(), PollFlags::POLLIN))
            .collect();
        let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        if !matches!(poll(&mut wait, limit), Ok(1..)) {
            return None;
        }
        let ready: Vec<bool> = wait.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        let mut gone = Vec::new();
        let mut key = None;
        for (index, _) in ready.into_iter().enumerate().filter(|(_, ready)| *ready) {
            let (path, file) = &mut self.consoles[index];
            let mut byte = [0u8; 16];
            match file.read(&mut byte) {
                Ok(0) => gone.push(index),
                Ok(length) => {
                    key = Some(byte[..length].to_vec());
                    self.console = path.clone();
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                // A console that hangs up would make us spin.
                Err(_) => gone.push(index),
            }
        }
        for index in gone.into_iter().rev() {
            self.consoles.remove(index);
        }
        key
    }

    /// Whether the last keys came over a serial line, from a terminal that knows its own keyboard.
    #[must_use]
    pub fn is_serial(&self) -> bool {
        let name = self.console.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("ttyS"))
    }
}

/// Runs the packed shell on a console until it ends. Says whether there is one. Its end hangs up the console: whoever
/// listens has to open it anew.
///
/// Whoever holds the keyboard holds the machine; a site that does not want this packs no shell.
pub fn shell(console: &Path) -> bool {
    let shell = Path::new("/bin/sh");
    if !shell.exists() {
        return false;
    }
    let open = || OpenOptions::new().read(true).write(true).open(console);
    if let (Ok(input), Ok(output), Ok(errors)) = (open(), open(), open()) {
        restore_lines(&input);
        // With a terminal of its own, so that Ctrl-C ends what runs in it and not the shell's keys.
        let status = Command::new("/bin/busybox")
            .args(["setsid", "-c", "sh"])
            .current_dir("/")
            .stdin(input)
            .stdout(output)
            .stderr(errors)
            .status();
        if let Err(error) = status {
            super::say(&format!("the shell does not start: {error}"));
        }
    }
    true
}

/// No waiting for the end of a line, no echo.
fn take_keys_at_once(console: &File) {
    change_lines(console, false);
}

fn restore_lines(console: &File) {
    change_lines(console, true);
}

fn change_lines(console: &File, lines: bool) {
    if let Ok(mut settings) = tcgetattr(console) {
        settings
            .local_flags
            .set(LocalFlags::ICANON | LocalFlags::ECHO, lines);
        // Without a modem on the line it is still a line.
        settings
            .control_flags
            .insert(ControlFlags::CLOCAL | ControlFlags::CREAD);
        let _ = tcsetattr(console, SetArg::TCSANOW, &settings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_mean_the_same_in_either_case() {
        assert_eq!(Key::of(b"R"), Key::Retry);
        assert_eq!(Key::of(b"l"), Key::LocalBoot);
        assert_eq!(Key::of(b"\x1b[A"), Key::Other);
    }
}
