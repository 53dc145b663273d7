//! Jobs: what is asked ([`Standing`] says how far one machine has come), and how a wish becomes a frozen list of steps.
//!
//! `target` says for which machines, `schedule` and `rules` when, `preflight` what can be said before, `turn` who waits for
//! what, `journal` what happened.

mod create;
mod journal;
mod preflight;
mod row;
mod rules;
mod schedule;
mod standing;
mod store;
mod target;
mod turn;
mod wake;
mod wish;

pub use journal::JobEvent;
pub use preflight::{MachinePreflight, Preflight, Remark, Weight};
pub use row::{JobCounts, JobFilter, JobMachineRow, JobRow};
pub(crate) use row::{
    count_of, load_job, load_job_machine, load_standing, open_jobs, parse_id, parse_state, save_standing,
};
pub use rules::JobRules;
pub(crate) use rules::RulesInForce;
pub use schedule::{Blackout, Calendar, DayTime, Due, LocalMinute, Obstacle, Schedule, Weekday, Window};
pub use standing::{Begun, Next, RESUME_WITHIN, ReportRefused, Standing};
pub(crate) use store::{note, save_evidence};
pub use target::Target;
pub use turn::JobWait;
pub(crate) use turn::{InLine, due_jobs, held_jobs};
pub use wake::WakeOrder;
pub use wish::{JobWish, MasterNeeds, MasterVersions};
