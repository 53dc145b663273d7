//! What to answer to an HTTP request (RFC 9110), apart from sockets and files.

use crate::files::AskedName;
use protocol::{MacAddr, menu::EntryKey};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// What a request's target names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A machine's iPXE script.
    Script {
        /// The adapter.
        mac: MacAddr,
        /// The machine, if the loader knew.
        uuid: Option<Uuid>,
        /// The entry of its menu that was chosen.
        entry: Option<EntryKey>,
    },
    /// The disk image for a machine.
    Image(MacAddr),
    /// A boot file.
    File(AskedName),
}

impl Target {
    /// Finds what a path and query name.
    #[must_use]
    pub fn parse(path: &str, query: Option<&str>) -> Option<Self> {
        let name = AskedName::parse(path)?;
        if name.parts() == ["boot", "ipxe"] {
            let value = |key: &str| {
                query?
                    .split('&')
                    .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
                    .map(decode_colons)
            };
            let mac = value("mac")?
                .parse::<MacAddr>()
                .ok()
                .filter(|mac| mac.is_unicast())?;
            // iPXE leaves the value empty on machines without one.
            let uuid = value("uuid").and_then(|uuid| uuid.parse().ok());
            let entry = value("entry").map(|key| key.parse()).transpose().ok()?;
            return Some(Self::Script { mac, uuid, entry });
        }
        if let ["boot", "image", file] = name.parts()[..] {
            let mac = file.strip_suffix(".img")?.replace('-', ":").parse::<MacAddr>();
            return mac.ok().filter(|mac| mac.is_unicast()).map(Self::Image);
        }
        name.below(&["boot", "files"]).map(Self::File)
    }
}

/// iPXE's `:uristring` writes a colon as `%3a`; nothing else in a MAC or UUID could need it.
fn decode_colons(value: &str) -> String {
    value.replace("%3A", ":").replace("%3a", ":")
}

/// The part of a file that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// From the first to the last byte, both included.
    Range {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// The range begins behind the end.
    Unsatisfiable,
}

impl Part {
    /// Reads the `Range` field (RFC 9110 §14.2). Several ranges, other units and nonsense count as no range.
    #[must_use]
    pub fn parse(range: Option<&str>, file_len: u64) -> Self {
        let Some((first, last)) = range
            .and_then(|range| range.trim().strip_prefix("bytes="))
            .and_then(|range| range.split_once('-'))
        else {
            return Self::Whole;
        };
        let number = |text: &str| {
            let text = text.trim();
            text.bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| text.parse::<u64>().ok())
                .flatten()
        };
        match (number(first), number(last)) {
            (Some(first), last) if last.is_some() || behind_is_empty(range) => {
                let last = last.unwrap_or(u64::MAX).min(file_len.saturating_sub(1));
                if first >= file_len {
                    Self::Unsatisfiable
                } else if last < first {
                    Self::Whole
                } else {
                    Self::Range { first, last }
                }
            }
            (None, Some(suffix)) if first.trim().is_empty() => {
                if suffix == 0 || file_len == 0 {
                    Self::Unsatisfiable
                } else {
                    Self::Range {
                        first: file_len.saturating_sub(suffix),
                        last: file_len - 1,
                    }
                }
            }
            _ => Self::Whole,
        }
    }

    /// Offset and length in bytes; none if unsatisfiable.
    #[must_use]
    pub fn span(self, file_len: u64) -> Option<(u64, u64)> {
        match self {
            Self::Whole => Some((0, file_len)),
            Self::Range { first, last } => Some((first, last - first + 1)),
            Self::Unsatisfiable => None,
        }
    }
}

fn behind_is_empty(range: Option<&str>) -> bool {
    range.is_some_and(|range| range.trim_end().ends_with('-'))
}

/// An entity tag from length and time of change: a resumed download must not be glued to another file.
#[must_use]
pub fn entity_tag(file_len: u64, modified: SystemTime) -> String {
    let nanoseconds = modified
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_nanos());
    format!("\"{file_len:x}-{nanoseconds:x}\"")
}

/// The media type of a boot file; UEFI HTTP Boot goes by it (UEFI 2.10 §24.7.3.2).
#[must_use]
pub fn media_type(name: &AskedName) -> &'static str {
    let extension = name
        .parts()
        .last()
        .and_then(|last| last.rsplit_once('.'))
        .map(|(_, extension)| extension);
    match extension {
        Some("efi") => "application/efi",
        Some("iso") => "application/vnd.efi-iso",
        Some("img") => "application/vnd.efi-img",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAC: MacAddr = MacAddr([0x52, 0x54, 0, 0xab, 0xcd, 0xef]);

    #[test]
    fn targets_are_found_however_loaders_write_them() {
        let script = Some(Target::Script {
            mac: MAC,
            uuid: None,
            entry: None,
        });
        assert_eq!(Target::parse("/boot/ipxe", Some("mac=52:54:00:ab:cd:ef")), script);
        assert_eq!(
            Target::parse("//boot//ipxe", Some("uuid=&mac=52%3A54%3a00:ab:cd:ef")),
            script
        );
        let uuid = "4c4c4544-0042-3510-8052-b4c04f4d5a31";
        assert_eq!(
            Target::parse("/boot/ipxe", Some(&format!("mac=52-54-00-ab-cd-ef&uuid={uuid}"))),
            Some(Target::Script {
                mac: MAC,
                uuid: Some(uuid.parse().unwrap()),
                entry: None,
            })
        );
        assert_eq!(
            Target::parse("/boot//files//vmlinuz", None),
            AskedName::parse("vmlinuz").map(Target::File)
        );
        assert_eq!(
            Target::parse("/boot/image/52-54-00-ab-cd-ef.img", None),
            Some(Target::Image(MAC))
        );
        for (path, query) in [
            ("/", None),
            ("/boot/ipxe", None),
            ("/boot/ipxe", Some("mac=")),
            ("/boot/ipxe", Some("mac=52-54-00-ab-cd-ef&entry=")),
            ("/boot/ipxe", Some("mac=52-54-00-ab-cd-ef&entry=a%20b")),
            ("/boot/ipxe", Some("mac=ff:ff:ff:ff:ff:ff")),
            ("/boot/image/52-54-00-ab-cd-ef", None),
            ("/boot/image/ff-ff-ff-ff-ff-ff.img", None),
            ("/boot/files/", None),
            ("/boot/files/../tls/key", None),
            ("/boot/files/%2e%2e/key", None),
            ("/etc/passwd", None),
        ] {
            assert_eq!(Target::parse(path, query), None, "{path} {query:?}");
        }
    }

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        for (text, expected) in [
            ("bytes=0-9", Part::Range { first: 0, last: 9 }),
            ("bytes=90-", Part::Range { first: 90, last: 99 }),
            ("bytes=90-1000", Part::Range { first: 90, last: 99 }),
            ("bytes=-10", Part::Range { first: 90, last: 99 }),
            ("bytes=-1000", Part::Range { first: 0, last: 99 }),
            ("bytes=100-", Part::Unsatisfiable),
            ("bytes=-0", Part::Unsatisfiable),
            ("bytes=9-1", Part::Whole),
            ("bytes=0-1,5-6", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=5-x", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("lines=1-2", Part::Whole),
            ("bytes=99999999999999999999-", Part::Whole),
        ] {
            assert_eq!(Part::parse(Some(text), 100), expected, "{text}");
        }
        assert_eq!(Part::parse(None, 0), Part::Whole);
        assert_eq!(Part::parse(Some("bytes=0-"), 0), Part::Unsatisfiable);
    }

    proptest! {
        #[test]
        fn no_range_reaches_outside_the_file(text in "bytes=[0-9 ]{0,21}-[0-9 ]{0,21}", len: u64) {
            if let Some((offset, count)) = Part::parse(Some(&text), len).span(len) {
                prop_assert!(offset.checked_add(count).is_some_and(|end| end <= len));
            }
        }

        #[test]
        fn any_target_is_survived(path in ".{0,100}", query in ".{0,100}") {
            let _ = Target::parse(&path, Some(&query));
        }
    }
}
