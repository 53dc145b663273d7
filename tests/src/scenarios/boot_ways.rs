//! The ways to the first script: HTTP Boot, relays, several interfaces, DHCP servers next door, fussy firmware.

use super::GIB;
use crate::{
    firmware::Firmware,
    firmware_variables::NetworkBoot,
    machine::{Bus, Parts},
    network::{SECOND_SERVER, SERVER, Segment},
    process::run,
    scripted::BootRom,
    stage::{READY, Stage},
};
use anyhow::{Context, Result, ensure};
use protocol::{MacAddr, dhcp::Packet};

/// The firmware loads an image made for this machine into memory and starts shim, grub and the agent from it.
pub fn http(stage: &mut Stage) -> Result<()> {
    let appliance = stage.start_appliance()?;
    for (name, number, firmware) in [
        ("http", 1, Firmware::Uefi),
        ("http-secure", 2, Firmware::SecureBoot),
    ] {
        let disk = stage.blank_disk(name, 4 * GIB)?;
        let mut parts = Parts::new(name, firmware, number).with_disk(Bus::Virtio, disk);
        parts.network_boot = NetworkBoot::Http;
        let mut machine = stage.plug_in(parts)?;
        stage.boot_to_ready(&mut machine)?;
        let log = appliance.log()?;
        let mac = machine.parts().mac().to_string();
        ensure!(
            log.contains(&format!("/boot/image/{}.img: 200", mac.replace(':', "-"))),
            "its image was not asked for"
        );
        let tftp = log
            .lines()
            .filter(|line| line.contains(&mac))
            .any(|line| line.contains("TFTP of"));
        ensure!(!tftp, "it asked for something by TFTP");
        if firmware == Firmware::SecureBoot {
            let text = machine.console().text()?;
            ensure!(
                text.contains("Secure boot enabled"),
                "the kernel does not say that Secure Boot is enabled"
            );
        }
        machine.switch_off();
    }
    appliance.stop()
}

/// Both servers are reached by a router; the answers go back to it.
pub fn relay(stage: &mut Stage) -> Result<()> {
    stage.change_network(|network, evidence| network.add_far_site(evidence))?;
    let appliance = stage.start_appliance()?;
    let mut parts = Parts::new("far", Firmware::Bios, 1);
    parts.segment = Segment::Far;
    let mut machine = stage.plug_in(parts)?;
    stage.boot_to_script(&mut machine)?;
    let log = appliance.log()?;
    ensure!(log.contains("10.78.0."), "its address is not of the far site");
    // What real firmware does not need and an old boot ROM does: the loader's offer, by the relay as well.
    let offer = BootRom {
        mac: MacAddr([0x52, 0x54, 0, 0xbb, 0, 1]),
        architecture: 0,
    };
    let offer = offer.discover(stage.network(), Segment::Far, 1)?;
    ensure!(
        offer.next_server == SERVER,
        "the relayed offer names {}",
        offer.next_server
    );
    appliance.stop()
}

/// One appliance, two networks that know nothing of each other.
pub fn two_interfaces(stage: &mut Stage) -> Result<()> {
    stage.change_network(|network, evidence| network.add_second_interface(evidence))?;
    let appliance = stage.start_appliance()?;
    for (number, segment, server) in [(1, Segment::Site, SERVER), (2, Segment::Second, SECOND_SERVER)] {
        let rom = BootRom {
            mac: MacAddr([0x52, 0x54, 0, 0xbb, 0, number]),
            architecture: 0,
        };
        let offer = rom.discover(stage.network(), segment, number.into())?;
        ensure!(
            offer.next_server == server && offer.server_identifier() == Some(server),
            "a machine beside {server} is offered {}",
            offer.next_server
        );
        let curl = |url: String| {
            run(stage
                .network()
                .on_segment(segment, "curl")
                .args(["-sSf", "--max-time", "20", &url]))
        };
        let script = curl(format!("http://{server}/boot/ipxe?mac={}", rom.mac))?;
        ensure!(
            script.contains(&format!("http://{server}")),
            "the script names another server: {script}"
        );
        let grub = curl(format!("tftp://{server}/grub/grub.cfg"))?;
        ensure!(
            grub.contains(&server.to_string()),
            "grub's script names another server"
        );
    }
    let mut parts = Parts::new("second", Firmware::Bios, 3);
    parts.segment = Segment::Second;
    let mut machine = stage.plug_in(parts)?;
    stage.boot_to_script(&mut machine)?;
    appliance.stop()
}

/// Both want port 67 of the same machine.
pub fn same_host_dhcp(stage: &mut Stage) -> Result<()> {
    stage.change_network(|network, evidence| network.move_dhcp_to_the_appliance(evidence))?;
    let appliance = stage.start_appliance()?;
    let mut machine = stage.plug_in(Parts::new("blank", Firmware::Bios, 1))?;
    stage.boot_to_script(&mut machine)?;
    appliance.stop()
}

/// A boot ROM that takes only what leads to port 4011.
pub fn learned_fallback(stage: &mut Stage) -> Result<()> {
    let mut appliance = stage.start_appliance()?;
    let rom = |number| BootRom {
        mac: MacAddr([0x00, 0x1b, 0x21, 0xbb, 0, number]),
        architecture: 0,
    };
    let understands = |offer: &Packet| offer.vendor_options().is_none();
    let first = rom(1).discover(stage.network(), Segment::Site, 1)?;
    ensure!(
        !understands(&first),
        "the first offer is not what most BIOS machines want"
    );
    let again = rom(1).discover(stage.network(), Segment::Site, 1)?;
    ensure!(
        !understands(&again),
        "the same question was answered in another way"
    );
    let second = rom(1).discover(stage.network(), Segment::Site, 2)?;
    ensure!(
        understands(&second),
        "it was offered the same that it had ignored"
    );
    stage.say("it ignored the first offer and understands the second");
    run(stage
        .network()
        .on_lan("curl")
        .args(["-sSf", "--max-time", "20"])
        .arg(format!("http://{SERVER}/boot/ipxe?mac={}", rom(1).mac)))
    .context("its script")?;
    let sister = rom(2).discover(stage.network(), Segment::Site, 3)?;
    ensure!(
        understands(&sister),
        "its sister is offered what this firmware ignores"
    );
    appliance.wait_for_log("this firmware is offered")?;
    appliance.wait_for_log("asked again without going on")?;
    appliance.wait_for_log("what a firmware taught was kept")?;
    appliance.kill_and_restart(stage.network())?;
    let third = rom(3).discover(stage.network(), Segment::Site, 4)?;
    ensure!(
        understands(&third),
        "after a restart it is offered what this firmware ignores"
    );
    stage.say("its sisters are offered that at once, also after kill -9");
    appliance.stop()
}

impl Stage {
    /// Switches a machine on and waits until a loader runs our script.
    fn boot_to_script(&self, machine: &mut crate::machine::Machine) -> Result<()> {
        machine.switch_on(self.network())?;
        machine.wait_for("Amorce: ", READY)?;
        self.say(&format!("{} runs our script", machine.parts().name));
        machine.switch_off();
        Ok(())
    }
}
