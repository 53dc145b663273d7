//! What every scenario stands on: a network, a place for disks, a place for evidence, and the built programs.

use crate::{
    appliance::{Appliance, Installation},
    contents::Contents,
    disk::Disk,
    machine::{Machine, Parts},
    master::{self, Table},
    network::Network,
    seed::{self, Seed},
};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Where the lab finds what was built for it.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The `amorce` program.
    pub amorce: PathBuf,
    /// The `imager` program.
    pub imager: PathBuf,
    /// Folder with kernel, initrd and loaders, as `amorce` wants them under `boot/`.
    pub boot_files: PathBuf,
    /// The same with the newer kernel of backports, and without any firmware for adapters.
    pub newer_boot_files: PathBuf,
    /// Firmware for adapters, as under `/lib/firmware`: what an admin may drop into `boot/firmware/`.
    pub firmware: PathBuf,
    /// Debian's packages, unpacked, each in a folder of its name.
    pub packages: PathBuf,
    /// Folder that is kept between runs.
    pub cache: PathBuf,
    /// Whether there is time for what is too long for every day.
    pub full: bool,
    /// The page's sources with its browser tests.
    pub page: PathBuf,
    /// The `node` program that runs them.
    pub node: PathBuf,
}

/// How long a machine may take from its power button to the agent's `amorce: ready`, and to a login prompt. Several
/// times what was measured: the emulator shares two processors with everything else.
pub const READY: Duration = Duration::from_secs(240);
/// See [`READY`].
pub const LOGIN: Duration = Duration::from_secs(240);

/// One scenario's stage; cleared when dropped.
pub struct Stage {
    name: &'static str,
    begin: Instant,
    tools: Tools,
    evidence: PathBuf,
    // Before the folder that the machines' disks are in; machines and appliances are dropped by the scenario itself.
    network: Network,
    scratch: tempfile::TempDir,
}

impl Stage {
    /// Sets the stage for the scenario `name`; its earlier evidence is removed.
    ///
    /// # Errors
    /// No folder or no network can be made.
    pub fn set(name: &'static str, tools: &Tools) -> Result<Self> {
        let evidence = Self::evidence_of(name, tools);
        if evidence.exists() {
            fs::remove_dir_all(&evidence).with_context(|| format!("cannot clear {}", evidence.display()))?;
        }
        fs::create_dir_all(&evidence).with_context(|| format!("cannot make {}", evidence.display()))?;
        let scratches = tools.cache.join("scratch");
        fs::create_dir_all(&scratches)?;
        let scratch = tempfile::Builder::new()
            .prefix(&format!("{}-{name}-", std::process::id()))
            .tempdir_in(scratches)
            .context("cannot make a scratch folder")?;
        let network = Network::create(&evidence)?;
        Ok(Self {
            name,
            begin: Instant::now(),
            tools: tools.clone(),
            evidence,
            network,
            scratch,
        })
    }

    /// Where the scenario `name` keeps its logs.
    pub fn evidence_of(name: &str, tools: &Tools) -> PathBuf {
        tools.cache.join("evidence").join(name)
    }

    /// Says what happens now.
    pub fn say(&self, text: &str) {
        let seconds = self.begin.elapsed().as_secs_f64();
        println!("{seconds:>6.1} s  {}: {text}", self.name);
        note(&self.evidence, &format!("{seconds:>6.1} s  {text}"));
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network, to be changed before anything is plugged in.
    pub fn change_network<T>(&mut self, change: impl FnOnce(&mut Network, &Path) -> Result<T>) -> Result<T> {
        change(&mut self.network, &self.evidence)
    }

    /// Where logs are kept.
    pub fn evidence(&self) -> &Path {
        &self.evidence
    }

    /// A folder that is cleared with the stage.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// What was built.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// A machine, plugged in and switched off.
    ///
    /// # Errors
    /// See [`Machine::plug_in`].
    pub fn plug_in(&mut self, parts: Parts) -> Result<Machine> {
        Machine::plug_in(parts, &mut self.network, self.scratch.path(), &self.evidence)
    }

    /// The appliance with a fresh data folder, started, its first administrator made.
    ///
    /// # Errors
    /// See [`Appliance::install`].
    pub fn start_appliance(&self) -> Result<Appliance> {
        let appliance =
            Appliance::install(&self.tools, self.scratch.path(), &self.evidence)?.start(&self.network)?;
        self.say("the appliance serves");
        Ok(appliance)
    }

    /// The same with the newer kernel, and an initrd without any firmware for adapters.
    ///
    /// # Errors
    /// See [`Appliance::install`].
    pub fn start_newer_appliance(&self) -> Result<Appliance> {
        let tools = Tools {
            boot_files: self.tools.newer_boot_files.clone(),
            ..self.tools.clone()
        };
        let appliance =
            Appliance::install(&tools, self.scratch.path(), &self.evidence)?.start(&self.network)?;
        self.say("the appliance serves the newer kernel");
        Ok(appliance)
    }

    /// A data folder for an appliance that is started by the scenario itself.
    ///
    /// # Errors
    /// See [`Appliance::install`].
    pub fn install_appliance(&self) -> Result<Installation> {
        Appliance::install(&self.tools, self.scratch.path(), &self.evidence)
    }

    /// The same as a person finds it: without an administrator, but with the code that makes one.
    ///
    /// # Errors
    /// See [`Appliance::install`].
    pub fn start_unclaimed_appliance(&self) -> Result<(Appliance, String)> {
        let claimed = Appliance::install(&self.tools, self.scratch.path(), &self.evidence)?
            .start_unclaimed(&self.network)?;
        self.say("the appliance serves, and nobody administers it yet");
        Ok(claimed)
    }

    /// The same with a depot that holds master A already.
    ///
    /// # Errors
    /// See [`Appliance::install`] and [`seed::plant`].
    pub fn start_seeded_appliance(&self) -> Result<(Appliance, Seed)> {
        let installation = Appliance::install(&self.tools, self.scratch.path(), &self.evidence)?;
        let planted = seed::plant(&self.tools, installation.data())?;
        let appliance = installation.start(&self.network)?;
        self.say("the appliance serves, with a master in its depot");
        Ok((appliance, planted))
    }

    /// The same with whatever `prepare` puts into the data folder first.
    ///
    /// # Errors
    /// See [`Appliance::install`].
    pub fn start_appliance_with(&self, prepare: impl FnOnce(&Path) -> Result<()>) -> Result<Appliance> {
        let installation = Appliance::install(&self.tools, self.scratch.path(), &self.evidence)?;
        prepare(installation.data())?;
        let appliance = installation.start(&self.network)?;
        self.say("the appliance serves");
        Ok(appliance)
    }

    /// A disk that holds master A.
    ///
    /// # Errors
    /// The master cannot be made or copied.
    pub fn master_disk(&self, serial: &str, table: Table) -> Result<Disk> {
        Disk::copy(
            self.scratch.path(),
            serial,
            &master::image(&self.tools.cache, table)?,
        )
    }

    /// A blank disk.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn blank_disk(&self, serial: &str, size: u64) -> Result<Disk> {
        Disk::blank(self.scratch.path(), serial, size)
    }

    /// Checks that two disks hold the same files, and says how many.
    ///
    /// # Errors
    /// They differ, or one cannot be read.
    pub fn compare(&self, original: &Disk, copy: &Disk, table: Table) -> Result<()> {
        let left = Contents::of(original.path(), table).context("the original")?;
        let right = Contents::of(copy.path(), table).context("the copy")?;
        left.ensure_same(&right)?;
        self.say(&format!(
            "{} names and hashes are the same on {} and {}",
            left.len(),
            original.serial(),
            copy.serial()
        ));
        Ok(())
    }

    /// Switches a machine on and waits until its own disk's system asks for a login.
    ///
    /// # Errors
    /// It does not get there.
    pub fn boot_to_login(&self, machine: &mut Machine) -> Result<()> {
        let begin = Instant::now();
        machine.switch_on(&self.network)?;
        machine.wait_for(&format!("{} login:", master::HOST_NAME), LOGIN)?;
        self.say(&format!(
            "{} asks for a login after {:.1} s",
            machine.parts().name,
            begin.elapsed().as_secs_f64()
        ));
        Ok(())
    }

    /// Switches a machine on and waits until the agent on it was recognised; returns the seconds it took.
    ///
    /// # Errors
    /// It does not get there, or with another MAC address than its own.
    pub fn boot_to_ready(&self, machine: &mut Machine) -> Result<f64> {
        let begin = Instant::now();
        machine.switch_on(&self.network)?;
        let line = machine.wait_for("amorce: ready", READY)?;
        let mac = machine.parts().mac().to_string();
        // The rest of the line may still be on its way when its beginning is seen.
        let line = if line.contains(')') {
            line
        } else {
            format!("{line} {}", machine.wait_for(")", READY)?)
        };
        ensure!(
            line.contains(&mac),
            "the agent says {line:?}, the machine's adapter is {mac}"
        );
        let seconds = begin.elapsed().as_secs_f64();
        self.say(&format!("{} is ready after {seconds:.1} s", machine.parts().name));
        Ok(seconds)
    }
}

/// Keeps a line with the evidence.
pub fn note(evidence: &Path, line: &str) {
    let file = fs::File::options()
        .create(true)
        .append(true)
        .open(evidence.join("stage.log"));
    if let Err(error) = file.and_then(|mut file| writeln!(file, "{line}")) {
        eprintln!("lab: cannot keep a line of evidence: {error}");
    }
}
