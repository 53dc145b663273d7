//! Jobs: what is asked ([`Standing`] says how far one machine has come), and how a wish becomes a frozen list of steps.

mod row;
mod standing;
mod store;
mod wish;

pub use row::{JobCounts, JobFilter, JobMachineRow, JobRow};
pub(crate) use row::{
    count_of, load_job, load_job_machine, load_standing, open_jobs, parse_id, parse_state, save_standing,
};
pub use standing::{Begun, Next, RESUME_WITHIN, ReportRefused, Standing};
pub(crate) use store::{note, save_evidence};
pub use wish::{JobWish, MasterVersions};
