//! A line between agent and appliance that is cut after so many bytes, again and again.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    task::AbortHandle,
};

/// Which way the bytes go that bring the line to its end.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    Up,
    Down,
}

pub struct Line {
    pub address: SocketAddr,
    pub left: Arc<Mutex<VecDeque<usize>>>,
    listener: AbortHandle,
}

impl Line {
    /// A line to `far`. Each connection takes the next of `cuts` and is cut, both ways at once, when it has carried as many
    /// bytes in the given way; when none is left, connections live.
    pub fn open(runtime: &Runtime, far: SocketAddr, way: Way, cuts: &[usize]) -> Self {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let left = Arc::new(Mutex::new(cuts.iter().copied().collect::<VecDeque<_>>()));
        let cuts = left.clone();
        let task = runtime.spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let cut = cuts.lock().unwrap().pop_front();
                tokio::spawn(async move {
                    let far = TcpStream::connect(far).await.unwrap();
                    let (mut near_in, mut near_out) = near.into_split();
                    let (mut far_in, mut far_out) = far.into_split();
                    let (up, down) = match way {
                        Way::Up => (cut, None),
                        Way::Down => (None, cut),
                    };
                    // The first to end drops all four halves: an abrupt end for both sides.
                    tokio::select! {
                        () = carry(&mut near_in, &mut far_out, up) => {}
                        () = carry(&mut far_in, &mut near_out, down) => {}
                    }
                });
            }
        });
        Self {
            address,
            left,
            listener: task.abort_handle(),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn carry(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mut left: Option<usize>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while left != Some(0) {
        let most = left.unwrap_or(buffer.len()).min(buffer.len());
        match from.read(&mut buffer[..most]).await {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                if to.write_all(&buffer[..count]).await.is_err() {
                    return;
                }
                left = left.map(|left| left - count);
            }
        }
    }
}
