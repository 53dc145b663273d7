//! The appliance's side: checks what agents ask and send, over a store. Synchronous, without a framework or sockets.

mod fetch;
mod masters;
mod memory;
mod problem;
mod production;

pub use fetch::{FrameStream, Sent};
pub use imager::{
    signature::PublicKey,
    store::{Collected, MasterVersion, MasterVersionState, Stats},
};
pub use production::{Countersigned, ProductionKey, SIGNATURE_MAX_LEN};

use crate::wire::{self, Call, FetchRequest};
use imager::{
    exchange::{ChunkSink, ManifestSource},
    frame::EncodedFrame,
    store::Store,
};
use memory::Memory;
use problem::{not_yours, of_body, of_store, of_wire};
use protocol::{
    ChunkId, MasterName, MasterRef, Problem,
    manifest::{Root, Segment, SegmentId, SignedRoot},
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// For so long a commit with the content of the newest version is taken for that version's own, sent again because the
/// answer was lost. As long as an interrupted job may resume by itself.
const SAME_COMMIT_MS: u64 = 2 * 60 * 60 * 1000;
/// Masters and segments whose contents are remembered between calls: a segment's ids take up to a megabyte.
const REMEMBERED: usize = 64;

/// What a session may do here. Whoever mounts the depot finds it by the session key; there is no other check behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    /// A capture: may ask what is lacking, and send and commit this master.
    Upload {
        /// The master that gets a new version.
        master: MasterName,
    },
    /// A restore: may read this one version.
    Read {
        /// The master, with its version: a restore that runs must not change under a new capture.
        master: MasterRef,
    },
}

/// What a call is answered with, under status 200, or 204 when empty.
#[derive(Debug)]
pub enum Answer {
    /// Nothing.
    Empty,
    /// Bytes of [`wire::BYTES`].
    Bytes(Vec<u8>),
    /// Bytes of [`wire::BYTES`] that are made while they are sent.
    Frames(FrameStream),
}

/// Serves a store to agents, each within its right.
pub struct DepotServer {
    store: Arc<Store>,
    /// Segments of each version that was read.
    roots: Memory<(MasterName, u32), HashSet<SegmentId>>,
    /// Chunks of each segment that was read.
    segments: Memory<SegmentId, HashSet<ChunkId>>,
    /// Versions that were found whole lately, and when.
    whole: Mutex<HashMap<(MasterName, u32), Instant>>,
    committing: Mutex<()>,
}

impl DepotServer {
    /// Serves a store that was opened for writing.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Self {
        let (roots, segments) = (Memory::new(REMEMBERED), Memory::new(REMEMBERED));
        Self {
            store,
            roots,
            segments,
            whole: Mutex::default(),
            committing: Mutex::new(()),
        }
    }

    /// The key that signs the depot's manifests: agents are told at hello what to check against.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.store.public_key()
    }

    /// Answers a call. Blocks on the disk; the body has at most [`Call::body_limit`] bytes.
    ///
    /// # Errors
    /// A problem with its HTTP status: 403 outside the right, 422 for a body that is not what it claims, 404, 507 and 500.
    pub fn answer(&self, right: &Right, call: Call, body: &[u8]) -> Result<Answer, Problem> {
        if body.len() > call.body_limit() {
            let title = format!(
                "the request has {} bytes, at most {} are taken",
                body.len(),
                call.body_limit()
            );
            return Err(Problem::new("body-too-long", title, "").with_status(413));
        }
        match (call, right) {
            (Call::Lacking, Right::Upload { .. }) => self.lacking(body),
            (Call::PutFrames, Right::Upload { .. }) => self.put_frames(body),
            (Call::PutSegment, Right::Upload { .. }) => self.put_segment(body),
            (Call::Commit, Right::Upload { master }) => self.commit(master, body),
            (Call::Root, Right::Read { master }) => self
                .signed_root(master)
                .map(|(signed, _)| Answer::Bytes(signed.encode())),
            (Call::Segment(id), Right::Read { master }) => {
                self.check_segment(master, id)?;
                self.store.segment(id).map(Answer::Bytes).map_err(of_store)
            }
            (Call::Fetch, Right::Read { master }) => self.fetch(master, body),
            (Call::FetchLen, Right::Read { master }) => self.fetch_len(master, body),
            (_, Right::Upload { .. }) => Err(not_yours("a capture does not read masters")),
            (_, Right::Read { .. }) => Err(not_yours("a restore does not write to the depot")),
        }
    }

    fn lacking(&self, body: &[u8]) -> Result<Answer, Problem> {
        let ids = wire::decode_ids(body).map_err(of_wire)?;
        let lacking = self.store.lacking(&ids).map_err(of_store)?;
        Ok(Answer::Bytes(wire::encode_bitmap(&lacking)))
    }

    /// Every frame is decoded and every chunk in it hashed before the store sees the first of them.
    fn put_frames(&self, body: &[u8]) -> Result<Answer, Problem> {
        let mut frames = Vec::new();
        for bytes in wire::split_frames(body).map_err(of_wire)? {
            let mut frame = EncodedFrame::parse(bytes.to_vec()).map_err(of_body)?;
            frame.verify().map_err(of_body)?;
            frames.push(frame);
        }
        for frame in frames {
            self.store.put_frame(frame).map_err(of_store)?;
        }
        Ok(Answer::Empty)
    }

    fn put_segment(&self, body: &[u8]) -> Result<Answer, Problem> {
        Segment::decode(body).map_err(|error| of_body(error.into()))?;
        let id = self.store.put_segment(body).map_err(of_store)?;
        Ok(Answer::Bytes(id.0.to_vec()))
    }

    fn commit(&self, master: &MasterName, body: &[u8]) -> Result<Answer, Problem> {
        let root: Root = serde_json::from_slice(body).map_err(|error| {
            Problem::new(
                "damaged",
                format!("the manifest's root does not parse: {error}"),
                "",
            )
            .with_status(422)
        })?;
        root.check().map_err(|error| of_body(error.into()))?;
        if root.name != *master {
            return Err(not_yours(&format!(
                "this session captures {master}, not {}",
                root.name
            )));
        }
        // One at a time, so that a commit sent again finds the first one finished.
        let _committing = self.committing.lock().unwrap_or_else(PoisonError::into_inner);
        let signed = match self.same_commit(&root) {
            Some(signed) => signed,
            None => self.store.commit(root).map_err(of_store)?,
        };
        Ok(Answer::Bytes(signed.encode()))
    }

    /// The newest version, if this root can only be the commit that made it, sent again.
    fn same_commit(&self, root: &Root) -> Option<SignedRoot> {
        let newest = MasterRef {
            name: root.name.clone(),
            version: None,
        };
        // Without a newest version that reads well, the commit is a new one.
        let (signed, stored) = self.signed_root(&newest).ok()?;
        let now_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |now| now.as_millis());
        let age_ms = now_ms.saturating_sub(u128::from(stored.created_unix_ms));
        let sent_again = Root {
            version: stored.version,
            created_unix_ms: stored.created_unix_ms,
            ..root.clone()
        };
        (sent_again == stored && age_ms < u128::from(SAME_COMMIT_MS)).then_some(signed)
    }

    fn fetch(&self, master: &MasterRef, body: &[u8]) -> Result<Answer, Problem> {
        self.stream_of(master, body).map(Answer::Frames)
    }

    fn fetch_len(&self, master: &MasterRef, body: &[u8]) -> Result<Answer, Problem> {
        let len = self.stream_of(master, body)?.expected_len().map_err(of_store)?;
        Ok(Answer::Bytes(len.to_le_bytes().to_vec()))
    }

    /// What a fetch would be answered with, once it is known to be within the right.
    fn stream_of(&self, master: &MasterRef, body: &[u8]) -> Result<FrameStream, Problem> {
        let FetchRequest { segment, wanted } = FetchRequest::decode(body).map_err(of_wire)?;
        self.check_segment(master, segment)?;
        let chunks = self.segments.get_or_insert(segment, || self.chunks_of(segment))?;
        if let Some(foreign) = wanted.iter().find(|id| !chunks.contains(*id)) {
            return Err(not_yours(&format!(
                "chunk {foreign} does not stand in segment {segment}"
            )));
        }
        Ok(FrameStream::new(self.store.clone(), segment, chunks, wanted))
    }

    /// A root whose signature is ours, with its text.
    fn signed_root(&self, master: &MasterRef) -> Result<(SignedRoot, Root), Problem> {
        // A right names its version: what was deleted since is read to the end.
        let signed = match master.version {
            Some(version) => self.store.root_of_running(&master.name, version),
            None => self.store.root(master),
        };
        let signed = signed.map_err(of_store)?;
        let root = self.public_key().open(&signed).map_err(of_store)?;
        Ok((signed, root))
    }

    fn check_segment(&self, master: &MasterRef, id: SegmentId) -> Result<(), Problem> {
        let Some(version) = master.version else {
            return Err(not_yours("the session names no version of its master"));
        };
        let segments = self.roots.get_or_insert((master.name.clone(), version), || {
            let (_, root) = self.signed_root(master)?;
            Ok(root.segments.iter().map(|segment| segment.id).collect())
        })?;
        match segments.contains(&id) {
            true => Ok(()),
            false => Err(not_yours(&format!("segment {id} does not belong to {master}"))),
        }
    }

    fn chunks_of(&self, id: SegmentId) -> Result<HashSet<ChunkId>, Problem> {
        use protocol::manifest::EntryKind;
        let bytes = self.store.segment(id).map_err(of_store)?;
        let segment = Segment::decode(&bytes).map_err(|error| of_store(error.into()))?;
        let ids = segment.entries.iter().filter_map(|entry| match entry.kind {
            EntryKind::Data(id) => Some(id),
            EntryKind::Zero | EntryKind::Discard | EntryKind::Keep | EntryKind::Unreadable => None,
        });
        Ok(ids.collect())
    }
}
