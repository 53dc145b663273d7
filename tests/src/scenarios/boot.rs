//! Blank machines that boot our agent from the network and are recognised.

use super::GIB;
use crate::{
    appliance::Appliance,
    firmware::Firmware,
    machine::{Adapter, Bus, Machine, Parts},
    stage::{READY, Stage},
};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    time::{Duration, Instant},
};

/// SeaBIOS and iPXE from the adapter's option ROM, on a network without IPv6; the clock's battery is dead, and another
/// adapter comes first and gets no address.
pub fn bios(stage: &mut Stage) -> Result<()> {
    stage.change_network(|network, _| {
        network.remove_ipv6_router();
        Ok(())
    })?;
    let mut parts = Parts::new("blank", Firmware::Bios, 1).with_adapter(Adapter::IntelE1000e);
    parts.dead_clock = true;
    parts.idle_adapter = Some(Adapter::Virtio);
    let machine = boot(stage, parts)?;
    let text = machine.console().text()?;
    ensure!(
        !text.contains("nobody gives this machine a network address"),
        "the idle adapter was waited for"
    );
    Ok(())
}

/// EDK2's own PXE client, and the budget: initrd, and time from the kernel's first line to ready.
pub fn uefi(stage: &mut Stage) -> Result<()> {
    /// Largest initrd.
    const INITRD: u64 = 32 << 20;
    /// Longest time from the kernel's first line until the agent is recognised.
    const KERNEL_TO_READY: Duration = Duration::from_secs(15);
    let initrd = fs::metadata(stage.tools().boot_files.join("initrd.img"))
        .context("there is no initrd")?
        .len();
    stage.say(&format!("initrd: {:.1} MiB", initrd as f64 / f64::from(1 << 20)));
    ensure!(
        initrd <= INITRD,
        "the initrd has {initrd} bytes, more than {INITRD}"
    );

    let disk = stage.blank_disk("B1", 4 * GIB)?;
    let appliance = stage.start_appliance()?;
    let mut machine = stage.plug_in(Parts::new("blank", Firmware::Uefi, 1).with_disk(Bus::Virtio, disk))?;
    // Software emulation on shared processors: the best of a few boots tells what the code needs.
    let mut best = Duration::MAX;
    for _ in 0..4 {
        machine.switch_on(stage.network())?;
        machine.wait_for("Linux version", READY)?;
        let begin = Instant::now();
        machine.wait_for("amorce: ready", READY)?;
        best = best.min(begin.elapsed());
        stage.say(&format!(
            "ready {:.1} s after the kernel's first line",
            begin.elapsed().as_secs_f64()
        ));
        machine.switch_off();
        if best <= KERNEL_TO_READY {
            break;
        }
    }
    ensure!(
        best <= KERNEL_TO_READY,
        "the agent needed {:.1} s after the kernel's start",
        best.as_secs_f64()
    );
    appliance.administrator().machine_id(machine.parts().mac())?;
    appliance.stop()
}

/// The distribution's signed chain under enforced Secure Boot.
pub fn secure_boot(stage: &mut Stage) -> Result<()> {
    let machine = boot(stage, Parts::new("blank", Firmware::SecureBoot, 1))?;
    let text = machine.console().text()?;
    let line = text.lines().find(|line| line.contains("Secure boot enabled"));
    stage.say(
        line.context("the kernel does not say that Secure Boot is enabled")?
            .trim(),
    );
    Ok(())
}

/// The signed kernel of backports, for machines that are newer than the release: the package is a setting.
pub fn newer_kernel(stage: &mut Stage) -> Result<()> {
    let appliance = stage.start_newer_appliance()?;
    let machine = boot_from(stage, appliance, Parts::new("blank", Firmware::SecureBoot, 1))?;
    let text = machine.console().text()?;
    let line = text.lines().find(|line| line.contains("Linux version"));
    let line = line.context("the kernel does not say its version")?.trim();
    stage.say(line);
    let version = line
        .split_ascii_whitespace()
        .skip_while(|word| *word != "version")
        .nth(1)
        .unwrap_or_default();
    let mut numbers = version
        .split('.')
        .map(|number| number.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    ensure!(version >= (6, 12), "this is no newer kernel: {line}");
    ensure!(
        text.contains("Secure boot enabled"),
        "the kernel does not say that Secure Boot is enabled"
    );
    Ok(())
}

fn boot(stage: &mut Stage, parts: Parts) -> Result<Machine> {
    let appliance = stage.start_appliance()?;
    boot_from(stage, appliance, parts)
}

fn boot_from(stage: &mut Stage, appliance: Appliance, parts: Parts) -> Result<Machine> {
    let disk = stage.blank_disk("B1", 4 * GIB)?;
    let mut machine = stage.plug_in(parts.with_disk(Bus::Sata, disk))?;
    stage.boot_to_ready(&mut machine)?;
    let record = appliance
        .administrator()
        .find_machine(machine.parts().mac())?
        .context("the machine is ready but not on record")?;
    let uuid = record
        .pointer("/facts/smbios/uuid")
        .and_then(|value| value.as_str())
        .unwrap_or_default();
    ensure!(
        uuid == machine.parts().uuid(),
        "the record's UUID is {uuid}, the machine's {}",
        machine.parts().uuid()
    );
    appliance.stop()?;
    Ok(machine)
}
