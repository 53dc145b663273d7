//! The mark between a disk that is as it was and one that only looking can tell about.

use super::{AgentSession, load_session, no_session};
use crate::{
    Catalog,
    error::Result,
    job::{load_standing, save_standing},
};
use protocol::agent::{ProgressReply, WritingMark};

impl Catalog {
    /// A restore has compared, and writes from now on unless there is nothing to write: kept when this returns.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unauthenticated`] when the session has ended.
    pub fn start_writing(&self, session: &AgentSession, mark: WritingMark) -> Result<ProgressReply> {
        self.start_step(session)?;
        self.write(|writing| {
            let (connection, machine) = (writing.transaction, session.machine);
            let found = load_session(connection, machine)?
                .filter(|found| found.id == session.id && !session.repeats)
                .ok_or_else(no_session)?;
            let standing = load_standing(connection, mark.job, machine)?;
            let Some(mut standing) = standing.filter(|_| found.job == Some(mark.job)) else {
                return Ok(ProgressReply { cancelled: true });
            };
            let may_write = standing.start_writing(mark.step_index, writing.now);
            if may_write {
                save_standing(connection, mark.job, machine, &standing, writing.now)?;
            }
            Ok(ProgressReply {
                cancelled: !may_write,
            })
        })
    }
}
