//! What a person sees: answers, errors, and how far it is.

use super::answer::Answer;
use imager::{
    Error, Phase, Progress,
    restore::Estimate,
    store::{MasterVersionState, VerifyReport},
};
use protocol::manifest::PartitionState;
use std::{
    io::{IsTerminal, Write},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Progress on standard error, if that is a terminal.
pub(super) struct Terminal {
    enabled: bool,
    last: Mutex<Instant>,
    shown: AtomicBool,
}

impl Terminal {
    pub(super) fn new() -> Self {
        Self {
            enabled: std::io::stderr().is_terminal(),
            last: Mutex::new(Instant::now()),
            shown: AtomicBool::new(false),
        }
    }
}

impl Progress for Terminal {
    fn report(&self, phase: Phase, done: u64, total: u64) {
        if !self.enabled {
            return;
        }
        let Ok(mut last) = self.last.try_lock() else {
            return;
        };
        if last.elapsed() < Duration::from_millis(200) {
            return;
        }
        *last = Instant::now();
        let percent = done.saturating_mul(100).checked_div(total).unwrap_or(0);
        eprint!(
            "\r\x1b[K{} {percent} % ({} of {})",
            phase.code(),
            size(done),
            size(total)
        );
        self.shown.store(true, Ordering::Relaxed);
    }

    fn estimate(&self, estimate: &Estimate) {
        let clear = if self.shown.load(Ordering::Relaxed) {
            "\r\x1b[K"
        } else {
            ""
        };
        eprintln!("{clear}imager: {}", expected(estimate));
    }
}

/// What a restore expects to do, in one sentence.
fn expected(estimate: &Estimate) -> String {
    let wire = match estimate.bytes_fetched {
        Some(bytes) => format!("{} over the wire", size(bytes)),
        None => format!("at most {} over the wire", size(estimate.bytes_new)),
    };
    let copied = match estimate.bytes_copied {
        0 => String::new(),
        bytes => format!(", {} of it copied from elsewhere on the disk", size(bytes)),
    };
    format!(
        "{} of {} will be written{copied}, {wire}",
        size(estimate.bytes_written),
        size(estimate.bytes_used)
    )
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.shown.load(Ordering::Relaxed) {
            eprint!("\r\x1b[K");
        }
    }
}

/// Prints an answer; false if nobody takes it.
pub(super) fn print(answer: &Answer, json: bool) -> bool {
    if matches!(answer, Answer::Written | Answer::WrittenInPart) {
        return true;
    }
    let text = if json {
        serde_json::to_string(answer)
            .unwrap_or_else(|error| format!("{{\"error\":{{\"message\":\"{error}\"}}}}"))
    } else {
        in_words(answer)
    };
    writeln!(std::io::stdout(), "{}", text.trim_end()).is_ok()
}

/// Prints an error: in words on standard error; with `--json` as an object on standard output, too.
pub(super) fn print_error(error: &Error, json: bool) {
    eprintln!("imager: {}", error.chain());
    if json {
        let problem = error.to_problem();
        let mut object = serde_json::json!({
            "error": { "code": problem.code, "message": problem.title, "remedy": problem.remedy }
        });
        if let Some(unreadable) = error.unreadable() {
            object["error"]["unreadable"] = serde_json::json!(unreadable);
        }
        // Whoever asked for it has gone; the exit code still says it.
        let _ = writeln!(std::io::stdout(), "{object}");
    }
}

/// Something a person should know although the work goes on.
pub(super) fn warn(text: &str) {
    eprintln!("imager: {text}");
}

fn in_words(answer: &Answer) -> String {
    match answer {
        Answer::Init(init) => format!(
            "made a store in {}; its public key is {}",
            init.store, init.public_key
        ),
        Answer::Captured(one) => {
            let counts = &one.counts;
            let mut text = format!(
                "captured {}@{}: {} used of {}, {} read, {} new, stored in {} ({} of {} chunks new) in {:.1} s ({}/s)",
                one.name,
                one.version,
                size(counts.bytes_used),
                size(counts.bytes_disk),
                size(counts.bytes_read),
                size(counts.bytes_new),
                size(counts.bytes_stored),
                counts.chunks_new,
                counts.chunks,
                counts.seconds,
                rate(counts.bytes_used, counts.seconds),
            );
            add_notes(&mut text, &one.notes);
            text
        }
        Answer::Restored(one) => {
            let counts = &one.counts;
            let mut text = format!(
                "restored {}@{}: {} used of {}, {} written, {} fetched ({} of {} chunks) in {:.1} s ({}/s)",
                one.name,
                one.version,
                size(counts.bytes_used),
                size(counts.bytes_disk),
                size(counts.bytes_written),
                size(counts.bytes_stored),
                counts.chunks_new,
                counts.chunks,
                counts.seconds,
                rate(counts.bytes_used, counts.seconds),
            );
            add_notes(&mut text, &one.notes);
            text
        }
        Answer::Verified(report) => verified(report),
        Answer::List(list) if list.masters.is_empty() => "the store has no masters".to_owned(),
        Answer::List(list) => list
            .masters
            .iter()
            .map(|one| {
                let state = match &one.state {
                    MasterVersionState::Kept => String::new(),
                    MasterVersionState::Deleted => ", deleted".to_owned(),
                    MasterVersionState::Damaged { reason } => format!(", damaged: {reason}"),
                };
                let name = if one.name.is_empty() {
                    &one.object
                } else {
                    &one.name
                };
                format!(
                    "{name}@{}  {} used of {}{state}\n",
                    one.version,
                    size(one.bytes_used),
                    size(one.bytes_disk)
                )
            })
            .collect(),
        Answer::Show(show) => {
            let root = &show.root;
            let mut text = format!(
                "{}@{}: {} used of {}, {:?} table, sectors of {} bytes, {} chunks, fits on {}\n",
                root.name,
                root.version,
                size(root.bytes_used.get()),
                size(root.disk_size.get()),
                root.table,
                root.sector_size,
                root.chunks,
                size(root.smallest_target.get()),
            );
            for partition in &root.partitions {
                let state = match &partition.state {
                    PartitionState::Mapped { used } => format!("{} used", size(used.get())),
                    PartitionState::Raw { reason } => format!("whole: {reason}"),
                };
                text.push_str(&format!(
                    "  {}: {} at {}, {}, {state}\n",
                    partition.number,
                    size(partition.length),
                    partition.start,
                    partition.filesystem.as_deref().unwrap_or("nothing known"),
                ));
            }
            add_notes(&mut text, &root.notes);
            text
        }
        Answer::State(state) => format!("{}@{} is {}", state.name, state.version, state.state),
        Answer::Collected(collected) => {
            let mut text = format!(
                "removed {} deleted masters, {} segments, {} packs ({} written anew); {} before, {} now",
                collected.masters_removed,
                collected.segments_removed,
                collected.packs_removed,
                collected.packs_rewritten,
                size(collected.bytes_before),
                size(collected.bytes_after),
            );
            add_notes(&mut text, &collected.notes);
            text
        }
        Answer::Stats(stats) => format!(
            "{} masters ({} deleted) with {} used, stored in {}: {} packs, {} frames, {} chunks",
            stats.masters,
            stats.deleted,
            size(stats.bytes_used),
            size(stats.bytes_stored),
            stats.packs,
            stats.frames,
            stats.chunks,
        ),
        Answer::Files(files) => super::files::list_in_words(files),
        Answer::Extracted(done) => super::files::extracted_in_words(done),
        Answer::Compared(found) => super::files::differences_in_words(found),
        Answer::Written | Answer::WrittenInPart => String::new(),
        Answer::Inspected(found) => super::inspection::in_words(found),
    }
}

fn verified(report: &VerifyReport) -> String {
    let mut text = format!(
        "read {} in {} packs, {} frames, {} chunks: {}\n",
        size(report.bytes_read),
        report.packs,
        report.frames,
        report.chunks,
        if report.ok {
            "everything is as it should be"
        } else {
            "something is damaged"
        },
    );
    for one in &report.damaged {
        let place = one
            .offset
            .map(|offset| format!(" at {offset}"))
            .unwrap_or_default();
        text.push_str(&format!("damaged: {}{place}: {}\n", one.object, one.reason));
        for chunk in &one.chunks {
            text.push_str(&format!("  chunk {chunk}\n"));
        }
    }
    for one in &report.masters {
        text.push_str(&format!(
            "touched: {}@{}: {} chunks\n",
            one.name, one.version, one.chunks_damaged
        ));
        for reason in &one.reasons {
            text.push_str(&format!("  {reason}\n"));
        }
        for file in &one.files {
            text.push_str(&format!("  file {file}\n"));
        }
        if one.files_damaged > one.files.len() as u64 {
            text.push_str(&format!("  {} files in all\n", one.files_damaged));
        }
        add_notes(&mut text, &one.notes);
    }
    text
}

pub(super) fn add_notes(text: &mut String, notes: &[String]) {
    for note in notes {
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&format!("  note: {note}\n"));
    }
}

/// Bytes for people, in decimal units as disks are sold.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1000),
    ];
    UNITS.iter().find(|(_, unit)| bytes >= *unit).map_or_else(
        || format!("{bytes} B"),
        |(name, unit)| format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
    )
}

fn rate(bytes: u64, seconds: f64) -> String {
    let per_second = if seconds > 0.0 {
        bytes as f64 / seconds
    } else {
        0.0
    };
    size(per_second as u64)
}
