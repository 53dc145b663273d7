//! The agent's side: calls over pinned TLS, and a depot that the engine uses as if it were a store of its own.

mod answer;
mod body;
mod call_error;
mod cancel;
mod connection;
mod fetch;
mod patience;
mod pin;
mod pool;
mod upload;

pub use call_error::CallError;
pub use cancel::Cancel;
pub use connection::{Connection, Retry, Timeouts};
pub use pin::{PinError, fingerprint};

use crate::wire::{self, Call, FetchRequest};
use bytes::Bytes;
use connection::Outgoing;
use imager::{
    error::{Error, ErrorKind, Result},
    exchange::{ChunkSink, ChunkSource, ManifestSource},
    frame::EncodedFrame,
};
use protocol::{
    ChunkId, MasterRef,
    manifest::{Root, SegmentId, SignedRoot},
};
use std::{future::Future, time::Duration};
use tokio::runtime::Handle;
use upload::Uploads;

/// The appliance reads the whole manifest again before it signs: seconds for a large disk, more when it is busy.
const COMMIT_LIMIT: Duration = Duration::from_secs(300);

/// The appliance's depot, as a source and a sink of the engine.
///
/// The engine is synchronous; this blocks the calling thread while tasks on the runtime move bytes. **Never call it from
/// a task of a tokio runtime** (tokio panics); run the engine on a thread of its own or under `spawn_blocking`. The
/// runtime must be driven meanwhile: a multi-threaded one, or a `current_thread` one inside its `block_on`.
///
/// Everything is retried through restarts of the appliance until the connection's [`Cancel`] flag is set. Fetching goes on
/// behind the last frame that arrived; uploading sends again only what was not answered.
pub struct DepotClient {
    connection: Connection,
    runtime: Handle,
    uploads: Uploads,
}

impl DepotClient {
    /// A depot behind this connection, whose session key decides what may be read and sent.
    #[must_use]
    pub fn new(connection: Connection, runtime: Handle) -> Self {
        let uploads = Uploads::new(connection.clone(), runtime.clone());
        Self {
            connection,
            runtime,
            uploads,
        }
    }

    /// The connection, for its counters.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Makes a call and waits for its whole answer.
    fn call(&self, call: Call, parts: Vec<Bytes>, limit: usize) -> Result<Vec<u8>> {
        let mut request = outgoing(call, parts);
        if call == Call::Commit {
            request.answer_limit = Some(COMMIT_LIMIT);
        }
        self.wait(self.connection.bytes(&request, limit))
            .map_err(engine_error)
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

/// The request for a depot call; all of them are harmless twice.
fn outgoing(call: Call, parts: Vec<Bytes>) -> Outgoing {
    Outgoing {
        method: match call.method() {
            "GET" => hyper::Method::GET,
            _ => hyper::Method::POST,
        },
        path: call.path(),
        content_type: if call == Call::Commit {
            wire::JSON
        } else {
            wire::BYTES
        },
        parts,
        retry: Retry::UntilAnswered,
        answer_limit: None,
    }
}

impl ChunkSink for DepotClient {
    fn lacking(&self, ids: &[ChunkId]) -> Result<Vec<bool>> {
        let under_way = self.uploads.are_under_way(ids);
        let mut lacking = Vec::with_capacity(ids.len());
        for batch in ids.chunks(wire::MAX_IDS) {
            let body = Bytes::from(wire::encode_ids(batch));
            let answer = self.call(Call::Lacking, vec![body], batch.len().div_ceil(8))?;
            lacking.extend(wire::decode_bitmap(&answer, batch.len()).map_err(nonsense)?);
        }
        for (lacking, under_way) in lacking.iter_mut().zip(under_way) {
            *lacking &= !under_way;
        }
        Ok(lacking)
    }

    /// Hands the frame to the tasks that send. It is answered for by the next calls: the first failure comes back from
    /// whichever comes next, at the latest from [`ChunkSink::commit`].
    fn put_frame(&self, frame: EncodedFrame) -> Result<()> {
        self.uploads.put(frame).map_err(engine_error)
    }

    fn put_segment(&self, bytes: &[u8]) -> Result<SegmentId> {
        let expected = SegmentId(*blake3::hash(bytes).as_bytes());
        let answer = self.call(
            Call::PutSegment,
            vec![Bytes::copy_from_slice(bytes)],
            ChunkId::LEN,
        )?;
        if answer != expected.0 {
            return Err(Error::new(
                ErrorKind::Damaged,
                "the depot names the manifest segment differently; it arrived damaged",
            ));
        }
        Ok(expected)
    }

    fn commit(&self, root: Root) -> Result<SignedRoot> {
        self.uploads.finish().map_err(engine_error)?;
        let body = serde_json::to_vec(&root).map_err(|error| {
            Error::new(
                ErrorKind::Io,
                format!("writing the manifest's root as JSON: {error}"),
            )
        })?;
        let answer = self.call(Call::Commit, vec![Bytes::from(body)], wire::MAX_ROOT_LEN)?;
        Ok(SignedRoot::decode(&answer)?)
    }
}

impl ChunkSource for DepotClient {
    fn fetch(
        &self,
        segment: SegmentId,
        wanted: &[ChunkId],
        deliver: &mut dyn FnMut(EncodedFrame) -> Result<()>,
    ) -> Result<()> {
        for batch in wanted.chunks(wire::MAX_IDS) {
            fetch::fetch(&self.connection, &self.runtime, segment, batch, deliver)?;
        }
        Ok(())
    }

    fn stored_len(&self, segment: SegmentId, wanted: &[ChunkId]) -> Result<Option<u64>> {
        let mut sum = 0u64;
        for batch in wanted.chunks(wire::MAX_IDS) {
            let body = Bytes::from(FetchRequest::encode(segment, batch));
            let answer = self.call(Call::FetchLen, vec![body], 8)?;
            let len = answer.first_chunk::<8>().filter(|len| len.len() == answer.len());
            let len = len.ok_or_else(|| {
                Error::new(
                    ErrorKind::Damaged,
                    "the depot tells a length that is no number of 8 bytes",
                )
            })?;
            sum = sum.saturating_add(u64::from_le_bytes(*len));
        }
        Ok(Some(sum))
    }
}

impl ManifestSource for DepotClient {
    fn root(&self, master: &MasterRef) -> Result<SignedRoot> {
        let answer = self.call(Call::Root, Vec::new(), wire::MAX_ROOT_LEN)?;
        let signed = SignedRoot::decode(&answer)?;
        // The session reads one version of one master; that it is the one asked for is checked here.
        let root: Root = serde_json::from_slice(&signed.body).map_err(|error| {
            Error::new(
                ErrorKind::Damaged,
                format!("manifest root is damaged: its text does not parse: {error}"),
            )
        })?;
        if root.name != master.name || master.version.is_some_and(|version| version != root.version) {
            let message = format!(
                "the appliance offers {}@{}, this machine asked for {master}",
                root.name, root.version
            );
            return Err(Error::new(ErrorKind::Forbidden, message).with_remedy("start the job again"));
        }
        Ok(signed)
    }

    fn segment(&self, id: SegmentId) -> Result<Vec<u8>> {
        self.call(Call::Segment(id), Vec::new(), wire::MAX_SEGMENT_LEN)
    }
}

/// A failed call in the engine's words.
#[must_use]
pub fn engine_error(error: CallError) -> Error {
    let kind = match &error {
        CallError::Refused(problem) => match (problem.code.as_str(), problem.status) {
            ("damaged", _) => ErrorKind::Damaged,
            ("missing", _) | (_, 404) => ErrorKind::Missing,
            ("format-version", _) => ErrorKind::Version,
            ("storage-full", _) | (_, 507) => ErrorKind::Full,
            (_, 401 | 403) => ErrorKind::Forbidden,
            (_, 500..) => ErrorKind::Io,
            _ => ErrorKind::Refused,
        },
        CallError::Untrusted { .. } => ErrorKind::Forbidden,
        CallError::Unreachable { .. } => ErrorKind::Unreachable,
        CallError::Malformed { .. } => ErrorKind::Damaged,
        CallError::Cancelled => ErrorKind::Cancelled,
    };
    let problem = error.problem();
    let engine_error = Error::new(kind, problem.title);
    match problem.remedy.is_empty() {
        true => engine_error,
        false => engine_error.with_remedy(problem.remedy),
    }
}

fn nonsense(error: wire::WireError) -> Error {
    Error::new(
        ErrorKind::Damaged,
        format!("the appliance's answer makes no sense: {error}"),
    )
}
