#![doc = include_str!("../README.md")]

mod archive;
mod boot_files;
mod check;
mod error;
mod initrd;
pub mod module;
mod overlay;

pub use boot_files::{
    BOOT_FILES_FORMAT, BootFile, BootFiles, INDEX_NAME, InitrdBase, Recipe, Report, Source, build,
};
pub use check::{Finding, check};
pub use error::{Error, Result};
pub use initrd::INITRD_BUDGET;
pub use overlay::{FIRMWARE_FOLDER, firmware_mark, refresh_firmware};

/// Names of the files that boot services hand out, as they stand in the folder of boot files.
pub mod name {
    /// The kernel.
    pub const KERNEL: &str = "vmlinuz";
    /// The initrd.
    pub const INITRD: &str = "initrd.img";
    /// First stage under UEFI: signed by Microsoft, verifies grub.
    pub const SHIM: &str = "shimx64.efi";
    /// Second stage under UEFI: signed by Debian, verifies the kernel.
    pub const GRUB: &str = "grubx64.efi";
    /// iPXE for BIOS machines.
    pub const UNDIONLY: &str = "undionly.kpxe";
    /// Files without which no machine boots.
    pub const NEEDED: [&str; 5] = [KERNEL, INITRD, SHIM, GRUB, UNDIONLY];
}
