//! Checking a store: every byte is read, every damaged thing is named, with the masters it touches.

use super::{Store, index::Location, masters::MasterVersionState, pack};
use crate::{
    contents::MasterDisk,
    error::{ErrorKind, Result},
    exchange::ManifestSource,
    progress::{Phase, Progress},
    store::folder::lock,
    touched::files_touching,
};
use protocol::{
    ChunkId, MasterRef,
    manifest::{EntryKind, Segment},
};
use serde::Serialize;
use std::{
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

/// What checking a store found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Whether nothing is damaged and nothing lacks.
    pub ok: bool,
    /// Packs read.
    pub packs: u64,
    /// Frames decoded.
    pub frames: u64,
    /// Chunks hashed.
    pub chunks: u64,
    /// Bytes of packs read.
    pub bytes_read: u64,
    /// What is damaged.
    pub damaged: Vec<DamagedObject>,
    /// Versions that cannot be restored as they are.
    pub masters: Vec<DamagedMaster>,
}

/// Something damaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DamagedObject {
    /// The object.
    pub object: String,
    /// Where in it, for a frame of a pack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// What is wrong.
    pub reason: String,
    /// The chunks in it.
    pub chunks: Vec<String>,
}

/// A version that cannot be restored as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DamagedMaster {
    /// The master; empty if its root cannot be read.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// What is wrong, if it is more than chunks that lack.
    pub reasons: Vec<String>,
    /// Chunks that are damaged or lack, at most [`DamagedMaster::CHUNKS_LISTED`].
    pub chunks: Vec<String>,
    /// How many there are.
    pub chunks_damaged: u64,
    /// Ranges of the disk that they touch, as `[start, length]`, at most as many.
    pub ranges: Vec<(u64, u64)>,
    /// Files that they touch, with the partition's number before each: `2:/etc/fstab`. At most as many.
    pub files: Vec<String>,
    /// How many there are.
    pub files_damaged: u64,
    /// Partitions whose files cannot be told, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl DamagedMaster {
    /// How many chunks and ranges are listed of one master.
    pub const CHUNKS_LISTED: usize = 1000;
}

impl Store {
    /// Reads everything in the store and checks it. What is found damaged is not used any more, so that a capture which
    /// sees the same content heals it; a store open for writing remembers that.
    ///
    /// # Errors
    /// The storage cannot be read at all, or [`ErrorKind::Cancelled`]. Damage is no error but part of the report.
    pub fn verify(&self, progress: &dyn Progress) -> Result<VerifyReport> {
        let mut report = VerifyReport::default();
        self.verify_packs(progress, &mut report)?;
        self.verify_masters(progress, &mut report)?;
        report
            .damaged
            .sort_by(|a, b| (&a.object, a.offset).cmp(&(&b.object, b.offset)));
        report.ok = report.damaged.is_empty() && report.masters.is_empty();
        Ok(report)
    }

    fn verify_packs(&self, progress: &dyn Progress, report: &mut VerifyReport) -> Result<()> {
        let mut names = self.storage.list("packs/")?;
        names.extend(self.storage.list("open/")?);
        let total: u64 = names
            .iter()
            .filter_map(|name| self.storage.len(name).ok().flatten())
            .sum();
        let next = AtomicUsize::new(0);
        let done = AtomicU64::new(0);
        let shared = Mutex::new((&mut *report, Ok(())));
        let workers = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(names.len().max(1));
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let answer = progress.check_cancelled().and_then(|()| self.verify_pack(name));
                        let mut shared = lock(&shared);
                        match answer {
                            Ok(part) => {
                                shared.0.packs += 1;
                                shared.0.frames += part.frames;
                                shared.0.chunks += part.chunks;
                                shared.0.bytes_read += part.bytes_read;
                                shared.0.damaged.extend(part.damaged);
                                let done =
                                    done.fetch_add(part.bytes_read, Ordering::Relaxed) + part.bytes_read;
                                drop(shared);
                                progress.report(Phase::Verifying, done, total);
                            }
                            Err(error) if error.kind() == ErrorKind::Cancelled => {
                                shared.1 = Err(error);
                                return;
                            }
                            Err(error) => shared.0.damaged.push(DamagedObject {
                                object: name.clone(),
                                offset: None,
                                reason: error.chain(),
                                chunks: Vec::new(),
                            }),
                        }
                    }
                });
            }
        });
        shared
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .1
    }

    fn verify_pack(&self, name: &str) -> Result<VerifyReport> {
        let contents = pack::read_contents(&*self.storage, name)?;
        let mut report = VerifyReport::default();
        let finished = name.starts_with("packs/");
        if let (Some(reason), true) = (contents.table_damage, finished) {
            report.damaged.push(DamagedObject {
                object: name.to_owned(),
                offset: None,
                reason,
                chunks: Vec::new(),
            });
        }
        let number = self
            .index()
            .packs()
            .find(|(_, pack)| pack.id == contents.id)
            .map(|(number, _)| number);
        for record in &contents.frames {
            report.frames += 1;
            report.chunks += record.chunks.len() as u64;
            report.bytes_read += u64::from(record.len);
            let checked =
                pack::read_frame(&*self.storage, name, record.offset, record.len).and_then(|mut frame| {
                    if frame.chunks() != record.chunks {
                        return Err(crate::Error::new(
                            ErrorKind::Damaged,
                            "the frame is not the one that the table names",
                        ));
                    }
                    frame.verify()
                });
            let Err(error) = checked else { continue };
            let frame = number.and_then(|number| {
                let index = self.index();
                let frames = &index.pack(number)?.frames;
                frames
                    .iter()
                    .position(|(offset, _)| u64::from(*offset) == record.offset)
            });
            if let (Some(pack), Some(Ok(frame))) = (number, frame.map(u32::try_from)) {
                self.mark_damaged(Location { pack, frame }, &record.chunks);
            }
            report.damaged.push(DamagedObject {
                object: name.to_owned(),
                offset: Some(record.offset),
                reason: error.chain(),
                chunks: record.chunks.iter().map(|(id, _)| id.to_string()).collect(),
            });
        }
        Ok(report)
    }

    fn verify_masters(&self, progress: &dyn Progress, report: &mut VerifyReport) -> Result<()> {
        for version in self.masters()? {
            let mut damage = DamagedMaster {
                name: version.name.clone(),
                version: version.version,
                reasons: Vec::new(),
                chunks: Vec::new(),
                chunks_damaged: 0,
                ranges: Vec::new(),
                files: Vec::new(),
                files_damaged: 0,
                notes: Vec::new(),
            };
            match version.state {
                MasterVersionState::Damaged { reason } => {
                    report.damaged.push(DamagedObject {
                        object: version.object.clone(),
                        offset: None,
                        reason: reason.clone(),
                        chunks: Vec::new(),
                    });
                    damage.reasons.push(reason);
                }
                MasterVersionState::Deleted => continue,
                MasterVersionState::Kept => {
                    let Ok(name) = version.name.parse() else { continue };
                    match self.master(&MasterRef {
                        name,
                        version: Some(version.version),
                    }) {
                        Ok(root) => self.verify_segments(&root, progress, &mut damage)?,
                        Err(error) => damage.reasons.push(error.chain()),
                    }
                }
            }
            if damage.chunks_damaged > 0 || !damage.reasons.is_empty() {
                report.masters.push(damage);
            }
        }
        Ok(())
    }

    fn verify_segments(
        &self,
        root: &protocol::manifest::Root,
        progress: &dyn Progress,
        damage: &mut DamagedMaster,
    ) -> Result<()> {
        // All of them; what touches is one.
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for reference in &root.segments {
            progress.check_cancelled()?;
            let segment = match self
                .segment(reference.id)
                .and_then(|bytes| Ok(Segment::decode(&bytes)?))
            {
                Ok(segment) => segment,
                Err(error) => {
                    damage.reasons.push(error.chain());
                    continue;
                }
            };
            self.check_chunks(&segment, &mut |offset, entry, _| {
                if let EntryKind::Data(id) = entry.kind {
                    note(damage, &id, offset, entry.length_bytes);
                    let end = offset.saturating_add(entry.length_bytes);
                    match ranges.last_mut() {
                        Some(last) if last.end == offset => last.end = end,
                        _ => ranges.push(offset..end),
                    }
                }
                Ok(())
            })?;
        }
        if ranges.is_empty() {
            return Ok(());
        }
        let partitions: Vec<(u32, Range<u64>)> = root
            .partitions
            .iter()
            .map(|partition| {
                let end = partition.start.saturating_add(partition.length);
                (partition.number, partition.start..end)
            })
            .collect();
        let disk = MasterDisk::new(self, root.clone());
        let touched = files_touching(
            &disk,
            &partitions,
            &ranges,
            DamagedMaster::CHUNKS_LISTED,
            progress,
        )?;
        damage.files = touched.files;
        damage.files_damaged = touched.count;
        damage.notes = touched.notes;
        Ok(())
    }
}

fn note(damage: &mut DamagedMaster, id: &ChunkId, offset: u64, length: u64) {
    damage.chunks_damaged += 1;
    if damage.chunks.len() < DamagedMaster::CHUNKS_LISTED {
        let id = id.to_string();
        if !damage.chunks.contains(&id) {
            damage.chunks.push(id);
        }
        damage.ranges.push((offset, length));
    }
}
