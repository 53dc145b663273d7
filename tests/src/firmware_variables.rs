//! The flash that EDK2 keeps its variables in, as far as the lab writes and reads it: so that a machine's boot order can
//! be "IPv4 network, then disks", as people set it on real boards, instead of every way the firmware knows of.
//!
//! Firmware volume header (PI 1.7, volume 3, §3.2.1), then one variable store (EDK2 `VariableFormat.h`), little-endian:
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 48 in the volume header | 2 | length of the volume header |
//! | 0 | 16 | GUID of the store |
//! | 16 | 4 | size of the store |
//! | 20 | 8 | format 0x5A, state 0xFE, reserved |
//!
//! then variables, each aligned to 4, until one does not start with 0x55AA:
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 2 | 0x55AA |
//! | 2 | 1 | state; 0x3F = in use |
//! | 4 | 4 | attributes |
//! | 8 | 28 | monotonic count, time stamp, public key index: zero unless authenticated |
//! | 36 | 4 + 4 | bytes of the name (UTF-16 with NUL), bytes of the data |
//! | 44 | 16 | GUID of the vendor |
//! | 60 | … | name, data |

use anyhow::{Context, Result, ensure};
use protocol::MacAddr;

/// A variable of the firmware's own kind (`EFI_GLOBAL_VARIABLE`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name: `BootOrder`, `Boot0001`.
    pub name: String,
    /// Its value.
    pub data: Vec<u8>,
}

const GLOBAL: [u8; 16] = [
    0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c,
];
const START: [u8; 2] = [0xaa, 0x55];
const IN_USE: u8 = 0x3f;
const HEADER: usize = 60;
const STORE_HEADER: usize = 28;
/// Non-volatile, visible to boot services and at run time.
const ATTRIBUTES: u32 = 7;

/// Adds a global variable to an image of the flash.
///
/// # Errors
/// The image is no variable store, or is full.
pub fn add(flash: &mut [u8], variable: &Variable) -> Result<()> {
    let (at, end) = walk(flash, |_| ())?;
    let name: Vec<u8> = variable
        .name
        .encode_utf16()
        .chain([0])
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut bytes = vec![START[0], START[1], IN_USE, 0];
    bytes.extend(ATTRIBUTES.to_le_bytes());
    bytes.extend([0; 28]);
    bytes.extend(u32::try_from(name.len())?.to_le_bytes());
    bytes.extend(u32::try_from(variable.data.len())?.to_le_bytes());
    bytes.extend(GLOBAL);
    bytes.extend(name);
    bytes.extend(&variable.data);
    ensure!(at + bytes.len() <= end, "the firmware's variable store is full");
    flash[at..at + bytes.len()].copy_from_slice(&bytes);
    Ok(())
}

/// The global variables in an image of the flash.
///
/// # Errors
/// The image is no variable store.
pub fn read(flash: &[u8]) -> Result<Vec<Variable>> {
    let mut variables = Vec::new();
    walk(flash, |variable| variables.push(variable))?;
    Ok(variables)
}

/// How a machine boots from its adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkBoot {
    /// PXE over IPv4.
    Pxe,
    /// UEFI HTTP Boot over IPv4.
    Http,
    /// Not at all: the machine starts its disk as if it had no network.
    Off,
}

/// A boot option for the PXE client over IPv4 of the adapter at PCI device `slot` on bus 0 (UEFI 2.10 §3.1.3, §10.3).
pub fn network_boot_option(mac: MacAddr, slot: u8, way: NetworkBoot) -> Vec<u8> {
    let mut path = Vec::new();
    // ACPI: PNP0A03, unit 0.
    path.extend([2, 1, 12, 0, 0xd0, 0x41, 0x03, 0x0a, 0, 0, 0, 0]);
    path.extend([1, 1, 6, 0, 0, slot]);
    path.extend([3, 11, 37, 0]);
    path.extend(mac.octets());
    path.extend([0; 26]);
    path.push(1);
    path.extend([3, 12, 27, 0]);
    path.extend([0; 23]);
    if way == NetworkBoot::Http {
        // Messaging, URI, empty: the DHCP server says which.
        path.extend([3, 24, 4, 0]);
    }
    path.extend([0x7f, 0xff, 4, 0]);
    let mut option = 1u32.to_le_bytes().to_vec();
    option.extend(
        u16::try_from(path.len())
            .expect("this path is short")
            .to_le_bytes(),
    );
    option.extend("Network".encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    option.extend(path);
    option
}

/// Visits each global variable in use; returns where the next one would go, and the end of the store.
fn walk(flash: &[u8], mut visit: impl FnMut(Variable)) -> Result<(usize, usize)> {
    let number = |at: usize, length: usize| -> Result<usize> {
        let bytes = flash
            .get(at..at + length)
            .context("the firmware's variable store is cut short")?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    let store = number(48, 2)?;
    ensure!(
        number(store + 20, 1)? == 0x5a,
        "no variable store follows the firmware volume's header"
    );
    let end = store + number(store + 16, 4)?;
    let mut at = (store + STORE_HEADER).next_multiple_of(4);
    while at + HEADER <= end && flash.get(at..at + 2) == Some(&START) {
        let name_at = at + HEADER;
        let data_at = name_at + number(at + 36, 4)?;
        let data_end = data_at + number(at + 40, 4)?;
        ensure!(
            data_end <= end && end <= flash.len(),
            "a firmware variable does not fit into its store"
        );
        if flash[at + 2] == IN_USE && flash[at + 44..at + 60] == GLOBAL {
            let units: Vec<u16> = flash[name_at..data_at]
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect();
            let name = String::from_utf16_lossy(&units).trim_end_matches('\0').to_owned();
            visit(Variable {
                name,
                data: flash[data_at..data_end].to_vec(),
            });
        }
        at = data_end.next_multiple_of(4);
    }
    Ok((at, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty_store() -> Vec<u8> {
        let mut flash = vec![0xff; 4096];
        flash[48..50].copy_from_slice(&72u16.to_le_bytes());
        flash[72 + 16..72 + 20].copy_from_slice(&2000u32.to_le_bytes());
        flash[72 + 20] = 0x5a;
        flash
    }

    #[test]
    fn what_is_added_is_read_again_in_order() {
        let mut flash = empty_store();
        let variables = [
            Variable {
                name: "BootOrder".into(),
                data: vec![0, 0x10],
            },
            Variable {
                name: "Boot1000".into(),
                data: network_boot_option(MacAddr([2, 0, 0, 0, 0, 1]), 2, NetworkBoot::Pxe),
            },
        ];
        for variable in &variables {
            add(&mut flash, variable).unwrap();
        }
        assert_eq!(read(&flash).unwrap(), variables);
    }

    #[test]
    fn a_full_store_and_a_file_that_is_none_are_refused() {
        let mut flash = empty_store();
        let large = Variable {
            name: "Large".into(),
            data: vec![0; 1500],
        };
        add(&mut flash, &large).unwrap();
        assert!(add(&mut flash, &large).is_err());
        assert!(read(&[0; 4096]).is_err());
        assert!(read(&[]).is_err());
    }
}
