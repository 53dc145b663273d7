//! A client as loaders are: TFTP with blocks and windows (RFC 1350, 2348, 7440).

use crate::network::{Network, SERVER, Segment};
use anyhow::{Result, bail, ensure};
use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    time::{Duration, Instant},
};

/// How a loader asks.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    block_len: usize,
    window: u16,
}

impl Ask {
    pub const fn new(block_len: usize, window: u16) -> Self {
        Self { block_len, window }
    }
}

/// What came.
pub struct Fetched {
    pub bytes: Vec<u8>,
    pub seconds: f64,
}

const FILE: &str = "amorce/bench.bin";
/// How long a loader waits before it repeats itself.
const PATIENCE: Duration = Duration::from_millis(400);

/// Whether somebody answers TFTP.
pub fn answers(network: &Network, ask: Ask) -> bool {
    let path = network.segment_path(Segment::Site);
    crate::scripted::inside(&path, move || fetch(SocketAddrV4::new(SERVER, 69), ask, 512)).is_ok()
}

/// Loads at least the first `len` bytes of the file. A server that does not know windows is asked block by block.
pub fn fetch(server: SocketAddrV4, ask: Ask, len: usize) -> Result<Fetched> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut request = [&b"\0\x01"[..], FILE.as_bytes(), b"\0octet\0"].concat();
    for (name, value) in [("blksize", ask.block_len), ("windowsize", ask.window.into())] {
        if name != "windowsize" || ask.window > 1 {
            request.extend(name.as_bytes());
            request.push(0);
            request.extend(value.to_string().as_bytes());
            request.push(0);
        }
    }
    let begin = Instant::now();
    let (mut peer, mut window, mut block_len) = (None::<SocketAddr>, 1u16, 512usize);
    let (mut bytes, mut next, mut in_window) = (Vec::with_capacity(len), 1u16, 0u16);
    let mut buffer = vec![0; 4 + ask.block_len.max(512)];
    let mut silence = 0;
    socket.send_to(&request, server)?;
    let acknowledge = |peer: Option<SocketAddr>, block: u16| -> Result<()> {
        if let Some(peer) = peer {
            socket.send_to(&[[0, 4], block.to_be_bytes()].concat(), peer)?;
        }
        Ok(())
    };
    loop {
        let Ok((received, from)) = socket.recv_from(&mut buffer) else {
            silence += 1;
            ensure!(silence < 50, "the server fell silent at {} bytes", bytes.len());
            match peer {
                None => {
                    socket.send_to(&request, server)?;
                }
                Some(_) => acknowledge(peer, next.wrapping_sub(1))?,
            }
            in_window = 0;
            continue;
        };
        silence = 0;
        let packet = &buffer[..received];
        match packet {
            [0, 6, options @ ..] => {
                peer = Some(from);
                let words: Vec<String> = options
                    .split(|byte| *byte == 0)
                    .map(|word| String::from_utf8_lossy(word).to_ascii_lowercase())
                    .collect();
                for pair in words.chunks_exact(2) {
                    match pair[0].as_str() {
                        "blksize" => block_len = pair[1].parse()?,
                        "windowsize" => window = pair[1].parse()?,
                        _ => {}
                    }
                }
                acknowledge(peer, 0)?;
            }
            [0, 3, high, low, data @ ..] => {
                peer = Some(from);
                let block = u16::from_be_bytes([*high, *low]);
                if block != next {
                    // Out of order: says once for each gap what it has.
                    if in_window != u16::MAX {
                        acknowledge(peer, next.wrapping_sub(1))?;
                        in_window = u16::MAX;
                    }
                    continue;
                }
                bytes.extend(data);
                next = next.wrapping_add(1);
                in_window = if in_window == u16::MAX { 1 } else { in_window + 1 };
                let last = data.len() < block_len;
                if last || in_window == window {
                    acknowledge(peer, block)?;
                    in_window = 0;
                }
                if last || bytes.len() >= len {
                    let seconds = begin.elapsed().as_secs_f64();
                    if !last && let Some(peer) = peer {
                        socket.send_to(b"\0\x05\0\x00enough\0", peer)?;
                    }
                    return Ok(Fetched { bytes, seconds });
                }
            }
            [0, 5, ..] => bail!("the server refused: {}", String::from_utf8_lossy(packet)),
            _ => {}
        }
    }
}
