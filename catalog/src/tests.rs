//! The catalog from outside: what an agent and a person can do, and what a kill leaves.

mod booting;
mod crashes;
mod identities;
mod jobs;
mod menus;
mod people;
mod places;
mod plans;
mod records;
mod sessions;

use crate::*;
use protocol::{
    ByteLen, JobId, MachineId, MasterName, Problem,
    agent::{AGENT_PROTOCOL, Evidence, Hello, Outcome, ProgressReport, StepReport, Task},
    boot::{AgentReason, BootFacts, BootPlan, LocalReason},
    disk::{DiskFacts, DiskIdentity},
    job::{JobState, Progress, ReadBack, Step, StepResult},
    machine::{MachineFacts, NicFacts, Smbios},
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

struct Site {
    catalog: Catalog,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Time(1_700_000_000_000)));
        let catalog = Catalog::open_with_clock(
            &folder.path().join("catalog.sqlite"),
            Arc::clone(&clock) as Arc<dyn Clock>,
        )
        .unwrap();
        Self {
            catalog,
            clock,
            folder,
        }
    }

    /// What is left after `kill -9`: the file as it is, memory gone.
    fn kill_and_start(&mut self) {
        let copy = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        let path = copy.path().join("catalog.sqlite");
        self.catalog = Catalog::open_with_clock(&path, Arc::clone(&self.clock) as Arc<dyn Clock>).unwrap();
        self.folder = copy;
    }

    fn boot(&self, number: u8) -> BootPlan {
        self.catalog.plan(&boot_facts(number))
    }

    fn hello(&self, number: u8, bootable: bool) -> Welcome {
        let token = self.catalog.boot_token(&boot_facts(number), None).unwrap();
        self.catalog.hello(&hello(number, bootable, token)).unwrap()
    }

    /// The same, once the agent before it has been silent for long enough.
    fn hello_when_silent(&self, number: u8) -> Welcome {
        self.clock.advance(Duration::from_secs(20));
        self.hello(number, true)
    }

    fn session(&self, welcome: &Welcome) -> AgentSession {
        self.catalog.authenticate(&welcome.session_key).unwrap()
    }

    fn task(&self, session: &AgentSession) -> Task {
        self.catalog.next_task(session).unwrap().task
    }

    fn job(&self, machine: MachineId, steps: &[Step]) -> JobId {
        let wish = JobWish {
            scope: Scope::Everything,
            title: None,
            machines: vec![machine],
            steps: steps.to_vec(),
            ..JobWish::default()
        };
        self.catalog.create_job(wish, &Depot, &admin(), None).unwrap().0
    }

    fn state(&self, job: JobId, machine: MachineId) -> JobState {
        self.catalog
            .job_machine(job, machine)
            .unwrap()
            .unwrap()
            .standing
            .state
    }

    fn report(
        &self,
        session: &AgentSession,
        job: JobId,
        step_index: u32,
        outcome: Outcome,
    ) -> Option<String> {
        self.catalog
            .report(
                session,
                StepReport {
                    job,
                    step_index,
                    outcome,
                },
            )
            .unwrap()
            .session_key
    }

    fn progress(&self, session: &AgentSession, job: JobId, phase: &str) -> bool {
        let progress = Progress {
            phase: phase.into(),
            bytes_done: ByteLen(7),
            ..Progress::default()
        };
        self.catalog
            .progress(
                session,
                ProgressReport {
                    job,
                    step_index: 0,
                    progress,
                },
            )
            .unwrap()
            .cancelled
    }
}

struct Depot;

impl MasterVersions for Depot {
    fn newest(&self, name: &MasterName) -> Result<Option<u32>> {
        Ok((name.as_str() == "debian").then_some(2))
    }
    fn has(&self, name: &MasterName, version: u32) -> Result<bool> {
        Ok(name.as_str() == "debian" && version <= 2)
    }
    fn check_whole(&self, _name: &MasterName, _version: u32) -> Result<()> {
        Ok(())
    }
}

fn admin() -> Actor {
    Actor {
        name: "ada".into(),
        peer: None,
    }
}

fn boot_facts(number: u8) -> BootFacts {
    BootFacts {
        mac: protocol::MacAddr([0x52, 0x54, 0, 0, 0, number]),
        uuid: None,
        architecture: None,
        server: "192.0.2.1".parse().unwrap(),
    }
}

fn facts(number: u8, bootable: bool) -> MachineFacts {
    MachineFacts {
        smbios: Smbios {
            uuid: Some(Uuid::from_u128(
                0x4c4c4544_0042_3510_8054_b7c04f4e3600 + u128::from(number),
            )),
            manufacturer: "Acme".into(),
            product: "Box 100%".into(),
            ..Smbios::default()
        },
        nics: vec![NicFacts {
            name: "eth0".into(),
            mac: boot_facts(number).mac,
            driver: "virtio_net".into(),
            usb: false,
            link: true,
            booted: true,
        }],
        disks: vec![DiskFacts {
            bootable,
            ..DiskFacts::internal(
                "vda",
                DiskIdentity {
                    serial: Some(format!("DISK{number}")),
                    size: ByteLen(1 << 34),
                    ..DiskIdentity::default()
                },
            )
        }],
        ..MachineFacts::default()
    }
}

fn hello(number: u8, bootable: bool, token: String) -> Hello {
    Hello {
        protocol: AGENT_PROTOCOL,
        version: "1".into(),
        token,
        mac: Some(boot_facts(number).mac),
        facts: facts(number, bootable),
    }
}

fn restore() -> Step {
    Step::Restore {
        disk: None,
        master: "debian".parse().unwrap(),
        read_back: ReadBack::Full,
    }
}

fn done() -> Outcome {
    Outcome::Done {
        result: StepResult {
            bytes_written: 5,
            ..StepResult::default()
        },
    }
}

fn failed() -> Outcome {
    let evidence = Evidence {
        log: "é".repeat(Evidence::MAX_LEN),
        ..Evidence::default()
    };
    Outcome::Failed {
        problem: Problem::new("Read\nError", "a\u{7}b", ""),
        evidence,
    }
}

const LOCAL: BootPlan = BootPlan::LocalDisk {
    reason: LocalReason::NoJob,
};
