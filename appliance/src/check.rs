//! `amorce check`: what is wrong with a configuration or a network, in words, before anybody stands in front of a machine.

use crate::{
    configuration::{Configuration, ServeArguments},
    interface, wiring,
};
use anyhow::{Result, bail};
use bootd::{
    dhcp::pool::Subnet,
    doctor::{self, Finding, NeededPort, Weight},
};
use catalog::Catalog;
use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    process::Command,
    time::Duration,
};

/// Prints every finding; an error if one of them keeps the appliance from working.
pub fn run(arguments: ServeArguments) -> Result<()> {
    let configuration = Configuration::load(arguments)?;
    let mut findings = Findings::default();
    for name in &configuration.interfaces {
        match interface::addresses(name) {
            Ok(addresses) => {
                findings.good(format!("interface {name} has {}", joined(&addresses)));
            }
            Err(error) => findings.bad(format!("{error:#}")),
        }
    }
    check_boot_files(&configuration, &mut findings);
    check_catalog(&configuration, &mut findings);
    check_ports(&configuration, &mut findings);
    check_firewall(&configuration, &mut findings);
    let pools = check_pools(&configuration, &mut findings);
    for name in &configuration.interfaces {
        check_network(name, &pools, &mut findings);
    }
    match findings.bad {
        0 => {
            println!("nothing is wrong");
            Ok(())
        }
        1 => bail!("one thing is wrong"),
        count => bail!("{count} things are wrong"),
    }
}

/// Prints as it counts.
#[derive(Default)]
struct Findings {
    bad: usize,
}

impl Findings {
    fn add(&mut self, weight: Weight, text: impl std::fmt::Display) {
        match weight {
            Weight::Good => self.good(text),
            Weight::Note => self.note(text),
            Weight::Wrong => self.bad(text),
        }
    }

    fn good(&self, text: impl std::fmt::Display) {
        println!("  ok    {text}");
    }

    fn note(&self, text: impl std::fmt::Display) {
        println!("  note  {text}");
    }

    fn bad(&mut self, text: impl std::fmt::Display) {
        self.bad += 1;
        println!("  WRONG {text}");
    }
}

fn check_boot_files(configuration: &Configuration, findings: &mut Findings) {
    match packer::check(&configuration.boot()) {
        Ok(found) if found.is_empty() => findings.good("the boot files are whole"),
        Ok(found) => {
            for finding in found {
                if finding.is_error() {
                    findings.bad(finding)
                } else {
                    findings.note(finding)
                }
            }
        }
        Err(error) => findings.bad(error),
    }
}

fn check_catalog(configuration: &Configuration, findings: &mut Findings) {
    let path = configuration.catalog();
    if !path.exists() {
        findings.note("there is no catalog yet; the first start makes it");
        return;
    }
    match Catalog::examine(&path) {
        Ok(found) => {
            findings.good("the catalog is sound");
            if found.is_older {
                findings.note("the catalog is of an older program; the next start brings it forward");
            }
            if !found.has_people {
                findings.note("nobody administers this appliance yet; `amorce serve` prints a one-time code");
            }
        }
        Err(error) => findings.bad(error),
    }
}

/// Where we would give addresses ourselves.
fn check_pools(configuration: &Configuration, findings: &mut Findings) -> Vec<Subnet> {
    let pools = if configuration.pools.is_empty() {
        let path = configuration.catalog();
        // A catalog that is not there or cannot be read was told above.
        let found = path.exists().then(|| Catalog::examine(&path).ok()).flatten();
        found.map(|found| found.address_pools).unwrap_or_default()
    } else {
        configuration.pools.clone()
    };
    let subnets = wiring::addresses::subnets(&pools).unwrap_or_else(|error| {
        findings.bad(format!("{error:#}"));
        Vec::new()
    });
    for subnet in &subnets {
        findings.good(format!(
            "addresses of {} are given from {} to {}, with {} reserved",
            subnet.network,
            subnet.first,
            subnet.last,
            subnet.reservations.len()
        ));
        let is_near = configuration.interfaces.iter().any(|name| {
            let own = doctor::own_addresses(name).unwrap_or_default();
            own.iter().any(|address| subnet.network.contains(*address))
        });
        if !is_near {
            findings.note(format!(
                "no interface has an address in {}: only relays can ask for it, and whether another DHCP server is there cannot be seen",
                subnet.network
            ));
        }
    }
    subnets
}

/// What machines on the network hear when they look for servers.
fn check_network(interface: &str, pools: &[Subnet], findings: &mut Findings) {
    /// Slow DHCP servers first look whether an address is free.
    const PATIENCE: Duration = Duration::from_secs(4);
    if let Ok(mtu) = doctor::mtu(interface) {
        let finding = doctor::judge_mtu(mtu);
        findings.add(finding.weight, format!("on {interface}, {finding}"));
    }
    let asked =
        doctor::own_addresses(interface).and_then(|own| Ok((doctor::collect(interface, PATIENCE)?, own)));
    match asked {
        Ok((offers, own)) => {
            let gives = own
                .iter()
                .any(|address| pools.iter().any(|pool| pool.network.contains(*address)));
            for finding in doctor::diagnose(&offers, &own, gives) {
                findings.add(finding.weight, format!("on {interface}, {finding}"));
            }
        }
        Err(error) => findings.note(format!(
            "what machines hear on {interface} cannot be tried ({error}); run as root, where no DHCP client holds UDP port 68"
        )),
    }
}

/// Whether each port could be had. A port that is taken is only a note: the appliance itself may be running.
fn check_ports(configuration: &Configuration, findings: &mut Findings) {
    let any = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    for (port, purpose) in [(67, "DHCP"), (4011, "boot server"), (69, "TFTP")] {
        report_port(
            &format!("UDP port {port} ({purpose})"),
            UdpSocket::bind(any(port)).map(drop),
            findings,
        );
    }
    for (address, purpose) in [
        (configuration.http, "http"),
        (configuration.agent, "agent"),
        (configuration.admin, "admin"),
    ] {
        report_port(
            &format!("TCP {address} ({purpose})"),
            TcpListener::bind(address).map(drop),
            findings,
        );
    }
}

/// Whether this computer itself keeps machines out.
fn check_firewall(configuration: &Configuration, findings: &mut Findings) {
    let tcp =
        [configuration.http, configuration.agent, configuration.admin].map(|address| (false, address.port()));
    let needed: Vec<NeededPort> = [67, 69, 4011]
        .map(|number| (true, number))
        .into_iter()
        .chain(tcp)
        .map(|(udp, number)| NeededPort { udp, number })
        .collect();
    match Command::new("nft").args(["list", "ruleset"]).output() {
        Ok(output) if output.status.success() => {
            let rules = String::from_utf8_lossy(&output.stdout);
            if let Some(Finding { weight, text }) = doctor::judge_firewall(&rules, &needed) {
                findings.add(weight, text);
            }
        }
        // Without nft there are no rules of nftables; those of old iptables say at least that they are there.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let tables = std::fs::read_to_string("/proc/net/ip_tables_names").unwrap_or_default();
            if tables.lines().any(|table| table == "filter") {
                findings.note(format!(
                    "this computer has a firewall (iptables) that cannot be read here; it must let in {}",
                    needed
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(", ")
                ));
            }
        }
        Ok(_) | Err(_) => findings.note("this computer's firewall cannot be read; run as root"),
    }
}

fn report_port(what: &str, outcome: std::io::Result<()>, findings: &mut Findings) {
    match outcome {
        Ok(()) => findings.good(format!("{what} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => findings.note(format!(
            "{what} is taken: by the appliance itself if it runs, else by another service (`ss -lnptu` names it)"
        )),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => findings.bad(format!(
            "{what} may not be opened by this user; run as root, or give the program CAP_NET_BIND_SERVICE"
        )),
        Err(error) => findings.bad(format!("{what} cannot be opened: {error}")),
    }
}

fn joined(addresses: &[Ipv4Addr]) -> String {
    addresses
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
