//! ext2, ext3 and ext4.
//!
//! ```text
//! superblock ── features, geometry              what is not known → raw
//! journal ──── clean: its body need not be kept
//!        └──── waiting to be replayed: what it would write is laid over the disk, in memory only
//! bitmaps ──── of the disk as it is ∪ of the disk as it will be after the replay = used
//! inodes ───── where files lie (hints)
//! ```
//! Sources: Linux `Documentation/filesystems/ext4/`, `fs/ext4/ext4.h`, `fs/ext4/balloc.c`, `fs/jbd2/recovery.c`.
//!
//! The bytes captured are always the disk's own, a dirty journal included: the restored filesystem replays it at its first
//! mount as the original would have.

mod bitmap;
mod files;
mod group;
mod inode;
mod journal;
mod superblock;
mod tree;

use super::{Kind, Mapped, Mapping, Outcome, Ranges, Volume, checksum, volume::field};
use bitmap::Trust;
use files::ExtFiles;
use journal::{Journal, Overlay};
use std::sync::Arc;
use superblock::{COMPAT_FAST_COMMIT, COMPAT_HAS_JOURNAL, INCOMPAT_RECOVER, Superblock};
pub(super) use tree::open_tree;

const STATE_CLEAN: u16 = 1;
const STATE_ERRORS: u16 = 2;

/// One view of a filesystem: its blocks, with what its journal would write laid over them.
struct Reader<'a> {
    volume: &'a Volume<'a>,
    superblock: Superblock,
    overlay: Arc<Overlay>,
}

impl<'a> Reader<'a> {
    fn new(volume: &'a Volume<'a>, superblock: Superblock) -> Self {
        Self {
            volume,
            superblock,
            overlay: Arc::default(),
        }
    }

    /// Reads a block of the filesystem as this view shows it.
    fn read_block(&self, block: u64) -> Result<Vec<u8>, String> {
        let block_bytes = self.superblock.block_bytes;
        let length = usize::try_from(block_bytes).map_err(|_| "block size")?;
        let copy = self.overlay.get(block);
        let place = copy.map_or(block, |copy| copy.journal_block);
        let offset = place.checked_mul(block_bytes).ok_or("a block beyond any disk")?;
        let mut bytes = self.volume.read(offset, length)?;
        if copy.is_some_and(|copy| copy.is_escaped) {
            bytes[..4].copy_from_slice(&journal::MAGIC.to_be_bytes());
        }
        Ok(bytes)
    }
}

/// Maps an ext filesystem.
pub(super) fn map(volume: &Volume<'_>) -> Mapping {
    let superblock = volume
        .read(superblock::OFFSET, superblock::LENGTH)
        .and_then(|bytes| Superblock::parse(&bytes));
    let superblock = match superblock {
        Ok(superblock) => superblock,
        Err(reason) => return Mapping::raw(Kind::Ext, reason),
    };
    let mut mapping = Mapping {
        kind: Kind::Ext,
        label: superblock.label.clone(),
        uuid: field::uuid(&superblock.uuid),
        block_size_bytes: u32::try_from(superblock.block_bytes * superblock.cluster_blocks).unwrap_or(4096),
        notes: Vec::new(),
        outcome: Outcome::Raw {
            reason: String::new(),
        },
    };
    mapping.outcome = match map_checked(volume, &superblock, &mut mapping.notes) {
        Ok(mapped) => Outcome::Mapped(mapped),
        Err(reason) => Outcome::Raw { reason },
    };
    mapping
}

fn map_checked(
    volume: &Volume<'_>,
    superblock: &Superblock,
    notes: &mut Vec<String>,
) -> Result<Mapped, String> {
    if superblock.total_bytes() > volume.len() {
        return Err(format!(
            "the filesystem has {} bytes but its partition only {}",
            superblock.total_bytes(),
            volume.len()
        ));
    }
    if superblock.state & STATE_ERRORS != 0 {
        return Err(
            "it is marked as having errors: its bitmaps cannot be trusted until e2fsck has repaired it"
                .into(),
        );
    }
    let needs_recovery = superblock.incompat & INCOMPAT_RECOVER != 0;
    if superblock.state & STATE_CLEAN == 0 && !needs_recovery {
        return Err(
            "it was not unmounted cleanly and has no journal to replay: run e2fsck to have it mapped".into(),
        );
    }
    let disk = Reader::new(volume, superblock.clone());
    let journal = read_journal(&disk, needs_recovery)?;
    let mut zeroed = Ranges::new();
    let mut overlay = Arc::default();
    let mut used = match journal {
        Some(Journal::Clean { body }) => {
            zeroed = body;
            disk.used_blocks(Trust::Checked)
        }
        None => disk.used_blocks(Trust::Checked),
        Some(Journal::Dirty {
            overlay: found,
            transactions,
        }) => {
            overlay = Arc::new(found);
            notes.push(format!(
                "its journal is waiting to be replayed ({transactions} transactions, {} blocks); it is kept as it is, \
                 and the used map is that of before and after",
                overlay.len()
            ));
            let replayed = Reader {
                volume,
                superblock: superblock.clone(),
                overlay: Arc::clone(&overlay),
            };
            check_replayed_superblock(&replayed)?;
            let mut after = replayed.used_blocks(Trust::Checked);
            after.used = after.used.union(&disk.used_blocks(Trust::BeforeReplay).used);
            after
        }
    };
    if used.doubtful_groups > 0 {
        notes.push(format!(
            "{} of {} block groups contradict their checksums or counts and are kept whole",
            used.doubtful_groups, superblock.group_count
        ));
    }
    used.used = used.used.difference(&zeroed);
    let place = volume.place();
    Ok(Mapped {
        used: used.used.shifted(place.start),
        zeroed: zeroed.shifted(place.start),
        files: Box::new(ExtFiles {
            place,
            superblock: superblock.clone(),
            overlay,
        }),
    })
}

/// The state of the journal, `None` if there is none.
fn read_journal(disk: &Reader<'_>, needs_recovery: bool) -> Result<Option<Journal>, String> {
    let superblock = &disk.superblock;
    let has_journal = superblock.compat & COMPAT_HAS_JOURNAL != 0;
    if !has_journal {
        return if needs_recovery {
            Err("it needs recovery but has no journal".into())
        } else {
            Ok(None)
        };
    }
    if superblock.journal_inode == 0 {
        return if needs_recovery {
            Err("its journal, on another device, is waiting to be replayed".into())
        } else {
            Ok(None)
        };
    }
    let fast_commit = superblock.compat & COMPAT_FAST_COMMIT != 0;
    if needs_recovery && fast_commit {
        return Err(
            "its journal is waiting to be replayed and may hold fast commits, which are not read".into(),
        );
    }
    match journal::read(disk) {
        // The area of fast commits is the journal's own business: keep it.
        Ok(Journal::Clean { .. }) if fast_commit || needs_recovery => Ok(None),
        Ok(journal) => Ok(Some(journal)),
        Err(reason) if needs_recovery => Err(format!(
            "its journal is waiting to be replayed and cannot be read: {reason}"
        )),
        // Nobody will replay it: it is kept as it is.
        Err(_) => Ok(None),
    }
}

fn check_replayed_superblock(replayed: &Reader<'_>) -> Result<(), String> {
    let block = replayed.read_block(replayed.superblock.own_block())?;
    let start = usize::try_from(superblock::OFFSET % replayed.superblock.block_bytes).unwrap_or(0);
    let bytes = block
        .get(start..start + superblock::LENGTH)
        .ok_or("the superblock beyond its block")?;
    // The kernel may leave the checksum of a journalled superblock to the next sync: what counts is the geometry.
    let mut bytes = bytes.to_vec();
    if replayed.overlay.get(replayed.superblock.own_block()).is_some() {
        let sum = checksum::crc32c(!0, &bytes[..0x3FC]);
        bytes[0x3FC..].copy_from_slice(&sum.to_le_bytes());
    }
    let after = Superblock::parse(&bytes)?;
    if after.has_geometry_of(&replayed.superblock) {
        Ok(())
    } else {
        Err("its journal changes its geometry: it was being resized".into())
    }
}
