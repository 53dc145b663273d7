//! Label, header and metadata areas of an LVM2 physical volume.
//!
//! ```text
//! little-endian; sectors are 512 bytes whatever the disk has
//! Label, in one of the first four sectors          Metadata area header, one sector
//! offset size  meaning                              offset size  meaning
//!      0    8  "LABELONE"                                0    4  checksum of bytes 4 … 512
//!      8    8  the sector it stands in                   4   16  " LVM2 x[5A%r0N*>"
//!     16    4  checksum of bytes 20 … 512               20    4  version, 1
//!     20    4  offset of the header in this sector      24    8  where the area begins, from the start of the volume
//!     24    8  "LVM2 001"                               32    8  its length; the text runs in a ring behind the header
//!                                                       40    … text locations of 24 bytes: the committed one, then one
//! Header                                                         being committed; a length of 0 = none
//!      0   32  identity, 32 letters                         0  8  offset in the area · 8  8  length
//!     32    8  bytes of the volume                         16  4  checksum of the text · 20  4  flags, 1 = ignored
//!     40    …  data areas: offset 8, length 8 (0 = to the end); a pair of zeros ends them
//!      …    …  metadata areas likewise
//! Checksum: CRC-32 begun with 0xF597A6CF, not inverted at the end.
//! ```
//! Source: lvm2 `lib/format_text/layout.h`, `lib/label/label.h`, `lib/misc/crc.c`; pvck(8).

use crate::filesystem::{Volume, checksum::agrees, volume::field};

const SECTOR: usize = 512;
const LABEL_SECTORS: u64 = 4;
/// Most bytes of text that are read: metadata of thousands of logical volumes has a few MiB.
const TEXT_BYTES_MAX: u64 = 8 << 20;
const IGNORED: u32 = 1;

/// What the header of a physical volume says.
pub(super) struct Label {
    /// Identity: 32 letters, without the dashes it is printed with.
    pub id: String,
    /// Bytes of the volume.
    pub device_bytes: u64,
    /// Where the extents lie.
    pub data_offset: u64,
    metadata_areas: Vec<(u64, u64)>,
}

impl Label {
    /// Finds and checks the label; the error says, in words, what is wrong.
    pub(super) fn read(volume: &Volume<'_>) -> Result<Self, String> {
        for number in 0..LABEL_SECTORS {
            let Ok(sector) = volume.read(number * SECTOR as u64, SECTOR) else {
                continue;
            };
            if &sector[..8] != b"LABELONE" || &sector[24..32] != b"LVM2 001" {
                continue;
            }
            if field::le64(&sector, 8) != number || !agrees(checksum(&sector[20..]), field::le32(&sector, 16))
            {
                return Err("its label is damaged".into());
            }
            return Self::parse(&sector);
        }
        Err("it has no label".into())
    }

    fn parse(sector: &[u8]) -> Result<Self, String> {
        let start = usize::try_from(field::le32(sector, 20)).unwrap_or(usize::MAX);
        let header = sector
            .get(start..)
            .filter(|header| start >= 32 && header.len() >= 72);
        let header = header.ok_or("its header is outside of its label")?;
        let id = std::str::from_utf8(&header[..32])
            .ok()
            .filter(|id| id.bytes().all(|letter| letter.is_ascii_graphic()))
            .ok_or("its identity is no text")?;
        let mut rest = &header[40..];
        let mut areas = || {
            let mut found = Vec::new();
            while let Some((area, tail)) = rest.split_at_checked(16) {
                rest = tail;
                match (field::le64(area, 0), field::le64(area, 8)) {
                    (0, 0) => return Ok(found),
                    area => found.push(area),
                }
            }
            Err("its areas have no end")
        };
        let data = areas()?;
        let metadata_areas = areas()?;
        let [(data_offset, _)] = data.as_slice() else {
            return Err(format!("it has {} data areas", data.len()));
        };
        Ok(Self {
            id: id.to_owned(),
            device_bytes: field::le64(header, 32),
            data_offset: *data_offset,
            metadata_areas,
        })
    }

    /// The committed texts of all metadata areas in use.
    pub(super) fn texts(&self, volume: &Volume<'_>) -> Result<Vec<Vec<u8>>, String> {
        let mut texts = Vec::new();
        for (start, length) in &self.metadata_areas {
            texts.extend(read_area(volume, *start, *length)?);
        }
        Ok(texts)
    }

    /// Ends of the areas that must be kept whole, for a check.
    pub(super) fn metadata_areas(&self) -> &[(u64, u64)] {
        &self.metadata_areas
    }
}

fn read_area(volume: &Volume<'_>, start: u64, length: u64) -> Result<Option<Vec<u8>>, String> {
    let header = volume.read(start, SECTOR)?;
    if !agrees(checksum(&header[4..]), field::le32(&header, 0)) || &header[4..20] != b" LVM2 x[5A%r0N*>" {
        return Err("the header of a metadata area is damaged".into());
    }
    if field::le32(&header, 20) != 1
        || field::le64(&header, 24) != start
        || field::le64(&header, 32) != length
    {
        return Err("a metadata area is not where its header says".into());
    }
    let location = &header[40..64];
    let (offset, text_length) = (field::le64(location, 0), field::le64(location, 8));
    if text_length == 0 || field::le32(location, 20) & IGNORED != 0 {
        return Ok(None);
    }
    if field::le64(&header, 64 + 8) != 0 {
        return Err("its metadata was being changed".into());
    }
    let ring = SECTOR as u64..length;
    if !ring.contains(&offset) || text_length > ring.end - ring.start || text_length > TEXT_BYTES_MAX {
        return Err("its metadata is outside of its area".into());
    }
    let before_end = text_length.min(ring.end - offset);
    let place = start.checked_add(offset).ok_or("an area beyond any volume")?;
    let read = |at, length| volume.read(at, usize::try_from(length).unwrap_or(usize::MAX));
    let mut text = read(place, before_end)?;
    text.extend(read(start + ring.start, text_length - before_end)?);
    if !agrees(checksum(&text), field::le32(location, 16)) {
        return Err("the checksum of its metadata is wrong".into());
    }
    Ok(Some(text))
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(!0xF597_A6CF);
    hasher.update(bytes);
    !hasher.finalize()
}
