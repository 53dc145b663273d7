//! A private network: one namespace for the appliance, one with a bridge for the machines, joined by a veth pair.
//!
//! ```text
//! namespace …-server                       namespace …-lan
//!   lan0 10.77.0.2  ── veth ──  uplink ─┐
//!   (amorce serve)                      ├─ br0 10.77.0.1 (dnsmasq: the site's DHCP server, without boot options;
//!                                       │                 another: its IPv6 router)
//!                          tap0, tap1 … ┘   (machines)
//! ```
//!
//! A scenario may add a second site, joined to the first by a router that relays DHCP, or a second interface of the
//! appliance with a network of its own:
//!
//! ```text
//! namespace …-far                                      namespace …-second
//!   wan 10.77.0.3 ─ veth ── br0 of …-lan                 br0 10.79.0.1 (dnsmasq) ── veth ── lan1 10.79.0.2
//!   br0 10.78.0.1 (dnsmasq as a relay), machines         machines
//! ```

use crate::process::{Process, command, run, wait_until};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
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
/// The appliance's second interface and its address there.
pub const SECOND_INTERFACE: &str = "lan1";
/// See [`SECOND_INTERFACE`].
pub const SECOND_SERVER: Ipv4Addr = Ipv4Addr::new(10, 79, 0, 2);
/// The router to the far site, on both sides.
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 3);
const FAR: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 1);
/// How dnsmasq runs in the lab, whatever it does.
const DNSMASQ: [&str; 11] = [
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
];

/// Where a machine is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// The appliance's own network.
    Site,
    /// Behind a router; see [`Network::add_far_site`].
    Far,
    /// On the appliance's second interface; see [`Network::add_second_interface`].
    Second,
}

/// The network that the site's IPv6 router announces, and its own address there.
const IPV6_NETWORK: &str = "fd00:a77::";
const IPV6_ROUTER: &str = "fd00:a77::1";

/// A network with its namespaces; gone when dropped.
pub struct Network {
    // First, so that they are dropped before the namespaces that they live in.
    dhcp: Vec<Process>,
    ipv6_router: Option<Process>,
    server: Namespace,
    lan: Namespace,
    far: Option<Namespace>,
    second: Option<Namespace>,
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
        let (s, l) = (&server.name, &lan.name);
        ip(&format!(
            "-n {s} link add {SERVER_INTERFACE} type veth peer name uplink netns {l}"
        ))?;
        ip(&format!("-n {l} link add {BRIDGE} type bridge"))?;
        ip(&format!("-n {l} link set uplink master {BRIDGE} up"))?;
        ip(&format!("-n {l} address add {GATEWAY}/24 dev {BRIDGE}"))?;
        ip(&format!("-n {l} address add {IPV6_ROUTER}/64 dev {BRIDGE}"))?;
        ip(&format!("-n {l} link set {BRIDGE} up"))?;
        ip(&format!("-n {s} address add {SERVER}/24 dev {SERVER_INTERFACE}"))?;
        ip(&format!("-n {s} link set {SERVER_INTERFACE} up"))?;
        for name in [s, l] {
            ip(&format!("-n {name} link set lo up"))?;
        }
        let mut network = Self {
            dhcp: Vec::new(),
            ipv6_router: None,
            server,
            lan,
            far: None,
            second: None,
            taps: 0,
        };
        network.start_dhcp(evidence, Segment::Site)?;
        network.start_ipv6_router(evidence)?;
        Ok(network)
    }

    /// Adds the site behind a router, whose machines' questions reach both servers by a relay.
    ///
    /// # Errors
    /// See [`Network::create`].
    pub fn add_far_site(&mut self, evidence: &Path) -> Result<()> {
        let far = Namespace::create(self.lan.name.replace("-lan", "-far"))?;
        let (f, l, s) = (&far.name, &self.lan.name, &self.server.name);
        ip(&format!("-n {f} link add wan type veth peer name far netns {l}"))?;
        ip(&format!("-n {l} link set far master {BRIDGE} up"))?;
        ip(&format!("-n {f} address add {ROUTER}/24 dev wan"))?;
        ip(&format!("-n {f} link set wan up"))?;
        ip(&format!("-n {f} link add {BRIDGE} type bridge"))?;
        ip(&format!("-n {f} address add {FAR}/24 dev {BRIDGE}"))?;
        ip(&format!("-n {f} link set {BRIDGE} up"))?;
        ip(&format!("-n {f} link set lo up"))?;
        for name in [l, s] {
            ip(&format!("-n {name} route add 10.78.0.0/24 via {ROUTER}"))?;
        }
        run(far
            .command("sysctl".as_ref())
            .args(["-q", "-w", "net.ipv4.ip_forward=1"]))?;
        let mut relay = far.command("dnsmasq".as_ref());
        relay.args(DNSMASQ);
        for server in [GATEWAY, SERVER] {
            relay.arg(format!("--dhcp-relay={FAR},{server}"));
        }
        self.far = Some(far);
        self.start_dnsmasq("relay", &relay, evidence, "started")
    }

    /// Adds a network of its own on a second interface of the appliance, [`SECOND_INTERFACE`].
    ///
    /// # Errors
    /// See [`Network::create`].
    pub fn add_second_interface(&mut self, evidence: &Path) -> Result<()> {
        let second = Namespace::create(self.lan.name.replace("-lan", "-second"))?;
        let (n, s) = (&second.name, &self.server.name);
        ip(&format!(
            "-n {s} link add {SECOND_INTERFACE} type veth peer name uplink netns {n}"
        ))?;
        ip(&format!("-n {n} link add {BRIDGE} type bridge"))?;
        ip(&format!("-n {n} link set uplink master {BRIDGE} up"))?;
        ip(&format!("-n {n} address add 10.79.0.1/24 dev {BRIDGE}"))?;
        ip(&format!("-n {n} link set {BRIDGE} up"))?;
        ip(&format!("-n {n} link set lo up"))?;
        ip(&format!(
            "-n {s} address add {SECOND_SERVER}/24 dev {SECOND_INTERFACE}"
        ))?;
        ip(&format!("-n {s} link set {SECOND_INTERFACE} up"))?;
        self.second = Some(second);
        self.start_dhcp(evidence, Segment::Second)
    }

    /// Whether the appliance has [`SECOND_INTERFACE`].
    pub fn has_second_interface(&self) -> bool {
        self.second.is_some()
    }

    /// Ends the site's DHCP server and starts another one on the appliance's own machine.
    ///
    /// # Errors
    /// It does not start.
    pub fn move_dhcp_to_the_appliance(&mut self, evidence: &Path) -> Result<()> {
        self.dhcp.clear();
        let mut command = self.server.command("dnsmasq".as_ref());
        command.args(DNSMASQ).args([
            "--dhcp-range=10.77.0.100,10.77.0.199,255.255.255.0,1h",
            "--interface=lan0",
        ]);
        self.start_dnsmasq("dnsmasq-here", &command, evidence, "started")
    }

    /// Ends the site's DHCP server: nobody gives addresses any more.
    pub fn remove_dhcp(&mut self) {
        self.dhcp.clear();
    }

    /// A command that will run where the appliance lives.
    pub fn on_server(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        self.server.command(program.as_ref())
    }

    /// A command that will run among the machines, as any computer plugged into the same switch.
    pub fn on_lan(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        self.lan.command(program.as_ref())
    }

    /// The same on another segment.
    pub fn on_segment(&self, segment: Segment, program: impl AsRef<std::ffi::OsStr>) -> Command {
        self.namespace(segment).command(program.as_ref())
    }

    /// The namespace of the machines on a segment, as a path that can be entered.
    pub fn segment_path(&self, segment: Segment) -> std::path::PathBuf {
        Path::new("/run/netns").join(&self.namespace(segment).name)
    }

    fn namespace(&self, segment: Segment) -> &Namespace {
        let added = match segment {
            Segment::Site => None,
            Segment::Far => self.far.as_ref(),
            Segment::Second => self.second.as_ref(),
        };
        added.unwrap_or(&self.lan)
    }

    /// The namespace of the appliance, as a path that can be entered.
    pub fn server_path(&self) -> std::path::PathBuf {
        Path::new("/run/netns").join(&self.server.name)
    }

    /// Puts one more cable into the switch and returns the tap's name.
    ///
    /// # Errors
    /// The tap cannot be made: no `/dev/net/tun`.
    pub fn add_tap(&mut self, segment: Segment) -> Result<String> {
        let name = format!("tap{}", self.taps);
        self.taps += 1;
        let lan = &self.namespace(segment).name;
        for words in [
            format!("-n {lan} tuntap add {name} mode tap"),
            format!("-n {lan} link set {name} master {BRIDGE} up"),
        ] {
            run(command(["ip"]).args(words.split_ascii_whitespace()))
                .context("cannot make a tap interface; is there /dev/net/tun?")?;
        }
        Ok(name)
    }

    /// Makes the switch learn its spanning tree behind a tap, as after a cable was plugged in: for twice `delay` nothing
    /// passes.
    ///
    /// # Errors
    /// The bridge or the tap refuses.
    pub fn learn_anew(&self, tap: &str, delay: Duration) -> Result<()> {
        let lan = &self.lan.name;
        for words in [
            format!(
                "-n {lan} link set {BRIDGE} type bridge stp_state 1 forward_delay {}",
                delay.as_secs() * 100
            ),
            format!("-n {lan} link set {tap} nomaster"),
            format!("-n {lan} link set {tap} master {BRIDGE}"),
        ] {
            run(command(["ip"]).args(words.split_ascii_whitespace()))?;
        }
        Ok(())
    }

    /// Bytes that went to the machine behind a tap so far.
    ///
    /// # Errors
    /// There is no such tap.
    pub fn sent_to(&self, tap: &str) -> Result<u64> {
        let text = run(&mut command([
            "ip",
            "-n",
            &self.lan.name,
            "-json",
            "-statistics",
            "link",
            "show",
            tap,
        ]))?;
        let links: Value = serde_json::from_str(&text).context("ip wrote no JSON")?;
        links
            .pointer("/0/stats64/tx/bytes")
            .and_then(Value::as_u64)
            .with_context(|| format!("{tap} has no counters: {text}"))
    }

    /// Takes the IPv6 router away: iPXE in an adapter's ROM then waits 16 s for one, before anything of ours runs.
    pub fn remove_ipv6_router(&mut self) {
        self.ipv6_router = None;
    }

    /// A router that announces an IPv6 network and nothing else.
    fn start_ipv6_router(&mut self, evidence: &Path) -> Result<()> {
        let mut command = self.lan.command("dnsmasq".as_ref());
        command.args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--port=0",
            "--leasefile-ro",
            "--pid-file=",
            "--log-facility=-",
            "--user=root",
            "--enable-ra",
        ]);
        command.arg(format!("--dhcp-range={IPV6_NETWORK},ra-only,64"));
        command.arg(format!("--interface={BRIDGE}"));
        let log = evidence.join("ipv6-router.log");
        self.ipv6_router = Some(Process::start("the IPv6 router", &command, &log)?);
        Ok(())
    }

    /// The site's DHCP server as many schools have it: addresses and a router, nothing about booting.
    fn start_dhcp(&mut self, evidence: &Path, segment: Segment) -> Result<()> {
        let mut command = self.namespace(segment).command("dnsmasq".as_ref());
        command.args(DNSMASQ);
        command.args(["--dhcp-authoritative", &format!("--interface={BRIDGE}")]);
        let name = if segment == Segment::Second {
            command.arg("--dhcp-range=10.79.0.100,10.79.0.199,255.255.255.0,1h");
            "dnsmasq-second"
        } else {
            command.arg("--dhcp-range=10.77.0.100,10.77.0.199,255.255.255.0,1h");
            // For a site behind a relay.
            command.arg("--dhcp-range=10.78.0.100,10.78.0.199,255.255.255.0,1h");
            "dnsmasq"
        };
        self.start_dnsmasq(name, &command, evidence, "sockets bound exclusively")
    }

    fn start_dnsmasq(&mut self, name: &str, command: &Command, evidence: &Path, ready: &str) -> Result<()> {
        let log = evidence.join(format!("{name}.log"));
        let mut process = Process::start(name, command, &log)?;
        wait_until(&format!("{name} is up"), Duration::from_secs(20), || {
            let text = fs::read_to_string(&log).unwrap_or_default();
            ensure!(process.is_running(), "{name} ended: {}", text.trim());
            Ok(text.contains(ready).then_some(()))
        })?;
        self.dhcp.push(process);
        Ok(())
    }
}

fn ip(words: &str) -> Result<()> {
    run(command(["ip"]).args(words.split_ascii_whitespace())).map(drop)
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
