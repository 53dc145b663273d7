//! For whom a job is, when it may begin, what the site decided of jobs, and what can be said before one is made.

use protocol::{JobId, MachineId, PlaceId, Problem, job::Step};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a job is for, but for machines that are named one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum JobTarget {
    /// Every machine in a place and in all that lies in it; in a group: its members.
    Place {
        /// Which.
        place: PlaceId,
    },
    /// The machines that failed in a job.
    FailedOf {
        /// Which.
        job: JobId,
    },
}

/// When a job may begin. What has begun goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobSchedule {
    /// Not before this moment.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub not_before: Option<String>,
    /// Only within one of these; at any time if there is none.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub windows: Vec<JobWindow>,
    /// The site's blackouts do not hold it up.
    #[serde(default)]
    pub through_blackouts: bool,
}

/// A part of the week, in the site's time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobWindow {
    /// The days on which it begins; every day if there is none.
    #[serde(default)]
    #[schema(max_items = 7)]
    pub days: Vec<Weekday>,
    /// When it opens: `22:00`.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub from: String,
    /// When it closes: on the day after, if that is not later than `from`.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub to: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "their names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// What the site decided of its jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobRules {
    /// The site's time zone, by its IANA name (`Europe/Paris`): windows and blackouts are written in it.
    pub time_zone: String,
    /// Times in which no job begins.
    #[schema(max_items = 200)]
    pub blackouts: Vec<Blackout>,
    /// Machines that may be captured or restored at the same time; none: as many as ask.
    #[schema(minimum = 1)]
    pub running_max: Option<u32>,
    /// Bytes per second that the depot sends and takes, all machines together; none: as fast as it can.
    #[schema(minimum = 65536)]
    pub bytes_per_second_max: Option<u64>,
    /// Only masters in production are restored.
    pub production_only: bool,
    /// The public key whose holder puts masters into production: the second line of `minisign.pub`.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub production_key: Option<String>,
}

/// A time in which no job begins: exams, an inventory, a move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Blackout {
    /// Why.
    #[schema(max_length = 100)]
    pub title: String,
    /// From when, in the site's time zone: `2026-07-14T00:00`.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$")]
    pub from: String,
    /// Until when.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$")]
    pub to: String,
}

/// What can be said before a job is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Preflight {
    /// How many machines it would be: the `count` to create it with.
    pub count: u64,
    /// The machines, in the order of their names, with what there is to know of each.
    pub machines: Vec<MachinePreflight>,
    /// The steps as they would be frozen.
    pub steps: Vec<Step>,
    /// What concerns the job as a whole.
    pub remarks: Vec<Remark>,
    /// When it could begin, if that is known and not now.
    #[schema(format = DateTime)]
    pub begins_at: Option<String>,
}

/// What can be said of one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MachinePreflight {
    /// Which.
    pub machine: MachineId,
    /// What to call it.
    pub label: String,
    /// What there is to know, the heaviest first.
    pub remarks: Vec<Remark>,
}

/// Something to know before a job is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Remark {
    /// How much it weighs.
    pub weight: Weight,
    /// What it is: `disk-too-small`, `hibernated`, `encrypted`, `never-booted`, `offline`, …; in words and with the remedy.
    pub problem: Problem,
}

/// How much a remark weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// The step will certainly fail, or never begin.
    Stop,
    /// Worth a thought: data is lost, or a person will be asked.
    Warning,
    /// Good to know.
    Note,
}

impl From<catalog::Preflight> for Preflight {
    fn from(found: catalog::Preflight) -> Self {
        let machines: Vec<_> = found
            .machines
            .into_iter()
            .map(|machine| MachinePreflight {
                machine: machine.machine,
                label: machine.label,
                remarks: machine.remarks.into_iter().map(Into::into).collect(),
            })
            .collect();
        Self {
            count: machines.len() as u64,
            machines,
            steps: found.steps,
            remarks: found.remarks.into_iter().map(Into::into).collect(),
            begins_at: found.begins_at.map(|time| time.to_string()),
        }
    }
}

impl From<catalog::Remark> for Remark {
    fn from(remark: catalog::Remark) -> Self {
        let weight = match remark.weight {
            catalog::Weight::Stop => Weight::Stop,
            catalog::Weight::Warning => Weight::Warning,
            catalog::Weight::Note => Weight::Note,
        };
        Self {
            weight,
            problem: remark.problem,
        }
    }
}

impl From<JobTarget> for catalog::Target {
    fn from(target: JobTarget) -> Self {
        match target {
            JobTarget::Place { place } => Self::Place { place },
            JobTarget::FailedOf { job } => Self::FailedOf { job },
        }
    }
}

impl From<catalog::Target> for JobTarget {
    fn from(target: catalog::Target) -> Self {
        match target {
            catalog::Target::Place { place } => Self::Place { place },
            catalog::Target::FailedOf { job } => Self::FailedOf { job },
        }
    }
}

impl TryFrom<JobSchedule> for catalog::Schedule {
    type Error = catalog::Error;

    fn try_from(schedule: JobSchedule) -> catalog::Result<Self> {
        Ok(Self {
            not_before: schedule.not_before.map(|text| text.parse()).transpose()?,
            windows: schedule
                .windows
                .into_iter()
                .map(|window| {
                    Ok(catalog::Window {
                        days: window.days.into_iter().map(Into::into).collect(),
                        from: window.from.parse()?,
                        to: window.to.parse()?,
                    })
                })
                .collect::<catalog::Result<_>>()?,
            through_blackouts: schedule.through_blackouts,
        })
    }
}

impl From<catalog::Schedule> for JobSchedule {
    fn from(schedule: catalog::Schedule) -> Self {
        let windows = schedule.windows.into_iter().map(|window| JobWindow {
            days: window.days.into_iter().map(Into::into).collect(),
            from: window.from.to_string(),
            to: window.to.to_string(),
        });
        Self {
            not_before: schedule.not_before.map(|time| time.to_string()),
            windows: windows.collect(),
            through_blackouts: schedule.through_blackouts,
        }
    }
}

/// The same days in both directions.
macro_rules! same_days {
    ($($day:ident),*) => {
        impl From<Weekday> for catalog::Weekday {
            fn from(day: Weekday) -> Self {
                match day { $(Weekday::$day => Self::$day),* }
            }
        }

        impl From<catalog::Weekday> for Weekday {
            fn from(day: catalog::Weekday) -> Self {
                match day { $(catalog::Weekday::$day => Self::$day),* }
            }
        }
    };
}
same_days!(Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday);

impl TryFrom<JobRules> for catalog::JobRules {
    type Error = catalog::Error;

    fn try_from(rules: JobRules) -> catalog::Result<Self> {
        let blackout = |blackout: Blackout| {
            Ok(catalog::Blackout {
                title: blackout.title,
                from: blackout.from.parse()?,
                to: blackout.to.parse()?,
            })
        };
        Ok(Self {
            time_zone: rules.time_zone,
            blackouts: rules
                .blackouts
                .into_iter()
                .map(blackout)
                .collect::<catalog::Result<_>>()?,
            running_max: rules.running_max,
            bytes_per_second_max: rules.bytes_per_second_max,
            production_only: rules.production_only,
            production_key: rules.production_key,
        })
    }
}

impl From<catalog::JobRules> for JobRules {
    fn from(rules: catalog::JobRules) -> Self {
        let blackouts = rules.blackouts.into_iter().map(|blackout| Blackout {
            title: blackout.title,
            from: blackout.from.to_string(),
            to: blackout.to.to_string(),
        });
        Self {
            time_zone: rules.time_zone,
            blackouts: blackouts.collect(),
            running_max: rules.running_max,
            bytes_per_second_max: rules.bytes_per_second_max,
            production_only: rules.production_only,
            production_key: rules.production_key,
        }
    }
}
