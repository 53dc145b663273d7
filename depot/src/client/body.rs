//! A request's body: parts that are sent without being copied together, in slices that show progress.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

/// Length of a slice: small enough that a slow line still shows progress, large enough for full TLS records.
const SLICE_LEN: usize = 64 * 1024;

/// The body, and a count of the bytes taken from it, by which a stall is told from a slow line.
pub(crate) struct Upload {
    parts: VecDeque<Bytes>,
    left: u64,
    taken: Arc<AtomicU64>,
}

impl Upload {
    pub(crate) fn new(parts: &[Bytes], taken: Arc<AtomicU64>) -> Self {
        let parts: VecDeque<Bytes> = parts.iter().filter(|part| !part.is_empty()).cloned().collect();
        let left = parts.iter().map(|part| part.len() as u64).sum();
        Self { parts, left, taken }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        let Some(front) = this.parts.front_mut() else {
            return Poll::Ready(None);
        };
        let slice = front.split_to(front.len().min(SLICE_LEN));
        if front.is_empty() {
            this.parts.pop_front();
        }
        this.left = this.left.saturating_sub(slice.len() as u64);
        this.taken.fetch_add(slice.len() as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(slice))))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
