//! Adds a boot entry for a restored disk, and chooses the next boot.

use super::{load_option::LoadOption, variable::Variables};
use std::io;

/// What became of the wish for a boot entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// A new entry of this number.
    New(u16),
    /// There was one for the same file on the same partition already.
    There(u16),
}

/// Adds an entry, unless there is one for the same file. Reads back what it wrote.
///
/// It comes right behind the entry that started this boot, which is the network: first, it would keep the machine from
/// ever asking us again. Without such an entry in the order it comes first.
///
/// # Errors
/// This is no UEFI machine, or its firmware refuses.
pub fn add_boot_entry(option: &LoadOption) -> io::Result<Added> {
    add_to(&Variables::system(), option)
}

/// Asks the firmware to start from a disk at the next boot, once, if it has an entry for one. Says what it is called.
#[must_use]
pub fn boot_disk_next() -> Option<String> {
    disk_next(&Variables::system())
}

fn add_to(variables: &Variables, option: &LoadOption) -> io::Result<Added> {
    let wanted = option.encode().ok_or(io::ErrorKind::InvalidInput)?;
    let numbers = variables.boot_entries()?;
    let there = numbers.iter().copied().find(|number| {
        let entry = variables
            .read(&entry_name(*number))
            .ok()
            .and_then(|variable| LoadOption::decode(&variable.data));
        entry.is_some_and(|entry| {
            entry.partition.guid == option.partition.guid && entry.file.eq_ignore_ascii_case(&option.file)
        })
    });
    let added = match there {
        Some(number) => Added::There(number),
        None => {
            let free = (0..=u16::MAX).find(|number| !numbers.contains(number));
            let number =
                free.ok_or_else(|| io::Error::other("the firmware has no number left for a boot entry"))?;
            variables.write(&entry_name(number), &wanted)?;
            Added::New(number)
        }
    };
    let (Added::New(number) | Added::There(number)) = added;
    let read = |name| {
        let variable = variables.read(name);
        variable.map(|variable| variable.data).unwrap_or_default()
    };
    let order = read("BootOrder");
    // An entry that is there may have been left out of the order: by a power cut between the two, or by somebody.
    let listed = order.chunks_exact(2).any(|pair| *pair == number.to_le_bytes());
    if !listed || matches!(added, Added::New(_)) {
        variables.write("BootOrder", &put_behind(&order, &read("BootCurrent"), number))?;
    }
    Ok(added)
}

fn disk_next(variables: &Variables) -> Option<String> {
    let order = variables.read("BootOrder").ok()?.data;
    let numbers = order
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    for number in numbers {
        let entry = variables
            .read(&entry_name(number))
            .ok()
            .and_then(|variable| LoadOption::decode(&variable.data));
        if let Some(entry) = entry {
            variables.write("BootNext", &number.to_le_bytes()).ok()?;
            return Some(entry.description);
        }
    }
    None
}

fn entry_name(number: u16) -> String {
    format!("Boot{number:04X}")
}

/// An order of u16 numbers with this one behind `current`, or first if that is not in it, and nowhere else.
fn put_behind(order: &[u8], current: &[u8], number: u16) -> Vec<u8> {
    let number = number.to_le_bytes();
    let mut pairs: Vec<&[u8]> = order.chunks_exact(2).filter(|pair| *pair != number).collect();
    let place = pairs
        .iter()
        .position(|pair| *pair == current)
        .map_or(0, |at| at + 1);
    pairs.insert(place, &number);
    pairs.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efi::BootPartition;

    fn option() -> LoadOption {
        LoadOption {
            description: "Debian".into(),
            partition: BootPartition {
                number: 1,
                first_sector: 2048,
                sectors: 1000,
                guid: [7; 16],
            },
            file: r"\EFI\debian\shimx64.efi".into(),
        }
    }

    #[test]
    fn an_entry_is_added_once_gets_a_free_number_and_leaves_the_network_first() {
        let folder = tempfile::tempdir().unwrap();
        let variables = Variables::in_folder(folder.path());
        variables.write("Boot0000", b"something else").unwrap();
        variables.write("BootOrder", &[5, 0, 0, 0, 1, 0]).unwrap();
        variables.write("BootCurrent", &[5, 0]).unwrap();
        assert_eq!(add_to(&variables, &option()).unwrap(), Added::New(1));
        assert_eq!(variables.read("BootOrder").unwrap().data, [5, 0, 1, 0, 0, 0]);
        assert_eq!(
            LoadOption::decode(&variables.read("Boot0001").unwrap().data),
            Some(option())
        );
        assert_eq!(add_to(&variables, &option()).unwrap(), Added::There(1));
        assert_eq!(variables.boot_entries().unwrap(), [0, 1]);
    }

    #[test]
    fn an_entry_that_a_power_cut_left_out_of_the_order_is_put_into_it() {
        let folder = tempfile::tempdir().unwrap();
        let variables = Variables::in_folder(folder.path());
        variables.write("Boot0001", &option().encode().unwrap()).unwrap();
        variables.write("BootOrder", &[5, 0]).unwrap();
        variables.write("BootCurrent", &[5, 0]).unwrap();
        assert_eq!(add_to(&variables, &option()).unwrap(), Added::There(1));
        assert_eq!(variables.read("BootOrder").unwrap().data, [5, 0, 1, 0]);
    }

    #[test]
    fn an_entry_comes_first_if_the_firmware_does_not_say_what_it_booted() {
        assert_eq!(put_behind(&[2, 0, 1, 0], &[], 1), [1, 0, 2, 0]);
        assert_eq!(put_behind(&[], &[7, 0], 1), [1, 0]);
    }

    #[test]
    fn the_next_boot_is_the_first_entry_on_a_disk() {
        let folder = tempfile::tempdir().unwrap();
        let variables = Variables::in_folder(folder.path());
        variables.write("Boot0000", b"network").unwrap();
        variables.write("Boot0003", &option().encode().unwrap()).unwrap();
        variables.write("BootOrder", &[0, 0, 9, 0, 3, 0]).unwrap();
        assert_eq!(disk_next(&variables).as_deref(), Some("Debian"));
        assert_eq!(variables.read("BootNext").unwrap().data, [3, 0]);
    }
}
