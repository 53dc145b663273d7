//! Facts come from firmware, and from whoever holds a boot token: cut to what a record can hold before anything sees them.

use protocol::{
    disk::{DiskFacts, DiskIdentity},
    machine::{MachineFacts, NicFacts},
};

const NICS_MAX: usize = 64;
const DISKS_MAX: usize = 256;
const WARNINGS_MAX: usize = 50;
const TEXT_MAX: usize = 256;
const WARNING_MAX: usize = 500;
const CONTENTS_MAX: usize = 64 * 1024;

/// The facts with bounded lists and texts, and without control characters.
pub(crate) fn bound_facts(mut facts: MachineFacts) -> MachineFacts {
    let smbios = &mut facts.smbios;
    for text in [
        &mut smbios.manufacturer,
        &mut smbios.product,
        &mut smbios.serial,
        &mut smbios.board_serial,
        &mut smbios.bios,
        &mut facts.cpu,
    ] {
        bound(text, TEXT_MAX);
    }
    facts.nics.truncate(NICS_MAX);
    for NicFacts { name, driver, .. } in &mut facts.nics {
        bound(name, TEXT_MAX);
        bound(driver, TEXT_MAX);
    }
    facts.disks.truncate(DISKS_MAX);
    facts.disks.iter_mut().for_each(bound_disk);
    facts.warnings.truncate(WARNINGS_MAX);
    facts
        .warnings
        .iter_mut()
        .for_each(|warning| bound(warning, WARNING_MAX));
    facts
}

fn bound_disk(disk: &mut DiskFacts) {
    bound(&mut disk.name, TEXT_MAX);
    let DiskIdentity {
        wwn,
        serial,
        model,
        bus_path,
        ..
    } = &mut disk.identity;
    for text in [wwn, serial, model, bus_path].into_iter().flatten() {
        bound(text, TEXT_MAX);
    }
    // Cut text would be no JSON any more.
    disk.contents.take_if(|contents| contents.len() > CONTENTS_MAX);
}

/// Trims, replaces control characters, and cuts to a number of characters.
pub(crate) fn bound(text: &mut String, max: usize) {
    let bounded: String = text
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(max)
        .collect();
    *text = bounded;
}
