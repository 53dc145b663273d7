//! Collecting garbage: what no kept master needs is removed, and packs that are mostly garbage are written anew.
//!
//! Nothing here can lose a chunk: new copies are durable before old packs go, and a capture that was told "I have this"
//! keeps the pack it was told about for the time of grace. Should that ever fail, the capture's commit notices.

mod filter;

use super::{Store, folder::lock, index::Location, masters::DELETED, masters::KEPT};
use crate::{
    error::{Error, ErrorKind, Result},
    exchange::ManifestSource,
    frame::Encoder,
    progress::{Phase, Progress},
};
use filter::Filter;
use protocol::{
    ChunkId,
    manifest::{EntryKind, Segment, SegmentId},
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    time::Duration,
};

/// How garbage is collected.
#[derive(Clone, Copy, Debug)]
pub struct CollectOptions {
    /// How long a pack is left alone after somebody was told of its contents or added to it, a segment after it was put,
    /// and a deleted master after its deletion: longer than any capture or restore takes. What happened before the store
    /// was opened counts as having happened then. Zero when nobody else can use the store.
    pub grace: Duration,
    /// Keep deleted masters, so that they can still be taken back.
    pub keep_deleted: bool,
}

/// What collecting garbage did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Deleted versions that are gone now.
    pub masters_removed: u64,
    /// Manifest segments that are gone now.
    pub segments_removed: u64,
    /// Packs that are gone now.
    pub packs_removed: u64,
    /// Packs among them whose living chunks were written anew.
    pub packs_rewritten: u64,
    /// Bytes of the store's frames before.
    pub bytes_before: u64,
    /// Bytes of the store's frames after.
    pub bytes_after: u64,
    /// What was left alone, and why.
    pub notes: Vec<String>,
}

/// What the masters need that are not given up.
struct Needed {
    segments: HashSet<SegmentId>,
    chunks: Filter,
}

/// What of a pack is needed.
struct Living {
    /// Frames that hold living chunks: their share of bytes, and which chunks.
    frames: BTreeMap<u32, (u64, Vec<ChunkId>)>,
    /// Its table, or a frame of it, is known to be damaged.
    damaged: bool,
    /// A master needs a chunk that was only in a damaged frame: nothing that may still help is thrown away.
    lost: bool,
}

/// A pack of which less than this many percent live is written anew.
const LIVE_PERCENT_MIN: u64 = 60;

impl Store {
    /// Removes what no kept master needs.
    ///
    /// # Errors
    /// Somebody reads from the store, or a kept master's manifest cannot be read: then nothing is removed, because what
    /// it needs is not known.
    pub fn collect_garbage(&self, options: CollectOptions, progress: &dyn Progress) -> Result<Collected> {
        let writer = self.writer()?;
        let bytes_before = self.bytes_of_packs();
        let _no_readers = match self.lock_out_readers() {
            // Whoever collects from time to time comes back; another process that reads must not lose its packs.
            Err(error) if error.kind() == ErrorKind::Busy && !options.grace.is_zero() => {
                return Ok(Collected {
                    bytes_before,
                    bytes_after: bytes_before,
                    notes: vec![format!("nothing was removed: {}", error.chain())],
                    ..Collected::default()
                });
            }
            answer => answer?,
        };
        let _one_at_a_time = lock(&writer.masters);
        let mut collected = Collected {
            bytes_before,
            ..Collected::default()
        };
        let (doomed, spared): (Vec<String>, Vec<String>) =
            self.storage.list(DELETED)?.into_iter().partition(|object| {
                !options.keep_deleted && writer.promises.is_deletion_final(object, options.grace)
            });
        let mut needed = Needed {
            segments: HashSet::new(),
            chunks: Filter::new(self.index().record_count())?,
        };
        for object in self.storage.list(KEPT)? {
            self.mark(&object, &mut needed, progress)
                .map_err(|error| match error.kind() {
                    ErrorKind::Damaged | ErrorKind::Missing | ErrorKind::Signature | ErrorKind::Version => error
                        .with_remedy(
                            "nothing was removed, because what this master needs is not known; put it back from a \
                             backup, or give it up with `imager delete NAME@VERSION`, then collect again",
                        ),
                    _ => error,
                })?;
        }
        for object in spared {
            match self.mark(&object, &mut needed, progress) {
                Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
                // Nobody could take it back as it is: it is no reason to keep anything.
                Err(error) => collected
                    .notes
                    .push(format!("a deleted master cannot be read: {}", error.chain())),
                Ok(()) => {}
            }
        }
        if !doomed.is_empty() {
            doomed.iter().try_for_each(|object| self.spend_version(object))?;
            for object in doomed {
                self.storage.delete(&object)?;
                collected.masters_removed += 1;
            }
            // No power cut brings one of them back when what it needs is gone.
            self.storage.commit()?;
        }
        self.sweep_segments(&needed.segments, options, &mut collected)?;
        self.sweep_packs(&needed.chunks, options, progress, &mut collected)?;
        self.storage.commit()?;
        collected.bytes_after = self.bytes_of_packs();
        Ok(collected)
    }

    /// Adds every segment and chunk that a master needs.
    fn mark(&self, object: &str, needed: &mut Needed, progress: &dyn Progress) -> Result<()> {
        let (root, _) = self.read_root(object)?;
        for reference in &root.segments {
            progress.check_cancelled()?;
            if needed.segments.contains(&reference.id) {
                continue;
            }
            let segment = Segment::decode(&self.segment(reference.id)?)?;
            needed.segments.insert(reference.id);
            for entry in &segment.entries {
                if let EntryKind::Data(id) = entry.kind {
                    needed.chunks.insert(&id);
                }
            }
        }
        Ok(())
    }

    fn sweep_segments(
        &self,
        living: &HashSet<SegmentId>,
        options: CollectOptions,
        collected: &mut Collected,
    ) -> Result<()> {
        let promises = &self.writer()?.promises;
        for object in self.storage.list("segments/")? {
            let id = object
                .rsplit('/')
                .next()
                .and_then(|name| name.strip_suffix(".seg")?.parse::<SegmentId>().ok());
            if id.is_some_and(|id| living.contains(&id)) {
                continue;
            }
            // Held until it is gone: a capture may be about to put the same one again.
            let put = promises.segments();
            if id.is_none_or(|id| promises.is_segment_free(&put, id, options.grace)) {
                self.storage.delete(&object)?;
                collected.segments_removed += 1;
            }
        }
        Ok(())
    }

    fn sweep_packs(
        &self,
        living: &Filter,
        options: CollectOptions,
        progress: &dyn Progress,
        collected: &mut Collected,
    ) -> Result<()> {
        let candidates = self.candidates(options);
        let marks = self.storage.list("damaged/")?;
        let mut dead = Vec::new();
        let mut doomed = VecDeque::new();
        for (number, bytes) in candidates {
            progress.check_cancelled()?;
            let name = self.name_of(number);
            let Ok(pack) = self.living_frames(number, living, &marks) else {
                collected
                    .notes
                    .push(format!("a damaged pack was left alone: {name}"));
                continue;
            };
            if pack.lost {
                collected.notes.push(format!(
                    "{name} was left alone: something in it is damaged that a master needs; capture the same content again, \
                     or delete that master, then collect again"
                ));
                continue;
            }
            let live: u64 = pack.frames.values().map(|(bytes, _)| bytes).sum();
            if pack.frames.is_empty() {
                dead.push(number);
            } else if pack.damaged || live * 100 < bytes * LIVE_PERCENT_MIN {
                doomed.push_back((live, number));
            }
        }
        // First what needs no room: on a full disk this makes the room for the rest.
        for number in dead {
            collected.packs_removed += u64::from(self.remove_pack(number, options.grace)?);
        }
        // What needs least room first: it makes room for the next.
        doomed.make_contiguous().sort_unstable();
        let total = doomed.len() as u64;
        loop {
            let mut removable = Vec::new();
            let mut lacks_room = None;
            while let Some((live, number)) = doomed.pop_front() {
                progress.report(Phase::Writing, total - doomed.len() as u64, total);
                // What was moved before there was no room is not moved again.
                let moved = self
                    .living_frames(number, living, &marks)
                    .and_then(|pack| self.rewrite(number, &pack.frames));
                match moved {
                    Ok(()) => removable.push(number),
                    Err(error) if error.kind() == ErrorKind::Damaged => collected.notes.push(format!(
                        "{} was left alone because it is damaged: {}",
                        self.name_of(number),
                        error.chain()
                    )),
                    Err(error) if error.kind() == ErrorKind::Full => {
                        doomed.push_front((live, number));
                        lacks_room = Some((live, number, error));
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
            // The new copies must survive a power cut before the old ones go.
            self.storage.commit()?;
            let mut has_freed = false;
            for number in removable {
                collected.packs_rewritten += 1;
                if self.remove_pack(number, options.grace)? {
                    collected.packs_removed += 1;
                    has_freed = true;
                }
            }
            let Some((live, number, error)) = lacks_room else {
                return Ok(());
            };
            // What was just removed may be room enough.
            if has_freed {
                continue;
            }
            let why = format!(
                "there is no room to write anew the {live} bytes that live in {}",
                self.name_of(number)
            );
            if collected.packs_removed == 0 {
                return Err(Error::new(ErrorKind::Full, format!("{why}: {}", error.chain())).with_remedy(
                    "make that much room where the store is, or delete another master, then collect again: nothing was lost",
                ));
            }
            collected.notes.push(format!("{why}: {}", error.chain()));
            return Ok(());
        }
    }

    /// Packs that are old enough and promised to nobody. Unfinished ones only when nobody else can use the store.
    fn candidates(&self, options: CollectOptions) -> Vec<(u32, u64)> {
        let growing = self.writer.as_ref().and_then(|writer| {
            let mut growing = lock(&writer.growing);
            // Without grace nobody is adding to it: it may be looked through like the others.
            if options.grace.is_zero() {
                growing.take()
            } else {
                None
            }
        });
        if let Some(pack) = growing {
            // On a full disk it stays as it is, and is looked through all the same.
            let _ = self.finish_pack(&pack);
        }
        let oldest =
            super::now_unix_ms().saturating_sub(u64::try_from(options.grace.as_millis()).unwrap_or(u64::MAX));
        self.index()
            .packs()
            .filter(|(number, pack)| {
                options.grace.is_zero()
                    || pack.sealed
                        && pack.created_unix_ms <= oldest
                        && self.is_pack_free(*number, options.grace)
            })
            .map(|(number, pack)| (number, pack.bytes))
            .collect()
    }

    /// What of a pack lives: a frame counts as far as its chunks are looked for here.
    fn living_frames(&self, number: u32, living: &Filter, marks: &[String]) -> Result<Living> {
        let name = self.name_of(number);
        let contents = super::pack::read_contents(&*self.storage, &name)?;
        let index = self.index();
        let known = index.pack(number);
        let sealed = known.is_some_and(|pack| pack.sealed);
        // The index counts frames; a pack whose table and one frame are damaged since counts them otherwise now, and all behind
        // that one would be taken for frames that lie elsewhere.
        let is_as_known = known.is_some_and(|pack| {
            pack.frames.len() <= contents.frames.len()
                && pack
                    .frames
                    .iter()
                    .zip(&contents.frames)
                    .all(|((offset, _), frame)| u64::from(*offset) == frame.offset)
        });
        if !is_as_known {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!("{name} does not hold the frames any more that it held"),
            ));
        }
        let of_this_pack = format!("damaged/{}-", contents.id);
        let mut answer = Living {
            frames: BTreeMap::new(),
            damaged: sealed && contents.table_damage.is_some()
                || marks.iter().any(|mark| mark.starts_with(&of_this_pack)),
            lost: false,
        };
        for (frame, record) in (0u32..).zip(&contents.frames) {
            let plain: u64 = record.chunks.iter().map(|(_, len)| u64::from(*len)).sum();
            let mut here = Vec::new();
            let mut live = 0;
            for (id, len) in record.chunks.iter().filter(|(id, _)| living.contains(id)) {
                match index.find(id) {
                    None => answer.lost = true,
                    Some(place) if place == (Location { pack: number, frame }) => {
                        here.push(*id);
                        live += u64::from(*len);
                    }
                    Some(_) => {}
                }
            }
            if live > 0 {
                let bytes = u64::from(record.len) * live / plain.max(1);
                answer.frames.insert(frame, (bytes, here));
            }
        }
        Ok(answer)
    }

    fn rewrite(&self, number: u32, frames: &BTreeMap<u32, (u64, Vec<ChunkId>)>) -> Result<()> {
        let mut encoder = Encoder::new(Some(crate::capture::DEFAULT_LEVEL))?;
        for (frame, (_, ids)) in frames {
            let mut encoded = self.read_frame(Location {
                pack: number,
                frame: *frame,
            })?;
            encoded.verify()?;
            if encoded.chunks().len() != ids.len() {
                let wanted: HashSet<&ChunkId> = ids.iter().collect();
                let decoded = encoded.decode()?;
                let mut plain = Vec::new();
                let mut chunks = Vec::new();
                for (id, bytes) in decoded.iter().filter(|(id, _)| wanted.contains(id)) {
                    plain.extend_from_slice(bytes);
                    chunks.push((id, u32::try_from(bytes.len()).unwrap_or(u32::MAX)));
                }
                encoded = encoder.encode(&chunks, &plain)?;
            }
            self.append_frame(&encoded, true)?;
        }
        Ok(())
    }

    fn is_pack_free(&self, number: u32, grace: Duration) -> bool {
        self.writer
            .as_ref()
            .is_some_and(|writer| writer.promises.is_pack_free(number, grace))
    }

    /// Removes a pack, unless somebody was told of its contents in the meantime.
    fn remove_pack(&self, number: u32, grace: Duration) -> Result<bool> {
        let name = self.name_of(number);
        let Some(id) = super::pack::PackId::from_name(&name) else {
            return Ok(false);
        };
        {
            let mut index = self.index_mut();
            // Promises are given while the index is read: none comes in between.
            if !self.is_pack_free(number, grace) {
                return Ok(false);
            }
            index.remove_pack(number);
        }
        self.delete_pack(id, &name)?;
        Ok(true)
    }

    fn name_of(&self, number: u32) -> String {
        self.index()
            .pack(number)
            .map(|pack| {
                if pack.sealed {
                    pack.id.sealed_name()
                } else {
                    pack.id.open_name()
                }
            })
            .unwrap_or_default()
    }

    fn bytes_of_packs(&self) -> u64 {
        self.index().packs().map(|(_, pack)| pack.bytes).sum()
    }
}
