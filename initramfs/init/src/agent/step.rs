//! One step: which disk, the engine on a thread of its own, progress meanwhile, and what came of it.

use super::{
    Agent,
    attention::Attention,
    evidence, figures, leave_for_disk,
    session::Session,
    settle::{Settled, settle},
    watch::{Rate, Watch},
    writing::Marking,
};
use crate::{
    disk, efi, machine, process,
    screen::{self, fill, words},
};
use depot::client::{Cancel, Connection, DepotClient, Retry};
use imager::{
    capture::{CaptureOptions, capture},
    disk::SourceDisk,
    partition::read_table,
    restore::{RestoreOptions, restore},
    target::TargetDisk,
};
use protocol::{
    MasterRef, Problem,
    agent::{Assignment, Outcome, ProgressReply, ProgressReport},
    disk::{DiskChoice, DiskFacts, DiskIdentity, choose_disk},
    job::{ReadBack, Step, StepResult},
    machine::Firmware,
};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// At most twice a second.
const REPORT_EVERY: Duration = Duration::from_millis(500);
/// A line on the screen; a serial line is slow, and scrolls.
const SHOW_EVERY: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// What the screen calls a step.
#[must_use]
pub fn name(step: &Step) -> String {
    match step {
        Step::Inspect => "inspect".into(),
        Step::Wake => "wake".into(),
        Step::Capture { master, .. } => format!("capture {master}"),
        Step::Restore { master, .. } => format!("restore {master}"),
        Step::Reboot => "restart".into(),
        Step::PowerOff => "switch off".into(),
    }
}

/// Runs a step to its end.
pub fn run(agent: &Agent, session: &Session, assignment: &Assignment) -> Outcome {
    let watch = Watch::default();
    let cancel = Cancel::new();
    let mut leaves = false;
    let connection = agent.connection.with_cancel(&cancel);
    let result = std::thread::scope(|scope| {
        let work = || execute(agent, session, assignment, &connection, &watch);
        let worker = match std::thread::Builder::new()
            .name("step".into())
            .spawn_scoped(scope, work)
        {
            Ok(worker) => worker,
            Err(error) => {
                return Err(Stop::Failed(Problem::new(
                    "no-thread",
                    error.to_string(),
                    "restart the machine",
                )));
            }
        };
        let mut telling = Telling::new();
        while !worker.is_finished() {
            if telling.tell(agent, assignment, &watch) {
                watch.cancel();
                cancel.cancel();
            }
            if !leaves && agent.wants_to_leave() && watch.leave() {
                leaves = true;
                cancel.cancel();
            }
            std::thread::sleep(LOOK);
        }
        worker.join().unwrap_or_else(|_| {
            let title = "a fault in the agent; the screen and the log say where";
            Err(Stop::Failed(Problem::new(
                "agent-fault",
                title,
                "send the log to whoever looks after Amorce",
            )))
        })
    });
    if leaves && result.is_err() {
        leave_for_disk(words());
    }
    agent.may_leave.store(true, Ordering::Relaxed);
    let bytes_memory = process::peak_memory();
    screen::log(&format!(
        "{} of memory used at most",
        figures::bytes(bytes_memory)
    ));
    match result {
        Ok(result) => Outcome::Done {
            result: StepResult {
                bytes_memory,
                ..result
            },
        },
        Err(Stop::NeedsPerson(problem)) => Outcome::NeedsPerson { problem },
        Err(Stop::Failed(problem)) => Outcome::Failed {
            problem,
            evidence: evidence::gather(),
        },
    }
}

/// Why a step did not end well.
enum Stop {
    NeedsPerson(Problem),
    Failed(Problem),
}

impl From<imager::Error> for Stop {
    fn from(error: imager::Error) -> Self {
        screen::log(&error.chain());
        Self::Failed(error.to_problem())
    }
}

fn execute(
    agent: &Agent,
    session: &Session,
    assignment: &Assignment,
    connection: &Connection,
    watch: &Watch,
) -> Result<StepResult, Stop> {
    match &assignment.step {
        Step::Capture {
            disk,
            master,
            as_raw,
            drop_hibernation,
            keep_unreadable,
        } => {
            let options = CaptureOptions {
                as_raw: *as_raw,
                drop_hibernation: *drop_hibernation,
                keep_unreadable: *keep_unreadable,
                ..CaptureOptions::new(master.clone())
            };
            execute_capture(agent, disk.as_ref(), &options, connection, watch)
        }
        Step::Restore {
            disk,
            master,
            read_back,
        } => {
            let wish = Wish {
                disk: disk.as_ref(),
                master,
                read_back: *read_back,
                is_unsettled: assignment.from_earlier_boot && assignment.has_written,
            };
            let marking = Marking {
                agent,
                assignment,
                connection,
                watch,
            };
            execute_restore(session, &wish, &marking)
        }
        Step::Inspect => {
            let facts = machine::look(agent.command_line.mac);
            let notes = facts.disks.iter().map(describe).chain(facts.warnings).collect();
            Ok(StepResult {
                notes,
                ..Default::default()
            })
        }
        Step::Wake | Step::Reboot | Step::PowerOff => Ok(StepResult::default()),
    }
}

fn execute_capture(
    agent: &Agent,
    wanted: Option<&DiskIdentity>,
    options: &CaptureOptions,
    connection: &Connection,
    watch: &Watch,
) -> Result<StepResult, Stop> {
    let chosen = choose(wanted)?;
    let source = SourceDisk::open(&disk::path_of(&chosen.name))?;
    let depot = DepotClient::new(connection.clone(), agent.runtime.handle().clone());
    let sent_before = connection.bytes_sent();
    let captured = capture(&source, &depot, options, watch)?;
    let counts = captured.counts;
    Ok(StepResult {
        version: Some(captured.root.version),
        bytes_disk: counts.bytes_disk,
        bytes_used: counts.bytes_used,
        bytes_read: counts.bytes_read,
        bytes_new: counts.bytes_new,
        bytes_stored: counts.bytes_stored,
        bytes_sent: connection.bytes_sent() - sent_before,
        chunks: counts.chunks,
        chunks_new: counts.chunks_new,
        seconds: counts.seconds,
        // A person should know of it before anybody relies on the master.
        notes: captured
            .root
            .unreadable
            .as_ref()
            .map(imager::capture::note_unreadable)
            .into_iter()
            .collect(),
        ..Default::default()
    })
}

struct Wish<'a> {
    disk: Option<&'a DiskIdentity>,
    master: &'a MasterRef,
    read_back: ReadBack,
    /// It may have written before the machine's last start.
    is_unsettled: bool,
}

fn execute_restore(session: &Session, wish: &Wish<'_>, marking: &Marking<'_>) -> Result<StepResult, Stop> {
    let Marking {
        agent, connection, ..
    } = *marking;
    let chosen = choose(wish.disk)?;
    if chosen.read_only {
        let title = format!("{} is write-protected", describe(&chosen));
        return Err(Stop::Failed(Problem::new(
            "disk-read-only",
            title,
            "lift the protection or choose another disk",
        )));
    }
    let mut options = RestoreOptions::new(wish.master.clone(), session.depot_key.parse()?);
    options.read_back = wish.read_back;
    let depot = DepotClient::new(connection.clone(), agent.runtime.handle().clone());
    let received_before = connection.bytes_received();
    let restored = {
        let target = TargetDisk::open(
            &disk::path_of(&chosen.name),
            chosen.identity.size.get(),
            chosen.sector_size,
        )?;
        let settled = match wish.is_unsettled {
            true => settle(&depot, &target, &options, marking.watch)?,
            false => Settled::Cut,
        };
        match settled {
            Settled::Ended(restored) => *restored,
            Settled::Cut => restore(&depot, &target, &options, marking)?,
            Settled::Unclear => return Err(Stop::NeedsPerson(used_since(&chosen))),
        }
    };
    let counts = restored.counts;
    let mut notes = restored.notes;
    notes.extend(make_bootable(&chosen));
    Ok(StepResult {
        version: Some(restored.root.version),
        bytes_disk: counts.bytes_disk,
        bytes_used: counts.bytes_used,
        bytes_read: counts.bytes_read,
        bytes_new: counts.bytes_new,
        bytes_stored: counts.bytes_stored,
        bytes_sent: connection.bytes_received() - received_before,
        bytes_written: counts.bytes_written,
        chunks: counts.chunks,
        chunks_new: counts.chunks_new,
        seconds: counts.seconds,
        notes,
        ..Default::default()
    })
}

fn used_since(disk: &DiskFacts) -> Problem {
    Problem::new(
        "disk-used-since",
        format!(
            "the restore had begun to write before the machine's last start; what {} holds now is neither the master nor surely what a cut restore leaves",
            describe(disk)
        ),
        "somebody may have used it since: if what is on it is right, cancel the job; else try again, and the disk is written",
    )
}

/// Adds a boot entry where the firmware would not find the restored disk by itself. What was done, or why not.
fn make_bootable(restored: &DiskFacts) -> Option<String> {
    if efi::firmware() == Firmware::Bios {
        return None;
    }
    let look = || -> imager::Result<_> {
        let source = SourceDisk::open_to_look(&disk::path_of(&restored.name))?;
        let layout = read_table(&source, restored.sector_size)?;
        Ok((
            disk::has_fallback_loader(&source, &layout),
            disk::find_loader(&source, &layout),
        ))
    };
    match look() {
        Ok((true, _)) => None,
        Ok((false, None)) => Some(
            "no UEFI loader is on this disk: it was captured from a machine in BIOS mode, or holds no system"
                .into(),
        ),
        Ok((false, Some(loader))) => {
            let option = efi::LoadOption {
                description: loader.name.clone(),
                partition: loader.partition,
                file: loader.file.clone(),
            };
            Some(match efi::add_boot_entry(&option) {
                Ok(efi::Added::New(number)) => {
                    format!(
                        "boot entry Boot{number:04X} \"{}\" added for {}",
                        loader.name, loader.file
                    )
                }
                Ok(efi::Added::There(number)) => {
                    format!(
                        "boot entry Boot{number:04X} for {} was there already",
                        loader.file
                    )
                }
                Err(error) => format!(
                    "no boot entry for {} could be added: {error}; add one in the firmware set-up if the machine does not start",
                    loader.file
                ),
            })
        }
        Err(error) => Some(format!(
            "whether the firmware finds this disk is not known: {}",
            error.chain()
        )),
    }
}

/// The disk that a step means, looked for anew: kernel names change when something is plugged in.
fn choose(wanted: Option<&DiskIdentity>) -> Result<DiskFacts, Stop> {
    let disks = disk::list_disks(efi::firmware());
    let list =
        |disks: &mut dyn Iterator<Item = &DiskFacts>| disks.map(describe).collect::<Vec<_>>().join("; ");
    match choose_disk(&disks, wanted) {
        DiskChoice::Chosen(found) if found.in_use => Err(Stop::Failed(Problem::new(
            "busy",
            format!("{} is mounted or held", describe(found)),
            "unmount it and everything on it, then start the job again",
        ))),
        DiskChoice::Chosen(found) => Ok(found.clone()),
        DiskChoice::Ambiguous(found) => Err(Stop::NeedsPerson(Problem::new(
            Problem::DISK_AMBIGUOUS,
            format!("several disks could be meant: {}", list(&mut found.into_iter())),
            "choose one on the job's page",
        ))),
        DiskChoice::Missing => Err(Stop::NeedsPerson(match wanted {
            Some(_) => Problem::new(
                Problem::DISK_MISSING,
                format!(
                    "the disk that the job names is not in this machine; there are: {}",
                    list(&mut disks.iter())
                ),
                "choose another on the job's page, or plug it in and restart the machine",
            ),
            None => Problem::new(
                Problem::DISK_MISSING,
                format!(
                    "no disk of this machine may be taken without being named; there are: {}",
                    list(&mut disks.iter())
                ),
                "name one on the job's page, or check that a disk is plugged in and switched on in the firmware set-up",
            ),
        })),
    }
}

fn describe(disk: &DiskFacts) -> String {
    let identity = &disk.identity;
    let serial = identity
        .serial
        .as_deref()
        .or(identity.wwn.as_deref())
        .unwrap_or("no serial number");
    let kind = match disk {
        DiskFacts { usb: true, .. } => ", USB",
        DiskFacts { removable: true, .. } => ", removable",
        DiskFacts { boot_area: true, .. } => ", boot area",
        _ => "",
    };
    let model = identity.model.as_deref().unwrap_or("disk");
    format!(
        "{} ({model}, {serial}, {}{kind})",
        disk.name,
        figures::bytes(identity.size.get())
    )
}

/// Progress on its way to the screen and the appliance.
struct Telling {
    words: &'static screen::Words,
    rate: Rate,
    reported: Instant,
    shown: Instant,
    shown_phase: String,
    shown_estimate: bool,
}

impl Telling {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            words: words(),
            rate: Rate::default(),
            reported: now,
            shown: now,
            shown_phase: String::new(),
            shown_estimate: false,
        }
    }

    /// Tells what is due. Says whether somebody took the job back.
    fn tell(&mut self, agent: &Agent, assignment: &Assignment, watch: &Watch) -> bool {
        let now = Instant::now();
        if now.duration_since(self.reported) < REPORT_EVERY {
            return false;
        }
        self.reported = now;
        let mut progress = self.rate.progress(watch.read(), now);
        if progress.phase.is_empty() {
            return false;
        }
        progress.estimate = watch.expected();
        if let Some(estimate) = progress.estimate.filter(|_| !self.shown_estimate) {
            self.shown_estimate = true;
            screen::say(&figures::estimate(&estimate, self.words));
        }
        if self.shown_phase != progress.phase || now.duration_since(self.shown) >= SHOW_EVERY {
            self.shown = now;
            self.shown_phase.clone_from(&progress.phase);
            screen::say(&show(self.words, &progress));
        }
        let report = ProgressReport {
            job: assignment.job,
            step_index: assignment.step_index,
            progress,
        };
        let call = agent.connection.post_json::<_, Option<ProgressReply>>(
            "/agent/v1/progress",
            &report,
            Retry::UntilAnswered,
        );
        // While nothing is written, whoever asks for the disk need not wait for the appliance.
        let gives_up = || !watch.writes() && agent.wants_to_leave();
        let Some(told) = agent.runtime.block_on(Attention::unless(call, gives_up)) else {
            return false;
        };
        match told {
            Ok(reply) => reply.is_some_and(|reply| reply.cancelled),
            Err(error) => {
                screen::log(&format!("progress: {error}"));
                // A session or job that is gone is taken back; anything else is not worth a restore.
                matches!(error.status(), Some(401 | 403 | 404 | 410))
            }
        }
    }
}

fn show(words: &screen::Words, progress: &protocol::job::Progress) -> String {
    let (done, total) = (progress.bytes_done.get(), progress.bytes_total.get());
    let percent = u128::from(done)
        .saturating_mul(100)
        .checked_div(u128::from(total))
        .unwrap_or(0);
    let left = progress
        .seconds_left
        .map_or("?".into(), |seconds| figures::time(Duration::from_secs(seconds)));
    let values = [
        words.phase(&progress.phase),
        &figures::bytes(done),
        &figures::bytes(total),
        &percent.to_string(),
        &figures::bytes(progress.bytes_per_second),
        &left,
    ];
    fill(words.progress, &values)
}
