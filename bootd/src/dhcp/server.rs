//! Moves DHCP packets between an interface's sockets and the engine.

use super::engine::{
    Arrival, BIOS_LOADER, Destination, Loaders, Outcome, Port, X64_UEFI_LOADER, answer, machine_of,
};
use crate::{event::BootEvent, network::InterfaceSocket, service::Shared};
use protocol::dhcp::Packet;
use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Longer than any DHCP packet on Ethernet; the rest of a longer one is cut off.
const BUFFER_LEN: usize = 4096;

/// Answers on one socket until told to stop.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    socket: InterfaceSocket,
    port: Port,
    client_port: u16,
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
        let Ok(packet) = Packet::parse(&buffer[..datagram.len]) else {
            continue;
        };
        if datagram.local.is_unspecified() {
            continue;
        }
        let arrival = Arrival {
            port,
            source: datagram.source,
            server: datagram.local,
        };
        let loaders = || Loaders {
            bios: shared.folder.has(BIOS_LOADER),
            x64_uefi: shared.folder.has(X64_UEFI_LOADER),
        };
        let outcome = answer(&packet, &arrival, loaders(), |facts| {
            shared.scripts.ipxe_url(facts)
        });
        learn(&shared, &outcome);
        if let Some(reply) = &outcome.reply {
            let to = match reply.destination {
                Destination::Broadcast => SocketAddrV4::new(Ipv4Addr::BROADCAST, client_port),
                Destination::Unicast(to) => to,
            };
            if let Err(error) = socket.send(&reply.packet.encode(), datagram.local, to).await {
                tracing::warn!(%error, %to, "cannot send a DHCP answer");
                continue;
            }
        }
        if let Some(happening) = outcome.happening.clone() {
            shared.decisions.observe(BootEvent {
                mac: machine_of(&outcome),
                address: outcome.machine_address,
                happening,
            });
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
