//! How far a long operation has come, and the wish to stop it.

use crate::{
    error::{Error, ErrorKind, Result},
    restore::Estimate,
};

/// What a capture or restore is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Finding out what is on the disk.
    Inspecting,
    /// Reading the source and storing what is new.
    Capturing,
    /// Going back to what could not be read at once.
    Rescuing,
    /// Reading the target, to find what differs.
    Comparing,
    /// Fetching and writing what differs.
    Writing,
    /// Waiting until the medium has everything.
    Flushing,
    /// Reading back what was written.
    Checking,
    /// Reading a store and checking everything in it.
    Verifying,
}

impl Phase {
    /// The code that [`protocol::job::Progress::phase`] carries.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Inspecting => "inspecting",
            Self::Capturing => "reading",
            Self::Rescuing => "rescuing",
            Self::Comparing => "comparing",
            Self::Writing => "writing",
            Self::Flushing => "flushing",
            Self::Checking => "checking",
            Self::Verifying => "verifying",
        }
    }
}

/// Whoever watches an operation. Called from several threads, often; an implementation throttles itself.
pub trait Progress: Send + Sync {
    /// The operation is in this phase and has `done` of `total` bytes of it behind it.
    fn report(&self, phase: Phase, done: u64, total: u64);

    /// A restore is about to begin writing, and this is what it expects.
    fn estimate(&self, _estimate: &Estimate) {}

    /// A restore has compared. When this returns it writes, or it has ended because nothing differs.
    ///
    /// # Errors
    /// An error ends the restore here, with the target as it was.
    fn compared(&self) -> Result<()> {
        Ok(())
    }

    /// Whether to stop at the next safe point.
    fn cancelled(&self) -> bool {
        false
    }

    /// An error if somebody asked to stop.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`].
    fn check_cancelled(&self) -> Result<()> {
        if self.cancelled() {
            Err(Error::new(ErrorKind::Cancelled, "it was cancelled"))
        } else {
            Ok(())
        }
    }
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Progress for Unwatched {
    fn report(&self, _phase: Phase, _done: u64, _total: u64) {}
}
