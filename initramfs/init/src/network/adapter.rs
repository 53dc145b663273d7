//! Ethernet adapters as the kernel shows them under `/sys/class/net`.

use protocol::MacAddr;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// An Ethernet adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// The kernel's name at this boot.
    pub name: String,
    /// The kernel's number at this boot.
    pub index: u32,
    /// Its address.
    pub mac: MacAddr,
    /// The kernel's driver.
    pub driver: String,
    /// Attached by USB.
    pub usb: bool,
    /// The machine booted from it.
    pub booted: bool,
}

/// All adapters, the one that booted first, then in order of their names.
#[must_use]
pub fn list_adapters(booted: Option<MacAddr>) -> Vec<Adapter> {
    list_adapters_in(Path::new("/sys/class/net"), booted)
}

fn list_adapters_in(folder: &Path, booted: Option<MacAddr>) -> Vec<Adapter> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut adapters: Vec<Adapter> = entries
        .filter_map(|entry| read_adapter(&entry.path(), booted))
        .collect();
    adapters.sort_by(|left, right| (!left.booted, &left.name).cmp(&(!right.booted, &right.name)));
    adapters
}

/// Whether the cable carries a signal. The kernel knows only while the adapter is up.
#[must_use]
pub fn has_carrier(name: &str) -> bool {
    fs::read_to_string(Path::new("/sys/class/net").join(name).join("carrier"))
        .is_ok_and(|text| text.trim() == "1")
}

/// ARPHRD_ETHER in `include/uapi/linux/if_arp.h`.
const ETHERNET: &str = "1";

fn read_adapter(path: &Path, booted: Option<MacAddr>) -> Option<Adapter> {
    let read = |file: &str| {
        fs::read_to_string(path.join(file))
            .ok()
            .map(|text| text.trim().to_owned())
    };
    // Without a device behind it, it is a bridge or a tunnel.
    let device = path.join("device");
    if read("type")? != ETHERNET || !device.exists() || path.join("wireless").exists() {
        return None;
    }
    let mac: MacAddr = read("address")?.parse().ok()?;
    let link = |path: PathBuf| fs::canonicalize(path).ok();
    let driver = link(device.join("driver"))
        .and_then(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()))
        .unwrap_or_default();
    Some(Adapter {
        name: path.file_name()?.to_str()?.to_owned(),
        index: read("ifindex")?.parse().ok()?,
        mac,
        driver,
        usb: link(device).is_some_and(|path| path.to_string_lossy().contains("/usb")),
        booted: mac.is_unicast() && booted == Some(mac),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(root: &Path, name: &str, mac: &str, device: &str) {
        let class = root.join("class").join(name);
        let device = root.join("devices").join(device);
        fs::create_dir_all(&class).unwrap();
        fs::create_dir_all(&device).unwrap();
        fs::create_dir_all(root.join("drivers/e1000e")).unwrap();
        std::os::unix::fs::symlink(&device, class.join("device")).unwrap();
        let _ = std::os::unix::fs::symlink(root.join("drivers/e1000e"), device.join("driver"));
        for (file, text) in [("type", "1\n"), ("address", mac), ("ifindex", "3\n")] {
            fs::write(class.join(file), text).unwrap();
        }
    }

    #[test]
    fn the_adapter_that_booted_comes_first_and_what_is_no_adapter_does_not_come() {
        let root = tempfile::tempdir().unwrap();
        make(root.path(), "eth0", "52:54:00:00:00:01\n", "pci0/0000:00:03.0");
        make(root.path(), "eth1", "52:54:00:00:00:02\n", "pci0/usb1/1-1");
        let bridge = root.path().join("class/br0");
        fs::create_dir_all(&bridge).unwrap();
        fs::write(bridge.join("type"), "1\n").unwrap();
        fs::write(bridge.join("address"), "52:54:00:00:00:03\n").unwrap();
        let adapters = list_adapters_in(&root.path().join("class"), "52:54:00:00:00:02".parse().ok());
        let seen: Vec<_> = adapters
            .iter()
            .map(|adapter| (adapter.name.as_str(), adapter.booted, adapter.usb))
            .collect();
        assert_eq!(seen, [("eth1", true, true), ("eth0", false, false)]);
        assert_eq!((adapters[1].driver.as_str(), adapters[1].index), ("e1000e", 3));
    }
}
