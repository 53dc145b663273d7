//! The catalog from outside: what an agent and a person can do, and what a kill leaves.

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
        let token = self.catalog.boot_token(&boot_facts(number)).unwrap();
        self.catalog.hello(&hello(number, bootable, token)).unwrap()
    }

    fn session(&self, welcome: &Welcome) -> AgentSession {
        self.catalog.authenticate(&welcome.session_key).unwrap()
    }

    fn task(&self, session: &AgentSession) -> Task {
        self.catalog.next_task(session).unwrap().task
    }

    fn job(&self, machine: MachineId, steps: &[Step]) -> JobId {
        let wish = JobWish {
            title: None,
            machines: vec![machine],
            steps: steps.to_vec(),
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
            name: "vda".into(),
            identity: DiskIdentity {
                serial: Some(format!("DISK{number}")),
                size: ByteLen(1 << 34),
                ..DiskIdentity::default()
            },
            sector_size: 512,
            usb: false,
            removable: false,
            boot_area: false,
            read_only: false,
            in_use: false,
            bootable,
            contents: None,
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

#[test]
fn an_unknown_machine_is_inventoried_once_and_then_boots_its_own_disk() {
    let site = Site::new();
    assert_eq!(
        site.boot(1),
        BootPlan::Agent {
            reason: AgentReason::Unknown
        }
    );
    let welcome = site.hello(1, true);
    let session = site.session(&welcome);
    let told = site.catalog.next_task(&session).unwrap();
    assert_eq!(
        told,
        HeldTask {
            task: Task::LocalBoot,
            hold: false
        }
    );
    assert!(
        site.catalog.next_task(&session).unwrap().hold,
        "whoever keeps it there may wait for a job"
    );
    assert_eq!(site.boot(1), LOCAL);
    let record = site.catalog.machine(welcome.machine).unwrap().unwrap();
    assert_eq!(record.label(), "Acme Box 100% 52:54:00:00:00:01");
}

#[test]
fn an_unknown_machine_is_left_alone_when_the_site_says_so() {
    let site = Site::new();
    let settings = Settings {
        unknown_machines: UnknownMachines::Ignore,
        language: Language::En,
    };
    site.catalog.put_settings(settings, &admin()).unwrap();
    assert_eq!(
        site.boot(1),
        BootPlan::LocalDisk {
            reason: LocalReason::UnknownIgnored
        }
    );
    assert_eq!(
        site.catalog.boot_token(&boot_facts(1)).unwrap_err().code(),
        "no-agent-planned"
    );
}

#[test]
fn a_machine_that_boots_nothing_waits_is_restored_and_boots_its_own_disk() {
    let mut site = Site::new();
    let welcome = site.hello(2, false);
    let session = site.session(&welcome);
    let waiting = site.catalog.next_task(&session).unwrap();
    assert!(matches!(
        waiting,
        HeldTask {
            task: Task::Wait { .. },
            hold: true
        }
    ));
    assert_eq!(
        site.boot(2),
        BootPlan::Agent {
            reason: AgentReason::NothingBootable
        }
    );
    let job = site.job(welcome.machine, &[restore()]);
    assert_eq!(
        site.boot(2),
        BootPlan::Agent {
            reason: AgentReason::Job
        }
    );
    assert_eq!(
        site.catalog.depot_right(&session),
        DepotRight::Nothing,
        "nothing may be read before the step begins"
    );
    let Task::Run(assignment) = site.task(&session) else {
        panic!()
    };
    assert_eq!(
        (assignment.job, assignment.step_index, assignment.resumed),
        (job, 0, false)
    );
    let read = DepotRight::Read {
        master: "debian".parse().unwrap(),
        version: 2,
    };
    assert_eq!(site.catalog.depot_right(&session), read);
    assert!(!site.progress(&session, job, "writing"));

    site.kill_and_start();
    assert_eq!(site.session(&welcome), session, "the same session continues");
    assert_eq!(site.catalog.depot_right(&session), read);
    let Task::Run(again) = site.task(&session) else {
        panic!()
    };
    assert!(again.resumed);
    assert_eq!(
        site.report(&session, job, 0, done()),
        None,
        "the job goes on with its reboot"
    );
    assert_eq!(site.catalog.depot_right(&session), DepotRight::Nothing);
    assert_eq!(site.task(&session), Task::Reboot);
    assert_eq!(site.state(job, welcome.machine), JobState::Done);
    assert_eq!(
        site.task(&session),
        Task::Reboot,
        "an answer that was lost is given again"
    );
    assert_eq!(site.boot(2), LOCAL);
}

#[test]
fn a_token_is_exchanged_once_in_time_and_by_its_own_machine() {
    let site = Site::new();
    let code = |hello: &Hello| site.catalog.hello(hello).map(drop).unwrap_err().code();
    let token = site.catalog.boot_token(&boot_facts(1)).unwrap();
    assert_eq!(code(&hello(1, true, "invented".into())), "token-unknown");
    assert_eq!(code(&hello(2, true, token.clone())), "token-of-another-machine");
    let mut nameless = hello(2, true, token.clone());
    nameless.mac = None;
    assert_eq!(code(&nameless), "token-of-another-machine");
    site.catalog.hello(&hello(1, true, token.clone())).unwrap();
    assert_eq!(code(&hello(1, true, token)), "token-used");
    let late = site.catalog.boot_token(&boot_facts(3)).unwrap();
    site.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(code(&hello(3, true, late)), "token-expired");
}

#[test]
fn of_two_agents_with_one_token_one_gets_in() {
    let site = Site::new();
    let token = site.catalog.boot_token(&boot_facts(1)).unwrap();
    let admitted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| usize::from(site.catalog.hello(&hello(1, true, token.clone())).is_ok())))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(admitted, 1);
}

#[test]
fn tokens_of_one_adapter_do_not_pile_up() {
    let site = Site::new();
    let mint = |_| {
        site.clock.advance(Duration::from_millis(1));
        site.catalog.boot_token(&boot_facts(1)).unwrap()
    };
    let tokens: Vec<_> = (0..9).map(mint).collect();
    assert_eq!(
        site.catalog
            .hello(&hello(1, true, tokens[0].clone()))
            .unwrap_err()
            .code(),
        "token-unknown"
    );
    site.catalog.hello(&hello(1, true, tokens[8].clone())).unwrap();
}

#[test]
fn a_new_session_of_a_machine_ends_the_old_one() {
    let site = Site::new();
    let old = site.hello(1, false);
    let old_session = site.session(&old);
    let new = site.hello(1, false);
    assert_eq!(old.machine, new.machine);
    assert_eq!(
        site.catalog.authenticate(&old.session_key).unwrap_err().code(),
        "no-session"
    );
    assert_eq!(
        site.catalog.next_task(&old_session).unwrap_err().code(),
        "no-session"
    );
}

#[test]
fn a_final_report_brings_a_new_key_and_may_be_repeated_with_the_old_one() {
    let mut site = Site::new();
    let welcome = site.hello(1, false);
    let session = site.session(&welcome);
    let capture = Step::Capture {
        disk: None,
        master: "salle 12".parse().unwrap(),
    };
    let job = site.job(welcome.machine, &[capture]);
    let Task::Run(_) = site.task(&session) else {
        panic!()
    };
    let right = DepotRight::Upload {
        master: "salle 12".parse().unwrap(),
        job,
    };
    assert_eq!(site.catalog.depot_right(&session), right);
    let first = site.report(&session, job, 0, done()).unwrap();
    site.kill_and_start();
    let repeating = site.session(&welcome);
    assert!(repeating.repeats);
    assert_eq!(site.catalog.depot_right(&repeating), DepotRight::Nothing);
    assert_eq!(
        site.catalog.next_task(&repeating).unwrap_err().code(),
        "no-session"
    );
    let second = site.report(&repeating, job, 0, done()).unwrap();
    assert_ne!(first, second);
    assert!(
        site.catalog.authenticate(&first).is_err(),
        "the key that was lost on the way is void"
    );
    let third = site.report(&site.session(&welcome), job, 0, failed()).unwrap();
    assert_eq!(
        site.state(job, welcome.machine),
        JobState::Done,
        "what is done stays done"
    );
    let session = site.catalog.authenticate(&third).unwrap();
    assert!(matches!(site.task(&session), Task::Wait { .. }));
    let row = site.catalog.job_machine(job, welcome.machine).unwrap().unwrap();
    assert_eq!(row.standing.results.len(), 1);
}

#[test]
fn a_session_reports_only_for_its_own_job_and_machine() {
    let site = Site::new();
    let (one, two) = (site.hello(1, false), site.hello(2, false));
    let job = site.job(two.machine, &[restore()]);
    let mine = site.job(one.machine, &[restore()]);
    let later = site.job(one.machine, &[restore()]);
    let session = site.session(&one);
    site.task(&session);
    let code = |job, step_index| {
        site.catalog
            .report(
                &session,
                StepReport {
                    job,
                    step_index,
                    outcome: done(),
                },
            )
            .unwrap_err()
            .code()
    };
    assert_eq!(code(job, 0), "not-your-job");
    assert_eq!(code(JobId::new(), 0), "not-your-job");
    assert_eq!(code(later, 0), "not-your-job");
    assert_eq!(code(mine, 1), "step-ahead");
    assert!(
        site.progress(&session, job, "writing"),
        "whoever works on what is not theirs is told to stop"
    );
}

#[test]
fn a_failure_leaves_its_words_cut_to_size_and_a_half_written_disk_waits_in_the_agent() {
    let site = Site::new();
    for (number, phase, plan) in [
        (
            1,
            "writing",
            BootPlan::Agent {
                reason: AgentReason::NothingBootable,
            },
        ),
        (2, "comparing", LOCAL),
    ] {
        let welcome = site.hello(number, true);
        let session = site.session(&welcome);
        let job = site.job(welcome.machine, &[restore()]);
        site.task(&session);
        site.progress(&session, job, phase);
        site.report(&session, job, 0, failed()).unwrap();
        let row = site.catalog.job_machine(job, welcome.machine).unwrap().unwrap();
        assert_eq!(row.standing.problem, Some(Problem::new("readerror", "a b", "")));
        assert!(row.has_evidence);
        let evidence = site.catalog.evidence(job, welcome.machine).unwrap().unwrap();
        assert!(evidence.log.len() <= Evidence::MAX_LEN && evidence.log.ends_with('é'));
        assert_eq!(site.boot(number), plan);
        site.catalog.retry_job(job, None, &admin()).unwrap();
        assert_eq!(
            site.boot(number),
            BootPlan::Agent {
                reason: AgentReason::Job
            }
        );
        assert_eq!(
            site.catalog.retry_job(job, None, &admin()).unwrap_err().code(),
            "nothing-to-retry"
        );
    }
}

#[test]
fn a_writing_step_that_was_silent_for_two_hours_fails_and_progress_then_stops_the_agent() {
    let site = Site::new();
    let welcome = site.hello(1, true);
    let session = site.session(&welcome);
    let job = site.job(welcome.machine, &[restore()]);
    site.task(&session);
    site.clock.advance(Duration::from_secs(7000));
    assert!(!site.progress(&session, job, "writing"));
    site.catalog.tick().unwrap();
    site.clock.advance(Duration::from_secs(7000));
    site.catalog.tick().unwrap();
    assert_eq!(
        site.state(job, welcome.machine),
        JobState::Running,
        "the last word was not two hours ago"
    );
    site.clock.advance(Duration::from_secs(300));
    site.catalog.tick().unwrap();
    assert_eq!(site.state(job, welcome.machine), JobState::Failed);
    assert!(site.progress(&session, job, "writing"));
    assert_eq!(site.catalog.depot_right(&session), DepotRight::Nothing);
    assert_eq!(
        site.boot(1),
        BootPlan::Agent {
            reason: AgentReason::NothingBootable
        }
    );
}

#[test]
fn progress_is_told_at_once_and_written_within_seconds() {
    let mut site = Site::new();
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    site.catalog
        .listen(move |event| sink.lock().unwrap().push(event.clone()));
    let welcome = site.hello(1, true);
    let session = site.session(&welcome);
    let job = site.job(welcome.machine, &[restore()]);
    site.task(&session);
    told.lock().unwrap().clear();
    site.progress(&session, job, "writing");
    site.progress(&session, job, "writing");
    assert_eq!(told.lock().unwrap().len(), 1, "twice a second is enough");
    assert_eq!(told.lock().unwrap()[0].seq, None);
    let progress = |site: &Site| {
        site.catalog
            .job_machine(job, welcome.machine)
            .unwrap()
            .unwrap()
            .progress
            .map(|progress| progress.bytes_done)
    };
    assert_eq!(progress(&site), Some(ByteLen(7)));
    site.catalog.tick().unwrap();
    site.kill_and_start();
    assert_eq!(progress(&site), Some(ByteLen(7)));
}

#[test]
fn a_cancelled_job_stops_the_agent_and_an_unbegun_one_is_over_at_once() {
    let site = Site::new();
    let (one, two) = (site.hello(1, true), site.hello(2, true));
    let wish = JobWish {
        title: None,
        machines: vec![one.machine, two.machine, one.machine],
        steps: vec![restore()],
    };
    let job = site.catalog.create_job(wish, &Depot, &admin(), None).unwrap().0;
    assert_eq!(
        site.catalog.job(job).unwrap().unwrap().counts.total(),
        2,
        "a machine is in a job once"
    );
    let session = site.session(&one);
    site.task(&session);
    site.catalog.cancel_job(job, &admin()).unwrap();
    assert_eq!(site.state(job, two.machine), JobState::Cancelled);
    assert_eq!(site.state(job, one.machine), JobState::Running);
    assert!(site.progress(&session, job, "writing"));
    site.report(&session, job, 0, failed()).unwrap();
    assert_eq!(site.state(job, one.machine), JobState::Cancelled);
}

#[test]
fn a_job_is_created_once_for_an_idempotency_key() {
    let site = Site::new();
    let welcome = site.hello(1, true);
    let wish = |title: &str| JobWish {
        title: Some(title.into()),
        machines: vec![welcome.machine],
        steps: vec![Step::Inspect],
    };
    let create = |title, key| site.catalog.create_job(wish(title), &Depot, &admin(), Some(key));
    let (job, created) = create("a", "k1").unwrap();
    assert!(created);
    assert_eq!(create("a", "k1").unwrap(), (job, false));
    assert_eq!(create("b", "k1").unwrap_err().code(), "idempotency-key-reused");
    assert_ne!(create("a", "k2").unwrap().0, job);
    let other = Actor {
        name: "bob".into(),
        peer: None,
    };
    assert_ne!(
        site.catalog
            .create_job(wish("a"), &Depot, &other, Some("k1"))
            .unwrap()
            .0,
        job
    );
    assert_eq!(
        site.catalog
            .jobs(&JobFilter {
                limit: 10,
                ..JobFilter::default()
            })
            .unwrap()
            .total,
        3
    );
}

#[test]
fn lists_are_paged_by_key_and_their_totals_are_of_what_is_asked() {
    let site = Site::new();
    let ids: Vec<_> = (1..=5).map(|number| site.hello(number, true).machine).collect();
    let page = |after, text: Option<&str>| {
        let filter = MachineFilter {
            after,
            limit: 2,
            text: text.map(str::to_owned),
        };
        site.catalog.machines(&filter).unwrap()
    };
    let first = page(None, None);
    assert_eq!((first.items.len(), first.more, first.total), (2, true, 5));
    assert_eq!(first.items[0].id, ids[4]);
    let second = page(Some(first.items[1].id), None);
    assert_eq!(second.items[0].id, ids[2]);
    assert!(!page(Some(ids[1]), None).more);
    assert_eq!(page(None, Some("00:00:03")).items[0].id, ids[2]);
    assert_eq!(page(None, Some("disk4")).total, 1);
    assert_eq!(page(None, Some("100%")).total, 5);
    assert_eq!(page(None, Some("1%0")).total, 0, "a text has no wildcards");
    assert_eq!(page(None, Some("' OR 1=1 --")).total, 0);
}

#[test]
fn a_usb_adapter_that_goes_from_machine_to_machine_starts_no_circle() {
    let site = Site::new();
    let token = site.catalog.boot_token(&boot_facts(9)).unwrap();
    let mut first = hello(1, true, token);
    first.facts.nics[0].mac = boot_facts(9).mac;
    first.facts.nics[0].usb = true;
    first.mac = Some(boot_facts(9).mac);
    let welcome = site.catalog.hello(&first).unwrap();
    assert_eq!(
        site.boot(9),
        LOCAL,
        "the loader names only the adapter, and its agent was here moments ago"
    );
    site.clock.advance(Duration::from_secs(3600));
    assert_eq!(
        site.boot(9),
        BootPlan::Agent {
            reason: AgentReason::Unknown
        }
    );
    let mut with_uuid = boot_facts(9);
    with_uuid.uuid = facts(1, true).smbios.uuid;
    assert_eq!(site.catalog.plan(&with_uuid), LOCAL);
    assert_eq!(site.boot(9), LOCAL, "the firmware named the UUID moments before");
    assert!(site.catalog.machine(welcome.machine).unwrap().is_some());
}

#[test]
fn a_banned_machine_boots_its_own_disk_and_gets_no_session() {
    let site = Site::new();
    let welcome = site.hello(1, false);
    let token = site.catalog.boot_token(&boot_facts(1)).unwrap();
    let edit = MachineEdit {
        name: Some(" poste 4 ".into()),
        quarantined: Some(true),
    };
    assert_eq!(
        site.catalog
            .edit_machine(welcome.machine, &edit, &admin())
            .unwrap()
            .name
            .as_deref(),
        Some("poste 4")
    );
    assert!(site.catalog.authenticate(&welcome.session_key).is_err());
    assert_eq!(
        site.boot(1),
        BootPlan::LocalDisk {
            reason: LocalReason::Quarantined
        }
    );
    assert_eq!(
        site.catalog.hello(&hello(1, false, token)).unwrap_err().code(),
        "quarantined"
    );
}

#[test]
fn events_are_replayed_in_order_and_a_gap_is_told() {
    let site = Site::new();
    let welcome = site.hello(1, true);
    let newest = site.catalog.newest_event().unwrap();
    let job = site.job(welcome.machine, &[Step::Inspect]);
    let replay = site.catalog.events_after(newest, 100).unwrap();
    let subjects: Vec<_> = replay.events.iter().map(|event| event.subject.clone()).collect();
    let machine = welcome.machine;
    assert_eq!(
        subjects,
        [
            Subject::JobMachine { job, machine },
            Subject::Machine { id: machine },
            Subject::Job { id: job }
        ]
    );
    assert!(!replay.gap && !replay.more);
    assert!(site.catalog.events_after(newest, 1).unwrap().more);
    assert!(
        site.catalog.events_after(newest + 1000, 1).unwrap().gap,
        "a number that is none of ours"
    );
    for _ in 0..100 {
        site.catalog
            .note_refusal(Some("192.0.2.9".into()), "token-used", "no")
            .unwrap();
    }
    let refusals = site.catalog.newest_event().unwrap() - newest - 3;
    assert_eq!(refusals, 60, "a flood of refusals fills no disk");
}

#[test]
fn the_first_administrator_needs_the_code_that_was_printed_last_and_only_once() {
    let site = Site::new();
    let void = site.catalog.new_setup_code().unwrap().unwrap();
    let code = site.catalog.new_setup_code().unwrap().unwrap();
    let make = |code: &str, password: &str| {
        site.catalog
            .create_first_administrator(code, "ada", password, None)
    };
    assert_eq!(
        make(&void, "correct horse battery").unwrap_err().code(),
        "wrong-setup-code"
    );
    assert_eq!(make(&code, "short").unwrap_err().code(), "unusable-value");
    make(&code.to_lowercase().replace('-', " "), "correct horse battery").unwrap();
    assert_eq!(
        make(&code, "correct horse battery").unwrap_err().code(),
        "has-administrator"
    );
    assert_eq!(site.catalog.new_setup_code().unwrap(), None);
    let (cookie, person) = site.catalog.log_in("ADA", "correct horse battery", None).unwrap();
    assert_eq!(site.catalog.person(&cookie).unwrap().id, person.id);
    site.catalog.log_out(&cookie).unwrap();
    assert_eq!(site.catalog.person(&cookie).unwrap_err().code(), "not-logged-in");
    let (cookie, _) = site.catalog.log_in("ada", "correct horse battery", None).unwrap();
    site.clock.advance(Duration::from_secs(12 * 3600));
    assert!(site.catalog.person(&cookie).is_err());
    assert_eq!(site.catalog.verify_audit().unwrap(), 3);
}

#[test]
fn whoever_guesses_passwords_has_to_wait() {
    let site = Site::new();
    site.catalog
        .create_administrator("ada", "correct horse battery", &admin())
        .unwrap();
    let peer = || Some("192.0.2.9".to_owned());
    for _ in 0..5 {
        assert_eq!(
            site.catalog.log_in("ada", "guess", peer()).unwrap_err().code(),
            "wrong-name-or-password"
        );
    }
    let error = site
        .catalog
        .log_in("ada", "correct horse battery", peer())
        .unwrap_err();
    assert_eq!(
        (error.code(), error.kind()),
        ("too-many-tries", ErrorKind::TooOften)
    );
    site.catalog
        .log_in("ada", "correct horse battery", Some("192.0.2.10".into()))
        .unwrap();
    site.clock.advance(Duration::from_secs(3));
    site.catalog
        .log_in("ada", "correct horse battery", peer())
        .unwrap();
}

#[test]
fn the_audit_cannot_be_changed_through_the_database_and_a_change_behind_it_is_found() {
    let site = Site::new();
    let welcome = site.hello(1, true);
    site.job(welcome.machine, &[Step::Inspect]);
    site.catalog.put_settings(Settings::default(), &admin()).unwrap();
    assert_eq!(site.catalog.verify_audit().unwrap(), 2);
    let writer = site.catalog.0.database.writer();
    assert!(writer.execute("UPDATE audit SET actor = 'eve'", []).is_err());
    assert!(writer.execute("DELETE FROM audit", []).is_err());
    writer
        .execute_batch("DROP TRIGGER audit_is_never_changed; UPDATE audit SET actor = 'eve' WHERE seq = 1")
        .unwrap();
    drop(writer);
    assert_eq!(site.catalog.verify_audit().unwrap_err().code(), "audit-broken");
}

#[test]
fn a_plan_is_answered_from_memory_while_a_writer_is_busy() {
    let site = Site::new();
    site.hello(1, true);
    let _busy = site.catalog.0.database.writer();
    let begun = std::time::Instant::now();
    for _ in 0..1000 {
        assert_eq!(site.boot(1), LOCAL);
    }
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_machine_with_two_disks_waits_until_a_person_chooses_one() {
    let site = Site::new();
    let token = site.catalog.boot_token(&boot_facts(1)).unwrap();
    let mut two_disks = hello(1, true, token);
    two_disks.facts.disks.push(facts(7, false).disks.remove(0));
    let welcome = site.catalog.hello(&two_disks).unwrap();
    let session = site.session(&welcome);
    let job = site.job(welcome.machine, &[restore()]);
    let held = site.catalog.next_task(&session).unwrap();
    assert!(matches!(&held, HeldTask { task: Task::Wait { why }, hold: true } if why.contains("2 disks")));
    let choose = |disk: &DiskIdentity| site.catalog.choose_disk(job, welcome.machine, disk, &admin());
    assert_eq!(
        choose(&facts(8, false).disks[0].identity).unwrap_err().code(),
        "no-such-disk"
    );
    choose(&facts(7, false).disks[0].identity).unwrap();
    let Task::Run(assignment) = site.task(&session) else {
        panic!()
    };
    let Step::Restore { disk: Some(disk), .. } = assignment.step else {
        panic!()
    };
    assert_eq!(disk.serial.as_deref(), Some("DISK7"));
    assert_eq!(
        choose(&facts(1, false).disks[0].identity).unwrap_err().code(),
        "disk-not-open"
    );
    assert_eq!(
        site.catalog
            .job_that_needs(&"debian".parse().unwrap(), 2)
            .unwrap()
            .as_deref(),
        Some("restore debian@2")
    );
    assert_eq!(
        site.catalog
            .job_that_needs(&"debian".parse().unwrap(), 1)
            .unwrap(),
        None
    );
}
