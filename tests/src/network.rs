//! A private network: one namespace for the appliance, one with a bridge for the machines, joined by a veth pair.
//!
//! ```text
//! namespace …-server                       namespace …-lan
//!   lan0 10.77.0.2  ── veth ──  uplink ─┐
//!   (amorce serve)                      ├─ br0 10.77.0.1 (dnsmasq: the site's DHCP server, without boot options)
//!                          tap0, tap1 … ┘   (machines)
//! ```

use crate::process::{Process, command, run, wait_until};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    net::Ipv4Addr,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// The appliance's address.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// The appliance's interface.
pub const SERVER_INTERFACE: &str = "lan0";
/// The address of the site's own DHCP server, on the machines' side.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const BRIDGE: &str = "br0";

/// A network with its namespaces; gone when dropped.
pub struct Network {
    // First, so that it is dropped before the namespace that it lives in.
    dhcp: Option<Process>,
    server: Namespace,
    lan: Namespace,
    taps: u32,
}

impl Network {
    /// Makes the namespaces, their links and the site's DHCP server, whose log goes under `evidence`.
    ///
    /// # Errors
    /// A command of iproute2 or dnsmasq fails: no root, or no namespaces in this kernel.
    pub fn create(evidence: &Path) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let run_name = format!(
            "{PREFIX}{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let server = Namespace::create(format!("{run_name}-server"))?;
        let lan = Namespace::create(format!("{run_name}-lan"))?;
        let ip = |words: &str| run(command(["ip"]).args(words.split_ascii_whitespace())).map(drop);
        let (s, l) = (&server.name, &lan.name);
        ip(&format!(
            "-n {s} link add {SERVER_INTERFACE} type veth peer name uplink netns {l}"
        ))?;
        ip(&format!("-n {l} link add {BRIDGE} type bridge"))?;
        ip(&format!("-n {l} link set uplink master {BRIDGE} up"))?;
        ip(&format!("-n {l} address add {GATEWAY}/24 dev {BRIDGE}"))?;
        ip(&format!("-n {l} link set {BRIDGE} up"))?;
        ip(&format!("-n {s} address add {SERVER}/24 dev {SERVER_INTERFACE}"))?;
        ip(&format!("-n {s} link set {SERVER_INTERFACE} up"))?;
        for name in [s, l] {
            ip(&format!("-n {name} link set lo up"))?;
        }
        let mut network = Self {
            dhcp: None,
            server,
            lan,
            taps: 0,
        };
        network.start_dhcp(evidence)?;
        Ok(network)
    }

    /// A command that will run where the appliance lives.
    pub fn on_server(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        self.server.command(program.as_ref())
    }

    /// A command that will run among the machines, as any computer plugged into the same switch.
    pub fn on_lan(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        self.lan.command(program.as_ref())
    }

    /// The namespace of the appliance, as a path that can be entered.
    pub fn server_path(&self) -> std::path::PathBuf {
        Path::new("/run/netns").join(&self.server.name)
    }

    /// Puts one more cable into the switch and returns the tap's name.
    ///
    /// # Errors
    /// The tap cannot be made: no `/dev/net/tun`.
    pub fn add_tap(&mut self) -> Result<String> {
        let name = format!("tap{}", self.taps);
        self.taps += 1;
        let lan = &self.lan.name;
        for words in [
            format!("-n {lan} tuntap add {name} mode tap"),
            format!("-n {lan} link set {name} master {BRIDGE} up"),
        ] {
            run(command(["ip"]).args(words.split_ascii_whitespace()))
                .context("cannot make a tap interface; is there /dev/net/tun?")?;
        }
        Ok(name)
    }

    /// The site's DHCP server as many schools have it: addresses and a router, nothing about booting.
    fn start_dhcp(&mut self, evidence: &Path) -> Result<()> {
        let mut command = self.lan.command("dnsmasq".as_ref());
        command.args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--port=0",
            "--bind-interfaces",
            "--except-interface=lo",
            "--leasefile-ro",
            // Several labs at once would quarrel over the usual one.
            "--pid-file=",
            "--no-ping",
            "--log-dhcp",
            "--log-facility=-",
            "--user=root",
            "--dhcp-authoritative",
            "--dhcp-range=10.77.0.100,10.77.0.199,255.255.255.0,1h",
        ]);
        command.arg(format!("--interface={BRIDGE}"));
        let log = evidence.join("dnsmasq.log");
        let mut process = Process::start("dnsmasq", &command, &log)?;
        wait_until("the site's DHCP server is up", Duration::from_secs(20), || {
            let text = fs::read_to_string(&log).unwrap_or_default();
            ensure!(process.is_running(), "dnsmasq ended: {}", text.trim());
            Ok(text.contains("sockets bound exclusively").then_some(()))
        })?;
        self.dhcp = Some(process);
        Ok(())
    }
}

const PREFIX: &str = "amorce-";

struct Namespace {
    name: String,
}

impl Namespace {
    fn create(name: String) -> Result<Self> {
        run(&mut command(["ip", "netns", "add", &name]))
            .context("cannot make a network namespace; are you root?")?;
        Ok(Self { name })
    }

    fn command(&self, program: &std::ffi::OsStr) -> Command {
        let mut command = command(["ip", "netns", "exec", &self.name]);
        command.arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = run(&mut command(["ip", "netns", "delete", &self.name])) {
            eprintln!("lab: {error:#}");
        }
    }
}

/// Removes what labs that were killed without warning left behind: namespaces whose process is gone.
///
/// # Errors
/// `/run/netns` cannot be read.
pub fn remove_leftovers() -> Result<()> {
    let Ok(entries) = fs::read_dir("/run/netns") else {
        return Ok(());
    };
    for entry in entries {
        let name = entry
            .context("cannot read /run/netns")?
            .file_name()
            .to_string_lossy()
            .into_owned();
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(|id| !Path::new("/proc").join(id.to_string()).exists()) {
            run(&mut command(["ip", "netns", "delete", &name]))?;
        }
    }
    Ok(())
}
