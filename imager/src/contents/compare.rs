//! What differs between two trees, by file.

use super::walk::{Going, Step, show_path, walk};
use crate::{
    disk::ReadAt,
    error::Result,
    filesystem::{FileTree, Metadata, NodeId, NodeKind},
};
use serde::Serialize;
use std::collections::BTreeMap;

const BUFFER_BYTES: u64 = 1 << 20;

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Differences {
    /// Only in the second.
    pub added: Vec<String>,
    /// Only in the first.
    pub removed: Vec<String>,
    /// In both, with another kind, length, target or other bytes.
    pub changed: Vec<String>,
    /// In both and the same.
    pub same: u64,
    /// What could not be read, in either.
    pub problems: Vec<String>,
}

/// Compares everything below two folders. Files of the same length and the same time of change count as the same, unless
/// `contents` asks for every byte; files of the same length and another time are read and compared.
///
/// # Errors
/// None today: what cannot be read is among the problems, and the file counts as changed.
pub fn compare(
    (first, first_start): (&dyn FileTree, NodeId),
    (second, second_start): (&dyn FileTree, NodeId),
    contents: bool,
) -> Result<Differences> {
    let mut found = Differences::default();
    let mut known: BTreeMap<Vec<u8>, (NodeId, Metadata)> = BTreeMap::new();
    walk(first, first_start, &mut |step| {
        match step {
            Step::Node { path, node, metadata } => {
                known.insert(path.to_vec(), (node, metadata));
            }
            Step::Problem { path, error } => found.problems.push(format!("{path}: {}", error.chain())),
        }
        Ok(Going::On)
    })?;
    walk(second, second_start, &mut |step| {
        match step {
            Step::Node { path, node, metadata } => match known.remove(path) {
                None => found.added.push(show_path(path)),
                Some(old) => {
                    let same = is_same((first, old), (second, (node, metadata)), contents);
                    match same {
                        Ok(true) => found.same += 1,
                        Ok(false) => found.changed.push(show_path(path)),
                        Err(error) => {
                            found.changed.push(show_path(path));
                            found
                                .problems
                                .push(format!("{}: {}", show_path(path), error.chain()));
                        }
                    }
                }
            },
            Step::Problem { path, error } => found.problems.push(format!("{path}: {}", error.chain())),
        }
        Ok(Going::On)
    })?;
    found.removed = known.keys().map(|path| show_path(path)).collect();
    found.added.sort_unstable();
    found.changed.sort_unstable();
    Ok(found)
}

type Found<'a> = (&'a dyn FileTree, (NodeId, Metadata));

fn is_same(
    (first, (old, old_metadata)): Found<'_>,
    (second, (new, new_metadata)): Found<'_>,
    contents: bool,
) -> Result<bool> {
    if old_metadata.kind != new_metadata.kind || old_metadata.length_bytes != new_metadata.length_bytes {
        return Ok(false);
    }
    match new_metadata.kind {
        NodeKind::Folder | NodeKind::Special => Ok(true),
        NodeKind::Link => Ok(first.link_target(old)? == second.link_target(new)?),
        NodeKind::File => {
            let same_time = old_metadata.modified_unix_ms.is_some()
                && old_metadata.modified_unix_ms == new_metadata.modified_unix_ms;
            if same_time && !contents {
                return Ok(true);
            }
            have_same_bytes(&*first.open(old)?, &*second.open(new)?)
        }
    }
}

fn have_same_bytes(first: &dyn ReadAt, second: &dyn ReadAt) -> Result<bool> {
    if first.len() != second.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < first.len() {
        // Where both have a hole there is nothing to compare.
        let next = |file: &dyn ReadAt| file.next_data(at).map_or(file.len(), |data| data.start);
        at = at.max(next(first).min(next(second)));
        let length = BUFFER_BYTES.min(first.len() - at);
        for (file, buffer) in [(first, &mut one), (second, &mut other)] {
            buffer.resize(usize::try_from(length).unwrap_or(0), 0);
            file.read_exact_at(buffer, at)?;
        }
        if one != other {
            return Ok(false);
        }
        at += length;
    }
    Ok(true)
}
