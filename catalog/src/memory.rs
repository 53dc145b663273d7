//! What must be answered without asking SQLite: boot plans (a firmware does not wait), keys of agents' sessions, progress.
//!
//! Everything here but progress and boot sightings is a copy of rows; it is read again after each transaction that touches
//! them.

use crate::{
    Catalog,
    agent::{DepotRight, SessionMemory, load_session},
    decision::{Situation, decide},
    error::Result,
    job::{InLine, RulesInForce, Schedule, held_jobs, load_job, load_standing, open_jobs},
    machine::{Signs, load_signs},
    menu::{EffectiveMenu, MenuLevel, MenuOwner, load_level, resolve},
    place::{Places, ROOT, places_of},
    secret::SecretHash,
    setting::{self, Settings},
    time::Time,
};
use protocol::{
    JobId, MachineId, PlaceId,
    boot::{BootFacts, BootPlan},
    job::Progress,
    mac::MacAddr,
    machine::is_placeholder_uuid,
    menu::EntryKey,
};
use rusqlite::Connection;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::Hash,
    sync::PoisonError,
    time::Duration,
};
use uuid::Uuid;

/// What decides a known machine's boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownMachine {
    /// It is banned.
    pub quarantined: bool,
    /// As far as is known, nothing on its disks boots.
    pub nothing_bootable: bool,
    /// It was registered, and no agent has seen it.
    pub awaits_inventory: bool,
    /// Jobs that are not over, oldest first.
    pub open_jobs: Vec<JobId>,
    /// The schedules of those that have not begun.
    pub held: Vec<(JobId, Schedule)>,
    /// The place that it is in; none: the root.
    pub place: Option<PlaceId>,
    /// The groups that it is in.
    pub groups: Vec<PlaceId>,
    /// What is decided of its menu for it alone.
    pub menu: Option<MenuLevel>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) settings: Settings,
    pub(crate) rules: RulesInForce,
    /// Machines that wait for their turn.
    pub(crate) line: HashMap<(JobId, MachineId), InLine>,
    /// Since when it is there: since the appliance's start.
    pub(crate) loaded_at: Time,
    pub(crate) places: Places,
    /// Entries whose passwords were typed: the next boot starts them.
    granted: Recent<MachineId, EntryKey>,
    /// Machines whose own disk was asked for on the agent's screen: the next boot goes there.
    leaving: Recent<MachineId, ()>,
    machines: HashMap<MachineId, (KnownMachine, Signs)>,
    by_uuid: HashMap<Uuid, HashSet<MachineId>>,
    by_mac: HashMap<MacAddr, HashSet<MachineId>>,
    sessions: HashMap<MachineId, SessionMemory>,
    keys: HashMap<SecretHash, (MachineId, KeyKind)>,
    pub(crate) live: HashMap<(JobId, MachineId), Live>,
    sightings: Sightings,
}

/// Which of a session's keys was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Current,
    Previous,
}

/// The agent's last word on a running step, not yet written down.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) progress: Progress,
    pub(crate) at: Time,
    pub(crate) told_at: Time,
    pub(crate) written: bool,
}

/// Rows of machines as they are after a transaction; `None` for a machine that is gone.
pub(crate) type FreshMachines = Vec<(MachineId, Option<(KnownMachine, Signs)>, Option<SessionMemory>)>;

impl Memory {
    pub(crate) fn load(connection: &Connection, now: Time) -> Result<Self> {
        let mut statement = connection.prepare("SELECT id FROM machine")?;
        let ids: BTreeSet<MachineId> = statement
            .query_map([], |row| row.get::<_, String>(0))?
            .filter_map(|id| id.ok()?.parse().ok())
            .collect();
        let mut memory = Self {
            settings: setting::load(connection)?,
            rules: RulesInForce::load(connection)?,
            loaded_at: now,
            places: Places::load(connection)?,
            ..Self::default()
        };
        memory.apply(Self::read_machines(connection, &ids)?);
        Ok(memory)
    }

    pub(crate) fn read_machines(connection: &Connection, ids: &BTreeSet<MachineId>) -> Result<FreshMachines> {
        let mut fresh = Vec::with_capacity(ids.len());
        for id in ids {
            let Some((mut known, signs)) = load_signs(connection, *id)? else {
                fresh.push((*id, None, None));
                continue;
            };
            known.open_jobs = open_jobs(connection, *id)?;
            known.held = held_jobs(connection, *id)?;
            (known.place, known.groups) = places_of(connection, *id)?;
            known.menu = load_level(connection, MenuOwner::Machine(*id))?;
            let session = match load_session(connection, *id)? {
                Some(mut session) => {
                    if let Some(job) = session.job
                        && let Some(standing) = load_standing(connection, job, *id)?
                        && standing.is_in_hand()
                    {
                        let steps = load_job(connection, job)?
                            .map(|job| job.steps)
                            .unwrap_or_default();
                        session.step_index = Some(standing.step_index);
                        session.is_given = standing.given.is_some();
                        session.cancel_requested = standing.cancel_requested;
                        session.right = DepotRight::of(&standing, job, &steps);
                    }
                    Some(session)
                }
                None => None,
            };
            fresh.push((*id, Some((known, signs)), session));
        }
        Ok(fresh)
    }

    pub(crate) fn apply(&mut self, fresh: FreshMachines) {
        for (id, machine, session) in fresh {
            if let Some((_, old)) = self.machines.remove(&id) {
                old.uuid
                    .iter()
                    .for_each(|uuid| leave(&mut self.by_uuid, uuid, id));
                old.macs.iter().for_each(|mac| leave(&mut self.by_mac, mac, id));
            }
            if let Some((known, signs)) = machine {
                if let Some(uuid) = &signs.uuid {
                    self.by_uuid.entry(*uuid).or_default().insert(id);
                }
                for mac in &signs.macs {
                    self.by_mac.entry(*mac).or_default().insert(id);
                }
                self.machines.insert(id, (known, signs));
            }
            let old = self.sessions.remove(&id);
            if let Some(old) = &old {
                self.keys.remove(&old.key);
                if let Some(key) = &old.previous_key {
                    self.keys.remove(key);
                }
            }
            if let Some(mut session) = session {
                if let Some(old) = old.filter(|old| old.id == session.id) {
                    session.last_seen_at = session.last_seen_at.max(old.last_seen_at);
                    session.told_to_leave = old.told_to_leave;
                }
                self.keys.insert(session.key, (id, KeyKind::Current));
                if let Some(key) = session.previous_key {
                    self.keys.insert(key, (id, KeyKind::Previous));
                }
                self.sessions.insert(id, session);
            }
        }
    }

    pub(crate) fn machine(&self, id: MachineId) -> Option<&KnownMachine> {
        self.machines.get(&id).map(|(known, _)| known)
    }

    pub(crate) fn session(&self, machine: MachineId) -> Option<&SessionMemory> {
        self.sessions.get(&machine)
    }

    pub(crate) fn session_mut(&mut self, machine: MachineId) -> Option<&mut SessionMemory> {
        self.sessions.get_mut(&machine)
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = (&MachineId, &SessionMemory)> {
        self.sessions.iter()
    }

    pub(crate) fn by_key(&self, key: &SecretHash) -> Option<(MachineId, KeyKind, &SessionMemory)> {
        let (machine, kind) = self.keys.get(key)?;
        Some((*machine, *kind, self.sessions.get(machine)?))
    }

    /// Notes that an agent said hello through this adapter.
    pub(crate) fn sight(&mut self, mac: MacAddr, machine: MachineId, now: Time) {
        self.sightings.agents.insert(mac, machine, now);
    }

    /// The record that boot facts lead to, if they lead to exactly one.
    pub(crate) fn find(&self, facts: &BootFacts, now: Time) -> Option<(MachineId, &KnownMachine)> {
        let told = facts.uuid.or_else(|| self.sightings.uuids.get(&facts.mac, now));
        let told = told.filter(|uuid| !is_placeholder_uuid(uuid));
        let id = self
            .find_by_signs(told, &facts.mac)
            .or_else(|| self.sightings.agents.get(&facts.mac, now))?;
        Some((id, self.machine(id)?))
    }

    /// What is decided of menus from the root down to a place.
    pub(crate) fn levels_of_place(&self, place: PlaceId) -> Vec<(MenuOwner, &MenuLevel)> {
        self.places.levels(place)
    }

    /// What comes of all levels for a machine.
    pub(crate) fn menu_of(&self, id: MachineId) -> EffectiveMenu {
        let known = self.machine(id);
        let place = known.and_then(|known| known.place).unwrap_or(ROOT);
        let mut levels = self.places.levels(place);
        if let Some(known) = known {
            levels.extend(self.places.levels_of_groups(&known.groups));
            levels.extend(known.menu.as_ref().map(|level| (MenuOwner::Machine(id), level)));
        }
        resolve(levels, &self.settings)
    }

    /// Notes that the next boot of a machine may start an entry.
    pub(crate) fn grant(&mut self, machine: MachineId, key: EntryKey, now: Time) {
        self.granted.insert(machine, key, now);
    }

    pub(crate) fn leave(&mut self, machine: MachineId, now: Time) {
        self.leaving.insert(machine, (), now);
    }

    /// The one record with the UUID; else the one with both signs, for UUIDs that several share; else the one with the MAC.
    fn find_by_signs(&self, uuid: Option<Uuid>, mac: &MacAddr) -> Option<MachineId> {
        // Firmware writes the first three fields of option 97 in either byte order.
        let spellings = uuid.map(|uuid| [uuid, Uuid::from_bytes_le(*uuid.as_bytes())]);
        let with_uuid = || {
            spellings
                .iter()
                .flatten()
                .filter_map(|uuid| self.by_uuid.get(uuid))
        };
        let with_mac = self.by_mac.get(mac);
        with_uuid()
            .find_map(|ids| only(Some(ids)))
            .or_else(|| with_uuid().find_map(|ids| only_one(ids.intersection(with_mac?))))
            .or_else(|| only(with_mac))
    }
}

/// How long an entry may be started after its password was typed, and how long a key pressed on the agent's screen leads to
/// the machine's own disk: one restart.
const GRANTED_FOR: Duration = Duration::from_secs(3 * 60);

impl Catalog {
    /// What a machine boots, from memory, in microseconds.
    #[must_use]
    pub fn plan(&self, facts: &BootFacts) -> BootPlan {
        self.planned(facts, None)
    }

    /// The same, when an entry of the machine's menu was chosen.
    pub(crate) fn planned(&self, facts: &BootFacts, chosen: Option<&EntryKey>) -> BootPlan {
        let now = self.now();
        let woken = self.was_woken(facts.mac);
        if let Some(uuid) = facts.uuid {
            let mut memory = self.0.memory.write().unwrap_or_else(PoisonError::into_inner);
            memory.sightings.uuids.insert(facts.mac, uuid, now);
        }
        let memory = self.memory();
        let found = memory.find(facts, now);
        let menu = found.map(|(id, _)| memory.menu_of(id));
        let granted = found.and_then(|(id, _)| memory.granted.get_within(&id, now, GRANTED_FOR));
        let leaves = found.and_then(|(id, _)| memory.leaving.get_within(&id, now, GRANTED_FOR));
        decide(&Situation {
            facts,
            record: found.map(|(_, known)| known),
            has_due_job: found.is_some_and(|(_, known)| memory.has_due_job(known, now)),
            settings: &memory.settings,
            menu: menu.as_ref(),
            woken,
            chosen,
            granted: granted.as_ref(),
            leaves: leaves.is_some(),
        })
    }
}

/// What was seen of adapters lately. A boot loader names only its MAC; the firmware named the UUID moments before. A USB
/// adapter belongs to no record, but moments ago an agent said hello through it.
#[derive(Debug, Default)]
struct Sightings {
    uuids: Recent<MacAddr, Uuid>,
    agents: Recent<MacAddr, MachineId>,
}

/// A bounded memory of the last minutes.
#[derive(Debug)]
struct Recent<K, V>(HashMap<K, (V, Time)>);

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    const KEPT: Duration = Duration::from_secs(15 * 60);
    const MAX: usize = 8192;

    fn insert(&mut self, key: K, value: V, now: Time) {
        if self.0.len() >= Self::MAX {
            self.0.retain(|_, (_, at)| now.since(*at) < Self::KEPT / 3);
            if self.0.len() >= Self::MAX {
                // A flood of invented addresses: it may push out what is kept, and costs no more memory.
                self.0.clear();
            }
        }
        self.0.insert(key, (value, now));
    }

    fn get(&self, key: &K, now: Time) -> Option<V> {
        self.get_within(key, now, Self::KEPT)
    }

    fn get_within(&self, key: &K, now: Time, age: Duration) -> Option<V> {
        self.0
            .get(key)
            .filter(|(_, at)| now.since(*at) < age)
            .map(|(value, _)| value.clone())
    }
}

fn leave<K: Eq + Hash>(index: &mut HashMap<K, HashSet<MachineId>>, key: &K, id: MachineId) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

fn only(ids: Option<&HashSet<MachineId>>) -> Option<MachineId> {
    only_one(ids?.iter())
}

fn only_one<'a>(mut ids: impl Iterator<Item = &'a MachineId>) -> Option<MachineId> {
    ids.next().filter(|_| ids.next().is_none()).copied()
}
