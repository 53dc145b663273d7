//! The serial line of a machine: what firmware, loader, kernel and agent print, as it comes.

use crate::process::wait_until;
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// Everything one machine has printed since it was first switched on, and how much of it was already awaited.
pub struct Console {
    path: PathBuf,
    read: usize,
}

impl Console {
    /// The line that QEMU writes into `path`.
    pub fn new(path: PathBuf) -> Self {
        Self { path, read: 0 }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until `text` is printed after whatever was awaited before, and returns the line that holds it.
    ///
    /// # Errors
    /// It is not printed within `limit`, the kernel panics first, or `alive` says that the machine is off.
    pub fn wait_for(
        &mut self,
        text: &str,
        limit: Duration,
        mut alive: impl FnMut() -> bool,
    ) -> Result<String> {
        let (path, begin) = (self.path.clone(), self.read);
        let (line, end) = wait_until(&format!("the machine prints {text:?}"), limit, || {
            // Asked before the file is read: what a machine printed last still counts.
            let was_alive = alive();
            let all = read(&path)?;
            let new = &all[begin.min(all.len())..];
            if let Some(found) = new.find(text) {
                let line_begin = new[..found].rfind('\n').map_or(0, |at| at + 1);
                let line_end = new[found..].find('\n').map_or(new.len(), |at| found + at);
                return Ok(Some((
                    new[line_begin..line_end].trim().to_owned(),
                    begin + found + text.len(),
                )));
            }
            if let Some(at) = new.find("Kernel panic") {
                bail!(
                    "the kernel gave up: {}",
                    new[at..].lines().next().unwrap_or_default()
                );
            }
            if !was_alive {
                bail!("the machine went off before it printed {text:?}");
            }
            Ok(None)
        })?;
        self.read = end;
        Ok(line)
    }

    /// Everything printed so far.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn text(&self) -> Result<String> {
        read(&self.path)
    }
}

/// Byte for byte as Latin-1-like text: positions stay valid whatever a boot loader prints.
fn read(path: &Path) -> Result<String> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes
            .iter()
            .map(|byte| {
                if byte.is_ascii() && *byte != 0 {
                    char::from(*byte)
                } else {
                    '?'
                }
            })
            .collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_awaited_only_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serial.log");
        fs::write(&path, b"first \xe9\nsecond login: \nthird\n").unwrap();
        let mut console = Console::new(path);
        let short = Duration::from_millis(1);
        assert_eq!(
            console.wait_for("login:", short, || true).unwrap(),
            "second login:"
        );
        assert!(console.wait_for("first", short, || true).is_err());
        assert_eq!(console.wait_for("third", short, || true).unwrap(), "third");
    }

    #[test]
    fn a_panicking_kernel_ends_the_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serial.log");
        fs::write(&path, b"Kernel panic - not syncing: no init\n").unwrap();
        let error = Console::new(path)
            .wait_for("login:", Duration::from_secs(60), || true)
            .unwrap_err();
        assert!(format!("{error:#}").contains("no init"));
    }
}
