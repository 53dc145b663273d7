//! An appliance in the test: a depot mounted behind TLS as `control` mounts it, with counters.

use crate::authority::Authority;
use bytes::Bytes;
use depot::{
    client::{Connection, DepotClient, Timeouts},
    server::{Answer, DepotServer, Right},
    wire::{self, Call, FetchRequest},
};
use http_body_util::{BodyExt, Limited};
use hyper::{
    Request, Response,
    body::{Body, Frame, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use protocol::{ChunkId, Problem};
use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{net::TcpListener, runtime::Runtime, sync::mpsc, task::AbortHandle};
use tokio_rustls::TlsAcceptor;

/// Short, so that a test of a stall takes a moment; long enough for a busy machine.
pub const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    stall: Duration::from_secs(5),
    answer: Duration::from_secs(20),
};

pub struct Appliance {
    pub address: SocketAddr,
    pub authority: Arc<Authority>,
    pub state: Arc<State>,
    pub folder: Arc<tempfile::TempDir>,
    listener: AbortHandle,
}

pub struct State {
    pub depot: DepotServer,
    rights: Mutex<HashMap<String, Right>>,
    /// What each fetch asked for, in order.
    pub asked: Mutex<Vec<Vec<ChunkId>>>,
    /// Bytes of each frame that came up.
    pub uploaded: Mutex<Vec<Vec<u8>>>,
}

impl Appliance {
    pub fn start(runtime: &Runtime) -> Self {
        Self::start_in(runtime, Arc::new(tempfile::tempdir().unwrap()))
    }

    pub fn start_in(runtime: &Runtime, folder: Arc<tempfile::TempDir>) -> Self {
        Self::start_at(
            runtime,
            "127.0.0.1:0".parse().unwrap(),
            folder,
            Arc::new(Authority::new()),
            HashMap::new(),
        )
    }

    /// The same appliance started again, as after a power cut, on another runtime: the one it ran on was shut down. Its
    /// rights are those of before, as a catalog would keep them.
    pub fn start_again(self, runtime: &Runtime) -> Self {
        let (address, folder, authority) = (self.address, self.folder.clone(), self.authority.clone());
        let rights = self.state.rights.lock().unwrap().clone();
        drop(self);
        // A call that was in the store when the runtime went still ends there, and holds the store's lock until then.
        while DepotServer::open(&folder.path().join("depot")).is_err_and(|problem| problem.code == "busy") {
            std::thread::yield_now();
        }
        // Before it listens: whoever waits for it asks at once.
        Self::start_at(runtime, address, folder, authority, rights)
    }

    fn start_at(
        runtime: &Runtime,
        address: SocketAddr,
        folder: Arc<tempfile::TempDir>,
        authority: Arc<Authority>,
        rights: HashMap<String, Right>,
    ) -> Self {
        let state = Arc::new(State {
            depot: DepotServer::open(&folder.path().join("depot")).unwrap(),
            rights: Mutex::new(rights),
            asked: Mutex::default(),
            uploaded: Mutex::default(),
        });
        let listener = runtime.block_on(TcpListener::bind(address)).unwrap();
        let address = listener.local_addr().unwrap();
        let task = runtime.spawn(accept(
            listener,
            TlsAcceptor::from(authority.config()),
            state.clone(),
        ));
        Self {
            address,
            authority,
            state,
            folder,
            listener: task.abort_handle(),
        }
    }

    pub fn grant(&self, key: &str, right: Right) {
        self.state.rights.lock().unwrap().insert(key.to_owned(), right);
    }

    /// A connection that carries this key, by way of `address` (a cut line, or the appliance itself).
    pub fn connection(&self, address: SocketAddr, key: &str) -> Connection {
        let connection = Connection::with_timeouts(address, self.authority.fingerprint(), TIMEOUTS);
        connection.set_key(key).unwrap();
        connection
    }

    pub fn client(&self, runtime: &Runtime, right: Right) -> DepotClient {
        let key = format!("{right:?}").replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        self.grant(&key, right);
        DepotClient::new(self.connection(self.address, &key), runtime.handle().clone())
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, state) = (tls.clone(), state.clone());
        tokio::spawn(async move {
            stream.set_nodelay(true).unwrap();
            // Whoever breaks off the handshake or the connection is the client's affair.
            let Ok(stream) = tls.accept(stream).await else {
                return;
            };
            let service = service_fn(move |request| answer(state.clone(), request));
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Pieces>, Infallible> {
    let result = match parse(&state, request).await {
        Ok((right, call, body)) => {
            note(&state, call, &body);
            let state = state.clone();
            tokio::task::spawn_blocking(move || state.depot.answer(&right, call, &body))
                .await
                .unwrap()
        }
        Err(problem) => Err(problem),
    };
    let (status, content_type, pieces) = match result {
        Ok(Answer::Empty) => (204, wire::BYTES, Pieces::whole(Bytes::new())),
        Ok(Answer::Bytes(bytes)) => (200, wire::BYTES, Pieces::whole(Bytes::from(bytes))),
        Ok(Answer::Frames(stream)) => {
            let (sender, receiver) = mpsc::channel(4);
            tokio::task::spawn_blocking(move || {
                stream.send(&mut |piece| sender.blocking_send(piece).is_ok())
            });
            (200, wire::BYTES, Pieces(receiver))
        }
        Err(problem) => {
            let body = serde_json::to_vec(&problem).unwrap();
            (
                problem.status,
                "application/problem+json",
                Pieces::whole(Bytes::from(body)),
            )
        }
    };
    Ok(Response::builder()
        .status(status)
        .header(CONTENT_TYPE, content_type)
        .body(pieces)
        .unwrap())
}

async fn parse(state: &State, request: Request<Incoming>) -> Result<(Right, Call, Bytes), Problem> {
    let key = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let right = key.and_then(|key| state.rights.lock().unwrap().get(key).cloned());
    let right = right.ok_or_else(|| Problem::new("no-session", "no session", "").with_status(401))?;
    let tail = request.uri().path().strip_prefix(wire::BASE).unwrap_or("");
    let call = Call::parse(request.method().as_str(), tail)
        .ok_or_else(|| Problem::new("no-such-call", "no such call", "").with_status(404))?;
    let body = Limited::new(request.into_body(), call.body_limit())
        .collect()
        .await;
    let body = body.map_err(|_| Problem::new("body-too-long", "too long", "").with_status(413))?;
    Ok((right, call, body.to_bytes()))
}

fn note(state: &State, call: Call, body: &[u8]) {
    match call {
        Call::Fetch => {
            if let Ok(request) = FetchRequest::decode(body) {
                state.asked.lock().unwrap().push(request.wanted);
            }
        }
        Call::PutFrames => {
            let frames = wire::split_frames(body).unwrap_or_default();
            state
                .uploaded
                .lock()
                .unwrap()
                .extend(frames.into_iter().map(<[u8]>::to_vec));
        }
        _ => {}
    }
}

/// A body whose pieces come through a channel: what bounds the memory of an answer.
struct Pieces(mpsc::Receiver<Bytes>);

impl Pieces {
    fn whole(bytes: Bytes) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        if !bytes.is_empty() {
            sender.try_send(bytes).unwrap();
        }
        Self(receiver)
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(context)
            .map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
