//! What machines boot, before and after their jobs.

use super::*;

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
            hold: false,
            near_turn: false
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
    site.catalog.put_settings(settings, None, &admin()).unwrap();
    assert_eq!(
        site.boot(1),
        BootPlan::LocalDisk {
            reason: LocalReason::UnknownIgnored
        }
    );
    assert_eq!(
        site.catalog.boot_token(&boot_facts(1), None).unwrap_err().code(),
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
            hold: true,
            ..
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
    assert!(again.resumed && !again.from_earlier_boot);
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
fn a_step_that_goes_on_after_another_start_of_the_machine_says_so() {
    let site = Site::new();
    let first = site.hello(1, true);
    let job = site.job(first.machine, &[restore()]);
    let begun = |task| match task {
        Task::Run(assignment) => (assignment.job, assignment.resumed, assignment.from_earlier_boot),
        other => panic!("{other:?}"),
    };
    assert_eq!(begun(site.task(&site.session(&first))), (job, false, false));
    site.progress(&site.session(&first), job, "comparing");
    assert_eq!(begun(site.task(&site.session(&first))), (job, true, false));
    site.clock.advance(Duration::from_secs(60));
    let second = site.hello(1, true);
    assert_eq!(begun(site.task(&site.session(&second))), (job, true, true));
}

#[test]
fn no_clock_decides_which_start_of_the_machine_a_step_began_in() {
    let mut site = Site::new();
    let first = site.hello(1, true);
    let job = site.job(first.machine, &[restore()]);
    site.task(&site.session(&first));
    site.progress(&site.session(&first), job, "comparing");
    // A power cut; the appliance's clock is an hour slow until it has asked somebody for the time.
    site.clock.advance(Duration::from_secs(60));
    site.progress(&site.session(&first), job, "comparing");
    site.catalog.tick().unwrap();
    site.clock.set_back(Duration::from_secs(60 * 60));
    site.kill_and_start();
    let second = site.hello_when_silent(1);
    site.clock.advance(Duration::from_secs(60 * 60));
    let Task::Run(assignment) = site.task(&site.session(&second)) else {
        panic!()
    };
    assert!(assignment.resumed && assignment.from_earlier_boot);
    // A dead battery: hours are gone, or years, and nobody can tell.
    let third = site.hello_when_silent(1);
    site.clock.set_back(Duration::from_secs(3 * 60 * 60));
    assert!(!matches!(site.task(&site.session(&third)), Task::Run(_)));
    assert_eq!(site.state(job, first.machine), JobState::Failed);
}

#[test]
fn what_an_agent_said_of_writing_is_told_after_a_power_cut() {
    let mut site = Site::new();
    let first = site.hello(1, true);
    let job = site.job(first.machine, &[restore()]);
    let session = site.session(&first);
    site.task(&session);
    site.progress(&session, job, "comparing");
    let mark = |step_index| protocol::agent::WritingMark { job, step_index };
    let has_written = |task| match task {
        Task::Run(assignment) => assignment.has_written,
        other => panic!("{other:?}"),
    };
    assert!(!has_written(site.task(&session)));
    assert!(site.catalog.start_writing(&session, mark(1)).unwrap().cancelled);
    assert!(!has_written(site.task(&session)));
    assert!(!site.catalog.start_writing(&session, mark(0)).unwrap().cancelled);
    site.kill_and_start();
    let second = site.hello_when_silent(1);
    assert!(has_written(site.task(&site.session(&second))));
    site.catalog.cancel_job(job, &admin()).unwrap();
    let session = site.session(&second);
    assert!(
        site.catalog.start_writing(&session, mark(0)).unwrap().cancelled,
        "taken back before the first write"
    );
}

#[test]
fn a_step_that_was_handed_to_a_machine_without_power_begins_at_its_next_start() {
    let mut site = Site::new();
    let first = site.hello(1, true);
    let session = site.session(&first);
    let job = site.job(first.machine, &[restore()]);
    // The answer to a question that was held: the machine is off by now.
    assert!(matches!(site.task(&session), Task::Run(_)));
    assert_eq!(site.state(job, first.machine), JobState::Queued);
    site.clock.advance(Duration::from_secs(3 * 60 * 60));
    site.catalog.tick().unwrap();
    assert_eq!(site.state(job, first.machine), JobState::Queued);

    let session = site.session(&site.hello(1, true));
    assert!(
        !site.catalog.has_given_step(&session),
        "its agent was given nothing yet"
    );
    assert_eq!(site.catalog.depot_right(&session), DepotRight::Nothing);
    let Task::Run(assignment) = site.task(&session) else {
        panic!()
    };
    assert!(!assignment.resumed && !assignment.from_earlier_boot);
    // The appliance dies between its answer and the agent's first sign of work.
    site.kill_and_start();
    assert!(site.catalog.has_given_step(&session));
    site.catalog.start_step(&session).unwrap();
    assert_eq!(site.state(job, first.machine), JobState::Running);
    assert!(!site.catalog.has_given_step(&session));
    assert_ne!(site.catalog.depot_right(&session), DepotRight::Nothing);
}

#[test]
fn a_failure_leaves_its_words_cut_to_size_and_a_half_written_disk_waits_in_the_agent() {
    let site = Site::new();
    for (number, writes, plan) in [
        (
            1,
            true,
            BootPlan::Agent {
                reason: AgentReason::NothingBootable,
            },
        ),
        (2, false, LOCAL),
    ] {
        let welcome = site.hello(number, true);
        let session = site.session(&welcome);
        let job = site.job(welcome.machine, &[restore()]);
        site.task(&session);
        // An error while the old tables are taken away comes before any progress of writing.
        site.progress(&session, job, "comparing");
        if writes {
            let mark = protocol::agent::WritingMark { job, step_index: 0 };
            site.catalog.start_writing(&session, mark).unwrap();
        }
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
fn a_usb_adapter_that_goes_from_machine_to_machine_starts_no_circle() {
    let site = Site::new();
    let token = site.catalog.boot_token(&boot_facts(9), None).unwrap();
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
fn a_machine_in_conflict_twice_has_one_record() {
    let site = Site::new();
    let (a, b) = (site.hello(1, true).machine, site.hello(2, true).machine);
    // A's UUID and B's adapter.
    let come = || {
        let token = site.catalog.boot_token(&boot_facts(2), None).unwrap();
        let mut mixed = hello(2, true, token);
        mixed.facts.smbios.uuid = facts(1, true).smbios.uuid;
        mixed.facts.disks = facts(9, true).disks;
        site.catalog.hello(&mixed).unwrap()
    };
    let job = site.job(b, &[restore()]);
    let first = come();
    assert!(first.machine != a && first.machine != b && !first.warnings.is_empty());
    let mine = site.job(first.machine, &[restore()]);
    site.clock.advance(Duration::from_secs(3600));
    let second = come();
    assert_eq!(second.machine, first.machine);
    let Task::Run(assignment) = site.task(&site.session(&second)) else {
        panic!()
    };
    assert_eq!(assignment.job, mine);
    assert_eq!(site.state(job, b), JobState::Queued);
    let mut named = boot_facts(2);
    named.uuid = facts(1, true).smbios.uuid;
    site.clock.advance(Duration::from_secs(3600));
    assert_eq!(
        site.catalog.plan(&named),
        BootPlan::Agent {
            reason: AgentReason::Job
        },
        "both signs together lead to its own record"
    );
}

#[test]
fn whoever_asks_for_the_disk_on_the_screen_gets_it_at_the_next_boot_whatever_waits() {
    let site = Site::new();
    let welcome = site.hello(1, true);
    site.job(welcome.machine, &[restore()]);
    site.catalog.leave_for_disk(&site.session(&welcome));
    let asked = BootPlan::LocalDisk {
        reason: LocalReason::Asked,
    };
    assert_eq!(site.catalog.plan(&boot_facts(1)), asked);
    site.clock.advance(Duration::from_secs(3 * 60));
    let job = BootPlan::Agent {
        reason: AgentReason::Job,
    };
    assert_eq!(site.catalog.plan(&boot_facts(1)), job, "the job is as it was");
}

#[test]
fn a_banned_machine_boots_its_own_disk_and_gets_no_session() {
    let site = Site::new();
    let welcome = site.hello(1, false);
    let token = site.catalog.boot_token(&boot_facts(1), None).unwrap();
    let edit = MachineEdit {
        name: Some(" poste 4 ".into()),
        quarantined: Some(true),
        ..MachineEdit::default()
    };
    assert_eq!(
        site.catalog
            .edit_machine(welcome.machine, &edit, None, &admin())
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
