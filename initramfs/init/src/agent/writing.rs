//! The mark before the first write: the appliance knows of it before the disk is touched, so after a power cut it can tell
//! a disk that is as it was from one that may not be.

use super::{Agent, watch::Watch};
use depot::client::{Connection, Retry, engine_error};
use imager::{
    Error, ErrorKind, Result,
    progress::{Phase, Progress},
    restore::Estimate,
};
use protocol::agent::{Assignment, ProgressReply, WritingMark};
use std::sync::atomic::Ordering;

/// Tells a watch how far a restore is, and the appliance when it begins to write.
pub struct Marking<'a> {
    /// Whose restore it is.
    pub agent: &'a Agent,
    /// Of which job.
    pub assignment: &'a Assignment,
    /// The way to the appliance that ends with the step.
    pub connection: &'a Connection,
    /// Who is told the rest.
    pub watch: &'a Watch,
}

impl Progress for Marking<'_> {
    fn report(&self, phase: Phase, done: u64, total: u64) {
        self.watch.report(phase, done, total);
    }

    fn estimate(&self, estimate: &Estimate) {
        self.watch.estimate(estimate);
    }

    fn compared(&self) -> Result<()> {
        let mark = WritingMark {
            job: self.assignment.job,
            step_index: self.assignment.step_index,
        };
        let call =
            self.connection
                .post_json::<_, ProgressReply>("/agent/v1/writing", &mark, Retry::UntilAnswered);
        let reply = self.agent.runtime.block_on(call).map_err(engine_error)?;
        if reply.cancelled {
            return Err(Error::new(
                ErrorKind::Cancelled,
                "the job was taken back before anything was written",
            ));
        }
        self.watch.start_writing()?;
        // Whoever left now would leave half a disk.
        self.agent.may_leave.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn cancelled(&self) -> bool {
        self.watch.cancelled()
    }
}
