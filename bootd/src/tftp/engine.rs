//! One transfer, without sockets and without a clock: packets and time in, blocks to send and a deadline out.
//!
//! The client's acknowledgements drive everything: each asks for the window behind it, also when it names a block in the
//! middle of the last window (RFC 7440 §4: something was lost, go on from there). An acknowledgement that says nothing
//! new means that the first block of a window was lost: the window is sent again at once, but never in answer to the
//! echo of our own second sending, or each block would be sent twice to the end (RFC 1123 §4.2.3.1). Only when the
//! client is silent does the clock decide; its patience follows the round trips measured.

use super::wire::{AskedOptions, ClientPacket, GrantedOptions, error_code};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// What the network allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest block; see [`Limits::for_mtu`].
    pub block_len: u16,
    /// Longest window.
    pub window: u16,
}

/// A transfer in progress.
#[derive(Clone, Debug)]
pub struct Transfer {
    block_len: u16,
    window: u16,
    file_len: u64,
    /// Blocks in the file; the last is shorter than a block, perhaps empty.
    last_block: u64,
    granted: GrantedOptions,
    /// Our options were not acknowledged yet.
    negotiating: bool,
    acknowledged: u64,
    sent: u64,
    patience: Patience,
    sent_at: Instant,
    /// When the outstanding window was sent from its beginning.
    window_at: Instant,
    progress_at: Instant,
    /// The outstanding window was sent more than once: its round trip cannot be told.
    repeated: bool,
    tries: u32,
    echoes: Echoes,
    /// Blocks that may still be sent again without the clock; progress earns it back.
    credit: u64,
    /// No block is sent again before one behind this is acknowledged.
    draining: Option<u64>,
    instant_resends: u32,
    resent_blocks: u64,
    end: Option<EndReason>,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Wait,
    /// Send the granted options.
    SendOptions(GrantedOptions),
    /// Send these blocks, counted from 1.
    SendBlocks {
        /// The first.
        first: u64,
        /// How many.
        count: u16,
    },
}

/// How a transfer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Every block was acknowledged.
    Complete,
    /// The client only wanted to know the length (UEFI firmware does this first).
    Probe,
    /// The client gave up.
    ClientError {
        /// TFTP error code.
        code: u16,
        /// Its words.
        text: String,
    },
    /// The client fell silent.
    Silence,
    /// The client's port is closed.
    Unreachable,
    /// The client began anew from the same port.
    Replaced,
    /// The file could not be read to its end.
    ReadError,
    /// We were told to stop.
    Stopped,
}

const DEFAULT_BLOCK_LEN: u16 = 512;
/// IP, UDP and TFTP headers.
const HEADERS_LEN: u16 = 20 + 8 + 4;
/// Silence after which a transfer is given up, unless the client asked for longer pauses.
const GIVE_UP: Duration = Duration::from_secs(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// Sendings again of one window for repeated acknowledgements; after that only the clock decides.
const MAX_INSTANT_RESENDS: u32 = 8;
/// Windows sent again at once that a transfer may begin with, and windows of progress that earn another.
const REWINDS: u64 = 8;
const REWIND_WINDOWS: u64 = 4;

impl Limits {
    /// What fits a network's packets: a block that IP must cut is lost on many a boot ROM.
    #[must_use]
    pub fn for_mtu(mtu: u32) -> Self {
        let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
        Self {
            block_len: mtu.saturating_sub(HEADERS_LEN).clamp(DEFAULT_BLOCK_LEN, 65464),
            window: 64,
        }
    }
}

impl Transfer {
    /// Begins a transfer. The first action goes with it.
    #[must_use]
    pub fn begin(asked: &AskedOptions, file_len: u64, limits: Limits, now: Instant) -> (Self, Action) {
        let granted = GrantedOptions {
            block_len: asked.block_len.map(|len| len.min(limits.block_len)),
            transfer_size: asked.transfer_size.then_some(file_len),
            timeout_seconds: asked.timeout_seconds,
            window: asked.window.map(|blocks| blocks.min(limits.window)),
        };
        let block_len = granted.block_len.unwrap_or(DEFAULT_BLOCK_LEN);
        let mut transfer = Self {
            block_len,
            window: granted.window.unwrap_or(1),
            file_len,
            last_block: file_len / u64::from(block_len) + 1,
            granted,
            negotiating: !granted.is_empty(),
            acknowledged: 0,
            sent: 0,
            patience: Patience::new(granted.timeout_seconds),
            sent_at: now,
            window_at: now,
            progress_at: now,
            repeated: false,
            tries: 0,
            echoes: Echoes::none(now),
            credit: 0,
            draining: None,
            instant_resends: 0,
            resent_blocks: 0,
            end: None,
        };
        transfer.credit = transfer.full_credit();
        let action = if transfer.negotiating {
            Action::SendOptions(granted)
        } else {
            transfer.send_window(now)
        };
        (transfer, action)
    }

    /// A packet of the client came in.
    #[must_use]
    pub fn on_packet(&mut self, packet: &ClientPacket, now: Instant) -> Action {
        if self.end.is_some() {
            return Action::Wait;
        }
        match packet {
            ClientPacket::Acknowledge(number) => self.on_acknowledge(*number, now),
            ClientPacket::Error { code, text } => {
                let asked_length_only = self.acknowledged == 0
                    && (*code == error_code::OPTIONS || self.granted.transfer_size.is_some());
                self.end = Some(if asked_length_only {
                    EndReason::Probe
                } else {
                    EndReason::ClientError {
                        code: *code,
                        text: text.clone(),
                    }
                });
                Action::Wait
            }
            ClientPacket::Read(_) | ClientPacket::Write => Action::Wait,
        }
    }

    /// The deadline passed.
    #[must_use]
    pub fn on_timeout(&mut self, now: Instant) -> Action {
        if self.end.is_some() || now < self.deadline() {
            return Action::Wait;
        }
        if now.duration_since(self.progress_at) >= self.patience.give_up() {
            self.end = Some(EndReason::Silence);
            return Action::Wait;
        }
        self.tries += 1;
        self.draining = None;
        self.repeat(now)
    }

    /// When to call [`Transfer::on_timeout`].
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let give_up = self.progress_at + self.patience.give_up();
        (self.sent_at + self.patience.pause(self.tries)).min(give_up)
    }

    /// Ends the transfer from outside.
    pub fn stop(&mut self, reason: EndReason) {
        self.end.get_or_insert(reason);
    }

    /// How it ended; none while it goes on.
    #[must_use]
    pub fn end(&self) -> Option<&EndReason> {
        self.end.as_ref()
    }

    /// Where a block stands in the file: offset and length in bytes.
    #[must_use]
    pub fn block_range(&self, block: u64) -> (u64, usize) {
        let offset = block
            .saturating_sub(1)
            .saturating_mul(u64::from(self.block_len))
            .min(self.file_len);
        let len = (self.file_len - offset).min(u64::from(self.block_len));
        // At most a block, which is at most 65464.
        (
            offset,
            usize::try_from(len).unwrap_or(usize::from(self.block_len)),
        )
    }

    /// Bytes that the client has acknowledged.
    #[must_use]
    pub fn acknowledged_bytes(&self) -> u64 {
        self.acknowledged
            .saturating_mul(u64::from(self.block_len))
            .min(self.file_len)
    }

    /// Length of the file.
    #[must_use]
    pub fn file_len(&self) -> u64 {
        self.file_len
    }

    /// Bytes of a block.
    #[must_use]
    pub fn block_len(&self) -> u16 {
        self.block_len
    }

    /// Blocks of a window.
    #[must_use]
    pub fn window(&self) -> u16 {
        self.window
    }

    /// Blocks that were sent more than once.
    #[must_use]
    pub fn resent_blocks(&self) -> u64 {
        self.resent_blocks
    }

    fn on_acknowledge(&mut self, number: u16, now: Instant) -> Action {
        if self.negotiating {
            if number != 0 {
                return Action::Wait;
            }
            self.negotiating = false;
            self.note_progress(now);
            return self.send_window(now);
        }
        // Block numbers have 16 bits: what counts is the distance from the last block that is known to have arrived.
        let distance = u64::from(number.wrapping_sub(low_bits(self.acknowledged)));
        let outstanding = self.sent - self.acknowledged;
        if distance > outstanding {
            return Action::Wait;
        }
        let is_echo = distance < outstanding && self.echoes.take(self.acknowledged + distance, now);
        if distance == 0 {
            return if is_echo {
                Action::Wait
            } else {
                self.on_repeated_acknowledge(now)
            };
        }
        self.acknowledged += distance;
        self.credit = (self.credit + distance).min(self.full_credit());
        if self.draining.is_some_and(|end| self.acknowledged > end) {
            self.draining = None;
        }
        if self.acknowledged == self.last_block {
            self.end = Some(EndReason::Complete);
            return Action::Wait;
        }
        if distance < outstanding && (is_echo || self.is_burst(now) || !self.may_rewind()) {
            return self.extend_window(now);
        }
        self.note_progress(now);
        self.expect_echoes(now);
        self.resent_blocks += outstanding - distance;
        self.send_window(now)
    }

    fn on_repeated_acknowledge(&mut self, now: Instant) -> Action {
        // Each block that comes in after a lost one may be answered by the same acknowledgement: one is enough.
        if self.is_burst(now) || self.instant_resends >= MAX_INSTANT_RESENDS || !self.may_rewind() {
            return Action::Wait;
        }
        self.instant_resends += 1;
        self.repeat(now)
    }

    fn note_progress(&mut self, now: Instant) {
        if !self.repeated {
            self.patience.note_round_trip(now.duration_since(self.sent_at));
        }
        self.progress_at = now;
        self.repeated = false;
        self.tries = 0;
        self.instant_resends = 0;
    }

    fn send_window(&mut self, now: Instant) -> Action {
        let count = u64::from(self.window).min(self.last_block - self.acknowledged);
        self.sent = self.acknowledged + count;
        (self.sent_at, self.window_at) = (now, now);
        Action::SendBlocks {
            first: self.acknowledged + 1,
            count: low_bits(count),
        }
    }

    /// Whether an acknowledgement comes too soon to be about the window that was just sent.
    fn is_burst(&self, now: Instant) -> bool {
        now.duration_since(self.window_at) < self.patience.burst()
    }

    /// The client counts its window from an acknowledgement in the middle of ours; the blocks between are on their way.
    /// Sending them again would double everything from here on.
    fn extend_window(&mut self, now: Instant) -> Action {
        self.progress_at = now;
        let first = self.sent + 1;
        let end = (self.acknowledged + u64::from(self.window)).min(self.last_block);
        if end < first {
            return Action::Wait;
        }
        (self.sent, self.sent_at) = (end, now);
        Action::SendBlocks {
            first,
            count: low_bits(end - first + 1),
        }
    }

    fn full_credit(&self) -> u64 {
        REWINDS * REWIND_WINDOWS * u64::from(self.window)
    }

    /// Whether blocks may be sent again because of an acknowledgement.
    ///
    /// Several repetitions that cross can keep each other alive for the rest of the file. So they are paid for with
    /// progress, and when they cost too much, nothing is sent again until all that is on its way has arrived: that ends
    /// them. If blocks were really lost meanwhile, the clock mends it.
    fn may_rewind(&mut self) -> bool {
        if self.draining.is_some() {
            return false;
        }
        match self.credit.checked_sub(REWIND_WINDOWS * u64::from(self.window)) {
            Some(left) => self.credit = left,
            None => {
                self.draining = Some(self.sent);
                self.credit = self.full_credit();
            }
        }
        self.draining.is_none()
    }

    /// All that is outstanding is about to be sent a second time.
    fn expect_echoes(&mut self, now: Instant) {
        if self.sent > self.acknowledged {
            self.echoes = Echoes {
                block: self.sent,
                left: self.sent - self.acknowledged,
                until: now + self.patience.echo(),
            };
        }
    }

    fn repeat(&mut self, now: Instant) -> Action {
        self.repeated = true;
        (self.sent_at, self.window_at) = (now, now);
        if self.negotiating {
            return Action::SendOptions(self.granted);
        }
        self.expect_echoes(now);
        self.resent_blocks += self.sent - self.acknowledged;
        self.send_window(now)
    }
}

/// Acknowledgements to come that only echo our own repetition.
///
/// When blocks were sent again that had arrived after all, the client answers each of the second copies with the last
/// block of the first: always the same number, within a round trip.
#[derive(Clone, Copy, Debug)]
struct Echoes {
    /// Last of the blocks that were sent twice.
    block: u64,
    left: u64,
    until: Instant,
}

impl Echoes {
    fn none(now: Instant) -> Self {
        Self {
            block: 0,
            left: 0,
            until: now,
        }
    }

    /// Whether this acknowledgement is one of them.
    fn take(&mut self, acknowledged: u64, now: Instant) -> bool {
        let is_echo = self.left > 0 && acknowledged == self.block && now < self.until;
        self.left -= u64::from(is_echo);
        is_echo
    }
}

/// The number that a block has on the wire.
#[must_use]
pub fn low_bits(block: u64) -> u16 {
    let [.., high, low] = block.to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// How long to wait for an acknowledgement.
#[derive(Clone, Debug)]
struct Patience {
    asked: Option<Duration>,
    round_trip: Option<Duration>,
}

impl Patience {
    fn new(asked_seconds: Option<u8>) -> Self {
        Self {
            asked: asked_seconds.map(|seconds| Duration::from_secs(seconds.into())),
            round_trip: None,
        }
    }

    fn note_round_trip(&mut self, sample: Duration) {
        self.round_trip = Some(match self.round_trip {
            // RFC 6298 §2: a smoothed mean; a slow one counts at once, for loaders pause to work.
            Some(mean) => ((mean * 7 + sample) / 8).max(sample / 4),
            None => sample,
        });
    }

    /// Wait after the nth sending of the same.
    fn pause(&self, tries: u32) -> Duration {
        if let Some(asked) = self.asked {
            return asked;
        }
        let first = match self.round_trip {
            Some(mean) => (mean * 4).clamp(Duration::from_millis(30), Duration::from_secs(1)),
            None => Duration::from_secs(1),
        };
        (first * 2u32.saturating_pow(tries.min(8))).min(LONGEST_PAUSE)
    }

    /// Repeated acknowledgements that come sooner than this after a sending belong to the one before.
    fn burst(&self) -> Duration {
        self.round_trip.map_or(Duration::from_millis(1), |mean| {
            (mean / 2).min(Duration::from_millis(100))
        })
    }

    /// After this, whatever a repetition could cause has come.
    fn echo(&self) -> Duration {
        self.round_trip
            .map_or(Duration::from_secs(1), |mean| mean * 3 / 2)
    }

    fn give_up(&self) -> Duration {
        GIVE_UP.max(self.asked.unwrap_or_default().saturating_mul(4))
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("complete"),
            Self::Probe => f.write_str("only the length was asked for"),
            Self::ClientError { code, text } => write!(f, "the machine gave up with error {code} {text}"),
            Self::Silence => f.write_str("the machine fell silent"),
            Self::Unreachable => f.write_str("the machine no longer listens"),
            Self::Replaced => f.write_str("the machine asked anew"),
            Self::ReadError => f.write_str("the file changed or could not be read"),
            Self::Stopped => f.write_str("the boot services were stopped"),
        }
    }
}

#[cfg(test)]
mod tests;
