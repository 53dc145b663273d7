//! QEMU's machine protocol: power, reset, keys and pictures of the screen.

use crate::process::wait_until;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// A connection to one running QEMU.
pub struct Monitor {
    reader: BufReader<UnixStream>,
}

impl Monitor {
    /// Connects to the socket that QEMU makes when it starts.
    ///
    /// # Errors
    /// No QEMU answers there within some seconds.
    pub fn connect(path: &Path) -> Result<Self> {
        let stream = wait_until("QEMU opens its monitor", Duration::from_secs(20), || {
            Ok(UnixStream::connect(path).ok())
        })?;
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .context("cannot bound reads")?;
        let mut monitor = Self {
            reader: BufReader::new(stream),
        };
        monitor.read()?;
        monitor.ask("qmp_capabilities", json!({}))?;
        Ok(monitor)
    }

    /// Presses the reset button.
    ///
    /// # Errors
    /// QEMU refuses.
    pub fn reset(&mut self) -> Result<()> {
        self.ask("system_reset", json!({})).map(drop)
    }

    /// Presses and releases one key, by its QEMU name (`ret`, `esc`, `f12`).
    ///
    /// # Errors
    /// QEMU knows no such key.
    pub fn press(&mut self, key: &str) -> Result<()> {
        self.press_together(&[key])
    }

    /// Presses keys together and releases them.
    ///
    /// # Errors
    /// QEMU knows no such key.
    pub fn press_together(&mut self, keys: &[&str]) -> Result<()> {
        let keys: Vec<Value> = keys
            .iter()
            .map(|key| json!({ "type": "qcode", "data": key }))
            .collect();
        self.ask("send-key", json!({ "keys": keys, "hold-time": 20 }))
            .map(drop)
    }

    /// Gives a network adapter's cable a signal, or takes it away.
    ///
    /// # Errors
    /// QEMU knows no such cable.
    pub fn set_link(&mut self, cable: &str, up: bool) -> Result<()> {
        self.ask("set_link", json!({ "name": cable, "up": up })).map(drop)
    }

    /// Takes a picture of the screen (PPM).
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn take_picture(&mut self, file: &Path) -> Result<()> {
        self.ask("screendump", json!({ "filename": file })).map(drop)
    }

    fn ask(&mut self, name: &str, arguments: Value) -> Result<Value> {
        let mut line = json!({ "execute": name, "arguments": arguments }).to_string();
        line.push('\n');
        self.reader
            .get_mut()
            .write_all(line.as_bytes())
            .context("cannot reach QEMU's monitor")?;
        loop {
            let answer = self.read()?;
            if let Some(value) = answer.get("return") {
                return Ok(value.clone());
            }
            if let Some(error) = answer.get("error") {
                bail!("QEMU refused {name}: {error}");
            }
            // Anything else is an event that nobody asked for.
        }
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        let length = self
            .reader
            .read_line(&mut line)
            .context("QEMU's monitor does not answer")?;
        if length == 0 {
            bail!("QEMU closed its monitor");
        }
        serde_json::from_str(&line).with_context(|| format!("QEMU's monitor said {line:?}"))
    }
}
