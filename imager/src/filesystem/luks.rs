//! LUKS: an encrypted container, kept whole; what can be said of it without its key.
//!
//! ```text
//! big-endian
//! offset size  version 1            version 2
//!      0    6  "LUKS" BA BE         the same
//!      6    2  version
//!      8   32  cipher               8  length of the header
//!     24   48                       label
//!     40   32  mode of the cipher
//!    168   40  UUID as text         UUID as text
//! ```
//! Sources: LUKS1 On-Disk Format Specification 1.2.3 §2.1; LUKS2 On-Disk Format Specification 1.1.2 §2.1.

use super::{Kind, Mapping, Volume, volume::field};

/// Keeps a container whole and says what it is.
pub(super) fn map(volume: &Volume<'_>) -> Mapping {
    let mut mapping = Mapping::raw(
        Kind::Luks,
        "a LUKS container: what is free inside cannot be seen without its key",
    );
    let Ok(header) = volume.read(0, 512) else {
        return mapping;
    };
    let version = field::be16(&header, 6);
    mapping.uuid = field::text(&header[168..208]);
    let details = match version {
        1 => {
            let part = |start: usize| field::text(&header[start..start + 32]).unwrap_or_default();
            format!("LUKS 1, {}-{}", part(8), part(40))
        }
        2 => {
            mapping.label = field::text(&header[24..72]);
            "LUKS 2".to_owned()
        }
        other => format!("LUKS of the unknown version {other}"),
    };
    mapping.notes.push(format!(
        "{details}: all {} bytes are stored and do not compress, and every copy opens with the same keys; to make a small \
         master, install without encryption",
        volume.len()
    ));
    mapping
}
