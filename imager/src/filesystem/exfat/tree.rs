//! Folders and files of exFAT.
//!
//! ```text
//! A node is named by the place of its entry (kind 85) in the partition, a multiple of 32, plus 1 if the clusters of the
//! folder it stands in follow each other: what its entry set goes on with is found without knowing the folder.
//!
//! Entry 85, beside what directory.rs says         Entry C0
//! offset size  meaning                            offset size  meaning
//!      8    4  made: time u16, date u16                8    8  bytes that were written: behind them zeros
//!     12    4  changed: time u16, date u16            24    8  length
//!     20    2  10 ms to add to each
//!     22    2  time zone of each: 0x80 valid · 7 bits, quarters of an hour east of UTC
//! ```

use super::{
    Boot,
    directory::{ClusterRun, Stream, entry_of, root_runs},
};
use crate::{
    disk::ReadAt,
    error::Result,
    filesystem::{
        Volume,
        fat::{is_same_ignoring_case, unix_ms},
        tree::{DirectoryEntry, FileRun, FileTree, Metadata, NodeId, NodeKind, RunFile, damaged, not_a},
        volume::field,
    },
};
use std::ops::ControlFlow;

const ROOT: NodeId = NodeId(0);
const ENTRY_BYTES: u64 = 32;
/// A directory may not be longer (specification, section 7.6.7).
const FOLDER_BYTES_MAX: u64 = 256 << 20;

/// The folders and files of one exFAT filesystem.
struct ExfatTree<'a> {
    volume: Volume<'a>,
    boot: Boot,
}

/// Opens the tree; the error says in words why it cannot be.
pub(in crate::filesystem) fn open_tree(
    volume: Volume<'_>,
) -> std::result::Result<Box<dyn FileTree + '_>, String> {
    let boot = Boot::read(&volume)?;
    Ok(Box::new(ExfatTree { volume, boot }))
}

impl ExfatTree<'_> {
    /// The entries of a file or folder: its own, its contents', its name's.
    fn set(&self, node: NodeId) -> Result<Vec<u8>> {
        let (mut place, is_contiguous) = (node.0 & !(ENTRY_BYTES - 1), node.0 & 1 == 1);
        let mut set = self.entry(place)?;
        if set[0] != 0x85 {
            return Err(damaged("no file is there"));
        }
        for _ in 0..set[1] {
            place = self.next_place(place, is_contiguous)?;
            set.extend_from_slice(&self.entry(place)?);
        }
        Ok(set)
    }

    fn entry(&self, place: u64) -> Result<Vec<u8>> {
        self.volume.read(place, 32).map_err(damaged)
    }

    /// Where the entry behind another stands.
    fn next_place(&self, place: u64, is_contiguous: bool) -> Result<u64> {
        let outside = || damaged("a place outside the clusters");
        let in_heap = place.checked_sub(self.boot.heap_start).ok_or_else(outside)?;
        let next = place + ENTRY_BYTES;
        if is_contiguous || !(in_heap + ENTRY_BYTES).is_multiple_of(self.boot.cluster_bytes) {
            return Ok(next);
        }
        let cluster = u32::try_from(in_heap / self.boot.cluster_bytes + 2).map_err(|_| outside())?;
        if !self.boot.has_clusters(cluster, 1) {
            return Err(outside());
        }
        let next = self.boot.next(&self.volume, cluster).map_err(damaged)?;
        next.map(|next| self.boot.cluster_offset(next))
            .ok_or_else(|| damaged("a folder ends within an entry"))
    }

    /// What stands there: folder or file, and where its contents are.
    fn contents(&self, node: NodeId) -> Result<(NodeKind, Stream, Vec<u8>)> {
        let set = self.set(node)?;
        let entry = entry_of(&set).ok_or_else(|| damaged("an entry's checksum is wrong"))?;
        let kind = if entry.is_directory {
            NodeKind::Folder
        } else {
            NodeKind::File
        };
        Ok((kind, entry.stream, set))
    }

    fn folder_runs(&self, folder: NodeId) -> Result<(Vec<ClusterRun>, bool)> {
        if folder == ROOT {
            return Ok((root_runs(&self.volume, &self.boot).map_err(damaged)?, false));
        }
        let (kind, stream, _) = self.contents(folder)?;
        if kind != NodeKind::Folder {
            return Err(not_a("folder"));
        }
        Ok((self.runs(&stream)?, stream.is_contiguous))
    }

    fn runs(&self, stream: &Stream) -> Result<Vec<ClusterRun>> {
        let mut clusters_left = u64::from(self.boot.cluster_count);
        stream
            .runs(&self.volume, &self.boot, &mut clusters_left)
            .map_err(damaged)
    }
}

impl FileTree for ExfatTree<'_> {
    fn root(&self) -> NodeId {
        ROOT
    }

    fn metadata(&self, node: NodeId) -> Result<Metadata> {
        if node == ROOT {
            return Ok(Metadata::BARE_FOLDER);
        }
        let (kind, stream, set) = self.contents(node)?;
        Ok(Metadata {
            kind,
            length_bytes: if kind == NodeKind::File {
                stream.length_bytes
            } else {
                0
            },
            mode: None,
            owner: None,
            modified_unix_ms: time_of(&set, 12, 21, 23),
            created_unix_ms: time_of(&set, 8, 20, 22),
        })
    }

    fn list(&self, folder: NodeId, visit: &mut dyn FnMut(DirectoryEntry) -> ControlFlow<()>) -> Result<()> {
        let (runs, is_contiguous) = self.folder_runs(folder)?;
        let mut left = FOLDER_BYTES_MAX / ENTRY_BYTES;
        // Entries of one set that are still to come belong to it, wherever they stand.
        let mut waiting = 0u8;
        for run in runs {
            let start = self.boot.cluster_offset(run.first);
            for place in (start..start + run.count * self.boot.cluster_bytes).step_by(32) {
                left = left
                    .checked_sub(1)
                    .ok_or_else(|| damaged("a folder is too long"))?;
                let entry = self.entry(place)?;
                if entry[0] == 0 {
                    return Ok(());
                }
                if waiting > 0 && entry[0] >= 0xC0 {
                    waiting -= 1;
                    continue;
                }
                waiting = 0;
                if entry[0] != 0x85 {
                    continue;
                }
                waiting = entry[1];
                let node = NodeId(place | u64::from(is_contiguous));
                let name = self.set(node)?;
                if visit(DirectoryEntry {
                    name: name_of(&name),
                    node,
                })
                .is_break()
                {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>> {
        if file == ROOT {
            return Err(not_a("file"));
        }
        let (kind, stream, set) = self.contents(file)?;
        if kind != NodeKind::File {
            return Err(not_a("file"));
        }
        let written = field::le64(&set, 32 + 8).min(stream.length_bytes);
        let (mut runs, mut logical) = (Vec::new(), 0);
        for run in self.runs(&stream)? {
            let length = (run.count * self.boot.cluster_bytes).min(written - logical);
            runs.push(FileRun {
                logical,
                physical: self.volume.place().start + self.boot.cluster_offset(run.first),
                length,
            });
            logical += length;
        }
        Ok(Box::new(RunFile::new(
            self.volume.disk(),
            runs,
            stream.length_bytes,
        )))
    }

    fn link_target(&self, _: NodeId) -> Result<Vec<u8>> {
        Err(not_a("link"))
    }

    fn is_same_name(&self, one: &[u8], other: &[u8]) -> bool {
        is_same_ignoring_case(one, other)
    }
}

fn name_of(set: &[u8]) -> Vec<u8> {
    let length = usize::from(set.get(32 + 3).copied().unwrap_or(0));
    let units: Vec<u16> = set
        .chunks_exact(32)
        .skip(2)
        .filter(|entry| entry[0] == 0xC1)
        .flat_map(|entry| (0..15).map(|index| field::le16(entry, 2 + 2 * index)))
        .take(length)
        .collect();
    String::from_utf16_lossy(&units).into_bytes()
}

fn time_of(set: &[u8], at: usize, tens_at: usize, zone_at: usize) -> Option<i64> {
    let local = unix_ms(field::le16(set, at + 2), field::le16(set, at))?;
    let zone = set.get(zone_at).copied().unwrap_or(0);
    // Seven bits with a sign.
    let quarters = if zone & 0x80 == 0 {
        0
    } else {
        i64::from((zone << 1).cast_signed() >> 1)
    };
    Some(local + i64::from(*set.get(tens_at)?) * 10 - quarters * 900_000)
}
