//! Two records that are one machine, and one record that is two.
//!
//! Identity errs to the safe side: when signs contradict each other it makes a second record. A person mends that here.

use super::{
    HistoryKind, MachineRow, check_revision, edited_part, history, load_machine, save_edited, store,
};
use crate::{
    Catalog,
    change::{Subject, Writing},
    error::{Error, ErrorKind, Result},
    identity::Identity,
    job::open_jobs,
    people::Actor,
};
use protocol::{MachineId, mac::MacAddr, machine::MachineFacts};
use rusqlite::params;
use std::collections::BTreeSet;

impl Catalog {
    /// Makes two records one: `other` goes, its jobs and its history come to `id`. The facts of the later inventory hold;
    /// name and note are those of `id`, or of `other` where `id` has none.
    ///
    /// # Errors
    /// When one of them is not there, they are the same, `other` is in a job that is not over, both were in one job, or
    /// somebody else changed `id` since.
    pub fn merge_machines(
        &self,
        id: MachineId,
        other: MachineId,
        expected: Option<i64>,
        actor: &Actor,
    ) -> Result<MachineRow> {
        self.write(|writing| {
            let connection = writing.transaction;
            let (mut kept, gone) = load_both(writing, id, other)?;
            check_revision(&kept, expected)?;
            let before = edited_part(&kept);
            if gone.inventoried_at > kept.inventoried_at {
                kept.facts = gone.facts.clone();
                kept.nothing_bootable = gone.nothing_bootable;
            }
            kept.name = kept.name.or_else(|| gone.name.clone());
            if kept.note.is_empty() {
                kept.note.clone_from(&gone.note);
            }
            kept.quarantined |= gone.quarantined;
            kept.inventoried_at = kept.inventoried_at.max(gone.inventoried_at);
            kept.last_seen_at = kept.last_seen_at.max(gone.last_seen_at);
            // What they were warned of was each other.
            kept.warnings.clear();
            let ids = params![id.to_string(), other.to_string()];
            connection.execute_batch("PRAGMA defer_foreign_keys = ON")?;
            for table in ["job_machine", "evidence", "job_event", "machine_history"] {
                connection.execute(
                    &format!("UPDATE {table} SET machine = ?1 WHERE machine = ?2"),
                    ids,
                )?;
            }
            // Its place, its groups and its menu come along where the other has none of its own.
            connection.execute(
                "UPDATE machine SET place = coalesce(place, (SELECT place FROM machine WHERE id = ?2)) WHERE id = ?1",
                ids,
            )?;
            for table in ["group_member", "menu", "seat"] {
                connection.execute(
                    &format!("UPDATE OR IGNORE {table} SET machine = ?1 WHERE machine = ?2"),
                    ids,
                )?;
            }
            connection.execute(
                "DELETE FROM seat WHERE machine = ?1 AND entity IS NOT (SELECT place FROM machine WHERE id = ?1)",
                params![id.to_string()],
            )?;
            // An agent of the record that goes has to say hello again: its session is bound to that record.
            connection.execute("DELETE FROM machine WHERE id = ?1", [other.to_string()])?;
            let details = serde_json::json!({ "from": other, "label": gone.label() });
            history::append(writing, id, Some(actor), HistoryKind::Merged, &details)?;
            writing.audit(
                actor,
                "merge",
                "machine",
                id,
                Some(serde_json::json!({ "id": other, "name": gone.name, "adapters": macs_of(&gone.facts) })),
                None,
            )?;
            writing.changed(Subject::Machine { id: other });
            save_edited(writing, &mut kept, before, actor)?;
            Ok(kept)
        })
    }

    /// Makes one record two: a new one gets these adapters and waits for the inventory of its machine. A UUID or board serial
    /// number that both have identifies neither from then on, so their adapters tell them apart.
    ///
    /// # Errors
    /// When there is no such machine, the adapters are not some but not all of its own, or somebody else changed it since.
    pub fn split_machine(
        &self,
        id: MachineId,
        macs: &[MacAddr],
        expected: Option<i64>,
        actor: &Actor,
    ) -> Result<MachineRow> {
        self.write(|writing| {
            let mut kept =
                load_machine(writing.transaction, id)?.ok_or_else(|| Error::not_found("such machine"))?;
            check_revision(&kept, expected)?;
            let before = edited_part(&kept);
            let moved: BTreeSet<MacAddr> = macs.iter().copied().collect();
            let own: BTreeSet<MacAddr> = Identity::of(&kept.facts).macs.into_iter().collect();
            if moved.is_empty() || !moved.is_subset(&own) || moved == own {
                return Err(Error::invalid(
                    "a record is split by some, but not all, of the adapters that it has",
                    "name those of the machine that gets a record of its own",
                ));
            }
            let mut fresh = MachineRow::new(MachineId::new(), writing.now);
            fresh.facts = MachineFacts {
                smbios: kept.facts.smbios.clone(),
                nics: kept.facts.nics.clone(),
                ..MachineFacts::default()
            };
            fresh.facts.nics.retain(|nic| moved.contains(&nic.mac));
            kept.facts.nics.retain(|nic| !moved.contains(&nic.mac));
            store(writing.transaction, &fresh)?;
            // They were booted in one place.
            writing.transaction.execute(
                "UPDATE machine SET place = (SELECT place FROM machine WHERE id = ?2) WHERE id = ?1",
                params![fresh.id.to_string(), id.to_string()],
            )?;
            let macs: Vec<String> = moved.iter().map(ToString::to_string).collect();
            let split = |other: MachineId, way: &str| serde_json::json!({ way: other, "macs": macs });
            history::append(
                writing,
                id,
                Some(actor),
                HistoryKind::Split,
                &split(fresh.id, "into"),
            )?;
            history::append(
                writing,
                fresh.id,
                Some(actor),
                HistoryKind::Split,
                &split(id, "from"),
            )?;
            writing.audit(actor, "split", "machine", id, None, Some(split(fresh.id, "into")))?;
            writing.changed(Subject::Machine { id: fresh.id });
            save_edited(writing, &mut kept, before, actor)?;
            Ok(fresh)
        })
    }
}

fn load_both(writing: &Writing<'_>, id: MachineId, other: MachineId) -> Result<(MachineRow, MachineRow)> {
    let connection = writing.transaction;
    if id == other {
        return Err(Error::invalid(
            "a record cannot be merged with itself",
            "name another one",
        ));
    }
    let kept = load_machine(connection, id)?.ok_or_else(|| Error::not_found("such machine"))?;
    let gone = load_machine(connection, other)?.ok_or_else(|| Error::not_found("such machine"))?;
    if !open_jobs(connection, other)?.is_empty() {
        return Err(Error::new(
            ErrorKind::Conflict,
            "machine-in-job",
            format!("{} is in a job that is not over", gone.label()),
            "cancel that job, or wait until it is over",
        ));
    }
    let both: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM job_machine a JOIN job_machine b ON b.job = a.job
         WHERE a.machine = ?1 AND b.machine = ?2)",
        [id.to_string(), other.to_string()],
        |row| row.get(0),
    )?;
    if both {
        return Err(Error::new(
            ErrorKind::Conflict,
            "both-in-one-job",
            format!("{} and {} were machines of one job", kept.label(), gone.label()),
            "they did work side by side, so they are two machines; check which ones you mean",
        ));
    }
    Ok((kept, gone))
}

fn macs_of(facts: &MachineFacts) -> Vec<String> {
    Identity::of(facts).macs.iter().map(ToString::to_string).collect()
}
