//! Master A: a real small Debian on a disk that boots under BIOS, UEFI and Secure Boot, made without mounting anything.
//!
//! | partition (GPT) | from MiB | MiB | holds |
//! | --- | --- | --- | --- |
//! | 1 BIOS boot | 1 | 1 | grub's core image for BIOS; its first sector ends in the list of its own sectors |
//! | 2 ESP | 2 | 64 | FAT32: Debian's signed shim as the removable-media loader, signed grub, its grub.cfg |
//! | 3 Linux | 66 | 2560 | ext4: the system |
//! | 4 swap | 2626 | 256 | swap |
//!
//! The MBR variant has the same ext4 as partition 1 (active), an extended partition with the swap as partition 5, and
//! grub's core image in the gap before partition 1; it boots under BIOS only.

use crate::process::{command, run, wait_until};
use anyhow::{Context, Result, ensure};
use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// How the disk is partitioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// GPT; boots in every firmware.
    Gpt,
    /// MBR; boots under BIOS.
    Mbr,
}

/// What the system prints on the serial line once it is up, before `login:`.
pub const HOST_NAME: &str = "master-a";

/// Size of the whole disk.
pub const SIZE: u64 = 3072 * MIB;

const MIB: u64 = 1 << 20;
const SECTOR: u64 = 512;
const ROOT_UUID: &str = "5f1f2c1e-6b55-4a0e-8f60-3d1c9d6a7b01";
const SWAP_UUID: &str = "5f1f2c1e-6b55-4a0e-8f60-3d1c9d6a7b02";
const ESP_SERIAL: &str = "a0c3e001";
const PACKAGES: &str = "linux-image-cloud-amd64,systemd-sysv,udev,iproute2,e2fsprogs,login,passwd";
/// Grown by one whenever the recipe changes: an older image in the cache is then left alone and made anew.
const RECIPE: u32 = 1;

/// The partitions whose files can be compared from outside.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The ESP's place, if there is one.
    pub esp: Option<Extent>,
    /// The root file system's place.
    pub root: Extent,
    swap: Extent,
}

/// A run of bytes on the disk.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

/// A run of whole MiB.
pub const fn mebibytes(from: u64, length: u64) -> Extent {
    Extent {
        offset: from * MIB,
        length: length * MIB,
    }
}

impl Table {
    /// Where things are.
    pub const fn layout(self) -> Layout {
        match self {
            Self::Gpt => Layout {
                esp: Some(mebibytes(2, 64)),
                root: mebibytes(66, 2560),
                swap: mebibytes(2626, 256),
            },
            Self::Mbr => Layout {
                esp: None,
                root: mebibytes(2, 2560),
                swap: mebibytes(2626, 256),
            },
        }
    }

    /// First sector of grub's core image for BIOS.
    const fn core_lba(self) -> u64 {
        match self {
            Self::Gpt => MIB / SECTOR,
            Self::Mbr => 1,
        }
    }

    /// What sfdisk is told. The unique numbers are fixed, so that the image is the same each time.
    fn script(self) -> &'static str {
        match self {
            Self::Gpt => {
                "label: gpt\nlabel-id: 5F1F2C1E-6B55-4A0E-8F60-3D1C9D6A7B10\n\
                 start=1MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649, uuid=5F1F2C1E-6B55-4A0E-8F60-3D1C9D6A7B11, name=\"BIOS boot\"\n\
                 start=2MiB, size=64MiB, type=uefi, uuid=5F1F2C1E-6B55-4A0E-8F60-3D1C9D6A7B12, name=\"EFI System\"\n\
                 start=66MiB, size=2560MiB, type=linux, uuid=5F1F2C1E-6B55-4A0E-8F60-3D1C9D6A7B13, name=\"root\"\n\
                 start=2626MiB, size=256MiB, type=swap, uuid=5F1F2C1E-6B55-4A0E-8F60-3D1C9D6A7B14, name=\"swap\"\n"
            }
            Self::Mbr => {
                "label: dos\nlabel-id: 0x5f1f2c1e\n\
                 start=2MiB, size=2560MiB, type=83, bootable\n\
                 start=2625MiB, size=258MiB, type=5\n\n\n\
                 start=2626MiB, size=256MiB, type=82\n"
            }
        }
    }
}

/// The image with that table, from the cache or made now (about 45 s). It must only be read.
///
/// # Errors
/// A tool is missing or fails; nothing half-made stays in the cache.
pub fn image(cache: &Path, table: Table) -> Result<PathBuf> {
    let folder = cache.join("masters").join(format!("recipe-{RECIPE}"));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let lock = File::create(folder.join("lock"))?;
    // Two scenarios may ask at once: one makes it, the other waits.
    wait_until(
        "another run has made the master",
        Duration::from_secs(600),
        || Ok(lock.try_lock().ok()),
    )?;
    let image = folder.join(match table {
        Table::Gpt => "a-gpt.img",
        Table::Mbr => "a-mbr.img",
    });
    if !image.exists() {
        let work = tempfile::tempdir_in(&folder).context("cannot make a working folder")?;
        make(table, &folder.join("root.tar"), cache, work.path(), &image)
            .with_context(|| format!("cannot make the master {}", image.display()))?;
    }
    Ok(image)
}

fn make(table: Table, system: &Path, cache: &Path, work: &Path, image: &Path) -> Result<()> {
    if !system.exists() {
        install(system, cache, work)?;
    }
    let tree = work.join("tree");
    fs::create_dir(&tree)?;
    run(command([
        "tar",
        "--extract",
        "--numeric-owner",
        "--xattrs",
        "--xattrs-include=*",
    ])
    .arg("--directory")
    .arg(&tree)
    .arg("--file")
    .arg(system))?;
    configure(&tree)?;

    let draft = work.join("draft.img");
    let file = File::options()
        .create_new(true)
        .read(true)
        .write(true)
        .open(&draft)?;
    file.set_len(SIZE)?;
    partition(&draft, table.script())?;
    let layout = table.layout();
    let kib = layout.root.length / 1024;
    run(
        command(["mke2fs", "-q", "-t", "ext4", "-F", "-L", "root", "-U", ROOT_UUID])
            .arg("-E")
            .arg(format!("offset={},hash_seed={ROOT_UUID}", layout.root.offset))
            .arg("-d")
            .arg(&tree)
            .arg(&draft)
            .arg(format!("{kib}k")),
    )?;
    if let Some(esp) = layout.esp {
        make_esp(&file, esp, work)?;
    }
    make_swap(&file, layout.swap, work)?;
    install_bios_loader(&file, table, work)?;
    file.sync_all()?;
    fs::rename(&draft, image).context("cannot put the finished image in its place")
}

/// A Debian from its packages, as a tar archive.
fn install(system: &Path, cache: &Path, work: &Path) -> Result<()> {
    eprintln!("lab: installing a small Debian for master A");
    // Setup derived this list from the machine's own.
    let sources = cache.parent().unwrap_or(cache).join("apt/amorce.sources");
    let draft = work.join("root.tar");
    run(command(["mmdebstrap", "--quiet", "--variant=minbase"])
        .arg(format!("--include={PACKAGES}"))
        .arg("bookworm")
        .arg(&draft)
        .arg(&sources))?;
    fs::rename(&draft, system).context("cannot keep the installed system")
}

fn configure(tree: &Path) -> Result<()> {
    let write = |name: &str, text: &str| {
        let path = tree.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    write("etc/hostname", &format!("{HOST_NAME}\n"))?;
    write(
        "etc/fstab",
        &format!("UUID={ROOT_UUID} / ext4 errors=remount-ro 0 1\nUUID={SWAP_UUID} none swap sw 0 0\n"),
    )?;
    // Things that a copy by files could get wrong: names beyond ASCII, an empty file, a hole, two names of one file.
    write("srv/école/élève à l'œuvre.txt", "ça marche\n")?;
    write("srv/empty", "")?;
    let sparse = File::create(tree.join("srv/sparse"))?;
    sparse.write_all_at(b"far out", 48 * MIB)?;
    fs::hard_link(tree.join("srv/sparse"), tree.join("srv/sparse-again"))?;
    let kernel = find_kernel(&tree.join("boot"))?;
    write(
        "boot/grub/grub.cfg",
        &format!(
            "set timeout=0\nsearch --no-floppy --fs-uuid --set=root {ROOT_UUID}\n\
             linux /boot/vmlinuz-{kernel} root=UUID={ROOT_UUID} ro console=tty0 console=ttyS0,115200n8\n\
             initrd /boot/initrd.img-{kernel}\nboot\n"
        ),
    )
}

/// What grub does before it finds its real configuration on the root file system.
fn early_config() -> String {
    format!("search.fs_uuid {ROOT_UUID} root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n")
}

fn find_kernel(boot: &Path) -> Result<String> {
    for entry in fs::read_dir(boot).context("the installed system has no /boot")? {
        if let Some(version) = entry?.file_name().to_string_lossy().strip_prefix("vmlinuz-") {
            return Ok(version.to_owned());
        }
    }
    anyhow::bail!("the installed system has no kernel")
}

/// Writes a partition table, told in the words of sfdisk.
///
/// # Errors
/// sfdisk refuses.
pub fn partition(image: &Path, script: &str) -> Result<()> {
    use std::{io::Write, process::Stdio};
    let mut child = command(["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel"])
        .arg(image)
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot start sfdisk")?;
    child
        .stdin
        .take()
        .context("sfdisk takes no script")?
        .write_all(script.as_bytes())?;
    ensure!(child.wait()?.success(), "sfdisk refused the partition table");
    Ok(())
}

/// An EFI system partition with the loaders of Debian, at its place on a disk.
///
/// # Errors
/// A tool fails.
pub fn make_esp(image: &File, esp: Extent, work: &Path) -> Result<()> {
    let loader = work.join("grub.cfg");
    fs::write(&loader, early_config())?;
    let path = work.join("esp");
    File::create(&path)?.set_len(esp.length)?;
    run(command(["mkfs.fat", "-F", "32", "-i", ESP_SERIAL, "-n", "ESP"]).arg(&path))?;
    run(command(["mmd", "-i"])
        .arg(&path)
        .args(["::/EFI", "::/EFI/BOOT", "::/EFI/debian"]))?;
    for (from, to) in [
        (
            Path::new("/usr/lib/shim/shimx64.efi.signed"),
            "::/EFI/BOOT/BOOTX64.EFI",
        ),
        (
            Path::new("/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"),
            "::/EFI/BOOT/grubx64.efi",
        ),
        (loader.as_path(), "::/EFI/debian/grub.cfg"),
    ] {
        run(command(["mcopy", "-i"]).arg(&path).arg(from).arg(to))?;
    }
    copy_into(image, esp.offset, &path)
}

/// A swap partition at its place on a disk.
///
/// # Errors
/// A tool fails.
pub fn make_swap(image: &File, swap: Extent, work: &Path) -> Result<()> {
    let path = work.join("swap");
    File::create(&path)?.set_len(swap.length)?;
    run(command(["mkswap", "--quiet", "--uuid", SWAP_UUID]).arg(&path))?;
    copy_into(image, swap.offset, &path)
}

/// Copies a file system's image to its place on a blank disk, leaving out what is zero there anyway.
///
/// # Errors
/// One of them cannot be read or written.
pub fn copy_into(image: &File, offset: u64, part: &Path) -> Result<()> {
    let part = File::open(part)?;
    let mut block = vec![0u8; MIB as usize];
    for at in (0..part.metadata()?.len()).step_by(block.len()) {
        part.read_exact_at(&mut block, at)?;
        if block.iter().any(|byte| *byte != 0) {
            image.write_all_at(&block, offset + at)?;
        }
    }
    Ok(())
}

/// What `grub-install` does for BIOS, on an image: `boot.img` in the MBR points at the core image, whose first sector
/// lists the others (GRUB's `boot.S` and `diskboot.S`).
fn install_bios_loader(image: &File, table: Table, work: &Path) -> Result<()> {
    const FOLDER: &str = "/usr/lib/grub/i386-pc";
    /// Segment that the rest of the core image is loaded to.
    const CORE_SEGMENT: u16 = 0x0820;
    let config = work.join("early.cfg");
    fs::write(&config, early_config())?;
    let path = work.join("core.img");
    run(
        command(["grub-mkimage", "-O", "i386-pc", "-p", "/boot/grub", "-d", FOLDER])
            .arg("-c")
            .arg(&config)
            .arg("-o")
            .arg(&path)
            .args([
                "biosdisk",
                "part_gpt",
                "part_msdos",
                "ext2",
                "search",
                "search_fs_uuid",
                "configfile",
                "linux",
                "normal",
            ]),
    )?;
    let mut core = fs::read(&path)?;
    core.resize(core.len().next_multiple_of(512), 0);
    let sectors = core.len() as u64 / SECTOR;
    let first = table.core_lba();
    ensure!(
        (first + sectors) * SECTOR <= 2 * MIB,
        "grub's core image does not fit before the first partition"
    );
    core[500..508].copy_from_slice(&(first + 1).to_le_bytes());
    core[508..510].copy_from_slice(&u16::try_from(sectors - 1)?.to_le_bytes());
    core[510..512].copy_from_slice(&CORE_SEGMENT.to_le_bytes());
    image.write_all_at(&core, first * SECTOR)?;
    let mut boot = fs::read(Path::new(FOLDER).join("boot.img"))?;
    ensure!(boot.len() >= 440, "grub's boot.img is too short");
    boot[0x5c..0x64].copy_from_slice(&first.to_le_bytes());
    // No jump around the drive check: two NOPs, as grub-install writes for a disk.
    boot[0x66..0x68].copy_from_slice(&[0x90, 0x90]);
    image
        .write_all_at(&boot[..440], 0)
        .context("cannot write the MBR's boot code")
}
