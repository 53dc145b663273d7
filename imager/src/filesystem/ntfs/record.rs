//! MFT records, their attributes, and where an attribute's clusters are.
//!
//! ```text
//! Record                                    Attribute
//! offset size  meaning                      offset size  meaning
//!   0x00    4  "FILE" ("INDX" for an index)   0x00    4  type; 0xFFFFFFFF ends the record
//!   0x04    2  offset of the fixups           0x04    4  length
//!   0x06    2  their number: 1 + 512-byte     0x08    1  1 = its clusters lie outside of the record
//!              blocks of the record           0x09    1  length of its name in UTF-16 units
//!   0x14    2  offset of the first attribute  0x0A    2  offset of its name
//!   0x16    2  flags: 1 in use, 2 directory   0x0C    2  flags: 0xFF compressed, 0x4000 encrypted, 0x8000 sparse
//!   0x18    4  bytes in use                   inside:  0x10  4  length · 0x14  2  offset of the value
//!   0x20    8  base record, 0 = itself        outside: 0x10  8  first cluster of the file · 0x18  8  last one
//!                                                      0x22  2  compression unit: 2^n clusters
//!                                                      0x20  2  offset of the runs · 0x30  8  length in bytes
//!                                                      0x38  8  bytes that were ever written
//! Fixups: the last two bytes of each 512-byte block hold the first fixup; the others are what belongs there.
//! Run: a byte with the sizes of length (low nibble) and of distance (high nibble, 0 = a hole); then both, little-endian,
//!      the distance signed, from the run before. A zero byte ends the runs.
//! ```
//! Source: ntfs-3g `include/ntfs-3g/layout.h`, `libntfs-3g/runlist.c`, `mst.c`.

use super::Boot;
use crate::filesystem::volume::field;

/// $ATTRIBUTE_LIST.
pub(super) const TYPE_ATTRIBUTE_LIST: u32 = 0x20;
/// $FILE_NAME.
pub(super) const TYPE_FILE_NAME: u32 = 0x30;
/// $VOLUME_NAME.
pub(super) const TYPE_VOLUME_NAME: u32 = 0x60;
/// $VOLUME_INFORMATION.
pub(super) const TYPE_VOLUME_INFORMATION: u32 = 0x70;
/// $DATA.
pub(super) const TYPE_DATA: u32 = 0x80;
/// $INDEX_ROOT.
pub(super) const TYPE_INDEX_ROOT: u32 = 0x90;
/// $INDEX_ALLOCATION.
pub(super) const TYPE_INDEX_ALLOCATION: u32 = 0xA0;

const FLAG_IN_USE: u16 = 1;
const BLOCK_BYTES: usize = 512;

/// Clusters in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClusterRun {
    /// First cluster within the attribute.
    pub logical: u64,
    /// First cluster of the volume.
    pub physical: u64,
    pub count: u64,
}

/// A record whose fixups were right and are undone.
pub(super) struct Record(Vec<u8>);

impl Record {
    /// Undoes the fixups; the error says what is wrong.
    pub(super) fn parse(mut bytes: Vec<u8>, magic: &[u8; 4]) -> Result<Self, String> {
        if bytes.get(..4) != Some(magic.as_slice()) {
            return Err(format!("no {} record", String::from_utf8_lossy(magic)));
        }
        let offset = usize::from(field::le16(&bytes, 0x04));
        let count = usize::from(field::le16(&bytes, 0x06));
        let blocks = bytes.len() / BLOCK_BYTES;
        if count != blocks + 1 || offset + 2 * count > BLOCK_BYTES - 2 || offset % 2 != 0 {
            return Err("a record's fixups are nonsense".into());
        }
        let expected = [bytes[offset], bytes[offset + 1]];
        for block in 0..blocks {
            let end = (block + 1) * BLOCK_BYTES;
            if bytes[end - 2..end] != expected {
                return Err("a record was written only in part".into());
            }
            let fixup = offset + 2 * (block + 1);
            let right = [bytes[fixup], bytes[fixup + 1]];
            bytes[end - 2..end].copy_from_slice(&right);
        }
        Ok(Self(bytes))
    }

    pub(super) fn is_in_use(&self) -> bool {
        field::le16(&self.0, 0x16) & FLAG_IN_USE != 0
    }

    /// The record this one extends; 0 if it is a file's own.
    pub(super) fn base(&self) -> u64 {
        record_number(field::le64(&self.0, 0x20))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its attributes; ends at the first that does not fit.
    pub(super) fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> {
        let end = usize::try_from(field::le32(&self.0, 0x18))
            .unwrap_or(usize::MAX)
            .min(self.0.len());
        let mut at = usize::from(field::le16(&self.0, 0x14));
        std::iter::from_fn(move || {
            let rest = self.0.get(at..end)?;
            let length = usize::try_from(field::le32(rest, 4)).unwrap_or(usize::MAX);
            if rest.len() < 24 || field::le32(rest, 0) == u32::MAX || length < 24 || length > rest.len() {
                return None;
            }
            at += length;
            Some(Attribute(&rest[..length]))
        })
    }

    /// The first attribute of a type and a name.
    pub(super) fn attribute(&self, kind: u32, name: &[u8]) -> Option<Attribute<'_>> {
        self.attributes()
            .find(|attribute| attribute.kind() == kind && attribute.name() == name)
    }
}

/// An attribute of a record.
#[derive(Clone, Copy)]
pub(super) struct Attribute<'a>(&'a [u8]);

impl<'a> Attribute<'a> {
    pub(super) fn kind(&self) -> u32 {
        field::le32(self.0, 0)
    }

    pub(super) fn is_outside(&self) -> bool {
        self.0[8] != 0
    }

    /// Its name in UTF-16, empty if it has none.
    pub(super) fn name(&self) -> &'a [u8] {
        let start = usize::from(field::le16(self.0, 0x0A));
        self.0
            .get(start..start + 2 * usize::from(self.0[9]))
            .unwrap_or_default()
    }

    /// Compressed or encrypted: what its clusters hold is not what a file holds.
    pub(super) fn is_transformed(&self) -> bool {
        field::le16(self.0, 0x0C) & 0x40FF != 0
    }

    pub(super) fn is_encrypted(&self) -> bool {
        field::le16(self.0, 0x0C) & 0x4000 != 0
    }

    /// Clusters that are compressed together; 0 if it is not compressed.
    pub(super) fn unit_clusters(&self) -> u64 {
        if field::le16(self.0, 0x0C) & 0xFF == 0 || !self.is_outside() {
            return 0;
        }
        1u64.checked_shl(u32::from(field::le16(self.0, 0x22)))
            .unwrap_or(0)
    }

    /// The value, if it is in the record.
    pub(super) fn value(&self) -> Option<&'a [u8]> {
        if self.is_outside() {
            return None;
        }
        let start = usize::from(field::le16(self.0, 0x14));
        let length = usize::try_from(field::le32(self.0, 0x10)).ok()?;
        self.0.get(start..start.checked_add(length)?)
    }

    /// First cluster within the attribute that its runs describe.
    pub(super) fn first_cluster(&self) -> u64 {
        field::le64(self.0, 0x10)
    }

    /// Length in bytes, and how much of it was ever written.
    pub(super) fn lengths(&self) -> (u64, u64) {
        if self.is_outside() {
            (field::le64(self.0, 0x30), field::le64(self.0, 0x38))
        } else {
            let length = u64::from(field::le32(self.0, 0x10));
            (length, length)
        }
    }

    /// Its runs, without holes; the error says what is wrong.
    pub(super) fn runs(&self, boot: &Boot) -> Result<Vec<ClusterRun>, String> {
        let start = usize::from(field::le16(self.0, 0x20));
        if !self.is_outside() || start < 0x40 {
            return Err("an attribute without runs".into());
        }
        let mut rest = self.0.get(start..).ok_or("runs outside their attribute")?;
        let mut logical = self.first_cluster();
        let mut physical = 0i64;
        let mut runs = Vec::new();
        while let Some((&sizes, tail)) = rest.split_first().filter(|(sizes, _)| **sizes != 0) {
            let (length_size, distance_size) = (usize::from(sizes & 15), usize::from(sizes >> 4));
            if length_size == 0
                || length_size > 8
                || distance_size > 8
                || tail.len() < length_size + distance_size
            {
                return Err("a damaged run".into());
            }
            let count = u64::try_from(signed(&tail[..length_size]))
                .ok()
                .filter(|count| *count > 0);
            let count = count.ok_or("a run of no length")?;
            if distance_size > 0 {
                physical = physical
                    .checked_add(signed(&tail[length_size..length_size + distance_size]))
                    .ok_or("a run beyond any volume")?;
                let first = u64::try_from(physical).map_err(|_| "a run before the volume")?;
                if first
                    .checked_add(count)
                    .is_none_or(|end| end > boot.cluster_count)
                {
                    return Err("a run beyond the volume".into());
                }
                runs.push(ClusterRun {
                    logical,
                    physical: first,
                    count,
                });
            }
            logical = logical.checked_add(count).ok_or("a file beyond any length")?;
            rest = &tail[length_size + distance_size..];
        }
        Ok(runs)
    }
}

/// The record's number in a reference; the rest counts how often it was used anew.
pub(super) fn record_number(reference: u64) -> u64 {
    reference & 0xFFFF_FFFF_FFFF
}

/// A little-endian number of one to eight bytes, signed.
fn signed(bytes: &[u8]) -> i64 {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut wide = if negative { [0xFF; 8] } else { [0; 8] };
    wide[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(wide)
}
