//! What each command does.

use super::{
    Capture, Command, InStore, ReadBack, Restore,
    answer::{Answer, CaptureAnswer, InitAnswer, ListAnswer, RestoreAnswer, ShowAnswer, StateAnswer},
    screen::Terminal,
};
use imager::{
    Error, ErrorKind, Result,
    capture::{CaptureOptions, capture},
    disk::{ReadAt, SourceDisk},
    exchange::ManifestSource,
    inspect::{ReadingState, inspect},
    partition,
    restore::{RestoreOptions, restore},
    store::{Access, CollectOptions, Store},
    target::TargetDisk,
};
use protocol::{MasterName, MasterRef, job};
use std::{path::Path, time::Duration};

/// Does what a command says.
pub(super) fn perform(command: Command, json: bool) -> Result<Answer> {
    match command {
        Command::Init { store } => init(&store),
        Command::Capture(arguments) => capture_disk(&arguments),
        Command::Restore(arguments) => restore_disk(&arguments),
        Command::Verify(store) => verify(&store),
        Command::List(store) => Ok(Answer::List(ListAnswer {
            masters: open(&store, Access::Read)?.masters()?,
        })),
        Command::Show { master, store } => {
            let root = open(&store, Access::Read)?.master(&master)?;
            Ok(Answer::Show(Box::new(ShowAnswer {
                segments: root.segments.len() as u64,
                root,
            })))
        }
        Command::Delete { master, undo, store } => delete(&master, undo, &store),
        Command::Gc { store, keep_deleted } => {
            let options = CollectOptions {
                grace: Duration::ZERO,
                keep_deleted,
            };
            Ok(Answer::Collected(
                open(&store, Access::Write)?.collect_garbage(options, &Terminal::new())?,
            ))
        }
        Command::Stats(store) => Ok(Answer::Stats(open(&store, Access::Read)?.stats()?)),
        Command::Inspect { source } => {
            let disk = with_own_sectors(SourceDisk::open_to_look(&source)?);
            Ok(Answer::Inspected(inspect(&disk)?))
        }
        Command::Files(arguments) => super::files::files(&arguments, json),
        Command::Compare(arguments) => super::files::compare(&arguments),
        #[cfg(feature = "mount")]
        Command::Mount {
            master,
            folder,
            store,
        } => super::files::mount(&master, &folder, &store),
        #[cfg(feature = "import")]
        Command::Import(arguments) => import_image(arguments),
    }
}

fn init(folder: &Path) -> Result<Answer> {
    let store = Store::init(folder)?;
    Ok(Answer::Init(InitAnswer {
        store: folder.display().to_string(),
        public_key: store.public_key().to_string(),
    }))
}

fn capture_disk(arguments: &Capture) -> Result<Answer> {
    let disk = with_own_sectors(SourceDisk::open(&arguments.source)?);
    let store = open(&arguments.store, Access::Write)?;
    let options = CaptureOptions {
        name: arguments.name.clone(),
        level: Some(arguments.level),
        as_raw: arguments.treat_as.is_some(),
        drop_hibernation: arguments.drop_hibernation,
        keep_unreadable: arguments.keep_unreadable,
        workers: arguments.workers,
    };
    capture(&disk, &store, &options, &Terminal::new())
        .map(answer_captured)
        .map_err(|error| name_options(error, &disk))
}

/// Adds to a refusal how this command is asked to go ahead all the same.
fn name_options(error: Error, disk: &dyn ReadAt) -> Error {
    let mut options: Vec<&str> = Vec::new();
    if error.kind() == ErrorKind::Refused
        && let Ok(found) = inspect(disk)
    {
        for one in &found.partitions {
            if let ReadingState::Refused { options: own, .. } = &one.state {
                options.extend(
                    own.iter()
                        .filter(|option| !options.contains(option))
                        .collect::<Vec<_>>(),
                );
            }
        }
    }
    if error.kind() == ErrorKind::Unreadable {
        options.push("--keep-unreadable");
    }
    if options.is_empty() {
        return error;
    }
    let remedy = format!(
        "{} (`{}`)",
        error.remedy().unwrap_or_default(),
        options.join("`, `")
    );
    error.with_remedy(remedy)
}

fn answer_captured(captured: imager::capture::Captured) -> Answer {
    Answer::Captured(CaptureAnswer {
        name: captured.root.name.to_string(),
        version: captured.root.version,
        bytes_written: 0,
        counts: captured.counts,
        notes: captured.root.notes,
        unreadable: captured.root.unreadable,
    })
}

#[cfg(feature = "import")]
fn import_image(arguments: super::Import) -> Result<Answer> {
    let store = open(&arguments.store, Access::Write)?;
    let mut options = CaptureOptions::new(arguments.name);
    options.as_raw = arguments.treat_as.is_some();
    let options = imager::import::ImportOptions {
        capture: options,
        scratch: arguments.scratch,
        disk: arguments.disk,
    };
    let captured = imager::import::import(&arguments.source, &store, &options, &Terminal::new())?;
    Ok(answer_captured(captured))
}

fn restore_disk(arguments: &Restore) -> Result<Answer> {
    let store = open(&arguments.store, Access::Read)?;
    let key = arguments.key.unwrap_or(store.public_key());
    // Before the target is touched, or made: a signature that counts, and everything there that the master names.
    let root = key.open(&store.root(&arguments.master)?)?;
    store.check_complete(&root)?;
    // The size of a file that has to be made is the master's.
    let target = TargetDisk::open(&arguments.target, root.disk_size.get(), root.sector_size)?;
    let options = RestoreOptions {
        master: MasterRef {
            name: root.name.clone(),
            version: Some(root.version),
        },
        key,
        read_back: match arguments.read_back {
            ReadBack::Full => job::ReadBack::Full,
            ReadBack::Sample => job::ReadBack::Sample,
            ReadBack::Off => job::ReadBack::Off,
        },
        workers: arguments.workers,
    };
    let restored = restore(&store, &target, &options, &Terminal::new())?;
    Ok(Answer::Restored(RestoreAnswer {
        name: root.name.to_string(),
        version: root.version,
        counts: restored.counts,
        estimate: restored.estimate,
        notes: restored.notes,
    }))
}

fn verify(arguments: &InStore) -> Result<Answer> {
    // Only a writer remembers what was found; but looking is possible beside another writer, too.
    let store = match open(arguments, Access::Write) {
        Ok(store) => store,
        Err(error) if error.kind() == ErrorKind::Missing => return Err(error),
        Err(_) => open(arguments, Access::Read)?,
    };
    let mut report = store.verify(&Terminal::new())?;
    for warning in store.warnings() {
        if !report
            .damaged
            .iter()
            .any(|damaged| warning.contains(&damaged.object))
        {
            report.damaged.push(imager::store::DamagedObject {
                object: arguments.store.display().to_string(),
                offset: None,
                reason: warning.clone(),
                chunks: Vec::new(),
            });
            report.ok = false;
        }
    }
    Ok(Answer::Verified(report))
}

fn delete((name, version): &(MasterName, u32), undo: bool, store: &InStore) -> Result<Answer> {
    let store = open(store, Access::Write)?;
    if undo {
        store.undelete(name, *version)?;
    } else {
        store.delete(name, *version)?;
    }
    let state = if undo { "kept" } else { "deleted" };
    Ok(Answer::State(StateAnswer {
        name: name.to_string(),
        version: *version,
        state: state.to_owned(),
    }))
}

pub(super) fn open(arguments: &InStore, access: Access) -> Result<Store> {
    let store = Store::open(&arguments.store, access)?;
    for warning in store.warnings() {
        super::screen::warn(warning);
    }
    Ok(store)
}

/// An image file of a disk with 4096-byte sectors shows it by where its GPT is.
fn with_own_sectors(disk: SourceDisk) -> SourceDisk {
    match partition::detect_sector_size(&disk) {
        Some(size) if size != disk.sector_size() => disk.with_sector_size(size),
        _ => disk,
    }
}
