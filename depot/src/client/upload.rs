//! Frames on their way up: gathered into requests of about a megabyte, a few requests under way at a time.

use super::{CallError, Connection, outgoing};
use crate::wire::{Call, frame_head};
use bytes::Bytes;
use protocol::Problem;
use std::sync::{Mutex, PoisonError};
use tokio::{runtime::Handle, task::JoinSet};

/// A request is sent once it has this many bytes. Small enough that a cut costs little.
const REQUEST_LEN: usize = 1 << 20;
/// Requests under way at a time: while one travels, one is hashed and one is written at the far end.
const LANES: usize = 4;

pub(super) struct Uploads {
    connection: Connection,
    runtime: Handle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    parts: Vec<Bytes>,
    len: usize,
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
        }
    }

    /// Takes a frame; blocks while every lane is busy.
    pub(super) fn put(&self, frame: Bytes) -> Result<(), CallError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.take_results(|running| running.try_join_next())?;
        state.len += 4 + frame.len();
        state.parts.push(Bytes::copy_from_slice(&frame_head(frame.len())));
        state.parts.push(frame);
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
        let connection = self.connection.clone();
        state.running.spawn_on(
            async move { connection.bytes(&request, 0).await.map(|_| ()) },
            &self.runtime,
        );
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
