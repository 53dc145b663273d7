//! A machine that boots Debian's kernel straight into a shell script, with a disk to work on: for filesystems that the
//! build machine's own kernel does not know.
//!
//! ```text
//! initramfs   busybox · the modules named · /script
//! /dev/vda    the disk
//! /dev/vdb    what the script prints, then "end: CODE", then zeros
//! ```

use crate::{
    disk::Disk,
    process::{Process, command, run, wait_until},
    stage::Stage,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

/// Which of Debian's kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// The release's own.
    Stable,
    /// That of backports.
    Backports,
}

/// Room for what a script prints.
const REPORT_BYTES: u64 = 16 << 20;
/// Longest that a script may take: the emulator shares two processors with everything else.
const LIMIT: Duration = Duration::from_secs(1200);

/// What a disk hangs on; a kernel that has one built in has no file of it.
const BUS: &[&str] = &[
    "virtio",
    "virtio_ring",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
    "virtio_blk",
];

/// The first program: loads modules until none is left that waits for another, runs the script, and switches off without
/// unmounting anything.
const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
for round in 1 2 3 4 5; do
  for module in /modules/*.ko; do insmod "$module" 2>/dev/null; done
done
until [ -b /dev/vdb ]; do usleep 20000; done
sh -e /script > /report 2>&1
echo "end: $?" >> /report
dd if=/report of=/dev/vdb bs=64k conv=notrunc,fsync
sync
poweroff -f
"#;

impl Kernel {
    fn package(self) -> &'static str {
        match self {
            Self::Stable => "linux-image-amd64",
            Self::Backports => "linux-image-amd64-backports",
        }
    }

    fn image(self, packages: &Path) -> Result<PathBuf> {
        let folder = packages.join(self.package()).join("boot");
        for entry in fs::read_dir(&folder).with_context(|| format!("there is no {}", folder.display()))? {
            let path = entry?.path();
            if path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"))
            {
                return Ok(path);
            }
        }
        bail!("there is no kernel in {}", folder.display())
    }
}

/// Runs a script with a disk and returns what it printed. Its first partition is `/dev/vda1`; `/m` is a folder to mount
/// on. Every command of the script must succeed.
///
/// # Errors
/// The machine does not start, the script fails, or it is not done after twenty minutes.
pub fn run_script(
    stage: &Stage,
    name: &str,
    kernel: Kernel,
    modules: &[&str],
    disk: &Disk,
    script: &str,
) -> Result<String> {
    let packages = &stage.tools().packages;
    let work = tempfile::tempdir_in(stage.scratch()).context("cannot make a working folder")?;
    let initrd = pack(packages, kernel, modules, script, work.path())?;
    let report = work.path().join("report");
    File::create(&report)?.set_len(REPORT_BYTES)?;
    let drive = |id: &str, path: &Path| {
        [
            "-drive".to_owned(),
            format!("if=none,id={id},format=raw,cache=unsafe,file={}", path.display()),
            "-device".to_owned(),
            format!("virtio-blk-pci,drive={id}"),
        ]
    };
    let console = stage.evidence().join(format!("{name}.serial.log"));
    let mut machine = command([
        "qemu-system-x86_64",
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        "max,la57=off",
    ]);
    machine
        .args([
            "-smp",
            "2",
            "-m",
            "768",
            "-nodefaults",
            "-no-user-config",
            "-no-reboot",
            "-display",
            "none",
        ])
        .arg("-serial")
        .arg(format!("file:{}", console.display()))
        .arg("-kernel")
        .arg(kernel.image(packages)?)
        .arg("-initrd")
        .arg(initrd)
        .args(["-append", "console=ttyS0 panic=-1 random.trust_cpu=on"])
        .args(drive("disk", disk.path()))
        .args(drive("report", &report));
    let log = stage.evidence().join(format!("{name}.qemu.log"));
    let mut process = Process::start(name, &machine, &log)?;
    wait_until(&format!("{name} switches itself off"), LIMIT, || {
        Ok((!process.is_running()).then_some(()))
    })?;
    let bytes = fs::read(&report)?;
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    fs::write(stage.evidence().join(format!("{name}.report.log")), &text)?;
    match text.strip_suffix("end: 0\n") {
        Some(printed) => Ok(printed.to_owned()),
        None => bail!(
            "the script of {name} failed; it printed last: {}",
            text.lines().rev().take(5).collect::<Vec<_>>().join(" / ")
        ),
    }
}

/// Packs what the machine starts from.
fn pack(packages: &Path, kernel: Kernel, modules: &[&str], script: &str, work: &Path) -> Result<PathBuf> {
    let busybox = packages.join("busybox-static/bin/busybox");
    let root = work.join("root");
    for folder in ["bin", "dev", "proc", "modules", "m"] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::copy(&busybox, root.join("bin/busybox"))
        .with_context(|| format!("cannot copy {}", busybox.display()))?;
    fs::write(root.join("init"), INIT)?;
    fs::write(root.join("script"), script)?;
    run(command(["chmod", "755"]).arg(root.join("init")))?;
    let library = packages.join(kernel.package()).join("lib/modules");
    for module in BUS.iter().chain(modules) {
        let plain = format!("{module}.ko");
        let found = run(command(["find"]).arg(&library).args([
            "-name",
            &plain,
            "-o",
            "-name",
            &format!("{plain}.xz"),
        ]))?;
        let Some(path) = found.lines().next() else {
            ensure!(
                BUS.contains(module),
                "{} has no module {module}",
                library.display()
            );
            continue;
        };
        let target = root.join("modules").join(&plain);
        fs::copy(path, &target)?;
        if path.ends_with(".xz") {
            fs::rename(&target, target.with_extension("ko.xz"))?;
            run(command(["xz", "-d"]).arg(target.with_extension("ko.xz")))?;
        }
    }
    let initrd = work.join("initrd.img");
    let script = "set -e; cd \"$1\"; find . | \"$2\" cpio -o -H newc > \"$3\"";
    run(command(["sh", "-c", script, "sh"])
        .arg(&root)
        .arg(&busybox)
        .arg(&initrd))?;
    Ok(initrd)
}
