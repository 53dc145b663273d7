//! One program for all targets: which one runs is said by the variable `AMORCE_FUZZ_TARGET`. `list` prints their names,
//! `seeds` writes what they begin with below the folder `AMORCE_FUZZ_SEEDS`.

#![no_main]

mod disks;
mod engine;
mod firmware;
#[path = "../../initramfs/init/src/efi/load_option.rs"]
mod load_option;
mod network;
mod seeds;
mod sparse;
mod volumes;

use std::sync::OnceLock;

/// A target: its name, and what is done with an input.
type Target = (&'static str, fn(&[u8]));

/// Every target. The name is the folder of its seeds and of its regressions.
const TARGETS: &[Target] = &[
    ("frame", engine::frame),
    ("pack", engine::pack),
    ("segment", engine::segment),
    ("root", engine::root),
    ("key", engine::key),
    ("restore", engine::restore),
    ("partitions", disks::partitions),
    ("ext4", disks::filesystem),
    ("fat", disks::filesystem),
    ("ntfs", disks::filesystem),
    ("swap", disks::filesystem),
    ("xfs", disks::filesystem),
    ("btrfs", disks::filesystem),
    ("exfat", disks::filesystem),
    ("lvm2", disks::filesystem),
    ("bitlocker", disks::filesystem),
    ("depot", network::depot),
    ("agent", network::agent),
    ("dhcp", network::dhcp),
    ("tftp", network::tftp),
    ("http", network::http),
    ("command-line", network::command_line),
    ("module-table", network::module_table),
    ("load-option", firmware::load_option),
];

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

fn choose() {
    let wanted = std::env::var("AMORCE_FUZZ_TARGET").unwrap_or_default();
    match wanted.as_str() {
        "list" => {
            TARGETS.iter().for_each(|(name, _)| println!("{name}"));
            std::process::exit(0);
        }
        "seeds" => {
            let folder = std::env::var_os("AMORCE_FUZZ_SEEDS").expect("AMORCE_FUZZ_SEEDS names a folder");
            seeds::write(folder.as_ref());
            std::process::exit(0);
        }
        _ => {}
    }
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    let (_, target) =
        found.unwrap_or_else(|| panic!("there is no target {wanted:?}: see `cargo xtask fuzz --list`"));
    let _ = TARGET.set(*target);
}

libfuzzer_sys::fuzz_target!(
    init: choose(),
    |data: &[u8]| {
        if let Some(target) = TARGET.get() {
            target(data);
        }
    }
);
