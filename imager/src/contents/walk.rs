//! Going through a folder and everything below it, on a filesystem that may lie.

use crate::{
    error::{Error, ErrorKind, Result},
    filesystem::{FileTree, Metadata, NodeId, NodeKind},
};
use std::{collections::HashSet, ops::ControlFlow};

/// Most names of one folder that are followed.
const NAMES_MAX: usize = 1 << 22;
/// Longest path in bytes.
const PATH_MAX: usize = 16 << 10;

/// What a walk comes by.
pub enum Step<'a> {
    /// A node, its path below the start with `/` between names.
    Node {
        /// Its path: never empty, no part of it is `.` or `..`.
        path: &'a [u8],
        /// Itself.
        node: NodeId,
        /// What is known of it.
        metadata: Metadata,
    },
    /// Something that cannot be gone into, or has a name that means something else.
    Problem {
        /// Where, as text.
        path: String,
        /// Why.
        error: Error,
    },
}

/// Where a walk goes after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Going {
    /// On, and into the folder if it was one.
    On,
    /// On, but not into this folder.
    Past,
    /// Nowhere.
    Stop,
}

/// Visits everything below a folder, folders before what is in them. Each folder is entered once,
/// however often it is named; names that no system could have (with `/`, empty, `..`) are problems.
///
/// # Errors
/// Those of `visit`. What the filesystem has wrong is a [`Step::Problem`].
pub fn walk(
    tree: &dyn FileTree,
    start: NodeId,
    visit: &mut dyn FnMut(Step<'_>) -> Result<Going>,
) -> Result<()> {
    let mut seen = HashSet::from([start]);
    let mut waiting = vec![(Vec::new(), start)];
    while let Some((path, folder)) = waiting.pop() {
        let mut names = Vec::new();
        let listed = tree.list(folder, &mut |entry| {
            names.push(entry);
            if names.len() < NAMES_MAX {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        if let Err(error) = listed {
            let path = show_path(&path);
            if visit(Step::Problem { path, error })? == Going::Stop {
                return Ok(());
            }
        }
        let first_folder = waiting.len();
        for entry in names {
            let own = join(&path, &entry.name);
            let mut is_folder = false;
            let step = match check_name(&entry.name, &own).and_then(|()| tree.metadata(entry.node)) {
                Ok(metadata) if metadata.kind == NodeKind::Folder && !seen.insert(entry.node) => {
                    Step::Problem {
                        path: show_path(&own),
                        error: Error::new(ErrorKind::Damaged, "this folder is in several places"),
                    }
                }
                Ok(metadata) => {
                    is_folder = metadata.kind == NodeKind::Folder;
                    Step::Node {
                        path: &own,
                        node: entry.node,
                        metadata,
                    }
                }
                Err(error) => Step::Problem {
                    path: show_path(&own),
                    error,
                },
            };
            match visit(step)? {
                Going::On if is_folder => waiting.push((own, entry.node)),
                Going::On | Going::Past => {}
                Going::Stop => return Ok(()),
            }
        }
        // The first folder next.
        waiting[first_folder..].reverse();
    }
    Ok(())
}

/// A path for people: what would disturb a terminal is escaped.
#[must_use]
pub fn show_path(path: &[u8]) -> String {
    String::from_utf8_lossy(path)
        .chars()
        .flat_map(|one| {
            let escaped = if one.is_control() {
                Some(one.escape_default())
            } else {
                None
            };
            let plain = if escaped.is_none() { Some(one) } else { None };
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() {
        return name.to_vec();
    }
    [path, b"/", name].concat()
}

/// Whether a name names something in its own folder, wherever it is written.
pub(crate) fn is_plain_name(name: &[u8]) -> bool {
    !name.is_empty() && name != b"." && name != b".." && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

fn check_name(name: &[u8], path: &[u8]) -> Result<()> {
    let reason = if !is_plain_name(name) {
        "this name means something else"
    } else if path.len() > PATH_MAX {
        "this path is too long"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Damaged, reason))
}
