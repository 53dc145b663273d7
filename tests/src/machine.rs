//! A virtual machine as a school would buy it: firmware, one cable, some disks, 1 GiB of memory.

use crate::{
    console::Console,
    disk::Disk,
    firmware::{ADAPTER_SLOT, Firmware},
    firmware_variables::NetworkBoot,
    monitor::Monitor,
    network::{Network, Segment},
    process::Process,
};
use anyhow::{Context, Result, ensure};
use protocol::MacAddr;
use std::{
    fs,
    io::{self, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

/// What a machine is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Its name in the evidence.
    pub name: &'static str,
    /// Its firmware.
    pub firmware: Firmware,
    /// A number that makes its MAC address, UUID and serial numbers its own.
    pub number: u8,
    /// Another number for the MAC address alone: an adapter that moved from that machine into this one.
    pub adapter_of: Option<u8>,
    /// Where its disks are attached, one per disk.
    pub disks: Vec<(Bus, Disk)>,
    /// Its network adapter.
    pub adapter: Adapter,
    /// How its firmware boots from the adapter, if it is UEFI.
    pub network_boot: NetworkBoot,
    /// Which cable it hangs on.
    pub segment: Segment,
    /// A clock whose battery died: it starts in 1999.
    pub dead_clock: bool,
    /// Another adapter, on a cable with a signal behind which nobody answers; the kernel finds it first.
    pub idle_adapter: Option<Adapter>,
    /// A memory card in a slot of the mainboard (an SD host controller on PCI).
    pub card: Option<Disk>,
}

/// The bus that a disk is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// virtio-blk.
    Virtio,
    /// NVMe.
    Nvme,
    /// ATA behind AHCI.
    Sata,
}

/// Model of the network adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// virtio-net.
    Virtio,
    /// Intel 82574L.
    IntelE1000e,
    /// Intel 82551: Linux runs it only with a firmware file.
    Intel82551,
}

/// In front of the adapter that boots.
const IDLE_SLOT: &str = "0x3";
const IDLE_MAC: &str = "52:54:00:a1:00:01";

impl Adapter {
    fn model(self) -> &'static str {
        match self {
            Self::Virtio => "virtio-net-pci",
            Self::IntelE1000e => "e1000e",
            Self::Intel82551 => "i82551",
        }
    }
}

impl Parts {
    /// A machine with a virtio adapter, a healthy clock and no disk.
    pub fn new(name: &'static str, firmware: Firmware, number: u8) -> Self {
        Self {
            name,
            firmware,
            number,
            adapter_of: None,
            disks: Vec::new(),
            adapter: Adapter::Virtio,
            network_boot: NetworkBoot::Pxe,
            segment: Segment::Site,
            dead_clock: false,
            idle_adapter: None,
            card: None,
        }
    }

    /// The same with one more disk.
    #[must_use]
    pub fn with_disk(mut self, bus: Bus, disk: Disk) -> Self {
        self.disks.push((bus, disk));
        self
    }

    /// The same with another adapter.
    #[must_use]
    pub fn with_adapter(mut self, adapter: Adapter) -> Self {
        self.adapter = adapter;
        self
    }

    /// The MAC address of its adapter.
    pub fn mac(&self) -> MacAddr {
        MacAddr([
            0x52,
            0x54,
            0x00,
            0xa0,
            0x00,
            self.adapter_of.unwrap_or(self.number),
        ])
    }

    /// Its SMBIOS UUID.
    pub fn uuid(&self) -> String {
        format!("6f9619ff-8b86-4011-b42d-00c04fc964{:02x}", self.number)
    }
}

/// A machine on the network; switched off for good when dropped.
pub struct Machine {
    parts: Parts,
    folder: PathBuf,
    tap: String,
    console: Console,
    running: Option<(Process, Monitor)>,
    /// Our end of its serial line, once somebody types on it.
    line: Option<UnixStream>,
}

impl Machine {
    /// Puts a machine together and plugs it in, switched off. Its firmware keeps its variables in `scratch`; what it
    /// prints goes to `evidence`.
    ///
    /// # Errors
    /// No folder or no tap can be made.
    pub fn plug_in(parts: Parts, network: &mut Network, scratch: &Path, evidence: &Path) -> Result<Self> {
        let folder = scratch.join(parts.name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let console = Console::new(evidence.join(format!("{}.serial.log", parts.name)));
        Ok(Self {
            tap: network.add_tap(parts.segment)?,
            parts,
            folder,
            console,
            running: None,
            line: None,
        })
    }

    /// What it is made of.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Where its flash is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Switches it on. It tries its network adapter first, then its disks.
    ///
    /// # Errors
    /// QEMU does not start.
    pub fn switch_on(&mut self, network: &Network) -> Result<()> {
        ensure!(self.running.is_none(), "{} is on already", self.parts.name);
        let socket = self.folder.join("monitor.sock");
        for old in [&socket, &self.line_path()] {
            let _ = fs::remove_file(old);
        }
        let mut command = network.on_segment(self.parts.segment, "qemu-system-x86_64");
        command.args(self.arguments()?);
        command
            .arg("-qmp")
            .arg(format!("unix:{},server=on,wait=off", socket.display()));
        let log = self.console.path().with_extension("").with_extension("qemu.log");
        let mut process = Process::start(self.parts.name, &command, &log)?;
        let monitor = Monitor::connect(&socket).with_context(|| {
            process.kill();
            format!(
                "QEMU says: {}",
                fs::read_to_string(&log).unwrap_or_default().trim()
            )
        })?;
        self.running = Some((process, monitor));
        Ok(())
    }

    /// Pulls the plug.
    pub fn switch_off(&mut self) {
        self.running = None;
        self.line = None;
    }

    /// Types on its serial line.
    ///
    /// # Errors
    /// It is off.
    pub fn type_text(&mut self, text: &str) -> Result<()> {
        let line = match self.line.take() {
            Some(line) => line,
            None => {
                let line = UnixStream::connect(self.line_path())
                    .with_context(|| format!("nobody can type on {}", self.parts.name))?;
                let mut echo = line.try_clone().context("cannot share the serial line")?;
                // The console's file has all that is printed; what nobody took from here would stop the machine.
                std::thread::spawn(move || io::copy(&mut echo, &mut io::sink()));
                line
            }
        };
        (&line)
            .write_all(text.as_bytes())
            .with_context(|| format!("{} takes no keys", self.parts.name))?;
        self.line = Some(line);
        Ok(())
    }

    /// Pulls its network cable out, or puts it back.
    ///
    /// # Errors
    /// It is off.
    pub fn plug_cable(&mut self, plugged: bool) -> Result<()> {
        self.monitor()?.set_link("cable", plugged)
    }

    /// The tap that its cable leads to.
    pub fn tap(&self) -> &str {
        &self.tap
    }

    fn line_path(&self) -> PathBuf {
        self.folder.join("line.sock")
    }

    /// Whether it is on; a machine that switched itself off is not.
    pub fn is_on(&mut self) -> bool {
        self.running
            .as_mut()
            .is_some_and(|(process, _)| process.is_running())
    }

    /// Waits until it has switched itself off.
    ///
    /// # Errors
    /// It is still on after `limit`.
    pub fn wait_off(&mut self, limit: Duration) -> Result<()> {
        let what = format!("{} switches itself off", self.parts.name);
        crate::process::wait_until(&what, limit, || Ok((!self.is_on()).then_some(())))?;
        self.switch_off();
        Ok(())
    }

    /// Waits until it prints `text`; see [`Console::wait_for`].
    ///
    /// # Errors
    /// It does not within `limit`, or is off before.
    pub fn wait_for(&mut self, text: &str, limit: Duration) -> Result<String> {
        let Self {
            console,
            running,
            parts,
            ..
        } = self;
        let waited = console.wait_for(text, limit, || {
            running.as_mut().is_some_and(|(process, _)| process.is_running())
        });
        if let (Err(_), Some((_, monitor))) = (&waited, running) {
            // What a person would see now; a machine that is off has no screen any more.
            let _ = monitor.take_picture(&console.path().with_extension("").with_extension("screen.ppm"));
        }
        waited.with_context(|| format!("machine {}", parts.name))
    }

    /// Its serial line.
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// Its buttons and screen.
    ///
    /// # Errors
    /// It is off.
    pub fn monitor(&mut self) -> Result<&mut Monitor> {
        let name = self.parts.name;
        self.running
            .as_mut()
            .map(|(_, monitor)| monitor)
            .with_context(|| format!("{name} is off"))
    }

    fn arguments(&self) -> Result<Vec<String>> {
        let Parts { firmware, number, .. } = self.parts;
        let mut words: Vec<String> =
            firmware.arguments(&self.folder, self.parts.mac(), self.parts.network_boot)?;
        let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
        // Software emulation: /dev/kvm may exist and still hang any guest.
        // One thread for both processors: with one each, this emulator may run an instruction that the other has half changed,
        // and the kernel ends in "Oops: int3" (seen once in some hundred boots).
        add("-accel", "tcg,thread=single".into());
        // The richest processor that the emulator has, as the programs choose their fast paths at run time. Five-level
        // page tables only cost.
        add("-cpu", "max,la57=off".into());
        add("-smp", "2".into());
        add("-m", "1024".into());
        if !firmware.is_uefi() {
            add("-boot", "strict=on".into());
        }
        add("-display", "none".into());
        add("-vga", "std".into());
        add("-uuid", self.parts.uuid());
        add(
            "-smbios",
            format!("type=1,manufacturer=Amorce lab,product=Bench,serial=LAB-{number:04}"),
        );
        add(
            "-smbios",
            format!("type=2,manufacturer=Amorce lab,product=Board,serial=LAB-BOARD-{number:04}"),
        );
        if self.parts.dead_clock {
            add("-rtc", "base=1999-01-01T00:00:00".into());
        }
        add(
            "-chardev",
            format!(
                "socket,id=line,path={},server=on,wait=off,logfile={},logappend=on",
                self.line_path().display(),
                self.console.path().display()
            ),
        );
        add("-serial", "chardev:line".into());
        add(
            "-netdev",
            format!("tap,id=cable,ifname={},script=no,downscript=no", self.tap),
        );
        let model = self.parts.adapter.model();
        // Without its option ROM the firmware's own network client does the work.
        // UEFI keeps its own boot order (see `firmware`); SeaBIOS is told one.
        let network_boot = self.parts.network_boot != NetworkBoot::Off;
        let rom = if firmware.is_uefi() || !network_boot {
            ",romfile="
        } else {
            ",bootindex=1"
        };
        add(
            "-device",
            format!(
                "{model},netdev=cable,addr={ADAPTER_SLOT},mac={}{rom}",
                self.parts.mac()
            ),
        );
        if let Some(adapter) = self.parts.idle_adapter {
            let model = adapter.model();
            add("-netdev", "hubport,id=nowhere,hubid=9".into());
            add(
                "-device",
                format!("{model},netdev=nowhere,addr={IDLE_SLOT},mac={IDLE_MAC},romfile="),
            );
        }
        if self.parts.disks.iter().any(|(bus, _)| *bus == Bus::Sata) {
            add("-device", "ahci,id=sata".into());
        }
        for (place, (bus, disk)) in self.parts.disks.iter().enumerate() {
            // With network boot off, UEFI is told the order too: otherwise it would try the network by itself.
            let boot = if firmware.is_uefi() && network_boot {
                String::new()
            } else {
                format!(",bootindex={}", place + 2)
            };
            let file = disk.path().display();
            // Discards reach the file and zeros become holes, as on a solid-state disk.
            add(
                "-drive",
                format!("if=none,id=disk{place},format=raw,cache=unsafe,discard=unmap,file={file}"),
            );
            let serial = disk.serial();
            let model = match bus {
                Bus::Virtio => format!("virtio-blk-pci,serial={serial}"),
                // A disk that says it may have several controllers: the kernel shows each way to it beside it.
                Bus::Nvme => {
                    add("-device", format!("nvme-subsys,id=subsystem{place}"));
                    let controller = format!("nvme,id=nvme{place},subsys=subsystem{place},serial={serial}");
                    add("-device", controller);
                    format!("nvme-ns,bus=nvme{place}")
                }
                Bus::Sata => format!("ide-hd,bus=sata.{place},serial={serial}"),
            };
            add("-device", format!("{model},drive=disk{place}{boot}"));
        }
        if let Some(card) = &self.parts.card {
            let file = card.path().display();
            add("-device", "sdhci-pci".into());
            add(
                "-drive",
                format!("if=none,id=card,format=raw,cache=unsafe,file={file}"),
            );
            add("-device", "sd-card,drive=card".into());
        }
        words.extend(["-nodefaults".into(), "-no-user-config".into()]);
        Ok(words)
    }
}
