//! What is on a disk, seen from outside while no machine uses it: every file's name, owner, mode, time and hash.

use crate::{
    master::{Extent, Table},
    process::{command, run},
};
use anyhow::{Context, Result, ensure};
use std::path::Path;

/// A listing that two disks can be compared by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    lines: Vec<String>,
}

impl Contents {
    /// Lists the files of a disk that is partitioned like master A.
    ///
    /// # Errors
    /// A file system cannot be mounted or read: it is damaged or not there.
    pub fn of(image: &Path, table: Table) -> Result<Self> {
        let layout = table.layout();
        let mut lines = list_ext4(image, layout.root)?;
        ensure!(
            lines.len() > 1000,
            "{} holds only {} files",
            image.display(),
            lines.len()
        );
        if let Some(esp) = layout.esp {
            lines.extend(list_fat(image, esp)?);
        }
        Ok(Self { lines })
    }

    /// Names and hashes in all.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Checks that `other` holds the same.
    ///
    /// # Errors
    /// The first differences, in words.
    pub fn ensure_same(&self, other: &Self) -> Result<()> {
        let only = |left: &Self, right: &Self| -> Vec<String> {
            let right: std::collections::HashSet<&String> = right.lines.iter().collect();
            left.lines
                .iter()
                .filter(|line| !right.contains(line))
                .take(5)
                .cloned()
                .collect()
        };
        let (here, there) = (only(self, other), only(other, self));
        ensure!(
            here.is_empty() && there.is_empty(),
            "the disks differ; only on the first: {here:#?}; only on the second: {there:#?}"
        );
        Ok(())
    }
}

/// Prints, below the working folder, each name with type, mode, owner, length, time and link target, then each hash.
const LIST: &str = "find . -printf '%p %y %m %U %G %n %s %T@ %l\\n' | LC_ALL=C sort; \
                    find . -type f -print0 | LC_ALL=C sort -z | xargs -0 --no-run-if-empty sha256sum";

/// Mounts the file system read-only without replaying its journal, in a mount namespace of its own: when the program
/// ends, mount and loop device are gone, whatever happened.
fn list_ext4(image: &Path, extent: Extent) -> Result<Vec<String>> {
    let folder = tempfile::tempdir().context("cannot make a mount point")?;
    let script = format!(
        "set -e; mount -t ext4 -o ro,noload,loop,offset={},sizelimit={} \"$1\" \"$2\"; cd \"$2\"; {LIST}",
        extent.offset, extent.length
    );
    let text = run(command(["unshare", "--mount", "sh", "-c", &script, "sh"])
        .arg(image)
        .arg(folder.path()))?;
    Ok(text.lines().map(|line| format!("root {line}")).collect())
}

/// FAT is read by mtools: the kernel of a build machine may not know it.
fn list_fat(image: &Path, extent: Extent) -> Result<Vec<String>> {
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    let place = format!("{}@@{}", image.display(), extent.offset);
    run(command(["mcopy", "-s", "-p", "-m", "-Q", "-i", &place, "::/"]).arg(folder.path()))?;
    let script = format!("set -e; cd \"$1\"; {LIST}");
    let text = run(command(["sh", "-c", &script, "sh"]).arg(folder.path()))?;
    // The folder that the files were copied into is of this run alone.
    Ok(text
        .lines()
        .filter(|line| !line.starts_with(". "))
        .map(|line| format!("esp {line}"))
        .collect())
}
