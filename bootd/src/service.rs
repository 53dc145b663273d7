//! The boot services as a whole: what they share, how they start and stop.

use crate::{
    bsdp::{self, engine::Images},
    config::{Config, Ports},
    decision::Decisions,
    dhcp::{
        self,
        engine::{TFTP_FOLDER, X64_UEFI_LOADER},
        pool::{self, Pool},
        server::PoolAccess,
        shape::Shapes,
    },
    error::ServeError,
    event::{BootEvent, Happening, Loader},
    files::{AskedName, BootFile, BootFolder},
    http,
    image::{DiskImage, Source},
    learned::Learned,
    network::{InterfaceSocket, bind_error},
    script::{Scripts, Telling, is_token},
    tftp,
};
use nix::errno::Errno;
use protocol::{
    MacAddr,
    boot::{BootFacts, BootPlan, LocalReason, LocalWay},
    machine::Firmware,
    menu::EntryKey,
};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    os::fd::BorrowedFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The boot services, listening but not yet answering.
pub struct BootServices {
    shared: Arc<Shared>,
    interfaces: Vec<InterfaceSockets>,
    http: TcpListener,
    ports: Ports,
    pool: Option<Pool>,
}

struct InterfaceSockets {
    name: String,
    dhcp: InterfaceSocket,
    boot_server: InterfaceSocket,
    tftp: InterfaceSocket,
}

/// Starts the boot services and runs them until they are told to stop.
///
/// # Errors
/// What kept them from starting; see [`ServeError`].
pub async fn serve(
    config: Config,
    decisions: Arc<dyn Decisions>,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    BootServices::bind(config, decisions).await?.run(stop).await;
    Ok(())
}

impl BootServices {
    /// Opens every port. Once this returned, the program may give up its privileges.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn bind(config: Config, decisions: Arc<dyn Decisions>) -> Result<Self, ServeError> {
        config.check()?;
        let folder = BootFolder::new(config.boot_folder.clone());
        folder.check().map_err(|source| ServeError::BootFolder {
            path: folder.path().to_owned(),
            source,
        })?;
        let pool = pool::open(&config, decisions.as_ref()).await?;
        let http_failed = |source| bind_error("TCP", config.http.port(), source);
        let http = TcpListener::bind(config.http).await.map_err(http_failed)?;
        let http_port = http.local_addr().map_err(http_failed)?.port();
        let scripts = Scripts::new(config.ca, config.agent_port, http_port, config.extra_kernel_words)?;
        let interfaces = config
            .interfaces
            .iter()
            .map(|name| {
                Ok(InterfaceSockets {
                    name: name.clone(),
                    dhcp: if pool::covers(&config.pools, name) {
                        // Who holds the port beside us is a DHCP server.
                        InterfaceSocket::bind(name, config.ports.dhcp)?
                    } else {
                        InterfaceSocket::bind_or_share(name, config.ports.dhcp)?
                    },
                    boot_server: InterfaceSocket::bind_or_share(name, config.ports.boot_server)?,
                    tftp: InterfaceSocket::bind(name, config.ports.tftp)?,
                })
            })
            .collect::<Result<_, ServeError>>()?;
        let shared = Shared {
            shapes: Mutex::new(Shapes::with(decisions.learned_offers())),
            decisions,
            folder,
            scripts,
            learned: Learned::default(),
            netboot_images: Mutex::default(),
            http_port,
            transfers: tftp::server::Transfers::default(),
        };
        shared.read_netboot_images();
        Ok(Self {
            shared: Arc::new(shared),
            interfaces,
            http,
            ports: config.ports,
            pool,
        })
    }

    /// Where HTTP listens.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn http_address(&self) -> io::Result<SocketAddr> {
        self.http.local_addr()
    }

    /// The UDP ports of the first interface: DHCP, boot server, TFTP. They are what was configured, unless that was 0.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn udp_ports(&self) -> io::Result<Option<(u16, u16, u16)>> {
        let Some(first) = self.interfaces.first() else {
            return Ok(None);
        };
        Ok(Some((
            first.dhcp.port()?,
            first.boot_server.port()?,
            first.tftp.port()?,
        )))
    }

    /// Answers until told to stop; transfers that run then are ended.
    pub async fn run(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let desk = self.pool.map(|pool| {
            let (desk, ledger) = pool::Desk::open(Arc::clone(&self.shared), pool, self.ports.dhcp_client);
            tasks.spawn(ledger);
            desk
        });
        for sockets in self.interfaces {
            let access = desk.as_ref().map(|desk| {
                let neighbours = pool::listen_on(&sockets.name).map(Arc::new);
                if let Some(neighbours) = &neighbours {
                    tasks.spawn(Arc::clone(desk).listen(Arc::clone(neighbours), stop.clone()));
                }
                PoolAccess {
                    desk: Arc::clone(desk),
                    neighbours,
                }
            });
            for (socket, port) in [
                (sockets.dhcp, dhcp::engine::Port::Server),
                (sockets.boot_server, dhcp::engine::Port::BootServer),
            ] {
                let listener = dhcp::server::Listener {
                    shared: Arc::clone(&self.shared),
                    socket: Arc::new(socket),
                    port,
                    ports: self.ports,
                    merger: dhcp::merge::Merger::default(),
                    pool: access.clone(),
                };
                tasks.spawn(listener.serve(stop.clone()));
            }
            tasks.spawn(tftp::server::serve(
                Arc::clone(&self.shared),
                sockets.tftp,
                stop.clone(),
            ));
        }
        // Leases are written down until nobody can give any more.
        drop(desk);
        tasks.spawn(http::server::serve(self.shared, self.http, stop));
        tasks.close();
        tasks.wait().await;
    }
}

/// Room for grub's script in a machine's image.
const IMAGE_SCRIPT_LEN: usize = 32 * 1024;

/// What every service uses.
pub(crate) struct Shared {
    pub(crate) decisions: Arc<dyn Decisions>,
    pub(crate) folder: BootFolder,
    pub(crate) scripts: Scripts,
    pub(crate) learned: Learned,
    shapes: Mutex<Shapes>,
    netboot_images: Mutex<Images>,
    pub(crate) http_port: u16,
    pub(crate) transfers: tftp::server::Transfers,
}

/// What a name stands for: a file of the boot folder or a script made for this request.
#[derive(Debug)]
pub(crate) enum Content {
    Script(Vec<u8>),
    File(BootFile),
    Image(DiskImage),
}

/// Why a name stands for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NotFound,
    Failed,
}

impl Content {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Script(text) => text.len() as u64,
            Self::File(file) => file.len(),
            Self::Image(image) => image.len(),
        }
    }

    /// Blocks on the disk for a file.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::Script(text) => {
                let start = usize::try_from(offset).map_err(io::Error::other)?;
                let end = start
                    .checked_add(buffer.len())
                    .ok_or(io::ErrorKind::UnexpectedEof)?;
                buffer.copy_from_slice(text.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
            Self::File(file) => file.read_exact_at(buffer, offset),
            Self::Image(image) => image.read_exact_at(buffer, offset),
        }
    }

    /// Has the kernel send up to this many bytes of a file; blocks on the disk. Says how many it took.
    pub(crate) fn send(&self, socket: BorrowedFd<'_>, offset: u64, len: usize) -> Result<usize, Errno> {
        match self {
            Self::File(file) => file.send(socket, offset, len),
            Self::Script(_) | Self::Image(_) => Err(Errno::EINVAL),
        }
    }
}

impl Shared {
    pub(crate) fn shapes(&self) -> MutexGuard<'_, Shapes> {
        self.shapes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn netboot_images(&self) -> MutexGuard<'_, Images> {
        self.netboot_images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the `.nbi` folders, and says which cannot be served and why.
    pub(crate) fn read_netboot_images(&self) {
        let (images, refused) = bsdp::image::read_all(&self.folder.path().join(bsdp::FOLDER));
        for one in refused {
            tracing::warn!("a NetBoot image is not served: {one}");
        }
        self.netboot_images().replace(images);
    }

    /// A machine asked for what it was told, so it understood its offer.
    pub(crate) fn went_on(&self, mac: Option<MacAddr>) {
        let Some(learned) = mac.and_then(|mac| self.shapes().went_on(mac)) else {
            return;
        };
        self.decisions.learn_offer(&learned);
        self.decisions.observe(BootEvent {
            mac,
            address: None,
            happening: Happening::ShapeLearned { shape: learned.shape },
        });
    }

    /// What TFTP serves under a name.
    pub(crate) async fn tftp_content(
        self: &Arc<Self>,
        name: &str,
        client: Ipv4Addr,
        server: Ipv4Addr,
    ) -> Result<Content, Refusal> {
        let name = AskedName::parse(name).ok_or(Refusal::NotFound)?;
        if let Some(file) = name.below(&[TFTP_FOLDER]) {
            return self.file(file).await.map(Content::File);
        }
        match name.parts()[..] {
            ["grub", "grub.cfg"] => self.scripts.grub(server).map(Into::into).map_err(render_failed),
            ["grub", "machine", ref rest @ ..] => {
                let (mac, chosen) = match *rest {
                    [file] => (file.strip_suffix(".cfg"), None),
                    [mac, file] => {
                        let key = file.strip_suffix(".cfg").and_then(|key| key.parse().ok());
                        (Some(mac), Some(key.ok_or(Refusal::NotFound)?))
                    }
                    _ => return Err(Refusal::NotFound),
                };
                let mac = mac.and_then(|mac| mac.parse::<MacAddr>().ok());
                let mac = mac.filter(|mac| mac.is_unicast()).ok_or(Refusal::NotFound)?;
                self.learned.address(client, mac);
                let facts = self.learned.facts(mac, server);
                self.machine_script(Loader::Grub, &facts, Some(client), chosen)
                    .await
            }
            _ => return Err(Refusal::NotFound),
        }
        .map(Content::Script)
    }

    /// Opens a file of the boot folder.
    pub(crate) async fn file(self: &Arc<Self>, name: AskedName) -> Result<BootFile, Refusal> {
        let shared = Arc::clone(self);
        tokio::task::spawn_blocking(move || shared.folder.open(&name))
            .await
            .map_err(|_| Refusal::Failed)?
            .map_err(|_| Refusal::NotFound)
    }

    /// Asks for the plan and renders it. Whatever fails on the way to the agent ends at the machine's own disk: we never
    /// stand between a user and the desktop.
    pub(crate) async fn machine_script(
        self: &Arc<Self>,
        loader: Loader,
        facts: &BootFacts,
        client: Option<Ipv4Addr>,
        chosen: Option<EntryKey>,
    ) -> Result<Vec<u8>, Refusal> {
        let (mut plan, chosen) = self.decide(loader, facts, chosen);
        let mut token = None;
        if matches!(plan, BootPlan::Agent { .. }) {
            match self.token(facts.clone(), chosen.clone()).await {
                Ok(fresh) => token = Some(fresh),
                Err(why) => {
                    self.tell(facts, client, Happening::NoToken { why });
                    let reason = LocalReason::CatalogUnavailable;
                    plan = BootPlan::LocalDisk { reason };
                }
            }
        }
        let firmware = match loader {
            Loader::Ipxe => Firmware::Bios,
            Loader::Grub | Loader::Image => Firmware::Uefi,
        };
        // Only who is sent to the disk can be back from there.
        let way = match &plan {
            BootPlan::LocalDisk { .. } => self.decisions.local_way(facts, firmware),
            _ => LocalWay::of(firmware).first().copied().unwrap_or(LocalWay::Exit),
        };
        let telling = Telling {
            facts,
            plan: &plan,
            token: token.as_deref(),
            console: self.decisions.console(facts),
            way,
        };
        let script = self
            .scripts
            .machine(loader, &telling, &|file| self.folder.has(file));
        let happening = match chosen {
            Some(entry) => Happening::Chosen { loader, entry, plan },
            None => Happening::Scripted { loader, plan },
        };
        self.tell(facts, client, happening);
        script.map(Into::into).map_err(render_failed)
    }

    /// The plan, and the entry of the machine's menu that it is for: the one that was chosen, or the default of a menu that
    /// is not drawn. grub in the machine's own image has no network, so it draws none and starts only what is in the image.
    fn decide(
        &self,
        loader: Loader,
        facts: &BootFacts,
        chosen: Option<EntryKey>,
    ) -> (BootPlan, Option<EntryKey>) {
        let mut chosen = chosen;
        let mut plan = match &chosen {
            Some(key) => self.decisions.choose(facts, key),
            None => self.decisions.plan(facts),
        };
        let undrawn = match &plan {
            BootPlan::Menu { menu } if loader == Loader::Image || menu.timeout_seconds == Some(0) => {
                Some(menu.default.clone())
            }
            _ => None,
        };
        if let Some(key) = undrawn {
            plan = self.decisions.choose(facts, &key);
            chosen = Some(key);
        }
        if loader == Loader::Image && matches!(plan, BootPlan::Start { .. } | BootPlan::Menu { .. }) {
            let reason = LocalReason::Chosen;
            plan = BootPlan::LocalDisk { reason };
        }
        (plan, chosen)
    }

    /// The image that UEFI HTTP Boot loads on this machine: the signed loaders, grub's script, and the agent if it is
    /// wanted. For a look at its length no token is made.
    pub(crate) async fn machine_image(
        self: &Arc<Self>,
        facts: &BootFacts,
        client: Option<Ipv4Addr>,
        look_only: bool,
    ) -> Result<DiskImage, Refusal> {
        let (plan, _) = self.decide(Loader::Image, facts, None);
        let wants_agent = matches!(plan, BootPlan::Agent { .. });
        let script = if look_only {
            Vec::new()
        } else {
            self.machine_script(Loader::Image, facts, client, None).await?
        };
        // Of the same length each time, so that the image is of the length that the firmware was told.
        let mut padded = script;
        padded.resize(padded.len().max(IMAGE_SCRIPT_LEN), b'\n');
        let mut files = vec![("GRUB/GRUB.CFG", Source::Bytes(padded))];
        let mut wanted = vec![
            ("EFI/BOOT/BOOTX64.EFI", X64_UEFI_LOADER),
            ("EFI/BOOT/GRUBX64.EFI", "grubx64.efi"),
        ];
        if wants_agent {
            wanted.extend([("AMORCE/VMLINUZ", "vmlinuz"), ("AMORCE/INITRD.IMG", "initrd.img")]);
        }
        for (place, name) in wanted {
            let name = AskedName::parse(name).ok_or(Refusal::Failed)?;
            files.push((place, Source::File(Arc::new(self.file(name).await?))));
        }
        DiskImage::new(files).map_err(|error| {
            tracing::error!(%error, "cannot lay out a disk image");
            Refusal::Failed
        })
    }

    fn tell(&self, facts: &BootFacts, client: Option<Ipv4Addr>, happening: Happening) {
        self.decisions.observe(BootEvent {
            mac: Some(facts.mac),
            address: client,
            happening,
        });
    }

    async fn token(self: &Arc<Self>, facts: BootFacts, chosen: Option<EntryKey>) -> Result<String, String> {
        let shared = Arc::clone(self);
        let token = tokio::task::spawn_blocking(move || shared.decisions.boot_token(&facts, chosen.as_ref()))
            .await
            .map_err(|_| "the appliance failed while it made one".to_owned())?
            .map_err(|error| error.to_string())?;
        if is_token(&token) {
            Ok(token)
        } else {
            Err("it is not one plain word".into())
        }
    }
}

fn render_failed(error: minijinja::Error) -> Refusal {
    tracing::error!(%error, "cannot render a boot script");
    Refusal::Failed
}

#[cfg(test)]
pub(crate) mod tests;
