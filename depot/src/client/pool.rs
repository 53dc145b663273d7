//! A few kept connections. One call at a time uses one; HTTP/1.1 has no more to offer.

use super::{body::Upload, call_error::CallError, pin::PinError};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::{CertificateError, ClientConfig, pki_types::ServerName};
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

/// As many as the depot client uses at once, and one for progress reports.
const KEPT: usize = 6;

/// A connection that is ready for a request.
pub(crate) type Socket = SendRequest<Upload>;

pub(crate) struct Pool {
    address: SocketAddr,
    tls: TlsConnector,
    idle: Mutex<Vec<Socket>>,
}

impl Pool {
    pub(crate) fn new(address: SocketAddr, config: ClientConfig) -> Self {
        Self {
            address,
            tls: TlsConnector::from(Arc::new(config)),
            idle: Mutex::new(Vec::new()),
        }
    }

    /// A kept connection, if one is alive.
    pub(crate) async fn take(&self) -> Option<Socket> {
        loop {
            let mut socket = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            // Readiness also shows that the peer has closed it since.
            if socket.ready().await.is_ok() {
                return Some(socket);
            }
        }
    }

    /// Keeps a connection whose answer was read to its end.
    pub(crate) fn keep(&self, socket: Socket) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT && !socket.is_closed() {
            idle.push(socket);
        }
    }

    /// A new connection, TLS handshake and pin checked.
    pub(crate) async fn connect(&self, limit: Duration) -> Result<Socket, CallError> {
        match timeout(limit, self.handshake()).await {
            Ok(result) => result.map_err(|error| self.connect_error(error)),
            Err(_) => Err(self.connect_error(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"))),
        }
    }

    async fn handshake(&self) -> io::Result<Socket> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(self.address.ip().into());
        let stream = self.tls.connect(name, stream).await?;
        let (socket, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        // Ends when the socket is dropped or the peer goes; what went wrong shows in the call that was under way.
        tokio::spawn(driver);
        Ok(socket)
    }

    fn connect_error(&self, error: io::Error) -> CallError {
        let address = self.address;
        let certificate_error =
            error
                .get_ref()
                .and_then(|inner| match inner.downcast_ref::<rustls::Error>() {
                    Some(rustls::Error::InvalidCertificate(error)) => Some(error),
                    _ => None,
                });
        match certificate_error {
            Some(CertificateError::Other(other)) => {
                let why = match other.0.downcast_ref::<PinError>() {
                    Some(pin) => pin.to_string(),
                    None => other.to_string(),
                };
                CallError::Untrusted { address, why }
            }
            Some(error) => CallError::Untrusted {
                address,
                why: error.to_string(),
            },
            None => CallError::Unreachable {
                address,
                doing: "connecting to",
                source: error,
            },
        }
    }
}
