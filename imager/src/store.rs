//! A store of masters over any [`PackStorage`].

use crate::{
    error::{Error, ErrorKind, Result},
    exchange::{ChunkSink, ChunkSource, ManifestSource, PackStorage},
    frame::EncodedFrame,
    signature::PublicKey,
};
use protocol::{
    ChunkId, MasterRef,
    manifest::{Root, SegmentId, SignedRoot},
};
use std::path::Path;

/// How a store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read; others may read and write meanwhile.
    Read,
    /// To read and write; nobody else may write meanwhile.
    Write,
}

/// A store of masters.
pub struct Store {
    #[expect(dead_code, reason = "being built")]
    storage: Box<dyn PackStorage>,
}

fn being_built<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Refused, "being built"))
}

impl Store {
    /// Makes a store in an empty or missing folder, with a new key.
    ///
    /// # Errors
    /// The folder holds something already.
    pub fn init(folder: &Path) -> Result<Self> {
        let _ = folder;
        being_built()
    }

    /// Opens a store in a folder.
    ///
    /// # Errors
    /// There is none, it has another format version, or somebody else writes to it ([`ErrorKind::Busy`]).
    pub fn open(folder: &Path, access: Access) -> Result<Self> {
        let _ = (folder, access);
        being_built()
    }

    /// The key that its manifests are signed with.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey([0; 32])
    }
}

impl ChunkSink for Store {
    fn lacking(&self, _ids: &[ChunkId]) -> Result<Vec<bool>> {
        being_built()
    }
    fn put_frame(&self, _frame: EncodedFrame) -> Result<()> {
        being_built()
    }
    fn put_segment(&self, _bytes: &[u8]) -> Result<SegmentId> {
        being_built()
    }
    fn commit(&self, _root: Root) -> Result<SignedRoot> {
        being_built()
    }
}

impl ChunkSource for Store {
    fn fetch(
        &self,
        _segment: SegmentId,
        _wanted: &[ChunkId],
        _deliver: &mut dyn FnMut(EncodedFrame) -> Result<()>,
    ) -> Result<()> {
        being_built()
    }
}

impl ManifestSource for Store {
    fn root(&self, _master: &MasterRef) -> Result<SignedRoot> {
        being_built()
    }
    fn segment(&self, _id: SegmentId) -> Result<Vec<u8>> {
        being_built()
    }
}
