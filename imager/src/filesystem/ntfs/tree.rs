//! Folders and files of an NTFS volume.
//!
//! ```text
//! A folder's index "$I30": see `root`. Which blocks of $INDEX_ALLOCATION are in use: $BITMAP (0xB0) of the same name.
//! $FILE_NAME, the key of an entry: 0x40  length of the name in units · 0x41  namespace (2 = DOS, beside a long one) · 0x42 name
//! $STANDARD_INFORMATION (0x10): 0x00 made, 0x08 changed: 100 ns since 1601 · 0x20  4  flags, 4 = system
//! $REPARSE_POINT (0xC0): 0x00  tag · 0x04  2  length · 0x08  data
//!   link 0xA000000C, junction 0xA0000003: 2 offset, 2 length of the target, the same of the target as shown; link: 4 flags;
//!   then UTF-16 · WSL link 0xA000001D: 4 version, then UTF-8
//!   0x80000017 compressed outside of the file (CompactOS), 0x80000013 deduplicated: contents that are not read
//! Links as Interix and ntfs-3g make them: a system file that begins with "IntxLNK" 01, then the target in UTF-16
//! ```
//! Source: ntfs-3g `include/ntfs-3g/layout.h`.

use super::{
    Boot,
    compressed::CompressedFile,
    record::{Record, TYPE_DATA, TYPE_INDEX_ALLOCATION, TYPE_INDEX_ROOT, record_number},
    state::utf16,
    table::{Stream, Table, read_stream},
};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{
        Volume,
        fat::is_same_ignoring_case,
        tree::{DirectoryEntry, FileRun, FileTree, Metadata, NodeId, NodeKind, RunFile, damaged, not_a},
        volume::field,
    },
};
use std::ops::ControlFlow;

const ROOT: NodeId = NodeId(5);
/// Records before this one are the filesystem's own.
const FIRST_FILE: u64 = 24;
const TYPE_STANDARD_INFORMATION: u32 = 0x10;
const TYPE_BITMAP: u32 = 0xB0;
const TYPE_REPARSE_POINT: u32 = 0xC0;
const NAMESPACE_DOS: u8 = 2;
const FLAG_FOLDER: u16 = 2;
const FLAG_SYSTEM: u32 = 4;
const INTERIX_LINK: &[u8] = b"IntxLNK\x01";
const INTERIX_BYTES_MAX: u64 = 8 + 2 * 4096;
/// "$I30" in UTF-16.
const INDEX_NAME: &[u8] = b"$\0I\x003\x000\0";
/// Most bytes of one folder's index.
const INDEX_BYTES_MAX: u64 = 1 << 30;

const TAG_LINK: u32 = 0xA000_000C;
const TAG_JUNCTION: u32 = 0xA000_0003;
const TAG_WSL_LINK: u32 = 0xA000_001D;
const TAG_COMPRESSED_OUTSIDE: u32 = 0x8000_0017;
const TAG_DEDUPLICATED: u32 = 0x8000_0013;

/// The folders and files of one NTFS volume.
struct NtfsTree<'a> {
    volume: Volume<'a>,
    table: Table,
}

/// Opens the tree; the error says in words why it cannot be.
pub(in crate::filesystem) fn open_tree(
    volume: Volume<'_>,
) -> std::result::Result<Box<dyn FileTree + '_>, String> {
    let boot = Boot::read(&volume)?;
    let table = Table::open(&volume, boot)?;
    Ok(Box::new(NtfsTree { volume, table }))
}

impl NtfsTree<'_> {
    fn record(&self, node: NodeId) -> Result<Record> {
        let record = self.table.record(&self.volume, node.0).map_err(damaged)?;
        if !record.is_in_use() || record.base() != 0 {
            return Err(Error::new(
                ErrorKind::Missing,
                format!("MFT record {} is no file", node.0),
            ));
        }
        Ok(record)
    }

    fn stream(&self, node: NodeId, kind: u32, name: &[u8]) -> Result<Option<Stream>> {
        self.table
            .stream(&self.volume, node.0, kind, name)
            .map_err(damaged)
    }

    /// All bytes of a small attribute.
    fn value(&self, node: NodeId, kind: u32, name: &[u8], bytes_max: u64) -> Result<Option<Vec<u8>>> {
        let Some(stream) = self.stream(node, kind, name)? else {
            return Ok(None);
        };
        if let Some(value) = stream.value {
            return Ok(Some(value));
        }
        if stream.length_bytes > bytes_max {
            return Err(damaged("an attribute of absurd length"));
        }
        let length = usize::try_from(stream.length_bytes).unwrap_or(0);
        read_stream(&self.volume, &self.table.boot, &stream.runs, 0, length)
            .map(Some)
            .map_err(damaged)
    }

    /// The tag and the data of a reparse point, if the node is one.
    fn reparse_point(&self, node: NodeId) -> Result<Option<(u32, Vec<u8>)>> {
        let value = self.value(node, TYPE_REPARSE_POINT, b"", 64 << 10)?;
        Ok(value.map(|value| {
            (
                field::le32(&value, 0),
                value.get(8..).unwrap_or_default().to_vec(),
            )
        }))
    }

    /// The target of a link that is a file of a special form, if the node is one.
    fn interix_link(&self, node: NodeId) -> Result<Option<Vec<u8>>> {
        let information = self.value(node, TYPE_STANDARD_INFORMATION, b"", 4096)?;
        if information.is_none_or(|bytes| field::le32(&bytes, 0x20) & FLAG_SYSTEM == 0) {
            return Ok(None);
        }
        let is_short =
            |stream: &Stream| stream.length_bytes <= INTERIX_BYTES_MAX && stream.unit_clusters == 0;
        if !self.stream(node, TYPE_DATA, b"")?.as_ref().is_some_and(is_short) {
            return Ok(None);
        }
        let value = self.value(node, TYPE_DATA, b"", INTERIX_BYTES_MAX)?;
        Ok(value.and_then(|value| Some(utf16(value.strip_prefix(INTERIX_LINK)?).into_bytes())))
    }

    fn kind(&self, node: NodeId, record: &Record) -> Result<NodeKind> {
        if let Some((TAG_LINK | TAG_JUNCTION | TAG_WSL_LINK, _)) = self.reparse_point(node)? {
            return Ok(NodeKind::Link);
        }
        Ok(if is_folder(record) {
            NodeKind::Folder
        } else if self.interix_link(node)?.is_some() {
            NodeKind::Link
        } else {
            NodeKind::File
        })
    }
}

impl FileTree for NtfsTree<'_> {
    fn root(&self) -> NodeId {
        ROOT
    }

    fn metadata(&self, node: NodeId) -> Result<Metadata> {
        let record = self.record(node)?;
        let kind = self.kind(node, &record)?;
        let times = self
            .value(node, TYPE_STANDARD_INFORMATION, b"", 4096)?
            .unwrap_or_default();
        let time = |at: usize| (times.len() >= at + 8).then(|| unix_ms(field::le64(&times, at)));
        Ok(Metadata {
            kind,
            length_bytes: match kind {
                NodeKind::File => self
                    .stream(node, TYPE_DATA, b"")?
                    .map_or(0, |stream| stream.length_bytes),
                NodeKind::Link => self.link_target(node)?.len() as u64,
                NodeKind::Folder | NodeKind::Special => 0,
            },
            mode: None,
            owner: None,
            modified_unix_ms: time(8),
            created_unix_ms: time(0),
        })
    }

    fn list(&self, folder: NodeId, visit: &mut dyn FnMut(DirectoryEntry) -> ControlFlow<()>) -> Result<()> {
        if !is_folder(&self.record(folder)?) {
            return Err(not_a("folder"));
        }
        let index = self
            .stream(folder, TYPE_INDEX_ROOT, INDEX_NAME)?
            .and_then(|stream| stream.value)
            .ok_or_else(|| damaged("a folder without an index"))?;
        if visit_node(index.get(0x10..).unwrap_or_default(), visit).is_break() {
            return Ok(());
        }
        let Some(blocks) = self.stream(folder, TYPE_INDEX_ALLOCATION, INDEX_NAME)? else {
            return Ok(());
        };
        let block_bytes = usize::try_from(field::le32(&index, 8)).unwrap_or(0);
        if !block_bytes.is_power_of_two() || !(512..=65536).contains(&block_bytes) {
            return Err(damaged("a folder's index has absurd blocks"));
        }
        let bitmap = self.value(folder, TYPE_BITMAP, INDEX_NAME, INDEX_BYTES_MAX / 4096)?;
        let in_use = |block: usize| match &bitmap {
            Some(bits) => bits
                .get(block / 8)
                .is_some_and(|byte| byte >> (block % 8) & 1 == 1),
            None => true,
        };
        let length = blocks.length_bytes.min(INDEX_BYTES_MAX);
        for (block, offset) in (0..length).step_by(block_bytes).enumerate() {
            if !in_use(block) {
                continue;
            }
            let bytes = read_stream(&self.volume, &self.table.boot, &blocks.runs, offset, block_bytes)
                .and_then(|bytes| Record::parse(bytes, b"INDX"))
                .map_err(damaged)?;
            if visit_node(bytes.bytes().get(0x18..).unwrap_or_default(), visit).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>> {
        let record = self.record(file)?;
        if is_folder(&record) {
            return Err(not_a("file"));
        }
        let not_read =
            |why: &str| Error::new(ErrorKind::Refused, format!("its contents are not read: {why}"));
        match self.reparse_point(file)? {
            Some((TAG_LINK | TAG_JUNCTION | TAG_WSL_LINK, _)) => return Err(not_a("file")),
            Some((TAG_COMPRESSED_OUTSIDE, _)) => return Err(not_read("compressed by CompactOS")),
            Some((TAG_DEDUPLICATED, _)) => return Err(not_read("deduplicated by Windows Server")),
            _ => {}
        }
        let Some(stream) = self.stream(file, TYPE_DATA, b"")? else {
            return Ok(Box::new(Vec::new()));
        };
        if stream.is_encrypted {
            return Err(not_read("encrypted (EFS); its key is not here"));
        }
        if let Some(value) = stream.value {
            return Ok(Box::new(value));
        }
        let (boot, place) = (&self.table.boot, self.volume.place().start);
        if stream.unit_clusters > 0 {
            let file = CompressedFile::new(self.volume.disk(), place, boot, stream).map_err(damaged)?;
            return Ok(Box::new(file));
        }
        // What was never written reads as zeros, whatever its clusters hold.
        let written = stream.initialized_bytes.min(stream.length_bytes);
        let runs = stream.runs.iter().filter_map(|run| {
            let logical = run.logical.saturating_mul(boot.cluster_bytes);
            Some(FileRun {
                logical,
                physical: place + run.physical * boot.cluster_bytes,
                length: (run.count * boot.cluster_bytes).min(written.checked_sub(logical)?),
            })
        });
        Ok(Box::new(RunFile::new(
            self.volume.disk(),
            runs.collect(),
            stream.length_bytes,
        )))
    }

    fn link_target(&self, link: NodeId) -> Result<Vec<u8>> {
        let names_at = match self.reparse_point(link)? {
            Some((TAG_WSL_LINK, data)) => return Ok(data.get(4..).unwrap_or_default().to_vec()),
            Some((TAG_LINK, data)) => (12, data),
            Some((TAG_JUNCTION, data)) => (8, data),
            _ => return self.interix_link(link)?.ok_or_else(|| not_a("link")),
        };
        let (start, data) = names_at;
        let name = |offset_at: usize| {
            let offset = start + usize::from(field::le16(&data, offset_at));
            let length = usize::from(field::le16(&data, offset_at + 2));
            data.get(offset..offset + length).map(utf16)
        };
        // As it is shown; else as the system follows it.
        let target = name(4)
            .filter(|shown| !shown.is_empty())
            .or_else(|| name(0))
            .ok_or_else(|| damaged("a link without a target"))?;
        Ok(target.trim_start_matches(r"\??\").replace('\\', "/").into_bytes())
    }

    fn is_same_name(&self, one: &[u8], other: &[u8]) -> bool {
        is_same_ignoring_case(one, other)
    }
}

fn is_folder(record: &Record) -> bool {
    field::le16(record.bytes(), 0x16) & FLAG_FOLDER != 0
}

/// Visits the names in one node of an index, but the short ones beside long ones and the filesystem's own files.
fn visit_node(node: &[u8], visit: &mut dyn FnMut(DirectoryEntry) -> ControlFlow<()>) -> ControlFlow<()> {
    let end = usize::try_from(field::le32(node, 4))
        .unwrap_or(usize::MAX)
        .min(node.len());
    let mut at = usize::try_from(field::le32(node, 0)).unwrap_or(usize::MAX);
    while let Some(entry) = node.get(at..end).filter(|entry| entry.len() >= 0x10) {
        let length = usize::from(field::le16(entry, 8));
        if length < 0x10 || length > entry.len() || field::le16(entry, 0x0C) & 2 != 0 {
            break;
        }
        let key = &entry[0x10..length];
        let number = record_number(field::le64(entry, 0));
        if let [units, namespace] = key.get(0x40..0x42).unwrap_or_default()
            && *namespace != NAMESPACE_DOS
            && number >= FIRST_FILE
            && let Some(name) = key.get(0x42..0x42 + 2 * usize::from(*units))
        {
            visit(DirectoryEntry {
                name: utf16(name).into_bytes(),
                node: NodeId(number),
            })?;
        }
        at += length;
    }
    ControlFlow::Continue(())
}

/// 100 ns since 1601 in milliseconds since 1970.
fn unix_ms(time: u64) -> i64 {
    i64::try_from(time / 10_000).unwrap_or(i64::MAX) - 11_644_473_600_000
}
