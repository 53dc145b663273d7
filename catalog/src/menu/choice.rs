//! What happens with an entry that somebody chose: plans, passwords, jobs.

use super::{EffectiveMenu, MenuOwner, load_levels, resolve};
use crate::{
    Catalog,
    agent::{AgentSession, no_session},
    error::{Error, ErrorKind, Result},
    job::{JobWish, MasterVersions},
    people::{Actor, verify_password},
    setting,
};
use protocol::{
    MachineId, Problem,
    agent::Task,
    boot::{BootFacts, BootPlan},
    menu::{EntryAction, EntryKey, LoaderConsole, MenuEntry},
};
use rusqlite::{Connection, params};
use std::sync::PoisonError;

/// The entry that led a session's agent here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionEntry {
    pub(crate) key: EntryKey,
    /// Its password is still wanted.
    pub(crate) locked: bool,
}

impl Catalog {
    /// What a machine does when this entry of its menu is chosen. From memory.
    #[must_use]
    pub fn choose(&self, facts: &BootFacts, key: &EntryKey) -> BootPlan {
        self.planned(facts, Some(key))
    }

    /// How loaders and agent speak on this machine. From memory.
    #[must_use]
    pub fn console(&self, facts: &BootFacts) -> LoaderConsole {
        let memory = self.memory();
        let machine = memory.find(facts, self.now()).map(|(id, _)| id);
        match machine {
            Some(id) => memory.menu_of(id).console(),
            None => resolve(memory.levels_of_place(crate::place::ROOT), &memory.settings).console(),
        }
    }

    /// What the machine of an agent does further, after an entry without a password led to it, or after its password.
    ///
    /// # Errors
    /// When the entry is gone, or its job cannot be made.
    pub fn open_entry(&self, machine: MachineId, key: &EntryKey, masters: &dyn MasterVersions) -> Result<()> {
        let menu = self.effective_menu(MenuOwner::Machine(machine));
        let entry = menu.entry(key).ok_or_else(|| no_entry(key))?;
        match &entry.action {
            EntryAction::Agent => Ok(()),
            EntryAction::Job { steps } => {
                let wish = JobWish {
                    scope: crate::Scope::Everything,
                    title: Some(entry.label.clone()),
                    machines: vec![machine],
                    steps: steps.clone(),
                    ..JobWish::default()
                };
                let actor = Actor {
                    name: format!("menu: {key}"),
                    peer: None,
                };
                self.create_job(wish, masters, &actor, None).map(drop)
            }
            // It was allowed in the agent; the loader starts it, at the boot that follows.
            _ => {
                self.grant(machine, key);
                Ok(())
            }
        }
    }

    /// Checks the password that somebody typed on a machine, and lets its agent go on with the entry.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`] when it is wrong, [`ErrorKind::TooOften`] after too many of those.
    pub fn unlock_entry(&self, session: &AgentSession, password: &str) -> Result<EntryKey> {
        let waiting = self
            .memory()
            .session(session.machine)
            .filter(|found| found.id == session.id && !session.repeats)
            .and_then(|found| found.entry.clone());
        let entry = waiting.ok_or_else(no_session)?;
        let peer = session.machine.to_string();
        let name = format!("menu {}", entry.key);
        self.0.throttle.check(&name, Some(&peer), self.now())?;
        let menu = self.effective_menu(MenuOwner::Machine(session.machine));
        let hash = menu.password(&entry.key).ok_or_else(|| no_entry(&entry.key))?;
        if !verify_password(password, hash) {
            self.0.throttle.failed(&name, Some(&peer), self.now());
            return Err(Error::new(
                ErrorKind::Forbidden,
                "wrong-entry-password",
                "the password is wrong",
                "type it again",
            ));
        }
        self.0.throttle.succeeded(&name, Some(&peer));
        self.write(|writing| {
            writing.transaction.execute(
                "UPDATE session SET entry_locked = 0 WHERE id = ?1",
                params![session.id.to_string()],
            )?;
            let actor = Actor {
                name: format!("menu: {}", entry.key),
                peer: None,
            };
            writing.audit(&actor, "unlock", "machine", session.machine, None, None)?;
            writing.touched(session.machine);
            Ok(())
        })?;
        Ok(entry.key)
    }

    fn grant(&self, machine: MachineId, key: &EntryKey) {
        let now = self.now();
        let mut memory = self.0.memory.write().unwrap_or_else(PoisonError::into_inner);
        memory.grant(machine, key.clone(), now);
    }
}

/// What an entry means for a machine.
pub(crate) fn plan_of(entry: &MenuEntry, nothing_bootable: bool) -> BootPlan {
    use protocol::boot::{AgentReason, LocalReason};
    let agent = |reason| BootPlan::Agent { reason };
    match &entry.action {
        _ if entry.locked => agent(AgentReason::Password),
        EntryAction::LocalDisk if nothing_bootable => agent(AgentReason::NothingBootable),
        EntryAction::LocalDisk => BootPlan::LocalDisk {
            reason: LocalReason::Chosen,
        },
        EntryAction::Agent | EntryAction::Job { .. } => agent(AgentReason::Chosen),
        _ => BootPlan::Start { entry: entry.clone() },
    }
}

/// What an agent does whose machine has no job, when an entry of the menu led to it.
pub(crate) fn task_of(entry: &SessionEntry, menu: &EffectiveMenu) -> Option<Task> {
    let chosen = menu.entry(&entry.key)?;
    if entry.locked {
        return Some(Task::AskPassword {
            label: chosen.label.clone(),
            keyboard: menu.console().keyboard,
        });
    }
    match &chosen.action {
        EntryAction::Agent => Some(Task::Wait {
            why: Problem::new(
                "chosen-in-menu",
                "the menu led here; waiting for a job",
                "make a job for this machine on the page, or press l for its own disk",
            ),
        }),
        EntryAction::LocalDisk | EntryAction::Job { .. } => None,
        // Allowed a moment ago: the loader starts it.
        _ => Some(Task::Reboot),
    }
}

/// Whether an entry wants a password, as the database says: memory does not know a machine yet that was admitted in this
/// very transaction.
pub(crate) fn is_locked(connection: &Connection, machine: MachineId, key: &EntryKey) -> Result<Option<bool>> {
    let levels = load_levels(connection, MenuOwner::Machine(machine))?;
    let settings = setting::load(connection)?;
    let menu = resolve(levels.iter().map(|(owner, level)| (*owner, level)), &settings);
    Ok(menu.entry(key).map(|entry| entry.locked))
}

fn no_entry(key: &EntryKey) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "no-such-entry",
        format!("the entry {key} is no longer in the machine's menu"),
        "restart the machine and choose another",
    )
}
