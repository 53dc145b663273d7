//! Steps that the appliance takes itself: waking a machine.

use super::{
    row::{load_job, load_standing, parse_id, save_standing},
    store::note,
    turn::due_jobs,
};
use crate::{Catalog, error::Result, identity::Identity, machine::load_machine};
use protocol::{JobId, MachineId, Problem, job::StepResult, mac::MacAddr};

/// Machines that are woken in one go: a room that starts all at once may trip its breaker.
const AT_ONCE: usize = 16;

/// A machine that a job wakes now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WakeOrder {
    /// The job.
    pub job: JobId,
    /// The machine.
    pub machine: MachineId,
    /// Its adapters.
    pub macs: Vec<MacAddr>,
}

impl Catalog {
    /// Machines whose jobs want them woken now. Whoever wakes them says so with [`Catalog::woke`].
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn due_wakes(&self) -> Result<Vec<WakeOrder>> {
        let now = self.now();
        self.0.database.read(|transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT jm.job, jm.machine FROM job_machine jm JOIN job j ON j.id = jm.job
                 JOIN machine m ON m.id = jm.machine
                 WHERE jm.state = 'queued' AND m.quarantined = 0
                     AND j.steps ->> ('$[' || jm.step_index || '].kind') = 'wake'
                 ORDER BY jm.job, jm.machine",
            )?;
            let mut rows = statement.query([])?;
            let mut orders = Vec::new();
            while let Some(row) = rows.next()?.filter(|_| orders.len() < AT_ONCE) {
                let (job, machine) = (
                    parse_id(&row.get::<_, String>(0)?)?,
                    parse_id(&row.get::<_, String>(1)?)?,
                );
                // Another job of this machine may switch it off before it is this one's turn.
                if due_jobs(transaction, machine, now)?.first() != Some(&job) {
                    continue;
                }
                let facts = load_machine(transaction, machine)?.map(|machine| machine.facts);
                let macs = facts.map(|facts| Identity::of(&facts).macs).unwrap_or_default();
                orders.push(WakeOrder { job, machine, macs });
            }
            Ok(orders)
        })
    }

    /// What became of an order: how many packets went out, or why none did. Whether the machine woke is told by its boot.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn woke(&self, order: &WakeOrder, sent: &std::result::Result<usize, String>) -> Result<()> {
        if sent.is_ok() {
            order.macs.iter().for_each(|mac| self.note_wake(*mac));
        }
        self.write(|writing| {
            let (connection, job, machine) = (writing.transaction, order.job, order.machine);
            let row = load_job(connection, job)?.zip(load_standing(connection, job, machine)?);
            let Some((row, mut standing)) = row else {
                return Ok(());
            };
            let changed = match sent {
                Ok(packets) => {
                    let note = format!(
                        "{packets} magic packet(s) sent; whether the machine woke is told by its boot"
                    );
                    let result = StepResult {
                        notes: vec![note],
                        ..StepResult::default()
                    };
                    standing.woke(&row.steps, result, writing.now)
                }
                Err(why) => {
                    let problem = Problem::new(
                        "not-woken",
                        why.as_str(),
                        "switch the machine on by hand, then try again",
                    );
                    let step_index = standing.step_index;
                    standing.is_to_be_woken(&row.steps) && standing.refuse(step_index, problem, writing.now)
                }
            };
            if changed {
                save_standing(connection, job, machine, &standing, writing.now)?;
                note(writing, job, machine);
            }
            Ok(())
        })
    }
}
