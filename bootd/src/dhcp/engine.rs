//! What to answer to a DHCP packet (PXE 2.1 §2.2, RFC 4578, RFC 2131 §4.3): packet and arrival in, reply out. Pure.
//!
//! | request | reply |
//! | --- | --- |
//! | DISCOVER with vendor class `PXEClient…` | OFFER without an address, by broadcast, or to the relay's port 67 |
//! | REQUEST, server identifier another's | none, and never a refusal: that would end the boot |
//! | REQUEST or INFORM on port 4011 | ACK from port 4011 to the sender's address and port |
//! | REQUEST or INFORM on port 67 with a chosen boot server (43.71) | ACK |
//! | REQUEST on port 67 naming us | see [`super::merge`] |
//! | anything without `PXEClient` | none: it is no business of a proxy |
//!
//! The offer's shape (facts measured with real firmware, docs/protocols/boot.md):
//! - BIOS gets option 43 with discovery control 8, "the file is in this offer, look no further".
//! - EFI gets no option 43 and asks again on port 4011: firmware older than 2017 drops offers with 43.
//!   Which of the two a machine gets is [`super::shape`]'s business, which learns from those that do not go on.
//! - iPXE (user class) gets the absolute URL of its script, whatever loaded it. It is never given a loader: no loop.
//! - UEFI HTTP Boot gets the URL of a disk image made for this machine, with our address in numbers: a proxy's offer has
//!   no name server.

use super::shape::{FirmwareKind, Shape, shapes_of};
use crate::event::{Happening, NotServed};
use protocol::{
    MacAddr,
    boot::{BootFacts, ClientArchitecture},
    dhcp::{CLIENT_PORT, MessageType, Operation, Packet, SERVER_PORT, SubOptions, code},
};
use std::net::{Ipv4Addr, SocketAddrV4};

/// Loader for BIOS machines, in the boot folder.
pub const BIOS_LOADER: &str = "undionly.kpxe";
/// Loader for x64 UEFI machines, in the boot folder; it asks for grubx64.efi itself.
pub const X64_UEFI_LOADER: &str = "shimx64.efi";
/// Loader for arm64 UEFI machines, in the boot folder if an admin put it there.
pub const ARM64_UEFI_LOADER: &str = "shimaa64.efi";
/// Where TFTP serves the boot folder.
pub const TFTP_FOLDER: &str = "amorce";

pub(crate) const PXE_CLIENT: &str = "PXEClient";
const HTTP_CLIENT: &str = "HTTPClient";
/// Vendor sub-options (PXE 2.1 table 2-1).
pub(crate) const DISCOVERY_CONTROL: u8 = 6;
pub(crate) const USE_THE_FILE: u8 = 8;
const BOOT_ITEM: u8 = 71;
/// iPXE feature numbers inside option 175.
const IPXE_FEATURE_HTTP: u8 = 19;

/// How a packet came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// On which of our ports.
    pub port: Port,
    /// Who sent it.
    pub source: SocketAddrV4,
    /// Our address on the interface it came in by.
    pub server: Ipv4Addr,
}

/// Which of our ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// 67.
    Server,
    /// 4011.
    BootServer,
}

/// What there is to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaders {
    /// [`BIOS_LOADER`] is in the boot folder.
    pub bios: bool,
    /// [`X64_UEFI_LOADER`] is in the boot folder.
    pub x64_uefi: bool,
    /// [`ARM64_UEFI_LOADER`] is in the boot folder.
    pub arm64_uefi: bool,
}

/// What a URL leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The machine's iPXE script.
    Script,
    /// The machine's disk image.
    Image,
    /// A boot file.
    File(&'static str),
}

/// A reply to send from the port that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What.
    pub packet: Packet,
    /// Where.
    pub destination: Destination,
}

/// Where a reply goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To everybody on the interface that the request came in by, on the clients' port.
    Broadcast,
    /// To one address and port.
    Unicast(SocketAddrV4),
}

/// What comes of a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What to send.
    pub reply: Option<Reply>,
    /// What to tell.
    pub happening: Option<Happening>,
    /// What the packet says of the machine.
    pub facts: Option<BootFacts>,
    /// The address that the machine has or is about to take.
    pub machine_address: Option<Ipv4Addr>,
    /// The file for a complete offer, if this machine shall get one; see [`super::merge`].
    pub merge: Option<BootFile>,
}

/// Decides what to answer.
///
/// `shape` is how the offer is to be made up, if not as for most of its family. `url` makes absolute URLs.
#[must_use]
pub fn answer(
    packet: &Packet,
    arrival: &Arrival,
    loaders: Loaders,
    shape: Option<Shape>,
    url: impl Fn(&BootFacts, Link) -> String,
) -> Outcome {
    let Some(class) = packet
        .vendor_class()
        .filter(|_| packet.operation == Operation::Request)
    else {
        return Outcome::default();
    };
    let is_http = class.starts_with(HTTP_CLIENT);
    if !is_http && !class.starts_with(PXE_CLIENT) {
        return Outcome::default();
    }
    // Our own question to the DHCP server comes back to us: it was a broadcast.
    if packet.relay == arrival.server {
        return Outcome::default();
    }
    let architectures = packet.client_architectures();
    let facts = facts_of(packet, &architectures, arrival.server);
    let machine_address = [
        Some(packet.client_address),
        packet.address(code::REQUESTED_ADDRESS),
    ]
    .into_iter()
    .flatten()
    .find(|address| !address.is_unspecified());
    let mut outcome = Outcome {
        machine_address,
        facts: facts.clone(),
        ..Outcome::default()
    };

    let Some(kind) = reply_kind(packet, arrival) else {
        if let (Some(MessageType::Request), Some(from)) = (packet.message_type(), packet.server_identifier())
            && from != arrival.server
        {
            outcome.happening = Some(Happening::AddressTaken { from });
        }
        return outcome;
    };
    let file = match boot_file(packet, &architectures, facts.as_ref(), loaders, url) {
        Ok(file) => file,
        Err(why) => {
            outcome.happening = Some(Happening::NotServed { why });
            return outcome;
        }
    };
    let architecture = file.architecture;
    let family = shapes_of(ClientArchitecture::from_number(architecture));
    let shape = shape.unwrap_or(family[0]);
    // A relay's network is not ours to ask on, and who is given a URL needs no other address than it has.
    let merges = kind == MessageType::Offer
        && shape.complete
        && packet.relay.is_unspecified()
        && file.name.starts_with(TFTP_FOLDER);
    outcome.merge = merges.then(|| file.clone());
    outcome.happening = Some(match kind {
        MessageType::Offer => Happening::Offered {
            architecture,
            file: file.name.clone(),
        },
        _ => Happening::BootServerAnswered {
            architecture,
            file: file.name.clone(),
        },
    });
    let mut reply = reply_packet(packet, arrival.server, kind, &file, shape);
    give_back(packet, &mut reply);
    outcome.reply = Some(Reply {
        packet: reply,
        destination: destination(packet, arrival, kind),
    });
    outcome
}

/// What a firmware that sent this packet shall load, whatever the packet asks for; none if it is of something else.
pub(super) fn file_for(
    packet: &Packet,
    server: Ipv4Addr,
    loaders: Loaders,
    url: impl Fn(&BootFacts, Link) -> String,
) -> Option<Result<BootFile, NotServed>> {
    let class = packet.vendor_class()?;
    if !class.starts_with(HTTP_CLIENT) && !class.starts_with(PXE_CLIENT) {
        return None;
    }
    let architectures = packet.client_architectures();
    let facts = facts_of(packet, &architectures, server);
    Some(boot_file(packet, &architectures, facts.as_ref(), loaders, url))
}

/// Whether a firmware names the boot server that it chose: then it asks for nothing else, an address least of all.
pub(super) fn chose_boot_server(packet: &Packet) -> bool {
    packet
        .vendor_options()
        .is_some_and(|options| options.contains(BOOT_ITEM))
}

/// What a packet says of the machine that sent it.
pub(super) fn facts_of(packet: &Packet, architectures: &[u16], server: Ipv4Addr) -> Option<BootFacts> {
    let mac = packet.mac().filter(|mac| mac.is_unicast())?;
    Some(BootFacts {
        mac,
        uuid: packet.client_uuid(),
        architecture: architectures
            .first()
            .copied()
            .map(ClientArchitecture::from_number),
        server,
    })
}

/// Offer, acknowledge or stay silent.
fn reply_kind(packet: &Packet, arrival: &Arrival) -> Option<MessageType> {
    let ours = packet.server_identifier() == Some(arrival.server);
    let anothers = packet.server_identifier().is_some() && !ours;
    match (arrival.port, packet.message_type()?) {
        (_, _) if anothers => None,
        (Port::Server, MessageType::Discover) => Some(MessageType::Offer),
        (Port::Server, MessageType::Request | MessageType::Inform) if chose_boot_server(packet) => {
            Some(MessageType::Acknowledge)
        }
        (Port::BootServer, MessageType::Request | MessageType::Inform) => Some(MessageType::Acknowledge),
        _ => None,
    }
}

/// What a machine is told to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootFile {
    /// Name under TFTP, or an absolute URL.
    pub name: String,
    /// The architecture, as the machine wrote it.
    pub architecture: u16,
}

fn boot_file(
    packet: &Packet,
    architectures: &[u16],
    facts: Option<&BootFacts>,
    loaders: Loaders,
    url: impl Fn(&BootFacts, Link) -> String,
) -> Result<BootFile, NotServed> {
    let first = *architectures.first().ok_or(NotServed::NoArchitecture)?;
    if is_ipxe_with_http(packet)
        && let Some(facts) = facts
    {
        return Ok(BootFile {
            name: url(facts, Link::Script),
            architecture: first,
        });
    }
    if packet
        .vendor_class()
        .is_some_and(|class| class.starts_with(HTTP_CLIENT))
    {
        return http_file(architectures, facts, loaders, url);
    }
    // A list names what the machine can run, best first.
    let (architecture, loader, present) = architectures
        .iter()
        .find_map(|number| match ClientArchitecture::from_number(*number) {
            ClientArchitecture::X86Bios => Some((*number, BIOS_LOADER, loaders.bios)),
            ClientArchitecture::X64Uefi => Some((*number, X64_UEFI_LOADER, loaders.x64_uefi)),
            ClientArchitecture::Arm64Uefi if loaders.arm64_uefi => Some((*number, ARM64_UEFI_LOADER, true)),
            _ => None,
        })
        .ok_or(NotServed::Architecture(first))?;
    if !present {
        return Err(NotServed::LoaderMissing(loader));
    }
    Ok(BootFile {
        name: format!("{TFTP_FOLDER}/{loader}"),
        architecture,
    })
}

/// What UEFI HTTP Boot loads.
fn http_file(
    architectures: &[u16],
    facts: Option<&BootFacts>,
    loaders: Loaders,
    url: impl Fn(&BootFacts, Link) -> String,
) -> Result<BootFile, NotServed> {
    let first = *architectures.first().ok_or(NotServed::NoArchitecture)?;
    let facts = facts.ok_or(NotServed::NoAddress)?;
    let (architecture, link) = architectures
        .iter()
        .find_map(|number| match ClientArchitecture::from_number(*number) {
            ClientArchitecture::X64UefiHttp => Some((*number, Link::Image)),
            ClientArchitecture::Arm64UefiHttp if loaders.arm64_uefi => {
                Some((*number, Link::File(ARM64_UEFI_LOADER)))
            }
            _ => None,
        })
        .ok_or(NotServed::Architecture(first))?;
    if link == Link::Image && !loaders.x64_uefi {
        return Err(NotServed::LoaderMissing(X64_UEFI_LOADER));
    }
    Ok(BootFile {
        name: url(facts, link),
        architecture,
    })
}

/// The kind of firmware that looks for servers, if there is more than one way to answer it here.
#[must_use]
pub fn shaped(packet: &Packet) -> Option<(MacAddr, FirmwareKind, ClientArchitecture)> {
    let class = packet
        .vendor_class()
        .filter(|class| class.starts_with(PXE_CLIENT))?;
    if packet.operation != Operation::Request
        || packet.message_type() != Some(MessageType::Discover)
        || !packet.relay.is_unspecified()
        || is_ipxe_with_http(packet)
    {
        return None;
    }
    let mac = packet.mac().filter(|mac| mac.is_unicast())?;
    let architecture = packet
        .client_architectures()
        .into_iter()
        .map(ClientArchitecture::from_number)
        .find(|one| shapes_of(*one).len() > 1)?;
    Some((mac, FirmwareKind::new(&class, mac), architecture))
}

/// iPXE names itself in the user class; an iPXE that lists its features and cannot do HTTP is loaded over like any ROM.
fn is_ipxe_with_http(packet: &Packet) -> bool {
    packet.user_classes().iter().any(|class| class == b"iPXE")
        && packet
            .ipxe_options()
            .is_none_or(|features| features.contains(IPXE_FEATURE_HTTP))
}

/// A reply with the boot file; [`give_back`] completes it.
pub(super) fn reply_packet(
    request: &Packet,
    server: Ipv4Addr,
    kind: MessageType,
    file: &BootFile,
    shape: Shape,
) -> Packet {
    let is_http = request
        .vendor_class()
        .is_some_and(|class| class.starts_with(HTTP_CLIENT));
    let class = if is_http { HTTP_CLIENT } else { PXE_CLIENT };
    let mut reply = Packet::reply_to(request)
        .with(code::MESSAGE_TYPE, &[kind.number()])
        .with(code::SERVER_IDENTIFIER, &server.octets())
        .with(code::VENDOR_CLASS, class.as_bytes());
    reply.next_server = server;
    reply.client_address = request.client_address;
    // An address as text fits 64 bytes.
    let _ = reply.set_server_name(&server.to_string());
    if let Some(identifier) = request.options.get(code::CLIENT_UUID) {
        reply.options.push(code::CLIENT_UUID, &identifier);
    }
    // In the header: some ROMs read option 67 past its end, and shim reads nothing but the header.
    if !reply.set_file(&file.name) {
        reply.options.push(code::BOOT_FILE_NAME, file.name.as_bytes());
    }
    let chosen = request
        .vendor_options()
        .and_then(|options| options.get(BOOT_ITEM));
    if let Some(item) = chosen {
        reply.options.push(
            code::VENDOR_OPTIONS,
            &SubOptions::default().with(BOOT_ITEM, &item).encode(),
        );
        reply.your_address = request.client_address;
    } else if shape.direct && !is_http {
        let control = SubOptions::default().with(DISCOVERY_CONTROL, &[USE_THE_FILE]);
        reply.options.push(code::VENDOR_OPTIONS, &control.encode());
    }
    if kind == MessageType::Offer {
        reply.set_broadcast(true);
    }
    reply
}

/// What a relay added is given back as it came, as the last option (RFC 3046 §2.2).
pub(super) fn give_back(request: &Packet, reply: &mut Packet) {
    if let Some(information) = request.relay_agent_information() {
        reply.options.push(code::RELAY_AGENT_INFORMATION, &information);
    }
}

fn destination(packet: &Packet, arrival: &Arrival, kind: MessageType) -> Destination {
    if arrival.port == Port::Server && !packet.relay.is_unspecified() {
        return Destination::Unicast(SocketAddrV4::new(packet.relay, SERVER_PORT));
    }
    if kind == MessageType::Offer {
        return Destination::Broadcast;
    }
    if !arrival.source.ip().is_unspecified() {
        // Boot ROMs ask port 4011 from port 68 or 4011 and listen on the same.
        return Destination::Unicast(arrival.source);
    }
    if packet.client_address.is_unspecified() {
        Destination::Broadcast
    } else {
        Destination::Unicast(SocketAddrV4::new(packet.client_address, CLIENT_PORT))
    }
}

/// The machine that a packet speaks of, for the transcript.
pub(crate) fn machine_of(outcome: &Outcome) -> Option<MacAddr> {
    outcome.facts.as_ref().map(|facts| facts.mac)
}

#[cfg(test)]
mod tests;
