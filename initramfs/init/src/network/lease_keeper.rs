//! One adapter: up, signal, address, and all of it again when the cable was out.

use super::{Adapter, Network, State, adapter::has_carrier, interface};
use crate::{
    dhcp_client::{Client, PacketSocket, Step, identity, renew},
    screen,
};
use protocol::dhcp::Lease;
use std::{
    hash::{BuildHasher, RandomState},
    io,
    path::Path,
    time::{Duration, Instant},
};

/// How often the cable is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// A driver that refuses may take another word for it later.
const AFTER_FAILURE: Duration = Duration::from_secs(3);
/// A server that did not renew is asked again after this long (RFC 2131 §4.4.5: at least a minute).
const AFTER_REFUSAL: Duration = Duration::from_secs(60);
/// Never renew more often, whatever the server says.
const SHORTEST_RENEWAL: Duration = Duration::from_secs(30);

/// Keeps one adapter in service. A thread of its own.
#[derive(Debug)]
pub struct LeaseKeeper {
    pub network: Network,
    pub adapter: Adapter,
    pub uuid: Option<uuid::Uuid>,
    pub metric: u16,
}

impl LeaseKeeper {
    /// Works until the adapter is pulled out.
    pub fn keep(&self) {
        let name = &self.adapter.name;
        while self.is_there() {
            if let Err(error) = self.serve() {
                screen::log(&format!("{name}: {error}"));
                self.network.set(name, State::Failed(error.to_string()));
                std::thread::sleep(AFTER_FAILURE);
            }
        }
        self.network.forget(name);
    }

    /// From switching on to the loss of the signal.
    fn serve(&self) -> io::Result<()> {
        let name = &self.adapter.name;
        interface::set_up(name)?;
        self.network.set(name, State::NoCarrier);
        while !has_carrier(name) {
            if !self.is_there() {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        let asking_since = Instant::now();
        self.network.set(name, State::Asking(asking_since));
        let Some(lease) = self.ask()? else { return Ok(()) };
        self.configure(&lease)?;
        screen::log(&format!(
            "{name}: {}/{} from {} after {:.1} s",
            lease.address,
            lease.prefix_bits,
            lease.server,
            asking_since.elapsed().as_secs_f64()
        ));
        self.network.set(name, State::Bound(lease.clone()));
        self.hold(lease)
    }

    /// Asks until somebody gives an address. `None` if the signal is lost.
    fn ask(&self) -> io::Result<Option<Lease>> {
        let socket = PacketSocket::open(self.adapter.index)?;
        let started = Instant::now();
        let mut client = Client::new(identity(self.adapter.mac, self.uuid), random(), Duration::ZERO);
        loop {
            let now = started.elapsed();
            let mut step = client.on_time(now);
            if matches!(step, Step::Wait) {
                let limit = client.deadline().saturating_sub(now).min(LOOK);
                if let Some(packet) = socket.receive(limit)? {
                    step = client.on_packet(&packet, started.elapsed());
                } else if !has_carrier(&self.adapter.name) {
                    return Ok(None);
                }
            }
            match step {
                Step::Wait => {}
                // A full queue loses it, as the network might; it is sent again.
                Step::Send(packet) => match socket.broadcast(&packet) {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock && !self.is_there() => {
                        return Err(error);
                    }
                    _ => {}
                },
                Step::Bound(lease) => return Ok(Some(lease)),
            }
        }
    }

    fn configure(&self, lease: &Lease) -> io::Result<()> {
        let name = &self.adapter.name;
        interface::set_address(name, lease.address, lease.prefix_bits)?;
        if let Some(mtu) = lease.mtu
            && let Err(error) = interface::set_mtu(name, mtu)
        {
            screen::log(&format!(
                "{name}: packets of {mtu} bytes, as the server wishes: {error}"
            ));
        }
        if let Some(router) = lease.router
            && let Err(error) = interface::add_default_route(name, router, self.metric)
        {
            // The appliance is nearly always on the same network.
            screen::log(&format!("{name}: route by {router}: {error}"));
        }
        Ok(())
    }

    /// Renews the lease while there is a signal. An address that nobody renews is kept: a restore that runs matters
    /// more than a server that restarts.
    fn hold(&self, mut lease: Lease) -> io::Result<()> {
        let name = &self.adapter.name;
        let mut renew_at = Instant::now() + renewal(&lease);
        loop {
            std::thread::sleep(LOOK);
            if !has_carrier(name) {
                screen::log(&format!("{name}: no signal any more"));
                return Ok(());
            }
            if Instant::now() >= renew_at {
                let renewed = renew(&identity(self.adapter.mac, self.uuid), &lease, name, random());
                match &renewed {
                    Ok(Some(_)) => {}
                    Ok(None) => screen::log(&format!("{name}: nobody renews {}", lease.address)),
                    Err(error) => screen::log(&format!("{name}: renewing {}: {error}", lease.address)),
                }
                renew_at = Instant::now();
                match renewed {
                    Ok(Some(renewed)) => {
                        lease = renewed;
                        renew_at += renewal(&lease);
                    }
                    _ => renew_at += renewal(&lease).min(AFTER_REFUSAL),
                }
            }
        }
    }

    fn is_there(&self) -> bool {
        Path::new("/sys/class/net").join(&self.adapter.name).exists()
    }
}

fn renewal(lease: &Lease) -> Duration {
    Duration::from_secs(lease.renewal_seconds.into()).max(SHORTEST_RENEWAL)
}

/// A number that others will not guess; std seeds its hashes from the system's random numbers.
fn random() -> u32 {
    let value = RandomState::new().hash_one(0u8);
    u32::try_from(value >> 32).unwrap_or(0)
}
