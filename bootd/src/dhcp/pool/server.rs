//! Keeps the pool of an interface: looks whether an address is free before it is offered, and writes down what is given
//! before that is told.

use super::{Answer, BootAnswer, Client, Lease, Moment, Pool, Told};
use crate::{
    dhcp::engine::{Destination, Reply},
    event::{BootEvent, Happening},
    network::{InterfaceSocket, Neighbours},
    service::Shared,
};
use protocol::dhcp::Packet;
use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// How long a machine has to say that an address is its own: many times what one on the same network takes, and well
/// within what an answer may take.
const PROBE: Duration = Duration::from_millis(25);
/// Addresses tried for one question; each that is in use is left alone afterwards.
const TRIES: usize = 3;
/// Questions that wait for such an answer at one time; who is not heard asks again.
const WAITING: usize = 1024;
/// Leases that wait to be written, and how many are written at once.
const UNWRITTEN: usize = 2048;

/// The pool of every interface.
pub(crate) struct Desk {
    shared: Arc<Shared>,
    pool: Mutex<Pool>,
    waiting: Arc<Semaphore>,
    ledger: mpsc::Sender<Line>,
    client_port: u16,
}

/// Something to keep, and what to say when it is kept.
struct Line {
    lease: Lease,
    parcel: Option<Parcel>,
}

/// A reply on its way out.
struct Parcel {
    socket: Arc<InterfaceSocket>,
    packet: Packet,
    from: Ipv4Addr,
    to: SocketAddrV4,
}

/// A question about an address, and where it came in.
pub(crate) struct Question {
    pub(crate) packet: Packet,
    pub(crate) server: Ipv4Addr,
    pub(crate) boot: Option<BootAnswer>,
    pub(crate) socket: Arc<InterfaceSocket>,
    /// An ear on that network; none for one behind a relay, or without the right to listen.
    pub(crate) neighbours: Option<Arc<Neighbours>>,
}

impl Desk {
    /// A desk and the work that writes down what it gives.
    pub(crate) fn open(
        shared: Arc<Shared>,
        pool: Pool,
        client_port: u16,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send) {
        let (ledger, lines) = mpsc::channel(UNWRITTEN);
        let desk = Self {
            shared: Arc::clone(&shared),
            pool: Mutex::new(pool),
            waiting: Arc::new(Semaphore::new(WAITING)),
            ledger,
            client_port,
        };
        (Arc::new(desk), write_down(shared, lines))
    }

    /// Whether a packet is of a network whose addresses we give.
    pub(crate) fn serves(&self, packet: &Packet, server: Ipv4Addr) -> bool {
        self.pool().serves(packet, server)
    }

    /// Answers.
    pub(crate) async fn take(self: &Arc<Self>, question: Question) {
        let Some(answer) = self.ask(&question) else { return };
        let (Some(address), true) = (answer.probe, question.neighbours.is_some()) else {
            return self.finish(&question, answer).await;
        };
        let Ok(place) = Arc::clone(&self.waiting).try_acquire_owned() else {
            return;
        };
        let desk = Arc::clone(self);
        tokio::spawn(async move {
            if let Some(answer) = desk.probe(&question, answer, address).await {
                desk.finish(&question, answer).await;
            }
            drop(place);
        });
    }

    /// Notes whoever is heard to use an address, until told to stop.
    pub(crate) async fn listen(self: Arc<Self>, neighbours: Arc<Neighbours>, stop: CancellationToken) {
        loop {
            let heard = tokio::select! {
                () = stop.cancelled() => return,
                heard = neighbours.hear() => heard,
            };
            match heard {
                Ok((address, mac)) => self.pool().note_user(address, Some(mac), Moment::now()),
                Err(error) => {
                    tracing::warn!(%error, "cannot hear who uses which address");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
    }

    fn ask(&self, question: &Question) -> Option<Answer> {
        let Question {
            packet, server, boot, ..
        } = question;
        self.pool().take(packet, *server, boot.as_ref(), Moment::now())
    }

    /// Makes sure that nobody uses what is offered; or offers something else.
    async fn probe(&self, question: &Question, mut answer: Answer, mut address: Ipv4Addr) -> Option<Answer> {
        let client = Client::of(&question.packet)?;
        for _ in 0..TRIES {
            let asked = match &question.neighbours {
                Some(neighbours) => neighbours.probe(address).await,
                None => return Some(answer),
            };
            if let Err(error) = asked {
                tracing::warn!(%error, %address, "cannot ask whether an address is free");
                return Some(answer);
            }
            tokio::time::sleep(PROBE).await;
            if !self.pool().is_used_by_another(address, &client, Moment::now()) {
                return Some(answer);
            }
            tracing::warn!(%address, "somebody uses an address of the pool; it is left alone for an hour");
            answer = self.ask(question)?;
            match answer.probe {
                Some(next) => address = next,
                None => return Some(answer),
            }
        }
        None
    }

    async fn finish(&self, question: &Question, answer: Answer) {
        if let Some(told) = answer.told {
            self.tell(question, told);
        }
        let parcel = answer.reply.map(|Reply { packet, destination }| Parcel {
            socket: Arc::clone(&question.socket),
            to: match destination {
                Destination::Broadcast => SocketAddrV4::new(Ipv4Addr::BROADCAST, self.client_port),
                Destination::Unicast(to) => to,
            },
            from: question.server,
            packet,
        });
        match answer.keep {
            Some(lease) => {
                // When the disk does not keep up, the machine asks again.
                let _ = self.ledger.try_send(Line { lease, parcel });
            }
            None => {
                if let Some(parcel) = parcel {
                    parcel.send().await;
                }
            }
        }
    }

    /// The transcript of a boot is of firmware; what other machines do with their addresses is for the log.
    fn tell(&self, question: &Question, told: Told) {
        let mac = question.packet.mac();
        if let (Told::Given(address), Some(mac)) = (&told, mac) {
            self.shared.learned.address(*address, mac);
        }
        if question.boot.is_some() || matches!(told, Told::Full(_)) {
            let address = match told {
                Told::Given(address) | Told::Renewed(address) => Some(address),
                _ => None,
            };
            self.shared.decisions.observe(BootEvent {
                mac,
                address,
                happening: Happening::Address(told),
            });
            return;
        }
        let mac = mac.map(tracing::field::display);
        match told {
            Told::Refused(_) | Told::Declined(_) | Told::Elsewhere(_) => tracing::warn!(mac, "{told}"),
            _ => tracing::debug!(mac, "{told}"),
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parcel {
    async fn send(self) {
        if let Err(error) = self.socket.send(&self.packet.encode(), self.from, self.to).await {
            tracing::warn!(%error, to = %self.to, "cannot send a DHCP packet");
        }
    }
}

/// Writes leases down, as many at once as have come together, and lets each machine know only then (RFC 2131 §4.3.2).
async fn write_down(shared: Arc<Shared>, mut lines: mpsc::Receiver<Line>) {
    let mut batch = Vec::new();
    while lines.recv_many(&mut batch, UNWRITTEN).await > 0 {
        let leases: Vec<Lease> = batch.iter().map(|line| line.lease.clone()).collect();
        let decisions = Arc::clone(&shared.decisions);
        let kept = tokio::task::spawn_blocking(move || decisions.keep_leases(&leases)).await;
        let kept = kept.unwrap_or_else(|_| Err(crate::DecisionError("the appliance failed".into())));
        match kept {
            Ok(()) => {
                for parcel in batch.drain(..).filter_map(|line| line.parcel) {
                    parcel.send().await;
                }
            }
            Err(error) => {
                tracing::error!(%error, "addresses cannot be given, as that cannot be written down");
                batch.clear();
            }
        }
    }
}
