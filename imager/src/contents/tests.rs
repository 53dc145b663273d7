//! Filesystems that lie, as no tool makes them.

use super::{Going, Step, compare, extract, walk, write_tar};
use crate::{
    Unwatched,
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{DirectoryEntry, FileTree, Metadata, NodeId, NodeKind},
};
use std::{collections::HashMap, fs, ops::ControlFlow};

/// A tree from a list: node, kind, and for folders their names.
#[derive(Default)]
struct LyingTree {
    folders: HashMap<u64, Vec<(&'static [u8], u64)>>,
    links: HashMap<u64, &'static [u8]>,
    /// Length that a file claims; its first bytes are "data".
    files: HashMap<u64, u64>,
}

struct Endless(u64);

impl ReadAt for Endless {
    fn len(&self) -> u64 {
        self.0
    }
    fn read_exact_at(&self, buffer: &mut [u8], _: u64) -> Result<()> {
        buffer.fill(b'x');
        Ok(())
    }
    fn next_data(&self, offset: u64) -> Option<std::ops::Range<u64>> {
        (offset < 4).then_some(offset..4)
    }
}

impl FileTree for LyingTree {
    fn root(&self) -> NodeId {
        NodeId(0)
    }
    fn metadata(&self, node: NodeId) -> Result<Metadata> {
        let kind = if self.folders.contains_key(&node.0) {
            NodeKind::Folder
        } else if self.links.contains_key(&node.0) {
            NodeKind::Link
        } else if self.files.contains_key(&node.0) {
            NodeKind::File
        } else {
            return Err(Error::new(ErrorKind::Missing, "no such node"));
        };
        Ok(Metadata {
            kind,
            length_bytes: self.files.get(&node.0).copied().unwrap_or(0),
            mode: Some(0o7777),
            owner: Some((u32::MAX, 0)),
            modified_unix_ms: Some(i64::MIN),
            created_unix_ms: None,
        })
    }
    fn list(&self, folder: NodeId, visit: &mut dyn FnMut(DirectoryEntry) -> ControlFlow<()>) -> Result<()> {
        for (name, node) in &self.folders[&folder.0] {
            let entry = DirectoryEntry {
                name: name.to_vec(),
                node: NodeId(*node),
            };
            if visit(entry).is_break() {
                break;
            }
        }
        Ok(())
    }
    fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>> {
        Ok(Box::new(Endless(self.files[&file.0])))
    }
    fn link_target(&self, link: NodeId) -> Result<Vec<u8>> {
        Ok(self.links[&link.0].to_vec())
    }
}

fn hostile(outside: &'static [u8]) -> LyingTree {
    LyingTree {
        folders: HashMap::from([
            (
                0,
                vec![
                    (b"../up".as_slice(), 10),
                    (b"..", 1),
                    (b"a/b", 10),
                    (b"", 10),
                    (b"nul\0", 10),
                    // First a link out, then a folder and a file of the same name.
                    (b"out", 20),
                    (b"out", 1),
                    (b"link", 20),
                    (b"link", 10),
                    (b"loop", 2),
                    (b"bell\x07\x1b[31m", 10),
                    (b"huge", 11),
                    (b"lost", 99),
                ],
            ),
            (1, vec![(b"inside".as_slice(), 10)]),
            (2, vec![(b"again".as_slice(), 2), (b"top", 0), (b"file", 10)]),
        ]),
        links: HashMap::from([(20, outside)]),
        files: HashMap::from([(10, 4), (11, 1 << 50)]),
    }
}

#[test]
fn nothing_is_written_outside_the_target_whatever_the_names() {
    let scratch = tempfile::tempdir().unwrap();
    let outside = scratch.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let target = scratch.path().join("target");
    let path: &'static [u8] = outside.to_str().unwrap().to_owned().leak().as_bytes();
    let done = extract(&hostile(path), NodeId(0), &target, &Unwatched).unwrap();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert!(!scratch.path().join("up").exists());
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2);
    assert!(target.join("out").is_symlink());
    assert_eq!(fs::read(target.join("loop/file")).unwrap(), b"xxxx");
    assert!(done.problem_count >= 8, "{done:?}");
    assert!(done.problems.iter().all(|one| !one.path.contains('\x1b')));
    // What cannot be that long is not half there.
    let huge = target.join("huge");
    assert!(!huge.exists() || huge.metadata().unwrap().len() == 1 << 50);
}

#[test]
fn loops_are_entered_once_and_streams_refuse_endless_files() {
    let tree = hostile(b"/nowhere");
    let mut nodes = 0;
    walk(&tree, NodeId(0), &mut |step| {
        nodes += i32::from(matches!(step, Step::Node { .. }));
        Ok(Going::On)
    })
    .unwrap();
    assert!(nodes < 20);
    let mut stream = Vec::new();
    let done = write_tar(&tree, NodeId(0), 1 << 20, &mut stream).unwrap();
    assert!(stream.len() < 64 << 10 && stream.len() % 512 == 0);
    assert!(done.problems.iter().any(|one| one.path == "huge"));
    let found = compare((&tree, NodeId(0)), (&tree, NodeId(0)), false).unwrap();
    assert!(found.added.len() + found.removed.len() <= 4, "{found:?}");
}
