//! What to answer to a Mac: packet in, reply out, and who chose which image. Pure.
//!
//! | packet | answer |
//! | --- | --- |
//! | INFORM, list | ACK with the images that this Mac may start; silence if there is none |
//! | INFORM, select, us | the choice is noted; ACK with the file and the root; ACK failed if there is no such image |
//! | INFORM, select, another server | our note of its choice is forgotten; silence |
//! | DISCOVER | if it chose an image of ours: OFFER without an address, with the file and the root |
//!
//! Answers to INFORM go to the address that the Mac has and to the port that it named, below 1024, also through relays.

use super::{
    FOLDER,
    image::{Image, Root},
    wire::{Answer, ImageId, Message, Question, VENDOR_CLASS, VERSION},
};
use crate::dhcp::engine::{Destination, Reply, TFTP_FOLDER};
use protocol::{
    MacAddr,
    dhcp::{CLIENT_PORT, MessageType, Operation, Packet, SERVER_PORT, code},
};
use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddrV4},
};

/// Option 17: where the root is.
const ROOT_PATH: u8 = 17;
/// The priority of a server that nobody uses yet.
const PRIORITY: u16 = 32768;
/// Macs whose choice is remembered; a Mac that is forgotten chooses again.
const BINDINGS: usize = 1024;
/// IP and UDP headers, which a message's length includes, and the fixed part of a packet.
const HEADERS: usize = 20 + 8;
const FIXED: usize = 240;

/// The images, and who chose which.
#[derive(Debug, Default)]
pub struct Images {
    images: Vec<Image>,
    bindings: HashMap<MacAddr, ImageId>,
}

/// What comes of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The Mac.
    pub mac: MacAddr,
    /// What to send.
    pub reply: Option<Reply>,
    /// What to tell.
    pub told: Told,
}

/// What a Mac did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was shown so many of the images that it may start.
    Listed {
        /// Shown.
        shown: usize,
        /// Those that it may start.
        of: usize,
    },
    /// It chose an image.
    Selected {
        /// The image's name.
        image: String,
    },
    /// It chose an image that is gone.
    Gone,
    /// It chose another server.
    Elsewhere,
    /// It starts what it chose.
    Offered {
        /// The image's name.
        image: String,
    },
}

impl Images {
    /// Other images than before; what Macs chose stays.
    pub fn replace(&mut self, images: Vec<Image>) {
        self.images = images;
    }

    /// Answers a packet of a Mac; none if it is of somebody else or asks nothing of us. `http_port` is where root images
    /// are served.
    pub fn answer(&mut self, packet: &Packet, server: Ipv4Addr, http_port: u16) -> Option<Outcome> {
        if packet.operation != Operation::Request {
            return None;
        }
        let question = Question::read(packet)?;
        let mac = packet.mac().filter(|mac| mac.is_unicast())?;
        match (packet.message_type()?, question.message) {
            (MessageType::Discover, _) => {
                let image = self.bound(&question, mac)?;
                let mut reply = self.reply(packet, server, MessageType::Offer);
                reply.set_broadcast(true);
                place(&mut reply, image, server, http_port);
                Answer::Offer { image: image.id }.write(&mut reply.options, 0);
                Some(Outcome {
                    mac,
                    told: Told::Offered {
                        image: image.name.clone(),
                    },
                    reply: Some(Reply {
                        packet: reply,
                        destination: if packet.relay.is_unspecified() {
                            Destination::Broadcast
                        } else {
                            Destination::Unicast(SocketAddrV4::new(packet.relay, SERVER_PORT))
                        },
                    }),
                })
            }
            (MessageType::Inform, Some(message)) => {
                // Without an address there is nowhere to answer to, and Apple's clients hear only privileged ports.
                let port = question.reply_port.unwrap_or(CLIENT_PORT);
                if packet.client_address.is_unspecified() || port >= 1024 || port == 0 {
                    return None;
                }
                let (reply, told) = match message {
                    Message::List => self.list(packet, &question, mac, server)?,
                    Message::Select => self.select(packet, &question, mac, server, http_port),
                    Message::Other(_) => return None,
                };
                let destination = Destination::Unicast(SocketAddrV4::new(packet.client_address, port));
                Some(Outcome {
                    mac,
                    told,
                    reply: reply.map(|packet| Reply { packet, destination }),
                })
            }
            _ => None,
        }
    }

    fn list(
        &self,
        packet: &Packet,
        question: &Question,
        mac: MacAddr,
        server: Ipv4Addr,
    ) -> Option<(Option<Packet>, Told)> {
        // An older protocol without lists.
        if question.version != VERSION {
            return None;
        }
        let images: Vec<&Image> = self
            .images
            .iter()
            .filter(|image| image.is_for(&question.architecture, &question.model, mac, &question.attributes))
            .collect();
        let default = images
            .iter()
            .find(|image| image.is_default)
            .or(images.first())?
            .id;
        let list: Vec<(ImageId, &str)> = images
            .iter()
            .map(|image| (image.id, image.name.as_str()))
            .collect();
        let mut reply = self.reply(packet, server, MessageType::Acknowledge);
        let used: usize = reply.options.iter().map(|option| option.data().len() + 2).sum();
        let room = usize::from(question.max_message).saturating_sub(HEADERS + FIXED + used + 1);
        let users = u16::try_from(self.bindings.len()).unwrap_or(u16::MAX);
        let answer = Answer::List {
            priority: PRIORITY.saturating_sub(users),
            default: Some(default),
            selected: self.bound(question, mac).map(|image| image.id),
            images: &list,
        };
        let shown = answer.write(&mut reply.options, room);
        let told = Told::Listed {
            shown,
            of: list.len(),
        };
        Some((Some(reply), told))
    }

    fn select(
        &mut self,
        packet: &Packet,
        question: &Question,
        mac: MacAddr,
        server: Ipv4Addr,
        http_port: u16,
    ) -> (Option<Packet>, Told) {
        if question.server != Some(server) {
            self.bindings.remove(&mac);
            return (None, Told::Elsewhere);
        }
        let mut reply = self.reply(packet, server, MessageType::Acknowledge);
        let image = self.images.iter().find(|image| {
            // What was chosen from a filtered list is chosen without the filter.
            Some(image.id) == question.selected
                && image.is_for(
                    &question.architecture,
                    &question.model,
                    mac,
                    &[image.id.attributes()],
                )
        });
        let Some(image) = image else {
            self.bindings.remove(&mac);
            Answer::Failed.write(&mut reply.options, 0);
            return (Some(reply), Told::Gone);
        };
        place(&mut reply, image, server, http_port);
        let answer = Answer::Selected {
            image: image.id,
            machine_name: None,
        };
        answer.write(&mut reply.options, 0);
        if self.bindings.len() >= BINDINGS && !self.bindings.contains_key(&mac) {
            self.bindings.clear();
        }
        self.bindings.insert(mac, image.id);
        let image = image.name.clone();
        (Some(reply), Told::Selected { image })
    }

    fn bound(&self, question: &Question, mac: MacAddr) -> Option<&Image> {
        let id = *self.bindings.get(&mac)?;
        self.images.iter().find(|image| {
            image.id == id && image.is_for(&question.architecture, &question.model, mac, &[id.attributes()])
        })
    }

    fn reply(&self, packet: &Packet, server: Ipv4Addr, kind: MessageType) -> Packet {
        let mut reply = Packet::reply_to(packet)
            .with(code::MESSAGE_TYPE, &[kind.number()])
            .with(code::SERVER_IDENTIFIER, &server.octets())
            .with(code::VENDOR_CLASS, VENDOR_CLASS.as_bytes());
        reply.client_address = packet.client_address;
        reply.next_server = server;
        // An address as text fits 64 bytes.
        let _ = reply.set_server_name(&server.to_string());
        reply
    }
}

/// Says where file and root of an image are.
fn place(reply: &mut Packet, image: &Image, server: Ipv4Addr, http_port: u16) {
    let folder = &image.folder;
    let file = format!("{TFTP_FOLDER}/{FOLDER}/{folder}/{}", image.boot_file);
    if !reply.set_file(&file) {
        reply.options.push(code::BOOT_FILE_NAME, file.as_bytes());
    }
    // In numbers: the Mac's firmware has no name server.
    let root = match &image.root {
        Root::None => return,
        Root::Ours(path) => {
            let port = if http_port == 80 {
                String::new()
            } else {
                format!(":{http_port}")
            };
            format!("http://{server}{port}/boot/files/{FOLDER}/{folder}/{path}")
        }
        Root::Elsewhere(url) => url.clone(),
    };
    reply.options.push(ROOT_PATH, root.as_bytes());
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listed { shown, of } if shown < of => {
                write!(f, "asked for NetBoot images; {shown} of {of} fitted its packet")
            }
            Self::Listed { shown, .. } => write!(f, "asked for NetBoot images; was shown {shown}"),
            Self::Selected { image } => write!(f, "chose the NetBoot image {image}"),
            Self::Gone => f.write_str("chose a NetBoot image that is not here any more"),
            Self::Elsewhere => f.write_str("chose another NetBoot server"),
            Self::Offered { image } => write!(f, "looked for servers; was offered the NetBoot image {image}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bsdp::image::parse;
    use proptest::prelude::*;

    const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const MAC: MacAddr = MacAddr([0x00, 0x1e, 0xc2, 0, 0, 1]);

    fn images(count: u16) -> Images {
        let mut images = Images::default();
        images.replace(
            (1..=count)
                .map(|index| {
                    let text = format!(
                        "<plist><dict><key>IsEnabled</key><true/><key>IsInstall</key><true/><key>Index</key><integer>{index}</integer>\
                         <key>Name</key><string>Image number {index}</string><key>IsDefault</key>{}\
                         <key>RootPath</key><string>NetInstall.dmg</string></dict></plist>",
                        if index == 2 { "<true/>" } else { "<false/>" }
                    );
                    parse(&text, &format!("I{index}.nbi")).unwrap().unwrap()
                })
                .collect(),
        );
        images
    }

    fn packet(kind: MessageType, vendor: &[u8]) -> Packet {
        let mut packet = Packet::request(MAC, 7)
            .with(code::MESSAGE_TYPE, &[kind.number()])
            .with(code::VENDOR_CLASS, b"AAPLBSDPC/i386/iMac14,2")
            .with(code::VENDOR_OPTIONS, vendor);
        if kind == MessageType::Inform {
            packet.client_address = Ipv4Addr::new(192, 0, 2, 77);
        }
        packet
    }

    const LIST: &[u8] = b"\x01\x01\x01\x02\x02\x01\x01\x05\x02\x03\xe1\x0c\x02\x05\xc0";

    /// A Mac from its picker to its booter.
    #[test]
    fn a_mac_lists_selects_and_boots() {
        let mut images = images(3);
        let listed = images
            .answer(&packet(MessageType::Inform, LIST), SERVER, 80)
            .unwrap();
        assert_eq!(listed.told, Told::Listed { shown: 3, of: 3 });
        let Reply {
            packet: ack,
            destination,
        } = listed.reply.unwrap();
        assert_eq!(
            destination,
            Destination::Unicast("192.0.2.77:993".parse().unwrap())
        );
        assert_eq!(ack.message_type(), Some(MessageType::Acknowledge));
        assert_eq!(ack.vendor_class().as_deref(), Some("AAPLBSDPC"));
        assert_eq!(ack.your_address, Ipv4Addr::UNSPECIFIED);
        assert!(ack.encode().len() >= 300);
        let vendor = ack.vendor_options().unwrap();
        assert_eq!(vendor.get(7), Some(vec![0x81, 0, 0, 2]), "the default");
        assert_eq!(vendor.get(4), Some(vec![0x80, 0]));

        // Nothing was chosen yet: nothing is offered.
        assert_eq!(
            images.answer(&packet(MessageType::Discover, b""), SERVER, 80),
            None
        );
        let select =
            b"\x01\x01\x02\x02\x02\x01\x01\x03\x04\xc0\x00\x02\x01\x05\x02\x03\xe1\x08\x04\x81\x00\x00\x03";
        let selected = images
            .answer(&packet(MessageType::Inform, select), SERVER, 80)
            .unwrap();
        let ack = selected.reply.unwrap().packet;
        assert_eq!(ack.vendor_options().unwrap().get(1), Some(vec![2]));
        assert_eq!(ack.boot_file().as_deref(), Some("amorce/nbi/I3.nbi/i386/booter"));
        let root = ack.options.text(17);
        assert_eq!(
            root.as_deref(),
            Some("http://192.0.2.1/boot/files/nbi/I3.nbi/NetInstall.dmg")
        );

        let offered = images
            .answer(&packet(MessageType::Discover, b""), SERVER, 8080)
            .unwrap();
        let Reply {
            packet: offer,
            destination,
        } = offered.reply.unwrap();
        assert_eq!(destination, Destination::Broadcast);
        assert_eq!(offer.message_type(), Some(MessageType::Offer));
        assert_eq!(offer.your_address, Ipv4Addr::UNSPECIFIED);
        assert_eq!(offer.vendor_options().unwrap().get(8), Some(vec![0x81, 0, 0, 3]));
        assert!(
            offer
                .options
                .text(17)
                .unwrap()
                .starts_with("http://192.0.2.1:8080/")
        );
        // Another list names what was chosen, and the server is a little less wanted.
        let again = images
            .answer(&packet(MessageType::Inform, LIST), SERVER, 80)
            .unwrap();
        let vendor = again.reply.unwrap().packet.vendor_options().unwrap();
        assert_eq!(
            (vendor.get(8), vendor.get(4)),
            (Some(vec![0x81, 0, 0, 3]), Some(vec![0x7f, 0xff]))
        );
    }

    #[test]
    fn a_choice_that_is_gone_fails_and_one_elsewhere_is_forgotten_in_silence() {
        let mut images = images(3);
        let select = |server: u8, index: u8| {
            let vendor = [1, 1, 2, 3, 4, 192, 0, 2, server, 8, 4, 0x81, 0, 0, index];
            packet(MessageType::Inform, &vendor)
        };
        let _ = images.answer(&select(1, 3), SERVER, 80);
        let failed = images.answer(&select(1, 9), SERVER, 80).unwrap();
        assert_eq!(
            failed.reply.unwrap().packet.vendor_options().unwrap().get(1),
            Some(vec![3])
        );
        assert_eq!(
            images.answer(&packet(MessageType::Discover, b""), SERVER, 80),
            None
        );
        let _ = images.answer(&select(1, 3), SERVER, 80);
        let elsewhere = images.answer(&select(9, 3), SERVER, 80).unwrap();
        assert_eq!((elsewhere.reply, elsewhere.told), (None, Told::Elsewhere));
        assert_eq!(
            images.answer(&packet(MessageType::Discover, b""), SERVER, 80),
            None
        );
    }

    #[test]
    fn a_long_list_goes_over_several_options_and_stays_within_what_the_mac_takes() {
        let mut images = images(60);
        let listed = images
            .answer(&packet(MessageType::Inform, LIST), SERVER, 80)
            .unwrap();
        let ack = listed.reply.unwrap().packet;
        assert!(
            ack.options
                .iter()
                .filter(|option| option.code() == code::VENDOR_OPTIONS)
                .count()
                > 3
        );
        assert!(ack.encode().len() + HEADERS <= 1472, "{}", ack.encode().len());
        let Told::Listed { shown, of } = listed.told else {
            panic!()
        };
        assert!(shown > 40 && of == 60, "{shown}");
        // A Mac that says nothing of its longest message gets what every client takes.
        let short = images
            .answer(
                &packet(MessageType::Inform, b"\x01\x01\x01\x02\x02\x01\x01"),
                SERVER,
                80,
            )
            .unwrap();
        assert!(short.reply.unwrap().packet.encode().len() + HEADERS <= 576);
    }

    #[test]
    fn who_cannot_be_answered_gets_silence() {
        let mut images = images(3);
        for vendor in [
            &b"\x01\x01\x01\x05\x02\x04\x00"[..],
            b"\x01\x01\x01\x02\x02\x01\x00",
            b"\x01\x01\x01\x0b\x02\x01\x00",
            b"\x01\x01\x07",
            b"",
        ] {
            assert_eq!(
                images.answer(&packet(MessageType::Inform, vendor), SERVER, 80),
                None,
                "{vendor:?}"
            );
        }
        let mut nowhere = packet(MessageType::Inform, LIST);
        nowhere.client_address = Ipv4Addr::UNSPECIFIED;
        assert_eq!(images.answer(&nowhere, SERVER, 80), None);
        assert_eq!(
            Images::default().answer(&packet(MessageType::Inform, LIST), SERVER, 80),
            None
        );
    }

    proptest! {
        #[test]
        fn any_packets_are_survived_and_no_reply_goes_to_an_open_port(
            packets in prop::collection::vec((prop::sample::select(vec![1u8, 3, 8]), prop::collection::vec(any::<u8>(), 0..60)), 0..20),
        ) {
            let mut images = images(5);
            for (kind, vendor) in packets {
                let kind = MessageType::from_number(kind);
                if let Some(Outcome { reply: Some(reply), .. }) = images.answer(&packet(kind, &vendor), SERVER, 80) {
                    if let Destination::Unicast(to) = reply.destination {
                        prop_assert!(to.port() < 1024);
                    }
                    prop_assert_eq!(Packet::parse(&reply.packet.encode()), Ok(reply.packet));
                }
            }
        }
    }
}
