//! Moves DHCP packets between an interface's sockets and the engine.

use super::{
    engine::{
        Arrival, BIOS_LOADER, Destination, Loaders, Outcome, Port, X64_UEFI_LOADER, answer, machine_of,
    },
    merge::Merger,
};
use crate::{
    config::Ports,
    event::{BootEvent, Happening},
    network::{Datagram, InterfaceSocket},
    service::Shared,
};
use protocol::dhcp::{MessageType, Operation, Packet};
use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// Longer than any DHCP packet on Ethernet; the rest of a longer one is cut off.
const BUFFER_LEN: usize = 4096;

/// One port of one interface.
pub(crate) struct Listener {
    pub(crate) shared: Arc<Shared>,
    pub(crate) socket: InterfaceSocket,
    pub(crate) port: Port,
    pub(crate) ports: Ports,
    pub(crate) merger: Merger,
}

impl Listener {
    /// Answers until told to stop.
    pub(crate) async fn serve(mut self, stop: CancellationToken) {
        let mut buffer = vec![0; BUFFER_LEN];
        loop {
            let received = tokio::select! {
                () = stop.cancelled() => return,
                received = self.socket.receive(&mut buffer) => received,
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
            let Ok(packet) = Packet::parse(&buffer[..datagram.len]) else {
                continue;
            };
            if !datagram.local.is_unspecified() {
                self.take(&packet, datagram).await;
            }
        }
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
        let arrival = Arrival {
            port: self.port,
            source: datagram.source,
            server,
        };
        let loaders = Loaders {
            bios: self.shared.folder.has(BIOS_LOADER),
            x64_uefi: self.shared.folder.has(X64_UEFI_LOADER),
        };
        let outcome = answer(packet, &arrival, loaders, |facts| {
            self.shared.scripts.ipxe_url(facts)
        });
        learn(&self.shared, &outcome);
        if let Some(reply) = &outcome.reply {
            let to = match reply.destination {
                Destination::Broadcast => SocketAddrV4::new(Ipv4Addr::BROADCAST, self.ports.dhcp_client),
                Destination::Unicast(to) => to,
            };
            self.send(&reply.packet, server, to).await;
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

fn learn(shared: &Shared, outcome: &Outcome) {
    if let Some(facts) = &outcome.facts {
        shared.learned.machine(facts);
        if let Some(address) = outcome.machine_address {
            shared.learned.address(address, facts.mac);
        }
    }
}
