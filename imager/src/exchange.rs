//! Where masters come from and go to: the traits between the engine and whatever keeps or carries masters.
//!
//! ```text
//! capture → ChunkSink ─┬─ Store (a folder, over PackStorage)
//!                      └─ depot::client (HTTP) → depot::server → Store
//! restore ← ManifestSource + ChunkSource: the same two
//! ```

use crate::{error::Result, frame::EncodedFrame};
use protocol::{
    ChunkId, MasterRef,
    manifest::{Root, SegmentId, SignedRoot},
};

/// Named, immutable objects: the lowest layer a store stands on. A local folder, a test disk and S3 implement it.
///
/// Names are relative, `/`-separated, made by the store only (`packs/…`, `segments/…`, `masters/…`).
pub trait PackStorage: Send + Sync {
    /// Puts an object once. Putting the same name again is an error unless the bytes are the same.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()>;
    /// Reads a part of an object.
    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>>;
    /// Length of an object, or `None` if there is none of that name.
    fn len(&self, name: &str) -> Result<Option<u64>>;
    /// Names of all objects that begin with `prefix`, in order.
    fn list(&self, prefix: &str) -> Result<Vec<String>>;
    /// Removes an object; removing what is not there is no error.
    fn delete(&self, name: &str) -> Result<()>;
    /// When this returns, everything put before it survives a power cut.
    fn commit(&self) -> Result<()>;
}

/// Where a restore gets chunks.
pub trait ChunkSource: Send + Sync {
    /// Delivers, in any order, frames that together hold every wanted chunk.
    ///
    /// All wanted chunks stand in the manifest segment named: a server checks exactly that before it answers, so whoever
    /// may read one master reads no other.
    fn fetch(
        &self,
        segment: SegmentId,
        wanted: &[ChunkId],
        deliver: &mut dyn FnMut(EncodedFrame) -> Result<()>,
    ) -> Result<()>;
}

/// Where a restore gets the manifest.
pub trait ManifestSource: Send + Sync {
    /// The signed root of a master's version (the newest if none is named). The caller checks the signature.
    fn root(&self, master: &MasterRef) -> Result<SignedRoot>;
    /// One segment, whose BLAKE3 hash the caller checks against its id.
    fn segment(&self, id: SegmentId) -> Result<Vec<u8>>;
}

/// Where a capture puts what it read.
pub trait ChunkSink: Send + Sync {
    /// For each id, whether it is lacking and should be sent.
    fn lacking(&self, ids: &[ChunkId]) -> Result<Vec<bool>>;
    /// Takes one frame; when this returns the frame need not be sent again. Sending a frame twice is harmless.
    fn put_frame(&self, frame: EncodedFrame) -> Result<()>;
    /// Takes one manifest segment.
    fn put_segment(&self, bytes: &[u8]) -> Result<SegmentId>;
    /// Ends the capture: checks that everything the root names is there, gives it its version number, signs it and makes
    /// it durable. All or nothing.
    fn commit(&self, root: Root) -> Result<SignedRoot>;
}
