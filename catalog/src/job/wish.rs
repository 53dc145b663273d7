//! How a wish becomes a job: the selection and the steps are frozen at creation.

use super::{schedule::Schedule, target::Target};
use crate::{
    error::{Error, ErrorKind, Result},
    scope::Scope,
};
use protocol::{ByteLen, MachineId, MasterName, job::Step};

/// Most machines of a job.
const MACHINES_MAX: usize = 1000;
/// Most steps of a job.
const STEPS_MAX: usize = 20;
/// Longest title, in characters.
const TITLE_MAX: usize = 200;

/// Which versions a master has. The depot knows; whoever creates a job hands this in.
pub trait MasterVersions {
    /// The newest version of a master, if there is any.
    ///
    /// # Errors
    /// When the depot cannot be read.
    fn newest(&self, name: &MasterName) -> Result<Option<u32>>;
    /// Whether this version is there.
    ///
    /// # Errors
    /// When the depot cannot be read.
    fn has(&self, name: &MasterName, version: u32) -> Result<bool>;
    /// Checks that a version that is there is whole: nobody's disk is given up for one that is not.
    ///
    /// # Errors
    /// What is missing or damaged, or when the depot cannot be read.
    fn check_whole(&self, name: &MasterName, version: u32) -> Result<()>;
    /// What a version asks of a machine; `None` where that is not known.
    ///
    /// # Errors
    /// When the depot cannot be read.
    fn needs(&self, _name: &MasterName, _version: u32) -> Result<Option<MasterNeeds>> {
        Ok(None)
    }
}

/// What a version of a master asks of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MasterNeeds {
    /// Bytes of the smallest disk that it fits on.
    pub smallest_target: ByteLen,
    /// Bytes of a logical sector.
    pub sector_size: u32,
    /// It is in production: countersigned with the production key.
    pub in_production: bool,
}

/// A job that somebody wishes for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobWish {
    /// Where whoever wishes it may run jobs.
    pub scope: Scope,
    /// What to call it.
    pub title: Option<String>,
    /// The machines that are named; empty where there is a target.
    pub machines: Vec<MachineId>,
    /// What it is made for instead of machines that are named.
    pub target: Option<Target>,
    /// How many machines the person saw; a target needs it.
    pub count: Option<u64>,
    /// The steps.
    pub steps: Vec<Step>,
    /// When it may begin.
    pub schedule: Schedule,
    /// Where it is given, what [`crate::Weight::Stop`] remarks of the preflight are accepted, by their codes: any other one keeps
    /// the job from being made. Without it they keep nothing.
    pub accept: Option<Vec<String>>,
}

impl JobWish {
    /// Freezes the wish: versions are named, doubles are dropped, and the machine's last step is explicit. A job that
    /// restores and does not say how it ends gets a [`Step::Reboot`]; any other lets the machine go to its disk.
    ///
    /// # Errors
    /// When it cannot be meant: nothing selected, nothing to do, steps behind a switch-off, a master that is not there.
    pub fn freeze(mut self, masters: &dyn MasterVersions) -> Result<Self> {
        let mut seen = std::collections::HashSet::new();
        self.machines.retain(|machine| seen.insert(*machine));
        if self.machines.is_empty() || self.machines.len() > MACHINES_MAX {
            return Err(Error::invalid(
                format!(
                    "a job has 1 to {MACHINES_MAX} machines, not {}",
                    self.machines.len()
                ),
                "select machines",
            ));
        }
        if self.steps.is_empty() || self.steps.len() > STEPS_MAX {
            return Err(Error::invalid(
                format!("a job has 1 to {STEPS_MAX} steps, not {}", self.steps.len()),
                "add a step",
            ));
        }
        let off = self.steps.iter().position(|step| *step == Step::PowerOff);
        if off.is_some_and(|place| place + 1 < self.steps.len()) {
            return Err(Error::invalid(
                "nothing can follow a switch-off",
                "put power-off at the end",
            ));
        }
        self.schedule.check()?;
        self.freeze_masters(masters)?;
        if self.steps.iter().any(Step::writes)
            && !matches!(self.steps.last(), Some(Step::Reboot | Step::PowerOff))
        {
            self.steps.push(Step::Reboot);
        }
        self.title = Some(self.freeze_title()?);
        Ok(self)
    }

    fn freeze_masters(&mut self, masters: &dyn MasterVersions) -> Result<()> {
        let mut captures = std::collections::HashSet::new();
        for step in &mut self.steps {
            match step {
                Step::Restore { master, .. } => {
                    let version = match master.version {
                        Some(version) if masters.has(&master.name, version)? => version,
                        None => masters.newest(&master.name)?.ok_or_else(|| no_master(master))?,
                        Some(_) => return Err(no_master(master)),
                    };
                    masters.check_whole(&master.name, version)?;
                    master.version = Some(version);
                }
                Step::Capture { master, .. } if !captures.insert(master.clone()) => {
                    return Err(Error::invalid(
                        format!("the job captures {master} twice"),
                        "give each capture its own master",
                    ));
                }
                _ => {}
            }
        }
        if !captures.is_empty() && self.machines.len() > 1 {
            return Err(Error::invalid(
                format!("{} machines would be captured as one master", self.machines.len()),
                "capture one machine per job",
            ));
        }
        Ok(())
    }

    fn freeze_title(&self) -> Result<String> {
        let title = self
            .title
            .as_deref()
            .map(str::trim)
            .filter(|title| !title.is_empty());
        let title = title.map_or_else(|| self.describe(), str::to_owned);
        if title.chars().count() > TITLE_MAX || title.chars().any(char::is_control) {
            return Err(Error::invalid(
                format!("a title has at most {TITLE_MAX} characters and no control character"),
                "shorten it",
            ));
        }
        Ok(title)
    }

    /// The first step that says what the job is about.
    fn describe(&self) -> String {
        let name = |step: &Step| match step {
            Step::Capture { master, .. } => format!("capture {master}"),
            Step::Restore { master, .. } => format!("restore {master}"),
            Step::Inspect => "inspect".to_owned(),
            Step::Wake => "wake".to_owned(),
            Step::Reboot => "reboot".to_owned(),
            Step::PowerOff => "power off".to_owned(),
        };
        let telling = self
            .steps
            .iter()
            .find(|step| !matches!(step, Step::Inspect | Step::Wake))
            .or(self.steps.first());
        telling.map_or_else(String::new, name)
    }
}

fn no_master(master: &protocol::MasterRef) -> Error {
    Error::new(
        ErrorKind::Invalid,
        "no-such-master",
        format!("there is no master {master}"),
        "choose one of the masters in the depot",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::job::ReadBack;

    /// The depot has `debian` in versions 1 and 3, and version 0, of which something lacks.
    struct Depot;

    impl MasterVersions for Depot {
        fn newest(&self, name: &MasterName) -> Result<Option<u32>> {
            Ok((name.as_str() == "debian").then_some(3))
        }
        fn has(&self, name: &MasterName, version: u32) -> Result<bool> {
            Ok(name.as_str() == "debian" && [0, 1, 3].contains(&version))
        }
        fn check_whole(&self, _name: &MasterName, version: u32) -> Result<()> {
            match version {
                0 => Err(Error::new(
                    ErrorKind::Conflict,
                    "master-not-whole",
                    "a chunk lacks",
                    "capture it again",
                )),
                _ => Ok(()),
            }
        }
    }

    fn wish(steps: Vec<Step>) -> JobWish {
        JobWish {
            title: None,
            machines: vec![MachineId::new()],
            steps,
            ..JobWish::default()
        }
    }

    fn restore(master: &str) -> Step {
        Step::Restore {
            disk: None,
            master: master.parse().unwrap(),
            read_back: ReadBack::Full,
        }
    }

    fn capture(master: &str) -> Step {
        Step::Capture {
            disk: None,
            master: master.parse().unwrap(),
            as_raw: false,
            drop_hibernation: false,
            keep_unreadable: false,
        }
    }

    #[test]
    fn the_newest_version_is_frozen_and_a_restore_ends_with_a_reboot() {
        let frozen = wish(vec![restore("debian")]).freeze(&Depot).unwrap();
        assert_eq!(frozen.steps, [restore("debian@3"), Step::Reboot]);
        assert_eq!(frozen.title.as_deref(), Some("restore debian@3"));
        let frozen = wish(vec![restore("debian@1"), Step::PowerOff])
            .freeze(&Depot)
            .unwrap();
        assert_eq!(frozen.steps, [restore("debian@1"), Step::PowerOff]);
        let frozen = wish(vec![capture("new")]).freeze(&Depot).unwrap();
        assert_eq!(frozen.steps, [capture("new")]);
    }

    #[test]
    fn a_restore_of_a_master_that_is_not_whole_is_refused_in_the_words_of_the_depot() {
        let broken = Step::Restore {
            disk: None,
            master: protocol::MasterRef {
                name: "debian".parse().unwrap(),
                version: Some(0),
            },
            read_back: ReadBack::Full,
        };
        let error = wish(vec![broken]).freeze(&Depot).unwrap_err();
        assert_eq!(
            (error.code(), error.remedy()),
            ("master-not-whole", "capture it again")
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for steps in [
            vec![],
            vec![restore("debian@2")],
            vec![restore("windows")],
            vec![Step::PowerOff, Step::Inspect],
            vec![capture("a"), capture("a")],
            vec![Step::Inspect; 21],
        ] {
            assert!(wish(steps.clone()).freeze(&Depot).is_err(), "{steps:?}");
        }
        let mut nobody = wish(vec![Step::Inspect]);
        nobody.machines.clear();
        assert!(nobody.freeze(&Depot).is_err());
        let mut two = wish(vec![capture("a")]);
        two.machines.push(MachineId::new());
        assert!(two.freeze(&Depot).is_err());
    }
}
