//! Taking a record away.

use super::{check_revision, edited_part, load_machine};
use crate::{
    Catalog,
    change::Subject,
    error::{Error, ErrorKind, Result},
    people::Actor,
};
use protocol::MachineId;

impl Catalog {
    /// Takes the record of a machine away that never was in a job: an import's mistake, or a machine that left. Should it boot
    /// again, it is a new one.
    ///
    /// # Errors
    /// When there is no such machine, it is or was in a job, or somebody else changed it since.
    pub fn delete_machine(&self, id: MachineId, expected: Option<i64>, actor: &Actor) -> Result<()> {
        self.write(|writing| {
            let connection = writing.transaction;
            let machine = load_machine(connection, id)?.ok_or_else(|| Error::not_found("such machine"))?;
            check_revision(&machine, expected)?;
            let in_job: bool = connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM job_machine WHERE machine = ?1)",
                [id.to_string()],
                |row| row.get(0),
            )?;
            if in_job {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "machine-has-jobs",
                    format!(
                        "jobs name {}, and what was done stays written down",
                        machine.label()
                    ),
                    "ban it instead, or merge it into the record it belongs to",
                ));
            }
            connection.execute("DELETE FROM machine WHERE id = ?1", [id.to_string()])?;
            writing.audit(actor, "delete", "machine", id, Some(edited_part(&machine)), None)?;
            writing.changed(Subject::Machine { id });
            Ok(())
        })
    }
}
