#![doc = include_str!("../README.md")]

mod agent;
mod audit;
mod boot;
mod change;
mod database;
mod decision;
mod error;
mod event;
mod identity;
mod job;
mod machine;
mod master;
mod memory;
mod menu;
mod people;
mod place;
mod scope;
mod secret;
mod setting;
mod table;
mod time;

pub use agent::{AgentSession, DepotRight, HeldTask, Welcome};
pub use audit::{AuditChain, AuditFilter, AuditFormat, AuditPage, AuditRow, AuditText, verify_audit_of};
pub use boot::{AddressLease, AddressPool, Boot, BootEntry, BootStep, FirmwareLesson, ReservedAddress};
pub use change::{Event, Subject};
pub use database::{BackUp, Examination, back_up};
pub use decision::decide;
pub use error::{Error, ErrorKind, Result};
pub use event::{Figures, Replay};
pub use identity::{Candidate, Identified, Identity, identify};
pub use job::{
    Begun, Blackout, Calendar, DayTime, Due, JobCounts, JobEvent, JobFilter, JobMachineRow, JobRow, JobRules,
    JobWait, JobWish, LocalMinute, MachinePreflight, MasterNeeds, MasterVersions, Next, Obstacle, Preflight,
    RESUME_WITHIN, Remark, ReportRefused, Schedule, Standing, Target, WakeOrder, Weekday, Weight, Window,
};
pub use machine::{
    Column, Encoding, Field, FileKind, HistoryKind, HistoryRow, Import, ImportFile, ImportOutcome,
    MachineCursor, MachineEdit, MachineFilter, MachineOrder, MachinePage, MachineRow, MachineTable,
    MachineTrait, NameProposal, NamingWish, OpenJob, Page, RowAction, RowOutcome, RowProblem,
};
pub use master::{MasterEdit, MasterNote, MasterUse};
pub use memory::KnownMachine;
pub use menu::{EffectiveMenu, EntryWish, LevelEntry, MenuLevel, MenuOwner, MenuSettings, MenuWish, Said};
pub use people::{
    AccountEdit, AccountRow, AccountWish, Actor, Credential, GrantRow, GrantWish, Holder, LogIn, Permission,
    PermissionSet, Person, PredefinedRole, Rights, RoleRow, RoleWish, SecondFactorOffer, SessionRow, TeamRow,
    TeamWish, TokenRow, TokenWish, code_at,
};
pub use place::{GroupQuery, ListOutcome, PLAN_MAX, PlaceEdit, PlaceKind, PlaceRow, Plan, ROOT, Seat};
pub use scope::{Reach, Scope};
pub use setting::{Language, Settings, UnknownMachines};
pub use table::{Separator, to_cp1252};
pub use time::{Clock, ManualClock, SystemClock, Time};

use database::Database;
use memory::Memory;
use std::{
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard},
};

/// The catalog: one handle, cheap to clone, for everything the appliance knows. Every call blocks for as long as SQLite
/// takes, except those that say they answer from memory.
#[derive(Clone)]
pub struct Catalog(Arc<Inner>);

/// Who is told of every change.
type Listener = Box<dyn Fn(&Event) + Send + Sync>;

struct Inner {
    database: Database,
    memory: RwLock<Memory>,
    transcripts: Mutex<boot::Transcripts>,
    clock: Arc<dyn Clock>,
    listener: OnceLock<Listener>,
    throttle: people::Throttle,
    nobodys_hash: OnceLock<String>,
}

impl Catalog {
    /// Opens the catalog's file, or makes it.
    ///
    /// # Errors
    /// A file that is damaged, of a newer program, or not to be opened, by name; it is left as it is.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with_clock(path, Arc::new(SystemClock))
    }

    /// The same, with another clock.
    ///
    /// # Errors
    /// As [`Catalog::open`].
    pub fn open_with_clock(path: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        let database = Database::open(path)?;
        let memory = Memory::load(&database.writer(), clock.now())?;
        let transcripts = boot::Transcripts::load(&database.writer())?;
        Ok(Self(Arc::new(Inner {
            database,
            memory: RwLock::new(memory),
            transcripts: Mutex::new(transcripts),
            clock,
            listener: OnceLock::new(),
            throttle: people::Throttle::default(),
            nobodys_hash: OnceLock::new(),
        })))
    }

    /// Looks at a catalog's file without changing it, also while an appliance runs.
    ///
    /// # Errors
    /// As [`Catalog::open`].
    pub fn examine(path: &Path) -> Result<Examination> {
        database::examine(path)
    }

    /// Names the one who is told of every change, after it is durable, in order. It must be quick and must not call back.
    /// Only the first one named is told.
    pub fn listen(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        let _ = self.0.listener.set(Box::new(listener));
    }

    /// The appliance's clock.
    #[must_use]
    pub fn now(&self) -> Time {
        self.0.clock.now()
    }

    /// Work that comes with time: writes progress down, fails what was silent for too long, forgets what has expired.
    /// Call it every few seconds.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn tick(&self) -> Result<()> {
        self.flush_progress()?;
        self.flush_transcripts()?;
        self.flush_ways()?;
        self.fail_the_silent()?;
        self.forget_the_expired()
    }

    fn memory(&self) -> RwLockReadGuard<'_, Memory> {
        self.0.memory.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog")
            .field("database", &self.0.database)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
