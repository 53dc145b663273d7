//! A way from this machine's loopback into the private network: connections to a local port come out at the page of the
//! appliance.

use crate::network::SERVER;
use anyhow::{Context, Result};
use nix::sched::{CloneFlags, setns};
use std::{
    fs::File,
    io,
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    thread,
};

/// An open doorway; it stays open as long as the program runs.
pub struct Doorway {
    port: u16,
}

impl Doorway {
    /// The local port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Opens a doorway into the namespace at `path`.
///
/// # Errors
/// There is no free port.
pub fn open(path: &Path) -> Result<Doorway> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen on 127.0.0.1")?;
    let port = listener
        .local_addr()
        .context("the listener has no address")?
        .port();
    let path = path.to_owned();
    thread::spawn(move || {
        for visitor in listener.incoming().flatten() {
            let path = path.clone();
            thread::spawn(move || {
                if let Err(error) = guide(&visitor, path) {
                    eprintln!("lab: a connection to the page ended: {error:#}");
                }
            });
        }
    });
    Ok(Doorway { port })
}

/// Carries one connection. This thread enters the namespace; the visitor's socket stays in the one it was made in.
fn guide(visitor: &TcpStream, path: PathBuf) -> Result<()> {
    let namespace = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    setns(namespace, CloneFlags::CLONE_NEWNET).context("cannot enter the network namespace")?;
    let page = TcpStream::connect((SERVER, 443)).context("cannot reach the page")?;
    thread::scope(|scope| {
        scope.spawn(|| carry(visitor, &page));
        carry(&page, visitor);
    });
    Ok(())
}

fn carry(mut from: &TcpStream, mut to: &TcpStream) {
    // Either side may leave at any time: that is how connections end.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
