//! The scenarios, by name.

mod ageing;
mod boot;
mod boot_entry;
mod boot_ways;
mod by_hand;
mod capture_options;
mod command_line;
mod disks;
mod interrupted;
mod local;
mod machines;
mod menus;
mod netboot;
mod oracle;
mod page;
mod pool;
pub mod roundtrip;
mod screens;
mod storm;
mod stranger;

use crate::{demo, scenario::Scenario};

/// Every scenario; the longest first.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "roundtrip-uefi",
        proves: "UEFI: A is captured, blank B restored; every file is the same, and B boots its own disk",
        daily: true,
        play: roundtrip::uefi,
    },
    Scenario {
        name: "roundtrip-bios",
        proves: "BIOS: the same, on SATA disks and an Intel adapter",
        daily: true,
        play: roundtrip::bios,
    },
    Scenario {
        name: "roundtrip-mbr",
        proves: "BIOS with an MBR and a logical partition: the same",
        daily: true,
        play: roundtrip::mbr,
    },
    Scenario {
        name: "demo",
        proves: "the demo, UEFI with Secure Boot: the same, on NVMe disks of several controllers; its report has its shape",
        daily: true,
        play: demo::rehearse,
    },
    Scenario {
        name: "page",
        proves: "with the page alone: first administrator, a machine named and captured, another restored, in a real browser",
        daily: true,
        play: page::play,
    },
    Scenario {
        name: "interrupted",
        proves: "a restore survives kill -9 of the appliance and of the agent and a reset of the machine, and fetches nothing twice",
        daily: true,
        play: interrupted::play,
    },
    Scenario {
        name: "aged",
        proves: "FAT and exFAT, aged and cut off by Debian's kernel: used maps bit by bit, every file back",
        daily: true,
        play: ageing::few,
    },
    Scenario {
        name: "aged-fat",
        proves: "the same of FAT12, 16 and 32 with every cluster size, in two kernels",
        daily: false,
        play: ageing::fat,
    },
    Scenario {
        name: "aged-exfat",
        proves: "the same of exFAT with clusters from 512 bytes to 1 MiB, in two kernels",
        daily: false,
        play: ageing::exfat,
    },
    Scenario {
        name: "aged-ntfs",
        proves: "the same of NTFS as the newer kernel writes it",
        daily: false,
        play: ageing::ntfs,
    },
    Scenario {
        name: "boot-entry",
        proves: "UEFI: a restored disk without the removable-media loader gets one boot entry, and boots",
        daily: true,
        play: boot_entry::play,
    },
    Scenario {
        name: "wrong-disk",
        proves: "with several disks and none named, nothing is written until a person chooses",
        daily: true,
        play: disks::wrong_disk,
    },
    Scenario {
        name: "too-small",
        proves: "a disk that is too small is refused before the first write, with the figures",
        daily: true,
        play: disks::too_small,
    },
    Scenario {
        name: "capture-options",
        proves: "a hibernated Windows is refused with the remedy; without its session, or whole, it is captured",
        daily: false,
        play: capture_options::play,
    },
    Scenario {
        name: "wrong-machine",
        proves: "a machine with another's adapter gets a record and a warning of its own, and never its job",
        daily: true,
        play: machines::wrong_machine,
    },
    Scenario {
        name: "unknown-machine",
        proves: "an unknown machine is inventoried once, then boots its own disk; or is left alone, as the site decides",
        daily: true,
        play: machines::unknown_machine,
    },
    Scenario {
        name: "no-appliance",
        proves: "without an appliance a machine still boots its own disk, one that imager restored, under BIOS and UEFI",
        daily: true,
        play: local::no_appliance,
    },
    Scenario {
        name: "masters",
        proves: "master A boots from its own disk in every firmware, as the other scenarios suppose",
        daily: false,
        play: local::masters,
    },
    Scenario {
        name: "bios",
        proves: "BIOS with a dead clock and an idle adapter: a blank machine boots the agent and is recognised",
        daily: true,
        play: boot::bios,
    },
    Scenario {
        name: "uefi",
        proves: "UEFI: a blank machine boots the agent and is recognised, within the budget of time and size",
        daily: true,
        play: boot::uefi,
    },
    Scenario {
        name: "secure-boot",
        proves: "UEFI with Secure Boot and the Microsoft keys: a blank machine boots the agent; the kernel says it is on",
        daily: true,
        play: boot::secure_boot,
    },
    Scenario {
        name: "menu",
        proves: "BIOS, and UEFI with Secure Boot: keys choose an entry of the menu, which boots; a password is typed in AZERTY",
        daily: true,
        play: menus::menu,
    },
    Scenario {
        name: "memory-test",
        proves: "BIOS and UEFI: the menu's default starts the memory test, which paints its screen",
        daily: true,
        play: menus::memory_test,
    },
    Scenario {
        name: "local-disk",
        proves: "BIOS and UEFI: network boot without a job costs a machine at most 8 s",
        daily: true,
        play: menus::local_disk,
    },
    Scenario {
        name: "wol-default",
        proves: "the magic packet goes out on every interface; the boot that follows says so and runs its other default",
        daily: true,
        play: menus::wol_default,
    },
    Scenario {
        name: "http",
        proves: "UEFI HTTP Boot, Secure Boot off and on: a blank machine boots the agent from an image made for it",
        daily: true,
        play: boot_ways::http,
    },
    Scenario {
        name: "relay",
        proves: "a machine behind a router that relays DHCP boots our script",
        daily: true,
        play: boot_ways::relay,
    },
    Scenario {
        name: "two-interfaces",
        proves: "each machine is answered from our address on its own network, and TFTP and HTTP too",
        daily: true,
        play: boot_ways::two_interfaces,
    },
    Scenario {
        name: "same-host-dhcp",
        proves: "beside a DHCP server on the appliance's own machine a machine gets its address and boots our script",
        daily: true,
        play: boot_ways::same_host_dhcp,
    },
    Scenario {
        name: "learned-fallback",
        proves: "a firmware that ignores the first offer is offered the next, and its sisters get what worked at once",
        daily: true,
        play: boot_ways::learned_fallback,
    },
    Scenario {
        name: "netboot",
        proves: "an Intel Mac, by its packets: it lists the images, chooses one, is offered it and loads it",
        daily: true,
        play: netboot::play,
    },
    Scenario {
        name: "pool",
        proves: "on a network without a DHCP server the appliance gives addresses and keeps them; beside one it refuses to start",
        daily: true,
        play: pool::play,
    },
    Scenario {
        name: "newer-kernel",
        proves: "UEFI with Secure Boot: the signed 6.12 kernel of backports boots the agent, which is recognised",
        daily: true,
        play: boot::newer_kernel,
    },
    Scenario {
        name: "screens",
        proves: "no cable, no disk, a missing firmware file: the screen says what and what to do, and every key does it",
        daily: true,
        play: screens::play,
    },
    Scenario {
        name: "storm",
        proves: "500 machines at once are answered within 50 ms and boot, before and after a flood of hostile packets; memory is bounded",
        daily: true,
        play: storm::play,
    },
    Scenario {
        name: "command-line",
        proves: "the commands of amorce against a running appliance: log in, list, restore, follow, take back, audit",
        daily: true,
        play: command_line::play,
    },
    Scenario {
        name: "stranger",
        proves: "without a token, with a wrong, another's or a used one, the agent API serves nothing and logs it",
        daily: true,
        play: stranger::play,
    },
];

/// Bytes in a gibibyte.
const GIB: u64 = 1 << 30;
