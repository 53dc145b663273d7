//! A local folder as [`PackStorage`].

use crate::{
    error::{Error, ErrorKind, Result},
    exchange::PackStorage,
};
use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// Open files kept for reading and appending.
const OPEN_FILES_MAX: usize = 64;

/// Objects as files below a folder.
///
/// An object's bytes are on disk before it gets its name; [`PackStorage::commit`] makes the names durable, and the bytes
/// of unfinished objects.
pub struct FolderStorage {
    folder: PathBuf,
    files: Mutex<HashMap<String, Arc<File>>>,
    dirty: Mutex<Dirty>,
    /// Held while something is made durable: who comes meanwhile must not hear that it is before it is.
    committing: Mutex<()>,
    temporary: AtomicU64,
    /// The reserve was used up since the last commit.
    reserve_spent: AtomicBool,
}

/// What a power cut could still lose.
#[derive(Default)]
struct Dirty {
    files: BTreeSet<String>,
    folders: BTreeSet<PathBuf>,
}

impl FolderStorage {
    /// The storage in a folder that exists.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            files: Mutex::default(),
            dirty: Mutex::default(),
            committing: Mutex::default(),
            temporary: AtomicU64::new(0),
            reserve_spent: AtomicBool::new(false),
        }
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        let fine = name.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        });
        if !fine {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!("{name:?} is no name of an object"),
            ));
        }
        Ok(self.folder.join(name))
    }

    fn file(&self, name: &str, write: bool) -> Result<Arc<File>> {
        let key = if write {
            format!("+{name}")
        } else {
            name.to_owned()
        };
        let mut files = lock(&self.files);
        if let Some(file) = files.get(&key) {
            return Ok(Arc::clone(file));
        }
        let path = self.path(name)?;
        let file = if write {
            self.make_parent(&path)?;
            OpenOptions::new().append(true).create(true).open(&path)
        } else {
            File::open(&path)
        };
        let file = Arc::new(file.map_err(|error| self.failed("opening", name, error))?);
        if files.len() >= OPEN_FILES_MAX {
            files.clear();
        }
        files.insert(key, Arc::clone(&file));
        Ok(file)
    }

    fn close(&self, name: &str) {
        let mut files = lock(&self.files);
        files.remove(name);
        files.remove(&format!("+{name}"));
    }

    fn make_parent(&self, path: &Path) -> Result<()> {
        let Some(parent) = path.parent() else {
            return Ok(());
        };
        if !parent.is_dir() {
            fs::create_dir_all(parent)
                .map_err(|error| self.failed("making the folder of", &path.to_string_lossy(), error))?;
            let mut dirty = lock(&self.dirty);
            let mut folder = parent;
            while folder != self.folder && folder.starts_with(&self.folder) {
                let Some(above) = folder.parent() else { break };
                dirty.folders.insert(above.to_owned());
                folder = above;
            }
        }
        lock(&self.dirty).folders.insert(parent.to_owned());
        Ok(())
    }

    fn failed(&self, attempt: &str, name: &str, error: io::Error) -> Error {
        let remedy = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "make room where the store is, then run it again: what was stored is not lost"
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                "the store's filesystem takes no more writes: look at the kernel's messages, its disk may be failing; \
                 when it does again, run it again: what was stored is not lost"
            }
            io::ErrorKind::PermissionDenied => "run this as the owner of the store",
            io::ErrorKind::NotFound => {
                return Error::io(format!("{attempt} {name} in {}", self.folder.display()), error);
            }
            _ => {
                "look at the kernel's messages: the disk that the store is on may be failing; when it works again, run it \
                 again: what was stored is not lost"
            }
        };
        Error::io(format!("{attempt} {name} in {}", self.folder.display()), error).with_remedy(remedy)
    }
}

/// A file that only takes room, for [`MAKING_ROOM`].
const RESERVE: &str = "reserve";
const RESERVE_LEN: usize = 256 << 10;
/// Objects by which a master is given up: on a disk that is full to the last byte they take the room of the reserve, for how
/// else could anybody make some?
const MAKING_ROOM: [&str; 2] = ["deleted/", "spent/"];

impl FolderStorage {
    /// Sees to it that there is a reserve, if there is room for it. Whether there is one.
    pub(super) fn keep_reserve(&self) -> bool {
        let path = self.folder.join(RESERVE);
        if fs::metadata(&path).is_ok_and(|found| found.len() == RESERVE_LEN as u64) {
            return true;
        }
        // No hole, and nothing that a filesystem packs to nothing.
        let mut bytes = vec![0; RESERVE_LEN];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        let kept =
            File::create(&path).and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_data()));
        if kept.is_err() {
            // The little room that it took is somebody else's.
            let _ = fs::remove_file(&path);
        }
        kept.is_ok()
    }

    fn put_new(&self, name: &str, bytes: &[u8], path: &Path) -> Result<()> {
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = self.path(&format!("unnamed/{}-{number}", std::process::id()))?;
        self.make_parent(&temporary)?;
        self.make_parent(path)?;
        let written = File::create(&temporary)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_data()))
            .and_then(|()| fs::hard_link(&temporary, path));
        let _ = fs::remove_file(&temporary);
        // Only now there is a name that could be lost: whoever commits from here on syncs it.
        self.note_folder(path);
        written.map_err(|error| self.failed("writing", name, error))
    }

    /// Notes that names in the folder of this path are not durable yet.
    fn note_folder(&self, path: &Path) {
        lock(&self.dirty)
            .folders
            .extend(path.parent().map(Path::to_owned));
    }

    /// Makes an object's bytes durable. One that is gone was removed, or finished and made durable under another name.
    fn sync_object(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        match File::open(&path).and_then(|file| file.sync_data()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            synced => synced.map_err(|error| self.failed("syncing", name, error)),
        }
    }
}

impl PackStorage for FolderStorage {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(name)?;
        if let Ok(there) = fs::read(&path) {
            if there == bytes {
                // Whoever put it may have been stopped before its name was durable.
                self.note_folder(&path);
                return Ok(());
            }
            return Err(Error::new(
                ErrorKind::Exists,
                format!("{name} is there already, with other bytes"),
            ));
        }
        match self.put_new(name, bytes, &path) {
            Err(error)
                if error.kind() == ErrorKind::Full
                    && MAKING_ROOM.iter().any(|prefix| name.starts_with(prefix)) =>
            {
                fs::remove_file(self.folder.join(RESERVE)).map_err(|_| error)?;
                self.reserve_spent.store(true, Ordering::Relaxed);
                self.put_new(name, bytes, &path)
            }
            answer => answer,
        }
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        let file = self.file(name, false)?;
        // Never allocate on the word of an index: the file must be that long.
        let length = file
            .metadata()
            .map_err(|error| self.failed("reading", name, error))?
            .len();
        if offset.checked_add(len as u64).is_none_or(|end| end > length) {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!("{name} is cut off: it has {length} bytes, {len} at offset {offset} were wanted"),
            ));
        }
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, offset)
            .map_err(|error| self.failed("reading", name, error))?;
        Ok(bytes)
    }

    fn len(&self, name: &str) -> Result<Option<u64>> {
        match fs::metadata(self.path(name)?) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("looking at", name, error)),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        // Prefixes are whole folders: `packs/`.
        let mut names = Vec::new();
        let mut folders = vec![prefix.trim_end_matches('/').to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(self.path(&folder)?) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(self.failed("listing", &folder, error)),
            };
            for entry in entries {
                let entry = entry.map_err(|error| self.failed("listing", &folder, error))?;
                let Ok(part) = entry.file_name().into_string() else {
                    continue;
                };
                let name = format!("{folder}/{part}");
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(name),
                    Ok(kind) if kind.is_file() && self.path(&name).is_ok() => names.push(name),
                    Ok(_) => {}
                    // Removed since.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    // What is not listed is taken for unused, and swept.
                    Err(error) => return Err(self.failed("listing", &name, error)),
                }
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn delete(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        self.close(name);
        match fs::remove_file(&path) {
            Ok(()) => {
                let mut dirty = lock(&self.dirty);
                dirty.files.remove(name);
                dirty.folders.extend(path.parent().map(Path::to_owned));
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.failed("removing", name, error)),
        }
    }

    fn commit(&self) -> Result<()> {
        // Another's commit may have taken what ours needs: it is durable when that one is done.
        let _one_at_a_time = lock(&self.committing);
        let dirty = std::mem::take(&mut *lock(&self.dirty));
        let synced = dirty
            .files
            .iter()
            .try_for_each(|name| self.sync_object(name))
            .and_then(|()| {
                dirty.folders.iter().try_for_each(|folder| {
                    File::open(folder)
                        .and_then(|folder| folder.sync_all())
                        .map_err(|error| self.failed("syncing", &folder.to_string_lossy(), error))
                })
            });
        if synced.is_err() {
            // Not known to be durable: the next commit has to try again.
            let mut again = lock(&self.dirty);
            again.files.extend(dirty.files);
            again.folders.extend(dirty.folders);
        } else if self.reserve_spent.load(Ordering::Relaxed) && self.keep_reserve() {
            self.reserve_spent.store(false, Ordering::Relaxed);
        }
        synced
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let file = self.file(name, true)?;
        let written = (&*file)
            .write_all(bytes)
            .map_err(|error| self.failed("appending to", name, error));
        // Afterwards, whatever came of it: a commit that began before has not synced these bytes.
        lock(&self.dirty).files.insert(name.to_owned());
        written
    }

    fn seal(&self, unfinished: &str, name: &str) -> Result<()> {
        let file = self.file(unfinished, true)?;
        file.sync_data()
            .map_err(|error| self.failed("syncing", unfinished, error))?;
        let (from, to) = (self.path(unfinished)?, self.path(name)?);
        self.make_parent(&to)?;
        if to.exists() {
            return Err(Error::new(ErrorKind::Exists, format!("{name} is there already")));
        }
        fs::rename(&from, &to).map_err(|error| self.failed("naming", name, error))?;
        self.close(unfinished);
        let mut dirty = lock(&self.dirty);
        dirty.files.remove(unfinished);
        for path in [&from, &to] {
            dirty.folders.extend(path.parent().map(Path::to_owned));
        }
        Ok(())
    }

    fn truncate(&self, unfinished: &str, len: u64) -> Result<()> {
        let file = self.file(unfinished, true)?;
        let shortened = file
            .set_len(len)
            .map_err(|error| self.failed("shortening", unfinished, error));
        lock(&self.dirty).files.insert(unfinished.to_owned());
        shortened
    }
}

/// A lock that a panic of another thread does not take from us: what it guards is always whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let storage = FolderStorage::new(folder.path());
        for name in [
            "",
            "..",
            "../x",
            "/etc/passwd",
            "packs/../../x",
            "a//b",
            "a/",
            ".hidden",
            "a\0b",
            "a\\b",
        ] {
            assert!(storage.put(name, b"x").is_err(), "{name:?}");
            assert!(storage.get_range(name, 0, 1).is_err(), "{name:?}");
        }
    }

    #[test]
    fn an_object_is_put_once() {
        let folder = tempfile::tempdir().unwrap();
        let storage = FolderStorage::new(folder.path());
        storage.put("packs/a", b"one").unwrap();
        storage.put("packs/a", b"one").unwrap();
        assert_eq!(
            storage.put("packs/a", b"two").unwrap_err().kind(),
            ErrorKind::Exists
        );
        assert_eq!(storage.get_range("packs/a", 1, 2).unwrap(), b"ne");
        assert_eq!(
            storage.get_range("packs/a", 1, 3).unwrap_err().kind(),
            ErrorKind::Damaged
        );
        assert_eq!(storage.list("packs/").unwrap(), ["packs/a"]);
        storage.delete("packs/a").unwrap();
        storage.delete("packs/a").unwrap();
        assert_eq!(storage.len("packs/a").unwrap(), None);
    }

    #[test]
    fn an_unfinished_object_grows_and_is_sealed_once() {
        let folder = tempfile::tempdir().unwrap();
        let storage = FolderStorage::new(folder.path());
        storage.append("open/a", b"one").unwrap();
        storage.append("open/a", b"two").unwrap();
        storage.truncate("open/a", 5).unwrap();
        storage.append("open/a", b"!").unwrap();
        storage.commit().unwrap();
        storage.seal("open/a", "packs/a").unwrap();
        assert_eq!(storage.get_range("packs/a", 0, 6).unwrap(), b"onetw!");
        assert_eq!(storage.len("open/a").unwrap(), None);
        storage.append("open/b", b"x").unwrap();
        assert_eq!(
            storage.seal("open/b", "packs/a").unwrap_err().kind(),
            ErrorKind::Exists
        );
    }
}
