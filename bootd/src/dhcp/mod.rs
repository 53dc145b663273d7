//! The DHCP proxy: only the name of the boot file, beside the network's own DHCP server; and, for a network that has none,
//! addresses too ([`pool`]).

pub mod engine;
pub mod merge;
pub mod pool;
pub(crate) mod server;
pub mod shape;

#[cfg(test)]
pub(crate) mod testdata {
    //! Packets of real firmware and servers, kept as hexadecimal.

    use protocol::dhcp::Packet;
    use std::{fs, path::Path};

    /// Reads `testdata/NAME.hex`.
    pub(crate) fn packet(name: &str) -> Packet {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("testdata")
            .join(format!("{name}.hex"));
        let text = fs::read_to_string(&path).unwrap();
        let digits: Vec<u8> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .flat_map(str::bytes)
            .collect();
        let nibble = |digit: u8| u8::try_from(char::from(digit).to_digit(16).unwrap()).unwrap();
        let bytes: Vec<u8> = digits
            .chunks_exact(2)
            .map(|pair| nibble(pair[0]) * 16 + nibble(pair[1]))
            .collect();
        Packet::parse(&bytes).unwrap()
    }
}
