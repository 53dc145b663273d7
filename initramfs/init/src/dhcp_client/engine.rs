//! When a DHCP client says what (RFC 2131 §4.4.1, figure 5). No sockets, no clock: the caller brings both.
//!
//! ```text
//! Selecting ── offer ──> Requesting ── ACK ──> bound
//!     ^                      │ NAK, or no answer to 4 requests
//!     └──────────────────────┘
//! ```
//!
//! Pauses grow only to four seconds instead of the RFC's sixty-four: a person stands in front of the machine, and a
//! switch that still learns its spanning tree begins to forward at any moment.

use protocol::{
    MacAddr,
    dhcp::{ClientIdentity, Lease, MessageType, Operation, Packet},
};
use std::time::Duration;

/// Pauses between two tries; the last is repeated.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];
/// Requests for an offered address before we look for another offer.
const REQUESTS: u32 = 4;

/// A client that wants an address.
#[derive(Debug)]
pub struct Client {
    identity: ClientIdentity,
    transaction: u32,
    state: State,
    started: Duration,
    next: Duration,
    tries: u32,
}

#[derive(Debug)]
enum State {
    Selecting,
    Requesting(Lease),
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing before the time that [`Client::deadline`] names.
    Wait,
    /// Send this by broadcast.
    Send(Box<Packet>),
    /// The address is ours.
    Bound(Lease),
}

impl Client {
    /// A client that begins now. `transaction` should be random: it tells our answers from others'.
    #[must_use]
    pub fn new(identity: ClientIdentity, transaction: u32, now: Duration) -> Self {
        Self {
            identity,
            transaction,
            state: State::Selecting,
            started: now,
            next: now,
            tries: 0,
        }
    }

    /// When [`Client::on_time`] wants to be called.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.next
    }

    /// Time has passed.
    pub fn on_time(&mut self, now: Duration) -> Step {
        if now < self.next {
            return Step::Wait;
        }
        if matches!(self.state, State::Requesting(_)) && self.tries >= REQUESTS {
            self.start_again(now);
        }
        let pause = PAUSES[usize::try_from(self.tries)
            .unwrap_or(usize::MAX)
            .min(PAUSES.len() - 1)];
        self.tries = self.tries.saturating_add(1);
        self.next = now + pause;
        let seconds = u16::try_from(now.saturating_sub(self.started).as_secs()).unwrap_or(u16::MAX);
        Step::Send(Box::new(match &self.state {
            State::Selecting => self.identity.discover(self.transaction, seconds),
            State::Requesting(offer) => self.identity.select(offer, self.transaction, seconds),
        }))
    }

    /// A packet has arrived, from anybody.
    pub fn on_packet(&mut self, packet: &Packet, now: Duration) -> Step {
        if !self.is_for_us(packet) {
            return Step::Wait;
        }
        match (&self.state, packet.message_type()) {
            (State::Selecting, Some(MessageType::Offer)) => {
                // A proxy's offer grants no address and is not one for us.
                let Some(lease) = Lease::read(packet) else {
                    return Step::Wait;
                };
                self.state = State::Requesting(lease);
                self.tries = 0;
                self.next = now;
                self.on_time(now)
            }
            (State::Requesting(offer), Some(MessageType::Acknowledge)) => match Lease::read(packet) {
                Some(lease) if lease.server == offer.server => Step::Bound(lease),
                _ => Step::Wait,
            },
            (State::Requesting(offer), Some(MessageType::Refuse)) => {
                if packet
                    .server_identifier()
                    .is_some_and(|server| server != offer.server)
                {
                    return Step::Wait;
                }
                self.start_again(now);
                // Not at once: a server that refuses for ever must not be asked for ever without a pause.
                self.next = now + PAUSES[0];
                Step::Wait
            }
            _ => Step::Wait,
        }
    }

    fn is_for_us(&self, packet: &Packet) -> bool {
        packet.operation == Operation::Reply
            && packet.transaction == self.transaction
            && packet.mac() == Some(self.identity.mac)
    }

    fn start_again(&mut self, now: Duration) {
        self.state = State::Selecting;
        self.transaction = self.transaction.wrapping_add(1);
        self.tries = 0;
        self.next = now;
    }
}

/// Who our agent says it is. Not `PXEClient`: it wants no boot offers.
#[must_use]
pub fn identity(mac: MacAddr, uuid: Option<uuid::Uuid>) -> ClientIdentity {
    ClientIdentity {
        mac,
        uuid,
        vendor_class: "amorce",
    }
}

#[cfg(test)]
mod tests;
