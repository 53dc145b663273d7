//! Disks as the kernel shows them under `/sys/block`.

use super::{bootable, identity};
use imager::{disk::SourceDisk, inspect::inspect};
use protocol::{disk::DiskFacts, machine::Firmware};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc,
    time::{Duration, Instant},
};

/// All disks, in order of their names.
#[must_use]
pub fn list_disks(firmware: Firmware) -> Vec<DiskFacts> {
    let mut disks = list_disks_in(Path::new("/sys/block"));
    for disk in &mut disks {
        // An empty card reader is a disk without bytes; a boot area has nothing that anybody images.
        if disk.identity.size.get() == 0 || disk.boot_area {
            continue;
        }
        let Ok(source) = SourceDisk::open_to_look(&path_of(&disk.name)) else {
            continue;
        };
        disk.bootable = bootable::is_bootable(&source, disk.sector_size, firmware);
    }
    disks
}

/// Reads what is on each disk, as far as this time allows: a filesystem of millions of files takes a while, and nobody
/// shall wait for it.
pub fn add_contents(disks: &mut [DiskFacts], limit: Duration) {
    let deadline = Instant::now() + limit;
    for disk in disks
        .iter_mut()
        .filter(|disk| disk.identity.size.get() > 0 && !disk.boot_area)
    {
        let path = path_of(&disk.name);
        let (sender, receiver) = mpsc::channel();
        let read = move || {
            let inspection = SourceDisk::open_to_look(&path).and_then(|source| inspect(&source));
            let text = inspection
                .ok()
                .and_then(|inspection| serde_json::to_string(&inspection).ok());
            // Nobody listens any more if it took too long.
            let _ = sender.send(text);
        };
        if std::thread::Builder::new()
            .name("inspect".into())
            .spawn(read)
            .is_ok()
        {
            let left = deadline.saturating_duration_since(Instant::now());
            disk.contents = receiver.recv_timeout(left).ok().flatten();
        }
    }
}

/// Whether these are the same disks, in whatever order and whatever their names.
#[must_use]
pub fn are_same(known: &[DiskFacts], found: &[DiskFacts]) -> bool {
    let is_in = |disk: &DiskFacts, others: &[DiskFacts]| {
        others
            .iter()
            .any(|other| other.identity.is_same_disk(&disk.identity))
    };
    known.iter().all(|disk| is_in(disk, found)) && found.iter().all(|disk| is_in(disk, known))
}

/// The device of a disk.
#[must_use]
pub fn path_of(name: &str) -> PathBuf {
    // The kernel writes `/` in a name as `!`.
    Path::new("/dev").join(name.replace('!', "/"))
}

/// Block devices that are no disks: made by software, or of another kind.
const NO_DISKS: [&str; 9] = ["loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd", "mtdblock"];

fn list_disks_in(folder: &Path) -> Vec<DiskFacts> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_by_key(|name| (name.len(), name.clone()));
    names
        .into_iter()
        .filter(|name| !NO_DISKS.iter().any(|prefix| name.starts_with(prefix)))
        .filter_map(|name| read_disk(&folder.join(&name), name))
        .collect()
}

fn read_disk(folder: &Path, name: String) -> Option<DiskFacts> {
    let read = |file: &str| {
        fs::read_to_string(folder.join(file))
            .map(|text| text.trim().to_owned())
            .unwrap_or_default()
    };
    // A hidden node is one path to an NVMe disk of several controllers (`nvme0c0n1` of `nvme0n1`): it has the disk's own
    // names and no device of its own.
    if !folder.join("device").exists() || read("hidden") == "1" {
        return None;
    }
    let place = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let kind = read("device/type");
    Some(DiskFacts {
        identity: identity::identify(folder, &place),
        sector_size: read("queue/logical_block_size").parse().unwrap_or(512),
        usb: place.to_string_lossy().contains("/usb"),
        // A card in a reader is as removable as a stick, whatever its reader says; a soldered eMMC says MMC.
        removable: read("removable") == "1" || (name.starts_with("mmcblk") && kind == "SD"),
        boot_area: is_boot_area(&name),
        read_only: read("ro") == "1",
        in_use: is_in_use(folder, &name),
        bootable: false,
        contents: None,
        name,
    })
}

/// eMMC boot areas and replay-protected memory: `mmcblk0boot0`, `mmcblk0rpmb`.
fn is_boot_area(name: &str) -> bool {
    name.strip_prefix("mmcblk").is_some_and(|rest| {
        rest.trim_start_matches(|c: char| c.is_ascii_digit())
            .starts_with(['b', 'r', 'g'])
    })
}

/// Held by another device, swapped to, or mounted: the disk or one of its partitions.
fn is_in_use(folder: &Path, name: &str) -> bool {
    let partitions = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let partitions: Vec<PathBuf> = partitions
        .filter(|path| path.join("partition").exists())
        .collect();
    let held =
        |path: &Path| fs::read_dir(path.join("holders")).is_ok_and(|mut entries| entries.next().is_some());
    let mut names = partitions
        .iter()
        .filter_map(|path| path.file_name()?.to_str())
        .chain([name]);
    let used: Vec<String> = ["/proc/mounts", "/proc/swaps"]
        .iter()
        .flat_map(|file| {
            fs::read_to_string(file)
                .unwrap_or_default()
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter_map(|line| line.split_ascii_whitespace().next().map(str::to_owned))
        .collect();
    held(folder)
        || partitions.iter().any(|path| held(path))
        || names.any(|name| used.contains(&format!("/dev/{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(root: &Path, place: &str, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = root.join("devices").join(place).join("block").join(name);
        fs::create_dir_all(folder.join("queue")).unwrap();
        fs::create_dir_all(folder.join("holders")).unwrap();
        let device = root.join("devices").join(place);
        std::os::unix::fs::symlink(&device, folder.join("device")).unwrap();
        for (file, text) in files {
            fs::write(folder.join(file), format!("{text}\n")).unwrap();
        }
        fs::create_dir_all(root.join("block")).unwrap();
        std::os::unix::fs::symlink(&folder, root.join("block").join(name)).unwrap();
        folder
    }

    #[test]
    fn disks_are_told_from_sticks_cards_and_boot_areas() {
        let root = tempfile::tempdir().unwrap();
        let plain = [
            ("size", "2097152"),
            ("queue/logical_block_size", "512"),
            ("removable", "0"),
            ("ro", "0"),
        ];
        make(
            root.path(),
            "pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0",
            "sda",
            &plain,
        );
        make(
            root.path(),
            "pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0/host1/target1:0:0/1:0:0:0",
            "sdb",
            &plain,
        );
        make(
            root.path(),
            "pci0000:00/0000:00:1c.0/mmc0/mmc0:0001",
            "mmcblk0",
            &plain,
        );
        make(
            root.path(),
            "pci0000:00/0000:00:1c.0/mmc0/mmc0:0001/x",
            "mmcblk0boot0",
            &plain,
        );
        let card = make(
            root.path(),
            "pci0000:00/0000:00:1d.0/mmc1/mmc1:0001",
            "mmcblk1",
            &plain,
        );
        fs::write(card.join("device/type"), "SD\n").unwrap();
        fs::create_dir_all(root.path().join("block/loop0/device")).unwrap();
        let disks = list_disks_in(&root.path().join("block"));
        let seen: Vec<_> = disks
            .iter()
            .map(|disk| (disk.name.as_str(), disk.usb, disk.removable, disk.boot_area))
            .collect();
        let expected = [
            ("sda", false, false, false),
            ("sdb", true, false, false),
            ("mmcblk0", false, false, false),
            ("mmcblk1", false, true, false),
            ("mmcblk0boot0", false, false, true),
        ];
        assert_eq!(seen, expected);
        assert_eq!(disks[0].identity.size.get(), 1 << 30);
        assert!(are_same(&disks, &disks) && !are_same(&disks, &disks[1..]) && !are_same(&[], &disks));
    }

    #[test]
    fn the_paths_to_one_nvme_disk_are_no_disks_of_their_own() {
        let root = tempfile::tempdir().unwrap();
        let shared = [
            ("size", "2097152"),
            ("wwid", "nvme.1234"),
            ("removable", "0"),
            ("ro", "0"),
        ];
        let head = "virtual/nvme-subsystem/nvme-subsys0";
        make(
            root.path(),
            head,
            "nvme0n1",
            &[&shared[..], &[("hidden", "0")]].concat(),
        );
        let path = "pci0000:00/0000:00:04.0/nvme/nvme0";
        make(
            root.path(),
            path,
            "nvme0c0n1",
            &[&shared[..], &[("hidden", "1")]].concat(),
        );
        let disks = list_disks_in(&root.path().join("block"));
        let seen: Vec<_> = disks.iter().map(|disk| disk.name.as_str()).collect();
        assert_eq!(seen, ["nvme0n1"]);
    }

    #[test]
    fn a_disk_whose_partition_is_held_is_in_use() {
        let root = tempfile::tempdir().unwrap();
        let folder = make(
            root.path(),
            "pci0000:00/0000:00:05.0/virtio1",
            "testdisk0",
            &[("size", "100")],
        );
        assert!(!list_disks_in(&root.path().join("block"))[0].in_use);
        fs::create_dir_all(folder.join("testdisk0p1/holders/dm-0")).unwrap();
        fs::write(folder.join("testdisk0p1/partition"), "1\n").unwrap();
        assert!(list_disks_in(&root.path().join("block"))[0].in_use);
    }
}
