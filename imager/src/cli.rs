//! Words in, one answer out: text for a person, or with `--json` one object.

mod answer;
mod files;
mod inspection;
mod screen;
mod work;

use clap::{Args, Parser, Subcommand, ValueEnum};
use imager::signature::PublicKey;
use protocol::{MasterName, MasterRef};
use std::{path::PathBuf, process::ExitCode};

/// Keeps disks and puts them back.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused before anything was written (the message says what to do).
#[derive(Parser)]
#[command(name = "imager", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON object on standard output.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Make a store in an empty or new folder, with a key of its own.
    Init {
        /// The folder.
        store: PathBuf,
    },
    /// Read a disk, a partition or an image into a new version of a master. The source is never written.
    Capture(Capture),
    /// Put a master on a disk, a partition or an image file. Only what differs is written.
    Restore(Restore),
    /// Read everything in a store and name what is damaged, with the masters it touches.
    Verify(InStore),
    /// List the masters of a store.
    List(InStore),
    /// Show one version of a master.
    Show {
        /// The master; without a version, the newest.
        #[arg(value_name = "NAME[@VERSION]")]
        master: MasterRef,
        #[command(flatten)]
        store: InStore,
    },
    /// Delete a version of a master. It can be taken back until garbage is collected.
    Delete {
        /// The version.
        #[arg(value_name = "NAME@VERSION", value_parser = parse_version)]
        master: (MasterName, u32),
        /// Take a deleted version back.
        #[arg(long)]
        undo: bool,
        #[command(flatten)]
        store: InStore,
    },
    /// Remove what no master needs.
    Gc {
        #[command(flatten)]
        store: InStore,
        /// Keep deleted masters, so that they can still be taken back.
        #[arg(long)]
        keep_deleted: bool,
    },
    /// Figures of a store.
    Stats(InStore),
    /// Show what is on a disk, a partition or an image.
    Inspect {
        /// Block device or image file.
        source: PathBuf,
    },
    /// List a folder of a master, or copy files out of it, without restoring it.
    Files(Files),
    /// Compare two versions of masters by file.
    Compare(Compare),
    /// Show a master's disk, its partitions and their files below a folder, for reading, until it is unmounted.
    #[cfg(feature = "mount")]
    Mount {
        /// The master; without a version, the newest.
        #[arg(value_name = "NAME[@VERSION]")]
        master: MasterRef,
        /// An empty folder.
        folder: PathBuf,
        #[command(flatten)]
        store: InStore,
    },
    /// Make a master of a partclone image or of a folder that Clonezilla made.
    #[cfg(feature = "import")]
    Import(Import),
}

#[derive(Args)]
struct Files {
    /// The master; without a version, the newest.
    #[arg(value_name = "NAME[@VERSION]")]
    master: MasterRef,
    /// Number of the partition; 0 for a disk without a table.
    partition: u32,
    /// Folder, file or link, from the root of the filesystem.
    #[arg(default_value = "/")]
    path: String,
    #[command(flatten)]
    store: InStore,
    /// Copy it here: a file, a link, or a folder with everything below it. Must not exist yet.
    #[arg(long)]
    to: Option<PathBuf>,
    /// Write the folder as a tar stream, to standard output or into the file of `--to`.
    #[arg(long)]
    tar: bool,
}

#[derive(Args)]
struct Compare {
    /// The older one.
    #[arg(value_name = "NAME[@VERSION]")]
    first: MasterRef,
    /// The newer one.
    #[arg(value_name = "NAME[@VERSION]")]
    second: MasterRef,
    #[command(flatten)]
    store: InStore,
    /// Compare every byte, also of files that have the same length and time.
    #[arg(long)]
    contents: bool,
}

/// What is imported.
#[cfg(feature = "import")]
#[derive(Args)]
struct Import {
    /// A partclone image, the first of its pieces (….aa), or a Clonezilla folder.
    source: PathBuf,
    #[command(flatten)]
    store: InStore,
    /// The master that gets a new version.
    #[arg(long)]
    name: MasterName,
    /// Which disk, if the folder has several (sda).
    #[arg(long)]
    disk: Option<String>,
    /// Folder with room for the image's bytes while it is put together.
    #[arg(long, default_value = "/var/tmp")]
    scratch: PathBuf,
    /// Keep every byte, whatever filesystems are there.
    #[arg(long = "as", value_name = "raw")]
    treat_as: Option<TreatAs>,
}

#[derive(Args)]
struct InStore {
    /// Folder of the store.
    #[arg(long)]
    store: PathBuf,
}

#[derive(Args)]
struct Capture {
    /// Block device or image file.
    source: PathBuf,
    #[command(flatten)]
    store: InStore,
    /// The master that gets a new version.
    #[arg(long)]
    name: MasterName,
    /// zstd level of what is new: from -7 (fastest) to 19 (smallest).
    #[arg(long, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-7..=19),
          default_value_t = imager::capture::DEFAULT_LEVEL)]
    level: i32,
    /// Keep every byte, whatever filesystems are there.
    #[arg(long = "as", value_name = "raw")]
    treat_as: Option<TreatAs>,
    /// Leave a hibernated Windows (or its fast startup) out, as if its power had been cut. The source keeps it.
    #[arg(long)]
    drop_hibernation: bool,
    /// Keep a master of a disk that cannot be read everywhere: zeros stand where it could not, and the master says so.
    #[arg(long)]
    keep_unreadable: bool,
    /// Threads that hash and compress; 0 means one per core.
    #[arg(long, default_value_t = 0)]
    workers: usize,
}

#[derive(Args)]
struct Restore {
    /// The master; without a version, the newest.
    #[arg(value_name = "NAME[@VERSION]")]
    master: MasterRef,
    /// Block device or image file; a file that is not there is made.
    target: PathBuf,
    #[command(flatten)]
    store: InStore,
    /// How what was written is checked.
    #[arg(long, value_enum, default_value = "full")]
    read_back: ReadBack,
    /// Public key that must have signed the master, 64 hexadecimal digits; else the store's own.
    #[arg(long)]
    key: Option<PublicKey>,
    /// Threads that compare, decompress and write; 0 means one per core.
    #[arg(long, default_value_t = 0)]
    workers: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum TreatAs {
    /// Bytes without meaning.
    Raw,
}

#[derive(Clone, Copy, ValueEnum)]
enum ReadBack {
    /// Everything that was written.
    Full,
    /// One part in sixteen.
    Sample,
    /// Nothing.
    Off,
}

/// A master with its version: what deletes guesses nothing.
fn parse_version(text: &str) -> Result<(MasterName, u32), String> {
    let master: MasterRef = text.parse().map_err(|error| format!("{error}"))?;
    let missing = || format!("which version? name it: {master}@1; `imager list` shows them");
    Ok((master.name.clone(), master.version.ok_or_else(missing)?))
}

/// Does what the arguments say and prints what came of it.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let json = arguments.json;
    match work::perform(arguments.command, json) {
        Ok(answer) => {
            let code = if answer.is_failure() { 1 } else { 0 };
            if screen::print(&answer, json) {
                ExitCode::from(code)
            } else {
                ExitCode::from(1)
            }
        }
        Err(error) => {
            screen::print_error(&error, json);
            ExitCode::from(if error.kind().is_refusal() { 3 } else { 1 })
        }
    }
}
