#![doc = include_str!("../README.md")]

pub mod agent;
pub mod boot;
pub mod cmdline;
pub mod dhcp;
pub mod disk;
pub mod id;
pub mod job;
pub mod mac;
pub mod machine;
pub mod manifest;
pub mod menu;
pub mod module_table;
pub mod problem;
pub mod unit;
pub mod uri;

pub use id::{ChunkId, JobId, MachineId, MasterName, MasterRef, PlaceId};
pub use mac::MacAddr;
pub use problem::Problem;
pub use unit::{ByteLen, ByteOffset, Lba};
