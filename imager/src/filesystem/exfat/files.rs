//! Where the files of exFAT lie: its directories, walked without trusting them.

use super::{
    Boot,
    directory::{ClusterRun, Entry, each_file, root_runs},
};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{FileExtent, FileExtents, Volume},
};
use std::{
    collections::HashSet,
    ops::{ControlFlow, Range},
};

/// Most directories that are walked.
const DIRECTORIES_MAX: usize = 1 << 18;

/// The files of one exFAT filesystem.
pub(super) struct ExfatFiles {
    pub place: Range<u64>,
    pub boot: Boot,
}

impl FileExtents for ExfatFiles {
    fn walk(&self, disk: &dyn ReadAt, visit: &mut dyn FnMut(FileExtent) -> ControlFlow<()>) -> Result<()> {
        self.walk_directories(disk, visit).map_err(|reason| {
            Error::new(
                ErrorKind::Read,
                format!("reading the directories of an exFAT filesystem: {reason}"),
            )
        })
    }
}

impl ExfatFiles {
    fn walk_directories(
        &self,
        disk: &dyn ReadAt,
        visit: &mut dyn FnMut(FileExtent) -> ControlFlow<()>,
    ) -> std::result::Result<(), String> {
        // Directories and the FAT are read in turn: each keeps its own window.
        let volume = || Volume::new(disk, self.place.clone());
        let (directories, chains) = (volume(), volume());
        // A healthy filesystem has every cluster in one chain only.
        let mut clusters_left = u64::from(self.boot.cluster_count) * 2;
        let mut seen = HashSet::new();
        let mut waiting = vec![root_runs(&chains, &self.boot)?];
        while let Some(runs) = waiting.pop() {
            let mut broken = false;
            each_file(&directories, &self.boot, &runs, &mut |entry| {
                // A damaged chain costs this file's hints, or this directory's, only.
                let Ok(runs) = entry.stream.runs(&chains, &self.boot, &mut clusters_left) else {
                    return true;
                };
                if !entry.is_directory {
                    broken = self.visit_file(entry, &runs, visit).is_break();
                } else if seen.len() < DIRECTORIES_MAX && seen.insert(entry.stream.first_cluster) {
                    waiting.push(runs);
                }
                !broken
            })?;
            if broken {
                break;
            }
        }
        Ok(())
    }

    fn visit_file(
        &self,
        entry: Entry,
        runs: &[ClusterRun],
        visit: &mut dyn FnMut(FileExtent) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut logical_offset = 0;
        for run in runs {
            let length_bytes = run.count * self.boot.cluster_bytes;
            visit(FileExtent {
                file: u64::from(entry.stream.first_cluster),
                logical_offset,
                disk_offset: self.place.start + self.boot.cluster_offset(run.first),
                length_bytes,
            })?;
            logical_offset += length_bytes;
        }
        ControlFlow::Continue(())
    }
}
