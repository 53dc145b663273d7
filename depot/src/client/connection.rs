//! Calls to the appliance: JSON and bytes over pinned TLS, through restarts of the appliance.

use super::{
    answer::Answer,
    body::Upload,
    call_error::CallError,
    cancel::Cancel,
    patience::{Failure, Patience},
    pin,
    pool::{Pool, Socket},
};
use bytes::Bytes;
use hyper::{
    Method, Request,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue},
};
use protocol::cmdline::CaFingerprint;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// JSON answers longer than this are refused: no list that an agent asks for comes near it.
const MAX_JSON_LEN: usize = 4 << 20;

/// How long each stage of a call may take before it counts as cut.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// TCP and TLS handshake together.
    pub connect: Duration,
    /// Without one byte coming or going while a body is on its way.
    pub stall: Duration,
    /// From the last byte of the request to the first of the answer. Longer than the longest held `/task` call.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            answer: Duration::from_secs(60),
        }
    }
}

/// When a call is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// As long as nothing of it was sent: for calls that may be made only once, such as `/hello`.
    UntilSent,
    /// Until it is answered: for calls that are harmless twice.
    UntilAnswered,
}

/// A way to one appliance. Clones share their connections, key and counters.
///
/// Calls are made from one tokio runtime, whose tasks drive the connections. A call that finds the appliance gone is
/// made again, with growing pauses up to five seconds, until it is answered or its [`Cancel`] flag is set.
#[derive(Clone)]
pub struct Connection {
    pub(crate) shared: Arc<Shared>,
    cancel: Cancel,
}

pub(crate) struct Shared {
    pub(crate) address: SocketAddr,
    pub(crate) timeouts: Timeouts,
    pub(crate) pool: Pool,
    pub(crate) bytes_received: AtomicU64,
    bytes_sent: Arc<AtomicU64>,
    key: RwLock<Option<HeaderValue>>,
    outage: RwLock<Option<String>>,
}

/// A request that can be made more than once.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    pub(crate) parts: Vec<Bytes>,
    pub(crate) retry: Retry,
    /// Overrides [`Timeouts::answer`] for calls that take the appliance long.
    pub(crate) answer_limit: Option<Duration>,
}

impl Outgoing {
    /// How the call is named in messages.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

impl Connection {
    /// A way to the appliance at `agent`, trusted if it holds a certificate of the CA whose fingerprint is `ca`.
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(agent: SocketAddr, ca: CaFingerprint) -> Self {
        Self::with_timeouts(agent, ca, Timeouts::default())
    }

    /// The same with other time-outs.
    #[must_use]
    pub fn with_timeouts(agent: SocketAddr, ca: CaFingerprint, timeouts: Timeouts) -> Self {
        let pool = Pool::new(agent, pin::client_config(ca));
        let shared = Shared {
            address: agent,
            timeouts,
            pool,
            bytes_received: AtomicU64::new(0),
            bytes_sent: Arc::default(),
            key: RwLock::new(None),
            outage: RwLock::new(None),
        };
        Self {
            shared: Arc::new(shared),
            cancel: Cancel::new(),
        }
    }

    /// The same way under another flag: what is called through it ends with [`CallError::Cancelled`] once that is set.
    #[must_use]
    pub fn with_cancel(&self, cancel: &Cancel) -> Self {
        Self {
            shared: self.shared.clone(),
            cancel: cancel.clone(),
        }
    }

    /// The flag that ends this connection's calls.
    #[must_use]
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Sets the session key that every later call carries, on all clones.
    ///
    /// # Errors
    /// When the key has characters that no header can carry.
    pub fn set_key(&self, key: &str) -> Result<(), CallError> {
        let mut value = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| CallError::Malformed {
            call: "POST /agent/v1/hello".into(),
            why: "the session key is not printable".into(),
        })?;
        value.set_sensitive(true);
        *self.shared.key.write().unwrap_or_else(PoisonError::into_inner) = Some(value);
        Ok(())
    }

    /// Why calls are waiting right now: the last failure that is being retried. `None` when the appliance answers.
    #[must_use]
    pub fn outage(&self) -> Option<String> {
        self.shared
            .outage
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Bytes of request bodies sent so far, retries included.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.shared.bytes_sent.load(Ordering::Relaxed)
    }

    /// Bytes of answers' bodies received so far, retries included.
    #[must_use]
    pub fn bytes_received(&self) -> u64 {
        self.shared.bytes_received.load(Ordering::Relaxed)
    }

    /// Asks for a JSON document, until it is answered. An empty answer reads as `null`, so as `()` or `None`.
    ///
    /// # Errors
    /// Any [`CallError`]; `Unreachable` is retried and never returned.
    pub async fn get_json<A: DeserializeOwned>(&self, path: &str) -> Result<A, CallError> {
        self.json(Method::GET, path, Vec::new(), Retry::UntilAnswered)
            .await
    }

    /// Posts a JSON document and reads the one that answers. An empty answer reads as `null`.
    ///
    /// # Errors
    /// Any [`CallError`]; `Unreachable` only when `retry` forbids another try.
    pub async fn post_json<B: Serialize + ?Sized, A: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
        retry: Retry,
    ) -> Result<A, CallError> {
        let body = serde_json::to_vec(body).map_err(|error| CallError::Malformed {
            call: format!("POST {path}"),
            why: error.to_string(),
        })?;
        self.json(Method::POST, path, vec![Bytes::from(body)], retry)
            .await
    }

    async fn json<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        parts: Vec<Bytes>,
        retry: Retry,
    ) -> Result<A, CallError> {
        let content_type = "application/json";
        let request = Outgoing {
            method,
            path: path.to_owned(),
            content_type,
            parts,
            retry,
            answer_limit: None,
        };
        let body = self.bytes(&request, MAX_JSON_LEN).await?;
        let text: &[u8] = if body.is_empty() { b"null" } else { &body };
        serde_json::from_slice(text).map_err(|error| CallError::Malformed {
            call: request.name(),
            why: error.to_string(),
        })
    }

    /// Makes a call and reads its whole answer, at most `limit` bytes.
    pub(crate) async fn bytes(&self, request: &Outgoing, limit: usize) -> Result<Vec<u8>, CallError> {
        let mut patience = Patience::new();
        loop {
            let attempt = async {
                let answer = self.attempt(request).await?;
                answer.whole(limit).await.map_err(Failure::after_sending)
            };
            let failure = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(CallError::Cancelled),
                result = attempt => match result {
                    Ok(body) => {
                        self.note_outage(None);
                        return Ok(body);
                    }
                    Err(failure) => failure,
                }
            };
            self.wait_for_another_try(&mut patience, failure, request.retry)
                .await?;
        }
    }

    /// Pauses before the next try, or returns the failure if there shall be none.
    pub(crate) async fn wait_for_another_try(
        &self,
        patience: &mut Patience,
        failure: Failure,
        retry: Retry,
    ) -> Result<(), CallError> {
        let text = failure.error.to_string();
        let pause = patience.pause_after(failure, retry)?;
        self.note_outage(Some(text));
        tokio::select! {
            () = self.cancel.cancelled() => Err(CallError::Cancelled),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }

    pub(crate) fn note_outage(&self, outage: Option<String>) {
        let mut current = self.shared.outage.write().unwrap_or_else(PoisonError::into_inner);
        if *current != outage {
            *current = outage;
        }
    }

    /// One try, up to the answer's head. A status that is no success becomes [`CallError::Refused`].
    pub(crate) async fn attempt(&self, request: &Outgoing) -> Result<Answer, Failure> {
        let shared = &self.shared;
        // A kept connection may be dead without our knowing; what may be sent only once gets a fresh one.
        let kept = match request.retry {
            Retry::UntilAnswered => shared.pool.take().await,
            Retry::UntilSent => None,
        };
        let mut socket = match kept {
            Some(socket) => socket,
            None => shared
                .pool
                .connect(shared.timeouts.connect)
                .await
                .map_err(Failure::before_sending)?,
        };
        let taken = Arc::new(AtomicU64::new(0));
        let message = self
            .message(request, taken.clone())
            .map_err(Failure::before_sending)?;
        let head = self.head(&mut socket, message, request, &taken).await;
        shared
            .bytes_sent
            .fetch_add(taken.load(Ordering::Relaxed), Ordering::Relaxed);
        let response = head.map_err(Failure::after_sending)?;
        let answer = Answer::new(shared.clone(), socket, response, request.name());
        if answer.is_success() {
            return Ok(answer);
        }
        Err(Failure::after_sending(answer.refusal().await))
    }

    fn message(&self, request: &Outgoing, taken: Arc<AtomicU64>) -> Result<Request<Upload>, CallError> {
        let body = Upload::new(&request.parts, taken);
        let mut builder = Request::builder()
            .method(request.method.clone())
            .uri(&request.path)
            .header(HOST, self.shared.address.to_string());
        if request.method != Method::GET {
            builder = builder.header(CONTENT_TYPE, request.content_type);
        }
        if request.parts.is_empty() && request.method != Method::GET {
            builder = builder.header(CONTENT_LENGTH, "0");
        }
        if let Some(key) = &*self.shared.key.read().unwrap_or_else(PoisonError::into_inner) {
            builder = builder.header(AUTHORIZATION, key.clone());
        }
        builder.body(body).map_err(|error| CallError::Malformed {
            call: request.name(),
            why: error.to_string(),
        })
    }

    /// Sends the request and waits for the answer's head, as long as the body moves or the appliance may still think.
    async fn head(
        &self,
        socket: &mut Socket,
        message: Request<Upload>,
        request: &Outgoing,
        taken: &AtomicU64,
    ) -> Result<hyper::Response<hyper::body::Incoming>, CallError> {
        let timeouts = self.shared.timeouts;
        let body_len: u64 = request.parts.iter().map(|part| part.len() as u64).sum();
        let limit = |taken: u64| match taken < body_len {
            true => timeouts.stall,
            false => request.answer_limit.unwrap_or(timeouts.answer),
        };
        let mut seen = 0;
        let mut deadline = Instant::now() + limit(seen);
        let mut response = std::pin::pin!(socket.send_request(message));
        loop {
            tokio::select! {
                result = &mut response => {
                    return result.map_err(|error| self.shared.hyper_error("sending to", &request.name(), &error));
                }
                () = sleep_until(deadline) => {
                    let now_taken = taken.load(Ordering::Relaxed);
                    if now_taken == seen {
                        let source = io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
                        return Err(CallError::Unreachable { address: self.shared.address, doing: "waiting for", source });
                    }
                    seen = now_taken;
                    deadline = Instant::now() + limit(seen);
                }
            }
        }
    }
}

impl Shared {
    /// What hyper says, in our kinds: a parse error is the peer's, everything else the line's.
    pub(crate) fn hyper_error(&self, doing: &'static str, call: &str, error: &hyper::Error) -> CallError {
        use std::error::Error as _;
        let why = match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        if error.is_parse() {
            return CallError::Malformed {
                call: call.to_owned(),
                why,
            };
        }
        CallError::Unreachable {
            address: self.address,
            doing,
            source: io::Error::other(why),
        }
    }
}
