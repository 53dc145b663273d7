//! What `imager files` and `imager compare` do.

use super::{
    Compare, Files,
    answer::{Answer, CompareAnswer, FilesAnswer, PartitionDifferences},
    screen::Terminal,
};
use imager::{
    Error, ErrorKind, Result,
    contents::{self, Extracted, Listed, MasterDisk},
    disk::ReadAt,
    filesystem::{FileTree, NodeId, NodeKind, find},
    store::{Access, Store},
};
use protocol::MasterRef;
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

/// Lists, or copies out.
pub(super) fn files(arguments: &Files, json: bool) -> Result<Answer> {
    let store = super::work::open(&arguments.store, Access::Read)?;
    let disk = open_disk(&store, &arguments.master)?;
    let tree = contents::open_partition(&disk, arguments.partition)?;
    let node = find(&*tree, arguments.path.as_bytes())?;
    let kind = tree.metadata(node)?.kind;
    if arguments.tar {
        return write_tar(arguments, &*tree, node, kind, disk.len(), json);
    }
    if let Some(target) = &arguments.to {
        let done = contents::extract(&*tree, node, target, &Terminal::new())?;
        return Ok(Answer::Extracted(done));
    }
    if kind == NodeKind::File && !json {
        let mut out = BufWriter::new(std::io::stdout().lock());
        contents::write_file(&*tree, node, disk.len(), &mut out)?;
        flush(&mut out)?;
        return Ok(Answer::Written);
    }
    let entries = if kind == NodeKind::Folder {
        contents::list(&*tree, node)?
    } else {
        let name = arguments.path.rsplit('/').find(|name| !name.is_empty());
        vec![contents::describe(
            &*tree,
            name.unwrap_or_default().as_bytes(),
            node,
        )]
    };
    Ok(Answer::Files(FilesAnswer {
        name: disk.root().name.to_string(),
        version: disk.root().version,
        partition: arguments.partition,
        path: arguments.path.clone(),
        entries,
    }))
}

fn write_tar(
    arguments: &Files,
    tree: &dyn FileTree,
    node: NodeId,
    kind: NodeKind,
    disk_bytes: u64,
    json: bool,
) -> Result<Answer> {
    if kind != NodeKind::Folder {
        return Err(Error::new(
            ErrorKind::Refused,
            format!("{} is no folder", arguments.path),
        ));
    }
    let Some(target) = &arguments.to else {
        if json {
            return Err(Error::new(
                ErrorKind::Refused,
                "a tar stream and a JSON object cannot both go to standard output",
            )
            .with_remedy("name a file with `--to`"));
        }
        let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
        let done = contents::write_tar(tree, node, disk_bytes, &mut out)?;
        flush(&mut out)?;
        for problem in &done.problems {
            super::screen::warn(&format!("{}: {}", problem.path, problem.reason));
        }
        return Ok(if done.problem_count > 0 {
            Answer::WrittenInPart
        } else {
            Answer::Written
        });
    };
    let file = make_file(target)?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let done = contents::write_tar(tree, node, disk_bytes, &mut out)?;
    flush(&mut out)?;
    Ok(Answer::Extracted(done))
}

fn make_file(target: &Path) -> Result<File> {
    File::options()
        .write(true)
        .create_new(true)
        .open(target)
        .map_err(|error| Error::caused(ErrorKind::Write, format!("making {}", target.display()), error))
}

fn flush(out: &mut dyn Write) -> Result<()> {
    out.flush()
        .map_err(|error| Error::caused(ErrorKind::Write, "writing the last bytes", error))
}

/// Compares two versions partition by partition, as their tables number them.
pub(super) fn compare(arguments: &Compare) -> Result<Answer> {
    let store = super::work::open(&arguments.store, Access::Read)?;
    let first = open_disk(&store, &arguments.first)?;
    let second = open_disk(&store, &arguments.second)?;
    let numbers =
        |disk: &MasterDisk<'_>| -> Vec<u32> { disk.root().partitions.iter().map(|one| one.number).collect() };
    let mut all = numbers(&first);
    all.extend(numbers(&second));
    all.sort_unstable();
    all.dedup();
    let partitions = all
        .into_iter()
        .map(|number| {
            let both = contents::open_partition(&first, number)
                .and_then(|one| Ok((one, contents::open_partition(&second, number)?)));
            let found = both.and_then(|(one, other)| {
                contents::compare((&*one, one.root()), (&*other, other.root()), arguments.contents)
            });
            match found {
                Ok(differences) => PartitionDifferences {
                    partition: number,
                    differences: Some(differences),
                    not_compared: None,
                },
                Err(error) => PartitionDifferences {
                    partition: number,
                    differences: None,
                    not_compared: Some(error.chain()),
                },
            }
        })
        .collect();
    let named = |disk: &MasterDisk<'_>| format!("{}@{}", disk.root().name, disk.root().version);
    Ok(Answer::Compared(CompareAnswer {
        first: named(&first),
        second: named(&second),
        partitions,
    }))
}

/// Shows a master below a folder until it is unmounted, or a signal ends it.
#[cfg(feature = "mount")]
pub(super) fn mount(master: &MasterRef, folder: &Path, store: &super::InStore) -> Result<Answer> {
    use nix::sys::signal::{SigSet, Signal};
    let store = super::work::open(store, Access::Read)?;
    let disk = open_disk(&store, master)?;
    let mut ending = SigSet::empty();
    ending.add(Signal::SIGINT);
    ending.add(Signal::SIGTERM);
    ending.add(Signal::SIGHUP);
    // Before there are threads: all of them leave these signals to the one that waits.
    ending
        .thread_block()
        .map_err(|error| Error::io("blocking signals", error.into()))?;
    let (name, version) = (disk.root().name.to_string(), disk.root().version);
    imager::mount::mount(&disk, folder, |mut unmounter| {
        super::screen::warn(&format!(
            "{name}@{version} is mounted; it ends with `umount {}` or an interrupt",
            folder.display()
        ));
        std::thread::spawn(move || {
            if ending.wait().is_ok() {
                // If it is busy, it ends when it no longer is.
                let _ = unmounter.unmount();
            }
        });
    })?;
    Ok(Answer::State(super::answer::StateAnswer {
        name,
        version,
        state: "unmounted".to_owned(),
    }))
}

/// A master's disk, its signature checked with the store's own key.
pub(super) fn open_disk<'a>(store: &'a Store, master: &MasterRef) -> Result<MasterDisk<'a>> {
    MasterDisk::open(store, master, &store.public_key())
}

/// A folder as people list it.
pub(super) fn list_in_words(files: &FilesAnswer) -> String {
    files.entries.iter().map(line).collect()
}

fn line(one: &Listed) -> String {
    let kind = match one.kind {
        Some(NodeKind::File) => '-',
        Some(NodeKind::Folder) => 'd',
        Some(NodeKind::Link) => 'l',
        Some(NodeKind::Special) => 's',
        None => '?',
    };
    let mode = one
        .mode
        .map_or_else(|| "    ".to_owned(), |mode| format!("{mode:04o}"));
    let mut text = format!("{kind} {mode} {:>14} {}", one.bytes, one.name);
    if let Some(target) = &one.target {
        text.push_str(&format!(" -> {target}"));
    }
    if let Some(problem) = &one.problem {
        text.push_str(&format!("  ({problem})"));
    }
    text.push('\n');
    text
}

/// What was copied out.
pub(super) fn extracted_in_words(done: &Extracted) -> String {
    let mut text = format!(
        "copied {} files, {} folders and {} links: {} bytes\n",
        done.files, done.folders, done.links, done.bytes
    );
    for problem in &done.problems {
        text.push_str(&format!("  left out {}: {}\n", problem.path, problem.reason));
    }
    if done.problem_count > done.problems.len() as u64 {
        text.push_str(&format!(
            "  and {} more\n",
            done.problem_count - done.problems.len() as u64
        ));
    }
    text
}

/// What differs, in the marks of other tools.
pub(super) fn differences_in_words(found: &CompareAnswer) -> String {
    let mut text = format!("{} → {}\n", found.first, found.second);
    for one in &found.partitions {
        match (&one.differences, &one.not_compared) {
            (Some(differences), _) => {
                text.push_str(&format!(
                    "partition {}: {} added, {} removed, {} changed, {} the same\n",
                    one.partition,
                    differences.added.len(),
                    differences.removed.len(),
                    differences.changed.len(),
                    differences.same
                ));
                for (mark, paths) in [
                    ('+', &differences.added),
                    ('-', &differences.removed),
                    ('~', &differences.changed),
                    ('?', &differences.problems),
                ] {
                    text.extend(paths.iter().map(|path| format!("  {mark} {path}\n")));
                }
            }
            (None, reason) => text.push_str(&format!(
                "partition {}: not compared: {}\n",
                one.partition,
                reason.as_deref().unwrap_or_default()
            )),
        }
    }
    text
}
