//! What can be said before a job is made, from what is known of its machines and masters. The same is looked at when it is
//! made; the machine's own agent decides again before anything is written.

use super::{
    rules::JobRules,
    schedule::{Due, Obstacle},
    wish::{JobWish, MasterNeeds, MasterVersions},
};
use crate::{
    Catalog,
    error::{Error, ErrorKind, Result},
    identity::Identity,
    machine::MachineRow,
    time::Time,
};
use protocol::{
    MachineId, Problem,
    disk::{DiskChoice, DiskFacts, DiskIdentity, choose_disk},
    job::Step,
};
use serde::Deserialize;

/// How much a remark weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// The step will certainly fail, or never begin.
    Stop,
    /// Worth a thought: data is lost, or a person will be asked.
    Warning,
    /// Good to know.
    Note,
}

/// Something to know before a job is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Remark {
    /// How much it weighs.
    pub weight: Weight,
    /// What it is: a stable code, words, and what to do about it.
    pub problem: Problem,
}

/// What can be said of one machine.
#[derive(Clone, Debug, PartialEq)]
pub struct MachinePreflight {
    /// Which.
    pub machine: MachineId,
    /// What to call it.
    pub label: String,
    /// What there is to know, the heaviest first.
    pub remarks: Vec<Remark>,
}

/// What can be said before a job is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Preflight {
    /// The selection as it would be frozen now, in the order of the machines' names.
    pub machines: Vec<MachinePreflight>,
    /// The steps as they would be frozen.
    pub steps: Vec<Step>,
    /// What concerns the job as a whole.
    pub remarks: Vec<Remark>,
    /// When it could begin, if that is known and not now.
    pub begins_at: Option<Time>,
}

impl Preflight {
    /// The remarks that stop something and that nobody accepted.
    fn stops<'a>(&'a self, accepted: &'a [String]) -> impl Iterator<Item = (&'a str, &'a Problem)> {
        self.machines
            .iter()
            .flat_map(|machine| {
                machine
                    .remarks
                    .iter()
                    .map(|remark| (machine.label.as_str(), remark))
            })
            .filter(|(_, remark)| remark.weight == Weight::Stop)
            .map(|(label, remark)| (label, &remark.problem))
            .filter(|(_, problem)| !accepted.contains(&problem.code))
    }

    /// Refuses what a person did not accept.
    pub(super) fn check(&self, accepted: &[String]) -> Result<()> {
        let stops = self.stops(accepted).count();
        let Some((label, first)) = self.stops(accepted).next() else {
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::Conflict,
            "preflight-stops",
            format!(
                "{stops} remark(s) of the preflight stop machines of this job; the first, of {label}: {}",
                first.title
            ),
            "look at the preflight, then leave those machines out or accept its remarks by their codes",
        ))
    }
}

impl Catalog {
    /// What can be said before a job is made. Nothing is kept.
    ///
    /// # Errors
    /// When the wish cannot be meant, or a machine is not there.
    pub fn preflight(&self, wish: JobWish, masters: &dyn MasterVersions) -> Result<Preflight> {
        let wish = self.selected(wish)?.freeze(masters)?;
        self.look_before(&wish, masters)
    }

    /// The same for a wish that is frozen.
    pub(super) fn look_before(&self, wish: &JobWish, masters: &dyn MasterVersions) -> Result<Preflight> {
        let rules = self.job_rules();
        let mut restores = Vec::new();
        for step in &wish.steps {
            if let Step::Restore { master, disk, .. } = step {
                let needs = match master.version {
                    Some(version) => masters.needs(&master.name, version)?,
                    None => None,
                };
                restores.push((master.to_string(), disk.as_ref(), needs));
            }
        }
        let mut machines = Vec::with_capacity(wish.machines.len());
        for id in &wish.machines {
            let machine = self.machine(*id)?.ok_or_else(|| {
                Error::invalid(
                    format!("there is no machine {id}"),
                    "select machines from the list",
                )
            })?;
            let mut remarks = of_machine(&machine, &wish.steps, self.is_connected(*id));
            for (master, disk, needs) in &restores {
                of_restore(&mut remarks, &machine, (master, *disk, *needs));
            }
            for step in &wish.steps {
                of_capture(&mut remarks, &machine, step);
            }
            remarks.sort_by_key(|remark| remark.weight);
            machines.push(MachinePreflight {
                machine: *id,
                label: machine.label(),
                remarks,
            });
        }
        let mut remarks = Vec::new();
        let mut begins_at = None;
        if let Due::Later { why, until } = wish.schedule.due(&self.memory().rules.calendar, self.now()) {
            begins_at = until;
            if let Obstacle::Blackout(title) = why {
                remarks.push(remark(
                    Weight::Warning,
                    "blackout",
                    format!("no job begins now: {title}"),
                    "let it wait, or make it go through blackouts",
                ));
            }
            if until.is_none() {
                remarks.push(remark(
                    Weight::Warning,
                    "never-due",
                    "the calendar never lets this job begin",
                    "give it another window, or shorten the blackouts",
                ));
            }
        }
        limits(&mut remarks, &rules, wish);
        Ok(Preflight {
            machines,
            steps: wish.steps.clone(),
            remarks,
            begins_at,
        })
    }
}

/// Refuses masters that the site does not restore.
pub(super) fn check_production(rules: &JobRules, steps: &[Step], masters: &dyn MasterVersions) -> Result<()> {
    if !rules.production_only {
        return Ok(());
    }
    for step in steps {
        if let Step::Restore { master, .. } = step
            && let Some(version) = master.version
            && !masters
                .needs(&master.name, version)?
                .is_some_and(|needs| needs.in_production)
        {
            return Err(Error::new(
                ErrorKind::Conflict,
                "master-not-production",
                format!("{master} is not in production, and this site restores nothing else"),
                "countersign it with the production key, or choose another version",
            ));
        }
    }
    Ok(())
}

fn limits(remarks: &mut Vec<Remark>, rules: &JobRules, wish: &JobWish) {
    let moves = wish
        .steps
        .iter()
        .any(|step| matches!(step, Step::Capture { .. } | Step::Restore { .. }));
    if let Some(max) = rules
        .running_max
        .filter(|max| moves && wish.machines.len() > *max as usize)
    {
        remarks.push(remark(
            Weight::Note,
            "limited",
            format!("{max} machines are worked on at the same time, the others wait for their turn"),
            "raise the site's limit, or let them wait",
        ));
    }
}

fn of_machine(machine: &MachineRow, steps: &[Step], is_connected: bool) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if machine.quarantined {
        remarks.push(remark(
            Weight::Stop,
            "quarantined",
            "the machine is banned from the appliance",
            "let it in again, or leave it out",
        ));
    }
    if let Some(job) = &machine.job {
        remarks.push(remark(
            Weight::Note,
            "busy",
            format!("the job \u{201c}{}\u{201d} comes first", job.title),
            "wait for it, or take it back",
        ));
    }
    if machine.inventoried_at.is_none() {
        remarks.push(remark(
            Weight::Warning,
            "never-booted",
            "no agent has seen this machine: nothing of it could be checked",
            "let it start from the network once",
        ));
    }
    let wakes = matches!(steps.first(), Some(Step::Wake));
    if wakes && Identity::of(&machine.facts).macs.is_empty() {
        remarks.push(remark(
            Weight::Stop,
            "no-adapter",
            "the machine has no adapter of its own that could be woken",
            "switch it on by hand",
        ));
    }
    if !is_connected && !wakes {
        remarks.push(remark(
            Weight::Note,
            "offline",
            "the machine is not in our agent: the job waits until it starts from the network",
            "let the job begin with waking it, or switch it on",
        ));
    }
    remarks
}

fn of_restore(
    remarks: &mut Vec<Remark>,
    machine: &MachineRow,
    (master, named, needs): (&str, Option<&DiskIdentity>, Option<MasterNeeds>),
) {
    let Some(disk) = disk_of(remarks, machine, named) else {
        return;
    };
    if disk.read_only || disk.in_use {
        let (code, what) = if disk.read_only {
            ("disk-read-only", "cannot be written")
        } else {
            ("disk-in-use", "is in use")
        };
        remarks.push(remark(
            Weight::Stop,
            code,
            format!("the disk {} {what}", disk.name),
            "look at the machine, or choose another disk",
        ));
    }
    if let Some(needs) = needs {
        let have = disk.identity.size;
        if have < needs.smallest_target {
            remarks.push(remark(
                Weight::Stop,
                "disk-too-small",
                format!(
                    "{master} needs a disk of {} bytes, and {} has {}",
                    needs.smallest_target.get(),
                    disk.name,
                    have.get()
                ),
                "put a larger disk in, or shrink the master's last partition and capture it again",
            ));
        }
        if disk.sector_size != needs.sector_size {
            remarks.push(remark(
                Weight::Stop,
                "sector-size",
                format!(
                    "{master} has sectors of {} bytes, and {} of {}",
                    needs.sector_size, disk.name, disk.sector_size
                ),
                "use a disk with the same sectors",
            ));
        }
    }
    for partition in contents_of(disk) {
        if partition.is_hibernated() {
            remarks.push(remark(
                Weight::Warning,
                "hibernated",
                format!(
                    "a hibernated Windows on partition {} is overwritten",
                    partition.number
                ),
                "start it and shut it down first if its session matters",
            ));
        } else if partition.is_encrypted() {
            remarks.push(remark(
                Weight::Warning,
                "encrypted",
                format!(
                    "{} on partition {} is overwritten",
                    partition.filesystem, partition.number
                ),
                "make sure that nobody needs what is on it",
            ));
        }
    }
}

fn of_capture(remarks: &mut Vec<Remark>, machine: &MachineRow, step: &Step) {
    let Step::Capture {
        disk: named,
        as_raw,
        drop_hibernation,
        ..
    } = step
    else {
        return;
    };
    let Some(disk) = disk_of(remarks, machine, named.as_ref()) else {
        return;
    };
    let chosen = |option: &String| {
        (*as_raw && option == "as-raw") || (*drop_hibernation && option == "drop-hibernation")
    };
    for partition in contents_of(disk) {
        let options = &partition.options;
        let code = match (partition.is_hibernated(), partition.is_encrypted()) {
            (true, _) => "hibernated",
            (_, true) => "encrypted",
            _ => "capture-refused",
        };
        let title = format!("partition {}: {}", partition.number, partition.reason);
        match (partition.state.as_str(), options.iter().any(chosen)) {
            ("refused", true) => {
                remarks.push(remark(Weight::Warning, code, title, "it was asked for: go on"))
            }
            ("refused", false) => remarks.push(remark(Weight::Stop, code, title, &partition.remedy)),
            _ if partition.is_encrypted() => remarks.push(remark(
                Weight::Warning,
                code,
                title,
                "it is kept as it is, every byte of it: decrypt it first for a small master",
            )),
            _ => {}
        }
    }
}

/// The disk that a step will take; what keeps it from that is remarked.
fn disk_of<'a>(
    remarks: &mut Vec<Remark>,
    machine: &'a MachineRow,
    named: Option<&DiskIdentity>,
) -> Option<&'a DiskFacts> {
    // Nothing is known of its disks: that is remarked already.
    machine.inventoried_at?;
    match choose_disk(&machine.facts.disks, named) {
        DiskChoice::Chosen(disk) => Some(disk),
        DiskChoice::Ambiguous(disks) => {
            remarks.push(remark(
                Weight::Warning,
                Problem::DISK_AMBIGUOUS,
                format!("{} disks could be meant: the job will ask for one", disks.len()),
                "name the disk, or choose it when the job asks",
            ));
            None
        }
        DiskChoice::Missing => {
            remarks.push(remark(
                Weight::Stop,
                Problem::DISK_MISSING,
                "the machine shows no such disk",
                "look at its cables and at the storage mode of its firmware",
            ));
            None
        }
    }
}

fn remark(weight: Weight, code: &str, title: impl Into<String>, remedy: &str) -> Remark {
    Remark {
        weight,
        problem: Problem::new(code, title, remedy),
    }
}

/// What the agent's `imager inspect` found in a partition, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Partition {
    number: u32,
    filesystem: String,
    state: String,
    reason: String,
    remedy: String,
    options: Vec<String>,
}

impl Partition {
    fn is_hibernated(&self) -> bool {
        self.state == "refused" && self.options.iter().any(|option| option == "drop-hibernation")
    }

    fn is_encrypted(&self) -> bool {
        let name = self.filesystem.to_ascii_lowercase();
        name.contains("bitlocker") || name.contains("luks")
    }
}

/// Hearsay of an agent: what does not parse is taken for nothing.
fn contents_of(disk: &DiskFacts) -> Vec<Partition> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Contents {
        partitions: Vec<Partition>,
    }
    let text = disk.contents.as_deref().unwrap_or_default();
    serde_json::from_str::<Contents>(text)
        .unwrap_or_default()
        .partitions
}
