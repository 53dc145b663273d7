//! Making and opening a store: its description, its locks, and the index from its packs.

use super::{
    Access, GrowingPack, Store, Writer, damage_mark,
    folder::{FolderStorage, lock},
    index::{Index, Saved},
    pack::{self, FrameRecord, PackId},
    promise::Promises,
};
use crate::{
    error::{Error, ErrorKind, Result},
    exchange::PackStorage,
    signature::{PublicKey, SecretKey},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Mutex, RwLock},
};

const DESCRIPTION: &str = "store.json";
const FORMAT: &str = "amorce-store";
const VERSION: u32 = 1;

/// What a store says of itself.
#[derive(Serialize, Deserialize)]
struct Description {
    format: String,
    version: u32,
    public_key: String,
}

impl Store {
    /// Makes a store in an empty or missing folder, with a new key, and opens it for writing.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] if the folder holds something already.
    pub fn init(folder: &Path) -> Result<Self> {
        let failed = |error| Error::io(format!("making a store in {}", folder.display()), error);
        fs::create_dir_all(folder).map_err(failed)?;
        if fs::read_dir(folder).map_err(failed)?.next().is_some() {
            let what = if folder.join(DESCRIPTION).exists() {
                "is a store already"
            } else {
                "is not empty"
            };
            return Err(
                Error::new(ErrorKind::Refused, format!("{} {what}", folder.display()))
                    .with_remedy("name an empty or a new folder"),
            );
        }
        let key = SecretKey::generate()?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join("key.pem"))
            .map_err(failed)?;
        file.write_all(key.to_pem()?.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        for name in ["writer.lock", "readers.lock"] {
            File::create_new(folder.join(name)).map_err(failed)?;
        }
        let storage = FolderStorage::new(folder);
        describe(&storage, key.public())?;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        Self::open(folder, Access::Write)
    }

    /// Opens a store in a folder.
    ///
    /// # Errors
    /// There is none ([`ErrorKind::Missing`]), it has another format version, or somebody else writes to it
    /// ([`ErrorKind::Busy`]).
    pub fn open(folder: &Path, access: Access) -> Result<Self> {
        if !folder.join(DESCRIPTION).is_file() {
            return Err(
                Error::new(ErrorKind::Missing, format!("{} is no store", folder.display()))
                    .with_remedy(format!("make one with `imager init {}`", folder.display())),
            );
        }
        let mut locks = Vec::new();
        let readers = folder.join("readers.lock");
        if let Ok(file) = File::open(&readers) {
            // A store on a read-only medium has nobody who collects garbage under us.
            match file.try_lock_shared() {
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::new(
                        ErrorKind::Busy,
                        format!("the garbage of the store {} is being collected", folder.display()),
                    )
                    .with_remedy("try again in a moment"));
                }
                _ => locks.push(HeldLock(file)),
            }
        }
        let key = match access {
            Access::Read => None,
            Access::Write => {
                locks.push(HeldLock(lock_for_writing(folder)?));
                let path = folder.join("key.pem");
                let text = fs::read_to_string(&path).map_err(|error| {
                    Error::io(format!("reading the store's key {}", path.display()), error)
                        .with_remedy("without it nothing can be signed: put the store's own key.pem back")
                })?;
                Some(SecretKey::from_pem(&text)?)
            }
        };
        // Who only reads may not be able to write there.
        let index = match access {
            Access::Read => Index::default(),
            Access::Write => Index::new(folder.to_owned()),
        };
        let storage = FolderStorage::new(folder);
        if access == Access::Write {
            storage.keep_reserve();
        }
        let mut store = Self::with_index(Box::new(storage), key, index, Some(&folder.join(SAVED_INDEX)))?;
        store._locks = locks;
        store.folder = Some(folder.to_owned());
        if access == Access::Write {
            // Left by a writer that was stopped between writing and naming; nobody else writes now.
            for name in store.storage.list("unnamed/")? {
                store.storage.delete(&name)?;
            }
        }
        Ok(store)
    }

    /// Opens a store on any storage; with a key, for writing. The caller sees to it that there is one writer.
    ///
    /// # Errors
    /// There is no store, it has another format version or another key, or it cannot be read.
    pub fn with_storage(storage: Box<dyn PackStorage>, key: Option<SecretKey>) -> Result<Self> {
        Self::with_index(storage, key, Index::default(), None)
    }

    /// Opens a store and fills its index, which is empty.
    fn with_index(
        storage: Box<dyn PackStorage>,
        key: Option<SecretKey>,
        index: Index,
        saved: Option<&Path>,
    ) -> Result<Self> {
        let public_key = read_description(&*storage)?;
        if key.as_ref().is_some_and(|key| key.public() != public_key) {
            return Err(Error::new(
                ErrorKind::Refused,
                "the key is not the one that the store was made with",
            )
            .with_remedy("put the store's own key.pem back"));
        }
        let mut store = Self {
            storage,
            public_key,
            writer: key.map(|key| Writer {
                key,
                growing: Mutex::new(None),
                masters: Mutex::new(()),
                promises: Promises::new(),
            }),
            index: RwLock::default(),
            warnings: Vec::new(),
            _locks: Vec::new(),
            folder: None,
        };
        store.load_index(index, saved)?;
        Ok(store)
    }

    /// Makes a store on any storage that holds none yet.
    ///
    /// # Errors
    /// There is one already.
    pub fn init_storage(storage: &dyn PackStorage, key: &SecretKey) -> Result<()> {
        describe(storage, key.public())
    }

    /// Keeps readers of other processes out, as long as the answer lives.
    pub(super) fn lock_out_readers(&self) -> Result<Option<NoReaders>> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        let path = folder.join("readers.lock");
        let failed = |error| Error::io(format!("locking {}", path.display()), error);
        let file = match self._locks.first() {
            // Our own lock becomes the exclusive one.
            Some(HeldLock(file)) => file.try_clone().map_err(failed)?,
            None => File::open(&path).map_err(failed)?,
        };
        match file.try_lock() {
            Ok(()) => Ok(Some(NoReaders(file))),
            Err(TryLockError::WouldBlock) => {
                // A conversion that fails has given up the lock that was there (flock(2)).
                let _ = file.try_lock_shared();
                Err(Error::new(
                    ErrorKind::Busy,
                    format!("somebody reads from the store {}", folder.display()),
                )
                .with_remedy("wait until the restore or the check has ended, then try again"))
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    fn load_index(&mut self, mut index: Index, saved_at: Option<&Path>) -> Result<()> {
        let damaged: HashSet<String> = self.storage.list("damaged/")?.into_iter().collect();
        let mut warnings = Vec::new();
        let mut sealed = HashSet::new();
        // Listed first: a pack that a writer finishes meanwhile is then in this list or in the other, never in none.
        let open = self.storage.list("open/")?;
        let marks = hash_of(&damaged);
        let length_of = |id: PackId| self.storage.len(&id.sealed_name()).ok().flatten();
        let saved = saved_at.and_then(|path| Saved::read(path, marks, length_of));
        let chunks_saved = saved.as_ref().map_or(0, Saved::len);
        if let Some(saved) = saved {
            sealed.extend(saved.packs());
            index.adopt(saved);
        }
        for name in self.storage.list("packs/")? {
            if PackId::from_name(&name).is_some_and(|id| sealed.contains(&id)) {
                continue;
            }
            match pack::read_contents(&*self.storage, &name) {
                Ok(contents) => {
                    if let Some(damage) = &contents.table_damage {
                        warnings.push(format!("{damage}; its frames were found by their headers"));
                    }
                    sealed.insert(contents.id);
                    index.add_pack(&contents, true, |frame| {
                        !damaged.contains(&damage_mark(contents.id, frame.offset))
                    });
                }
                Err(error) => warnings.push(error.chain()),
            }
        }
        if let (Some(path), Some(_)) = (saved_at, &self.writer)
            && index.record_count() - chunks_saved > CHUNKS_UNSAVED_MAX.max(chunks_saved / 4)
        {
            // Without it the next opening takes longer.
            let _ = index.save(path, marks, length_of);
        }
        let mut salvage = Vec::new();
        for name in open {
            if PackId::from_name(&name).is_some_and(|id| sealed.contains(&id)) {
                continue;
            }
            match self.load_open_pack(&name, &mut index, &damaged) {
                Ok(None) => {}
                Ok(Some(frames)) => salvage.push((name, frames)),
                Err(error) => warnings.push(error.chain()),
            }
        }
        self.index = RwLock::new(index);
        self.warnings = warnings;
        if self.writer.is_some() {
            self.finish_old_packs()?;
            for (name, frames) in &salvage {
                match self.salvage(name, frames) {
                    // It waits, untouched, until there is room; `gc` makes some.
                    Err(error) if error.kind() == ErrorKind::Full => self.warnings.push(error.chain()),
                    answer => answer?,
                }
            }
        }
        Ok(())
    }

    /// A pack that was growing when somebody stopped, or that somebody else is writing now. What a power cut left of it is
    /// decided frame by frame; only whole and true ones count. Gives those that have to be moved because something between
    /// them is damaged.
    fn load_open_pack(
        &self,
        name: &str,
        index: &mut Index,
        damaged: &HashSet<String>,
    ) -> Result<Option<Vec<FrameRecord>>> {
        let is_writer = self.writer.is_some();
        let mut contents = match pack::read_contents(&*self.storage, name) {
            Ok(contents) => contents,
            Err(error) if is_writer && error.kind() == ErrorKind::Damaged => {
                // Its header is gone; the frames in it, if there are any, prove themselves.
                let frames = pack::scan_frames(&*self.storage, name)?;
                return Ok(Some(self.keep_true_frames(name, frames)?));
            }
            Err(error) if !is_writer && error.kind() == ErrorKind::Missing => {
                // The writer finished it since it was listed, or it was empty and is gone.
                let Some(id) = PackId::from_name(name) else {
                    return Ok(None);
                };
                match pack::read_contents(&*self.storage, &id.sealed_name()) {
                    Ok(contents) => {
                        index.add_pack(&contents, true, |frame| {
                            !damaged.contains(&damage_mark(contents.id, frame.offset))
                        });
                    }
                    Err(error) if error.kind() == ErrorKind::Missing => {}
                    Err(error) => return Err(error),
                }
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if is_writer {
            let next_to_each_other = |frames: &[FrameRecord]| {
                let mut next = pack::HEADER_LEN as u64;
                frames.iter().all(|record| {
                    let follows = record.offset == next;
                    next = record.offset + u64::from(record.len);
                    follows
                })
            };
            contents.frames = self.keep_true_frames(name, contents.frames)?;
            if !next_to_each_other(&contents.frames) {
                return Ok(Some(contents.frames));
            }
            contents.frames_end = contents.frames.last().map_or(pack::HEADER_LEN as u64, |record| {
                record.offset + u64::from(record.len)
            });
            self.storage.truncate(name, contents.frames_end)?;
        }
        let number = index.add_pack(&contents, false, |frame| {
            !damaged.contains(&damage_mark(contents.id, frame.offset))
        });
        if let Some(writer) = &self.writer {
            let pack = GrowingPack {
                number,
                id: contents.id,
                len: contents.frames_end,
                frames: contents.frames,
            };
            let mut growing = lock(&writer.growing);
            if growing.as_ref().is_none_or(|other| other.len > pack.len) && pack.len < pack::TARGET_LEN {
                *growing = Some(pack);
            }
        }
        Ok(None)
    }

    /// Those frames whose chunks are what their ids say. What merely could not be read is an error: it may be true.
    fn keep_true_frames(&self, name: &str, frames: Vec<FrameRecord>) -> Result<Vec<FrameRecord>> {
        let mut kept = Vec::with_capacity(frames.len());
        for record in frames {
            let checked = pack::read_frame(&*self.storage, name, record.offset, record.len)
                .and_then(|mut frame| frame.verify());
            match checked {
                Ok(()) => kept.push(record),
                Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Version) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(kept)
    }

    /// Moves the good frames of an unfinished pack to another one and removes it.
    fn salvage(&self, name: &str, frames: &[FrameRecord]) -> Result<()> {
        for record in frames {
            let mut frame = pack::read_frame(&*self.storage, name, record.offset, record.len)?;
            frame.verify()?;
            self.append_frame(&frame, false)?;
        }
        self.storage.commit()?;
        match PackId::from_name(name) {
            Some(id) => self.delete_pack(id, name),
            None => self.storage.delete(name),
        }
    }

    /// Deletes a pack and the marks of its damage.
    pub(super) fn delete_pack(&self, id: PackId, name: &str) -> Result<()> {
        // The pack first: a mark without its pack says nothing, a pack without its mark would be believed.
        self.storage.delete(name)?;
        for mark in self.storage.list("damaged/")? {
            if mark.starts_with(&format!("damaged/{id}-")) {
                self.storage.delete(&mark)?;
            }
        }
        Ok(())
    }

    /// Finishes every open pack but the one that goes on growing.
    fn finish_old_packs(&self) -> Result<()> {
        let growing = self
            .writer
            .as_ref()
            .and_then(|writer| lock(&writer.growing).as_ref().map(|pack| pack.number));
        let old: Vec<(u32, PackId)> = self
            .index()
            .packs()
            .filter(|(number, pack)| !pack.sealed && Some(*number) != growing)
            .map(|(number, pack)| (number, pack.id))
            .collect();
        for (number, id) in old {
            let contents = pack::read_contents(&*self.storage, &id.open_name())?;
            let finished = self.finish_pack(&GrowingPack {
                number,
                id,
                len: contents.frames_end,
                frames: contents.frames,
            });
            match finished {
                // It stays readable as it is, and the store must open: how else could anybody make room?
                Err(error) if error.kind() == ErrorKind::Full => {}
                answer => answer?,
            }
        }
        Ok(())
    }
}

/// The index of finished packs as it was saved last.
const SAVED_INDEX: &str = "index";
/// So many chunks are read from their packs at each opening before the index is saved anew; of a larger store, a quarter of
/// what it has.
const CHUNKS_UNSAVED_MAX: usize = if cfg!(test) { 8 } else { 100_000 };

/// One hash for all marks.
fn hash_of(marks: &HashSet<String>) -> [u8; 32] {
    let mut sorted: Vec<&String> = marks.iter().collect();
    sorted.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for mark in sorted {
        hasher.update(mark.as_bytes()).update(b"\n");
    }
    *hasher.finalize().as_bytes()
}

/// A lock on one of the store's files.
pub(super) struct HeldLock(File);

impl Drop for HeldLock {
    fn drop(&mut self) {
        // A child that another thread is just starting holds a copy of every descriptor until it runs its program; the
        // lock must not outlive us in it.
        let _ = self.0.unlock();
    }
}

/// While it lives, no other process opens the store.
pub(super) struct NoReaders(File);

impl Drop for NoReaders {
    fn drop(&mut self) {
        // The same lock as the store holds, back to what it was; nobody can be in the way of that.
        let _ = self.0.try_lock_shared();
    }
}

fn lock_for_writing(folder: &Path) -> Result<File> {
    let path = folder.join("writer.lock");
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => Error::new(
            ErrorKind::Refused,
            format!("the store {} cannot be written to", folder.display()),
        )
        .with_remedy("mount it for writing, and run this as its owner")
        .with_source(error),
        _ => Error::io(format!("opening {} to write to the store", path.display()), error),
    };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::new(
            ErrorKind::Busy,
            format!("somebody else writes to the store {}", folder.display()),
        )
        .with_remedy("use the appliance that serves it, or stop `amorce serve` (or the other imager) first")),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn describe(storage: &dyn PackStorage, key: PublicKey) -> Result<()> {
    let description = Description {
        format: FORMAT.to_owned(),
        version: VERSION,
        public_key: key.to_string(),
    };
    let mut text = serde_json::to_vec_pretty(&description)
        .map_err(|error| Error::new(ErrorKind::Io, format!("describing the store: {error}")))?;
    text.push(b'\n');
    storage.put(DESCRIPTION, &text)?;
    storage.commit()
}

fn read_description(storage: &dyn PackStorage) -> Result<PublicKey> {
    let length = storage.len(DESCRIPTION)?.ok_or_else(|| {
        Error::new(ErrorKind::Missing, "there is no store").with_remedy("make one with `imager init`")
    })?;
    let damaged = |why: String| {
        Error::new(
            ErrorKind::Damaged,
            format!("the store's {DESCRIPTION} is damaged: {why}"),
        )
    };
    let length = usize::try_from(length.min(1 << 16)).unwrap_or(0);
    let description: Description = serde_json::from_slice(&storage.get_range(DESCRIPTION, 0, length)?)
        .map_err(|error| damaged(error.to_string()))?;
    if description.format != FORMAT {
        return Err(damaged(format!("it describes {:?}", description.format)));
    }
    if description.version != VERSION {
        return Err(Error::new(
            ErrorKind::Version,
            format!(
                "the store has format version {}, this program reads version {VERSION}",
                description.version
            ),
        )
        .with_remedy("use the version of this program that made it"));
    }
    description.public_key.parse()
}
