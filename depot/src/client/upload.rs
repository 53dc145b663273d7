//! Frames on their way up: gathered into requests of about a megabyte, a few requests under way at a time.

use super::{CallError, Connection, outgoing};
use crate::wire::{Call, frame_head};
use bytes::Bytes;
use imager::frame::EncodedFrame;
use protocol::{ChunkId, Problem};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{runtime::Handle, task::JoinSet};

/// A request is sent once it has this many bytes. Small enough that a cut costs little.
const REQUEST_LEN: usize = 1 << 20;
/// Requests under way at a time: while one travels, one is hashed and one is written at the far end.
const LANES: usize = 4;

pub(super) struct Uploads {
    connection: Connection,
    runtime: Handle,
    state: Mutex<State>,
    under_way: UnderWay,
}

/// Chunks handed over whose request is not answered yet, and in how many frames: the appliance, asked about them, would
/// still say that it lacks them.
#[derive(Clone, Default)]
struct UnderWay(Arc<Mutex<HashMap<ChunkId, usize>>>);

impl UnderWay {
    fn add(&self, ids: &[ChunkId]) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.iter().for_each(|id| *counts.entry(*id).or_default() += 1);
    }

    fn remove(&self, ids: &[ChunkId]) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            if let Some(count) = counts.get_mut(id) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(id);
                }
            }
        }
    }
}

#[derive(Default)]
struct State {
    parts: Vec<Bytes>,
    len: usize,
    /// The chunks in them.
    chunks: Vec<ChunkId>,
    /// Dropped with the client: what is under way then is abandoned.
    running: JoinSet<Result<(), CallError>>,
    failed: Option<Failed>,
}

/// The first failure, kept to be told to every later caller.
enum Failed {
    Cancelled,
    Problem(Problem),
}

impl Uploads {
    pub(super) fn new(connection: Connection, runtime: Handle) -> Self {
        Self {
            connection,
            runtime,
            state: Mutex::default(),
            under_way: UnderWay::default(),
        }
    }

    /// For each chunk, whether it is on its way. To be asked before the appliance is asked what it lacks: in between, a
    /// chunk may arrive, but none is lost sight of.
    pub(super) fn are_under_way(&self, ids: &[ChunkId]) -> Vec<bool> {
        let counts = self.under_way.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.iter().map(|id| counts.contains_key(id)).collect()
    }

    /// Takes a frame; blocks while every lane is busy.
    pub(super) fn put(&self, frame: EncodedFrame) -> Result<(), CallError> {
        let chunks: Vec<ChunkId> = frame.chunks().iter().map(|(id, _)| *id).collect();
        self.under_way.add(&chunks);
        let frame = Bytes::from(frame.into_bytes());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.take_results(|running| running.try_join_next())?;
        state.len += 4 + frame.len();
        state.parts.push(Bytes::copy_from_slice(&frame_head(frame.len())));
        state.parts.push(frame);
        state.chunks.extend(chunks);
        match state.len >= REQUEST_LEN {
            true => self.send(&mut state),
            false => Ok(()),
        }
    }

    /// Sends what is left and waits until everything was answered.
    pub(super) fn finish(&self) -> Result<(), CallError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.parts.is_empty() {
            self.send(&mut state)?;
        }
        state.take_results(|running| self.runtime.block_on(running.join_next()))
    }

    fn send(&self, state: &mut State) -> Result<(), CallError> {
        state.take_results(|running| match running.len() < LANES {
            true => running.try_join_next(),
            false => self.runtime.block_on(running.join_next()),
        })?;
        state.len = 0;
        let request = outgoing(Call::PutFrames, std::mem::take(&mut state.parts));
        let chunks = std::mem::take(&mut state.chunks);
        let (connection, under_way) = (self.connection.clone(), self.under_way.clone());
        let work = async move {
            connection.bytes(&request, 0).await?;
            // A failed request ends the capture; then nobody asks any more.
            under_way.remove(&chunks);
            Ok(())
        };
        state.running.spawn_on(work, &self.runtime);
        Ok(())
    }
}

type Joined = Result<Result<(), CallError>, tokio::task::JoinError>;

impl State {
    /// Takes results of ended requests for as long as `next` finds one; the first failure is returned now and ever after.
    fn take_results(
        &mut self,
        mut next: impl FnMut(&mut JoinSet<Result<(), CallError>>) -> Option<Joined>,
    ) -> Result<(), CallError> {
        while let Some(joined) = next(&mut self.running) {
            let result = joined.unwrap_or_else(|error| {
                let title = format!("a task that sends frames ended: {error}");
                Err(CallError::Refused(Problem::new("input-output", title, "")))
            });
            if let Err(error) = result {
                self.failed.get_or_insert(match error {
                    CallError::Cancelled => Failed::Cancelled,
                    error => Failed::Problem(error.problem()),
                });
            }
        }
        match &self.failed {
            None => Ok(()),
            Some(Failed::Cancelled) => Err(CallError::Cancelled),
            Some(Failed::Problem(problem)) => Err(CallError::Refused(problem.clone())),
        }
    }
}
