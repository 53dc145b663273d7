//! Files that go from the kernel's page cache to the wire without passing through our memory (`sendfile`).
//!
//! hyper writes bodies from memory. The body of a file is therefore a [`Piece`] that shows hyper a stretch of a static
//! place, which nobody ever reads or writes; the file itself is put into the connection's [`Outbox`]. The connection's
//! [`Outlet`], which hyper writes to, knows that place by its address and has the kernel send the file instead. The
//! bytes are read on a thread for blocking work: a slow disk holds up this connection and no other.

use crate::service::Content;
use bytes::{Buf, Bytes};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    os::fd::{AsFd, OwnedFd},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
    task::JoinHandle,
};

/// Bytes that one thread sends before others get their turn.
const TURN_LEN: usize = 8 << 20;
/// How long it waits for the client to take more before it leaves that to the reactor, in milliseconds.
const NEXT_TAKEN: u8 = 2;

/// Never read nor written, so it takes no memory: only where it is counts.
static PLACE: [u8; TURN_LEN] = [0; TURN_LEN];

/// What is to be written of a body.
pub(crate) enum Piece {
    /// These bytes.
    Memory(Bytes),
    /// So many bytes of the file that is next in the outbox.
    File(usize),
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.remaining(),
            Self::File(left) => *left,
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes.chunk(),
            Self::File(left) => &PLACE[..PLACE.len().min(*left)],
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Memory(bytes) => bytes.advance(count),
            Self::File(left) => *left = left.saturating_sub(count),
        }
    }
}

fn is_place(part: &[u8]) -> bool {
    PLACE.as_ptr_range().contains(&part.as_ptr())
}

/// The files that a connection has yet to send, in their order.
#[derive(Clone, Default)]
pub(crate) struct Outbox(Arc<Mutex<VecDeque<Span>>>);

/// A stretch of a file.
struct Span {
    content: Arc<Content>,
    offset: u64,
    left: usize,
}

impl Outbox {
    /// Puts a stretch of a file behind the others; the piece that stands for it goes to hyper.
    pub(crate) fn put(&self, content: Arc<Content>, offset: u64, len: usize) -> Piece {
        self.lock().push_back(Span {
            content,
            offset,
            left: len,
        });
        Piece::File(len)
    }

    fn first(&self) -> Option<(Arc<Content>, u64, usize)> {
        self.lock()
            .front()
            .map(|span| (Arc::clone(&span.content), span.offset, span.left))
    }

    fn advance(&self, sent: usize) {
        let mut spans = self.lock();
        if let Some(span) = spans.front_mut() {
            span.offset += sent as u64;
            span.left = span.left.saturating_sub(sent);
            if span.left == 0 {
                spans.pop_front();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Span>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that sends what is in its outbox.
pub(crate) struct Outlet {
    stream: TcpStream,
    /// The same socket, for the thread that sends.
    socket: Arc<OwnedFd>,
    outbox: Outbox,
    sending: Option<JoinHandle<io::Result<usize>>>,
}

impl Outlet {
    /// Takes a connection.
    ///
    /// # Errors
    /// There are no more file descriptors.
    pub(crate) fn new(stream: TcpStream, outbox: Outbox) -> io::Result<Self> {
        let socket = Arc::new(stream.as_fd().try_clone_to_owned()?);
        Ok(Self {
            stream,
            socket,
            outbox,
            sending: None,
        })
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, len: usize) -> Poll<io::Result<usize>> {
        loop {
            if let Some(sending) = &mut self.sending {
                let sent = ready!(Pin::new(sending).poll(cx)).map_err(io::Error::other);
                self.sending = None;
                match sent.flatten() {
                    Ok(0) => {
                        // The kernel is asked again: room that came up since then would never be told a second time.
                        let socket = self.socket.as_fd();
                        let _ = self.stream.try_io(Interest::WRITABLE, || {
                            if has_room(socket, PollTimeout::ZERO) {
                                Ok(())
                            } else {
                                Err(io::ErrorKind::WouldBlock.into())
                            }
                        });
                    }
                    sent => {
                        self.outbox.advance(*sent.as_ref().unwrap_or(&0));
                        return Poll::Ready(sent);
                    }
                }
            }
            ready!(self.stream.poll_write_ready(cx))?;
            let Some((content, offset, left)) = self.outbox.first() else {
                return Poll::Ready(Err(io::Error::other("a body without its file")));
            };
            let socket = Arc::clone(&self.socket);
            let len = len.min(left);
            self.sending = Some(tokio::task::spawn_blocking(move || {
                send(&socket, &content, offset, len)
            }));
        }
    }
}

/// Sends until the client takes no more; none if it takes nothing.
fn send(socket: &OwnedFd, content: &Content, offset: u64, len: usize) -> io::Result<usize> {
    let mut sent = 0;
    while sent < len {
        match content.send(socket.as_fd(), offset + sent as u64, len - sent) {
            // The file became shorter: the length that was promised cannot be kept.
            Ok(0) if sent == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(0) => break,
            Ok(count) => sent += count,
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) if has_room(socket.as_fd(), PollTimeout::from(NEXT_TAKEN)) => {}
            Err(Errno::EAGAIN) => break,
            // It shows again at the next turn.
            Err(_) if sent > 0 => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sent)
}

fn has_room(socket: std::os::fd::BorrowedFd<'_>, wait: PollTimeout) -> bool {
    let mut asked = [PollFd::new(socket, PollFlags::POLLOUT)];
    // A connection that is broken has room too: the next sending tells.
    poll(&mut asked, wait).is_ok_and(|ready| ready > 0)
}

impl AsyncRead for Outlet {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Outlet {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if is_place(bytes) {
            self.poll_send(cx, bytes.len())
        } else {
            Pin::new(&mut self.stream).poll_write(cx, bytes)
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let is_memory = |part: &IoSlice<'_>| part.is_empty() || !is_place(part);
        let memory = parts.iter().take_while(|part| is_memory(part)).count();
        match parts.get(memory) {
            Some(file) if parts[..memory].iter().all(|part| part.is_empty()) => {
                self.poll_send(cx, file.len())
            }
            _ => Pin::new(&mut self.stream).poll_write_vectored(cx, &parts[..memory]),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
