//! One transfer with its socket and its file, on a thread of its own.
//!
//! A loader that asks block by block waits for each answer: what counts is the time between its acknowledgement and our
//! next block. A thread that sleeps in `recv` and answers with `sendmsg` is two system calls away from it; a task would
//! be four and a hand-over between threads. A window goes out in one system call (UDP segmentation, since Linux 4.18):
//! the kernel cuts it into datagrams, or the adapter does.

use super::{
    engine::{Action, EndReason, Transfer, low_bits},
    server::Marks,
    wire::{ClientPacket, data_header, error, error_code},
};
use crate::service::Content;
use nix::{
    errno::Errno,
    sys::socket::{ControlMessage, MsgFlags, sendmsg},
};
use std::{
    io::{self, IoSlice},
    net::UdpSocket,
    os::fd::AsRawFd,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// A packet of a client in the middle of a transfer is short.
const BUFFER_LEN: usize = 2048;
/// The file is read in stretches of this length, so that a small block costs no system call of its own.
const STRETCH_LEN: usize = 128 * 1024;
/// The kernel cuts at most so many datagrams, together of so many bytes (`UDP_MAX_SEGMENTS`, RFC 768's length).
const MOST_SEGMENTS: usize = 64;
const MOST_BYTES: usize = 65_507;
/// Soon enough to see that the service stops.
const LONGEST_WAIT: Duration = Duration::from_millis(200);
/// How finely a wait is told to the kernel: telling it another costs a system call.
const WAIT_STEP: Duration = Duration::from_millis(10);

/// A transfer, its socket and its file.
pub(super) struct Sender {
    socket: UdpSocket,
    content: Content,
    /// A stretch of the file, and where it begins.
    stretch: Vec<u8>,
    stretch_offset: u64,
    transfer: Transfer,
    /// The kernel cuts windows into datagrams.
    cuts: bool,
    /// What the socket was told.
    wait: Option<Duration>,
}

impl Sender {
    /// Of a socket that is connected to the client.
    pub(super) fn new(socket: UdpSocket, content: Content, transfer: Transfer) -> Self {
        Self {
            socket,
            content,
            stretch: Vec::new(),
            stretch_offset: 0,
            transfer,
            cuts: true,
            wait: None,
        }
    }

    /// The transfer as it ended.
    pub(super) fn into_transfer(self) -> Transfer {
        self.transfer
    }

    /// Moves the file until the transfer has ended.
    pub(super) fn drive(&mut self, first: Action, marks: &Marks, stop: &CancellationToken) -> EndReason {
        let mut action = first;
        loop {
            if let Err(reason) = self.perform(action) {
                self.transfer.stop(reason);
            }
            if let Some(end) = self.transfer.end() {
                return end.clone();
            }
            action = self.wait(marks);
            if marks.replaced.is_cancelled() {
                self.transfer.stop(EndReason::Replaced);
            } else if stop.is_cancelled() {
                let _ = self
                    .socket
                    .send(&error(error_code::UNDEFINED, "the server stops"));
                self.transfer.stop(EndReason::Stopped);
            }
            if self.transfer.end().is_some() {
                action = Action::Wait;
            }
        }
    }

    /// What the client's next packet asks for, or the clock.
    fn wait(&mut self, marks: &Marks) -> Action {
        if let Err(error) = self.set_wait() {
            tracing::warn!(%error, "cannot wait for a TFTP client");
            self.transfer.stop(EndReason::Stopped);
            return Action::Wait;
        }
        let mut buffer = [0; BUFFER_LEN];
        match self.socket.recv(&mut buffer) {
            Ok(len) => {
                marks.heard.store(true, Ordering::Relaxed);
                ClientPacket::parse(&buffer[..len]).map_or(Action::Wait, |packet| {
                    self.transfer.on_packet(&packet, Instant::now())
                })
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    self.transfer.on_timeout(Instant::now())
                }
                io::ErrorKind::Interrupted => Action::Wait,
                io::ErrorKind::ConnectionRefused => {
                    self.transfer.stop(EndReason::Unreachable);
                    Action::Wait
                }
                _ => {
                    self.transfer.stop(EndReason::Silence);
                    Action::Wait
                }
            },
        }
    }

    /// Tells the kernel until when to wait, if that changed much.
    fn set_wait(&mut self) -> io::Result<()> {
        let left = self.transfer.deadline().saturating_duration_since(Instant::now());
        let steps = left.as_micros().div_ceil(WAIT_STEP.as_micros()).max(1);
        let wait = u32::try_from(steps)
            .map_or(LONGEST_WAIT, |steps| WAIT_STEP.saturating_mul(steps))
            .min(LONGEST_WAIT);
        if self.wait != Some(wait) {
            self.socket.set_read_timeout(Some(wait))?;
            self.wait = Some(wait);
        }
        Ok(())
    }

    fn perform(&mut self, action: Action) -> Result<(), EndReason> {
        match action {
            Action::Wait => Ok(()),
            Action::SendOptions(granted) => outcome(self.socket.send(&granted.encode())),
            Action::SendBlocks { first, count } => {
                let end = first + u64::from(count);
                let mut next = first;
                while next < end {
                    next += self.send_some(next, usize::try_from(end - next).unwrap_or(1))?;
                }
                Ok(())
            }
        }
    }

    /// Sends as many of these blocks as are in memory and go out at once; says how many.
    fn send_some(&mut self, first: u64, count: usize) -> Result<u64, EndReason> {
        let (offset, len) = self.transfer.block_range(first);
        let start = self.load(offset, len).map_err(|error| {
            tracing::warn!(%error, "cannot read a boot file");
            let _ = self
                .socket
                .send(&self::error(error_code::UNDEFINED, "read error"));
            EndReason::ReadError
        })?;
        let block_len = usize::from(self.transfer.block_len());
        let packet_len = 4 + block_len;
        let most = if self.cuts {
            count.min(MOST_SEGMENTS).min(MOST_BYTES / packet_len).max(1)
        } else {
            1
        };
        // Only the file's last block is shorter: it may be the last of those cut, and is where the stretch ends.
        let held = &self.stretch[start..];
        let mut blocks = held.chunks(block_len).take(most).collect::<Vec<_>>();
        let ends_file = self.stretch_offset + self.stretch.len() as u64 == self.transfer.file_len();
        if !ends_file && blocks.len() > 1 && blocks.last().is_some_and(|block| block.len() < block_len) {
            blocks.pop();
        }
        if blocks.len() < most && ends_file && blocks.last().is_none_or(|block| block.len() == block_len) {
            // A file of whole blocks ends with an empty one.
            blocks.push(&[]);
        }
        let headers: Vec<[u8; 4]> = (first..)
            .take(blocks.len())
            .map(|block| data_header(low_bits(block)))
            .collect();
        let parts: Vec<IoSlice<'_>> = headers
            .iter()
            .zip(&blocks)
            .flat_map(|(header, block)| [IoSlice::new(header), IoSlice::new(block)])
            .collect();
        let segment = u16::try_from(packet_len).unwrap_or(u16::MAX);
        let control = [ControlMessage::UdpGsoSegments(&segment)];
        let control = if blocks.len() > 1 { &control[..] } else { &[] };
        let sent = sendmsg::<()>(self.socket.as_raw_fd(), &parts, control, MsgFlags::empty(), None);
        match sent {
            // This way's adapter or network cannot: one by one, from here on.
            Err(Errno::EINVAL | Errno::EIO | Errno::EOPNOTSUPP | Errno::EMSGSIZE) if blocks.len() > 1 => {
                self.cuts = false;
                Ok(0)
            }
            sent => outcome(sent.map_err(io::Error::from)).map(|()| blocks.len() as u64),
        }
    }

    /// Makes sure that a block is in memory, and says where.
    fn load(&mut self, offset: u64, len: usize) -> io::Result<usize> {
        let held = self.stretch_offset..=self.stretch_offset + self.stretch.len() as u64;
        let end = offset + len as u64;
        if !(held.contains(&offset) && held.contains(&end)) || self.stretch.is_empty() {
            let left = usize::try_from(self.transfer.file_len() - offset).unwrap_or(usize::MAX);
            self.stretch.resize(STRETCH_LEN.max(len).min(left), 0);
            self.stretch_offset = offset;
            self.content.read_exact_at(&mut self.stretch, offset)?;
        }
        usize::try_from(offset - self.stretch_offset).map_err(io::Error::other)
    }
}

fn outcome(sent: io::Result<usize>) -> Result<(), EndReason> {
    match sent {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Err(EndReason::Unreachable),
        // A full queue or a cable that was pulled: as if the datagram were lost on the way.
        Ok(_) | Err(_) => Ok(()),
    }
}
