//! What tells one disk from another, from what the kernel shows of it.
//!
//! | kind | WWN | serial | model |
//! | --- | --- | --- | --- |
//! | SCSI, ATA, USB | `device/wwid`: `naa.…`, `eui.…`, `t10.…` | `device/vpd_pg80` from byte 4 | `device/model` |
//! | NVMe | `wwid`: `eui.…`, `uuid.…`, `nvme.…` | `device/serial` | `device/model` |
//! | eMMC, SD | – | `device/cid` | `device/name` |
//! | virtio | – | `serial` | – |

use crate::machine::tidy;
use protocol::{ByteLen, disk::DiskIdentity};
use std::{fs, path::Path};

/// Identifies the disk that `folder` (`/sys/block/NAME`) shows and whose device is at `place` in `/sys/devices`.
pub fn identify(folder: &Path, place: &Path) -> DiskIdentity {
    let read = |file: &str| {
        let text = fs::read(folder.join(file)).ok()?;
        Some(tidy(&String::from_utf8_lossy(&text))).filter(|text| !text.is_empty())
    };
    let first = |files: &[&str]| files.iter().find_map(|file| read(file));
    let sectors: u64 = read("size").and_then(|text| text.parse().ok()).unwrap_or(0);
    DiskIdentity {
        wwn: first(&["wwid", "device/wwid"]),
        serial: first(&["serial", "device/serial"])
            .or_else(|| page_80(&fs::read(folder.join("device/vpd_pg80")).ok()?))
            .or_else(|| read("device/cid")),
        model: first(&["device/model", "device/name"]),
        bus_path: bus_path(&place.to_string_lossy(), &ata_port),
        // The kernel counts in units of 512 whatever the disk's sectors are.
        size: ByteLen(sectors.saturating_mul(512)),
    }
}

/// The unit serial number (SPC-5 §7.7.19): byte 1 is the page, bytes 2–3 the length, then text.
fn page_80(page: &[u8]) -> Option<String> {
    if *page.get(1)? != 0x80 {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([*page.get(2)?, *page.get(3)?]));
    let text = page.get(4..4usize.checked_add(length)?.min(page.len()))?;
    Some(tidy(&String::from_utf8_lossy(text))).filter(|serial| !serial.is_empty())
}

/// The way to the disk: buses by their fixed numbers, without those that the kernel gives out in order of discovery.
///
/// `…/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda` → `pci-0000:00:1f.2-ata-1-lun-0:0:0`
///
/// `ata_port` tells the number of a port on its controller: the 1 in `ata1` counts the ports of all controllers.
fn bus_path(place: &str, ata_port: &dyn Fn(&Path) -> Option<String>) -> Option<String> {
    let parts: Vec<&str> = place.split('/').collect();
    let pci = parts.iter().rposition(|part| is_pci_address(part));
    let mut path = match pci {
        Some(at) => format!("pci-{}", parts[at]),
        // Devices that only ACPI knows: eMMC of small laptops.
        None => format!(
            "platform-{}",
            parts
                .iter()
                .find(|part| part.contains(':') && !part.starts_with("pci"))?
        ),
    };
    for (at, part) in parts.iter().enumerate().skip(pci.map_or(0, |at| at + 1)) {
        if *part == "block" {
            break;
        }
        if let Some((_, port)) = part
            .split_once('-')
            .filter(|(bus, _)| bus.chars().all(|c| c.is_ascii_digit()))
        {
            if let Some((port, interface)) = port.split_once(':') {
                path.push_str(&format!("-usb-{port}:{interface}"));
            }
        } else if part.starts_with("ata") {
            let port = ata_port(Path::new(&parts[..=at].join("/")));
            path.push_str(&format!("-ata-{}", port.as_deref().unwrap_or("x")));
        } else if let Some((_, channel)) = part.split_once(':').filter(|_| part.matches(':').count() == 3) {
            path.push_str(&format!("-lun-{channel}"));
        } else if let Some(rest) = part.strip_prefix("nvme") {
            if let Some((_, namespace)) = rest.split_once('n') {
                path.push_str(&format!("-nvme-{namespace}"));
            }
        } else if part.starts_with("mmc") && part.contains(':') {
            path.push_str("-mmc");
        }
    }
    Some(path)
}

/// `…/ata3` → what `…/ata3/ata_port/ata3/port_no` says.
fn ata_port(ata: &Path) -> Option<String> {
    let number = fs::read_to_string(ata.join("ata_port").join(ata.file_name()?).join("port_no")).ok()?;
    Some(tidy(&number))
}

/// `0000:00:1f.2`
fn is_pci_address(part: &str) -> bool {
    let bytes = part.as_bytes();
    bytes.len() == 12
        && bytes[4] == b':'
        && bytes[7] == b':'
        && bytes[10] == b'.'
        && bytes
            .iter()
            .enumerate()
            .all(|(at, byte)| matches!(at, 4 | 7 | 10) || byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_disk_has_no_number_that_changes_between_boots() {
        let cases = [
            (
                "/sys/devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block/sda",
                "pci-0000:00:1f.2-ata-1-lun-0:0:0",
            ),
            (
                "/sys/devices/pci0000:00/0000:00:05.0/virtio2/block/vda",
                "pci-0000:00:05.0",
            ),
            (
                "/sys/devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1.4/2-1.4:1.0/host4/target4:0:0/4:0:0:0/block/sdb",
                "pci-0000:00:14.0-usb-1.4:1.0-lun-0:0:0",
            ),
            (
                "/sys/devices/pci0000:00/0000:00:1d.0/0000:3d:00.0/nvme/nvme0/nvme0n1",
                "pci-0000:3d:00.0-nvme-1",
            ),
            (
                "/sys/devices/platform/80860F14:00/mmc_host/mmc1/mmc1:0001/block/mmcblk1",
                "platform-80860F14:00-mmc",
            ),
        ];
        for (place, path) in cases {
            assert_eq!(
                bus_path(place, &|_| Some("1".into())).as_deref(),
                Some(path),
                "{place}"
            );
        }
    }

    #[test]
    fn a_serial_number_is_read_from_its_page_whatever_length_it_claims() {
        assert_eq!(page_80(b"\x00\x80\x00\x08  WD-1234").as_deref(), Some("WD-123"));
        assert_eq!(page_80(b"\x00\x80\xff\xffWD"), Some("WD".into()));
        assert_eq!(page_80(b"\x00\x83\x00\x02WD"), None);
        assert_eq!(page_80(b"\x00"), None);
    }
}
