//! Which masters a store holds: committing, listing, deleting, taking back.

use super::{Store, folder::lock, index::Location, lacks_chunk, now_unix_ms};
use crate::{
    error::{Error, ErrorKind, Result},
    exchange::ManifestSource,
};
use protocol::{
    ChunkId, MasterName, MasterRef,
    manifest::{Entry, EntryKind, Root, Segment, SignedRoot},
};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// A version of a master, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MasterVersion {
    /// The master; empty if the root cannot be read.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// When it was committed, milliseconds since 1970 UTC.
    pub created_unix_ms: u64,
    /// Size of its disk.
    pub bytes_disk: u64,
    /// Bytes that its filesystems use.
    pub bytes_used: u64,
    /// Whether it can be restored.
    #[serde(flatten)]
    pub state: MasterVersionState,
    /// The object that holds its root.
    pub object: String,
}

/// Whether a version can be restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum MasterVersionState {
    /// Yes, as far as its root says.
    Kept,
    /// Not any more, but it can be taken back until garbage is collected.
    Deleted,
    /// No: its root is damaged, signed by somebody else, or of another version.
    Damaged {
        /// What is wrong with it.
        reason: String,
    },
}

impl Store {
    /// Every version of every master, deleted and damaged ones too, in the order of names and versions.
    ///
    /// # Errors
    /// The storage cannot be listed.
    pub fn masters(&self) -> Result<Vec<MasterVersion>> {
        let mut versions = Vec::new();
        for (prefix, state) in [
            (KEPT, MasterVersionState::Kept),
            (DELETED, MasterVersionState::Deleted),
        ] {
            for object in self.storage.list(prefix)? {
                versions.push(match self.read_root(&object) {
                    Ok((root, _)) => MasterVersion {
                        name: root.name.to_string(),
                        version: root.version,
                        created_unix_ms: root.created_unix_ms,
                        bytes_disk: root.disk_size.get(),
                        bytes_used: root.bytes_used.get(),
                        state: state.clone(),
                        object,
                    },
                    Err(error) => MasterVersion {
                        name: String::new(),
                        version: version_of(&object).unwrap_or(0),
                        created_unix_ms: 0,
                        bytes_disk: 0,
                        bytes_used: 0,
                        state: MasterVersionState::Damaged {
                            reason: error.chain(),
                        },
                        object,
                    },
                });
            }
        }
        versions.sort_by(|a, b| (&a.name, a.version).cmp(&(&b.name, b.version)));
        Ok(versions)
    }

    /// The root of a version (the newest if none is named), its signature checked.
    ///
    /// # Errors
    /// There is no such version, or its root is damaged.
    pub fn master(&self, master: &MasterRef) -> Result<Root> {
        self.public_key.open(&self.signed_root(master)?)
    }

    /// Deletes a version. It can be taken back until garbage is collected. Its number is never given again.
    ///
    /// # Errors
    /// There is no such version, or the store is open for reading only.
    pub fn delete(&self, name: &MasterName, version: u32) -> Result<()> {
        self.move_root(name, version, KEPT, DELETED)?;
        self.writer()?
            .promises
            .note_deletion(&object_name(DELETED, name, version));
        Ok(())
    }

    /// Takes a deleted version back.
    ///
    /// # Errors
    /// There is no such deleted version, or the store is open for reading only.
    pub fn undelete(&self, name: &MasterName, version: u32) -> Result<()> {
        self.move_root(name, version, DELETED, KEPT)
    }

    /// The signed root of a version that may be deleted since: for a restore that began before.
    ///
    /// # Errors
    /// There is no such version, not even a deleted one, or its root is damaged.
    pub fn root_of_running(&self, name: &MasterName, version: u32) -> Result<SignedRoot> {
        let kept = self.signed_root(&MasterRef {
            name: name.clone(),
            version: Some(version),
        });
        let deleted = object_name(DELETED, name, version);
        match kept {
            Err(error) if error.kind() == ErrorKind::Missing && self.storage.len(&deleted)?.is_some() => {
                self.read_root(&deleted).map(|(_, signed)| signed)
            }
            answer => answer,
        }
    }

    /// Notes for ever that the number of a version was given: its root is about to go.
    pub(super) fn spend_version(&self, object: &str) -> Result<()> {
        let Some((folder, version)) = object
            .strip_prefix(DELETED)
            .and_then(|rest| rest.split_once('/'))
            .zip(version_of(object))
            .map(|((folder, _), version)| (folder, version))
        else {
            return Ok(());
        };
        let folder = format!("{SPENT}{folder}/");
        let spent = self.storage.list(&folder)?;
        if spent
            .iter()
            .any(|object| version_of(object).is_some_and(|spent| spent >= version))
        {
            return Ok(());
        }
        self.storage.put(&format!("{folder}{version:010}.number"), b"")?;
        // The highest says everything; that it lasts comes before the others go.
        self.storage.commit()?;
        spent.iter().try_for_each(|object| self.storage.delete(object))
    }

    pub(super) fn signed_root(&self, master: &MasterRef) -> Result<SignedRoot> {
        let version = match master.version {
            Some(version) => version,
            None => self
                .newest(KEPT, &master.name)?
                .ok_or_else(|| self.no_master(master))?,
        };
        let object = object_name(KEPT, &master.name, version);
        if self.storage.len(&object)?.is_none() {
            return Err(self.no_master(&MasterRef {
                name: master.name.clone(),
                version: Some(version),
            }));
        }
        self.read_root(&object).map(|(_, signed)| signed)
    }

    pub(super) fn commit_root(&self, mut root: Root) -> Result<SignedRoot> {
        let writer = self.writer()?;
        let _one_at_a_time = lock(&writer.masters);
        self.check_complete(&root)?;
        self.storage.commit()?;
        let newest = [KEPT, DELETED, SPENT].map(|prefix| self.newest(prefix, &root.name));
        let newest = newest
            .into_iter()
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .max()
            .unwrap_or(0);
        root.version = newest.checked_add(1).ok_or_else(|| {
            Error::new(ErrorKind::Refused, format!("{} has no versions left", root.name))
                .with_remedy("choose another name")
        })?;
        root.created_unix_ms = now_unix_ms();
        let signed = writer.key.sign(&root)?;
        self.storage
            .put(&object_name(KEPT, &root.name, root.version), &signed.encode())?;
        self.storage.commit()?;
        Ok(signed)
    }

    /// Reads and checks the root in an object: its signature, and that it lies where it belongs.
    pub(super) fn read_root(&self, object: &str) -> Result<(Root, SignedRoot)> {
        let named = |error: Error| Error::new(error.kind(), format!("{object}: {}", error.chain()));
        let length = self.storage.len(object)?.unwrap_or(0);
        if length > (SignedRoot::HEADER_LEN + SignedRoot::MAX_BODY_LEN) as u64 {
            return Err(Error::new(ErrorKind::Damaged, format!("{object} is too long")));
        }
        let bytes = self
            .storage
            .get_range(object, 0, usize::try_from(length).unwrap_or(0))?;
        let signed = SignedRoot::decode(&bytes).map_err(|error| named(error.into()))?;
        let root = self.public_key.open(&signed).map_err(named)?;
        let prefix = if object.starts_with(KEPT) { KEPT } else { DELETED };
        if object_name(prefix, &root.name, root.version) != object {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!("{object} holds {}@{}", root.name, root.version),
            ));
        }
        Ok((root, signed))
    }

    /// Checks that everything a root names is there and as long as the manifest says, as far as is known without reading
    /// the chunks themselves.
    ///
    /// # Errors
    /// The first segment or chunk that lacks, has another length, or is known to be damaged.
    pub fn check_complete(&self, root: &Root) -> Result<()> {
        let damaged =
            |why: String| Error::new(ErrorKind::Damaged, format!("the manifest of {} {why}", root.name));
        root.check()?;
        let mut offset = 0u64;
        for reference in &root.segments {
            let segment = Segment::decode(&self.segment(reference.id)?)?;
            if segment.start.get() != offset || segment.covered() != Some(reference.covers.get()) {
                return Err(damaged(format!(
                    "has the segment {} in the wrong place",
                    reference.id
                )));
            }
            offset = offset.saturating_add(reference.covers.get());
            self.check_chunks(&segment, &mut |_, _, error| Err(error))?;
        }
        Ok(())
    }

    /// Compares the entries of a segment with the frames that hold their chunks, whose tables say how long each is. What
    /// is wrong is told with the entry's offset on the disk and its length.
    pub(super) fn check_chunks(
        &self,
        segment: &Segment,
        wrong: &mut dyn FnMut(u64, &Entry, Error) -> Result<()>,
    ) -> Result<()> {
        let mut frames: BTreeMap<(u32, u32), Vec<Occurrence>> = BTreeMap::new();
        for (offset, entry) in segment.ranges() {
            let EntryKind::Data(id) = entry.kind else { continue };
            let place = self.index().find(&id);
            match place {
                Some(place) => frames
                    .entry((place.pack, place.frame))
                    .or_default()
                    .push((offset, *entry, id)),
                None => wrong(offset, entry, lacks_chunk(&id))?,
            }
        }
        for ((pack, frame), entries) in frames {
            let place = Location { pack, frame };
            let chunks = match self.read_frame_table(place) {
                Ok(chunks) => chunks,
                Err(error) if error.kind() == ErrorKind::Damaged => {
                    let chunks: Vec<(ChunkId, u32)> = entries.iter().map(|(_, _, id)| (*id, 0)).collect();
                    self.mark_damaged(place, &chunks);
                    let named = |error: &Error| {
                        Error::new(ErrorKind::Damaged, error.chain())
                            .with_remedy("a capture that sees the same content again heals it")
                    };
                    for (offset, entry, _) in &entries {
                        wrong(*offset, entry, named(&error))?;
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            let lengths: HashMap<ChunkId, u32> = chunks.into_iter().collect();
            for (offset, entry, id) in &entries {
                let length = lengths.get(id).map(|length| u64::from(*length));
                if length != Some(entry.length_bytes) {
                    let text = match length {
                        Some(length) => format!(
                            "the manifest says that chunk {id} has {} bytes, it has {length}",
                            entry.length_bytes
                        ),
                        None => format!("the frame that should hold chunk {id} does not"),
                    };
                    wrong(*offset, entry, Error::new(ErrorKind::Damaged, text))?;
                }
            }
        }
        Ok(())
    }

    fn newest(&self, prefix: &str, name: &MasterName) -> Result<Option<u32>> {
        Ok(self
            .storage
            .list(&folder_of(prefix, name))?
            .iter()
            .filter_map(|object| version_of(object))
            .max())
    }

    fn no_master(&self, master: &MasterRef) -> Error {
        let deleted = master.version.is_some_and(|version| {
            matches!(
                self.storage.len(&object_name(DELETED, &master.name, version)),
                Ok(Some(_))
            )
        });
        if deleted {
            return Error::new(ErrorKind::Missing, format!("{master} is deleted"))
                .with_remedy(format!("take it back with `imager delete {master} --undo`"));
        }
        Error::new(ErrorKind::Missing, format!("the store has no master {master}"))
            .with_remedy("`imager list` shows those it has")
    }

    fn move_root(&self, name: &MasterName, version: u32, from: &str, to: &str) -> Result<()> {
        let writer = self.writer()?;
        let _one_at_a_time = lock(&writer.masters);
        let (old, new) = (object_name(from, name, version), object_name(to, name, version));
        let Some(length) = self.storage.len(&old)? else {
            return Err(Error::new(
                ErrorKind::Missing,
                format!("the store has no master {name}@{version} here"),
            )
            .with_remedy("`imager list` shows those it has"));
        };
        let bytes = self
            .storage
            .get_range(&old, 0, usize::try_from(length).unwrap_or(0))?;
        // First the copy, then the deletion: a power cut between them leaves both, never none.
        self.storage.put(&new, &bytes)?;
        self.storage.commit()?;
        self.storage.delete(&old)?;
        self.storage.commit()
    }
}

/// Offset of an entry on the disk, the entry, and its chunk.
type Occurrence = (u64, Entry, ChunkId);

/// Numbers that were given to versions whose roots are gone.
pub(super) const SPENT: &str = "spent/";

pub(super) const KEPT: &str = "masters/";
pub(super) const DELETED: &str = "deleted/";

fn folder_of(prefix: &str, name: &MasterName) -> String {
    let hash = blake3::hash(name.as_str().as_bytes()).to_hex();
    format!("{prefix}{}/", &hash[..32])
}

fn object_name(prefix: &str, name: &MasterName, version: u32) -> String {
    format!("{}{version:010}.root", folder_of(prefix, name))
}

fn version_of(object: &str) -> Option<u32> {
    let name = object.rsplit('/').next()?;
    name.strip_suffix(".root")
        .or_else(|| name.strip_suffix(".number"))?
        .parse()
        .ok()
}
