//! The appliance as the network's only DHCP server.

use super::GIB;
use crate::{
    appliance::CONFIGURATION,
    firmware::Firmware,
    machine::{Bus, Parts},
    network::{Network, Segment},
    process::run,
    scripted::{BootRom, inside},
    stage::Stage,
};
use anyhow::{Context, Result, ensure};
use protocol::{MacAddr, dhcp::MessageType};
use std::{fs, net::Ipv4Addr};

/// Two addresses, so that the second one is needed where somebody sits on the first, and one that is reserved.
const POOL: &str = r#"
[[pools]]
network = "10.77.0.0/24"
first = "10.77.0.150"
last = "10.77.0.151"
router = "10.77.0.1"
name_servers = ["10.77.0.1"]
domain = "lab.example"
lease_minutes = 30
[[pools.reservations]]
address = "10.77.0.40"
mac = "MAC"
"#;
const RANGE: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 0, 150), Ipv4Addr::new(10, 77, 0, 151)];

/// Refusal beside another server, a firmware that ignores proxies, a squatter, a real machine, `kill -9`.
pub fn play(stage: &mut Stage) -> Result<()> {
    let disk = stage.blank_disk("P1", 4 * GIB)?;
    let mut machine = stage.plug_in(Parts::new("alone", Firmware::Uefi, 1).with_disk(Bus::Virtio, disk))?;
    let installation = stage.install_appliance()?;
    let reserved = POOL.replace("MAC", &machine.parts().mac().to_string());
    fs::write(installation.data().join(CONFIGURATION), reserved)?;

    let said = installation.start_and_be_refused(stage.network())?;
    ensure!(
        said.contains("the DHCP server 10.77.0.1 answers on lan0"),
        "it does not say who else gives addresses: {said}"
    );
    let said = installation.check(stage.network())?;
    ensure!(
        said.contains("WRONG on lan0, the DHCP server 10.77.0.1 answers where a pool is configured"),
        "amorce check does not say it: {said}"
    );
    stage.say("beside another DHCP server it refuses to start, and says who that is");

    stage.change_network(|network, _| {
        network.remove_dhcp();
        Ok(())
    })?;
    let said = installation.check(stage.network())?;
    ensure!(
        said.contains("no other DHCP server answers"),
        "amorce check is not content: {said}"
    );
    let mut appliance = installation.start(stage.network())?;

    // It would take no offer without an address.
    let rom = |number| BootRom {
        mac: MacAddr([0x52, 0x54, 0, 0xbb, 0, number]),
        architecture: 0,
    };
    let first = take(stage.network(), rom(1))?;
    ensure!(RANGE.contains(&first), "it was given {first}");
    let second = *RANGE
        .iter()
        .find(|address| **address != first)
        .context("two addresses")?;
    // Somebody who never asked us sits on the other address.
    run(stage
        .network()
        .on_lan("ip")
        .args(["address", "add", &format!("{second}/24"), "dev", "br0"]))?;
    ensure!(
        rom(2)
            .look_for_address(stage.network(), Segment::Site, 5)?
            .is_none(),
        "an address was offered that somebody uses"
    );
    appliance.wait_for_log("somebody uses an address of the pool")?;
    stage.say("an address that somebody uses is not offered");

    stage.boot_to_ready(&mut machine)?;
    let log = appliance.log()?;
    ensure!(
        log.contains("was given the address 10.77.0.40"),
        "the machine was not given what is reserved for it"
    );
    machine.switch_off();

    appliance.kill_and_restart(stage.network())?;
    let again = take(stage.network(), rom(1))?;
    ensure!(
        again == first,
        "after kill -9 it was given {again} instead of {first}"
    );
    ensure!(
        rom(3)
            .look_for_address(stage.network(), Segment::Site, 5)?
            .is_none(),
        "after kill -9 an address was given twice"
    );
    stage.say("after kill -9 the addresses are still whose they were");
    appliance.stop()
}

/// From DISCOVER to ACK, as a firmware that wants address and file in one offer.
fn take(network: &Network, rom: BootRom) -> Result<Ipv4Addr> {
    let offer = rom
        .look_for_address(network, Segment::Site, 1)?
        .context("no offer has an address")?;
    ensure!(
        offer.boot_file().as_deref() == Some("amorce/undionly.kpxe"),
        "the offer names {:?}",
        offer.boot_file()
    );
    let path = network.segment_path(Segment::Site);
    let acknowledged = inside(&path, move || rom.accept(&offer))?;
    ensure!(
        acknowledged.message_type() == Some(MessageType::Acknowledge),
        "the request was answered by {:?}",
        acknowledged.message_type()
    );
    Ok(acknowledged.your_address)
}
