//! Frames on their way down: one answer streams while the engine works, and a cut costs only what was under way.

use super::{
    CallError, Connection, Retry, engine_error, nonsense, outgoing,
    patience::{Failure, Patience},
};
use crate::wire::{
    Call, FetchRequest,
    stream::{Item, Reader},
};
use bytes::Bytes;
use imager::{
    error::{Error, ErrorKind, Result},
    frame::EncodedFrame,
};
use protocol::{ChunkId, Problem, manifest::SegmentId};
use std::collections::HashSet;
use tokio::{runtime::Handle, sync::mpsc, task::JoinSet};

/// Frames that wait for the engine; with what the sockets hold, the most that a cut connection can cost.
const AHEAD: usize = 8;

/// Fetches the frames that hold the wanted chunks. Delivers each frame as soon as it is whole and asks again, after a
/// cut, only for chunks that no delivered frame held.
pub(super) fn fetch(
    connection: &Connection,
    runtime: &Handle,
    segment: SegmentId,
    wanted: &[ChunkId],
    deliver: &mut dyn FnMut(EncodedFrame) -> Result<()>,
) -> Result<()> {
    let mut missing: HashSet<ChunkId> = wanted.iter().copied().collect();
    let mut patience = Patience::new();
    while !missing.is_empty() {
        let mut listed = HashSet::new();
        let asked: Vec<ChunkId> = wanted
            .iter()
            .copied()
            .filter(|id| missing.contains(id) && listed.insert(*id))
            .collect();
        let (sender, mut receiver) = mpsc::channel(AHEAD);
        let body = Bytes::from(FetchRequest::encode(segment, &asked));
        // Dropped on every way out of this turn, which ends the task and its connection.
        let mut task = JoinSet::new();
        task.spawn_on(receive(connection.clone(), body, sender), runtime);
        let mut frames = 0usize;
        while let Some(frame) = runtime.block_on(receiver.recv()) {
            frames += 1;
            let frame = EncodedFrame::parse(Vec::from(frame))?;
            if frames > asked.len() || !frame.chunks().iter().any(|(id, _)| listed.contains(id)) {
                return Err(Error::new(
                    ErrorKind::Damaged,
                    "the depot sent a frame that nobody asked for",
                ));
            }
            let held: Vec<ChunkId> = frame.chunks().iter().map(|(id, _)| *id).collect();
            // A chunk may lie in two frames, and the other one came first.
            if held.iter().any(|id| missing.contains(id)) {
                deliver(frame)?;
                held.iter().for_each(|id| {
                    missing.remove(id);
                });
                patience = Patience::new();
            }
        }
        match runtime.block_on(task.join_next()) {
            Some(Ok(Ok(()))) if missing.is_empty() => connection.note_outage(None),
            Some(Ok(Ok(()))) => {
                let message = format!(
                    "the depot did not send {} of the chunks of segment {segment}",
                    missing.len()
                );
                return Err(Error::new(ErrorKind::Missing, message).with_remedy("verify the depot"));
            }
            Some(Ok(Err(Stop::Failed(failure)))) => runtime
                .block_on(connection.wait_for_another_try(&mut patience, failure, Retry::UntilAnswered))
                .map_err(engine_error)?,
            Some(Ok(Err(Stop::Nonsense(error)))) => return Err(nonsense(error)),
            Some(Err(error)) => {
                return Err(Error::new(
                    ErrorKind::Io,
                    format!("the task that receives frames ended: {error}"),
                ));
            }
            None => return Err(Error::new(ErrorKind::Io, "the task that receives frames is gone")),
        }
    }
    Ok(())
}

enum Stop {
    Failed(Failure),
    Nonsense(crate::wire::WireError),
}

/// Makes one fetch call and passes its frames on until the answer ends, well or not.
async fn receive(connection: Connection, body: Bytes, sender: mpsc::Sender<Bytes>) -> Result<(), Stop> {
    let work = async {
        let request = outgoing(Call::Fetch, vec![body]);
        let mut answer = connection.attempt(&request).await.map_err(Stop::Failed)?;
        let mut reader = Reader::default();
        let mut complete = false;
        loop {
            let piece = answer
                .next()
                .await
                .map_err(|error| Stop::Failed(Failure::after_sending(error)))?;
            let Some(piece) = piece else { break };
            reader.push(&piece);
            while let Some(item) = reader.next_item().map_err(Stop::Nonsense)? {
                match item {
                    Item::Frame(frame) => {
                        // The engine has turned away; its own error says why.
                        if sender.send(frame).await.is_err() {
                            return Ok(());
                        }
                    }
                    // The body is read to its end all the same: only then is the connection of use again.
                    Item::End => complete = true,
                    Item::Broken(problem) => return Err(stopped(problem)),
                }
            }
        }
        match complete {
            true => Ok(()),
            false => Err(stopped(Problem::new(
                "answer-incomplete",
                "the depot's answer ended too early",
                "",
            ))),
        }
    };
    tokio::select! {
        biased;
        () = connection.cancel().cancelled() => Err(Stop::Failed(Failure::after_sending(CallError::Cancelled))),
        result = work => result,
    }
}

/// A problem in the middle of an answer counts as an internal error unless it says what it is.
fn stopped(problem: Problem) -> Stop {
    let status = if problem.status == 0 { 500 } else { problem.status };
    Stop::Failed(Failure::after_sending(CallError::Refused(
        problem.with_status(status),
    )))
}
