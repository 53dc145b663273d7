//! One folder of one partition, for people and pages.

use super::{disk::MasterDisk, walk::show_path};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{self, FileTree, NodeId, NodeKind},
};
use serde::Serialize;
use std::ops::ControlFlow;

/// Most names of one folder that are listed.
const NAMES_MAX: usize = 1 << 20;

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The name; bytes that are no text are replaced, control characters escaped.
    pub name: String,
    /// What it is; `None` if it cannot be read.
    pub kind: Option<NodeKind>,
    /// Length of a file in bytes.
    pub bytes: u64,
    /// Permission bits, where the filesystem has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Owner, where the filesystem has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Group, where the filesystem has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// Last change, milliseconds since 1970 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_unix_ms: Option<i64>,
    /// Target of a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Opens the files of a partition by its number in the table (0: a disk without a table).
///
/// # Errors
/// There is no such partition, or nothing on it whose files are read.
pub fn open_partition<'a>(disk: &'a MasterDisk<'_>, number: u32) -> Result<Box<dyn FileTree + 'a>> {
    let root = disk.root();
    let partition = root.partitions.iter().find(|one| one.number == number);
    let partition = partition.ok_or_else(|| {
        let numbers: Vec<String> = root.partitions.iter().map(|one| one.number.to_string()).collect();
        Error::new(
            ErrorKind::Missing,
            format!("{}@{} has no partition {number}", root.name, root.version),
        )
        .with_remedy(format!("it has {}", numbers.join(", ")))
    })?;
    let end = partition.start.saturating_add(partition.length).min(disk.len());
    let others: Vec<_> = root
        .partitions
        .iter()
        .map(|one| one.start..one.start.saturating_add(one.length).min(disk.len()))
        .collect();
    filesystem::open_tree_among(disk, partition.start..end, &others).map_err(|error| {
        let message = format!("partition {number} of {}@{}", root.name, root.version);
        let remedy = error.remedy().unwrap_or_default().to_owned();
        Error::new(error.kind(), message)
            .with_source(Error::new(error.kind(), error.message()))
            .with_remedy(remedy)
    })
}

/// The names in a folder, sorted.
///
/// # Errors
/// It is no folder, or is damaged, or has more than a million names.
pub fn list(tree: &dyn FileTree, folder: NodeId) -> Result<Vec<Listed>> {
    let mut entries = Vec::new();
    tree.list(folder, &mut |entry| {
        entries.push(entry);
        if entries.len() <= NAMES_MAX {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    if entries.len() > NAMES_MAX {
        return Err(Error::new(
            ErrorKind::Refused,
            format!("the folder has more than {NAMES_MAX} names"),
        )
        .with_remedy("copy it out with `--to`"));
    }
    entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(entries
        .into_iter()
        .map(|entry| describe(tree, &entry.name, entry.node))
        .collect())
}

/// What is known of a node that has a name.
#[must_use]
pub fn describe(tree: &dyn FileTree, name: &[u8], node: NodeId) -> Listed {
    let mut listed = Listed {
        name: show_path(name),
        kind: None,
        bytes: 0,
        mode: None,
        uid: None,
        gid: None,
        modified_unix_ms: None,
        target: None,
        problem: None,
    };
    match tree.metadata(node) {
        Ok(metadata) => {
            listed.kind = Some(metadata.kind);
            listed.bytes = metadata.length_bytes;
            listed.mode = metadata.mode;
            listed.uid = metadata.owner.map(|(owner, _)| owner);
            listed.gid = metadata.owner.map(|(_, group)| group);
            listed.modified_unix_ms = metadata.modified_unix_ms;
            if metadata.kind == NodeKind::Link {
                match tree.link_target(node) {
                    Ok(target) => listed.target = Some(show_path(&target)),
                    Err(error) => listed.problem = Some(error.chain()),
                }
            }
        }
        Err(error) => listed.problem = Some(error.chain()),
    }
    listed
}
