//! Writing: one transaction, its events and audit rows with it, memory and listener after it.

use crate::{
    Catalog, audit, error::Result, job::RulesInForce, memory::Memory, people::Actor, place::Places,
    time::Time,
};
use protocol::{JobId, MachineId, MasterName};
use rusqlite::{Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeSet, HashSet},
    sync::PoisonError,
};

/// Something changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number, rising, without which it is not kept: progress is news for whoever looks now.
    pub seq: Option<i64>,
    /// When.
    pub at: Time,
    /// What.
    pub subject: Subject,
}

/// What changed. Who wants to know how it is now reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Subject {
    /// A machine's record.
    Machine {
        /// Which.
        id: MachineId,
    },
    /// A job as a whole.
    Job {
        /// Which.
        id: JobId,
    },
    /// One machine in a job.
    JobMachine {
        /// The job.
        job: JobId,
        /// The machine.
        machine: MachineId,
    },
    /// A master got or lost a version.
    Master {
        /// Which.
        name: MasterName,
    },
    /// The site's settings.
    Settings,
    /// Somebody was refused.
    Refusal {
        /// Where from.
        peer: Option<String>,
        /// The problem's code.
        code: String,
        /// What happened.
        title: String,
    },
}

/// A transaction under way.
pub(crate) struct Writing<'a> {
    pub(crate) transaction: &'a Transaction<'a>,
    pub(crate) now: Time,
    subjects: Vec<Subject>,
    known: HashSet<Subject>,
    machines: BTreeSet<MachineId>,
    places_changed: bool,
    rules_changed: bool,
}

impl Writing<'_> {
    /// Notes what changed, for the events.
    pub(crate) fn changed(&mut self, subject: Subject) {
        if let Subject::Machine { id } | Subject::JobMachine { machine: id, .. } = &subject {
            self.machines.insert(*id);
        }
        if self.known.insert(subject.clone()) {
            self.subjects.push(subject);
        }
    }

    /// Notes that memory has to read the places and their menus again.
    pub(crate) fn places_changed(&mut self) {
        self.places_changed = true;
    }

    /// Notes that memory has to read the rules of jobs again.
    pub(crate) fn rules_changed(&mut self) {
        self.rules_changed = true;
    }

    /// Notes that memory has to read a machine again, without an event.
    pub(crate) fn touched(&mut self, machine: MachineId) {
        self.machines.insert(machine);
    }

    /// Writes down who did what.
    pub(crate) fn audit(
        &self,
        actor: &Actor,
        verb: &str,
        object: &str,
        object_id: impl std::fmt::Display,
        before: Option<serde_json::Value>,
        after: Option<serde_json::Value>,
    ) -> Result<()> {
        audit::append(
            self.transaction,
            self.now,
            actor,
            verb,
            object,
            &object_id.to_string(),
            before,
            after,
        )
    }
}

impl Catalog {
    /// Runs a transaction. When this returns well, it survives a power cut, and memory and listener know of it.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&mut Writing<'_>) -> Result<T>) -> Result<T> {
        self.write_if(|writing| Ok((work(writing)?, true)))
    }

    /// The same, but the work itself says whether it holds or nothing of it was ever done.
    pub(crate) fn write_if<T>(&self, work: impl FnOnce(&mut Writing<'_>) -> Result<(T, bool)>) -> Result<T> {
        let now = self.now();
        let mut writer = self.0.database.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut writing = Writing {
            transaction: &transaction,
            now,
            subjects: Vec::new(),
            known: HashSet::new(),
            machines: BTreeSet::new(),
            places_changed: false,
            rules_changed: false,
        };
        let (outcome, holds) = work(&mut writing)?;
        let Writing {
            subjects,
            machines,
            places_changed,
            rules_changed,
            ..
        } = writing;
        if !holds {
            transaction.rollback()?;
            return Ok(outcome);
        }
        let mut events = Vec::with_capacity(subjects.len());
        for subject in subjects {
            transaction
                .prepare_cached("INSERT INTO event (at, subject) VALUES (?1, ?2)")?
                .execute(params![now.0, serde_json::to_string(&subject)?])?;
            events.push(Event {
                seq: Some(transaction.last_insert_rowid()),
                at: now,
                subject,
            });
        }
        let fresh = Memory::read_machines(&transaction, &machines)?;
        let settings = crate::setting::load(&transaction)?;
        let rules = rules_changed
            .then(|| RulesInForce::load(&transaction))
            .transpose()?;
        let places = places_changed.then(|| Places::load(&transaction)).transpose()?;
        transaction.commit()?;
        // Still under the writer's lock, so memory and listener see changes in the order in which they were written.
        let mut memory = self.0.memory.write().unwrap_or_else(PoisonError::into_inner);
        memory.settings = settings;
        if let Some(rules) = rules {
            memory.rules = rules;
        }
        if let Some(places) = places {
            memory.places = places;
        }
        memory.apply(fresh);
        drop(memory);
        events.iter().for_each(|event| self.tell(event));
        Ok(outcome)
    }

    pub(crate) fn tell(&self, event: &Event) {
        if let Some(listener) = self.0.listener.get() {
            listener(event);
        }
    }
}
