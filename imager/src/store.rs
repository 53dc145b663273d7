//! A store of masters over any [`PackStorage`]: each chunk once, manifests signed, everything checkable.
//!
//! | object | what it is |
//! | --- | --- |
//! | `store.json` | format, version and public key of the store |
//! | `packs/XX/ID.pack` | a finished pack ([`pack`]) |
//! | `open/ID.pack` | a pack that still grows |
//! | `segments/XX/HASH.seg` | a manifest segment, named by its BLAKE3 hash |
//! | `masters/HASH/VERSION.root` | a signed root; HASH is the first half of the BLAKE3 hash of the master's name |
//! | `deleted/HASH/VERSION.root` | the same after `delete`, until garbage is collected |
//! | `spent/HASH/VERSION.number` | empty: this version and those before it were given once, and never again |
//! | `damaged/PACK-OFFSET` | mark: this frame was seen damaged and is not used any more |
//!
//! A store in a folder has more files: `key.pem` (the Ed25519 key, mode 0600), `writer.lock`, `readers.lock`, `reserve` (room
//! for deletions on a full disk) and `index`, a shortcut: the index of chunks is made from the packs when it does not fit.
//! Nothing but packs, segments and roots is the truth.

mod collect;
pub mod folder;
mod index;
mod masters;
pub mod pack;
mod place;
mod promise;
mod verify;

pub use collect::{CollectOptions, Collected};
pub use masters::{MasterVersion, MasterVersionState};
pub use verify::{DamagedMaster, DamagedObject, VerifyReport};

use crate::{
    error::{Error, ErrorKind, Result},
    exchange::{ChunkSink, ChunkSource, ManifestSource, PackStorage},
    frame::EncodedFrame,
    signature::{PublicKey, SecretKey},
};
use folder::lock;
use index::{Index, Location};
use pack::{FrameRecord, PackId};
use promise::Promises;
use protocol::{
    ChunkId, MasterRef,
    manifest::{Root, Segment, SegmentId, SignedRoot},
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{SystemTime, UNIX_EPOCH},
};

/// How a store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read; others may read and write meanwhile.
    Read,
    /// To read and write; nobody else may write meanwhile.
    Write,
}

/// A store of masters. It may be used by many threads at once.
pub struct Store {
    storage: Box<dyn PackStorage>,
    public_key: PublicKey,
    /// Only if it may be written to.
    writer: Option<Writer>,
    index: RwLock<Index>,
    warnings: Vec<String>,
    /// Held as long as the store is open.
    _locks: Vec<place::HeldLock>,
    folder: Option<std::path::PathBuf>,
}

/// What only a writer has.
struct Writer {
    key: SecretKey,
    growing: Mutex<Option<GrowingPack>>,
    /// One commit, deletion or collection at a time.
    masters: Mutex<()>,
    /// What must not vanish under somebody who is at work.
    promises: Promises,
}

/// The pack that new frames go to.
struct GrowingPack {
    number: u32,
    id: PackId,
    len: u64,
    frames: Vec<FrameRecord>,
}

/// Figures of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Versions of masters.
    pub masters: u64,
    /// Versions that are deleted but could be taken back.
    pub deleted: u64,
    /// Packs, finished or not.
    pub packs: u64,
    /// Frames in them.
    pub frames: u64,
    /// Different chunks.
    pub chunks: u64,
    /// Bytes of all frames.
    pub bytes_stored: u64,
    /// Bytes of all masters' used data, as if each were stored alone.
    pub bytes_used: u64,
}

/// A frame, and how much of it somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameShare {
    /// Bytes of the frame as it is stored.
    pub bytes_frame: u64,
    /// Plain bytes of its chunks.
    pub bytes_plain: u64,
    /// Plain bytes of the chunks that are wanted.
    pub bytes_wanted: u64,
}

impl Store {
    /// The key that its manifests are signed with.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// What was found damaged when it was opened; the rest of the store works.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The lowest layer.
    #[must_use]
    pub fn storage(&self) -> &dyn PackStorage {
        &*self.storage
    }

    /// Whether the store has a chunk and knows nothing bad of it.
    #[must_use]
    pub fn has_chunk(&self, id: &ChunkId) -> bool {
        self.index().find(id).is_some()
    }

    /// Figures of the store.
    ///
    /// # Errors
    /// The masters cannot be listed.
    pub fn stats(&self) -> Result<Stats> {
        let versions = self.masters()?;
        let index = self.index();
        let alive = |version: &&MasterVersion| version.state == MasterVersionState::Kept;
        Ok(Stats {
            masters: versions.iter().filter(alive).count() as u64,
            deleted: versions
                .iter()
                .filter(|version| version.state == MasterVersionState::Deleted)
                .count() as u64,
            packs: index.packs().count() as u64,
            frames: index.packs().map(|(_, pack)| pack.frames.len() as u64).sum(),
            chunks: index.chunk_count(),
            bytes_stored: index.packs().map(|(_, pack)| pack.bytes).sum(),
            bytes_used: versions
                .iter()
                .filter(alive)
                .map(|version| version.bytes_used)
                .sum(),
        })
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn writer(&self) -> Result<&Writer> {
        self.writer.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Refused, "the store is open for reading only")
                .with_remedy("open it for writing")
        })
    }

    /// Reads a frame.
    fn read_frame(&self, place: Location) -> Result<EncodedFrame> {
        self.read_of_pack(place, |name, offset, len| {
            pack::read_frame(&*self.storage, name, offset, len)
        })
    }

    /// Reads which chunks a frame says it holds, and how long they are.
    fn read_frame_table(&self, place: Location) -> Result<Vec<(ChunkId, u32)>> {
        self.read_of_pack(place, |name, offset, len| {
            pack::read_frame_table(&*self.storage, name, offset, len)
        })
    }

    /// Reads of a frame's pack, wherever that is now: it may have been finished since we looked.
    fn read_of_pack<T>(&self, place: Location, read: impl Fn(&str, u64, u32) -> Result<T>) -> Result<T> {
        let gone = || {
            Error::new(ErrorKind::Missing, "a pack was removed while it was read").with_remedy("try again")
        };
        let (id, sealed, (offset, len)) = {
            let index = self.index();
            let pack = index.pack(place.pack).ok_or_else(gone)?;
            (
                pack.id,
                pack.sealed,
                *pack.frames.get(place.frame as usize).ok_or_else(gone)?,
            )
        };
        let read = |name: &str| read(name, u64::from(offset), len);
        let name = if sealed { id.sealed_name() } else { id.open_name() };
        match read(&name) {
            Err(error) if !sealed && error.kind() == ErrorKind::Missing => read(&id.sealed_name()),
            answer => answer,
        }
    }

    /// The frames that hold these chunks.
    fn frames_of(&self, wanted: &[ChunkId]) -> Result<BTreeMap<(u32, u32), Vec<ChunkId>>> {
        let index = self.index();
        let mut frames: BTreeMap<(u32, u32), Vec<ChunkId>> = BTreeMap::new();
        for id in wanted {
            let place = index.find(id).ok_or_else(|| lacks_chunk(id))?;
            frames.entry((place.pack, place.frame)).or_default().push(*id);
        }
        Ok(frames)
    }

    /// Of each frame that holds one of these chunks, how much of it is wanted. At most `looked_into` frames are looked into;
    /// if there are more, all of each counts as wanted.
    ///
    /// # Errors
    /// The store lacks one of the chunks, or cannot be read.
    pub fn frame_shares(&self, wanted: &[ChunkId], looked_into: usize) -> Result<Vec<FrameShare>> {
        let frames = self.frames_of(wanted)?;
        let looks = frames.len() <= looked_into;
        let mut shares = Vec::with_capacity(frames.len());
        for ((pack, frame), ids) in frames {
            let stored = |index: &Index| Some(u64::from(index.pack(pack)?.frames.get(frame as usize)?.1));
            // A pack that is gone was written anew since; what is in it takes about as much elsewhere.
            let bytes_frame = stored(&self.index()).unwrap_or(0);
            let mut share = FrameShare {
                bytes_frame,
                bytes_plain: bytes_frame,
                bytes_wanted: bytes_frame,
            };
            if looks && let Ok(chunks) = self.read_frame_table(Location { pack, frame }) {
                let len = |(_, len): &(ChunkId, u32)| u64::from(*len);
                share.bytes_plain = chunks.iter().map(len).sum();
                share.bytes_wanted = chunks.iter().filter(|(id, _)| ids.contains(id)).map(len).sum();
            }
            shares.push(share);
        }
        Ok(shares)
    }

    /// Appends a frame to the growing pack and finishes the pack if it is long enough. With `move_chunks` its chunks are
    /// looked for here from now on, even if they lie elsewhere, too.
    fn append_frame(&self, frame: &EncodedFrame, move_chunks: bool) -> Result<()> {
        let writer = self.writer()?;
        let finished = {
            let mut growing = lock(&writer.growing);
            let current = match &mut *growing {
                Some(current) => current,
                none => none.insert(self.begin_pack()?),
            };
            let name = current.id.open_name();
            if let Err(error) = self.storage.append(&name, frame.as_bytes()) {
                // Whatever of it arrived must not stand before the next frame.
                let _ = self.storage.truncate(&name, current.len);
                return Err(error);
            }
            let len = u32::try_from(frame.as_bytes().len()).unwrap_or(u32::MAX);
            let record = FrameRecord {
                offset: current.len,
                len,
                chunks: frame.chunks().to_vec(),
            };
            let mut index = self.index_mut();
            // However long ago the pack was begun: nobody has committed this yet.
            writer.promises.keep_packs([current.number]);
            index.add_frame(current.number, &record, true);
            if move_chunks {
                let frame = u32::try_from(current.frames.len()).unwrap_or(u32::MAX);
                for (id, _) in &record.chunks {
                    index.move_chunk(
                        id,
                        Location {
                            pack: current.number,
                            frame,
                        },
                    );
                }
            }
            drop(index);
            current.len += u64::from(len);
            current.frames.push(record);
            if current.len >= pack::TARGET_LEN {
                growing.take()
            } else {
                None
            }
        };
        // Outside of the lock: others go on with the next pack while this one is written out.
        finished.map_or(Ok(()), |pack| self.finish_pack(&pack))
    }

    fn begin_pack(&self) -> Result<GrowingPack> {
        let id = PackId::generate()?;
        let created = now_unix_ms();
        let header = pack::header(id, created);
        if let Err(error) = self.storage.append(&id.open_name(), &header) {
            // No trace of a pack that never was.
            let _ = self.storage.delete(&id.open_name());
            return Err(error);
        }
        let number = self.index_mut().add_empty_pack(id, created, false);
        Ok(GrowingPack {
            number,
            id,
            len: header.len() as u64,
            frames: Vec::new(),
        })
    }

    fn finish_pack(&self, pack: &GrowingPack) -> Result<()> {
        let name = pack.id.open_name();
        if pack.frames.is_empty() {
            self.storage.delete(&name)?;
            self.index_mut().remove_pack(pack.number);
            return Ok(());
        }
        if let Err(error) = self.storage.append(&name, &pack::footer(&pack.frames, pack.len)) {
            // Unfinished, it is still readable; the next opening recovers it.
            let _ = self.storage.truncate(&name, pack.len);
            return Err(error);
        }
        self.storage.seal(&name, &pack.id.sealed_name())?;
        self.index_mut().seal(pack.number);
        Ok(())
    }

    /// Remembers that a frame is damaged: its chunks are lacking from now on, so that the next capture that sees the same
    /// content heals them.
    fn mark_damaged(&self, place: Location, chunks: &[(ChunkId, u32)]) {
        let mark = self.index().pack(place.pack).and_then(|pack| {
            Some(damage_mark(
                pack.id,
                u64::from(pack.frames.get(place.frame as usize)?.0),
            ))
        });
        if let (Some(mark), Some(_)) = (mark, &self.writer) {
            // Only a note for the next time; what matters now is in memory.
            let _ = self.storage.put(&mark, b"");
        }
        self.index_mut().forget_frame(place, chunks);
    }
}

impl ChunkSink for Store {
    fn lacking(&self, ids: &[ChunkId]) -> Result<Vec<bool>> {
        let mut packs = BTreeSet::new();
        let index = self.index();
        let answer = ids
            .iter()
            .map(|id| match index.find(id) {
                Some(place) => {
                    packs.insert(place.pack);
                    false
                }
                None => true,
            })
            .collect();
        // While the index cannot change: what is promised is still there.
        if let Some(writer) = &self.writer {
            writer.promises.keep_packs(packs);
        }
        drop(index);
        Ok(answer)
    }

    fn put_frame(&self, mut frame: EncodedFrame) -> Result<()> {
        frame.verify()?;
        let ids: Vec<ChunkId> = frame.chunks().iter().map(|(id, _)| *id).collect();
        if !self.lacking(&ids)?.contains(&true) {
            return Ok(());
        }
        self.append_frame(&frame, false)
    }

    fn put_segment(&self, bytes: &[u8]) -> Result<SegmentId> {
        let writer = self.writer()?;
        Segment::decode(bytes)?;
        let id = SegmentId(*blake3::hash(bytes).as_bytes());
        let name = segment_name(id);
        let _not_while_it_is_swept = writer.promises.keep_segment(id);
        match self.storage.put(&name, bytes) {
            // Other bytes under the name of these ones: damaged, and here is the cure.
            Err(error) if error.kind() == ErrorKind::Exists => {
                self.storage.delete(&name)?;
                self.storage.put(&name, bytes)?;
            }
            answer => answer?,
        }
        Ok(id)
    }

    fn commit(&self, root: Root) -> Result<SignedRoot> {
        self.commit_root(root)
    }
}

impl ChunkSource for Store {
    fn fetch(
        &self,
        _segment: SegmentId,
        wanted: &[ChunkId],
        deliver: &mut dyn FnMut(EncodedFrame) -> Result<()>,
    ) -> Result<()> {
        let mut wanted = wanted.to_vec();
        for turn in 1.. {
            let frames = self.frames_of(&wanted)?;
            wanted.clear();
            for ((pack, frame), ids) in frames {
                let place = Location { pack, frame };
                match self.read_frame(place) {
                    Ok(frame) => deliver(frame)?,
                    // Its pack was written anew since we looked: it lies elsewhere now.
                    Err(error) if error.kind() == ErrorKind::Missing && turn < FETCH_TURNS => {
                        wanted.extend(ids)
                    }
                    Err(error) => {
                        if error.kind() == ErrorKind::Damaged {
                            let chunks: Vec<(ChunkId, u32)> = ids.into_iter().map(|id| (id, 0)).collect();
                            self.mark_damaged(place, &chunks);
                        }
                        return Err(error);
                    }
                }
            }
            if wanted.is_empty() {
                break;
            }
        }
        Ok(())
    }

    fn stored_len(&self, _segment: SegmentId, wanted: &[ChunkId]) -> Result<Option<u64>> {
        let frames = self.frames_of(wanted)?;
        let index = self.index();
        let len = |pack: u32, frame: u32| Some(u64::from(index.pack(pack)?.frames.get(frame as usize)?.1));
        Ok(Some(
            frames.keys().filter_map(|(pack, frame)| len(*pack, *frame)).sum(),
        ))
    }
}

/// So often a chunk is looked for again whose pack went away.
const FETCH_TURNS: u32 = 4;

impl ManifestSource for Store {
    fn root(&self, master: &MasterRef) -> Result<SignedRoot> {
        self.signed_root(master)
    }

    fn segment(&self, id: SegmentId) -> Result<Vec<u8>> {
        let name = segment_name(id);
        let missing = || {
            Error::new(
                ErrorKind::Missing,
                format!("the store lacks the manifest segment {id}"),
            )
            .with_remedy("`imager verify` names every master that needs it; capture that master again")
        };
        let length = self.storage.len(&name)?.ok_or_else(missing)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let bytes = if length <= Segment::MAX_LEN {
            self.storage.get_range(&name, 0, length)?
        } else {
            Vec::new()
        };
        if blake3::hash(&bytes).as_bytes() != &id.0 {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!("the manifest segment {name} is damaged"),
            )
            .with_remedy("`imager verify` names every master that needs it; capture that master again"));
        }
        Ok(bytes)
    }
}

fn lacks_chunk(id: &ChunkId) -> Error {
    Error::new(
        ErrorKind::Missing,
        format!("the store lacks chunk {id}, or it is damaged"),
    )
    .with_remedy(
        "`imager verify` names every master that needs it; a capture that sees the same content heals it",
    )
}

fn segment_name(id: SegmentId) -> String {
    format!("segments/{:02x}/{id}.seg", id.0[0])
}

fn damage_mark(pack: PackId, offset: u64) -> String {
    format!("damaged/{pack}-{offset}")
}

fn now_unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |duration| {
            u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
        })
}

#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
mod tests;
