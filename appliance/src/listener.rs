//! TLS listeners: accept, handshake, HTTP/1.1, and an end that lets running requests finish.

use anyhow::{Context, Result};
use axum::{Router, body::Body};
use control::Peer;
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use socket2::SockRef;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

/// Connections at once; the next one waits in the kernel's queue.
const MAX_CONNECTIONS: usize = 2048;
/// A client that has not finished its handshake or a request's header by then is dropped.
const SLOW_CLIENT: Duration = Duration::from_secs(15);
/// A peer that acknowledges nothing for so long is gone.
const SILENT_PEER: Duration = Duration::from_secs(60);
/// How long running requests may take to end after a stop was asked for.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// A bound address with its TLS settings and what it serves.
pub struct TlsListener {
    name: &'static str,
    socket: TcpListener,
    acceptor: TlsAcceptor,
    router: Router,
}

impl TlsListener {
    /// Binds. Errors name the listener, the address and the option that changes it.
    pub async fn bind(
        name: &'static str,
        address: SocketAddr,
        config: Arc<ServerConfig>,
        router: Router,
    ) -> Result<Self> {
        let socket = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address} for {name}; is another service there? --{name} ADDR:PORT chooses another")
        })?;
        Ok(Self {
            name,
            socket,
            acceptor: TlsAcceptor::from(config),
            router,
        })
    }

    /// Serves until `stop`, then lets running requests end.
    pub async fn run(self, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let connections = TaskTracker::new();
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                break;
            };
            let (stream, peer) = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.socket.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of descriptors, most likely: wait for connections to end instead of spinning.
                        tracing::warn!(listener = self.name, %error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
            };
            let acceptor = self.acceptor.clone();
            let router = self.router.clone();
            let stop = stop.clone();
            let name = self.name;
            connections.spawn(async move {
                let _place = place;
                prepare(&stream);
                match timeout(SLOW_CLIENT, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => serve_connection(TokioIo::new(stream), peer, router, stop).await,
                    Ok(Err(error)) => tracing::debug!(listener = name, %peer, %error, "TLS handshake failed"),
                    Err(_) => tracing::debug!(listener = name, %peer, "TLS handshake took too long"),
                }
            });
        }
        connections.close();
        if timeout(STOP_WITHIN, connections.wait()).await.is_err() {
            tracing::warn!(
                listener = self.name,
                open = connections.len(),
                "connections cut at the end"
            );
        }
    }
}

/// Answers go out at once, and a machine that lost its power is noticed: without the time limit, a transfer to it would
/// keep a thread for as long as the kernel repeats, a quarter of an hour. Either is a nicety, so a refusal is no error.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(stream).set_tcp_user_timeout(Some(SILENT_PEER));
}

async fn serve_connection<S>(stream: S, peer: SocketAddr, router: Router, stop: CancellationToken)
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SLOW_CLIENT)
        .max_buf_size(64 * 1024)
        .serve_connection(stream, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}
