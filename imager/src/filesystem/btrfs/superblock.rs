//! Superblock of btrfs.
//!
//! ```text
//! little-endian, 4096 bytes at 64 KiB, copies at 64 MiB and 256 GiB
//! (Linux include/uapi/linux/btrfs_tree.h, struct btrfs_super_block)
//! offset size  meaning                                offset size  meaning
//!   0x00   32  checksum of all behind                   0x98    4  unused
//!   0x20   16  UUID                                     0xA0    4  bytes of the array of system chunks
//!   0x30    8  own place                                0xA4    8  generation of the chunk tree
//!   0x38    8  flags                                    0xAC    8  compatible features
//!   0x40    8  "_BHRfS_M"                               0xB4    8  features incompatible for writing
//!   0x48    8  generation                               0xBC    8  incompatible features
//!   0x50    8  root tree                                0xC4    2  checksum: 0 CRC-32C, 1 xxHash64, 2 SHA-256, 3 BLAKE2b
//!   0x58    8  chunk tree                               0xC6    3  levels of root, chunk and log tree
//!   0x60    8  log tree, 0: none                        0xC9   98  this device: number u64, bytes u64, …
//!   0x78    8  bytes used                              0x12B  256  label
//!   0x88    8  devices                                 0x23B   16  UUID in metadata, if METADATA_UUID
//!   0x90    4  sector size                             0x32B 2048  system chunks: key, chunk item, …
//!   0x94    4  node size
//! ```

use super::hash::Checksum;
use crate::filesystem::volume::field;

/// Where the superblock is.
pub(super) const OFFSET: u64 = 64 << 10;
/// Where its copies are, if the device is long enough.
pub(super) const COPIES: [u64; 2] = [64 << 20, 256 << 30];
/// Its length.
pub(super) const LENGTH: usize = 4096;

const FLAGS_KNOWN: u64 = 0x1 | 0x2;
const FLAG_ERROR: u64 = 0x4;
const FLAG_SEED: u64 = 1 << 32;
/// MIXED_BACKREF, DEFAULT_SUBVOL, MIXED_GROUPS, COMPRESS_LZO, COMPRESS_ZSTD, BIG_METADATA, EXTENDED_IREF, RAID56,
/// SKINNY_METADATA, NO_HOLES, METADATA_UUID, RAID1C34, SIMPLE_QUOTA: bits 0 to 11 and 16.
const INCOMPAT_KNOWN: u64 = 0xFFF | 0x1_0000;
const INCOMPAT_METADATA_UUID: u64 = 0x400;
const INCOMPAT_ZONED: u64 = 0x1000;
const INCOMPAT_EXTENT_TREE_2: u64 = 0x2000;
const INCOMPAT_STRIPE_TREE: u64 = 0x4000;
/// FREE_SPACE_TREE, FREE_SPACE_TREE_VALID, VERITY, BLOCK_GROUP_TREE.
const RO_COMPAT_KNOWN: u64 = 0xF;

/// A checked superblock.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    pub checksum: Checksum,
    pub root: Root,
    pub chunk_root: Root,
    /// What was synced since the last commit.
    pub log_root: Option<Root>,
    pub used_bytes: u64,
    pub node_bytes: u64,
    pub sector_bytes: u64,
    pub device_id: u64,
    pub device_bytes: u64,
    pub uuid: [u8; 16],
    pub metadata_uuid: [u8; 16],
    pub label: Option<String>,
    pub system_chunks: Vec<u8>,
}

/// Where a tree begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Root {
    /// Logical address.
    pub address: u64,
    pub level: u8,
    pub generation: u64,
}

impl Superblock {
    /// Parses and checks it; the error says in words why the filesystem cannot be mapped.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() != LENGTH || bytes[0x40..0x48] != *b"_BHRfS_M" {
            return Err("no superblock".into());
        }
        let checksum = Checksum::from_number(field::le16(bytes, 0xC4))?;
        if !checksum.is_right(bytes) {
            return Err("the superblock's checksum is wrong".into());
        }
        if field::le64(bytes, 0x30) != OFFSET {
            return Err("the superblock is a copy from elsewhere".into());
        }
        check_features(bytes)?;
        let devices = field::le64(bytes, 0x88);
        if devices != 1 {
            return Err(format!("it lies across {devices} devices"));
        }
        let sector_bytes = u64::from(field::le32(bytes, 0x90));
        let node_bytes = u64::from(field::le32(bytes, 0x94));
        let power = |value: u64, least: u64| value.is_power_of_two() && (least..=65536).contains(&value);
        if !power(sector_bytes, 512) || !power(node_bytes, sector_bytes.max(4096)) {
            return Err(format!(
                "sectors of {sector_bytes} and nodes of {node_bytes} bytes"
            ));
        }
        let array_length = usize::try_from(field::le32(bytes, 0xA0)).unwrap_or(usize::MAX);
        let system_chunks = bytes[0x32B..0x32B + 2048]
            .get(..array_length)
            .ok_or("more system chunks than there is room for")?;
        let generation = field::le64(bytes, 0x48);
        let root = |at: usize, level: usize, generation: u64| Root {
            address: field::le64(bytes, at),
            level: bytes[level],
            generation,
        };
        let uuid_at = |at: usize| -> Result<[u8; 16], String> {
            bytes[at..at + 16].try_into().map_err(|_| "no UUID".into())
        };
        let own_metadata_uuid = field::le64(bytes, 0xBC) & INCOMPAT_METADATA_UUID != 0;
        let log_root = root(0x60, 0xC8, generation.saturating_add(1));
        Ok(Self {
            checksum,
            root: root(0x50, 0xC6, generation),
            chunk_root: root(0x58, 0xC7, field::le64(bytes, 0xA4)),
            log_root: (log_root.address != 0).then_some(log_root),
            used_bytes: field::le64(bytes, 0x78),
            node_bytes,
            sector_bytes,
            device_id: field::le64(bytes, 0xC9),
            device_bytes: field::le64(bytes, 0xC9 + 8),
            uuid: uuid_at(0x20)?,
            metadata_uuid: uuid_at(if own_metadata_uuid { 0x23B } else { 0x20 })?,
            label: field::text(&bytes[0x12B..0x12B + 256]),
            system_chunks: system_chunks.to_vec(),
        })
    }
}

fn check_features(bytes: &[u8]) -> Result<(), String> {
    let flags = field::le64(bytes, 0x38);
    let (ro_compat, incompat) = (field::le64(bytes, 0xB4), field::le64(bytes, 0xBC));
    let reasons = [
        (flags & FLAG_ERROR, "it is marked as having errors"),
        (flags & FLAG_SEED, "it is a seed that other devices build on"),
        (incompat & INCOMPAT_ZONED, "it is made for a zoned disk"),
        (
            incompat & INCOMPAT_EXTENT_TREE_2,
            "it has an extent tree of version 2",
        ),
        (incompat & INCOMPAT_STRIPE_TREE, "it has a tree of RAID stripes"),
    ];
    if let Some((_, reason)) = reasons.into_iter().find(|(bits, _)| *bits != 0) {
        return Err(reason.into());
    }
    let unknown = [
        ("flags", flags & !FLAGS_KNOWN),
        ("incompatible feature bits", incompat & !INCOMPAT_KNOWN),
        (
            "feature bits (incompatible for writing)",
            ro_compat & !RO_COMPAT_KNOWN,
        ),
    ];
    match unknown.into_iter().find(|(_, bits)| *bits != 0) {
        Some((name, bits)) => Err(format!("{name} {bits:#x} are not known")),
        None => Ok(()),
    }
}
