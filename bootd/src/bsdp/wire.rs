//! What stands in option 43 of a BSDP packet.
//!
//! | tag | bytes | meaning |
//! | --- | --- | --- |
//! | 1 | 1 | message: 1 = list, 2 = select, 3 = failed |
//! | 2 | 2 | version, 0x0101 |
//! | 3 | 4 | server identifier |
//! | 4 | 2 | server priority: the highest is asked |
//! | 5 | 2 | port that the answer goes to, below 1024 |
//! | 7 | 4 | default image |
//! | 8 | 4 | selected image |
//! | 9 | … | images: identifier (4), length of the name (1), name in UTF-8; over 255 bytes in several options 43 |
//! | 11 | 2 n | attributes: the first two bytes of the identifiers that are wanted |
//! | 12 | 2 | longest message that the client takes |
//! | 130 | … | the machine's name |
//!
//! An image identifier is `install (1 bit) │ kind (7) │ reserved (8) │ index (16)`. Numbers are big-endian. Option 43 as a
//! whole is joined when it is read and split at the images when it is written, so that no image is cut.

use protocol::dhcp::{OptionList, Packet, SubOptions, code};
use std::net::Ipv4Addr;

/// Vendor class of clients, before `/i386/MODEL`, and of servers as it stands.
pub const VENDOR_CLASS: &str = "AAPLBSDPC";
/// The version that has image lists.
pub const VERSION: u16 = 0x0101;

mod tag {
    pub(super) const MESSAGE: u8 = 1;
    pub(super) const VERSION: u8 = 2;
    pub(super) const SERVER: u8 = 3;
    pub(super) const PRIORITY: u8 = 4;
    pub(super) const REPLY_PORT: u8 = 5;
    pub(super) const DEFAULT_IMAGE: u8 = 7;
    pub(super) const SELECTED_IMAGE: u8 = 8;
    pub(super) const IMAGES: u8 = 9;
    pub(super) const ATTRIBUTES: u8 = 11;
    pub(super) const MAX_MESSAGE: u8 = 12;
    pub(super) const MACHINE_NAME: u8 = 130;
}

/// Number of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageId(pub u32);

impl ImageId {
    /// From its parts; `kind` is 1 for a Mac's own system, 2 for a server's, 3 for diagnostics.
    #[must_use]
    pub fn new(install: bool, kind: u8, index: u16) -> Self {
        Self(u32::from(install) << 31 | u32::from(kind & 0x7f) << 24 | u32::from(index))
    }

    /// Its first two bytes, which filters compare.
    #[must_use]
    pub fn attributes(self) -> u16 {
        let [a, b, ..] = self.0.to_be_bytes();
        u16::from_be_bytes([a, b])
    }
}

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// The images that it may start.
    List,
    /// To start this one.
    Select,
    /// Something else.
    Other(u8),
}

/// A client's packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What it wants; none in a DISCOVER.
    pub message: Option<Message>,
    /// Its processor: `i386` or `ppc`.
    pub architecture: String,
    /// Its model: `iMac18,3`.
    pub model: String,
    /// Version, 0x0100 or 0x0101.
    pub version: u16,
    /// The server that it chose.
    pub server: Option<Ipv4Addr>,
    /// Where it waits for the answer.
    pub reply_port: Option<u16>,
    /// The image that it chose.
    pub selected: Option<ImageId>,
    /// Attributes of the images that it wants; empty for all.
    pub attributes: Vec<u16>,
    /// Longest message that it takes.
    pub max_message: u16,
}

impl Question {
    /// Reads a packet; none if it is not of a BSDP client.
    #[must_use]
    pub fn read(packet: &Packet) -> Option<Self> {
        let class = packet.vendor_class()?;
        let mut parts = class.splitn(3, '/');
        if parts.next() != Some(VENDOR_CLASS) {
            return None;
        }
        let architecture = parts.next().unwrap_or_default().to_owned();
        let model = parts.next().unwrap_or_default().to_owned();
        let options = packet.vendor_options().unwrap_or_default();
        let number =
            |tag: u8| -> Option<u16> { Some(u16::from_be_bytes(options.get(tag)?.try_into().ok()?)) };
        let long = |tag: u8| -> Option<u32> { Some(u32::from_be_bytes(options.get(tag)?.try_into().ok()?)) };
        let message = options.get(tag::MESSAGE).and_then(|value| value.first().copied());
        Some(Self {
            message: message.map(|number| match number {
                1 => Message::List,
                2 => Message::Select,
                other => Message::Other(other),
            }),
            architecture,
            model,
            version: number(tag::VERSION).unwrap_or(VERSION),
            server: long(tag::SERVER).map(Ipv4Addr::from),
            reply_port: number(tag::REPLY_PORT),
            selected: long(tag::SELECTED_IMAGE).map(ImageId),
            attributes: options
                .get(tag::ATTRIBUTES)
                .unwrap_or_default()
                .chunks_exact(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect(),
            max_message: number(tag::MAX_MESSAGE)
                .or(packet.max_message_size())
                .unwrap_or(SHORTEST_MAX)
                .clamp(SHORTEST_MAX, LONGEST_MAX),
        })
    }
}

/// What every client takes (RFC 2131 §2), and what fits Ethernet.
const SHORTEST_MAX: u16 = 576;
const LONGEST_MAX: u16 = 1472;
/// Longest name of an image, so that it fits one option 43 with its tag.
pub const LONGEST_NAME: usize = 246;

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The images.
    List {
        /// The highest is asked.
        priority: u16,
        /// What a Mac starts that was told nothing.
        default: Option<ImageId>,
        /// What this Mac chose before.
        selected: Option<ImageId>,
        /// The images, by name; names are at most [`LONGEST_NAME`] bytes.
        images: &'a [(ImageId, &'a str)],
    },
    /// The choice was noted.
    Selected {
        /// The image.
        image: ImageId,
        /// The machine's name.
        machine_name: Option<&'a str>,
    },
    /// There is no such image.
    Failed,
    /// In an offer: the image that was chosen.
    Offer {
        /// The image.
        image: ImageId,
    },
}

impl Answer<'_> {
    /// Writes it as one or more options 43 behind what `options` has already. Returns how many images found room in
    /// `room` bytes.
    pub fn write(&self, options: &mut OptionList, room: usize) -> usize {
        let mut push = |value: &SubOptions| {
            // BSDP has no end mark of its own.
            let mut value = value.encode();
            value.pop();
            options.push(code::VENDOR_OPTIONS, &value);
            value.len() + 2
        };
        match self {
            Self::Failed => {
                push(&SubOptions::default().with(tag::MESSAGE, &[3]));
                0
            }
            Self::Offer { image } => {
                push(&SubOptions::default().with(tag::SELECTED_IMAGE, &image.0.to_be_bytes()));
                0
            }
            Self::Selected { image, machine_name } => {
                let mut value = SubOptions::default()
                    .with(tag::MESSAGE, &[2])
                    .with(tag::SELECTED_IMAGE, &image.0.to_be_bytes());
                if let Some(name) = machine_name {
                    value = value.with(tag::MACHINE_NAME, name.as_bytes());
                }
                push(&value);
                0
            }
            Self::List {
                priority,
                default,
                selected,
                images,
            } => {
                let mut head = SubOptions::default()
                    .with(tag::MESSAGE, &[1])
                    .with(tag::PRIORITY, &priority.to_be_bytes());
                for (tag, image) in [(tag::DEFAULT_IMAGE, default), (tag::SELECTED_IMAGE, selected)] {
                    if let Some(image) = image {
                        head = head.with(tag, &image.0.to_be_bytes());
                    }
                }
                let mut used = head.encode().len() - 1 + 2;
                let (mut option, mut list, mut written) = (head, Vec::new(), 0);
                let mut option_len = used - 2;
                for (image, name) in *images {
                    let name = cut(name);
                    let entry_len = 5 + name.len();
                    let tag_len = if list.is_empty() { 2 } else { 0 };
                    let fits = option_len + list.len() + tag_len + entry_len <= 255;
                    let more = if fits { tag_len } else { 4 };
                    if used + more + entry_len > room {
                        break;
                    }
                    if !fits {
                        if !list.is_empty() {
                            option = option.with(tag::IMAGES, &list);
                        }
                        push(&option);
                        (option, option_len) = (SubOptions::default(), 2);
                        list.clear();
                    } else if list.is_empty() {
                        option_len += 2;
                    }
                    used += more + entry_len;
                    list.extend(image.0.to_be_bytes());
                    list.push(u8::try_from(name.len()).unwrap_or(0));
                    list.extend(name.as_bytes());
                    written += 1;
                }
                if !list.is_empty() {
                    option = option.with(tag::IMAGES, &list);
                }
                push(&option);
                written
            }
        }
    }
}

fn cut(name: &str) -> &str {
    let end = (0..=LONGEST_NAME.min(name.len()))
        .rev()
        .find(|end| name.is_char_boundary(*end))
        .unwrap_or(0);
    name.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(answer: &Answer<'_>, room: usize) -> (Vec<Vec<u8>>, usize) {
        let mut options = OptionList::default();
        let count = answer.write(&mut options, room);
        (
            options.iter().map(|option| option.data().to_vec()).collect(),
            count,
        )
    }

    /// Byte for byte as the document's tables say.
    #[test]
    fn answers_are_written_as_the_document_says() {
        let image = ImageId::new(true, 1, 5);
        assert_eq!(image.0, 0x8100_0005);
        let (options, count) = written(
            &Answer::List {
                priority: 32768,
                default: Some(image),
                selected: None,
                images: &[(image, "Install")],
            },
            1000,
        );
        assert_eq!(count, 1);
        let bytes =
            b"\x01\x01\x01\x04\x02\x80\x00\x07\x04\x81\x00\x00\x05\x09\x0c\x81\x00\x00\x05\x07Install";
        assert_eq!(options, [bytes.to_vec()]);
        let selected = Answer::Selected {
            image,
            machine_name: Some("m1"),
        };
        assert_eq!(
            written(&selected, 0).0,
            [b"\x01\x01\x02\x08\x04\x81\x00\x00\x05\x82\x02m1".to_vec()]
        );
        assert_eq!(written(&Answer::Failed, 0).0, [vec![1, 1, 3]]);
        assert_eq!(
            written(&Answer::Offer { image }, 0).0,
            [vec![8, 4, 0x81, 0, 0, 5]]
        );
    }

    #[test]
    fn a_question_is_read_as_the_document_says() {
        let packet = Packet::request(protocol::MacAddr([2, 0, 0, 0, 0, 1]), 1)
            .with(code::VENDOR_CLASS, b"AAPLBSDPC/i386/iMac14,2")
            .with(
                code::VENDOR_OPTIONS,
                b"\x01\x01\x02\x02\x02\x01\x01\x03\x04\xc0\x00\x02\x01\x05\x02\x03\xff\x08\x04\x01\x00\x00\x07\x0b\x02\x81\x00\x0c\x02\x05\xdc",
            );
        let question = Question::read(&packet).unwrap();
        assert_eq!(question.message, Some(Message::Select));
        assert_eq!(
            (question.architecture.as_str(), question.model.as_str()),
            ("i386", "iMac14,2")
        );
        assert_eq!(question.server, Some(Ipv4Addr::new(192, 0, 2, 1)));
        assert_eq!((question.reply_port, question.max_message), (Some(1023), 1472));
        assert_eq!(question.selected, Some(ImageId(0x0100_0007)));
        assert_eq!(question.attributes, [0x8100]);
        let other =
            Packet::request(protocol::MacAddr([2, 0, 0, 0, 0, 1]), 1).with(code::VENDOR_CLASS, b"AAPLBSDPCX");
        assert_eq!(Question::read(&other), None);
    }

    /// Reads the lists of several options 43 as a client does: each option by itself.
    fn images_in(options: &[Vec<u8>]) -> Vec<(u32, String)> {
        let mut images = Vec::new();
        for option in options {
            let list = SubOptions::parse(option).get(tag::IMAGES).unwrap_or_default();
            let mut rest = &list[..];
            while let [a, b, c, d, len, after @ ..] = rest {
                let (name, after) = after.split_at(usize::from(*len));
                images.push((
                    u32::from_be_bytes([*a, *b, *c, *d]),
                    String::from_utf8(name.to_vec()).unwrap(),
                ));
                rest = after;
            }
            assert!(rest.is_empty(), "an image is cut");
        }
        images
    }

    proptest! {
        #[test]
        fn any_list_is_split_between_images_and_keeps_to_its_room(
            names in prop::collection::vec("[a-zé ]{0,300}", 0..40), room in 30usize..2000,
        ) {
            let images: Vec<(ImageId, &str)> =
                (1..).map(|index| ImageId::new(false, 1, index)).zip(names.iter().map(String::as_str)).collect();
            let list = Answer::List { priority: 1, default: images.first().map(|one| one.0), selected: None, images: &images };
            let (options, count) = written(&list, room);
            let used: usize = options.iter().map(|option| option.len() + 2).sum();
            prop_assert!(used <= room.max(30), "{used} of {room}");
            let read = images_in(&options);
            prop_assert_eq!(read.len(), count);
            for ((id, name), (want, full)) in read.iter().zip(&images) {
                prop_assert_eq!(*id, want.0);
                prop_assert_eq!(name.as_str(), cut(full));
            }
        }

        #[test]
        fn any_packet_is_survived(options in prop::collection::vec(any::<u8>(), 0..200), class in "AAPLBSDPC.{0,20}") {
            let packet = Packet::request(protocol::MacAddr([2, 0, 0, 0, 0, 1]), 1)
                .with(code::VENDOR_CLASS, class.as_bytes())
                .with(code::VENDOR_OPTIONS, &options);
            let _ = Question::read(&packet);
        }
    }
}
