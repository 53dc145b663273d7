//! An answer that is on its way: read in pieces or whole, never without a bound.

use super::{call_error::CallError, connection::Shared, pool::Socket};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    Response, StatusCode,
    body::{Body, Incoming},
};
use protocol::Problem;
use std::{
    io,
    sync::{Arc, atomic::Ordering},
};
use tokio::time::timeout;

/// A problem document is a few lines; whatever is longer is none.
const MAX_PROBLEM_LEN: usize = 64 << 10;

pub(crate) struct Answer {
    shared: Arc<Shared>,
    /// Given back to the pool when the body has ended.
    socket: Option<Socket>,
    status: StatusCode,
    body: Incoming,
    call: String,
}

impl Answer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        socket: Socket,
        response: Response<Incoming>,
        call: String,
    ) -> Self {
        let (head, body) = response.into_parts();
        Self {
            shared,
            socket: Some(socket),
            status: head.status,
            body,
            call,
        }
    }

    pub(crate) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// The next piece of the body, `None` at its proper end. A body that is cut short is an error.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, CallError> {
        loop {
            let frame = match timeout(self.shared.timeouts.stall, self.body.frame()).await {
                Ok(frame) => frame,
                Err(_) => {
                    let source = io::Error::new(io::ErrorKind::TimedOut, "nothing came for too long");
                    return Err(CallError::Unreachable {
                        address: self.shared.address,
                        doing: "reading from",
                        source,
                    });
                }
            };
            match frame {
                None => {
                    if let Some(socket) = self.socket.take() {
                        self.shared.pool.keep(socket);
                    }
                    return Ok(None);
                }
                Some(Err(error)) => {
                    return Err(self.shared.hyper_error("reading from", &self.call, &error));
                }
                // Trailers carry nothing here.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.shared
                            .bytes_received
                            .fetch_add(data.len() as u64, Ordering::Relaxed);
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The whole body, or an error if it is longer than `limit`.
    pub(crate) async fn whole(mut self, limit: usize) -> Result<Vec<u8>, CallError> {
        let mut whole = Vec::new();
        // A length that is named in advance is judged in advance.
        if self.body.size_hint().lower() > limit as u64 {
            return Err(self.malformed(format!("it is longer than {limit} bytes")));
        }
        while let Some(piece) = self.next().await? {
            if piece.len() > limit.saturating_sub(whole.len()) {
                return Err(self.malformed(format!("it is longer than {limit} bytes")));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// What a failing status says, from its problem document if there is one.
    pub(crate) async fn refusal(self) -> CallError {
        let status = self.status;
        let call = self.call.clone();
        let problem = match self.whole(MAX_PROBLEM_LEN).await {
            Ok(body) => serde_json::from_slice::<Problem>(&body).ok(),
            Err(_) => None,
        };
        let problem = problem.unwrap_or_else(|| {
            let code = format!("http-{}", status.as_u16());
            Problem::new(code, format!("the appliance answered {call} with {status}"), "")
        });
        CallError::Refused(problem.with_status(status.as_u16()))
    }

    pub(crate) fn malformed(&self, why: impl Into<String>) -> CallError {
        CallError::Malformed {
            call: self.call.clone(),
            why: why.into(),
        }
    }
}
