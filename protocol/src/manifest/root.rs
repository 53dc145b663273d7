//! The head of a manifest, and the envelope in which it travels and lies in a store.

use super::{ManifestError, SegmentId};
use crate::{id::MasterName, unit::ByteLen};
use serde::{Deserialize, Serialize};

/// The head of a manifest: everything about a master's version but the long list of what is where.
///
/// Its JSON text is the body of a [`SignedRoot`]. The segments' hashes stand in it, so its signature covers every byte
/// of the disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Root {
    /// The master.
    pub name: MasterName,
    /// Its version, from 1; given by the store at commit.
    pub version: u32,
    /// When it was committed, milliseconds since 1970 UTC; given by the store at commit.
    pub created_unix_ms: u64,
    /// The program that captured it, with its version.
    pub created_by: String,
    /// Bytes of the whole disk.
    pub disk_size: ByteLen,
    /// Logical sector size of the disk it was captured from (512 or 4096).
    pub sector_size: u32,
    /// How the disk is divided.
    pub table: TableKind,
    /// Ranges of the first partition table (protective MBR, GPT header and array; or the MBR). Written last.
    pub primary_table: Vec<ByteRange>,
    /// Ranges of the backup GPT. Written last but one.
    pub backup_table: Vec<ByteRange>,
    /// Bytes of the smallest disk that it can be put on: where the last partition ends, and on GPT the backup table.
    pub smallest_target: ByteLen,
    /// What lies in each partition, in the order of the disk.
    pub partitions: Vec<PartitionNote>,
    /// Bytes that filesystems use, or that are kept whole where none is understood.
    pub bytes_used: ByteLen,
    /// Entries of kind data.
    pub chunks: u64,
    /// Bytes of all entries of kind data.
    pub bytes_data: ByteLen,
    /// What a person should know: "unallocated space was left out".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What of the disk could not be read, if somebody asked to keep it all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<Unreadable>,
    /// The segments, in the order of the disk, covering it without a gap.
    pub segments: Vec<SegmentRef>,
}

/// A segment as its root names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRef {
    /// BLAKE3 hash of its bytes.
    pub id: SegmentId,
    /// Bytes of the disk that it covers.
    pub covers: ByteLen,
}

/// A range of bytes of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByteRange {
    /// First byte, from the start of the disk.
    pub start: u64,
    /// Bytes.
    pub length: u64,
}

impl ByteRange {
    /// The first byte behind it; saturating, for ranges that were not checked yet.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.length)
    }

    /// Whether any byte of `start..start+length` lies in it.
    #[must_use]
    pub fn overlaps(&self, start: u64, length: u64) -> bool {
        start < self.end() && self.start < start.saturating_add(length)
    }
}

/// What of a disk could not be read: zeros in whatever is restored. The segments have every range; this is for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Bytes in all.
    pub bytes: ByteLen,
    /// Ranges in all.
    pub range_count: u64,
    /// The first of the ranges, in the order of the disk; at most [`Unreadable::LISTED_MAX`].
    pub ranges: Vec<ByteRange>,
    /// Files in all that have a byte in one of them.
    pub file_count: u64,
    /// The first of the files, `2:/etc/fstab` being on partition 2; at most [`Unreadable::LISTED_MAX`].
    pub files: Vec<String>,
    /// Partitions whose files cannot be told, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Unreadable {
    /// Most ranges and most files that are listed.
    pub const LISTED_MAX: usize = 1000;
}

/// How a disk is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableKind {
    /// GUID partition table (UEFI 2.10 §5.3).
    Gpt,
    /// Master boot record.
    Mbr,
    /// Not at all: a filesystem on the bare disk, one partition, or something unknown.
    None,
}

/// What is known of one partition. For people and reports: a restore reads only `start`, `length` and `head`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionNote {
    /// Number in the table, from 1; 0 for the bare disk.
    pub number: u32,
    /// First byte on the disk.
    pub start: u64,
    /// Bytes.
    pub length: u64,
    /// The first bytes of it, without which nothing recognises or boots it: destroyed first, written late.
    pub head: ByteLen,
    /// Type as the table gives it: a GUID, or `0x83`.
    pub kind: String,
    /// Name in the table, if it has one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// The filesystem found (`ext4`, `fat32`, …), if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filesystem: Option<String>,
    /// How it was read.
    #[serde(flatten)]
    pub state: PartitionState,
}

/// How a partition was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum PartitionState {
    /// Only what the filesystem uses.
    Mapped {
        /// Bytes it uses.
        used: ByteLen,
    },
    /// Whole, because no map could be made.
    Raw {
        /// Why not.
        reason: String,
    },
}

impl Root {
    /// Format version of the JSON body, written as `format`.
    pub const VERSION: u16 = 1;

    /// Checks everything that can be checked without the segments, so that whoever reads a root may rely on it: the
    /// disk's size is the sum of the segments, every range lies on the disk, the sector size is one that exists.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), ManifestError> {
        let damaged = |why| ManifestError::Damaged {
            what: "manifest root",
            why,
        };
        if !matches!(self.sector_size, 512 | 4096) {
            return Err(damaged("its sector size is neither 512 nor 4096"));
        }
        let size = self.disk_size.get();
        if size == 0 || size > i64::MAX as u64 {
            return Err(damaged("its disk size is out of bounds"));
        }
        let mut covered = 0u64;
        for segment in &self.segments {
            if segment.covers.get() == 0 {
                return Err(damaged("a segment covers nothing"));
            }
            covered = covered
                .checked_add(segment.covers.get())
                .ok_or(damaged("its segments overflow"))?;
        }
        if covered != size {
            return Err(damaged("its segments do not cover the disk exactly"));
        }
        let inside = |start: u64, length: u64| start.checked_add(length).is_some_and(|end| end <= size);
        let mut table_bytes = 0u64;
        for range in self.primary_table.iter().chain(&self.backup_table) {
            if range.length == 0 || !inside(range.start, range.length) {
                return Err(damaged("a range of its partition table is not on the disk"));
            }
            table_bytes = table_bytes.saturating_add(range.length);
        }
        // A GPT of 128 entries has 34 sectors; 1024 entries of 4096-byte sectors still fit. More is an attack on memory.
        if table_bytes > 4 << 20 {
            return Err(damaged("its partition table is too long"));
        }
        if self.smallest_target.get() > size {
            return Err(damaged("its smallest target is larger than its disk"));
        }
        let lost = self.unreadable.iter().flat_map(|unreadable| &unreadable.ranges);
        if lost
            .into_iter()
            .any(|range| range.length == 0 || !inside(range.start, range.length))
        {
            return Err(damaged("a range that could not be read is not on the disk"));
        }
        for partition in &self.partitions {
            if !inside(partition.start, partition.length)
                || partition.head.get() > partition.length
                || partition.head.get() > 16 << 20
            {
                return Err(damaged("a partition is not on the disk"));
            }
        }
        Ok(())
    }

    /// Heads of the partitions, as ranges of the disk.
    pub fn heads(&self) -> impl Iterator<Item = ByteRange> + '_ {
        self.partitions
            .iter()
            .filter(|partition| partition.head.get() > 0)
            .map(|partition| ByteRange {
                start: partition.start,
                length: partition.head.get(),
            })
    }
}

/// A root as it is signed, stored and sent. All integers are little-endian.
///
/// | offset | size | meaning |
/// | --- | --- | --- |
/// | 0 | 8 | magic `AMRCROOT` |
/// | 8 | 2 | format version, 1 |
/// | 10 | 2 | reserved, 0 |
/// | 12 | 4 | length N of the body, at most 64 MiB |
/// | 16 | 32 | Ed25519 public key of the store that signed |
/// | 48 | 64 | Ed25519 signature (RFC 8032) over the bytes 0 to 48 and then the body |
/// | 112 | N | body: the JSON text of [`Root`], UTF-8 |
///
/// The key in the envelope only says who claims to have signed; whoever reads it compares it with the key he trusts.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedRoot {
    /// Who claims to have signed.
    pub public_key: [u8; 32],
    /// The signature over [`SignedRoot::signed_bytes`].
    pub signature: [u8; 64],
    /// The exact bytes of the JSON text.
    pub body: Vec<u8>,
}

const MAGIC: &[u8; 8] = b"AMRCROOT";
const VERSION: u16 = 1;
const WHAT: &str = "manifest root";

impl SignedRoot {
    /// Length of what stands before the body.
    pub const HEADER_LEN: usize = 112;
    /// Longest body.
    pub const MAX_BODY_LEN: usize = 64 << 20;

    /// What the signature covers: the header before the signature, then the body.
    #[must_use]
    pub fn signed_bytes(public_key: &[u8; 32], body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(48 + body.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(public_key);
        bytes.extend_from_slice(body);
        bytes
    }

    /// The bytes of the envelope.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Self::signed_bytes(&self.public_key, &[]);
        bytes[12..16].copy_from_slice(&u32::try_from(self.body.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&self.signature);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Reads an envelope. The signature is not checked here.
    ///
    /// # Errors
    /// The magic, the version, or a length that is not the bytes'.
    pub fn decode(bytes: &[u8]) -> Result<Self, ManifestError> {
        let damaged = |why| ManifestError::Damaged { what: WHAT, why };
        if bytes.get(..8).is_some_and(|magic| magic != MAGIC) {
            return Err(ManifestError::Magic(WHAT));
        }
        let (header, body) = bytes
            .split_first_chunk::<{ Self::HEADER_LEN }>()
            .ok_or(damaged("it is cut off in its header"))?;
        let version = u16::from_le_bytes([header[8], header[9]]);
        if version != VERSION {
            return Err(ManifestError::Version {
                what: WHAT,
                found: version,
                read: VERSION,
            });
        }
        let length = u32::from_le_bytes([header[12], header[13], header[14], header[15]]) as usize;
        if length != body.len() || length > Self::MAX_BODY_LEN {
            return Err(damaged("its length is not the one it names"));
        }
        let mut public_key = [0; 32];
        public_key.copy_from_slice(&header[16..48]);
        let mut signature = [0; 64];
        signature.copy_from_slice(&header[48..112]);
        Ok(Self {
            public_key,
            signature,
            body: body.to_vec(),
        })
    }
}

impl std::fmt::Debug for SignedRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedRoot")
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}
