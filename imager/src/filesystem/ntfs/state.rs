//! Whether Windows left the volume at rest.
//!
//! ```text
//! $Volume (record 3), $VOLUME_INFORMATION: 0x08  version major, minor · 0x0A  flags: 1 dirty
//!
//! $LogFile (record 2): restart pages at 0 and at one page
//! offset size  meaning                         restart area, at the offset from 0x18
//!   0x00    4  "RSTR"; all FF = empty log        0x00  8  newest sequence number
//!   0x10    4  page size                         0x0C  2  client in use, 0xFFFF = none
//!   0x18    2  offset of the restart area        0x0E  2  flags: 2 = volume is clean
//!
//! hiberfil.sys in the root: "hibr" or "HIBR" = a system is stored there (hibernated, or fast startup)
//! ```
//! Source: ntfs-3g `libntfs-3g/logfile.c` (ntfs_is_logfile_clean) and `volume.c` (ntfs_volume_check_hiberfile).

use super::{
    record::{Record, TYPE_DATA, TYPE_VOLUME_INFORMATION, TYPE_VOLUME_NAME},
    table::{Stream, Table, read_stream},
};
use crate::filesystem::{Volume, volume::field};

const RECORD_LOG_FILE: u64 = 2;
const RECORD_VOLUME: u64 = 3;
const VOLUME_DIRTY: u16 = 1;
const NO_CLIENT: u16 = 0xFFFF;
const RESTART_CLEAN: u16 = 2;

/// What $Volume says.
pub(super) struct VolumeInformation {
    pub label: Option<String>,
    pub version: (u8, u8),
    pub is_dirty: bool,
}

/// Reads $Volume.
pub(super) fn read_volume_information(
    table: &Table,
    volume: &Volume<'_>,
) -> Result<VolumeInformation, String> {
    let record = table.record(volume, RECORD_VOLUME)?;
    let information = record
        .attribute(TYPE_VOLUME_INFORMATION, b"")
        .and_then(|attribute| attribute.value());
    let information = information
        .filter(|value| value.len() >= 12)
        .ok_or("$Volume has no information")?;
    let name = record
        .attribute(TYPE_VOLUME_NAME, b"")
        .and_then(|attribute| attribute.value());
    Ok(VolumeInformation {
        label: name.map(utf16).filter(|name| !name.is_empty()),
        version: (information[8], information[9]),
        is_dirty: field::le16(information, 10) & VOLUME_DIRTY != 0,
    })
}

/// Whether nothing in $LogFile waits to be replayed.
pub(super) fn log_is_clean(table: &Table, volume: &Volume<'_>) -> Result<bool, String> {
    let log = table
        .stream(volume, RECORD_LOG_FILE, TYPE_DATA, b"")?
        .ok_or("there is no $LogFile")?;
    let page = |offset: u64, length: usize| read_stream(volume, &table.boot, &log.runs, offset, length);
    let first = page(0, 4096)?;
    if first.iter().all(|byte| *byte == 0xFF) {
        return Ok(true);
    }
    let page_bytes = match field::le32(&first, 0x10) {
        size if &first[..4] == b"RSTR" && size.is_power_of_two() && (512..=65536).contains(&size) => size,
        _ => 4096,
    };
    let length = usize::try_from(page_bytes).map_err(|_| "page size")?;
    let newest = [0, u64::from(page_bytes)]
        .into_iter()
        .filter_map(|offset| RestartArea::parse(page(offset, length).ok()?))
        .max_by_key(|area| area.sequence);
    match newest {
        Some(area) => Ok(area.client_in_use == NO_CLIENT || area.flags & RESTART_CLEAN != 0),
        None => Err("$LogFile has no restart page".into()),
    }
}

struct RestartArea {
    sequence: u64,
    client_in_use: u16,
    flags: u16,
}

impl RestartArea {
    fn parse(page: Vec<u8>) -> Option<Self> {
        let record = Record::parse(page, b"RSTR").ok()?;
        let bytes = record.bytes();
        let area = bytes
            .get(usize::from(field::le16(bytes, 0x18))..)
            .filter(|area| area.len() >= 0x30)?;
        Some(Self {
            sequence: field::le64(area, 0),
            client_in_use: field::le16(area, 0x0C),
            flags: field::le16(area, 0x0E),
        })
    }
}

/// Whether hiberfil.sys holds a system.
pub(super) fn holds_a_system(
    table: &Table,
    volume: &Volume<'_>,
    hibernation: &Stream,
) -> Result<bool, String> {
    let head = match &hibernation.value {
        Some(value) => value.get(..4).unwrap_or_default().to_vec(),
        None if hibernation.initialized_bytes < 4 => Vec::new(),
        None => read_stream(volume, &table.boot, &hibernation.runs, 0, 4)?,
    };
    // A file too short for its header belongs to a system on another volume that is hibernated.
    Ok(matches!(head.as_slice(), b"hibr" | b"HIBR") || hibernation.length_bytes < 4096)
}

/// UTF-16 as text.
pub(super) fn utf16(bytes: &[u8]) -> String {
    let units = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}
