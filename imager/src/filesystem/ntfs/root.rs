//! The root folder: the few files there whose contents no master needs.
//!
//! ```text
//! $INDEX_ROOT ("$I30") value: 0x10  header of a node
//! $INDEX_ALLOCATION block: "INDX" record, 0x18  header of a node
//! node header: 0x00  offset of the first entry, from here · 0x04  end of the entries, from here
//! entry: 0x00  reference of the file · 0x08  length of the entry · 0x0A  length of the key · 0x0C  flags, 2 = last
//!        0x10  key: a $FILE_NAME: 0x00 parent · 0x40 length of the name in units · 0x42 name
//! ```
//! The tree's order is not used: every block is looked at.

use super::{
    record::{Record, TYPE_FILE_NAME, TYPE_INDEX_ALLOCATION, TYPE_INDEX_ROOT, record_number},
    state::utf16,
    table::{Table, read_stream},
};
use crate::filesystem::{Volume, volume::field};

const RECORD_ROOT: u64 = 5;
/// "$I30" in UTF-16.
const INDEX_NAME: &[u8] = b"$\0I\x003\x000\0";
/// Most bytes of the root's index that are looked at.
const INDEX_BYTES_MAX: u64 = 16 << 20;

/// Records of the files in the root that have these names, whatever their case.
pub(super) fn find(table: &Table, volume: &Volume<'_>, names: &[&str]) -> Result<Vec<(usize, u64)>, String> {
    let mut found = Vec::new();
    let index = table
        .stream(volume, RECORD_ROOT, TYPE_INDEX_ROOT, INDEX_NAME)?
        .and_then(|stream| stream.value);
    let index = index.ok_or("the root folder has no index")?;
    let block_bytes = usize::try_from(field::le32(&index, 8)).unwrap_or(0);
    scan_node(index.get(0x10..).unwrap_or_default(), names, &mut found);
    let Some(blocks) = table.stream(volume, RECORD_ROOT, TYPE_INDEX_ALLOCATION, INDEX_NAME)? else {
        return Ok(found);
    };
    if !block_bytes.is_power_of_two() || !(512..=65536).contains(&block_bytes) {
        return Err("the root folder's index has absurd blocks".into());
    }
    let length = blocks.length_bytes.min(INDEX_BYTES_MAX);
    for offset in (0..length).step_by(block_bytes) {
        let Ok(bytes) = read_stream(volume, &table.boot, &blocks.runs, offset, block_bytes) else {
            continue;
        };
        // Blocks that are not in use hold anything.
        let Ok(block) = Record::parse(bytes, b"INDX") else {
            continue;
        };
        scan_node(block.bytes().get(0x18..).unwrap_or_default(), names, &mut found);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Whether a record is still the file of that name in the root: the index may be older than the record.
pub(super) fn is_named(table: &Table, volume: &Volume<'_>, number: u64, name: &str) -> bool {
    table.record(volume, number).is_ok_and(|record| {
        record.is_in_use()
            && record.base() == 0
            && record
                .attributes()
                .filter(|attribute| attribute.kind() == TYPE_FILE_NAME)
                .any(|attribute| {
                    attribute.value().is_some_and(|value| {
                        record_number(field::le64(value, 0)) == RECORD_ROOT
                            && file_name(value).is_some_and(|own| own.eq_ignore_ascii_case(name))
                    })
                })
    })
}

fn scan_node(node: &[u8], names: &[&str], found: &mut Vec<(usize, u64)>) {
    let end = usize::try_from(field::le32(node, 4))
        .unwrap_or(usize::MAX)
        .min(node.len());
    let mut at = usize::try_from(field::le32(node, 0)).unwrap_or(usize::MAX);
    while let Some(entry) = node.get(at..end).filter(|entry| entry.len() >= 0x10) {
        let length = usize::from(field::le16(entry, 8));
        if length < 0x10 || length > entry.len() || field::le16(entry, 0x0C) & 2 != 0 {
            break;
        }
        if let Some(name) = entry.get(0x10..length).and_then(file_name)
            && let Some(index) = names.iter().position(|wanted| name.eq_ignore_ascii_case(wanted))
        {
            found.push((index, record_number(field::le64(entry, 0))));
        }
        at += length;
    }
}

fn file_name(key: &[u8]) -> Option<String> {
    let units = usize::from(*key.get(0x40)?);
    Some(utf16(key.get(0x42..0x42 + 2 * units)?))
}
