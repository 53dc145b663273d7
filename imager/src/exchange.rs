//! Where masters come from and go to: the traits between the engine and whatever keeps or carries masters.
//!
//! ```text
//! capture → ChunkSink ─┬─ Store (a folder, over PackStorage)
//!                      └─ depot::client (HTTP) → depot::server → Store
//! restore ← ManifestSource + ChunkSource: the same two
//! ```

use crate::{
    error::{Error, ErrorKind, Result},
    frame::EncodedFrame,
};
use protocol::{
    ChunkId, MasterRef,
    manifest::{Root, Segment, SegmentId, SegmentRef, SignedRoot},
};

/// Named, immutable objects: the lowest layer a store stands on. A local folder, a test disk and S3 implement it.
///
/// Names are relative, `/`-separated, made by the store only (`packs/…`, `segments/…`, `masters/…`). The one exception
/// from immutability is the unfinished object, below `open/`: it grows by [`PackStorage::append`] and is readable at once,
/// until [`PackStorage::seal`] gives it its permanent name. An engine without appending (S3) keeps unfinished objects in a
/// local folder and puts them when they are sealed.
pub trait PackStorage: Send + Sync {
    /// Puts an object once. Putting the same name again is an error unless the bytes are the same.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()>;
    /// Reads a part of an object; an error if it has fewer bytes.
    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>>;
    /// Length of an object, or `None` if there is none of that name.
    fn len(&self, name: &str) -> Result<Option<u64>>;
    /// Names of all objects that begin with `prefix`, in order.
    fn list(&self, prefix: &str) -> Result<Vec<String>>;
    /// Removes an object; removing what is not there is no error.
    fn delete(&self, name: &str) -> Result<()>;
    /// When this returns, everything put, appended or sealed before it survives a power cut.
    fn commit(&self) -> Result<()>;
    /// Adds bytes to the end of an unfinished object, making it if it is not there. They survive the end of the process;
    /// a power cut may lose or damage what was appended since the last [`PackStorage::commit`].
    fn append(&self, name: &str, bytes: &[u8]) -> Result<()>;
    /// Gives an unfinished object its permanent name, once, with the bytes it has.
    fn seal(&self, unfinished: &str, name: &str) -> Result<()>;
    /// Shortens an unfinished object, to drop a frame that was cut off by a crash.
    fn truncate(&self, unfinished: &str, len: u64) -> Result<()>;
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

    /// How many bytes [`ChunkSource::fetch`] would deliver for them; `None` if the source does not tell.
    ///
    /// # Errors
    /// The source lacks one of them.
    fn stored_len(&self, _segment: SegmentId, _wanted: &[ChunkId]) -> Result<Option<u64>> {
        Ok(None)
    }
}

/// Where a restore gets the manifest.
pub trait ManifestSource: Send + Sync {
    /// The signed root of a master's version (the newest if none is named). The caller checks the signature.
    fn root(&self, master: &MasterRef) -> Result<SignedRoot>;
    /// One segment, whose BLAKE3 hash the caller checks against its id.
    fn segment(&self, id: SegmentId) -> Result<Vec<u8>>;
}

/// Gets a segment and checks that it is the one that its root names, and that it begins at byte `start` of the disk.
pub(crate) fn fetch_segment(
    source: &dyn ManifestSource,
    reference: &SegmentRef,
    start: u64,
) -> Result<Segment> {
    let damaged = |why: &str| {
        Error::new(
            ErrorKind::Damaged,
            format!("manifest segment {}: {why}", reference.id),
        )
    };
    let bytes = source.segment(reference.id)?;
    if blake3::hash(&bytes).as_bytes() != &reference.id.0 {
        return Err(damaged("its bytes are not those that the root names"));
    }
    let segment = Segment::decode(&bytes)?;
    if segment.start.get() != start || segment.covered() != Some(reference.covers.get()) {
        return Err(damaged("it is not where the root puts it"));
    }
    Ok(segment)
}

/// Where a restore gets everything.
pub trait MasterSource: ManifestSource + ChunkSource {}

impl<T: ManifestSource + ChunkSource + ?Sized> MasterSource for T {}

/// Where a capture puts what it read.
pub trait ChunkSink: Send + Sync {
    /// For each id, whether it is lacking and should be sent.
    fn lacking(&self, ids: &[ChunkId]) -> Result<Vec<bool>>;
    /// Takes one frame; when this returns the frame need not be sent again. Sending a frame twice is harmless. Called by
    /// several threads at once.
    fn put_frame(&self, frame: EncodedFrame) -> Result<()>;
    /// Takes one manifest segment.
    fn put_segment(&self, bytes: &[u8]) -> Result<SegmentId>;
    /// Ends the capture: checks that everything the root names is there, gives it its version number, signs it and makes
    /// it durable. All or nothing.
    fn commit(&self, root: Root) -> Result<SignedRoot>;
}
