//! What the admin API shows and takes: one type per object, the same in lists, answers and live events.
//!
//! Times are RFC 3339 in UTC, by the appliance's clock. Bytes are plain numbers. Lists have `items`, and `next` when there
//! is more: give it back as `after`.

mod audit;
mod job;
mod machine;
mod master;
mod menu;
mod network;
mod person;
mod place;
mod plan;
mod record;
mod right;
mod site;

pub use audit::{AuditEntry, AuditPage};
pub use job::{
    Choice, DiskRequest, Job, JobCounts, JobDetail, JobEvent, JobJournal, JobMachine, JobPage, JobWait,
    NewJob, RetryRequest,
};
pub use machine::{
    Machine, MachineBoot, MachineBootEntry, MachineBoots, MachineChange, MachineJob, MachinePage,
    WakeRequest, WakeSent,
};
pub use master::{
    CloneRequest, DeletedMaster, DeletedMasterList, Master, MasterChange, MasterList, MasterPartition,
    MasterUse, MasterUseList, MasterVersion, ProductionRequest,
};
pub(crate) use master::{DepotVersions, in_production, not_whole, production_key};
pub use menu::{Menu, MenuEntry, MenuOrigin, MenuSettings, SettingOrigin, ShownEntry, WholeMenu};
pub use network::{
    AddressLease, AddressLeases, AddressPool, AddressPools, NetBootImage, NetBootImages, RefusedImage,
    ReservedAddress,
};
pub use person::{
    Account, AccountChange, AccountList, FirstAdministrator, LogIn, NewAccount, NewPassword, OpenSession,
    PasswordAgain, PasswordChange, RecoveryCodes, SecondFactor, SecondFactorCode, Session, SessionList,
    Setup,
};
pub use place::{
    Favourite, GroupQuery, MachinePlace, MachineTrait, NewPlace, Place, PlaceChange, PlaceImport,
    PlaceImportOutcome, PlaceKind, PlaceList, PlaceMembers, PlaceMembersOutcome, RoomPlan, Seat,
};
pub use plan::{
    Blackout, JobRules, JobSchedule, JobTarget, JobWindow, MachinePreflight, Preflight, Remark, Weekday,
    Weight,
};
pub use record::{
    HistoryEntry, HistoryPage, ImportAction, ImportColumn, ImportEncoding, ImportField, ImportKind,
    ImportProblem, ImportRow, MachineImport, MachineImportOutcome, MergeRequest, Naming, NamingOutcome,
    ProposedName, SplitRequest, TableSeparator,
};
pub use right::{
    Grant, GrantList, MadeToken, NewGrant, NewRole, NewTeam, NewToken, PermissionList, Role, RoleList, Team,
    TeamList, Token, TokenList,
};
pub(crate) use right::{holder_of, texts};
pub use site::{Interface, Language, RefusalEvent, Server, Settings, Space, UnknownMachines};
