//! Which masters a store holds: committing, listing, deleting, taking back.

use super::{Store, folder::lock, lacks_chunk, now_unix_ms};
use crate::{
    error::{Error, ErrorKind, Result},
    exchange::ManifestSource,
};
use protocol::{
    MasterName, MasterRef,
    manifest::{EntryKind, Root, Segment, SignedRoot},
};
use serde::Serialize;

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

    /// Deletes a version. It can be taken back until garbage is collected.
    ///
    /// # Errors
    /// There is no such version, or the store is open for reading only.
    pub fn delete(&self, name: &MasterName, version: u32) -> Result<()> {
        self.move_root(name, version, KEPT, DELETED)
    }

    /// Takes a deleted version back.
    ///
    /// # Errors
    /// There is no such deleted version, or the store is open for reading only.
    pub fn undelete(&self, name: &MasterName, version: u32) -> Result<()> {
        self.move_root(name, version, DELETED, KEPT)
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
        let newest = [KEPT, DELETED].map(|prefix| self.newest(prefix, &root.name));
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

    /// Checks that everything a root names is there, as far as is known without reading the chunks.
    ///
    /// # Errors
    /// The first segment or chunk that lacks or is known to be damaged.
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
            let index = self.index();
            for entry in &segment.entries {
                if let EntryKind::Data(id) = entry.kind {
                    index.find(&id).ok_or_else(|| lacks_chunk(&id))?;
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
    object.rsplit('/').next()?.strip_suffix(".root")?.parse().ok()
}
