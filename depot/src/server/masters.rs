//! What the page shows and what an administrator may do: list, look, delete, take back, collect garbage.

use super::{DepotServer, problem::of_store};
use imager::{
    ErrorKind, Unwatched,
    exchange::ChunkSink,
    store::{Access, CollectOptions, Collected, MasterVersion, Stats, Store},
};
use protocol::{MasterName, MasterRef, Problem, manifest::Root};
use std::{
    collections::hash_map::Entry,
    path::Path,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

/// Longer than any capture takes: so long stays what a running capture was told the depot has.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// A room of machines that starts together asks for its tasks within this.
const WHOLE_FOR: Duration = Duration::from_secs(20);

impl DepotServer {
    /// Opens the store in a folder for writing, or makes one in an empty or missing folder.
    ///
    /// # Errors
    /// Somebody else writes to it, it is of another format version, or the folder holds something else.
    pub fn open(folder: &Path) -> Result<Self, Problem> {
        let store = match Store::open(folder, Access::Write) {
            Err(error) if error.kind() == ErrorKind::Missing => Store::init(folder),
            opened => opened,
        };
        Ok(Self::new(Arc::new(store.map_err(of_store)?)))
    }

    /// What was found damaged when the store was opened, in words for the log. The rest of it works.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        self.store.warnings()
    }

    /// Every version of every master, in the order of names and versions; deleted and damaged ones too, which say so.
    ///
    /// # Errors
    /// The storage cannot be listed.
    pub fn masters(&self) -> Result<Vec<MasterVersion>, Problem> {
        self.store.masters().map_err(of_store)
    }

    /// The head of a version, or of the newest if none is named, its signature checked: disk, partitions, notes.
    ///
    /// # Errors
    /// 404 if there is none, 500 if it is damaged.
    pub fn master(&self, master: &MasterRef) -> Result<Root, Problem> {
        self.store.master(master).map_err(of_store)
    }

    /// Figures of the whole depot.
    ///
    /// # Errors
    /// The storage cannot be listed.
    pub fn stats(&self) -> Result<Stats, Problem> {
        self.store.stats().map_err(of_store)
    }

    /// Deletes a version. A restore that runs goes on; no other may begin, which [`DepotServer::check_complete`] says. For
    /// a day at least it can be taken back.
    ///
    /// # Errors
    /// 404 if there is none.
    pub fn delete(&self, name: &MasterName, version: u32) -> Result<(), Problem> {
        let deleted = self.store.delete(name, version).map_err(of_store);
        self.forget();
        deleted
    }

    /// Makes a master of a version of another one: the same data under another name. Its version.
    ///
    /// # Errors
    /// 404 if there is none, 507 when the store is full.
    pub fn clone_version(&self, master: &MasterRef, name: &MasterName) -> Result<u32, Problem> {
        let root = Root {
            name: name.clone(),
            ..self.store.master(master).map_err(of_store)?
        };
        let _committing = self.committing.lock().unwrap_or_else(PoisonError::into_inner);
        let signed = self.store.commit(root).map_err(of_store)?;
        let made = self.store.public_key().open(&signed).map_err(of_store)?;
        Ok(made.version)
    }

    /// Takes a deleted version back.
    ///
    /// # Errors
    /// 404 if there is none.
    pub fn undelete(&self, name: &MasterName, version: u32) -> Result<(), Problem> {
        let taken_back = self.store.undelete(name, version).map_err(of_store);
        self.forget();
        taken_back
    }

    /// Checks that a version is whole, as far as is known without reading its chunks: before a machine's disk is given up
    /// for it. Names the version, for a right to read it. Takes seconds for a large master; what was found whole is not
    /// looked at again for some seconds, because a room of machines asks at the same time.
    ///
    /// # Errors
    /// 404 if there is none or something of it is missing, 500 if something is damaged.
    pub fn check_complete(&self, master: &MasterRef) -> Result<MasterRef, Problem> {
        let root = self.store.master(master).map_err(of_store)?;
        let version = (root.name.clone(), root.version);
        // Held meanwhile: whoever asks for the same waits for the answer instead of finding it, too.
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        whole.retain(|_, found| found.elapsed() < WHOLE_FOR);
        if let Entry::Vacant(unknown) = whole.entry(version) {
            self.store.check_complete(&root).map_err(of_store)?;
            unknown.insert(Instant::now());
        }
        Ok(MasterRef {
            name: root.name,
            version: Some(root.version),
        })
    }

    /// Removes what no kept master needs. Takes minutes on a large depot.
    ///
    /// # Errors
    /// A kept master's manifest cannot be read: then nothing is removed, because what it needs is not known.
    pub fn collect_garbage(&self) -> Result<Collected, Problem> {
        let options = CollectOptions {
            grace: GRACE,
            keep_deleted: false,
        };
        let collected = self.store.collect_garbage(options, &Unwatched).map_err(of_store);
        self.forget();
        collected
    }

    /// A master that is gone is not remembered either.
    fn forget(&self) {
        self.roots.clear();
        self.segments.clear();
        self.whole.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
