//! What a machine says of itself once our agent runs on it.

use crate::{disk::DiskFacts, mac::MacAddr, unit::ByteLen};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Everything the agent found. Text comes from firmware and is never trusted to be sane: bounded, shown escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct MachineFacts {
    /// Names and numbers from SMBIOS.
    pub smbios: Smbios,
    /// How it was started.
    pub firmware: Firmware,
    /// Processor model.
    pub cpu: String,
    /// Logical processors.
    pub cpu_count: u32,
    /// Memory that the kernel sees.
    pub memory: ByteLen,
    /// Ethernet adapters.
    pub nics: Vec<NicFacts>,
    /// Disks, in the kernel's order.
    pub disks: Vec<DiskFacts>,
    /// What a technician should know: "firmware file rtl_nic/rtl8168h-2.fw is missing", "Intel RST hides the disk".
    pub warnings: Vec<String>,
}

/// SMBIOS type 1 and 2 fields (DMTF DSP0134 §7.2, §7.3), as the kernel shows them under `/sys/class/dmi/id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Smbios {
    /// System UUID in the byte order that the kernel prints.
    pub uuid: Option<Uuid>,
    /// Manufacturer.
    pub manufacturer: String,
    /// Product name.
    pub product: String,
    /// System serial number.
    pub serial: String,
    /// Base board serial number.
    pub board_serial: String,
    /// Firmware vendor, version and date in one line.
    pub bios: String,
}

/// The firmware that booted the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Firmware {
    /// PC BIOS, or UEFI in compatibility mode.
    #[default]
    Bios,
    /// UEFI, Secure Boot off.
    Uefi,
    /// UEFI with Secure Boot enforced.
    UefiSecureBoot,
}

/// An Ethernet adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NicFacts {
    /// The kernel's name at this boot.
    pub name: String,
    /// Permanent address.
    pub mac: MacAddr,
    /// The kernel's driver.
    pub driver: String,
    /// Attached by USB: passed from machine to machine, so it identifies none.
    pub usb: bool,
    /// Whether a cable carries a signal.
    pub link: bool,
    /// Whether the machine booted from it.
    pub booted: bool,
}

impl Smbios {
    /// The UUID if it can identify a machine: not one of the values that vendors leave in by mistake.
    #[must_use]
    pub fn identifying_uuid(&self) -> Option<Uuid> {
        self.uuid.filter(|uuid| !is_placeholder_uuid(uuid))
    }

    /// The board's serial if it can identify a machine.
    #[must_use]
    pub fn identifying_board_serial(&self) -> Option<&str> {
        let serial = self.board_serial.trim();
        (!is_placeholder_serial(serial)).then_some(serial)
    }
}

/// Whether a UUID is one that many machines share: all zeros, all ones, or a vendor's example value.
#[must_use]
pub fn is_placeholder_uuid(uuid: &Uuid) -> bool {
    const EXAMPLES: [u128; 4] = [
        // Boards left unprogrammed; the same value in both byte orders.
        0x0302_0100_0504_0706_0809_0a0b_0c0d_0e0f,
        0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f,
        0x0300_0200_0400_0500_0006_0007_0008_0009,
        0x0002_0003_0004_0005_0006_0007_0008_0009,
    ];
    let value = uuid.as_u128();
    let octets = uuid.as_bytes();
    octets.iter().all(|octet| *octet == octets[0]) || EXAMPLES.contains(&value)
}

/// Whether a serial number is one that vendors leave in by mistake, or too short to tell machines apart.
#[must_use]
pub fn is_placeholder_serial(serial: &str) -> bool {
    const KNOWN: [&str; 14] = [
        "to be filled by o.e.m.",
        "to be filled by o.e.m",
        "default string",
        "not specified",
        "not applicable",
        "not available",
        "system serial number",
        "base board serial number",
        "chassis serial number",
        "none",
        "n/a",
        "unknown",
        "123456789",
        "0123456789",
    ];
    let serial = serial.trim().to_ascii_lowercase();
    let mut characters = serial.chars();
    let first = characters.next();
    serial.len() < 4 || KNOWN.contains(&serial.as_str()) || characters.all(|c| Some(c) == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_placeholders_identify_no_machine() {
        for serial in [
            "",
            "  ",
            "To be filled by O.E.M.",
            "Default string",
            "0000000000",
            "xxxxxxx",
            "N/A",
            "0123456789",
        ] {
            assert!(is_placeholder_serial(serial), "{serial:?}");
        }
        assert!(!is_placeholder_serial("/7XK2R13/CNWS2001A2/"));
        assert!(is_placeholder_uuid(&Uuid::nil()) && is_placeholder_uuid(&Uuid::max()));
        assert!(is_placeholder_uuid(
            &"03000200-0400-0500-0006-000700080009".parse().unwrap()
        ));
        assert!(!is_placeholder_uuid(
            &"4c4c4544-0042-3510-8054-b7c04f4e3632".parse().unwrap()
        ));
    }
}
