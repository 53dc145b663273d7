//! A peer that answers each request with whatever bytes the test says, true or not.

use rustls::ServerConfig;
use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    task::AbortHandle,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Bytes of an answer, and what the peer does after them.
#[derive(Clone, Debug)]
pub struct Reply {
    pub bytes: Vec<u8>,
    pub then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Waits for the next request.
    Stay,
    /// Closes TCP without a word of TLS.
    Cut,
    /// Says nothing more and does not close.
    Hang,
}

impl Reply {
    pub fn ok(body: &[u8]) -> Self {
        Self::status("200 OK", "application/octet-stream", body)
    }

    pub fn status(status: &str, content_type: &str, body: &[u8]) -> Self {
        let len = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {len}\r\n\r\n");
        Self {
            bytes: [head.as_bytes(), body].concat(),
            then: Then::Stay,
        }
    }

    pub fn raw(bytes: impl Into<Vec<u8>>, then: Then) -> Self {
        Self {
            bytes: bytes.into(),
            then,
        }
    }
}

/// Answers a request's first line and body once the script has run out.
type Otherwise = dyn Fn(&str, &[u8]) -> Reply + Send + Sync;

pub struct Peer {
    pub address: SocketAddr,
    pub requests: Arc<AtomicUsize>,
    listener: AbortHandle,
}

impl Peer {
    pub fn start(
        runtime: &Runtime,
        config: Arc<ServerConfig>,
        script: Vec<Reply>,
        otherwise: impl Fn(&str, &[u8]) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = requests.clone();
        let script = Arc::new(Mutex::new(VecDeque::from(script)));
        let otherwise: Arc<Otherwise> = Arc::new(otherwise);
        let tls = TlsAcceptor::from(config);
        let task = runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (tls, script) = (tls.clone(), script.clone());
                let (otherwise, count) = (otherwise.clone(), count.clone());
                tokio::spawn(async move {
                    let Ok(stream) = tls.accept(stream).await else {
                        return;
                    };
                    serve(stream, &script, &*otherwise, &count).await;
                });
            }
        });
        Self {
            address,
            requests,
            listener: task.abort_handle(),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn serve(
    mut stream: TlsStream<TcpStream>,
    script: &Mutex<VecDeque<Reply>>,
    otherwise: &Otherwise,
    count: &AtomicUsize,
) {
    while let Some((line, body)) = read_request(&mut stream).await {
        count.fetch_add(1, Ordering::SeqCst);
        let next = script.lock().unwrap().pop_front();
        let reply = next.unwrap_or_else(|| otherwise(&line, &body));
        if stream.write_all(&reply.bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        match reply.then {
            Then::Stay => {}
            Then::Cut => return,
            Then::Hang => std::future::pending().await,
        }
    }
}

async fn read_request(stream: &mut TlsStream<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let length = head
        .to_ascii_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    Some((head.lines().next()?.to_owned(), body))
}
