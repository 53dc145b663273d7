//! Moves DHCP packets between an interface's sockets and the engine.

use super::{
    engine::{
        ARM64_UEFI_LOADER, Arrival, BIOS_LOADER, Destination, Loaders, Outcome, Port, X64_UEFI_LOADER,
        answer, chose_boot_server, facts_of, file_for, machine_of, shaped,
    },
    merge::Merger,
    pool::{BootAnswer, Desk, Question},
    shape::{Shape, shapes_of},
};
use crate::{
    bsdp,
    config::Ports,
    event::{BootEvent, Happening, NotServed},
    network::{Datagram, InterfaceSocket, Neighbours},
    service::Shared,
};
use protocol::{
    boot::{BootPlan, ClientArchitecture, LocalReason},
    dhcp::{MessageType, Operation, Packet},
};
use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Longer than any DHCP packet on Ethernet; the rest of a longer one is cut off.
const BUFFER_LEN: usize = 4096;
/// Packets that wait for their answer: twice the largest room of machines that is looked for.
const UNANSWERED: usize = 1024;

/// One port of one interface.
pub(crate) struct Listener {
    pub(crate) shared: Arc<Shared>,
    pub(crate) socket: Arc<InterfaceSocket>,
    pub(crate) port: Port,
    pub(crate) ports: Ports,
    pub(crate) merger: Merger,
    pub(crate) pool: Option<PoolAccess>,
}

/// Where an interface's machines get addresses of ours.
#[derive(Clone)]
pub(crate) struct PoolAccess {
    pub(crate) desk: Arc<Desk>,
    pub(crate) neighbours: Option<Arc<Neighbours>>,
}

impl Listener {
    /// Answers until told to stop.
    pub(crate) async fn serve(mut self, stop: CancellationToken) {
        // A room of machines that is switched on at once sends more than the kernel keeps for a socket (some two hundred
        // packets): they are taken from it while earlier ones are answered.
        let (sender, mut questions) = mpsc::channel(UNANSWERED);
        let reader = tokio::spawn(read(Arc::clone(&self.socket), sender, stop.clone()));
        loop {
            let question = tokio::select! {
                () = stop.cancelled() => break,
                question = questions.recv() => question,
            };
            let Some((packet, datagram)) = question else { break };
            self.take(&packet, datagram).await;
        }
        let _ = reader.await;
    }

    async fn take(&mut self, packet: &Packet, datagram: Datagram) {
        let server = datagram.local;
        if packet.operation == Operation::Reply {
            return self.take_reply(packet, server).await;
        }
        if self.port == Port::Server
            && let Some(request) = self.merger.request(packet, server)
        {
            self.send(
                &request,
                server,
                SocketAddrV4::new(Ipv4Addr::BROADCAST, self.ports.dhcp),
            )
            .await;
            return;
        }
        let gives_address = self.port == Port::Server
            && !chose_boot_server(packet)
            && self
                .pool
                .as_ref()
                .is_some_and(|pool| pool.desk.serves(packet, server));
        if self.port == Port::Server && self.take_netboot(packet, server).await {
            // Its firmware wants an address beside the offer of its image.
            let wants_address = packet.message_type() != Some(MessageType::Inform);
            if !(gives_address && wants_address) {
                return;
            }
        }
        if gives_address {
            return self.take_for_pool(packet, server).await;
        }
        let arrival = Arrival {
            port: self.port,
            source: datagram.source,
            server,
        };
        let shape = self.shape(packet);
        let outcome = answer(packet, &arrival, self.loaders(), shape, |facts, link| {
            self.shared.scripts.url(facts, link)
        });
        learn(&self.shared, &outcome);
        if let Some(reply) = &outcome.reply {
            self.send(&reply.packet, server, self.place_of(reply.destination))
                .await;
        }
        if let Some(file) = &outcome.merge
            && let Some(discover) = self.merger.discover(packet, server, file, Instant::now())
        {
            self.send(
                &discover,
                server,
                SocketAddrV4::new(Ipv4Addr::BROADCAST, self.ports.dhcp),
            )
            .await;
        }
        if let Some(happening) = outcome.happening.clone() {
            self.shared.decisions.observe(BootEvent {
                mac: machine_of(&outcome),
                address: outcome.machine_address,
                happening,
            });
        }
    }

    fn loaders(&self) -> Loaders {
        Loaders {
            bios: self.shared.folder.has(BIOS_LOADER),
            x64_uefi: self.shared.folder.has(X64_UEFI_LOADER),
            arm64_uefi: self.shared.folder.has(ARM64_UEFI_LOADER),
        }
    }

    /// The machine gets its address of us, and a firmware its boot file with it.
    async fn take_for_pool(&self, packet: &Packet, server: Ipv4Addr) {
        let Some(PoolAccess { desk, neighbours }) = &self.pool else {
            return;
        };
        let file = file_for(packet, server, self.loaders(), |facts, link| {
            self.shared.scripts.url(facts, link)
        });
        let architectures = packet.client_architectures();
        let facts = facts_of(packet, &architectures, server).filter(|_| file.is_some());
        if let Some(facts) = &facts {
            self.shared.learned.machine(facts);
        }
        let is_discover = packet.message_type() == Some(MessageType::Discover);
        let (boot, happening) = match file {
            None => (None, None),
            Some(Ok(file)) => {
                let offered = Happening::Offered {
                    architecture: file.architecture,
                    file: file.name.clone(),
                };
                let offered_before = || packet.mac().and_then(|mac| self.shared.shapes().offered(mac));
                let shape = self.shape(packet).or_else(offered_before);
                let usual = || shapes_of(ClientArchitecture::from_number(file.architecture))[0];
                let shape = shape.unwrap_or_else(usual);
                (Some(BootAnswer { file, shape }), Some(offered))
            }
            Some(Err(why)) => (None, Some(Happening::NotServed { why })),
        };
        if let Some(happening) = happening.filter(|_| is_discover) {
            self.shared.decisions.observe(BootEvent {
                mac: facts.map(|facts| facts.mac),
                address: None,
                happening,
            });
        }
        // Who is behind a relay cannot be heard.
        let is_near = packet.relay.is_unspecified();
        desk.take(Question {
            packet: packet.clone(),
            server,
            boot,
            socket: Arc::clone(&self.socket),
            neighbours: neighbours.clone().filter(|_| is_near),
        })
        .await;
    }

    /// Whether it was a Mac's packet.
    async fn take_netboot(&self, packet: &Packet, server: Ipv4Addr) -> bool {
        let Some(question) = bsdp::wire::Question::read(packet) else {
            return false;
        };
        if let Some(facts) = facts_of(packet, &packet.client_architectures(), server)
            && let BootPlan::LocalDisk {
                reason: LocalReason::Quarantined,
            } = self.shared.decisions.plan(&facts)
        {
            // Silence: a Mac then starts its own disk.
            self.shared.decisions.observe(BootEvent {
                mac: Some(facts.mac),
                address: None,
                happening: Happening::NotServed {
                    why: NotServed::Quarantined,
                },
            });
            return true;
        }
        if question.message == Some(bsdp::wire::Message::List) {
            // An admin may have put another image there; Macs are few and their people wait at a picker.
            let shared = Arc::clone(&self.shared);
            let _ = tokio::task::spawn_blocking(move || shared.read_netboot_images()).await;
        }
        let http_port = self.shared.http_port;
        let outcome = self.shared.netboot_images().answer(packet, server, http_port);
        let Some(outcome) = outcome else { return true };
        if let Some(reply) = &outcome.reply {
            self.send(&reply.packet, server, self.place_of(reply.destination))
                .await;
        }
        self.shared.decisions.observe(BootEvent {
            mac: Some(outcome.mac),
            address: Some(packet.client_address).filter(|address| !address.is_unspecified()),
            happening: Happening::NetBoot(outcome.told),
        });
        true
    }

    fn place_of(&self, destination: Destination) -> SocketAddrV4 {
        match destination {
            Destination::Broadcast => SocketAddrV4::new(Ipv4Addr::BROADCAST, self.ports.dhcp_client),
            Destination::Unicast(to) => to,
        }
    }

    /// How to make up an offer for this machine, if it looks for servers.
    fn shape(&self, packet: &Packet) -> Option<Shape> {
        if self.port != Port::Server {
            return packet.mac().and_then(|mac| self.shared.shapes().offered(mac));
        }
        let (mac, firmware, architecture) = shaped(packet)?;
        let choice =
            self.shared
                .shapes()
                .choose(mac, firmware, architecture, packet.transaction, Instant::now());
        if choice.is_fallback {
            self.shared.decisions.observe(BootEvent {
                mac: Some(mac),
                address: None,
                happening: Happening::NextShape { shape: choice.shape },
            });
        }
        Some(choice.shape)
    }

    /// What the network's own DHCP server answers to the questions that we asked for machines.
    async fn take_reply(&mut self, packet: &Packet, server: Ipv4Addr) {
        if self.port != Port::Server {
            return;
        }
        let Some(merged) = self.merger.reply(packet, server) else {
            return;
        };
        let address = merged.packet.your_address;
        let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, self.ports.dhcp_client);
        self.send(&merged.packet, server, to).await;
        let taken = merged.packet.message_type() == Some(MessageType::Acknowledge);
        if taken {
            self.shared.learned.address(address, merged.mac);
        }
        self.shared.decisions.observe(BootEvent {
            mac: Some(merged.mac),
            address: taken.then_some(address),
            happening: Happening::Merged {
                taken,
                address,
                dhcp_server: merged.dhcp_server,
            },
        });
    }

    async fn send(&self, packet: &Packet, from: Ipv4Addr, to: SocketAddrV4) {
        if let Err(error) = self.socket.send(&packet.encode(), from, to).await {
            tracing::warn!(%error, %to, "cannot send a DHCP packet");
        }
    }
}

/// Takes packets from the socket until told to stop. One that finds no room is as good as lost on the wire.
async fn read(
    socket: Arc<InterfaceSocket>,
    questions: mpsc::Sender<(Packet, Datagram)>,
    stop: CancellationToken,
) {
    let mut buffer = vec![0; BUFFER_LEN];
    loop {
        let received = tokio::select! {
            () = stop.cancelled() => return,
            received = socket.receive(&mut buffer) => received,
        };
        let datagram = match received {
            Ok(datagram) => datagram,
            Err(error) => {
                tracing::warn!(%error, "cannot receive DHCP packets");
                // An interface that went down must not make us spin.
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        if let Ok(packet) = Packet::parse(&buffer[..datagram.len])
            && !datagram.local.is_unspecified()
        {
            let _ = questions.try_send((packet, datagram));
        }
    }
}

fn learn(shared: &Shared, outcome: &Outcome) {
    if let Some(facts) = &outcome.facts {
        shared.learned.machine(facts);
        if let Some(address) = outcome.machine_address {
            shared.learned.address(address, facts.mac);
        }
    }
}
