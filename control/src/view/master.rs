//! Masters.

use crate::{refusal::Refusal, state::Control};
use depot::server::{self, DepotServer, MasterVersionState, ProductionKey};
use protocol::{
    JobId, MasterName, MasterRef, Problem,
    manifest::{PartitionState, Root, TableKind},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A master and its versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Master {
    /// Its name.
    pub name: MasterName,
    /// What people call it; empty for its name.
    pub label: String,
    /// What it is for.
    pub description: String,
    /// It is offered to whoever makes menus.
    pub in_menu: bool,
    /// None of its versions is deleted.
    pub protected: bool,
    /// Rises with each change of what people wrote: its `ETag`.
    pub revision: i64,
    /// Its versions, newest first; none when the last one was just deleted.
    pub versions: Vec<MasterVersion>,
}

/// One version of a master, as its signed manifest tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MasterVersion {
    /// The master's name.
    pub name: MasterName,
    /// The version, from 1.
    pub version: u32,
    /// When it was captured, if the manifest says so.
    #[schema(format = DateTime)]
    pub created_at: Option<String>,
    /// What is wrong with it; such a version cannot be restored.
    pub damaged: Option<String>,
    /// Size of the captured disk.
    pub bytes_disk: u64,
    /// Size of the smallest disk that it fits on.
    pub bytes_smallest_target: u64,
    /// Bytes that its filesystems use.
    pub bytes_used: u64,
    /// Logical sector size in bytes.
    pub sector_size: u32,
    /// Partition scheme: `gpt`, `mbr`, or `none`.
    pub scheme: String,
    /// Its partitions, in table order.
    pub partitions: Vec<MasterPartition>,
    /// What a person should know: "unallocated space was left out".
    pub notes: Vec<String>,
    /// What the holder of the production key wrote when they countersigned it; none: it is not in production.
    pub production: Option<String>,
}

/// What people write about a master; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MasterChange {
    /// What people call it; empty for its name.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub label: Option<String>,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub description: Option<String>,
    /// It is offered to whoever makes menus.
    #[serde(default)]
    pub in_menu: Option<bool>,
    /// None of its versions is deleted.
    #[serde(default)]
    pub protected: Option<bool>,
}

/// A master to make of a version of another one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloneRequest {
    /// The name of the new master. It shares all data with the old one.
    pub name: MasterName,
}

/// A signature that puts a version into production.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductionRequest {
    /// The text of the file that `minisign -S` made of the version's root.
    #[schema(max_length = 16384)]
    pub signature: String,
}

/// Versions in the trash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeletedMasterList {
    /// The versions, by name.
    pub items: Vec<DeletedMaster>,
}

/// A version in the trash: it can be taken back until what nobody needs is swept away, after a day at least.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeletedMaster {
    /// The master's name.
    pub name: MasterName,
    /// The version.
    pub version: u32,
    /// When it was captured, if the manifest says so.
    #[schema(format = DateTime)]
    pub created_at: Option<String>,
    /// Size of the captured disk.
    pub bytes_disk: u64,
    /// Bytes that its filesystems use.
    pub bytes_used: u64,
}

/// What needs a version of a master.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MasterUseList {
    /// What needs it.
    pub items: Vec<MasterUse>,
}

/// Something that needs a version of a master.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum MasterUse {
    /// A job that is not over restores it.
    Job {
        /// Which.
        id: JobId,
        /// What it is called.
        title: String,
    },
    /// An entry of a boot menu restores it.
    MenuEntry {
        /// Where the entry is decided: a place, a group or a machine, by its id.
        owner: String,
        /// What the entry says.
        label: String,
    },
}

impl From<catalog::MasterUse> for MasterUse {
    fn from(found: catalog::MasterUse) -> Self {
        match found {
            catalog::MasterUse::Job { id, title } => Self::Job { id, title },
            catalog::MasterUse::MenuEntry { owner, label } => Self::MenuEntry { owner, label },
        }
    }
}

impl DeletedMaster {
    /// Everything in the trash.
    pub(crate) fn all(depot: &DepotServer) -> Result<Vec<Self>, Problem> {
        let deleted = depot.masters()?.into_iter();
        let deleted = deleted.filter(|version| version.state == MasterVersionState::Deleted);
        Ok(deleted
            .filter_map(|version| {
                Some(Self {
                    name: version.name.parse().ok()?,
                    version: version.version,
                    created_at: time_text(version.created_unix_ms),
                    bytes_disk: version.bytes_disk,
                    bytes_used: version.bytes_used,
                })
            })
            .collect())
    }
}

/// A partition of a master.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MasterPartition {
    /// Its number in the table.
    pub number: u32,
    /// Its type as the table gives it: a GUID, or `0x83`.
    pub kind: String,
    /// Its label, if the table has labels.
    pub label: String,
    /// What is on it: `ext4`, `fat32`, … or `unknown`.
    pub filesystem: String,
    /// Its size.
    pub bytes_size: u64,
    /// What was kept of it: what its filesystem uses, or all of it where none is understood.
    pub bytes_used: u64,
}

/// All masters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MasterList {
    /// The masters, by name.
    pub items: Vec<Master>,
}

impl Master {
    /// All masters, by name.
    pub(crate) fn all(control: &Control) -> Result<Vec<Self>, Refusal> {
        let depot = control.depot();
        let (key, notes) = (production_key(control), control.catalog().master_notes()?);
        let mut masters: Vec<Self> = Vec::new();
        for listed in depot.masters()? {
            let Some(version) = MasterVersion::of(depot, key.as_ref(), &listed) else {
                continue;
            };
            match masters.last_mut().filter(|master| master.name == version.name) {
                Some(master) => master.versions.insert(0, version),
                None => {
                    let note = notes.get(version.name.as_str()).cloned().unwrap_or_default();
                    masters.push(Self::with(version.name.clone(), note, vec![version]));
                }
            }
        }
        Ok(masters)
    }

    /// One master, with no versions when there is none of that name.
    pub(crate) fn named(control: &Control, name: &MasterName) -> Result<Self, Refusal> {
        let found = Self::all(control)?
            .into_iter()
            .find(|master| master.name == *name);
        Ok(found.unwrap_or_else(|| Self::with(name.clone(), catalog::MasterNote::default(), Vec::new())))
    }

    fn with(name: MasterName, note: catalog::MasterNote, versions: Vec<MasterVersion>) -> Self {
        Self {
            name,
            label: note.label,
            description: note.description,
            in_menu: note.in_menu,
            protected: note.protected,
            revision: note.revision,
            versions,
        }
    }

    /// What is wrong in the depot, in words.
    pub(crate) fn warnings(depot: &DepotServer) -> Vec<String> {
        let mut warnings = depot.warnings().to_vec();
        match depot.masters() {
            Ok(listed) => warnings.extend(listed.into_iter().filter_map(|version| match version.state {
                MasterVersionState::Damaged { reason } => Some(format!("{}: {reason}", version.object)),
                _ => None,
            })),
            Err(problem) => warnings.push(problem.to_string()),
        }
        warnings
    }
}

impl MasterVersion {
    /// One version, unless it was deleted.
    pub(crate) fn find(control: &Control, name: &MasterName, version: u32) -> Result<Option<Self>, Refusal> {
        let listed = control.depot().masters()?;
        let found = listed
            .iter()
            .find(|listed| listed.name == name.as_str() && listed.version == version);
        let key = production_key(control);
        Ok(found.and_then(|listed| Self::of(control.depot(), key.as_ref(), listed)))
    }

    /// What is shown of a version; `None` for one that was deleted, or so damaged that even its name is lost.
    fn of(depot: &DepotServer, key: Option<&ProductionKey>, listed: &server::MasterVersion) -> Option<Self> {
        let damaged = match &listed.state {
            MasterVersionState::Kept => None,
            MasterVersionState::Deleted => return None,
            MasterVersionState::Damaged { reason } => Some(reason.clone()),
        };
        let name: MasterName = listed.name.parse().ok()?;
        let mut version = Self {
            name: name.clone(),
            version: listed.version,
            created_at: time_text(listed.created_unix_ms),
            damaged,
            bytes_disk: listed.bytes_disk,
            bytes_smallest_target: listed.bytes_disk,
            bytes_used: listed.bytes_used,
            sector_size: 512,
            scheme: "none".to_owned(),
            partitions: Vec::new(),
            notes: Vec::new(),
            production: None,
        };
        if version.damaged.is_none() {
            let master = MasterRef {
                name,
                version: Some(listed.version),
            };
            match depot.master(&master) {
                Ok(root) => {
                    version.describe(&root);
                    version.production = comment_of(depot, key, &master);
                }
                Err(problem) => version.damaged = Some(problem.title),
            }
        }
        Some(version)
    }

    fn describe(&mut self, root: &Root) {
        self.bytes_smallest_target = root.smallest_target.get();
        self.sector_size = root.sector_size;
        self.scheme = match root.table {
            TableKind::Gpt => "gpt",
            TableKind::Mbr => "mbr",
            TableKind::None => "none",
        }
        .to_owned();
        self.notes.clone_from(&root.notes);
        self.partitions = root
            .partitions
            .iter()
            .map(|partition| MasterPartition {
                number: partition.number,
                kind: partition.kind.clone(),
                label: partition.label.clone(),
                filesystem: partition
                    .filesystem
                    .clone()
                    .unwrap_or_else(|| "unknown".to_owned()),
                bytes_size: partition.length,
                bytes_used: match &partition.state {
                    PartitionState::Mapped { used } => used.get(),
                    PartitionState::Raw { .. } => partition.length,
                },
            })
            .collect();
    }
}

/// The site's production key, if it has one.
pub(crate) fn production_key(control: &Control) -> Option<ProductionKey> {
    let text = control.catalog().job_rules().production_key?;
    // It was read when it was written.
    ProductionKey::parse(&text).ok()
}

/// What the holder of the production key wrote, if they countersigned this version.
fn comment_of(depot: &DepotServer, key: Option<&ProductionKey>, master: &MasterRef) -> Option<String> {
    let found = depot.countersignature(master, key?).ok().flatten()?;
    Some(found.comment)
}

/// Whether a version is in production.
pub(crate) fn in_production(control: &Control, master: &MasterRef) -> bool {
    comment_of(control.depot(), production_key(control).as_ref(), master).is_some()
}

/// Which versions there are, for whoever creates a job.
pub(crate) struct DepotVersions<'a>(&'a DepotServer, Option<ProductionKey>);

impl<'a> DepotVersions<'a> {
    pub(crate) fn of(control: &'a Control) -> Self {
        Self(control.depot(), production_key(control))
    }
}

impl catalog::MasterVersions for DepotVersions<'_> {
    fn newest(&self, name: &MasterName) -> catalog::Result<Option<u32>> {
        Ok(self.kept(name)?.into_iter().max())
    }

    fn has(&self, name: &MasterName, version: u32) -> catalog::Result<bool> {
        Ok(self.kept(name)?.contains(&version))
    }

    fn needs(&self, name: &MasterName, version: u32) -> catalog::Result<Option<catalog::MasterNeeds>> {
        let master = MasterRef {
            name: name.clone(),
            version: Some(version),
        };
        // What is damaged is said by `check_whole`.
        Ok(self.0.master(&master).ok().map(|root| catalog::MasterNeeds {
            smallest_target: root.smallest_target,
            sector_size: root.sector_size,
            in_production: comment_of(self.0, self.1.as_ref(), &master).is_some(),
        }))
    }

    fn check_whole(&self, name: &MasterName, version: u32) -> catalog::Result<()> {
        let master = MasterRef {
            name: name.clone(),
            version: Some(version),
        };
        let Err(problem) = self.0.check_complete(&master) else {
            return Ok(());
        };
        let (kind, code) = match problem.status {
            503 => (catalog::ErrorKind::Storage, "depot-unavailable"),
            _ => (catalog::ErrorKind::Conflict, NOT_WHOLE),
        };
        let problem = not_whole(&master, problem);
        Err(catalog::Error::new(kind, code, problem.title, problem.remedy))
    }
}

const NOT_WHOLE: &str = "master-not-whole";

/// Why a master is not restored: in the depot's words, naming the master.
pub(crate) fn not_whole(master: &MasterRef, problem: Problem) -> Problem {
    let remedy = match problem.remedy.is_empty() {
        true => "capture the master again, or choose another version".to_owned(),
        false => problem.remedy,
    };
    Problem::new(
        NOT_WHOLE,
        format!("{master} cannot be restored, it is not whole: {}", problem.title),
        remedy,
    )
}

impl DepotVersions<'_> {
    fn kept(&self, name: &MasterName) -> catalog::Result<Vec<u32>> {
        let listed = self.0.masters().map_err(|problem| {
            catalog::Error::new(
                catalog::ErrorKind::Storage,
                "depot-unavailable",
                problem.title,
                problem.remedy,
            )
        })?;
        let kept = listed
            .into_iter()
            .filter(|listed| listed.name == name.as_str() && listed.state == MasterVersionState::Kept);
        Ok(kept.map(|listed| listed.version).collect())
    }
}

/// RFC 3339; nothing for a time that no calendar has.
fn time_text(unix_ms: u64) -> Option<String> {
    i64::try_from(unix_ms)
        .ok()
        .filter(|ms| *ms > 0)
        .map(|ms| catalog::Time(ms).to_string())
}
