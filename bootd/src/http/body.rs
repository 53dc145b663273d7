//! A response body: a file is left to the connection's outbox, what we make ourselves is read piece by piece.

use super::outbox::{Outbox, Piece};
use crate::service::Content;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::task::JoinHandle;

/// Bytes read at once; with them a connection's memory is bounded.
const PIECE_LEN: u64 = 256 * 1024;

/// Part of a content.
pub(crate) struct ContentBody {
    content: Option<Arc<Content>>,
    outbox: Outbox,
    offset: u64,
    left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl ContentBody {
    /// This part; the caller made sure that it lies inside.
    pub(crate) fn part(content: Content, offset: u64, len: u64, outbox: &Outbox) -> Self {
        Self {
            content: Some(Arc::new(content)),
            outbox: outbox.clone(),
            offset,
            left: len,
            reading: None,
        }
    }

    /// Nothing, but announced with a length: the answer to HEAD.
    pub(crate) fn empty() -> Self {
        Self {
            content: None,
            outbox: Outbox::default(),
            offset: 0,
            left: 0,
            reading: None,
        }
    }
}

impl Body for ContentBody {
    type Data = Piece;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Piece>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let Some(content) = self.content.clone() else {
            return Poll::Ready(None);
        };
        let offset = self.offset;
        if let Content::File(_) = &*content
            && let Ok(len) = usize::try_from(self.left)
        {
            self.left = 0;
            let piece = self.outbox.put(content, offset, len);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let len = self.left.min(PIECE_LEN);
        let reading = self.reading.get_or_insert_with(|| {
            tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; usize::try_from(len).map_err(io::Error::other)?];
                content.read_exact_at(&mut piece, offset)?;
                Ok(Bytes::from(piece))
            })
        });
        let piece = ready!(Pin::new(reading).poll(cx))
            .map_err(io::Error::other)
            .flatten();
        self.reading = None;
        Poll::Ready(Some(match piece {
            Ok(piece) => {
                self.offset += len;
                self.left -= len;
                Ok(Frame::data(Piece::Memory(piece)))
            }
            // The connection is cut: the length that was promised cannot be kept.
            Err(error) => {
                self.left = 0;
                Err(error)
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
