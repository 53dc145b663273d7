//! Devices as the kernel shows them: the aliases below `/sys/devices`, and the events when one appears.

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt,
        socket, sockopt,
    },
};
use std::{
    collections::BTreeSet,
    fs,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
    time::Duration,
};

/// Folders below `/sys/devices` are nested about fifteen deep behind a chain of docks.
const DEPTH_MAX: usize = 40;
/// Room for the events of a whole machine: a lost one would be a device without a driver.
const RECEIVE_BUFFER: usize = 4 << 20;

/// The aliases of all devices below a folder.
pub fn find_aliases(folder: &Path) -> BTreeSet<String> {
    let mut aliases = BTreeSet::new();
    collect(folder, 0, &mut aliases);
    aliases
}

fn collect(folder: &Path, depth: usize, aliases: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        // Links lead to devices that are found in their own place.
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth < DEPTH_MAX {
            collect(&entry.path(), depth + 1, aliases);
        } else if kind.is_file()
            && entry.file_name() == "modalias"
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            let alias = text.trim();
            if !alias.is_empty() {
                aliases.insert(alias.to_owned());
            }
        }
    }
}

/// The kernel's messages about devices (`NETLINK_KOBJECT_UEVENT`).
#[derive(Debug)]
pub struct Uevents {
    socket: OwnedFd,
}

/// What the kernel said.
#[derive(Debug, PartialEq, Eq)]
pub enum Appeared {
    /// Nothing of interest.
    Nothing,
    /// A device with this alias.
    Device(String),
    /// So many that some were lost.
    TooMany,
}

impl Uevents {
    /// Begins to listen.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn listen() -> Result<Self, Errno> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::NetlinkKObjectUEvent,
        )?;
        setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)?;
        // Group 1: the kernel's own events, not those of udev.
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 1))?;
        Ok(Self { socket })
    }

    /// What appears next, within this time.
    pub fn next(&self, limit: Duration) -> Appeared {
        let mut wait = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        if !matches!(poll(&mut wait, limit), Ok(1..)) {
            return Appeared::Nothing;
        }
        let mut message = [0u8; 8192];
        match recv(self.socket.as_raw_fd(), &mut message, MsgFlags::empty()) {
            Ok(length) => message
                .get(..length)
                .and_then(added_alias)
                .map_or(Appeared::Nothing, Appeared::Device),
            Err(Errno::ENOBUFS) => Appeared::TooMany,
            Err(_) => Appeared::Nothing,
        }
    }
}

/// The alias in an event that says that a device appeared: `add@/devices/… 00 ACTION=add 00 … MODALIAS=… 00`.
fn added_alias(message: &[u8]) -> Option<String> {
    let mut words = message
        .split(|byte| *byte == 0)
        .filter_map(|word| std::str::from_utf8(word).ok());
    let header = words.next()?;
    if !(header.starts_with("add@") || header.starts_with("change@") || header.starts_with("bind@")) {
        return None;
    }
    words
        .find_map(|word| word.strip_prefix("MODALIAS="))
        .filter(|alias| !alias.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn aliases_are_found_however_deep_and_links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("pci0000:00/0000:00:03.0/virtio0");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("modalias"), "virtio:d00000001v00001AF4\n").unwrap();
        fs::write(deep.parent().unwrap().join("modalias"), "pci:v00001AF4\n").unwrap();
        fs::write(root.path().join("modalias"), "\n").unwrap();
        std::os::unix::fs::symlink(root.path(), deep.join("loop")).unwrap();
        let found = find_aliases(root.path());
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["pci:v00001AF4", "virtio:d00000001v00001AF4"]
        );
    }

    #[test]
    fn an_event_tells_what_appeared() {
        let event = b"add@/devices/pci0\0ACTION=add\0SUBSYSTEM=pci\0MODALIAS=pci:v1d2\0SEQNUM=12\0";
        assert_eq!(added_alias(event).as_deref(), Some("pci:v1d2"));
        assert_eq!(added_alias(b"remove@/devices/pci0\0MODALIAS=pci:v1d2\0"), None);
    }

    proptest! {
        #[test]
        fn any_event_is_survived(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = added_alias(&message);
        }
    }
}
