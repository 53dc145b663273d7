//! What comes over the wire.

use bootd::{
    files::AskedName,
    http::engine::{Part, Target, media_type},
    tftp::{
        engine::{Limits, Transfer},
        wire::ClientPacket,
    },
};
use depot::wire::{self, FetchRequest, stream};
use protocol::{agent, cmdline::AgentCommandLine, dhcp, module_table::ModuleTable};
use std::time::{Duration, Instant};

/// Every message of the depot protocol.
pub fn depot(data: &[u8]) {
    if let Ok(ids) = wire::decode_ids(data) {
        assert_eq!(wire::encode_ids(&ids), data);
    }
    if let Some((count, bitmap)) = data.split_first()
        && let Ok(bits) = wire::decode_bitmap(bitmap, usize::from(*count))
    {
        assert_eq!(wire::encode_bitmap(&bits), bitmap);
    }
    if let Ok(request) = FetchRequest::decode(data) {
        assert_eq!(FetchRequest::encode(request.segment, &request.wanted), data);
    }
    if let Ok(frames) = wire::split_frames(data) {
        for frame in frames {
            crate::engine::frame(frame);
        }
    }
    let _ = std::str::from_utf8(data).map(|text| wire::Call::parse("GET", text));
    // The answer to a fetch comes in pieces of any length; how it is cut must not matter.
    let whole = items(std::iter::once(data));
    let size = data.first().map_or(1, |byte| usize::from(*byte) + 1);
    assert_eq!(whole, items(data.chunks(size)));
}

fn items<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<stream::Item>, bool) {
    let mut reader = stream::Reader::default();
    let mut items = Vec::new();
    for piece in pieces {
        reader.push(piece);
        loop {
            match reader.next_item() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(_) => return (items, false),
            }
        }
    }
    (items, true)
}

/// Every message between agent and appliance.
pub fn agent(data: &[u8]) {
    let _ = serde_json::from_slice::<agent::Hello>(data);
    let _ = serde_json::from_slice::<agent::HelloReply>(data);
    let _ = serde_json::from_slice::<agent::Task>(data);
    let _ = serde_json::from_slice::<agent::ProgressReport>(data);
    let _ = serde_json::from_slice::<agent::ProgressReply>(data);
    let _ = serde_json::from_slice::<agent::StepReport>(data);
    let _ = serde_json::from_slice::<protocol::Problem>(data);
}

/// A DHCP packet: what was read and written again reads the same.
pub fn dhcp(data: &[u8]) {
    let Ok(packet) = dhcp::Packet::parse(data) else {
        return;
    };
    let _ = (
        packet.mac(),
        packet.hardware(),
        packet.wants_broadcast(),
        packet.vendor_class(),
    );
    let _ = dhcp::Lease::read(&packet);
    let again = dhcp::Packet::parse(&packet.encode());
    assert!(
        again.is_ok(),
        "a packet that was read cannot be written: {packet:?}"
    );
}

/// A conversation: packets with their length before them, to one transfer.
pub fn tftp(data: &[u8]) {
    let mut rest = data;
    let now = Instant::now();
    let mut clock = now;
    let mut transfer: Option<Transfer> = None;
    while let Some((len, behind)) = rest.split_first() {
        let (packet, after) = behind.split_at(usize::from(*len).min(behind.len()));
        rest = after;
        clock += Duration::from_millis(u64::from(*len));
        match (ClientPacket::parse(packet), &mut transfer) {
            (Ok(ClientPacket::Read(request)), None) => {
                let _ = AskedName::parse(&request.file);
                let file_len = u64::from(*len) << (packet.len() % 40);
                transfer = Some(Transfer::begin(&request.options, file_len, Limits::for_mtu(1500), clock).0);
            }
            (Ok(packet), Some(transfer)) => {
                let _ = transfer.on_packet(&packet, clock);
                assert!(transfer.acknowledged_bytes() <= transfer.file_len());
            }
            (Err(_), Some(transfer)) => {
                let _ = transfer.on_timeout(clock);
            }
            _ => {}
        }
        if transfer.as_ref().is_some_and(|transfer| transfer.end().is_some()) {
            return;
        }
    }
}

/// A path, its query, and a range.
pub fn http(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.splitn(3, '\n');
    let path = lines.next().unwrap_or_default();
    let (query, range) = (lines.next(), lines.next());
    let _ = Target::parse(path, query);
    if let Some(name) = AskedName::parse(path) {
        assert!(
            name.parts()
                .iter()
                .all(|part| !part.is_empty() && *part != ".." && !part.contains(['/', '\0'])),
            "{name:?} could leave its folder"
        );
        let _ = media_type(&name);
    }
    for file_len in [0, 1, 1000, u64::MAX] {
        if let Some((offset, length)) = Part::parse(range, file_len).span(file_len) {
            assert!(
                offset.checked_add(length).is_some_and(|end| end <= file_len),
                "{range:?} of {file_len}"
            );
        }
    }
}

/// The kernel's command line, as a boot script made it or a technician changed it.
pub fn command_line(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = AgentCommandLine::parse(text);
    }
}

/// The table of kernel modules.
pub fn module_table(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = ModuleTable::parse(text);
    }
}
