//! Masters.

use protocol::MasterName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A master and its versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Master {
    /// Its name.
    pub name: MasterName,
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
    /// Size of the captured disk.
    pub bytes_disk: u64,
    /// Bytes that its filesystems use.
    pub bytes_used: u64,
    /// Logical sector size in bytes.
    pub sector_size: u32,
    /// Partition scheme: `gpt`, `mbr`, or `none`.
    pub scheme: String,
    /// Its partitions, in table order.
    pub partitions: Vec<MasterPartition>,
}

/// A partition of a master.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MasterPartition {
    /// Its number in the table.
    pub number: u32,
    /// Its label, if the table has labels.
    pub label: String,
    /// What is on it: `ext4`, `vfat`, … or `unknown`.
    pub filesystem: String,
    /// Its size.
    pub bytes_size: u64,
    /// What is used of it.
    pub bytes_used: u64,
}

/// All masters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MasterList {
    /// The masters, by name.
    pub items: Vec<Master>,
}
