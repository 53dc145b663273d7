//! The manifest: what a master's disk holds, from its first byte to its last.
//!
//! A manifest is a signed [`Root`] and the [`Segment`]s that the root names by their BLAKE3 hash. Segments follow each
//! other in the order of the disk; so do the entries in a segment. An entry says of a range of bytes what it is, so a
//! restore needs no knowledge of any filesystem. Byte tables: [`segment`] and [`SignedRoot`]; the JSON of the root is
//! documented in `docs/formats/manifest.md`.

mod root;
mod segment;

pub use root::{
    ByteRange, PartitionNote, PartitionState, Root, SegmentRef, SignedRoot, TableKind, Unreadable,
};
pub use segment::{Entry, EntryKind, Segment, SegmentId};

/// A manifest that cannot be what it claims.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The first bytes are not those of the format.
    #[error("{0} does not begin with its magic; it is damaged or no {0} at all")]
    Magic(&'static str),
    /// The format's version is not one that this program reads.
    #[error("{what} has format version {found}, this program reads version {read}")]
    Version {
        /// Which of the formats.
        what: &'static str,
        /// The version that stands there.
        found: u16,
        /// The version that we read.
        read: u16,
    },
    /// The bytes contradict themselves.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// Which of the formats.
        what: &'static str,
        /// Where it contradicts itself.
        why: &'static str,
    },
}

/// Longest chunk, and most plain bytes of a frame.
pub const MAX_CHUNK_LEN: u32 = 1 << 20;

#[cfg(test)]
mod tests;
