//! `amorce serve` in the network's server namespace, with a data folder that survives its deaths.

use crate::{
    administrator::Administrator,
    network::{Network, SECOND_INTERFACE, SERVER, SERVER_INTERFACE},
    process::{Process, command, run, wait_until},
    stage::{Tools, note},
};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// How long the program may take to answer on its listeners.
const START: Duration = Duration::from_secs(60);

/// A configuration file that a scenario may write into the data folder.
pub const CONFIGURATION: &str = "amorce.toml";

/// A data folder with boot files, and the program that is to serve it.
pub struct Installation {
    amorce: PathBuf,
    data: PathBuf,
    log: PathBuf,
}

/// The running appliance; killed when dropped.
pub struct Appliance {
    installation: Installation,
    process: Process,
    administrator: Administrator,
}

impl Appliance {
    /// Lays out a data folder below `scratch`; the log goes to `evidence`.
    ///
    /// # Errors
    /// The boot files cannot be put in place.
    pub fn install(tools: &Tools, scratch: &Path, evidence: &Path) -> Result<Installation> {
        let data = scratch.join("data");
        fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
        run(command(["cp", "--recursive", "--reflink=auto"])
            .arg(&tools.boot_files)
            .arg(data.join("boot")))?;
        Ok(Installation {
            amorce: tools.amorce.clone(),
            data,
            log: evidence.join("amorce.log"),
        })
    }

    /// Whoever uses its web page.
    pub fn administrator(&self) -> &Administrator {
        &self.administrator
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        &self.installation.data
    }

    /// What it has printed so far.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn log(&self) -> Result<String> {
        self.installation.read_log()
    }

    /// Waits until it has said something.
    ///
    /// # Errors
    /// It does not within some seconds.
    pub fn wait_for_log(&self, words: &str) -> Result<()> {
        wait_until(&format!("the appliance says {words:?}"), START, || {
            Ok(self.log()?.contains(words).then_some(()))
        })
    }

    /// The most memory that it ever used, in bytes.
    ///
    /// # Errors
    /// It is gone.
    pub fn peak_memory(&self) -> Result<u64> {
        peak_memory(self.process.id())
    }

    /// Kills it without warning (`kill -9`) and starts it again on the same data.
    ///
    /// # Errors
    /// It does not start again.
    pub fn kill_and_restart(&mut self, network: &Network) -> Result<()> {
        self.process.kill();
        self.process = self.installation.launch(network)?;
        self.installation.wait_healthy(network, &mut self.process)
    }

    /// Asks it to stop and checks that it does so in good order; keeps with the evidence how much memory it used.
    ///
    /// # Errors
    /// It does not end within some seconds, or with an error.
    pub fn stop(mut self) -> Result<()> {
        let memory = self.peak_memory()?;
        if let Some(evidence) = self.installation.log.parent() {
            let line = format!("the appliance used {} MiB of memory at most", memory >> 20);
            note(evidence, &line);
        }
        self.process.stop(Duration::from_secs(20))
    }
}

impl Installation {
    /// Its data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Starts the program, waits until it answers and makes the first administrator with the code that it prints.
    ///
    /// # Errors
    /// It ends or does not answer; or it takes another code than the one it printed.
    pub fn start(self, network: &Network) -> Result<Appliance> {
        let (appliance, code) = self.start_unclaimed(network)?;
        appliance.administrator.set_up(&code)?;
        Ok(appliance)
    }

    /// The same without an administrator: returns the code that makes one, on the page for instance.
    ///
    /// # Errors
    /// It ends or does not answer.
    pub fn start_unclaimed(self, network: &Network) -> Result<(Appliance, String)> {
        let mut process = self.launch(network)?;
        self.wait_healthy(network, &mut process)?;
        let code = wait_until(
            "the appliance prints the first administrator's code",
            START,
            || Ok(find_code(&self.read_log()?)),
        )?;
        let administrator = Administrator::new(network, &self.data.join("tls/ca.pem"), self.data.parent())?;
        let appliance = Appliance {
            installation: self,
            process,
            administrator,
        };
        Ok((appliance, code))
    }

    /// Starts the program where it is expected to refuse, and returns what it says.
    ///
    /// # Errors
    /// It goes on.
    pub fn start_and_be_refused(&self, network: &Network) -> Result<String> {
        let mut process = self.launch(network)?;
        wait_until("the appliance refuses to start", START, || {
            Ok((!process.is_running()).then_some(()))
        })?;
        self.read_log()
    }

    /// What `amorce check` says.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn check(&self, network: &Network) -> Result<String> {
        let mut command = self.command(network, "check");
        let output = crate::process::finish(&mut command)?;
        Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    fn launch(&self, network: &Network) -> Result<Process> {
        Process::start("amorce", &self.command(network, "serve"), &self.log)
    }

    fn command(&self, network: &Network, what: &str) -> Command {
        // With the capabilities that the service unit leaves it, and no others.
        let mut command = network.on_server("setpriv");
        command
            .args([
                "--bounding-set",
                "-all,+net_bind_service,+net_raw",
                "--no-new-privs",
                "--",
            ])
            .arg(&self.amorce)
            .args([what, "--interface", SERVER_INTERFACE, "--data"])
            .arg(&self.data);
        // What a scenario wrote beside the data.
        let configuration = self.data.join(CONFIGURATION);
        if configuration.exists() {
            command.arg("--config").arg(configuration);
        }
        if network.has_second_interface() {
            command.args(["--interface", SECOND_INTERFACE]);
        }
        command
    }

    fn wait_healthy(&self, network: &Network, process: &mut Process) -> Result<()> {
        let ca = self.data.join("tls/ca.pem");
        wait_until("the appliance answers on /healthz", START, || {
            ensure!(
                process.is_running(),
                "amorce ended: {}",
                self.read_log()?.lines().last().unwrap_or_default()
            );
            let healthy = ca.exists()
                && run(network
                    .on_server("curl")
                    .args(["--silent", "--fail", "--max-time", "5", "--cacert"])
                    .arg(&ca)
                    .arg(format!("https://{SERVER}/healthz")))
                .is_ok();
            Ok(healthy.then_some(()))
        })
    }

    fn read_log(&self) -> Result<String> {
        let bytes = fs::read(&self.log).with_context(|| format!("cannot read {}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The one-time code is the last word of the line that speaks of it.
fn find_code(log: &str) -> Option<String> {
    let line = log.lines().rev().find(|line| line.contains("one-time code"))?;
    Some(
        line.split_ascii_whitespace()
            .last()?
            .trim_matches(['"', '`', '.'])
            .to_owned(),
    )
}

/// The most memory that a process ever used, in bytes.
///
/// # Errors
/// There is no such process.
pub fn peak_memory(id: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).context("the process is gone")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("the kernel tells no peak")?;
    let kib: u64 = line
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .context("the kernel's peak is no number")?;
    Ok(kib * 1024)
}
